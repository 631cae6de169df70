//! What calibration error a model has by chance alone, were its probabilities exactly right.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::bootstrap::quantile;
use crate::calibration::{CalibrationBins, calibration_curve};
use crate::error::{Error, Result};
use crate::multiclass::{check_rows, check_shapes, highest};
use crate::score::Score;

/// The calibration error of a perfectly calibrated model on as many tracks with the same probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationFloor {
    /// Its mean over the draws: the error to expect.
    pub mean: f64,
    /// Its 2.5 % quantile.
    pub lower: f64,
    /// Its 97.5 % quantile: an error above it speaks against the probabilities.
    pub upper: f64,
    /// How often labels were drawn.
    pub n_draws: usize,
}

/// Returns the expected calibration error that the probabilities `y_prob` have when they are exactly right.
///
/// On a finite number of tracks that is not 0: labels are drawn `n_draws` times, each positive with its own probability,
/// and [`expected_calibration_error`](crate::expected_calibration_error) is computed against them in the same bins. An
/// error of a model within these quantiles cannot be told from that of a perfectly calibrated one. The same seed gives the
/// same draws on every machine.
///
/// # Shapes
/// `y_prob`: `[n_samples]`.
///
/// # Errors
/// As [`calibration_curve`], and [`Error::TooFew`] for fewer than two draws.
///
/// # Examples
/// ```
/// use playlist_metrics::{CalibrationBins, calibration_floor};
///
/// let y_prob: Vec<f64> = (0..300).map(|i| f64::from(i) / 300.0).collect();
/// let floor = calibration_floor(&y_prob, CalibrationBins::default(), 1_000, 7)?;
/// // Twenty tracks a bin are that noisy.
/// assert!(0.05 < floor.mean && floor.mean < 0.08);
/// assert!(floor.lower < floor.mean && floor.mean < floor.upper);
/// // Who is always sure, and right, has no error.
/// assert_eq!(calibration_floor(&[0.0, 1.0], CalibrationBins::default(), 10, 7)?.upper, 0.0);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// The consistency resampling of J. Bröcker and L. A. Smith, "Increasing the Reliability of Reliability Diagrams", Weather
/// and Forecasting 22 (2007), with the probabilities kept and the labels drawn; as a test of calibration, D. Widmann,
/// F. Lindsten and D. Zachariah, NeurIPS 2019.
pub fn calibration_floor<S: Score>(
    y_prob: &[S],
    bins: CalibrationBins,
    n_draws: usize,
    seed: u64,
) -> Result<CalibrationFloor> {
    if n_draws < 2 {
        return Err(Error::TooFew {
            name: "draws",
            expected: 2,
            found: n_draws,
        });
    }
    let bins = Bins::new(y_prob, bins)?;
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut errors: Vec<f64> = (0..n_draws).map(|_| bins.drawn_error(&mut generator)).collect();
    errors.sort_unstable_by(f64::total_cmp);
    Ok(CalibrationFloor {
        mean: errors.iter().sum::<f64>() / n_draws as f64,
        lower: quantile(&errors, 0.025),
        upper: quantile(&errors, 0.975),
        n_draws,
    })
}

/// Returns the same for [`top_class_calibration_error`](crate::top_class_calibration_error): the answer, which is the
/// most probable class, is right with its own probability.
///
/// # Shapes
/// `y_prob`: row-major `[n_samples, n_classes]`.
///
/// # Errors
/// As [`top_class_calibration_error`](crate::top_class_calibration_error), and [`Error::TooFew`] for fewer than two draws.
///
/// # Examples
/// ```
/// use playlist_metrics::{CalibrationBins, top_class_calibration_floor};
///
/// let y_prob = [0.5, 0.25, 0.25].repeat(100);
/// let floor = top_class_calibration_floor(&y_prob, 3, CalibrationBins::default(), 1_000, 7)?;
/// // One bin of a hundred answers, half of them right: a mean deviation of about 0.04.
/// assert!((floor.mean - 0.04).abs() < 0.005);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
pub fn top_class_calibration_floor<S: Score>(
    y_prob: &[S],
    n_classes: usize,
    bins: CalibrationBins,
    n_draws: usize,
    seed: u64,
) -> Result<CalibrationFloor> {
    let n_samples = y_prob.len() / n_classes.max(1);
    check_shapes(&vec![0; n_samples], y_prob, n_classes)?;
    check_rows(y_prob, n_classes)?;
    let confidence: Vec<S> = y_prob
        .chunks_exact(n_classes)
        .map(|row| row[highest(row)])
        .collect();
    calibration_floor(&confidence, bins, n_draws, seed)
}

/// The probabilities by bin: which bin a track lies in depends on its probability alone.
struct Bins {
    /// Sorted, so that a bin is a range.
    sorted: Vec<f64>,
    /// The number of tracks and the mean probability of each bin.
    bins: Vec<(usize, f64)>,
}

impl Bins {
    fn new<S: Score>(y_prob: &[S], bins: CalibrationBins) -> Result<Self> {
        let curve = calibration_curve(&vec![false; y_prob.len()], y_prob, bins)?;
        let mut sorted: Vec<f64> = y_prob.iter().map(|p| p.to_f64()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Ok(Self {
            sorted,
            bins: curve
                .iter()
                .map(|bin| (bin.count as usize, bin.mean_predicted))
                .collect(),
        })
    }

    /// The calibration error against labels drawn from the probabilities.
    fn drawn_error(&self, generator: &mut impl Rng) -> f64 {
        let mut rest = self.sorted.as_slice();
        let mut gap = 0.0;
        for (count, mean) in &self.bins {
            let (bin, others) = rest.split_at(*count);
            rest = others;
            let n_positives = bin.iter().filter(|p| unit(generator) < **p).count();
            gap += (n_positives as f64 - *count as f64 * mean).abs();
        }
        gap / self.sorted.len() as f64
    }
}

/// A number uniform in [0, 1), of 53 bits.
fn unit(generator: &mut impl Rng) -> f64 {
    (generator.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::{calibration_floor, top_class_calibration_floor};
    use crate::{CalibrationBins, Error, expected_calibration_error};

    #[test]
    fn the_seed_decides() {
        let y_prob: Vec<f32> = (0..100).map(|i| i as f32 / 100.0).collect();
        let run = |seed| calibration_floor(&y_prob, CalibrationBins::default(), 50, seed).unwrap();
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }

    /// Against labels drawn outside, by the function whose floor it is.
    #[test]
    fn it_is_the_mean_of_the_error_itself() {
        let n = 400_u64;
        // A linear congruential generator of its own, with the constants of Knuth's MMIX.
        let mut state = 1_u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let y_prob: Vec<f64> = (0..n).map(|i| (i as f64 / n as f64).powi(2)).collect();
        for bins in [CalibrationBins::EqualCount(15), CalibrationBins::EqualWidth(10)] {
            let errors: Vec<f64> = (0..2_000)
                .map(|_| {
                    let y_true: Vec<bool> = y_prob.iter().map(|p| draw() < *p).collect();
                    expected_calibration_error(&y_true, &y_prob, bins).unwrap()
                })
                .collect();
            let mean = errors.iter().sum::<f64>() / errors.len() as f64;
            let floor = calibration_floor(&y_prob, bins, 2_000, 1).unwrap();
            // The error varies by about 0.01, so the means of 2,000 draws by about 0.0002 each: 0.0015 is five times
            // that of their difference.
            assert!((floor.mean - mean).abs() < 0.0015, "{bins:?}: {floor:?} {mean}");
            let within = errors
                .iter()
                .filter(|error| (floor.lower..=floor.upper).contains(error))
                .count();
            // 1,900 of 2,000 are to be expected; their number varies by about 10 and the quantiles by as much again.
            assert!((1_850..=1_950).contains(&within), "{within}");
        }
    }

    #[test]
    fn bad_input_is_refused() {
        let run = |y_prob: &[f64], n_draws| calibration_floor(y_prob, CalibrationBins::default(), n_draws, 0);
        assert!(matches!(run(&[], 10), Err(Error::Empty { .. })));
        assert!(matches!(
            run(&[1.5], 10),
            Err(Error::ProbabilityOutOfRange { .. })
        ));
        assert!(matches!(run(&[0.5], 1), Err(Error::TooFew { .. })));
        let several = |y_prob: &[f64], n_classes| {
            top_class_calibration_floor(y_prob, n_classes, CalibrationBins::default(), 10, 0)
        };
        assert!(several(&[0.5; 4], 3).is_err());
        assert!(several(&[], 0).is_err());
        assert!(several(&[0.5, 0.4, 0.3], 3).is_err(), "rows add up to one");
    }
}
