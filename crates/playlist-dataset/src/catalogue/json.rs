//! Looking through a file of JSON lines.

use std::fs::File;
use std::io::Seek;

use serde_json::{Map, Value};

use super::Tally;
use super::columns::Columns;
use super::found::{Found, Rows, Wanted};
use super::rows::{Row, RowReader};
use crate::read::io_error;
use crate::{Error, ReadOptions, Result};

/// A file of JSON lines that was opened. Its columns are the keys of the first rows.
#[derive(Debug)]
pub(super) struct JsonFile {
    file: File,
    limit: usize,
}

impl JsonFile {
    /// Reads the names of the keys from the first rows, `n` at most.
    pub(super) fn open(path: &str, file: File, options: &ReadOptions, n: usize) -> Result<(Self, Columns)> {
        let mut file = Self {
            file,
            limit: options.max_line_bytes,
        };
        let mut names: Vec<String> = Vec::new();
        file.each_row(path, &mut Tally::default(), |row, number, _| {
            for (name, _) in object(&row).into_iter().flatten() {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            number < n
        })?;
        if names.is_empty() {
            return Err(Error::NoRows {
                path: path.to_owned(),
            });
        }
        Ok((file, Columns::new(path, names)?))
    }

    /// The cells of the first rows, `n` at most.
    pub(super) fn sample(&mut self, path: &str, columns: &Columns, n: usize) -> Result<Rows> {
        let mut rows = Rows::new(columns);
        self.each_row(path, &mut Tally::default(), |row, number, _| {
            if let Some(object) = object(&row) {
                rows.push(number, &cells(columns, &object));
            }
            number < n
        })?;
        Ok(rows)
    }

    /// The rows of the tracks `wanted`.
    pub(super) fn find(
        &mut self,
        path: &str,
        columns: &Columns,
        wanted: &Wanted,
        tally: &mut Tally,
    ) -> Result<Found> {
        let mut found = Found::new(columns);
        self.each_row(path, tally, |row, number, tally| {
            let Some(object) = object(&row) else {
                tally.bad_row(row.line);
                return true;
            };
            let cell = |position: Option<usize>| object.get(&columns.names[position?])?.as_str();
            let (id, any_id) = cell(columns.id).map_or((None, false), |id| wanted.by_id(id.as_bytes()));
            let (isrc, any_isrc) =
                cell(columns.isrc).map_or((None, false), |isrc| wanted.by_isrc(isrc.as_bytes()));
            tally.n_without_id += usize::from(!any_id && !any_isrc);
            if id.is_some() || isrc.is_some() {
                found.add([id, isrc], number, &cells(columns, &object));
            }
            true
        })?;
        Ok(found)
    }

    /// Gives each row to `take`, with its number, until that returns false.
    fn each_row(
        &mut self,
        path: &str,
        tally: &mut Tally,
        mut take: impl FnMut(Row<'_>, usize, &mut Tally) -> bool,
    ) -> Result<()> {
        self.file.rewind().map_err(|source| io_error(path, source))?;
        let mut rows = RowReader::lines(path, &self.file, self.limit);
        while let Some(row) = rows.next_row()? {
            tally.n_rows += 1;
            let number = tally.n_rows;
            if !take(row, number, tally) {
                return Ok(());
            }
        }
        tally.passed_over(rows.passed_over());
        Ok(())
    }
}

fn object(row: &Row<'_>) -> Option<Map<String, Value>> {
    let bytes = row.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(row.bytes);
    serde_json::from_slice(bytes).ok()
}

/// The cells as text. A list or an object stays what it is, and is refused as a value.
fn cells(columns: &Columns, object: &Map<String, Value>) -> Vec<String> {
    let text = |position: usize| match object.get(&columns.names[position]) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(value) => value.to_string(),
    };
    let values = columns.values.iter();
    values.map(|(_, position)| text(*position)).collect()
}
