//! What the paper tried (its sections 4, 5, 7, 8 and 10), one change at a time.

use playlist_core::AudioFeature;
use playlist_mlp::{Activation, Loss, MlpConfig, OptimizerConfig, TrainingConfig};

/// The epochs after which the paper looked (section 7; 30 is its default).
pub const PAPER_EPOCHS: [usize; 5] = [30, 100, 200, 350, 500];

/// The epochs of the paper's result.
pub const RESULT_EPOCHS: usize = 350;

/// The paper's network, or one change to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Variation {
    /// The name, unique among the variations.
    pub name: String,
    /// The section of the paper.
    pub section: &'static str,
    /// The layers.
    pub network: MlpConfig,
    /// The training, for the result's epochs.
    pub training: TrainingConfig,
    /// The features left out.
    pub dropped: Vec<AudioFeature>,
}

impl Variation {
    /// The paper's network as it stands.
    pub const PAPER: &'static str = "paper";

    fn new(section: &'static str, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            section,
            network: MlpConfig::paper(),
            training: TrainingConfig::default().with_epochs(RESULT_EPOCHS),
            dropped: Vec::new(),
        }
    }

    /// The paper's network.
    #[must_use]
    pub fn paper() -> Self {
        Self::new("4, 5", Self::PAPER)
    }

    fn with_network(mut self, network: MlpConfig) -> Self {
        self.network = network;
        self
    }

    fn with_training(mut self, change: impl FnOnce(TrainingConfig) -> TrainingConfig) -> Self {
        self.training = change(self.training);
        self
    }

    fn without(mut self, features: &[AudioFeature]) -> Self {
        self.dropped = features.to_vec();
        self
    }

    /// Every variation, the paper's network first. The number of epochs and the threshold are no variations: every run
    /// is looked at after several epochs and at both thresholds.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::paper()];
        for width in [64, 128] {
            let network = MlpConfig::paper_second_layer(width);
            all.push(Self::new("4", format!("second layer {width}")).with_network(network));
        }
        for depth in [4, 5] {
            let network = MlpConfig::paper_depth(depth);
            all.push(Self::new("4, 8", format!("{depth} layers")).with_network(network));
        }
        for activation in Activation::ALL {
            let network = MlpConfig::paper().with_activation(activation);
            all.push(Self::new("8", format!("all {activation}")).with_network(network));
        }
        for (name, dropout) in [("batch norm", 0.0), ("batch norm, dropout 0.2", 0.2)] {
            let network = MlpConfig::paper_batch_norm(dropout);
            all.push(Self::new("4, 8", name).with_network(network));
        }
        let mse = |training: TrainingConfig| training.with_loss(Loss::MeanSquaredError);
        all.push(Self::new("5, 8", "MSE").with_training(mse));
        for rate in [1e-3, 0.1] {
            let sgd = |training: TrainingConfig| {
                training
                    .with_optimizer(OptimizerConfig::sgd())
                    .with_learning_rate(rate)
            };
            all.push(Self::new("5, 8", format!("SGD, rate {rate}")).with_training(sgd));
        }
        for rate in [1e-4, 1e-2, 0.1] {
            let change = |training: TrainingConfig| training.with_learning_rate(rate);
            all.push(Self::new("8", format!("rate {rate}")).with_training(change));
        }
        for feature in AudioFeature::PAPER {
            all.push(Self::new("10", format!("without {feature}")).without(&[feature]));
        }
        let two = [AudioFeature::TimeSignature, AudioFeature::DurationMs];
        all.push(Self::new("10", "without time_signature and duration_ms").without(&two));
        all
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_differ_and_each_is_another_run() {
        let all = Variation::all();
        let names: BTreeSet<&str> = all.iter().map(|variation| variation.name.as_str()).collect();
        assert_eq!(names.len(), all.len());
        for (index, one) in all.iter().enumerate() {
            let same = |other: &&Variation| {
                (&other.network, &other.training, &other.dropped)
                    == (&one.network, &one.training, &one.dropped)
            };
            assert_eq!(all[..index].iter().find(same), None, "{}", one.name);
            assert!(one.network.validate().is_ok() && one.training.validate().is_ok());
        }
    }
}
