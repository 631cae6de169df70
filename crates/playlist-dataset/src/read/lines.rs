//! Lines of a text file, checked while they are read.

use std::io::{BufRead, Read};

use super::io_error;
use crate::{Error, Result};

/// Reads lines and checks each: length, UTF-8, no zero byte. A byte order mark is passed over.
pub(super) struct LineReader<'a, R> {
    path: &'a str,
    reader: R,
    limit: usize,
    /// The number of the line read last, counted from 1.
    pub(super) line: usize,
    /// The bytes read so far.
    pub(super) n_passed: usize,
}

impl<'a, R: BufRead> LineReader<'a, R> {
    pub(super) fn new(path: &'a str, reader: R, limit: usize) -> Self {
        Self {
            path,
            reader,
            limit,
            line: 0,
            n_passed: 0,
        }
    }

    /// Appends the next line to `buffer` with its line break, `\n` whatever the file has; returns false
    /// at the end of the file.
    pub(super) fn read_into(&mut self, buffer: &mut Vec<u8>) -> Result<bool> {
        let start = buffer.len();
        // More than a line of the limit has with its line break and a byte order mark.
        let most = self.limit as u64 + 8;
        let read = self
            .reader
            .by_ref()
            .take(most)
            .read_until(b'\n', buffer)
            .map_err(|source| io_error(self.path, source))?;
        if read == 0 {
            return Ok(false);
        }
        self.line += 1;
        self.n_passed += read;
        if self.line == 1 && buffer[start..].starts_with(b"\xEF\xBB\xBF") {
            buffer.drain(start..start + 3);
        }
        if buffer[start..].ends_with(b"\n") {
            buffer.pop();
        }
        if buffer[start..].ends_with(b"\r") {
            buffer.pop();
        }
        self.check(&buffer[start..])?;
        buffer.push(b'\n');
        Ok(true)
    }

    /// Whole lines that are in memory already, with their line breaks, if they need no second look: no
    /// carriage return, no quote, no zero byte, UTF-8 throughout. What is used of them is to be passed to
    /// [`LineReader::pass`].
    pub(super) fn plain_lines(&mut self) -> Result<Option<&[u8]>> {
        let block = self
            .reader
            .fill_buf()
            .map_err(|source| io_error(self.path, source))?;
        let Some(last) = memchr::memrchr(b'\n', block) else {
            return Ok(None);
        };
        let lines = &block[..=last];
        let plain = memchr::memchr3(b'\r', b'"', 0, lines).is_none() && std::str::from_utf8(lines).is_ok();
        Ok(plain.then_some(lines))
    }

    /// The number of bytes up to the last line break that is in memory.
    pub(super) fn n_buffered(&mut self) -> Result<usize> {
        let block = self
            .reader
            .fill_buf()
            .map_err(|source| io_error(self.path, source))?;
        Ok(memchr::memrchr(b'\n', block).map_or(0, |last| last + 1))
    }

    /// Passes over `n_bytes` that hold `n_lines` lines.
    pub(super) fn pass(&mut self, n_bytes: usize, n_lines: usize) {
        self.reader.consume(n_bytes);
        self.line += n_lines;
        self.n_passed += n_bytes;
    }

    fn check(&self, line: &[u8]) -> Result<()> {
        if line.len() > self.limit {
            return Err(Error::LineTooLong {
                path: self.path.to_owned(),
                line: self.line,
                limit: self.limit,
            });
        }
        if let Err(error) = std::str::from_utf8(line) {
            return Err(Error::NotUtf8 {
                path: self.path.to_owned(),
                line: self.line,
                byte: error.valid_up_to() + 1,
                found: line[error.valid_up_to()],
            });
        }
        match memchr::memchr(0, line) {
            None => Ok(()),
            Some(at) => Err(Error::ZeroByte {
                path: self.path.to_owned(),
                line: self.line,
                byte: at + 1,
            }),
        }
    }
}

/// Finds the line of a row: rows are lines but for a header, blank lines and line breaks in quotes.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineNumbers {
    /// `None` when the file has no lines, or when there are too many irregular ones to remember.
    offsets: Option<Vec<(usize, usize)>>,
}

impl LineNumbers {
    /// Beyond this many irregular rows, errors name the row alone.
    const MOST: usize = 100_000;

    pub(super) fn text() -> Self {
        Self {
            offsets: Some(Vec::new()),
        }
    }

    /// Notes that the row (counted from 0) begins on `line`.
    pub(super) fn note(&mut self, row: usize, line: usize) {
        let Some(offsets) = &mut self.offsets else { return };
        let offset = line - row;
        if offsets.last().is_none_or(|(_, last)| *last != offset) {
            offsets.push((row, offset));
        }
        if offsets.len() > Self::MOST {
            self.offsets = None;
        }
    }

    /// The line on which the row (counted from 0) begins.
    pub(crate) fn line(&self, row: usize) -> Option<usize> {
        let offsets = self.offsets.as_ref()?;
        let after = offsets.partition_point(|(first, _)| *first <= row);
        let (_, offset) = offsets.get(after.checked_sub(1)?)?;
        Some(row + offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], limit: usize) -> Result<Vec<String>> {
        let mut reader = LineReader::new("x", text, limit);
        let mut lines = Vec::new();
        let mut buffer = Vec::new();
        while reader.read_into(&mut buffer)? {
            lines.push(String::from_utf8(std::mem::take(&mut buffer)).unwrap());
        }
        Ok(lines)
    }

    #[test]
    fn line_breaks_and_byte_order_mark_are_evened_out() {
        assert_eq!(lines(b"\xEF\xBB\xBFa\r\n\r\nb", 9).unwrap(), ["a\n", "\n", "b\n"]);
    }

    #[test]
    fn a_line_of_the_limit_passes_and_a_longer_one_does_not() {
        assert_eq!(lines(b"abc\r\nabc", 3).unwrap(), ["abc\n", "abc\n"]);
        for long in [&b"abc\nabcd\n"[..], b"abc\nabcd", b"abc\nabcdefgh\n"] {
            assert!(
                matches!(
                    lines(long, 3),
                    Err(Error::LineTooLong {
                        line: 2,
                        limit: 3,
                        ..
                    })
                ),
                "{long:?}"
            );
        }
    }

    #[test]
    fn an_endless_line_is_not_read_to_its_end() {
        let endless = std::io::BufReader::new(std::io::repeat(b'x'));
        let mut buffer = Vec::new();
        let read = LineReader::new("x", endless, 1000).read_into(&mut buffer);
        assert!(matches!(read, Err(Error::LineTooLong { .. })));
        assert!(buffer.len() < 1010);
    }

    #[test]
    fn rows_know_their_lines() {
        let mut numbers = LineNumbers::text();
        for (row, line) in [(0, 2), (1, 3), (2, 6), (3, 7)] {
            numbers.note(row, line);
        }
        let found: Vec<_> = (0..4).map(|row| numbers.line(row)).collect();
        assert_eq!(found, [Some(2), Some(3), Some(6), Some(7)]);
        assert_eq!(LineNumbers::default().line(0), None);
    }
}
