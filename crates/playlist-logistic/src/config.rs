//! Settings of the logistic regression.

use playlist_core::{ClassifierConfig, FeatureMatrix, Labels};
use serde::{Deserialize, Serialize};

use crate::{Error, Logistic, Result};

/// Settings from which a [`Logistic`] is fitted.
///
/// The defaults are those of scikit-learn, and of the paper: `alpha` 1 (`C` 1), 100 iterations, tolerance
/// 1e-4. There is no seed: fitting starts from zero and draws nothing.
///
/// # Examples
/// ```
/// use playlist_logistic::LogisticConfig;
///
/// let config = LogisticConfig::default().with_alpha(0.1).with_max_iterations(1_000);
/// assert!(config.validate().is_ok());
/// assert!(config.with_alpha(-1.0).validate().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticConfig {
    /// L2 strength: multiplies half the squared norm of the weights, intercepts left out, against the
    /// *summed* log loss. scikit-learn's `C` is `1 / alpha`; zero means no penalty.
    pub alpha: f64,
    /// The most iterations of the solver; zero leaves every weight at zero.
    pub max_iterations: u64,
    /// The fit has converged when no component of the gradient, divided by the number of tracks, exceeds
    /// this: scikit-learn's `tol`.
    pub gradient_tolerance: f64,
}

impl Default for LogisticConfig {
    fn default() -> Self {
        Self {
            alpha: 1.0,
            max_iterations: 100,
            gradient_tolerance: 1e-4,
        }
    }
}

impl LogisticConfig {
    /// With another L2 strength.
    #[must_use]
    pub const fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// With another limit on the iterations.
    #[must_use]
    pub const fn with_max_iterations(mut self, max_iterations: u64) -> Self {
        self.max_iterations = max_iterations;
        self
    }

    /// With another tolerance of the gradient.
    #[must_use]
    pub const fn with_gradient_tolerance(mut self, gradient_tolerance: f64) -> Self {
        self.gradient_tolerance = gradient_tolerance;
        self
    }

    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`].
    pub fn validate(&self) -> Result<()> {
        if !(self.alpha.is_finite() && self.alpha >= 0.0) {
            return Err(Error::InvalidSetting {
                field: "alpha",
                value: self.alpha.to_string(),
                expected: "a finite, non-negative number",
            });
        }
        if !(self.gradient_tolerance.is_finite() && self.gradient_tolerance > 0.0) {
            return Err(Error::InvalidSetting {
                field: "gradient_tolerance",
                value: self.gradient_tolerance.to_string(),
                expected: "a finite, positive number",
            });
        }
        Ok(())
    }

    /// Fits on `x`, `[n_samples, n_features]`, and `y`, `[n_samples]`.
    ///
    /// The number of class *names* decides the model: with two, one logit and the sigmoid; with more, a
    /// logit for each class that is present in `y`, and the softmax. A fit that has not converged is no
    /// error; ask [`Logistic::warnings`] or [`Logistic::convergence`].
    ///
    /// # Errors
    /// [`Error::InvalidSetting`]; [`Error::Data`] with `LengthMismatch`, `Empty`, `MissingValue` or
    /// `OneClass`; [`Error::Solver`] when the loss has no finite value.
    pub fn fit(&self, x: &FeatureMatrix, y: &Labels) -> Result<Logistic> {
        self.validate()?;
        y.check_fit(x)?;
        Logistic::fit(self, x, y)
    }
}

impl ClassifierConfig for LogisticConfig {
    type Model = Logistic;
    type Error = Error;

    fn fit(&self, x: &FeatureMatrix, y: &Labels) -> Result<Logistic> {
        Self::fit(self, x, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_scikit_learn() {
        let config = LogisticConfig::default();
        assert_eq!(
            (config.alpha, config.max_iterations, config.gradient_tolerance),
            (1.0, 100, 1e-4)
        );
        assert!(config.validate().is_ok());
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let config = LogisticConfig::default;
        for alpha in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                config().with_alpha(alpha).validate(),
                Err(Error::InvalidSetting { field: "alpha", .. })
            ));
        }
        for tolerance in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                config().with_gradient_tolerance(tolerance).validate(),
                Err(Error::InvalidSetting {
                    field: "gradient_tolerance",
                    ..
                })
            ));
        }
        assert_eq!(
            config().with_alpha(-1.0).validate().unwrap_err().to_string(),
            "setting `alpha` is -1: expected a finite, non-negative number"
        );
    }
}
