//! The network as one flat array of parameters, forward and backward by hand.

use rand_chacha::ChaCha8Rng;

use super::function::{
    SlopeFrom, activate, activate_with_slope, column_sums, dot_rows, multiply_by_slope, multiply_elements,
    outer_rows, slope_from,
};
use super::norm::{Batch, Running, normalize_backward, normalize_batch, normalize_running};
use super::product::{Product, Start, multiply, transposed_multiply};
use crate::lanes::{Level, padded};
use crate::random::fill_dropout_mask;
use crate::{Activation, MlpConfig, NamedArray, Normalization};

/// `length` rounded up to the widest register: loops over single elements run to there, into numbers that nobody reads.
const fn whole(length: usize) -> usize {
    length.div_ceil(16) * 16
}

/// A linear layer, and the batch normalisation after it if there is one: where their parameters lie, and their sizes.
#[derive(Clone, Copy)]
struct Linear {
    /// Where the weights start, `[n_in, n_out padded]`; the biases follow. With one output `[n_in padded]`. Before a
    /// normalisation a layer has no biases: the shifts stand in their place, and the scales follow.
    start: usize,
    n_in: usize,
    n_out: usize,
    /// Whether it is an output layer of one unit, which is a product with a vector.
    is_single: bool,
    is_normalized: bool,
}

impl Linear {
    const fn stride(&self) -> usize {
        padded(self.n_out)
    }

    const fn n_weights(&self) -> usize {
        if self.is_single {
            padded(self.n_in)
        } else {
            self.n_in * self.stride()
        }
    }

    fn weights(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.n_weights()
    }

    fn biases(&self) -> std::ops::Range<usize> {
        let start = self.start + self.n_weights();
        start..start + self.stride()
    }

    /// Empty without normalisation.
    fn scales(&self) -> std::ops::Range<usize> {
        let start = self.biases().end;
        start..start + if self.is_normalized { self.stride() } else { 0 }
    }

    /// Where the weight from `input` to `output` lies.
    const fn place(&self, output: usize, input: usize) -> usize {
        if self.is_single {
            self.start + input
        } else {
            self.start + input * self.stride() + output
        }
    }
}

/// Linear layers, each hidden one with its activation. What pads is zero and stays so: its gradient is zero.
pub(super) struct Network {
    layers: Vec<Linear>,
    activations: Vec<Activation>,
    dropout: f64,
    parameters: Vec<f32>,
    /// Of each hidden layer where they are normalised, else empty.
    running: Vec<Running>,
    level: Level,
}

/// Room for a batch.
pub(super) struct Workspace {
    /// The input, `[rows, n_features padded]`.
    pub(super) x: Vec<f32>,
    /// What each hidden layer answered, `[rows, width padded]`.
    activations: Vec<Vec<f32>>,
    /// The slope of each hidden unit, where it does not follow from its answer.
    slopes: Vec<Vec<f32>>,
    /// The last batch of each layer that is normalised.
    batches: Vec<Batch>,
    above: Vec<f32>,
    below: Vec<f32>,
    transposed: Vec<f32>,
    /// The logits of the last forward pass: `[rows]` for one output, else `[rows, n_outputs padded]`.
    pub(super) logits: Vec<f32>,
    /// Targets, as the logits.
    pub(super) targets: Vec<f32>,
    /// The gradient of the batch's loss at the logits, written between forward and backward.
    pub(super) logit_gradient: Vec<f32>,
    /// The gradient of every parameter, after a backward pass.
    pub(super) gradient: Vec<f32>,
}

impl Workspace {
    pub(super) fn new(network: &Network, rows: usize) -> Self {
        let hidden = &network.layers[..network.activations.len()];
        let sheet = |width: usize| vec![0.0; whole(rows * padded(width))];
        let normalized = hidden.iter().filter(|layer| layer.is_normalized);
        let output = network.output();
        let logits = if output.is_single {
            vec![0.0; whole(rows)]
        } else {
            sheet(output.n_out)
        };
        let widest = (network.layers.iter())
            .map(|layer| layer.n_in.max(layer.n_out))
            .max()
            .unwrap_or(1);
        let transposed = network
            .layers
            .iter()
            .map(|layer| layer.n_out * padded(layer.n_in));
        Self {
            x: sheet(network.n_features()),
            activations: hidden.iter().map(|layer| sheet(layer.n_out)).collect(),
            slopes: hidden.iter().map(|layer| sheet(layer.n_out)).collect(),
            batches: normalized.map(|layer| Batch::new(rows, layer.stride())).collect(),
            above: sheet(widest),
            below: sheet(widest),
            transposed: vec![0.0; transposed.max().unwrap_or(0)],
            targets: logits.clone(),
            logit_gradient: logits.clone(),
            logits,
            gradient: vec![0.0; network.parameters.len()],
        }
    }
}

impl Network {
    /// The network that `arrays` hold, in the names and layout of PyTorch.
    pub(super) fn new(
        config: &MlpConfig,
        (n_features, n_classes): (usize, usize),
        arrays: &[NamedArray],
        level: Level,
    ) -> Self {
        let values = |name: String| {
            let array = arrays.iter().find(|array| array.name == name);
            array.map_or(&[][..], |array| &array.values)
        };
        let is_normalized = config.normalization == Normalization::Batch;
        let (mut layers, mut parameters, mut running) = (Vec::new(), Vec::new(), Vec::new());
        for (index, [n_in, n_out]) in config.layer_shapes(n_features, n_classes).into_iter().enumerate() {
            let layer = Linear {
                start: parameters.len(),
                n_in,
                n_out,
                is_single: index == config.hidden.len() && n_out == 1,
                is_normalized: is_normalized && index < config.hidden.len(),
            };
            parameters.resize(layer.scales().end, 0.0);
            for (at, value) in values(format!("layers.{index}.weight")).iter().enumerate() {
                parameters[layer.place(at / n_in, at % n_in)] = *value;
            }
            let mut fill = |range: std::ops::Range<usize>, name: String| {
                let values = values(name);
                parameters[range][..values.len()].copy_from_slice(values);
            };
            if layer.is_normalized {
                fill(layer.biases(), format!("norms.{index}.bias"));
                fill(layer.scales(), format!("norms.{index}.weight"));
                let statistic = |name: &str| {
                    let mut values = values(format!("norms.{index}.{name}")).to_vec();
                    values.resize(layer.stride(), 0.0);
                    values
                };
                running.push(Running {
                    mean: statistic("running_mean"),
                    variance: statistic("running_var"),
                });
            } else {
                fill(layer.biases(), format!("layers.{index}.bias"));
            }
            layers.push(layer);
        }
        parameters.resize(whole(parameters.len()), 0.0);
        Self {
            layers,
            activations: config.hidden.iter().map(|layer| layer.activation).collect(),
            dropout: config.dropout,
            parameters,
            running,
            level,
        }
    }

    /// The parameters without what pads, in the names and layout of PyTorch.
    pub(super) fn to_arrays(&self) -> Vec<NamedArray> {
        let mut arrays = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let places =
                (0..layer.n_out * layer.n_in).map(|at| layer.place(at / layer.n_in, at % layer.n_in));
            arrays.push(NamedArray {
                name: format!("layers.{index}.weight"),
                shape: vec![layer.n_out, layer.n_in],
                values: places.map(|place| self.parameters[place]).collect(),
            });
            let mut push = |name: String, padded: &[f32]| {
                arrays.push(NamedArray {
                    name,
                    shape: vec![layer.n_out],
                    values: padded[..layer.n_out].to_vec(),
                });
            };
            let biases = &self.parameters[layer.biases()];
            if layer.is_normalized {
                let running = &self.running[index];
                push(format!("norms.{index}.weight"), &self.parameters[layer.scales()]);
                push(format!("norms.{index}.bias"), biases);
                push(format!("norms.{index}.running_mean"), &running.mean);
                push(format!("norms.{index}.running_var"), &running.variance);
            } else {
                push(format!("layers.{index}.bias"), biases);
            }
        }
        arrays
    }

    pub(super) fn level(&self) -> Level {
        self.level
    }

    pub(super) fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    pub(super) fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// Whether all that it has learnt are numbers.
    pub(super) fn is_finite(&self) -> bool {
        self.parameters.iter().all(|weight| weight.is_finite()) && self.running.iter().all(Running::is_finite)
    }

    /// Moves the running statistics towards those of the last batch.
    pub(super) fn update_running(&mut self, work: &Workspace) {
        for (running, batch) in self.running.iter_mut().zip(&work.batches) {
            running.update(batch);
        }
    }

    fn n_features(&self) -> usize {
        self.layers[0].n_in
    }

    fn output(&self) -> Linear {
        self.layers[self.layers.len() - 1]
    }

    /// The number of logits of a row.
    pub(super) fn n_outputs(&self) -> usize {
        self.output().n_out
    }

    /// Fills the logits of the `rows` rows of `work.x`. With a generator, for training, units are dropped at random, normalised
    /// by the batch, and what the way back needs is kept.
    pub(super) fn forward(&self, rows: usize, work: &mut Workspace, mut training: Option<&mut ChaCha8Rng>) {
        for (index, (layer, activation)) in self.layers.iter().zip(&self.activations).enumerate() {
            let (below, here) = work.activations.split_at_mut(index);
            let input = below.last().unwrap_or(&work.x);
            let z = &mut here[0][..];
            let product = self.forward_product(layer, input, rows);
            multiply(self.level, product, z, layer.stride());
            if layer.is_normalized {
                let z = &mut z[..rows * layer.stride()];
                let (scale, shift) = (&self.parameters[layer.scales()], &self.parameters[layer.biases()]);
                let level = self.level.narrow();
                if training.is_some() {
                    normalize_batch(level, z, scale, shift, &mut work.batches[index]);
                } else {
                    normalize_running(level, z, scale, shift, &self.running[index]);
                }
            }
            let z = &mut z[..whole(rows * layer.stride())];
            let Some(rng) = &mut training else {
                activate(self.level, *activation, z);
                continue;
            };
            if !self.keeps_slope(*activation) {
                activate(self.level, *activation, z);
                continue;
            }
            let slope = &mut work.slopes[index][..z.len()];
            activate_with_slope(self.level, *activation, z, slope);
            if self.dropout > 0.0 {
                let mask = &mut work.above[..z.len()];
                for row in mask.chunks_mut(layer.stride()).take(rows) {
                    fill_dropout_mask(self.dropout, *rng, &mut row[..layer.n_out]);
                }
                multiply_elements(self.level, z, mask);
                multiply_elements(self.level, slope, mask);
            }
        }
        let output = self.output();
        let last = work.activations.last().unwrap_or(&work.x);
        if output.is_single {
            let last = &last[..rows * padded(output.n_in)];
            let bias = self.parameters[output.biases().start];
            let weights = &self.parameters[output.weights()];
            dot_rows(self.level.narrow(), last, weights, bias, &mut work.logits[..rows]);
        } else {
            let product = self.forward_product(&output, last, rows);
            multiply(self.level, product, &mut work.logits, output.stride());
        }
    }

    fn forward_product<'a>(&'a self, layer: &Linear, input: &'a [f32], rows: usize) -> Product<'a> {
        Product {
            a: input,
            a_stride: padded(layer.n_in),
            b: &self.parameters[layer.weights()],
            b_stride: layer.stride(),
            rows,
            depth: layer.n_in,
            columns: layer.stride(),
            start: if layer.is_normalized {
                Start::Zero
            } else {
                Start::Columns(&self.parameters[layer.biases()])
            },
        }
    }

    fn keeps_slope(&self, activation: Activation) -> bool {
        self.dropout > 0.0 || slope_from(activation) == SlopeFrom::Input
    }

    /// Fills the gradient of every parameter from the gradient at the logits of the last forward pass.
    pub(super) fn backward(&self, rows: usize, work: &mut Workspace) {
        let output = self.output();
        if output.is_single {
            let stride = padded(output.n_in);
            let last = work.activations.last().unwrap_or(&work.x);
            let (a, out) = (&last[..rows * stride], &mut work.above[..rows * stride]);
            let (weights, g) = (&self.parameters[output.weights()], &work.logit_gradient[..rows]);
            let sums = &mut work.gradient[output.weights()];
            outer_rows(self.level.narrow(), g, a, weights, out, sums);
            // What pads a layer answers the activation of 0, which may be other than 0.
            sums[output.n_in..].fill(0.0);
            work.gradient[output.biases().start] = g.iter().sum();
        } else {
            std::mem::swap(&mut work.above, &mut work.logit_gradient);
            self.linear_backward(self.layers.len() - 1, rows, work);
            // What came back lies in `above`, the gradient at the logits in `below`.
            std::mem::swap(&mut work.below, &mut work.logit_gradient);
        }
        for (index, activation) in self.activations.iter().enumerate().rev() {
            let length = whole(rows * self.layers[index].stride());
            let above = &mut work.above[..length];
            if self.keeps_slope(*activation) {
                multiply_elements(self.level, above, &work.slopes[index][..length]);
            } else {
                multiply_by_slope(self.level, *activation, &work.activations[index][..length], above);
            }
            let layer = &self.layers[index];
            if layer.is_normalized {
                let above = &mut work.above[..rows * layer.stride()];
                let scale = &self.parameters[layer.scales()];
                let gradient = &mut work.gradient[layer.biases().start..layer.scales().end];
                let (to_shift, to_scale) = gradient.split_at_mut(layer.stride());
                let level = self.level.narrow();
                normalize_backward(level, above, &work.batches[index], scale, to_scale, to_shift);
            }
            self.linear_backward(index, rows, work);
        }
    }

    /// From the gradient at the outputs of a layer, in `above`, to that of its parameters and, where there is a layer
    /// below, that at its inputs, which takes the place of `above`.
    fn linear_backward(&self, index: usize, rows: usize, work: &mut Workspace) {
        let layer = &self.layers[index];
        let (stride_in, stride) = (padded(layer.n_in), layer.stride());
        let input = match index {
            0 => &work.x,
            _ => &work.activations[index - 1],
        };
        let above = &work.above[..rows * stride];
        let product = Product {
            a: input,
            a_stride: stride_in,
            b: above,
            b_stride: stride,
            rows: layer.n_in,
            depth: rows,
            columns: stride,
            start: Start::Zero,
        };
        transposed_multiply(self.level, product, &mut work.gradient[layer.weights()], stride);
        if !layer.is_normalized {
            let biases = &mut work.gradient[layer.biases()];
            column_sums(self.level.narrow(), above, biases);
        }
        if index == 0 {
            if self.activations.is_empty() {
                std::mem::swap(&mut work.above, &mut work.below);
            }
            return;
        }
        let weights = &self.parameters[layer.weights()];
        for (output, row) in work
            .transposed
            .chunks_exact_mut(stride_in)
            .take(layer.n_out)
            .enumerate()
        {
            let (row, padding) = row.split_at_mut(layer.n_in);
            padding.fill(0.0);
            for (to, from) in row.iter_mut().zip(weights[output..].iter().step_by(stride)) {
                *to = *from;
            }
        }
        let product = Product {
            a: above,
            a_stride: stride,
            b: &work.transposed,
            b_stride: stride_in,
            rows,
            depth: layer.n_out,
            columns: stride_in,
            start: Start::Zero,
        };
        multiply(self.level, product, &mut work.below, stride_in);
        std::mem::swap(&mut work.above, &mut work.below);
    }
}
