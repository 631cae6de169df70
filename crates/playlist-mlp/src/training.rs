//! Settings of a training.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, ModuleOptimizer, SgdConfig};
use playlist_core::Error as CoreError;
use serde::{Deserialize, Serialize};

use crate::{Loss, Result};

/// How the weights follow the gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerConfig {
    /// Adam (Kingma and Ba 2015).
    Adam {
        /// Decay of the mean of gradients.
        beta_1: f32,
        /// Decay of the mean of squared gradients.
        beta_2: f32,
        /// Added to the root of the mean square. PyTorch has 1e-8, Burn alone 1e-5.
        epsilon: f32,
    },
    /// Stochastic gradient descent.
    Sgd {
        /// Share of the last step that is kept; 0 for none.
        momentum: f64,
    },
}

impl OptimizerConfig {
    /// PyTorch's epsilon.
    pub(crate) const ADAM_EPSILON: f32 = 1e-8;

    /// Adam with PyTorch's defaults.
    #[must_use]
    pub const fn adam() -> Self {
        Self::Adam {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: Self::ADAM_EPSILON,
        }
    }

    /// Plain stochastic gradient descent.
    #[must_use]
    pub const fn sgd() -> Self {
        Self::Sgd { momentum: 0.0 }
    }

    pub(crate) fn build(self, weight_decay: f64) -> ModuleOptimizer {
        let decay = (weight_decay > 0.0).then(|| WeightDecayConfig::new(weight_decay as f32));
        match self {
            Self::Adam {
                beta_1,
                beta_2,
                epsilon,
            } => AdamConfig::new()
                .with_beta_1(beta_1)
                .with_beta_2(beta_2)
                .with_epsilon(epsilon)
                .with_weight_decay(decay)
                .init(),
            Self::Sgd { momentum } => {
                let momentum = (momentum > 0.0)
                    .then(|| MomentumConfig::new().with_momentum(momentum).with_dampening(0.0));
                SgdConfig::new()
                    .with_weight_decay(decay)
                    .with_momentum(momentum)
                    .init()
            }
        }
    }
}

/// When to stop before the last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// Stop after this many epochs without a lower validation loss.
    pub patience: usize,
    /// By how much a loss must fall to count as lower.
    pub min_delta: f64,
    /// The share of the training rows, of each class, that is held out for validation when no validation
    /// part is given, in (0, 1).
    pub validation_fraction: f64,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self {
            patience: 20,
            min_delta: 0.0,
            validation_fraction: 0.15,
        }
    }
}

/// How a network is trained. The default is the paper's: Adam, learning rate 1e-3, cross-entropy, batches
/// of 50, 30 epochs, no early stopping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// What is made small.
    pub loss: Loss,
    /// How the weights follow the gradients.
    pub optimizer: OptimizerConfig,
    /// The length of a step, above 0.
    pub learning_rate: f64,
    /// L2 penalty added to the gradients, 0 for none.
    pub weight_decay: f64,
    /// Rows in a step; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Passes over the training rows.
    pub epochs: usize,
    /// Decides initial weights, shuffling, dropout and the validation part.
    pub seed: u64,
    /// When to stop early; `None` runs all epochs.
    pub early_stopping: Option<EarlyStopping>,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            loss: Loss::CrossEntropy,
            optimizer: OptimizerConfig::adam(),
            learning_rate: 1e-3,
            weight_decay: 0.0,
            batch_size: 50,
            epochs: 30,
            seed: 0,
            early_stopping: None,
        }
    }
}

macro_rules! with {
    ($($(#[$doc:meta])* $with:ident $field:ident: $type:ty;)*) => {
        impl TrainingConfig {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $with(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

with! {
    /// The same with another loss.
    with_loss loss: Loss;
    /// The same with another optimiser.
    with_optimizer optimizer: OptimizerConfig;
    /// The same with another learning rate.
    with_learning_rate learning_rate: f64;
    /// The same with another weight decay.
    with_weight_decay weight_decay: f64;
    /// The same with another batch size.
    with_batch_size batch_size: usize;
    /// The same with another number of epochs.
    with_epochs epochs: usize;
    /// The same with another seed.
    with_seed seed: u64;
    /// The same with early stopping, or `None` without.
    with_early_stopping early_stopping: Option<EarlyStopping>;
}

impl TrainingConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`playlist_core::Error::InvalidSetting`].
    pub fn validate(&self) -> Result<()> {
        above_zero("learning_rate", self.learning_rate)?;
        zero_or_above("weight_decay", self.weight_decay)?;
        at_least_one("batch_size", self.batch_size)?;
        at_least_one("epochs", self.epochs)?;
        self.optimizer.validate()?;
        self.early_stopping.map_or(Ok(()), EarlyStopping::validate)
    }
}

impl OptimizerConfig {
    fn validate(self) -> Result<()> {
        let share = |field, value: f64| {
            check(
                (0.0..1.0).contains(&value),
                field,
                value.to_string(),
                "a number in [0, 1)",
            )
        };
        match self {
            Self::Adam {
                beta_1,
                beta_2,
                epsilon,
            } => {
                share("beta_1", f64::from(beta_1))?;
                share("beta_2", f64::from(beta_2))?;
                above_zero("epsilon", f64::from(epsilon))
            }
            Self::Sgd { momentum } => share("momentum", momentum),
        }
    }
}

impl EarlyStopping {
    fn validate(self) -> Result<()> {
        let fraction = self.validation_fraction;
        let is_share = fraction > 0.0 && fraction < 1.0;
        check(
            is_share,
            "validation_fraction",
            fraction.to_string(),
            "a share between 0 and 1",
        )?;
        at_least_one("patience", self.patience)?;
        zero_or_above("min_delta", self.min_delta)
    }
}

fn check(is_valid: bool, field: &'static str, value: String, expected: &'static str) -> Result<()> {
    if is_valid {
        Ok(())
    } else {
        Err(CoreError::InvalidSetting {
            field,
            value,
            expected,
        }
        .into())
    }
}

fn above_zero(field: &'static str, value: f64) -> Result<()> {
    check(
        value > 0.0 && value.is_finite(),
        field,
        value.to_string(),
        "a finite number above 0",
    )
}

fn zero_or_above(field: &'static str, value: f64) -> Result<()> {
    check(
        value >= 0.0 && value.is_finite(),
        field,
        value.to_string(),
        "a finite number, 0 or above",
    )
}

fn at_least_one(field: &'static str, value: usize) -> Result<()> {
    check(value >= 1, field, value.to_string(), "at least 1")
}
