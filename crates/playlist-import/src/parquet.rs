//! Parquet, through polars: the one file that knows it.

use std::borrow::Cow;
use std::io::Cursor;

use playlist_core::{Playlist, Track};
use playlist_parquet::check;
use polars::prelude::{
    Column, DataFrame, DataType, NamedFrom, ParquetReader, ParquetWriter, SerReader, Series,
};

use crate::canonical::{self, COLUMNS};
use crate::cells::{Cells, Layout, Slot};
use crate::report::RowPlace;
use crate::sheet::Sheet;
use crate::{Error, ExportFormat, Result, table};

/// A Parquet file: what its columns hold, and the columns that are needed.
pub(crate) struct Table {
    pub(crate) layout: Layout,
    pub(crate) format: ExportFormat,
    columns: Vec<(Slot, Cellular)>,
    n_rows: usize,
}

/// Reads the columns that are needed, of at most `max_rows` rows and `max_bytes` unpacked, as the file says.
///
/// Polars panics on some damaged files, in its own threads and in ours; such a panic is an error here, although
/// its message still goes to stderr. Nothing of ours is left half changed by it.
pub(crate) fn open(file: &str, bytes: Vec<u8>, max_rows: usize, max_bytes: u64) -> Result<Table> {
    let attempt = std::panic::AssertUnwindSafe(|| open_table(file, bytes, max_rows, max_bytes));
    std::panic::catch_unwind(attempt).unwrap_or_else(|_| Err(damaged(file, "the Parquet reader panicked")))
}

fn damaged(file: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Parquet {
        file: file.to_owned(),
        source: source.into(),
    }
}

fn open_table(file: &str, bytes: Vec<u8>, max_rows: usize, max_bytes: u64) -> Result<Table> {
    let checked = check(bytes).map_err(|source| damaged(file, source))?;
    let mut reader = ParquetReader::new(Cursor::new(checked));
    let schema = reader.schema().map_err(|source| damaged(file, source))?;
    let names: Vec<String> = schema.iter_names().map(ToString::to_string).collect();
    let n_rows = reader.num_rows().map_err(|source| damaged(file, source))?;
    if n_rows > max_rows {
        return Err(Error::TooMany {
            file: file.to_owned(),
            what: "rows",
            limit: max_rows,
            setting: "max_rows",
        });
    }
    let metadata = reader.get_metadata().map_err(|source| damaged(file, source))?;
    let unpacked = metadata
        .row_groups
        .iter()
        .map(|group| group.total_byte_size() as u64);
    if unpacked.fold(0, u64::saturating_add) > max_bytes {
        return Err(too_large(file, max_bytes));
    }
    let layout = Layout::of_names(names);
    if !layout.names_tracks() {
        return Err(Error::NoTracks {
            file: file.to_owned(),
            found: layout.names,
        });
    }
    let needed: Vec<usize> = (0..layout.slots.len())
        .filter(|position| layout.slots[*position].is_some())
        .collect();
    let frame = reader
        .with_projection(Some(needed))
        .finish()
        .map_err(|source| damaged(file, source))?;
    if frame.height() != n_rows {
        return Err(damaged(
            file,
            "its columns have another number of rows than it says",
        ));
    }
    let mut columns = Vec::new();
    for (name, slot) in layout.names.iter().zip(&layout.slots) {
        let (Some(slot), Ok(column)) = (slot, frame.column(name)) else {
            continue;
        };
        let cells = Cellular::new(column).map_err(|source| damaged(file, source))?;
        columns.push((*slot, cells));
    }
    let format = table::recognise(&layout.names);
    Ok(Table {
        layout,
        format,
        columns,
        n_rows,
    })
}

impl Table {
    /// Reads all rows. A text that is stored once and used by a million rows counts a million times against
    /// `max_bytes`, as every track gets its own.
    pub(crate) fn read(&self, sheet: &mut Sheet<'_>, max_bytes: u64) -> Result<()> {
        sheet.take_names(&self.layout);
        if !self.format.names_playlists() {
            sheet.own_playlist()?;
        }
        let mut n_bytes = 0_u64;
        for row in 0..self.n_rows {
            let (cells, n) = self.cells(row);
            n_bytes += n as u64;
            if n_bytes > max_bytes {
                return Err(too_large(sheet.file, max_bytes));
            }
            let place = RowPlace {
                row: row + 1,
                line: None,
            };
            sheet.push_row(place, cells)?;
        }
        sheet.at_least_one_playlist()
    }

    /// The cells of a row and the length of their texts.
    fn cells(&self, row: usize) -> (Cells<'_>, usize) {
        let (mut cells, mut n_bytes) = (Cells::default(), 0);
        for (slot, column) in &self.columns {
            if let Some(texts) = column.list(row).filter(|_| *slot == Slot::Artists) {
                n_bytes += texts.iter().map(String::len).sum::<usize>();
                cells.artists = Some(texts);
            } else if let Some(text) = column.text(row) {
                n_bytes += text.len();
                cells.set(*slot, text);
            } else if *slot == Slot::Local {
                // The row that says only that a playlist is there.
                cells.set(*slot, Cow::Borrowed(""));
            }
        }
        (cells, n_bytes)
    }
}

fn too_large(file: &str, limit: u64) -> Error {
    Error::TooLarge {
        file: file.to_owned(),
        limit,
        unpacked: true,
        setting: "max_file_bytes",
    }
}

/// A column of which cells are read as text.
enum Cellular {
    F32(Series),
    F64(Series),
    Text(Series),
    List(Series),
}

impl Cellular {
    fn new(column: &Column) -> polars::prelude::PolarsResult<Self> {
        let series = column.as_materialized_series().rechunk();
        Ok(match series.dtype() {
            DataType::Float32 => Self::F32(series),
            DataType::Float64 => Self::F64(series),
            DataType::String => Self::Text(series),
            DataType::List(_) => Self::List(series.cast(&DataType::List(Box::new(DataType::String)))?),
            _ => Self::Text(series.cast(&DataType::String)?),
        })
    }

    fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        match self {
            Self::F32(series) => series.f32().ok()?.get(row).map(|value| value.to_string().into()),
            Self::F64(series) => series.f64().ok()?.get(row).map(|value| value.to_string().into()),
            Self::Text(series) => series.str().ok()?.get(row).map(Cow::Borrowed),
            Self::List(_) => None,
        }
    }

    fn list(&self, row: usize) -> Option<Vec<String>> {
        let Self::List(series) = self else { return None };
        let texts = series.list().ok()?.get_as_series(row)?;
        let texts = texts.str().ok()?;
        Some(texts.iter().flatten().map(str::to_owned).collect())
    }
}

/// The playlist as a Parquet file: the cells of the CSV, with nulls, and features as 32-bit floats.
pub(crate) fn write(file: &str, playlist: &Playlist) -> Result<Vec<u8>> {
    let coding = |source: polars::prelude::PolarsError| Error::ParquetCoding {
        file: file.to_owned(),
        source: source.into(),
    };
    let none = Track::default();
    let rows: Vec<(&Track, bool)> = canonical::rows(playlist, &none).collect();
    let columns: Vec<Column> = COLUMNS
        .into_iter()
        .map(|slot| {
            let name = slot.name().into();
            let series = match slot {
                Slot::Feature(feature) => {
                    let values: Vec<Option<f32>> = rows
                        .iter()
                        .map(|(track, _)| track.features.get(feature))
                        .collect();
                    Series::new(name, values)
                }
                Slot::Local => {
                    let values: Vec<Option<bool>> = rows
                        .iter()
                        .map(|(track, is_there)| is_there.then_some(track.is_local))
                        .collect();
                    Series::new(name, values)
                }
                _ => {
                    let values: Vec<Option<String>> = rows
                        .iter()
                        .map(|(track, is_there)| canonical::cell(playlist, track, *is_there, slot))
                        .collect();
                    Series::new(name, values)
                }
            };
            series.into()
        })
        .collect();
    let mut frame = DataFrame::new(rows.len(), columns).map_err(coding)?;
    let mut contents = Vec::new();
    ParquetWriter::new(&mut contents)
        .finish(&mut frame)
        .map_err(coding)?;
    Ok(contents)
}
