#![doc = include_str!("../README.md")]

mod classifier;
mod error;
mod feature;
mod file;
mod labels;
mod majority;
mod matrix;
mod probabilities;
mod track;

pub use classifier::{Classifier, ClassifierConfig, Pipeline, Transformer};
pub use error::{Error, Result};
pub use feature::AudioFeature;
pub use file::{Overwrite, write_file};
pub use labels::Labels;
pub use majority::{Majority, MajorityConfig};
pub use matrix::FeatureMatrix;
pub use probabilities::Probabilities;
pub use track::{AudioFeatures, Track, TrackKey};
