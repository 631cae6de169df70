//! Records of delimited text, each by itself, so that a bad one costs no other.

use std::borrow::Cow;
use std::cell::Cell;

/// Goes through delimited text record by record.
///
/// A field in quotes may hold delimiters, line breaks and doubled quotes. A record that cannot be told apart is
/// given as [`Broken`], and the next one begins on the line after that on which it began: a quote that nobody
/// closed costs one record and not the rest of the file. A field that is not in UTF-8 is taken for Windows-1252, in
/// which spreadsheets write where nobody tells them otherwise.
pub(crate) struct Records<'a> {
    text: &'a [u8],
    delimiter: u8,
    line_break: u8,
    limit: usize,
    /// Where the next record begins.
    at: usize,
    /// The line of it, counted from 1.
    line: usize,
    n_recoded: Cell<usize>,
}

/// A record and the line on which it begins.
pub(crate) type Record<'a> = (usize, Result<Vec<Cow<'a, str>>, Broken>);

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl<'a> Records<'a> {
    /// `limit` is the most bytes of a record.
    pub(crate) fn new(text: &'a [u8], delimiter: u8, limit: usize) -> Self {
        // Spreadsheets of old wrote carriage returns alone.
        let line_break = if !text.contains(&b'\n') && text.contains(&b'\r') {
            b'\r'
        } else {
            b'\n'
        };
        Self {
            text,
            delimiter,
            line_break,
            limit,
            at: 0,
            line: 1,
            n_recoded: Cell::new(0),
        }
    }

    /// The number of fields so far that were not in UTF-8.
    pub(crate) const fn n_recoded(&self) -> usize {
        self.n_recoded.get()
    }

    /// Where the line ends that holds `from`: before its line break.
    fn line_end(&self, from: usize) -> usize {
        let rest = &self.text[from..];
        let length = memchr::memchr(self.line_break, rest);
        from + length.unwrap_or(rest.len())
    }

    /// Continues after the line break at `end`.
    fn pass_line(&mut self, end: usize) {
        self.at = (end + 1).min(self.text.len());
    }

    fn record(&mut self) -> Result<Vec<Cow<'a, str>>, Broken> {
        let (start, first_line_end) = (self.at, self.line_end(self.at));
        let outcome = self.fields(start, first_line_end);
        match outcome {
            Ok((fields, end, n_lines)) => {
                self.pass_line(end);
                self.line += n_lines;
                Ok(fields)
            }
            Err(broken) => {
                self.pass_line(first_line_end);
                self.line += 1;
                Err(broken)
            }
        }
    }

    /// The fields of the record at `start`, where it ends, and over how many lines it goes.
    fn fields(
        &self,
        start: usize,
        first_line_end: usize,
    ) -> Result<(Vec<Cow<'a, str>>, usize, usize), Broken> {
        let (mut fields, mut at, mut n_lines, mut end) = (Vec::new(), start, 1, first_line_end);
        loop {
            let (field, next) = if self.text.get(at) == Some(&b'"') {
                let (field, next) = self.quoted(at, start)?;
                n_lines += memchr::memchr_iter(self.line_break, &self.text[at..next]).count();
                if next > end {
                    end = self.line_end(next);
                }
                (field, next)
            } else {
                self.plain(at, end)?
            };
            if next - start > self.limit {
                return Err(self.too_long());
            }
            fields.push(field);
            match self.text.get(next) {
                Some(byte) if *byte == self.delimiter && next < end => at = next + 1,
                _ => return Ok((fields, end, n_lines)),
            }
        }
    }

    /// The field without quotes at `at`, and where it ends.
    fn plain(&self, at: usize, end: usize) -> Result<(Cow<'a, str>, usize), Broken> {
        let field = &self.text[at..end];
        let length = memchr::memchr(self.delimiter, field);
        let next = at + length.unwrap_or(field.len());
        let mut field = &self.text[at..next];
        if next == end {
            field = field.strip_suffix(b"\r").unwrap_or(field);
        }
        Ok((self.decoded(field), next))
    }

    /// The field in quotes at `at`, and where it ends.
    fn quoted(&self, at: usize, start: usize) -> Result<(Cow<'a, str>, usize), Broken> {
        let (first, mut from, mut doubled) = (at + 1, at + 1, false);
        // The limit ends the search for a closing quote.
        let most = (start + self.limit + 1).min(self.text.len());
        loop {
            let Some(length) = memchr::memchr(b'"', &self.text[from.min(most)..most]) else {
                return Err(if most < self.text.len() {
                    self.too_long()
                } else {
                    broken("a closing quote", &self.text[at..self.line_end(at)])
                });
            };
            let quote = from + length;
            if self.text.get(quote + 1) == Some(&b'"') {
                doubled = true;
                from = quote + 2;
                continue;
            }
            let mut next = quote + 1;
            if self.text.get(next) == Some(&b'\r') {
                next += usize::from(
                    self.text
                        .get(next + 1)
                        .is_none_or(|byte| *byte == self.line_break),
                );
            }
            return match self.text.get(next) {
                Some(byte) if *byte != self.delimiter && *byte != self.line_break => {
                    let around = &self.text[at..self.line_end(next).min(next + 40)];
                    Err(broken("quotes in a quoted field to be doubled", around))
                }
                _ => {
                    let field = self.decoded(&self.text[first..quote]);
                    let field = if doubled {
                        Cow::Owned(field.replace("\"\"", "\""))
                    } else {
                        field
                    };
                    Ok((field, next))
                }
            };
        }
    }

    fn decoded(&self, field: &'a [u8]) -> Cow<'a, str> {
        std::str::from_utf8(field).map_or_else(
            |_| {
                self.n_recoded.set(self.n_recoded.get() + 1);
                Cow::Owned(field.iter().map(|byte| windows_1252(*byte)).collect())
            },
            Cow::Borrowed,
        )
    }

    fn too_long(&self) -> Broken {
        Broken {
            expected: format!("at most {} bytes", self.limit),
            found: "more, or a quote that is not closed".to_owned(),
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    /// The next record that is not a blank line.
    fn next(&mut self) -> Option<Record<'a>> {
        while self.at < self.text.len() {
            let end = self.line_end(self.at);
            if self.text[self.at..end].iter().all(u8::is_ascii_whitespace)
                && !self.text[self.at..end].contains(&self.delimiter)
            {
                self.pass_line(end);
                self.line += 1;
                continue;
            }
            let line = self.line;
            return Some((line, self.record()));
        }
        None
    }
}

/// The character of a byte in Windows-1252: that of Latin-1, but for 32 places.
fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..0xA0 => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

fn broken(expected: &str, found: &[u8]) -> Broken {
    let found = &found[..found.len().min(400)];
    Broken {
        expected: expected.to_owned(),
        found: String::from_utf8_lossy(found).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(usize, Result<Vec<String>, String>)> {
        Records::new(text.as_bytes(), b',', 100)
            .map(|(line, record)| {
                let fields = record.map(|fields| fields.into_iter().map(Cow::into_owned).collect());
                (line, fields.map_err(|broken| broken.expected))
            })
            .collect()
    }

    fn sound(text: &str) -> Vec<Vec<String>> {
        read(text)
            .into_iter()
            .map(|(_, record)| record.unwrap())
            .collect()
    }

    #[test]
    fn fields_are_what_was_written() {
        assert_eq!(sound("a,b\r\n\r\n,\n"), [vec!["a", "b"], vec!["", ""]]);
        assert_eq!(
            sound("a,\"b,\"\"c\"\"\r\nd\",\"\"\ne"),
            [vec!["a", "b,\"c\"\r\nd", ""], vec!["e"]]
        );
        assert_eq!(sound("a,b\rc,d\r"), [vec!["a", "b"], vec!["c", "d"]]);
        assert_eq!(sound("\"a\"\r\n\"b\""), [vec!["a"], vec!["b"]]);
        assert_eq!(
            sound("a b \"c\",d"),
            [vec!["a b \"c\"", "d"]],
            "a quote inside a plain field is text"
        );
        assert!(sound("").is_empty());
    }

    #[test]
    fn a_broken_record_costs_no_other() {
        let found = read("a,b\n\"c,d\ne,f\n\"g\"h,i\nj,\"k\nl\"\nm");
        assert_eq!(found[0], (1, Ok(vec!["a".to_owned(), "b".to_owned()])));
        assert_eq!(found[1].0, 2);
        assert!(found[1].1.is_err());
        assert_eq!(found[2].1.clone().unwrap(), ["e", "f"]);
        assert_eq!((found[3].0, found[3].1.is_err()), (4, true));
        assert_eq!(found[4], (5, Ok(vec!["j".to_owned(), "k\nl".to_owned()])));
        assert_eq!(found[5], (7, Ok(vec!["m".to_owned()])));
        let unclosed = read("\"a\nb\n");
        assert_eq!(unclosed.len(), 2);
        assert_eq!(unclosed[0].1, Err("a closing quote".to_owned()));
    }

    #[test]
    fn what_is_not_utf8_is_taken_for_windows_1252() {
        let mut records = Records::new(b"Bj\xF6rk,\"\x93\xE9\x94\",\xC3\xA9", b',', 100);
        let (_, fields) = records.next().unwrap();
        assert_eq!(fields.unwrap(), ["Björk", "“é”", "é"]);
        assert_eq!(records.n_recoded(), 2);
    }

    #[test]
    fn a_record_has_a_limit() {
        let long = format!("\"{}\nb\n", "x\n".repeat(100));
        assert_eq!(read(&long)[0].1, Err("at most 100 bytes".to_owned()));
        assert_eq!(read(&long).last().unwrap().1, Ok(vec!["b".to_owned()]));
        assert!(read(&"y".repeat(101))[0].1.is_err());
        assert!(read(&"y".repeat(100))[0].1.is_ok());
    }

    proptest::proptest! {
        /// What the `csv` crate writes is read as it was, however it quotes.
        #[test]
        fn what_another_program_writes_is_read(
            rows in proptest::collection::vec(proptest::collection::vec("[\"',;\r\n\t ab\u{e9}]{0,6}", 2..5), 1..6),
            delimiter in proptest::sample::select(vec![b',', b';', b'\t']),
            always in proptest::bool::ANY,
        ) {
            let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
            let mut writer = csv::WriterBuilder::new()
                .delimiter(delimiter)
                .quote_style(style)
                .flexible(true)
                .from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let read: Vec<Vec<String>> = Records::new(&text, delimiter, 1000)
                .map(|(_, record)| record.unwrap().into_iter().map(Cow::into_owned).collect())
                .collect();
            proptest::prop_assert_eq!(read, rows);
        }
    }
}
