//! The bootstrap: an interval for any statistic of the rows.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::interval::{Interval, mean_and_variance, outside};

/// What a bootstrap found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Percentile interval of the statistic.
    pub interval: Interval,
    /// Standard deviation of the statistic over the resamples on which it has a value.
    pub standard_error: f64,
    /// Resamples drawn.
    pub n_resamples: usize,
    /// Resamples without a value (`None`, NaN or infinite); the interval leaves them out.
    pub n_undefined: usize,
}

/// Returns the percentile bootstrap interval of any statistic of the rows.
///
/// Draws `n_samples` row indices with replacement, `n_resamples` times, and calls `statistic` with
/// each draw. The interval runs from the `(1 - level) / 2` quantile of the values to the
/// `(1 + level) / 2` quantile, interpolated linearly between order statistics. The same seed gives
/// the same draws on every machine.
///
/// # Shapes
/// `indices`: `[n_samples]`, each below `n_samples`.
///
/// # Errors
/// - [`Error::InvalidLevel`]: the level is not between 0 and 1.
/// - [`Error::Empty`]: no samples.
/// - [`Error::TooFew`]: fewer than two resamples.
/// - [`Error::TooManySamples`]: there is no memory for that many indices.
/// - [`Error::UndefinedStatistic`]: fewer than two resamples gave a value.
/// - [`Error::Overflow`]: the variance of the values exceeds the largest `f64`.
///
/// # Examples
/// ```
/// use playlist_metrics::{bootstrap_interval, roc_auc};
///
/// let y_true = [false, false, true, false, true, true, false, true];
/// let y_score = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
/// let result = bootstrap_interval(y_true.len(), 1_000, 0.9, 7, |indices| {
///     let y_true: Vec<bool> = indices.iter().map(|&row| y_true[row]).collect();
///     let y_score: Vec<f64> = indices.iter().map(|&row| y_score[row]).collect();
///     roc_auc(&y_true, &y_score).ok() // one class in the resample: no value
/// })?;
/// assert!(result.interval.lower < 0.75 && 0.75 < result.interval.upper);
/// assert!(result.n_undefined < 50);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13. Generator:
/// ChaCha with 8 rounds; bounded draws by D. Lemire, ACM TOMACS 29 (2019), without bias.
pub fn bootstrap_interval(
    n_samples: usize,
    n_resamples: usize,
    level: f64,
    seed: u64,
    mut statistic: impl FnMut(&[usize]) -> Option<f64>,
) -> Result<Bootstrap> {
    let tail = outside(level)? / 2.0;
    if n_samples == 0 {
        return Err(Error::Empty { name: "n_samples" });
    }
    if n_resamples < 2 {
        return Err(Error::TooFew {
            name: "resamples",
            expected: 2,
            found: n_resamples,
        });
    }
    let mut indices = Vec::new();
    indices
        .try_reserve_exact(n_samples)
        .map_err(|_| Error::TooManySamples { n_samples })?;
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::new();
    for _ in 0..n_resamples {
        indices.clear();
        indices.extend((0..n_samples).map(|_| index_below(&mut generator, n_samples)));
        values.extend(statistic(&indices).filter(|value| value.is_finite()));
    }
    let n_undefined = n_resamples - values.len();
    if values.len() < 2 {
        return Err(Error::UndefinedStatistic {
            n_resamples,
            n_undefined,
        });
    }
    values.sort_unstable_by(f64::total_cmp);
    let (_, variance) = mean_and_variance(&values)?;
    Ok(Bootstrap {
        interval: Interval {
            lower: quantile(&values, tail),
            upper: quantile(&values, 1.0 - tail),
            level,
        },
        standard_error: variance.sqrt(),
        n_resamples,
        n_undefined,
    })
}

/// Returns the pointwise percentile band of a curve: for each of its points the interval that holds the middle `level`
/// of its values over `n_resamples` draws of the rows.
///
/// Draws as [`bootstrap_interval`] does and calls `curve` with each draw; a draw on which it has no value (`None`) is
/// left out. Each point has an interval of its own, so a whole curve leaves the band somewhere more often than
/// `1 - level`.
///
/// # Shapes
/// `indices`: `[n_samples]`, each below `n_samples`; every curve has one number of points, that of the result.
///
/// # Errors
/// Those of [`bootstrap_interval`]; [`Error::LengthMismatch`]: curves of different lengths.
///
/// # Examples
/// ```
/// let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
/// let band = playlist_metrics::bootstrap_band(8, 500, 0.9, 7, |rows| {
///     let mean = rows.iter().map(|&row| values[row]).sum::<f64>() / 8.0;
///     Some(vec![mean, 10.0 - mean])
/// })?;
/// assert!(band[0].lower < 3.875 && 3.875 < band[0].upper);
/// assert!((band[0].lower + band[1].upper - 10.0).abs() < 1e-9);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
pub fn bootstrap_band(
    n_samples: usize,
    n_resamples: usize,
    level: f64,
    seed: u64,
    mut curve: impl FnMut(&[usize]) -> Option<Vec<f64>>,
) -> Result<Vec<Interval>> {
    let tail = outside(level)? / 2.0;
    let mut points: Vec<Vec<f64>> = Vec::new();
    let mut other_length = None;
    let drawn = bootstrap_interval(n_samples, n_resamples, level, seed, |rows| {
        let values = curve(rows)?;
        if points.is_empty() {
            points = vec![Vec::with_capacity(n_resamples); values.len()];
        }
        if values.len() != points.len() {
            other_length.get_or_insert(values.len());
        }
        for (point, value) in points.iter_mut().zip(&values) {
            point.push(*value);
        }
        Some(0.0)
    });
    drawn?;
    if let Some(found) = other_length {
        return Err(Error::LengthMismatch {
            name: "curve",
            expected: points.len(),
            found,
        });
    }
    let interval = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        Interval {
            lower: quantile(&values, tail),
            upper: quantile(&values, 1.0 - tail),
            level,
        }
    };
    Ok(points.into_iter().map(interval).collect())
}

/// A uniform index below `n`: the high word of a product, redrawn where it would be biased.
fn index_below(generator: &mut impl Rng, n: usize) -> usize {
    let n = n as u64;
    loop {
        let product = u128::from(generator.next_u64()) * u128::from(n);
        if product as u64 >= n.wrapping_neg() % n {
            return (product >> u64::BITS) as usize;
        }
    }
}

/// The quantile of sorted values, interpolated linearly as numpy does by default.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let below = (position as usize).min(sorted.len() - 1);
    let above = (below + 1).min(sorted.len() - 1);
    let weight = position - below as f64;
    // Weighted ends, since the difference of two far values could overflow.
    sorted[below] * (1.0 - weight) + sorted[above] * weight
}

#[cfg(test)]
mod tests {
    use super::{bootstrap_interval, quantile};
    use crate::Error;

    #[test]
    fn the_seed_decides_the_resamples() {
        let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
        let run = |seed| {
            bootstrap_interval(8, 200, 0.95, seed, |indices| {
                assert_eq!(indices.len(), 8);
                Some(indices.iter().map(|&row| values[row]).sum::<f64>() / 8.0)
            })
            .unwrap()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn bootstrap_of_a_mean_has_its_known_standard_error() {
        let n = 400;
        let result = bootstrap_interval(n, 4_000, 0.95, 1, |indices| {
            Some(indices.iter().map(|&row| row as f64).sum::<f64>() / n as f64)
        })
        .unwrap();
        let expected = ((n * n - 1) as f64 / 12.0 / n as f64).sqrt();
        // The error of a standard deviation from 4,000 draws is 1 in sqrt(8,000), about 1.1 %:
        // 5 % is more than four times that.
        assert!((result.standard_error / expected - 1.0).abs() < 0.05);
        let width = result.interval.upper - result.interval.lower;
        assert!((width / (2.0 * 1.96 * expected) - 1.0).abs() < 0.1);
    }

    #[test]
    fn resamples_without_a_value_are_counted() {
        let mut calls = 0;
        let result = bootstrap_interval(2, 10, 0.95, 0, |_| {
            calls += 1;
            match calls % 5 {
                0 => None,
                1 => Some(f64::NAN),
                _ => Some(f64::from(calls)),
            }
        });
        assert_eq!(result.unwrap().n_undefined, 4);
        assert_eq!(
            bootstrap_interval(2, 10, 0.95, 0, |_| None),
            Err(Error::UndefinedStatistic {
                n_resamples: 10,
                n_undefined: 10
            })
        );
    }

    #[test]
    fn impossible_bootstraps_are_refused() {
        let run = |n_samples, n_resamples| bootstrap_interval(n_samples, n_resamples, 0.95, 0, |_| Some(1.0));
        assert_eq!(run(0, 10), Err(Error::Empty { name: "n_samples" }));
        assert!(matches!(run(5, 1), Err(Error::TooFew { found: 1, .. })));
        let n_samples = usize::MAX;
        assert_eq!(run(n_samples, 2), Err(Error::TooManySamples { n_samples }));
    }

    #[test]
    fn quantiles_interpolate_between_order_statistics() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&sorted, 0.0), 1.0);
        assert_eq!(quantile(&sorted, 0.5), 3.0);
        assert_eq!(quantile(&sorted, 1.0), 8.0);
    }
}
