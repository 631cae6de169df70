//! Training of one plain binary network by our own loops on the CPU: the same steps as the Burn loop takes, several
//! times faster, for studies that train thousands of small networks.
//!
//! Initial weights come from [`MlpConfig::init`], the order of rows from the same stream; what differs is the
//! rounding of sums and of `exp`.

mod kernel;
mod layer;
mod optimizer;

use playlist_core::{FeatureMatrix, Labels};
use rand::seq::SliceRandom;

use self::layer::{Network, Workspace};
use self::optimizer::Optimizer;
use crate::observer::{StopSignal, TrainingObserver};
use crate::random::{Stream, generator};
use crate::{
    Activation, EpochRecord, Error, History, Loss, MlpClassifierConfig, NamedArray, Normalization,
    OptimizerConfig, Result, StopReason,
};

/// Rows whose loss is computed at once.
const CHUNK_ROWS: usize = 256;

/// Rows with padded columns, and their targets.
pub(crate) struct Rows {
    /// `[n_samples, stride]`, zero beyond the features.
    values: Vec<f32>,
    stride: usize,
    targets: Vec<f32>,
}

impl Rows {
    /// Copies a binary part.
    pub(crate) fn new(x: &FeatureMatrix, y: &Labels) -> Self {
        let stride = layer::padded(x.n_features());
        let mut values = vec![0.0; x.n_samples() * stride];
        for (to, from) in values
            .chunks_exact_mut(stride)
            .zip(x.values().chunks_exact(x.n_features()))
        {
            to[..from.len()].copy_from_slice(from);
        }
        Self {
            values,
            stride,
            targets: y.y().iter().map(|label| *label as f32).collect(),
        }
    }

    fn n_samples(&self) -> usize {
        self.targets.len()
    }

    fn shuffled_into(&self, order: &[i32], to: &mut Self) {
        for (place, row) in order.iter().enumerate() {
            let row = *row as usize;
            to.values[place * self.stride..][..self.stride]
                .copy_from_slice(&self.values[row * self.stride..][..self.stride]);
            to.targets[place] = self.targets[row];
        }
    }
}

/// One training.
pub(crate) struct FusedTrainer<'a> {
    pub(crate) config: &'a MlpClassifierConfig,
    /// The epochs after which the weights are copied, besides the last.
    pub(crate) snapshots: &'a [usize],
    pub(crate) stop: StopSignal,
}

/// The weights after some epoch.
pub(crate) struct Snapshot {
    pub(crate) epoch: usize,
    pub(crate) arrays: Vec<NamedArray>,
}

/// Whether these loops know the network and its training: two classes, no normalisation, no dropout, no GELU, Adam
/// with the usual epsilon or plain descent, no weight decay and no early stopping.
pub(crate) fn supports(config: &MlpClassifierConfig, n_classes: usize) -> bool {
    let (network, training) = (&config.network, &config.training);
    let knows_optimizer = match training.optimizer {
        OptimizerConfig::Adam { epsilon, .. } => epsilon == OptimizerConfig::ADAM_EPSILON,
        OptimizerConfig::Sgd { momentum } => momentum == 0.0,
    };
    n_classes == 2
        && knows_optimizer
        && !network.hidden.is_empty()
        && network.normalization == Normalization::None
        && network.dropout == 0.0
        && (network.hidden.iter()).all(|layer| layer.activation != Activation::Gelu)
        && training.weight_decay == 0.0
        && training.early_stopping.is_none()
}

impl FusedTrainer<'_> {
    /// Trains the network that `arrays` describe and returns it as it was after each of the epochs asked for.
    pub(crate) fn train(
        &self,
        arrays: &[NamedArray],
        train: &Rows,
        test: Option<&Rows>,
        mut observer: Option<&mut dyn TrainingObserver>,
    ) -> Result<(Vec<Snapshot>, History)> {
        let training = &self.config.training;
        let mut network = Network::new(&self.config.network, arrays);
        let mut optimizer = Optimizer::new(training, network.n_parameters());
        let mut work = Workspace::new(
            &network,
            training.batch_size.min(train.n_samples()).max(CHUNK_ROWS),
        );
        let mut shuffled = Rows {
            values: vec![0.0; train.values.len()],
            stride: train.stride,
            targets: vec![0.0; train.n_samples()],
        };
        let mut shuffle_rng = generator(training.seed, Stream::Shuffle);
        let mut order: Vec<i32> = (0..train.n_samples() as i32).collect();
        let (mut epochs, mut snapshots) = (Vec::with_capacity(training.epochs), Vec::new());
        let mut stop_reason = StopReason::Finished;
        for epoch in 1..=training.epochs {
            order.shuffle(&mut shuffle_rng);
            train.shuffled_into(&order, &mut shuffled);
            let sum = self.epoch(&mut network, &mut optimizer, &mut work, &shuffled);
            let train_loss = sum / train.n_samples() as f64;
            if !train_loss.is_finite() {
                return Err(Error::NonFiniteLoss {
                    epoch,
                    loss: train_loss as f32,
                    learning_rate: training.learning_rate,
                });
            }
            let record = EpochRecord {
                epoch,
                train_loss,
                valid_loss: None,
                test_loss: test.map(|rows| mean_loss(&network, &mut work, rows, training.loss)),
            };
            epochs.push(record);
            let asked = observer
                .as_mut()
                .is_some_and(|observer| observer.on_epoch(&record, training.epochs).is_break());
            let ends = epoch == training.epochs || asked || self.stop.is_requested();
            if ends || self.snapshots.contains(&epoch) {
                snapshots.push(Snapshot {
                    epoch,
                    arrays: network.to_arrays(),
                });
            }
            if ends && epoch < training.epochs {
                stop_reason = StopReason::Interrupted;
                break;
            }
        }
        let kept_epoch = epochs.len();
        Ok((
            snapshots,
            History {
                epochs,
                stop_reason,
                kept_epoch,
            },
        ))
    }

    /// One pass over the rows; returns the sum of their losses.
    fn epoch(
        &self,
        network: &mut Network,
        optimizer: &mut Optimizer,
        work: &mut Workspace,
        rows: &Rows,
    ) -> f64 {
        let training = &self.config.training;
        let mut sum = 0.0;
        let batches = rows.values.chunks(training.batch_size * rows.stride);
        for (x, targets) in batches.zip(rows.targets.chunks(training.batch_size)) {
            network.forward(x, targets.len(), work);
            sum += loss_and_gradient(training.loss, targets, work);
            network.backward(x, targets.len(), work);
            optimizer.step(network.parameters_mut(), &work.gradient);
        }
        sum
    }
}

fn mean_loss(network: &Network, work: &mut Workspace, rows: &Rows, loss: Loss) -> f64 {
    let mut sum = 0.0;
    let chunks = rows.values.chunks(CHUNK_ROWS * rows.stride);
    for (x, targets) in chunks.zip(rows.targets.chunks(CHUNK_ROWS)) {
        network.forward(x, targets.len(), work);
        sum += loss_and_gradient(loss, targets, work);
    }
    sum / rows.n_samples() as f64
}

/// The summed loss of the last forward pass; writes the gradient of its mean at the logits.
fn loss_and_gradient(loss: Loss, targets: &[f32], work: &mut Workspace) -> f64 {
    let scale = 1.0 / targets.len() as f32;
    let mut sum = 0.0;
    for ((z, t), g) in work.logits.iter().zip(targets).zip(&mut work.logit_gradient) {
        let e = (-z.abs()).exp();
        let p = if *z >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
        let difference = p - t;
        match loss {
            Loss::CrossEntropy => {
                sum += f64::from(z.max(0.0) - z * t + e.ln_1p());
                *g = difference * scale;
            }
            Loss::MeanSquaredError => {
                sum += f64::from(difference * difference);
                *g = 2.0 * difference * p * (1.0 - p) * scale;
            }
        }
    }
    sum
}
