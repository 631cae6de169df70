//! Where each input column goes: worked out from settings and stand-ins, never saved.

use playlist_core::{AudioFeature, FeatureMatrix, Result};

use super::config::{PreprocessorConfig, check_unique};
use super::encoder::Encoder;
use super::imputer::{Filling, Imputation, Step, is_missing};
use super::method::ScalingMethod;
use super::statistics::Columns;

/// The audio feature of each input column, `None` for a column of the user's own.
pub(super) fn audio_features(names: &[String]) -> Vec<Option<AudioFeature>> {
    let exact = |name: &String| {
        AudioFeature::ALL
            .into_iter()
            .find(|feature| feature.column() == name)
    };
    names.iter().map(exact).collect()
}

/// The steps of all input columns and the columns that they make.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    steps: Vec<Step>,
    output_columns: Vec<String>,
    /// The output columns that are scaled.
    scaled: Vec<usize>,
}

impl Layout {
    /// One filling a feature of `config`. Encoded columns come in the order of the features, then the
    /// indicators.
    pub(super) fn new(config: &PreprocessorConfig, fillings: &[Filling]) -> Result<Self> {
        let mut steps = Vec::with_capacity(fillings.len());
        let mut output_columns = Vec::new();
        let mut scaled = Vec::new();
        let features = audio_features(&config.features);
        for ((name, feature), filling) in config.features.iter().zip(features).zip(fillings) {
            let encoder = Encoder::of(feature, config.key, config.time_signature);
            let start = output_columns.len();
            output_columns.extend(encoder.output_columns(name));
            if is_scaled(encoder, feature, config.scaling) {
                scaled.push(start);
            }
            steps.push(Step {
                feature,
                encoder,
                filling: *filling,
                refuses_missing: config.imputation == Imputation::Refuse,
                outputs: start..output_columns.len(),
                indicator: None,
            });
        }
        for (name, step) in config.features.iter().zip(&mut steps) {
            if step.filling.has_indicator(config.imputation) {
                step.indicator = Some(output_columns.len());
                output_columns.push(format!("{name}_missing"));
            }
        }
        check_unique(&output_columns)?;
        Ok(Self {
            steps,
            output_columns,
            scaled,
        })
    }

    pub(super) fn output_columns(&self) -> &[String] {
        &self.output_columns
    }

    pub(super) fn scaled(&self) -> Columns<'_> {
        Columns {
            width: self.output_columns.len(),
            positions: &self.scaled,
        }
    }

    pub(super) fn scaled_names(&self) -> Vec<String> {
        (self.scaled.iter())
            .map(|position| self.output_columns[*position].clone())
            .collect()
    }

    /// The imputed and encoded values of `x`, row-major, `[n_samples, n_output]`.
    pub(super) fn encode(&self, x: &FeatureMatrix, inputs: &[String]) -> Result<Vec<f32>> {
        let sources: Vec<usize> = inputs
            .iter()
            .map(|name| x.column_index(name))
            .collect::<Result<_>>()?;
        let width = self.output_columns.len();
        if let Some(encoded) = self.copied(x, &sources) {
            return Ok(encoded);
        }
        let values = x.to_nan_values();
        let mut encoded = vec![0.0; x.n_samples() * width];
        let rows = values
            .chunks_exact(x.n_features())
            .zip(encoded.chunks_exact_mut(width));
        for (row, (input, output)) in rows.enumerate() {
            for (column, (step, source)) in self.steps.iter().zip(&sources).enumerate() {
                step.write(input[*source], output)
                    .map_err(|refusal| refusal.at(row, &inputs[column]))?;
            }
        }
        Ok(encoded)
    }
}

impl Layout {
    /// The values of `x` from the columns `sources`, where each is a number that stays as it is; `None` where one needs more.
    fn copied(&self, x: &FeatureMatrix, sources: &[usize]) -> Option<Vec<f32>> {
        let width = self.output_columns.len();
        let is_plain = |step: &Step| step.encoder == Encoder::Number && step.filling.value.is_some();
        if x.n_missing() > 0 || width != sources.len() || !self.steps.iter().all(is_plain) {
            return None;
        }
        let mut copied = vec![0.0; x.n_samples() * width];
        for (step, source) in self.steps.iter().zip(sources) {
            let mut has_missing = false;
            let inputs = x.values().iter().skip(*source).step_by(x.n_features());
            let outputs = copied.iter_mut().skip(step.outputs.start).step_by(width);
            for (input, output) in inputs.zip(outputs) {
                *output = *input;
                has_missing |= is_missing(step.feature, *input);
            }
            if has_missing {
                return None;
            }
        }
        Some(copied)
    }
}

/// Numbers are scaled, flags and circles are not. Quantile-normal scaling would move the two values of
/// the mode to ±5.2, as far as a value can go, and leaves it alone as TabM does with all binary features.
fn is_scaled(encoder: Encoder, feature: Option<AudioFeature>, scaling: ScalingMethod) -> bool {
    let pushed_apart = scaling == ScalingMethod::QuantileNormal && feature == Some(AudioFeature::Mode);
    encoder == Encoder::Number && !pushed_apart
}
