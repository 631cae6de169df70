//! Audio features that seem to belong to another track.
//!
//! Exportify (pavelkomarov) asks for features in batches of 100 tracks (50 for Liked Songs) and joins the
//! answers to the tracks by position. Since its commit 5226bcd (May 2025) a batch that Spotify refuses counts as
//! one answer without features: its first track gets none, and every track after it gets the features of the
//! track 99 (or 49) places further on, until the answers run out and the last tracks get none.

use std::collections::HashMap;

use playlist_core::{AudioFeature, SpotifyId};

use crate::ExportFormat;
use crate::sheet::{Draft, DraftRow};

/// The tracks of a batch of Liked Songs.
const LIKED_BATCH: usize = 50;

/// The tracks of a batch of a playlist.
const PLAYLIST_BATCH: usize = 100;

/// What the rows without features tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspicion {
    /// A batch was refused, and features moved up after this row of the file, counted from 1.
    Shifted { after_row: usize },
    /// A run of rows as long as a batch has none, and rows after it have some. The program as it is known does
    /// not leave such a run, so nothing is doubted; it is told because others may.
    Gap { last_row: usize, length: usize },
}

impl Suspicion {
    /// Whether the features of this row seem to be those of another track.
    pub(crate) const fn doubts(self, row: usize) -> bool {
        match self {
            Self::Shifted { after_row } => row > after_row,
            Self::Gap { .. } => false,
        }
    }
}

/// Whether the row has features of its own sound.
pub(crate) fn has_audio(row: &DraftRow) -> bool {
    AudioFeature::ALL
        .into_iter()
        .any(|feature| feature != AudioFeature::DurationMs && !row.values[feature.index()].is_nan())
}

/// Looks for features that moved up; only Exportify at exportify.net joins them by position.
///
/// The sign is a row without features where a batch begins, rows with features after it, and an empty tail as
/// long as the batches that were refused, less one for each. A spreadsheet that filled up rows that ended early
/// leaves the sign in place; one that sorted the rows wipes it out.
pub(crate) fn shift(format: ExportFormat, draft: &Draft) -> Option<Suspicion> {
    if format != ExportFormat::Exportify {
        return None;
    }
    let last = draft.rows.iter().rposition(has_audio)?;
    let tail = draft.n_rows.saturating_sub(draft.rows[last].place.row);
    let of_size = |size: usize| {
        let whole = |rows: usize| rows > 0 && rows.is_multiple_of(size - 1);
        // The last batch may be refused as well, and may be a short one.
        let last_batch = (draft.n_rows - 1) % size + 1;
        let by_tail = whole(tail) || tail.checked_sub(last_batch).is_some_and(whole);
        draft.rows[..last]
            .iter()
            .filter(|row| (row.place.row - 1).is_multiple_of(size) && !has_audio(row))
            // A row that ends before its features is one for which the program had no answer at all.
            .find(|row| by_tail || row.cut_before_features && tail >= size - 1)
    };
    match of_size(PLAYLIST_BATCH).or_else(|| of_size(LIKED_BATCH)) {
        Some(row) => Some(Suspicion::Shifted {
            after_row: row.place.row,
        }),
        None => gap(&draft.rows[..=last]),
    }
}

/// The first run of rows without features that is as long as a batch but one. Local files have none anyway.
fn gap(rows: &[DraftRow]) -> Option<Suspicion> {
    let (mut length, mut last_row) = (0, 0);
    for row in rows {
        if has_audio(row) {
            if length >= LIKED_BATCH - 1 {
                return Some(Suspicion::Gap { last_row, length });
            }
            length = 0;
        } else if !row.track.is_local {
            length += 1;
            last_row = row.place.row;
        }
    }
    None
}

/// Features of tracks over all files of an import, to find those that contradict each other.
///
/// Only features that were joined by position are doubted, be it for those of another such file or of a file
/// that names the track beside its features.
#[derive(Default)]
pub(crate) struct Seen(HashMap<SpotifyId, Known>);

#[derive(Default)]
struct Known {
    by_position: Option<Values>,
    by_name: Option<Values>,
    contradicted: bool,
}

type Values = [f32; AudioFeature::ALL.len()];

impl Seen {
    /// Takes note of the features of a row.
    pub(crate) fn note(&mut self, format: ExportFormat, row: &DraftRow) {
        let Some(id) = &row.track.id else { return };
        if !has_audio(row) {
            return;
        }
        let known = self.0.entry(id.clone()).or_default();
        let contradicts = |other: &Option<Values>| {
            other
                .as_ref()
                .is_some_and(|values| contradict(values, &row.values))
        };
        known.contradicted |= contradicts(&known.by_position);
        if format == ExportFormat::Exportify {
            known.contradicted |= contradicts(&known.by_name);
            known.by_position.get_or_insert(row.values);
        } else {
            known.by_name.get_or_insert(row.values);
        }
    }

    /// Whether the features that a file of this format gives the track are not to be believed.
    pub(crate) fn is_contradicted(&self, format: ExportFormat, id: &SpotifyId) -> bool {
        format == ExportFormat::Exportify && self.0.get(id).is_some_and(|known| known.contradicted)
    }
}

/// Whether the features are of two recordings: at least three of the quantities that both have differ by more
/// than Spotify's own corrections do.
fn contradict(one: &[f32], other: &[f32]) -> bool {
    let differs = |feature: &AudioFeature| {
        let (a, b) = (one[feature.index()], other[feature.index()]);
        let tolerance = match feature {
            AudioFeature::Loudness => 1.0,
            AudioFeature::Tempo => 2.0,
            _ => 0.05,
        };
        (a - b).abs() > tolerance
    };
    let quantities = AudioFeature::ALL
        .iter()
        .filter(|feature| !feature.is_categorical() && **feature != AudioFeature::DurationMs);
    quantities.filter(|feature| differs(feature)).count() >= 3
}
