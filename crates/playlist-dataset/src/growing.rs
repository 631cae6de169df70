//! A CSV or Parquet file that grows part by part, and can be gone on with.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use playlist_core::Overwrite;
use polars::prelude::{
    Column, CsvWriter, DataFrame, Float32Chunked, IntoColumn, NewChunkedArray, ParquetCompression,
    ParquetWriter, SerWriter,
};
use polars_parquet::write::ZstdLevel;
use polars_parquet_format::thrift::protocol::{TCompactInputProtocol, TCompactOutputProtocol};
use polars_parquet_format::{ColumnChunk, FileMetaData, RowGroup};
use serde::{Deserialize, Serialize};

use crate::catalogue::Block;
use crate::{Error, Result};

/// What begins and ends a Parquet file.
const MAGIC: &[u8; 4] = b"PAR1";

/// The kind of a file that grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableFormat {
    /// Text with commas.
    Csv,
    /// Parquet, packed with zstd.
    Parquet,
}

impl TableFormat {
    /// By the ending of the name, `.csv` or `.parquet`; `None` for another.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        [("csv", Self::Csv), ("parquet", Self::Parquet)]
            .into_iter()
            .find_map(|(name, format)| ending.eq_ignore_ascii_case(name).then_some(format))
    }
}

/// Rows in the form that they have in a file.
#[derive(Debug)]
pub struct Encoded {
    bytes: Vec<u8>,
    /// The footer of a Parquet file of these rows alone.
    footer: Option<Box<FileMetaData>>,
}

impl Block {
    /// Its columns that are kept and, after them, `added` ones of its length, NaN where a value is missing, as a part of a
    /// file. Parts of a CSV file have no header but the first.
    ///
    /// # Errors
    /// [`Error::Frame`] for columns of other lengths, of equal names, or of a type that the format does not take.
    pub fn encode(self, added: Vec<(String, Vec<f32>)>, format: TableFormat) -> Result<Encoded> {
        let is_first = self.index == 0;
        let n_rows = self.n_rows();
        let mut columns: Vec<Column> = self.kept.into_columns();
        columns.extend(added.into_iter().map(|(name, values)| column(&name, values)));
        let failed = |source: polars::prelude::PolarsError| Error::Frame {
            path: "the table of scores".to_owned(),
            source: source.into(),
        };
        let mut frame = DataFrame::new(n_rows, columns).map_err(failed)?;
        let mut bytes = Vec::new();
        if format == TableFormat::Csv {
            CsvWriter::new(&mut bytes)
                .include_header(is_first)
                .n_threads(1)
                .finish(&mut frame)
                .map_err(failed)?;
            return Ok(Encoded { bytes, footer: None });
        }
        // One level up packs ids hardly better and takes half as long again.
        let level = ZstdLevel::try_new(1).map_err(failed)?;
        ParquetWriter::new(&mut bytes)
            .with_compression(ParquetCompression::Zstd(Some(level)))
            .with_row_group_size(Some(n_rows))
            .set_parallel(false)
            .finish(&mut frame)
            .map_err(failed)?;
        let (n_bytes, footer) = read_footer(&bytes).ok_or_else(|| {
            failed(polars::prelude::polars_err!(
                ComputeError: "the Parquet writer left no footer"
            ))
        })?;
        bytes.truncate(n_bytes);
        bytes.drain(..MAGIC.len());
        Ok(Encoded {
            bytes,
            footer: Some(Box::new(footer)),
        })
    }
}

fn column(name: &str, values: Vec<f32>) -> Column {
    if values.iter().any(|value| value.is_nan()) {
        let known = values.iter().map(|value| (!value.is_nan()).then_some(*value));
        return Float32Chunked::from_iter_options(name.into(), known).into_column();
    }
    Float32Chunked::from_vec(name.into(), values).into_column()
}

/// How far a file has grown: what is needed to go on with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableState {
    /// The parts in it.
    pub n_parts: usize,
    n_bytes: u64,
    /// The footer of a Parquet file, in hexadecimal digits.
    footer: Option<String>,
}

/// A file that grows part by part. While it grows it lies where no reader looks for it; [`GrowingTable::finish`] puts it in its
/// place in one step.
#[derive(Debug)]
pub struct GrowingTable {
    path: PathBuf,
    file: File,
    n_parts: usize,
    n_bytes: u64,
    footer: Option<Box<FileMetaData>>,
}

impl GrowingTable {
    /// Begins a file at `path`, or goes on with the one there from `state`: what was written after it is cut off.
    ///
    /// # Errors
    /// [`playlist_core::Error::Write`]; [`Error::Busy`] while another process writes it; [`Error::NotAsLeft`] for a file that is shorter than
    /// `state` says.
    pub fn open(path: &Path, format: TableFormat, state: Option<&TableState>) -> Result<Self> {
        let failed = |source| write_error(path, source);
        let damaged = || Error::NotAsLeft {
            path: path.display().to_string(),
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(state.is_none())
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        if file.try_lock().is_err() {
            return Err(Error::Busy {
                path: path.display().to_string(),
            });
        }
        let mut table = match state {
            Some(state) => Self {
                path: path.to_owned(),
                n_parts: state.n_parts,
                n_bytes: state.n_bytes,
                footer: match &state.footer {
                    Some(digits) => Some(Box::new(
                        from_hex(digits)
                            .and_then(|bytes| parse(&bytes))
                            .ok_or_else(damaged)?,
                    )),
                    None => None,
                },
                file,
            },
            None => {
                file.set_len(0).map_err(failed)?;
                let start: &[u8] = if format == TableFormat::Parquet {
                    MAGIC
                } else {
                    &[]
                };
                file.write_all(start).map_err(failed)?;
                Self {
                    path: path.to_owned(),
                    file,
                    n_parts: 0,
                    n_bytes: start.len() as u64,
                    footer: None,
                }
            }
        };
        if table.file.metadata().map_err(failed)?.len() < table.n_bytes {
            return Err(damaged());
        }
        table.file.set_len(table.n_bytes).map_err(failed)?;
        table.file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(table)
    }

    /// The number of parts that it has.
    #[must_use]
    pub const fn n_parts(&self) -> usize {
        self.n_parts
    }

    /// Adds the next part.
    ///
    /// # Errors
    /// [`playlist_core::Error::Write`].
    pub fn append(&mut self, part: Encoded) -> Result<()> {
        let failed = |source| write_error(&self.path, source);
        self.file.write_all(&part.bytes).map_err(failed)?;
        if let Some(mut added) = part.footer {
            let shift = self.n_bytes as i64 - MAGIC.len() as i64;
            added
                .row_groups
                .iter_mut()
                .for_each(|group| shift_group(group, shift));
            match &mut self.footer {
                None => self.footer = Some(added),
                Some(footer) => {
                    footer.num_rows += added.num_rows;
                    for mut group in added.row_groups {
                        group.ordinal = i16::try_from(footer.row_groups.len()).ok();
                        footer.row_groups.push(group);
                    }
                }
            }
        }
        self.n_bytes += part.bytes.len() as u64;
        self.n_parts += 1;
        Ok(())
    }

    /// How far it has grown; what it has is on the disk by then.
    ///
    /// # Errors
    /// [`playlist_core::Error::Write`].
    pub fn state(&self) -> Result<TableState> {
        self.file
            .sync_data()
            .map_err(|source| write_error(&self.path, source))?;
        Ok(TableState {
            n_parts: self.n_parts,
            n_bytes: self.n_bytes,
            footer: self.footer.as_deref().map(|footer| to_hex(&serialise(footer))),
        })
    }

    /// Ends the file and puts it at `path`, in one step.
    ///
    /// # Errors
    /// [`playlist_core::Error::Write`]; [`playlist_core::Error::FileExists`] for a file that may not be replaced.
    pub fn finish(mut self, path: &Path, overwrite: Overwrite) -> Result<()> {
        let failed = |source| write_error(path, source);
        if let Some(footer) = &self.footer {
            let mut end = serialise(footer);
            let n_bytes =
                u32::try_from(end.len()).map_err(|_| failed(std::io::ErrorKind::FileTooLarge.into()))?;
            end.extend_from_slice(&n_bytes.to_le_bytes());
            end.extend_from_slice(MAGIC);
            self.file.write_all(&end).map_err(failed)?;
        }
        self.file.sync_all().map_err(failed)?;
        if overwrite == Overwrite::Refuse && path.try_exists().map_err(failed)? {
            return Err(Error::Core(playlist_core::Error::FileExists {
                path: path.to_owned(),
            }));
        }
        std::fs::rename(&self.path, path).map_err(failed)
    }
}

fn write_error(path: &Path, source: std::io::Error) -> Error {
    Error::Core(playlist_core::Error::Write {
        path: path.to_owned(),
        source,
    })
}

/// Moves a row group: its places are counted from the beginning of the file.
fn shift_group(group: &mut RowGroup, shift: i64) {
    let move_by = |place: &mut Option<i64>| {
        if let Some(place) = place {
            *place += shift;
        }
    };
    move_by(&mut group.file_offset);
    for ColumnChunk {
        file_offset,
        meta_data,
        offset_index_offset,
        column_index_offset,
        ..
    } in &mut group.columns
    {
        // Writers leave it at zero where it says nothing.
        if *file_offset != 0 {
            *file_offset += shift;
        }
        move_by(offset_index_offset);
        move_by(column_index_offset);
        if let Some(column) = meta_data {
            column.data_page_offset += shift;
            move_by(&mut column.index_page_offset);
            move_by(&mut column.dictionary_page_offset);
            move_by(&mut column.bloom_filter_offset);
        }
    }
}

/// Where the footer of a Parquet file begins, and what it says.
pub(crate) fn read_footer(file: &[u8]) -> Option<(usize, FileMetaData)> {
    let (rest, end) = file.split_last_chunk::<8>()?;
    let n_bytes = u32::from_le_bytes(*end.first_chunk()?) as usize;
    let start = rest.len().checked_sub(n_bytes)?;
    Some((start, parse(&rest[start..])?))
}

fn parse(footer: &[u8]) -> Option<FileMetaData> {
    /// More than this is no footer.
    const MOST_BYTES: usize = 1 << 30;
    let mut protocol = TCompactInputProtocol::new(footer, MOST_BYTES);
    FileMetaData::read_from_in_protocol(&mut protocol).ok()
}

pub(crate) fn serialise(footer: &FileMetaData) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut protocol = TCompactOutputProtocol::new(&mut bytes);
    footer
        .write_to_out_protocol(&mut protocol)
        .expect("memory takes all that is written");
    bytes
}

fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).expect("half a byte is one digit");
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.as_bytes().chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use polars::prelude::{ParquetReader, SerReader};

    use super::*;
    use crate::{CatalogueScan, ReadOptions};

    fn blocks(folder: &Path) -> Vec<Block> {
        let path = folder.join("all.csv");
        let rows: String = (0..50)
            .map(|row| format!("id{row},{}\n", row as f32 / 50.0))
            .collect();
        std::fs::write(&path, format!("id,energy\n{rows}")).unwrap();
        let features = [playlist_core::AudioFeature::Energy];
        let scan = CatalogueScan::open(&path, &features, &[], &ReadOptions::default()).unwrap();
        let scan = scan.with_rows_at_once(20);
        std::iter::from_fn(|| scan.next_part().unwrap())
            .map(|part| scan.read(part).unwrap())
            .collect()
    }

    fn encoded(block: Block, format: TableFormat) -> Encoded {
        let mut p = block.column(0).to_vec();
        p[3] = f32::NAN;
        block.encode(vec![("p".to_owned(), p)], format).unwrap()
    }

    #[test]
    fn a_table_that_is_gone_on_with_has_the_same_bytes() {
        for format in [TableFormat::Csv, TableFormat::Parquet] {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            let mut whole = GrowingTable::open(&at("rows"), format, None).unwrap();
            for block in blocks(folder.path()) {
                whole.append(encoded(block, format)).unwrap();
            }
            whole.finish(&at("whole"), Overwrite::Refuse).unwrap();

            let mut table = GrowingTable::open(&at("rows"), format, None).unwrap();
            assert!(matches!(
                GrowingTable::open(&at("rows"), format, None),
                Err(Error::Busy { .. })
            ));
            let mut blocks = blocks(folder.path()).into_iter();
            table.append(encoded(blocks.next().unwrap(), format)).unwrap();
            let state = table.state().unwrap();
            // What is written after the state is known is cut off again.
            table
                .append(encoded(self::blocks(folder.path()).remove(2), format))
                .unwrap();
            drop(table);
            let mut table = GrowingTable::open(&at("rows"), format, Some(&state)).unwrap();
            assert_eq!(table.n_parts(), 1);
            blocks.for_each(|block| table.append(encoded(block, format)).unwrap());
            assert!(table.finish(&at("whole"), Overwrite::Refuse).is_err());
            let bytes = std::fs::read(at("whole")).unwrap();
            assert_eq!(std::fs::metadata(at("rows")).unwrap().len(), bytes.len() as u64);
            if format == TableFormat::Parquet {
                let checked = playlist_parquet::check(bytes.clone()).unwrap();
                let frame = ParquetReader::new(Cursor::new(checked)).finish().unwrap();
                assert_eq!((frame.height(), frame.column("p").unwrap().null_count()), (50, 3));
                assert_eq!(frame.column("id").unwrap().str().unwrap().get(49), Some("id49"));
            }
            assert_eq!(std::fs::read(at("rows")).unwrap(), bytes);
        }
    }

    #[test]
    fn a_file_that_is_shorter_than_it_was_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let mut table = GrowingTable::open(&path, TableFormat::Csv, None).unwrap();
        table
            .append(encoded(blocks(folder.path()).remove(0), TableFormat::Csv))
            .unwrap();
        let state = table.state().unwrap();
        drop(table);
        std::fs::write(&path, "id").unwrap();
        assert!(matches!(
            GrowingTable::open(&path, TableFormat::Csv, Some(&state)),
            Err(Error::NotAsLeft { .. })
        ));
    }
}
