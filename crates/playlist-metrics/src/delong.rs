//! DeLong's variance of the area under the ROC curve: an interval for one, a test of two.

use serde::{Deserialize, Serialize};

use crate::distribution::normal_upper_tail;
use crate::error::{Error, Result};
use crate::interval::{DEFAULT_LEVEL, Interval, normal_quantile, outside};
use crate::ranking::auc;
use crate::score::{Score, SortedScores, Sum, check_finite, check_lengths};
use crate::sort::sort_by_key;

/// An area under the ROC curve with its DeLong standard error and interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DelongInterval {
    /// The area.
    pub auc: f64,
    /// Its standard error; 0 when the classes are separated, either way round, and when all scores are equal.
    pub standard_error: f64,
    /// The interval.
    pub interval: Interval,
}

/// Returns the area under the ROC curve with DeLong's interval, cut to 0 to 1.
///
/// `auc -+ z * standard_error`. Two cases have a standard error of 0:
///
/// - Every positive sample lies above every negative one: the area is 1, and a single point would say
///   nothing about how sure the separation is. The interval is then `(alpha / 2)^(1 / k)` to 1 with
///   `alpha = 1 - level` and `k` the size of the smaller class; turned round for an area of 0. It is
///   Clopper and Pearson's for `k` of `k` trials won. It holds for any distribution: `k` pairs that
///   share no sample are independent trials, each won with the probability that the area estimates,
///   and all pairs cannot be won without these. It is wide, since it uses no other pair.
/// - All scores are equal: the area is one half however the samples fall out, and the interval is that
///   point.
///
/// # Shapes
/// `y_true` and `y_score`: `[n_samples]`.
///
/// # Errors
/// - [`Error::InvalidLevel`]: the level is not between 0 and 1.
/// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one score a label.
/// - [`Error::NonFiniteScore`]: a score is NaN or infinite.
/// - [`Error::OneClass`]: there is no area.
/// - [`Error::TooFew`]: a class has one sample only, so its variance has no value.
///
/// # Examples
/// ```
/// let y_true = [false, false, true, false, true, true];
/// let y_score = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
/// let result = playlist_metrics::delong_interval(&y_true, &y_score, 0.95)?;
/// assert_eq!(result.auc, 8.0 / 9.0);
/// assert_eq!(result.interval.upper, 1.0);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Biometrics 44 (1988), in the O(n log n)
/// form of X. Sun and W. Xu, IEEE Signal Processing Letters 21 (2014); cut to the range as in R's
/// pROC. Areas of 0 and 1: C. J. Clopper and E. S. Pearson, Biometrika 26 (1934); the need for such a
/// bound: N. A. Obuchowski and M. L. Lieber, Academic Radiology 9 (2002).
pub fn delong_interval<S: Score>(y_true: &[bool], y_score: &[S], level: f64) -> Result<DelongInterval> {
    outside(level)?;
    let sorted = SortedScores::new(y_true, y_score)?;
    sorted.check_both_classes()?;
    interval_of(&sorted, auc(&sorted), level)
}

/// The interval for the area of sorted scores of which both classes are present.
pub(crate) fn interval_of<S: Score>(
    sorted: &SortedScores<S>,
    auc: f64,
    level: f64,
) -> Result<DelongInterval> {
    let z = normal_quantile(level)?;
    let (n_positives, n_negatives) = (sorted.n_positives(), sorted.n_negatives());
    let variance = delong_variance(sorted, auc).ok_or_else(|| too_few_in_class(n_positives, n_negatives))?;
    let standard_error = variance.sqrt();
    let n_pairs = n_positives.min(n_negatives) as f64;
    let bound = (outside(level)? / 2.0).powf(1.0 / n_pairs);
    let interval = if auc == 1.0 {
        Interval {
            lower: bound,
            upper: 1.0,
            level,
        }
    } else if auc == 0.0 {
        Interval {
            lower: 0.0,
            upper: 1.0 - bound,
            level,
        }
    } else {
        Interval::around(auc, z * standard_error, 0.0..=1.0, level)
    };
    Ok(DelongInterval {
        auc,
        standard_error,
        interval,
    })
}

/// The error for a variance within a class of fewer than two samples.
pub(crate) fn too_few_in_class(n_positives: u64, n_negatives: u64) -> Error {
    let (name, found) = if n_positives < 2 {
        ("positive samples", n_positives)
    } else {
        ("negative samples", n_negatives)
    };
    Error::TooFew {
        name,
        expected: 2,
        found: usize::try_from(found).unwrap_or(usize::MAX),
    }
}

/// The outcome of DeLong's test of two areas on the same samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DelongTest {
    /// Area of the first model.
    pub auc_a: f64,
    /// Area of the second model.
    pub auc_b: f64,
    /// `auc_a - auc_b`.
    pub difference: f64,
    /// Standard error of the difference.
    pub standard_error: f64,
    /// 95 % interval of the difference, cut to -1 to 1; `None` with `z`.
    pub interval: Option<Interval>,
    /// `difference / standard_error`, or `None` when the standard error is 0: the models put all
    /// pairs in the same order, so that there is no difference to test, or differ on every sample
    /// alike (areas of 0 and 1, for instance), so that the samples say nothing of how it varies.
    pub z: Option<f64>,
    /// Two-sided p-value, or `None` with `z`.
    pub p_value: Option<f64>,
}

/// Tests whether two models that scored the same samples have the same area under the ROC curve.
///
/// # Shapes
/// `y_true`, `score_a`, `score_b`: `[n_samples]`. The two scores need not be on one scale.
///
/// # Errors
/// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one score a label.
/// - [`Error::NonFiniteScore`]: a score is NaN or infinite.
/// - [`Error::OneClass`]: there is no area.
/// - [`Error::TooFew`]: a class has one sample only, so its variance has no value.
///
/// # Examples
/// ```
/// let y_true = [false, false, true, false, true, true];
/// let score_a = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
/// let score_b = [0.6, 0.2, 0.3, 0.4, 0.5, 0.1];
/// let test = playlist_metrics::delong_test(&y_true, &score_a, &score_b)?;
/// assert_eq!((test.auc_a, test.auc_b), (8.0 / 9.0, 3.0 / 9.0));
/// assert!(test.p_value.is_some_and(|p| 0.07 < p && p < 0.08));
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Biometrics 44 (1988), in the O(n log n)
/// form of X. Sun and W. Xu, IEEE Signal Processing Letters 21 (2014).
pub fn delong_test<S: Score, T: Score>(y_true: &[bool], score_a: &[S], score_b: &[T]) -> Result<DelongTest> {
    let z_level = normal_quantile(DEFAULT_LEVEL)?;
    let wins_a = doubled_wins_by_row(y_true, "score_a", score_a)?;
    let wins_b = doubled_wins_by_row(y_true, "score_b", score_b)?;
    let n_positives = y_true.iter().filter(|&&label| label).count() as u64;
    let n_negatives = y_true.len() as u64 - n_positives;
    if n_positives < 2 || n_negatives < 2 {
        return Err(too_few_in_class(n_positives, n_negatives));
    }
    let area = |wins: &[i64]| {
        let of_positives = wins.iter().zip(y_true).filter(|(_, label)| **label);
        let doubled: i128 = of_positives.map(|(&wins, _)| i128::from(wins)).sum();
        doubled as f64 / (2.0 * n_positives as f64 * n_negatives as f64)
    };
    let (auc_a, auc_b) = (area(&wins_a), area(&wins_b));
    let gains = |class: bool| {
        let rows = y_true.iter().zip(wins_a.iter().zip(&wins_b));
        rows.filter(move |(label, _)| **label == class)
            .map(|(_, (a, b))| a - b)
    };
    let variance = variance_of_mean(gains(true), n_positives, n_negatives)
        + variance_of_mean(gains(false), n_negatives, n_positives);
    let (difference, standard_error) = (auc_a - auc_b, variance.sqrt());
    let z = (standard_error > 0.0).then(|| difference / standard_error);
    Ok(DelongTest {
        auc_a,
        auc_b,
        difference,
        standard_error,
        interval: z
            .map(|_| Interval::around(difference, z_level * standard_error, -1.0..=1.0, DEFAULT_LEVEL)),
        z,
        p_value: z.map(|z| (2.0 * normal_upper_tail(z.abs())).min(1.0)),
    })
}

/// For each row, twice the samples of the other class that it is on the right side of; ties once.
fn doubled_wins_by_row<S: Score>(y_true: &[bool], name: &'static str, y_score: &[S]) -> Result<Vec<i64>> {
    check_lengths(y_true.len(), name, y_score.len())?;
    check_finite(y_score, 1)?;
    let n_positives = y_true.iter().filter(|&&label| label).count();
    if n_positives == 0 || n_positives == y_true.len() {
        return Err(Error::OneClass {
            n_samples: y_true.len(),
            positive: n_positives > 0,
        });
    }
    let mut rows: Vec<(u64, usize)> = y_score
        .iter()
        .enumerate()
        .map(|(row, score)| (total_order_key(score.to_f64()), row))
        .collect();
    sort_by_key(&mut rows, |item| item.0);
    let mut wins = vec![0; y_true.len()];
    let (mut positives_below, mut negatives_below) = (0_i64, 0_i64);
    for run in rows.chunk_by(|a, b| a.0 == b.0) {
        let positives = run.iter().filter(|(_, row)| y_true[*row]).count() as i64;
        let negatives = run.len() as i64 - positives;
        let positives_above = n_positives as i64 - positives_below - positives;
        for &(_, row) in run {
            wins[row] = if y_true[row] {
                2 * negatives_below + negatives
            } else {
                2 * positives_above + positives
            };
        }
        positives_below += positives;
        negatives_below += negatives;
    }
    Ok(wins)
}

/// An integer in the order of the finite floats; both zeros give the same.
fn total_order_key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits(); // Adding zero turns -0 into 0.
    let sign = 1 << 63;
    if bits & sign == 0 { bits | sign } else { !bits }
}

/// Variance of the mean of `gains / (2 n_others)` over the `n` samples of one class.
fn variance_of_mean(gains: impl Iterator<Item = i64> + Clone, n: u64, n_others: u64) -> f64 {
    let first = gains.clone().next().unwrap_or_default();
    // Equal integers have no variance; the rounded mean would leave a little.
    if gains.clone().all(|gain| gain == first) {
        return 0.0;
    }
    let n = n as f64;
    let total: i128 = gains.clone().map(i128::from).sum();
    let mean = total as f64 / n;
    let squares: Sum = gains.map(|gain| (gain as f64 - mean).powi(2)).collect();
    let scale = 2.0 * n_others as f64;
    squares.total() / (n - 1.0) / n / (scale * scale)
}

/// The DeLong variance of the area, or `None` unless both classes have two samples or more.
///
/// With `v` the share of negatives that a positive sample beats, ties one half, and `w` the same
/// for a negative sample, both of mean AUC: `var(v) / n_positives + var(w) / n_negatives`, sample
/// variances with divisor `n - 1`.
///
/// # Source
/// E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, Biometrics 44 (1988); by sorted runs as in
/// X. Sun and W. Xu, IEEE Signal Processing Letters 21 (2014).
pub(crate) fn delong_variance<S: Score>(sorted: &SortedScores<S>, auc: f64) -> Option<f64> {
    let (n_positives, n_negatives) = (sorted.n_positives(), sorted.n_negatives());
    if n_positives < 2 || n_negatives < 2 {
        return None;
    }
    let (m, n) = (n_positives as f64, n_negatives as f64);
    let (mut positives_below, mut negatives_below) = (0_u64, 0_u64);
    let (mut square_v, mut square_w) = (Sum::default(), Sum::default());
    for run in sorted.runs() {
        let v = (negatives_below as f64 + run.n_negatives as f64 / 2.0) / n;
        let positives_above = n_positives - positives_below - run.n_positives;
        let w = (positives_above as f64 + run.n_positives as f64 / 2.0) / m;
        square_v.add(run.n_positives as f64 * (v - auc).powi(2));
        square_w.add(run.n_negatives as f64 * (w - auc).powi(2));
        positives_below += run.n_positives;
        negatives_below += run.n_negatives;
    }
    Some(square_v.total() / (m - 1.0) / m + square_w.total() / (n - 1.0) / n)
}

#[cfg(test)]
mod tests {
    use super::{delong_interval, delong_test};
    use crate::Error;

    #[test]
    fn a_class_of_one_sample_has_an_area_but_no_interval() {
        let result = delong_interval(&[true, false, false], &[0.5, 0.25, 0.75], 0.95);
        let expected = Error::TooFew {
            name: "positive samples",
            expected: 2,
            found: 1,
        };
        assert_eq!(result, Err(expected));
    }

    #[test]
    fn separated_classes_keep_a_width() {
        let y_true: Vec<bool> = (0..25).map(|row| row >= 15).collect();
        let scores: Vec<f64> = (0..25).map(f64::from).collect();
        let result = delong_interval(&y_true, &scores, 0.95).unwrap();
        assert_eq!((result.auc, result.standard_error), (1.0, 0.0));
        // Ten disjoint pairs, all won: a power of 0.025 and back again, each rounded.
        assert!((result.interval.lower.powi(10) - 0.025).abs() < 1e-15);
        assert_eq!(result.interval.upper, 1.0);
        let turned: Vec<f64> = scores.iter().map(|score| -score).collect();
        let turned = delong_interval(&y_true, &turned, 0.95).unwrap();
        let ends = (turned.interval.lower, turned.interval.upper);
        assert_eq!((turned.auc, ends), (0.0, (0.0, 1.0 - result.interval.lower)));
    }

    #[test]
    fn equal_scores_give_the_point_that_they_always_have() {
        let result = delong_interval(&[true, false, false, true], &[0.3_f32; 4], 0.95).unwrap();
        assert_eq!((result.interval.lower, result.interval.upper), (0.5, 0.5));
    }

    #[test]
    fn a_uniform_difference_has_no_variance_and_no_p_value() {
        let y_true = [true, false, false, true, true, true, false];
        let a = y_true.map(|label| if label { 1.0_f32 } else { -1.0 });
        let b = a.map(|score| -score);
        let test = delong_test(&y_true, &a, &b).unwrap();
        assert_eq!((test.difference, test.p_value, test.interval), (1.0, None, None));
    }
}
