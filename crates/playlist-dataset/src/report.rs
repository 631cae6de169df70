//! What was found and decided when a table was read.

use std::fmt;

use playlist_core::AudioFeature;
use serde::Serialize;

/// The kind of a file, as told from its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FileKind {
    /// Separated values with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// One JSON object a line.
    JsonLines,
    /// No file: the table was made in memory.
    Memory,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Csv => "CSV",
            Self::Parquet => "Parquet",
            Self::JsonLines => "JSON lines",
            Self::Memory => "memory",
        })
    }
}

/// A column of the file and what it is used as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnUse {
    /// The name in the file.
    pub column: String,
    /// The name of our own column: a feature, `track_id`, `title`, `artist`, `label`, `camelot` or `split`.
    pub used_as: String,
}

/// How many values of a feature are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MissingCount {
    /// The feature.
    pub feature: AudioFeature,
    /// The rows without a value.
    pub n_missing: usize,
}

/// A class and its number of tracks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ClassCount {
    /// The name of the class.
    pub class: String,
    /// The number of tracks.
    pub n_tracks: usize,
}

/// A decision that was made while a table was read, worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "note", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Note {
    /// The values of a column were converted.
    Converted {
        /// The column.
        column: String,
        /// What the file holds.
        from: &'static str,
        /// What the table holds.
        to: &'static str,
    },
    /// A feature was derived from another column.
    Derived {
        /// The feature.
        feature: AudioFeature,
        /// The column that it comes from.
        column: String,
    },
    /// A column was left out because another one holds the same thing under a better name.
    AliasIgnored {
        /// The column left out.
        column: String,
        /// The column that is used.
        used: String,
        /// What it is used as.
        used_as: String,
    },
    /// A column was left out because an equal one of the same name is used.
    DuplicateIgnored {
        /// The name.
        column: String,
        /// The position of the column used, counted from 1.
        used: usize,
        /// The position of the column left out, counted from 1.
        ignored: usize,
    },
    /// A column `Label` was taken for the record label, because the file has a column of albums.
    RecordLabel {
        /// The column.
        column: String,
    },
    /// Rows have fewer fields than the header; the rest of their cells is missing.
    ShortRows {
        /// The number of such rows.
        n_rows: usize,
    },
    /// Blank lines were passed over.
    BlankLines {
        /// Their number.
        n_lines: usize,
    },
    /// A feature is known in some of the tables that were joined only.
    PartlyKnown {
        /// The feature.
        feature: AudioFeature,
        /// A table without it.
        file: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Converted { column, from, to } => write!(f, "column `{column}`: {from} converted to {to}"),
            Self::Derived { feature, column } => write!(f, "`{feature}` derived from column `{column}`"),
            Self::AliasIgnored {
                column,
                used,
                used_as,
            } => write!(f, "column `{column}` ignored: `{used}` is used as {used_as}"),
            Self::DuplicateIgnored {
                column,
                used,
                ignored,
            } => write!(
                f,
                "column {ignored} ignored: it equals column {used} of the same name, `{column}`"
            ),
            Self::RecordLabel { column } => write!(
                f,
                "column `{column}` taken for the record label: name it with `label_column` if it holds the classes"
            ),
            Self::ShortRows { n_rows } => write!(
                f,
                "{n_rows} rows have fewer fields than the header: the rest is missing"
            ),
            Self::BlankLines { n_lines } => write!(f, "{n_lines} blank lines passed over"),
            Self::PartlyKnown { feature, file } => {
                write!(f, "`{feature}` is missing from `{file}` and known elsewhere")
            }
        }
    }
}

/// What was read, from where, and what was decided on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReadReport {
    /// The file, or the name of the table.
    pub file: String,
    /// Its kind.
    pub kind: FileKind,
    /// The delimiter of a CSV file.
    pub delimiter: Option<char>,
    /// The tracks read. No row of a file is left out.
    pub n_rows: usize,
    /// The columns that are used, and as what.
    pub columns_used: Vec<ColumnUse>,
    /// The columns that are not used.
    pub columns_ignored: Vec<String>,
    /// The missing values of each feature that has a column.
    pub missing: Vec<MissingCount>,
    /// The rows without an id; all of them when there is no column of ids.
    pub n_without_id: usize,
    /// The rows without a label; all of them when there is no column of labels.
    pub n_without_label: usize,
    /// What was decided.
    pub notes: Vec<Note>,
}

impl fmt::Display for ReadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {} tracks", self.file, self.n_rows)?;
        for MissingCount { feature, n_missing } in self.missing.iter().filter(|m| m.n_missing > 0) {
            let known = self.n_rows - n_missing;
            write!(f, "\n  `{feature}` known for {known} of {}", self.n_rows)?;
        }
        for note in &self.notes {
            write!(f, "\n  {note}")?;
        }
        Ok(())
    }
}

impl ReadReport {
    /// The report of a table that comes from no file.
    pub(crate) fn memory(name: &str) -> Self {
        Self {
            file: name.to_owned(),
            kind: FileKind::Memory,
            delimiter: None,
            n_rows: 0,
            columns_used: Vec::new(),
            columns_ignored: Vec::new(),
            missing: Vec::new(),
            n_without_id: 0,
            n_without_label: 0,
            notes: Vec::new(),
        }
    }
}
