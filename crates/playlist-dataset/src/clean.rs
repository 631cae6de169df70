//! Cleaning: rows that cannot be used and tracks that occur more than once.

use std::collections::HashMap;

use playlist_core::AudioFeature;
use serde::{Deserialize, Serialize};

use crate::group::{self, FEWEST_FEATURES};
use crate::report::ClassCount;
use crate::{Error, Result, TrackTable};

/// How a table is cleaned.
///
/// In this order: a row without any known audio feature, the duration aside, is dropped; a row without a label is dropped, if
/// the table has labels; rows of one id, and rows of identical audio, are one track, of which the first
/// row is kept; a track under more than one label is dropped altogether. Chains count: if rows 1 and 2
/// share an id, and rows 2 and 3 sound alike, all three are one track.
///
/// No statistic of the table plays a part, so that cleaning before a split leaks nothing.
///
/// # Examples
/// ```
/// use playlist_dataset::{CleanConfig, ReadOptions, TrackTable};
/// use polars::prelude::df;
///
/// let frame = df!("id" => ["x", "y", "x", "z"], "label" => ["a", "b", "b", "b"], "tempo" => [1.0, 2.0, 1.0, 3.0])?;
/// let table = TrackTable::from_frame(&frame, "four rows", &ReadOptions::default())?;
/// let (table, report) = CleanConfig::default().clean(&table)?;
/// assert_eq!(table.n_tracks(), 2);
/// assert_eq!(report.n_conflicting, 2, "x is under both labels");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CleanConfig {
    /// Rows count as identical audio only if at least this many features are known: 1 to 13, default 8.
    pub min_identical_features: usize,
}

impl Default for CleanConfig {
    fn default() -> Self {
        Self {
            min_identical_features: FEWEST_FEATURES,
        }
    }
}

/// Why a row was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DropReason {
    /// No audio feature is known but the duration, which every export has.
    NoFeatures,
    /// The row has no label.
    NoLabel,
    /// An earlier row has the same id.
    SameId,
    /// An earlier row has identical audio features, under another id or none.
    SameAudio,
    /// The track is under more than one label.
    Conflicting,
}

/// A row that was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DroppedRow {
    /// The file or table that the row comes from.
    pub file: String,
    /// Its row there, counted from 1.
    pub row: usize,
    /// The id of the track.
    pub id: Option<String>,
    /// The label of the row.
    pub label: Option<String>,
    /// Why it was dropped.
    pub reason: DropReason,
}

/// What cleaning did: the counts add up to the rows that went in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CleanReport {
    /// The rows before.
    pub rows_in: usize,
    /// The rows without any audio feature but the duration.
    pub n_without_features: usize,
    /// The rows without a label.
    pub n_without_label: usize,
    /// The rows whose id an earlier row has.
    pub n_same_id: usize,
    /// The rows whose audio features an earlier row has.
    pub n_same_audio: usize,
    /// The rows of tracks under more than one label.
    pub n_conflicting: usize,
    /// The same by class.
    pub conflicting_by_class: Vec<ClassCount>,
    /// The tracks under more than one label.
    pub n_conflicting_tracks: usize,
    /// The rows after.
    pub rows_out: usize,
    /// The classes before.
    pub classes_in: Vec<ClassCount>,
    /// The classes after.
    pub classes_out: Vec<ClassCount>,
    /// Every row dropped, in the order of the table.
    pub dropped: Vec<DroppedRow>,
}

impl CleanConfig {
    /// The same with another number of features that must be known for rows to be identical audio.
    #[must_use]
    pub const fn with_min_identical_features(mut self, min_identical_features: usize) -> Self {
        self.min_identical_features = min_identical_features;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`playlist_core::Error::InvalidSetting`].
    pub fn validate(&self) -> Result<()> {
        if (1..=AudioFeature::ALL.len()).contains(&self.min_identical_features) {
            return Ok(());
        }
        Err(Error::Core(playlist_core::Error::InvalidSetting {
            field: "min_identical_features",
            value: self.min_identical_features.to_string(),
            expected: "1 to 13",
        }))
    }

    /// The table without the rows that cannot be used, and what was dropped.
    ///
    /// The table that is left may be empty; what needs rows says so.
    ///
    /// # Errors
    /// [`Error::Core`] for a setting out of its range.
    pub fn clean(&self, table: &TrackTable) -> Result<(TrackTable, CleanReport)> {
        self.validate()?;
        let usable = unusable(table);
        let left: Vec<usize> = (0..table.n_tracks())
            .filter(|row| usable[*row].is_none())
            .collect();
        let mut reasons = usable;
        let n_conflicting_tracks = self.mark_repeated(table, &left, &mut reasons);
        let kept: Vec<usize> = (0..table.n_tracks())
            .filter(|row| reasons[*row].is_none())
            .collect();
        let cleaned = table.select_rows(&kept);
        let report = report(table, &cleaned, &reasons, n_conflicting_tracks);
        Ok((cleaned, report))
    }

    /// Marks, among the rows `left`, all but the first of each track and the tracks under more than one
    /// label, whose number is returned.
    fn mark_repeated(&self, table: &TrackTable, left: &[usize], reasons: &mut [Option<DropReason>]) -> usize {
        let part = table.select_rows(left);
        let mut groups = group::by_track(&part, self.min_identical_features);
        let mut conflicting = vec![false; left.len()];
        for row in 0..left.len() {
            let first = groups.first(row);
            conflicting[first] |= part.label(row) != part.label(first);
        }
        let mut row_of_id: HashMap<&str, usize> = HashMap::new();
        for (row, original) in left.iter().enumerate() {
            let first = groups.first(row);
            let known_id = part.id(row).is_some_and(|id| row_of_id.insert(id, row).is_some());
            reasons[*original] = if conflicting[first] {
                Some(DropReason::Conflicting)
            } else if first == row {
                None
            } else if known_id {
                Some(DropReason::SameId)
            } else {
                Some(DropReason::SameAudio)
            };
        }
        conflicting.iter().filter(|conflicting| **conflicting).count()
    }
}

/// The rows that cannot be used on their own account.
fn unusable(table: &TrackTable) -> Vec<Option<DropReason>> {
    let mut features = table.available_features();
    features.retain(|feature| *feature != AudioFeature::DurationMs);
    (0..table.n_tracks())
        .map(|row| {
            if features
                .iter()
                .all(|feature| table.value(row, *feature).is_none())
            {
                Some(DropReason::NoFeatures)
            } else if table.has_labels() && table.label(row).is_none() {
                Some(DropReason::NoLabel)
            } else {
                None
            }
        })
        .collect()
}

fn report(
    table: &TrackTable,
    cleaned: &TrackTable,
    reasons: &[Option<DropReason>],
    n_conflicting_tracks: usize,
) -> CleanReport {
    let dropped_row = |(row, reason): (usize, &Option<DropReason>)| {
        let (file, number) = table.origin(row);
        Some(DroppedRow {
            file: file.to_owned(),
            row: number,
            id: table.id(row).map(str::to_owned),
            label: table.label(row).map(str::to_owned),
            reason: (*reason)?,
        })
    };
    let dropped: Vec<DroppedRow> = reasons.iter().enumerate().filter_map(dropped_row).collect();
    let count = |reason| dropped.iter().filter(|row| row.reason == reason).count();
    let conflicting: Vec<usize> = (0..table.n_tracks())
        .filter(|row| reasons[*row] == Some(DropReason::Conflicting))
        .collect();
    CleanReport {
        rows_in: table.n_tracks(),
        n_without_features: count(DropReason::NoFeatures),
        n_without_label: count(DropReason::NoLabel),
        n_same_id: count(DropReason::SameId),
        n_same_audio: count(DropReason::SameAudio),
        n_conflicting: count(DropReason::Conflicting),
        conflicting_by_class: table.select_rows(&conflicting).class_counts(),
        n_conflicting_tracks,
        rows_out: cleaned.n_tracks(),
        classes_in: table.class_counts(),
        classes_out: cleaned.class_counts(),
        dropped,
    }
}
