//! The settings of the way from features to numbers.

use playlist_core::{AudioFeature, Error, FeatureMatrix, Result};
use serde::{Deserialize, Serialize};

use super::encoder::{KeyEncoding, TimeSignatureEncoding};
use super::imputer::Imputation;
use super::method::ScalingMethod;
use super::pipeline::Preprocessor;

/// Settings of a [`Preprocessor`].
///
/// The default is what suits most models: the paper's twelve features, the key on circles, the time
/// signature in flags, quantities standardised, missing values imputed with indicators.
///
/// # Examples
/// ```
/// use playlist_core::{AudioFeature, FeatureMatrix, Transformer};
/// use playlist_dataset::{PreprocessorConfig, ScalingMethod};
///
/// // Columns may stand in any order, and others may be there.
/// let train = FeatureMatrix::new(
///     ["key", "popularity", "energy"],
///     vec![0.0, 50.0, 0.2, 3.0, 60.0, 0.4, f32::NAN, 70.0, 0.6],
/// )?;
/// let preprocessor = PreprocessorConfig::default()
///     .with_features([AudioFeature::Energy, AudioFeature::Key])
///     .with_scaling(ScalingMethod::MinMax)
///     .fit(&train)?;
/// assert_eq!(
///     preprocessor.output_columns(),
///     ["energy", "key_semitone_sin", "key_semitone_cos", "key_fifths_sin", "key_fifths_cos", "key_missing"]
/// );
/// let x = preprocessor.transform(&train)?;
/// assert_eq!(x.row(0), [0.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
/// assert_eq!(x.row(2), [1.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
/// # Ok::<(), playlist_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PreprocessorConfig {
    /// The input columns to use, in the order of the output. A name of [`AudioFeature::column`] is
    /// treated as that feature, any other as a quantity.
    pub features: Vec<String>,
    /// How the key is encoded, if it is used.
    pub key: KeyEncoding,
    /// How the time signature is encoded, if it is used.
    pub time_signature: TimeSignatureEncoding,
    /// What happens to missing values.
    pub imputation: Imputation,
    /// How columns are scaled. Flags, circles and indicators are not: they lie in [-1, 1] already.
    pub scaling: ScalingMethod,
}

impl Default for PreprocessorConfig {
    fn default() -> Self {
        Self {
            features: names(AudioFeature::PAPER),
            key: KeyEncoding::default(),
            time_signature: TimeSignatureEncoding::default(),
            imputation: Imputation::default(),
            scaling: ScalingMethod::default(),
        }
    }
}

impl PreprocessorConfig {
    /// What the paper meant to do: its twelve features, key and time signature as numbers, every column
    /// to [0, 1] on the training part.
    ///
    /// Missing values, of which the paper has none, are imputed without indicators, so that the network
    /// keeps its twelve inputs.
    #[must_use]
    pub fn paper() -> Self {
        Self::default()
            .with_key(KeyEncoding::Number)
            .with_time_signature(TimeSignatureEncoding::Number)
            .with_imputation(Imputation::WithoutIndicators)
            .with_scaling(ScalingMethod::MinMax)
    }

    /// What the paper's baseline got: [`PreprocessorConfig::paper`] without scaling.
    #[must_use]
    pub fn paper_raw() -> Self {
        Self::paper().with_scaling(ScalingMethod::None)
    }

    /// The plain, well-known choice: [`PreprocessorConfig::paper`] with each column standardised, and
    /// with indicators where values are missing.
    #[must_use]
    pub fn standard() -> Self {
        Self::paper()
            .with_imputation(Imputation::WithIndicators)
            .with_scaling(ScalingMethod::Standard)
    }

    /// The same with other input columns: [`AudioFeature`]s or names.
    #[must_use]
    pub fn with_features<S: ToString>(mut self, features: impl IntoIterator<Item = S>) -> Self {
        self.features = names(features);
        self
    }

    /// The same with another encoding of the key.
    #[must_use]
    pub const fn with_key(mut self, key: KeyEncoding) -> Self {
        self.key = key;
        self
    }

    /// The same with another encoding of the time signature.
    #[must_use]
    pub const fn with_time_signature(mut self, time_signature: TimeSignatureEncoding) -> Self {
        self.time_signature = time_signature;
        self
    }

    /// The same with another treatment of missing values.
    #[must_use]
    pub const fn with_imputation(mut self, imputation: Imputation) -> Self {
        self.imputation = imputation;
        self
    }

    /// The same with another scaling.
    #[must_use]
    pub const fn with_scaling(mut self, scaling: ScalingMethod) -> Self {
        self.scaling = scaling;
        self
    }

    /// Checks that there is at least one feature and none twice.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::DuplicateColumn`].
    pub fn validate(&self) -> Result<()> {
        if self.features.is_empty() {
            return Err(Error::Empty {
                what: "features of the preprocessor",
            });
        }
        check_unique(&self.features)
    }

    /// Learns what the settings need from the training part `x`, `[n_samples, n_features]`.
    ///
    /// # Errors
    /// Those of [`PreprocessorConfig::validate`]; [`Error::Empty`] without rows; [`Error::MissingColumn`];
    /// [`Error::MissingValue`] under [`Imputation::Refuse`]; [`Error::ValueOutOfRange`] when a key or a
    /// time signature that is encoded is no code of its feature; [`Error::DuplicateColumn`] when a
    /// column of your own has the name of an encoded one (`key_0`, `tempo_missing`).
    pub fn fit(&self, x: &FeatureMatrix) -> Result<Preprocessor> {
        Preprocessor::fit(self, x)
    }
}

/// Checks that no name stands twice.
pub(super) fn check_unique(columns: &[String]) -> Result<()> {
    match (columns.iter().enumerate()).find(|(index, column)| columns[..*index].contains(column)) {
        None => Ok(()),
        Some((_, column)) => Err(Error::DuplicateColumn {
            column: column.clone(),
        }),
    }
}

fn names<S: ToString>(features: impl IntoIterator<Item = S>) -> Vec<String> {
    features.into_iter().map(|feature| feature.to_string()).collect()
}
