//! The ways of scaling, right and wrong.

use std::fmt;
use std::str::FromStr;

use playlist_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How columns are brought to one scale.
///
/// The first five are right. Those named faulty reproduce mistakes that the paper may have made when it
/// "normalised the values to 0..1"; never use them for anything else.
///
/// `FromStr`, `Display` and serde use the names in kebab case: `min-max`, `faulty-row-min-max`.
///
/// # Examples
/// ```
/// use playlist_dataset::ScalingMethod;
///
/// let method: ScalingMethod = "quantile-normal".parse()?;
/// assert_eq!(method, ScalingMethod::QuantileNormal);
/// assert_eq!(ScalingMethod::MinMax.to_string(), "min-max");
/// assert!(ScalingMethod::FaultyRowMinMax.is_faulty());
/// # Ok::<(), playlist_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScalingMethod {
    /// Values stay as they are, as for the paper's baseline.
    None,
    /// `(x - min) / (max - min)` of each column: [0, 1] on the training part, the paper's intent. Later
    /// values outside the training range are not clipped and leave [0, 1].
    MinMax,
    /// `(x - mean) / standard deviation` of each column, the deviation over `n`, not `n - 1`.
    #[default]
    Standard,
    /// `v = z / sqrt(1 + (z / 3)^2)` with `z = (x - median) / (third quartile - first quartile)` of each
    /// column: outliers approach ±3. Where the quartiles are equal, half of `max - min` divides.
    ///
    /// Source: Holzmüller, Grinsztajn, Steinwart, *Better by Default* (RealMLP), and pytabkit's
    /// `RobustScaleSmoothClipTransform`; that one maps a constant column to 0 whatever its value is later.
    RobustSmoothClip,
    /// Each column's values to the normal values of their shares: a normal distribution on the training
    /// part, ±5.199 at both ends and beyond. Up to 1000 quantiles.
    ///
    /// Source: scikit-learn 1.9 `QuantileTransformer(output_distribution="normal", subsample=None)`. It
    /// also clips values that lie inside the range but within 1e-7 of an end; here only the ends are,
    /// so that the unit of a column does not matter.
    QuantileNormal,
    /// `(x - min) / (max - min)` with one minimum and maximum of the whole training matrix. In
    /// milliseconds the duration is the maximum, and every other feature is squeezed into a sliver.
    ///
    /// Hypothesis: `(x - x.min()) / (x.max() - x.min())` on the whole array; the paper says that
    /// duration "forces the normalisations of the data into more compact ranges".
    FaultyWholeMatrixMinMax,
    /// `(x - min) / (max - min)` of each row: the duration becomes 1, the loudness 0, and the rest
    /// nearly the same for every track.
    ///
    /// Hypothesis: the minimum and maximum taken along the wrong axis.
    FaultyRowMinMax,
    /// Each row divided by its Euclidean length: the duration becomes 1 and the rest nearly 0.
    ///
    /// Hypothesis: scikit-learn's `preprocessing.normalize` or `Normalizer` with their defaults.
    FaultyRowUnitNorm,
    /// [`ScalingMethod::MinMax`] with the minimum and maximum of each matrix that is transformed: the
    /// same track gets other values in another part, and a single track is all zeros.
    ///
    /// Hypothesis: `fit_transform` called on the training part and again on the test part.
    FaultyMinMaxPerPart,
    /// [`ScalingMethod::FaultyWholeMatrixMinMax`] with the minimum and maximum of each matrix that is
    /// transformed.
    ///
    /// Hypothesis: both of the mistakes above, the one that came nearest to the paper's numbers.
    FaultyWholeMatrixMinMaxPerPart,
    /// Each column divided by its Euclidean length on the training part: all values lie near 0, the
    /// loudness below, and the more tracks there are the smaller they get.
    ///
    /// Hypothesis: scikit-learn's `preprocessing.normalize(x, axis=0)` or PyTorch's
    /// `functional.normalize(x, dim=0)`.
    FaultyColumnUnitNorm,
    /// [`ScalingMethod::FaultyColumnUnitNorm`] with the lengths of each matrix that is transformed: in a
    /// test part half as large as the training part every value is greater by the root of two.
    ///
    /// Hypothesis: the same, called on each part; it keeps nothing to be applied to another part.
    FaultyColumnUnitNormPerPart,
}

impl ScalingMethod {
    /// Every method, the right ones first.
    pub const ALL: [Self; 12] = [
        Self::None,
        Self::MinMax,
        Self::Standard,
        Self::RobustSmoothClip,
        Self::QuantileNormal,
        Self::FaultyWholeMatrixMinMax,
        Self::FaultyRowMinMax,
        Self::FaultyRowUnitNorm,
        Self::FaultyMinMaxPerPart,
        Self::FaultyWholeMatrixMinMaxPerPart,
        Self::FaultyColumnUnitNorm,
        Self::FaultyColumnUnitNormPerPart,
    ];

    /// The name, in kebab case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::MinMax => "min-max",
            Self::Standard => "standard",
            Self::RobustSmoothClip => "robust-smooth-clip",
            Self::QuantileNormal => "quantile-normal",
            Self::FaultyWholeMatrixMinMax => "faulty-whole-matrix-min-max",
            Self::FaultyRowMinMax => "faulty-row-min-max",
            Self::FaultyRowUnitNorm => "faulty-row-unit-norm",
            Self::FaultyMinMaxPerPart => "faulty-min-max-per-part",
            Self::FaultyWholeMatrixMinMaxPerPart => "faulty-whole-matrix-min-max-per-part",
            Self::FaultyColumnUnitNorm => "faulty-column-unit-norm",
            Self::FaultyColumnUnitNormPerPart => "faulty-column-unit-norm-per-part",
        }
    }

    /// Whether the method is kept only to reproduce a mistake.
    #[must_use]
    pub const fn is_faulty(self) -> bool {
        match self {
            Self::None | Self::MinMax | Self::Standard | Self::RobustSmoothClip | Self::QuantileNormal => {
                false
            }
            Self::FaultyWholeMatrixMinMax
            | Self::FaultyRowMinMax
            | Self::FaultyRowUnitNorm
            | Self::FaultyMinMaxPerPart
            | Self::FaultyWholeMatrixMinMaxPerPart
            | Self::FaultyColumnUnitNorm
            | Self::FaultyColumnUnitNormPerPart => true,
        }
    }

    /// Whether scaled values can be turned back: not where rows are scaled, nor where the statistics
    /// are those of each part and are not kept.
    #[must_use]
    pub const fn has_inverse(self) -> bool {
        !matches!(
            self,
            Self::FaultyRowMinMax
                | Self::FaultyRowUnitNorm
                | Self::FaultyMinMaxPerPart
                | Self::FaultyWholeMatrixMinMaxPerPart
                | Self::FaultyColumnUnitNormPerPart
        )
    }
}

impl fmt::Display for ScalingMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ScalingMethod {
    type Err = Error;

    /// Parses a name as [`ScalingMethod::name`] gives it.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|method| method.name() == text)
            .ok_or_else(|| Error::InvalidSetting {
                field: "scaling",
                value: format!("`{text}`"),
                expected: "one of `none`, `min-max`, `standard`, `robust-smooth-clip`, `quantile-normal`, \
                           `faulty-whole-matrix-min-max`, `faulty-row-min-max`, `faulty-row-unit-norm`, \
                           `faulty-min-max-per-part`, `faulty-whole-matrix-min-max-per-part`, \
                           `faulty-column-unit-norm`, `faulty-column-unit-norm-per-part`",
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_and_is_the_serialised_one() {
        for method in ScalingMethod::ALL {
            assert_eq!(method.name().parse::<ScalingMethod>().unwrap(), method);
            assert_eq!(serde_json::to_value(method).unwrap(), method.name());
            assert_eq!(method.is_faulty(), method.name().starts_with("faulty-"));
        }
    }

    #[test]
    fn the_refusal_of_a_name_lists_every_method() {
        let message = "minmax".parse::<ScalingMethod>().unwrap_err().to_string();
        for method in ScalingMethod::ALL {
            assert!(message.contains(&format!("`{method}`")), "{message}");
        }
    }
}
