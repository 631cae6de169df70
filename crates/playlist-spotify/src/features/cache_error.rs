//! What can be wrong with the file that keeps answers.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why answers cannot be kept or read. Nothing is deleted: what to do is said, and left to the user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// There is no home directory to put the file under.
    #[error("no folder for kept answers is known: set `PLAYLIST_CACHE_DIR`")]
    NoFolder,
    /// The file, or the folder that it is to be in, cannot be made or opened.
    #[error("`{}`, which keeps answers, cannot be opened", path.display())]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is damaged, or is no database at all.
    #[error(
        "`{}` is damaged, or is no file of kept answers: move it away and they are asked for again",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is a database of another program.
    #[error("`{}` is a database of another program: choose another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version of this crate.
    #[error(
        "`{}` was written by a newer version of this program (format {found}, this one knows {known}): use that version, or move the file away and the answers are asked for again",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: i64,
        /// The format that this version writes.
        known: i64,
    },
    /// Another process holds the file for longer than is waited for.
    #[error("`{}` is in use by another process: run again when that is done", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The database cannot be read or written for another reason: a full disk, a file that may not be written.
    #[error("`{}`, which keeps answers, cannot be used", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl CacheError {
    /// The error of the database at `path`.
    pub(super) fn of(path: &std::path::Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        let is_other_type = matches!(
            error,
            rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..)
        );
        if is_other_type {
            return Self::Damaged {
                path,
                source: Box::new(error),
            };
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Damaged {
                path,
                source: Box::new(error),
            },
            Some(ErrorCode::CannotOpen) => Self::Open {
                path,
                source: Box::new(error),
            },
            _ => Self::Database {
                path,
                source: Box::new(error),
            },
        }
    }
}
