//! Networks trained and evaluated by loops of our own on the CPU: the same steps as on Burn, an order of magnitude
//! faster for networks whose operations are small.
//!
//! Initial weights come from [`MlpConfig::init`](crate::MlpConfig::init), the order of rows and what is dropped from the
//! same streams; what differs is the rounding of sums and of `exp`.

mod function;
mod loss;
mod network;
mod norm;
mod optimizer;
mod predictor;
mod product;

use playlist_core::{FeatureMatrix, Labels};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use self::loss::{binary_loss, categorical_loss};
use self::network::{Network, Workspace};
use self::optimizer::Optimizer;
pub(crate) use self::predictor::{Answer, Predictor};
use crate::epochs::Steps;
use crate::lanes::{Level, padded};
use crate::random::{Stream, generator};
use crate::{MlpClassifierConfig, NamedArray, Result, TrainingConfig};

/// Rows whose loss is computed at once.
const CHUNK_ROWS: usize = 256;

/// Rows of a part of the data, by their places in a matrix.
pub(crate) struct Rows<'a> {
    x: &'a FeatureMatrix,
    y: &'a Labels,
    rows: Vec<u32>,
}

impl<'a> Rows<'a> {
    /// Some rows of a matrix.
    pub(crate) fn new(x: &'a FeatureMatrix, y: &'a Labels, rows: impl IntoIterator<Item = usize>) -> Self {
        let rows = rows.into_iter().map(|row| row as u32).collect();
        Self { x, y, rows }
    }

    /// Copies the features and targets of some of the rows into `work`.
    fn gather(&self, rows: &[u32], n_outputs: usize, work: &mut Workspace) {
        let n_features = self.x.n_features();
        let (values, y) = (self.x.values(), self.y.y());
        for (row, to) in rows.iter().zip(work.x.chunks_exact_mut(padded(n_features))) {
            to[..n_features].copy_from_slice(&values[*row as usize * n_features..][..n_features]);
        }
        if n_outputs == 1 {
            for (row, target) in rows.iter().zip(&mut work.targets) {
                *target = y[*row as usize] as f32;
            }
        } else {
            let targets = work.targets.chunks_exact_mut(padded(n_outputs));
            for (row, targets) in rows.iter().zip(targets) {
                targets.fill(0.0);
                targets[y[*row as usize]] = 1.0;
            }
        }
    }
}

/// The parts of the data that a training works on.
pub(crate) struct Parts<'a> {
    pub(crate) train: Rows<'a>,
    pub(crate) valid: Option<Rows<'a>>,
    pub(crate) test: Option<Rows<'a>>,
}

/// A training: the network, its optimiser, its data and room for a batch.
pub(crate) struct FusedSteps<'a> {
    config: &'a TrainingConfig,
    parts: Parts<'a>,
    network: Network,
    optimizer: Optimizer,
    work: Workspace,
    shuffle_rng: ChaCha8Rng,
    dropout_rng: ChaCha8Rng,
}

impl<'a> FusedSteps<'a> {
    /// Starts from the untrained network that `arrays` describe.
    pub(crate) fn new(config: &'a MlpClassifierConfig, arrays: &[NamedArray], parts: Parts<'a>) -> Self {
        Self::at_level(config, arrays, parts, Level::best())
    }

    pub(crate) fn at_level(
        config: &'a MlpClassifierConfig,
        arrays: &[NamedArray],
        parts: Parts<'a>,
        level: Level,
    ) -> Self {
        let training = &config.training;
        let sizes = (parts.train.x.n_features(), parts.train.y.n_classes());
        let network = Network::new(&config.network, sizes, arrays, level);
        let batch = training.batch_size.min(parts.train.rows.len());
        Self {
            config: training,
            optimizer: Optimizer::new(training, network.parameters().len()),
            work: Workspace::new(&network, batch.max(CHUNK_ROWS)),
            network,
            parts,
            shuffle_rng: generator(training.seed, Stream::Shuffle),
            dropout_rng: generator(training.seed, Stream::Dropout),
        }
    }
}

/// The summed loss of the last forward pass; writes the gradient of its mean at the logits.
fn loss_and_gradient(network: &Network, config: &TrainingConfig, rows: usize, work: &mut Workspace) -> f64 {
    let (logits, targets) = (&mut work.logits, &work.targets);
    let gradient = &mut work.logit_gradient;
    if network.n_outputs() == 1 {
        let scale = 1.0 / rows as f32;
        return binary_loss(
            network.level(),
            config.loss,
            (logits, targets),
            (rows, scale),
            gradient,
        );
    }
    categorical_loss(
        network.level(),
        config.loss,
        (logits, targets),
        (rows, network.n_outputs()),
        gradient,
    )
}

fn mean_loss(network: &Network, config: &TrainingConfig, part: &Rows<'_>, work: &mut Workspace) -> f64 {
    let mut sum = 0.0;
    for rows in part.rows.chunks(CHUNK_ROWS) {
        part.gather(rows, network.n_outputs(), work);
        network.forward(rows.len(), work, None);
        sum += loss_and_gradient(network, config, rows.len(), work);
    }
    sum / part.rows.len() as f64
}

impl Steps for FusedSteps<'_> {
    type Copy = Vec<NamedArray>;

    fn epoch(&mut self) -> Result<f64> {
        let part = &mut self.parts.train;
        part.rows.shuffle(&mut self.shuffle_rng);
        let (network, work) = (&mut self.network, &mut self.work);
        let mut sum = 0.0;
        for rows in part.rows.chunks(self.config.batch_size) {
            part.gather(rows, network.n_outputs(), work);
            network.forward(rows.len(), work, Some(&mut self.dropout_rng));
            network.update_running(work);
            sum += loss_and_gradient(network, self.config, rows.len(), work);
            network.backward(rows.len(), work);
            let level = network.level();
            self.optimizer
                .step(level, network.parameters_mut(), &work.gradient);
        }
        // Weights that are no numbers need not show in a loss whose activations saturate.
        Ok(if network.is_finite() {
            sum / part.rows.len() as f64
        } else {
            f64::NAN
        })
    }

    fn watched_losses(&mut self) -> Result<(Option<f64>, Option<f64>)> {
        let mut loss = |part: &Option<Rows<'_>>| {
            let part = part.as_ref()?;
            Some(mean_loss(&self.network, self.config, part, &mut self.work))
        };
        Ok((loss(&self.parts.valid), loss(&self.parts.test)))
    }

    fn copy(&self) -> Vec<NamedArray> {
        self.network.to_arrays()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epochs::Loop;
    use crate::observer::StopSignal;
    use crate::{Activation, Backend, MlpConfig};

    /// The same bits with AVX2 and AVX-512; without a fused multiply-add sums round twice as often: 1e-4 after 120 steps
    /// on weights of about 1.
    #[test]
    fn instruction_sets_give_the_same_network() {
        let values: Vec<f32> = (0..480).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
        let x = FeatureMatrix::new(["a", "b", "c", "d"], values).unwrap();
        let classes = (0..120).map(|row| (x.row(row)[0] * 2.9) as usize);
        let y = Labels::new(["low", "middle", "high"], classes.collect()).unwrap();
        for network in [
            MlpConfig::paper(),
            MlpConfig::new(&[17, 40], Activation::Gelu).with_dropout(0.2),
            MlpConfig::paper_batch_norm(0.2),
        ] {
            let mut config = MlpClassifierConfig::paper().with_network(network);
            config.training.batch_size = 20;
            config.training.epochs = 20;
            let device = Backend::Flex.device().unwrap();
            let start = config.network.init(4, 3, 0, &device).unwrap().to_arrays();
            let train = |level| {
                let parts = Parts {
                    train: Rows::new(&x, &y, 0..120),
                    valid: None,
                    test: None,
                };
                let order = Loop {
                    config: &config.training,
                    snapshots: &[],
                    observer: None,
                    stop: StopSignal::default(),
                };
                let mut steps = FusedSteps::at_level(&config, &start, parts, level);
                order.run(&mut steps).unwrap().model
            };
            let [portable, narrow, best] = Level::all().map(train);
            assert_eq!(narrow, best);
            for (a, b) in portable.iter().zip(&best) {
                for (a, b) in a.values.iter().zip(&b.values) {
                    assert!((a - b).abs() < 1e-4, "{a} {b}");
                }
            }
        }
    }
}
