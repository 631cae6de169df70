//! The walk through the headers of pages.

use std::io::Cursor;

use polars_buffer::Buffer;
use polars_parquet::parquet::compression::Compression;
use polars_parquet::parquet::metadata::{ColumnChunkMetadata, FileMetadata};
use polars_parquet::parquet::page::{CompressedPage, ParquetPageHeader};
use polars_parquet::parquet::read::{PageReader, read_metadata};
use polars_parquet::parquet::schema::types::PhysicalType;
use polars_parquet_format::thrift::protocol::TCompactInputProtocol;

use crate::{Error, Result};

/// The most values of a column in one row group: 2^31, the most that a page can state.
const MOST_VALUES: i64 = 1 << 31;

/// The most bytes of a page, packed or not: 1 GiB.
const MOST_PAGE_BYTES: usize = 1 << 30;

/// The bytes of a Parquet file whose pages state nothing that cannot be. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Checked(Buffer<u8>);

impl AsRef<[u8]> for Checked {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The bytes of one column in one row group whose pages state nothing that cannot be.
#[derive(Clone, Debug)]
pub struct CheckedChunk(Buffer<u8>);

impl CheckedChunk {
    /// The pages, still packed; `chunk` is what the footer says of them, as it was when they were checked.
    #[must_use]
    pub fn into_pages(self, chunk: &ColumnChunkMetadata) -> PageReader {
        PageReader::new(Cursor::new(self.0), chunk, Vec::new(), MOST_PAGE_BYTES)
    }
}

/// Checks `bytes`, which are those of `chunk` alone: the column and row group `place`, as [`Error::Count`] counts them.
///
/// This is [`check`] for who reads a file piece by piece. `n_rows` are the rows of the row group. That `chunk` lies in the file is
/// for the caller to see.
///
/// # Errors
/// [`Error::Damaged`], [`Error::Count`], [`Error::Rows`], [`Error::Values`].
pub fn check_chunk(
    bytes: Vec<u8>,
    chunk: &ColumnChunkMetadata,
    n_rows: usize,
    place: (usize, usize),
) -> Result<CheckedChunk> {
    check_rows(n_rows, place.0)?;
    check_values(chunk, n_rows, place)?;
    let bytes = Buffer::from(bytes);
    guarded(|| check_pages(Cursor::new(bytes.clone()), chunk, place))?;
    Ok(CheckedChunk(bytes))
}

/// Checks `bytes`, the whole of a Parquet file: its footer can be read, each column lies in the file, and each page
/// states a number of values that its column can have.
///
/// The values themselves are not looked at: a file that passes may still fail to be read, as an error.
///
/// # Errors
/// [`Error::Damaged`], [`Error::Count`], [`Error::Rows`], [`Error::Values`].
pub fn check(bytes: Vec<u8>) -> Result<Checked> {
    let bytes = Buffer::from(bytes);
    guarded(|| check_groups(&bytes))?;
    Ok(Checked(bytes))
}

/// Checks the counts of a footer: no row group has more rows than it can have, and each column that is not nested has one value
/// for each. The pages are not looked at: they may state other counts.
///
/// # Errors
/// [`Error::Count`], [`Error::Rows`], [`Error::Values`].
pub fn check_counts(metadata: &FileMetadata) -> Result<()> {
    for (index, group) in metadata.row_groups.iter().enumerate() {
        check_rows(group.num_rows(), index)?;
        for (column, chunk) in group.parquet_columns().iter().enumerate() {
            check_values(chunk, group.num_rows(), (index, column))?;
        }
    }
    Ok(())
}

/// The reader makes room for all rows of a row group before it has read one.
fn check_rows(n_rows: usize, group: usize) -> Result<()> {
    if i64::try_from(n_rows).is_ok_and(|n_rows| n_rows <= MOST_VALUES) {
        return Ok(());
    }
    Err(Error::Rows {
        group,
        found: n_rows,
        most: MOST_VALUES,
    })
}

fn check_values(chunk: &ColumnChunkMetadata, n_rows: usize, place: (usize, usize)) -> Result<()> {
    let found = chunk.num_values();
    in_range("the number of values", found, MOST_VALUES, place)?;
    let is_flat = chunk.descriptor().descriptor.max_rep_level == 0;
    if !is_flat || found == n_rows as i64 {
        return Ok(());
    }
    let (group, column) = place;
    Err(Error::Values {
        group,
        column,
        found,
        n_rows,
    })
}

/// The reader panics on some damaged files; nothing of ours is left half changed by it.
fn guarded(check: impl FnOnce() -> Result<()>) -> Result<()> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(check))
        .unwrap_or_else(|_| Err(Error::damaged("the Parquet reader panicked")))
}

fn check_groups(bytes: &Buffer<u8>) -> Result<()> {
    let metadata = read_metadata(&mut Cursor::new(bytes.as_slice())).map_err(Error::damaged)?;
    check_counts(&metadata)?;
    for (group, columns) in metadata.row_groups.iter().enumerate() {
        for (column, chunk) in columns.parquet_columns().iter().enumerate() {
            check_column(bytes, chunk, (group, column))?;
        }
    }
    Ok(())
}

fn check_column(bytes: &Buffer<u8>, chunk: &ColumnChunkMetadata, place: (usize, usize)) -> Result<()> {
    let size = bytes.len() as i64;
    let range = chunk.byte_range();
    in_range("the beginning", range.start as i64, size, place)?;
    in_range("the end", range.end as i64, size, place)?;
    let mut reader = Cursor::new(bytes.clone());
    reader.set_position(range.start);
    check_pages(reader, chunk, place)
}

/// Walks through the pages from where `reader` stands.
fn check_pages(reader: Cursor<Buffer<u8>>, chunk: &ColumnChunkMetadata, place: (usize, usize)) -> Result<()> {
    check_dictionary(reader.clone(), chunk, place)?;
    for page in PageReader::new(reader, chunk, Vec::new(), MOST_PAGE_BYTES) {
        // A dictionary that is not the first page is refused when it is read.
        if let CompressedPage::Data(page) = page.map_err(Error::damaged)? {
            let n_values = page.num_values() as i64;
            in_range(
                "the number of values of a page",
                n_values,
                chunk.num_values(),
                place,
            )?;
            let n_bytes = page.uncompressed_size() as i64;
            in_range("the size of a page", n_bytes, MOST_PAGE_BYTES as i64, place)?;
        }
    }
    Ok(())
}

/// A dictionary states how many values it has, too, and the reader makes room for as many: they must fit in its bytes.
fn check_dictionary(
    mut reader: Cursor<Buffer<u8>>,
    chunk: &ColumnChunkMetadata,
    place: (usize, usize),
) -> Result<()> {
    if chunk.byte_range().is_empty() {
        return Ok(());
    }
    let mut protocol = TCompactInputProtocol::new(&mut reader, MOST_PAGE_BYTES);
    let page = ParquetPageHeader::read_from_in_protocol(&mut protocol).map_err(Error::damaged)?;
    let Some(dictionary) = page.dictionary_page_header else {
        return Ok(());
    };
    let n_bytes = match chunk.compression() {
        Compression::Uncompressed => page.compressed_page_size,
        _ => page.uncompressed_page_size,
    };
    let n_bytes = i64::from(n_bytes);
    in_range("the size of a dictionary", n_bytes, MOST_PAGE_BYTES as i64, place)?;
    let most = most_values(chunk.physical_type(), n_bytes);
    let n_values = i64::from(dictionary.num_values);
    in_range("the number of values of a dictionary", n_values, most, place)
}

/// How many values so many bytes can hold, each at its shortest.
fn most_values(kind: PhysicalType, n_bytes: i64) -> i64 {
    match kind {
        PhysicalType::Boolean => n_bytes * 8,
        // The length of a text is four bytes.
        PhysicalType::Int32 | PhysicalType::Float | PhysicalType::ByteArray => n_bytes / 4,
        PhysicalType::Int64 | PhysicalType::Double => n_bytes / 8,
        PhysicalType::Int96 => n_bytes / 12,
        PhysicalType::FixedLenByteArray(width) => n_bytes / i64::try_from(width).unwrap_or(i64::MAX).max(1),
    }
}

fn in_range(what: &'static str, found: i64, most: i64, (group, column): (usize, usize)) -> Result<()> {
    if (0..=most).contains(&found) {
        return Ok(());
    }
    Err(Error::Count {
        what,
        group,
        column,
        found,
        most,
    })
}

#[cfg(test)]
mod tests {
    use polars::prelude::{ParquetReader, ParquetWriter, SerReader, df};

    use super::*;

    fn file() -> Vec<u8> {
        let mut frame = df!(
            "id" => ["a", "b", "c", "a"], "energy" => [Some(0.5_f32), None, Some(0.25), None], "n" => [1_i64, 2, 3, 4]
        )
        .unwrap();
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
        bytes
    }

    #[test]
    fn a_sound_file_passes_and_is_read() {
        let checked = check(file()).unwrap();
        assert_eq!(
            ParquetReader::new(Cursor::new(checked))
                .finish()
                .unwrap()
                .height(),
            4
        );
    }

    #[test]
    fn chunks_of_a_sound_file_pass_and_those_cut_short_do_not() {
        let whole = file();
        let metadata = read_metadata(&mut Cursor::new(whole.as_slice())).unwrap();
        let group = metadata.row_groups.first().unwrap();
        for (column, chunk) in group.parquet_columns().iter().enumerate() {
            let range = chunk.byte_range();
            let bytes = &whole[range.start as usize..range.end as usize];
            let checked = check_chunk(bytes.to_vec(), chunk, 4, (0, column)).unwrap();
            assert!(checked.into_pages(chunk).count() > 0);
            let cut = bytes[..bytes.len() - 1].to_vec();
            let error = check_chunk(cut, chunk, 4, (0, column)).unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{error}");
        }
    }

    #[test]
    fn rows_that_cannot_be_are_refused() {
        let whole = file();
        let metadata = read_metadata(&mut Cursor::new(whole.as_slice())).unwrap();
        let chunk = &metadata.row_groups[0].parquet_columns()[0];
        let range = chunk.byte_range();
        let bytes = &whole[range.start as usize..range.end as usize];
        let error = |n_rows| check_chunk(bytes.to_vec(), chunk, n_rows, (0, 0)).unwrap_err();
        assert!(matches!(error(1 << 40), Error::Rows { .. }));
        assert!(matches!(
            error(5),
            Error::Values {
                found: 4,
                n_rows: 5,
                ..
            }
        ));
        assert!(check_counts(&metadata).is_ok());
    }

    #[test]
    fn dictionaries_of_more_values_than_bytes_are_refused() {
        use polars_parquet_format::thrift::protocol::TCompactOutputProtocol;
        let whole = file();
        let metadata = read_metadata(&mut Cursor::new(whole.as_slice())).unwrap();
        let chunk = &metadata.row_groups[0].parquet_columns()[0];
        assert!(chunk.dictionary_page_offset().is_some());
        let range = chunk.byte_range();
        let mut rest = Cursor::new(&whole[range.start as usize..range.end as usize]);
        let mut protocol = TCompactInputProtocol::new(&mut rest, MOST_PAGE_BYTES);
        let header = ParquetPageHeader::read_from_in_protocol(&mut protocol).unwrap();
        let pages = &rest.get_ref()[rest.position() as usize..];
        let check = |change: fn(&mut ParquetPageHeader)| {
            let mut header = header.clone();
            change(&mut header);
            let mut bytes = Vec::new();
            let mut protocol = TCompactOutputProtocol::new(&mut bytes);
            header.write_to_out_protocol(&mut protocol).unwrap();
            bytes.extend_from_slice(pages);
            check_chunk(bytes, chunk, 4, (0, 0)).map(|_| ())
        };
        assert!(check(|_| ()).is_ok());
        let changes: [fn(&mut ParquetPageHeader); 2] = [
            |header| header.dictionary_page_header.as_mut().unwrap().num_values = i32::MAX,
            |header| header.uncompressed_page_size = i32::MAX,
        ];
        for change in changes {
            assert!(matches!(check(change).unwrap_err(), Error::Count { .. }));
        }
    }

    /// Every byte in turn, altered in several ways: an error or a table, and never the end of the process.
    #[test]
    fn no_altered_byte_ends_the_process() {
        let whole = file();
        let (mut n_refused, mut n_read) = (0, 0);
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        for at in 0..whole.len() {
            for flip in [0x01, 0x80, 0xFF, 0x7F] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                match check(bytes) {
                    Err(_) => n_refused += 1,
                    Ok(checked) => {
                        let read = || ParquetReader::new(Cursor::new(checked)).finish().is_ok();
                        n_read += usize::from(
                            std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).unwrap_or(false),
                        );
                    }
                }
            }
        }
        std::panic::set_hook(hook);
        assert!(
            n_refused > 100 && n_read > 100,
            "{n_refused} refused, {n_read} read"
        );
    }
}
