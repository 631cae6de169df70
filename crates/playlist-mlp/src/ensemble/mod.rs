//! The ensemble: our best model for audio features.

mod burn_engine;
mod calibration;
mod cholesky;
mod config;
mod distil;
mod encoding;
mod fit;
mod forward;
mod kernel;
mod likeness;
mod member;
mod model;
mod multi_label;
mod network;
mod quantile;
mod saved;
pub(crate) mod simd;
mod targets;
#[cfg(test)]
mod tests;
mod training;
mod tune;

pub use config::{DistillationConfig, EnsembleConfig, EnsembleNetworkConfig, KernelConfig, KernelScale};
pub use fit::EnsembleFitOptions;
pub use model::{Ensemble, Spread};
pub use multi_label::MultiLabelEnsemble;
pub use network::EnsembleNetwork;
pub use tune::{Trial, TuneConfig, TuneOptions, Tuned};
