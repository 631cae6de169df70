//! Our own table of a playlist, from which it is read back the same.

use std::borrow::Cow;
use std::path::Path;

use playlist_core::{AudioFeature, FeatureScale, Overwrite, Playlist, PlaylistKind, Track, write_file};

use crate::cells::Slot;
use crate::{Error, Result};

/// The columns, in order: what the track is, where it stands, how it sounds, who says so.
pub(crate) const COLUMNS: [Slot; 11 + AudioFeature::ALL.len()] = {
    let mut columns = [Slot::Id; 11 + AudioFeature::ALL.len()];
    let first = [
        Slot::Id,
        Slot::Isrc,
        Slot::Title,
        Slot::Artists,
        Slot::Album,
        Slot::AddedAt,
        Slot::Playlist,
        Slot::Kind,
        Slot::Local,
    ];
    let mut index = 0;
    while index < first.len() {
        columns[index] = first[index];
        index += 1;
    }
    let mut feature = 0;
    while feature < AudioFeature::ALL.len() {
        columns[index] = Slot::Feature(AudioFeature::ALL[feature]);
        feature += 1;
        index += 1;
    }
    columns[index] = Slot::Source;
    columns[index + 1] = Slot::Scale;
    columns
};

/// How a playlist is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CanonicalFormat {
    /// CSV: UTF-8, commas, one row a track.
    #[default]
    Csv,
    /// Parquet, compressed; features are 32-bit floats. Needs the feature `parquet`.
    Parquet,
}

/// Writes a playlist as a table, in one step; [`import`](crate::import) reads it back the same.
///
/// The columns are `track_id`, `isrc`, `title`, `artists`, `album`, `added_at`, `playlist`, `playlist_kind`
/// (`liked`, `playlist`, `album`, `blocked`), `is_local`, the 13 features by their
/// [names](AudioFeature::column) and in their units, `features_source` and `features_scale`. Artists are joined
/// with `;`; a `;` or a backslash in a name has a backslash before it. A text that a spreadsheet would take for a
/// formula (it begins with `=`, `+`, `-`, `@`, tab or carriage return) gets an apostrophe before it, as does one
/// that begins with an apostrophe or is empty but known; reading takes it off. Features are written so that they
/// are read back to the same bits; those outside their [range](AudioFeature::valid_range) would not be read back.
///
/// # Errors
/// [`playlist_core::Error::FileExists`], [`playlist_core::Error::Write`]; [`Error::ParquetCoding`],
/// [`Error::NoParquet`] in a build without it.
///
/// # Examples
/// ```
/// use playlist_core::{Overwrite, Playlist, Track};
/// use playlist_import::{CanonicalFormat, ImportOptions, import, write_playlist};
///
/// let track = Track { title: Some("=1+1".into()), artists: vec!["A;B".into()], ..Track::default() };
/// let playlist = Playlist { name: "Sums".into(), tracks: vec![track], ..Playlist::default() };
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("sums.csv");
/// write_playlist(&path, &playlist, CanonicalFormat::Csv, Overwrite::Refuse)?;
/// assert_eq!(import(&path, &ImportOptions::default())?.playlists[0].playlist, playlist);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_playlist(
    path: impl AsRef<Path>,
    playlist: &Playlist,
    format: CanonicalFormat,
    overwrite: Overwrite,
) -> Result<()> {
    let path = path.as_ref();
    let contents = match format {
        CanonicalFormat::Csv => csv(playlist),
        CanonicalFormat::Parquet => parquet(path, playlist)?,
    };
    write_file(path, &contents, overwrite).map_err(Error::Core)
}

#[cfg(feature = "parquet")]
fn parquet(path: &Path, playlist: &Playlist) -> Result<Vec<u8>> {
    crate::parquet::write(&path.display().to_string(), playlist)
}

#[cfg(not(feature = "parquet"))]
fn parquet(path: &Path, _: &Playlist) -> Result<Vec<u8>> {
    Err(Error::NoParquet {
        file: path.display().to_string(),
    })
}

fn csv(playlist: &Playlist) -> Vec<u8> {
    let mut text = COLUMNS.map(Slot::name).join(",");
    text.push('\n');
    let none = Track::default();
    for (track, is_there) in rows(playlist, &none) {
        for (index, slot) in COLUMNS.into_iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            match slot {
                Slot::Feature(feature) => {
                    if let Some(value) = track.features.get(feature) {
                        text.push_str(&value.to_string());
                    }
                }
                _ => quote(
                    &mut text,
                    &cell(playlist, track, is_there, slot).unwrap_or_default(),
                ),
            }
        }
        text.push('\n');
    }
    text.into_bytes()
}

/// The rows of a playlist: its tracks, or one that says only that the playlist is there.
pub(crate) fn rows<'a>(playlist: &'a Playlist, none: &'a Track) -> impl Iterator<Item = (&'a Track, bool)> {
    let marker = playlist.tracks.is_empty().then_some((none, false));
    playlist.tracks.iter().map(|track| (track, true)).chain(marker)
}

/// The cell of a track in a column that holds no feature; `None` where nothing is known.
pub(crate) fn cell(playlist: &Playlist, track: &Track, is_there: bool, slot: Slot) -> Option<String> {
    match slot {
        Slot::Id => track.id.as_ref().map(ToString::to_string),
        Slot::Isrc => track.isrc.as_ref().map(ToString::to_string),
        Slot::Title => track.title.as_deref().map(encode),
        Slot::Artists => (!track.artists.is_empty()).then(|| encode(&join_artists(&track.artists))),
        Slot::Album => track.album.as_deref().map(encode),
        Slot::AddedAt => track.added_at.as_deref().map(encode),
        Slot::Playlist => Some(encode(&playlist.name)),
        Slot::Kind => Some(kind_name(playlist.kind).to_owned()),
        Slot::Local => is_there.then(|| track.is_local.to_string()),
        Slot::Source => track.features_from.as_ref().map(|from| encode(&from.source)),
        Slot::Scale => track.features_from.as_ref().map(|from| {
            match from.scale {
                FeatureScale::SpotifyRounded => "spotify_rounded",
                _ => "spotify",
            }
            .to_owned()
        }),
        _ => None,
    }
}

/// Puts the text into quotes where CSV needs them.
fn quote(line: &mut String, text: &str) {
    if text.contains([',', '"', '\n', '\r', ';', '\t']) || text.starts_with(char::is_whitespace) {
        line.push('"');
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(text);
    }
}

fn encode(text: &str) -> String {
    if text.is_empty() || text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

pub(crate) fn decode(text: &str) -> String {
    text.strip_prefix('\'').unwrap_or(text).to_owned()
}

fn join_artists(artists: &[String]) -> String {
    let escaped: Vec<Cow<'_, str>> = artists
        .iter()
        .map(|artist| match artist.contains(['\\', ';']) {
            true => Cow::Owned(artist.replace('\\', "\\\\").replace(';', "\\;")),
            false => Cow::Borrowed(artist.as_str()),
        })
        .collect();
    escaped.join(";")
}

/// The artists of a cell that is not empty.
pub(crate) fn split_artists(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let mut artists = vec![String::new()];
    let text = decode(text);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => chars.next(),
            ';' => None,
            c => Some(c),
        };
        match (c, artists.last_mut()) {
            (Some(c), Some(artist)) => artist.push(c),
            _ => artists.push(String::new()),
        }
    }
    artists
}

const fn kind_name(kind: PlaylistKind) -> &'static str {
    match kind {
        PlaylistKind::Liked => "liked",
        PlaylistKind::Album => "album",
        PlaylistKind::Blocked => "blocked",
        _ => "playlist",
    }
}

pub(crate) fn kind(name: &str) -> Option<PlaylistKind> {
    match name {
        "liked" => Some(PlaylistKind::Liked),
        "playlist" => Some(PlaylistKind::Playlist),
        "album" => Some(PlaylistKind::Album),
        "blocked" => Some(PlaylistKind::Blocked),
        _ => None,
    }
}
