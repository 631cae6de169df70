//! The rows of a CSV file: cut into parts by one thread at a time, understood by many.

use std::fs::File;
use std::io::Seek;
use std::sync::{Mutex, MutexGuard, PoisonError};

use polars::prelude::{Column, DataFrame, IntoColumn, StringChunkedBuilder};

use super::super::csv::CsvFile;
use super::super::rows::{Fields, RowReader, text_of};
use super::{Block, CatalogueScan, Faults, Part};
use crate::read::io_error;
use crate::{Error, Result};

/// A part ends with the row that fills it up to so many bytes.
const BYTES_AT_ONCE: usize = 1 << 24;

/// Rows as they are written, one after the other.
#[derive(Debug, Default)]
pub(super) struct RowTexts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct CsvScan {
    delimiter: u8,
    most_rows: usize,
    rows: Mutex<Cursor>,
}

/// Where reading stands.
#[derive(Debug)]
struct Cursor {
    rows: RowReader<File>,
    n_parts: usize,
    n_rows: usize,
    n_bytes: u64,
}

impl CsvScan {
    pub(super) fn new(path: &str, lookup: CsvFile) -> Result<Self> {
        let (mut file, delimiter, limit) = lookup.into_parts();
        file.rewind().map_err(|source| io_error(path, source))?;
        let mut rows = RowReader::new(path, file, delimiter, limit);
        rows.next_row()?;
        Ok(Self {
            delimiter,
            most_rows: usize::MAX,
            rows: Mutex::new(Cursor {
                rows,
                n_parts: 0,
                n_rows: 0,
                n_bytes: 0,
            }),
        })
    }

    /// Cuts the file into parts of so many rows at most.
    pub(super) fn limit_rows(&mut self, most: usize) {
        self.most_rows = most;
    }

    fn cursor(&self) -> MutexGuard<'_, Cursor> {
        // A cursor is never left half changed: nothing that holds it panics.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next_part(&self) -> Result<Option<Part>> {
        let mut cursor = self.cursor();
        let mut text = RowTexts::default();
        while text.bytes.len() < BYTES_AT_ONCE
            && text.ends.len() < self.most_rows
            && let Some(row) = cursor.rows.next_row()?
        {
            text.bytes.extend_from_slice(row.bytes);
            text.ends.push(text.bytes.len());
        }
        let n_rows = text.ends.len();
        if n_rows == 0 {
            return Ok(None);
        }
        let part = Part {
            index: cursor.n_parts,
            first_row: cursor.n_rows,
            n_rows,
            end: cursor.n_bytes + (text.bytes.len() + n_rows) as u64,
            text,
        };
        cursor.n_parts += 1;
        cursor.n_rows += n_rows;
        cursor.n_bytes = part.end;
        Ok(Some(part))
    }

    pub(super) fn passed_over(&self) -> (usize, Option<usize>) {
        self.cursor().rows.passed_over()
    }

    pub(super) fn read(&self, scan: &CatalogueScan, part: Part) -> Result<Block> {
        let slots = Slots::new(scan);
        let mut faults = Faults::default();
        let mut values: Vec<Vec<f32>> = scan.wanted.iter().map(|_| vec![f32::NAN; part.n_rows]).collect();
        let mut kept: Vec<StringChunkedBuilder> = (scan.kept.iter())
            .map(|position| {
                StringChunkedBuilder::new(scan.columns.names[*position].as_str().into(), part.n_rows)
            })
            .collect();
        let mut start = 0;
        for (row, end) in part.text.ends.iter().enumerate() {
            let mut cells = RowCells {
                scan,
                row,
                number: part.first_row + row + 1,
                values: &mut values,
                kept: &mut kept,
                faults: &mut faults,
            };
            cells.read(&part.text.bytes[start..*end], &slots.0, self.delimiter);
            start = *end;
        }
        let kept: Vec<Column> = kept
            .into_iter()
            .map(|column| column.finish().into_column())
            .collect();
        Ok(Block {
            index: part.index,
            n_rows: part.n_rows,
            values,
            kept: DataFrame::new(part.n_rows, kept).map_err(|source| Error::Frame {
                path: scan.path.clone(),
                source: source.into(),
            })?,
            faults,
        })
    }
}

/// Where the cells of a row go.
struct RowCells<'a> {
    scan: &'a CatalogueScan,
    row: usize,
    /// The row in the file, counted from 1.
    number: usize,
    values: &'a mut [Vec<f32>],
    kept: &'a mut [StringChunkedBuilder],
    faults: &'a mut Faults,
}

impl RowCells<'_> {
    fn read(&mut self, bytes: &[u8], slots: &[Slot], delimiter: u8) {
        let (mut n_kept, mut is_bad) = (0, false);
        for (position, field) in Fields::new(bytes, delimiter).enumerate() {
            let Some(slot) = slots.get(position) else {
                is_bad = true;
                break;
            };
            if slot.features.is_empty() && !slot.is_kept {
                continue;
            }
            let text = text_of(field).unwrap_or_else(|| String::from_utf8_lossy(field));
            for (feature, origin) in &slot.features {
                match self
                    .scan
                    .reading
                    .of_text(*origin, self.scan.wanted[*feature].0, &text)
                {
                    Ok(value) => self.values[*feature][self.row] = value,
                    Err(expected) => {
                        self.faults
                            .refuse(self.number, self.scan.name(*origin), expected, &text)
                    }
                }
            }
            if slot.is_kept {
                self.kept[n_kept].append_option(Some(text.as_ref()).filter(|text| !text.is_empty()));
                n_kept += 1;
            }
        }
        self.kept[n_kept..]
            .iter_mut()
            .for_each(StringChunkedBuilder::append_null);
        if is_bad {
            // Nobody knows which cell is which.
            self.faults.n_bad_rows += 1;
            self.faults.first_bad_row.get_or_insert(self.number);
            self.values
                .iter_mut()
                .for_each(|column| column[self.row] = f32::NAN);
        }
    }
}

/// What is done with the cells of each column.
struct Slots(Vec<Slot>);

#[derive(Clone, Default)]
struct Slot {
    /// Features that it gives, by number, and its place in [`Columns::values`](super::Columns::values).
    features: Vec<(usize, usize)>,
    is_kept: bool,
}

impl Slots {
    fn new(scan: &CatalogueScan) -> Self {
        let mut slots = vec![Slot::default(); scan.columns.names.len()];
        for (number, (_, origin)) in scan.wanted.iter().enumerate() {
            slots[scan.columns.values[*origin].1]
                .features
                .push((number, *origin));
        }
        for position in &scan.kept {
            slots[*position].is_kept = true;
        }
        Self(slots)
    }
}
