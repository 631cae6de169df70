//! Looking through a Parquet file: the ids of some rows first, then the features where one of them is wanted.

use std::fs::File;

use playlist_core::TrackKey;
use playlist_parquet::check_counts;
use polars::prelude::{DataFrame, DataType, IdxCa, NamedFrom, ParquetReader, SerReader, StringChunked};

use super::Tally;
use super::columns::Columns;
use super::found::{Found, Rows, Wanted};
use crate::read::io_error;
use crate::{Error, Result};

/// The most rows that are in memory at once.
const ROWS_AT_ONCE: usize = 1 << 18;

/// A Parquet file that was opened.
#[derive(Debug)]
pub(super) struct ParquetFile {
    file: File,
    /// Where each part begins and how many rows it has: no part crosses the border of a row group.
    parts: Vec<(usize, usize)>,
}

impl ParquetFile {
    /// Reads the names of the columns.
    pub(super) fn open(path: &str, file: File) -> Result<(Self, Columns)> {
        let handle = file.try_clone().map_err(|source| io_error(path, source))?;
        let (names, metadata) = guarded(path, move || {
            let mut reader = ParquetReader::new(handle);
            let schema = reader.schema()?;
            let names: Vec<String> = schema.iter_names().map(|name| name.to_string()).collect();
            Ok((names, reader.get_metadata()?.clone()))
        })?;
        check_counts(&metadata).map_err(|source| damaged(path, source))?;
        let mut parts = Vec::new();
        let mut start = 0_usize;
        for n_rows in metadata.row_groups.iter().map(|group| group.num_rows()) {
            for offset in (0..n_rows).step_by(ROWS_AT_ONCE) {
                parts.push((start + offset, (n_rows - offset).min(ROWS_AT_ONCE)));
            }
            start = start.saturating_add(n_rows);
        }
        Ok((Self { file, parts }, Columns::new(path, names)?))
    }

    /// The names of the columns of `file`.
    pub(super) fn names(path: &str, file: &File) -> Result<Vec<String>> {
        let handle = file.try_clone().map_err(|source| io_error(path, source))?;
        let schema = guarded(path, move || ParquetReader::new(handle).schema())?;
        Ok(schema.iter_names().map(|name| name.to_string()).collect())
    }

    /// The cells of the first rows, `n` at most.
    pub(super) fn sample(&self, path: &str, columns: &Columns, n: usize) -> Result<Rows> {
        let mut rows = Rows::new(columns);
        if let Some((start, n_rows)) = self.parts.first() {
            let frame = self.read(path, (*start, n.min(*n_rows)), &positions(columns))?;
            take_rows(path, columns, &frame, |row, cells| rows.push(row + 1, cells))?;
        }
        Ok(rows)
    }

    /// The rows of the tracks `wanted`.
    pub(super) fn find(
        &self,
        path: &str,
        columns: &Columns,
        wanted: &Wanted,
        tally: &mut Tally,
    ) -> Result<Found> {
        let mut found = Found::new(columns);
        let key_positions: Vec<usize> = columns.keys().collect();
        for (start, n_rows) in &self.parts {
            let keys = self.read(path, (*start, *n_rows), &key_positions)?;
            let hits = hits(path, columns, &keys, wanted, tally)?;
            tally.n_rows += n_rows;
            if hits.is_empty() {
                continue;
            }
            let frame = self.read(path, (*start, *n_rows), &positions(columns))?;
            let rows: Vec<u32> = hits.iter().map(|(row, _)| *row).collect();
            let frame = frame
                .take(&IdxCa::new("rows".into(), rows))
                .map_err(|source| damaged(path, source))?;
            let mut hits = hits.into_iter();
            take_rows(path, columns, &frame, |_, cells| {
                if let Some((row, keys)) = hits.next() {
                    found.add(keys, start + row as usize + 1, cells);
                }
            })?;
        }
        Ok(found)
    }

    /// Some rows of some columns.
    fn read(&self, path: &str, slice: (usize, usize), columns: &[usize]) -> Result<DataFrame> {
        rows_of(path, &self.file, slice, columns.to_vec(), |reader| reader)
    }
}

/// Some rows of some columns of a file, by a reader that `set` may set.
pub(super) fn rows_of(
    path: &str,
    file: &File,
    slice: (usize, usize),
    mut columns: Vec<usize>,
    set: impl FnOnce(ParquetReader<File>) -> ParquetReader<File>,
) -> Result<DataFrame> {
    let handle = file.try_clone().map_err(|source| io_error(path, source))?;
    columns.sort_unstable();
    columns.dedup();
    let frame = guarded(path, move || {
        set(ParquetReader::new(handle))
            .with_slice(Some(slice))
            .with_projection(Some(columns))
            .finish()
    })?;
    if frame.height() == slice.1 {
        return Ok(frame);
    }
    Err(damaged(
        path,
        "its columns have another number of rows than it says",
    ))
}

pub(super) fn positions(columns: &Columns) -> Vec<usize> {
    columns.values.iter().map(|(_, position)| *position).collect()
}

/// The rows of `keys` that are wanted, each with the tracks that it is of.
fn hits(
    path: &str,
    columns: &Columns,
    keys: &DataFrame,
    wanted: &Wanted,
    tally: &mut Tally,
) -> Result<Vec<(u32, [Option<TrackKey>; 2])>> {
    let text = |position: Option<usize>| {
        position
            .map(|at| text_column(path, columns, keys, at))
            .transpose()
    };
    let (ids, isrcs) = (text(columns.id)?, text(columns.isrc)?);
    let mut hits = Vec::new();
    for row in 0..keys.height() {
        let cell = |column: &Option<StringChunked>| {
            column
                .as_ref()
                .and_then(|cells| cells.get(row).map(str::to_owned))
        };
        let (id, any_id) = cell(&ids).map_or((None, false), |cell| wanted.by_id(cell.as_bytes()));
        let (isrc, any_isrc) = cell(&isrcs).map_or((None, false), |cell| wanted.by_isrc(cell.as_bytes()));
        tally.n_without_id += usize::from(!any_id && !any_isrc);
        if id.is_some() || isrc.is_some() {
            let row = u32::try_from(row).expect("a part has no more than `ROWS_AT_ONCE` rows");
            hits.push((row, [id, isrc]));
        }
    }
    Ok(hits)
}

/// Gives the cells of each row to `take`, in the order of [`Columns::values`].
pub(super) fn take_rows(
    path: &str,
    columns: &Columns,
    frame: &DataFrame,
    mut take: impl FnMut(usize, &[String]),
) -> Result<()> {
    let texts: Vec<StringChunked> = columns
        .values
        .iter()
        .map(|(_, position)| text_column(path, columns, frame, *position))
        .collect::<Result<_>>()?;
    let mut cells = vec![String::new(); texts.len()];
    for row in 0..frame.height() {
        for (cell, column) in cells.iter_mut().zip(&texts) {
            cell.clear();
            cell.push_str(column.get(row).unwrap_or_default());
        }
        take(row, &cells);
    }
    Ok(())
}

/// A column as text; numbers are written so that reading them gives the same again.
pub(super) fn text_column(
    path: &str,
    columns: &Columns,
    frame: &DataFrame,
    position: usize,
) -> Result<StringChunked> {
    let name = &columns.names[position];
    let column = frame.column(name).map_err(|source| damaged(path, source))?;
    let refused = || Error::ColumnType {
        path: path.to_owned(),
        column: name.clone(),
        expected: "numbers or text",
        found: column.dtype().to_string(),
    };
    if column.dtype().is_nested() || matches!(column.dtype(), DataType::Binary) {
        return Err(refused());
    }
    if let DataType::Float32 | DataType::Float64 = column.dtype() {
        let floats = column.cast(&DataType::Float64).map_err(|_| refused())?;
        let floats = floats.f64().map_err(|_| refused())?;
        return Ok(floats
            .iter()
            .map(|value| value.map(|value| value.to_string()))
            .collect());
    }
    let text = column.cast(&DataType::String).map_err(|_| refused())?;
    Ok(text.str().map_err(|_| refused())?.clone())
}

/// Runs a part of the Parquet reader, which panics on some damaged files, in its own threads and in ours.
pub(super) fn guarded<T>(path: &str, work: impl FnOnce() -> polars::prelude::PolarsResult<T>) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(polars::prelude::polars_err!(ComputeError: "the Parquet reader panicked")))
        .map_err(|source| damaged(path, source))
}

pub(super) fn damaged(path: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Parquet {
        path: path.to_owned(),
        source: source.into(),
    }
}
