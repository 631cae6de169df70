//! The errors of this crate.

pub(crate) use playlist_core::message::excerpt;

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why nothing was read from a file, a folder or an archive.
///
/// A row that cannot be read is no error: it costs that row and stands in the
/// [`ImportReport`](crate::ImportReport).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the shared vocabulary: a setting, or a file that cannot be written.
    #[error(transparent)]
    Core(#[from] playlist_core::Error),
    /// There is no such file.
    #[error("`{file}` does not exist: expected an export, a folder of exports or a zip of exports")]
    NotFound {
        /// The file.
        file: String,
    },
    /// The file may not be read.
    #[error("`{file}` may not be read: expected read permission, see its owner and mode")]
    PermissionDenied {
        /// The file.
        file: String,
    },
    /// Reading failed for another reason.
    #[error("`{file}` cannot be read")]
    Io {
        /// The file.
        file: String,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The file has no content.
    #[error("`{file}` is empty: expected a table or a list of tracks")]
    Empty {
        /// The file.
        file: String,
    },
    /// The file is of a kind that is not read.
    #[error("`{file}` is {found}: {hint}")]
    Unsupported {
        /// The file.
        file: String,
        /// What it is.
        found: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// The file lists what was played, not what is on a playlist.
    #[error(
        "`{file}` is Spotify's streaming history: it lists plays, not the tracks of a playlist; expected `YourLibrary.json` or `Playlist1.json` of the same export"
    )]
    StreamingHistory {
        /// The file.
        file: String,
    },
    /// A table that names no tracks.
    #[error(
        "`{file}` has no column with an id of tracks and no two columns with title and artist: found {}",
        list(found)
    )]
    NoTracks {
        /// The file.
        file: String,
        /// The columns or keys that it has.
        found: Vec<String>,
    },
    /// More bytes than allowed.
    #[error("`{file}` has more than {limit} bytes{}: raise `{setting}` if it should be read", if *unpacked { " unpacked" } else { "" })]
    TooLarge {
        /// The file.
        file: String,
        /// The most bytes allowed.
        limit: u64,
        /// Whether the bytes are those of an archive's member after unpacking.
        unpacked: bool,
        /// The setting that allows more.
        setting: &'static str,
    },
    /// A line that is longer than allowed.
    #[error(
        "`{file}`, line {line}: expected at most {limit} bytes, found more; raise `max_line_bytes` if this is one track"
    )]
    LineTooLong {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// The most bytes that a line may have.
        limit: usize,
    },
    /// More rows, playlists or files than allowed.
    #[error("`{file}` holds more than {limit} {what}: raise `{setting}` if all should be read")]
    TooMany {
        /// The file, folder or archive.
        file: String,
        /// What there is too much of.
        what: &'static str,
        /// The most allowed.
        limit: usize,
        /// The setting that allows more.
        setting: &'static str,
    },
    /// A member of an archive that unpacks to far more than any export does.
    #[error(
        "`{file}` unpacks to more than {ratio} times its size: no export does, so it is not unpacked further"
    )]
    Bomb {
        /// The member.
        file: String,
        /// The greatest ratio allowed.
        ratio: u64,
    },
    /// A member of an archive that is locked with a password.
    #[error("`{file}` is locked with a password: unpack the archive and give the folder")]
    Encrypted {
        /// The member.
        file: String,
    },
    /// The archive is damaged or uses a method that is not read.
    #[error("`{file}` cannot be read as a zip archive")]
    Zip {
        /// The archive or its member.
        file: String,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The text is no JSON.
    #[error("`{file}` is no sound JSON; it may be cut short")]
    Json {
        /// The file.
        file: String,
        /// The reason.
        #[source]
        source: serde_json::Error,
    },
    /// The Parquet file is damaged.
    #[error("`{file}` cannot be read as Parquet")]
    Parquet {
        /// The file.
        file: String,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The tracks cannot be coded as Parquet.
    #[error("`{file}` cannot be coded as Parquet")]
    ParquetCoding {
        /// The file.
        file: String,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Parquet is left out of this build.
    #[error("`{file}` is a Parquet file: this build is without the feature `parquet`")]
    NoParquet {
        /// The file.
        file: String,
    },
    /// A folder or an archive in which nothing is an export.
    #[error(
        "`{file}` holds no export that can be read: expected CSV, Parquet or JSON lines files, `YourLibrary.json` or `Playlist1.json`{}",
        first.as_ref().map_or_else(String::new, |reason| format!("; {reason}"))
    )]
    NothingToRead {
        /// The folder or archive.
        file: String,
        /// What the first file that was tried said.
        first: Option<String>,
    },
}

impl Error {
    pub(crate) fn io(file: &str, source: std::io::Error) -> Self {
        let file = file.to_owned();
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::NotFound { file },
            std::io::ErrorKind::PermissionDenied => Self::PermissionDenied { file },
            _ => Self::Io { file, source },
        }
    }

    /// The message with those of its sources.
    pub(crate) fn chain(&self) -> String {
        playlist_core::message::with_causes(self)
    }
}

/// Joins names for a message, each in backticks, the first few.
fn list(names: &[String]) -> String {
    const MOST: usize = 12;
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text: Vec<String> = names
        .iter()
        .take(MOST)
        .map(|name| format!("`{}`", excerpt(name)))
        .collect();
    if names.len() > MOST {
        text.push(format!("{} more", names.len() - MOST));
    }
    text.join(", ")
}
