//! The network itself: a Burn module on any device.

use burn::module::{Module, Param, RunningState};
use burn::nn::{BatchNorm, BatchNormConfig, Linear};
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;

use crate::random::{Stream, fill_dropout_mask, generator, uniform};
use crate::{HiddenLayer, Initialization, MlpConfig, Normalization, Result};

/// A feed-forward network: hidden layers (linear, normalisation, activation, dropout) and a linear output
/// of logits.
///
/// Made by [`MlpConfig::init`]. The activations are part of the configuration; the module holds the
/// parameters.
#[derive(Module, Debug)]
pub struct Mlp {
    /// Every linear layer, first to last; the last gives the logits.
    layers: Vec<Linear>,
    /// Batch normalisation after each hidden layer; empty without.
    norms: Vec<BatchNorm>,
    #[module(skip)]
    hidden: Vec<HiddenLayer>,
    #[module(skip)]
    dropout: f64,
}

/// One named array of a network's state, row-major, in PyTorch's layout.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedArray {
    /// `layers.0.weight`, `norms.1.running_mean`, ...: the keys of PyTorch's `state_dict`.
    pub name: String,
    /// The shape; a linear weight is `[fan_out, fan_in]`.
    pub shape: Vec<usize>,
    /// The values.
    pub values: Vec<f32>,
}

impl MlpConfig {
    /// Makes the untrained network on `device`.
    ///
    /// The weights come from `seed` alone: they are the same on every device.
    ///
    /// # Errors
    /// As [`MlpConfig::validate`].
    pub fn init(&self, n_features: usize, n_classes: usize, seed: u64, device: &Device) -> Result<Mlp> {
        self.validate()?;
        let mut rng = generator(seed, Stream::Weights);
        let shapes = self.layer_shapes(n_features, n_classes).into_iter().enumerate();
        let layers = shapes
            .map(|(index, shape)| self.init_linear(shape, self.has_bias(index), &mut rng, device))
            .collect();
        Ok(self.assemble(layers, device))
    }

    /// Whether the linear layer `index` has a bias: not before a batch normalisation, which would subtract it
    /// again. Its gradient would be rounding noise, and Adam would walk at random by it.
    fn has_bias(&self, index: usize) -> bool {
        self.normalization == Normalization::None || index == self.hidden.len()
    }

    fn init_linear(
        &self,
        [fan_in, fan_out]: [usize; 2],
        has_bias: bool,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Linear {
        let fan_in_bound = 1.0 / (fan_in as f64).sqrt();
        let (bound, bias_bound) = match self.initialization {
            Initialization::PytorchLinear => (fan_in_bound, fan_in_bound),
            Initialization::GlorotUniform => ((6.0 / (fan_in + fan_out) as f64).sqrt(), 0.0),
        };
        let weight = Param::from_tensor(uniform([fan_in, fan_out], bound, rng, device));
        let bias = has_bias.then(|| Param::from_tensor(uniform([fan_out], bias_bound, rng, device)));
        Linear { weight, bias }
    }

    fn assemble(&self, layers: Vec<Linear>, device: &Device) -> Mlp {
        let norms = match self.normalization {
            Normalization::None => Vec::new(),
            Normalization::Batch => {
                let widths = self.hidden.iter().map(|layer| layer.width);
                widths
                    .map(|width| BatchNormConfig::new(width).init(device))
                    .collect()
            }
        };
        Mlp {
            layers,
            norms,
            hidden: self.hidden.clone(),
            dropout: self.dropout,
        }
    }
}

impl Mlp {
    /// The logits of a batch.
    ///
    /// # Shapes
    /// `x` is `[n_samples, n_features]`; the result `[n_samples, n_outputs]`, with one output for two
    /// classes.
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.forward_training(x, &[])
    }

    /// As [`Mlp::forward`], with the answers of the hidden layers times `masks`, one a layer or none. On an autodiff device
    /// batch normalisation uses and updates the batch's statistics.
    pub(crate) fn forward_training(&self, mut x: Tensor<2>, masks: &[Tensor<2>]) -> Tensor<2> {
        for (index, (layer, hidden)) in self.layers.iter().zip(&self.hidden).enumerate() {
            x = layer.forward(x); // [n_samples, width]
            if let Some(norm) = self.norms.get(index) {
                x = norm.forward(x);
            }
            x = hidden.activation.forward(x);
            if let Some(mask) = masks.get(index) {
                x = x * mask.clone();
            }
        }
        let last = self.layers.len() - 1;
        self.layers[last].forward(x) // [n_samples, n_outputs]
    }

    /// Every parameter and running statistic, in PyTorch's names and layout.
    #[must_use]
    pub fn to_arrays(&self) -> Vec<NamedArray> {
        let array = |name: String, shape: Vec<usize>, data: TensorData| NamedArray {
            name,
            shape,
            values: data.convert::<f32>().try_to_vec::<f32>().unwrap_or_default(),
        };
        let mut arrays = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let weight = layer.weight.val().transpose(); // [fan_out, fan_in]
            let shape = weight.dims().to_vec();
            arrays.push(array(format!("layers.{index}.weight"), shape, weight.into_data()));
            if let Some(bias) = &layer.bias {
                let bias = bias.val();
                arrays.push(array(
                    format!("layers.{index}.bias"),
                    bias.dims().to_vec(),
                    bias.into_data(),
                ));
            }
        }
        for (index, norm) in self.norms.iter().enumerate() {
            for (name, tensor) in [
                ("weight", norm.gamma.val()),
                ("bias", norm.beta.val()),
                ("running_mean", norm.running_mean.value_sync()),
                ("running_var", norm.running_var.value_sync()),
            ] {
                let shape = tensor.dims().to_vec();
                arrays.push(array(format!("norms.{index}.{name}"), shape, tensor.into_data()));
            }
        }
        arrays
    }

    /// Rebuilds a network from [`Mlp::to_arrays`].
    ///
    /// # Errors
    /// A sentence saying which array is missing, unexpected, of another shape or not finite.
    pub(crate) fn from_arrays(
        config: &MlpConfig,
        n_features: usize,
        n_classes: usize,
        arrays: &[NamedArray],
        device: &Device,
    ) -> Result<Self, String> {
        let find = |name: String, shape: &[usize]| find_array(arrays, &name, shape);
        let mut layers = Vec::new();
        let shapes = config.layer_shapes(n_features, n_classes);
        for (index, [fan_in, fan_out]) in shapes.into_iter().enumerate() {
            let weight = find(format!("layers.{index}.weight"), &[fan_out, fan_in])?;
            let weight = Tensor::<2>::from_data(TensorData::new(weight, [fan_out, fan_in]), device);
            let bias = if config.has_bias(index) {
                let bias = find(format!("layers.{index}.bias"), &[fan_out])?;
                let bias = Tensor::<1>::from_data(TensorData::new(bias, [fan_out]), device);
                Some(Param::from_tensor(bias))
            } else {
                None
            };
            layers.push(Linear {
                weight: Param::from_tensor(weight.transpose()),
                bias,
            });
        }
        let mut model = config.assemble(layers, device);
        for (index, norm) in model.norms.iter_mut().enumerate() {
            let width = config.hidden[index].width;
            let tensor = |name: &str| -> Result<Tensor<1>, String> {
                let values = find(format!("norms.{index}.{name}"), &[width])?;
                Ok(Tensor::from_data(TensorData::new(values, [width]), device))
            };
            norm.gamma = Param::from_tensor(tensor("weight")?);
            norm.beta = Param::from_tensor(tensor("bias")?);
            norm.running_mean = RunningState::new(tensor("running_mean")?);
            norm.running_var = RunningState::new(tensor("running_var")?);
        }
        let n_biases = model.layers.iter().filter(|layer| layer.bias.is_some()).count();
        let expected = model.layers.len() + n_biases + 4 * model.norms.len();
        if arrays.len() != expected {
            return Err(format!("expected {expected} arrays, found {}", arrays.len()));
        }
        Ok(model)
    }
}

/// The masks of one epoch, on the device.
pub(crate) struct DropoutMasks(Vec<Tensor<2>>);

impl DropoutMasks {
    /// Draws the masks of all batches, layer by layer within each, and copies them at once. Empty without dropout.
    pub(crate) fn draw(
        model: &Mlp,
        n_samples: usize,
        batch_size: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        if model.dropout == 0.0 {
            return Self(Vec::new());
        }
        let widths = || model.hidden.iter().map(|layer| layer.width);
        let mut masks: Vec<Vec<f32>> = widths().map(|width| vec![0.0; n_samples * width]).collect();
        for start in (0..n_samples).step_by(batch_size) {
            let end = (start + batch_size).min(n_samples);
            for (mask, width) in masks.iter_mut().zip(widths()) {
                fill_dropout_mask(model.dropout, rng, &mut mask[start * width..end * width]);
            }
        }
        let tensors = masks.into_iter().zip(widths());
        Self(
            tensors
                .map(|(mask, width)| Tensor::from_data(TensorData::new(mask, [n_samples, width]), device))
                .collect(),
        )
    }

    /// The masks of some rows, as the autodiff device takes them.
    pub(crate) fn rows(&self, range: std::ops::Range<usize>) -> Vec<Tensor<2>> {
        let masks = self.0.iter();
        masks
            .map(|mask| Tensor::from_inner(mask.clone().slice([range.clone()])))
            .collect()
    }
}

/// The values of the array of that name, checked.
pub(crate) fn find_array(arrays: &[NamedArray], name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
    let array = arrays
        .iter()
        .find(|array| array.name == name)
        .ok_or_else(|| format!("array `{name}` is missing"))?;
    if array.shape != shape {
        return Err(format!(
            "array `{name}` has shape {:?}: expected {shape:?}",
            array.shape
        ));
    }
    if array.values.iter().any(|value| !value.is_finite()) {
        return Err(format!("array `{name}` holds a value that is not finite"));
    }
    Ok(array.values.clone())
}
