//! linfa-logistic on the tables on which it is sound.
//!
//! linfa-logistic 0.8.1 wraps argmin's L-BFGS, whose line search has no limit there: on unscaled columns
//! (durations of 1e5 ms beside shares) it may never return, and its multinomial loss goes wrong once logits
//! lie more than 34 apart. Within the limits below it returned on each of 20,000 random tables (3 to 2,000 rows, 2 to 6
//! classes, constant, repeated and separating columns, `alpha` from 1e-6 to 1e5). So it is called within them alone;
//! [`crate::solver`] takes what it returns as a start, checks it, and does the rest where there is any.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_logistic::{LogisticRegression, MultiLogisticRegression};
use ndarray::{Array1, Array2};
use playlist_core::FeatureMatrix;

use crate::LogisticConfig;
use crate::objective::Objective;

/// The smallest gradient per track that linfa is asked for: far below, rounding stalls its line search.
const LEAST_TOLERANCE: f64 = 1e-6;

type Dataset = DatasetBase<Array2<f64>, Array1<usize>>;

/// linfa's parameters in the layout of [`Objective`], or `None` where it is not to be called or fails. Columns are of
/// ordinary size, and weights are penalised: without a penalty separable classes have no optimum to find.
pub(crate) fn solve(
    config: &LogisticConfig,
    x: &FeatureMatrix,
    objective: &Objective<'_>,
) -> Option<Vec<f64>> {
    if config.gradient_tolerance < LEAST_TOLERANCE {
        return None;
    }
    let values = x.values().iter().map(|value| f64::from(*value)).collect();
    let records = Array2::from_shape_vec((x.n_samples(), x.n_features()), values).ok()?;
    let dataset = DatasetBase::new(records, Array1::from_vec(objective.targets().to_vec()));
    // linfa's tolerance is for the summed loss, ours for its mean.
    let tolerance = config.gradient_tolerance * x.n_samples() as f64;
    let params = if objective.n_outputs() == 1 {
        binary(config, tolerance, &dataset)?
    } else {
        multinomial(config, tolerance, &dataset, objective.n_outputs())?
    };
    params.iter().all(|param| param.is_finite()).then_some(params)
}

fn binary(config: &LogisticConfig, tolerance: f64, dataset: &Dataset) -> Option<Vec<f64>> {
    let fitted = LogisticRegression::<f64>::default()
        .alpha(config.alpha)
        .max_iterations(config.max_iterations)
        .gradient_tolerance(tolerance)
        .fit(dataset)
        .ok()?;
    // linfa takes the larger class as the positive one; ours is class 1.
    let sign = if fitted.labels().pos.class == 1 { 1.0 } else { -1.0 };
    let params = fitted.params().iter().copied().chain([fitted.intercept()]);
    Some(params.map(|param| sign * param).collect())
}

fn multinomial(
    config: &LogisticConfig,
    tolerance: f64,
    dataset: &Dataset,
    n_outputs: usize,
) -> Option<Vec<f64>> {
    let fitted = MultiLogisticRegression::<f64>::default()
        .alpha(config.alpha)
        .max_iterations(config.max_iterations)
        .gradient_tolerance(tolerance)
        .fit(dataset)
        .ok()?;
    // linfa sorts the classes that it meets, as our targets are, and keeps `[n_features, n_classes]`.
    let columns = fitted.params().columns().into_iter().zip(fitted.intercept());
    let params: Vec<f64> = columns
        .flat_map(|(weights, intercept)| weights.iter().copied().chain([*intercept]).collect::<Vec<_>>())
        .collect();
    (fitted.classes().len() == n_outputs).then_some(params)
}
