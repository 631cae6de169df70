//! Which solver fits, and L-BFGS on the penalised log loss.
//!
//! On columns of ordinary size linfa-logistic fits tables of few rows or of more than two classes, Newton's steps
//! ([`crate::newton`]) two classes on many rows. L-BFGS fits the rest, and goes on where one of these stopped short.
//!
//! L-BFGS is argmin's, set up as linfa-logistic 0.8.1 sets it up (L-BFGS, memory 10, Moré-Thuente line
//! search), with three faults mended that a caller of linfa-logistic cannot work around: its line search has no
//! limit, and never returns once a direction holds a NaN, as happens on unscaled columns (12 tracks with
//! `duration_ms` alone and `alpha` 100 can do it); its multinomial loss subtracts the largest logit of the
//! whole table rather than of each row, which is wrong as soon as logits lie more than 34 apart; and it says
//! nothing of convergence. Where linfa-logistic is sound [`crate::linfa_solver`] calls it, and nothing is left to
//! do here but to check; `tests/linfa.rs` shows that both agree there.

use std::cell::RefCell;

use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use playlist_core::FeatureMatrix;

use crate::LogisticConfig;
use crate::blocks::Blocks;
use crate::objective::Objective;
use crate::{linfa_solver, newton};

/// The most rows of two classes that linfa-logistic is given: it takes less than a millisecond for them. Above, Newton's
/// steps are many times faster.
pub(crate) const FEW_ROWS: usize = 1_000;
/// Pairs of steps that L-BFGS remembers, as linfa-logistic and scikit-learn.
const MEMORY: usize = 10;
/// The largest root mean square of a column, standardised columns having 1, for linfa-logistic and for Newton's steps.
const LARGEST_ROOT_MEAN_SQUARE: f64 = 10.0;
/// The largest value for them.
const LARGEST_VALUE: f32 = 1e3;
/// Share of the loss that a run must gain for another to be worth while: scikit-learn's `ftol`.
const LEAST_GAIN: f64 = 64.0 * f64::EPSILON;
/// Evaluations after which a line search is given up, as scikit-learn's `maxls`.
const MAX_LINE_SEARCH: u32 = 50;

type SolverError = argmin::core::Error;

/// Where the solver stopped.
#[derive(Clone)]
pub(crate) struct Solution {
    pub(crate) params: Vec<f64>,
    /// Of the mean penalised loss, at `params`.
    pub(crate) gradient: Vec<f64>,
    pub(crate) n_iterations: u64,
    pub(crate) value: f64,
}

impl Solution {
    fn at(objective: &Objective<'_>, params: Vec<f64>, n_iterations: u64) -> Self {
        let mut gradient = vec![0.0; params.len()];
        Self {
            value: objective.value_and_gradient(&params, &mut gradient),
            params,
            gradient,
            n_iterations,
        }
    }

    /// The largest absolute component of the gradient.
    pub(crate) fn gradient_norm(&self) -> f64 {
        self.gradient.iter().fold(0.0, |largest, g| largest.max(g.abs()))
    }
}

/// The optimum of `objective`, or how near to it the iterations of `config` came, by the solver that serves best.
pub(crate) fn solve(
    config: &LogisticConfig,
    x: &FeatureMatrix,
    objective: &Objective<'_>,
) -> Result<Solution, SolverError> {
    let (tolerance, max_iterations) = (config.gradient_tolerance, config.max_iterations);
    let is_ordinary = config.alpha > 0.0 && max_iterations > 0 && has_ordinary_size(x);
    let mut start = (vec![0.0; objective.n_params()], 0);
    if is_ordinary && objective.n_outputs() == 1 && x.n_samples() > FEW_ROWS {
        let blocks = Blocks::new(x, objective.targets());
        if let Some(solution) = newton::minimise(&blocks, config.alpha, tolerance, max_iterations) {
            if solution.gradient_norm() <= tolerance {
                return Ok(solution);
            }
            start = (solution.params, solution.n_iterations);
        }
    } else if is_ordinary && let Some(params) = linfa_solver::solve(config, x, objective) {
        start.0 = params;
    }
    minimise(objective, start, tolerance, max_iterations)
}

/// Whether no column is far from standardised.
fn has_ordinary_size(x: &FeatureMatrix) -> bool {
    // Without an early end within a piece the comparisons run side by side.
    let are_within = |limit: f32| {
        let mut pieces = x.values().chunks(4_096);
        pieces.all(|piece| piece.iter().fold(true, |are, value| are & (value.abs() <= limit)))
    };
    // No root mean square exceeds the largest value.
    if are_within(LARGEST_ROOT_MEAN_SQUARE as f32) {
        return true;
    }
    let mut squares = vec![0.0; x.n_features()];
    for row in x.values().chunks_exact(x.n_features()) {
        for (sum, value) in squares.iter_mut().zip(row) {
            *sum += f64::from(*value).powi(2);
        }
    }
    let largest = squares.into_iter().fold(0.0, f64::max) / x.n_samples() as f64;
    largest <= LARGEST_ROOT_MEAN_SQUARE.powi(2) && are_within(LARGEST_VALUE)
}

/// Minimises `objective` from `start`, which took so many iterations, until no component of its gradient exceeds `tolerance`, nothing improves
/// or `max_iterations` are used up; returns the best point seen.
fn minimise(
    objective: &Objective<'_>,
    (params, n_iterations): (Vec<f64>, u64),
    tolerance: f64,
    max_iterations: u64,
) -> Result<Solution, SolverError> {
    let mut best = Solution::at(objective, params, n_iterations);
    while best.n_iterations < max_iterations && best.gradient_norm() > tolerance {
        // A line search that failed ends a run; the next one forgets the curvature and goes on from the
        // best point, as scikit-learn's solver does.
        let next = run(objective, &best, tolerance, max_iterations)?;
        let n_iterations = next.n_iterations;
        let gain = best.value - next.value;
        let enough = LEAST_GAIN * best.value.abs();
        if gain > 0.0 {
            best = next;
        }
        best.n_iterations = n_iterations;
        if gain <= enough {
            break;
        }
    }
    Ok(best)
}

fn run(
    objective: &Objective<'_>,
    start: &Solution,
    tolerance: f64,
    max_iterations: u64,
) -> Result<Solution, SolverError> {
    // The first step of L-BFGS is the negative gradient. Divided by a bound on the curvature it cannot
    // overshoot, whatever the units of the columns; later steps do not depend on this factor.
    let scale = objective.curvature_bound().recip();
    let last = RefCell::new(Evaluation::default());
    let problem = Scaled {
        objective,
        scale,
        last: &last,
    };
    // The largest component never exceeds the Euclidean norm that argmin looks at. No tolerance on the
    // loss: it would stop long before the gradient is small when the scale is.
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
        .with_tolerance_grad(tolerance * scale)?
        .with_tolerance_cost(0.0)?;
    let gradient = start.gradient.iter().map(|g| g * scale).collect();
    let mut result = Executor::new(problem, solver)
        .configure(|state| {
            state
                .param(start.params.clone())
                .cost(start.value * scale)
                .gradient(gradient)
                .max_iters(max_iterations - start.n_iterations)
        })
        .timer(false)
        .run()?;
    let n_iterations = start.n_iterations + result.state.get_iter();
    let params = result.state.take_best_param();
    let params = params.unwrap_or_else(|| start.params.clone());
    Ok(last.into_inner().into_solution(objective, params, n_iterations))
}

/// The objective times `scale`, for argmin, which asks for value and gradient separately.
struct Scaled<'a> {
    objective: &'a Objective<'a>,
    scale: f64,
    last: &'a RefCell<Evaluation>,
}

/// The last point looked at, so that value and gradient cost one pass over the table.
#[derive(Default)]
struct Evaluation {
    params: Vec<f64>,
    /// Of the objective itself, before scaling.
    value: f64,
    gradient: Vec<f64>,
    /// New points since a line search last ended.
    n_points: u32,
    gradient_taken: bool,
}

impl Evaluation {
    /// The solution at `params`, without another pass when that is the last point looked at.
    fn into_solution(self, objective: &Objective<'_>, params: Vec<f64>, n_iterations: u64) -> Solution {
        if self.params != params {
            return Solution::at(objective, params, n_iterations);
        }
        Solution {
            params,
            gradient: self.gradient,
            n_iterations,
            value: self.value,
        }
    }
}

impl Scaled<'_> {
    /// Makes `params` the last point looked at.
    ///
    /// An error here ends argmin's line search, and with it the run; without it the search goes on forever
    /// once a direction holds a NaN.
    fn evaluate(&self, params: &[f64]) -> Result<(), SolverError> {
        let mut last = self.last.borrow_mut();
        if last.params == params {
            return Ok(());
        }
        last.n_points += 1;
        if last.n_points > MAX_LINE_SEARCH {
            return Err(Stop::LineSearch.into());
        }
        last.gradient.resize(params.len(), 0.0);
        let mut gradient = std::mem::take(&mut last.gradient);
        last.value = self.objective.value_and_gradient(params, &mut gradient);
        let finite = last.value.is_finite() && gradient.iter().all(|g| g.is_finite());
        last.gradient = gradient;
        last.params.clear();
        last.params.extend_from_slice(params);
        last.gradient_taken = false;
        if finite {
            Ok(())
        } else {
            Err(Stop::NotFinite.into())
        }
    }
}

impl CostFunction for Scaled<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, params: &Vec<f64>) -> Result<f64, SolverError> {
        self.evaluate(params)?;
        Ok(self.scale * self.last.borrow().value)
    }
}

impl Gradient for Scaled<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, params: &Vec<f64>) -> Result<Vec<f64>, SolverError> {
        self.evaluate(params)?;
        let mut last = self.last.borrow_mut();
        // The line search takes each gradient once; L-BFGS takes that of the accepted point again.
        if last.gradient_taken {
            last.n_points = 0;
        }
        last.gradient_taken = true;
        Ok(last.gradient.iter().map(|g| g * self.scale).collect())
    }
}

/// Why an evaluation was refused.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("the loss or its gradient is not finite")]
    NotFinite,
    #[error("the line search found no step in {MAX_LINE_SEARCH} evaluations")]
    LineSearch,
}
