//! The way in: a file, a folder or an archive becomes playlists.

use std::fmt;
use std::io::Read;
use std::path::Path;

use playlist_core::{Playlist, PlaylistKind};
use serde::Serialize;

use crate::report::RowPlace;
use crate::walk::{self, Job};
use crate::{ExportFormat, ImportOptions, ImportReport, Result};

/// A playlist with where it comes from and what was left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ImportedPlaylist {
    /// The playlist.
    pub playlist: Playlist,
    /// The file that it was read from; of an archive with the member's name, `data.zip/Playlist1.json`.
    pub file: String,
    /// What wrote the file.
    pub format: ExportFormat,
    /// Where each of the tracks stands in the file, in their order.
    pub rows: Vec<RowPlace>,
    /// What was read and what was not.
    pub report: ImportReport,
}

impl fmt::Display for ImportedPlaylist {
    /// A headline, then the report, line by line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.playlist.kind {
            PlaylistKind::Liked => ", Liked Songs",
            PlaylistKind::Album => ", an album",
            PlaylistKind::Blocked => ", blocked tracks",
            _ => "",
        };
        writeln!(
            f,
            "`{}`{kind}: {} tracks of `{}` ({})",
            self.playlist.name,
            self.playlist.tracks.len(),
            self.file,
            self.format
        )?;
        write!(f, "  {}", self.report.to_string().replace('\n', "\n  "))
    }
}

/// A file that was passed over, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SkippedFile {
    /// The file.
    pub file: String,
    /// Why nothing was read from it.
    pub reason: String,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Import {
    /// The playlists, by file in the order of their names.
    pub playlists: Vec<ImportedPlaylist>,
    /// Files that could not be read, although their names are those of exports.
    pub skipped: Vec<SkippedFile>,
    /// The number of files and members that were not opened, because their names are not those of exports.
    pub n_not_opened: usize,
}

impl Import {
    /// The number of tracks of all playlists.
    #[must_use]
    pub fn n_tracks(&self) -> usize {
        self.playlists.iter().map(|read| read.playlist.tracks.len()).sum()
    }
}

impl fmt::Display for Import {
    /// One paragraph a playlist, then the files that were passed over.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for read in &self.playlists {
            writeln!(f, "{read}")?;
        }
        for skipped in &self.skipped {
            writeln!(f, "not read: {}", skipped.reason)?;
        }
        if self.n_not_opened > 0 {
            writeln!(f, "{} other files were not opened", self.n_not_opened)?;
        }
        write!(
            f,
            "{} playlists, {} tracks",
            self.playlists.len(),
            self.n_tracks()
        )
    }
}

/// Reads the playlists of a file, of all files of a folder, or of a zip archive.
///
/// What wrote a file is told by its content. A row that cannot be read costs that row, and the report of its
/// playlist says which and why; a value that no track can have costs that value. Repeats of a track within a
/// playlist are left out and counted. Features that seem to belong to another track are dropped, unless
/// [`ImportOptions::suspicious`] says otherwise.
///
/// In a folder or an archive only files are opened whose names are those of exports: `*.csv`, `*.tsv`,
/// `*.parquet`, `*.jsonl`, `*.ndjson`, and of JSON files `YourLibrary*`, `Playlist*`, `audio-features*`,
/// `audio_features*` and `reccobeats*`: Spotify's privacy export holds addresses and payments beside them. What
/// cannot be read there is listed in [`Import::skipped`]. A file that is given itself is opened whatever it is
/// called.
///
/// A Parquet file is checked before polars reads it (see the crate playlist-parquet).
///
/// Text is UTF-8 or, with a byte order mark, UTF-16; a cell of a table that is neither is taken for Windows-1252, and
/// the report says so.
///
/// # Units
/// Features come out in the units of [`playlist_core::AudioFeature`]. Which unit a column has is decided for the
/// whole file; each conversion is in the report.
///
/// # Errors
/// Every variant of [`Error`](crate::Error): a single file cannot be read, a folder or archive holds nothing
/// that can be, or a limit of [`ImportOptions`] on all files together is exceeded.
///
/// # Examples
/// ```
/// use playlist_core::AudioFeature;
/// use playlist_import::{ExportFormat, ImportOptions, import};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("Road_Trip.csv");
/// std::fs::write(&path, "#,Song,Artist,BPM,Time,Dance,Energy,Loud,Key,Spotify Track Id\n\
///     1,Pharaohs,\"SBTRKT,Roses Gabor\",127,3:38,80,58,-9,F Minor,3Ve96alMjeaChfLbszJoKZ\n")?;
/// let read = &import(&path, &ImportOptions::default())?.playlists[0];
/// assert_eq!(read.format, ExportFormat::Chosic);
/// assert_eq!(read.playlist.name, "Road_Trip");
/// let track = &read.playlist.tracks[0];
/// assert_eq!(track.artists, ["SBTRKT", "Roses Gabor"]);
/// assert_eq!(track.features.get(AudioFeature::Danceability), Some(0.8));
/// assert_eq!(track.features.get(AudioFeature::DurationMs), Some(218_000.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn import(path: impl AsRef<Path>, options: &ImportOptions) -> Result<Import> {
    options.validate()?;
    let path = path.as_ref();
    let mut job = Job::new(options);
    walk::path(&mut job, path)?;
    job.finish(path)
}

/// As [`import`], from a reader such as standard input, which is called `name` in messages. An archive is refused: its
/// list of members stands at its end.
///
/// # Errors
/// As [`import`].
///
/// # Examples
/// ```
/// use playlist_import::{ImportOptions, import_reader};
///
/// let pasted = "spotify:track:3Ve96alMjeaChfLbszJoKZ\nhttps://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC\n";
/// let read = import_reader("pasted", pasted.as_bytes(), &ImportOptions::default())?;
/// assert_eq!(read.n_tracks(), 2);
/// # Ok::<(), playlist_import::Error>(())
/// ```
pub fn import_reader(name: &str, reader: impl Read, options: &ImportOptions) -> Result<Import> {
    options.validate()?;
    let mut job = Job::new(options);
    job.read_content(name, reader, false)?;
    job.finish(Path::new(name))
}
