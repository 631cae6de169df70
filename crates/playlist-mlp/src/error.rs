//! The errors of this crate.

use std::path::PathBuf;

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong while a network is configured, trained, saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Features, labels or settings do not fit.
    #[error(transparent)]
    Core(#[from] playlist_core::Error),
    /// A name that is no backend.
    #[error("`{name}` is no backend: expected one of `flex`, `ndarray`, `wgpu`")]
    UnknownBackend {
        /// The name as given.
        name: String,
    },
    /// A backend that this program was built without.
    #[error(
        "backend `{backend}` is not compiled in: build with `--features {backend}` (compiled in: {})",
        compiled.join(", ")
    )]
    BackendNotCompiled {
        /// The backend asked for.
        backend: &'static str,
        /// The backends that are there.
        compiled: Vec<&'static str>,
    },
    /// A backend that is compiled in but finds nothing to run on.
    #[error("backend `{backend}` found no device: {reason}; install a graphics driver or use `flex`")]
    NoDevice {
        /// The backend asked for.
        backend: &'static str,
        /// What the backend said.
        reason: String,
    },
    /// An engine that cannot train what it was asked to.
    #[error("engine `{engine}` has no {what}: leave the engine open or use `burn`")]
    EngineLacks {
        /// The engine asked for.
        engine: &'static str,
        /// What it would need.
        what: &'static str,
    },
    /// A name that is no engine.
    #[error("`{name}` is no engine: expected `fused` or `burn`")]
    UnknownEngine {
        /// The name as given.
        name: String,
    },
    /// A name that is no activation function.
    #[error("`{name}` is no activation: expected one of {expected}")]
    UnknownActivation {
        /// The name as given.
        name: String,
        /// The names that are.
        expected: String,
    },
    /// Training ran away.
    #[error(
        "training loss became {loss} in epoch {epoch}: try a learning rate below {learning_rate} or scale \
         the features"
    )]
    NonFiniteLoss {
        /// The epoch, from 1.
        epoch: usize,
        /// The loss found.
        loss: f32,
        /// The learning rate in use.
        learning_rate: f64,
    },
    /// The device failed while computing.
    #[error("backend `{backend}` failed: {reason}")]
    Device {
        /// The backend in use.
        backend: &'static str,
        /// What the backend said.
        reason: String,
    },
    /// A file could not be read.
    #[error("`{}` could not be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file that is no saved model, or one that was cut short or altered.
    #[error("`{}` is no intact saved model: {reason}; save it again or restore it from a copy", path.display())]
    DamagedModel {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A saved model of another format version.
    #[error(
        "`{}` has model format version {found}: expected {expected}; load it with the release that saved it",
        path.display()
    )]
    UnsupportedVersion {
        /// The file.
        path: PathBuf,
        /// The version of this release.
        expected: u32,
        /// The version in the file.
        found: u32,
    },
    /// A saved model of another kind.
    #[error("`{}` holds a model of kind `{found}`: expected `{expected}`", path.display())]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// The kind that was asked for.
        expected: String,
        /// The kind in the file.
        found: String,
    },
}

impl From<Error> for playlist_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Core(error) => error,
            other => Self::model(other),
        }
    }
}
