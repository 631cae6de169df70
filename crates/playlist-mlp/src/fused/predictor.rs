//! Evaluation of a trained network, many rows at once: a register holds one unit of as many rows, so nothing is padded but
//! the last block of rows.

use super::function::{activate, to_probabilities};
use super::loss::shifted_exponentials;
use super::norm::EPSILON;
use super::product::{Product, Start, multiply};
use crate::lanes::Level;
use crate::parallel::{in_chunks, n_threads};
use crate::{Activation, MlpConfig, NamedArray, Normalization};

/// Rows of a block: three registers of AVX-512.
const BLOCK: usize = 48;

/// Rows that a thread takes at once: worth its start, and whole blocks.
const CHUNK_ROWS: usize = 42 * BLOCK;

/// A linear layer, with what a batch normalisation does to it.
#[derive(Debug)]
struct Linear {
    n_in: usize,
    n_out: usize,
    /// `[n_out, n_in]`.
    weights: Vec<f32>,
    biases: Vec<f32>,
    activation: Option<Activation>,
}

/// A trained network, ready for rows.
#[derive(Debug)]
pub(crate) struct Predictor {
    layers: Vec<Linear>,
    level: Level,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Logits,
    /// Of the positive class for one output, else of each class.
    Probabilities,
}

impl Predictor {
    /// The network that `arrays` hold, in the names and layout of PyTorch.
    pub(crate) fn new(
        config: &MlpConfig,
        (n_features, n_classes): (usize, usize),
        arrays: &[NamedArray],
    ) -> Self {
        let values = |name: String| {
            let array = arrays.iter().find(|array| array.name == name);
            array.map(|array| &array.values[..])
        };
        let shapes = config.layer_shapes(n_features, n_classes).into_iter().enumerate();
        let layers = shapes.map(|(index, [n_in, n_out])| {
            let mut weights = values(format!("layers.{index}.weight"))
                .unwrap_or_default()
                .to_vec();
            weights.resize(n_in * n_out, 0.0);
            let mut biases = values(format!("layers.{index}.bias"))
                .unwrap_or_default()
                .to_vec();
            biases.resize(n_out, 0.0);
            let norm = |name: &str| values(format!("norms.{index}.{name}"));
            if config.normalization == Normalization::Batch
                && let (Some(gamma), Some(beta), Some(mean), Some(var)) = (
                    norm("weight"),
                    norm("bias"),
                    norm("running_mean"),
                    norm("running_var"),
                )
            {
                for unit in 0..n_out {
                    let scale = gamma[unit] / (var[unit] + EPSILON).sqrt();
                    for weight in &mut weights[unit * n_in..][..n_in] {
                        *weight *= scale;
                    }
                    biases[unit] = (biases[unit] - mean[unit]) * scale + beta[unit];
                }
            }
            Linear {
                n_in,
                n_out,
                weights,
                biases,
                activation: config.hidden.get(index).map(|layer| layer.activation),
            }
        });
        Self {
            layers: layers.collect(),
            level: Level::best(),
        }
    }

    fn n_outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.n_out)
    }

    /// The answer for `x`, `[n_samples, n_features]`: `[n_samples]` for one output, else `[n_samples, n_outputs]`.
    ///
    /// With `None` for as many threads as there are cores. The result does not depend on it.
    pub(crate) fn predict(&self, x: &[f32], answer: Answer, threads: Option<usize>) -> Vec<f32> {
        let n_features = self.layers[0].n_in;
        let n_outputs = self.n_outputs();
        let n_samples = x.len() / n_features;
        let mut out = vec![0.0; n_samples * n_outputs];
        in_chunks(
            n_threads(threads),
            &mut out,
            CHUNK_ROWS * n_outputs,
            |chunk, out| {
                let start = chunk * CHUNK_ROWS * n_features;
                let rows = out.len() / n_outputs;
                self.rows(&x[start..][..rows * n_features], out, answer);
            },
        );
        out
    }

    fn rows(&self, x: &[f32], out: &mut [f32], answer: Answer) {
        let (n_features, n_outputs) = (self.layers[0].n_in, self.n_outputs());
        let widest = self.layers.iter().map(|layer| layer.n_in.max(layer.n_out)).max();
        let mut sheets = [(); 2].map(|()| vec![0.0; BLOCK * widest.unwrap_or(1)]);
        let blocks = x
            .chunks(BLOCK * n_features)
            .zip(out.chunks_mut(BLOCK * n_outputs));
        for (x, out) in blocks {
            let rows = x.len() / n_features;
            let [here, there] = &mut sheets;
            // [n_features, BLOCK]
            for (column, to) in here.chunks_exact_mut(BLOCK).take(n_features).enumerate() {
                for (to, row) in to.iter_mut().zip(x.chunks_exact(n_features)) {
                    *to = row[column];
                }
            }
            self.block(rows, here, there);
            let z = if self.layers.len().is_multiple_of(2) {
                here
            } else {
                there
            };
            if n_outputs == 1 {
                out.copy_from_slice(&z[..rows]);
                continue;
            }
            for (row, out) in out.chunks_exact_mut(n_outputs).enumerate() {
                for (class, out) in out.iter_mut().enumerate() {
                    *out = z[class * BLOCK + row];
                }
            }
        }
        if answer == Answer::Probabilities {
            self.probabilities(out);
        }
    }

    /// All layers of a block, `[units, BLOCK]`, from one sheet into the other and back.
    fn block<'a>(&self, rows: usize, mut here: &'a mut [f32], mut there: &'a mut [f32]) {
        // Whole registers of the rows that there are.
        let columns = rows.next_multiple_of(crate::lanes::NARROW);
        for layer in &self.layers {
            let product = Product {
                a: &layer.weights,
                a_stride: layer.n_in,
                b: here,
                b_stride: BLOCK,
                rows: layer.n_out,
                depth: layer.n_in,
                columns,
                start: Start::Rows(&layer.biases),
            };
            multiply(self.level, product, there, BLOCK);
            if let Some(activation) = layer.activation {
                activate(self.level, activation, &mut there[..layer.n_out * BLOCK]);
            }
            std::mem::swap(&mut here, &mut there);
        }
    }

    fn probabilities(&self, z: &mut [f32]) {
        let n_outputs = self.n_outputs();
        if n_outputs == 1 {
            let whole = z.len() / 16 * 16;
            let (whole, rest) = z.split_at_mut(whole);
            to_probabilities(self.level, whole);
            let mut padded = [0.0; 16];
            padded[..rest.len()].copy_from_slice(rest);
            to_probabilities(self.level, &mut padded);
            rest.copy_from_slice(&padded[..rest.len()]);
            return;
        }
        let stride = crate::lanes::padded(n_outputs);
        let (mut row, mut powers) = (vec![0.0; stride], vec![0.0; stride]);
        for z in z.chunks_exact_mut(n_outputs) {
            row[..n_outputs].copy_from_slice(z);
            shifted_exponentials(self.level, &mut row, &mut powers, (1, n_outputs));
            let total: f32 = powers[..n_outputs].iter().sum();
            for (z, power) in z.iter_mut().zip(&powers) {
                *z = power / total;
            }
        }
    }
}
