//! One network of the ensemble on the CPU engine: its parameters in one flat array, forward and backward
//! derived by hand.

use super::encoding::NetworkInput;
use super::forward::Predictor;
use super::simd::{
    LANES, MaskGenerator, Shape, View, fill_mask, multiply_add, multiply_transposed, smooth_relu,
};
use crate::lanes::{Level, on_lanes, plain_madd};

/// The sizes of a network. Parameters lie in this order: for each layer its weights, `[inputs, outputs]`, and
/// biases; the weights of the last layer are `[outputs, inputs]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NetworkShape {
    pub n_bins: Vec<usize>,
    pub n_codes: usize,
    /// Units a hidden layer, a multiple of 16.
    pub width: usize,
    pub n_hidden: usize,
    /// Logits: one for two classes, else one a class.
    pub n_outputs: usize,
}

/// One run of parameters: where it starts, how many there are, and the inputs that each unit sums over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Segment {
    pub start: usize,
    pub len: usize,
    pub fan_in: usize,
    pub is_bias: bool,
}

impl Segment {
    pub(crate) fn of(self, values: &[f32]) -> &[f32] {
        &values[self.start..self.start + self.len]
    }

    pub(crate) fn of_mut(self, values: &mut [f32]) -> &mut [f32] {
        &mut values[self.start..self.start + self.len]
    }
}

impl NetworkShape {
    /// Bins of all quantities.
    pub(crate) fn n_bins_total(&self) -> usize {
        self.n_bins.iter().sum()
    }

    /// Inputs of the first layer.
    pub(crate) fn n_inputs(&self) -> usize {
        self.n_bins_total() + self.n_codes
    }

    /// Weights and biases of every layer, by turns.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        let mut segments = Vec::with_capacity(2 * self.n_hidden + 2);
        let mut start = 0;
        for layer in 0..=self.n_hidden {
            let fan_in = if layer == 0 { self.n_inputs() } else { self.width };
            let outputs = if layer == self.n_hidden {
                self.n_outputs
            } else {
                self.width
            };
            for (len, is_bias) in [(fan_in * outputs, false), (outputs, true)] {
                segments.push(Segment {
                    start,
                    len,
                    fan_in,
                    is_bias,
                });
                start += len;
            }
        }
        segments
    }

    pub(crate) fn n_parameters(&self) -> usize {
        self.segments()
            .last()
            .map_or(0, |segment| segment.start + segment.len)
    }
}

/// Room for a batch: activations, slopes, gradients.
pub(crate) struct Workspace {
    /// For each bin the sum of the weights of the bins before it, less that at the middle bin.
    sums: Vec<f32>,
    z: Vec<f32>,
    activations: Vec<Vec<f32>>,
    slopes: Vec<Vec<f32>>,
    mask: Vec<f32>,
    transposed: Vec<f32>,
    g: Vec<f32>,
    g_below: Vec<f32>,
    /// `[rows, n_outputs]` after a forward pass.
    pub logits: Vec<f32>,
}

/// Hidden units that are dropped at random.
pub(crate) struct Dropout<'a> {
    pub generator: &'a mut MaskGenerator,
    pub rate: f32,
}

impl Workspace {
    pub(crate) fn new(shape: &NetworkShape, rows: usize) -> Self {
        let size = rows * shape.width;
        Self {
            sums: vec![0.0; shape.n_inputs() * shape.width],
            z: vec![0.0; size],
            activations: vec![vec![0.0; size]; shape.n_hidden],
            slopes: vec![vec![0.0; size]; shape.n_hidden],
            mask: vec![0.0; size],
            transposed: vec![0.0; shape.width * shape.width],
            g: vec![0.0; size],
            g_below: vec![0.0; size],
            logits: vec![0.0; rows * shape.n_outputs],
        }
    }
}

/// The logits of `rows`, `[rows.len(), n_outputs]`.
pub(crate) fn predict(shape: &NetworkShape, p: &[f32], input: &NetworkInput, rows: &[u32]) -> Vec<f32> {
    Predictor::new(shape, p).logits(input, rows)
}

/// Fills `sums` for parameters `p`. A row's first layer is then one sum and one weight a quantity, instead of
/// one product a bin.
pub(crate) fn prefix_sums(shape: &NetworkShape, p: &[f32], sums: &mut [f32]) {
    let width = shape.width;
    let mut start = 0;
    for &n in &shape.n_bins {
        let weights = &p[start..start + n * width];
        let block = &mut sums[start..start + n * width];
        block[..width].fill(0.0);
        for bin in 1..n {
            let (before, here) = block.split_at_mut(bin * width);
            let before = &before[(bin - 1) * width..];
            let weight = &weights[(bin - 1) * width..];
            for i in 0..width {
                here[i] = before[i] + weight[i];
            }
        }
        let middle = block[n / 2 * width..][..width].to_vec();
        for here in block.chunks_exact_mut(width) {
            for (value, middle) in here.iter_mut().zip(&middle) {
                *value -= middle;
            }
        }
        start += n * width;
    }
}

/// As `prefix_sums`, into a workspace.
pub(crate) fn prepare(shape: &NetworkShape, p: &[f32], work: &mut Workspace) {
    prefix_sums(shape, p, &mut work.sums);
}

/// Logits of `rows` into `work.logits`; `work` was prepared with the same parameters.
pub(crate) fn forward(
    shape: &NetworkShape,
    p: &[f32],
    input: &NetworkInput,
    rows: &[u32],
    work: &mut Workspace,
    mut dropout: Option<Dropout<'_>>,
) {
    let (width, n) = (shape.width, rows.len() * shape.width);
    let segments = shape.segments();
    first_layer(Level::best(), shape, p, input, rows, &work.sums, &mut work.z);
    for layer in 0..shape.n_hidden {
        if layer > 0 {
            let (weights, biases) = (segments[2 * layer].of(p), segments[2 * layer + 1].of(p));
            for row in work.z[..n].chunks_exact_mut(width) {
                row.copy_from_slice(biases);
            }
            let a = View {
                values: &work.activations[layer - 1],
                stride: width,
            };
            let b = View {
                values: weights,
                stride: width,
            };
            multiply_add(
                a,
                b,
                &mut work.z,
                width,
                Shape {
                    m: rows.len(),
                    k: width,
                    n: width,
                },
                1.0,
            );
        }
        let (a, slope) = (&mut work.activations[layer][..n], &mut work.slopes[layer][..n]);
        smooth_relu(Level::best(), &work.z[..n], a, slope);
        if let Some(dropout) = dropout.as_mut().filter(|dropout| dropout.rate > 0.0) {
            fill_mask(dropout.generator, dropout.rate, &mut work.mask[..n]);
            for ((a, slope), factor) in a.iter_mut().zip(slope).zip(&work.mask) {
                *a *= factor;
                *slope *= factor;
            }
        }
    }
    let (weights, biases) = (
        segments[2 * shape.n_hidden].of(p),
        segments[2 * shape.n_hidden + 1].of(p),
    );
    let last = &work.activations[shape.n_hidden - 1][..n];
    for (row, logits) in last
        .chunks_exact(width)
        .zip(work.logits.chunks_exact_mut(shape.n_outputs))
    {
        for ((logit, weight), bias) in logits.iter_mut().zip(weights.chunks_exact(width)).zip(biases) {
            *logit = bias + dot(row, weight);
        }
    }
}

/// The sum of products, in sixteen partial sums.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for i in 0..LANES {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum()
}

on_lanes! {
    fn first_layer[](_simd, shape: &'a NetworkShape, p: &'a [f32], input: &'a NetworkInput, rows: &'a [u32], sums: &'a [f32], z: &'a mut [f32]) {
        let width = shape.width;
        let codes_start = shape.n_bins_total() * width;
        let biases = &p[shape.n_inputs() * width..][..width];
        for (z, &row) in z.chunks_exact_mut(width).zip(rows) {
            z.copy_from_slice(biases);
            let row = row as usize;
            let mut start = 0;
            for (quantity, n) in shape.n_bins.iter().enumerate() {
                let at = row * input.n_quantities + quantity;
                let (offset, share) = (start + usize::from(input.bins[at]) * width, input.shares[at]);
                let (sum, weight) = (&sums[offset..][..width], &p[offset..][..width]);
                for i in 0..width {
                    z[i] += plain_madd::<FUSED>(share, weight[i], sum[i]);
                }
                start += n * width;
            }
            for (code, weight) in input.codes[row * input.n_codes..][..input.n_codes]
                .iter()
                .zip(p[codes_start..].chunks_exact(width))
            {
                for i in 0..width {
                    z[i] = plain_madd::<FUSED>(*code, weight[i], z[i]);
                }
            }
        }
    }
}

/// The gradient of every parameter into `gradient`, from that of the logits of the last forward pass,
/// `[rows.len(), n_outputs]`.
pub(crate) fn backward(
    shape: &NetworkShape,
    p: &[f32],
    input: &NetworkInput,
    rows: &[u32],
    work: &mut Workspace,
    at_logits: &[f32],
    gradient: &mut [f32],
) {
    let (width, n) = (shape.width, rows.len() * shape.width);
    let segments = shape.segments();
    last_layer_backward(shape, p, work, at_logits, gradient);
    for layer in (0..shape.n_hidden).rev() {
        for (g, slope) in work.g[..n].iter_mut().zip(&work.slopes[layer]) {
            *g *= slope;
        }
        let biases = segments[2 * layer + 1].of_mut(gradient);
        biases.fill(0.0);
        for row in work.g[..n].chunks_exact(width) {
            for (sum, g) in biases.iter_mut().zip(row) {
                *sum += g;
            }
        }
        if layer > 0 {
            let below = &work.activations[layer - 1];
            let sizes = Shape {
                m: width,
                k: rows.len(),
                n: width,
            };
            multiply_transposed(below, &work.g, segments[2 * layer].of_mut(gradient), sizes);
            transpose(segments[2 * layer].of(p), width, &mut work.transposed);
            work.g_below[..n].fill(0.0);
            let a = View {
                values: &work.g,
                stride: width,
            };
            let b = View {
                values: &work.transposed,
                stride: width,
            };
            multiply_add(
                a,
                b,
                &mut work.g_below,
                width,
                Shape {
                    m: rows.len(),
                    k: width,
                    n: width,
                },
                1.0,
            );
            std::mem::swap(&mut work.g, &mut work.g_below);
        }
    }
    first_layer_backward(
        Level::best(),
        shape,
        input,
        rows,
        &work.g,
        &mut work.sums,
        gradient,
    );
    suffix_sums(shape, &work.sums, gradient);
}

fn last_layer_backward(
    shape: &NetworkShape,
    p: &[f32],
    work: &mut Workspace,
    at_logits: &[f32],
    gradient: &mut [f32],
) {
    let width = shape.width;
    let segments = shape.segments();
    let weights = segments[2 * shape.n_hidden].of(p);
    let (start, end) = (
        segments[2 * shape.n_hidden].start,
        segments[2 * shape.n_hidden + 1].start,
    );
    let (g_weights, g_biases) = gradient[start..].split_at_mut(end - start);
    g_weights.fill(0.0);
    g_biases.fill(0.0);
    let last = &work.activations[shape.n_hidden - 1];
    let rows = at_logits.chunks_exact(shape.n_outputs);
    for ((at_logits, a), g) in rows
        .zip(last.chunks_exact(width))
        .zip(work.g.chunks_exact_mut(width))
    {
        g.fill(0.0);
        for (output, &slope) in at_logits.iter().enumerate() {
            g_biases[output] += slope;
            let weight = &weights[output * width..][..width];
            let g_weight = &mut g_weights[output * width..][..width];
            for i in 0..width {
                g[i] += slope * weight[i];
                g_weight[i] += slope * a[i];
            }
        }
    }
}

fn transpose(square: &[f32], width: usize, transposed: &mut [f32]) {
    for (row, values) in square.chunks_exact(width).enumerate() {
        for (column, value) in values.iter().enumerate() {
            transposed[column * width + row] = *value;
        }
    }
}

on_lanes! {
    /// Sums, for each bin, the gradients of the rows in it into `sums`, and those weighted with their shares
    /// into `gradient`.
    fn first_layer_backward[](_simd, shape: &'a NetworkShape, input: &'a NetworkInput, rows: &'a [u32], g: &'a [f32], sums: &'a mut [f32], gradient: &'a mut [f32]) {
        let width = shape.width;
        let codes_start = shape.n_bins_total() * width;
        gradient[..shape.n_inputs() * width].fill(0.0);
        sums[..codes_start].fill(0.0);
        for (g, &row) in g.chunks_exact(width).zip(rows) {
            let row = row as usize;
            let mut start = 0;
            for (quantity, n) in shape.n_bins.iter().enumerate() {
                let at = row * input.n_quantities + quantity;
                let (offset, share) = (start + usize::from(input.bins[at]) * width, input.shares[at]);
                let (sum, slope) = (&mut sums[offset..][..width], &mut gradient[offset..][..width]);
                for i in 0..width {
                    sum[i] += g[i];
                    slope[i] = plain_madd::<FUSED>(share, g[i], slope[i]);
                }
                start += n * width;
            }
            let codes = &input.codes[row * input.n_codes..][..input.n_codes];
            for (code, slope) in codes.iter().zip(gradient[codes_start..].chunks_exact_mut(width)) {
                for i in 0..width {
                    slope[i] = plain_madd::<FUSED>(*code, g[i], slope[i]);
                }
            }
        }
    }
}

/// Turns sums a bin into gradients of the weights: bin j's weight stands in the sums of all bins above it, and
/// with a minus in those of every row when j lies below the middle bin.
fn suffix_sums(shape: &NetworkShape, sums: &[f32], gradient: &mut [f32]) {
    let width = shape.width;
    let mut start = 0;
    let (mut above, mut total) = (vec![0.0_f32; width], vec![0.0_f32; width]);
    for &n in &shape.n_bins {
        let block = &sums[start..start + n * width];
        above.fill(0.0);
        total.fill(0.0);
        for sum in block.chunks_exact(width) {
            for i in 0..width {
                total[i] += sum[i];
            }
        }
        for bin in (0..n).rev() {
            let sum = &block[bin * width..][..width];
            let slope = &mut gradient[start + bin * width..][..width];
            let below_middle = bin < n / 2;
            for i in 0..width {
                slope[i] += above[i] - if below_middle { total[i] } else { 0.0 };
                above[i] += sum[i];
            }
        }
        start += n * width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> NetworkShape {
        NetworkShape {
            n_bins: vec![4, 3],
            n_codes: 2,
            width: 16,
            n_hidden: 2,
            n_outputs: 3,
        }
    }

    fn input() -> NetworkInput {
        NetworkInput {
            n_samples: 5,
            n_quantities: 2,
            n_codes: 2,
            bins: vec![0, 2, 1, 0, 3, 1, 2, 2, 0, 0],
            shares: vec![-0.5, 0.2, 0.7, 0.1, 1.5, 0.4, 0.3, 2.0, 0.9, -1.0],
            codes: vec![1.0, 0.0, -1.0, 0.5, 0.3, 0.2, 0.0, 1.0, 1.0, 1.0],
        }
    }

    fn parameters(shape: &NetworkShape) -> Vec<f32> {
        (0..shape.n_parameters())
            .map(|i| ((i * 37 % 101) as f32 / 101.0 - 0.5) * 0.6)
            .collect()
    }

    /// The first layer by bins agrees with the product with dense rows.
    #[test]
    fn bins_and_dense_rows_give_the_same_first_layer() {
        let (shape, input) = (shape(), input());
        let p = parameters(&shape);
        let rows = [0, 1, 2, 3, 4];
        let mut work = Workspace::new(&shape, 5);
        prepare(&shape, &p, &mut work);
        let mut z = vec![0.0; 5 * 16];
        first_layer(Level::best(), &shape, &p, &input, &rows, &work.sums, &mut z);
        let dense = input.dense(&shape.n_bins, &rows);
        for row in 0..5 {
            for unit in 0..16 {
                let products = (0..9).map(|j| dense[row * 9 + j] * p[j * 16 + unit]);
                let expected = products.sum::<f32>() + p[9 * 16 + unit];
                // Sums of ten terms below one.
                assert!((z[row * 16 + unit] - expected).abs() < 1e-6);
            }
        }
    }

    /// Widths of one, two and three registers; one and three hidden layers; numbers of rows that no tile divides.
    #[test]
    fn prediction_agrees_with_the_forward_pass_of_the_training() {
        let input = input();
        for (width, n_hidden, n_rows) in [(16, 1, 5), (32, 3, 3), (48, 2, 4), (96, 2, 1)] {
            let shape = NetworkShape {
                width,
                n_hidden,
                ..shape()
            };
            let p = parameters(&shape);
            let rows: Vec<u32> = (0..n_rows).rev().collect();
            let mut work = Workspace::new(&shape, rows.len());
            prepare(&shape, &p, &mut work);
            forward(&shape, &p, &input, &rows, &mut work, None);
            let found = predict(&shape, &p, &input, &rows);
            assert_eq!(found.len(), rows.len() * 3);
            for (found, expected) in found.iter().zip(&work.logits) {
                // Sums of a hundred products in another order, layer by layer.
                assert!(
                    (found - expected).abs() < 1e-5 * (1.0 + expected.abs()),
                    "{found} {expected}"
                );
            }
        }
    }

    /// The loss here is the weighted sum of the logits, so the gradient at the logits is the weights.
    #[test]
    fn gradients_agree_with_difference_quotients() {
        let (shape, input) = (shape(), input());
        let mut p = parameters(&shape);
        let rows = [0, 1, 2, 3, 4];
        let weights: Vec<f32> = (0..15).map(|i| (i % 4) as f32 - 1.5).collect();
        let mut work = Workspace::new(&shape, 5);
        let mut gradient = vec![0.0; p.len()];
        prepare(&shape, &p, &mut work);
        forward(&shape, &p, &input, &rows, &mut work, None);
        backward(&shape, &p, &input, &rows, &mut work, &weights, &mut gradient);
        let loss = |p: &[f32]| -> f64 {
            let logits = predict(&shape, p, &input, &rows);
            logits.iter().zip(&weights).map(|(z, w)| f64::from(z * w)).sum()
        };
        for at in (0..p.len()).step_by(7) {
            let kept = p[at];
            p[at] = kept + 1e-2;
            let up = loss(&p);
            p[at] = kept - 1e-2;
            let down = loss(&p);
            p[at] = kept;
            let quotient = (up - down) / 2e-2;
            // Rounding of f32 sums over 1e-2, and the third derivative.
            assert!(
                (quotient - f64::from(gradient[at])).abs() < 5e-3,
                "{at}: {quotient} {}",
                gradient[at]
            );
        }
    }
}
