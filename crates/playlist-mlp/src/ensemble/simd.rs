//! The arithmetic of the CPU engine: small dense kernels, written so that the compiler vectorises them, and
//! compiled once for each instruction set that the processor may have (`pulp` picks at run time).
//!
//! Every element is summed in one fixed order, so results do not depend on how work is split over threads.
//! They may differ in the last bits between processors with and without fused multiply-add.

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

dispatched! {
    /// `c += scale * a b`, with `c` strided like `a` and `b`.
    pub(crate) fn multiply_add(a: View<'a>, b: View<'a>, c: &'a mut [f32], stride: usize, shape: Shape, scale: f32)
        = multiply_add_body
}

#[inline(always)]
fn multiply_add_body<const FUSED: bool>(
    a: View<'_>,
    b: View<'_>,
    c: &mut [f32],
    stride: usize,
    shape: Shape,
    scale: f32,
) {
    const TILE: usize = 2 * LANES;
    let mut packed = vec![0.0; shape.k * TILE];
    let mut column = 0;
    while column < shape.n {
        // Rows of b lie far apart: a tile of columns is brought together once for all rows of a.
        let width = match shape.n - column {
            TILE.. => TILE,
            LANES..TILE => LANES,
            _ => 1,
        };
        for (p, packed) in packed.chunks_exact_mut(width).take(shape.k).enumerate() {
            packed.copy_from_slice(&b.values[p * b.stride + column..][..width]);
        }
        let out = &mut c[column..];
        match width {
            TILE => column_tile::<FUSED, TILE>(a, &packed, out, stride, shape, scale),
            LANES => column_tile::<FUSED, LANES>(a, &packed, out, stride, shape, scale),
            _ => column_tile::<FUSED, 1>(a, &packed, out, stride, shape, scale),
        }
        column += width;
    }
}

/// `WIDTH` columns of the product, six rows at a time.
#[inline(always)]
fn column_tile<const FUSED: bool, const WIDTH: usize>(
    a: View<'_>,
    packed: &[f32],
    c: &mut [f32],
    stride: usize,
    shape: Shape,
    scale: f32,
) {
    const ROWS: usize = 6;
    let mut row = 0;
    while row + ROWS <= shape.m {
        let a_rows = &a.values[row * a.stride..];
        tile::<FUSED, ROWS, WIDTH>(
            a_rows,
            a.stride,
            packed,
            &mut c[row * stride..],
            stride,
            shape.k,
            scale,
        );
        row += ROWS;
    }
    while row < shape.m {
        let a_rows = &a.values[row * a.stride..];
        tile::<FUSED, 1, WIDTH>(
            a_rows,
            a.stride,
            packed,
            &mut c[row * stride..],
            stride,
            shape.k,
            scale,
        );
        row += 1;
    }
}

/// One tile, whose sums stay in registers.
#[inline(always)]
fn tile<const FUSED: bool, const ROWS: usize, const WIDTH: usize>(
    a: &[f32],
    a_stride: usize,
    packed: &[f32],
    c: &mut [f32],
    stride: usize,
    k: usize,
    scale: f32,
) {
    let mut sums = [[0.0_f32; WIDTH]; ROWS];
    let a: [&[f32]; ROWS] = std::array::from_fn(|r| &a[r * a_stride..][..k]);
    for (p, b_row) in packed.as_chunks::<WIDTH>().0[..k].iter().enumerate() {
        for (a, sum) in a.iter().zip(&mut sums) {
            for i in 0..WIDTH {
                sum[i] = madd::<FUSED>(a[p], b_row[i], sum[i]);
            }
        }
    }
    for (r, sum) in sums.iter().enumerate() {
        let c_row = &mut c[r * stride..][..WIDTH];
        for i in 0..WIDTH {
            c_row[i] += scale * sum[i];
        }
    }
}

dispatched! {
    /// `c = transposed(a) b`, where `a` is `[k, m]` and `b` `[k, n]`, both packed; `m` is a multiple of 8.
    pub(crate) fn multiply_transposed(a: &'a [f32], b: &'a [f32], c: &'a mut [f32], shape: Shape)
        = multiply_transposed_body
}

#[inline(always)]
fn multiply_transposed_body<const FUSED: bool>(a: &[f32], b: &[f32], c: &mut [f32], shape: Shape) {
    const ROWS: usize = 8;
    let Shape { m, k, n } = shape;
    for row in (0..m).step_by(ROWS) {
        for column in (0..n).step_by(LANES) {
            let mut sums = [[0.0_f32; LANES]; ROWS];
            for p in 0..k {
                let a_row = &a[p * m + row..][..ROWS];
                let b_row = &b[p * n + column..][..LANES];
                for r in 0..ROWS {
                    for i in 0..LANES {
                        sums[r][i] = madd::<FUSED>(a_row[r], b_row[i], sums[r][i]);
                    }
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                c[(row + r) * n + column..][..LANES].copy_from_slice(sum);
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
