//! Losses on logits, with their gradients in closed form.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// What training makes small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Cross-entropy: binary for two classes (the paper's BCE), categorical for more.
    ///
    /// Computed from logits. A sigmoid followed by the cross-entropy of probabilities turns into NaN
    /// once the sigmoid saturates in `f32`, from a logit of about 17 on.
    #[default]
    CrossEntropy,
    /// Mean squared error between probabilities and 0/1 targets (the paper's MSE).
    MeanSquaredError,
}

impl Loss {
    /// The mean loss of a batch, `[1]`, and its gradient at the logits.
    ///
    /// Both without autodiff: the gradient is the starting point of the backward pass. This is exact where
    /// automatic differentiation of `max(z, 0)` and `|z|` is not (at `z = 0`), and records fewer steps.
    ///
    /// # Shapes
    /// `logits` and `targets` are `[n_samples, n_outputs]`; the gradient too. Targets are 0 or 1, one-hot
    /// with more than one output.
    pub(crate) fn value_and_gradient(self, logits: Tensor<2>, targets: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let [n_samples, n_outputs] = logits.dims();
        let is_binary = n_outputs == 1;
        let p = if is_binary {
            activation::sigmoid(logits.clone())
        } else {
            activation::softmax(logits.clone(), 1)
        };
        let difference = p.clone() - targets.clone();
        match self {
            Self::CrossEntropy => {
                let value = if is_binary {
                    let softplus_minus_abs = logits.clone().abs().neg().exp().log1p();
                    (logits.clone().clamp_min(0.0) - logits * targets + softplus_minus_abs).mean()
                } else {
                    (activation::log_softmax(logits, 1) * targets).sum() / -(n_samples as f32)
                };
                (value, difference / n_samples as f32)
            }
            Self::MeanSquaredError => {
                let value = difference.clone().square().mean();
                let slope = if is_binary {
                    difference * p.clone() * (p.neg() + 1.0)
                } else {
                    let mean_difference = (difference.clone() * p.clone()).sum_dim(1); // [n_samples, 1]
                    p * (difference - mean_difference)
                };
                (value, slope * (2.0 / (n_samples * n_outputs) as f32))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::Backend;

    fn device() -> Device {
        Backend::default().device().unwrap()
    }

    fn value(loss: Loss, logits: &[f32], targets: &[f32], n_outputs: usize) -> f64 {
        let shape = [logits.len() / n_outputs, n_outputs];
        let tensor = |values: &[f32]| Tensor::from_data(TensorData::new(values.to_vec(), shape), &device());
        let (value, _) = loss.value_and_gradient(tensor(logits), tensor(targets));
        f64::from(value.into_scalar::<f32>())
    }

    /// Central differences of the loss against its closed-form gradient. Step 1e-2 in f32: truncation
    /// error about 1e-5, rounding about 1e-5.
    #[test]
    fn gradients_agree_with_finite_differences() {
        let cases: [(&[f32], &[f32], usize); 2] = [
            (&[-3.0, 0.0, 0.5, 2.0], &[0.0, 1.0, 1.0, 0.0], 1),
            (
                &[0.1, -2.0, 1.0, 3.0, 0.0, -1.0],
                &[1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
                3,
            ),
        ];
        for loss in [Loss::CrossEntropy, Loss::MeanSquaredError] {
            for (logits, targets, n_outputs) in cases {
                let shape = [logits.len() / n_outputs, n_outputs];
                let tensor =
                    |values: &[f32]| Tensor::from_data(TensorData::new(values.to_vec(), shape), &device());
                let (_, gradient) = loss.value_and_gradient(tensor(logits), tensor(targets));
                let gradient = gradient.into_data().try_to_vec::<f32>().unwrap();
                for (index, found) in gradient.iter().enumerate() {
                    let moved = |by: f32| {
                        let mut logits = logits.to_vec();
                        logits[index] += by;
                        value(loss, &logits, targets, n_outputs)
                    };
                    let expected = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                    assert!(
                        (f64::from(*found) - expected).abs() < 1e-4,
                        "{loss:?} {index}: {found} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let found = value(Loss::CrossEntropy, &[200.0, -200.0], &[0.0, 1.0], 1);
        assert!((found - 200.0).abs() < 1e-3, "{found}");
        assert!(value(Loss::CrossEntropy, &[90.0, 0.0, 0.0], &[0.0, 1.0, 0.0], 3).is_finite());
    }
}
