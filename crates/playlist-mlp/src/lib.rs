#![doc = include_str!("../README.md")]

mod adam;
mod artifact;
mod burn_steps;
mod classifier;
mod config;
mod device;
mod engine;
mod ensemble;
mod epochs;
mod error;
mod fused;
#[cfg(test)]
mod golden_tests;
mod history;
mod lanes;
mod loss;
mod model;
mod observer;
mod parallel;
mod parts;
mod random;
mod training;

pub use artifact::{FORMAT_VERSION, ModelFile};
pub use classifier::{FitOptions, MlpClassifier, MlpClassifierConfig};
pub use config::{Activation, HiddenLayer, Initialization, MlpConfig, Normalization};
pub use device::{BURN_VERSION, Backend};
pub use engine::Engine;
pub use ensemble::{
    DistillationConfig, Ensemble, EnsembleConfig, EnsembleFitOptions, EnsembleNetwork, EnsembleNetworkConfig,
    KernelConfig, KernelScale, MultiLabelEnsemble, Spread, Trial, TuneConfig, TuneOptions, Tuned,
};
pub use error::{Error, Result};
pub use history::{EpochRecord, History, StopReason};
pub use loss::Loss;
pub use model::{Mlp, NamedArray};
pub use observer::{StopSignal, TrainingObserver, TrainingProgress};
pub use playlist_core::Overwrite;
pub use training::{EarlyStopping, OptimizerConfig, TrainingConfig};
