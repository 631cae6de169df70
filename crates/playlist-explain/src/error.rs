//! The errors of this crate.

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong when a model is explained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bad features, labels or settings, or a model that failed.
    #[error(transparent)]
    Core(#[from] playlist_core::Error),
    /// A score or an interval has no value on these tracks.
    #[error(transparent)]
    Metrics(#[from] playlist_metrics::Error),
    /// More features than every combination can be tried of.
    #[error(
        "exact Shapley values of {n_features} features need {n_features} doublings of the work: expected at most {most}; use sampling"
    )]
    TooManyFeatures {
        /// The features of the model.
        n_features: usize,
        /// The most that are tried exactly.
        most: usize,
    },
    /// A column without any known value has no range to go along.
    #[error("column `{column}` has no known value: partial dependence needs at least one")]
    NoValues {
        /// The column.
        column: String,
    },
}

/// An error about a setting.
pub(crate) fn setting(field: &'static str, value: impl ToString, expected: &'static str) -> Error {
    Error::Core(playlist_core::Error::InvalidSetting {
        field,
        value: value.to_string(),
        expected,
    })
}
