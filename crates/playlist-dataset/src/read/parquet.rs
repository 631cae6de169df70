//! Parquet, through polars.

use std::fs::File;
use std::io::{Cursor, Read, Seek};

use playlist_parquet::check;
use polars::prelude::{ParquetReader, SerReader};
use polars_parquet::read::{infer_schema, read_metadata};

use super::by_column::{self, Plan};
use super::{RawTable, ReadOptions, io_error};
use crate::column::Assignment;
use crate::report::FileKind;
use crate::{Error, Result};

/// Reads the columns that are needed.
///
/// Polars panics on some damaged files, in its own threads and in ours; such a panic is an error here,
/// although its message still goes to stderr. Nothing of ours is left half changed by it.
pub(super) fn read(path: &str, file: File, options: &ReadOptions) -> Result<RawTable> {
    let attempt = std::panic::AssertUnwindSafe(|| read_columns(path, file, options));
    std::panic::catch_unwind(attempt).unwrap_or_else(|_| Err(damaged(path, "the Parquet reader panicked")))
}

fn damaged(path: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Parquet {
        path: path.to_owned(),
        source: source.into(),
    }
}

/// By columns where they are plain, and else through a frame, which shows a cell as it is and says what is wrong.
fn read_columns(path: &str, mut file: File, options: &ReadOptions) -> Result<RawTable> {
    let by_column = std::panic::AssertUnwindSafe(|| read_by_column(path, &mut file, options));
    if let Some(table) = std::panic::catch_unwind(by_column).ok().flatten() {
        return Ok(table);
    }
    file.rewind().map_err(|source| io_error(path, source))?;
    read_frame(path, file, options)
}

fn read_frame(path: &str, mut file: File, options: &ReadOptions) -> Result<RawTable> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .map_err(|source| io_error(path, source))?;
    let checked = check(bytes).map_err(|source| damaged(path, source))?;
    let mut reader = ParquetReader::new(Cursor::new(checked));
    let schema = reader.schema().map_err(|source| damaged(path, source))?;
    let names: Vec<String> = schema.iter_names().map(|name| name.to_string()).collect();
    let n_rows = reader.num_rows().map_err(|source| damaged(path, source))?;
    if n_rows == 0 {
        return Err(Error::NoRows {
            path: path.to_owned(),
        });
    }
    let assignment = Assignment::new(path, &names, options)?;
    let frame = reader
        .with_projection(Some(assignment.needed()))
        .finish()
        .map_err(|source| damaged(path, source))?;
    if frame.height() != n_rows {
        return Err(damaged(
            path,
            "its columns have another number of rows than it says",
        ));
    }
    let mut columns = vec![None; names.len()];
    for column in frame.into_columns() {
        let position = names.iter().position(|name| name == column.name().as_str());
        columns[position.expect("polars returns columns of the file")] = Some(column);
    }
    Ok(RawTable {
        columns,
        ..raw(path, n_rows, names, assignment)
    })
}

/// `None` when something needs a closer look.
fn read_by_column(path: &str, file: &mut File, options: &ReadOptions) -> Option<RawTable> {
    let metadata = read_metadata(file).ok()?;
    let n_rows = Some(metadata.num_rows).filter(|n_rows| *n_rows > 0)?;
    let schema = infer_schema(&metadata).ok()?;
    let names: Vec<String> = schema.iter_names().map(|name| name.to_string()).collect();
    let assignment = Assignment::new(path, &names, options).ok()?;
    let plan = Plan {
        file,
        metadata: &metadata,
        schema: &schema,
        names: &names,
        assignment: &assignment,
    };
    let (numbers, texts) = by_column::read(&plan)?;
    Some(RawTable {
        numbers,
        texts: Some(texts),
        columns: vec![None; names.len()],
        ..raw(path, n_rows, names, assignment)
    })
}

/// A table of no columns yet.
fn raw(path: &str, n_rows: usize, names: Vec<String>, assignment: Assignment) -> RawTable {
    RawTable {
        path: path.to_owned(),
        kind: FileKind::Parquet,
        delimiter: None,
        n_rows,
        names,
        columns: Vec::new(),
        numbers: Vec::new(),
        texts: None,
        lines: super::LineNumbers::default(),
        assignment,
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use playlist_core::AudioFeature;
    use polars::prelude::{DataFrame, DataType, NamedFrom, ParquetWriter, Series, df};

    use std::io::Write;

    use polars_parquet_format::{ConvertedType, FileMetaData};

    use super::*;
    use crate::growing::{read_footer, serialise};
    use crate::{Catalogue, CatalogueScan, TrackTable, build};

    /// Enough rows for several threads; some cells of each column are missing.
    fn frame() -> DataFrame {
        let n_rows = 21_000_usize;
        let known = |row: usize, every: usize| row % every != 1;
        let texts = |text: fn(usize) -> String, every| -> Vec<Option<String>> {
            (0..n_rows)
                .map(|row| known(row, every).then(|| text(row)))
                .collect()
        };
        let numbers = |scale: f64, every| -> Vec<Option<f64>> {
            let value = |row: usize| (row % 1000) as f64 * scale / 1000.0;
            (0..n_rows)
                .map(|row| known(row, every).then(|| value(row)))
                .collect()
        };
        df!(
            "track_id" => texts(|row| format!("{row:022}"), 50),
            "name" => texts(|row| format!(" Song {row}{} ", "!".repeat(row % 30)), 3),
            "artists" => texts(|row| format!("Artist {}", row % 40), 7),
            "album" => texts(|row| format!("Album {}", row % 400), 7),
            "liked" => (0..n_rows).map(|row| (row % 2) as i64).collect::<Vec<_>>(),
            "split_0" => texts(|row| ["train", "test"][usize::from(row % 5 == 0)].to_owned(), 11),
            "energy" => numbers(1.0, 4),
            "tempo" => (0..n_rows).map(|row| row as u32 % 300).collect::<Vec<_>>(),
            "key" => (0..n_rows).map(|row| row as i32 % 13 - 1).collect::<Vec<_>>(),
            "loudness" => numbers(-60.0, n_rows),
            "duration_s" => numbers(500.0, 9),
        )
        .unwrap()
    }

    fn file(frame: &mut DataFrame) -> File {
        let mut file = tempfile::tempfile().unwrap();
        ParquetWriter::new(&mut file)
            .with_row_group_size(Some(4_000))
            .finish(frame)
            .unwrap();
        file
    }

    /// The file of `frame` with another footer.
    fn altered(frame: &mut DataFrame, change: impl FnOnce(&mut FileMetaData)) -> tempfile::NamedTempFile {
        let mut bytes = Vec::new();
        let mut file = file(frame);
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        let (start, mut footer) = read_footer(&bytes).unwrap();
        change(&mut footer);
        let footer = serialise(&footer);
        bytes.truncate(start);
        bytes.extend_from_slice(&footer);
        bytes.extend_from_slice(&(footer.len() as u32).to_le_bytes());
        bytes.extend_from_slice(b"PAR1");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    #[test]
    fn rows_that_cannot_be_are_an_error_and_not_the_end() {
        let mut frame = frame();
        for n_rows in [1 << 40, 1 << 30, 3_999] {
            let file = altered(&mut frame, |footer| footer.row_groups[0].num_rows = n_rows);
            let table = read("t", file.reopen().unwrap(), &ReadOptions::default());
            assert!(matches!(table, Err(Error::Parquet { .. })), "{n_rows}");
            let catalogue = Catalogue::open(file.path());
            assert!(matches!(catalogue, Err(Error::Parquet { .. })), "{n_rows}");
            let scan =
                CatalogueScan::open(file.path(), &[AudioFeature::Energy], &[], &ReadOptions::default());
            assert!(matches!(scan, Err(Error::Parquet { .. })), "{n_rows}");
        }
        let same = altered(&mut frame, |_| ());
        assert!(read("t", same.reopen().unwrap(), &ReadOptions::default()).is_ok());
    }

    #[test]
    fn a_column_of_a_type_that_polars_lacks_is_passed_over() {
        let mut frame = frame();
        let prices: Vec<i64> = (0..frame.height() as i64).collect();
        frame
            .with_column(Series::new("price".into(), prices).into())
            .unwrap();
        let file = altered(&mut frame, |footer| {
            let price = footer.schema.iter_mut().find(|element| element.name == "price");
            let price = price.unwrap();
            price.converted_type = Some(ConvertedType::DECIMAL);
            (price.precision, price.scale) = (Some(10), Some(2));
            price.logical_type = None;
            footer.key_value_metadata = None;
        });
        let mut file = file.reopen().unwrap();
        let metadata = read_metadata(&mut file).unwrap();
        let schema = infer_schema(&metadata).unwrap();
        let price = format!("{:?}", schema.get("price").unwrap());
        assert!(price.contains("Decimal"), "{price}");
        let table = read_by_column("t", &mut file, &ReadOptions::default());
        assert_eq!(table.unwrap().n_rows, frame.height());
    }

    fn tables(mut file: File, options: &ReadOptions) -> Option<[Result<TrackTable>; 2]> {
        let by_column = read_by_column("t", &mut file, options)?;
        file.rewind().unwrap();
        let whole = read_frame("t", file, options);
        Some([build::table(by_column), whole.and_then(build::table)])
    }

    #[test]
    fn by_column_a_table_is_the_same() {
        let options = ReadOptions::default().with_split_column("liked");
        let mut frame = frame();
        for dtype in [DataType::Float64, DataType::Float32] {
            let energy = frame.column("energy").unwrap().cast(&dtype).unwrap();
            frame.with_column(energy).unwrap();
            let [by_column, whole] = tables(file(&mut frame), &options).unwrap().map(Result::unwrap);
            assert_eq!(by_column.report(), whole.report());
            assert!(
                by_column
                    .to_frame()
                    .unwrap()
                    .equals_missing(&whole.to_frame().unwrap())
            );
            assert_eq!(by_column.title(3), Some("Song 3!!!"));
            assert_eq!(by_column.value(0, AudioFeature::Key), None);
            assert_eq!(by_column.split_columns(), ["split_0", "liked"]);
        }
    }

    #[test]
    fn by_column_an_error_is_the_same() {
        let mut frame = frame();
        let energy: Vec<f64> = (0..frame.height())
            .map(|row| f64::from(row == 20_500) * 7.0)
            .collect();
        frame
            .replace("energy", Series::new("energy".into(), energy).into())
            .unwrap();
        let [by_column, whole] = tables(file(&mut frame), &ReadOptions::default()).unwrap();
        let (error, expected) = (by_column.unwrap_err(), whole.unwrap_err());
        assert_eq!(error.to_string(), expected.to_string());
        assert!(matches!(error, Error::OutOfRange { row: 20_501, .. }), "{error}");
    }

    #[test]
    fn columns_of_other_kinds_are_left_to_the_frame() {
        for (name, cells) in [("camelot", "8B"), ("energy", "0,5"), ("Track Id", "x")] {
            let mut frame = frame();
            let cells = vec![cells; frame.height()];
            frame.with_column(Series::new(name.into(), cells).into()).unwrap();
            let _ = frame.drop_in_place("key");
            assert!(
                tables(file(&mut frame), &ReadOptions::default()).is_none(),
                "{name}"
            );
        }
    }
}
