//! The fitted ensemble and its predictions.

use burn::tensor::{Tensor, TensorData};
use playlist_core::{Classifier, FeatureMatrix, Probabilities};

use super::calibration::{Calibration, log_softmax};
use super::encoding::Encoder;
use super::kernel::KernelMachine;
use super::member::{NetworkShape, predict};
use super::training::probabilities;
use super::{EnsembleConfig, EnsembleNetwork};
use crate::{Backend, Result};

/// Probabilities below this count as this in a geometric mean, so that no single opinion can be final.
const LEAST: f32 = 1e-7;

/// A fitted ensemble: networks, kernel machines, and what joins them.
#[derive(Clone, Debug, PartialEq)]
pub struct Ensemble {
    pub(crate) config: EnsembleConfig,
    pub(crate) columns: Vec<String>,
    pub(crate) class_names: Vec<String>,
    pub(crate) encoder: Encoder,
    pub(crate) shape: NetworkShape,
    /// The parameters of every network.
    pub(crate) members: Vec<Vec<f32>>,
    pub(crate) machines: Vec<KernelMachine>,
    /// The weight and the calibration of each scale of the machines.
    pub(crate) scales: Vec<(f64, Calibration)>,
    pub(crate) was_interrupted: bool,
    pub(crate) out_of_fold: Option<Probabilities>,
}

/// How far the networks of an ensemble are apart on one track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least probability that a network gives.
    pub lowest: f32,
    /// The greatest.
    pub highest: f32,
    /// The standard deviation over the networks.
    pub deviation: f32,
}

impl Ensemble {
    /// The settings that it was fitted with.
    #[must_use]
    pub const fn config(&self) -> &EnsembleConfig {
        &self.config
    }

    /// The number of networks.
    #[must_use]
    pub fn n_members(&self) -> usize {
        self.members.len()
    }

    /// Whether the training of the networks was stopped before its end.
    #[must_use]
    pub const fn was_interrupted(&self) -> bool {
        self.was_interrupted
    }

    /// The probabilities of the training rows by the parts of the ensemble that had not seen them: for choosing
    /// a threshold. `None` in a model that was loaded.
    #[must_use]
    pub const fn out_of_fold(&self) -> Option<&Probabilities> {
        self.out_of_fold.as_ref()
    }

    /// The probabilities that each network alone gives, one entry a network.
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`].
    pub fn predict_members(&self, x: &FeatureMatrix) -> Result<Vec<Probabilities>> {
        self.check_input(x)?;
        let n_classes = self.class_names.len();
        let all = self.member_probabilities(x);
        let each = all
            .into_iter()
            .map(|p| Ok(Probabilities::multi_class(n_classes, p)?));
        each.collect()
    }

    /// How far the networks are apart in the probability of `class` on each row of `x`, `[n_samples]`.
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`].
    ///
    /// # Panics
    /// When `class` is out of range.
    pub fn spread(&self, x: &FeatureMatrix, class: usize) -> Result<Vec<Spread>> {
        assert!(
            class < self.class_names.len(),
            "class {class} of {}",
            self.class_names.len()
        );
        let members = self.predict_members(x)?;
        let rows = (0..x.n_samples()).map(|row| {
            let p = members.iter().map(|member| member.get(row, class));
            let n = members.len() as f32;
            let mean = p.clone().sum::<f32>() / n;
            Spread {
                lowest: p.clone().fold(1.0, f32::min),
                highest: p.clone().fold(0.0, f32::max),
                deviation: (p.map(|p| (p - mean).powi(2)).sum::<f32>() / n).sqrt(),
            }
        });
        Ok(rows.collect())
    }

    /// All networks as one Burn module on the device of `backend`.
    ///
    /// # Errors
    /// Those of [`Backend::device`].
    pub fn network(&self, backend: Backend) -> Result<EnsembleNetwork> {
        Ok(EnsembleNetwork::new(
            &self.shape,
            &self.members,
            &backend.device()?,
        ))
    }

    /// Rows of `x` as [`EnsembleNetwork::forward`] takes them, `[n_samples, n_inputs]`, on the device of
    /// `backend`.
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`]; those of [`Backend::device`].
    pub fn network_rows(&self, x: &FeatureMatrix, backend: Backend) -> Result<Tensor<2>> {
        self.check_input(x)?;
        let rows: Vec<u32> = (0..x.n_samples() as u32).collect();
        let values = self.encoder.network_input(x).dense(&self.shape.n_bins, &rows);
        let data = TensorData::new(values, [x.n_samples(), self.shape.n_inputs()]);
        Ok(Tensor::from_data(data, &backend.device()?))
    }

    /// The logits that each network gives on the CPU engine, `[n_members, n_samples, n_outputs]`, row-major.
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`].
    pub fn predict_member_logits(&self, x: &FeatureMatrix) -> Result<Vec<f32>> {
        self.check_input(x)?;
        Ok(self.member_logits(x).concat())
    }

    fn member_logits(&self, x: &FeatureMatrix) -> Vec<Vec<f32>> {
        let input = self.encoder.network_input(x);
        let rows: Vec<u32> = (0..x.n_samples() as u32).collect();
        let each = self
            .members
            .iter()
            .map(|p| predict(&self.shape, p, &input, &rows));
        each.collect()
    }

    /// `[n_samples, n_classes]` of each network.
    fn member_probabilities(&self, x: &FeatureMatrix) -> Vec<Vec<f32>> {
        let each = self.member_logits(x).into_iter().map(|logits| {
            logits
                .chunks_exact(self.shape.n_outputs)
                .flat_map(probabilities)
                .collect()
        });
        each.collect()
    }

    /// The mean of the networks' probabilities, `[n_samples, n_classes]`.
    fn network_probabilities(&self, x: &FeatureMatrix) -> Vec<f32> {
        mean(
            &self.member_probabilities(x),
            x.n_samples() * self.class_names.len(),
        )
    }

    /// The weighted mean of the machines' calibrated probabilities, `[n_samples, n_classes]`.
    fn kernel_probabilities(&self, x: &FeatureMatrix) -> Vec<f32> {
        let coordinates = self.encoder.coordinates(x);
        let size = x.n_samples() * self.class_names.len();
        let mut sums: Vec<Vec<f32>> = vec![vec![0.0; size]; self.scales.len()];
        for machine in &self.machines {
            for (sum, scores) in sums.iter_mut().zip(machine.scores(&coordinates, x.n_samples())) {
                for (sum, score) in sum.iter_mut().zip(scores) {
                    *sum += score / self.machines.len() as f32;
                }
            }
        }
        blend_scales(&self.scales, &sums, self.class_names.len())
    }
}

/// The mean of equally long rows of numbers; `size` zeros of none.
pub(crate) fn mean(all: &[Vec<f32>], size: usize) -> Vec<f32> {
    let mut mean = vec![0.0; size];
    for values in all {
        for (mean, value) in mean.iter_mut().zip(values) {
            *mean += value / all.len() as f32;
        }
    }
    mean
}

/// Calibrates the scores of each scale, `[n_samples, n_classes]`, and takes their weighted mean.
pub(crate) fn blend_scales(scales: &[(f64, Calibration)], scores: &[Vec<f32>], n_classes: usize) -> Vec<f32> {
    let size = scores.first().map_or(0, Vec::len);
    let mut blend = vec![0.0_f64; size];
    for ((weight, calibration), scores) in scales.iter().zip(scores) {
        for (blend, scores) in blend
            .chunks_exact_mut(n_classes)
            .zip(scores.chunks_exact(n_classes))
        {
            for (blend, log_p) in blend.iter_mut().zip(calibration.log_probabilities(scores)) {
                *blend += weight * log_p.exp();
            }
        }
    }
    blend.into_iter().map(|p| p as f32).collect()
}

/// The weighted geometric mean of two opinions, `[n_samples, n_classes]` each, as probabilities.
pub(crate) fn join(network: &[f32], kernel: &[f32], network_share: f32, n_classes: usize) -> Vec<f32> {
    let share = f64::from(network_share);
    let log = |p: f32| f64::from(p.max(LEAST)).ln();
    let rows = network
        .chunks_exact(n_classes)
        .zip(kernel.chunks_exact(n_classes));
    let joined = rows.flat_map(|(network, kernel)| {
        let both = network.iter().zip(kernel);
        let logits = both.map(|(network, kernel)| share * log(*network) + (1.0 - share) * log(*kernel));
        log_softmax(logits.collect())
    });
    joined.map(|log_p| log_p.exp() as f32).collect()
}

impl Classifier for Ensemble {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn predict_proba(&self, x: &FeatureMatrix) -> playlist_core::Result<Probabilities> {
        self.check_input(x)?;
        let n_classes = self.class_names.len();
        let (network, kernel) = (self.network_probabilities(x), self.kernel_probabilities(x));
        let p = join(&network, &kernel, self.config.network_share, n_classes);
        Probabilities::multi_class(n_classes, p)
    }
}
