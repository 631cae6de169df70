//! Reading a file into a checked table.

mod by_column;
mod csv;
mod fast;
mod json;
mod lines;
mod parquet;

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek};
use std::path::Path;

use polars::prelude::Column;
use serde::{Deserialize, Serialize};

use crate::build::{self, Texts};
use crate::column::Assignment;
use crate::feature_column::Numbers;
use crate::report::{FileKind, Note};
use crate::{Error, Result, TrackTable};

pub(crate) use csv::{sniff_delimiter, split_header};
pub(crate) use lines::LineNumbers;

/// How a file is read.
///
/// # Examples
/// ```
/// use playlist_dataset::ReadOptions;
///
/// let options = ReadOptions::default().with_label_column("playlist_name");
/// assert_eq!(options.max_line_bytes, 1 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadOptions {
    /// The most bytes that a line, or a row with line breaks in quotes, may have. No more than this and
    /// a buffer is read of a longer one. Default: 1 MiB.
    pub max_line_bytes: usize,
    /// The delimiter of a CSV file; `None` tells `,`, `;` and tab apart by the header.
    pub delimiter: Option<u8>,
    /// The column of labels; `None` takes `label`, `class`, `target`, `liked`, `playlist`,
    /// `playlist_name`, in this order.
    pub label_column: Option<String>,
    /// A column that names the part of each row; `split` and `split_0`, `split_1` ... are always kept.
    pub split_column: Option<String>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            max_line_bytes: 1 << 20,
            delimiter: None,
            label_column: None,
            split_column: None,
        }
    }
}

impl ReadOptions {
    /// The same with another limit on the length of a line.
    #[must_use]
    pub const fn with_max_line_bytes(mut self, max_line_bytes: usize) -> Self {
        self.max_line_bytes = max_line_bytes;
        self
    }

    /// The same with the delimiter given.
    #[must_use]
    pub const fn with_delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = Some(delimiter);
        self
    }

    /// The same with the column of labels given.
    #[must_use]
    pub fn with_label_column(mut self, column: impl Into<String>) -> Self {
        self.label_column = Some(column.into());
        self
    }

    /// The same with the column of parts given.
    #[must_use]
    pub fn with_split_column(mut self, column: impl Into<String>) -> Self {
        self.split_column = Some(column.into());
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`playlist_core::Error::InvalidSetting`] for a limit of zero and for a delimiter that cannot be one.
    pub fn validate(&self) -> Result<()> {
        if self.max_line_bytes == 0 {
            return Err(invalid("max_line_bytes", "0", "at least 1"));
        }
        match self.delimiter {
            Some(byte) if !byte.is_ascii_punctuation() && byte != b'\t' && byte != b' ' || byte == b'"' => {
                let shown = char::from(byte).escape_default().to_string();
                Err(invalid("delimiter", &shown, "a punctuation mark or a tab"))
            }
            _ => Ok(()),
        }
    }
}

fn invalid(field: &'static str, value: &str, expected: &'static str) -> Error {
    Error::Core(playlist_core::Error::InvalidSetting {
        field,
        value: value.to_owned(),
        expected,
    })
}

/// A file after reading and before its cells are understood.
pub(crate) struct RawTable {
    pub(crate) path: String,
    pub(crate) kind: FileKind,
    pub(crate) delimiter: Option<char>,
    pub(crate) n_rows: usize,
    /// The names of all columns as the file has them.
    pub(crate) names: Vec<String>,
    /// The columns that are needed and not read yet, by position; the others are `None`.
    pub(crate) columns: Vec<Option<Column>>,
    /// All columns of features, where they are read already, and those of text.
    pub(crate) numbers: Vec<Numbers>,
    pub(crate) texts: Option<Texts>,
    pub(crate) lines: LineNumbers,
    pub(crate) assignment: Assignment,
    pub(crate) notes: Vec<Note>,
}

/// Reads a CSV, Parquet or JSON lines file into a checked table.
///
/// The kind is told from the content, not from the name. Columns are found by name in any order, under
/// the names that common exporters use. Units are told for a whole column, never for a cell, and every
/// conversion is noted in [`TrackTable::report`]; a unit that cannot be told is an error. Missing are:
/// an empty cell, `undefined`, `null`, `NaN`, `NA`, `N/A`, a key of -1, and a tempo, duration or time
/// signature of 0. No row is left out.
///
/// A file of any content is a table or an error. Parquet files are checked before polars reads them (see
/// [`playlist_parquet`]): column by column, or, where a column needs a closer look, held in memory whole meanwhile.
///
/// # Errors
/// Every variant of [`Error`] that names a path: the file cannot be read, is not of a known kind, has no
/// rows, or a cell is not what its column holds.
///
/// # Examples
/// ```
/// use playlist_core::AudioFeature;
/// use playlist_dataset::{ReadOptions, read_table};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("tracks.csv");
/// std::fs::write(&path, "BPM;Energy;Time\n128;80;3:30\n90;35;4:05\n")?;
/// let table = read_table(&path, &ReadOptions::default())?;
/// assert_eq!(table.value(1, AudioFeature::DurationMs), Some(245_000.0));
/// assert_eq!(table.value(0, AudioFeature::Energy), Some(0.8));
/// assert_eq!(table.report().notes.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_table(path: impl AsRef<Path>, options: &ReadOptions) -> Result<TrackTable> {
    options.validate()?;
    let name = path.as_ref().display().to_string();
    let mut file = open(path.as_ref(), &name)?;
    let start = peek(&mut file).map_err(|source| io_error(&name, source))?;
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    let buffered = |file| BufReader::with_capacity(1 << 20, file);
    match sniff(&name, &start)? {
        FileKind::Parquet => build::table(parquet::read(&name, file, options)?),
        FileKind::JsonLines => build::table(json::read(&name, buffered(file), options)?),
        _ => csv::read(&name, file, size, options),
    }
}

pub(crate) fn open(path: &Path, name: &str) -> Result<File> {
    let file = File::open(path).map_err(|source| io_error(name, source))?;
    let metadata = file.metadata().map_err(|source| io_error(name, source))?;
    if metadata.is_dir() {
        return Err(Error::Directory {
            path: name.to_owned(),
        });
    }
    Ok(file)
}

pub(crate) fn io_error(path: &str, source: std::io::Error) -> Error {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::NotFound => Error::NotFound { path },
        ErrorKind::PermissionDenied => Error::PermissionDenied { path },
        ErrorKind::IsADirectory => Error::Directory { path },
        _ => Error::Io { path, source },
    }
}

/// The first bytes of the file, which is then at its beginning again.
pub(crate) fn peek(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.by_ref().take(4096).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start)
}

pub(crate) fn sniff(path: &str, start: &[u8]) -> Result<FileKind> {
    let unsupported = |found, hint| {
        Err(Error::UnsupportedFormat {
            path: path.to_owned(),
            found,
            hint,
        })
    };
    if start.starts_with(b"PAR1") {
        return Ok(FileKind::Parquet);
    }
    if start.starts_with(&[0xFF, 0xFE]) || start.starts_with(&[0xFE, 0xFF]) {
        return unsupported("text in UTF-16", "save it as UTF-8");
    }
    if start.starts_with(&[0x1F, 0x8B]) {
        return unsupported("compressed with gzip", "unpack it first");
    }
    if start.starts_with(b"PK\x03\x04") {
        return unsupported("a zip archive or a spreadsheet", "unpack it, or save it as CSV");
    }
    let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start);
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => Ok(FileKind::JsonLines),
        Some(b'[') => unsupported(
            "a JSON list",
            "write one object a line, without commas between them",
        ),
        Some(b'<') => unsupported("a web page or XML", "fetch the file itself"),
        _ => Ok(FileKind::Csv),
    }
}

/// Whether nothing is left to read.
fn at_end(reader: &mut impl BufRead, path: &str) -> Result<bool> {
    Ok(reader
        .fill_buf()
        .map_err(|source| io_error(path, source))?
        .is_empty())
}
