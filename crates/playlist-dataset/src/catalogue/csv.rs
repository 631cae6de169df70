//! Looking through a CSV file.

use std::fs::File;
use std::io::Seek;

use super::Tally;
use super::columns::Columns;
use super::found::{Found, Rows, Wanted};
use super::rows::{Fields, Row, RowReader, text_of};
use crate::read::{io_error, sniff_delimiter, split_header};
use crate::{Error, ReadOptions, Result};

/// A CSV file that was opened.
#[derive(Debug)]
pub(super) struct CsvFile {
    file: File,
    delimiter: u8,
    limit: usize,
}

impl CsvFile {
    /// Reads the header and decides which columns are looked at.
    pub(super) fn open(path: &str, file: File, options: &ReadOptions) -> Result<(Self, Columns)> {
        let (file, names) = Self::header(path, file, options)?;
        Ok((file, Columns::new(path, names)?))
    }

    /// Reads the names of the columns.
    pub(super) fn header(path: &str, mut file: File, options: &ReadOptions) -> Result<(Self, Vec<String>)> {
        let limit = options.max_line_bytes;
        let header = read_header(path, &mut file, b',', limit)?;
        let delimiter = options.delimiter.unwrap_or_else(|| sniff_delimiter(&header));
        let names = split_header(&header, delimiter);
        let file = Self {
            file,
            delimiter,
            limit,
        };
        Ok((file, names))
    }

    /// The file, what stands between fields, and the limit on the length of a row.
    pub(super) fn into_parts(self) -> (File, u8, usize) {
        (self.file, self.delimiter, self.limit)
    }

    /// The cells of the first rows, `n` at most.
    pub(super) fn sample(&mut self, path: &str, columns: &Columns, n: usize) -> Result<Rows> {
        let mut rows = Rows::new(columns);
        let mut cells = Cells::new(columns, self.delimiter);
        self.each_row(path, columns, &mut Tally::default(), |row, number, _| {
            if cells.read(&row) {
                rows.push(number, &cells.texts);
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
        let mut cells = Cells::new(columns, self.delimiter);
        let keys = Keys::new(columns, self.delimiter);
        self.each_row(path, columns, tally, |row, number, tally| {
            let ([id, isrc], named) = keys.of(&row, wanted);
            tally.n_without_id += usize::from(!named);
            if id.is_some() || isrc.is_some() {
                if cells.read(&row) {
                    found.add([id, isrc], number, &cells.texts);
                } else {
                    tally.bad_row(row.line);
                }
            }
            true
        })?;
        Ok(found)
    }

    /// Gives each row to `take`, with its number, until that returns false.
    fn each_row(
        &mut self,
        path: &str,
        columns: &Columns,
        tally: &mut Tally,
        mut take: impl FnMut(Row<'_>, usize, &mut Tally) -> bool,
    ) -> Result<()> {
        self.file.rewind().map_err(|source| io_error(path, source))?;
        let header = read_header(path, &mut self.file, self.delimiter, self.limit)?;
        if split_header(&header, self.delimiter) != columns.names {
            return Err(Error::Changed {
                path: path.to_owned(),
            });
        }
        self.file.rewind().map_err(|source| io_error(path, source))?;
        let mut rows = RowReader::new(path, &self.file, self.delimiter, self.limit);
        rows.next_row()?;
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

/// The first row as text.
fn read_header(path: &str, file: &mut File, delimiter: u8, limit: usize) -> Result<String> {
    file.rewind().map_err(|source| io_error(path, source))?;
    let mut rows = RowReader::new(path, file, delimiter, limit);
    let row = rows.next_row()?.map(|row| (row.bytes.to_vec(), row.line));
    let (n_passed_over, first) = rows.passed_over();
    let path = path.to_owned();
    if let (Some(line), true) = (first, n_passed_over > 0) {
        return Err(Error::LineTooLong { path, line, limit });
    }
    let Some((bytes, line)) = row else {
        return Err(Error::EmptyFile { path });
    };
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    match std::str::from_utf8(bytes) {
        Ok(header) => Ok(header.to_owned()),
        Err(error) => Err(Error::NotUtf8 {
            path,
            line,
            byte: error.valid_up_to() + 1,
            found: bytes[error.valid_up_to()],
        }),
    }
}

/// Finds the keys of a row, reading no further than they stand.
struct Keys {
    id: Option<usize>,
    isrc: Option<usize>,
    last: usize,
    delimiter: u8,
}

impl Keys {
    fn new(columns: &Columns, delimiter: u8) -> Self {
        Self {
            id: columns.id,
            isrc: columns.isrc,
            last: columns.keys().max().unwrap_or_default(),
            delimiter,
        }
    }

    /// The wanted tracks that the row is of, by id and by code, and whether it names any track.
    fn of(&self, row: &Row<'_>, wanted: &Wanted) -> ([Option<playlist_core::TrackKey>; 2], bool) {
        let (mut keys, mut named) = ([None, None], false);
        let fields = Fields::new(row.bytes, self.delimiter).take(self.last + 1);
        for (position, field) in fields.enumerate() {
            if Some(position) == self.id {
                let (key, any) = wanted.by_id(field);
                keys[0] = key;
                named |= any;
            } else if Some(position) == self.isrc {
                let (key, any) = wanted.by_isrc(field);
                keys[1] = key;
                named |= any;
            }
        }
        (keys, named)
    }
}

/// Reads the cells of a row that may hold features.
struct Cells {
    /// For each field of a row, where its text goes.
    slots: Vec<Option<usize>>,
    delimiter: u8,
    texts: Vec<String>,
}

impl Cells {
    fn new(columns: &Columns, delimiter: u8) -> Self {
        let mut slots = vec![None; columns.names.len()];
        for (slot, (_, position)) in columns.values.iter().enumerate() {
            slots[*position] = Some(slot);
        }
        Self {
            slots,
            delimiter,
            texts: vec![String::new(); columns.values.len()],
        }
    }

    /// Reads the row; false when it has more fields than the header, so that nobody knows which is which. The
    /// cells that a short row lacks are missing.
    fn read(&mut self, row: &Row<'_>) -> bool {
        self.texts.iter_mut().for_each(String::clear);
        for (position, field) in Fields::new(row.bytes, self.delimiter).enumerate() {
            match self.slots.get(position) {
                None => return false,
                Some(None) => {}
                Some(Some(slot)) => match text_of(field) {
                    Some(text) => self.texts[*slot].push_str(&text),
                    // Shown as it is later, as a value that was refused.
                    None => self.texts[*slot].push_str(&String::from_utf8_lossy(field)),
                },
            }
        }
        true
    }
}
