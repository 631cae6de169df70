//! placeholder

mod preprocess;

pub use preprocess::{
    FeatureScaler, FeatureScalerConfig, Imputation, KeyEncoding, Preprocessor, PreprocessorConfig,
    ScalingMethod, TimeSignatureEncoding, select_features,
};
