//! The arithmetic of the CPU engine: small dense kernels, compiled once for each instruction set that the processor may
//! have (`pulp` picks at run time). Products name their registers; plain loops over elements are left to the compiler.
//!
//! Every element is summed in one fixed order, so results do not depend on how work is split over threads.
//! They may differ in the last bits between processors with and without fused multiply-add.

use pulp::{Arch, Simd, WithSimd};

/// Lanes that a kernel handles together: one AVX-512 register of `f32`.
pub(crate) const LANES: usize = 16;

/// Makes `$name` run `$body::<true>` under the best instruction set with fused multiply-add, or
/// `$body::<false>` where there is none: there `mul_add` would be a slow library call. References have the
/// lifetime `'a`.
///
/// The arguments travel in a structure and not in a closure: what calls a closure is not always inlined, and then
/// the body is compiled without the instruction set.
macro_rules! dispatched {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:ident: $kind:ty),* $(,)?) = $body:ident) => {
        $(#[$attribute])*
        $visibility fn $name<'a>($($argument: $kind),*) {
            struct Call<'a> {
                $($argument: $kind),*
            }
            impl pulp::WithSimd for Call<'_> {
                type Output = ();

                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) {
                    let Self { $($argument),* } = self;
                    $body::<true>($($argument),*);
                }
            }
            match pulp::Arch::new() {
                pulp::Arch::Scalar => $body::<false>($($argument),*),
                #[allow(unreachable_patterns, reason = "on processors for which pulp knows one set")]
                arch => arch.dispatch(Call { $($argument),* }),
            }
        }
    };
}
pub(crate) use dispatched;

/// `a * b + c`, fused where the processor can.
#[inline(always)]
pub(crate) fn madd<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

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

dispatched! {
    /// The smooth rectifier of every element of `z` into `a` and its derivative into `slope`.
    pub(crate) fn smooth_relu(z: &'a [f32], a: &'a mut [f32], slope: &'a mut [f32]) = smooth_relu_body
}

/// 0 below -1, z above 1, and the parabola (z + 1)^2 / 4 between: smooth, and free of `exp`.
#[inline(always)]
fn smooth_relu_body<const FUSED: bool>(z: &[f32], a: &mut [f32], slope: &mut [f32]) {
    for ((z, a), slope) in z.iter().zip(a).zip(slope) {
        let half = 0.5 * (z.clamp(-1.0, 1.0) + 1.0);
        *a = half * half + (z - 1.0).max(0.0);
        *slope = half;
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

/// One step of Adam with decoupled weight decay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamStep {
    /// Learning rate over the first moment's bias correction.
    pub rate: f32,
    /// What weights are multiplied by.
    pub keep: f32,
    pub beta1: f32,
    pub beta2: f32,
    /// One over the second moment's bias correction.
    pub correction2: f32,
}

dispatched! {
    /// Moves `p` against the gradient `g`; `m` and `v` are the moments.
    pub(crate) fn adam(p: &'a mut [f32], g: &'a [f32], m: &'a mut [f32], v: &'a mut [f32], step: AdamStep) = adam_body
}

#[inline(always)]
fn adam_body<const FUSED: bool>(p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], step: AdamStep) {
    for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
        *m = step.beta1 * *m + (1.0 - step.beta1) * g;
        *v = step.beta2 * *v + (1.0 - step.beta2) * g * g;
        *p = *p * step.keep - step.rate * *m / ((*v * step.correction2).sqrt() + 1e-8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        smooth_relu(&shifted, &mut up, &mut slope);
        smooth_relu(&z, &mut a, &mut slope);
        for i in 0..64 {
            // The second derivative is at most one half: the difference quotient is 0.0025 off at most.
            assert!(((up[i] - a[i]) / 1e-2 - slope[i]).abs() < 3e-3);
        }
    }
}
