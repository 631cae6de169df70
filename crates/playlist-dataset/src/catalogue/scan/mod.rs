//! Reading every row of a catalogue, part by part, in bounded memory.

mod csv;
mod parquet;

use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

use playlist_core::AudioFeature;
use polars::prelude::DataFrame;
use serde::{Deserialize, Serialize};

use super::RefusedValue;
use super::columns::Columns;
use super::found::Rows;
use super::values::Reading;
use super::{SAMPLE, csv as csv_lookup, parquet as parquet_lookup};
use crate::message::excerpt;
use crate::read::{io_error, open, peek, sniff};
use crate::report::{FileKind, Note};
use crate::{Error, ReadOptions, Result};

/// Every row of a CSV or Parquet file of any size, in parts that several threads can read at once.
///
/// Columns and units are told as for a [`Catalogue`](super::Catalogue), from the first 1,000 rows; a value that no track can
/// have counts as missing and is counted. No row is left out but lines of a CSV file that are too long or whose quotes are
/// not closed, which are counted as well.
///
/// # Examples
/// ```
/// use playlist_core::AudioFeature;
/// use playlist_dataset::{CatalogueScan, ReadOptions};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("all.csv");
/// std::fs::write(&path, "id,energy,tempo\na,0.5,120\nb,0.7,-5\n")?;
/// let scan = CatalogueScan::open(&path, &[AudioFeature::Tempo], &[], &ReadOptions::default())?;
/// let part = scan.next_part()?.expect("the file has rows");
/// let block = scan.read(part)?;
/// assert_eq!(block.column(0)[0], 120.0);
/// assert!(block.column(0)[1].is_nan());
/// assert_eq!(block.faults().n_refused, 1);
/// assert!(scan.next_part()?.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CatalogueScan {
    path: String,
    kind: FileKind,
    input: Input,
    columns: Columns,
    reading: Reading,
    /// The features asked for, each with its place in [`Columns::values`].
    wanted: Vec<(AudioFeature, usize)>,
    /// The positions of the columns that are kept as they are.
    kept: Vec<usize>,
    state: FileState,
}

#[derive(Debug)]
enum Input {
    Csv(csv::CsvScan),
    Parquet(parquet::ParquetScan),
}

/// What shows that a file was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileState {
    n_bytes: u64,
    modified: Option<SystemTime>,
}

/// Some rows of the file, to be read by [`CatalogueScan::read`].
#[derive(Debug)]
pub struct Part {
    index: usize,
    first_row: usize,
    n_rows: usize,
    /// How far into the file it reaches, in bytes.
    end: u64,
    /// The text of the rows, where the file is text.
    text: csv::RowTexts,
}

impl Part {
    /// Its number, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// How far into the file it reaches, in bytes; of a Parquet file in proportion to the rows.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }
}

/// The rows of a part: features in our units, and the columns that are kept.
#[derive(Debug)]
pub struct Block {
    /// The number of its part.
    pub(crate) index: usize,
    n_rows: usize,
    values: Vec<Vec<f32>>,
    pub(crate) kept: DataFrame,
    faults: Faults,
}

/// What was wrong with rows that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// The values that no track can have; they count as missing.
    pub n_refused: usize,
    /// The first of them.
    pub first_refused: Option<RefusedValue>,
    /// The rows with more cells than the header has, all of whose features count as missing.
    pub n_bad_rows: usize,
    /// The first of them, counted from 1 without the header.
    pub first_bad_row: Option<usize>,
}

impl Faults {
    /// Adds those of later rows.
    pub fn add(&mut self, later: Self) {
        self.n_refused += later.n_refused;
        self.n_bad_rows += later.n_bad_rows;
        self.first_refused = self.first_refused.take().or(later.first_refused);
        self.first_bad_row = self.first_bad_row.or(later.first_bad_row);
    }

    fn refuse(&mut self, row: usize, column: &str, expected: &'static str, found: &str) {
        self.n_refused += 1;
        self.first_refused.get_or_insert_with(|| RefusedValue {
            row,
            column: column.to_owned(),
            expected: expected.into(),
            found: excerpt(found),
        });
    }
}

impl Block {
    /// The number of its rows.
    #[must_use]
    pub const fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The values of the feature that was asked for as number `feature`, `[n_rows]`, NaN where one is missing.
    ///
    /// # Panics
    /// When fewer features were asked for.
    #[must_use]
    pub fn column(&self, feature: usize) -> &[f32] {
        &self.values[feature]
    }

    /// What was wrong with its rows.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl CatalogueScan {
    /// Opens a file to read `features` of every row, and to keep the columns of ids and those named in `keep`.
    ///
    /// # Errors
    /// Those of [`Catalogue::open`](super::Catalogue::open) but for a file without ids where other columns are kept;
    /// [`Error::AmbiguousUnit`]; [`Error::MissingColumn`] for a feature or a column that is not there;
    /// [`Error::UnsupportedFormat`] also for JSON lines; [`Error::NoRows`].
    pub fn open(
        path: impl AsRef<Path>,
        features: &[AudioFeature],
        keep: &[String],
        options: &ReadOptions,
    ) -> Result<Self> {
        options.validate()?;
        let path = path.as_ref();
        let shown = path.display().to_string();
        let mut file: File = open(path, &shown)?;
        let state = FileState::of(&file, &shown)?;
        let start = peek(&mut file).map_err(|source| io_error(&shown, source))?;
        let kind = sniff(&shown, &start)?;
        let (input, columns, sample) = Input::open(&shown, file, kind, keep, options)?;
        if sample.len() == 0 {
            return Err(Error::NoRows { path: shown });
        }
        let reading = Reading::decide(&shown, &columns, &[&sample])?;
        let missing = |column: &str| Error::MissingColumn {
            path: shown.clone(),
            column: column.to_owned(),
            found: columns.names.clone(),
        };
        let origin = |feature: &AudioFeature| {
            let origin = reading.origin(*feature);
            Ok((*feature, origin.ok_or_else(|| missing(feature.column()))?))
        };
        let wanted = features.iter().map(origin).collect::<Result<_>>()?;
        let mut kept: Vec<usize> = columns.keys().collect();
        for name in keep {
            let position = columns.names.iter().position(|column| column == name);
            kept.push(position.ok_or_else(|| missing(name))?);
        }
        kept.sort_unstable();
        kept.dedup();
        Ok(Self {
            path: shown,
            kind,
            input,
            reading,
            wanted,
            kept,
            columns,
            state,
        })
    }

    /// The same in parts of `most` rows at most, where memory is short. Without it, parts of a Parquet file are its row
    /// groups, small ones together and those of more than 2^20 rows in pieces, and parts of a CSV file are of 16 MiB.
    #[must_use]
    pub fn with_rows_at_once(mut self, most: usize) -> Self {
        match &mut self.input {
            Input::Csv(input) => input.limit_rows(most.max(1)),
            Input::Parquet(input) => input.limit_rows(most.max(1)),
        }
        self
    }

    /// What kind of file it is.
    #[must_use]
    pub const fn kind(&self) -> FileKind {
        self.kind
    }

    /// The names of the columns that are kept, in the order of the file.
    pub fn kept_columns(&self) -> impl Iterator<Item = &str> {
        self.kept
            .iter()
            .map(|position| self.columns.names[*position].as_str())
    }

    /// What was converted, and which columns were left out.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.columns.notes.iter().chain(&self.reading.notes)
    }

    /// The size of the file, in bytes.
    #[must_use]
    pub const fn n_bytes(&self) -> u64 {
        self.state.n_bytes
    }

    /// The number of rows, where the file says it.
    #[must_use]
    pub fn n_rows(&self) -> Option<usize> {
        match &self.input {
            Input::Csv(_) => None,
            Input::Parquet(input) => Some(input.n_rows()),
        }
    }

    /// The next part, `None` at the end of the file. The parts of a file are always the same.
    ///
    /// # Errors
    /// [`Error::LineTooLong`] when a hundred lines are; [`Error::Io`].
    pub fn next_part(&self) -> Result<Option<Part>> {
        match &self.input {
            Input::Csv(input) => input.next_part(),
            Input::Parquet(input) => Ok(input.next_part(self.state.n_bytes)),
        }
    }

    /// Reads the rows of a part.
    ///
    /// # Errors
    /// [`Error::Parquet`], [`Error::ColumnType`].
    pub fn read(&self, part: Part) -> Result<Block> {
        match &self.input {
            Input::Csv(input) => input.read(self, part),
            Input::Parquet(input) => input.read(self, &part),
        }
    }

    /// The lines of a CSV file that were passed over so far because they are too long or their quotes are not closed, and
    /// the first of them.
    #[must_use]
    pub fn passed_over(&self) -> (usize, Option<usize>) {
        match &self.input {
            Input::Csv(input) => input.passed_over(),
            Input::Parquet(_) => (0, None),
        }
    }

    /// Checks that the file is as it was when it was opened.
    ///
    /// # Errors
    /// [`Error::Changed`], and those of looking.
    pub fn check_unchanged(&self) -> Result<()> {
        let file = open(Path::new(&self.path), &self.path)?;
        if FileState::of(&file, &self.path)? == self.state {
            return Ok(());
        }
        Err(Error::Changed {
            path: self.path.clone(),
        })
    }

    fn name(&self, origin: usize) -> &str {
        &self.columns.names[self.columns.values[origin].1]
    }
}

impl Input {
    /// Opens the file: with its columns and its first rows.
    fn open(
        path: &str,
        file: File,
        kind: FileKind,
        keep: &[String],
        options: &ReadOptions,
    ) -> Result<(Self, Columns, Rows)> {
        let decide = if keep.is_empty() {
            Columns::new
        } else {
            Columns::without_keys
        };
        Ok(match kind {
            FileKind::Parquet => {
                let names = parquet_lookup::ParquetFile::names(path, &file)?;
                let columns = decide(path, names)?;
                let input = parquet::ParquetScan::open(path, file)?;
                let sample = input.sample(path, &columns, SAMPLE)?;
                (Input::Parquet(input), columns, sample)
            }
            FileKind::JsonLines => {
                return Err(Error::UnsupportedFormat {
                    path: path.to_owned(),
                    found: "JSON lines",
                    hint: "write it as CSV or Parquet",
                });
            }
            _ => {
                let (mut lookup, names) = csv_lookup::CsvFile::header(path, file, options)?;
                let columns = decide(path, names)?;
                let sample = lookup.sample(path, &columns, SAMPLE)?;
                let input = csv::CsvScan::new(path, lookup)?;
                (Input::Csv(input), columns, sample)
            }
        })
    }
}

impl FileState {
    fn of(file: &File, path: &str) -> Result<Self> {
        let metadata = file.metadata().map_err(|source| io_error(path, source))?;
        Ok(Self {
            n_bytes: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}
