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

/// A batch of Liked Songs; batches of playlists are twice as large.
const BATCH: usize = 50;

/// Why features seem to belong to another track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspicion {
    /// A batch was refused, and features moved up after this row of the file.
    Shifted { after_row: usize },
    /// A long run of rows has none, and rows after it have some.
    AfterGap { after_row: usize, length: usize },
}

impl Suspicion {
    /// The last row of the file, counted from 1, whose features are its own.
    pub(crate) const fn after_row(self) -> usize {
        match self {
            Self::Shifted { after_row } | Self::AfterGap { after_row, .. } => after_row,
        }
    }

    pub(crate) fn why(self) -> String {
        match self {
            Self::Shifted { after_row } => format!(
                "row {after_row}, the first of a batch, has no features and the last rows have none either: Exportify was refused a batch and gave all later tracks the features of others"
            ),
            Self::AfterGap { after_row, length } => format!(
                "{length} rows up to row {after_row} have no features and later rows have some: Exportify may have been refused a batch and given later tracks the features of others"
            ),
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
pub(crate) fn shift(format: ExportFormat, draft: &Draft) -> Option<Suspicion> {
    if format != ExportFormat::Exportify {
        return None;
    }
    let last = draft.rows.iter().rposition(has_audio)?;
    let tail = draft.rows.len() - 1 - last;
    let earlier = &draft.rows[..last];
    let begins_batch = |row: &&DraftRow| (row.place.row - 1).is_multiple_of(BATCH) && !has_audio(row);
    // A row that ends before its features is one for which the program had no answer at all. A spreadsheet
    // fills such rows up; then the empty tail tells, which is a multiple of the batch but one.
    let by_tail = tail > 0 && (tail.is_multiple_of(2 * BATCH - 1) || tail.is_multiple_of(BATCH - 1));
    let first = earlier
        .iter()
        .filter(begins_batch)
        .find(|row| row.cut_before_features || by_tail);
    if let Some(row) = first {
        return Some(Suspicion::Shifted {
            after_row: row.place.row,
        });
    }
    gap(&draft.rows[..=last])
}

/// The first run of rows without features that is as long as a refused batch. Local files have none anyway.
fn gap(rows: &[DraftRow]) -> Option<Suspicion> {
    let mut length = 0;
    for row in rows {
        if has_audio(row) {
            if length >= BATCH - 1 {
                return Some(Suspicion::AfterGap {
                    after_row: row.place.row - 1,
                    length,
                });
            }
            length = 0;
        } else if !row.track.is_local {
            length += 1;
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
