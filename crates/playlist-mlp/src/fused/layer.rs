//! The network as one flat array of parameters, forward and backward by hand.

use super::kernel::{activate, multiply_add, multiply_transposed};
use crate::ensemble::simd::LANES;
use crate::{Activation, MlpConfig, NamedArray};

/// `width` rounded up to whole registers.
pub(super) const fn padded(width: usize) -> usize {
    width.div_ceil(LANES) * LANES
}

/// One hidden layer: where its parameters lie, its sizes, and its function.
struct Layer {
    /// Where the weights start, `[fan_in, fan_out]` padded; the biases follow.
    start: usize,
    n_in: usize,
    n_out: usize,
    activation: Activation,
}

impl Layer {
    fn n_weights(&self) -> usize {
        padded(self.n_in) * padded(self.n_out)
    }

    fn biases(&self) -> std::ops::Range<usize> {
        let start = self.start + self.n_weights();
        start..start + padded(self.n_out)
    }

    fn weights(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.n_weights()
    }
}

/// Hidden layers and one linear output. What pads is zero and stays so: padded units answer 0 with slope 0.
pub(super) struct Network {
    hidden: Vec<Layer>,
    /// Where the output's weights start, as many as the last layer is padded to; its bias follows.
    output: usize,
    n_last: usize,
    parameters: Vec<f32>,
}

/// Room for a batch.
pub(super) struct Workspace {
    activations: Vec<Vec<f32>>,
    slopes: Vec<Vec<f32>>,
    z: Vec<f32>,
    above: Vec<f32>,
    transposed: Vec<f32>,
    /// The logits of the last forward pass, in front.
    pub(super) logits: Vec<f32>,
    /// The gradient of the batch's loss at the logits, written between forward and backward.
    pub(super) logit_gradient: Vec<f32>,
    /// The gradient of every parameter, after a backward pass.
    pub(super) gradient: Vec<f32>,
}

impl Workspace {
    pub(super) fn new(network: &Network, rows: usize) -> Self {
        let widths = || network.hidden.iter().map(|layer| padded(layer.n_out));
        let widest = widths().max().unwrap_or(LANES);
        let sheets = || widths().map(|width| vec![0.0; rows * width]).collect();
        Self {
            activations: sheets(),
            slopes: sheets(),
            z: vec![0.0; rows * widest],
            above: vec![0.0; rows * widest],
            transposed: vec![0.0; widest * widest],
            logits: vec![0.0; rows],
            logit_gradient: vec![0.0; rows],
            gradient: vec![0.0; network.n_parameters()],
        }
    }
}

impl Network {
    /// The network that `arrays` hold, in the names and layout of PyTorch.
    pub(super) fn new(config: &MlpConfig, arrays: &[NamedArray]) -> Self {
        let array = |name: String| arrays.iter().find(|array| array.name == name);
        let values = |name: String| array(name).map_or(&[][..], |array| &array.values);
        let mut hidden = Vec::new();
        let mut parameters = Vec::new();
        for (index, layer) in config.hidden.iter().enumerate() {
            let weights = array(format!("layers.{index}.weight"));
            let n_in = weights.map_or(0, |array| array.shape[1]);
            let start = parameters.len();
            let (rows, stride) = (padded(n_in), padded(layer.width));
            parameters.resize(start + (rows + 1) * stride, 0.0);
            for (at, value) in weights.iter().flat_map(|array| &array.values).enumerate() {
                parameters[start + at % n_in * stride + at / n_in] = *value;
            }
            let biases = values(format!("layers.{index}.bias"));
            parameters[start + rows * stride..][..biases.len()].copy_from_slice(biases);
            hidden.push(Layer {
                start,
                n_in,
                n_out: layer.width,
                activation: layer.activation,
            });
        }
        let output = parameters.len();
        let n_last = config.hidden.last().map_or(0, |layer| layer.width);
        parameters.resize(output + padded(n_last) + 1, 0.0);
        let last = config.hidden.len();
        parameters[output..][..n_last].copy_from_slice(values(format!("layers.{last}.weight")));
        parameters[output + padded(n_last)..].copy_from_slice(values(format!("layers.{last}.bias")));
        Self {
            hidden,
            output,
            n_last,
            parameters,
        }
    }

    /// The parameters without what pads, in the names and layout of PyTorch.
    pub(super) fn to_arrays(&self) -> Vec<NamedArray> {
        let mut arrays = Vec::new();
        let mut push = |name: String, shape: Vec<usize>, values: Vec<f32>| {
            arrays.push(NamedArray { name, shape, values });
        };
        for (index, layer) in self.hidden.iter().enumerate() {
            let stride = padded(layer.n_out);
            let weights = &self.parameters[layer.weights()];
            let values = (0..layer.n_in * layer.n_out)
                .map(|at| weights[at % layer.n_in * stride + at / layer.n_in])
                .collect();
            push(
                format!("layers.{index}.weight"),
                vec![layer.n_out, layer.n_in],
                values,
            );
            let biases = self.parameters[layer.biases()][..layer.n_out].to_vec();
            push(format!("layers.{index}.bias"), vec![layer.n_out], biases);
        }
        let last = self.hidden.len();
        let weights = self.parameters[self.output..][..self.n_last].to_vec();
        push(format!("layers.{last}.weight"), vec![1, self.n_last], weights);
        let bias = self.parameters[self.output + padded(self.n_last)];
        push(format!("layers.{last}.bias"), vec![1], vec![bias]);
        arrays
    }

    pub(super) fn n_parameters(&self) -> usize {
        self.parameters.len()
    }

    pub(super) fn parameters_mut(&mut self) -> &mut [f32] {
        &mut self.parameters
    }

    /// Fills `work` with the activations and logits of `rows` rows of `x`, `[rows, padded features]`.
    pub(super) fn forward(&self, x: &[f32], rows: usize, work: &mut Workspace) {
        for (index, layer) in self.hidden.iter().enumerate() {
            let (stride_in, stride) = (padded(layer.n_in), padded(layer.n_out));
            let (below, from) = work.activations.split_at_mut(index);
            let input = below.last().map_or(x, |activation| activation);
            let z = &mut work.z[..rows * stride];
            for row in z.chunks_exact_mut(stride) {
                row.copy_from_slice(&self.parameters[layer.biases()]);
            }
            let input = &input[..rows * stride_in];
            multiply_add(input, &self.parameters[layer.weights()], z, stride_in, stride);
            let (a, slope) = (
                &mut from[0][..rows * stride],
                &mut work.slopes[index][..rows * stride],
            );
            activate(layer.activation, z, a, slope);
            if stride > layer.n_out {
                for (a, slope) in a.chunks_exact_mut(stride).zip(slope.chunks_exact_mut(stride)) {
                    a[layer.n_out..].fill(0.0);
                    slope[layer.n_out..].fill(0.0);
                }
            }
        }
        let stride = padded(self.n_last);
        let (weights, bias) = self.parameters[self.output..].split_at(stride);
        let last = work.activations.last().map_or(x, |activation| activation);
        for (logit, a) in work.logits[..rows].iter_mut().zip(last.chunks_exact(stride)) {
            *logit = bias[0] + dot(a, weights);
        }
    }

    /// Fills the gradient of every parameter from the gradient at the logits of the last forward pass.
    pub(super) fn backward(&self, x: &[f32], rows: usize, work: &mut Workspace) {
        let stride = padded(self.n_last);
        let weights = &self.parameters[self.output..][..stride];
        let (gradient, bias_gradient) = work.gradient[self.output..].split_at_mut(stride);
        gradient.fill(0.0);
        bias_gradient[0] = work.logit_gradient[..rows].iter().sum();
        let last = work.activations.last().map_or(x, |activation| activation);
        let above = work.above.chunks_exact_mut(stride);
        for ((g, a), above) in work.logit_gradient[..rows]
            .iter()
            .zip(last.chunks_exact(stride))
            .zip(above)
        {
            for i in 0..stride {
                gradient[i] += g * a[i];
                above[i] = g * weights[i];
            }
        }
        for (index, layer) in self.hidden.iter().enumerate().rev() {
            self.layer_backward(index, layer, x, rows, work);
        }
    }

    fn layer_backward(&self, index: usize, layer: &Layer, x: &[f32], rows: usize, work: &mut Workspace) {
        let (stride_in, stride) = (padded(layer.n_in), padded(layer.n_out));
        let above = &mut work.above[..rows * stride];
        for (g, slope) in above.iter_mut().zip(&work.slopes[index]) {
            *g *= slope;
        }
        let input = match index {
            0 => x,
            _ => &work.activations[index - 1],
        };
        let input = &input[..rows * stride_in];
        let gradient = &mut work.gradient[layer.weights()];
        multiply_transposed(input, above, gradient, stride_in, stride);
        let biases = &mut work.gradient[layer.biases()];
        biases.fill(0.0);
        for row in above.chunks_exact(stride) {
            for (bias, g) in biases.iter_mut().zip(row) {
                *bias += g;
            }
        }
        if index == 0 {
            return;
        }
        let transposed = &mut work.transposed[..stride * stride_in];
        for (row, weights) in self.parameters[layer.weights()].chunks_exact(stride).enumerate() {
            for (column, weight) in weights.iter().enumerate() {
                transposed[column * stride_in + row] = *weight;
            }
        }
        let below = &mut work.z[..rows * stride_in];
        below.fill(0.0);
        multiply_add(above, transposed, below, stride, stride_in);
        std::mem::swap(&mut work.above, &mut work.z);
    }
}

/// The sum of products, in one fixed order.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for i in 0..LANES {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum()
}
