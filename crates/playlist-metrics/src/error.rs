//! What can be wrong with labels, scores and settings.

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a number cannot be given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two slices that describe the same samples differ in length.
    #[error("`{name}` has {found} values: expected {expected}, to fit `y_true`")]
    LengthMismatch {
        /// The argument whose length is wrong.
        name: &'static str,
        /// The length that fits `y_true`.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// There is no sample, so there is nothing to measure.
    #[error("`{name}` is empty: expected at least one value")]
    Empty {
        /// The empty argument.
        name: &'static str,
    },
    /// A score is NaN or infinite, so it has no place in the order.
    #[error("score of row {row} is `{value}`: expected a finite number")]
    NonFiniteScore {
        /// The first such row, from 0.
        row: usize,
        /// The score found.
        value: f64,
    },
    /// A number that is to be averaged or resampled is NaN or infinite.
    #[error("value {index} is `{value}`: expected a finite number")]
    NonFiniteValue {
        /// The first such position, from 0.
        index: usize,
        /// The value found.
        value: f64,
    },
    /// A probability lies outside 0 to 1, or is NaN.
    #[error("probability of row {row} is `{value}`: expected a number from 0 to 1")]
    ProbabilityOutOfRange {
        /// The first such row, from 0.
        row: usize,
        /// The value found.
        value: f64,
    },
    /// The class probabilities of one row do not sum to one.
    #[error("probabilities of row {row} sum to {sum}: expected 1")]
    RowSum {
        /// The first such row, from 0.
        row: usize,
        /// The sum found.
        sum: f64,
    },
    /// A class label is not below the number of classes.
    #[error("label of row {row} is {label}: expected a class from 0 to {max}", max = n_classes.saturating_sub(1))]
    LabelOutOfRange {
        /// The first such row, from 0.
        row: usize,
        /// The label found.
        label: usize,
        /// The number of classes.
        n_classes: usize,
    },
    /// The number of classes cannot be worked with.
    #[error("`n_classes` is {n_classes}: expected 2 to {max}")]
    InvalidClassCount {
        /// The number of classes asked for.
        n_classes: usize,
        /// The largest number accepted.
        max: usize,
    },
    /// The labels lack one of the two classes, and the quantity compares both.
    #[error(
        "all {n_samples} labels are {}: the result needs both classes",
        if *positive { "positive" } else { "negative" }
    )]
    OneClass {
        /// The number of samples.
        n_samples: usize,
        /// Whether the class that is there is the positive one.
        positive: bool,
    },
    /// A class has no sample, or holds all of them, so its one-vs-rest AUC has no value.
    #[error("class {class} holds {n_true} of {n_samples} samples: its ROC AUC against the rest has no value")]
    ClassNotRanked {
        /// The first such class.
        class: usize,
        /// Samples of that class.
        n_true: u64,
        /// All samples.
        n_samples: usize,
    },
    /// A decision threshold is NaN, or a fixed one is not finite.
    #[error("threshold is `{value}`: expected a finite number")]
    InvalidThreshold {
        /// The threshold found.
        value: f64,
    },
    /// A text names no threshold rule.
    #[error(
        "threshold rule `{found}` is unknown: expected a number, `midpoint`, `best-f1`, `youden` or `prior`"
    )]
    UnknownThresholdRule {
        /// The text found.
        found: String,
    },
    /// A confidence level does not lie strictly between 0 and 1.
    #[error("confidence level is `{level}`: expected more than 0 and less than 1, such as 0.95")]
    InvalidLevel {
        /// The level found.
        level: f64,
    },
    /// The number of calibration bins is not usable.
    #[error("number of calibration bins is {n_bins}: expected 1 to {max}")]
    InvalidBins {
        /// The number asked for.
        n_bins: usize,
        /// The largest number accepted.
        max: usize,
    },
    /// A proportion has more successes than trials.
    #[error("{successes} successes in {n} trials: expected at most {n}")]
    InvalidProportion {
        /// Successes given.
        successes: u64,
        /// Trials given.
        n: u64,
    },
    /// A variance needs more samples than there are.
    #[error("{found} {name}: expected at least {expected}")]
    TooFew {
        /// What is counted, in the plural.
        name: &'static str,
        /// The smallest number that will do.
        expected: usize,
        /// The number found.
        found: usize,
    },
    /// Memory for one index a sample cannot be reserved.
    #[error("no memory for {n_samples} sample indices: resample fewer rows")]
    TooManySamples {
        /// The number of samples asked for.
        n_samples: usize,
    },
    /// The statistic had a value on fewer than two resamples.
    #[error(
        "the statistic has no value on {n_undefined} of {n_resamples} resamples: expected at least 2 with a value"
    )]
    UndefinedStatistic {
        /// Resamples drawn.
        n_resamples: usize,
        /// Resamples on which the statistic was `None` or not finite.
        n_undefined: usize,
    },
    /// All values are equal, so a test statistic would be a division by zero.
    #[error("all {n_values} values are equal: the test needs values that vary")]
    ZeroVariance {
        /// The number of values.
        n_values: usize,
    },
    /// A split has no training or no test rows.
    #[error("split of {n_train} training and {n_test} test rows: expected at least 1 of each")]
    InvalidSplit {
        /// Training rows given.
        n_train: usize,
        /// Test rows given.
        n_test: usize,
    },
    /// The `k` of a top-k accuracy is not usable.
    #[error("`k` is {k}: expected 1 to {n_classes}, the number of classes")]
    InvalidTopK {
        /// The `k` found.
        k: usize,
        /// The number of classes.
        n_classes: usize,
    },
    /// The result is too large for a 64-bit floating-point number.
    #[error("{name} is too large for a 64-bit floating-point number")]
    Overflow {
        /// The quantity.
        name: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn messages_name_the_place_and_what_was_expected() {
        let length = Error::LengthMismatch {
            name: "y_score",
            expected: 4,
            found: 3,
        };
        assert_eq!(
            length.to_string(),
            "`y_score` has 3 values: expected 4, to fit `y_true`"
        );
        let one_class = Error::OneClass {
            n_samples: 12,
            positive: false,
        };
        assert_eq!(
            one_class.to_string(),
            "all 12 labels are negative: the result needs both classes"
        );
        let label = Error::LabelOutOfRange {
            row: 7,
            label: 3,
            n_classes: 3,
        };
        assert_eq!(
            label.to_string(),
            "label of row 7 is 3: expected a class from 0 to 2"
        );
    }
}
