//! The errors of this crate.

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong while results are turned into text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value that has no JSON form.
    #[error("the results have no JSON form")]
    Json {
        /// What the serialiser said.
        #[from]
        source: serde_json::Error,
    },
    /// A figure could not be drawn.
    #[error("the figure `{name}` could not be drawn")]
    Figure {
        /// The figure.
        name: String,
        /// What the plotting library said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A score could not be computed.
    #[error(transparent)]
    Metrics(#[from] playlist_metrics::Error),
    /// Results that were measured on other rows than those that they are to be compared with.
    #[error(
        "table `{task}` has {} rows, {} classes and {} splits here, and {}, {} and {} in the other results: measure both on the same",
        expected.0, expected.1, expected.2, found.0, found.1, found.2
    )]
    OtherRows {
        /// The table.
        task: String,
        /// Rows, classes and splits here.
        expected: (usize, usize, usize),
        /// The same in the other results.
        found: (usize, usize, usize),
    },
}
