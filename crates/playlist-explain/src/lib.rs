#![doc = include_str!("../README.md")]

mod error;
mod importance;
mod partial_dependence;
mod random;
mod shapley;
mod unit;

pub use error::{Error, Result};
pub use importance::{FeatureImportance, ImportanceMetric, PermutationImportanceConfig};
pub use partial_dependence::{PartialDependence, PartialDependenceConfig, PartialDependencePoint};
pub use shapley::{Contribution, Explanation, Scale, ShapleyConfig, ShapleyMethod};
