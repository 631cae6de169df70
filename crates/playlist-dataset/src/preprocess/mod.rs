//! From the features of tracks to what a model reads: select, impute, encode, scale.
//!
//! Everything here is fitted on the training part and then applied to any part. A fitted step holds
//! its statistics, never the rows, and never looks at the matrix that it transforms; the two
//! [`ScalingMethod`]s that do look are named faulty and end in `PerPart`.
//!
//! Statistics are accumulated in `f64` and kept in `f32`: rounding moves them by at most half a unit in
//! the last place of the data, and a saved step reads back to the bit through any JSON parser. The
//! arithmetic of a transformation is `f64`, its result `f32`.

mod config;
mod encoder;
mod imputer;
mod layout;
mod method;
mod normal;
mod pipeline;
mod quantile;
mod scaler;
mod select;
mod statistics;

pub use config::PreprocessorConfig;
pub use encoder::{KeyEncoding, TimeSignatureEncoding};
pub use imputer::Imputation;
pub use method::ScalingMethod;
pub use pipeline::Preprocessor;
pub use scaler::{FeatureScaler, FeatureScalerConfig};
pub use select::select_features;
