//! The products and functions of small layers, on whole registers of the best instruction set that the processor has
//! (`pulp` picks it at run time). Every element is summed in one fixed order.

use pulp::{Arch, Simd, WithSimd};

use crate::Activation;
use crate::ensemble::simd::{dispatched, madd};

/// Rows of the result that are summed together: each register of the second factor is read once for all of them.
const BLOCK: usize = 4;

/// `z += a w`, where `a` is `[rows, k]`, `w` `[k, n]` and `z` `[rows, n]`; `n` is a multiple of 16.
pub(super) fn multiply_add(a: &[f32], w: &[f32], z: &mut [f32], k: usize, n: usize) {
    let task = Product {
        a,
        w,
        z,
        n,
        // Element (row, p) of the first factor.
        row_step: k,
        p_step: 1,
        depth: k,
    };
    Arch::new().dispatch(task);
}

/// `c = transposed(a) b`, where `a` is `[rows, m]`, `b` `[rows, n]` and `c` `[m, n]`; `n` is a multiple of 16.
pub(super) fn multiply_transposed(a: &[f32], b: &[f32], c: &mut [f32], m: usize, n: usize) {
    c.fill(0.0);
    let task = Product {
        a,
        w: b,
        z: c,
        n,
        row_step: 1,
        p_step: m,
        depth: b.len() / n,
    };
    Arch::new().dispatch(task);
}

struct Product<'a> {
    a: &'a [f32],
    w: &'a [f32],
    z: &'a mut [f32],
    n: usize,
    row_step: usize,
    p_step: usize,
    depth: usize,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let registers = self.n / S::F32_LANES;
        let (w, _) = S::as_simd_f32s(self.w);
        let (z, _) = S::as_mut_simd_f32s(self.z);
        let n_rows = z.len() / registers;
        // Indices are wrapped, never to happen, so that checked builds do not test each sum for an overflow.
        let at = |index: usize, row: usize| {
            simd.splat_f32s(self.a[index.wrapping_add(row.wrapping_mul(self.row_step))])
        };
        for column in 0..registers {
            let mut row = 0;
            while row + BLOCK <= n_rows {
                let start = row * registers + column;
                let mut s0 = z[start];
                let mut s1 = z[start + registers];
                let mut s2 = z[start + 2 * registers];
                let mut s3 = z[start + 3 * registers];
                let (mut index, mut place) = (row * self.row_step, column);
                for _ in 0..self.depth {
                    let w = w[place];
                    s0 = simd.mul_add_e_f32s(at(index, 0), w, s0);
                    s1 = simd.mul_add_e_f32s(at(index, 1), w, s1);
                    s2 = simd.mul_add_e_f32s(at(index, 2), w, s2);
                    s3 = simd.mul_add_e_f32s(at(index, 3), w, s3);
                    index = index.wrapping_add(self.p_step);
                    place = place.wrapping_add(registers);
                }
                z[start] = s0;
                z[start + registers] = s1;
                z[start + 2 * registers] = s2;
                z[start + 3 * registers] = s3;
                row += BLOCK;
            }
            while row < n_rows {
                let mut sum = z[row * registers + column];
                for p in 0..self.depth {
                    let w = w[p * registers + column];
                    sum = simd.mul_add_e_f32s(at(row * self.row_step + p * self.p_step, 0), w, sum);
                }
                z[row * registers + column] = sum;
                row += 1;
            }
        }
    }
}

dispatched! {
    /// The function of every element of `z` into `a` and its derivative into `slope`.
    pub(super) fn activate(activation: Activation, z: &'a [f32], a: &'a mut [f32], slope: &'a mut [f32])
        = activate_body
}

/// Runs a plain loop over all elements: such a loop is vectorised, one over closures need not be.
macro_rules! each {
    ($z:ident, $a:ident, $slope:ident, |$x:ident| $body:expr) => {
        for (($x, a), slope) in $z.iter().copied().zip($a).zip($slope) {
            (*a, *slope) = $body;
        }
    };
}

#[inline(always)]
fn activate_body<const FUSED: bool>(activation: Activation, z: &[f32], a: &mut [f32], slope: &mut [f32]) {
    match activation {
        Activation::Relu => each!(z, a, slope, |x| {
            let above = if x > 0.0 { 1.0 } else { 0.0 };
            (x.max(0.0), above)
        }),
        Activation::LeakyRelu => each!(z, a, slope, |x| {
            let slope = if x > 0.0 { 1.0 } else { 0.01 };
            (x * slope, slope)
        }),
        Activation::Sigmoid => each!(z, a, slope, |x| {
            let p = sigmoid::<FUSED>(x);
            (p, p * (1.0 - p))
        }),
        Activation::Tanh => each!(z, a, slope, |x| {
            let t = 2.0 * sigmoid::<FUSED>(2.0 * x) - 1.0;
            (t, 1.0 - t * t)
        }),
        Activation::Elu => each!(z, a, slope, |x| {
            let e = exp::<FUSED>(x.min(0.0));
            if x > 0.0 { (x, 1.0) } else { (e - 1.0, e) }
        }),
        Activation::Silu => each!(z, a, slope, |x| {
            let p = sigmoid::<FUSED>(x);
            (x * p, p * (1.0 + x * (1.0 - p)))
        }),
        Activation::Mish => each!(z, a, slope, |x| {
            // tanh(ln(1 + e^x)) = (e^2x + 2 e^x) / (e^2x + 2 e^x + 2); from 20 on it is 1 in f32.
            let p = sigmoid::<FUSED>(x);
            let e = exp::<FUSED>(x.min(20.0));
            let n = e * (e + 2.0);
            let t = n / (n + 2.0);
            (x * t, t + x * p * (1.0 - t * t))
        }),
        // Not reached: see `supports`.
        Activation::Gelu => slope.fill(0.0),
    }
}

#[inline(always)]
fn sigmoid<const FUSED: bool>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<FUSED>(-x))
}

/// `exp(x)` with a relative error below 3e-6; `x` is clamped to [-80, 80]. As the ensemble's, without a cast to
/// whole numbers, which keeps loops from being vectorised.
#[inline(always)]
fn exp<const FUSED: bool>(x: f32) -> f32 {
    // 1.5 * 2^23: adding it rounds to a whole number and leaves that in the lowest bits.
    const MAGIC: f32 = 12_582_912.0;
    let power = x.clamp(-80.0, 80.0) * std::f32::consts::LOG2_E;
    let shifted = power + MAGIC;
    let part = power - (shifted - MAGIC);
    let mut p = madd::<FUSED>(1.333_355_8e-3, part, 9.618_129e-3);
    p = madd::<FUSED>(p, part, 5.550_411e-2);
    p = madd::<FUSED>(p, part, 2.402_265e-1);
    p = madd::<FUSED>(p, part, 6.931_472e-1);
    p = madd::<FUSED>(p, part, 1.0);
    let exponent = shifted.to_bits().wrapping_sub(MAGIC.to_bits()).wrapping_add(127);
    p * f32::from_bits(exponent << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_the_plain_sum() {
        for (rows, k, n) in [(1, 16, 16), (7, 48, 32), (50, 16, 48)] {
            let a: Vec<f32> = (0..rows * k).map(|i| (i % 11) as f32 - 5.0).collect();
            let w: Vec<f32> = (0..k * n).map(|i| (i % 7) as f32 - 3.0).collect();
            let mut z = vec![1.0; rows * n];
            multiply_add(&a, &w, &mut z, k, n);
            for i in 0..rows * n {
                let sum: f32 = (0..k).map(|p| a[i / n * k + p] * w[p * n + i % n]).sum();
                // Whole numbers: exact in f32.
                assert_eq!(z[i], 1.0 + sum);
            }
            let b: Vec<f32> = (0..rows * n).map(|i| (i % 5) as f32 - 2.0).collect();
            let mut c = vec![9.0; k * n];
            multiply_transposed(&a, &b, &mut c, k, n);
            for i in 0..k * n {
                let sum: f32 = (0..rows).map(|p| a[p * k + i / n] * b[p * n + i % n]).sum();
                assert_eq!(c[i], sum);
            }
        }
    }

    #[test]
    fn exp_is_exact_to_five_digits() {
        for i in 0..1_000 {
            let x = i as f32 * 0.16 - 80.0;
            for found in [exp::<false>(x), exp::<true>(x)] {
                assert!((found / x.exp() - 1.0).abs() < 1e-5, "exp({x}) = {found}");
            }
        }
        assert_eq!(exp::<false>(-200.0), exp::<false>(-80.0));
    }
}
