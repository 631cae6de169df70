//! Why a model answers as it does: which features it goes by, how, and what they did to single tracks.

use std::sync::atomic::{AtomicUsize, Ordering};

use playlist_core::{Classifier, FeatureMatrix, Labels, Probabilities};
use playlist_dataset::{Split, TrackTable};
use playlist_explain::{
    Explanation, FeatureImportance, ImportanceMetric, PartialDependence, PartialDependenceConfig,
    PermutationImportanceConfig, ShapleyConfig, ShapleyMethod,
};
use playlist_mlp::StopSignal;
use playlist_report::{
    ContributionSection, DependencePoint, DependenceSection, ExplanationSamples, ExplanationSection,
    ImportanceSection, TrackExplanation,
};

use crate::{Experiment, Result, SavedModel};

/// How much is sampled for an explanation. The defaults ask a model for some 120,000 predictions.
#[derive(Clone, Debug)]
pub struct ExplainConfig {
    /// How many of the most certain and how many of the most mistaken test tracks are explained.
    pub n_tracks: usize,
    /// The most test tracks that importance is measured on.
    pub n_importance: usize,
    /// How often each feature is dealt out anew.
    pub n_repeats: usize,
    /// The most test tracks that partial dependence is averaged over.
    pub n_dependence: usize,
    /// The most values of a feature that partial dependence is followed along.
    pub n_points: usize,
    /// The most tracks of the training part that contributions are measured against.
    pub n_background: usize,
    /// Random orders of the features for the contributions.
    pub n_orders: usize,
    /// Decides every draw.
    pub seed: u64,
    /// Asks for a stop: what was finished is kept.
    pub stop: StopSignal,
}

impl Default for ExplainConfig {
    fn default() -> Self {
        Self {
            n_tracks: 3,
            n_importance: 1_000,
            n_repeats: 5,
            n_dependence: 200,
            n_points: 20,
            n_background: 500,
            n_orders: 100,
            seed: 0,
            stop: StopSignal::default(),
        }
    }
}

/// A model that tells of its predictions and refuses further ones after a stop.
struct Watched<'a> {
    model: &'a dyn Classifier,
    stop: &'a StopSignal,
    done: AtomicUsize,
    total: usize,
    tell: &'a (dyn Fn(usize, usize) + Sync),
}

/// Why a prediction was refused.
#[derive(Debug, thiserror::Error)]
#[error("stopped on request")]
struct Stopped;

impl Classifier for Watched<'_> {
    fn columns(&self) -> &[String] {
        self.model.columns()
    }

    fn class_names(&self) -> &[String] {
        self.model.class_names()
    }

    fn predict_proba(&self, x: &FeatureMatrix) -> playlist_core::Result<Probabilities> {
        if self.stop.is_requested() {
            return Err(playlist_core::Error::model(Stopped));
        }
        let p = self.model.predict_proba(x)?;
        let done = self.done.fetch_add(x.n_samples(), Ordering::Relaxed) + x.n_samples();
        (self.tell)(done.min(self.total), self.total);
        Ok(p)
    }
}

/// The test part and what the model says of it.
struct Test<'a> {
    rows: &'a [usize],
    x: FeatureMatrix,
    y: Labels,
    p: Probabilities,
}

impl Experiment {
    /// Explains `model` on the test part of `split`: permutation importance with intervals, partial dependence of each
    /// feature, and what each feature contributes to the most certain and the most mistaken answers.
    ///
    /// `tell` is called with the predictions made so far and those expected. A stop that `config` is asked for ends it
    /// early; what was finished is returned with a note.
    ///
    /// # Errors
    /// [`crate::Error::OtherClasses`] where the model tells other classes apart, a missing feature column, and those of
    /// explaining.
    pub fn explain(
        &self,
        model: &SavedModel,
        split: &Split,
        config: &ExplainConfig,
        tell: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<ExplanationSection> {
        let (labels, _) = model.match_labels(&self.labels, self.labels_by_role)?;
        let x = self.table.features(&model.features())?;
        let test_x = x.select_rows(&split.test);
        let test = Test {
            rows: &split.test,
            p: model.predict_proba(&test_x)?,
            x: test_x,
            y: labels.select_rows(&split.test),
        };
        // Where a loaded model was trained on none of these tracks, the others stand in.
        let background = if split.train.is_empty() {
            &split.test
        } else {
            &split.train
        };
        let background = x.select_rows(&spaced(background, config.n_background));
        let picked = picked(&test, config.n_tracks);
        let watched = Watched {
            model,
            stop: &config.stop,
            done: AtomicUsize::new(0),
            total: expected_predictions(&test, config, picked.len()),
            tell,
        };
        let mut section = empty_section(model, &test, config, background.n_samples());
        let done = explain_features(&watched, &test, config, &mut section).and_then(|()| {
            explain_tracks(
                &watched,
                &test,
                &background,
                (config, &picked),
                &self.table,
                &mut section,
            )
        });
        match done {
            Err(_) if config.stop.is_requested() => {
                section
                    .notes
                    .push("stopped before all of it was explained".to_owned());
            }
            other => other?,
        }
        Ok(section)
    }
}

fn empty_section(
    model: &SavedModel,
    test: &Test<'_>,
    config: &ExplainConfig,
    n_background: usize,
) -> ExplanationSection {
    let metric = if test.y.n_classes() == 2 {
        "roc_auc"
    } else {
        "log_loss"
    };
    let n_test = test.rows.len();
    ExplanationSection {
        model: model.name().to_string(),
        class: test.y.class_names()[explained_class(&test.y)].clone(),
        metric: metric.to_owned(),
        importance: Vec::new(),
        partial_dependence: Vec::new(),
        tracks: Vec::new(),
        samples: ExplanationSamples {
            n_importance: config.n_importance.min(n_test),
            n_repeats: config.n_repeats,
            n_dependence: config.n_dependence.min(n_test),
            n_background,
            n_orders: config.n_orders,
        },
        notes: Vec::new(),
    }
}

/// The positive class of two; of more the largest of the test part.
fn explained_class(y: &Labels) -> usize {
    let counts = y.class_counts();
    let largest = counts.iter().enumerate().rev().max_by_key(|(_, count)| **count);
    match counts.len() {
        2 => 1,
        _ => largest.map_or(0, |(class, _)| class),
    }
}

/// At most `n` of the rows, evenly spaced.
fn spaced(rows: &[usize], n: usize) -> Vec<usize> {
    if rows.len() <= n {
        return rows.to_vec();
    }
    (0..n).map(|i| rows[i * rows.len() / n]).collect()
}

/// Positions in the test part of the rows that are sampled.
fn positions(test: &Test<'_>, n: usize) -> Vec<usize> {
    let all: Vec<usize> = (0..test.rows.len()).collect();
    spaced(&all, n)
}

fn expected_predictions(test: &Test<'_>, config: &ExplainConfig, n_tracks: usize) -> usize {
    let (n_features, n_test) = (test.x.n_features(), test.rows.len());
    n_test.min(config.n_importance) * (1 + n_features * config.n_repeats)
        + n_test.min(config.n_dependence) * n_features * config.n_points
        + n_tracks * 2 * (n_features + 1) * config.n_orders
}

fn explain_features(
    model: &Watched<'_>,
    test: &Test<'_>,
    config: &ExplainConfig,
    section: &mut ExplanationSection,
) -> Result<()> {
    let rows = positions(test, config.n_importance);
    let (x, y) = (test.x.select_rows(&rows), test.y.select_rows(&rows));
    let importance = PermutationImportanceConfig {
        // Areas of many classes would be drawn anew for minutes.
        metric: if y.n_classes() == 2 {
            ImportanceMetric::RocAuc
        } else {
            ImportanceMetric::LogLoss
        },
        n_repeats: config.n_repeats,
        seed: config.seed,
        ..PermutationImportanceConfig::default()
    };
    match importance.measure(model, &x, &y) {
        Ok(found) => section.importance = found.into_iter().map(importance_section).collect(),
        Err(playlist_explain::Error::Metrics(why)) => {
            section
                .notes
                .push(format!("importance could not be measured: {why}"));
        }
        Err(error) => return Err(error.into()),
    }
    let x = test.x.select_rows(&positions(test, config.n_dependence));
    let dependence = PartialDependenceConfig {
        n_points: config.n_points,
    };
    for column in model.columns() {
        match dependence.measure(model, &x, column, explained_class(&test.y)) {
            Ok(found) => section.partial_dependence.push(dependence_section(found)),
            Err(why @ playlist_explain::Error::NoValues { .. }) => section.notes.push(why.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn importance_section(found: FeatureImportance) -> ImportanceSection {
    ImportanceSection {
        feature: found.column,
        unit: found.unit,
        importance: found.importance,
        interval: found.interval,
    }
}

fn dependence_section(found: PartialDependence) -> DependenceSection {
    let point = |point: &playlist_explain::PartialDependencePoint| DependencePoint {
        value: point.value,
        mean: point.mean,
        lower: point.lower,
        upper: point.upper,
    };
    DependenceSection {
        feature: found.column,
        unit: found.unit,
        points: found.points.iter().map(point).collect(),
    }
}

/// Positions in the test part of the right answers that the model is most certain of, then of the wrong ones whose own
/// class it finds least probable; each with why it was picked.
fn picked(test: &Test<'_>, n: usize) -> Vec<(usize, &'static str)> {
    let answers = test.p.most_probable();
    let own = |position: &usize| test.p.get(*position, test.y.y()[*position]);
    let (mut right, mut wrong): (Vec<usize>, Vec<usize>) =
        (0..test.rows.len()).partition(|position| answers[*position] == test.y.y()[*position]);
    right.sort_by(|a, b| own(b).total_cmp(&own(a)));
    wrong.sort_by(|a, b| own(a).total_cmp(&own(b)));
    let certain = right
        .into_iter()
        .take(n)
        .map(|position| (position, "most certain"));
    let mistaken = wrong
        .into_iter()
        .take(n)
        .map(|position| (position, "most mistaken"));
    certain.chain(mistaken).collect()
}

fn explain_tracks(
    model: &Watched<'_>,
    test: &Test<'_>,
    background: &FeatureMatrix,
    (config, picked): (&ExplainConfig, &[(usize, &'static str)]),
    table: &TrackTable,
    section: &mut ExplanationSection,
) -> Result<()> {
    let shapley = ShapleyConfig {
        method: ShapleyMethod::Sampled {
            n_orders: config.n_orders,
        },
        n_background: config.n_background,
        seed: config.seed,
        ..ShapleyConfig::default()
    };
    for (position, why) in picked {
        let found = shapley.explain(model, &test.x, *position, background)?;
        let label = test.y.class_names()[test.y.y()[*position]].clone();
        let name = track_name(table, test.rows[*position]);
        section.tracks.push(track_explanation(found, name, why, label));
    }
    Ok(())
}

fn track_explanation(found: Explanation, track: String, picked: &str, label: String) -> TrackExplanation {
    let part = |part: playlist_explain::Contribution| ContributionSection {
        feature: part.column,
        unit: part.unit,
        value: part.value,
        contribution: part.contribution,
        standard_error: part.standard_error,
    };
    let mut contributions: Vec<ContributionSection> = found.contributions.into_iter().map(part).collect();
    contributions.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
    TrackExplanation {
        track,
        picked: picked.to_owned(),
        label,
        class: found.class,
        base: found.base,
        prediction: found.prediction,
        contributions,
    }
}

/// What a track is called: title and artist, else its id, else its place in its file.
pub(crate) fn track_name(table: &TrackTable, row: usize) -> String {
    match (table.title(row), table.artist(row)) {
        (Some(title), Some(artist)) => format!("{title} - {artist}"),
        _ => track_title(table, row),
    }
}

/// The title of a track, else its id, else its place in its file.
pub(crate) fn track_title(table: &TrackTable, row: usize) -> String {
    let title = table.title(row).or_else(|| table.id(row));
    title.map_or_else(
        || {
            let (file, row) = table.origin(row);
            format!("row {row} of {file}")
        },
        ToOwned::to_owned,
    )
}

#[cfg(test)]
mod tests {
    use super::spaced;

    #[test]
    fn spaced_rows_are_distinct_and_span_the_part() {
        let rows: Vec<usize> = (10..110).collect();
        let some = spaced(&rows, 7);
        assert_eq!(some.len(), 7);
        assert!(some.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!((some[0], some[6]), (10, 95));
        assert_eq!(spaced(&rows, 100), rows);
    }
}
