#![doc = include_str!("../README.md")]

mod assign;
mod balance;
mod build;
mod catalogue;
mod clean;
mod column;
mod error;
mod feature_column;
mod feature_range;
mod fingerprint;
mod fold;
mod frame;
mod group;
mod growing;
mod join;
mod labels;
mod message;
mod preprocess;
mod read;
mod report;
mod split;
mod table;
mod text;
mod threads;
mod user_split;

pub use balance::{Balance, BalanceReport};
pub use catalogue::{
    Block, Catalogue, CatalogueReport, CatalogueScan, Faults, Part as CataloguePart, RefusedValue,
};
pub use clean::{CleanConfig, CleanReport, DropReason, DroppedRow};
pub use error::{Error, Result};
pub use fold::StratifiedKFold;
pub use growing::{Encoded, GrowingTable, TableFormat, TableState};
pub use preprocess::{
    FeatureScaler, FeatureScalerConfig, Imputation, KeyEncoding, Preprocessor, PreprocessorConfig,
    ScalingMethod, TimeSignatureEncoding, select_features,
};
pub use read::{ReadOptions, read_table};
pub use report::{ClassCount, ColumnUse, FileKind, MissingCount, Note, ReadReport};
pub use split::{GroupBy, Part, PartCount, Split, SplitConfig, SplitReport};
pub use table::TrackTable;
