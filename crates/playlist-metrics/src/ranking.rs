//! Metrics of the order that the scores put the samples in: ROC, precision-recall, their areas.

use serde::Serialize;

use crate::error::Result;
use crate::score::{Score, SortedScores, Word};

/// Returns the area under the ROC curve.
///
/// The share of pairs of a positive and a negative sample in which the positive one has the higher
/// score, ties counting one half. The pairs are counted exactly, in integers, after one sort: the
/// only rounding is that of the final division.
///
/// # Shapes
/// `y_true` and `y_score`: `[n_samples]`. Scores may be any finite numbers; probabilities and
/// logits give the same area.
///
/// # Errors
/// - [`Error::Empty`](crate::Error::Empty),
///   [`Error::LengthMismatch`](crate::Error::LengthMismatch): no samples, or not one score a label.
/// - [`Error::NonFiniteScore`](crate::Error::NonFiniteScore): a score is NaN or infinite.
/// - [`Error::OneClass`](crate::Error::OneClass): there is no pair to compare.
///
/// # Examples
/// ```
/// let y_true = [false, false, true, true];
/// let y_score = [0.1, 0.4, 0.35, 0.8];
/// assert_eq!(playlist_metrics::roc_auc(&y_true, &y_score)?, 0.75);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// J. A. Hanley and B. J. McNeil, Radiology 143 (1982); the same value as scikit-learn 1.9
/// `roc_auc_score`, which warns and returns NaN for one class.
pub fn roc_auc<S: Score>(y_true: &[bool], y_score: &[S]) -> Result<f64> {
    let sorted = SortedScores::new(y_true, y_score)?;
    sorted.check_both_classes()?;
    Ok(auc(&sorted))
}

/// The area for sorted scores of which both classes are present.
pub(crate) fn auc<S: Score>(sorted: &SortedScores<S>) -> f64 {
    let n_pairs = u128::from(sorted.n_positives()) * u128::from(sorted.n_negatives());
    doubled_wins(sorted) as f64 / (2 * n_pairs) as f64
}

/// Twice the Mann-Whitney statistic: 2 for each pair that the positive sample wins, 1 for a tie.
///
/// A positive sample wins against the negatives before its run. Its ties are found from the other
/// side: every pair is won, tied, or lost, and a negative sample wins against the positives before
/// its run. Both counts need only what lies before, so one pass without branches will do.
pub(crate) fn doubled_wins<S: Score>(sorted: &SortedScores<S>) -> u128 {
    let (mut n_positives, mut n_negatives) = (0_u64, 0_u64);
    let (mut n_won, mut n_lost) = (0_u128, 0_u128);
    for piece in sorted.pieces() {
        let (mut positives_before, mut negatives_before) = (n_positives, n_negatives);
        let mut previous = piece.first().map_or(0, |word| word.key());
        for word in piece {
            let is_new_run = word.key() != previous;
            positives_before = if is_new_run { n_positives } else { positives_before };
            negatives_before = if is_new_run { n_negatives } else { negatives_before };
            previous = word.key();
            let label = u64::from(word.label());
            // A mask of all ones or none picks the one sum to which this sample adds.
            n_won += u128::from(negatives_before & label.wrapping_neg());
            n_lost += u128::from(positives_before & label.wrapping_sub(1));
            n_positives += label;
            n_negatives += 1 - label;
        }
    }
    n_won + (u128::from(n_positives) * u128::from(n_negatives) - n_lost)
}

/// Returns the average precision: precision at each distinct score, weighted by the recall gained.
///
/// `sum over n of (recall_n - recall_(n-1)) * precision_n`, thresholds falling. It is a step-wise
/// sum, not the trapezoidal area under the precision-recall curve, which is too optimistic.
///
/// # Shapes
/// `y_true` and `y_score`: `[n_samples]`.
///
/// # Errors
/// - [`Error::Empty`](crate::Error::Empty),
///   [`Error::LengthMismatch`](crate::Error::LengthMismatch): no samples, or not one score a label.
/// - [`Error::NonFiniteScore`](crate::Error::NonFiniteScore): a score is NaN or infinite.
/// - [`Error::OneClass`](crate::Error::OneClass): no sample is positive, so recall has no value.
///   Without negative samples the value is 1.
///
/// # Examples
/// ```
/// let y_true = [false, false, true, true];
/// let y_score = [0.1, 0.4, 0.35, 0.8];
/// let value = playlist_metrics::average_precision(&y_true, &y_score)?;
/// assert_eq!(value, 0.5 * 1.0 + 0.5 * (2.0 / 3.0));
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// scikit-learn 1.9 `average_precision_score`, which warns and returns 0 without positives.
pub fn average_precision<S: Score>(y_true: &[bool], y_score: &[S]) -> Result<f64> {
    let sorted = SortedScores::new(y_true, y_score)?;
    sorted.check_positives()?;
    Ok(average_precision_of(&sorted))
}

/// The average precision of sorted scores with at least one positive sample.
pub(crate) fn average_precision_of<S: Score>(sorted: &SortedScores<S>) -> f64 {
    let n_positives = sorted.n_positives();
    let (mut n_true_above, mut n_above) = (n_positives, sorted.n_samples());
    let gained: crate::score::Sum = sorted
        .runs()
        .map(|run| {
            let precision = n_true_above as f64 / n_above as f64;
            n_true_above -= run.n_positives;
            n_above -= run.n_samples();
            run.n_positives as f64 * precision
        })
        .collect();
    (gained.total() / n_positives as f64).min(1.0)
}

/// The points of a ROC curve, threshold falling.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RocCurve {
    /// Share of the negatives with a score of at least the threshold, from 0 to 1.
    pub false_positive_rate: Vec<f64>,
    /// Share of the positives with a score of at least the threshold, from 0 to 1.
    pub true_positive_rate: Vec<f64>,
    /// Threshold of each point; the first is infinity, which `serde_json` writes as `null`.
    pub thresholds: Vec<f64>,
}

/// Returns the ROC curve, without the points that lie evenly between their neighbours.
///
/// # Shapes
/// `y_true` and `y_score`: `[n_samples]`; the three columns of the curve have one length, at most
/// the number of distinct scores plus one.
///
/// # Errors
/// - [`Error::Empty`](crate::Error::Empty),
///   [`Error::LengthMismatch`](crate::Error::LengthMismatch): no samples, or not one score a label.
/// - [`Error::NonFiniteScore`](crate::Error::NonFiniteScore): a score is NaN or infinite.
/// - [`Error::OneClass`](crate::Error::OneClass): one of the two rates has no value.
///
/// # Examples
/// ```
/// let y_true = [false, false, true, true];
/// let curve = playlist_metrics::roc_curve(&y_true, &[0.1, 0.4, 0.35, 0.8])?;
/// assert_eq!(curve.false_positive_rate, [0.0, 0.0, 0.5, 0.5, 1.0]);
/// assert_eq!(curve.true_positive_rate, [0.0, 0.5, 0.5, 1.0, 1.0]);
/// assert_eq!(curve.thresholds, [f64::INFINITY, 0.8, 0.4, 0.35, 0.1]);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// scikit-learn 1.9 `roc_curve` with `drop_intermediate=True`: the same points.
pub fn roc_curve<S: Score>(y_true: &[bool], y_score: &[S]) -> Result<RocCurve> {
    let sorted = SortedScores::new(y_true, y_score)?;
    sorted.check_both_classes()?;
    let (n_positives, n_negatives) = (sorted.n_positives(), sorted.n_negatives());
    let (mut n_true, mut n_false) = (n_positives, n_negatives);
    let mut points = Vec::new();
    // A step equal to the one after it is the middle of a straight piece. The last point before
    // the origin is kept whatever its step, so it waits until the end is known.
    let mut last = None;
    let mut previous_step = None;
    for run in sorted.runs() {
        let point = (run.score, n_false, n_true);
        let step = (run.n_negatives, run.n_positives);
        let is_kept = previous_step != Some(step);
        if is_kept {
            points.push(point);
        }
        last = (!is_kept).then_some(point);
        previous_step = Some(step);
        n_false -= step.0;
        n_true -= step.1;
    }
    points.extend(last);
    points.push((f64::INFINITY, 0, 0));
    points.reverse();
    Ok(RocCurve {
        false_positive_rate: points.iter().map(|p| p.1 as f64 / n_negatives as f64).collect(),
        true_positive_rate: points.iter().map(|p| p.2 as f64 / n_positives as f64).collect(),
        thresholds: points.iter().map(|p| p.0).collect(),
    })
}

/// The points of a precision-recall curve, threshold rising.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrecisionRecallCurve {
    /// Precision at each threshold, then 1.
    pub precision: Vec<f64>,
    /// Recall at each threshold, then 0.
    pub recall: Vec<f64>,
    /// Each distinct score; one value less than the other columns.
    pub thresholds: Vec<f64>,
}

/// Returns precision and recall at every distinct score.
///
/// # Shapes
/// `y_true` and `y_score`: `[n_samples]`; `precision` and `recall` have one value more than
/// `thresholds`: the end point (1, 0), which belongs to no threshold.
///
/// # Errors
/// - [`Error::Empty`](crate::Error::Empty),
///   [`Error::LengthMismatch`](crate::Error::LengthMismatch): no samples, or not one score a label.
/// - [`Error::NonFiniteScore`](crate::Error::NonFiniteScore): a score is NaN or infinite.
/// - [`Error::OneClass`](crate::Error::OneClass): no sample is positive, so recall has no value.
///
/// # Examples
/// ```
/// let y_true = [false, false, true, true];
/// let curve = playlist_metrics::precision_recall_curve(&y_true, &[0.1, 0.4, 0.35, 0.8])?;
/// assert_eq!(curve.precision, [0.5, 2.0 / 3.0, 0.5, 1.0, 1.0]);
/// assert_eq!(curve.recall, [1.0, 1.0, 0.5, 0.5, 0.0]);
/// assert_eq!(curve.thresholds, [0.1, 0.35, 0.4, 0.8]);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// scikit-learn 1.9 `precision_recall_curve` with `drop_intermediate=False`.
pub fn precision_recall_curve<S: Score>(y_true: &[bool], y_score: &[S]) -> Result<PrecisionRecallCurve> {
    let sorted = SortedScores::new(y_true, y_score)?;
    sorted.check_positives()?;
    let n_positives = sorted.n_positives();
    let (mut n_true, mut n_above) = (n_positives, sorted.n_samples());
    let mut curve = PrecisionRecallCurve {
        precision: Vec::new(),
        recall: Vec::new(),
        thresholds: Vec::new(),
    };
    for run in sorted.runs() {
        curve.precision.push(n_true as f64 / n_above as f64);
        curve.recall.push(n_true as f64 / n_positives as f64);
        curve.thresholds.push(run.score);
        n_true -= run.n_positives;
        n_above -= run.n_samples();
    }
    curve.precision.push(1.0);
    curve.recall.push(0.0);
    Ok(curve)
}

#[cfg(test)]
mod tests {
    use super::{average_precision, precision_recall_curve, roc_auc, roc_curve};
    use crate::Error;

    #[test]
    fn one_class_is_an_error_that_names_the_class() {
        let y_score = [0.25, 0.5, 0.75];
        let only = |positive| Error::OneClass {
            n_samples: 3,
            positive,
        };
        assert_eq!(roc_auc(&[true; 3], &y_score), Err(only(true)));
        assert_eq!(roc_auc(&[false; 3], &y_score), Err(only(false)));
        assert_eq!(roc_curve(&[true; 3], &y_score), Err(only(true)));
        assert_eq!(average_precision(&[false; 3], &y_score), Err(only(false)));
        assert_eq!(precision_recall_curve(&[false; 3], &y_score), Err(only(false)));
        assert_eq!(average_precision(&[true; 3], &y_score), Ok(1.0));
    }

    #[test]
    fn a_constant_score_is_a_coin() {
        let y_true = [true, false, false, true, false];
        assert_eq!(roc_auc(&y_true, &[0.25_f32; 5]), Ok(0.5));
        assert_eq!(average_precision(&y_true, &[0.25_f32; 5]), Ok(0.4));
        let curve = roc_curve(&y_true, &[0.25_f32; 5]).unwrap();
        assert_eq!(curve.false_positive_rate, [0.0, 1.0]);
        assert_eq!(curve.true_positive_rate, [0.0, 1.0]);
    }

    #[test]
    fn ties_count_one_half_on_both_sides_of_zero() {
        let y_true = [true, false, true, false, false];
        let y_score = [-1.5, -1.5, 2.0, 2.0, -3.0];
        // Pairs of the first positive: tie, loss, win; of the second: win, tie, win.
        assert_eq!(roc_auc(&y_true, &y_score), Ok(4.0 / 6.0));
    }
}
