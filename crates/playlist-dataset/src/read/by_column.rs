//! Parquet whose columns are plain numbers and texts, read column by column.
//!
//! One thread reads a column from its first row group to its last, each piece while it is in the processor's cache: the file is
//! never in memory whole, nor is a column as polars has it. What this reads it reads as [`super::parquet`] would; anything that
//! is of another kind, or is an error, it leaves to that, which says what is wrong.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use playlist_core::AudioFeature;
use playlist_parquet::{CheckedChunk, check_chunk};
use polars::prelude::{ArrowField, ArrowSchema, DataType, PolarsResult, Series};
use polars_parquet::parquet::metadata::FileMetadata;
use polars_parquet::read::{BasicDecompressor, ColumnChunkMetadata, Filter, column_iter_to_arrays};

use crate::build::{Texts, push_codes, push_ids, push_texts, text_of};
use crate::column::Assignment;
use crate::feature_column::{Numbers, push_numbers};
use crate::text::{CodedColumn, TextColumn};
use crate::threads::on_threads;

/// A file and what its footer says.
pub(super) struct Plan<'a> {
    pub(super) file: &'a File,
    pub(super) metadata: &'a FileMetadata,
    pub(super) schema: &'a ArrowSchema,
    pub(super) names: &'a [String],
    pub(super) assignment: &'a Assignment,
}

/// The columns of features and those of text.
pub(super) type Columns = (Vec<Numbers>, Texts);

/// What a column is read for, and what was read of it.
#[derive(Clone)]
enum Cells {
    Number(Numbers),
    Id(TextColumn),
    Title(TextColumn),
    Artist(TextColumn),
    Label(CodedColumn),
    /// With its position.
    Split(usize, CodedColumn),
}

/// Reads the columns that are needed and checks the pages of all; `None` when something needs a closer look.
pub(super) fn read(plan: &Plan<'_>) -> Option<Columns> {
    let assignment = plan.assignment;
    if assignment.camelot.is_some() || !assignment.duplicates.is_empty() {
        return None;
    }
    let source = Source {
        n_bytes: plan.file.metadata().ok()?.len(),
        file: Mutex::new(plan.file),
    };
    // Pieces that overlap would be read many times over.
    let chunks = plan.metadata.row_groups.iter();
    let chunks = chunks.flat_map(|group| group.parquet_columns());
    let n_packed = chunks.map(|chunk| chunk.compressed_size().max(0) as u64);
    if n_packed.fold(0, u64::saturating_add) > source.n_bytes {
        return None;
    }
    let mut columns = columns(plan)?;
    // The longest first, so that no thread is left with it at the end.
    columns.sort_by_key(|column| std::cmp::Reverse(column.n_bytes));
    let failed = AtomicBool::new(false);
    let read = on_threads(plan.metadata.num_rows, &mut columns, |column| {
        if failed.load(Ordering::Relaxed) {
            return None;
        }
        // Polars panics on some files; the others need not go on then.
        let attempt = AssertUnwindSafe(|| column.read(plan, &source));
        let cells = std::panic::catch_unwind(attempt).ok().flatten();
        failed.fetch_or(cells.is_none(), Ordering::Relaxed);
        cells
    });
    let read: Vec<Vec<Cells>> = read.into_iter().collect::<Option<_>>()?;
    Some(sorted(plan, read.into_iter().flatten().collect()))
}

/// A column of the file, which may be nested where it is not needed.
struct ColumnPlan<'a> {
    name: &'a str,
    field: &'a ArrowField,
    /// What it is read for, nothing read yet.
    wanted: Vec<Cells>,
    /// Its bytes, packed and unpacked, as the footer says.
    n_bytes: i64,
}

/// All columns of the file; `None` when one that is needed is not of a plain kind.
fn columns<'a>(plan: &Plan<'a>) -> Option<Vec<ColumnPlan<'a>>> {
    let wanted = wanted(plan).into_iter().enumerate();
    let column = |(position, wanted): (usize, Vec<Cells>)| {
        let (name, field) = plan.schema.get_at_index(position)?;
        // Only of a column that is needed: polars panics where it lacks the type.
        let is_plain = |cells: &Cells| match (cells, DataType::from_arrow_field(field)) {
            (Cells::Number(..), dtype) => dtype.is_primitive_numeric(),
            (_, dtype) => !dtype.is_nested(),
        };
        let mut n_bytes = 0_i64;
        for group in &plan.metadata.row_groups {
            for chunk in group.columns_under_root_iter(name)? {
                n_bytes = n_bytes
                    .saturating_add(chunk.compressed_size())
                    .saturating_add(chunk.uncompressed_size());
            }
        }
        wanted.iter().all(is_plain).then_some(ColumnPlan {
            name,
            field,
            wanted,
            n_bytes,
        })
    };
    wanted.map(column).collect()
}

/// What each column of the file is read for.
fn wanted(plan: &Plan<'_>) -> Vec<Vec<Cells>> {
    let assignment = plan.assignment;
    let mut wanted: Vec<Vec<Cells>> = vec![Vec::new(); plan.names.len()];
    let numbers = AudioFeature::ALL.map(|feature| {
        let cells = Cells::Number(Numbers::new(feature));
        (assignment.features[feature.index()], cells)
    });
    let texts = [
        (assignment.id, Cells::Id(TextColumn::default())),
        (assignment.title, Cells::Title(TextColumn::default())),
        (assignment.artist, Cells::Artist(TextColumn::default())),
        (assignment.label, Cells::Label(CodedColumn::default())),
    ];
    let splits = assignment.split_columns(plan.names).into_iter();
    let splits = splits.map(|position| (Some(position), Cells::Split(position, CodedColumn::default())));
    for (position, cells) in numbers.into_iter().chain(texts).chain(splits) {
        if let Some(position) = position {
            wanted[position].push(cells);
        }
    }
    wanted
}

impl ColumnPlan<'_> {
    /// Reads the column for all that it is wanted for, and checks its pages in any case.
    fn read(&self, plan: &Plan<'_>, source: &Source<'_>) -> Option<Vec<Cells>> {
        let mut wanted = self.wanted.clone();
        for (group_index, group) in plan.metadata.row_groups.iter().enumerate() {
            for index in group.columns_idxs_under_root_iter(self.name)? {
                let chunk = group.parquet_columns().get(*index)?;
                let checked = check_chunk(
                    source.bytes(chunk)?,
                    chunk,
                    group.num_rows(),
                    (group_index, *index),
                )
                .ok()?;
                if wanted.is_empty() {
                    continue;
                }
                let piece = decoded(checked, chunk, self.field, group.num_rows()).ok()?;
                if piece.len() != group.num_rows() {
                    return None;
                }
                for cells in &mut wanted {
                    cells.push(&piece)?;
                    if group_index == 0 {
                        cells.reserve(plan.metadata.num_rows);
                    }
                }
            }
        }
        let is_whole = |cells: &Cells| cells.len() == plan.metadata.num_rows;
        wanted.iter().all(is_whole).then_some(wanted)
    }
}

/// A column of one row group.
fn decoded(
    checked: CheckedChunk,
    chunk: &ColumnChunkMetadata,
    field: &ArrowField,
    n_rows: usize,
) -> PolarsResult<Series> {
    let pages = BasicDecompressor::new(checked.into_pages(chunk), Vec::new());
    let kind = &chunk.descriptor().descriptor.primitive_type;
    let all = Some(Filter::new_ranged(0, n_rows));
    let (arrays, _) = column_iter_to_arrays(vec![pages], vec![kind], field.clone(), all)?;
    Series::try_from((field, arrays))
}

impl Cells {
    fn push(&mut self, piece: &Series) -> Option<()> {
        match self {
            Self::Number(numbers) => numbers.extend(|values| push_numbers(piece, values)).ok()?,
            Self::Id(ids) => push_ids(&*text_of(piece)?, ids),
            Self::Title(texts) | Self::Artist(texts) => push_texts(&*text_of(piece)?, texts),
            Self::Label(codes) | Self::Split(_, codes) => push_codes(&*text_of(piece)?, codes),
        }
        Some(())
    }

    /// Makes room for `n_rows` in all, if they are as the first ones are. A file that claims to be larger than memory gets no room,
    /// and is read bit by bit all the same.
    fn reserve(&mut self, n_rows: usize) {
        let _ = match self {
            Self::Number(numbers) => numbers
                .values
                .try_reserve_exact(n_rows.saturating_sub(numbers.values.len())),
            Self::Id(texts) | Self::Title(texts) | Self::Artist(texts) => texts.try_reserve(n_rows),
            Self::Label(codes) | Self::Split(_, codes) => codes.try_reserve(n_rows),
        };
    }

    fn len(&self) -> usize {
        match self {
            Self::Number(numbers) => numbers.values.len(),
            Self::Id(texts) | Self::Title(texts) | Self::Artist(texts) => texts.len(),
            Self::Label(codes) | Self::Split(_, codes) => codes.len(),
        }
    }
}

/// The file, read by one thread at a time.
struct Source<'a> {
    file: Mutex<&'a File>,
    n_bytes: u64,
}

impl Source<'_> {
    /// The bytes of a column in a row group.
    fn bytes(&self, chunk: &ColumnChunkMetadata) -> Option<Vec<u8>> {
        let range = chunk.byte_range();
        if range.end > self.n_bytes {
            return None;
        }
        let n_bytes = range.end.checked_sub(range.start)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(usize::try_from(n_bytes).ok()?).ok()?;
        let mut file = self.file.lock().ok()?;
        file.seek(SeekFrom::Start(range.start)).ok()?;
        let n_read = (&**file).take(n_bytes).read_to_end(&mut bytes).ok()?;
        (n_read as u64 == n_bytes).then_some(bytes)
    }
}

/// The columns, by what each was read for.
fn sorted(plan: &Plan<'_>, read: Vec<Cells>) -> Columns {
    let mut numbers = Vec::new();
    let mut texts = Texts::default();
    let mut splits = Vec::new();
    for cells in read {
        match cells {
            Cells::Number(column) => numbers.push(column),
            Cells::Id(ids) => texts.ids = Some(ids),
            Cells::Title(titles) => texts.titles = Some(titles),
            Cells::Artist(artists) => texts.artists = Some(artists),
            Cells::Label(labels) => texts.labels = Some(labels),
            Cells::Split(position, codes) => splits.push((position, codes)),
        }
    }
    numbers.sort_by_key(|column: &Numbers| column.feature.index());
    // In the order in which they are kept otherwise.
    let order = plan.assignment.split_columns(plan.names);
    splits.sort_by_key(|(position, _)| order.iter().position(|at| at == position));
    texts.splits = splits
        .into_iter()
        .map(|(position, codes)| (plan.names[position].clone(), codes))
        .collect();
    (numbers, texts)
}
