//! The log loss of two classes with its gradient and its Hessian, a block of rows at a time.
//!
//! Within a block a column lies in one piece, so that every sum runs over rows side by side; the loops are compiled once
//! for each instruction set and chosen at run time by `pulp`. Loss and gradient are summed in `f64`, the Hessian in `f32`
//! within a block: it decides how fast Newton's steps converge, not where to. Sums are added chunk by chunk in the order
//! of the rows, whatever the number of threads.

use std::num::NonZero;
use std::ops::Range;
use std::thread;

use playlist_core::FeatureMatrix;

/// Rows of a block: thirteen columns of them fit into the first-level cache.
const BLOCK: usize = 256;
/// Blocks of a chunk, whose sums are added to those of the chunks before it.
const CHUNK: usize = 64;
/// Chunks that a thread must have to pay for its start.
const CHUNKS_PER_THREAD: usize = 4;
/// Rows whose sums run side by side: four AVX-512 registers of `f64`, so that no operation waits for the one before it.
const LANES: usize = 32;
/// The same of `f32`.
const NARROW_LANES: usize = 64;
/// Blocks after which the logarithm of a product of factors in [1, 2] is taken, long before it overflows.
const BLOCKS_PER_LOGARITHM: usize = 32;

/// A table with two classes, cut into blocks.
#[derive(Clone, Copy)]
pub(crate) struct Blocks<'a> {
    /// `[n_rows, width - 1]`.
    values: &'a [f32],
    /// 0 or 1, `[n_rows]`.
    targets: &'a [usize],
    /// The number of columns, the intercept's included.
    width: usize,
    n_samples: usize,
    n_blocks: usize,
    /// Every which block of the table is one of these.
    step: usize,
    n_threads: usize,
}

/// Sums over rows.
#[derive(Clone)]
pub(crate) struct Sums {
    pub(crate) loss: f64,
    /// `[width]`.
    pub(crate) gradient: Vec<f64>,
    /// The lower triangle, row by row; empty where it was not asked for.
    pub(crate) hessian: Vec<f64>,
}

impl Sums {
    fn new(width: usize, with_hessian: bool) -> Self {
        let size = if with_hessian { width * (width + 1) / 2 } else { 0 };
        Self {
            loss: 0.0,
            gradient: vec![0.0; width],
            hessian: vec![0.0; size],
        }
    }

    fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        let own = self.gradient.iter_mut().chain(&mut self.hessian);
        for (own, other) in own.zip(other.gradient.iter().chain(&other.hessian)) {
            *own += other;
        }
    }
}

impl<'a> Blocks<'a> {
    /// `targets` are 0 or 1, `[n_samples]`.
    pub(crate) fn new(x: &'a FeatureMatrix, targets: &'a [usize]) -> Self {
        let n_blocks = x.n_samples().div_ceil(BLOCK);
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            values: x.values(),
            targets,
            width: x.n_features() + 1,
            n_samples: x.n_samples(),
            n_blocks,
            step: 1,
            n_threads: cores.min(n_blocks / (CHUNK * CHUNKS_PER_THREAD)).max(1),
        }
    }

    pub(crate) const fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// The number of columns, the intercept's included.
    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    /// A chunk of whole blocks from all over the table, or `None` where that would be no small part of it.
    pub(crate) fn sample(&self) -> Option<Self> {
        let step = (self.n_samples / BLOCK) / CHUNK;
        (step >= 4).then_some(Self {
            n_samples: CHUNK * BLOCK,
            n_blocks: CHUNK,
            step,
            n_threads: 1,
            ..*self
        })
    }

    /// The sums at `params`, `[width]`, over all rows.
    pub(crate) fn sums(&self, params: &[f64], with_hessian: bool) -> Sums {
        let n_chunks = self.n_blocks.div_ceil(CHUNK);
        let share = n_chunks.div_ceil(self.n_threads).max(1);
        let of_chunks = |chunks: Range<usize>| -> Vec<Sums> {
            chunks
                .map(|chunk| self.chunk_sums(chunk, params, with_hessian))
                .collect()
        };
        let starts = (0..n_chunks).step_by(share);
        let ranges = starts.map(|start| start..(start + share).min(n_chunks));
        let parts: Vec<Vec<Sums>> = if self.n_threads == 1 {
            ranges.map(of_chunks).collect()
        } else {
            thread::scope(|scope| {
                let threads: Vec<_> = ranges.map(|chunks| scope.spawn(|| of_chunks(chunks))).collect();
                let join = |thread: thread::ScopedJoinHandle<'_, Vec<Sums>>| {
                    thread
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                };
                threads.into_iter().map(join).collect()
            })
        };
        let mut total = Sums::new(self.width, with_hessian);
        for sums in parts.iter().flatten() {
            total.add(sums);
        }
        total
    }

    fn chunk_sums(&self, chunk: usize, params: &[f64], with_hessian: bool) -> Sums {
        let mut sums = Sums::new(self.width, with_hessian);
        let pass = Pass {
            blocks: self,
            range: chunk * CHUNK..((chunk + 1) * CHUNK).min(self.n_blocks),
            params,
            sums: &mut sums,
        };
        match pulp::Arch::new() {
            // Without hardware support `mul_add` is a slow library call.
            pulp::Arch::Scalar => pass.run::<false>(),
            #[allow(unreachable_patterns, reason = "on processors for which pulp knows one set")]
            arch => arch.dispatch(pass),
        }
        sums
    }

    /// Copies a block's columns, `[width, BLOCK]`, the last of them the intercept's ones, and its targets. What fills up
    /// the last block is zero. Not within the loops compiled for AVX-512: they would scatter, which is slower.
    #[inline(never)]
    fn copy(&self, block: usize, columns: &mut [[f32; BLOCK]], targets: &mut [f64; BLOCK]) {
        let first = block * self.step * BLOCK;
        let own = &self.targets[first..self.targets.len().min(first + BLOCK)];
        let n_features = self.width - 1;
        let rows = &self.values[first * n_features..][..own.len() * n_features];
        if own.len() < BLOCK {
            columns.as_flattened_mut().fill(0.0);
            targets.fill(0.0);
        }
        for (at, row) in rows.chunks_exact(n_features).enumerate() {
            for (column, value) in columns.iter_mut().zip(row) {
                column[at] = *value;
            }
        }
        columns[n_features][..own.len()].fill(1.0);
        for (target, own) in targets.iter_mut().zip(own) {
            *target = *own as f64;
        }
    }
}

/// One pass over a range of blocks.
struct Pass<'a> {
    blocks: &'a Blocks<'a>,
    range: Range<usize>,
    params: &'a [f64],
    sums: &'a mut Sums,
}

impl pulp::WithSimd for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        self.run::<true>();
    }
}

impl Pass<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let mut columns = vec![[0.0_f32; BLOCK]; self.params.len()];
        let mut targets = [0.0_f64; BLOCK];
        let mut residuals = [0.0_f64; BLOCK];
        let mut weights = [0.0_f32; BLOCK];
        let mut product = [1.0_f64; LANES];
        let mut loss = [0.0_f64; LANES];
        for block in self.range {
            self.blocks.copy(block, &mut columns, &mut targets);
            let ones = columns[columns.len() - 1];
            for start in (0..BLOCK).step_by(LANES) {
                let z = logits::<FUSED>(&columns, self.params, start);
                let ones: &[f32] = &ones[start..][..LANES];
                let y = &targets[start..][..LANES];
                let residuals = &mut residuals[start..][..LANES];
                let weights = &mut weights[start..][..LANES];
                let e = exp_of_minus_abs::<FUSED>(&z);
                for i in 0..LANES {
                    // One exponential serves the loss, max(z, 0) - y z + log(1 + e), and both derivatives.
                    loss[i] += z[i].max(0.0) - y[i] * z[i];
                    product[i] *= 1.0 + e[i] * f64::from(ones[i]);
                    let least = 1.0 / (1.0 + e[i]);
                    residuals[i] = if z[i] >= 0.0 { least } else { e[i] * least } - y[i];
                    weights[i] = (e[i] * least * least) as f32;
                }
            }
            if (block + 1).is_multiple_of(BLOCKS_PER_LOGARITHM) {
                for (loss, product) in loss.iter_mut().zip(&mut product) {
                    *loss += product.ln();
                    *product = 1.0;
                }
            }
            for (gradient, column) in self.sums.gradient.iter_mut().zip(&columns) {
                *gradient += dot::<FUSED>(&residuals, column);
            }
            if !self.sums.hessian.is_empty() {
                add_hessian::<FUSED>(&columns, &weights, &mut self.sums.hessian);
            }
        }
        for (loss, product) in loss.iter_mut().zip(&product) {
            *loss += product.ln();
        }
        self.sums.loss += loss.iter().sum::<f64>();
    }
}

#[inline(always)]
fn madd<const FUSED: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// The logits of `LANES` rows of a block from `start` on.
#[inline(always)]
fn logits<const FUSED: bool>(columns: &[[f32; BLOCK]], params: &[f64], start: usize) -> [f64; LANES] {
    let mut z = [0.0; LANES];
    for (column, weight) in columns.iter().zip(params) {
        let column = &column[start..][..LANES];
        for i in 0..LANES {
            z[i] = madd::<FUSED>(*weight, f64::from(column[i]), z[i]);
        }
    }
    z
}

/// `sum of a b`, lane by lane.
#[inline(always)]
fn dot<const FUSED: bool>(a: &[f64; BLOCK], b: &[f32; BLOCK]) -> f64 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for i in 0..LANES {
            sums[i] = madd::<FUSED>(a[i], f64::from(b[i]), sums[i]);
        }
    }
    let sums: [f64; LANES / 2] = std::array::from_fn(|i| sums[i] + sums[i + LANES / 2]);
    let sums: [f64; 8] = std::array::from_fn(|i| sums[i] + sums[i + 8]);
    let sums: [f64; 4] = std::array::from_fn(|i| sums[i] + sums[i + 4]);
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

/// Adds `sum of weight x_j x_k` for every pair of columns, the lower triangle row by row.
#[inline(always)]
fn add_hessian<const FUSED: bool>(columns: &[[f32; BLOCK]], weights: &[f32; BLOCK], hessian: &mut [f64]) {
    let mut weighted = [0.0_f32; BLOCK];
    let mut first = 0;
    for (j, column) in columns.iter().enumerate() {
        for i in 0..BLOCK {
            weighted[i] = weights[i] * column[i];
        }
        for (sum, column) in hessian[first..].iter_mut().zip(&columns[..=j]) {
            *sum += f64::from(narrow_dot::<FUSED>(&weighted, column));
        }
        first += j + 1;
    }
}

/// `sum of a b` in `f32`.
#[inline(always)]
fn narrow_dot<const FUSED: bool>(a: &[f32; BLOCK], b: &[f32; BLOCK]) -> f32 {
    let mut sums = [0.0_f32; NARROW_LANES];
    let (a, b) = (a.as_chunks::<NARROW_LANES>().0, b.as_chunks::<NARROW_LANES>().0);
    for (a, b) in a.iter().zip(b) {
        for i in 0..NARROW_LANES {
            sums[i] = if FUSED {
                a[i].mul_add(b[i], sums[i])
            } else {
                a[i] * b[i] + sums[i]
            };
        }
    }
    let half: [f32; NARROW_LANES / 2] = std::array::from_fn(|i| sums[i] + sums[i + NARROW_LANES / 2]);
    let sums: [f32; 16] = std::array::from_fn(|i| half[i] + half[i + 16]);
    let sums: [f32; 8] = std::array::from_fn(|i| sums[i] + sums[i + 8]);
    let sums: [f32; 4] = std::array::from_fn(|i| sums[i] + sums[i + 4]);
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

/// `exp(-|z|)`, with a relative error below 1e-14; beyond 700 as at 700.
#[inline(always)]
fn exp_of_minus_abs<const FUSED: bool>(z: &[f64; LANES]) -> [f64; LANES] {
    // 1.5 * 2^52: adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    /// 1 / 11!, 1 / 10! ... 1: what is left out is below 0.35^12 / 12!, 7e-15.
    const TERMS: [f64; 12] = [
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    let mut y = [0.0; LANES];
    for i in 0..LANES {
        let x = (-z[i].abs()).max(-700.0);
        let shifted = madd::<FUSED>(x, std::f64::consts::LOG2_E, ROUND);
        let whole = shifted - ROUND;
        let rest = madd::<FUSED>(whole, -LN_2_LOW, madd::<FUSED>(whole, -LN_2_HIGH, x));
        let mut p = TERMS[0];
        for term in &TERMS[1..] {
            p = madd::<FUSED>(p, rest, *term);
        }
        y[i] = p * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::Objective;

    fn table(n_samples: usize) -> (FeatureMatrix, Vec<usize>) {
        let value = |at: usize| ((at * at % 1_009) as f32 / 504.0 - 1.0) * 1.7;
        let x = FeatureMatrix::new(["a", "b", "c"], (0..n_samples * 3).map(value).collect()).unwrap();
        let targets = (0..n_samples).map(|row| (row * 7 % 11) / 6).collect();
        (x, targets)
    }

    /// The last block is partly filled, and there are several chunks.
    #[test]
    fn loss_and_gradient_are_those_of_the_plain_sums() {
        let params = [0.3, -1.2, 2.5, 0.1];
        for n_samples in [1, 5, BLOCK, 3 * BLOCK * CHUNK + 77] {
            let (x, targets) = table(n_samples);
            let sums = Blocks::new(&x, &targets).sums(&params, false);
            let mut gradient = [0.0; 4];
            let loss = Objective::new(&x, targets.into(), 1, 0.0).value_and_gradient(&params, &mut gradient);
            let n = n_samples as f64;
            // Rounding of sums, and of the exponential.
            assert!((sums.loss / n - loss).abs() < 1e-12, "{n_samples} rows");
            for (sum, g) in sums.gradient.iter().zip(gradient) {
                assert!((sum / n - g).abs() < 1e-12, "{n_samples} rows");
            }
        }
    }

    #[test]
    fn the_hessian_is_the_derivative_of_the_gradient() {
        let (x, targets) = table(700);
        let blocks = Blocks::new(&x, &targets);
        let params = [0.3, -1.2, 0.5, 0.1];
        let hessian = blocks.sums(&params, true).hessian;
        for j in 0..4 {
            let mut shifted = params;
            shifted[j] += 1e-5;
            let above = blocks.sums(&shifted, false).gradient;
            shifted[j] -= 2e-5;
            let below = blocks.sums(&shifted, false).gradient;
            for k in j..4 {
                let difference = (above[k] - below[k]) / 2e-5;
                let second = hessian[k * (k + 1) / 2 + j];
                // The Hessian's sums have the seven digits of `f32`.
                assert!(
                    (difference - second).abs() < 1e-4 * (1.0 + second.abs()),
                    "{j} {k}"
                );
            }
        }
    }

    #[test]
    fn sums_do_not_depend_on_the_number_of_threads() {
        let (x, targets) = table(9 * BLOCK * CHUNK + 5);
        let mut blocks = Blocks::new(&x, &targets);
        let sums = |blocks: &Blocks<'_>| {
            let sums = blocks.sums(&[0.3, -1.2, 0.5, 0.1], true);
            let all = sums.gradient.iter().chain(&sums.hessian).chain([&sums.loss]);
            all.map(|sum| sum.to_bits()).collect::<Vec<_>>()
        };
        blocks.n_threads = 1;
        let alone = sums(&blocks);
        for n_threads in [2, 3, 8] {
            blocks.n_threads = n_threads;
            assert_eq!(sums(&blocks), alone);
        }
    }

    #[test]
    fn far_logits_neither_overflow_nor_vanish() {
        let x = FeatureMatrix::new(["a"], vec![1e3, -1e3, 1e3]).unwrap();
        let sums = Blocks::new(&x, &[0, 1, 1]).sums(&[10.0, 0.0], true);
        assert_eq!(sums.loss, 2e4);
        assert_eq!(sums.gradient, [2e3, 0.0]);
        assert!(sums.hessian.iter().all(|second| second.is_finite()));
    }
}
