//! Scores of one model on one test part, and tests against another model.

use std::collections::BTreeMap;

use playlist_core::{Labels, Probabilities, Transformer};
use playlist_dataset::Split;
use playlist_metrics::{
    BinaryReport, Interval, MajorityTest, MultiClassReport, ThresholdRule, auc_better_than_chance,
    corrected_mean_interval, corrected_resampled_t_test, delong_test, mcnemar, roc_auc,
};
use playlist_report::{CHANCE, Comparison, MetricsSection};

use crate::Result;
use crate::model::{AnyClassifier, AnyPipeline};

/// The level of every interval.
const LEVEL: f64 = 0.95;

/// What one model came to on one test part.
#[derive(Clone, Debug)]
pub(crate) struct Scores {
    pub(crate) metrics: MetricsSection,
    pub(crate) intervals: BTreeMap<String, Option<Interval>>,
    pub(crate) majority: MajorityTest,
}

/// Learns the threshold of a binary model on the training part; `None` with more classes.
pub(crate) fn learn_threshold(rule: ThresholdRule, y: &Labels, p: &Probabilities) -> Result<Option<f64>> {
    match (rule, p.positive()) {
        (_, Err(_)) => Ok(None),
        (ThresholdRule::Fixed(threshold), _) => Ok(Some(threshold)),
        (rule, Ok(p)) => Ok(Some(rule.learn(&y.positives()?, p)?)),
    }
}

/// Scores predictions; `test_loss` is filled in by [`test_loss`].
///
/// Of two classes without a threshold the more probable one is answered, of equally probable ones the positive.
pub(crate) fn score(y: &Labels, p: &Probabilities, threshold: Option<f64>) -> Result<Scores> {
    if let Ok(positive) = p.positive() {
        let mut scores = binary(BinaryReport::new(
            &y.positives()?,
            positive,
            threshold.unwrap_or(0.5),
        )?);
        scores.metrics.threshold = threshold;
        return Ok(scores);
    }
    let report = MultiClassReport::new(y.y(), &p.to_rows(), p.n_classes())?;
    let metrics = MetricsSection {
        accuracy: Some(report.accuracy),
        precision: Some(report.precision_macro),
        recall: Some(report.recall_macro),
        f1: Some(report.f1_macro),
        roc_auc: report.roc_auc_macro,
        average_precision: None,
        log_loss: Some(report.log_loss),
        brier: Some(report.brier),
        calibration_error: Some(report.calibration_error),
        test_loss: None,
        threshold: None,
    };
    let intervals = BTreeMap::from([("accuracy".to_owned(), Some(report.accuracy_interval))]);
    Ok(Scores {
        metrics,
        intervals,
        majority: report.majority_test,
    })
}

fn binary(report: BinaryReport) -> Scores {
    let metrics = MetricsSection {
        accuracy: report.accuracy,
        precision: report.precision,
        recall: report.recall,
        f1: report.f1,
        roc_auc: report.roc_auc,
        average_precision: report.average_precision,
        log_loss: report.log_loss,
        brier: report.brier,
        calibration_error: report.calibration_error,
        test_loss: None,
        threshold: Some(report.threshold),
    };
    let intervals = [
        ("accuracy", report.accuracy_interval),
        ("precision", report.precision_interval),
        ("recall", report.recall_interval),
        ("roc_auc", report.roc_auc_interval),
    ];
    Scores {
        metrics,
        intervals: intervals
            .into_iter()
            .map(|(name, interval)| (name.to_owned(), interval))
            .collect(),
        majority: report.majority_test,
    }
}

/// The loss that the model was trained on, over the test part: the network's own, else the log loss.
pub(crate) fn test_loss(
    pipeline: &AnyPipeline,
    x: &playlist_core::FeatureMatrix,
    y: &Labels,
    log_loss: Option<f64>,
) -> Result<Option<f64>> {
    match pipeline.classifier() {
        AnyClassifier::Mlp(model) => Ok(Some(model.loss(&pipeline.transformer().transform(x)?, y)?)),
        _ => Ok(log_loss),
    }
}

/// A model against always answering the larger class of the test part, which is called `reference`.
pub(crate) fn against_majority(test: &MajorityTest, reference: &str) -> Comparison {
    Comparison {
        against: reference.to_owned(),
        metric: "accuracy".to_owned(),
        score: test.accuracy,
        other_score: test.majority_share,
        p_value: Some(test.p_value),
        test: "mcnemar-one-sided".to_owned(),
    }
}

/// Whether the order of the tracks of one test part is better than chance; `None` with more than two classes, and of
/// one class.
pub(crate) fn against_chance(y: &Labels, p: &Probabilities) -> Result<Option<Comparison>> {
    let Ok(p) = p.positive() else { return Ok(None) };
    let test = auc_better_than_chance(&y.positives()?, p).ok();
    Ok(test.map(|test| Comparison {
        against: CHANCE.to_owned(),
        metric: "roc_auc".to_owned(),
        score: test.auc,
        other_score: 0.5,
        p_value: Some(test.p_value),
        test: "mann-whitney-one-sided".to_owned(),
    }))
}

/// A model against the baseline on one test part: by ROC AUC with two classes, by right answers with more.
pub(crate) fn against_baseline(
    baseline: &str,
    y: &Labels,
    p: &Probabilities,
    baseline_p: &Probabilities,
) -> Result<Comparison> {
    let against = baseline.to_owned();
    if let (Ok(p), Ok(baseline_p)) = (p.positive(), baseline_p.positive()) {
        let y = y.positives()?;
        let (score, other_score, p_value) = match delong_test(&y, p, baseline_p) {
            Ok(test) => (test.auc_a, test.auc_b, test.p_value),
            // One track of a class says nothing of how the areas vary.
            Err(playlist_metrics::Error::TooFew { .. }) => (roc_auc(&y, p)?, roc_auc(&y, baseline_p)?, None),
            Err(error) => return Err(error.into()),
        };
        return Ok(Comparison {
            against,
            metric: "roc_auc".to_owned(),
            score,
            other_score,
            p_value,
            test: "delong".to_owned(),
        });
    }
    let is_right = |p: &Probabilities| -> Vec<bool> {
        p.most_probable()
            .iter()
            .zip(y.y())
            .map(|(found, label)| found == label)
            .collect()
    };
    let (right, baseline_right) = (is_right(p), is_right(baseline_p));
    let share = |right: &[bool]| right.iter().filter(|right| **right).count() as f64 / right.len() as f64;
    let test = mcnemar(&vec![true; right.len()], &right, &baseline_right)?;
    let is_told_apart = test.only_a_correct + test.only_b_correct > 0;
    Ok(Comparison {
        against,
        metric: "accuracy".to_owned(),
        score: share(&right),
        other_score: share(&baseline_right),
        p_value: is_told_apart.then_some(test.p_value),
        test: "mcnemar".to_owned(),
    })
}

/// The sizes of the parts, added up over the splits. The corrections for repeated splits need their ratio: that of a
/// test fraction, `1 / (n_folds - 1)` over folds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PartSizes {
    n_train: usize,
    n_test: usize,
}

impl PartSizes {
    pub(crate) fn add(&mut self, split: &Split) {
        self.n_train += split.train.len();
        self.n_test += split.test.len();
    }
}

/// A comparison over repeated splits, by the corrected resampled t-test; `None` where a score is undefined.
pub(crate) fn over_repeats(
    against: &str,
    metric: &str,
    scores: &[(f64, f64)],
    sizes: PartSizes,
) -> Option<Comparison> {
    let mean = |pick: fn(&(f64, f64)) -> f64| scores.iter().map(pick).sum::<f64>() / scores.len() as f64;
    let differences: Vec<f64> = scores.iter().map(|(score, other)| score - other).collect();
    let test = corrected_resampled_t_test(&differences, sizes.n_train, sizes.n_test);
    (!scores.is_empty()).then(|| Comparison {
        against: against.to_owned(),
        metric: metric.to_owned(),
        score: mean(|pair| pair.0),
        other_score: mean(|pair| pair.1),
        p_value: test.ok().map(|test| test.p_value),
        test: "corrected-resampled-t".to_owned(),
    })
}

/// The corrected resampled interval of the mean of every score but the threshold.
pub(crate) fn intervals_over_repeats(
    repeats: &[MetricsSection],
    sizes: PartSizes,
    n_classes: usize,
) -> BTreeMap<String, Option<Interval>> {
    MetricsSection::names()
        .filter(|name| *name != "threshold")
        .map(|name| {
            (
                name.to_owned(),
                interval_over_repeats(repeats, name, sizes, n_classes),
            )
        })
        .collect()
}

/// The corrected resampled interval of the mean of one score, cut to the score's range; `None` where the score is
/// undefined on any of the splits.
pub(crate) fn interval_over_repeats(
    repeats: &[MetricsSection],
    name: &str,
    sizes: PartSizes,
    n_classes: usize,
) -> Option<Interval> {
    let values: Vec<f64> = repeats
        .iter()
        .map(|repeat| repeat.get(name))
        .collect::<Option<_>>()?;
    let interval = corrected_mean_interval(&values, sizes.n_train, sizes.n_test, LEVEL).ok()?;
    let most = match name {
        "log_loss" | "test_loss" => f64::INFINITY,
        // The squares of all classes are added.
        "brier" if n_classes > 2 => 2.0,
        _ => 1.0,
    };
    Some(interval.within(0.0..=most))
}
