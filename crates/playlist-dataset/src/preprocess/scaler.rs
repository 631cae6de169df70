//! Scaling of columns, fitted on the training part.

use playlist_core::{Error, FeatureMatrix, Result, Transformer};
use serde::{Deserialize, Serialize};

use super::config::check_unique;
use super::method::ScalingMethod;
use super::statistics::{Columns, Statistics, scale_rows_to_range, scale_rows_to_unit_norm};

/// Settings of a [`FeatureScaler`].
///
/// # Examples
/// ```
/// use playlist_core::{FeatureMatrix, Transformer};
/// use playlist_dataset::FeatureScalerConfig;
///
/// let train = FeatureMatrix::new(["tempo"], vec![80.0, 120.0, 160.0])?;
/// let scaler = FeatureScalerConfig::min_max().fit(&train)?;
/// assert_eq!(scaler.transform(&train)?.values(), [0.0, 0.5, 1.0]);
///
/// // A faster track than any seen in training is not clipped.
/// let test = FeatureMatrix::new(["tempo"], vec![200.0])?;
/// let scaled = scaler.transform(&test)?;
/// assert_eq!(scaled.values(), [1.5]);
/// assert_eq!(scaler.inverse_transform(&scaled)?, test);
/// # Ok::<(), playlist_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureScalerConfig {
    /// How columns are scaled.
    pub method: ScalingMethod,
}

impl FeatureScalerConfig {
    /// Scaling by `method`.
    #[must_use]
    pub const fn new(method: ScalingMethod) -> Self {
        Self { method }
    }

    /// No scaling: see [`ScalingMethod::None`].
    #[must_use]
    pub const fn none() -> Self {
        Self::new(ScalingMethod::None)
    }

    /// Each column to [0, 1]: see [`ScalingMethod::MinMax`].
    #[must_use]
    pub const fn min_max() -> Self {
        Self::new(ScalingMethod::MinMax)
    }

    /// Each column to mean 0 and deviation 1: see [`ScalingMethod::Standard`].
    #[must_use]
    pub const fn standard() -> Self {
        Self::new(ScalingMethod::Standard)
    }

    /// Median, quartiles and a smooth clip to ±3: see [`ScalingMethod::RobustSmoothClip`].
    #[must_use]
    pub const fn robust() -> Self {
        Self::new(ScalingMethod::RobustSmoothClip)
    }

    /// Each column to a normal distribution: see [`ScalingMethod::QuantileNormal`].
    #[must_use]
    pub const fn quantile_normal() -> Self {
        Self::new(ScalingMethod::QuantileNormal)
    }

    /// The same with another method.
    #[must_use]
    pub const fn with_method(mut self, method: ScalingMethod) -> Self {
        self.method = method;
        self
    }

    /// Learns the statistics of the training part `x`, `[n_samples, n_features]`.
    ///
    /// A constant column is centred and divided by one; under [`ScalingMethod::QuantileNormal`] it
    /// becomes 0 whatever its value is later. The methods whose names end in `PerPart` learn nothing.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows, [`Error::MissingValue`].
    pub fn fit(&self, x: &FeatureMatrix) -> Result<FeatureScaler> {
        if x.n_samples() == 0 {
            return Err(Error::Empty {
                what: "rows to fit a scaler on",
            });
        }
        x.check_complete()?;
        let positions: Vec<usize> = (0..x.n_features()).collect();
        let columns = Columns {
            width: x.n_features(),
            positions: &positions,
        };
        Ok(FeatureScaler::fit_rows(
            self.method,
            x.columns().to_vec(),
            x.values(),
            columns,
        ))
    }
}

/// Columns brought to one scale by the statistics of the training part.
///
/// Serialised with its method, its columns and its statistics; reading checks that they fit each other,
/// that all are finite and that every divisor is positive, and gives the same scaler to the bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FeatureScalerRecord")]
pub struct FeatureScaler {
    method: ScalingMethod,
    columns: Vec<String>,
    statistics: Statistics,
}

/// A [`FeatureScaler`] as it is read, not yet checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureScalerRecord {
    method: ScalingMethod,
    columns: Vec<String>,
    statistics: Statistics,
}

impl FeatureScaler {
    /// How the columns are scaled.
    #[must_use]
    pub const fn method(&self) -> ScalingMethod {
        self.method
    }

    /// Turns scaled values `x`, `[n_samples, n_features]`, back into values of the training part's units.
    ///
    /// The result is as exact as `f32` allows, with three limits: smoothly clipped values near ±3 stand
    /// for a wide range; quantile-normal values at ±5.199 stand for the end of the training range and all
    /// beyond; whole-matrix scaling leaves small features few digits.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] when the method has no inverse ([`ScalingMethod::has_inverse`]),
    /// [`Error::ColumnsDiffer`], [`Error::MissingValue`], [`Error::ValueOutOfRange`] on a smoothly clipped
    /// value outside ±3 (a track more than 10,000 interquartile ranges from the median rounds to 3),
    /// [`Error::NonFinite`] when a value exceeds `f32`.
    pub fn inverse_transform(&self, x: &FeatureMatrix) -> Result<FeatureMatrix> {
        if !self.method.has_inverse() {
            return Err(Error::InvalidSetting {
                field: "scaling",
                value: format!("`{}`", self.method),
                expected: "a method with an inverse: `none`, `min-max`, `standard`, `robust-smooth-clip`, \
                           `quantile-normal`, `faulty-whole-matrix-min-max` or `faulty-column-unit-norm`",
            });
        }
        self.check_input(x)?;
        if self.method == ScalingMethod::RobustSmoothClip
            && let Some(at) = x.values().iter().position(|value| value.abs() >= 3.0)
        {
            return Err(Error::ValueOutOfRange {
                row: at / x.n_features(),
                column: self.columns[at % x.n_features()].clone(),
                value: x.values()[at],
                expected: "a smoothly clipped value between -3 and 3",
            });
        }
        self.map_matrix(x, |values, columns| self.statistics.invert(values, columns))
    }

    /// Fits on some columns of a row-major buffer with at least one row and nothing missing.
    pub(super) fn fit_rows(
        method: ScalingMethod,
        names: Vec<String>,
        rows: &[f32],
        columns: Columns<'_>,
    ) -> Self {
        let statistics = match method {
            ScalingMethod::FaultyMinMaxPerPart
            | ScalingMethod::FaultyWholeMatrixMinMaxPerPart
            | ScalingMethod::FaultyColumnUnitNormPerPart => Statistics::Nothing,
            _ => Statistics::fit(method, rows, columns),
        };
        Self {
            method,
            columns: names,
            statistics,
        }
    }

    /// Scales some columns of a row-major buffer in place; nothing may be missing.
    pub(super) fn scale_rows(&self, rows: &mut [f32], columns: Columns<'_>) {
        match self.method {
            ScalingMethod::FaultyRowMinMax => scale_rows_to_range(rows, columns),
            ScalingMethod::FaultyRowUnitNorm => scale_rows_to_unit_norm(rows, columns),
            ScalingMethod::FaultyMinMaxPerPart
            | ScalingMethod::FaultyWholeMatrixMinMaxPerPart
            | ScalingMethod::FaultyColumnUnitNormPerPart => {
                Statistics::fit(self.method, rows, columns).apply(rows, columns);
            }
            _ => self.statistics.apply(rows, columns),
        }
    }

    fn check_input(&self, x: &FeatureMatrix) -> Result<()> {
        x.check_columns(&self.columns)?;
        x.check_complete()
    }

    fn map_matrix(
        &self,
        x: &FeatureMatrix,
        change: impl FnOnce(&mut [f32], Columns<'_>),
    ) -> Result<FeatureMatrix> {
        let mut values = x.values().to_vec();
        let positions: Vec<usize> = (0..x.n_features()).collect();
        let columns = Columns {
            width: x.n_features(),
            positions: &positions,
        };
        change(&mut values, columns);
        FeatureMatrix::new(&self.columns, values)
    }
}

impl Transformer for FeatureScaler {
    fn input_columns(&self) -> &[String] {
        &self.columns
    }

    fn output_columns(&self) -> &[String] {
        &self.columns
    }

    /// Scales `x`, `[n_samples, n_features]`, into the same shape; no rows give no rows.
    ///
    /// # Errors
    /// [`Error::ColumnsDiffer`], [`Error::MissingValue`], [`Error::NonFinite`] when a value lies so far
    /// outside a tiny training range that it exceeds `f32`.
    fn transform(&self, x: &FeatureMatrix) -> Result<FeatureMatrix> {
        self.check_input(x)?;
        self.map_matrix(x, |values, columns| self.scale_rows(values, columns))
    }
}

impl TryFrom<FeatureScalerRecord> for FeatureScaler {
    type Error = Error;

    fn try_from(record: FeatureScalerRecord) -> Result<Self> {
        let FeatureScalerRecord {
            method,
            columns,
            statistics,
        } = record;
        check_unique(&columns)?;
        match statistics.fault(method, columns.len()) {
            None => Ok(Self {
                method,
                columns,
                statistics,
            }),
            Some(expected) => Err(Error::InvalidSetting {
                field: "statistics",
                value: format!("unusable for `{method}` on {} columns", columns.len()),
                expected,
            }),
        }
    }
}
