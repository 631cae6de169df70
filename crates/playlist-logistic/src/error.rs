//! The errors of this crate.

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong when a logistic regression is fitted, used or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The features or the labels cannot be fitted or predicted on.
    #[error(transparent)]
    Data(#[from] playlist_core::Error),
    /// A setting outside its range.
    #[error("setting `{field}` is {value}: expected {expected}")]
    InvalidSetting {
        /// The name of the setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// The values allowed.
        expected: &'static str,
    },
    /// The solver could not start: the loss or its gradient has no finite value.
    #[error("the solver failed on {n_samples} tracks with {n_features} features")]
    Solver {
        /// The number of tracks.
        n_samples: usize,
        /// The number of features.
        n_features: usize,
        /// The error of the solver.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A saved model whose parts do not fit together.
    #[error("the saved model is damaged: {what}: expected {expected}, found {found}")]
    InvalidModel {
        /// What was checked.
        what: &'static str,
        /// What belongs there.
        expected: String,
        /// What is there.
        found: String,
    },
}

impl From<Error> for playlist_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Data(error) => error,
            other => Self::model(other),
        }
    }
}
