#![doc = include_str!("../README.md")]

mod audio_features;
mod chain;
mod classifier;
pub mod column;
mod coverage;
mod error;
mod feature;
mod file;
mod isrc;
mod labels;
mod majority;
mod matrix;
pub mod message;
mod multi_label;
mod prior;
mod probabilities;
mod source;
mod spotify_id;
mod track;
pub mod unit;

pub use audio_features::AudioFeatures;
pub use chain::{Chain, ChainProgress};
pub use classifier::{Classifier, ClassifierConfig, Pipeline, Transformer};
pub use coverage::{CoverageReport, MissingReason};
pub use error::{Error, Result};
pub use feature::AudioFeature;
pub use file::{Overwrite, write_file, write_private_file};
pub use isrc::Isrc;
pub use labels::Labels;
pub use majority::{Majority, MajorityConfig};
pub use matrix::FeatureMatrix;
pub use multi_label::{LabelProbabilities, MultiLabels};
pub use prior::{Prior, PriorCorrection, Reweighted};
pub use probabilities::Probabilities;
pub use source::{
    FeatureOrigin, FeatureScale, FeatureSource, FeatureStore, SourceError, StoreError, StoredFeatures,
};
pub use spotify_id::SpotifyId;
pub use track::{Playlist, PlaylistKind, Track, TrackKey};
