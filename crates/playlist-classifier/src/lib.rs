#![doc = include_str!("../README.md")]

mod candidates;
mod check;
mod collect;
mod comparison;
mod details;
mod dropped;
mod error;
mod evaluate;
mod experiment;
mod explanation;
mod fetch;
mod model;
pub mod paper;
mod predictions;
mod rank;
mod ranker;
mod ranking_files;
mod reason;
mod run;
mod saved;
mod scores;
mod sort;
mod sort_check;
mod sort_data;
mod sorter;
mod splits;
mod telltale;
mod unseen;
mod wording;

use std::collections::BTreeMap;

pub use candidates::Lookup;
pub use comparison::compare_models;
pub use error::{Error, Result};
pub use experiment::{Experiment, ExperimentConfig, Source};
pub use explanation::ExplainConfig;
pub use fetch::{FeatureLookup, FileStatus, PlaylistFile, feature_chain, write_playlists};
pub use model::{AnyClassifier, AnyPipeline, FitSettings, ModelName};
pub use predictions::write_predictions;
pub use rank::{RankingConfig, rank_tracks};
pub use ranking_files::{ranking_csv, ranking_m3u, ranking_uris};
pub use run::Outcome;
pub use saved::{SavedModel, TrainingInfo};
pub use scores::{MissingFeatures, ScoreColumn, ScoreConfig, ScoreProgress, ScoreReport, score_catalogue};
pub use sort::{
    PlaylistSource, Sorting, SortingConfig, sort_into_playlists, write_addition_uris, write_additions,
};
pub use splits::SplitMethod;

pub use playlist_core as core;
pub use playlist_dataset as dataset;
pub use playlist_explain as explain;
pub use playlist_import as import;
pub use playlist_logistic as logistic;
pub use playlist_metrics as metrics;
pub use playlist_mlp as mlp;
pub use playlist_report as report;
pub use playlist_spotify as spotify;

/// The versions that make results what they are: this program, the libraries that compute, the backend.
#[must_use]
pub fn versions(backend: mlp::Backend) -> BTreeMap<String, String> {
    let entries = [
        ("playlist-classifier", env!("CARGO_PKG_VERSION")),
        ("burn", mlp::BURN_VERSION),
        ("backend", backend.name()),
    ];
    entries
        .into_iter()
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect()
}

/// Compiles the example of the workspace's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct WorkspaceReadme;
