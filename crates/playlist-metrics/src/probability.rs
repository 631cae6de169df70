//! How good the probabilities are, row by row: log loss and Brier score.

use crate::error::{Error, Result};
use crate::score::{Score, Sum, check_finite, check_lengths, check_probability};

/// Returns the mean log loss, the negative log likelihood in nats, of probabilities.
///
/// `-mean(y ln(p) + (1 - y) ln(1 - p))`, with `p` clipped to `epsilon ..= 1 - epsilon` so that one
/// wrong certainty does not make it infinite. `epsilon` is the machine epsilon of the score type:
/// `f32::EPSILON` or `f64::EPSILON`. Where logits are at hand, [`log_loss_from_logits`] needs no
/// clipping.
///
/// # Shapes
/// `y_true` and `y_prob`: `[n_samples]`. One class alone is enough.
///
/// # Errors
/// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one probability a label.
/// - [`Error::ProbabilityOutOfRange`]: a probability is outside 0 to 1, or NaN.
///
/// # Examples
/// ```
/// let loss = playlist_metrics::log_loss(&[true, false], &[0.5, 0.5])?;
/// assert_eq!(loss, std::f64::consts::LN_2);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// scikit-learn 1.9 `log_loss`, the same clipping; it computes in the type of the scores, this in
/// `f64`.
pub fn log_loss<S: Score>(y_true: &[bool], y_prob: &[S]) -> Result<f64> {
    check_lengths(y_true.len(), "y_prob", y_prob.len())?;
    let mut sum = Sum::default();
    let blocks = y_true.chunks(LOG_BLOCK).zip(y_prob.chunks(LOG_BLOCK));
    for (block, (labels, probabilities)) in blocks.enumerate() {
        sum.add(block_log_loss(block * LOG_BLOCK, labels, probabilities)?);
    }
    Ok(sum.total() / y_true.len() as f64)
}

/// Products that grow side by side: an addition to one sum would wait for the one before it.
const LOG_LANES: usize = 16;
/// Rows of which one logarithm a lane is taken. Sixteen factors of at least `f64::EPSILON`, 2^-52, do not underflow.
const LOG_BLOCK: usize = 16 * LOG_LANES;

/// The summed log loss of at most [`LOG_BLOCK`] rows, the first of which is `first_row`: minus the logarithm of the
/// product of the probabilities of what was true.
fn block_log_loss<S: Score>(first_row: usize, labels: &[bool], probabilities: &[S]) -> Result<f64> {
    let mut products = [1.0; LOG_LANES];
    let mut is_valid = true;
    let mut multiply = |labels: &[bool], probabilities: &[S]| {
        for ((product, label), probability) in products.iter_mut().zip(labels).zip(probabilities) {
            let probability = probability.to_f64();
            is_valid &= (0.0..=1.0).contains(&probability);
            // p where the label is true, 1 - p where it is not, without a branch.
            let of_truth = (probability - f64::from(u8::from(!label))).abs();
            *product *= of_truth.clamp(S::EPSILON, 1.0 - S::EPSILON);
        }
    };
    let (label_rows, last_labels) = labels.as_chunks::<LOG_LANES>();
    let (rows, last) = probabilities.as_chunks::<LOG_LANES>();
    for (labels, probabilities) in label_rows.iter().zip(rows) {
        multiply(labels, probabilities);
    }
    multiply(last_labels, last);
    if !is_valid {
        for (row, probability) in probabilities.iter().enumerate() {
            check_probability(first_row + row, probability.to_f64())?;
        }
    }
    Ok(-products.iter().map(|product| product.ln()).sum::<f64>())
}

/// Returns the mean log loss, in nats, of logits (log odds of the positive class).
///
/// `mean(ln(1 + exp(-z)))` over positive rows and `mean(ln(1 + exp(z)))` over negative ones, in a
/// form that neither overflows nor needs clipping.
///
/// # Shapes
/// `y_true` and `logits`: `[n_samples]`.
///
/// # Errors
/// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one logit a label.
/// - [`Error::NonFiniteScore`]: a logit is NaN or infinite.
/// - [`Error::Overflow`]: the sum over all rows exceeds the largest `f64`.
///
/// # Examples
/// ```
/// let loss = playlist_metrics::log_loss_from_logits(&[true, false], &[0.0, 1000.0])?;
/// assert_eq!(loss, (std::f64::consts::LN_2 + 1000.0) / 2.0);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
pub fn log_loss_from_logits<S: Score>(y_true: &[bool], logits: &[S]) -> Result<f64> {
    check_lengths(y_true.len(), "logits", logits.len())?;
    check_finite(logits, 1)?;
    let losses = y_true.iter().zip(logits).map(|(&label, logit)| {
        let logit = logit.to_f64();
        let against = if label { -logit } else { logit };
        against.max(0.0) + (-logit.abs()).exp().ln_1p()
    });
    let total = losses.collect::<Sum>().total();
    if total.is_finite() {
        Ok(total / y_true.len() as f64)
    } else {
        Err(Error::Overflow { name: "log loss" })
    }
}

/// Returns the Brier score, `mean((p - y)^2)`, from 0 to 1.
///
/// # Shapes
/// `y_true` and `y_prob`: `[n_samples]`. One class alone is enough.
///
/// # Errors
/// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one probability a label.
/// - [`Error::ProbabilityOutOfRange`]: a probability is outside 0 to 1, or NaN.
///
/// # Examples
/// ```
/// assert_eq!(playlist_metrics::brier_score(&[true, false], &[0.75, 0.5])?, 0.15625);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// G. W. Brier, Monthly Weather Review 78 (1950), halved as is usual for two classes; scikit-learn
/// 1.9 `brier_score_loss`.
pub fn brier_score<S: Score>(y_true: &[bool], y_prob: &[S]) -> Result<f64> {
    mean_over_rows(y_true, y_prob, |label, probability| {
        let error = probability - f64::from(u8::from(label));
        error * error
    })
}

/// Checks each probability and returns the mean of `loss(label, probability)`.
fn mean_over_rows<S: Score>(y_true: &[bool], y_prob: &[S], loss: impl Fn(bool, f64) -> f64) -> Result<f64> {
    check_lengths(y_true.len(), "y_prob", y_prob.len())?;
    let mut sum = Sum::default();
    for (row, (&label, probability)) in y_true.iter().zip(y_prob).enumerate() {
        let probability = check_probability(row, probability.to_f64())?;
        sum.add(loss(label, probability));
    }
    Ok(sum.total() / y_true.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::{brier_score, log_loss, log_loss_from_logits};
    use crate::Error;

    #[test]
    fn a_wrong_certainty_costs_the_epsilon_of_the_score_type() {
        let single = log_loss(&[true], &[0.0_f32]).unwrap();
        let double = log_loss(&[true], &[0.0_f64]).unwrap();
        assert_eq!(single, -f64::from(f32::EPSILON).ln());
        assert_eq!(double, -f64::EPSILON.ln());
    }

    #[test]
    fn many_rows_cost_the_sum_of_their_logarithms() {
        let (y_true, y_prob): (Vec<bool>, Vec<f32>) = (0..1_000_u16)
            .map(|i| (i % 3 == 0, f32::from(i * 37 % 1_000) / 999.0))
            .unzip();
        let epsilon = f64::from(f32::EPSILON);
        let losses = y_true.iter().zip(&y_prob).map(|(&label, &p)| {
            let p = f64::from(p).clamp(epsilon, 1.0 - epsilon);
            if label { -p.ln() } else { -(-p).ln_1p() }
        });
        let mean = losses.sum::<f64>() / 1_000.0;
        // A thousand roundings of sums up to a thousand, divided by a thousand.
        assert!((log_loss(&y_true, &y_prob).unwrap() - mean).abs() < 1e-13);
        let certainly_wrong = log_loss(&[true; 777], &[0.0_f64; 777]).unwrap();
        assert!((certainly_wrong + f64::EPSILON.ln()).abs() < 1e-13);
    }

    #[test]
    fn logits_and_their_probabilities_cost_the_same() {
        let y_true = [true, false, false, true, true];
        let logits = [-2.5_f64, -0.75, 3.0, 0.5, 6.0];
        let y_prob = logits.map(|z| 1.0 / (1.0 + (-z).exp()));
        let difference =
            log_loss_from_logits(&y_true, &logits).unwrap() - log_loss(&y_true, &y_prob).unwrap();
        // Each probability is rounded at 1e-16, which the logarithm of 1 - p = 0.0025 magnifies
        // by at most 400.
        assert!(difference.abs() < 1e-13, "{difference}");
    }

    #[test]
    fn values_that_are_no_probability_are_refused_with_their_row() {
        for (value, label) in [(1.5, true), (-0.25, false)] {
            let expected = Err(Error::ProbabilityOutOfRange { row: 1, value });
            assert_eq!(log_loss(&[true, label], &[0.5, value]), expected);
            assert_eq!(brier_score(&[true, label], &[0.5, value]), expected);
        }
        let mut y_prob = [0.5; 1_000];
        y_prob[777] = -0.5;
        assert_eq!(
            log_loss(&[true; 1_000], &y_prob),
            Err(Error::ProbabilityOutOfRange {
                row: 777,
                value: -0.5
            })
        );
        assert!(matches!(
            log_loss(&[true], &[f64::NAN]),
            Err(Error::ProbabilityOutOfRange { row: 0, .. })
        ));
    }

    #[test]
    fn a_sum_of_losses_beyond_the_largest_number_is_an_error() {
        assert_eq!(
            log_loss_from_logits(&[true, true], &[f64::MIN, f64::MIN]),
            Err(Error::Overflow { name: "log loss" })
        );
        assert_eq!(log_loss_from_logits(&[false], &[f64::MIN]), Ok(0.0));
    }
}
