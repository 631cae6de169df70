//! CSV: in one pass, or by a strict scan of the text and then polars for the columns that are needed.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek, SeekFrom};
use std::sync::Arc;

use polars::prelude::{Column, CsvParseOptions, CsvReadOptions, DataType, Schema, SerReader};

use super::fast::{self, Plan};
use super::lines::{LineNumbers, LineReader};
use super::{RawTable, ReadOptions, at_end, io_error};
use crate::column::{Assignment, is_feature};
use crate::message::excerpt;
use crate::report::{FileKind, Note};
use crate::{Error, Result, TrackTable, build};

const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// Reads a file in one pass where that goes, and slowly where something needs a closer look.
///
/// The slow way reads the text once, checking it line by line, and gives the rows to polars, all cells as text. Its scan is strict
/// about quotes, because polars guesses where they are not well formed, and about the number of fields. It leaves polars no
/// choice, and the number of rows is compared afterwards. It allows for other ways to write a feature than as a number, and
/// its errors show a cell as it is.
pub(super) fn read(path: &str, mut file: File, size: u64, options: &ReadOptions) -> Result<TrackTable> {
    if let Some(table) = read_fast(path, &mut file, options, fast::BYTES_AT_ONCE)? {
        return Ok(table);
    }
    file.rewind().map_err(|source| io_error(path, source))?;
    read_slowly(path, buffered(&file), size, options)
}

/// `None` when something needs a closer look.
fn read_fast(
    path: &str,
    file: &mut File,
    options: &ReadOptions,
    bytes_at_once: usize,
) -> Result<Option<TrackTable>> {
    let failed = |source| io_error(path, source);
    let head = Head::read(path, buffered(file), options)?;
    file.seek(SeekFrom::Start(head.n_bytes as u64)).map_err(failed)?;
    let plan = Plan {
        delimiter: head.delimiter,
        names: &head.names,
        assignment: &head.assignment,
        limit: options.max_line_bytes,
        n_lines: head.n_lines,
        bytes_at_once,
    };
    let Some(rows) = fast::read(file, &plan).filter(|rows| rows.n_rows > 0) else {
        return Ok(None);
    };
    let table = build::table(RawTable {
        n_rows: rows.n_rows,
        columns: vec![None; head.names.len()],
        numbers: rows.numbers,
        texts: Some(rows.texts),
        lines: rows.lines,
        notes: notes(rows.n_short, rows.n_blank),
        ..head.raw(path)
    });
    Ok(table.ok())
}

fn buffered(file: &File) -> BufReader<&File> {
    BufReader::with_capacity(1 << 20, file)
}

fn read_slowly(path: &str, reader: impl BufRead, size: u64, options: &ReadOptions) -> Result<TrackTable> {
    let mut lines = LineReader::new(path, reader, options.max_line_bytes);
    let head = Head::of(path, &mut lines, options)?;
    let mut scan = Scan::new(path, head.delimiter, head.names.len(), options.max_line_bytes);
    // A file that claims to be larger than memory is read bit by bit all the same.
    let _ = scan.content.try_reserve_exact(usize::try_from(size).unwrap_or(0));
    scan.run(&mut lines)?;
    if scan.n_rows == 0 {
        return Err(Error::NoRows {
            path: path.to_owned(),
        });
    }
    build::table(RawTable {
        n_rows: scan.n_rows,
        columns: parse(&scan, &head.assignment)?,
        lines: scan.row_lines.clone(),
        notes: notes(scan.n_short, scan.n_blank),
        ..head.raw(path)
    })
}

/// What the header says.
struct Head {
    delimiter: u8,
    names: Vec<String>,
    assignment: Assignment,
    /// The bytes and the lines up to its end.
    n_bytes: usize,
    n_lines: usize,
}

impl Head {
    fn read(path: &str, mut reader: impl BufRead, options: &ReadOptions) -> Result<Self> {
        if at_end(&mut reader, path)? {
            return Err(Error::EmptyFile {
                path: path.to_owned(),
            });
        }
        Self::of(
            path,
            &mut LineReader::new(path, reader, options.max_line_bytes),
            options,
        )
    }

    fn of<R: BufRead>(path: &str, lines: &mut LineReader<'_, R>, options: &ReadOptions) -> Result<Self> {
        let header = read_header(path, lines, options.max_line_bytes)?;
        let delimiter = options.delimiter.unwrap_or_else(|| sniff_delimiter(&header));
        let names = split_header(&header, delimiter);
        Ok(Self {
            delimiter,
            assignment: Assignment::new(path, &names, options)?,
            names,
            n_bytes: lines.n_passed,
            n_lines: lines.line,
        })
    }

    /// A table without rows.
    fn raw(&self, path: &str) -> RawTable {
        RawTable {
            path: path.to_owned(),
            kind: FileKind::Csv,
            delimiter: Some(char::from(self.delimiter)),
            n_rows: 0,
            names: self.names.clone(),
            columns: Vec::new(),
            numbers: Vec::new(),
            texts: None,
            lines: LineNumbers::default(),
            assignment: self.assignment.clone(),
            notes: Vec::new(),
        }
    }
}

fn notes(n_short: usize, n_blank: usize) -> Vec<Note> {
    let short = (n_short > 0).then_some(Note::ShortRows { n_rows: n_short });
    let blank = (n_blank > 0).then_some(Note::BlankLines { n_lines: n_blank });
    short.into_iter().chain(blank).collect()
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
pub(crate) fn sniff_delimiter(header: &str) -> u8 {
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
pub(crate) fn split_header(header: &str, delimiter: u8) -> Vec<String> {
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
    /// The row that a quote carries over to the next line.
    open: Option<OpenRow>,
}

struct OpenRow {
    /// Where it begins in the content.
    start: usize,
    /// The line on which it begins.
    line: usize,
    n_fields: usize,
    state: Field,
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| *byte == b' ')
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
            open: None,
        }
    }

    /// Reads all rows into `content`, one after the other, without blank lines.
    fn run<R: BufRead>(&mut self, lines: &mut LineReader<'_, R>) -> Result<()> {
        loop {
            if self.open.is_none() && self.plain_block(lines)? {
                continue;
            }
            // Something in what is in memory needs a closer look, or a line goes on beyond it.
            let end = lines.n_passed + lines.n_buffered()?;
            loop {
                if !self.line(lines)? {
                    return self
                        .open
                        .as_ref()
                        .map_or(Ok(()), |open| Err(self.unterminated(open.line)));
                }
                if lines.n_passed >= end {
                    break;
                }
            }
        }
    }

    /// Takes the whole lines that are in memory, if they are plain; returns whether it took any.
    fn plain_block<R: BufRead>(&mut self, lines: &mut LineReader<'_, R>) -> Result<bool> {
        let number = lines.line;
        let Some(block) = lines.plain_lines()? else {
            return Ok(false);
        };
        // The bytes from `kept` on are rows without a blank line between them.
        let (mut start, mut kept, mut n_lines) = (0, 0, 0);
        for end in memchr::memchr_iter(b'\n', block) {
            let line = &block[start..end];
            if line.len() > self.limit {
                break;
            }
            n_lines += 1;
            if is_blank(line) {
                self.content.extend_from_slice(&block[kept..start]);
                kept = end + 1;
                self.n_blank += 1;
            } else {
                let n_fields = memchr::memchr_iter(self.delimiter, line).count() + 1;
                self.end_row(n_fields, number + n_lines)?;
            }
            start = end + 1;
        }
        self.content.extend_from_slice(&block[kept..start]);
        lines.pass(start, n_lines);
        Ok(start > 0)
    }

    /// Takes the next line, whatever it holds; returns false at the end of the file.
    fn line<R: BufRead>(&mut self, lines: &mut LineReader<'_, R>) -> Result<bool> {
        let start = self.content.len();
        if !lines.read_into(&mut self.content)? {
            return Ok(false);
        }
        let line = &self.content[start..self.content.len() - 1];
        let open = match self.open.take() {
            Some(open) => open,
            None if is_blank(line) => {
                self.content.truncate(start);
                self.n_blank += 1;
                return Ok(true);
            }
            None => OpenRow {
                start,
                line: lines.line,
                n_fields: 1,
                state: Field::Start,
            },
        };
        let (state, n_more) = self.scan_line(line, open.state, lines.line)?;
        let n_fields = open.n_fields + n_more;
        if state != Field::Quoted {
            self.end_row(n_fields, open.line)?;
        } else if self.content.len() - open.start > self.limit {
            return Err(self.unterminated(open.line));
        } else {
            self.open = Some(OpenRow {
                state,
                n_fields,
                ..open
            });
        }
        Ok(true)
    }

    fn unterminated(&self, line: usize) -> Error {
        Error::UnterminatedQuote {
            path: self.path.to_owned(),
            line,
        }
    }

    /// Goes through a line byte by byte: the state after it and the number of delimiters in it.
    fn scan_line(&self, line: &[u8], from: Field, number: usize) -> Result<(Field, usize)> {
        if from == Field::Start && memchr::memchr(b'"', line).is_none() {
            return Ok((Field::Plain, memchr::memchr_iter(self.delimiter, line).count()));
        }
        let (mut state, mut n_delimiters) = (from, 0);
        for (at, byte) in line.iter().enumerate() {
            state = match (state, *byte) {
                (Field::Quoted, b'"') => Field::Closed,
                (Field::Quoted, _) => Field::Quoted,
                (Field::Start | Field::Closed, b'"') => Field::Quoted,
                (Field::Start | Field::Plain | Field::Closed, byte) if byte == self.delimiter => {
                    n_delimiters += 1;
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
        Ok((state, n_delimiters))
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
}

/// Lets polars split the rows into the columns that are needed, all cells as text.
fn parse(scan: &Scan<'_>, assignment: &Assignment) -> Result<Vec<Option<Column>>> {
    // The names of the file may repeat, hence numbers.
    let schema: Schema = (0..scan.n_fields)
        .map(|position| (position.to_string().into(), DataType::String))
        .collect();
    let needed = assignment.needed();
    let parse_options = CsvParseOptions::default()
        .with_separator(scan.delimiter)
        .with_quote_char(Some(b'"'));
    let frame = CsvReadOptions::default()
        .with_has_header(false)
        .with_infer_schema_length(Some(0))
        .with_schema(Some(Arc::new(schema)))
        .with_projection(Some(Arc::new(needed.clone())))
        .with_parse_options(parse_options)
        .with_rechunk(false)
        .into_reader_with_file_handle(Cursor::new(scan.content.as_slice()))
        .finish()
        .map_err(|source| Error::Csv {
            path: scan.path.to_owned(),
            source: source.into(),
        })?;
    if frame.height() != scan.n_rows {
        return Err(Error::RowCount {
            path: scan.path.to_owned(),
            expected: scan.n_rows,
            found: frame.height(),
        });
    }
    let mut columns = vec![None; scan.n_fields];
    for (position, column) in needed.iter().zip(frame.into_columns()) {
        columns[*position] = Some(column);
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// All that is known of a table.
    fn facts(table: &TrackTable) -> String {
        let mut report = table.report().clone();
        report.file.clear();
        let texts: Vec<_> = (0..table.n_tracks())
            .map(|row| {
                (
                    table.id(row),
                    table.title(row),
                    table.artist(row),
                    table.label(row),
                )
            })
            .collect();
        let splits: Vec<Vec<_>> = table
            .splits
            .iter()
            .map(|(_, column)| column.iter().collect())
            .collect();
        format!("{report:?} {texts:?} {splits:?} {:?}", table.features)
    }

    /// Both ways on one text: the fast one may leave it to the slow one, and must not say another thing.
    fn compare(text: &[u8], options: &ReadOptions, bytes_at_once: usize) -> bool {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        file.rewind().unwrap();
        let fast = read_fast("x", &mut file, options, bytes_at_once);
        let slow = read_slowly("x", text, text.len() as u64, options);
        match (fast, slow) {
            (Ok(Some(fast)), Ok(slow)) => {
                assert_eq!(facts(&fast), facts(&slow), "{}", String::from_utf8_lossy(text));
                true
            }
            (Ok(Some(_)), Err(error)) => panic!("{error}: {}", String::from_utf8_lossy(text)),
            (Ok(None), _) => false,
            (Err(fast), Err(slow)) => {
                assert_eq!(fast.to_string(), slow.to_string());
                false
            }
            (Err(fast), Ok(_)) => panic!("{fast}"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn both_ways_of_reading_agree(
            rows in proptest::collection::vec(
                "(a1|\"b, \"\"c\"\"\"|\"d\ne\"| f |null|\"\"|)(,(0\\.5|\"1\"|0\\.25 |NaN|-1|1e-3|x|)){0,2}(,(Title|\"x\ry\"|so \"much\"|))?(,train|,test,)?",
                0..12,
            ),
            ends in proptest::collection::vec("\n|\r\n|\n\n|\n  \n", 12),
            bytes_at_once in 1_usize..80,
        ) {
            let mut text = "\u{feff}track_id,energy,valence,title,split\n".to_owned();
            for (row, end) in rows.iter().zip(&ends) {
                text.push_str(row);
                text.push_str(end);
            }
            compare(text.as_bytes(), &ReadOptions::default(), bytes_at_once);
        }
    }

    #[test]
    fn plain_rows_with_quotes_and_blank_lines_are_read_fast() {
        let text = "id,energy,name\r\n\"a\",0.5,\"x, \"\"y\"\"\r\n\r\nb,,\"two\nlines\"\n\nc\n d ,0.25,\n";
        let text = text.replace("\"\"y\"\"\r", "\"\"y\"\"\"\r");
        for bytes_at_once in [1, 7, 30, 1000] {
            assert!(compare(text.as_bytes(), &ReadOptions::default(), bytes_at_once));
            let rows = format!("id,energy\n{}", "0123456789012345678901,0.5\n".repeat(50));
            assert!(compare(rows.as_bytes(), &ReadOptions::default(), bytes_at_once));
        }
        for text in [
            "id,energy\na,0.5,1\n",
            "id,energy\na\"b,0.5\n",
            "id,energy\n\"a,0.5\n",
            "id,energy\na,b\n",
            "id,energy\n",
        ] {
            assert!(!compare(text.as_bytes(), &ReadOptions::default(), 1000), "{text}");
        }
    }
}
