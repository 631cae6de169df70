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
}
