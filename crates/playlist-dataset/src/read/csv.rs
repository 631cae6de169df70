//! CSV: a strict scan of the text, then polars for the columns that are needed.

use std::io::{BufRead, Cursor};
use std::sync::Arc;

use polars::prelude::{CsvParseOptions, CsvReadOptions, DataType, Schema, SerReader};

use super::lines::{LineNumbers, LineReader};
use super::{RawTable, ReadOptions, at_end};
use crate::column::{Assignment, is_feature};
use crate::message::excerpt;
use crate::report::{FileKind, Note};
use crate::{Error, Result};

const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// Reads the text once, checking it line by line, and gives the rows to polars, all cells as text.
///
/// The scan is strict about quotes, because polars guesses where they are not well formed, and about the
/// number of fields. It leaves polars no choice, and the number of rows is compared afterwards.
pub(super) fn read(path: &str, mut reader: impl BufRead, options: &ReadOptions) -> Result<RawTable> {
    if at_end(&mut reader, path)? {
        return Err(Error::EmptyFile {
            path: path.to_owned(),
        });
    }
    let mut lines = LineReader::new(path, reader, options.max_line_bytes);
    let header = read_header(path, &mut lines, options.max_line_bytes)?;
    let delimiter = options.delimiter.unwrap_or_else(|| sniff_delimiter(&header));
    let names = split_header(&header, delimiter);
    let assignment = Assignment::new(path, &names, options)?;
    let mut scan = Scan::new(path, delimiter, names.len(), options.max_line_bytes);
    scan.run(&mut lines)?;
    if scan.n_rows == 0 {
        return Err(Error::NoRows {
            path: path.to_owned(),
        });
    }
    let notes = scan.notes();
    let (n_rows, row_lines) = (scan.n_rows, std::mem::take(&mut scan.row_lines));
    let columns = parse(path, scan, names.len(), &assignment.needed())?;
    Ok(RawTable {
        path: path.to_owned(),
        kind: FileKind::Csv,
        delimiter: Some(char::from(delimiter)),
        n_rows,
        names,
        columns,
        lines: row_lines,
        assignment,
        notes,
    })
}

/// The first line that is not blank, and the lines that quotes join to it, without the line break.
fn read_header<R: BufRead>(path: &str, lines: &mut LineReader<'_, R>, limit: usize) -> Result<String> {
    let mut header = Vec::new();
    let mut first = 0;
    while lines.read_into(&mut header)? {
        if header.iter().all(u8::is_ascii_whitespace) {
            header.clear();
            continue;
        }
        if first == 0 {
            first = lines.line;
        }
        if memchr::memchr_iter(b'"', &header).count().is_multiple_of(2) {
            header.pop();
            return Ok(String::from_utf8(header).expect("lines are checked to be UTF-8"));
        }
        if header.len() > limit {
            break;
        }
    }
    let path = path.to_owned();
    match first {
        0 => Err(Error::EmptyFile { path }),
        line => Err(Error::UnterminatedQuote { path, line }),
    }
}

/// The delimiter that yields the most audio features, then the most columns.
fn sniff_delimiter(header: &str) -> u8 {
    let worth = |delimiter: &u8| {
        let names = split_header(header, *delimiter);
        (names.iter().filter(|name| is_feature(name)).count(), names.len())
    };
    // The last of equal ones wins in `max_by_key`, hence the comma comes last.
    DELIMITERS
        .into_iter()
        .rev()
        .max_by_key(worth)
        .expect("there are three")
}

/// The names of the columns: quotes taken off, blanks around them too.
fn split_header(header: &str, delimiter: u8) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut quoted = false;
    let mut chars = header.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                names.last_mut().expect("never empty").push('"');
            }
            '"' => quoted = !quoted,
            c if c == char::from(delimiter) && !quoted => names.push(String::new()),
            c => names.last_mut().expect("never empty").push(c),
        }
    }
    names.iter().map(|name| name.trim().to_owned()).collect()
}

/// The rows of a file, checked, and what was counted on the way.
struct Scan<'a> {
    path: &'a str,
    delimiter: u8,
    n_fields: usize,
    limit: usize,
    content: Vec<u8>,
    n_rows: usize,
    n_short: usize,
    n_blank: usize,
    row_lines: LineNumbers,
}

/// Where the scan of a row stands at the end of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    /// Before the first byte of a field.
    Start,
    /// In a field without quotes.
    Plain,
    /// Within quotes.
    Quoted,
    /// After a closing quote.
    Closed,
}

impl<'a> Scan<'a> {
    fn new(path: &'a str, delimiter: u8, n_fields: usize, limit: usize) -> Self {
        Self {
            path,
            delimiter,
            n_fields,
            limit,
            content: Vec::new(),
            n_rows: 0,
            n_short: 0,
            n_blank: 0,
            row_lines: LineNumbers::text(),
        }
    }

    /// Reads all rows into `content`, one after the other, without blank lines.
    fn run<R: BufRead>(&mut self, lines: &mut LineReader<'_, R>) -> Result<()> {
        let (mut row_start, mut row_line) = (0, 0);
        let (mut state, mut n_fields) = (Field::Start, 1);
        loop {
            let start = self.content.len();
            if !lines.read_into(&mut self.content)? {
                break;
            }
            let line = &self.content[start..self.content.len() - 1];
            if state != Field::Quoted {
                if line.is_empty() || (line.len() < 16 && line.iter().all(|byte| *byte == b' ')) {
                    self.content.truncate(start);
                    self.n_blank += 1;
                    continue;
                }
                (row_start, row_line) = (start, lines.line);
                (state, n_fields) = (Field::Start, 1);
            }
            if state == Field::Start && memchr::memchr(b'"', line).is_none() {
                n_fields = memchr::memchr_iter(self.delimiter, line).count() + 1;
            } else {
                state = self.quoted_line(line, state, &mut n_fields, lines.line)?;
            }
            if state == Field::Quoted {
                if self.content.len() - row_start > self.limit {
                    break;
                }
            } else {
                self.end_row(n_fields, row_line)?;
            }
        }
        if state == Field::Quoted {
            return Err(Error::UnterminatedQuote {
                path: self.path.to_owned(),
                line: row_line,
            });
        }
        Ok(())
    }

    /// Goes through a line with quotes byte by byte.
    fn quoted_line(&self, line: &[u8], from: Field, n_fields: &mut usize, number: usize) -> Result<Field> {
        let mut state = from;
        for (at, byte) in line.iter().enumerate() {
            state = match (state, *byte) {
                (Field::Quoted, b'"') => Field::Closed,
                (Field::Quoted, _) => Field::Quoted,
                (Field::Start | Field::Closed, b'"') => Field::Quoted,
                (Field::Start | Field::Plain | Field::Closed, byte) if byte == self.delimiter => {
                    *n_fields += 1;
                    Field::Start
                }
                (Field::Plain, b'"') | (Field::Closed, _) => {
                    let around = &line[at.saturating_sub(12)..(at + 12).min(line.len())];
                    return Err(Error::StrayQuote {
                        path: self.path.to_owned(),
                        line: number,
                        found: excerpt(&String::from_utf8_lossy(around)),
                    });
                }
                (Field::Start | Field::Plain, _) => Field::Plain,
            };
        }
        // Every row begins at the start of a field; only an open quote lasts beyond the line.
        Ok(if state == Field::Quoted {
            Field::Quoted
        } else {
            Field::Start
        })
    }

    fn end_row(&mut self, n_fields: usize, line: usize) -> Result<()> {
        if n_fields > self.n_fields {
            return Err(Error::TooManyFields {
                path: self.path.to_owned(),
                row: self.n_rows + 1,
                line,
                expected: self.n_fields,
                found: n_fields,
            });
        }
        self.n_short += usize::from(n_fields < self.n_fields);
        self.row_lines.note(self.n_rows, line);
        self.n_rows += 1;
        Ok(())
    }

    fn notes(&self) -> Vec<Note> {
        let short = (self.n_short > 0).then_some(Note::ShortRows { n_rows: self.n_short });
        let blank = (self.n_blank > 0).then_some(Note::BlankLines {
            n_lines: self.n_blank,
        });
        short.into_iter().chain(blank).collect()
    }
}

/// Lets polars split the rows into columns of text.
fn parse(
    path: &str,
    scan: Scan<'_>,
    n_columns: usize,
    needed: &[usize],
) -> Result<Vec<Option<polars::prelude::Column>>> {
    // The names of the file may repeat, hence numbers.
    let schema: Schema = (0..n_columns)
        .map(|position| (position.to_string().into(), DataType::String))
        .collect();
    let parse_options = CsvParseOptions::default()
        .with_separator(scan.delimiter)
        .with_quote_char(Some(b'"'));
    let frame = CsvReadOptions::default()
        .with_has_header(false)
        .with_infer_schema_length(Some(0))
        .with_schema(Some(Arc::new(schema)))
        .with_projection(Some(Arc::new(needed.to_vec())))
        .with_parse_options(parse_options)
        .with_rechunk(false)
        .into_reader_with_file_handle(Cursor::new(scan.content.as_slice()))
        .finish()
        .map_err(|source| Error::Csv {
            path: path.to_owned(),
            source: source.into(),
        })?;
    if frame.height() != scan.n_rows {
        return Err(Error::RowCount {
            path: path.to_owned(),
            expected: scan.n_rows,
            found: frame.height(),
        });
    }
    let mut columns = vec![None; n_columns];
    for (position, column) in needed.iter().zip(frame.into_columns()) {
        columns[*position] = Some(column);
    }
    Ok(columns)
}
