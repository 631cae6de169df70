//! The rows of a CSV file of any size, one at a time, in bounded memory.

use std::io::Read;

use memchr::{memchr, memchr_iter, memchr2};

use crate::read::io_error;
use crate::{Error, Result};

/// Reads row after row. A line break within quotes does not end a row; a quote that does not begin a field is
/// a letter like any other. A row that is longer than the limit is passed over.
#[derive(Debug)]
pub(super) struct RowReader<R> {
    path: String,
    reader: R,
    /// What stands between fields; `None` where lines are rows, whatever quotes are in them.
    delimiter: Option<u8>,
    limit: usize,
    buffer: Vec<u8>,
    /// The part of the buffer that is read and not yet used.
    start: usize,
    filled: usize,
    at_end: bool,
    /// The line on which the next row begins, counted from 1.
    next_line: usize,
    n_passed_over: usize,
    first_passed_over: Option<usize>,
}

/// A row: its bytes without the line break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row<'b> {
    pub(super) bytes: &'b [u8],
    /// The line on which it begins, counted from 1.
    pub(super) line: usize,
}

/// How a search for the end of a row went.
enum End {
    /// The row ends before this byte, a line break.
    At(usize),
    /// It goes on beyond what is in memory, perhaps within quotes.
    Beyond { quoted: bool },
}

/// After so many rows that are too long a file is given up: its quotes are broken throughout.
const PATIENCE: usize = 100;

/// The greatest limit: memory is set aside for a row of the limit.
const MOST: usize = 1 << 26;

impl<R: Read> RowReader<R> {
    /// The rows of a CSV file.
    pub(super) fn new(path: &str, reader: R, delimiter: u8, limit: usize) -> Self {
        Self::between(path, reader, Some(delimiter), limit)
    }

    /// The lines of a file.
    pub(super) fn lines(path: &str, reader: R, limit: usize) -> Self {
        Self::between(path, reader, None, limit)
    }

    fn between(path: &str, reader: R, delimiter: Option<u8>, limit: usize) -> Self {
        let limit = limit.min(MOST);
        Self {
            path: path.to_owned(),
            reader,
            delimiter,
            limit,
            // A row of the limit with its line break, and as much again to be read at once.
            buffer: vec![0; limit + 2 + limit.clamp(1 << 16, 1 << 20)],
            start: 0,
            filled: 0,
            at_end: false,
            next_line: 1,
            n_passed_over: 0,
            first_passed_over: None,
        }
    }

    /// The rows that were passed over because they are too long, and the line of the first.
    pub(super) fn passed_over(&self) -> (usize, Option<usize>) {
        (self.n_passed_over, self.first_passed_over)
    }

    /// The next row that is not blank; `None` at the end of the file.
    pub(super) fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        loop {
            let Some((from, to)) = self.advance()? else {
                return Ok(None);
            };
            let mut bytes = &self.buffer[from..to];
            let line = self.next_line;
            self.next_line += 1;
            if memchr(b'"', bytes).is_some() {
                self.next_line += memchr_iter(b'\n', bytes).count();
            }
            if let Some(stripped) = bytes.strip_suffix(b"\r") {
                bytes = stripped;
            }
            if bytes.iter().any(|byte| *byte != b' ') {
                // The borrow checker does not see that the loop ends here, hence once more by position.
                let to = from + bytes.len();
                return Ok(Some(Row {
                    bytes: &self.buffer[from..to],
                    line,
                }));
            }
        }
    }

    /// Finds the next row in the buffer and moves beyond it.
    fn advance(&mut self) -> Result<Option<(usize, usize)>> {
        loop {
            if self.start == self.filled && self.at_end {
                return Ok(None);
            }
            match self.find_end() {
                End::At(end) if end - self.start <= self.limit + 1 => {
                    let from = std::mem::replace(&mut self.start, end + 1);
                    return Ok(Some((from, end)));
                }
                End::At(_) => self.pass_line()?,
                End::Beyond { .. } if !self.at_end && self.filled - self.start <= self.limit => {
                    self.fill()?
                }
                // A quote that is never closed costs the line on which it is opened, not the rest of the file.
                End::Beyond { quoted: true } => self.pass_line()?,
                End::Beyond { quoted: false } if self.at_end => {
                    let from = std::mem::replace(&mut self.start, self.filled);
                    return Ok(Some((from, self.filled)));
                }
                End::Beyond { quoted: false } => self.pass_line()?,
            }
        }
    }

    fn find_end(&self) -> End {
        let row = &self.buffer[self.start..self.filled];
        let Some(delimiter) = self.delimiter else {
            let end = memchr(b'\n', row).map(|position| End::At(self.start + position));
            return end.unwrap_or(End::Beyond { quoted: false });
        };
        let mut at = 0;
        while let Some(found) = memchr2(b'"', b'\n', &row[at..]) {
            let position = at + found;
            if row[position] == b'\n' {
                return End::At(self.start + position);
            }
            let begins_field = position == 0 || row[position - 1] == delimiter;
            at = position + 1;
            if begins_field {
                match after_quotes(row, at) {
                    // The last quote in memory may be the first of two.
                    Some(after) if after < row.len() || self.at_end => at = after,
                    _ => return End::Beyond { quoted: true },
                }
            }
        }
        End::Beyond { quoted: false }
    }

    /// Passes over the line at hand, however long it is.
    fn pass_line(&mut self) -> Result<()> {
        self.pass_over()?;
        self.next_line += 1;
        loop {
            if let Some(end) = memchr(b'\n', &self.buffer[self.start..self.filled]) {
                self.start += end + 1;
                return Ok(());
            }
            self.start = self.filled;
            if self.at_end {
                return Ok(());
            }
            self.fill()?;
        }
    }

    fn pass_over(&mut self) -> Result<()> {
        self.n_passed_over += 1;
        self.first_passed_over.get_or_insert(self.next_line);
        if self.n_passed_over < PATIENCE {
            return Ok(());
        }
        Err(Error::LineTooLong {
            path: self.path.clone(),
            line: self.next_line,
            limit: self.limit,
        })
    }

    /// Reads on, behind what is left in the buffer.
    fn fill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.start = 0;
        while self.filled < self.buffer.len() && !self.at_end {
            match self.reader.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.at_end = true,
                Ok(n) => self.filled += n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io_error(&self.path, error)),
            }
        }
        Ok(())
    }
}

/// The position after the quote that closes a field, which was opened before `at`; `None` when none does.
fn after_quotes(row: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr(b'"', &row[at..])? + 1;
        if row.get(at) != Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}

/// The fields of a row as they are written, with their quotes.
pub(super) struct Fields<'b> {
    rest: Option<&'b [u8]>,
    delimiter: u8,
}

impl<'b> Fields<'b> {
    pub(super) fn new(row: &'b [u8], delimiter: u8) -> Self {
        Self {
            rest: Some(row),
            delimiter,
        }
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let rest = self.rest?;
        let quoted = match rest.first() {
            Some(b'"') => after_quotes(rest, 1).unwrap_or(rest.len()),
            _ => 0,
        };
        match memchr(self.delimiter, &rest[quoted..]) {
            Some(at) => {
                self.rest = Some(&rest[quoted + at + 1..]);
                Some(&rest[..quoted + at])
            }
            None => {
                self.rest = None;
                Some(rest)
            }
        }
    }
}

/// The text of a field without its quotes and the blanks around it; `None` when it is not UTF-8.
pub(super) fn text_of(field: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
    let text = std::str::from_utf8(field).ok()?.trim();
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return Some(text.into());
    };
    if inner.contains("\"\"") {
        return Some(inner.replace("\"\"", "\"").trim().to_owned().into());
    }
    Some(inner.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, so that every boundary is met.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let n = self.0.len().min(buffer.len()).min(1);
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn rows(text: &[u8], limit: usize) -> (Vec<(String, usize)>, usize) {
        let mut reader = RowReader::new("x", Drip(text), b',', limit);
        let mut rows = Vec::new();
        while let Some(row) = reader.next_row().unwrap() {
            rows.push((String::from_utf8_lossy(row.bytes).into_owned(), row.line));
        }
        (rows, reader.passed_over().0)
    }

    #[test]
    fn line_breaks_in_quotes_do_not_end_a_row() {
        let text = b"a,b\r\n\r\n\"x\ny\",\"1\"\"\n2\"\n12\" mix,3\nlast";
        let (rows, passed_over) = rows(text, 100);
        let expected = [
            ("a,b", 1),
            ("\"x\ny\",\"1\"\"\n2\"", 3),
            ("12\" mix,3", 6),
            ("last", 7),
        ];
        let found: Vec<(&str, usize)> = rows.iter().map(|(row, line)| (row.as_str(), *line)).collect();
        assert_eq!(found, expected);
        assert_eq!(passed_over, 0);
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_its_line() {
        let (found, passed_over) = rows(b"a,\"b\nc,d\ne,f\n", 100);
        assert_eq!(found, [("c,d".to_owned(), 2), ("e,f".to_owned(), 3)]);
        assert_eq!(passed_over, 1);
        let many = format!("a,\"b\n{}", "c,d\n".repeat(100_000));
        let (found, passed_over) = rows(many.as_bytes(), 50);
        assert_eq!((found.len(), passed_over), (100_000, 1));
    }

    #[test]
    fn a_row_of_the_limit_passes_and_a_longer_one_is_passed_over() {
        let long = |n: usize| format!("{}\nb\n", "x".repeat(n));
        assert_eq!(rows(long(50).as_bytes(), 50).0.len(), 2);
        for n in [52, 65_000, 200_000] {
            let (found, passed_over) = rows(long(n).as_bytes(), 50);
            assert_eq!((found, passed_over), (vec![("b".to_owned(), 2)], 1), "{n}");
        }
    }

    #[test]
    fn broken_quotes_throughout_end_the_reading() {
        // From its start each line opens a quote that the next one closes and opens again.
        let text = "x\"a,\"b\n".repeat(10_000);
        let mut reader = RowReader::new("x", text.as_bytes(), b',', 64);
        let error = loop {
            match reader.next_row() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the file was read to its end"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::LineTooLong { .. }));
    }

    #[test]
    fn fields_keep_delimiters_in_quotes() {
        let fields = |row: &'static str| {
            let texts = Fields::new(row.as_bytes(), b',').map(|field| text_of(field).unwrap().into_owned());
            texts.collect::<Vec<_>>()
        };
        assert_eq!(fields("a,\"b,\"\"c\"\"\",,d"), ["a", "b,\"c\"", "", "d"]);
        assert_eq!(fields("\"a\"x,b\","), ["\"a\"x", "b\"", ""]);
        assert_eq!(fields(" \"['A']\" "), ["['A']"]);
        assert_eq!(fields("\"open,b"), ["\"open,b"]);
    }
}
