//! The arithmetic of the CPU engine: small dense kernels, compiled once for each instruction set that the processor may
//! have (`pulp` picks at run time). Products name their registers; plain loops over elements are left to the compiler.
//!
//! Every element is summed in one fixed order, so results do not depend on how work is split over threads.
//! They may differ in the last bits between processors with and without fused multiply-add.

use pulp::{Arch, Simd, WithSimd};

use crate::lanes::on_lanes;

/// Lanes that a kernel handles together: one AVX-512 register of `f32`.
pub(crate) const LANES: usize = 16;

/// A matrix within a slice: element (row, column) is at `row * stride + column`.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub values: &'a [f32],
    pub stride: usize,
}

/// The sizes of a product of `[m, k]` and `[k, n]`.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub m: usize,
    pub k: usize,
    pub n: usize,
}

/// `c += scale * a b`, with `c` strided like `a` and `b`.
pub(crate) fn multiply_add(a: View<'_>, b: View<'_>, c: &mut [f32], stride: usize, shape: Shape, scale: f32) {
    Arch::new().dispatch(MultiplyAdd {
        a,
        b,
        c,
        stride,
        shape,
        scale,
    });
}

struct MultiplyAdd<'a> {
    a: View<'a>,
    b: View<'a>,
    c: &'a mut [f32],
    stride: usize,
    shape: Shape,
    scale: f32,
}

impl WithSimd for MultiplyAdd<'_> {
    type Output = ();

    /// Two registers of columns at a time, six rows of them.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        const ROWS: usize = 6;
        let Self {
            a,
            b,
            c,
            stride,
            shape,
            scale,
        } = self;
        let tile = 2 * S::F32_LANES;
        let zero = simd.splat_f32s(0.0);
        let mut packed = vec![[zero; 2]; shape.k];
        for column in (0..shape.n).step_by(tile) {
            // Rows of b lie far apart: a tile of columns is brought together once for all rows of a.
            let width = tile.min(shape.n - column);
            for (p, packed) in packed.iter_mut().enumerate() {
                let row = &b.values[p * b.stride + column..][..width];
                let (whole, rest) = S::as_simd_f32s(row);
                *packed = match whole {
                    [first, second, ..] => [*first, *second],
                    [first] => [*first, simd.partial_load_f32s(rest)],
                    [] => [simd.partial_load_f32s(rest), zero],
                };
            }
            let mut row = 0;
            while row < shape.m {
                let out = &mut c[row * stride + column..];
                let a = View {
                    values: &a.values[row * a.stride..],
                    ..a
                };
                if row + ROWS <= shape.m {
                    add_tile::<S, ROWS>(simd, a, &packed, out, stride, width, scale);
                    row += ROWS;
                } else {
                    add_tile::<S, 1>(simd, a, &packed, out, stride, width, scale);
                    row += 1;
                }
            }
        }
    }
}

/// Adds a tile of the product to `R` rows of `c`, `width` columns of it; `packed` is two registers a row of b, zeros behind the last column.
#[inline(always)]
fn add_tile<S: Simd, const R: usize>(
    simd: S,
    a: View<'_>,
    packed: &[[S::f32s; 2]],
    c: &mut [f32],
    stride: usize,
    width: usize,
    scale: f32,
) {
    let a: [&[f32]; R] = std::array::from_fn(|row| &a.values[row * a.stride..][..packed.len()]);
    let mut sums = [[simd.splat_f32s(0.0); 2]; R];
    for (p, b) in packed.iter().enumerate() {
        for row in 0..R {
            let a = simd.splat_f32s(a[row][p]);
            sums[row][0] = simd.mul_add_e_f32s(a, b[0], sums[row][0]);
            sums[row][1] = simd.mul_add_e_f32s(a, b[1], sums[row][1]);
        }
    }
    let scale = simd.splat_f32s(scale);
    for row in 0..R {
        let (whole, rest) = S::as_mut_simd_f32s(&mut c[row * stride..][..width]);
        let n_whole = whole.len();
        for (c, sum) in whole.iter_mut().zip(sums[row]) {
            *c = simd.mul_add_e_f32s(scale, sum, *c);
        }
        if !rest.is_empty() {
            let sum = simd.mul_add_e_f32s(scale, sums[row][n_whole], simd.partial_load_f32s(rest));
            simd.partial_store_f32s(rest, sum);
        }
    }
}

/// `c = transposed(a) b`, where `a` is `[k, m]` and `b` `[k, n]`, both packed; `m` is a multiple of 8, `n` of 16.
pub(crate) fn multiply_transposed(a: &[f32], b: &[f32], c: &mut [f32], shape: Shape) {
    Arch::new().dispatch(MultiplyTransposed { a, b, c, shape });
}

struct MultiplyTransposed<'a> {
    a: &'a [f32],
    b: &'a [f32],
    c: &'a mut [f32],
    shape: Shape,
}

impl WithSimd for MultiplyTransposed<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        const ROWS: usize = 8;
        let Shape { m, k, n } = self.shape;
        let registers = n / S::F32_LANES;
        let (b, _) = S::as_simd_f32s(&self.b[..k * n]);
        let (c, _) = S::as_mut_simd_f32s(self.c);
        for row in (0..m).step_by(ROWS) {
            for column in 0..registers {
                let mut sums = [simd.splat_f32s(0.0); ROWS];
                for (a, b) in self.a.chunks_exact(m).zip(b.chunks_exact(registers)) {
                    let (a, b) = (&a[row..][..ROWS], b[column]);
                    for r in 0..ROWS {
                        sums[r] = simd.mul_add_e_f32s(simd.splat_f32s(a[r]), b, sums[r]);
                    }
                }
                for (r, sum) in sums.into_iter().enumerate() {
                    c[(row + r) * registers + column] = sum;
                }
            }
        }
    }
}

on_lanes! {
    /// The smooth rectifier of every element of `z` into `a` and its derivative into `slope`: 0 below -1, z above 1, and
    /// the parabola (z + 1)^2 / 4 between: smooth, and free of `exp`. The loop is left to the compiler.
    pub(crate) fn smooth_relu[](_simd, z: &'a [f32], a: &'a mut [f32], slope: &'a mut [f32]) {
        for ((z, a), slope) in z.iter().zip(a).zip(slope) {
            let half = 0.5 * (z.clamp(-1.0, 1.0) + 1.0);
            *a = half * half + (z - 1.0).max(0.0);
            *slope = half;
        }
    }
}

/// Four times sixteen xorshift generators for dropout masks: as fast as the arithmetic that they mask.
pub(crate) struct MaskGenerator([u32; LANES]);

impl MaskGenerator {
    /// Lanes start from `words`; a zero, from which xorshift does not move, becomes one.
    pub(crate) fn new(words: [u32; LANES]) -> Self {
        Self(words.map(|word| word.max(1)))
    }

    #[inline(always)]
    fn next(&mut self) -> [u32; LANES] {
        for word in &mut self.0 {
            *word ^= *word << 13;
            *word ^= *word >> 17;
            *word ^= *word << 5;
        }
        self.0
    }
}

/// A mask of `width` factors for inverted dropout: 0 with probability `rate`, else `1 / (1 - rate)`.
pub(crate) fn fill_mask(generator: &mut MaskGenerator, rate: f32, mask: &mut [f32]) {
    let threshold = (f64::from(rate) * 4_294_967_296.0) as u32;
    let kept = 1.0 / (1.0 - rate);
    for chunk in mask.chunks_mut(LANES) {
        let words = generator.next();
        for (factor, word) in chunk.iter_mut().zip(words) {
            *factor = if word >= threshold { kept } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Level;

    #[test]
    fn products_agree_with_the_plain_sum_for_every_size() {
        for (m, k, n) in [(1, 1, 1), (7, 5, 50), (13, 48, 48), (6, 3, 17)] {
            let a: Vec<f32> = (0..m * k).map(|i| (i % 11) as f32 - 5.0).collect();
            let b: Vec<f32> = (0..k * n).map(|i| (i % 7) as f32 - 3.0).collect();
            let mut c = vec![1.0; m * n];
            let view = |values, stride| View { values, stride };
            multiply_add(view(&a, k), view(&b, n), &mut c, n, Shape { m, k, n }, -1.0);
            for i in 0..m * n {
                let sum: f32 = (0..k).map(|p| a[i / n * k + p] * b[p * n + i % n]).sum();
                // Whole numbers: exact in f32.
                assert_eq!(c[i], 1.0 - sum);
            }
        }
    }

    #[test]
    fn the_slope_is_the_derivative() {
        let z: Vec<f32> = (0..64).map(|i| i as f32 * 0.1 - 3.2).collect();
        let (mut a, mut up, mut slope) = (vec![0.0; 64], vec![0.0; 64], vec![0.0; 64]);
        let shifted: Vec<f32> = z.iter().map(|z| z + 1e-2).collect();
        smooth_relu(Level::best(), &shifted, &mut up, &mut slope);
        smooth_relu(Level::best(), &z, &mut a, &mut slope);
        for i in 0..64 {
            // The second derivative is at most one half: the difference quotient is 0.0025 off at most.
            assert!(((up[i] - a[i]) / 1e-2 - slope[i]).abs() < 3e-3);
        }
    }
}
