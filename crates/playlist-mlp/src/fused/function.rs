//! Functions of every element, on whole registers: activations and their slopes, sums, a step of gradient descent.

use pulp::Simd;

use crate::Activation;
use crate::lanes::{Level, madd, on_lanes};

/// The polynomial in f for 2^f - 1 over f in [-0.5, 0.5] with the least largest relative error, 9e-8; highest power first.
#[expect(clippy::approx_constant, reason = "near ln 2, and not it")]
const EXP: [f32; 5] = [
    1.326_472_7e-3,
    9.671_513e-3,
    5.550_733_6e-2,
    2.402_224_2e-1,
    6.931_47e-1,
];

/// `exp(x)` with a relative error below 5e-6 (2e-7 near 0); `x` is brought to [-87, 87], where neither the
/// result nor its parts leave the normal numbers. NaN stays NaN.
#[inline(always)]
pub(super) fn exp<S: Simd, const FUSED: bool>(simd: S, x: S::f32s) -> S::f32s {
    // 1.5 * 2^23: adding it rounds to a whole number and leaves that in the lowest bits.
    let magic = simd.splat_f32s(12_582_912.0);
    let x = simd.min_f32s(simd.splat_f32s(87.0), x);
    let x = simd.max_f32s(simd.splat_f32s(-87.0), x);
    let power = simd.mul_f32s(x, simd.splat_f32s(std::f32::consts::LOG2_E));
    let shifted = simd.add_f32s(power, magic);
    let part = simd.sub_f32s(power, simd.sub_f32s(shifted, magic));
    let mut p = simd.splat_f32s(EXP[0]);
    for coefficient in EXP[1..].iter().chain(&[1.0]) {
        p = madd::<S, FUSED>(simd, p, part, simd.splat_f32s(*coefficient));
    }
    // The whole part goes into the exponent.
    let whole = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    simd.transmute_f32s_u32s(simd.add_u32s(simd.transmute_u32s_f32s(p), whole))
}

#[inline(always)]
fn sigmoid<S: Simd, const FUSED: bool>(simd: S, x: S::f32s) -> S::f32s {
    let one = simd.splat_f32s(1.0);
    let e = exp::<S, FUSED>(simd, simd.neg_f32s(x));
    simd.div_f32s(one, simd.add_f32s(one, e))
}

/// `ln(1 + e)` for `e` in [0, 1], with a relative error below 1e-6: twice the inverse hyperbolic tangent of
/// e / (2 + e), by its series.
#[inline(always)]
pub(super) fn ln_1p<S: Simd, const FUSED: bool>(simd: S, e: S::f32s) -> S::f32s {
    let s = simd.div_f32s(e, simd.add_f32s(simd.splat_f32s(2.0), e));
    let square = simd.mul_f32s(s, s);
    let mut sum = simd.splat_f32s(2.0 / 13.0);
    for coefficient in [2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0, 2.0] {
        sum = madd::<S, FUSED>(simd, sum, square, simd.splat_f32s(coefficient));
    }
    simd.mul_f32s(sum, s)
}

/// The distribution function of the standard normal and its density at `x`, absolute error below 3e-7: formula 7.1.26 of
/// Abramowitz and Stegun, Handbook of Mathematical Functions.
#[inline(always)]
fn normal<S: Simd, const FUSED: bool>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let splat = |value| simd.splat_f32s(value);
    let u = simd.mul_f32s(simd.abs_f32s(x), splat(std::f32::consts::FRAC_1_SQRT_2));
    let t = simd.div_f32s(
        splat(1.0),
        madd::<S, FUSED>(simd, u, splat(0.327_591_1), splat(1.0)),
    );
    let mut p = splat(1.061_405_4);
    for coefficient in [-1.453_152, 1.421_413_8, -0.284_496_72, 0.254_829_6, 0.0] {
        p = madd::<S, FUSED>(simd, p, t, splat(coefficient));
    }
    let e = exp::<S, FUSED>(simd, simd.neg_f32s(simd.mul_f32s(u, u)));
    let upper = simd.mul_f32s(simd.mul_f32s(p, e), splat(0.5));
    let lower = simd.sub_f32s(splat(1.0), upper);
    let above = simd.greater_than_f32s(x, splat(0.0));
    // 1 / sqrt(2 pi).
    let density = simd.mul_f32s(e, splat(0.398_942_3));
    (simd.select_f32s(above, lower, upper), density)
}

/// Where the slope of an activation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlopeFrom {
    /// From what it answered.
    Output,
    /// From its input: it is stored on the way forward.
    Input,
}

pub(super) const fn slope_from(activation: Activation) -> SlopeFrom {
    match activation {
        Activation::Relu
        | Activation::LeakyRelu
        | Activation::Sigmoid
        | Activation::Tanh
        | Activation::Elu => SlopeFrom::Output,
        Activation::Gelu | Activation::Silu | Activation::Mish => SlopeFrom::Input,
    }
}

/// Number of the activation, as a constant of the loops that are made for each.
macro_rules! for_each_activation {
    ($activation:expr, $function:ident, $($argument:expr),*) => {
        match $activation {
            Activation::Relu => $function::<0>($($argument),*),
            Activation::LeakyRelu => $function::<1>($($argument),*),
            Activation::Elu => $function::<2>($($argument),*),
            Activation::Gelu => $function::<3>($($argument),*),
            Activation::Silu => $function::<4>($($argument),*),
            Activation::Mish => $function::<5>($($argument),*),
            Activation::Sigmoid => $function::<6>($($argument),*),
            Activation::Tanh => $function::<7>($($argument),*),
        }
    };
}

/// The activation number `KIND` of [`Activation::ALL`] at `z`, and its slope where that comes from the input.
#[inline(always)]
fn activation<S: Simd, const FUSED: bool>(simd: S, kind: usize, z: S::f32s) -> (S::f32s, S::f32s) {
    let splat = |value| simd.splat_f32s(value);
    let (zero, one) = (splat(0.0), splat(1.0));
    match Activation::ALL[kind] {
        Activation::Relu => (simd.max_f32s(zero, z), one),
        Activation::LeakyRelu => {
            let above = simd.greater_than_f32s(z, zero);
            (simd.select_f32s(above, z, simd.mul_f32s(z, splat(0.01))), one)
        }
        Activation::Elu => {
            let above = simd.greater_than_f32s(z, zero);
            let e = exp::<S, FUSED>(simd, simd.min_f32s(zero, z));
            (simd.select_f32s(above, z, simd.sub_f32s(e, one)), one)
        }
        Activation::Gelu => {
            let (share, density) = normal::<S, FUSED>(simd, z);
            (simd.mul_f32s(z, share), madd::<S, FUSED>(simd, z, density, share))
        }
        Activation::Silu => {
            let p = sigmoid::<S, FUSED>(simd, z);
            // p (1 + z (1 - p))
            let inner = madd::<S, FUSED>(simd, z, simd.sub_f32s(one, p), one);
            (simd.mul_f32s(z, p), simd.mul_f32s(p, inner))
        }
        Activation::Mish => {
            // tanh(ln(1 + e^z)) = n / (n + 2) with n = e^z (e^z + 2); from 20 on it is 1 in f32.
            let p = sigmoid::<S, FUSED>(simd, z);
            let e = exp::<S, FUSED>(simd, simd.min_f32s(splat(20.0), z));
            let n = simd.mul_f32s(e, simd.add_f32s(e, splat(2.0)));
            let t = simd.div_f32s(n, simd.add_f32s(n, splat(2.0)));
            let rest = simd.sub_f32s(one, simd.mul_f32s(t, t));
            let slope = madd::<S, FUSED>(simd, simd.mul_f32s(z, p), rest, t);
            (simd.mul_f32s(z, t), slope)
        }
        Activation::Sigmoid => (sigmoid::<S, FUSED>(simd, z), one),
        Activation::Tanh => {
            let p = sigmoid::<S, FUSED>(simd, simd.add_f32s(z, z));
            (simd.sub_f32s(simd.add_f32s(p, p), one), one)
        }
    }
}

/// The slope of the activation number `KIND` where it answered `a`.
#[inline(always)]
fn slope_at_output<S: Simd>(simd: S, kind: usize, a: S::f32s) -> S::f32s {
    let (zero, one) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0));
    match Activation::ALL[kind] {
        Activation::Relu => simd.select_f32s(simd.greater_than_f32s(a, zero), one, zero),
        Activation::LeakyRelu => {
            simd.select_f32s(simd.greater_than_f32s(a, zero), one, simd.splat_f32s(0.01))
        }
        Activation::Elu => simd.select_f32s(simd.greater_than_f32s(a, zero), one, simd.add_f32s(a, one)),
        Activation::Sigmoid => simd.mul_f32s(a, simd.sub_f32s(one, a)),
        Activation::Tanh => simd.sub_f32s(one, simd.mul_f32s(a, a)),
        Activation::Gelu | Activation::Silu | Activation::Mish => one,
    }
}

/// Replaces `z` by its activation.
pub(super) fn activate(level: Level, activation: Activation, z: &mut [f32]) {
    for_each_activation!(activation, activate_in_place, level, z);
}

on_lanes! {
    fn activate_in_place[KIND: usize](simd, z: &'a mut [f32]) {
        for z in S::as_mut_simd_f32s(z).0 {
            *z = activation::<S, FUSED>(simd, KIND, *z).0;
        }
    }
}

/// Replaces `z` by its activation and writes the slope of each.
pub(super) fn activate_with_slope(level: Level, activation: Activation, z: &mut [f32], slope: &mut [f32]) {
    for_each_activation!(activation, activate_and_differentiate, level, z, slope);
}

on_lanes! {
    fn activate_and_differentiate[KIND: usize](simd, z: &'a mut [f32], slope: &'a mut [f32]) {
        for (z, slope) in S::as_mut_simd_f32s(z).0.iter_mut().zip(S::as_mut_simd_f32s(slope).0) {
            let (a, from_input) = activation::<S, FUSED>(simd, KIND, *z);
            *slope = match slope_from(Activation::ALL[KIND]) {
                SlopeFrom::Input => from_input,
                SlopeFrom::Output => slope_at_output(simd, KIND, a),
            };
            *z = a;
        }
    }
}

/// Multiplies every `g` by the slope of the activation that answered `a`.
pub(super) fn multiply_by_slope(level: Level, activation: Activation, a: &[f32], g: &mut [f32]) {
    for_each_activation!(activation, multiply_by_slope_of, level, a, g);
}

on_lanes! {
    fn multiply_by_slope_of[KIND: usize](simd, a: &'a [f32], g: &'a mut [f32]) {
        for (g, a) in S::as_mut_simd_f32s(g).0.iter_mut().zip(S::as_simd_f32s(a).0) {
            *g = simd.mul_f32s(*g, slope_at_output(simd, KIND, *a));
        }
    }
}

on_lanes! {
    /// `a = a b`, element by element.
    pub(super) fn multiply_elements[](simd, a: &'a mut [f32], b: &'a [f32]) {
        for (a, b) in S::as_mut_simd_f32s(a).0.iter_mut().zip(S::as_simd_f32s(b).0) {
            *a = simd.mul_f32s(*a, *b);
        }
    }
}

on_lanes! {
    /// The sums of the columns of `[rows, width]` into `[width]`.
    pub(super) fn column_sums[](simd, rows: &'a [f32], sums: &'a mut [f32]) {
        let width = sums.len();
        for (column, sum) in S::as_mut_simd_f32s(sums).0.iter_mut().enumerate() {
            let mut total = simd.splat_f32s(0.0);
            for row in rows.chunks_exact(width) {
                total = simd.add_f32s(total, S::as_simd_f32s(row).0[column]);
            }
            *sum = total;
        }
    }
}

on_lanes! {
    /// `out[row] = bias + a[row] . weights`, for rows of as many elements as there are weights.
    pub(super) fn dot_rows[](simd, a: &'a [f32], weights: &'a [f32], bias: f32, out: &'a mut [f32]) {
        let weights = S::as_simd_f32s(weights).0;
        for (out, row) in out.iter_mut().zip(a.chunks_exact(weights.len() * S::F32_LANES)) {
            let mut sum = simd.splat_f32s(0.0);
            for (a, weight) in S::as_simd_f32s(row).0.iter().zip(weights) {
                sum = madd::<S, FUSED>(simd, *a, *weight, sum);
            }
            *out = bias + simd.reduce_sum_f32s(sum);
        }
    }
}

on_lanes! {
    /// `out[row] = g[row] weights`, and `sums` the sum of `g[row] a[row]`: the way back through a product with one column.
    pub(super) fn outer_rows[](
        simd,
        g: &'a [f32],
        a: &'a [f32],
        weights: &'a [f32],
        out: &'a mut [f32],
        sums: &'a mut [f32],
    ) {
        let width = weights.len();
        let (weights, sums) = (S::as_simd_f32s(weights).0, S::as_mut_simd_f32s(sums).0);
        for (column, (sum, weight)) in sums.iter_mut().zip(weights).enumerate() {
            let mut total = simd.splat_f32s(0.0);
            let rows = a.chunks_exact(width).zip(out.chunks_exact_mut(width));
            for (g, (a, out)) in g.iter().zip(rows) {
                let g = simd.splat_f32s(*g);
                total = madd::<S, FUSED>(simd, g, S::as_simd_f32s(a).0[column], total);
                S::as_mut_simd_f32s(out).0[column] = simd.mul_f32s(g, *weight);
            }
            *sum = total;
        }
    }
}

/// Replaces logits by the probabilities of their sigmoid.
pub(super) fn to_probabilities(level: Level, z: &mut [f32]) {
    activate(level, Activation::Sigmoid, z);
}

/// One step of gradient descent.
#[derive(Clone, Copy, Debug)]
pub(super) struct SgdStep {
    pub rate: f32,
    /// Share of the last step that is kept.
    pub momentum: f32,
    pub weight_decay: f32,
}

on_lanes! {
    /// Moves the weights `p` against the gradient `g`; `velocity` is the last step. Lengths are multiples of 16.
    pub(super) fn sgd[](simd, p: &'a mut [f32], g: &'a [f32], velocity: &'a mut [f32], step: SgdStep) {
        let splat = |value| simd.splat_f32s(value);
        let weights = S::as_mut_simd_f32s(p).0.iter_mut().zip(S::as_simd_f32s(g).0);
        for ((p, g), velocity) in weights.zip(S::as_mut_simd_f32s(velocity).0) {
            let g = madd::<S, FUSED>(simd, *p, splat(step.weight_decay), *g);
            *velocity = madd::<S, FUSED>(simd, *velocity, splat(step.momentum), g);
            *p = simd.sub_f32s(*p, simd.mul_f32s(*velocity, splat(step.rate)));
        }
    }
}

on_lanes! {
    /// `exp` of every element of `x` into `powers`.
    pub(super) fn exponentiate[](simd, x: &'a [f32], powers: &'a mut [f32]) {
        for (power, x) in S::as_mut_simd_f32s(powers).0.iter_mut().zip(S::as_simd_f32s(x).0) {
            *power = exp::<S, FUSED>(simd, *x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard normal's distribution function, by Simpson's rule on its density from 0.
    fn normal_share(x: f64) -> f64 {
        let density = |t: f64| (-0.5 * t * t).exp() / std::f64::consts::TAU.sqrt();
        let n = 2_000;
        let step = x / f64::from(n);
        let sum: f64 = (0..n)
            .map(|i| {
                let t = f64::from(i) * step;
                density(t) + 4.0 * density(t + 0.5 * step) + density(t + step)
            })
            .sum();
        0.5 + sum * step / 6.0
    }

    fn exact(activation: Activation, x: f64) -> f64 {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        match activation {
            Activation::Relu => x.max(0.0),
            Activation::LeakyRelu => x.max(0.0) + 0.01 * x.min(0.0),
            Activation::Elu => x.max(0.0) + x.min(0.0).exp_m1(),
            Activation::Gelu => x * normal_share(x),
            Activation::Silu => x * sigmoid(x),
            Activation::Mish => x * x.exp().ln_1p().tanh(),
            Activation::Sigmoid => sigmoid(x),
            Activation::Tanh => x.tanh(),
        }
    }

    /// Tolerance 2e-6 times the size of the argument: f32 rounds at 6e-8, `exp` errs by up to 5e-6 where it is small.
    /// Slopes by central differences of the exact function in f64, whose error is of the order 1e-9.
    #[test]
    fn activations_and_slopes_are_those_of_the_formulas_at_every_level() {
        let z: Vec<f32> = (0..96).map(|i| (i as f32 - 47.5) * 0.21).collect();
        for level in Level::all() {
            for activation in Activation::ALL {
                let (mut a, mut slope) = (z.clone(), vec![0.0; z.len()]);
                activate_with_slope(level, activation, &mut a, &mut slope);
                let mut alone = z.clone();
                activate(level, activation, &mut alone);
                assert_eq!(a, alone, "{activation}");
                let mut g = vec![1.0; z.len()];
                if slope_from(activation) == SlopeFrom::Output {
                    multiply_by_slope(level, activation, &a, &mut g);
                    assert_eq!(g, slope, "{activation}");
                }
                for ((z, a), slope) in z.iter().zip(&a).zip(&slope) {
                    let x = f64::from(*z);
                    let tolerance = 2e-6 * x.abs().max(1.0);
                    let value = exact(activation, x);
                    assert!(
                        (f64::from(*a) - value).abs() < tolerance,
                        "{level:?} {activation} {z}: {a} {value}"
                    );
                    let step = 1e-5;
                    let expected = (exact(activation, x + step) - exact(activation, x - step)) / (2.0 * step);
                    assert!(
                        (f64::from(*slope) - expected).abs() < tolerance,
                        "{level:?} {activation} {z}: {slope} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn powers_of_e_are_exact_to_five_digits_and_never_overflow() {
        for level in Level::all() {
            let x: Vec<f32> = (0..1_760).map(|i| (i as f32 - 880.0) * 0.0987).collect();
            let mut powers = vec![0.0; x.len()];
            exponentiate(level, &x, &mut powers);
            for (x, power) in x.iter().zip(&powers) {
                let expected = f64::from(*x).exp();
                assert!(
                    (f64::from(*power) / expected - 1.0).abs() < 5e-6,
                    "{level:?} {x} {power}"
                );
            }
            let x = [-1e30, -200.0, 200.0, 1e30, 0.0, 0.0, 0.0, 0.0].repeat(2);
            let mut powers = vec![0.0; 16];
            exponentiate(level, &x, &mut powers);
            assert!(powers.iter().all(|power| power.is_finite() && *power > 0.0));
            assert_eq!(powers[4], 1.0);
        }
    }
}
