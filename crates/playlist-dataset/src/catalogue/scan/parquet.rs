//! The rows of a Parquet file, by row groups.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use playlist_parquet::check_counts;
use polars::prelude::{DataFrame, DataType, ParallelStrategy, ParquetReader, PlSmallStr, SerReader};

use super::super::columns::Columns;
use super::super::found::Rows;
use super::super::parquet::{damaged, guarded, positions, rows_of, take_rows, text_column};
use super::{Block, CatalogueScan, Faults, Part, csv};
use crate::read::io_error;
use crate::{Error, Result};

/// Small row groups are read together up to so many rows.
const FEWEST_ROWS: usize = 1 << 17;

/// Greater row groups are read piece by piece.
const MOST_ROWS: usize = 1 << 20;

/// The rows of a piece of a great row group.
const PIECE: usize = 1 << 18;

pub(super) struct ParquetScan {
    file: File,
    metadata: Arc<polars_parquet::parquet::metadata::FileMetadata>,
    /// Where each part begins and how many rows it has.
    parts: Vec<(usize, usize)>,
    next: AtomicUsize,
}

impl std::fmt::Debug for ParquetScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetScan")
            .field("parts", &self.parts.len())
            .finish_non_exhaustive()
    }
}

impl ParquetScan {
    pub(super) fn open(path: &str, file: File) -> Result<Self> {
        let handle = file.try_clone().map_err(|source| io_error(path, source))?;
        let metadata = guarded(path, move || ParquetReader::new(handle).get_metadata().cloned())?;
        check_counts(&metadata).map_err(|source| damaged(path, source))?;
        let groups = metadata.row_groups.iter().map(|group| group.num_rows());
        Ok(Self {
            file,
            parts: parts(groups, FEWEST_ROWS, MOST_ROWS, PIECE),
            metadata,
            next: AtomicUsize::new(0),
        })
    }

    /// Cuts the file into parts of so many rows at most.
    pub(super) fn limit_rows(&mut self, most: usize) {
        let groups = self.metadata.row_groups.iter().map(|group| group.num_rows());
        self.parts = parts(
            groups,
            FEWEST_ROWS.min(most),
            MOST_ROWS.min(most),
            PIECE.min(most),
        );
    }

    pub(super) fn n_rows(&self) -> usize {
        self.parts.last().map_or(0, |(start, n_rows)| start + n_rows)
    }

    /// The cells of the first rows, `n` at most.
    pub(super) fn sample(&self, path: &str, columns: &Columns, n: usize) -> Result<Rows> {
        let mut rows = Rows::new(columns);
        if let Some((start, n_rows)) = self.parts.first() {
            let frame = self.frame(path, (*start, n.min(*n_rows)), positions(columns))?;
            take_rows(path, columns, &frame, |row, cells| rows.push(row + 1, cells))?;
        }
        Ok(rows)
    }

    pub(super) fn next_part(&self, n_bytes: u64) -> Option<Part> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let (first_row, n_rows) = *self.parts.get(index)?;
        let share = (first_row + n_rows) as f64 / self.n_rows().max(1) as f64;
        Some(Part {
            index,
            first_row,
            n_rows,
            end: (n_bytes as f64 * share) as u64,
            text: csv::RowTexts::default(),
        })
    }

    pub(super) fn read(&self, scan: &CatalogueScan, part: &Part) -> Result<Block> {
        let mut needed = scan.kept.clone();
        needed.extend(
            scan.wanted
                .iter()
                .map(|(_, origin)| scan.columns.values[*origin].1),
        );
        let frame = self.frame(&scan.path, (part.first_row, part.n_rows), needed)?;
        let mut faults = Faults::default();
        let mut values = Vec::with_capacity(scan.wanted.len());
        for (feature, origin) in &scan.wanted {
            let name = scan.name(*origin);
            let column = frame.column(name).map_err(|source| damaged(&scan.path, source))?;
            let row = |row: usize| part.first_row + row + 1;
            values.push(
                if column.dtype().is_primitive_numeric() && scan.reading.is_number(*origin) {
                    let mut numbers = numbers(&scan.path, column)?;
                    scan.reading
                        .convert(*origin, *feature, &mut numbers, |at, found, expected| {
                            faults.refuse(row(at), name, expected, &found.to_string());
                        });
                    numbers
                } else {
                    let position = scan.columns.values[*origin].1;
                    let cells = text_column(&scan.path, &scan.columns, &frame, position)?;
                    let mut values = Vec::with_capacity(part.n_rows);
                    for (at, cell) in cells.iter().enumerate() {
                        let cell = cell.unwrap_or_default();
                        values.push(scan.reading.of_text(*origin, *feature, cell).unwrap_or_else(
                            |expected| {
                                faults.refuse(row(at), name, expected, cell);
                                f32::NAN
                            },
                        ));
                    }
                    values
                },
            );
        }
        let kept: Vec<PlSmallStr> = scan.kept_columns().map(PlSmallStr::from).collect();
        let mut kept = frame.select(kept).map_err(|source| damaged(&scan.path, source))?;
        kept.rechunk_mut();
        Ok(Block {
            index: part.index,
            n_rows: part.n_rows,
            values,
            kept,
            faults,
        })
    }

    /// Some rows of some columns, read by this thread alone.
    fn frame(&self, path: &str, slice: (usize, usize), columns: Vec<usize>) -> Result<DataFrame> {
        let metadata = Arc::clone(&self.metadata);
        // Parts are read side by side: no threads within one.
        rows_of(path, &self.file, slice, columns, |mut reader| {
            reader.set_metadata(metadata);
            reader.read_parallel(ParallelStrategy::None)
        })
    }
}

/// Row groups, small ones together and great ones in pieces: where each part begins and how many rows it has.
fn parts(
    groups: impl Iterator<Item = usize>,
    fewest: usize,
    most: usize,
    piece: usize,
) -> Vec<(usize, usize)> {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    let mut start = 0_usize;
    let mut can_grow = false;
    for n_rows in groups {
        match parts
            .last_mut()
            .filter(|(_, n_before)| can_grow && n_before + n_rows <= most)
        {
            Some((_, n_before)) => *n_before += n_rows,
            None if n_rows > most => {
                let pieces = (0..n_rows).step_by(piece);
                parts.extend(pieces.map(|offset| (start + offset, (n_rows - offset).min(piece))));
            }
            None if n_rows > 0 => parts.push((start, n_rows)),
            None => {}
        }
        can_grow = parts.last().is_some_and(|(_, n_rows)| *n_rows < fewest);
        start = start.saturating_add(n_rows);
    }
    parts
}

/// The numbers of a column, NaN where one is missing.
fn numbers(path: &str, column: &polars::prelude::Column) -> Result<Vec<f32>> {
    let refused = |_| Error::ColumnType {
        path: path.to_owned(),
        column: column.name().to_string(),
        expected: "numbers",
        found: column.dtype().to_string(),
    };
    let cast;
    let column = if *column.dtype() == DataType::Float32 {
        column
    } else {
        cast = column.cast(&DataType::Float32).map_err(refused)?;
        &cast
    };
    let values = column.f32().map_err(refused)?;
    let mut numbers = Vec::with_capacity(values.len());
    for chunk in values.downcast_iter() {
        match chunk.validity() {
            None => numbers.extend_from_slice(chunk.values()),
            Some(_) => numbers.extend(chunk.iter().map(|value| value.copied().unwrap_or(f32::NAN))),
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_groups_go_together_and_great_ones_are_cut() {
        let cut = |groups: &[usize]| parts(groups.iter().copied(), 50, 100, 30);
        assert_eq!(cut(&[10, 0, 20, 50, 5]), [(0, 80), (80, 5)]);
        assert_eq!(cut(&[40, 90, 10]), [(0, 40), (40, 90), (130, 10)]);
        assert_eq!(cut(&[3, 101]), [(0, 3), (3, 30), (33, 30), (63, 30), (93, 11)]);
    }
}
