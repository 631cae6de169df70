//! The results of an experiment, as they are written to JSON. `SCHEMA.md` describes the keys.

use std::collections::BTreeMap;

use playlist_metrics::Interval;
use serde::{Deserialize, Serialize};

use crate::{ExplanationSection, Result};

/// Everything that one run found out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExperimentReport {
    /// What was read, dropped and kept.
    pub dataset: DatasetSection,
    /// How the kept tracks were divided.
    pub split: SplitSection,
    /// The class shares that probabilities hold for.
    pub prior: PriorSection,
    /// The seed of the split, the initial weights, shuffling and dropout; of a loaded model that of its
    /// training.
    pub seed: u64,
    /// The versions that made the results.
    pub versions: BTreeMap<String, String>,
    /// One entry a model, in the order asked for.
    pub models: Vec<ModelSection>,
    /// Why the last of the models answers as it does, where that was asked for.
    pub explanation: Option<ExplanationSection>,
}

/// The data report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetSection {
    /// The files read.
    pub sources: Vec<SourceSection>,
    /// Rows read from all files.
    pub rows_read: usize,
    /// Rows that left, by reason.
    pub dropped: Vec<DroppedCount>,
    /// Tracks that remain.
    pub n_tracks: usize,
    /// Tracks that remain, by class; with two classes the second is the positive one.
    pub classes: Vec<ClassCount>,
    /// The positive class, where there are two.
    pub positive_class: Option<String>,
    /// The features used, in order.
    pub features: Vec<String>,
    /// Missing values among the tracks that remain, by feature; features without any are left out.
    pub missing: BTreeMap<String, usize>,
    /// What a reader should know about the tracks and features, a sentence each.
    pub notes: Vec<String>,
    /// A hash of ids, labels and features of the tracks that remain.
    pub fingerprint: String,
}

/// One file read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceSection {
    /// The file.
    pub file: String,
    /// `csv`, `parquet` or `json-lines`.
    pub format: String,
    /// Rows read.
    pub rows: usize,
    /// What was converted, ignored or doubtful.
    pub notes: Vec<String>,
}

/// Rows that left for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DroppedCount {
    /// Why.
    pub reason: String,
    /// How many rows.
    pub rows: usize,
}

/// The size of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class.
    pub name: String,
    /// Its tracks.
    pub n_tracks: usize,
}

/// How the tracks were divided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitSection {
    /// `stratified`, `k-fold`, `column`, or `unseen` for what a loaded model was not trained on.
    pub method: String,
    /// What was kept together: `track` or `artist`.
    pub group_by: String,
    /// The share of the test part that was asked for; `null` with a column and with folds.
    pub test_fraction: Option<f64>,
    /// The number of folds, each of which is the test part once; `null` without.
    pub folds: Option<usize>,
    /// Tracks to learn from (first split).
    pub n_train: usize,
    /// Tracks that a column keeps for choosing, which nothing here does: they are not used (first split).
    pub n_valid: usize,
    /// Tracks to test on (first split).
    pub n_test: usize,
    /// Tracks of the test part, by class (first split).
    pub test_classes: Vec<ClassCount>,
    /// How many splits were made; with more than one the metrics are means.
    pub repeats: usize,
    /// How many splits were asked for: more than were made when the run was stopped.
    pub repeats_asked: usize,
}

/// The class shares that the probabilities of every model but the majority class hold for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PriorSection {
    /// `training`, `balanced`, the share of the positive class as text, or `saved` for that of a loaded model.
    pub setting: String,
    /// The shares by class (first split); none where they are those of the training part.
    pub classes: Vec<ClassShares>,
}

/// The shares of one class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassShares {
    /// The class.
    pub name: String,
    /// Its share of the training part.
    pub training: f64,
    /// The share that probabilities hold for.
    pub new: f64,
}

/// One model's results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelSection {
    /// `majority`, `logistic-raw`, `logistic`, `paper`, `ensemble`.
    pub name: String,
    /// Seconds of the fit, mean over the repeats.
    pub fit_seconds: Option<f64>,
    /// Seconds of predicting the test part, mean over the repeats.
    pub predict_seconds: f64,
    /// The scores on the test part, means over the repeats.
    pub metrics: MetricsSection,
    /// 95 % intervals, by metric.
    pub intervals: BTreeMap<String, Option<Interval>>,
    /// The tests that the verdict rests on.
    pub tests: TestsSection,
    /// What it comes to, in words.
    pub verdict: String,
    /// What went badly, for instance a fit that did not converge.
    pub warnings: Vec<String>,
    /// What else a reader should know of the fit (first split), for instance what a search for settings came to.
    pub notes: Vec<String>,
    /// The scores of every repeat, where there are several.
    pub repeats: Vec<MetricsSection>,
}

/// Scores on the test part. A value that is undefined is `null`.
///
/// With more than two classes precision, recall, F1 and ROC AUC (one against the rest) are means over the
/// classes, and average precision and threshold are undefined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MetricsSection {
    /// Share of right answers.
    pub accuracy: Option<f64>,
    /// Share of right answers among those predicted positive.
    pub precision: Option<f64>,
    /// Share of the positive tracks that were found.
    pub recall: Option<f64>,
    /// Harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// Average precision.
    pub average_precision: Option<f64>,
    /// Mean negative log likelihood, natural logarithm.
    pub log_loss: Option<f64>,
    /// Mean squared error of the probabilities.
    pub brier: Option<f64>,
    /// Expected calibration error, 15 equal-count bins.
    pub calibration_error: Option<f64>,
    /// The loss that the model was trained on, over the test part.
    pub test_loss: Option<f64>,
    /// The threshold in use, learnt on the training part or fixed.
    pub threshold: Option<f64>,
}

/// One score of [`MetricsSection`]: its key and how it is reached.
type Score = (&'static str, fn(&mut MetricsSection) -> &mut Option<f64>);

impl MetricsSection {
    const SCORES: [Score; 11] = [
        ("accuracy", |m| &mut m.accuracy),
        ("precision", |m| &mut m.precision),
        ("recall", |m| &mut m.recall),
        ("f1", |m| &mut m.f1),
        ("roc_auc", |m| &mut m.roc_auc),
        ("average_precision", |m| &mut m.average_precision),
        ("log_loss", |m| &mut m.log_loss),
        ("brier", |m| &mut m.brier),
        ("calibration_error", |m| &mut m.calibration_error),
        ("test_loss", |m| &mut m.test_loss),
        ("threshold", |m| &mut m.threshold),
    ];

    /// The keys of all scores, in order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::SCORES.iter().map(|(name, _)| *name)
    }

    /// The score called `name`; `None` where it is undefined or there is no such score.
    #[must_use]
    pub fn get(mut self, name: &str) -> Option<f64> {
        let (_, score) = Self::SCORES.iter().find(|(key, _)| *key == name)?;
        *score(&mut self)
    }

    /// The mean of each score over `repeats`; undefined where any of them is.
    #[must_use]
    pub fn mean(repeats: &[Self]) -> Self {
        let mut mean = Self::default();
        for (name, score) in Self::SCORES {
            let values: Option<Vec<f64>> = repeats.iter().map(|repeat| repeat.get(name)).collect();
            let values = values.filter(|values| !values.is_empty());
            *score(&mut mean) = values.map(|values| values.iter().sum::<f64>() / values.len() as f64);
        }
        mean
    }
}

/// A comparison of one model with another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The other model, [`LARGER_TEST_CLASS`](crate::LARGER_TEST_CLASS), or [`CHANCE`](crate::CHANCE).
    pub against: String,
    /// The score compared: `accuracy` or `roc_auc`.
    pub metric: String,
    /// This model's score.
    pub score: f64,
    /// The other model's score.
    pub other_score: f64,
    /// The probability of such a difference if there were none; undefined when both answer alike, and when
    /// the tracks say nothing of how the difference varies.
    pub p_value: Option<f64>,
    /// The test: `mcnemar-one-sided`, `delong`, `mcnemar`, `mann-whitney-one-sided`, `corrected-resampled-t`.
    pub test: String,
}

/// The tests that a verdict rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TestsSection {
    /// Whether the order that the probabilities give the tracks is better than chance: ROC AUC against one half.
    /// With more than two classes only over several splits.
    pub chance: Option<Comparison>,
    /// Against always answering the larger class of the test part, which is what the majority model does
    /// unless another class is the larger one of the training part.
    pub majority: Option<Comparison>,
    /// Against the paper's baseline, logistic regression on raw columns.
    pub baseline: Option<Comparison>,
}

/// `value` as indented JSON with a line feed at the end.
///
/// # Errors
/// [`Error::Json`](crate::Error::Json), for instance on a map whose keys are no strings.
pub fn to_json(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_undefined_where_a_repeat_is() {
        let one = MetricsSection {
            accuracy: Some(0.5),
            precision: None,
            ..MetricsSection::default()
        };
        let two = MetricsSection {
            accuracy: Some(0.7),
            precision: Some(1.0),
            ..MetricsSection::default()
        };
        let mean = MetricsSection::mean(&[one, two]);
        assert!((mean.accuracy.unwrap() - 0.6).abs() < 1e-12);
        assert_eq!(mean.precision, None);
        assert_eq!(MetricsSection::mean(&[]), MetricsSection::default());
    }

    #[test]
    fn names_are_the_keys_of_the_json() {
        let json = serde_json::to_value(MetricsSection::default()).unwrap();
        let mut names: Vec<&str> = MetricsSection::names().collect();
        names.sort_unstable();
        let mut keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(names, keys);
    }
}
