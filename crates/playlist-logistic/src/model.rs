//! The fitted logistic regression.

use std::borrow::Cow;
use std::fmt;

use playlist_core::{Classifier, FeatureMatrix, Labels, Probabilities};
use serde::{Deserialize, Serialize};

use crate::objective::{Objective, logit, sigmoid, softmax};
use crate::solver::solve;
use crate::{Error, LogisticConfig, Result};

/// A fitted logistic regression, binary or multinomial.
///
/// Two class names: `p(positive | x) = sigmoid(w . x + b)`, and all coefficients belong to the second class.
/// More: `p(k | x) = softmax_k(w_k . x + b_k)` over the classes that were present in the training part; a
/// class without a track there has no coefficients and probability 0. Intercepts are not penalised; those of
/// the multinomial model sum to zero, as do the coefficients of each column.
///
/// Weights are `f64`, probabilities `f32`. Serialising keeps the settings, the columns and the classes;
/// deserialising checks that they fit together.
///
/// # Source
/// scikit-learn 1.9 `LogisticRegression(solver="lbfgs")`, whose coefficients `tests/golden.rs` holds these
/// to. Two conventions differ: scikit-learn never sees a class that is absent, and so fits the binary model
/// where two of three classes are present; here the class names decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Logistic {
    config: LogisticConfig,
    columns: Vec<String>,
    class_names: Vec<String>,
    outputs: Vec<Output>,
    convergence: Convergence,
}

/// The weights of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Output {
    class: usize,
    /// `[n_features + 1]`, the intercept last.
    weights: Vec<f64>,
}

/// How far the solver came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Convergence {
    /// Whether `gradient_norm` is within the tolerance.
    pub converged: bool,
    /// The largest absolute component of the gradient of the penalised loss, divided by the number of
    /// tracks, at the weights kept.
    pub gradient_norm: f64,
    /// The column that component belongs to; `None` for an intercept.
    pub steepest_column: Option<String>,
    /// Iterations of our own solvers; 0 where what linfa-logistic returned needed none.
    pub n_iterations: u64,
}

/// The weight of one column in the logit of one class.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Coefficient<'a> {
    /// The class whose logit it enters.
    pub class: &'a str,
    /// The column that it multiplies.
    pub column: &'a str,
    /// Change of the logit per unit of the column.
    pub value: f64,
}

/// What whoever reads the results ought to know about a fit; [`fmt::Display`] says it in a sentence.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// The weights are not those that minimise the loss.
    NotConverged {
        /// How far the solver came.
        convergence: Convergence,
        /// The tolerance that was asked for.
        gradient_tolerance: f64,
        /// The iterations that were allowed.
        max_iterations: u64,
    },
    /// A class without a track in the training part: its probability is always 0.
    ClassAbsent {
        /// The name of the class.
        class: String,
    },
}

impl Logistic {
    pub(crate) fn fit(config: &LogisticConfig, x: &FeatureMatrix, y: &Labels) -> Result<Self> {
        // Two names make one output, the logit of class 1, and the class index is the target as it stands.
        let present: Vec<usize> = match y.n_classes() {
            2 => vec![1],
            n_classes => {
                let counts = y.class_counts();
                (0..n_classes).filter(|class| counts[*class] > 0).collect()
            }
        };
        let targets = match present.len() {
            1 => Cow::Borrowed(y.y()),
            _ => y
                .y()
                .iter()
                .map(|class| present.partition_point(|p| p < class))
                .collect(),
        };
        let objective = Objective::new(x, targets, present.len(), config.alpha);
        let solution = solve(config, x, &objective).map_err(|source| Error::Solver {
            n_samples: x.n_samples(),
            n_features: x.n_features(),
            source: source.into(),
        })?;
        let gradient_norm = solution.gradient_norm();
        let width = x.n_features() + 1;
        let steepest = solution.gradient.iter().position(|g| g.abs() == gradient_norm);
        Ok(Self {
            config: config.clone(),
            columns: x.columns().to_vec(),
            class_names: y.class_names().to_vec(),
            outputs: present
                .into_iter()
                .zip(solution.params.chunks_exact(width))
                .map(|(class, weights)| Output {
                    class,
                    weights: weights.to_vec(),
                })
                .collect(),
            convergence: Convergence {
                converged: gradient_norm <= config.gradient_tolerance,
                gradient_norm,
                steepest_column: steepest.and_then(|at| x.columns().get(at % width).cloned()),
                n_iterations: solution.n_iterations,
            },
        })
    }

    /// The settings that it was fitted with.
    #[must_use]
    pub const fn config(&self) -> &LogisticConfig {
        &self.config
    }

    /// How far the solver came.
    #[must_use]
    pub const fn convergence(&self) -> &Convergence {
        &self.convergence
    }

    /// Every coefficient: class by class, and within a class in the order of the columns.
    ///
    /// With two class names those of the second class alone; with more, those of each class present in
    /// training.
    pub fn coefficients(&self) -> impl Iterator<Item = Coefficient<'_>> {
        self.outputs.iter().flat_map(move |output| {
            self.columns
                .iter()
                .zip(&output.weights)
                .map(move |(column, value)| Coefficient {
                    class: &self.class_names[output.class],
                    column,
                    value: *value,
                })
        })
    }

    /// The intercept of each class that has coefficients, with the class's name.
    pub fn intercepts(&self) -> impl Iterator<Item = (&str, f64)> {
        self.outputs.iter().map(|output| {
            let intercept = output.weights.last().copied().unwrap_or_default();
            (self.class_names[output.class].as_str(), intercept)
        })
    }

    /// What ought to be said beside any result of this model; empty when all is well.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if !self.convergence.converged {
            warnings.push(Warning::NotConverged {
                convergence: self.convergence.clone(),
                gradient_tolerance: self.config.gradient_tolerance,
                max_iterations: self.config.max_iterations,
            });
        }
        if self.class_names.len() > 2 {
            for (class, name) in self.class_names.iter().enumerate() {
                if self.outputs.iter().all(|output| output.class != class) {
                    warnings.push(Warning::ClassAbsent { class: name.clone() });
                }
            }
        }
        warnings
    }

    fn positive(&self, x: &FeatureMatrix, output: &Output) -> playlist_core::Result<Probabilities> {
        let rows = x.values().chunks_exact(x.n_features());
        Probabilities::binary(
            rows.map(|row| sigmoid(logit(&output.weights, row)) as f32)
                .collect(),
        )
    }

    fn multi_class(&self, x: &FeatureMatrix) -> playlist_core::Result<Probabilities> {
        let n_classes = self.class_names.len();
        let mut values = vec![0.0; x.n_samples() * n_classes];
        let mut p = vec![0.0; self.outputs.len()];
        let rows = x.values().chunks_exact(x.n_features());
        for (row, probabilities) in rows.zip(values.chunks_exact_mut(n_classes)) {
            for (z, output) in p.iter_mut().zip(&self.outputs) {
                *z = logit(&output.weights, row);
            }
            softmax(&mut p);
            for (p, output) in p.iter().zip(&self.outputs) {
                probabilities[output.class] = *p as f32;
            }
        }
        Probabilities::multi_class(n_classes, values)
    }
}

impl Classifier for Logistic {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn predict_proba(&self, x: &FeatureMatrix) -> playlist_core::Result<Probabilities> {
        self.check_input(x)?;
        match self.outputs.as_slice() {
            [output] => self.positive(x, output),
            _ => self.multi_class(x),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConverged {
                convergence,
                gradient_tolerance,
                max_iterations,
            } => {
                write!(
                    f,
                    "not converged after {} of {max_iterations} iterations: the gradient per track is still {:.1e} at ",
                    convergence.n_iterations, convergence.gradient_norm
                )?;
                match &convergence.steepest_column {
                    Some(column) => write!(f, "`{column}`")?,
                    None => write!(f, "the intercept")?,
                }
                write!(
                    f,
                    ", expected at most {gradient_tolerance:.1e}; scale the columns or raise "
                )?;
                f.write_str(if convergence.n_iterations < *max_iterations {
                    "`gradient_tolerance`"
                } else {
                    "`max_iterations`"
                })
            }
            Self::ClassAbsent { class } => {
                write!(
                    f,
                    "class `{class}` has no track to learn from: its probability is always 0"
                )
            }
        }
    }
}

/// A [`Logistic`] as it was read, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "Logistic")]
struct Parts {
    config: LogisticConfig,
    columns: Vec<String>,
    class_names: Vec<String>,
    outputs: Vec<Output>,
    convergence: Convergence,
}

impl TryFrom<Parts> for Logistic {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        parts.config.validate()?;
        // The same checks that made the columns and the class names when the model was fitted.
        let x = FeatureMatrix::new(parts.columns, Vec::new())?;
        let y = Labels::new(
            parts.class_names,
            parts.outputs.iter().map(|output| output.class).collect(),
        )?;
        check_outputs(&parts.outputs, x.n_features(), y.n_classes())?;
        check_convergence(&parts.convergence, x.columns())?;
        Ok(Self {
            config: parts.config,
            columns: x.columns().to_vec(),
            class_names: y.class_names().to_vec(),
            outputs: parts.outputs,
            convergence: parts.convergence,
        })
    }
}

fn check_outputs(outputs: &[Output], n_features: usize, n_classes: usize) -> Result<()> {
    let classes: Vec<usize> = outputs.iter().map(|output| output.class).collect();
    let fitting = match n_classes {
        2 => classes == [1],
        _ => classes.len() >= 2 && classes.is_sorted_by(|a, b| a < b),
    };
    if !fitting {
        return Err(Error::InvalidModel {
            what: "the classes that have weights",
            expected: if n_classes == 2 {
                "[1]"
            } else {
                "at least two, ascending"
            }
            .to_owned(),
            found: format!("{classes:?}"),
        });
    }
    for weights in outputs.iter().map(|output| &output.weights) {
        if weights.len() != n_features + 1 {
            return Err(Error::InvalidModel {
                what: "the number of weights of a class",
                expected: format!("{n_features} and an intercept"),
                found: weights.len().to_string(),
            });
        }
        if let Some(weight) = weights.iter().find(|weight| !weight.is_finite()) {
            return Err(Error::InvalidModel {
                what: "a weight",
                expected: "a finite number".to_owned(),
                found: weight.to_string(),
            });
        }
    }
    Ok(())
}

fn check_convergence(convergence: &Convergence, columns: &[String]) -> Result<()> {
    let norm = convergence.gradient_norm;
    if !(norm.is_finite() && norm >= 0.0) {
        return Err(Error::InvalidModel {
            what: "the norm of the gradient",
            expected: "a finite, non-negative number".to_owned(),
            found: norm.to_string(),
        });
    }
    match &convergence.steepest_column {
        Some(column) if !columns.contains(column) => Err(Error::InvalidModel {
            what: "the steepest column",
            expected: format!("one of {columns:?}"),
            found: format!("{column:?}"),
        }),
        _ => Ok(()),
    }
}
