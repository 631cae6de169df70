//! A training on Burn: data on a device, and an epoch there.

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::epochs::Steps;
use crate::model::DropoutMasks;
use crate::random::{Stream, generator};
use crate::{Backend, Error, Loss, Mlp, MlpConfig, Result, TrainingConfig};

/// Rows that go through the network at once outside training. Larger tensors cost page faults on the CPU,
/// and a million rows at once are too many for some GPU drivers.
pub(crate) const CHUNK_ROWS: usize = 8_192;

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
