//! The losses of a batch and their gradients at the logits: binary for one output, categorical for more.

use super::function::{exp, exponentiate, ln_1p};
use crate::Loss;
use crate::lanes::{Level, NARROW, madd, on_lanes, padded};

/// The sum of the losses of binary logits `z` with targets `t`, 0 or 1; writes the gradient of `scale` times the sum.
/// All lengths are multiples of [`NARROW`]; what lies beyond the `rows` first counts nothing.
pub(super) fn binary_loss(
    level: Level,
    loss: Loss,
    (z, t): (&[f32], &[f32]),
    (rows, scale): (usize, f32),
    g: &mut [f32],
) -> f64 {
    let mut losses = [0.0; NARROW];
    let mut sum = 0.0;
    let level = level.narrow();
    for start in (0..rows).step_by(NARROW) {
        let here = start..start + NARROW;
        let (z, t, g) = (&z[here.clone()], &t[here.clone()], &mut g[here]);
        match loss {
            Loss::CrossEntropy => binary_loss_of::<true>(level, z, t, scale, g, &mut losses),
            Loss::MeanSquaredError => binary_loss_of::<false>(level, z, t, scale, g, &mut losses),
        }
        let valid = NARROW.min(rows - start);
        g[valid..].fill(0.0);
        sum += f64::from(losses[..valid].iter().sum::<f32>());
    }
    sum
}

on_lanes! {
    fn binary_loss_of[CROSS_ENTROPY: bool](
        simd,
        z: &'a [f32],
        t: &'a [f32],
        scale: f32,
        g: &'a mut [f32],
        losses: &'a mut [f32],
    ) {
        let (zero, one, scale) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0), simd.splat_f32s(scale));
        let inputs = S::as_simd_f32s(z).0.iter().zip(S::as_simd_f32s(t).0);
        let outputs = S::as_mut_simd_f32s(g).0.iter_mut().zip(S::as_mut_simd_f32s(losses).0);
        for ((z, t), (g, value)) in inputs.zip(outputs) {
            // e = exp(-|z|) does not overflow; the sigmoid is 1 / (1 + e) above zero, e / (1 + e) below.
            let e = exp::<S, FUSED>(simd, simd.neg_f32s(simd.abs_f32s(*z)));
            let above = simd.greater_than_or_equal_f32s(*z, zero);
            let p = simd.div_f32s(simd.select_f32s(above, one, e), simd.add_f32s(one, e));
            let difference = simd.sub_f32s(p, *t);
            let step = simd.mul_f32s(difference, scale);
            if CROSS_ENTROPY {
                let linear = simd.sub_f32s(simd.max_f32s(zero, *z), simd.mul_f32s(*z, *t));
                *value = simd.add_f32s(linear, ln_1p::<S, FUSED>(simd, e));
                *g = step;
            } else {
                // Zero times a logit that is not a number is not one: a training that failed shows.
                *value = madd::<S, FUSED>(simd, difference, difference, simd.mul_f32s(*z, zero));
                let slope = simd.mul_f32s(p, simd.sub_f32s(one, p));
                *g = simd.mul_f32s(simd.add_f32s(step, step), slope);
            }
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the formulas in f64; what lies beyond the rows counts nothing.
    #[test]
    fn losses_and_gradients_are_those_of_the_formulas() {
        let z: Vec<f32> = (0..16).map(|i| (i as f32 - 7.0) * 3.1).collect();
        let t: Vec<f32> = (0..16).map(|i| f32::from(u8::from(i % 3 == 0))).collect();
        for level in Level::all() {
            for rows in [1, 5, 8, 11, 16] {
                for loss in [Loss::CrossEntropy, Loss::MeanSquaredError] {
                    let mut g = vec![9.0; 16];
                    let sum = binary_loss(level, loss, (&z, &t), (rows, 0.5), &mut g);
                    let mut expected = 0.0;
                    for row in 0..rows {
                        let (z, t) = (f64::from(z[row]), f64::from(t[row]));
                        let p = 1.0 / (1.0 + (-z).exp());
                        let (value, slope) = match loss {
                            Loss::CrossEntropy => (z.max(0.0) - z * t + (-z.abs()).exp().ln_1p(), p - t),
                            Loss::MeanSquaredError => ((p - t) * (p - t), 2.0 * (p - t) * p * (1.0 - p)),
                        };
                        expected += value;
                        assert!(
                            (f64::from(g[row]) - 0.5 * slope).abs() < 1e-6,
                            "{level:?} {loss:?} {z}"
                        );
                    }
                    assert!(
                        (sum - expected).abs() < 1e-6 * expected.max(1.0),
                        "{sum} {expected}"
                    );
                    assert!(g[rows..rows.next_multiple_of(NARROW)].iter().all(|g| *g == 0.0));
                }
            }
        }
        assert!(
            ln_1p_of_small()
                .iter()
                .all(|(e, found)| (found / e.ln_1p() - 1.0).abs() < 1e-6)
        );
    }

    /// Cross-entropy of a certain and right prediction is ln(1 + e) alone.
    fn ln_1p_of_small() -> Vec<(f64, f64)> {
        let z = [2.0, 5.0, 10.0, 20.0];
        let loss = |z: f32| {
            let (z, t) = ([z; 8], [1.0; 8]);
            binary_loss(
                Level::best(),
                Loss::CrossEntropy,
                (&z, &t),
                (1, 1.0),
                &mut [0.0; 8],
            )
        };
        z.iter().map(|z| (f64::from(-z).exp(), loss(*z))).collect()
    }
}
