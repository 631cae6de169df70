#![doc = include_str!("../README.md")]

mod archive;
mod artists;
mod canonical;
mod cells;
mod document;
mod error;
mod exportify_app;
mod finish;
mod format;
mod import;
mod json;
mod liked;
mod load;
mod local;
mod options;
#[cfg(feature = "parquet")]
mod parquet;
mod privacy;
mod read;
mod records;
mod report;
mod row;
mod sheet;
mod suspicious;
mod table;
mod units;
mod walk;

pub use canonical::{CanonicalFormat, write_playlist};
pub use error::{Error, Result};
pub use format::ExportFormat;
pub use import::{Import, ImportedPlaylist, SkippedFile, import, import_reader};
pub use options::{ImportOptions, SuspiciousFeatures};
pub use report::{Conversion, Cost, ImportReport, RowIssue, RowPlace};
