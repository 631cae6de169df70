//! Batch normalisation: of the rows of a batch in training, by running means else.

use crate::lanes::{madd, on_lanes};

/// What is added to variances, that none is zero.
pub(super) const EPSILON: f32 = 1e-5;

/// The weight of a batch in the running statistics.
const MOMENTUM: f32 = 0.1;

/// The running statistics of a layer, `[width padded]` each.
pub(super) struct Running {
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
}

/// What the way back through a normalisation needs of the way forward, and the statistics of the batch, `[width padded]` each.
pub(super) struct Batch {
    /// The units before scale and shift, `[rows, width padded]`.
    normalized: Vec<f32>,
    /// One over the standard deviations.
    inverse: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
}

impl Batch {
    /// Room for a batch of so many rows.
    pub(super) fn new(rows: usize, width: usize) -> Self {
        let row = || vec![0.0; width];
        Self {
            normalized: vec![0.0; rows * width],
            inverse: row(),
            mean: row(),
            variance: row(),
        }
    }
}

impl Running {
    /// Moves towards the statistics of a batch.
    pub(super) fn update(&mut self, batch: &Batch) {
        let pairs = [
            (&mut self.mean, &batch.mean),
            (&mut self.variance, &batch.variance),
        ];
        for (running, batch) in pairs {
            for (running, batch) in running.iter_mut().zip(batch) {
                *running = (1.0 - MOMENTUM) * *running + MOMENTUM * batch;
            }
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        self.mean
            .iter()
            .chain(&self.variance)
            .all(|value| value.is_finite())
    }
}

on_lanes! {
    /// Normalises the columns of `z`, `[rows, width]`, by their mean and variance over the rows, then scales and shifts them.
    pub(super) fn normalize_batch[](
        simd,
        z: &'a mut [f32],
        scale: &'a [f32],
        shift: &'a [f32],
        batch: &'a mut Batch,
    ) {
        let width = scale.len();
        let one = simd.splat_f32s(1.0);
        let share = simd.splat_f32s(1.0 / (z.len() / width) as f32);
        let (scale, shift) = (S::as_simd_f32s(scale).0, S::as_simd_f32s(shift).0);
        let means = S::as_mut_simd_f32s(&mut batch.mean).0;
        let variances = S::as_mut_simd_f32s(&mut batch.variance).0;
        let inverses = S::as_mut_simd_f32s(&mut batch.inverse).0;
        for (column, (scale, shift)) in scale.iter().zip(shift).enumerate() {
            let mut total = simd.splat_f32s(0.0);
            for row in z.chunks_exact(width) {
                total = simd.add_f32s(total, S::as_simd_f32s(row).0[column]);
            }
            let mean = simd.mul_f32s(total, share);
            let mut squares = simd.splat_f32s(0.0);
            for row in z.chunks_exact(width) {
                let difference = simd.sub_f32s(S::as_simd_f32s(row).0[column], mean);
                squares = madd::<S, FUSED>(simd, difference, difference, squares);
            }
            let variance = simd.mul_f32s(squares, share);
            let deviation = simd.sqrt_f32s(simd.add_f32s(variance, simd.splat_f32s(EPSILON)));
            let inverse = simd.div_f32s(one, deviation);
            (means[column], variances[column], inverses[column]) = (mean, variance, inverse);
            for (row, normalized) in z.chunks_exact_mut(width).zip(batch.normalized.chunks_exact_mut(width)) {
                let z = &mut S::as_mut_simd_f32s(row).0[column];
                let x = simd.mul_f32s(simd.sub_f32s(*z, mean), inverse);
                S::as_mut_simd_f32s(normalized).0[column] = x;
                *z = madd::<S, FUSED>(simd, x, *scale, *shift);
            }
        }
    }
}

on_lanes! {
    /// The way back through [`normalize_batch`]: `g`, `[rows, width]`, is the gradient at what it gave and becomes that at what
    /// it was given; those of scale and shift are written. Mean and variance depend on every row, so each row's share of the
    /// gradient is taken from the others.
    pub(super) fn normalize_backward[](
        simd,
        g: &'a mut [f32],
        batch: &'a Batch,
        scale: &'a [f32],
        scale_gradient: &'a mut [f32],
        shift_gradient: &'a mut [f32],
    ) {
        let width = scale.len();
        let share = simd.splat_f32s(1.0 / (g.len() / width) as f32);
        let inverses = S::as_simd_f32s(&batch.inverse).0;
        let gradients = (S::as_mut_simd_f32s(scale_gradient).0.iter_mut())
            .zip(S::as_mut_simd_f32s(shift_gradient).0);
        let columns = S::as_simd_f32s(scale).0.iter().zip(inverses).zip(gradients);
        for (column, ((scale, inverse), (to_scale, to_shift))) in columns.enumerate() {
            let (mut sum, mut product) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
            for (g, x) in g.chunks_exact(width).zip(batch.normalized.chunks_exact(width)) {
                let g = S::as_simd_f32s(g).0[column];
                sum = simd.add_f32s(sum, g);
                product = madd::<S, FUSED>(simd, g, S::as_simd_f32s(x).0[column], product);
            }
            (*to_scale, *to_shift) = (product, sum);
            let factor = simd.mul_f32s(*scale, *inverse);
            let (mean, slope) = (simd.mul_f32s(sum, share), simd.mul_f32s(product, share));
            for (g, x) in g.chunks_exact_mut(width).zip(batch.normalized.chunks_exact(width)) {
                let g = &mut S::as_mut_simd_f32s(g).0[column];
                let common = madd::<S, FUSED>(simd, S::as_simd_f32s(x).0[column], slope, mean);
                *g = simd.mul_f32s(simd.sub_f32s(*g, common), factor);
            }
        }
    }
}

on_lanes! {
    /// Normalises the columns of `z`, `[rows, width]`, by the running statistics, then scales and shifts them.
    pub(super) fn normalize_running[](
        simd,
        z: &'a mut [f32],
        scale: &'a [f32],
        shift: &'a [f32],
        running: &'a Running,
    ) {
        let width = scale.len();
        let (means, variances) = (S::as_simd_f32s(&running.mean).0, S::as_simd_f32s(&running.variance).0);
        let learnt = S::as_simd_f32s(scale).0.iter().zip(S::as_simd_f32s(shift).0);
        for (column, ((scale, shift), (mean, variance))) in learnt.zip(means.iter().zip(variances)).enumerate() {
            let deviation = simd.sqrt_f32s(simd.add_f32s(*variance, simd.splat_f32s(EPSILON)));
            let factor = simd.div_f32s(*scale, deviation);
            for row in z.chunks_exact_mut(width) {
                let z = &mut S::as_mut_simd_f32s(row).0[column];
                *z = madd::<S, FUSED>(simd, simd.sub_f32s(*z, *mean), factor, *shift);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Level;

    const WIDTH: usize = 24;

    fn numbers(n: usize, step: usize) -> Vec<f32> {
        (0..n).map(|i| (i * step % 101) as f32 / 50.5 - 1.0).collect()
    }

    /// The formula in f64: `[rows, WIDTH]` normalised, scaled and shifted.
    fn exact(z: &[f64], scale: &[f32], shift: &[f32]) -> Vec<f64> {
        let rows = z.len() / WIDTH;
        let mut out = vec![0.0; z.len()];
        for column in 0..WIDTH {
            let of = |row: usize| z[row * WIDTH + column];
            let mean = (0..rows).map(of).sum::<f64>() / rows as f64;
            let variance = (0..rows).map(|row| (of(row) - mean).powi(2)).sum::<f64>() / rows as f64;
            for row in 0..rows {
                let x = (of(row) - mean) / (variance + f64::from(EPSILON)).sqrt();
                out[row * WIDTH + column] = x * f64::from(scale[column]) + f64::from(shift[column]);
            }
        }
        out
    }

    /// Forward against the formula, backward against its central differences: f32 rounds at 6e-8, numbers are of about 1, and
    /// gradients the sums of 13 of them.
    #[test]
    fn values_and_gradients_are_those_of_the_formula_at_every_level() {
        for level in Level::all().map(Level::narrow) {
            for rows in [2, 13] {
                let (input, weights) = (numbers(rows * WIDTH, 37), numbers(rows * WIDTH, 23));
                let (scale, shift) = (numbers(WIDTH, 7), numbers(WIDTH, 11));
                let mut batch = Batch::new(rows, WIDTH);
                let mut z = input.clone();
                normalize_batch(level, &mut z, &scale, &shift, &mut batch);
                let input: Vec<f64> = input.iter().map(|value| f64::from(*value)).collect();
                for (z, expected) in z.iter().zip(exact(&input, &scale, &shift)) {
                    assert!(
                        (f64::from(*z) - expected).abs() < 1e-5,
                        "{level:?} {z} {expected}"
                    );
                }

                // The gradient of the sum of all that is given, each times its weight.
                let mut g = weights.clone();
                let (mut to_scale, mut to_shift) = (vec![0.0; WIDTH], vec![0.0; WIDTH]);
                normalize_backward(level, &mut g, &batch, &scale, &mut to_scale, &mut to_shift);
                let sum_with = |at: usize, step: f64| -> f64 {
                    let mut z = input.clone();
                    z[at] += step;
                    let out = exact(&z, &scale, &shift);
                    out.iter().zip(&weights).map(|(z, w)| z * f64::from(*w)).sum()
                };
                for (at, g) in g.iter().enumerate() {
                    let expected = (sum_with(at, 1e-5) - sum_with(at, -1e-5)) / 2e-5;
                    let tolerance = 1e-4 * expected.abs().max(1.0);
                    assert!(
                        (f64::from(*g) - expected).abs() < tolerance,
                        "{level:?} {at}: {g} {expected}"
                    );
                }
                for column in 0..WIDTH {
                    let places = || (0..rows).map(|row| row * WIDTH + column);
                    let shifts: f32 = places().map(|at| weights[at]).sum();
                    let scales: f32 = places().map(|at| weights[at] * batch.normalized[at]).sum();
                    assert!((to_shift[column] - shifts).abs() < 1e-5);
                    assert!((to_scale[column] - scales).abs() < 1e-5);
                }
            }
        }
    }

    /// With the batch's own statistics as running ones the two normalise alike; running ones take up a tenth of a batch.
    #[test]
    fn running_statistics_follow_batches_and_normalise_as_they_do() {
        for level in Level::all().map(Level::narrow) {
            let input = numbers(13 * WIDTH, 37);
            let (scale, shift) = (numbers(WIDTH, 7), numbers(WIDTH, 11));
            let (mut by_batch, mut by_running) = (input.clone(), input);
            let mut batch = Batch::new(13, WIDTH);
            normalize_batch(level, &mut by_batch, &scale, &shift, &mut batch);
            let running = Running {
                mean: batch.mean.clone(),
                variance: batch.variance.clone(),
            };
            normalize_running(level, &mut by_running, &scale, &shift, &running);
            for (a, b) in by_batch.iter().zip(&by_running) {
                assert!((a - b).abs() < 1e-5, "{level:?} {a} {b}");
            }
            let mut running = Running {
                mean: vec![0.0; WIDTH],
                variance: vec![1.0; WIDTH],
            };
            running.update(&batch);
            assert_eq!(running.mean[5], 0.1 * batch.mean[5]);
            assert_eq!(running.variance[5], 0.9 + 0.1 * batch.variance[5]);
        }
    }
}
