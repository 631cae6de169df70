//! More than two classes: softmax and its losses.

use super::function::exponentiate;
use super::lanes::{Level, padded};
use crate::Loss;

/// The sum of the losses of logits `z` with one-hot targets `t`, both `[rows, n_classes padded]`; writes the gradient of
/// the mean into `g`, and takes the largest logit of each row from the row.
pub(super) fn categorical_loss(
    level: Level,
    loss: Loss,
    (z, t): (&mut [f32], &[f32]),
    (rows, n_classes): (usize, usize),
    g: &mut [f32],
) -> f64 {
    let stride = padded(n_classes);
    shifted_exponentials(level, z, g, (rows, n_classes));
    let per_row = 1.0 / rows as f32;
    let mut sum = 0.0;
    let all = (z.chunks_exact(stride).zip(t.chunks_exact(stride))).zip(g.chunks_exact_mut(stride));
    for ((z, t), g) in all.take(rows) {
        let (z, t) = (&z[..n_classes], &t[..n_classes]);
        let (p, padding) = g.split_at_mut(n_classes);
        padding.fill(0.0);
        let total: f32 = p.iter().sum();
        for p in p.iter_mut() {
            *p /= total;
        }
        match loss {
            Loss::CrossEntropy => {
                let at_target: f32 = z.iter().zip(t).map(|(z, t)| z * t).sum();
                sum += f64::from(total.ln() - at_target);
                for (p, t) in p.iter_mut().zip(t) {
                    *p = (*p - t) * per_row;
                }
            }
            Loss::MeanSquaredError => {
                let squares: f32 = p.iter().zip(t).map(|(p, t)| (p - t) * (p - t)).sum();
                sum += f64::from(squares) / n_classes as f64;
                let mean: f32 = p.iter().zip(t).map(|(p, t)| (p - t) * p).sum();
                let scale = 2.0 * per_row / n_classes as f32;
                for (p, t) in p.iter_mut().zip(t) {
                    *p = *p * (*p - t - mean) * scale;
                }
            }
        }
    }
    sum
}

/// Takes the largest of each row from the row and writes the powers of e into `powers`.
pub(super) fn shifted_exponentials(
    level: Level,
    z: &mut [f32],
    powers: &mut [f32],
    (rows, n_classes): (usize, usize),
) {
    let stride = padded(n_classes);
    for z in z.chunks_exact_mut(stride).take(rows) {
        let largest = z[..n_classes].iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for z in &mut z[..n_classes] {
            *z -= largest;
        }
    }
    exponentiate(level.narrow(), &z[..rows * stride], &mut powers[..rows * stride]);
}
