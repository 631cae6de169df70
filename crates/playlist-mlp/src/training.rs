//! Settings of a training, and its loop.

use burn::module::Module;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use playlist_core::Error as CoreError;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::model::DropoutMasks;
use crate::observer::{StopSignal, TrainingObserver};
use crate::random::{Stream, generator};
use crate::{Backend, EpochRecord, Error, History, Loss, Mlp, MlpConfig, Result, StopReason};

/// Rows that go through the network at once outside training. Larger tensors cost page faults on the CPU,
/// and a million rows at once are too many for some GPU drivers.
pub(crate) const CHUNK_ROWS: usize = 8_192;

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

    fn build(self, weight_decay: f64) -> ModuleOptimizer {
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

/// Rows and targets on a device.
pub(crate) struct Part {
    x: Tensor<2>,
    targets: Tensor<2>,
}

impl Part {
    /// Copies `values`, `[n_samples, n_features]`, and the targets of `y` to the device.
    pub(crate) fn new(values: &[f32], y: &[usize], n_classes: usize, device: &Device) -> Self {
        let n_samples = y.len();
        let n_features = values.len() / n_samples.max(1);
        let n_outputs = MlpConfig::n_outputs(n_classes);
        let targets: Vec<f32> = if n_outputs == 1 {
            y.iter().map(|label| *label as f32).collect()
        } else {
            let mut one_hot = vec![0.0; n_samples * n_outputs];
            for (row, label) in y.iter().enumerate() {
                one_hot[row * n_outputs + label] = 1.0;
            }
            one_hot
        };
        let x = TensorData::new(values.to_vec(), [n_samples, n_features]);
        Self {
            x: Tensor::from_data(x, device),
            targets: Tensor::from_data(TensorData::new(targets, [n_samples, n_outputs]), device),
        }
    }

    fn n_samples(&self) -> usize {
        self.x.dims()[0]
    }

    /// The same rows in another order.
    fn shuffled(&self, order: &[i32], device: &Device) -> Self {
        let order = TensorData::new(order.to_vec(), [order.len()]);
        let order = Tensor::<1, Int>::from_data(order, device);
        Self {
            x: self.x.clone().select(0, order.clone()),
            targets: self.targets.clone().select(0, order),
        }
    }

    /// The mean loss of `model` over the rows.
    pub(crate) fn mean_loss(&self, model: &Mlp, loss: Loss, backend: Backend) -> Result<f64> {
        let mut sum = Tensor::<1>::zeros([1], &self.x.device());
        for (x, targets) in self.chunks(CHUNK_ROWS) {
            let n_samples = x.dims()[0];
            let (value, _) = loss.value_and_gradient(model.forward(x), targets);
            sum = sum + value * n_samples as f32;
        }
        Ok(f64::from(read_values(sum, backend)?[0]) / self.n_samples() as f64)
    }

    /// Consecutive pieces of at most `rows` rows.
    fn chunks(&self, rows: usize) -> impl Iterator<Item = (Tensor<2>, Tensor<2>)> + '_ {
        let n_samples = self.n_samples();
        (0..n_samples).step_by(rows).map(move |start| {
            let range = start..(start + rows).min(n_samples);
            (
                self.x.clone().slice([range.clone()]),
                self.targets.clone().slice([range]),
            )
        })
    }
}

/// What a training works on.
pub(crate) struct Parts {
    pub(crate) train: Part,
    pub(crate) valid: Option<Part>,
    pub(crate) test: Option<Part>,
}

/// One training as its loop sees it: what an engine does in an epoch.
pub(crate) trait Steps {
    /// The network as it is at one time.
    type Copy;

    /// One pass over the training rows; returns the mean of their losses.
    fn epoch(&mut self) -> Result<f64>;

    /// The mean losses of the validation and the test part, where there are any.
    fn watched_losses(&mut self) -> Result<(Option<f64>, Option<f64>)>;

    /// The network now.
    fn copy(&self) -> Self::Copy;
}

/// What a training is asked for besides its settings.
pub(crate) struct Loop<'a, 'o> {
    pub(crate) config: &'a TrainingConfig,
    /// The epochs after which the network is copied.
    pub(crate) snapshots: &'a [usize],
    pub(crate) observer: Option<&'o mut (dyn TrainingObserver + 'o)>,
    pub(crate) stop: StopSignal,
}

/// What a training gives.
pub(crate) struct Trained<C> {
    /// The network after each of the epochs asked for that were reached.
    pub(crate) copies: Vec<(usize, C)>,
    /// The network that is kept: the last, or the best with early stopping.
    pub(crate) model: C,
    pub(crate) history: History,
}

impl<C> Trained<C> {
    /// The same with every copy made into something else.
    pub(crate) fn try_map<D>(self, mut make: impl FnMut(C) -> Result<D>) -> Result<Trained<D>> {
        let copies = self.copies.into_iter();
        Ok(Trained {
            copies: copies
                .map(|(epoch, copy)| Ok((epoch, make(copy)?)))
                .collect::<Result<_>>()?,
            model: make(self.model)?,
            history: self.history,
        })
    }
}

impl Loop<'_, '_> {
    /// One epoch and its record.
    fn epoch<S: Steps>(&mut self, epoch: usize, steps: &mut S) -> Result<(EpochRecord, bool)> {
        let train_loss = steps.epoch()?;
        if !train_loss.is_finite() {
            return Err(Error::NonFiniteLoss {
                epoch,
                loss: train_loss as f32,
                learning_rate: self.config.learning_rate,
            });
        }
        let (valid_loss, test_loss) = steps.watched_losses()?;
        let record = EpochRecord {
            epoch,
            train_loss,
            valid_loss,
            test_loss,
        };
        let n_epochs = self.config.epochs;
        let asked = self
            .observer
            .as_mut()
            .is_some_and(|observer| observer.on_epoch(&record, n_epochs).is_break());
        Ok((record, asked || self.stop.is_requested()))
    }

    /// Runs the epochs.
    pub(crate) fn run<S: Steps>(mut self, steps: &mut S) -> Result<Trained<S::Copy>> {
        let config = self.config;
        let mut epochs: Vec<EpochRecord> = Vec::with_capacity(config.epochs);
        let mut best: Option<(f64, usize, S::Copy)> = None;
        let mut copies = Vec::new();
        let mut stop_reason = StopReason::Finished;
        for epoch in 1..=config.epochs {
            let (record, is_stop_asked) = self.epoch(epoch, steps)?;
            epochs.push(record);
            if self.snapshots.contains(&epoch) {
                copies.push((epoch, steps.copy()));
            }
            if let (Some(early), Some(loss)) = (config.early_stopping, record.valid_loss) {
                if best
                    .as_ref()
                    .is_none_or(|(least, ..)| loss < least - early.min_delta)
                {
                    best = Some((loss, epoch, steps.copy()));
                } else if best
                    .as_ref()
                    .is_some_and(|(_, at, _)| epoch - at >= early.patience)
                {
                    stop_reason = StopReason::EarlyStopping;
                    break;
                }
            }
            if is_stop_asked && epoch < config.epochs {
                stop_reason = StopReason::Interrupted;
                break;
            }
        }
        let (kept_epoch, model) = match best {
            Some((_, epoch, model)) => (epoch, model),
            None => (epochs.len(), steps.copy()),
        };
        let history = History {
            epochs,
            stop_reason,
            kept_epoch,
        };
        Ok(Trained {
            copies,
            model,
            history,
        })
    }
}

/// A training on Burn: the network on the autodiff device, its optimiser and its data.
pub(crate) struct BurnSteps<'a> {
    config: &'a TrainingConfig,
    backend: Backend,
    device: &'a Device,
    parts: Parts,
    model: Mlp,
    optimizer: ModuleOptimizer,
    shuffle_rng: ChaCha8Rng,
    dropout_rng: ChaCha8Rng,
    order: Vec<i32>,
}

impl<'a> BurnSteps<'a> {
    /// `model` is on the autodiff device of `device`.
    pub(crate) fn new(
        config: &'a TrainingConfig,
        (backend, device): (Backend, &'a Device),
        parts: Parts,
        model: Mlp,
    ) -> Self {
        let order = (0..parts.train.n_samples() as i32).collect();
        Self {
            config,
            backend,
            device,
            parts,
            model,
            optimizer: config.optimizer.build(config.weight_decay),
            shuffle_rng: generator(config.seed, Stream::Shuffle),
            dropout_rng: generator(config.seed, Stream::Dropout),
            order,
        }
    }
}

impl Steps for BurnSteps<'_> {
    type Copy = Mlp;

    fn epoch(&mut self) -> Result<f64> {
        let config = self.config;
        self.order.shuffle(&mut self.shuffle_rng);
        let shuffled = self.parts.train.shuffled(&self.order, self.device);
        let masks = DropoutMasks::draw(
            &self.model,
            shuffled.n_samples(),
            config.batch_size,
            &mut self.dropout_rng,
            self.device,
        );
        let mut sum = Tensor::<1>::zeros([1], self.device);
        let mut start = 0;
        for (x, targets) in shuffled.chunks(config.batch_size) {
            let n_samples = x.dims()[0];
            let masks = masks.rows(start..start + n_samples);
            start += n_samples;
            let logits = self.model.forward_training(Tensor::from_inner(x), &masks);
            let (loss, gradient) = config.loss.value_and_gradient(logits.clone().inner(), targets);
            // The gradient of this sum at the logits is the gradient of the loss there.
            let gradients = (logits * Tensor::from_inner(gradient)).sum().backward();
            let gradients = GradientsParams::from_grads(gradients, &self.model);
            self.model = self
                .optimizer
                .step(config.learning_rate, self.model.clone(), gradients);
            sum = sum + loss * n_samples as f32;
        }
        let mean = read_values(sum, self.backend)?[0] / self.parts.train.n_samples() as f32;
        Ok(f64::from(mean))
    }

    fn watched_losses(&mut self) -> Result<(Option<f64>, Option<f64>)> {
        let snapshot = self.model.valid();
        let evaluate = |part: &Option<Part>| -> Result<Option<f64>> {
            part.as_ref()
                .map(|part| part.mean_loss(&snapshot, self.config.loss, self.backend))
                .transpose()
        };
        Ok((evaluate(&self.parts.valid)?, evaluate(&self.parts.test)?))
    }

    fn copy(&self) -> Mlp {
        self.model.valid()
    }
}

/// Copies a tensor from its device, row-major.
pub(crate) fn read_values<const D: usize>(tensor: Tensor<D>, backend: Backend) -> Result<Vec<f32>> {
    let failed = |reason: String| Error::Device {
        backend: backend.name(),
        reason,
    };
    let data = tensor
        .try_into_data()
        .map_err(|error| failed(format!("{error:?}")))?;
    data.convert::<f32>()
        .try_to_vec::<f32>()
        .map_err(|error| failed(format!("{error:?}")))
}
