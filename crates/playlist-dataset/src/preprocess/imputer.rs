//! What stands in for missing values.

use playlist_core::{AudioFeature, Error, FeatureMatrix, Result};
use serde::{Deserialize, Serialize};

use super::encoder::Encoder;
use super::quantile::quantile;

/// What happens to missing values.
///
/// A quantity gets the median of the training part, a code (key, mode, time signature) its most frequent
/// value there, the smallest of equally frequent ones. A key on circles or in flags and a time signature
/// in flags need no stand-in: unknown is zero in each of their columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Imputation {
    /// A stand-in, and a column `NAME_missing` (1 where the value was missing, else 0) for each column
    /// of which the training part misses some values but not all. A column that misses values only
    /// later gets its stand-in without such an indicator.
    #[default]
    WithIndicators,
    /// A stand-in alone: the number of columns does not depend on what is missing.
    WithoutIndicators,
    /// None: a missing value is an error, in training and later.
    Refuse,
}

/// What was learnt of one input column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filling {
    /// The stand-in, `None` when the training part has no value at all.
    pub(super) value: Option<f32>,
    /// Whether the training part misses any value.
    pub(super) had_missing: bool,
}

impl Filling {
    /// Learns from the column of `x` at `source`.
    pub(super) fn fit(x: &FeatureMatrix, source: usize, feature: Option<AudioFeature>) -> Self {
        let mut present: Vec<f32> = x
            .column(source)
            .flatten()
            .filter(|value| !is_missing(feature, *value))
            .collect();
        present.sort_unstable_by(f32::total_cmp);
        let value = if present.is_empty() {
            None
        } else if feature.is_some_and(AudioFeature::is_categorical) {
            most_frequent(&present)
        } else {
            Some(quantile(&present, 1, 2) as f32)
        };
        Self {
            value,
            had_missing: present.len() < x.n_samples(),
        }
    }

    /// Whether the column gets an indicator. One that is all missing does not: it would be constant.
    pub(super) fn has_indicator(&self, imputation: Imputation) -> bool {
        imputation == Imputation::WithIndicators && self.had_missing && self.value.is_some()
    }
}

/// What happens to the values of one input column, worked out once for all rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) feature: Option<AudioFeature>,
    pub(super) encoder: Encoder,
    pub(super) filling: Filling,
    pub(super) refuses_missing: bool,
    /// The first of the output columns and one past the last.
    pub(super) outputs: std::ops::Range<usize>,
    /// The output column that says whether the value was missing.
    pub(super) indicator: Option<usize>,
}

impl Step {
    /// Writes the imputed and encoded `value`, NaN for a missing one, into the zeros of `output`.
    pub(super) fn write(&self, value: f32, output: &mut [f32]) -> Result<(), Refusal> {
        let Some(stand_in) = self.filling.value else {
            // The training part has no value of this column: no model can have learnt from it.
            return Ok(());
        };
        let columns = self.outputs.clone();
        if !is_missing(self.feature, value) {
            return (self.encoder.write(value, &mut output[columns]))
                .map_err(|expected| Refusal::OutOfRange { value, expected });
        }
        if self.refuses_missing {
            return Err(Refusal::Missing);
        }
        if let Some(indicator) = self.indicator {
            output[indicator] = 1.0;
        }
        if self.encoder == Encoder::Number {
            output[columns.start] = stand_in;
        }
        Ok(())
    }
}

/// Why a value is refused, before row and column are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Refusal {
    Missing,
    OutOfRange { value: f32, expected: &'static str },
}

impl Refusal {
    pub(super) fn at(self, row: usize, column: &str) -> Error {
        let column = column.to_owned();
        match self {
            Self::Missing => Error::MissingValue { row, column },
            Self::OutOfRange { value, expected } => Error::ValueOutOfRange {
                row,
                column,
                value,
                expected,
            },
        }
    }
}

/// NaN is missing everywhere, and so are the codes that Spotify has for "not known".
pub(super) fn is_missing(feature: Option<AudioFeature>, value: f32) -> bool {
    value.is_nan() || feature.is_some_and(|feature| feature.is_missing(value))
}

/// The most frequent of sorted values, the smallest of equally frequent ones.
fn most_frequent(sorted: &[f32]) -> Option<f32> {
    let mut best: Option<&[f32]> = None;
    for run in sorted.chunk_by(|a, b| a == b) {
        if best.is_none_or(|best| run.len() > best.len()) {
            best = Some(run);
        }
    }
    best.map(|run| run[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: f32 = f32::NAN;

    fn filling(values: &[f32], feature: Option<AudioFeature>) -> Filling {
        let x = FeatureMatrix::new(["a"], values.to_vec()).unwrap();
        Filling::fit(&x, 0, feature)
    }

    #[test]
    fn quantities_get_the_median() {
        let tempo = filling(&[100.0, NONE, 90.0, 140.0, 120.0], Some(AudioFeature::Tempo));
        assert_eq!(tempo.value, Some(110.0));
        assert!(tempo.had_missing);
        assert!(!filling(&[1.0, 2.0], None).had_missing);
    }

    #[test]
    fn codes_get_the_smallest_of_the_most_frequent_values() {
        let key = filling(&[7.0, 9.0, 9.0, 2.0, 7.0, NONE], Some(AudioFeature::Key));
        assert_eq!(key.value, Some(7.0));
    }

    #[test]
    fn codes_for_unknown_are_missing() {
        let key = filling(&[-1.0, -1.0, 5.0], Some(AudioFeature::Key));
        assert_eq!((key.value, key.had_missing), (Some(5.0), true));
        // A column of the user's own has no such code.
        assert_eq!(filling(&[-1.0, -1.0, 5.0], None).value, Some(-1.0));
    }

    #[test]
    fn a_column_without_values_has_no_stand_in_and_no_indicator() {
        let empty = filling(&[NONE, NONE], None);
        assert_eq!(empty.value, None);
        assert!(!empty.has_indicator(Imputation::WithIndicators));
    }
}
