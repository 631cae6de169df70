//! Metrics of the probabilities of several classes, such as one class a playlist.

use crate::calibration::{CalibrationBins, expected_calibration_error};
use crate::confusion_matrix::{Average, check_class_count, check_label};
use crate::error::{Error, Result};
use crate::ranking::{auc, roc_auc};
use crate::score::{Score, SortedScores, Sum, check_finite, check_probability};

/// Checks that labels and scores fit each other and `n_classes`.
pub(crate) fn check_shapes<S>(y_true: &[usize], y_score: &[S], n_classes: usize) -> Result<()> {
    check_class_count(n_classes)?;
    let expected = y_true.len().saturating_mul(n_classes);
    if y_true.is_empty() && y_score.is_empty() {
        return Err(Error::Empty { name: "y_true" });
    }
    if y_score.len() != expected {
        return Err(Error::LengthMismatch {
            name: "y_score",
            expected,
            found: y_score.len(),
        });
    }
    for (row, &label) in y_true.iter().enumerate() {
        check_label(row, label, n_classes)?;
    }
    Ok(())
}

/// Checks that every row holds probabilities that sum to one, as near as the score type allows.
///
/// The tolerance is the square root of its machine epsilon (3.5e-4 for `f32`, 1.5e-8 for `f64`),
/// that of scikit-learn 1.9 `log_loss`, which only warns.
pub(crate) fn check_rows<S: Score>(y_prob: &[S], n_classes: usize) -> Result<()> {
    for (row, probabilities) in y_prob.chunks_exact(n_classes).enumerate() {
        let mut sum = 0.0;
        for probability in probabilities {
            sum += check_probability(row, probability.to_f64())?;
        }
        if (sum - 1.0).abs() > S::EPSILON.sqrt() {
            return Err(Error::RowSum { row, sum });
        }
    }
    Ok(())
}

/// Returns the class with the highest score of each row; of equal ones, the lowest class.
///
/// # Shapes
/// `y_score`: row-major `[n_samples, n_classes]`; the result: `[n_samples]`.
///
/// # Errors
/// - [`Error::InvalidClassCount`]: fewer than 2 classes or more than 4,096.
/// - [`Error::Empty`]: no scores.
/// - [`Error::LengthMismatch`]: the last row is cut short.
/// - [`Error::NonFiniteScore`]: a score is NaN or infinite.
///
/// # Examples
/// ```
/// let y_prob = [0.2, 0.5, 0.3, 0.4, 0.2, 0.4];
/// assert_eq!(playlist_metrics::top_class(&y_prob, 3)?, [1, 0]);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// numpy `argmax(axis=1)`, the same rule for ties.
pub fn top_class<S: Score>(y_score: &[S], n_classes: usize) -> Result<Vec<usize>> {
    check_class_count(n_classes)?;
    if y_score.is_empty() {
        return Err(Error::Empty { name: "y_score" });
    }
    if !y_score.len().is_multiple_of(n_classes) {
        return Err(Error::LengthMismatch {
            name: "y_score",
            expected: y_score.len().next_multiple_of(n_classes),
            found: y_score.len(),
        });
    }
    check_finite(y_score, n_classes)?;
    Ok(y_score.chunks_exact(n_classes).map(highest).collect())
}

pub(crate) fn highest<S: Score>(row: &[S]) -> usize {
    let best = row.iter().enumerate().reduce(|best, next| {
        if next.1.to_f64() > best.1.to_f64() {
            next
        } else {
            best
        }
    });
    best.map_or(0, |(class, _)| class)
}

/// Returns the share of samples whose class is among the `k` highest scores of its row.
///
/// Of equal scores the lower class comes first, so that `k = 1` agrees with [`top_class`].
///
/// # Shapes
/// `y_true`: `[n_samples]`; `y_score`: row-major `[n_samples, n_classes]`.
///
/// # Errors
/// - [`Error::InvalidClassCount`]: fewer than 2 classes or more than 4,096.
/// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one row of scores a label.
/// - [`Error::LabelOutOfRange`]: a label is not below `n_classes`.
/// - [`Error::NonFiniteScore`]: a score is NaN or infinite.
/// - [`Error::InvalidTopK`]: `k` is zero or more than `n_classes`.
///
/// # Examples
/// ```
/// let y_prob = [0.2, 0.5, 0.3, 0.4, 0.35, 0.25];
/// assert_eq!(playlist_metrics::top_k_accuracy(&[2, 2], &y_prob, 3, 2)?, 0.5);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// scikit-learn 1.9 `top_k_accuracy_score`, which puts the higher of equal classes first.
pub fn top_k_accuracy<S: Score>(y_true: &[usize], y_score: &[S], n_classes: usize, k: usize) -> Result<f64> {
    check_shapes(y_true, y_score, n_classes)?;
    check_finite(y_score, n_classes)?;
    if k == 0 || k > n_classes {
        return Err(Error::InvalidTopK { k, n_classes });
    }
    let rows = y_true.iter().zip(y_score.chunks_exact(n_classes));
    let hits = rows.filter(|(label, row)| {
        let own = row[**label].to_f64();
        let is_before =
            |(class, score): (usize, &S)| score.to_f64() > own || (score.to_f64() == own && class < **label);
        row.iter().enumerate().filter(|&item| is_before(item)).count() < k
    });
    Ok(hits.count() as f64 / y_true.len() as f64)
}

/// Returns the mean log loss, in nats: `-mean(ln(probability of the true class))`.
///
/// Probabilities are clipped as in [`log_loss`](crate::log_loss).
///
/// # Shapes
/// `y_true`: `[n_samples]`; `y_prob`: row-major `[n_samples, n_classes]`.
///
/// # Errors
/// - [`Error::InvalidClassCount`]: fewer than 2 classes or more than 4,096.
/// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one row a label.
/// - [`Error::LabelOutOfRange`]: a label is not below `n_classes`.
/// - [`Error::ProbabilityOutOfRange`]: a probability is outside 0 to 1, or NaN.
/// - [`Error::RowSum`]: a row does not sum to one.
///
/// # Examples
/// ```
/// let loss = playlist_metrics::log_loss_multiclass(&[2, 0], &[0.25, 0.25, 0.5, 0.5, 0.5, 0.0], 3)?;
/// assert_eq!(loss, std::f64::consts::LN_2);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// scikit-learn 1.9 `log_loss`.
pub fn log_loss_multiclass<S: Score>(y_true: &[usize], y_prob: &[S], n_classes: usize) -> Result<f64> {
    check_shapes(y_true, y_prob, n_classes)?;
    check_rows(y_prob, n_classes)?;
    let rows = y_true.iter().zip(y_prob.chunks_exact(n_classes));
    let losses = rows.map(|(&label, row)| -row[label].to_f64().clamp(S::EPSILON, 1.0 - S::EPSILON).ln());
    Ok(losses.collect::<Sum>().total() / y_true.len() as f64)
}

/// Returns the Brier score of several classes, `mean(sum over classes of (p - y)^2)`, from 0 to 2.
///
/// For two classes it is twice [`brier_score`](crate::brier_score).
///
/// # Shapes
/// `y_true`: `[n_samples]`; `y_prob`: row-major `[n_samples, n_classes]`.
///
/// # Errors
/// As [`log_loss_multiclass`].
///
/// # Examples
/// ```
/// let score = playlist_metrics::brier_multiclass(&[2, 0], &[0.25, 0.25, 0.5, 1.0, 0.0, 0.0], 3)?;
/// assert_eq!(score, 0.375 / 2.0);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// G. W. Brier, Monthly Weather Review 78 (1950); scikit-learn 1.9 `brier_score_loss` with
/// `scale_by_half=False`.
pub fn brier_multiclass<S: Score>(y_true: &[usize], y_prob: &[S], n_classes: usize) -> Result<f64> {
    check_shapes(y_true, y_prob, n_classes)?;
    check_rows(y_prob, n_classes)?;
    let rows = y_true.iter().zip(y_prob.chunks_exact(n_classes));
    let errors = rows.map(|(&label, row)| -> f64 {
        let classes = row.iter().enumerate();
        let target = |class| f64::from(u8::from(class == label));
        classes
            .map(|(class, p)| (p.to_f64() - target(class)).powi(2))
            .sum()
    });
    Ok(errors.collect::<Sum>().total() / y_true.len() as f64)
}

/// Returns the expected calibration error of the highest probability of each row.
///
/// The prediction is that highest probability, the outcome whether its class ([`top_class`]) is the
/// true one; bins and formula are those of [`expected_calibration_error`].
///
/// # Shapes
/// `y_true`: `[n_samples]`; `y_prob`: row-major `[n_samples, n_classes]`.
///
/// # Errors
/// - All of [`log_loss_multiclass`].
/// - [`Error::InvalidBins`]: no bins, or more than 65,536.
///
/// # Examples
/// ```
/// use playlist_metrics::{CalibrationBins, top_class_calibration_error};
///
/// let y_prob = [0.75, 0.25, 0.0, 0.0, 0.25, 0.75];
/// let bins = CalibrationBins::default();
/// assert_eq!(top_class_calibration_error(&[0, 2], &y_prob, 3, bins)?, 0.25);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, ICML 2017, there with bins of equal width.
pub fn top_class_calibration_error<S: Score>(
    y_true: &[usize],
    y_prob: &[S],
    n_classes: usize,
    bins: CalibrationBins,
) -> Result<f64> {
    check_shapes(y_true, y_prob, n_classes)?;
    check_rows(y_prob, n_classes)?;
    let rows = y_true.iter().zip(y_prob.chunks_exact(n_classes));
    let (is_correct, confidence): (Vec<bool>, Vec<S>) = rows
        .map(|(&label, row)| {
            let class = highest(row);
            (class == label, row[class])
        })
        .unzip();
    expected_calibration_error(&is_correct, &confidence, bins)
}

/// Returns the area under the ROC curve of every class against the rest, `[n_classes]`.
///
/// `None` for a class that has no sample, or all of them.
///
/// # Shapes
/// `y_true`: `[n_samples]`; `y_score`: row-major `[n_samples, n_classes]`.
///
/// # Errors
/// - [`Error::InvalidClassCount`]: fewer than 2 classes or more than 4,096.
/// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one row of scores a label.
/// - [`Error::LabelOutOfRange`]: a label is not below `n_classes`.
/// - [`Error::NonFiniteScore`]: a score is NaN or infinite.
///
/// # Examples
/// ```
/// let y_score = [0.6, 0.3, 0.1, 0.2, 0.7, 0.1, 0.5, 0.2, 0.3];
/// let areas = playlist_metrics::roc_auc_per_class(&[0, 1, 1], &y_score, 3)?;
/// assert_eq!(areas, [Some(1.0), Some(0.5), None]);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
pub fn roc_auc_per_class<S: Score>(
    y_true: &[usize],
    y_score: &[S],
    n_classes: usize,
) -> Result<Vec<Option<f64>>> {
    check_shapes(y_true, y_score, n_classes)?;
    check_finite(y_score, n_classes)?;
    let areas = (0..n_classes).map(|class| {
        let labels: Vec<bool> = y_true.iter().map(|&label| label == class).collect();
        let scores: Vec<S> = y_score.iter().copied().skip(class).step_by(n_classes).collect();
        let sorted = SortedScores::new(&labels, &scores)?;
        Ok(sorted.check_both_classes().is_ok().then(|| auc(&sorted)))
    });
    areas.collect()
}

/// Returns the averaged area under the ROC curve of every class against the rest.
///
/// Macro: the plain mean, which needs every class among the labels. Weighted: by the number of
/// samples, so that absent classes do not matter. Micro: one area over all
/// `n_samples * n_classes` pairs of a score and whether its class is the true one.
///
/// # Shapes
/// `y_true`: `[n_samples]`; `y_score`: row-major `[n_samples, n_classes]`.
///
/// # Errors
/// - All of [`roc_auc_per_class`].
/// - [`Error::ClassNotRanked`]: the average needs the area of a class that has none, because the
///   class has no sample (macro) or all of them (macro and weighted).
///
/// # Examples
/// ```
/// use playlist_metrics::{Average, Error, roc_auc_one_vs_rest};
///
/// let y_score = [0.6, 0.3, 0.1, 0.2, 0.7, 0.1, 0.5, 0.2, 0.3];
/// let area = roc_auc_one_vs_rest(&[0, 1, 1], &y_score, 3, Average::Weighted)?;
/// assert_eq!(area, 2.0 / 3.0);
/// let missing = roc_auc_one_vs_rest(&[0, 1, 1], &y_score, 3, Average::Macro);
/// assert!(matches!(missing, Err(Error::ClassNotRanked { class: 2, .. })));
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// scikit-learn 1.9 `roc_auc_score` with `multi_class="ovr"`.
pub fn roc_auc_one_vs_rest<S: Score>(
    y_true: &[usize],
    y_score: &[S],
    n_classes: usize,
    average: Average,
) -> Result<f64> {
    if average == Average::Micro {
        check_shapes(y_true, y_score, n_classes)?;
        check_finite(y_score, n_classes)?;
        let labels = y_true
            .iter()
            .flat_map(|&label| (0..n_classes).map(move |c| c == label));
        return roc_auc(&labels.collect::<Vec<bool>>(), y_score);
    }
    let areas = roc_auc_per_class(y_true, y_score, n_classes)?;
    average_area(y_true, &areas, average)
}

/// The macro or weighted mean of the areas of the classes.
pub(crate) fn average_area(y_true: &[usize], areas: &[Option<f64>], average: Average) -> Result<f64> {
    let mut counts = vec![0_u64; areas.len()];
    for &label in y_true {
        counts[label] += 1;
    }
    let mut sums = (0.0, 0.0);
    for (class, (&n_true, area)) in counts.iter().zip(areas).enumerate() {
        let weight = if average == Average::Weighted {
            n_true as f64
        } else {
            1.0
        };
        if weight > 0.0 {
            sums.0 += weight
                * area.ok_or(Error::ClassNotRanked {
                    class,
                    n_true,
                    n_samples: y_true.len(),
                })?;
            sums.1 += weight;
        }
    }
    Ok(sums.0 / sums.1)
}

#[cfg(test)]
mod tests {
    use super::{
        brier_multiclass, log_loss_multiclass, roc_auc_one_vs_rest, roc_auc_per_class, top_class,
        top_k_accuracy,
    };
    use crate::{Average, Error};

    const Y_PROB: [f64; 9] = [0.2, 0.4, 0.4, 0.3, 0.3, 0.4, 0.7, 0.2, 0.1];

    #[test]
    fn of_equal_scores_the_lower_class_comes_first() {
        assert_eq!(top_class(&Y_PROB, 3), Ok(vec![1, 2, 0]));
        assert_eq!(top_k_accuracy(&[2, 1, 0], &Y_PROB, 3, 1), Ok(1.0 / 3.0));
        assert_eq!(top_k_accuracy(&[1, 2, 0], &Y_PROB, 3, 1), Ok(1.0));
        assert_eq!(top_k_accuracy(&[2, 1, 0], &Y_PROB, 3, 2), Ok(2.0 / 3.0));
        assert_eq!(top_k_accuracy(&[0, 1, 2], &Y_PROB, 3, 3), Ok(1.0));
    }

    #[test]
    fn rows_that_are_no_distribution_are_refused() {
        let loss = |y_prob: &[f64]| log_loss_multiclass(&[0, 1], y_prob, 2);
        let short = loss(&[0.5, 0.5, 0.5, 0.25]);
        assert_eq!(short, Err(Error::RowSum { row: 1, sum: 0.75 }));
        let negative = loss(&[0.5, 0.5, -0.25, 1.25]);
        let expected = Error::ProbabilityOutOfRange { row: 1, value: -0.25 };
        assert_eq!(negative, Err(expected));
        assert!(loss(&[0.5, 0.5, f64::NAN, 0.5]).is_err());
        // A softmax in f32 does not sum to one to the last digit.
        assert!(brier_multiclass(&[0, 1], &[0.333_34_f32, 0.666_67, 0.5, 0.5], 2).is_ok());
    }

    #[test]
    fn shapes_and_labels_are_checked() {
        let k = |y_true: &[usize], n_classes, k| top_k_accuracy(y_true, &Y_PROB, n_classes, k);
        assert!(matches!(
            k(&[0, 1, 2], 3, 0),
            Err(Error::InvalidTopK { k: 0, n_classes: 3 })
        ));
        assert!(matches!(
            k(&[0, 1, 2], 3, 4),
            Err(Error::InvalidTopK { k: 4, .. })
        ));
        assert!(matches!(
            k(&[0, 1], 3, 1),
            Err(Error::LengthMismatch {
                expected: 6,
                found: 9,
                ..
            })
        ));
        assert!(matches!(
            k(&[0, 1, 3], 3, 1),
            Err(Error::LabelOutOfRange { row: 2, .. })
        ));
        assert!(matches!(
            k(&[0], 1, 1),
            Err(Error::InvalidClassCount { n_classes: 1, .. })
        ));
        assert!(matches!(top_class::<f32>(&[], 2), Err(Error::Empty { .. })));
        assert!(matches!(
            top_class(&[0.5, 0.5, 0.5], 2),
            Err(Error::LengthMismatch {
                expected: 4,
                found: 3,
                ..
            })
        ));
        assert!(matches!(
            top_class(&[0.5, 0.5, 0.5, f64::NAN], 2),
            Err(Error::NonFiniteScore { row: 1, .. })
        ));
    }

    #[test]
    fn an_average_of_areas_says_which_class_has_none() {
        assert_eq!(
            roc_auc_per_class(&[1, 1, 1], &Y_PROB, 3),
            Ok(vec![None, None, None])
        );
        let of = |average| roc_auc_one_vs_rest(&[1, 1, 1], &Y_PROB, 3, average);
        assert!(matches!(
            of(Average::Macro),
            Err(Error::ClassNotRanked {
                class: 0,
                n_true: 0,
                ..
            })
        ));
        assert!(matches!(
            of(Average::Weighted),
            Err(Error::ClassNotRanked {
                class: 1,
                n_true: 3,
                n_samples: 3
            })
        ));
        assert!(of(Average::Micro).is_ok());
    }
}
