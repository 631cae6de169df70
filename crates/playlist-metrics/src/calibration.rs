//! Whether 70 % means 70 %: calibration curve and expected calibration error.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::score::{Run, Score, SortedScores, Sum, check_lengths, check_probability};

/// The largest number of bins accepted.
const MAX_BINS: usize = 65_536;

/// How predictions are put into bins.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CalibrationBins {
    /// Bins of one width from 0 to 1: bin `k` of `m` holds `k / m < p <= (k + 1) / m`, the first
    /// one 0 as well. Bins without a prediction are left out.
    EqualWidth(usize),
    /// Bins of about as many predictions each. Predictions are ranked from 0; a run of equal
    /// predictions at ranks `a .. b` goes whole into bin `floor(m (a + b) / 2 n)`, the bin of its
    /// middle. So no run is divided and row order does not matter. Without ties the bin sizes
    /// differ by one at most; with ties there may be fewer bins than `m`.
    EqualCount(usize),
}

impl Default for CalibrationBins {
    /// Fifteen bins of equal count.
    fn default() -> Self {
        Self::EqualCount(15)
    }
}

impl CalibrationBins {
    /// The number of bins, if it is from 1 to 65,536.
    fn n_bins(self) -> Result<usize> {
        let (Self::EqualWidth(n_bins) | Self::EqualCount(n_bins)) = self;
        if (1..=MAX_BINS).contains(&n_bins) {
            Ok(n_bins)
        } else {
            Err(Error::InvalidBins {
                n_bins,
                max: MAX_BINS,
            })
        }
    }
}

/// One bin of a calibration curve; it holds at least one prediction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Lower end: the bin's edge for equal width, its smallest prediction for equal count.
    pub lower: f64,
    /// Upper end: the bin's edge for equal width, its largest prediction for equal count.
    pub upper: f64,
    /// Number of predictions.
    pub count: u64,
    /// Mean of the predicted probabilities.
    pub mean_predicted: f64,
    /// Share of positive labels, which a calibrated model would have predicted.
    pub fraction_positive: f64,
}

/// Sums from which a bin is made.
#[derive(Clone, Default)]
struct BinSums {
    lower: f64,
    upper: f64,
    n_positives: u64,
    count: u64,
    predicted: Sum,
}

impl BinSums {
    fn add(&mut self, run: Run) {
        self.n_positives += run.n_positives;
        self.count += run.n_samples();
        self.predicted.add(run.score * run.n_samples() as f64);
    }

    fn finish(self) -> CalibrationBin {
        CalibrationBin {
            lower: self.lower,
            upper: self.upper,
            count: self.count,
            // A mean lies between the extremes; rounding could put it a last digit outside.
            mean_predicted: (self.predicted.total() / self.count as f64).clamp(self.lower, self.upper),
            fraction_positive: self.n_positives as f64 / self.count as f64,
        }
    }
}

/// Returns the calibration curve: what was predicted and what came true, bin by bin.
///
/// Bins that hold no prediction are left out; their absence shows in `lower` and `upper`.
///
/// # Shapes
/// `y_true` and `y_prob`: `[n_samples]`; the result has at most as many bins as were asked for.
///
/// # Errors
/// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one probability a label.
/// - [`Error::ProbabilityOutOfRange`]: a probability is outside 0 to 1, or NaN.
/// - [`Error::InvalidBins`]: no bins, or more than 65,536.
///
/// # Examples
/// ```
/// use playlist_metrics::{CalibrationBins, calibration_curve};
///
/// let y_true = [false, false, true, true];
/// let bins = calibration_curve(&y_true, &[0.125, 0.375, 0.375, 0.75], CalibrationBins::EqualWidth(2))?;
/// assert_eq!(bins.len(), 2);
/// assert_eq!((bins[0].lower, bins[0].upper, bins[0].count), (0.0, 0.5, 3));
/// assert_eq!(bins[1].mean_predicted, 0.75);
/// assert_eq!(bins[1].fraction_positive, 1.0);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// Equal width: scikit-learn 1.9 `calibration_curve` with `strategy="uniform"`. Equal count is by
/// rank, where scikit-learn's `"quantile"` cuts at interpolated percentiles.
pub fn calibration_curve<S: Score>(
    y_true: &[bool],
    y_prob: &[S],
    bins: CalibrationBins,
) -> Result<Vec<CalibrationBin>> {
    check_lengths(y_true.len(), "y_prob", y_prob.len())?;
    let n_bins = bins.n_bins()?;
    for (row, probability) in y_prob.iter().enumerate() {
        check_probability(row, probability.to_f64())?;
    }
    match bins {
        CalibrationBins::EqualWidth(_) => Ok(equal_width(y_true, y_prob, n_bins)),
        CalibrationBins::EqualCount(_) => Ok(equal_count(&SortedScores::new(y_true, y_prob)?, n_bins)),
    }
}

/// Returns the expected calibration error: the mean gap between prediction and outcome.
///
/// `sum over bins of count / n * |fraction_positive - mean_predicted|`, from 0 to 1, in the bins of
/// [`calibration_curve`]. The value depends on the bins, so state them with it; few rows a bin
/// bias it upwards.
///
/// # Shapes
/// `y_true` and `y_prob`: `[n_samples]`.
///
/// # Errors
/// As [`calibration_curve`].
///
/// # Examples
/// ```
/// use playlist_metrics::{CalibrationBins, expected_calibration_error};
///
/// let y_true = [true, false, true, true];
/// let y_prob = [0.5, 0.5, 0.75, 0.75];
/// let error = expected_calibration_error(&y_true, &y_prob, CalibrationBins::EqualWidth(2))?;
/// assert_eq!(error, 0.125); // the upper bin says 0.75 of two positives
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// M. P. Naeini, G. F. Cooper and M. Hauskrecht, AAAI 2015, with the predicted probability of the
/// positive class in place of the confidence; equal-count bins as in K. Nguyen and B. O'Connor,
/// EMNLP 2015.
pub fn expected_calibration_error<S: Score>(
    y_true: &[bool],
    y_prob: &[S],
    bins: CalibrationBins,
) -> Result<f64> {
    Ok(mean_gap(&calibration_curve(y_true, y_prob, bins)?))
}

/// The expected calibration error of sorted probabilities in the default bins.
pub(crate) fn default_calibration_error<S: Score>(sorted: &SortedScores<S>) -> Result<f64> {
    let n_bins = CalibrationBins::default().n_bins()?;
    Ok(mean_gap(&equal_count(sorted, n_bins)))
}

fn mean_gap(bins: &[CalibrationBin]) -> f64 {
    let n_samples: u64 = bins.iter().map(|bin| bin.count).sum();
    let gaps = bins
        .iter()
        .map(|bin| bin.count as f64 * (bin.fraction_positive - bin.mean_predicted).abs());
    gaps.sum::<f64>() / n_samples as f64
}

fn equal_width<S: Score>(y_true: &[bool], y_prob: &[S], n_bins: usize) -> Vec<CalibrationBin> {
    let edge = |k: usize| k as f64 / n_bins as f64;
    let mut sums: Vec<BinSums> = (0..n_bins)
        .map(|k| BinSums {
            lower: edge(k),
            upper: edge(k + 1),
            ..BinSums::default()
        })
        .collect();
    for (&label, probability) in y_true.iter().zip(y_prob) {
        let probability = probability.to_f64();
        // The product is rounded, so the guess may be one off at an edge; the edges decide.
        let mut k = ((probability * n_bins as f64) as usize).min(n_bins - 1);
        while k > 0 && probability <= edge(k) {
            k -= 1;
        }
        while k + 1 < n_bins && probability > edge(k + 1) {
            k += 1;
        }
        sums[k].add(Run {
            score: probability,
            n_positives: u64::from(label),
            n_negatives: u64::from(!label),
        });
    }
    let filled = sums.into_iter().filter(|bin| bin.count > 0);
    filled.map(BinSums::finish).collect()
}

fn equal_count<S: Score>(sorted: &SortedScores<S>, n_bins: usize) -> Vec<CalibrationBin> {
    let n_samples = u128::from(sorted.n_samples());
    let mut bins: Vec<CalibrationBin> = Vec::new();
    let mut open: Option<(u128, BinSums)> = None;
    let mut rank = 0_u128;
    for run in sorted.runs() {
        let end = rank + u128::from(run.n_samples());
        let index = n_bins as u128 * (rank + end) / (2 * n_samples);
        rank = end;
        if let Some((_, full)) = open.take_if(|(current, _)| *current != index) {
            bins.push(full.finish());
        }
        let (_, sums) = open.get_or_insert_with(|| {
            let lower = run.score;
            (
                index,
                BinSums {
                    lower,
                    ..BinSums::default()
                },
            )
        });
        sums.upper = run.score;
        sums.add(run);
    }
    bins.extend(open.map(|(_, sums)| sums.finish()));
    bins
}

#[cfg(test)]
mod tests {
    use super::{CalibrationBins, calibration_curve, expected_calibration_error};
    use crate::Error;

    #[test]
    fn equal_count_sizes_differ_by_one_at_most_without_ties() {
        let y_prob: Vec<f64> = (0..53).map(|i| f64::from(i) / 53.0).collect();
        let bins = calibration_curve(&[true; 53], &y_prob, CalibrationBins::default()).unwrap();
        assert_eq!(bins.len(), 15);
        assert!(bins.iter().all(|bin| bin.count == 3 || bin.count == 4));
    }

    #[test]
    fn equal_count_does_not_divide_a_run_of_equal_predictions() {
        let y_prob = [0.25, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.75];
        let y_true = [false, true, false, true, true, false, true, true];
        let bins = calibration_curve(&y_true, &y_prob, CalibrationBins::EqualCount(4)).unwrap();
        let counts: Vec<u64> = bins.iter().map(|bin| bin.count).collect();
        // The run covers ranks 1 to 6, of which the middle, rank 4, opens bin 2.
        assert_eq!(counts, [1, 6, 1]);
        let constant = calibration_curve(&y_true, &[0.5; 8], CalibrationBins::EqualCount(4));
        assert_eq!(constant.unwrap().len(), 1);
    }

    #[test]
    fn equal_width_edges_belong_to_the_bin_below() {
        let y_prob = [0.0, 0.1, 0.2, 0.3, 0.7, 1.0];
        let bins = calibration_curve(&[true; 6], &y_prob, CalibrationBins::EqualWidth(10));
        let upper: Vec<(f64, u64)> = bins.unwrap().iter().map(|b| (b.upper, b.count)).collect();
        assert_eq!(upper, [(0.1, 2), (0.2, 1), (0.3, 1), (0.7, 1), (1.0, 1)]);
    }

    #[test]
    fn unusable_bins_are_refused() {
        for bins in [
            CalibrationBins::EqualWidth(0),
            CalibrationBins::EqualCount(0),
            CalibrationBins::EqualWidth(usize::MAX),
        ] {
            let result = expected_calibration_error(&[true], &[0.5], bins);
            assert!(matches!(result, Err(Error::InvalidBins { .. })), "{bins:?}");
        }
    }
}
