//! Settings of a network: its layers, not its training.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{Tensor, activation};
use playlist_core::Error as CoreError;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The function after a hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x` above zero, `0.01 x` below.
    LeakyRelu,
    /// `x` above zero, `exp(x) - 1` below.
    Elu,
    /// `x Φ(x)`, exact.
    Gelu,
    /// `x sigmoid(x)`.
    Silu,
    /// `x tanh(ln(1 + exp(x)))`.
    Mish,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// Every activation.
    pub const ALL: [Self; 8] = [
        Self::Relu,
        Self::LeakyRelu,
        Self::Elu,
        Self::Gelu,
        Self::Silu,
        Self::Mish,
        Self::Sigmoid,
        Self::Tanh,
    ];

    /// The name, as in saved files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::LeakyRelu => "leaky-relu",
            Self::Elu => "elu",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::Mish => "mish",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
        }
    }

    /// Applies the function to every element.
    #[must_use]
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Relu => activation::relu(x),
            Self::LeakyRelu => activation::leaky_relu(x, 0.01),
            Self::Elu => activation::elu(x, 1.0),
            Self::Gelu => activation::gelu(x),
            Self::Silu => activation::silu(x),
            Self::Mish => activation::mish(x),
            Self::Sigmoid => activation::sigmoid(x),
            Self::Tanh => activation::tanh(x),
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Activation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|activation| activation.name() == name)
            .ok_or_else(|| Error::UnknownActivation {
                name: name.to_owned(),
                expected: Self::ALL.map(|activation| format!("`{activation}`")).join(", "),
            })
    }
}

/// What stands between a hidden layer and its activation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalization {
    /// Nothing.
    #[default]
    None,
    /// Batch normalisation, epsilon 1e-5, momentum 0.1. The linear layer before it has no bias.
    Batch,
}

/// How weights start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Initialization {
    /// Weights and biases uniform in ±1/sqrt(fan_in): the rule of PyTorch's `Linear`, which the paper used.
    #[default]
    PytorchLinear,
    /// Weights uniform in ±sqrt(6/(fan_in + fan_out)), biases zero (Glorot and Bengio 2010).
    GlorotUniform,
}

/// One hidden layer: linear, normalisation, activation, dropout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiddenLayer {
    /// The number of units.
    pub width: usize,
    /// The function after it.
    pub activation: Activation,
}

/// The shape of a feed-forward network. [`MlpConfig::init`] makes the untrained
/// [`Mlp`](crate::Mlp).
///
/// Two classes give one output, the logit of the positive class, whose sigmoid is the prediction; more
/// classes give one logit each and softmax.
///
/// # Examples
/// ```
/// use playlist_mlp::{Activation, HiddenLayer, MlpConfig};
///
/// let paper = MlpConfig::paper();
/// assert_eq!(paper.hidden[0], HiddenLayer { width: 36, activation: Activation::Relu });
/// assert_eq!(paper.hidden[1], HiddenLayer { width: 36, activation: Activation::Sigmoid });
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// The hidden layers, first to last. None at all gives a linear model.
    pub hidden: Vec<HiddenLayer>,
    /// Normalisation after every hidden linear layer.
    pub normalization: Normalization,
    /// The share of hidden units set to zero in training, in [0, 1).
    pub dropout: f64,
    /// How weights start.
    pub initialization: Initialization,
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self::paper()
    }
}

impl MlpConfig {
    /// Hidden layers of these widths, all with one activation; no normalisation, no dropout.
    #[must_use]
    pub fn new(widths: &[usize], activation: Activation) -> Self {
        Self {
            hidden: widths
                .iter()
                .map(|width| HiddenLayer {
                    width: *width,
                    activation,
                })
                .collect(),
            normalization: Normalization::None,
            dropout: 0.0,
            initialization: Initialization::PytorchLinear,
        }
    }

    /// The paper's network: 36 units with ReLU, 36 with sigmoid, one output (section 4).
    #[must_use]
    pub fn paper() -> Self {
        Self::paper_second_layer(36)
    }

    /// The paper's network with another second layer; it tried 36, 64 and 128 (section 4).
    #[must_use]
    pub fn paper_second_layer(width: usize) -> Self {
        let mut config = Self::new(&[36, width], Activation::Relu);
        config.hidden[1].activation = Activation::Sigmoid;
        config
    }

    /// The paper's network with `n_layers` linear layers; it tried 3, 4 and 5 (section 8). All hidden
    /// layers have 36 units, the last of them sigmoid, the others ReLU.
    #[must_use]
    pub fn paper_depth(n_layers: usize) -> Self {
        let mut config = Self::new(&vec![36; n_layers.saturating_sub(1)], Activation::Relu);
        if let Some(last) = config.hidden.last_mut() {
            last.activation = Activation::Sigmoid;
        }
        config
    }

    /// The paper's richer network: batch normalisation after each hidden linear layer, with dropout
    /// (or 0 for none; section 4).
    #[must_use]
    pub fn paper_batch_norm(dropout: f64) -> Self {
        Self::paper()
            .with_normalization(Normalization::Batch)
            .with_dropout(dropout)
    }

    /// The same with other hidden layers.
    #[must_use]
    pub fn with_hidden(mut self, hidden: Vec<HiddenLayer>) -> Self {
        self.hidden = hidden;
        self
    }

    /// The same with one activation for every hidden layer.
    #[must_use]
    pub fn with_activation(mut self, activation: Activation) -> Self {
        for layer in &mut self.hidden {
            layer.activation = activation;
        }
        self
    }

    /// The same with another normalisation.
    #[must_use]
    pub fn with_normalization(mut self, normalization: Normalization) -> Self {
        self.normalization = normalization;
        self
    }

    /// The same with another share of dropped units, in [0, 1).
    #[must_use]
    pub fn with_dropout(mut self, dropout: f64) -> Self {
        self.dropout = dropout;
        self
    }

    /// The same with another start of the weights.
    #[must_use]
    pub fn with_initialization(mut self, initialization: Initialization) -> Self {
        self.initialization = initialization;
        self
    }

    /// The number of outputs for `n_classes` classes: 1 for two, else one each.
    #[must_use]
    pub const fn n_outputs(n_classes: usize) -> usize {
        if n_classes == 2 { 1 } else { n_classes }
    }

    /// The `[fan_in, fan_out]` of every linear layer, first to last.
    pub(crate) fn layer_shapes(&self, n_features: usize, n_classes: usize) -> Vec<[usize; 2]> {
        let mut shapes = Vec::with_capacity(self.hidden.len() + 1);
        let mut fan_in = n_features;
        for layer in &self.hidden {
            shapes.push([fan_in, layer.width]);
            fan_in = layer.width;
        }
        shapes.push([fan_in, Self::n_outputs(n_classes)]);
        shapes
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`playlist_core::Error::InvalidSetting`] on a width of 0 or above 65,536, more than 64 layers, or
    /// a dropout outside [0, 1).
    pub fn validate(&self) -> Result<()> {
        let invalid = |field, value: String, expected| {
            Err(Error::Core(CoreError::InvalidSetting {
                field,
                value,
                expected,
            }))
        };
        if let Some(layer) = self
            .hidden
            .iter()
            .find(|layer| !(1..=65_536).contains(&layer.width))
        {
            return invalid("width", layer.width.to_string(), "1 to 65536 units");
        }
        if self.hidden.len() > 64 {
            return invalid(
                "hidden",
                self.hidden.len().to_string(),
                "at most 64 hidden layers",
            );
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return invalid("dropout", self.dropout.to_string(), "a share in [0, 1)");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_the_papers_shapes() {
        assert_eq!(
            MlpConfig::paper().layer_shapes(12, 2),
            [[12, 36], [36, 36], [36, 1]]
        );
        assert_eq!(
            MlpConfig::paper_second_layer(128).layer_shapes(12, 2)[1],
            [36, 128]
        );
        assert_eq!(MlpConfig::paper_depth(5).layer_shapes(12, 2).len(), 5);
        assert_eq!(MlpConfig::paper_depth(1).layer_shapes(12, 2), [[12, 1]]);
        assert_eq!(MlpConfig::paper().layer_shapes(12, 7)[2], [36, 7]);
    }

    #[test]
    fn settings_out_of_range_name_the_field() {
        for (config, name) in [
            (MlpConfig::paper_second_layer(0), "width"),
            (MlpConfig::paper().with_dropout(1.0), "dropout"),
            (MlpConfig::paper().with_dropout(f64::NAN), "dropout"),
            (MlpConfig::paper_depth(99), "hidden"),
        ] {
            assert!(matches!(
                config.validate(),
                Err(Error::Core(CoreError::InvalidSetting { field, .. })) if field == name
            ));
        }
    }

    #[test]
    fn activation_names_round_trip() {
        for activation in Activation::ALL {
            assert_eq!(activation.name().parse::<Activation>().unwrap(), activation);
            assert_eq!(serde_json::to_value(activation).unwrap(), activation.name());
        }
        assert!(matches!(
            "swish".parse::<Activation>(),
            Err(Error::UnknownActivation { .. })
        ));
    }
}
