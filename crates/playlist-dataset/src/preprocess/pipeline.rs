//! The whole way from features to numbers.

use playlist_core::{Error, FeatureMatrix, Result, Transformer};
use serde::{Deserialize, Serialize};

use super::config::PreprocessorConfig;
use super::imputer::{Filling, Imputation, is_missing};
use super::layout::{Layout, audio_features};
use super::scaler::FeatureScaler;

/// The version of the saved form, compared when it is read.
const FORMAT_VERSION: u32 = 1;

/// Selects columns by name, imputes, encodes and scales, all by the statistics of the training part.
///
/// Serialised with its settings, stand-ins and scaler; reading checks that they fit each other and gives
/// the same preprocessor to the bit.
///
/// A column without any value in the training part cannot be used: it is zero in every row, later ones
/// with a value included, and has no indicator. [`Preprocessor::unusable_columns`] names such columns, so
/// that a caller can report them.
///
/// # Examples
/// ```
/// use playlist_core::{FeatureMatrix, Transformer};
/// use playlist_dataset::{Preprocessor, PreprocessorConfig};
///
/// let train = FeatureMatrix::new(["tempo", "energy"], vec![80.0, 0.1, 120.0, 0.5, 160.0, 0.9])?;
/// let preprocessor = PreprocessorConfig::paper().with_features(["energy", "tempo"]).fit(&train)?;
/// assert_eq!(preprocessor.transform(&train)?.row(1), [0.5, 0.5]);
///
/// let saved = serde_json::to_string(&preprocessor).expect("a preprocessor is plain data");
/// let read: Preprocessor = serde_json::from_str(&saved).expect("it was written by the line above");
/// assert_eq!(read, preprocessor);
/// # Ok::<(), playlist_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PreprocessorRecord", into = "PreprocessorRecord")]
pub struct Preprocessor {
    config: PreprocessorConfig,
    fillings: Vec<Filling>,
    scaler: FeatureScaler,
    layout: Layout,
}

/// A [`Preprocessor`] as it is saved; the layout follows from the rest.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PreprocessorRecord {
    format_version: u32,
    config: PreprocessorConfig,
    fillings: Vec<Filling>,
    scaler: FeatureScaler,
}

impl Preprocessor {
    /// The settings that it was fitted with.
    #[must_use]
    pub const fn config(&self) -> &PreprocessorConfig {
        &self.config
    }

    /// The scaler of the columns that are scaled.
    #[must_use]
    pub const fn scaler(&self) -> &FeatureScaler {
        &self.scaler
    }

    /// The input columns of which the training part misses at least one value.
    #[must_use]
    pub fn columns_with_missing(&self) -> Vec<&str> {
        self.inputs_where(|filling| filling.had_missing)
    }

    /// The input columns of which the training part has no value: zero in every row.
    #[must_use]
    pub fn unusable_columns(&self) -> Vec<&str> {
        self.inputs_where(|filling| filling.value.is_none())
    }

    pub(super) fn fit(config: &PreprocessorConfig, x: &FeatureMatrix) -> Result<Self> {
        config.validate()?;
        if x.n_samples() == 0 {
            return Err(Error::Empty {
                what: "rows to fit a preprocessor on",
            });
        }
        let fillings = learn_fillings(config, x)?;
        let layout = Layout::new(config, &fillings)?;
        let encoded = layout.encode(x, &config.features)?;
        let scaler =
            FeatureScaler::fit_rows(config.scaling, layout.scaled_names(), &encoded, layout.scaled());
        Ok(Self {
            config: config.clone(),
            fillings,
            scaler,
            layout,
        })
    }

    fn inputs_where(&self, condition: impl Fn(&Filling) -> bool) -> Vec<&str> {
        (self.config.features.iter().zip(&self.fillings))
            .filter(|(_, filling)| condition(filling))
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

impl Transformer for Preprocessor {
    /// The features of the settings; [`Preprocessor::transform`] finds them by name.
    fn input_columns(&self) -> &[String] {
        &self.config.features
    }

    fn output_columns(&self) -> &[String] {
        self.layout.output_columns()
    }

    /// Transforms `x`, `[n_samples, n_columns]` with the input columns in any order among others, into
    /// `[n_samples, n_output]` with nothing missing; no rows give no rows.
    ///
    /// # Errors
    /// [`Error::MissingColumn`]; [`Error::MissingValue`] under [`Imputation::Refuse`];
    /// [`Error::ValueOutOfRange`] when a key or a time signature that is encoded is no code of its
    /// feature; [`Error::NonFinite`] when a scaled value exceeds `f32`.
    fn transform(&self, x: &FeatureMatrix) -> Result<FeatureMatrix> {
        let mut values = self.layout.encode(x, &self.config.features)?;
        self.scaler.scale_rows(&mut values, self.layout.scaled());
        FeatureMatrix::new(self.layout.output_columns(), values)
    }
}

impl TryFrom<PreprocessorRecord> for Preprocessor {
    type Error = Error;

    fn try_from(record: PreprocessorRecord) -> Result<Self> {
        let PreprocessorRecord {
            format_version,
            config,
            fillings,
            scaler,
        } = record;
        if format_version != FORMAT_VERSION {
            return Err(Error::InvalidSetting {
                field: "format_version",
                value: format_version.to_string(),
                expected: "1, the version that this program writes",
            });
        }
        config.validate()?;
        if fillings.len() != config.features.len() {
            return Err(Error::LengthMismatch {
                what: "the number of stand-ins for missing values",
                expected: config.features.len(),
                found: fillings.len(),
            });
        }
        check_fillings(&config, &fillings)?;
        let layout = Layout::new(&config, &fillings)?;
        if scaler.method() != config.scaling {
            return Err(Error::InvalidSetting {
                field: "scaling",
                value: format!("`{}` in the scaler", scaler.method()),
                expected: "the method of the preprocessor's settings",
            });
        }
        if scaler.input_columns() != layout.scaled_names() {
            return Err(Error::ColumnsDiffer {
                expected: layout.scaled_names(),
                found: scaler.input_columns().to_vec(),
            });
        }
        Ok(Self {
            config,
            fillings,
            scaler,
            layout,
        })
    }
}

impl From<Preprocessor> for PreprocessorRecord {
    fn from(preprocessor: Preprocessor) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            config: preprocessor.config,
            fillings: preprocessor.fillings,
            scaler: preprocessor.scaler,
        }
    }
}

fn learn_fillings(config: &PreprocessorConfig, x: &FeatureMatrix) -> Result<Vec<Filling>> {
    let features = audio_features(&config.features);
    let mut fillings = Vec::with_capacity(features.len());
    for (name, feature) in config.features.iter().zip(features) {
        let source = x.column_index(name)?;
        let filling = Filling::fit(x, source, feature);
        if config.imputation == Imputation::Refuse && filling.had_missing {
            let row = x
                .column(source)
                .position(|value| value.is_none_or(|value| is_missing(feature, value)));
            return Err(Error::MissingValue {
                row: row.unwrap_or_default(),
                column: name.clone(),
            });
        }
        fillings.push(filling);
    }
    Ok(fillings)
}

/// Refuses stand-ins that fitting cannot have left behind.
fn check_fillings(config: &PreprocessorConfig, fillings: &[Filling]) -> Result<()> {
    for (name, filling) in config.features.iter().zip(fillings) {
        let expected = match filling.value {
            Some(value) if !value.is_finite() => "a finite stand-in for missing values",
            None if !filling.had_missing => "a stand-in for a column that has values",
            _ if filling.had_missing && config.imputation == Imputation::Refuse => {
                "no missing values where they are refused"
            }
            _ => continue,
        };
        return Err(Error::InvalidSetting {
            field: "fillings",
            value: format!("unusable for `{name}`"),
            expected,
        });
    }
    Ok(())
}
