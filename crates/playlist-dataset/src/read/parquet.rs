//! Parquet, through polars.

use std::fs::File;
use std::io::{Cursor, Read};

use playlist_parquet::check;
use polars::prelude::{ParquetReader, SerReader};

use super::{RawTable, ReadOptions, io_error};
use crate::column::Assignment;
use crate::report::FileKind;
use crate::{Error, Result};

/// Reads the columns that are needed.
///
/// Polars panics on some damaged files, in its own threads and in ours; such a panic is an error here,
/// although its message still goes to stderr. Nothing of ours is left half changed by it.
pub(super) fn read(path: &str, file: File, options: &ReadOptions) -> Result<RawTable> {
    let attempt = std::panic::AssertUnwindSafe(|| read_columns(path, file, options));
    std::panic::catch_unwind(attempt).unwrap_or_else(|_| Err(damaged(path, "the Parquet reader panicked")))
}

fn damaged(path: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Parquet {
        path: path.to_owned(),
        source: source.into(),
    }
}

fn read_columns(path: &str, mut file: File, options: &ReadOptions) -> Result<RawTable> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .map_err(|source| io_error(path, source))?;
    let checked = check(bytes).map_err(|source| damaged(path, source))?;
    let mut reader = ParquetReader::new(Cursor::new(checked));
    let schema = reader.schema().map_err(|source| damaged(path, source))?;
    let names: Vec<String> = schema.iter_names().map(|name| name.to_string()).collect();
    let n_rows = reader.num_rows().map_err(|source| damaged(path, source))?;
    if n_rows == 0 {
        return Err(Error::NoRows {
            path: path.to_owned(),
        });
    }
    let assignment = Assignment::new(path, &names, options)?;
    let frame = reader
        .with_projection(Some(assignment.needed()))
        .finish()
        .map_err(|source| damaged(path, source))?;
    if frame.height() != n_rows {
        return Err(damaged(
            path,
            "its columns have another number of rows than it says",
        ));
    }
    let mut columns = vec![None; names.len()];
    for column in frame.into_columns() {
        let position = names.iter().position(|name| name == column.name().as_str());
        columns[position.expect("polars returns columns of the file")] = Some(column);
    }
    Ok(RawTable {
        path: path.to_owned(),
        kind: FileKind::Parquet,
        delimiter: None,
        n_rows,
        names,
        columns,
        numbers: Vec::new(),
        texts: None,
        lines: super::LineNumbers::default(),
        assignment,
        notes: Vec::new(),
    })
}
