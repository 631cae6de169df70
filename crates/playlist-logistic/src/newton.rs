//! Newton's steps for two classes on tables of many rows.
//!
//! A step costs one pass for the gradient and the Hessian and converges in a handful where L-BFGS needs dozens; with
//! many columns the Hessian, which grows with their square, would cost more than it saves.

use crate::blocks::{Blocks, Sums};
use crate::solver::Solution;

/// The most columns, the intercept's included.
const LARGEST_WIDTH: usize = 49;
/// What a step must leave of the gradient for the next one to go by the same Hessian.
const GOOD_STEP: f64 = 0.1;
/// Halvings after which a step is given up.
const MAX_HALVINGS: u32 = 20;

/// The mean penalised loss at some weights.
struct Point {
    params: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    /// The lower triangle, or empty.
    hessian: Vec<f64>,
}

impl Point {
    fn new(blocks: &Blocks<'_>, params: Vec<f64>, alpha_mean: f64, with_hessian: bool) -> Self {
        let Sums {
            loss,
            mut gradient,
            mut hessian,
        } = blocks.sums(&params, with_hessian);
        let n_samples = blocks.n_samples() as f64;
        let mut value = loss / n_samples;
        for g in gradient.iter_mut().chain(&mut hessian) {
            *g /= n_samples;
        }
        let n_features = params.len() - 1;
        for (at, w) in params[..n_features].iter().enumerate() {
            value += 0.5 * alpha_mean * w * w;
            gradient[at] += alpha_mean * w;
            if with_hessian {
                hessian[at * (at + 1) / 2 + at] += alpha_mean;
            }
        }
        Self {
            params,
            value,
            gradient,
            hessian,
        }
    }

    fn gradient_norm(&self) -> f64 {
        self.gradient.iter().fold(0.0, |largest, g| largest.max(g.abs()))
    }
}

/// Minimises the mean loss of `blocks` with the penalty `alpha` on the summed one, until no component of the gradient
/// exceeds `tolerance`. `None` where there are too many columns; where the steps fail, the point that they reached.
pub(crate) fn minimise(
    blocks: &Blocks<'_>,
    alpha: f64,
    tolerance: f64,
    max_iterations: u64,
) -> Option<Solution> {
    if blocks.width() > LARGEST_WIDTH {
        return None;
    }
    let zero = vec![0.0; blocks.width()];
    let Some(sample) = blocks.sample() else {
        return Some(steps(blocks, (zero, 0), alpha, tolerance, max_iterations, false));
    };
    // A small part of the rows leads near the optimum of all; its penalty is smaller as its sum of losses is.
    let part = alpha * sample.n_samples() as f64 / blocks.n_samples() as f64;
    let near = steps(&sample, (zero, 0), part, tolerance, max_iterations, false);
    let start = (near.params, near.n_iterations);
    Some(steps(blocks, start, alpha, tolerance, max_iterations, true))
}

/// Steps from `start`, which took so many iterations; `is_near` the optimum, where one Hessian does for several.
fn steps(
    blocks: &Blocks<'_>,
    (start, mut n_iterations): (Vec<f64>, u64),
    alpha: f64,
    tolerance: f64,
    max_iterations: u64,
    is_near: bool,
) -> Solution {
    let alpha_mean = alpha / blocks.n_samples() as f64;
    let at = |params, with_hessian| Point::new(blocks, params, alpha_mean, with_hessian);
    let mut point = at(start, true);
    let mut hessian = std::mem::take(&mut point.hessian);
    let mut keeps_hessian = is_near;
    while n_iterations < max_iterations && point.gradient_norm() > tolerance {
        let Some(step) = solve(&hessian, &point.gradient) else {
            break;
        };
        let Some(next) = descend(&point, &step, |params| at(params, !keeps_hessian)) else {
            break;
        };
        n_iterations += 1;
        let is_good = next.gradient_norm() <= GOOD_STEP * point.gradient_norm();
        point = next;
        if keeps_hessian && !is_good && point.gradient_norm() > tolerance {
            point = at(point.params, true);
        }
        if !point.hessian.is_empty() {
            hessian = std::mem::take(&mut point.hessian);
        }
        keeps_hessian = is_good;
    }
    Solution {
        params: point.params,
        gradient: point.gradient,
        n_iterations,
        value: point.value,
    }
}

/// The point a step further, or a half, a quarter ... of it: the first at which the loss is lower.
fn descend(point: &Point, step: &[f64], at: impl Fn(Vec<f64>) -> Point) -> Option<Point> {
    let mut factor = 1.0;
    for _ in 0..MAX_HALVINGS {
        let params = point.params.iter().zip(step).map(|(w, s)| w - factor * s);
        let next = at(params.collect());
        // Next to the optimum the loss no longer changes while the gradient still falls.
        let is_lower = next.value < point.value
            || (next.value == point.value && next.gradient_norm() < point.gradient_norm());
        if is_lower {
            return Some(next);
        }
        factor *= 0.5;
    }
    None
}

/// The solution of `matrix s = g` by Cholesky's decomposition, `matrix` being the lower triangle; `None` where it is not
/// positive definite.
fn solve(matrix: &[f64], g: &[f64]) -> Option<Vec<f64>> {
    let row = |j: usize| j * (j + 1) / 2;
    let mut lower = matrix.to_vec();
    let mut s = g.to_vec();
    for j in 0..g.len() {
        for k in 0..=j {
            let products = (0..k).map(|i| lower[row(j) + i] * lower[row(k) + i]);
            let rest = lower[row(j) + k] - products.sum::<f64>();
            lower[row(j) + k] = if k < j {
                rest / lower[row(k) + k]
            } else {
                // Below this share of the diagonal the sums of the Hessian are rounding alone.
                (rest > 1e-6 * matrix[row(j) + j]).then(|| rest.sqrt())?
            };
        }
        let products = (0..j).map(|i| lower[row(j) + i] * s[i]);
        s[j] = (s[j] - products.sum::<f64>()) / lower[row(j) + j];
    }
    for j in (0..g.len()).rev() {
        let products = (j + 1..g.len()).map(|i| lower[row(i) + j] * s[i]);
        s[j] = (s[j] - products.sum::<f64>()) / lower[row(j) + j];
    }
    s.iter().all(|value| value.is_finite()).then_some(s)
}

#[cfg(test)]
mod tests {
    use super::solve;

    #[test]
    fn the_solution_of_a_small_system() {
        // [[4, 2], [2, 3]] s = [8, 7]
        let s = solve(&[4.0, 2.0, 3.0], &[8.0, 7.0]).unwrap();
        assert!((s[0] - 1.25).abs() < 1e-12 && (s[1] - 1.5).abs() < 1e-12);
        assert!(
            solve(&[1.0, 1.0, 1.0], &[1.0, 2.0]).is_none(),
            "two equal columns"
        );
    }
}
