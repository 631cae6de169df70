//! The errors of this crate.

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a file is no Parquet file that can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be followed: it is cut short, or altered, or of another kind.
    #[error("the file is damaged, or no Parquet file")]
    Damaged {
        /// What the reader said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A count that cannot be.
    #[error("{what} of row group {group}, column {column} is {found}: expected 0 to {most}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// The row group, from 0.
        group: usize,
        /// The column, from 0, nested ones counted singly.
        column: usize,
        /// The count found.
        found: i64,
        /// The greatest that could be.
        most: i64,
    },
    /// A row group of more rows than it can have.
    #[error("row group {group} has {found} rows: expected {most} at most")]
    Rows {
        /// The row group, from 0.
        group: usize,
        /// The rows that it says it has.
        found: usize,
        /// The most that could be.
        most: i64,
    },
    /// A column that has not one value for each row.
    #[error("column {column} of row group {group} has {found} values: expected {n_rows}, one for each row")]
    Values {
        /// The row group, from 0.
        group: usize,
        /// The column, from 0, nested ones counted singly.
        column: usize,
        /// The values that it says it has.
        found: i64,
        /// The rows of the row group.
        n_rows: usize,
    },
}

impl Error {
    pub(crate) fn damaged(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Damaged {
            source: source.into(),
        }
    }
}
