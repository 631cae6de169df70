//! The four counts of a binary decision, and the proportions made of them.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::score::{Score, check_finite, check_lengths};

/// Returns `numerator / denominator`, or `None` when the denominator is zero.
pub(crate) fn ratio(numerator: u128, denominator: u128) -> Option<f64> {
    (denominator > 0).then(|| numerator as f64 / denominator as f64)
}

/// How many samples of each class were predicted to be of each class.
///
/// Every proportion is `None` where its denominator is zero: there is then no value, and zero
/// would claim one.
///
/// # Examples
/// ```
/// use playlist_metrics::ConfusionCounts;
///
/// let y_true = [true, true, false, false, false, true];
/// let y_score = [0.9, 0.5, 0.8, 0.1, 0.2, 0.3];
/// let counts = ConfusionCounts::from_scores(&y_true, &y_score, 0.5)?;
/// assert_eq!(counts.true_positives, 2); // 0.9 and 0.5: the threshold is inclusive
/// assert_eq!(counts.precision(), Some(2.0 / 3.0));
/// assert_eq!(ConfusionCounts::default().precision(), None);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Serialize, Deserialize)]
pub struct ConfusionCounts {
    /// Positive samples predicted positive.
    pub true_positives: u64,
    /// Negative samples predicted positive.
    pub false_positives: u64,
    /// Negative samples predicted negative.
    pub true_negatives: u64,
    /// Positive samples predicted negative.
    pub false_negatives: u64,
}

impl ConfusionCounts {
    /// Counts the decisions `score >= threshold`.
    ///
    /// # Shapes
    /// `y_true` and `y_score`: `[n_samples]`.
    ///
    /// # Errors
    /// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one score a label.
    /// - [`Error::NonFiniteScore`]: a score is NaN or infinite.
    /// - [`Error::InvalidThreshold`]: the threshold is NaN. An infinite threshold is accepted: it
    ///   predicts one class for every row.
    pub fn from_scores<S: Score>(y_true: &[bool], y_score: &[S], threshold: f64) -> Result<Self> {
        check_lengths(y_true.len(), "y_score", y_score.len())?;
        if threshold.is_nan() {
            return Err(Error::InvalidThreshold { value: threshold });
        }
        check_finite(y_score, 1)?;
        let decisions = y_score.iter().map(|score| score.to_f64() >= threshold);
        Ok(Self::count(y_true.iter().copied().zip(decisions)))
    }

    /// Counts decisions that are made already.
    ///
    /// # Shapes
    /// `y_true` and `y_pred`: `[n_samples]`.
    ///
    /// # Errors
    /// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one prediction a label.
    pub fn from_labels(y_true: &[bool], y_pred: &[bool]) -> Result<Self> {
        check_lengths(y_true.len(), "y_pred", y_pred.len())?;
        Ok(Self::count(y_true.iter().copied().zip(y_pred.iter().copied())))
    }

    /// Counts without branches, so that it runs at the speed of memory.
    fn count(pairs: impl Iterator<Item = (bool, bool)>) -> Self {
        let (mut n_samples, mut n_true, mut n_pred, mut n_both) = (0_u64, 0_u64, 0_u64, 0_u64);
        pairs.for_each(|(label, predicted)| {
            n_samples += 1;
            n_true += u64::from(label);
            n_pred += u64::from(predicted);
            n_both += u64::from(label & predicted);
        });
        Self {
            true_positives: n_both,
            false_positives: n_pred - n_both,
            true_negatives: n_samples - n_true - (n_pred - n_both),
            false_negatives: n_true - n_both,
        }
    }

    /// The four counts as 128-bit numbers, in which no sum or product of two overflows.
    fn wide(&self) -> [u128; 4] {
        [
            self.true_positives,
            self.false_positives,
            self.true_negatives,
            self.false_negatives,
        ]
        .map(u128::from)
    }

    /// Returns `(tp + tn) / n`, or `None` without samples.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        let [tp, fp, tn, fn_] = self.wide();
        ratio(tp + tn, tp + fp + tn + fn_)
    }

    /// Returns the mean of recall and specificity, or `None` unless both classes are present.
    #[must_use]
    pub fn balanced_accuracy(&self) -> Option<f64> {
        Some((self.recall()? + self.specificity()?) / 2.0)
    }

    /// Returns `tp / (tp + fp)`, or `None` when nothing was predicted positive.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        let [tp, fp, _, _] = self.wide();
        ratio(tp, tp + fp)
    }

    /// Returns `tp / (tp + fn)`, the true positive rate, or `None` without positive samples.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        let [tp, _, _, fn_] = self.wide();
        ratio(tp, tp + fn_)
    }

    /// Returns `tn / (tn + fp)`, the true negative rate, or `None` without negative samples.
    #[must_use]
    pub fn specificity(&self) -> Option<f64> {
        let [_, fp, tn, _] = self.wide();
        ratio(tn, tn + fp)
    }

    /// Returns `2 tp / (2 tp + fp + fn)`, or `None` when `tp + fp + fn` is zero.
    ///
    /// This form has a value wherever the harmonic mean of precision and recall has one, and also
    /// where precision has none: with positive samples of which none is predicted, it is 0.
    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        let [tp, fp, _, fn_] = self.wide();
        ratio(2 * tp, 2 * tp + fp + fn_)
    }

    /// Returns the Matthews correlation coefficient, from -1 to 1.
    ///
    /// `(tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn))`, or `None` when a factor
    /// of the root is zero, that is when the labels or the predictions are of one class only.
    ///
    /// # Source
    /// B. W. Matthews, Biochimica et Biophysica Acta 405 (1975). scikit-learn returns 0 where this
    /// returns `None`.
    #[must_use]
    pub fn matthews_correlation(&self) -> Option<f64> {
        let [tp, fp, tn, fn_] = self.wide();
        let factors = [tp + fp, tp + fn_, tn + fp, tn + fn_];
        if factors.contains(&0) {
            return None;
        }
        let (with, against) = (tp * tn, fp * fn_);
        let sign = if with >= against { 1.0 } else { -1.0 };
        let product: f64 = factors.iter().map(|&factor| factor as f64).product();
        Some((sign * with.abs_diff(against) as f64 / product.sqrt()).clamp(-1.0, 1.0))
    }

    /// Returns all samples; the largest `u64` if the four counts exceed it.
    #[must_use]
    pub fn n_samples(&self) -> u64 {
        self.n_positives().saturating_add(self.n_negatives())
    }

    /// Returns the positive samples, `tp + fn`; the largest `u64` if they exceed it.
    #[must_use]
    pub fn n_positives(&self) -> u64 {
        self.true_positives.saturating_add(self.false_negatives)
    }

    /// Returns the negative samples, `tn + fp`; the largest `u64` if they exceed it.
    #[must_use]
    pub fn n_negatives(&self) -> u64 {
        self.true_negatives.saturating_add(self.false_positives)
    }

    /// Returns the samples predicted positive, `tp + fp`; the largest `u64` if they exceed it.
    #[must_use]
    pub fn n_predicted_positives(&self) -> u64 {
        self.true_positives.saturating_add(self.false_positives)
    }
}

#[cfg(test)]
mod tests {
    use super::ConfusionCounts;
    use crate::Error;

    /// All four counts differ, so that no two proportions can be swapped unseen.
    const LOPSIDED: ConfusionCounts = ConfusionCounts {
        true_positives: 7,
        false_positives: 2,
        true_negatives: 11,
        false_negatives: 5,
    };

    #[test]
    fn proportions_follow_their_definitions() {
        assert_eq!(LOPSIDED.accuracy(), Some(18.0 / 25.0));
        assert_eq!(LOPSIDED.precision(), Some(7.0 / 9.0));
        assert_eq!(LOPSIDED.recall(), Some(7.0 / 12.0));
        assert_eq!(LOPSIDED.specificity(), Some(11.0 / 13.0));
        assert_eq!(LOPSIDED.f1(), Some(14.0 / 21.0));
        let balanced = (7.0 / 12.0 + 11.0 / 13.0) / 2.0;
        assert_eq!(LOPSIDED.balanced_accuracy(), Some(balanced));
    }

    #[test]
    fn from_labels_puts_each_pair_in_its_cell() {
        let pairs = [
            (true, true, 7),
            (false, true, 2),
            (false, false, 11),
            (true, false, 5),
        ];
        let expand = |pick: fn(&(bool, bool, usize)) -> bool| -> Vec<bool> {
            pairs
                .iter()
                .flat_map(|pair| std::iter::repeat_n(pick(pair), pair.2))
                .collect()
        };
        let counts = ConfusionCounts::from_labels(&expand(|p| p.0), &expand(|p| p.1));
        assert_eq!(counts, Ok(LOPSIDED));
    }

    #[test]
    fn proportions_without_a_denominator_are_none() {
        let all_negative = ConfusionCounts {
            true_negatives: 9,
            ..ConfusionCounts::default()
        };
        assert_eq!(all_negative.accuracy(), Some(1.0));
        assert_eq!(all_negative.specificity(), Some(1.0));
        assert_eq!(all_negative.precision(), None);
        assert_eq!(all_negative.recall(), None);
        assert_eq!(all_negative.f1(), None);
        assert_eq!(all_negative.balanced_accuracy(), None);
        assert_eq!(all_negative.matthews_correlation(), None);
        assert_eq!(ConfusionCounts::default().accuracy(), None);
    }

    #[test]
    fn f1_is_zero_where_precision_has_no_value_but_there_are_positives() {
        let missed = ConfusionCounts {
            true_negatives: 9,
            false_negatives: 2,
            ..ConfusionCounts::default()
        };
        assert_eq!(missed.precision(), None);
        assert_eq!(missed.f1(), Some(0.0));
    }

    #[test]
    fn the_largest_counts_do_not_overflow() {
        let counts = ConfusionCounts {
            true_positives: u64::MAX,
            false_positives: u64::MAX,
            true_negatives: u64::MAX,
            false_negatives: u64::MAX,
        };
        assert_eq!(counts.accuracy(), Some(0.5));
        assert_eq!(counts.f1(), Some(0.5));
        assert_eq!(counts.matthews_correlation(), Some(0.0));
        assert_eq!(counts.n_samples(), u64::MAX);
    }

    #[test]
    fn correlation_of_perfect_and_inverted_predictions_is_one_and_minus_one() {
        let perfect = ConfusionCounts {
            true_positives: 3,
            true_negatives: 5,
            ..ConfusionCounts::default()
        };
        let inverted = ConfusionCounts {
            false_positives: 3,
            false_negatives: 5,
            ..ConfusionCounts::default()
        };
        assert_eq!(perfect.matthews_correlation(), Some(1.0));
        assert_eq!(inverted.matthews_correlation(), Some(-1.0));
    }

    #[test]
    fn the_threshold_is_inclusive_and_not_rounded_to_the_score_type() {
        let y_true = [true, false, true];
        let y_score = [0.1_f32, 0.25, 0.5];
        let at = |threshold| ConfusionCounts::from_scores(&y_true, &y_score, threshold).unwrap();
        assert_eq!(at(0.25).n_predicted_positives(), 2);
        // 0.1_f32 is a little more than 0.1, so it passes a threshold of 0.1.
        assert_eq!(at(0.1).n_predicted_positives(), 3);
        assert_eq!(at(f64::INFINITY).n_predicted_positives(), 0);
    }

    #[test]
    fn bad_input_is_refused_by_variant() {
        let none: [f64; 0] = [];
        assert_eq!(
            ConfusionCounts::from_scores(&[], &none, 0.5),
            Err(Error::Empty { name: "y_true" })
        );
        assert_eq!(
            ConfusionCounts::from_labels(&[true, false], &[true]),
            Err(Error::LengthMismatch {
                name: "y_pred",
                expected: 2,
                found: 1
            })
        );
        assert!(matches!(
            ConfusionCounts::from_scores(&[true], &[f32::NAN], 0.5),
            Err(Error::NonFiniteScore { row: 0, .. })
        ));
        assert!(matches!(
            ConfusionCounts::from_scores(&[true], &[0.5], f64::NAN),
            Err(Error::InvalidThreshold { .. })
        ));
    }
}
