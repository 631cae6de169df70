//! How files are read.

use serde::{Deserialize, Serialize};

use crate::Result;

/// What becomes of audio features that seem to belong to another track.
///
/// Exportify (pavelkomarov) joins features to tracks by position since May 2025: when Spotify refuses one
/// batch of tracks, which a single local file can cause, all tracks after it get the features of others. That is
/// told by the rows that are left without features, and by other files of the same import that give the same
/// tracks other features. A mere gap in the features is told and nothing is done about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuspiciousFeatures {
    /// They are dropped, and the report says of how many tracks and why: a missing feature can be looked up
    /// elsewhere, a wrong one teaches a model nonsense and is never noticed again.
    #[default]
    Drop,
    /// They are kept, and the report warns.
    KeepAndWarn,
}

/// How files are read, and how much of them at most.
///
/// Memory: one file is held at a time, its text at most twice (UTF-16 is decoded), and all tracks: with the
/// defaults at most about 0.6 GiB for the file, and 1.2 KiB a track while it is read, half of it afterwards. Nothing is unpacked to disk.
///
/// # Examples
/// ```
/// use playlist_import::{ImportOptions, SuspiciousFeatures};
///
/// let options = ImportOptions::default().with_suspicious(SuspiciousFeatures::KeepAndWarn);
/// assert_eq!(options.max_line_bytes, 1 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ImportOptions {
    /// The most bytes of a line, a row or one entry of a JSON list. Default: 1 MiB.
    pub max_line_bytes: usize,
    /// The most bytes of a file, or of an archive's member after unpacking. Default: 256 MiB.
    pub max_file_bytes: u64,
    /// The most bytes of all files together, unpacked. Default: 2 GiB.
    pub max_total_bytes: u64,
    /// The most files of a folder, members of an archive, and playlists. Default: 10,000.
    pub max_files: usize,
    /// The most rows of all files together, be they tracks, repeats or rows that cannot be read. Default:
    /// 1,000,000.
    pub max_rows: usize,
    /// The most unreadable rows and cells that a report lists; all are counted. Default: 20.
    pub max_issues: usize,
    /// What becomes of features that seem to belong to another track.
    pub suspicious: SuspiciousFeatures,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            max_line_bytes: 1 << 20,
            max_file_bytes: 1 << 28,
            max_total_bytes: 1 << 31,
            max_files: 10_000,
            max_rows: 1_000_000,
            max_issues: 20,
            suspicious: SuspiciousFeatures::default(),
        }
    }
}

impl ImportOptions {
    /// The same with another limit on the length of a line.
    #[must_use]
    pub const fn with_max_line_bytes(mut self, max_line_bytes: usize) -> Self {
        self.max_line_bytes = max_line_bytes;
        self
    }

    /// The same with another limit on the size of a file.
    #[must_use]
    pub const fn with_max_file_bytes(mut self, max_file_bytes: u64) -> Self {
        self.max_file_bytes = max_file_bytes;
        self
    }

    /// The same with another limit on the size of all files together.
    #[must_use]
    pub const fn with_max_total_bytes(mut self, max_total_bytes: u64) -> Self {
        self.max_total_bytes = max_total_bytes;
        self
    }

    /// The same with another limit on the number of files and playlists.
    #[must_use]
    pub const fn with_max_files(mut self, max_files: usize) -> Self {
        self.max_files = max_files;
        self
    }

    /// The same with another limit on the number of rows.
    #[must_use]
    pub const fn with_max_rows(mut self, max_rows: usize) -> Self {
        self.max_rows = max_rows;
        self
    }

    /// The same with another limit on what a report lists.
    #[must_use]
    pub const fn with_max_issues(mut self, max_issues: usize) -> Self {
        self.max_issues = max_issues;
        self
    }

    /// The same with another way to treat features that seem to belong to another track.
    #[must_use]
    pub const fn with_suspicious(mut self, suspicious: SuspiciousFeatures) -> Self {
        self.suspicious = suspicious;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`playlist_core::Error::InvalidSetting`] for a limit of zero; `max_issues` may be zero.
    pub fn validate(&self) -> Result<()> {
        let limits = [
            ("max_line_bytes", self.max_line_bytes as u64),
            ("max_file_bytes", self.max_file_bytes),
            ("max_total_bytes", self.max_total_bytes),
            ("max_files", self.max_files as u64),
            ("max_rows", self.max_rows as u64),
        ];
        match limits.into_iter().find(|(_, limit)| *limit == 0) {
            None => Ok(()),
            Some((field, _)) => Err(playlist_core::Error::InvalidSetting {
                field,
                value: "0".to_owned(),
                expected: "at least 1",
            }
            .into()),
        }
    }
}
