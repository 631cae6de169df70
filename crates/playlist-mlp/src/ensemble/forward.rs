//! Logits of one network for many rows: sums in registers, four rows at a time. `pulp` picks the instruction set at run
//! time; every sum is taken in one fixed order, whatever rows stand beside a row.

use pulp::{Arch, Simd, WithSimd};

use super::encoding::NetworkInput;
use super::member::{NetworkShape, prefix_sums};

/// Rows that share each load of a hidden layer's weights.
const ROWS: usize = 4;

/// A network laid out for prediction.
pub(crate) struct Predictor<'a> {
    shape: &'a NetworkShape,
    parameters: &'a [f32],
    /// For each bin the sum of the weights of the bins before it, less that at the middle bin, then its own weights:
    /// `[n_bins, 2, width]`.
    bins: Vec<f32>,
    /// Where the bins of each quantity start, in bins.
    starts: Vec<usize>,
}

impl<'a> Predictor<'a> {
    pub(crate) fn new(shape: &'a NetworkShape, parameters: &'a [f32]) -> Self {
        let (width, total) = (shape.width, shape.n_bins_total());
        let mut sums = vec![0.0; total * width];
        prefix_sums(shape, parameters, &mut sums);
        let both = sums.chunks_exact(width).zip(parameters.chunks_exact(width));
        let starts = shape.n_bins.iter().scan(0, |next, n| {
            let start = *next;
            *next += n;
            Some(start)
        });
        Self {
            bins: both.flat_map(|(sum, weight)| [sum, weight].concat()).collect(),
            starts: starts.collect(),
            shape,
            parameters,
        }
    }

    /// The logits of `rows`, `[rows.len(), n_outputs]`.
    pub(crate) fn logits(&self, input: &NetworkInput, rows: &[u32]) -> Vec<f32> {
        let mut logits = vec![0.0; rows.len() * self.shape.n_outputs];
        Arch::new().dispatch(Forward {
            network: self,
            input,
            rows,
            logits: &mut logits,
        });
        logits
    }
}

struct Forward<'a> {
    network: &'a Predictor<'a>,
    input: &'a NetworkInput,
    rows: &'a [u32],
    logits: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (shape, width) = (self.network.shape, self.network.shape.width);
        let registers = width / S::F32_LANES;
        let (mut below, mut above) = (vec![0.0; ROWS * width], vec![0.0; ROWS * width]);
        let segments = shape.segments();
        let of = |at: usize| segments[at].of(self.network.parameters);
        let rows = self
            .rows
            .chunks(ROWS)
            .zip(self.logits.chunks_mut(ROWS * shape.n_outputs));
        for (rows, logits) in rows {
            for (row, z) in rows.iter().zip(below.chunks_exact_mut(width)) {
                let row = *row as usize;
                // As many registers as there are, or three at a time.
                if registers.is_multiple_of(3) {
                    first_layer::<S, 3>(simd, self.network, self.input, row, z);
                } else {
                    first_layer::<S, 1>(simd, self.network, self.input, row, z);
                }
            }
            for layer in 1..shape.n_hidden {
                let (weights, biases) = (of(2 * layer), of(2 * layer + 1));
                if registers.is_multiple_of(3) {
                    hidden_layer::<S, 3>(simd, &below, weights, biases, &mut above);
                } else {
                    hidden_layer::<S, 1>(simd, &below, weights, biases, &mut above);
                }
                std::mem::swap(&mut below, &mut above);
            }
            let (weights, biases) = (of(2 * shape.n_hidden), of(2 * shape.n_hidden + 1));
            let rows = below
                .chunks_exact(width)
                .zip(logits.chunks_exact_mut(shape.n_outputs));
            for (a, logits) in rows {
                for ((logit, weights), bias) in logits.iter_mut().zip(weights.chunks_exact(width)).zip(biases)
                {
                    *logit = bias + dot(simd, a, weights);
                }
            }
        }
    }
}

/// The first hidden layer of one row into `out`, `[width]`, `N` registers at a time.
#[inline(always)]
fn first_layer<S: Simd, const N: usize>(
    simd: S,
    network: &Predictor<'_>,
    input: &NetworkInput,
    row: usize,
    out: &mut [f32],
) {
    let registers = out.len() / S::F32_LANES;
    let (table, _) = S::as_simd_f32s(&network.bins);
    let (inputs, _) = S::as_simd_f32s(network.parameters);
    let inputs = &inputs[network.shape.n_bins_total() * registers..];
    let (codes, biases) = inputs.split_at(input.n_codes * registers);
    let bins = &input.bins[row * input.n_quantities..][..input.n_quantities];
    let shares = &input.shares[row * input.n_quantities..][..input.n_quantities];
    let values = &input.codes[row * input.n_codes..][..input.n_codes];
    let (out, _) = S::as_mut_simd_f32s(out);
    for (panel, out) in out.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        let at = panel * N;
        let mut z = [simd.splat_f32s(0.0); N];
        z.copy_from_slice(&biases[at..][..N]);
        for ((bin, share), start) in bins.iter().zip(shares).zip(&network.starts) {
            let here = &table[(start + usize::from(*bin)) * 2 * registers + at..][..registers + N];
            let share = simd.splat_f32s(*share);
            for i in 0..N {
                z[i] = simd.add_f32s(z[i], simd.mul_add_e_f32s(share, here[registers + i], here[i]));
            }
        }
        for (code, weights) in values.iter().zip(codes.chunks_exact(registers)) {
            let (code, weights) = (simd.splat_f32s(*code), &weights[at..][..N]);
            for i in 0..N {
                z[i] = simd.mul_add_e_f32s(code, weights[i], z[i]);
            }
        }
        for i in 0..N {
            out[i] = smooth_relu(simd, z[i]);
        }
    }
}

/// A hidden layer of `ROWS` rows, `[ROWS, width]`, `N` registers at a time; `weights` is `[width, width]`.
#[inline(always)]
fn hidden_layer<S: Simd, const N: usize>(
    simd: S,
    below: &[f32],
    weights: &[f32],
    biases: &[f32],
    above: &mut [f32],
) {
    let width = biases.len();
    let registers = width / S::F32_LANES;
    let (weights, _) = S::as_simd_f32s(weights);
    let (biases, _) = S::as_simd_f32s(biases);
    let (above, _) = S::as_mut_simd_f32s(above);
    let below: [&[f32]; ROWS] = std::array::from_fn(|row| &below[row * width..][..width]);
    for at in (0..registers).step_by(N) {
        let mut start = [simd.splat_f32s(0.0); N];
        start.copy_from_slice(&biases[at..][..N]);
        let mut z = [start; ROWS];
        for (p, weights) in weights.chunks_exact(registers).take(width).enumerate() {
            let weights = &weights[at..][..N];
            for row in 0..ROWS {
                let a = simd.splat_f32s(below[row][p]);
                for i in 0..N {
                    z[row][i] = simd.mul_add_e_f32s(a, weights[i], z[row][i]);
                }
            }
        }
        for row in 0..ROWS {
            for i in 0..N {
                above[row * registers + at + i] = smooth_relu(simd, z[row][i]);
            }
        }
    }
}

/// As the training's: 0 below -1, z above 1, and the parabola (z + 1)^2 / 4 between.
#[inline(always)]
fn smooth_relu<S: Simd>(simd: S, z: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let clamped = simd.max_f32s(simd.min_f32s(z, one), simd.splat_f32s(-1.0));
    let half = simd.mul_f32s(simd.splat_f32s(0.5), simd.add_f32s(clamped, one));
    let beyond = simd.max_f32s(simd.sub_f32s(z, one), simd.splat_f32s(0.0));
    simd.mul_add_e_f32s(half, half, beyond)
}

#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let ((a, _), (b, _)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
    let mut sum = simd.splat_f32s(0.0);
    for (a, b) in a.iter().zip(b) {
        sum = simd.mul_add_e_f32s(*a, *b, sum);
    }
    simd.reduce_sum_f32s(sum)
}
