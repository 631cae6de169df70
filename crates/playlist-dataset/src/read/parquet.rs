//! Parquet, through polars.

use std::fs::File;

use polars::prelude::{ParquetReader, SerReader};

use super::{RawTable, ReadOptions};
use crate::column::Assignment;
use crate::report::FileKind;
use crate::{Error, Result};

pub(super) fn read(path: &str, file: File, options: &ReadOptions) -> Result<RawTable> {
    let damaged = |source: Box<dyn std::error::Error + Send + Sync>| Error::Parquet {
        path: path.to_owned(),
        source,
    };
    let mut reader = ParquetReader::new(file);
    let schema = reader.schema().map_err(|source| damaged(source.into()))?;
    let names: Vec<String> = schema.iter_names().map(|name| name.to_string()).collect();
    let n_rows = reader.num_rows().map_err(|source| damaged(source.into()))?;
    if n_rows == 0 {
        return Err(Error::NoRows {
            path: path.to_owned(),
        });
    }
    let assignment = Assignment::new(path, &names, options)?;
    let needed = assignment.needed();
    let frame = reader
        .with_projection(Some(needed.clone()))
        .finish()
        .map_err(|source| damaged(source.into()))?;
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
        lines: super::LineNumbers::default(),
        assignment,
        notes: Vec::new(),
    })
}
