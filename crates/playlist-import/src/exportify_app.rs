//! Exportify at exportify.app in a language other than English: columns told by what stands in them.

use std::borrow::Cow;

use playlist_core::{AudioFeature, Isrc};

use crate::cells::{Layout, Slot};

/// The audio features in the order in which the program writes them.
const FEATURES: [AudioFeature; 12] = [
    AudioFeature::Danceability,
    AudioFeature::Energy,
    AudioFeature::Key,
    AudioFeature::Loudness,
    AudioFeature::Mode,
    AudioFeature::Speechiness,
    AudioFeature::Acousticness,
    AudioFeature::Instrumentalness,
    AudioFeature::Liveness,
    AudioFeature::Valence,
    AudioFeature::Tempo,
    AudioFeature::TimeSignature,
];

/// The rows that are looked at.
const SAMPLE: usize = 200;

/// The columns of such a table, or `None` when the rows do not look like one.
///
/// Fixed by position from the column of URIs on are title, artists, album and duration; the ISRC is looked for
/// where codes stand and the date where times stand, because versions differ there. What follows the date is
/// genres of the artists (1 column), audio features (12) and data of the album (3), each or not.
pub(crate) fn layout<'a>(names: &[String], rows: impl Iterator<Item = Vec<Cow<'a, str>>>) -> Option<Layout> {
    let rows: Vec<Vec<Cow<'a, str>>> = rows.take(SAMPLE).collect();
    let some = |column: usize, is: fn(&str) -> bool| {
        rows.iter()
            .any(|row| row.get(column).is_some_and(|cell| is(cell.trim())))
    };
    let all = |column: usize, is: fn(&str) -> bool| {
        rows.iter()
            .all(|row| row.get(column).is_none_or(|cell| is(cell.trim())))
    };
    // A version writes the name of the playlist before all else.
    let uri = (0..2).find(|column| some(*column, is_uri) && all(*column, is_uri))?;
    let albums = all(uri + 4, |cell| {
        cell.is_empty() || cell.starts_with("spotify:album:")
    });
    if names.len() < uri + 18 || !albums || !some(uri + 4, |cell| !cell.is_empty()) {
        return None;
    }
    let end = names.len().min(uri + 22);
    let times = (uri + 14..end).rev().find(|column| some(*column, is_time));
    // Playlists of old have no times; then the ISRC and the number of columns tell.
    let added = times.or_else(|| {
        let with_isrc = some(uri + 16, is_isrc);
        let added = uri + if with_isrc { 18 } else { 17 };
        (added < names.len()).then_some(added)
    })?;
    let mut slots = vec![None; names.len()];
    let fixed = [
        (0, Slot::Id),
        (1, Slot::Title),
        (3, Slot::Artists),
        (5, Slot::Album),
        (12, Slot::Feature(AudioFeature::DurationMs)),
    ];
    for (offset, slot) in fixed {
        slots[uri + offset] = Some(slot);
    }
    slots[added] = Some(Slot::AddedAt);
    if let Some(isrc) = (uri + 15..added).find(|column| some(*column, is_isrc)) {
        slots[isrc] = Some(Slot::Isrc);
    }
    let genres = match names.len() - added - 1 {
        12 | 15 => Some(0),
        13 | 16 => Some(1),
        _ => None,
    };
    if let Some(genres) = genres {
        for (index, feature) in FEATURES.into_iter().enumerate() {
            slots[added + 1 + genres + index] = Some(Slot::Feature(feature));
        }
    }
    Some(Layout::new(names.to_vec(), slots))
}

fn is_isrc(cell: &str) -> bool {
    cell.parse::<Isrc>().is_ok()
}

fn is_uri(cell: &str) -> bool {
    ["spotify:track:", "spotify:episode:", "spotify:local:"]
        .iter()
        .any(|start| cell.starts_with(start))
}

/// Whether the cell is a time such as `2025-07-27T13:14:48Z`.
fn is_time(cell: &str) -> bool {
    let bytes = cell.as_bytes();
    bytes.len() >= 19
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && bytes[10] == b'T'
        && bytes[13] == b':'
}
