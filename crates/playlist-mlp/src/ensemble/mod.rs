//! The ensemble: our best model for audio features.

mod calibration;
mod cholesky;
mod config;
mod encoding;
mod fit;
mod kernel;
mod member;
mod model;
mod quantile;
mod simd;
#[cfg(test)]
mod tests;
mod training;

pub use config::{Engine, EnsembleConfig, EnsembleNetworkConfig, KernelConfig, KernelScale};
pub use fit::EnsembleFitOptions;
pub use model::{Ensemble, Spread};
