//! Features that give the class away by being there or not.

use playlist_core::{AudioFeature, Labels};
use playlist_dataset::TrackTable;
use playlist_report::DatasetSection;

use crate::{ExperimentConfig, Result};

/// From this difference on between the shares of two classes for which a feature is known, it is said.
const NOTABLE: f64 = 0.1;

/// Those of `known` that are known for no track of one class and for some of another, unless they were `asked` for; and
/// notes on them, and on those that are known for much more of one class than of another.
pub(crate) fn find(
    table: &TrackTable,
    labels: &Labels,
    known: &[AudioFeature],
    asked: &[AudioFeature],
) -> Result<(Vec<AudioFeature>, Vec<String>)> {
    let x = table.features(known)?;
    let counts = labels.class_counts();
    let (mut telltale, mut notes) = (Vec::new(), Vec::new());
    for (index, feature) in known.iter().enumerate() {
        let mut n_known = vec![0_usize; counts.len()];
        for (value, class) in x.column(index).zip(labels.y()) {
            n_known[*class] += usize::from(value.is_some());
        }
        let classes = || {
            n_known
                .iter()
                .zip(&counts)
                .zip(labels.class_names())
                .filter(|((_, n), _)| **n > 0)
        };
        let share = |((known, n), _): &((&usize, &usize), &String)| **known as f64 / **n as f64;
        let by_share = |a: &_, b: &_| share(a).total_cmp(&share(b));
        let (Some(least), Some(most)) = (classes().min_by(by_share), classes().max_by(by_share)) else {
            continue;
        };
        if share(&least) == 0.0 && share(&most) > 0.0 && !asked.contains(feature) {
            telltale.push(*feature);
            notes.push(format!(
                "`{feature}` is not used: it is known for no track of `{}`, so that its absence would give the class away",
                least.1
            ));
        } else if share(&most) - share(&least) > NOTABLE {
            notes.push(format!(
                "`{feature}` is known for {:.0} % of `{}` and {:.0} % of `{}`: a model may learn from its absence",
                100.0 * share(&most),
                most.1,
                100.0 * share(&least),
                least.1
            ));
        }
    }
    Ok((telltale, notes))
}

/// The features, not among those `asked` for, that `table` lacks for a notable share of its tracks.
pub(crate) fn partly_known(table: &TrackTable, asked: &[AudioFeature]) -> Vec<AudioFeature> {
    let is_partly = |feature: &AudioFeature| {
        let n_known = (0..table.n_tracks())
            .filter(|row| table.value(*row, *feature).is_some())
            .count();
        (n_known as f64) < (1.0 - NOTABLE) * table.n_tracks() as f64 && !asked.contains(feature)
    };
    table.available_features().into_iter().filter(is_partly).collect()
}

/// Replaces what was noted on features that the background lacks for many tracks by a note that they are not used.
pub(crate) fn not_used(dataset: &mut DatasetSection, partly: &[AudioFeature]) {
    if partly.is_empty() {
        return;
    }
    let names: Vec<String> = partly.iter().map(|feature| format!("`{feature}`")).collect();
    dataset
        .notes
        .retain(|note| !names.iter().any(|name| note.contains(name)));
    dataset.notes.push(format!(
        "not used, since the background lacks it for many tracks: {}",
        names.join(", ")
    ));
}

/// A note on those features that would have been used and are not there.
pub(crate) fn absent(
    used: &[AudioFeature],
    telltale: &[AudioFeature],
    config: &ExperimentConfig,
) -> Option<String> {
    let wanted = config.features.as_deref().unwrap_or(&AudioFeature::PAPER);
    let absent: Vec<String> = wanted
        .iter()
        .filter(|feature| {
            !used.contains(feature) && !config.drop.contains(feature) && !telltale.contains(feature)
        })
        .map(|feature| format!("`{feature}`"))
        .collect();
    (!absent.is_empty()).then(|| format!("not known for any track, so not used: {}", absent.join(", ")))
}
