//! The counts of a decision among several classes, and their averages.

use serde::{Deserialize, Serialize};

use crate::confusion::ConfusionCounts;
use crate::error::{Error, Result};
use crate::paired::MajorityTest;
use crate::score::check_lengths;

/// The largest number of classes accepted: a matrix of 4,096 classes takes 128 MiB.
pub(crate) const MAX_CLASSES: usize = 4_096;

/// How values of single classes become one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Average {
    /// Plain mean over the classes: a rare class counts as much as a common one.
    Macro,
    /// One value from the pooled counts: a sample counts as much as any other.
    Micro,
    /// Mean over the classes, weighted by their number of samples.
    Weighted,
}

/// How many samples of each class were predicted to be of each class.
///
/// Never empty, so that the accuracy always has a value.
///
/// # Examples
/// ```
/// use playlist_metrics::{Average, ConfusionMatrix};
///
/// let matrix = ConfusionMatrix::from_labels(&[0, 0, 1, 2, 2], &[0, 1, 1, 2, 0], 3)?;
/// assert_eq!(matrix.get(2, 0), Some(1)); // true class first
/// assert_eq!(matrix.accuracy(), 0.6);
/// assert_eq!(matrix.recall(Average::Macro), (0.5 + 1.0 + 0.5) / 3.0);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ConfusionMatrix {
    n_classes: usize,
    n_samples: u64,
    /// Row-major, `[n_classes, n_classes]`, row: true class, column: predicted class.
    counts: Vec<u64>,
}

impl ConfusionMatrix {
    /// Counts pairs of true and predicted class.
    ///
    /// # Shapes
    /// `y_true` and `y_pred`: `[n_samples]`, classes `0 .. n_classes`.
    ///
    /// # Errors
    /// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one prediction a label.
    /// - [`Error::InvalidClassCount`]: fewer than 2 classes or more than 4,096.
    /// - [`Error::LabelOutOfRange`]: a label or prediction is not below `n_classes`.
    pub fn from_labels(y_true: &[usize], y_pred: &[usize], n_classes: usize) -> Result<Self> {
        check_lengths(y_true.len(), "y_pred", y_pred.len())?;
        check_class_count(n_classes)?;
        let mut counts = vec![0; n_classes * n_classes];
        for (row, (&label, &predicted)) in y_true.iter().zip(y_pred).enumerate() {
            let label = check_label(row, label, n_classes)?;
            counts[label * n_classes + check_label(row, predicted, n_classes)?] += 1;
        }
        Ok(Self {
            n_classes,
            n_samples: y_true.len() as u64,
            counts,
        })
    }

    /// Returns the number of classes.
    #[must_use]
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Returns the number of samples, which is not zero.
    #[must_use]
    pub fn n_samples(&self) -> u64 {
        self.n_samples
    }

    /// Returns the samples of class `label` predicted as `predicted`; `None` for no such class.
    #[must_use]
    pub fn get(&self, label: usize, predicted: usize) -> Option<u64> {
        self.row(label)?.get(predicted).copied()
    }

    /// Returns the predictions of one true class, `[n_classes]`; `None` for no such class.
    #[must_use]
    pub fn row(&self, label: usize) -> Option<&[u64]> {
        self.counts.chunks_exact(self.n_classes).nth(label)
    }

    /// Returns the samples of each true class, the sums of the rows, `[n_classes]`.
    #[must_use]
    pub fn true_counts(&self) -> Vec<u64> {
        let rows = self.counts.chunks_exact(self.n_classes);
        rows.map(|row| row.iter().sum()).collect()
    }

    /// Returns the samples predicted as each class, the sums of the columns, `[n_classes]`.
    #[must_use]
    pub fn predicted_counts(&self) -> Vec<u64> {
        let mut sums = vec![0; self.n_classes];
        for row in self.counts.chunks_exact(self.n_classes) {
            for (sum, count) in sums.iter_mut().zip(row) {
                *sum += count;
            }
        }
        sums
    }

    /// Returns the correct predictions of each class, the diagonal, `[n_classes]`.
    #[must_use]
    pub fn correct_counts(&self) -> Vec<u64> {
        self.counts.iter().copied().step_by(self.n_classes + 1).collect()
    }

    /// Returns the binary counts of every class against the rest, `[n_classes]`.
    ///
    /// Their proportions are `None` where a class has no value, as for two classes.
    #[must_use]
    pub fn one_vs_rest(&self) -> Vec<ConfusionCounts> {
        let (correct, predicted) = (self.correct_counts(), self.predicted_counts());
        let classes = self.true_counts().into_iter().zip(correct).zip(predicted);
        classes
            .map(|((n_true, n_correct), n_predicted)| ConfusionCounts {
                true_positives: n_correct,
                false_positives: n_predicted - n_correct,
                false_negatives: n_true - n_correct,
                true_negatives: self.n_samples - n_true - (n_predicted - n_correct),
            })
            .collect()
    }

    /// Returns the number of correct predictions.
    #[must_use]
    pub fn n_correct(&self) -> u64 {
        self.correct_counts().iter().sum()
    }

    /// Returns the share of correct predictions.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.n_correct() as f64 / self.n_samples as f64
    }

    /// Returns the mean recall over the classes that have samples.
    #[must_use]
    pub fn balanced_accuracy(&self) -> f64 {
        let classes = self.one_vs_rest();
        let recalls: Vec<f64> = classes.iter().filter_map(ConfusionCounts::recall).collect();
        recalls.iter().sum::<f64>() / recalls.len() as f64
    }

    /// Returns the averaged precision.
    ///
    /// The average is over the classes that occur among labels or predictions. A class that has
    /// samples but is never predicted has no precision of its own; in this average, and only
    /// there, it counts as 0.
    ///
    /// # Source
    /// scikit-learn 1.9 `precision_score` with `zero_division=0`.
    #[must_use]
    pub fn precision(&self, average: Average) -> f64 {
        self.average(average, ConfusionCounts::precision)
    }

    /// Returns the averaged recall.
    ///
    /// The average is over the classes that occur among labels or predictions. A class that is
    /// predicted but has no samples has no recall of its own; in the macro average, and only
    /// there, it counts as 0.
    ///
    /// # Source
    /// scikit-learn 1.9 `recall_score` with `zero_division=0`.
    #[must_use]
    pub fn recall(&self, average: Average) -> f64 {
        self.average(average, ConfusionCounts::recall)
    }

    /// Returns the averaged F1, over the classes that occur among labels or predictions.
    ///
    /// # Source
    /// scikit-learn 1.9 `f1_score`: the mean of the F1 of each class, not the F1 of the means.
    #[must_use]
    pub fn f1(&self, average: Average) -> f64 {
        self.average(average, ConfusionCounts::f1)
    }

    /// Returns the Matthews correlation of several classes, from below 0 to 1.
    ///
    /// With `t`, `p` and `c` the true, predicted and correct counts of the classes:
    /// `(n sum(c) - sum(t p)) / sqrt((n^2 - sum(p^2)) (n^2 - sum(t^2)))`, or `None` when labels or
    /// predictions are of one class only.
    ///
    /// # Source
    /// J. Gorodkin, Computational Biology and Chemistry 28 (2004). scikit-learn returns 0 where
    /// this returns `None`.
    #[must_use]
    pub fn matthews_correlation(&self) -> Option<f64> {
        let (n_true, n_predicted) = (self.true_counts(), self.predicted_counts());
        let dot = |a: &[u64], b: &[u64]| -> u128 {
            let pairs = a.iter().zip(b);
            pairs.map(|(&a, &b)| u128::from(a) * u128::from(b)).sum()
        };
        let n = u128::from(self.n_samples);
        let spread = |counts: &[u64]| n * n - dot(counts, counts);
        let (spread_true, spread_predicted) = (spread(&n_true), spread(&n_predicted));
        if spread_true == 0 || spread_predicted == 0 {
            return None;
        }
        let (with, against) = (n * u128::from(self.n_correct()), dot(&n_true, &n_predicted));
        let sign = if with >= against { 1.0 } else { -1.0 };
        let root = (spread_true as f64 * spread_predicted as f64).sqrt();
        Some((sign * with.abs_diff(against) as f64 / root).clamp(-1.0, 1.0))
    }

    /// Tests whether the accuracy exceeds that of always predicting the largest class.
    ///
    /// The one-sided exact McNemar test of [`better_than_majority`](crate::better_than_majority).
    /// Of equally large classes the one is taken against which the p-value is largest.
    #[must_use]
    pub fn better_than_majority(&self) -> MajorityTest {
        let (n_true, correct) = (self.true_counts(), self.correct_counts());
        let n_correct = self.n_correct();
        let n_majority = n_true.iter().copied().max().unwrap_or_default();
        let against = |class: usize| {
            let pairs = (n_correct - correct[class], n_true[class] - correct[class]);
            MajorityTest::new(n_correct.into(), n_majority.into(), self.n_samples.into(), pairs)
        };
        let mut largest = (0..self.n_classes).filter(|&class| n_true[class] == n_majority);
        let first = against(largest.next().unwrap_or_default());
        largest.map(against).fold(
            first,
            |worst, test| {
                if test.p_value > worst.p_value { test } else { worst }
            },
        )
    }

    fn average(&self, average: Average, of: impl Fn(&ConfusionCounts) -> Option<f64>) -> f64 {
        let classes = self.one_vs_rest();
        if average == Average::Micro {
            let pooled = classes
                .iter()
                .fold(ConfusionCounts::default(), |mut pool, class| {
                    pool.true_positives += class.true_positives;
                    pool.false_positives += class.false_positives;
                    pool.false_negatives += class.false_negatives;
                    pool
                });
            // Every sample has a true and a predicted class, so no pooled denominator is zero.
            return of(&pooled).unwrap_or_default();
        }
        let mut sums = (0.0, 0.0);
        for class in &classes {
            let n_true = class.n_positives();
            let occurs = n_true + class.n_predicted_positives() > 0;
            let weight = match average {
                Average::Weighted => n_true as f64,
                _ => f64::from(u8::from(occurs)),
            };
            sums.0 += weight * of(class).unwrap_or_default();
            sums.1 += weight;
        }
        sums.0 / sums.1
    }
}

/// Checks the number of classes.
pub(crate) fn check_class_count(n_classes: usize) -> Result<()> {
    if (2..=MAX_CLASSES).contains(&n_classes) {
        Ok(())
    } else {
        Err(Error::InvalidClassCount {
            n_classes,
            max: MAX_CLASSES,
        })
    }
}

/// Checks that a label is a class.
pub(crate) fn check_label(row: usize, label: usize, n_classes: usize) -> Result<usize> {
    if label < n_classes {
        Ok(label)
    } else {
        Err(Error::LabelOutOfRange {
            row,
            label,
            n_classes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Average, ConfusionMatrix};
    use crate::Error;

    /// Three classes, all cells different but for the zeros: class 1 is never predicted.
    fn lopsided() -> ConfusionMatrix {
        let cells = [(0, 0, 5), (0, 2, 1), (1, 0, 2), (1, 2, 3), (2, 0, 4), (2, 2, 7)];
        let expand = |pick: fn(&(usize, usize, usize)) -> usize| -> Vec<usize> {
            let repeated = cells
                .iter()
                .flat_map(|cell| std::iter::repeat_n(pick(cell), cell.2));
            repeated.collect()
        };
        ConfusionMatrix::from_labels(&expand(|c| c.0), &expand(|c| c.1), 3).unwrap()
    }

    #[test]
    fn rows_are_true_classes_and_columns_predicted_ones() {
        let matrix = lopsided();
        assert_eq!(matrix.get(2, 0), Some(4));
        assert_eq!(matrix.get(0, 3), None);
        assert_eq!(matrix.row(1), Some(&[2, 0, 3][..]));
        assert_eq!(matrix.row(3), None);
        assert_eq!(matrix.true_counts(), [6, 5, 11]);
        assert_eq!(matrix.predicted_counts(), [11, 0, 11]);
        assert_eq!(matrix.correct_counts(), [5, 0, 7]);
    }

    #[test]
    fn a_class_never_predicted_has_no_precision_and_counts_as_zero_in_averages_only() {
        let matrix = lopsided();
        assert_eq!(matrix.one_vs_rest()[1].precision(), None);
        let expected = (5.0 / 11.0 + 0.0 + 7.0 / 11.0) / 3.0;
        // The sums are made in another order: a rounding each.
        assert!((matrix.precision(Average::Macro) - expected).abs() < 1e-15);
        assert_eq!(matrix.precision(Average::Micro), matrix.accuracy());
    }

    #[test]
    fn a_class_that_does_not_occur_is_left_out_of_the_averages() {
        let (y_true, y_pred) = ([0, 1, 1, 0, 1], [0, 1, 0, 0, 1]);
        let two = ConfusionMatrix::from_labels(&y_true, &y_pred, 2).unwrap();
        let five = ConfusionMatrix::from_labels(&y_true, &y_pred, 5).unwrap();
        for average in [Average::Macro, Average::Micro, Average::Weighted] {
            assert_eq!(two.precision(average), five.precision(average));
            assert_eq!(two.recall(average), five.recall(average));
            assert_eq!(two.f1(average), five.f1(average));
        }
    }

    #[test]
    fn the_majority_test_compares_with_the_largest_class() {
        let test = lopsided().better_than_majority();
        assert_eq!((test.accuracy, test.majority_share), (12.0 / 22.0, 0.5));
        assert_eq!((test.n_gained, test.n_lost), (5, 4));
        // Five or more of nine tosses; the tail is good to 1e-14 at this size.
        assert!((test.p_value - 0.5).abs() < 1e-14);
    }

    #[test]
    fn one_class_has_no_correlation() {
        let matrix = ConfusionMatrix::from_labels(&[1, 1, 1], &[0, 1, 2], 3).unwrap();
        assert_eq!(matrix.matthews_correlation(), None);
        let perfect = ConfusionMatrix::from_labels(&[2, 1, 0, 0], &[2, 1, 0, 0], 3).unwrap();
        assert_eq!(perfect.matthews_correlation(), Some(1.0));
    }

    #[test]
    fn bad_labels_are_refused_by_variant() {
        let build = ConfusionMatrix::from_labels;
        assert_eq!(build(&[], &[], 3), Err(Error::Empty { name: "y_true" }));
        assert!(matches!(
            build(&[0], &[0, 1], 3),
            Err(Error::LengthMismatch { .. })
        ));
        for n_classes in [0, 1, usize::MAX] {
            let result = build(&[0], &[0], n_classes);
            assert!(matches!(result, Err(Error::InvalidClassCount { .. })));
        }
        let expected = Error::LabelOutOfRange {
            row: 1,
            label: 3,
            n_classes: 3,
        };
        assert_eq!(build(&[0, 3], &[0, 0], 3), Err(expected.clone()));
        assert_eq!(build(&[0, 0], &[0, 3], 3), Err(expected));
    }
}
