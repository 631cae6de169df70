//! Adam on a flat array.

use crate::lanes::on_lanes;

/// One step of Adam.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamStep {
    /// Learning rate over the first moment's bias correction.
    pub rate: f32,
    pub beta_1: f32,
    pub beta_2: f32,
    pub epsilon: f32,
    /// One over the second moment's bias correction.
    pub correction_2: f32,
    /// What is added to the gradient, times the weight: an L2 penalty.
    pub penalty: f32,
    /// What weights are multiplied by: decoupled weight decay.
    pub keep: f32,
}

on_lanes! {
    /// Moves the weights `p` against the gradient `g`; `m` and `v` are the moments. Without fused multiply-add, so that every
    /// processor takes the same step.
    pub(crate) fn adam[](simd, p: &'a mut [f32], g: &'a [f32], m: &'a mut [f32], v: &'a mut [f32], step: AdamStep) {
        let splat = |value| simd.splat_f32s(value);
        let (add, mul) = (|a, b| simd.add_f32s(a, b), |a, b| simd.mul_f32s(a, b));
        let (p, p_rest) = S::as_mut_simd_f32s(p);
        let (g, g_rest) = S::as_simd_f32s(g);
        let (m, m_rest) = S::as_mut_simd_f32s(m);
        let (v, v_rest) = S::as_mut_simd_f32s(v);
        for ((p, g), (m, v)) in p.iter_mut().zip(g).zip(m.iter_mut().zip(v)) {
            let g = add(*g, mul(*p, splat(step.penalty)));
            let fresh = mul(splat(1.0 - step.beta_1), g);
            *m = add(mul(splat(step.beta_1), *m), fresh);
            let fresh = mul(mul(splat(1.0 - step.beta_2), g), g);
            *v = add(mul(splat(step.beta_2), *v), fresh);
            let root = simd.sqrt_f32s(mul(*v, splat(step.correction_2)));
            let way = simd.div_f32s(mul(splat(step.rate), *m), add(root, splat(step.epsilon)));
            *p = simd.sub_f32s(mul(*p, splat(step.keep)), way);
        }
        for ((p, g), (m, v)) in p_rest.iter_mut().zip(g_rest).zip(m_rest.iter_mut().zip(v_rest)) {
            let g = g + *p * step.penalty;
            *m = step.beta_1 * *m + (1.0 - step.beta_1) * g;
            *v = step.beta_2 * *v + (1.0 - step.beta_2) * g * g;
            *p = *p * step.keep - step.rate * *m / ((*v * step.correction_2).sqrt() + step.epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Level;

    /// The formula in `f32`, operation by operation: the same bits at every level and for every length.
    #[test]
    fn steps_are_those_of_the_formula_at_every_level() {
        let step = AdamStep {
            rate: 0.01,
            beta_1: 0.9,
            beta_2: 0.99,
            epsilon: 1e-8,
            correction_2: 1.7,
            penalty: 0.05,
            keep: 0.999,
        };
        for level in Level::all() {
            for n in [1, 8, 16, 29] {
                let start = |k: usize| -> Vec<f32> { (0..n).map(|i| ((i * k) % 13) as f32 / 7.0).collect() };
                let (mut p, g, mut m, mut v) = (start(3), start(5), start(7), start(11));
                let expected: Vec<f32> = (0..n)
                    .map(|i| {
                        let g = g[i] + p[i] * step.penalty;
                        let m = step.beta_1 * m[i] + (1.0 - step.beta_1) * g;
                        let v = step.beta_2 * v[i] + (1.0 - step.beta_2) * g * g;
                        p[i] * step.keep - step.rate * m / ((v * step.correction_2).sqrt() + step.epsilon)
                    })
                    .collect();
                adam(level, &mut p, &g, &mut m, &mut v, step);
                assert_eq!(p, expected, "{level:?} {n}");
            }
        }
    }
}
