//! From labelled features to a fitted network.

use burn::tensor::{Device, Tensor, TensorData};
use playlist_core::{Classifier, ClassifierConfig, FeatureMatrix, Labels, Probabilities};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::observer::{StopSignal, TrainingObserver};
use crate::random::{Stream, generator};
use crate::training::{CHUNK_ROWS, Copies, Part, Parts, Trainer, read_values};
use crate::{Backend, Engine, Error, History, Mlp, MlpConfig, Result, StopReason, TrainingConfig, fused};

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

    /// Trains on `x`, `[n_samples, n_features]`, and `y`, `[n_samples]`.
    ///
    /// The same settings, data and backend give the same network, to the bit on the CPU.
    ///
    /// # Errors
    /// Settings out of range, data that does not fit (as [`Labels::check_fit`]), a backend that is not
    /// there, [`Error::NonFiniteLoss`], [`Error::Device`].
    pub fn fit(&self, x: &FeatureMatrix, y: &Labels) -> Result<MlpClassifier> {
        self.fit_with(x, y, FitOptions::default())
    }

    /// As [`MlpClassifierConfig::fit`], watched and stopped as `options` say.
    ///
    /// # Errors
    /// As [`MlpClassifierConfig::fit`].
    pub fn fit_with(&self, x: &FeatureMatrix, y: &Labels, options: FitOptions<'_>) -> Result<MlpClassifier> {
        let (_, model, history, device) = self.burn_fit(x, y, &[], options)?;
        Ok(self.classifier(x, y, model, history, device))
    }

    /// Trains once, for the largest of `epochs`, and returns the network as it was after each of them, ascending:
    /// what a training of so many epochs gives.
    ///
    /// With [`Engine::Fused`] a network of two classes without normalisation, dropout, GELU, momentum or weight
    /// decay is trained by loops of our own on the CPU; any other, and every one with [`Engine::Burn`], as
    /// [`MlpClassifierConfig::fit`] does it. The two agree but for rounding. A training that is stopped returns the
    /// epochs that it reached and the one at which it stopped.
    ///
    /// # Errors
    /// As [`MlpClassifierConfig::fit`]; no epochs; early stopping, which has no such epochs.
    pub fn fit_at_epochs(
        &self,
        x: &FeatureMatrix,
        y: &Labels,
        epochs: &[usize],
        engine: Engine,
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
        let (copies, history, device) = if engine == Engine::Fused
            && options.valid.is_none()
            && fused::supports(&config, y.n_classes())
        {
            config.fused_fit(x, y, epochs, options)?
        } else {
            let (mut copies, model, history, device) = config.burn_fit(x, y, epochs, options)?;
            if copies
                .last()
                .is_none_or(|(epoch, _)| *epoch != history.epochs.len())
            {
                copies.push((history.epochs.len(), model));
            }
            (copies, history, device)
        };
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
        }
    }

    /// Trains on Burn; the copies after `snapshots` come first.
    fn burn_fit(
        &self,
        x: &FeatureMatrix,
        y: &Labels,
        snapshots: &[usize],
        options: FitOptions<'_>,
    ) -> Result<(Copies, Mlp, History, Device)> {
        let device = self.checked_device(x, y)?;
        let parts = self.parts(x, y, &options, &device)?;
        let autodiff = device.clone().autodiff();
        let model = self
            .network
            .init(x.n_features(), y.n_classes(), self.training.seed, &autodiff)?;
        let trainer = Trainer {
            config: &self.training,
            backend: self.backend,
            device: &device,
            stop: options.stop,
            snapshots,
        };
        let (copies, model, history) = trainer.train(model, &parts, options.observer)?;
        Ok((copies, model, history, device))
    }

    /// Trains by loops of our own.
    fn fused_fit(
        &self,
        x: &FeatureMatrix,
        y: &Labels,
        snapshots: &[usize],
        options: FitOptions<'_>,
    ) -> Result<(Copies, History, Device)> {
        let device = self.checked_device(x, y)?;
        let test = match options.test {
            Some((test_x, test_y)) => {
                test_x.check_columns(x.columns())?;
                test_x.check_complete()?;
                check_part(test_x, test_y, y.n_classes())?;
                (test_y.n_samples() > 0).then(|| fused::Rows::new(test_x, test_y))
            }
            None => None,
        };
        let untrained = self
            .network
            .init(x.n_features(), y.n_classes(), self.training.seed, &device)?;
        let trainer = fused::FusedTrainer {
            config: self,
            snapshots,
            stop: options.stop,
        };
        let rows = fused::Rows::new(x, y);
        let (copies, history) =
            trainer.train(&untrained.to_arrays(), &rows, test.as_ref(), options.observer)?;
        let models = copies.into_iter().map(|copy| {
            let network = &self.network;
            let model = Mlp::from_arrays(network, x.n_features(), y.n_classes(), &copy.arrays, &device);
            let failed = |reason| Error::Device {
                backend: "fused",
                reason,
            };
            model.map(|model| (copy.epoch, model)).map_err(failed)
        });
        Ok((models.collect::<Result<_>>()?, history, device))
    }

    /// Checks settings and data and opens the device.
    fn checked_device(&self, x: &FeatureMatrix, y: &Labels) -> Result<Device> {
        self.network.validate()?;
        self.training.validate()?;
        y.check_fit(x)?;
        self.backend.device()
    }

    /// Copies every part to the device, with a validation part cut from the training part where early
    /// stopping needs one and none was given.
    fn parts(
        &self,
        x: &FeatureMatrix,
        y: &Labels,
        options: &FitOptions<'_>,
        device: &Device,
    ) -> Result<Parts> {
        let part = |x: &FeatureMatrix, y: &Labels| Part::new(x.values(), y.y(), y.n_classes(), device);
        let watched = |given: Option<(&FeatureMatrix, &Labels)>| -> Result<Option<Part>> {
            let Some((part_x, part_y)) = given else {
                return Ok(None);
            };
            part_x.check_columns(x.columns())?;
            part_x.check_complete()?;
            check_part(part_x, part_y, y.n_classes())?;
            Ok((part_y.n_samples() > 0).then(|| part(part_x, part_y)))
        };
        let (valid, test) = (watched(options.valid)?, watched(options.test)?);
        if let (Some(early), None) = (self.training.early_stopping, &valid) {
            let (train, valid) = hold_out(y, early.validation_fraction, self.training.seed)?;
            let cut = |rows: &[usize]| part(&x.select_rows(rows), &y.select_rows(rows));
            return Ok(Parts {
                train: cut(&train),
                valid: Some(cut(&valid)),
                test,
            });
        }
        Ok(Parts {
            train: part(x, y),
            valid,
            test,
        })
    }
}

/// Checks that a part other than the training part has as many labels as rows, of as many classes.
fn check_part(x: &FeatureMatrix, y: &Labels, n_classes: usize) -> Result<()> {
    let mismatch = |what, expected, found| playlist_core::Error::LengthMismatch {
        what,
        expected,
        found,
    };
    if y.n_classes() != n_classes {
        return Err(mismatch("the number of classes", n_classes, y.n_classes()).into());
    }
    if y.n_samples() != x.n_samples() {
        return Err(mismatch("the number of labels", x.n_samples(), y.n_samples()).into());
    }
    Ok(())
}

/// Training and validation rows: `fraction` of each class is held out, at least one row of each class that
/// has two or more.
fn hold_out(y: &Labels, fraction: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    let mut rng = generator(seed, Stream::Validation);
    let (mut train, mut valid) = (Vec::new(), Vec::new());
    for class in 0..y.n_classes() {
        let mut rows: Vec<usize> = (0..y.n_samples()).filter(|row| y.y()[*row] == class).collect();
        rows.shuffle(&mut rng);
        let most = rows.len().saturating_sub(1);
        let n_valid = ((rows.len() as f64 * fraction).round() as usize).clamp(1.min(most), most);
        valid.extend_from_slice(&rows[..n_valid]);
        train.extend_from_slice(&rows[n_valid..]);
    }
    if valid.is_empty() {
        return Err(playlist_core::Error::Empty {
            what: "validation rows for early stopping",
        }
        .into());
    }
    train.sort_unstable();
    valid.sort_unstable();
    Ok((train, valid))
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
        let n_features = x.n_features();
        let n_outputs = MlpConfig::n_outputs(self.class_names.len());
        let mut logits = Vec::with_capacity(x.n_samples() * n_outputs);
        for rows in x.values().chunks(CHUNK_ROWS * n_features) {
            let data = TensorData::new(rows.to_vec(), [rows.len() / n_features, n_features]);
            let output = self.model.forward(Tensor::from_data(data, &self.device));
            logits.extend(read_values(output, self.config.backend)?);
        }
        Ok(logits)
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
        let logits = self.predict_logits(x)?;
        match self.class_names.len() {
            2 => Probabilities::binary(logits.into_iter().map(sigmoid).collect()),
            n_classes => {
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
