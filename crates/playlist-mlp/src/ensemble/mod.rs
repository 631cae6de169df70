//! The ensemble: our best model for audio features.

mod burn_engine;
mod calibration;
mod cholesky;
mod config;
mod encoding;
mod fit;
mod kernel;
mod member;
mod model;
mod network;
mod quantile;
mod saved;
mod simd;
#[cfg(test)]
mod tests;
mod training;

pub use config::{Engine, EnsembleConfig, EnsembleNetworkConfig, KernelConfig, KernelScale};
pub use fit::EnsembleFitOptions;
pub use model::{Ensemble, Spread};
pub use network::EnsembleNetwork;
