//! Confidence intervals: how far a number from this test set may be off.

use serde::{Deserialize, Serialize};

use crate::distribution::{normal_upper_quantile, student_two_sided_quantile};
use crate::error::{Error, Result};
use crate::score::Sum;

/// The confidence level where a function takes none.
pub(crate) const DEFAULT_LEVEL: f64 = 0.95;

/// A confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Confidence level, such as 0.95.
    pub level: f64,
}

impl Interval {
    /// The interval cut to `range`, for a value that cannot lie outside it.
    ///
    /// # Examples
    /// ```
    /// let interval = playlist_metrics::mean_interval(&[0.9, 1.0], 0.95)?;
    /// assert!(interval.upper > 1.5);
    /// assert_eq!(interval.within(0.0..=1.0).upper, 1.0);
    /// # Ok::<(), playlist_metrics::Error>(())
    /// ```
    #[must_use]
    pub fn within(self, range: std::ops::RangeInclusive<f64>) -> Self {
        Self {
            lower: self.lower.max(*range.start()).min(*range.end()),
            upper: self.upper.max(*range.start()).min(*range.end()),
            level: self.level,
        }
    }

    /// `centre - half_width` to `centre + half_width`, cut to `range`.
    pub(crate) fn around(
        centre: f64,
        half_width: f64,
        range: std::ops::RangeInclusive<f64>,
        level: f64,
    ) -> Self {
        Self {
            lower: (centre - half_width).clamp(*range.start(), *range.end()),
            upper: (centre + half_width).clamp(*range.start(), *range.end()),
            level,
        }
    }
}

/// Checks a level and returns what lies outside it, on both sides together.
pub(crate) fn outside(level: f64) -> Result<f64> {
    if level > 0.0 && level < 1.0 {
        Ok(1.0 - level)
    } else {
        Err(Error::InvalidLevel { level })
    }
}

/// The `z` that a standard normal variable exceeds in size with probability `1 - level`.
pub(crate) fn normal_quantile(level: f64) -> Result<f64> {
    outside(level).map(|tail| normal_upper_quantile(tail / 2.0))
}

/// Returns the Wilson score interval of a proportion: accuracy, precision, recall and their like.
///
/// With `p = successes / n` and `z` the normal quantile:
/// `(p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)`. It stays within 0 to 1
/// and keeps a width at 0 and 1, where the textbook interval has none.
///
/// # Errors
/// - [`Error::Empty`]: no trials.
/// - [`Error::InvalidProportion`]: more successes than trials.
/// - [`Error::InvalidLevel`]: the level is not between 0 and 1.
///
/// # Examples
/// ```
/// let interval = playlist_metrics::wilson_interval(10, 10, 0.95)?;
/// assert_eq!(interval.upper, 1.0);
/// assert!((interval.lower - 0.7224672).abs() < 1e-7);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// E. B. Wilson, Journal of the American Statistical Association 22 (1927); the same as scipy 1.17
/// `binomtest(...).proportion_ci(method="wilson")`.
pub fn wilson_interval(successes: u64, n: u64, level: f64) -> Result<Interval> {
    let z = normal_quantile(level)?;
    if n == 0 {
        return Err(Error::Empty { name: "n" });
    }
    if successes > n {
        return Err(Error::InvalidProportion { successes, n });
    }
    let trials = n as f64;
    let p = successes as f64 / trials;
    let scale = 1.0 + z * z / trials;
    let centre = (p + z * z / (2.0 * trials)) / scale;
    let variance = p * (1.0 - p) / trials + z * z / (4.0 * trials * trials);
    let interval = Interval::around(centre, z * variance.sqrt() / scale, 0.0..=1.0, level);
    Ok(Interval {
        // Exact on paper, a last digit off in the machine.
        lower: if successes == 0 { 0.0 } else { interval.lower },
        upper: if successes == n { 1.0 } else { interval.upper },
        level,
    })
}

/// Mean and sample variance (divisor `n - 1`) of at least two finite values.
pub(crate) fn mean_and_variance(values: &[f64]) -> Result<(f64, f64)> {
    if let Some(index) = values.iter().position(|value| !value.is_finite()) {
        return Err(Error::NonFiniteValue {
            index,
            value: values[index],
        });
    }
    let (Some(&first), true) = (values.first(), values.len() >= 2) else {
        return Err(Error::TooFew {
            name: "values",
            expected: 2,
            found: values.len(),
        });
    };
    if values.iter().all(|&value| value == first) {
        return Ok((first, 0.0)); // The mean of equal values would be rounded.
    }
    let n = values.len() as f64;
    let mean = values.iter().copied().collect::<Sum>().total() / n;
    let squares = values.iter().map(|value| (value - mean).powi(2));
    let variance = squares.collect::<Sum>().total() / (n - 1.0);
    if variance.is_finite() {
        Ok((mean, variance))
    } else {
        Err(Error::Overflow { name: "variance" })
    }
}

/// Variance of a mean over repeated splits, per unit of sample variance.
///
/// `1 / n_splits + n_test / n_train`: the second term stands for the overlap of the training sets.
pub(crate) fn corrected_factor(n_splits: usize, n_train: usize, n_test: usize) -> Result<f64> {
    if n_train == 0 || n_test == 0 {
        return Err(Error::InvalidSplit { n_train, n_test });
    }
    Ok(1.0 / n_splits as f64 + n_test as f64 / n_train as f64)
}

/// `mean -+ t * standard_error` with Student's quantile, checked to be representable.
pub(crate) fn student_interval(
    mean: f64,
    standard_error: f64,
    degrees_of_freedom: f64,
    level: f64,
) -> Result<Interval> {
    let t = student_two_sided_quantile(outside(level)?, degrees_of_freedom);
    let half_width = t * standard_error;
    if half_width.is_finite() && (mean.abs() + half_width).is_finite() {
        Ok(Interval {
            lower: mean - half_width,
            upper: mean + half_width,
            level,
        })
    } else {
        Err(Error::Overflow { name: "interval" })
    }
}

/// Returns Student's interval for the mean of independent values.
///
/// `mean -+ t * s / sqrt(n)`, `n - 1` degrees of freedom. Equal values give a single point. Scores
/// from repeated splits of one table are not independent: use [`corrected_mean_interval`].
///
/// # Errors
/// - [`Error::InvalidLevel`]: the level is not between 0 and 1.
/// - [`Error::NonFiniteValue`]: a value is NaN or infinite.
/// - [`Error::TooFew`]: fewer than two values.
/// - [`Error::Overflow`]: the variance exceeds the largest `f64`.
///
/// # Examples
/// ```
/// let interval = playlist_metrics::mean_interval(&[1.0, 2.0, 3.0], 0.95)?;
/// assert!((interval.lower - -0.4841377).abs() < 1e-7);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// Student, Biometrika 6 (1908); scipy 1.17 `ttest_1samp(...).confidence_interval`.
pub fn mean_interval(values: &[f64], level: f64) -> Result<Interval> {
    outside(level)?;
    let (mean, variance) = mean_and_variance(values)?;
    let n = values.len() as f64;
    student_interval(mean, (variance / n).sqrt(), n - 1.0, level)
}

/// Returns the interval for the mean of scores from repeated train-test splits of one table.
///
/// As [`mean_interval`], with the standard error `sqrt((1 / n + n_test / n_train) s^2)`: the
/// training sets overlap, so the scores vary less than independent ones would.
///
/// # Errors
/// - [`Error::InvalidSplit`]: `n_train` or `n_test` is zero.
/// - All of [`mean_interval`].
///
/// # Examples
/// ```
/// use playlist_metrics::{corrected_mean_interval, mean_interval};
///
/// let scores = [0.71, 0.74, 0.69, 0.72];
/// let corrected = corrected_mean_interval(&scores, 80, 20, 0.95)?;
/// assert!(corrected.lower < mean_interval(&scores, 0.95)?.lower);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// C. Nadeau and Y. Bengio, Machine Learning 52 (2003); for folds, repeated or not, where
/// `n_test / n_train` is `1 / (n_folds - 1)`, R. R. Bouckaert and E. Frank, PAKDD 2004.
pub fn corrected_mean_interval(
    values: &[f64],
    n_train: usize,
    n_test: usize,
    level: f64,
) -> Result<Interval> {
    outside(level)?;
    let (mean, variance) = mean_and_variance(values)?;
    let factor = corrected_factor(values.len(), n_train, n_test)?;
    let degrees_of_freedom = values.len() as f64 - 1.0;
    student_interval(mean, (factor * variance).sqrt(), degrees_of_freedom, level)
}

#[cfg(test)]
mod tests {
    use super::{mean_interval, wilson_interval};
    use crate::{Error, bootstrap_interval, delong_interval};

    #[test]
    fn levels_outside_zero_to_one_are_refused_everywhere() {
        for level in [0.0, 1.0, -0.5, 95.0, f64::NAN] {
            let refused = [
                wilson_interval(3, 7, level).err(),
                mean_interval(&[1.0, 2.0], level).err(),
                delong_interval(&[true, false], &[1.0, 0.0], level).err(),
                bootstrap_interval(3, 10, level, 0, |_| Some(1.0)).err(),
            ];
            for error in refused {
                assert!(
                    matches!(error, Some(Error::InvalidLevel { .. })),
                    "{level}: {error:?}"
                );
            }
        }
    }

    #[test]
    fn impossible_proportions_are_refused() {
        assert_eq!(wilson_interval(0, 0, 0.95), Err(Error::Empty { name: "n" }));
        let expected = Error::InvalidProportion { successes: 8, n: 7 };
        assert_eq!(wilson_interval(8, 7, 0.95), Err(expected));
        assert!(wilson_interval(u64::MAX, u64::MAX, 0.999_999).is_ok());
    }

    #[test]
    fn wilson_contains_the_proportion_even_at_the_ends() {
        for successes in 0..=13 {
            let interval = wilson_interval(successes, 13, 0.95).unwrap();
            let share = successes as f64 / 13.0;
            assert!(interval.lower <= share && share <= interval.upper);
            assert!(interval.upper - interval.lower > 0.2);
        }
    }

    #[test]
    fn values_that_have_no_mean_are_refused() {
        assert!(matches!(
            mean_interval(&[1.0], 0.95),
            Err(Error::TooFew { found: 1, .. })
        ));
        assert!(matches!(
            mean_interval(&[1.0, f64::INFINITY], 0.95),
            Err(Error::NonFiniteValue { index: 1, .. })
        ));
        let huge = [f64::MAX, f64::MIN, f64::MAX];
        assert_eq!(
            mean_interval(&huge, 0.95),
            Err(Error::Overflow { name: "variance" })
        );
    }
}
