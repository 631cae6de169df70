//! From files of any kind to tracks, and to one table of a class.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use playlist_core::{PlaylistKind, SpotifyId, Track};
use playlist_dataset::{ReadOptions, TrackTable, read_table};
use playlist_import::{Import, ImportOptions, ImportedPlaylist, import, import_reader};
use playlist_report::{DroppedCount, SourceSection};

use crate::{Error, Result};

/// The tracks of some files, as one table, and what was said about them on the way.
#[derive(Clone, Debug)]
pub(crate) struct Collected {
    pub(crate) table: TrackTable,
    pub(crate) sources: Vec<SourceSection>,
    /// Rows that never became a track.
    pub(crate) dropped: Vec<DroppedCount>,
    /// Rows of the files, tracks and dropped ones.
    pub(crate) n_rows: usize,
}

impl From<TrackTable> for Collected {
    fn from(table: TrackTable) -> Self {
        Self {
            n_rows: table.n_tracks(),
            sources: vec![crate::experiment::source_section(&table)],
            dropped: Vec::new(),
            table,
        }
    }
}

/// The tracks of some files, before they are a table: features can still be looked up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listed {
    /// The files, for messages.
    pub(crate) name: String,
    pub(crate) tracks: Vec<Track>,
    /// In place of `tracks`: the one table whose tracks have no name that an importer knows.
    pub(crate) plain: Option<TrackTable>,
    pub(crate) sources: Vec<SourceSection>,
    /// Rows that never became a track.
    pub(crate) dropped: Vec<DroppedCount>,
    /// Rows of the files, tracks and dropped ones.
    pub(crate) n_rows: usize,
}

impl Listed {
    /// One table of the tracks.
    ///
    /// # Errors
    /// [`Error::NoAudioFeatures`] when no track has any.
    pub(crate) fn into_collected(self) -> Result<Collected> {
        if let Some(table) = self.plain {
            return Ok(table.into());
        }
        if !self.tracks.iter().any(|track| track.features.has_audio()) {
            return Err(Error::NoAudioFeatures {
                path: self.name,
                n_tracks: self.tracks.len(),
            });
        }
        Ok(Collected {
            table: TrackTable::from_tracks(&self.name, &self.tracks)?,
            sources: self.sources,
            dropped: self.dropped,
            n_rows: self.n_rows,
        })
    }

    /// Gives tracks without features those that a track of the same id has in `others`.
    pub(crate) fn fill_from(&mut self, others: &[&Self]) {
        let known = others.iter().flat_map(|other| &other.tracks);
        let known: HashMap<&SpotifyId, &Track> = known
            .filter(|track| track.features.has_audio())
            .filter_map(|track| Some((track.id.as_ref()?, track)))
            .collect();
        for track in self.tracks.iter_mut().filter(|track| !track.features.has_audio()) {
            if let Some(other) = track.id.as_ref().and_then(|id| known.get(id)) {
                track.features = other.features;
                track.features_from = other.features_from.clone();
            }
        }
    }

    fn add(&mut self, read: ImportedPlaylist) {
        let report = &read.report;
        self.n_rows += report.n_rows;
        for (reason, rows) in [
            (
                "repeats of an earlier track of the playlist",
                report.n_rows.saturating_sub(rows_told(&read)),
            ),
            ("episodes", report.n_episodes),
            ("no tracks of a playlist", report.n_other),
            ("unreadable", report.n_bad_rows),
        ] {
            count(&mut self.dropped, reason, rows);
        }
        self.sources.push(source_section(&read));
        self.tracks.extend(read.playlist.tracks);
    }
}

/// Reads the tracks of all playlists in `paths` as one table, see [`list`].
///
/// # Errors
/// Those of [`list`]; [`Error::NoAudioFeatures`] when no track has any.
pub(crate) fn collect(paths: &[PathBuf]) -> Result<Collected> {
    list(paths)?.into_collected()
}

/// Reads the tracks of all playlists in `paths`: files, folders and archives of any kind that
/// [`playlist_import::import`] knows, and `-` for standard input.
///
/// `PATH#NAME` takes only the playlist called `NAME`; without it tracks that the listener blocked are left out.
///
/// # Errors
/// Those of reading; [`Error::NoSuchPlaylist`].
pub(crate) fn list(paths: &[PathBuf]) -> Result<Listed> {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let mut listed = Listed {
        name: names.join(" + "),
        ..Listed::default()
    };
    if let [path] = paths
        && let Some(table) = plain_table(path)
    {
        listed.n_rows = table.n_tracks();
        listed.sources = vec![crate::experiment::source_section(&table)];
        listed.plain = Some(table);
        return Ok(listed);
    }
    for path in paths {
        for read in playlists(path)? {
            listed.add(read);
        }
    }
    Ok(listed)
}

/// The one table at `path` whose tracks have no name that an importer knows: other services' ids, or none at all. Such
/// tracks cannot be told apart or looked up, but they can be learnt from.
fn plain_table(path: &Path) -> Option<TrackTable> {
    let is_nothing = path.is_file()
        && match import(path, &ImportOptions::default()) {
            Ok(read) => read.n_tracks() == 0,
            Err(_) => true,
        };
    if !is_nothing {
        return None;
    }
    read_table(path, &ReadOptions::default()).ok()
}

/// The playlists of `path`, those that the listener blocked left out; see [`list`].
///
/// # Errors
/// Those of reading; [`Error::NoSuchPlaylist`].
pub(crate) fn playlists(path: &Path) -> Result<Vec<ImportedPlaylist>> {
    let options = ImportOptions::default();
    let text = path.to_string_lossy();
    if text == "-" {
        return Ok(import_reader("standard input", std::io::stdin().lock(), &options)?.playlists);
    }
    match text.rsplit_once('#').filter(|_| !path.exists()) {
        Some((file, name)) => named(import(file, &options)?, file, name),
        None => {
            let mut read = import(path, &options)?.playlists;
            read.retain(|read| read.playlist.kind != PlaylistKind::Blocked);
            Ok(read)
        }
    }
}

/// The rows that are tracks or were left out for another reason than being a repeat.
fn rows_told(read: &ImportedPlaylist) -> usize {
    let report = &read.report;
    read.playlist.tracks.len() + report.n_episodes + report.n_other + report.n_bad_rows
}

fn count(dropped: &mut Vec<DroppedCount>, reason: &str, rows: usize) {
    match dropped.iter_mut().find(|entry| entry.reason == reason) {
        Some(entry) => entry.rows += rows,
        None if rows > 0 => dropped.push(DroppedCount {
            reason: reason.to_owned(),
            rows,
        }),
        None => {}
    }
}

/// The playlists called `name`, in any case, a blank and `_` being the same.
fn named(import: Import, file: &str, name: &str) -> Result<Vec<ImportedPlaylist>> {
    let found: Vec<String> = import
        .playlists
        .iter()
        .map(|read| read.playlist.name.clone())
        .collect();
    // Exportify writes a blank as `_`.
    let plain = |name: &str| name.to_lowercase().replace('_', " ");
    let is_it = |read: &ImportedPlaylist| plain(&read.playlist.name) == plain(name);
    let read: Vec<ImportedPlaylist> = import.playlists.into_iter().filter(is_it).collect();
    if read.is_empty() {
        return Err(Error::NoSuchPlaylist {
            path: file.to_owned(),
            name: name.to_owned(),
            found,
        });
    }
    Ok(read)
}

fn source_section(read: &ImportedPlaylist) -> SourceSection {
    let text = read.report.to_string();
    SourceSection {
        file: read.file.clone(),
        format: read.format.to_string(),
        rows: read.report.n_rows,
        notes: text.lines().map(|line| line.trim().to_owned()).collect(),
    }
}

/// The playlists of `path`, each with its name; see [`list`].
///
/// # Errors
/// Those of reading; [`Error::NoSuchPlaylist`].
pub(crate) fn listed_playlists(path: &Path) -> Result<Vec<(String, Listed)>> {
    let listed = playlists(path)?.into_iter().map(|read| {
        let name = read.playlist.name.clone();
        let mut listed = Listed {
            name: name.clone(),
            ..Listed::default()
        };
        listed.add(read);
        (name, listed)
    });
    Ok(listed.collect())
}
