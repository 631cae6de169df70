//! The errors of this crate.

use std::path::PathBuf;

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in an experiment: what can go wrong in its parts, and a few things more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Features, labels or settings do not fit, or a file could not be written.
    #[error(transparent)]
    Core(#[from] playlist_core::Error),
    /// A table could not be read, cleaned or split.
    #[error(transparent)]
    Dataset(#[from] playlist_dataset::Error),
    /// The logistic model failed.
    #[error(transparent)]
    Logistic(#[from] playlist_logistic::Error),
    /// The network failed.
    #[error(transparent)]
    Mlp(#[from] playlist_mlp::Error),
    /// A score could not be computed.
    #[error(transparent)]
    Metrics(#[from] playlist_metrics::Error),
    /// The results could not be turned into text.
    #[error(transparent)]
    Report(#[from] playlist_report::Error),
    /// A name that is no model.
    #[error("`{name}` is no model: expected one of {expected}")]
    UnknownModel {
        /// The name as given.
        name: String,
        /// The names that are.
        expected: String,
    },
    /// A saved model meets tracks of other classes.
    #[error(
        "the model tells {} apart, the tracks are labelled {}: label them alike",
        expected.join(" from "),
        found.join(" and ")
    )]
    OtherClasses {
        /// The classes of the model.
        expected: Vec<String>,
        /// The classes of the tracks.
        found: Vec<String>,
    },
    /// Every track was used to train the saved model.
    #[error("the model was trained on all {n_tracks} tracks: give it tracks that it has not seen")]
    NothingUnseen {
        /// The number of tracks.
        n_tracks: usize,
    },
    /// Predictions could not be written as CSV.
    #[error("the predictions for `{}` could not be written as CSV", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What the writer said.
        #[source]
        source: csv::Error,
    },
}
