//! Playlists into files, with features looked up on the way: what `examples/fetch_playlists.rs` does.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use playlist_core::message::with_causes;
use playlist_core::{Chain, ChainProgress, Overwrite, Playlist, PlaylistKind};
use playlist_dataset::Catalogue;
use playlist_import::{CanonicalFormat, ImportOptions, import, write_playlist};
use playlist_spotify::features::{FeatureCache, ReccoBeats, SpotifyAudioFeatures};
use playlist_spotify::{RetryEvent, Session, SpotifyConfig, StopFlag};
use serde::Serialize;

use crate::{Error, Result};

/// Where audio features are looked up that a list of tracks does not bring along.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FeatureLookup {
    /// A file of any size with ids and features.
    Catalogue(PathBuf),
    /// The service ReccoBeats: the tracks' ids leave this machine.
    ReccoBeats,
    /// Spotify's own endpoint, closed to apps made after 2024-11-27: ids leave this machine.
    Spotify,
}

impl FromStr for FeatureLookup {
    type Err = Error;

    /// Parses `reccobeats`, `spotify` or `catalogue=FILE`.
    fn from_str(text: &str) -> Result<Self> {
        match text.split_once('=') {
            Some(("catalogue", file)) if !file.is_empty() => Ok(Self::Catalogue(file.into())),
            None if text == "reccobeats" => Ok(Self::ReccoBeats),
            None if text == "spotify" => Ok(Self::Spotify),
            _ => Err(Error::UnknownLookup {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for FeatureLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalogue(file) => write!(f, "catalogue={}", file.display()),
            Self::ReccoBeats => f.write_str("reccobeats"),
            Self::Spotify => f.write_str("spotify"),
        }
    }
}

impl FeatureLookup {
    /// The server that learns the ids of the tracks; `None` when they stay on this machine.
    #[must_use]
    pub const fn sends_ids_to(&self) -> Option<&'static str> {
        match self {
            Self::Catalogue(_) => None,
            Self::ReccoBeats => Some("api.reccobeats.com"),
            Self::Spotify => Some("api.spotify.com"),
        }
    }
}

/// The sources of `lookups`, in the order in which they are asked whatever their order here: catalogues, ReccoBeats,
/// Spotify; with the kept answers of earlier runs before them all. `tell` is called after every batch and on every
/// pause. Spotify's endpoint needs `session`.
///
/// # Errors
/// [`Error::Dataset`] for a catalogue that cannot be read, [`Error::Spotify`] without a session where one is needed,
/// [`Error::Cache`].
pub fn feature_chain<'a>(
    lookups: &[FeatureLookup],
    session: Option<(&Session, &SpotifyConfig)>,
    stop: &StopFlag,
    tell: Arc<dyn Fn(&str) + Send + Sync>,
) -> Result<Chain<'a>> {
    let mut chain = Chain::new();
    if lookups.is_empty() {
        return Ok(chain);
    }
    chain = chain.with_store(FeatureCache::open_default()?);
    let lookups: BTreeSet<&FeatureLookup> = lookups.iter().collect();
    let listener = || {
        let tell = tell.clone();
        move |event: &RetryEvent| tell(&event.to_string())
    };
    for lookup in lookups {
        chain = match lookup {
            FeatureLookup::Catalogue(file) => chain.with_source(Catalogue::open(file)?),
            FeatureLookup::ReccoBeats => chain.with_source(
                ReccoBeats::new()?
                    .with_stop(stop.clone())
                    .with_listener(listener()),
            ),
            FeatureLookup::Spotify => {
                let (session, config) = session.ok_or(playlist_spotify::Error::NotSignedIn)?;
                let source = SpotifyAudioFeatures::new(session, config, stop)?;
                chain.with_source(source.with_listener(listener()))
            }
        };
    }
    let stop = stop.clone();
    Ok(chain.with_progress(move |progress: ChainProgress<'_>| {
        tell(&format!(
            "{}: asked for {} of {} tracks, {} known",
            progress.source, progress.n_asked, progress.n_total, progress.n_found
        ));
        if stop.is_stopped() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }))
}

/// What became of a playlist's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "status", content = "why")]
pub enum FileStatus {
    /// It would be written.
    Planned,
    /// It was written.
    Written,
    /// It was there already and says the same.
    Unchanged,
    /// It was not written, for the reason given.
    Refused(String),
}

/// A playlist and its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaylistFile {
    /// The playlist.
    pub name: String,
    /// What it is.
    pub kind: PlaylistKind,
    /// Its tracks.
    pub n_tracks: usize,
    /// Those of them with audio features.
    pub n_with_features: usize,
    /// The file.
    pub file: PathBuf,
    /// What became of it.
    #[serde(flatten)]
    pub status: FileStatus,
}

/// Writes each of `playlists` into a file of its own in `folder`, named after the playlist.
///
/// A file that is there already and holds the same playlist is left as it is; one that holds something else is
/// replaced only where `overwrite` allows it, and is [`FileStatus::Refused`] otherwise, while the other files are
/// written all the same. With `dry_run` nothing is written.
///
/// # Errors
/// [`Error::Folder`] when the folder cannot be made.
pub fn write_playlists(
    folder: &Path,
    playlists: &[Playlist],
    format: CanonicalFormat,
    overwrite: Overwrite,
    dry_run: bool,
) -> Result<Vec<PlaylistFile>> {
    if !dry_run && !playlists.is_empty() {
        std::fs::create_dir_all(folder).map_err(|source| Error::Folder {
            path: folder.to_owned(),
            source,
        })?;
    }
    let mut taken = BTreeSet::new();
    let file_of = |playlist: &Playlist| {
        let file = folder.join(file_name(&playlist.name, format, &mut taken));
        let status = if dry_run {
            FileStatus::Planned
        } else {
            write_one(&file, playlist, format, overwrite)
        };
        PlaylistFile {
            name: playlist.name.clone(),
            kind: playlist.kind,
            n_tracks: playlist.tracks.len(),
            n_with_features: playlist
                .tracks
                .iter()
                .filter(|track| track.features.has_audio())
                .count(),
            file,
            status,
        }
    };
    Ok(playlists.iter().map(file_of).collect())
}

fn write_one(file: &Path, playlist: &Playlist, format: CanonicalFormat, overwrite: Overwrite) -> FileStatus {
    let same = || {
        let options = ImportOptions::default();
        import(file, &options)
            .is_ok_and(|read| matches!(read.playlists.as_slice(), [one] if one.playlist == *playlist))
    };
    if file.exists() && same() {
        return FileStatus::Unchanged;
    }
    match write_playlist(file, playlist, format, overwrite) {
        Ok(()) => FileStatus::Written,
        Err(playlist_import::Error::Core(playlist_core::Error::FileExists { .. })) => FileStatus::Refused(
            "it exists and holds something else: add --overwrite to replace it".to_owned(),
        ),
        Err(error) => FileStatus::Refused(with_causes(&error)),
    }
}

/// A name that every file system takes, not among those `taken`, which it joins.
fn file_name(name: &str, format: CanonicalFormat, taken: &mut BTreeSet<String>) -> String {
    let ending = if format == CanonicalFormat::Parquet {
        "parquet"
    } else {
        "csv"
    };
    file_stem(name, ending, taken)
}

/// As [`file_name`], with any ending.
pub(crate) fn file_stem(name: &str, ending: &str, taken: &mut BTreeSet<String>) -> String {
    const LONGEST: usize = 80;
    let plain = |c: char| {
        if c.is_control() || r#"\/:*?"<>|"#.contains(c) {
            '_'
        } else {
            c
        }
    };
    let mut stem: String = name.trim().chars().map(plain).take(LONGEST).collect();
    // Dots and blanks at an end are lost on Windows; a dot at the beginning hides the file.
    stem = stem.trim_matches(['.', ' ']).to_owned();
    let reserved = ["con", "prn", "aux", "nul"];
    if stem.is_empty() || reserved.contains(&stem.to_lowercase().as_str()) {
        stem = format!("playlist {stem}").trim().to_owned();
    }
    let mut number = 1;
    loop {
        let file = match number {
            1 => format!("{stem}.{ending}"),
            n => format!("{stem} ({n}).{ending}"),
        };
        // Two names that differ in case alone are one file on many disks.
        if taken.insert(file.to_lowercase()) {
            return file;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_safe_and_unlike() {
        let mut taken = BTreeSet::new();
        let mut name = |text: &str| file_name(text, CanonicalFormat::Csv, &mut taken);
        assert_eq!(name("Road Trip"), "Road Trip.csv");
        assert_eq!(name("road trip"), "road trip (2).csv");
        assert_eq!(name("../../etc/passwd"), "_.._etc_passwd.csv");
        assert_eq!(name("AC/DC: <live>?"), "AC_DC_ _live__.csv");
        assert_eq!(name(""), "playlist.csv");
        assert_eq!(name(".."), "playlist (2).csv");
        assert_eq!(name("NUL"), "playlist NUL.csv");
        assert_eq!(name("夏🎉\u{202e}"), "夏🎉\u{202e}.csv");
        assert_eq!(name(&"ä".repeat(300)).chars().count(), 84);
    }

    #[test]
    fn lookups_parse_and_say_where_ids_go() {
        for text in ["reccobeats", "spotify", "catalogue=some/file.csv"] {
            assert_eq!(text.parse::<FeatureLookup>().unwrap().to_string(), text);
        }
        for text in ["", "catalogue", "catalogue=", "reccobeats=1", "Spotify"] {
            assert!(
                matches!(text.parse::<FeatureLookup>(), Err(Error::UnknownLookup { .. })),
                "{text}"
            );
        }
        let catalogue: FeatureLookup = "catalogue=x".parse().unwrap();
        assert_eq!(catalogue.sends_ids_to(), None);
        assert!(FeatureLookup::ReccoBeats.sends_ids_to().is_some());
    }

    #[test]
    fn a_file_that_says_something_else_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let playlist = |title: &str| Playlist {
            name: "One".to_owned(),
            tracks: vec![playlist_core::Track {
                title: Some(title.to_owned()),
                artists: vec!["Someone".to_owned()],
                ..playlist_core::Track::default()
            }],
            ..Playlist::default()
        };
        let write = |title: &str, overwrite, dry_run| {
            let files = write_playlists(
                folder.path(),
                &[playlist(title)],
                CanonicalFormat::Csv,
                overwrite,
                dry_run,
            )
            .unwrap();
            files[0].status.clone()
        };
        assert_eq!(write("a", Overwrite::Refuse, true), FileStatus::Planned);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(write("a", Overwrite::Refuse, false), FileStatus::Written);
        assert_eq!(write("a", Overwrite::Refuse, false), FileStatus::Unchanged);
        assert!(matches!(
            write("b", Overwrite::Refuse, false),
            FileStatus::Refused(_)
        ));
        assert_eq!(write("b", Overwrite::Allow, false), FileStatus::Written);
    }
}
