//! What left before the experiment, and what that means for an error after it.

use playlist_dataset::{BalanceReport, CleanReport};
use playlist_report::{ClassCount, DroppedCount};

use crate::Error;

/// The rows that cleaning and balancing dropped, by reason.
pub(crate) fn dropped_counts(cleaned: &CleanReport, balanced: Option<&BalanceReport>) -> Vec<DroppedCount> {
    let cut = balanced.map_or(0, |balanced| balanced.rows_in - balanced.rows_out);
    let counts = [
        ("no label", cleaned.n_without_label),
        ("no audio feature", cleaned.n_without_features),
        ("under more than one label", cleaned.n_conflicting),
        ("the same id as an earlier row", cleaned.n_same_id),
        ("the same audio features as an earlier row", cleaned.n_same_audio),
        ("cut to balance the classes", cut),
    ];
    let counts = counts.into_iter().filter(|(_, rows)| *rows > 0);
    let count = |(reason, rows): (&str, usize)| DroppedCount {
        reason: reason.to_owned(),
        rows,
    };
    counts.map(count).collect()
}

/// An error of labelling what cleaning left: where classes are lacking because their rows were dropped, says so.
pub(crate) fn explained(error: playlist_dataset::Error, path: &str, cleaned: &CleanReport) -> Error {
    use playlist_core::Error::Empty;
    use playlist_dataset::Error::{Core, OneClass};
    if cleaned.dropped.is_empty() || !matches!(error, OneClass { .. } | Core(Empty { .. })) {
        return error.into();
    }
    let counts = |classes: &[playlist_dataset::ClassCount]| -> Vec<ClassCount> {
        let count = |class: &playlist_dataset::ClassCount| ClassCount {
            name: class.class.clone(),
            n_tracks: class.n_tracks,
        };
        classes.iter().map(count).collect()
    };
    let left = counts(&cleaned.classes_out);
    let mut lost = counts(&cleaned.classes_in);
    lost.retain(|class| left.iter().all(|kept| kept.name != class.name));
    Error::ClassesDropped {
        path: path.to_owned(),
        left,
        lost,
        rows_read: cleaned.rows_in,
        dropped: dropped_counts(cleaned, None),
    }
}
