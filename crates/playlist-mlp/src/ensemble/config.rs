//! The settings of the ensemble.

use playlist_core::{ClassifierConfig, FeatureMatrix, Labels};
use serde::{Deserialize, Serialize};

use super::Ensemble;
use crate::{Backend, Engine, Error, Result};

/// An ensemble of deep networks with a kernel machine as a second opinion: our best model for audio features.
///
/// Each network sees its own part of the training rows and keeps its best epoch on the rest. The kernel
/// machine is fitted in closed form and calibrated on its leave-one-out scores. The answer is the weighted
/// geometric mean of the two. It takes features as they are (see `PreprocessorConfig::paper_raw` in
/// playlist-dataset): encoding and scaling are its own.
///
/// # Examples
/// ```
/// use playlist_core::{Classifier, FeatureMatrix, Labels};
/// use playlist_mlp::EnsembleConfig;
///
/// let x = FeatureMatrix::new(["energy"], (0..200).map(|i| i as f32 / 200.0).collect())?;
/// let y: Vec<bool> = (0..200).map(|i| (60..140).contains(&i)).collect();
/// let model = EnsembleConfig::default().fit(&x, &Labels::binary("other", "liked", &y))?;
/// let p = model.predict_proba(&FeatureMatrix::new(["energy"], vec![0.1, 0.5])?)?;
/// assert!(p.get(0, 1) < 0.2 && p.get(1, 1) > 0.8);
/// # Ok::<(), playlist_mlp::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnsembleConfig {
    /// The networks.
    pub network: EnsembleNetworkConfig,
    /// The kernel machine.
    pub kernel: KernelConfig,
    /// The weight of the networks in the answer, in [0, 1]; the rest is the kernel machine's.
    pub network_share: f32,
    /// How all of them are distilled into one network that answers in their place, for many tracks to score: it takes a
    /// twentieth of the time. `None`: they answer themselves.
    pub distillation: Option<DistillationConfig>,
    /// Folds, weights, batches and dropout come from it.
    pub seed: u64,
    /// Where the networks run when [`Engine::Burn`] trains them.
    pub backend: Backend,
    /// What trains the networks.
    pub engine: Engine,
    /// Threads of the CPU engine and of predictions; `None` for as many as there are cores. No result depends on it.
    pub threads: Option<usize>,
}

/// The networks of an ensemble and their training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnsembleNetworkConfig {
    /// Parts into which the rows are cut; a network is trained on all but one, on which it is watched.
    pub folds: usize,
    /// Cuttings: each gives a network for each of its folds.
    pub members_per_fold: usize,
    /// Hidden layers.
    pub hidden_layers: usize,
    /// Units a hidden layer, a multiple of 16.
    pub width: usize,
    /// Bins a quantity is encoded in; half as many below 500 rows.
    pub bins: usize,
    /// Passes over the rows; two thirds of them above 3,500 rows.
    pub epochs: usize,
    /// Rows a step; `None` for 32 below 500 rows, 128 below 3,500, 256 above.
    pub batch_size: Option<usize>,
    /// Adam's step for a unit with one input; divided by the root of the number of inputs.
    pub learning_rate: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Share of hidden units dropped; goes to zero in the second half of the training.
    pub dropout: f32,
    /// Share of each label that is spread evenly over the classes.
    pub label_smoothing: f32,
}

/// The network that answers in place of networks and kernel machines, and its training: it learns what they answer for
/// made-up tracks, mixtures of two tracks of the training part. What it loses: `docs/model.md`.
///
/// # Source
/// G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network", 2015.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistillationConfig {
    /// Made-up tracks.
    pub rows: usize,
    /// Hidden layers.
    pub hidden_layers: usize,
    /// Units a hidden layer, a multiple of 16.
    pub width: usize,
    /// Passes over the made-up tracks.
    pub epochs: usize,
    /// Made-up tracks a step.
    pub batch_size: usize,
    /// As [`EnsembleNetworkConfig::learning_rate`].
    pub learning_rate: f32,
}

/// A kernel machine: ridge regression on class indicators with a heavy-tailed Laplace kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KernelConfig {
    /// Sharpness and ridge of each machine; they are weighted by their leave-one-out log loss.
    pub scales: Vec<KernelScale>,
    /// Above this many rows only the first scale is fitted: the choice matters less there, and a solution costs the
    /// cube of the rows.
    pub select_below: usize,
    /// Most rows in one closed-form solution; more are cut into parts of about 2,500, whose answers are
    /// averaged.
    pub max_rows: usize,
}

/// One kernel machine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelScale {
    /// How fast likeness falls with distance.
    pub gamma: f32,
    /// The ridge, added to the kernel's diagonal.
    pub ridge: f32,
}

impl Default for EnsembleConfig {
    fn default() -> Self {
        Self {
            network: EnsembleNetworkConfig::default(),
            kernel: KernelConfig::default(),
            network_share: 0.2,
            distillation: None,
            seed: 0,
            backend: Backend::default(),
            engine: Engine::Fused,
            threads: None,
        }
    }
}

impl Default for EnsembleNetworkConfig {
    fn default() -> Self {
        Self {
            folds: 4,
            members_per_fold: 1,
            hidden_layers: 2,
            width: 48,
            bins: 24,
            epochs: 20,
            batch_size: None,
            learning_rate: 0.16,
            weight_decay: 0.02,
            dropout: 0.15,
            label_smoothing: 0.1,
        }
    }
}

impl Default for DistillationConfig {
    fn default() -> Self {
        Self {
            rows: 16_384,
            hidden_layers: 2,
            width: 48,
            epochs: 10,
            batch_size: 128,
            learning_rate: 0.16,
        }
    }
}

impl Default for KernelConfig {
    fn default() -> Self {
        let scale = |gamma, ridge| KernelScale { gamma, ridge };
        Self {
            scales: vec![scale(0.07, 1.3), scale(0.03, 2.6), scale(0.115, 0.65)],
            select_below: 2_000,
            max_rows: 4_096,
        }
    }
}

impl EnsembleConfig {
    /// The same with another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The same with another backend for [`Engine::Burn`].
    #[must_use]
    pub fn with_backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// The same with another engine.
    #[must_use]
    pub fn with_engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// The same with other networks.
    #[must_use]
    pub fn with_network(mut self, network: EnsembleNetworkConfig) -> Self {
        self.network = network;
        self
    }

    /// The same with another kernel machine.
    #[must_use]
    pub fn with_kernel(mut self, kernel: KernelConfig) -> Self {
        self.kernel = kernel;
        self
    }

    /// The same with another weight of the networks.
    #[must_use]
    pub fn with_network_share(mut self, network_share: f32) -> Self {
        self.network_share = network_share;
        self
    }

    /// The same with another distillation, or none.
    #[must_use]
    pub fn with_distillation(mut self, distillation: Option<DistillationConfig>) -> Self {
        self.distillation = distillation;
        self
    }

    /// The same with another number of threads.
    #[must_use]
    pub fn with_threads(mut self, threads: Option<usize>) -> Self {
        self.threads = threads;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`InvalidSetting`](playlist_core::Error::InvalidSetting), naming the field and its range.
    pub fn validate(&self) -> Result<()> {
        let network = &self.network;
        at_least("network.folds", network.folds, 2)?;
        at_least("network.members_per_fold", network.members_per_fold, 1)?;
        at_least("network.hidden_layers", network.hidden_layers, 1)?;
        at_most("network.hidden_layers", network.hidden_layers, MOST_LAYERS)?;
        at_least("network.bins", network.bins, 2)?;
        at_least("network.epochs", network.epochs, 1)?;
        at_most("network.epochs", network.epochs, MOST_EPOCHS)?;
        at_least("network.batch_size", network.batch_size.unwrap_or(1), 1)?;
        at_least("threads", self.threads.unwrap_or(1), 1)?;
        at_least("kernel.max_rows", self.kernel.max_rows, 100)?;
        at_least("kernel.scales", self.kernel.scales.len(), 1)?;
        whole_registers("network.width", network.width)?;
        if let Some(distillation) = &self.distillation {
            distillation.validate()?;
        }
        for (name, value) in [
            ("network.dropout", network.dropout),
            ("network.label_smoothing", network.label_smoothing),
        ] {
            if !(0.0..1.0).contains(&value) {
                return Err(setting(name, "a number in [0, 1)", value));
            }
        }
        if !(0.0..=1.0).contains(&self.network_share) {
            return Err(setting("network_share", "a number in [0, 1]", self.network_share));
        }
        if !(network.weight_decay >= 0.0 && network.weight_decay.is_finite()) {
            return Err(setting(
                "network.weight_decay",
                "a non-negative number",
                network.weight_decay,
            ));
        }
        positive("network.learning_rate", network.learning_rate)?;
        for scale in &self.kernel.scales {
            positive("kernel.gamma", scale.gamma)?;
            positive("kernel.ridge", scale.ridge)?;
        }
        Ok(())
    }
}

impl DistillationConfig {
    fn validate(&self) -> Result<()> {
        at_least("distillation.rows", self.rows, 100)?;
        at_most("distillation.rows", self.rows, MOST_ROWS)?;
        at_least("distillation.hidden_layers", self.hidden_layers, 1)?;
        at_most("distillation.hidden_layers", self.hidden_layers, MOST_LAYERS)?;
        at_least("distillation.epochs", self.epochs, 1)?;
        at_most("distillation.epochs", self.epochs, MOST_EPOCHS)?;
        at_least("distillation.batch_size", self.batch_size, 1)?;
        whole_registers("distillation.width", self.width)?;
        positive("distillation.learning_rate", self.learning_rate)
    }
}

/// Bounds that keep sizes from running over: nothing of use lies beyond.
const MOST_ROWS: usize = 1 << 24;
const MOST_LAYERS: usize = 64;
const MOST_EPOCHS: usize = 100_000;
const MOST_UNITS: usize = 4_096;

fn at_most(name: &'static str, value: usize, most: usize) -> Result<()> {
    if value > most {
        let expected = match most {
            MOST_ROWS => "at most 16,777,216",
            MOST_LAYERS => "at most 64",
            _ => "at most 100,000",
        };
        return Err(setting(name, expected, value));
    }
    Ok(())
}

pub(crate) fn at_least(name: &'static str, value: usize, least: usize) -> Result<()> {
    if value < least {
        let expected = match least {
            1 => "at least 1",
            2 => "at least 2",
            _ => "at least 100",
        };
        return Err(setting(name, expected, value));
    }
    Ok(())
}

fn whole_registers(name: &'static str, width: usize) -> Result<()> {
    if !(16..=MOST_UNITS).contains(&width) || !width.is_multiple_of(16) {
        return Err(setting(name, "a multiple of 16 from 16 to 4,096", width));
    }
    Ok(())
}

fn positive(name: &'static str, value: f32) -> Result<()> {
    if !(value > 0.0 && value.is_finite()) {
        return Err(setting(name, "a positive number", value));
    }
    Ok(())
}

impl EnsembleNetworkConfig {
    pub(crate) fn n_bins(&self, n_samples: usize) -> usize {
        if n_samples < 500 {
            (self.bins / 2).max(1)
        } else {
            self.bins
        }
    }

    pub(crate) fn batch_size(&self, n_samples: usize) -> usize {
        self.batch_size.unwrap_or(match n_samples {
            0..500 => 32,
            500..3_500 => 128,
            _ => 256,
        })
    }

    pub(crate) fn epochs(&self, n_samples: usize) -> usize {
        if n_samples < 3_500 {
            self.epochs
        } else {
            (self.epochs * 2).div_ceil(3)
        }
    }
}

impl ClassifierConfig for EnsembleConfig {
    type Model = Ensemble;
    type Error = Error;

    fn fit(&self, x: &FeatureMatrix, y: &Labels) -> Result<Ensemble> {
        self.fit(x, y)
    }
}

fn setting(field: &'static str, expected: &'static str, value: impl ToString) -> Error {
    Error::Core(playlist_core::Error::InvalidSetting {
        field,
        value: value.to_string(),
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        EnsembleConfig::default().validate().unwrap();
        let network = EnsembleNetworkConfig {
            width: 20,
            ..EnsembleNetworkConfig::default()
        };
        let error = EnsembleConfig::default()
            .with_network(network)
            .validate()
            .unwrap_err();
        assert!(error.to_string().contains("network.width"), "{error}");
        let error = EnsembleConfig::default()
            .with_network_share(f32::NAN)
            .validate()
            .unwrap_err();
        assert!(error.to_string().contains("network_share"), "{error}");
        let distillation = DistillationConfig {
            learning_rate: 0.0,
            ..DistillationConfig::default()
        };
        let error = EnsembleConfig::default()
            .with_distillation(Some(distillation))
            .validate()
            .unwrap_err();
        assert!(
            error.to_string().contains("distillation.learning_rate"),
            "{error}"
        );
    }
}
