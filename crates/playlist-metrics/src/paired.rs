//! Tests: is one model better than another, than the majority class, than chance?

use serde::{Deserialize, Serialize};

use crate::confusion::{ConfusionCounts, ratio};
use crate::distribution::{fair_coin_upper_tail, normal_upper_tail, student_two_sided_tail};
use crate::error::{Error, Result};
use crate::interval::{DEFAULT_LEVEL, Interval, corrected_factor, mean_and_variance, student_interval};
use crate::ranking::{auc, doubled_wins};
use crate::score::{Score, SortedScores, Sum, check_lengths};

/// The outcome of McNemar's test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct McNemarTest {
    /// Samples that the first model alone got right.
    pub only_a_correct: u64,
    /// Samples that the second model alone got right.
    pub only_b_correct: u64,
    /// Two-sided p-value.
    pub p_value: f64,
}

/// Tests whether two models that predicted the same samples have the same accuracy.
///
/// If they have, a sample on which exactly one of them is right is a toss of a fair coin. The
/// p-value is that of the exact two-sided binomial test, for any number of such samples: there is
/// no switch to an approximation. Without such samples it is 1.
///
/// # Shapes
/// `y_true`, `pred_a`, `pred_b`: `[n_samples]`.
///
/// # Errors
/// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one prediction a label.
///
/// # Examples
/// ```
/// let y_true = [true, true, true, true, false, false];
/// let pred_a = [true, true, true, true, false, true];
/// let pred_b = [false, false, false, true, false, false];
/// let test = playlist_metrics::mcnemar(&y_true, &pred_a, &pred_b)?;
/// assert_eq!((test.only_a_correct, test.only_b_correct), (3, 1));
/// assert!((test.p_value - 0.625).abs() < 1e-12);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// Q. McNemar, Psychometrika 12 (1947); scipy 1.17 `binomtest(only_a, only_a + only_b, 0.5)`.
pub fn mcnemar(y_true: &[bool], pred_a: &[bool], pred_b: &[bool]) -> Result<McNemarTest> {
    check_lengths(y_true.len(), "pred_a", pred_a.len())?;
    check_lengths(y_true.len(), "pred_b", pred_b.len())?;
    let (mut only_a_correct, mut only_b_correct) = (0, 0);
    for ((label, a), b) in y_true.iter().zip(pred_a).zip(pred_b) {
        only_a_correct += u64::from(a == label && b != label);
        only_b_correct += u64::from(a != label && b == label);
    }
    let larger = only_a_correct.max(only_b_correct);
    let tail = fair_coin_upper_tail(larger, only_a_correct + only_b_correct);
    Ok(McNemarTest {
        only_a_correct,
        only_b_correct,
        p_value: (2.0 * tail).min(1.0),
    })
}

/// Whether a model beats the constant prediction of the larger class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MajorityTest {
    /// Accuracy of the model.
    pub accuracy: f64,
    /// Share of the larger class, which is the accuracy of always predicting it.
    pub majority_share: f64,
    /// Samples of the other classes that the model got right.
    pub n_gained: u64,
    /// Samples of the larger class that the model got wrong.
    pub n_lost: u64,
    /// One-sided p-value: the chance of this many gains or more if the model were no better.
    pub p_value: f64,
}

impl MajorityTest {
    pub(crate) fn new(n_correct: u128, n_majority: u128, n_samples: u128, pairs: (u64, u64)) -> Self {
        let (n_gained, n_lost) = pairs;
        Self {
            accuracy: ratio(n_correct, n_samples).unwrap_or_default(),
            majority_share: ratio(n_majority, n_samples).unwrap_or_default(),
            n_gained,
            n_lost,
            p_value: fair_coin_upper_tail(n_gained, n_gained.saturating_add(n_lost)),
        }
    }
}

/// Tests whether the accuracy exceeds that of always predicting the larger class.
///
/// A one-sided exact McNemar test against those constant predictions: of the samples on which
/// exactly one of the two is right, does the model win more than a fair coin would? A binomial
/// test of the accuracy against the observed share of the larger class would be slightly off: it
/// takes that share for a known constant, but it is measured on the same samples. When the two
/// classes are equally large, the one is taken against which the p-value is larger.
///
/// For several classes see
/// [`ConfusionMatrix::better_than_majority`](crate::ConfusionMatrix::better_than_majority).
///
/// # Errors
/// - [`Error::Empty`]: all counts are zero.
///
/// # Examples
/// ```
/// use playlist_metrics::{ConfusionCounts, better_than_majority};
///
/// let counts = ConfusionCounts {
///     true_positives: 14,
///     false_positives: 4,
///     true_negatives: 56,
///     false_negatives: 16,
/// };
/// let test = better_than_majority(&counts)?;
/// assert_eq!((test.accuracy, test.majority_share), (70.0 / 90.0, 60.0 / 90.0));
/// assert!(test.p_value < 0.02);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// Q. McNemar, Psychometrika 12 (1947), one-sided; scipy 1.17
/// `binomtest(n_gained, n_gained + n_lost, 0.5, alternative="greater")`.
pub fn better_than_majority(counts: &ConfusionCounts) -> Result<MajorityTest> {
    let (n_positives, n_negatives) = (
        u128::from(counts.true_positives) + u128::from(counts.false_negatives),
        u128::from(counts.true_negatives) + u128::from(counts.false_positives),
    );
    let n_samples = n_positives + n_negatives;
    if n_samples == 0 {
        return Err(Error::Empty { name: "counts" });
    }
    let n_correct = u128::from(counts.true_positives) + u128::from(counts.true_negatives);
    let against = |n_majority, pairs| MajorityTest::new(n_correct, n_majority, n_samples, pairs);
    let negative = against(n_negatives, (counts.true_positives, counts.false_positives));
    let positive = against(n_positives, (counts.true_negatives, counts.false_negatives));
    Ok(match n_negatives.cmp(&n_positives) {
        std::cmp::Ordering::Greater => negative,
        std::cmp::Ordering::Less => positive,
        std::cmp::Ordering::Equal if negative.p_value >= positive.p_value => negative,
        std::cmp::Ordering::Equal => positive,
    })
}

/// An area under the ROC curve and the chance of one as large without any skill.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AucTest {
    /// The area.
    pub auc: f64,
    /// One-sided p-value of the area being above one half.
    pub p_value: f64,
}

/// Tests whether the area under the ROC curve is above one half.
///
/// The Mann-Whitney test: normal approximation with the variance corrected for ties and a
/// continuity correction of one half, one-sided. It is good from about eight samples a class. If
/// all scores are equal, every order of the labels gives the same area and the p-value is 1.
///
/// # Shapes
/// `y_true` and `y_score`: `[n_samples]`.
///
/// # Errors
/// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one score a label.
/// - [`Error::NonFiniteScore`]: a score is NaN or infinite.
/// - [`Error::OneClass`]: there is no area.
///
/// # Examples
/// ```
/// let y_true = [false, false, true, false, false, true, true, true, false, true];
/// let y_score = [0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8];
/// let test = playlist_metrics::auc_better_than_chance(&y_true, &y_score)?;
/// assert_eq!(test.auc, 0.76);
/// assert!(0.1 < test.p_value && test.p_value < 0.11);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// H. B. Mann and D. R. Whitney, Annals of Mathematical Statistics 18 (1947); scipy 1.17
/// `mannwhitneyu(positives, negatives, alternative="greater", method="asymptotic")`.
pub fn auc_better_than_chance<S: Score>(y_true: &[bool], y_score: &[S]) -> Result<AucTest> {
    mann_whitney(y_true, y_score, 1.0)
}

/// As [`auc_better_than_chance`], of scores by cross-validation in `n_folds` folds, each by a model trained on the others.
///
/// Such models share most of their tracks, so their scores err together and the plain test calls chance a success too
/// often. The variance is multiplied by `1 + n_folds / (n_folds - 1)`, as in [`corrected_resampled_t_test`].
///
/// # Errors
/// As [`auc_better_than_chance`]; [`Error::TooFew`] below two folds.
///
/// # Examples
/// ```
/// let y_true = [false, false, true, false, false, true, true, true, false, true];
/// let y_score = [0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8];
/// let plain = playlist_metrics::auc_better_than_chance(&y_true, &y_score)?;
/// let folds = playlist_metrics::auc_better_than_chance_over_folds(&y_true, &y_score, 5)?;
/// assert!(folds.auc == plain.auc && folds.p_value > plain.p_value);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// C. Nadeau and Y. Bengio, Machine Learning 52 (2003): the ratio of test to training rows adds to the variance.
pub fn auc_better_than_chance_over_folds<S: Score>(
    y_true: &[bool],
    y_score: &[S],
    n_folds: usize,
) -> Result<AucTest> {
    if n_folds < 2 {
        return Err(Error::TooFew {
            name: "folds",
            expected: 2,
            found: n_folds,
        });
    }
    let n_folds = n_folds as f64;
    mann_whitney(y_true, y_score, 1.0 + n_folds / (n_folds - 1.0))
}

/// The test with its variance multiplied by `inflation`.
fn mann_whitney<S: Score>(y_true: &[bool], y_score: &[S], inflation: f64) -> Result<AucTest> {
    let sorted = SortedScores::new(y_true, y_score)?;
    sorted.check_both_classes()?;
    let (n_positives, n_negatives) = (sorted.n_positives() as f64, sorted.n_negatives() as f64);
    let n = n_positives + n_negatives;
    let tied: Sum = sorted
        .runs()
        .map(|run| run.n_samples() as f64)
        .map(|size| size * (size - 1.0) * (size + 1.0))
        .collect();
    let spread = (n + 1.0) - tied.total() / (n * (n - 1.0));
    let variance = inflation * n_positives * n_negatives / 12.0 * spread;
    let excess = doubled_wins(&sorted) as f64 / 2.0 - n_positives * n_negatives / 2.0;
    let is_constant = sorted.runs().nth(1).is_none();
    let p_value = if is_constant {
        1.0
    } else {
        normal_upper_tail((excess - 0.5) / variance.sqrt())
    };
    Ok(AucTest {
        auc: auc(&sorted),
        p_value,
    })
}

/// The outcome of the corrected resampled t-test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResampledTTest {
    /// Mean of the differences.
    pub mean: f64,
    /// Standard error of the mean, corrected for the overlap of the training sets.
    pub standard_error: f64,
    /// `mean / standard_error`.
    pub t: f64,
    /// Degrees of freedom: the number of differences less one.
    pub degrees_of_freedom: f64,
    /// Two-sided p-value.
    pub p_value: f64,
    /// 95 % interval of the mean.
    pub interval: Interval,
}

/// Tests whether two models differ, from their scores on repeated splits of one table.
///
/// `t = mean / sqrt((1 / n + n_test / n_train) s^2)` with `n - 1` degrees of freedom, where `n` is
/// the number of splits and `s^2` the sample variance of the differences. A plain t-test takes the
/// splits for independent, although their training sets overlap, and so finds differences that are
/// not there.
///
/// # Shapes
/// `differences`: `[n_splits]`, first model less second, on the same split each.
///
/// # Errors
/// - [`Error::TooFew`]: fewer than two differences.
/// - [`Error::NonFiniteValue`]: a difference is NaN or infinite.
/// - [`Error::InvalidSplit`]: `n_train` or `n_test` is zero.
/// - [`Error::ZeroVariance`]: all differences are equal.
/// - [`Error::Overflow`]: a result exceeds the largest `f64`.
///
/// # Examples
/// ```
/// let differences = [0.02, 0.03, -0.01, 0.04, 0.01];
/// let test = playlist_metrics::corrected_resampled_t_test(&differences, 80, 20)?;
/// assert!(test.p_value > 0.2); // the plain t-test says 0.10
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning 52 (2003); for
/// folds, repeated or not, where `n_test / n_train` is `1 / (n_folds - 1)`, R. R. Bouckaert and
/// E. Frank, "Evaluating the Replicability of Significance Tests", PAKDD 2004.
pub fn corrected_resampled_t_test(
    differences: &[f64],
    n_train: usize,
    n_test: usize,
) -> Result<ResampledTTest> {
    let (mean, variance) = mean_and_variance(differences)?;
    let factor = corrected_factor(differences.len(), n_train, n_test)?;
    let standard_error = (factor * variance).sqrt();
    if standard_error == 0.0 {
        return Err(Error::ZeroVariance {
            n_values: differences.len(),
        });
    }
    let degrees_of_freedom = differences.len() as f64 - 1.0;
    let t = mean / standard_error;
    if !t.is_finite() {
        return Err(Error::Overflow { name: "t" });
    }
    Ok(ResampledTTest {
        mean,
        standard_error,
        t,
        degrees_of_freedom,
        p_value: student_two_sided_tail(t, degrees_of_freedom),
        interval: student_interval(mean, standard_error, degrees_of_freedom, DEFAULT_LEVEL)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{auc_better_than_chance, better_than_majority, corrected_resampled_t_test, mcnemar};
    use crate::{ConfusionCounts, Error, delong_test};

    #[test]
    fn models_that_agree_are_not_told_apart() {
        let y_true = [true, false, false, true, true];
        let y_pred = [true, true, false, false, true];
        assert_eq!(mcnemar(&y_true, &y_pred, &y_pred).unwrap().p_value, 1.0);
        let y_score = [0.9, 0.7, 0.2, 0.3, 0.8];
        let doubled = y_score.map(|score| 2.0 * score);
        let test = delong_test(&y_true, &y_score, &doubled).unwrap();
        assert_eq!(test.standard_error, 0.0);
        assert_eq!((test.difference, test.z, test.p_value), (0.0, None, None));
    }

    #[test]
    fn the_constant_majority_prediction_is_not_better_than_itself() {
        let counts = ConfusionCounts {
            true_negatives: 11,
            false_negatives: 5,
            ..ConfusionCounts::default()
        };
        let test = better_than_majority(&counts).unwrap();
        assert_eq!((test.accuracy, test.majority_share), (11.0 / 16.0, 11.0 / 16.0));
        assert_eq!(test.p_value, 1.0);
        let none = ConfusionCounts::default();
        assert_eq!(better_than_majority(&none), Err(Error::Empty { name: "counts" }));
    }

    #[test]
    fn the_majority_may_be_the_positive_class() {
        let counts = ConfusionCounts {
            true_positives: 20,
            false_positives: 2,
            true_negatives: 7,
            false_negatives: 1,
        };
        let test = better_than_majority(&counts).unwrap();
        assert_eq!((test.n_gained, test.n_lost), (7, 1));
        // P(X >= 7) of 8 tosses is 9 / 256; the tail is good to 1e-14 at this size.
        assert!((test.p_value - 9.0 / 256.0).abs() < 1e-14);
    }

    #[test]
    fn equal_classes_give_the_larger_p_value() {
        let counts = ConfusionCounts {
            true_positives: 9,
            false_positives: 1,
            true_negatives: 9,
            false_negatives: 1,
        };
        let lopsided = ConfusionCounts {
            true_positives: 6,
            false_positives: 0,
            true_negatives: 10,
            false_negatives: 4,
        };
        assert_eq!(better_than_majority(&counts).unwrap().majority_share, 0.5);
        // Against "negative": 6 gains, no loss; against "positive": 10 gains, 4 losses.
        let test = better_than_majority(&lopsided).unwrap();
        assert_eq!((test.n_gained, test.n_lost), (10, 4));
    }

    #[test]
    fn constant_scores_are_no_better_than_chance() {
        let test = auc_better_than_chance(&[true, false, true], &[0.5_f32; 3]).unwrap();
        assert_eq!((test.auc, test.p_value), (0.5, 1.0));
    }

    #[test]
    fn bad_input_is_refused_by_variant() {
        let one_class = Error::OneClass {
            n_samples: 2,
            positive: false,
        };
        let scores = [0.25, 0.5];
        assert_eq!(delong_test(&[false; 2], &scores, &scores), Err(one_class.clone()));
        assert_eq!(auc_better_than_chance(&[false; 2], &scores), Err(one_class));
        assert!(matches!(
            delong_test(&[true, false], &scores, &scores),
            Err(Error::TooFew { found: 1, .. })
        ));
        assert!(matches!(
            delong_test(&[true, false], &scores, &scores[..1]),
            Err(Error::LengthMismatch { name: "score_b", .. })
        ));
        assert!(matches!(
            mcnemar(&[true], &[true], &[]),
            Err(Error::LengthMismatch { name: "pred_b", .. })
        ));
        assert!(matches!(
            corrected_resampled_t_test(&[0.1, 0.1, 0.1], 8, 2),
            Err(Error::ZeroVariance { n_values: 3 })
        ));
        assert!(matches!(
            corrected_resampled_t_test(&[0.1, 0.2], 0, 2),
            Err(Error::InvalidSplit {
                n_train: 0,
                n_test: 2
            })
        ));
    }
}
