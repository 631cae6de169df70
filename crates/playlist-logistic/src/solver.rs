//! L-BFGS on the penalised log loss.
//!
//! The solver is argmin's, set up as linfa-logistic 0.8.1 sets it up (L-BFGS, memory 10, Moré-Thuente line
//! search), but linfa-logistic itself is not called, for three faults that a caller cannot work around:
//! its line search has no limit, and never returns once a direction holds a NaN, as happens on unscaled
//! columns (12 tracks with `duration_ms` alone and `alpha` 100 can do it); its multinomial loss subtracts
//! the largest logit of the whole table rather than of each row, which is wrong as soon as logits lie more
//! than 34 apart; and it says nothing of iterations or convergence. `tests/linfa.rs` shows that both agree
//! where linfa-logistic is sound.

use std::cell::RefCell;

use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use crate::objective::Objective;

/// Pairs of steps that L-BFGS remembers, as linfa-logistic and scikit-learn.
const MEMORY: usize = 10;
/// Evaluations after which a line search is given up, as scikit-learn's `maxls`.
const MAX_LINE_SEARCH: u32 = 50;

type SolverError = argmin::core::Error;

/// Where the solver stopped.
pub(crate) struct Solution {
    pub(crate) params: Vec<f64>,
    /// Of the mean penalised loss, at `params`.
    pub(crate) gradient: Vec<f64>,
    pub(crate) n_iterations: u64,
}

/// Minimises `objective` from zero until no component of its gradient exceeds `tolerance`, nothing improves
/// or `max_iterations` are used up; returns the best point seen.
pub(crate) fn minimise(
    objective: &Objective<'_>,
    tolerance: f64,
    max_iterations: u64,
) -> Result<Solution, SolverError> {
    let mut params = vec![0.0; objective.n_params()];
    let mut gradient = vec![0.0; params.len()];
    let mut value = objective.value_and_gradient(&params, &mut gradient);
    let mut n_iterations = 0;
    while n_iterations < max_iterations && largest(&gradient) > tolerance {
        let (best, used) = run(
            objective,
            params.clone(),
            tolerance,
            max_iterations - n_iterations,
        )?;
        n_iterations += used;
        let mut best_gradient = vec![0.0; best.len()];
        let best_value = objective.value_and_gradient(&best, &mut best_gradient);
        if best_value >= value {
            break;
        }
        // A line search that failed ends a run; the next one forgets the curvature and goes on from the
        // best point, as scikit-learn's solver does.
        (params, gradient, value) = (best, best_gradient, best_value);
    }
    Ok(Solution {
        params,
        gradient,
        n_iterations,
    })
}

/// The largest absolute component.
pub(crate) fn largest(gradient: &[f64]) -> f64 {
    gradient.iter().fold(0.0, |largest, g| largest.max(g.abs()))
}

fn run(
    objective: &Objective<'_>,
    start: Vec<f64>,
    tolerance: f64,
    max_iterations: u64,
) -> Result<(Vec<f64>, u64), SolverError> {
    // The first step of L-BFGS is the negative gradient. Divided by a bound on the curvature it cannot
    // overshoot, whatever the units of the columns; later steps do not depend on this factor.
    let scale = objective.curvature_bound().recip();
    let problem = Scaled {
        objective,
        scale,
        last: RefCell::new(Evaluation::default()),
    };
    // The largest component never exceeds the Euclidean norm that argmin looks at. No tolerance on the
    // loss: it would stop long before the gradient is small when the scale is.
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), MEMORY)
        .with_tolerance_grad(tolerance * scale)?
        .with_tolerance_cost(0.0)?;
    let mut result = Executor::new(problem, solver)
        .configure(|state| state.param(start.clone()).max_iters(max_iterations))
        .timer(false)
        .run()?;
    let used = result.state.get_iter();
    Ok((result.state.take_best_param().unwrap_or(start), used))
}

/// The objective times `scale`, for argmin, which asks for value and gradient separately.
struct Scaled<'a> {
    objective: &'a Objective<'a>,
    scale: f64,
    last: RefCell<Evaluation>,
}

/// The last point looked at, so that value and gradient cost one pass over the table.
#[derive(Default)]
struct Evaluation {
    params: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    /// New points since a line search last ended.
    n_points: u32,
    gradient_taken: bool,
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
        last.value = self.scale * self.objective.value_and_gradient(params, &mut gradient);
        gradient.iter_mut().for_each(|g| *g *= self.scale);
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
        Ok(self.last.borrow().value)
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
        Ok(last.gradient.clone())
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
