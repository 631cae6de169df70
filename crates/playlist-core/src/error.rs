//! The errors of this crate.

use std::path::PathBuf;

use crate::message::list;

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with features, labels, matrices and predictions.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that is no audio feature.
    #[error(
        "`{name}` is no audio feature: expected one of {}",
        crate::AudioFeature::names()
    )]
    UnknownFeature {
        /// The name as given.
        name: String,
    },
    /// Two things that must have one length do not.
    #[error("{what} does not fit: expected {expected}, found {found}")]
    LengthMismatch {
        /// What was counted, with its unit.
        what: &'static str,
        /// The length that was expected.
        expected: usize,
        /// The length that was found.
        found: usize,
    },
    /// A column that is needed is not there.
    #[error("column `{column}` is missing: found {}", list(found))]
    MissingColumn {
        /// The column that was looked for.
        column: String,
        /// The columns that are there.
        found: Vec<String>,
    },
    /// The columns differ from those that the model or transformer was fitted on.
    #[error(
        "columns differ from those fitted on: expected {}, found {}",
        list(expected),
        list(found)
    )]
    ColumnsDiffer {
        /// The columns, in order, at the time of fitting.
        expected: Vec<String>,
        /// The columns, in order, of the matrix given.
        found: Vec<String>,
    },
    /// Two columns of one name.
    #[error("column `{column}` appears more than once: column names must be unique")]
    DuplicateColumn {
        /// The repeated name.
        column: String,
    },
    /// A value that is NaN or infinite where only finite values are allowed.
    #[error("row {row}, column `{column}`: expected a finite number, found {value}")]
    NonFinite {
        /// Zero-based row.
        row: usize,
        /// Column name.
        column: String,
        /// The value found.
        value: f32,
    },
    /// A missing value reached a step that needs every value.
    #[error("row {row}, column `{column}` is missing: impute missing values first")]
    MissingValue {
        /// Zero-based row.
        row: usize,
        /// Column name.
        column: String,
    },
    /// A value that its column or the step at hand does not allow.
    #[error("row {row}, column `{column}`: expected {expected}, found {value}")]
    ValueOutOfRange {
        /// Zero-based row.
        row: usize,
        /// Column name.
        column: String,
        /// The value found.
        value: f32,
        /// The values allowed.
        expected: &'static str,
    },
    /// A label that names no class.
    #[error("row {row}: expected a class index below {n_classes}, found {label}")]
    LabelOutOfRange {
        /// Zero-based row.
        row: usize,
        /// The label found.
        label: usize,
        /// The number of classes.
        n_classes: usize,
    },
    /// There is nothing to work on.
    #[error("{what}: expected at least one, found none")]
    Empty {
        /// What is empty.
        what: &'static str,
    },
    /// Labels that hold fewer than two classes.
    #[error(
        "expected tracks of at least two classes, found {n_samples} of class `{class}` alone: there is nothing to tell apart"
    )]
    OneClass {
        /// The only class present.
        class: String,
        /// The number of tracks.
        n_samples: usize,
    },
    /// A label that every track has, or none.
    #[error(
        "label `{label}`: expected tracks with it and tracks without it, found {n_with} with it among {n_samples}"
    )]
    OneSided {
        /// The label.
        label: String,
        /// The tracks that have it.
        n_with: usize,
        /// All tracks.
        n_samples: usize,
    },
    /// Something that needs exactly two classes was given another number.
    #[error("expected exactly 2 classes, found {n_classes}")]
    NotBinary {
        /// The number of classes.
        n_classes: usize,
    },
    /// A probability outside [0, 1].
    #[error("row {row}: expected a probability in [0, 1], found {value}")]
    ProbabilityOutOfRange {
        /// Zero-based row.
        row: usize,
        /// The value found.
        value: f32,
    },
    /// A setting outside its range.
    #[error("setting `{field}` is {value}: expected {expected}")]
    InvalidSetting {
        /// The name of the setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// The values allowed.
        expected: &'static str,
    },
    /// A text that says no class shares.
    #[error(
        "`{text}` is no prior: expected `training`, `balanced` or the share of the positive class, above 0 and below 1"
    )]
    UnknownPrior {
        /// The text as given.
        text: String,
    },
    /// A text that is no Spotify track id, URI or address.
    #[error(
        "`{text}` is no Spotify track: expected 22 letters and digits, `spotify:track:ID` or `https://open.spotify.com/track/ID`"
    )]
    InvalidTrackId {
        /// The text as given.
        text: String,
    },
    /// A text that is no recording code.
    #[error("`{text}` is no ISRC: expected twelve letters and digits that end in five digits")]
    InvalidIsrc {
        /// The text as given.
        text: String,
    },
    /// A file that exists and must not be replaced unasked.
    #[error("`{}` exists already: choose another name or allow overwriting", path.display())]
    FileExists {
        /// The file.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("`{}` could not be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A classifier or transformer of another crate failed.
    #[error("the model failed")]
    Model {
        /// The error of that crate.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Wraps the error of a model that lives in another crate.
    pub fn model(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Model {
            source: Box::new(source),
        }
    }
}
