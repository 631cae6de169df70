//! The penalised log loss and its gradient.

use std::borrow::Cow;

use playlist_core::FeatureMatrix;

use crate::blocks::Blocks;

/// Rows from which on the sums of two classes are those of [`Blocks`], which are many times faster; the others keep the
/// bits that they always had, which L-BFGS magnifies where it stops short.
const MANY_ROWS: usize = 50_000;

/// The penalised log loss of a table, divided by its number of tracks.
///
/// Parameters are row-major, `[n_outputs, n_features + 1]`, the intercept last in each row. With one
/// output the model is the sigmoid of its logit and target 1 is positive; with more, the softmax.
pub(crate) struct Objective<'a> {
    x: &'a FeatureMatrix,
    targets: Cow<'a, [usize]>,
    n_outputs: usize,
    alpha_mean: f64,
}

impl<'a> Objective<'a> {
    pub(crate) fn new(x: &'a FeatureMatrix, targets: Cow<'a, [usize]>, n_outputs: usize, alpha: f64) -> Self {
        Self {
            alpha_mean: alpha / x.n_samples() as f64,
            x,
            targets,
            n_outputs,
        }
    }

    /// The index of each track's output, `[n_samples]`.
    pub(crate) fn targets(&self) -> &[usize] {
        &self.targets
    }

    pub(crate) const fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    pub(crate) fn n_params(&self) -> usize {
        self.n_outputs * (self.x.n_features() + 1)
    }

    /// A bound on the largest curvature in any direction: the trace of the Hessian's bound.
    pub(crate) fn curvature_bound(&self) -> f64 {
        let squares: f64 = self.x.values().iter().map(|v| f64::from(*v).powi(2)).sum();
        let of_logit = if self.n_outputs == 1 { 0.25 } else { 0.5 };
        of_logit * (1.0 + squares / self.x.n_samples() as f64) + self.alpha_mean
    }

    /// The value at `params`; overwrites `gradient`, which has the same shape.
    pub(crate) fn value_and_gradient(&self, params: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let loss = if self.n_outputs == 1 {
            self.add_sigmoid_rows(params, gradient)
        } else {
            self.add_softmax_rows(params, gradient)
        };
        let n_samples = self.x.n_samples() as f64;
        let width = self.x.n_features() + 1;
        let mut penalty = 0.0;
        for (at, (g, w)) in gradient.iter_mut().zip(params).enumerate() {
            *g /= n_samples;
            if (at + 1) % width != 0 {
                *g += self.alpha_mean * w;
                penalty += w * w;
            }
        }
        loss / n_samples + 0.5 * self.alpha_mean * penalty
    }

    fn add_sigmoid_rows(&self, params: &[f64], gradient: &mut [f64]) -> f64 {
        if self.x.n_samples() >= MANY_ROWS {
            let sums = Blocks::new(self.x, &self.targets).sums(params, false);
            gradient.copy_from_slice(&sums.gradient);
            return sums.loss;
        }
        let mut loss = 0.0;
        // A logarithm a row would take a third of the time: factors in [1, 2] are multiplied and their
        // product is taken the logarithm of long before it can overflow.
        let mut product = 1.0_f64;
        let rows = self.x.values().chunks_exact(self.x.n_features());
        for (row, target) in rows.zip(self.targets.iter()) {
            let z = logit(params, row);
            // One exponential serves the loss, log(1 + exp(z)) - y z, and its derivative.
            let e = (-z.abs()).exp();
            let positive = *target == 1;
            loss += if (z > 0.0) == positive { 0.0 } else { z.abs() };
            product *= 1.0 + e;
            if product > 1e200 {
                loss += product.ln();
                product = 1.0;
            }
            let p = if z >= 0.0 { 1.0 } else { e } / (1.0 + e);
            add_scaled(gradient, if positive { p - 1.0 } else { p }, row);
        }
        loss + product.ln()
    }

    fn add_softmax_rows(&self, params: &[f64], gradient: &mut [f64]) -> f64 {
        let width = self.x.n_features() + 1;
        let mut loss = 0.0;
        let mut p = vec![0.0; self.n_outputs];
        let rows = self.x.values().chunks_exact(self.x.n_features());
        for (row, target) in rows.zip(self.targets.iter()) {
            for (z, w) in p.iter_mut().zip(params.chunks_exact(width)) {
                *z = logit(w, row);
            }
            let of_target = p[*target];
            loss += softmax(&mut p) - of_target;
            p[*target] -= 1.0;
            for (residual, g) in p.iter().zip(gradient.chunks_exact_mut(width)) {
                add_scaled(g, *residual, row);
            }
        }
        loss
    }
}

/// The logit of one row: `weights` is `[n_features + 1]`, the intercept last.
pub(crate) fn logit(weights: &[f64], row: &[f32]) -> f64 {
    let (intercept, weights) = weights.split_last().expect("the intercept is always there");
    // Four sums side by side: each addition would wait for the one before it in a single sum.
    let mut sums = [*intercept, 0.0, 0.0, 0.0];
    let (weights, last_weights) = weights.as_chunks::<4>();
    let (values, last_values) = row.as_chunks::<4>();
    for (w, v) in weights.iter().zip(values) {
        for lane in 0..4 {
            sums[lane] += w[lane] * f64::from(v[lane]);
        }
    }
    let rest = last_weights.iter().zip(last_values);
    let rest = rest.fold(0.0, |z, (w, v)| z + w * f64::from(*v));
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

fn add_scaled(gradient: &mut [f64], residual: f64, row: &[f32]) {
    let (intercept, weights) = gradient.split_last_mut().expect("the intercept is always there");
    *intercept += residual;
    for (g, v) in weights.iter_mut().zip(row) {
        *g += residual * f64::from(*v);
    }
}

/// The sigmoid, without overflow at either end.
pub(crate) fn sigmoid(z: f64) -> f64 {
    let e = (-z.abs()).exp();
    if z >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// Turns logits into probabilities in place and returns the logarithm of the sum of exponentials.
pub(crate) fn softmax(z: &mut [f64]) -> f64 {
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in z.iter_mut() {
        *value = (*value - largest).exp();
        sum += *value;
    }
    for value in z.iter_mut() {
        *value /= sum;
    }
    largest + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> FeatureMatrix {
        let values = vec![0.5, 120.0, -1.0, 90.0, 0.25, 70.0, 2.0, 128.0, -0.5, 101.0];
        FeatureMatrix::new(["energy", "tempo"], values).unwrap()
    }

    /// Central differences with step 1e-6 are exact to about 1e-9 of a loss of order 100.
    fn assert_gradient_matches_differences(n_outputs: usize, targets: Vec<usize>) {
        let x = table();
        let objective = Objective::new(&x, targets.into(), n_outputs, 0.7);
        let params: Vec<f64> = (0..objective.n_params())
            .map(|i| (i as f64 * 1.7).sin() * 0.05)
            .collect();
        let mut gradient = vec![0.0; params.len()];
        let mut unused = gradient.clone();
        objective.value_and_gradient(&params, &mut gradient);
        for at in 0..params.len() {
            let mut shifted = params.clone();
            shifted[at] += 1e-6;
            let above = objective.value_and_gradient(&shifted, &mut unused);
            shifted[at] -= 2e-6;
            let below = objective.value_and_gradient(&shifted, &mut unused);
            let difference = (above - below) / 2e-6;
            assert!((difference - gradient[at]).abs() < 1e-6, "parameter {at}");
        }
    }

    #[test]
    fn the_gradient_of_the_sigmoid_matches_differences() {
        assert_gradient_matches_differences(1, vec![0, 1, 1, 0, 1]);
    }

    #[test]
    fn the_gradient_of_the_softmax_matches_differences() {
        assert_gradient_matches_differences(3, vec![0, 1, 2, 2, 1]);
    }

    /// Five rows and ten thousand times the same five, the penalty growing with them, have one mean loss.
    #[test]
    fn many_rows_cost_what_few_do() {
        let few = table();
        let targets = vec![0, 1, 1, 0, 1];
        let many = FeatureMatrix::new(["energy", "tempo"], few.values().repeat(10_000)).unwrap();
        let params = [0.3, -0.02, 0.5];
        let (mut of_few, mut of_many) = ([0.0; 3], [0.0; 3]);
        let objective = Objective::new(&few, (&targets).into(), 1, 0.7);
        let value = objective.value_and_gradient(&params, &mut of_few);
        let objective = Objective::new(&many, targets.repeat(10_000).into(), 1, 7_000.0);
        assert!((objective.value_and_gradient(&params, &mut of_many) - value).abs() < 1e-11);
        for (few, many) in of_few.iter().zip(of_many) {
            // Rounding of fifty thousand additions of up to 120.
            assert!((few - many).abs() < 1e-9);
        }
    }

    #[test]
    fn far_logits_neither_overflow_nor_vanish() {
        assert_eq!((sigmoid(1e9), sigmoid(-1e9), sigmoid(0.0)), (1.0, 0.0, 0.5));
        let mut z = [-1e9, 1e9, 1e9];
        assert!((softmax(&mut z) - 1e9).abs() < 1.0);
        assert_eq!(z, [0.0, 0.5, 0.5]);
        let x = FeatureMatrix::new(["duration_ms"], vec![3e38, -3e38]).unwrap();
        let objective = Objective::new(&x, vec![0, 1].into(), 1, 0.0);
        let mut gradient = [0.0; 2];
        // Both rows lie 3e38 on the wrong side, so that is the mean loss.
        let loss = objective.value_and_gradient(&[1.0, 0.0], &mut gradient);
        assert!((loss / 3e38 - 1.0).abs() < 1e-6 && gradient[0].is_finite());
    }
}
