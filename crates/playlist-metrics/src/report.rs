//! All numbers of one model on one set of rows, for a table or a file.

use serde::{Deserialize, Serialize};

use crate::calibration::{CalibrationBins, default_calibration_error};
use crate::confusion::ConfusionCounts;
use crate::confusion_matrix::{Average, ConfusionMatrix};
use crate::delong::interval_of;
use crate::error::{Error, Result};
use crate::interval::{DEFAULT_LEVEL, Interval, wilson_interval};
use crate::multiclass::{
    average_area, brier_multiclass, check_rows, check_shapes, log_loss_multiclass, roc_auc_per_class,
    top_class, top_class_calibration_error,
};
use crate::paired::{MajorityTest, better_than_majority};
use crate::probability::{brier_score, log_loss};
use crate::ranking::{auc, average_precision_of};
use crate::score::{Score, SortedScores};

/// Every metric of a binary classifier on one set of rows; `None` where a metric has no value.
///
/// Intervals are at the 95 % level. The calibration error is in 15 bins of equal count.
///
/// # Examples
/// ```
/// use playlist_metrics::BinaryReport;
///
/// let y_true = [true, false, true, false, false, true, false];
/// let y_prob = [0.9, 0.6, 0.4, 0.2, 0.1, 0.8, 0.3];
/// let report = BinaryReport::new(&y_true, &y_prob, 0.5)?;
/// assert_eq!(report.accuracy, Some(5.0 / 7.0));
/// assert_eq!(report.roc_auc, Some(11.0 / 12.0));
///
/// let one_class = BinaryReport::new(&[false; 7], &y_prob, 0.5)?;
/// assert_eq!((one_class.roc_auc, one_class.recall), (None, None));
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BinaryReport {
    /// Number of rows.
    pub n_samples: usize,
    /// Number of rows of the positive class.
    pub n_positives: usize,
    /// The threshold of the decisions, inclusive.
    pub threshold: f64,
    /// Decisions by true class.
    pub counts: ConfusionCounts,
    /// See [`ConfusionCounts::accuracy`].
    pub accuracy: Option<f64>,
    /// Wilson interval of the accuracy.
    pub accuracy_interval: Option<Interval>,
    /// See [`ConfusionCounts::balanced_accuracy`].
    pub balanced_accuracy: Option<f64>,
    /// See [`ConfusionCounts::precision`].
    pub precision: Option<f64>,
    /// Wilson interval of the precision.
    pub precision_interval: Option<Interval>,
    /// See [`ConfusionCounts::recall`].
    pub recall: Option<f64>,
    /// Wilson interval of the recall.
    pub recall_interval: Option<Interval>,
    /// See [`ConfusionCounts::f1`].
    pub f1: Option<f64>,
    /// See [`ConfusionCounts::specificity`].
    pub specificity: Option<f64>,
    /// See [`ConfusionCounts::matthews_correlation`].
    pub matthews_correlation: Option<f64>,
    /// See [`roc_auc`](crate::roc_auc).
    pub roc_auc: Option<f64>,
    /// DeLong interval of the area, see [`delong_interval`](crate::delong_interval).
    pub roc_auc_interval: Option<Interval>,
    /// See [`average_precision`](crate::average_precision).
    pub average_precision: Option<f64>,
    /// Log loss in nats, see [`log_loss`](crate::log_loss).
    pub log_loss: Option<f64>,
    /// See [`brier_score`](crate::brier_score).
    pub brier: Option<f64>,
    /// See [`expected_calibration_error`](crate::expected_calibration_error).
    pub calibration_error: Option<f64>,
    /// Is the accuracy better than that of always predicting the larger class?
    pub majority_test: MajorityTest,
}

impl BinaryReport {
    /// Computes the report; the probabilities are sorted once.
    ///
    /// # Shapes
    /// `y_true` and `y_prob`: `[n_samples]`. One class alone is enough.
    ///
    /// # Errors
    /// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one probability a label.
    /// - [`Error::ProbabilityOutOfRange`]: a probability is outside 0 to 1, or NaN.
    /// - [`Error::InvalidThreshold`]: the threshold is not finite.
    pub fn new<S: Score>(y_true: &[bool], y_prob: &[S], threshold: f64) -> Result<Self> {
        if !threshold.is_finite() {
            return Err(Error::InvalidThreshold { value: threshold });
        }
        // The log loss comes first: it checks lengths and probabilities.
        let log_loss = Some(log_loss(y_true, y_prob)?);
        let counts = ConfusionCounts::from_scores(y_true, y_prob, threshold)?;
        let sorted = SortedScores::new(y_true, y_prob)?;
        let has_positives = sorted.check_positives().is_ok();
        let roc_auc = sorted.check_both_classes().is_ok().then(|| auc(&sorted));
        Ok(Self {
            n_samples: y_true.len(),
            n_positives: y_true.iter().filter(|&&label| label).count(),
            threshold,
            counts,
            accuracy: counts.accuracy(),
            accuracy_interval: proportion_interval(
                counts.true_positives + counts.true_negatives,
                counts.n_samples(),
            ),
            balanced_accuracy: counts.balanced_accuracy(),
            precision: counts.precision(),
            precision_interval: proportion_interval(counts.true_positives, counts.n_predicted_positives()),
            recall: counts.recall(),
            recall_interval: proportion_interval(counts.true_positives, counts.n_positives()),
            f1: counts.f1(),
            specificity: counts.specificity(),
            matthews_correlation: counts.matthews_correlation(),
            roc_auc,
            roc_auc_interval: roc_auc.and_then(|area| area_interval(&sorted, area)),
            average_precision: has_positives.then(|| average_precision_of(&sorted)),
            log_loss,
            brier: Some(brier_score(y_true, y_prob)?),
            calibration_error: Some(default_calibration_error(&sorted)?),
            majority_test: better_than_majority(&counts)?,
        })
    }
}

/// The Wilson interval, or `None` without trials.
fn proportion_interval(successes: u64, n: u64) -> Option<Interval> {
    wilson_interval(successes, n, DEFAULT_LEVEL).ok()
}

/// The DeLong interval, or `None` where a class has one sample only.
fn area_interval<S: Score>(sorted: &SortedScores<S>, area: f64) -> Option<Interval> {
    let result = interval_of(sorted, area, DEFAULT_LEVEL).ok()?;
    Some(result.interval)
}

/// What one class of several contributes; `None` where a metric has no value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassReport {
    /// The class.
    pub class: usize,
    /// Samples of the class.
    pub n_true: u64,
    /// Samples predicted to be of the class.
    pub n_predicted: u64,
    /// Precision against the rest.
    pub precision: Option<f64>,
    /// Recall against the rest.
    pub recall: Option<f64>,
    /// F1 against the rest.
    pub f1: Option<f64>,
    /// Area under the ROC curve against the rest.
    pub roc_auc: Option<f64>,
}

/// Every metric of a classifier with several classes on one set of rows.
///
/// The decision is the class with the highest probability, see [`top_class`]. Intervals are at the
/// 95 % level. How averages treat classes without a value: see [`ConfusionMatrix::precision`].
///
/// # Examples
/// ```
/// use playlist_metrics::MultiClassReport;
///
/// let y_prob = [0.7, 0.2, 0.1, 0.1, 0.6, 0.3, 0.2, 0.5, 0.3, 0.3, 0.1, 0.6];
/// let report = MultiClassReport::new(&[0, 1, 2, 2], &y_prob, 3)?;
/// assert_eq!(report.accuracy, 0.75);
/// assert_eq!(report.classes[2].recall, Some(0.5));
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MultiClassReport {
    /// Number of rows.
    pub n_samples: usize,
    /// Number of classes.
    pub n_classes: usize,
    /// Decisions by true class.
    pub confusion: ConfusionMatrix,
    /// Share of correct decisions, which is also micro precision, recall and F1.
    pub accuracy: f64,
    /// Wilson interval of the accuracy.
    pub accuracy_interval: Interval,
    /// Mean recall over the classes that have samples.
    pub balanced_accuracy: f64,
    /// See [`ConfusionMatrix::precision`].
    pub precision_macro: f64,
    /// See [`ConfusionMatrix::precision`].
    pub precision_weighted: f64,
    /// See [`ConfusionMatrix::recall`].
    pub recall_macro: f64,
    /// See [`ConfusionMatrix::recall`].
    pub recall_weighted: f64,
    /// See [`ConfusionMatrix::f1`].
    pub f1_macro: f64,
    /// See [`ConfusionMatrix::f1`].
    pub f1_weighted: f64,
    /// See [`ConfusionMatrix::matthews_correlation`].
    pub matthews_correlation: Option<f64>,
    /// Plain mean of the areas of all classes; `None` if a class has none.
    pub roc_auc_macro: Option<f64>,
    /// Mean of the areas, weighted by samples; `None` if one class has all samples.
    pub roc_auc_weighted: Option<f64>,
    /// Log loss in nats, see [`log_loss_multiclass`].
    pub log_loss: f64,
    /// See [`brier_multiclass`].
    pub brier: f64,
    /// Of the highest probability, in 15 bins of equal count, see [`top_class_calibration_error`].
    pub calibration_error: f64,
    /// Is the accuracy better than that of always predicting the largest class?
    pub majority_test: MajorityTest,
    /// Every class against the rest, `[n_classes]`.
    pub classes: Vec<ClassReport>,
}

impl MultiClassReport {
    /// Computes the report.
    ///
    /// # Shapes
    /// `y_true`: `[n_samples]`, classes `0 .. n_classes`; `y_prob`: row-major
    /// `[n_samples, n_classes]`. Not every class needs a sample.
    ///
    /// # Errors
    /// - [`Error::InvalidClassCount`]: fewer than 2 classes or more than 4,096.
    /// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one row a label.
    /// - [`Error::LabelOutOfRange`]: a label is not below `n_classes`.
    /// - [`Error::ProbabilityOutOfRange`]: a probability is outside 0 to 1, or NaN.
    /// - [`Error::RowSum`]: a row does not sum to one.
    pub fn new<S: Score>(y_true: &[usize], y_prob: &[S], n_classes: usize) -> Result<Self> {
        check_shapes(y_true, y_prob, n_classes)?;
        check_rows(y_prob, n_classes)?;
        let y_pred = top_class(y_prob, n_classes)?;
        let confusion = ConfusionMatrix::from_labels(y_true, &y_pred, n_classes)?;
        let areas = roc_auc_per_class(y_true, y_prob, n_classes)?;
        let (n_correct, n_samples) = (confusion.n_correct(), confusion.n_samples());
        let bins = CalibrationBins::default();
        Ok(Self {
            n_samples: y_true.len(),
            n_classes,
            accuracy: confusion.accuracy(),
            accuracy_interval: wilson_interval(n_correct, n_samples, DEFAULT_LEVEL)?,
            balanced_accuracy: confusion.balanced_accuracy(),
            precision_macro: confusion.precision(Average::Macro),
            precision_weighted: confusion.precision(Average::Weighted),
            recall_macro: confusion.recall(Average::Macro),
            recall_weighted: confusion.recall(Average::Weighted),
            f1_macro: confusion.f1(Average::Macro),
            f1_weighted: confusion.f1(Average::Weighted),
            matthews_correlation: confusion.matthews_correlation(),
            roc_auc_macro: average_area(y_true, &areas, Average::Macro).ok(),
            roc_auc_weighted: average_area(y_true, &areas, Average::Weighted).ok(),
            log_loss: log_loss_multiclass(y_true, y_prob, n_classes)?,
            brier: brier_multiclass(y_true, y_prob, n_classes)?,
            calibration_error: top_class_calibration_error(y_true, y_prob, n_classes, bins)?,
            majority_test: confusion.better_than_majority(),
            classes: class_reports(&confusion, &areas),
            confusion,
        })
    }
}

fn class_reports(confusion: &ConfusionMatrix, areas: &[Option<f64>]) -> Vec<ClassReport> {
    let counts = confusion.one_vs_rest();
    let classes = counts.iter().zip(areas).enumerate();
    classes
        .map(|(class, (counts, &roc_auc))| ClassReport {
            class,
            n_true: counts.n_positives(),
            n_predicted: counts.n_predicted_positives(),
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
            roc_auc,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{BinaryReport, MultiClassReport};
    use crate::{CalibrationBins, Error};

    const Y_TRUE: [bool; 9] = [true, false, true, false, false, true, false, false, false];
    const Y_PROB: [f32; 9] = [0.9, 0.6, 0.4, 0.2, 0.1, 0.8, 0.3, 0.4, 0.7];

    #[test]
    fn the_report_agrees_with_the_single_functions() {
        let report = BinaryReport::new(&Y_TRUE, &Y_PROB, 0.5).unwrap();
        assert_eq!(report.roc_auc, crate::roc_auc(&Y_TRUE, &Y_PROB).ok());
        let delong = crate::delong_interval(&Y_TRUE, &Y_PROB, 0.95).unwrap();
        assert_eq!(report.roc_auc_interval, Some(delong.interval));
        assert_eq!(
            report.average_precision,
            crate::average_precision(&Y_TRUE, &Y_PROB).ok()
        );
        assert_eq!(report.log_loss, crate::log_loss(&Y_TRUE, &Y_PROB).ok());
        assert_eq!(report.brier, crate::brier_score(&Y_TRUE, &Y_PROB).ok());
        let bins = CalibrationBins::default();
        let calibration = crate::expected_calibration_error(&Y_TRUE, &Y_PROB, bins);
        assert_eq!(report.calibration_error, calibration.ok());
        assert_eq!(report.recall_interval, crate::wilson_interval(2, 3, 0.95).ok());
        assert_eq!(report.precision_interval, crate::wilson_interval(2, 4, 0.95).ok());
        assert_eq!(report.accuracy_interval, crate::wilson_interval(6, 9, 0.95).ok());
        assert_eq!((report.n_samples, report.n_positives), (9, 3));
    }

    #[test]
    fn one_class_gives_a_report_with_gaps() {
        let negative = BinaryReport::new(&[false; 9], &Y_PROB, 0.95).unwrap();
        assert_eq!(negative.accuracy, Some(1.0));
        assert_eq!((negative.roc_auc, negative.roc_auc_interval), (None, None));
        assert_eq!((negative.precision, negative.precision_interval), (None, None));
        assert_eq!((negative.average_precision, negative.f1), (None, None));
        assert!(negative.log_loss.is_some() && negative.calibration_error.is_some());
        let positive = BinaryReport::new(&[true; 9], &Y_PROB, 0.5).unwrap();
        assert_eq!((positive.roc_auc, positive.specificity), (None, None));
        assert_eq!(positive.average_precision, Some(1.0));
    }

    #[test]
    fn a_report_survives_json() {
        let report = BinaryReport::new(&[false; 9], &Y_PROB, 0.5).unwrap();
        let json = serde_json::to_string(&report).unwrap();
        // serde_json writes the shortest digits that read back as the same number.
        assert_eq!(serde_json::from_str::<BinaryReport>(&json).unwrap(), report);
    }

    #[test]
    fn a_report_refuses_what_is_no_probability_or_threshold() {
        let logits = [2.5, -1.0];
        let result = BinaryReport::new(&[true, false], &logits, 0.5);
        assert_eq!(result, Err(Error::ProbabilityOutOfRange { row: 0, value: 2.5 }));
        let result = BinaryReport::new(&[true, false], &[0.5, 0.25], f64::INFINITY);
        assert!(matches!(result, Err(Error::InvalidThreshold { .. })));
    }

    #[test]
    fn a_class_without_samples_leaves_gaps_in_the_report() {
        let y_prob = [0.7, 0.2, 0.1, 0.1, 0.6, 0.3, 0.2, 0.5, 0.3];
        let report = MultiClassReport::new(&[0, 1, 0], &y_prob, 3).unwrap();
        assert_eq!(report.roc_auc_macro, None);
        assert!(report.roc_auc_weighted.is_some());
        assert_eq!(
            (report.classes[2].recall, report.classes[2].roc_auc),
            (None, None)
        );
        assert_eq!((report.classes[1].n_true, report.classes[1].n_predicted), (1, 2));
    }
}
