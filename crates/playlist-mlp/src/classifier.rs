//! From labelled features to a fitted network.

use std::sync::OnceLock;

use burn::tensor::{Device, Tensor, TensorData};
use playlist_core::{Classifier, ClassifierConfig, FeatureMatrix, Labels, Probabilities};
use serde::{Deserialize, Serialize};

use crate::burn_steps::{BurnSteps, CHUNK_ROWS, Part, read_values};
use crate::epochs::{Loop, Trained};
use crate::fused::{Answer, FusedSteps, Predictor};
use crate::observer::{StopSignal, TrainingObserver};
use crate::parts::{burn_parts, check_part, fused_parts, hold_out};
use crate::{Backend, Engine, Error, History, Mlp, MlpConfig, Result, StopReason, TrainingConfig};

/// A network to be fitted: its shape, its training and where it runs.
///
/// # Examples
/// ```
/// use playlist_core::{Classifier, FeatureMatrix, Labels};
/// use playlist_mlp::{MlpClassifierConfig, TrainingConfig};
///
/// let x = FeatureMatrix::new(["energy"], (0..64).map(|i| i as f32 / 64.0).collect())?;
/// let y: Vec<bool> = (0..64).map(|i| i >= 32).collect();
/// let training = TrainingConfig::default().with_epochs(200).with_batch_size(8).with_learning_rate(0.01);
/// let model = MlpClassifierConfig::paper()
///     .with_training(training)
///     .fit(&x, &Labels::binary("quiet", "loud", &y))?;
/// let p = model.predict_proba(&FeatureMatrix::new(["energy"], vec![0.1, 0.9])?)?;
/// assert!(p.get(0, 1) < 0.1 && p.get(1, 1) > 0.9);
/// # Ok::<(), playlist_mlp::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpClassifierConfig {
    /// The layers.
    pub network: MlpConfig,
    /// The training.
    pub training: TrainingConfig,
    /// Where both run.
    pub backend: Backend,
    /// What trains and evaluates; `None` for [`Engine::Fused`] where it can, else [`Engine::Burn`].
    ///
    /// The two take the same steps and differ by rounding alone. The fused engine runs on the CPU and is an order of
    /// magnitude faster for small networks.
    #[serde(default)]
    pub engine: Option<Engine>,
}

/// What a training may be given besides its data.
#[derive(Default)]
pub struct FitOptions<'a> {
    /// A validation part: its loss is recorded and early stopping goes by it.
    pub valid: Option<(&'a FeatureMatrix, &'a Labels)>,
    /// A test part to be watched: its loss is recorded, nothing goes by it.
    pub test: Option<(&'a FeatureMatrix, &'a Labels)>,
    /// Told of every epoch.
    pub observer: Option<&'a mut dyn TrainingObserver>,
    /// Asks for a stop after the current epoch.
    pub stop: StopSignal,
}

impl MlpClassifierConfig {
    /// The paper's network and training.
    #[must_use]
    pub fn paper() -> Self {
        Self::default()
    }

    /// The same with other layers.
    #[must_use]
    pub fn with_network(mut self, network: MlpConfig) -> Self {
        self.network = network;
        self
    }

    /// The same with another training.
    #[must_use]
    pub fn with_training(mut self, training: TrainingConfig) -> Self {
        self.training = training;
        self
    }

    /// The same on another backend.
    #[must_use]
    pub fn with_backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// The same with one engine, or `None` for the fastest that can.
    #[must_use]
    pub fn with_engine(mut self, engine: Option<Engine>) -> Self {
        self.engine = engine;
        self
    }

    /// The engine that trains this network.
    ///
    /// # Errors
    /// [`Error::EngineLacks`] when [`Engine::Fused`] is asked for and cannot.
    pub fn training_engine(&self) -> Result<Engine> {
        match (self.engine, self.backend) {
            (Some(Engine::Burn), _) | (None, Backend::Wgpu) => Ok(Engine::Burn),
            (Some(Engine::Fused), Backend::Wgpu) => Err(Error::EngineLacks {
                engine: Engine::Fused.name(),
                what: "backend `wgpu`",
            }),
            (None | Some(Engine::Fused), Backend::Flex | Backend::NdArray) => Ok(Engine::Fused),
        }
    }

    /// Trains on `x`, `[n_samples, n_features]`, and `y`, `[n_samples]`.
    ///
    /// The same settings, data, backend and engine give the same network, to the bit on one CPU.
    ///
    /// # Errors
    /// Settings out of range, data that does not fit (as [`Labels::check_fit`]), a backend that is not
    /// there, [`Error::EngineLacks`], [`Error::NonFiniteLoss`], [`Error::Device`].
    pub fn fit(&self, x: &FeatureMatrix, y: &Labels) -> Result<MlpClassifier> {
        self.fit_with(x, y, FitOptions::default())
    }

    /// As [`MlpClassifierConfig::fit`], watched and stopped as `options` say.
    ///
    /// # Errors
    /// As [`MlpClassifierConfig::fit`].
    pub fn fit_with(&self, x: &FeatureMatrix, y: &Labels, options: FitOptions<'_>) -> Result<MlpClassifier> {
        let (trained, device) = self.train(x, y, &[], options)?;
        Ok(self.classifier(x, y, trained.model, trained.history, device))
    }

    /// Trains once, for the largest of `epochs`, and returns the network as it was after each of them, ascending:
    /// what a training of so many epochs gives.
    ///
    /// A training that is stopped returns the epochs that it reached and the one at which it stopped.
    ///
    /// # Errors
    /// As [`MlpClassifierConfig::fit`]; no epochs; early stopping, which has no such epochs.
    pub fn fit_at_epochs(
        &self,
        x: &FeatureMatrix,
        y: &Labels,
        epochs: &[usize],
        options: FitOptions<'_>,
    ) -> Result<Vec<MlpClassifier>> {
        let mut config = self.clone();
        config.training.epochs = epochs.iter().copied().max().unwrap_or(0);
        if config.training.early_stopping.is_some() {
            return Err(Error::Core(playlist_core::Error::InvalidSetting {
                field: "early_stopping",
                value: "set".to_owned(),
                expected: "none where the network is asked for after certain epochs",
            }));
        }
        let (trained, device) = config.train(x, y, epochs, options)?;
        let Trained {
            mut copies,
            model,
            history,
        } = trained;
        if copies
            .last()
            .is_none_or(|(epoch, _)| *epoch != history.epochs.len())
        {
            copies.push((history.epochs.len(), model));
        }
        let classifier = |(epoch, model): (usize, Mlp)| {
            let mut config = config.clone();
            let mut history = history.clone();
            if epoch < history.epochs.len() {
                history.epochs.truncate(epoch);
                history.stop_reason = StopReason::Finished;
                history.kept_epoch = epoch;
            }
            if history.stop_reason == StopReason::Finished {
                config.training.epochs = epoch;
            }
            config.classifier(x, y, model, history, device.clone())
        };
        Ok(copies.into_iter().map(classifier).collect())
    }

    fn classifier(
        &self,
        x: &FeatureMatrix,
        y: &Labels,
        model: Mlp,
        history: History,
        device: Device,
    ) -> MlpClassifier {
        MlpClassifier {
            config: self.clone(),
            columns: x.columns().to_vec(),
            class_names: y.class_names().to_vec(),
            model,
            history: Some(history),
            device,
            predictor: OnceLock::new(),
        }
    }

    /// Checks everything and trains.
    fn train(
        &self,
        x: &FeatureMatrix,
        y: &Labels,
        snapshots: &[usize],
        options: FitOptions<'_>,
    ) -> Result<(Trained<Mlp>, Device)> {
        let engine = self.training_engine()?;
        let device = self.checked_device(x, y)?;
        let FitOptions {
            valid,
            test,
            observer,
            stop,
        } = options;
        let order = Loop {
            config: &self.training,
            snapshots,
            observer,
            stop,
        };
        let n_classes = y.n_classes();
        for (part_x, part_y) in [valid, test].into_iter().flatten() {
            part_x.check_columns(x.columns())?;
            part_x.check_complete()?;
            check_part(part_x, part_y, n_classes)?;
        }
        let held_out = match (self.training.early_stopping, valid) {
            (Some(early), None) => Some(hold_out(y, early.validation_fraction, self.training.seed)?),
            _ => None,
        };
        let make = |device: &Device| {
            self.network
                .init(x.n_features(), n_classes, self.training.seed, device)
        };
        let trained = match engine {
            Engine::Burn => {
                let parts = burn_parts((x, y), held_out, (valid, test), &device);
                let model = make(&device.clone().autodiff())?;
                let run = (self.backend, &device);
                order.run(&mut BurnSteps::new(&self.training, run, parts, model))?
            }
            Engine::Fused => {
                let parts = fused_parts((x, y), held_out, (valid, test));
                let untrained = make(&device)?.to_arrays();
                let trained = order.run(&mut FusedSteps::new(self, &untrained, parts))?;
                trained.try_map(|arrays| {
                    Mlp::from_arrays(&self.network, x.n_features(), n_classes, &arrays, &device).map_err(
                        |reason| Error::Device {
                            backend: engine.name(),
                            reason,
                        },
                    )
                })?
            }
        };
        Ok((trained, device))
    }

    /// Checks settings and data and opens the device.
    fn checked_device(&self, x: &FeatureMatrix, y: &Labels) -> Result<Device> {
        self.network.validate()?;
        self.training.validate()?;
        y.check_fit(x)?;
        self.backend.device()
    }
}

impl ClassifierConfig for MlpClassifierConfig {
    type Model = MlpClassifier;
    type Error = Error;

    fn fit(&self, x: &FeatureMatrix, y: &Labels) -> Result<MlpClassifier> {
        self.fit(x, y)
    }
}

/// A trained network with the names of its columns and classes.
#[derive(Debug)]
pub struct MlpClassifier {
    pub(crate) config: MlpClassifierConfig,
    pub(crate) columns: Vec<String>,
    pub(crate) class_names: Vec<String>,
    pub(crate) model: Mlp,
    pub(crate) history: Option<History>,
    pub(crate) device: Device,
    /// Made at the first prediction.
    pub(crate) predictor: OnceLock<Predictor>,
}

impl MlpClassifier {
    /// The settings that it was fitted with.
    #[must_use]
    pub const fn config(&self) -> &MlpClassifierConfig {
        &self.config
    }

    /// The losses of every epoch of its training.
    #[must_use]
    pub const fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }

    /// The network.
    #[must_use]
    pub const fn model(&self) -> &Mlp {
        &self.model
    }

    /// The mean of the loss that it was trained on, over `x`, `[n_samples, n_features]`, and `y`.
    ///
    /// # Errors
    /// As [`MlpClassifier::predict_logits`]; labels that do not fit or are none.
    pub fn loss(&self, x: &FeatureMatrix, y: &Labels) -> Result<f64> {
        self.check_input(x)?;
        check_part(x, y, self.class_names.len())?;
        if y.n_samples() == 0 {
            return Err(playlist_core::Error::Empty {
                what: "tracks to compute the loss of",
            }
            .into());
        }
        let part = Part::new(x.values(), y.y(), y.n_classes(), &self.device);
        part.mean_loss(&self.model, self.config.training.loss, self.config.backend)
    }

    /// The logits of each row of `x`, row-major.
    ///
    /// # Shapes
    /// `x` is `[n_samples, n_features]`; the result `[n_samples]` for two classes, else
    /// `[n_samples, n_classes]`.
    ///
    /// # Errors
    /// Columns that differ from those fitted on, missing values, [`Error::Device`].
    pub fn predict_logits(&self, x: &FeatureMatrix) -> Result<Vec<f32>> {
        self.check_input(x)?;
        if self.is_fused() {
            return Ok(self.predictor().predict(x.values(), Answer::Logits, None));
        }
        let n_features = x.n_features();
        let n_outputs = MlpConfig::n_outputs(self.class_names.len());
        let mut logits = Vec::with_capacity(x.n_samples() * n_outputs);
        // The device works on the next rows while the answer for the last is copied back.
        let mut in_work: Option<Tensor<2>> = None;
        for rows in x.values().chunks(CHUNK_ROWS * n_features) {
            let data = TensorData::new(rows.to_vec(), [rows.len() / n_features, n_features]);
            let next = self.model.forward(Tensor::from_data(data, &self.device));
            if let Some(output) = in_work.replace(next) {
                logits.extend(read_values(output, self.config.backend)?);
            }
        }
        if let Some(output) = in_work {
            logits.extend(read_values(output, self.config.backend)?);
        }
        Ok(logits)
    }

    /// Whether our own loops evaluate the network: on the CPU, unless Burn was asked for.
    fn is_fused(&self) -> bool {
        self.config.backend != Backend::Wgpu && self.config.engine != Some(Engine::Burn)
    }

    fn predictor(&self) -> &Predictor {
        self.predictor.get_or_init(|| {
            let sizes = (self.columns.len(), self.class_names.len());
            Predictor::new(&self.config.network, sizes, &self.model.to_arrays())
        })
    }
}

impl Classifier for MlpClassifier {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn predict_proba(&self, x: &FeatureMatrix) -> playlist_core::Result<Probabilities> {
        let n_classes = self.class_names.len();
        if self.is_fused() {
            self.check_input(x)?;
            let p = self.predictor().predict(x.values(), Answer::Probabilities, None);
            return match n_classes {
                2 => Probabilities::binary(p),
                _ => Probabilities::multi_class(n_classes, p),
            };
        }
        let logits = self.predict_logits(x)?;
        match n_classes {
            2 => Probabilities::binary(logits.into_iter().map(sigmoid).collect()),
            _ => {
                let rows = logits.chunks_exact(n_classes).flat_map(softmax);
                Probabilities::multi_class(n_classes, rows.collect())
            }
        }
    }
}

/// `1 / (1 + exp(-z))`, computed in `f64` so that it is monotone in `z` up to rounding.
fn sigmoid(logit: f32) -> f32 {
    (1.0 / (1.0 + (-f64::from(logit)).exp())) as f32
}

/// The softmax of one row of logits, shifted by the largest.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits
        .iter()
        .map(|logit| f64::from(logit - largest).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| (power / sum) as f32).collect()
}
