//! The networks of an ensemble as one Burn module: every layer of all of them is one batched product.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::member::{NetworkShape, Segment};
use crate::Result;
use crate::burn_steps::read_values;

/// All networks of an ensemble on one device.
///
/// Made by [`Ensemble::network`](super::Ensemble::network). Its forward pass gives what the CPU engine gives,
/// within rounding: see `tests/backend_parity.rs`.
#[derive(Module, Debug)]
pub struct EnsembleNetwork {
    /// One a layer, `[n_members, inputs, outputs]`.
    weights: Vec<Param<Tensor<3>>>,
    /// One a layer, `[n_members, 1, outputs]`.
    biases: Vec<Param<Tensor<3>>>,
}

impl EnsembleNetwork {
    /// From the flat parameters of each network.
    pub(crate) fn new(shape: &NetworkShape, members: &[Vec<f32>], device: &Device) -> Self {
        let segments = shape.segments();
        let layers = 0..=shape.n_hidden;
        let tensor = |segment: &Segment, sizes: [usize; 3]| {
            let values: Vec<f32> = members.iter().flat_map(|p| segment.of(p)).copied().collect();
            Tensor::<3>::from_data(TensorData::new(values, sizes), device)
        };
        let n = members.len();
        let weights = layers.clone().map(|layer| {
            let segment = &segments[2 * layer];
            let outputs = segment.len / segment.fan_in;
            let weight = if layer == shape.n_hidden {
                tensor(segment, [n, outputs, segment.fan_in]).swap_dims(1, 2)
            } else {
                tensor(segment, [n, segment.fan_in, outputs])
            };
            Param::from_tensor(weight)
        });
        let biases = layers.map(|layer| {
            let segment = &segments[2 * layer + 1];
            Param::from_tensor(tensor(segment, [n, 1, segment.len]))
        });
        Self {
            weights: weights.collect(),
            biases: biases.collect(),
        }
    }

    /// The flat parameters of each network: the inverse of [`EnsembleNetwork::new`].
    pub(crate) fn to_members(&self, backend: crate::Backend) -> Result<Vec<Vec<f32>>> {
        let n = self.biases[0].val().dims()[0];
        let mut members = vec![Vec::new(); n];
        let last = self.weights.len() - 1;
        for (layer, (weight, bias)) in self.weights.iter().zip(&self.biases).enumerate() {
            let weight = weight.val();
            let weight = if layer == last {
                weight.swap_dims(1, 2)
            } else {
                weight
            };
            for values in [read_values(weight, backend)?, read_values(bias.val(), backend)?] {
                for (member, values) in members.iter_mut().zip(values.chunks_exact(values.len() / n)) {
                    member.extend_from_slice(values);
                }
            }
        }
        Ok(members)
    }

    /// The logits of every network for the same rows.
    ///
    /// # Shapes
    /// `x` is `[n_samples, n_inputs]`, as [`Ensemble::network_rows`](super::Ensemble::network_rows) encodes
    /// them; the result `[n_members, n_samples, n_outputs]`, with one output for two classes.
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<3> {
        let [n_samples, n_inputs] = x.dims();
        let n_members = self.biases[0].val().dims()[0];
        let x = x
            .reshape([1, n_samples, n_inputs])
            .expand([n_members, n_samples, n_inputs]);
        self.forward_each(x, &[])
    }

    /// The logits of each network for rows of its own, `[n_members, rows, n_inputs]`, with one dropout mask a
    /// hidden layer, `[n_members, rows, width]`, or none.
    pub(crate) fn forward_each(&self, mut x: Tensor<3>, masks: &[Tensor<3>]) -> Tensor<3> {
        let last = self.weights.len() - 1;
        for (layer, (weight, bias)) in self.weights.iter().zip(&self.biases).enumerate() {
            x = x.matmul(weight.val()) + bias.val(); // [n_members, rows, outputs]
            if layer < last {
                x = smooth_relu(x);
                if let Some(mask) = masks.get(layer) {
                    x = x * mask.clone();
                }
            }
        }
        x
    }

    /// The parameters, layer by layer: weight, then bias.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Param<Tensor<3>>> {
        self.weights
            .iter()
            .zip(&self.biases)
            .flat_map(|(weight, bias)| [weight, bias])
    }

    /// Replaces the parameters, in the order of [`EnsembleNetwork::parameters`].
    pub(crate) fn with_parameters(parameters: Vec<Tensor<3>>) -> Self {
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for (at, tensor) in parameters.into_iter().enumerate() {
            let list = if at % 2 == 0 { &mut weights } else { &mut biases };
            list.push(Param::from_tensor(tensor));
        }
        Self { weights, biases }
    }
}

/// 0 below -1, z above 1, and the parabola (z + 1)^2 / 4 between.
fn smooth_relu(z: Tensor<3>) -> Tensor<3> {
    let half = (z.clone().clamp(-1.0, 1.0) + 1.0) * 0.5;
    half.clone() * half + activation::relu(z - 1.0)
}
