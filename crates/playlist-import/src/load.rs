//! Bytes of a file, never more than allowed, and what they are.

use std::borrow::Cow;
use std::io::Read;

use crate::{Error, ImportOptions, Result};

/// What the first bytes of a file show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Json,
    Parquet,
    Zip,
}

/// The bytes of a file.
pub(crate) struct Loaded {
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
}

/// How much may still be read, of one file and of all.
pub(crate) struct ByteBudget {
    pub(crate) total_left: u64,
}

/// Reads a file to its end, or to the first sign that it is none to be read. What was read counts either way.
pub(crate) fn load(
    file: &str,
    reader: impl Read,
    options: &ImportOptions,
    budget: &mut ByteBudget,
    unpacked: bool,
) -> Result<Loaded> {
    let mut bytes = Vec::new();
    let limit = options.max_file_bytes.min(budget.total_left);
    let kind = fill(file, reader, options, limit, &mut bytes);
    let too_large = || too_large(file, options, budget, unpacked);
    let kind = kind.and_then(|kind| kind.ok_or_else(too_large));
    budget.total_left = budget.total_left.saturating_sub(bytes.len() as u64);
    Ok(Loaded { kind: kind?, bytes })
}

/// Reads up to `limit` bytes; `None` when there are more.
fn fill(
    file: &str,
    mut reader: impl Read,
    options: &ImportOptions,
    limit: u64,
    bytes: &mut Vec<u8>,
) -> Result<Option<Kind>> {
    let mut kind = None;
    let mut lines = LineLengths::default();
    loop {
        let before = bytes.len();
        let chunk = (&mut reader).take(CHUNK).read_to_end(bytes);
        let n = chunk.map_err(|source| Error::io(file, source))?;
        if bytes.len() as u64 > limit {
            return Ok(None);
        }
        let kind = match kind {
            Some(kind) => kind,
            None => *kind.insert(sniff(file, bytes)?),
        };
        if kind == Kind::Text {
            lines.pass(file, &bytes[before..], options.max_line_bytes)?;
        }
        if (n as u64) < CHUNK {
            return Ok(Some(kind));
        }
    }
}

const CHUNK: u64 = 1 << 16;

fn too_large(file: &str, options: &ImportOptions, budget: &ByteBudget, unpacked: bool) -> Error {
    let of_file = options.max_file_bytes <= budget.total_left;
    Error::TooLarge {
        file: file.to_owned(),
        limit: if of_file {
            options.max_file_bytes
        } else {
            options.max_total_bytes
        },
        unpacked,
        setting: if of_file {
            "max_file_bytes"
        } else {
            "max_total_bytes"
        },
    }
}

/// The length of the line at hand, so that an endless one is not read to its end.
#[derive(Default)]
struct LineLengths {
    n_lines: usize,
    length: usize,
}

impl LineLengths {
    fn pass(&mut self, file: &str, chunk: &[u8], limit: usize) -> Result<()> {
        let mut start = 0;
        let is_break = |byte: &u8| *byte == b'\n' || *byte == b'\r';
        while let Some(length) = chunk[start..].iter().position(is_break) {
            self.check(file, self.length + length, limit)?;
            self.n_lines += usize::from(chunk[start + length] == b'\n');
            self.length = 0;
            start += length + 1;
        }
        self.length += chunk.len() - start;
        self.check(file, self.length, limit)
    }

    fn check(&self, file: &str, length: usize, limit: usize) -> Result<()> {
        // A carriage return and a byte order mark do not count.
        if length <= limit.saturating_add(8) {
            return Ok(());
        }
        Err(Error::LineTooLong {
            file: file.to_owned(),
            line: self.n_lines + 1,
            limit,
        })
    }
}

/// What the first bytes show.
pub(crate) fn sniff(file: &str, start: &[u8]) -> Result<Kind> {
    let unsupported = |found, hint| {
        Err(Error::Unsupported {
            file: file.to_owned(),
            found,
            hint,
        })
    };
    if start.is_empty() {
        return Err(Error::Empty {
            file: file.to_owned(),
        });
    }
    if start.starts_with(b"PAR1") {
        return Ok(Kind::Parquet);
    }
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return Ok(Kind::Zip);
    }
    if start.starts_with(&[0x1F, 0x8B]) {
        return unsupported("compressed with gzip", "unpack it first");
    }
    if start.starts_with(b"%PDF") {
        return unsupported("a PDF", "export a table instead");
    }
    if start.starts_with(b"SQLite format 3") {
        return unsupported("a database", "export a table from it");
    }
    if is_utf16(start) {
        return Ok(Kind::Text);
    }
    let text = start.strip_prefix(BOM).unwrap_or(start);
    // Below the header a zero byte may be part of somebody's title.
    let header = &text[..text.len().min(512)];
    let header = &header[..memchr::memchr(b'\n', header).unwrap_or(header.len())];
    if header.contains(&0) {
        return unsupported("no text", "if it is text in UTF-16 or UTF-32, save it as UTF-8");
    }
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[') => Ok(Kind::Json),
        Some(b'<') => unsupported("a web page or XML", "export it as CSV"),
        None if start.len() < 64 => Err(Error::Empty {
            file: file.to_owned(),
        }),
        _ => Ok(Kind::Text),
    }
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF])
}

/// The text without its byte order mark, from UTF-16 where it is that, as spreadsheets write it.
pub(crate) fn decoded(bytes: &[u8]) -> Cow<'_, [u8]> {
    let units = |from_bytes: fn([u8; 2]) -> u16| {
        let units = bytes[2..]
            .chunks_exact(2)
            .map(move |pair| from_bytes([pair[0], pair[1]]));
        let text: String = char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        Cow::Owned(text.into_bytes())
    };
    if bytes.starts_with(&[0xFF, 0xFE]) {
        units(u16::from_le_bytes)
    } else if bytes.starts_with(&[0xFE, 0xFF]) {
        units(u16::from_be_bytes)
    } else {
        Cow::Borrowed(bytes.strip_prefix(BOM).unwrap_or(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> ByteBudget {
        ByteBudget { total_left: 1 << 31 }
    }

    #[test]
    fn an_endless_line_is_not_read_to_its_end() {
        struct Counting<R>(R, u64);
        impl<R: Read> Read for Counting<R> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let n = self.0.read(buffer)?;
                self.1 += n as u64;
                Ok(n)
            }
        }
        let mut endless = Counting(std::io::repeat(b'y').take(2 << 30), 0);
        let options = ImportOptions::default();
        let error = load("x", &mut endless, &options, &mut budget(), false).err();
        assert!(
            matches!(error, Some(Error::LineTooLong { line: 1, .. })),
            "{error:?}"
        );
        assert!(endless.1 < (1 << 20) + 2 * CHUNK, "{} bytes were read", endless.1);
    }

    #[test]
    fn a_line_of_the_limit_passes_in_any_chunks() {
        let options = ImportOptions::default().with_max_line_bytes(100_000);
        let text = format!("a\n{}\r\nb", "x".repeat(100_000));
        let loaded = load("x", text.as_bytes(), &options, &mut budget(), false).unwrap();
        assert_eq!((loaded.kind, loaded.bytes.len()), (Kind::Text, text.len()));
        let long = format!("a\n{}\r\nb", "x".repeat(100_009));
        let error = load("x", long.as_bytes(), &options, &mut budget(), false).err();
        assert!(
            matches!(error, Some(Error::LineTooLong { line: 2, .. })),
            "{error:?}"
        );
    }

    #[test]
    fn utf16_is_decoded_and_half_characters_are_replaced() {
        assert_eq!(&*decoded(b"\xFF\xFEa\0\0\xD8b\0c"), "a\u{FFFD}b".as_bytes());
        assert_eq!(&*decoded(b"\xFE\xFF\0a"), b"a");
        assert_eq!(&*decoded(b"\xEF\xBB\xBFa"), b"a");
    }
}
