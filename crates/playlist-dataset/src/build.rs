//! From the cells of a file to a checked table.

use std::borrow::Cow;

use playlist_core::{AudioFeature, SpotifyId, unit};
use polars::prelude::{AnyValue, Column, DataType, Series, StringChunked};

use crate::column::plain;
use crate::feature_column::{self, Parsed};
use crate::message::excerpt;
use crate::read::RawTable;
use crate::report::{MissingCount, Note, ReadReport};
use crate::table::Parts;
use crate::text::{CodedColumn, TextColumn};
use crate::threads::joined_thread;
use crate::{Error, Result, TrackTable};

/// Checks and converts the cells of a file.
pub(crate) fn table(mut raw: RawTable) -> Result<TrackTable> {
    check_duplicates(&mut raw)?;
    let (ready, numbers) = (raw.texts.take(), std::mem::take(&mut raw.numbers));
    // Ids take longest of the text; they are read beside the features.
    let (parsed, text) = std::thread::scope(|scope| {
        let text = scope.spawn(|| ready.map_or_else(|| texts_of(&raw), Ok));
        let parsed = feature_column::parse(&raw, numbers);
        (parsed, joined_thread(text))
    });
    let Parsed {
        features,
        n_missing,
        notes,
    } = parsed?;
    let Texts {
        ids,
        titles,
        artists,
        labels,
        splits,
    } = text?;
    raw.notes.extend(notes);
    let missing = AudioFeature::ALL
        .into_iter()
        .filter(|feature| features[feature.index()].is_some())
        .map(|feature| MissingCount {
            feature,
            n_missing: n_missing[feature.index()],
        })
        .collect();
    let mut notes = std::mem::take(&mut raw.assignment.notes);
    notes.append(&mut raw.notes);
    let report = ReadReport {
        n_rows: raw.n_rows,
        kind: raw.kind,
        delimiter: raw.delimiter,
        columns_used: raw.assignment.used,
        columns_ignored: raw.assignment.ignored,
        missing,
        n_without_id: ids.as_ref().map_or(raw.n_rows, TextColumn::n_missing),
        n_without_label: labels.as_ref().map_or(raw.n_rows, CodedColumn::n_missing),
        notes,
        file: raw.path,
    };
    Ok(TrackTable::from_parts(Parts {
        n_rows: raw.n_rows,
        ids,
        titles,
        artists,
        labels,
        splits,
        features,
        report,
    }))
}

/// The columns that hold no features.
#[derive(Default)]
pub(crate) struct Texts {
    pub(crate) ids: Option<TextColumn>,
    pub(crate) titles: Option<TextColumn>,
    pub(crate) artists: Option<TextColumn>,
    pub(crate) labels: Option<CodedColumn>,
    pub(crate) splits: Vec<(String, CodedColumn)>,
}

/// Each column of text in a thread of its own where it is long.
fn texts_of(raw: &RawTable) -> Result<Texts> {
    let assignment = &raw.assignment;
    let text = |read: fn(&RawTable, usize) -> Result<TextColumn>, at: Option<usize>| {
        at.map(|at| read(raw, at)).transpose()
    };
    std::thread::scope(|scope| {
        let titles = scope.spawn(|| text(texts, assignment.title));
        let artists = scope.spawn(|| text(texts, assignment.artist));
        let ids = text(ids, assignment.id);
        let splits = assignment.split_columns(&raw.names).into_iter();
        let splits = splits.map(|at| Ok((raw.names[at].clone(), codes(raw, at)?)));
        let splits = splits.collect::<Result<_>>();
        let labels = assignment.label.map(|at| codes(raw, at)).transpose();
        Ok(Texts {
            ids: ids?,
            titles: joined_thread(titles)?,
            artists: joined_thread(artists)?,
            labels: labels?,
            splits: splits?,
        })
    })
}

/// The column at `position`; only for columns that the assignment needs.
pub(crate) fn column_at(raw: &RawTable, position: usize) -> &Column {
    raw.columns[position]
        .as_ref()
        .expect("every column that the assignment needs is read")
}

/// The cells of a column as text.
pub(crate) fn text_cells(raw: &RawTable, position: usize) -> Result<Cow<'_, StringChunked>> {
    let column = column_at(raw, position);
    text_of(column.as_materialized_series()).ok_or_else(|| Error::ColumnType {
        path: raw.path.clone(),
        column: raw.names[position].clone(),
        expected: "numbers or text",
        found: column.dtype().to_string(),
    })
}

/// The same of a column of polars; `None` when it cannot be written as text.
pub(crate) fn text_of(series: &Series) -> Option<Cow<'_, StringChunked>> {
    match series.dtype() {
        DataType::String => Some(Cow::Borrowed(series.str().ok()?)),
        DataType::List(inner) if **inner == DataType::String => Some(Cow::Owned(
            (0..series.len())
                .map(|row| series.get(row).ok().and_then(|cell| joined(&cell)))
                .collect(),
        )),
        DataType::Float32 | DataType::Float64 => {
            let floats = series.cast(&DataType::Float64).ok()?;
            // Rust writes a whole number without `.0`, so 1.0 and the integer 1 are one label.
            let text = |value: Option<f64>| value.map(|value| value.to_string());
            Some(Cow::Owned(floats.f64().ok()?.iter().map(text).collect()))
        }
        dtype if dtype.is_nested() || matches!(dtype, DataType::Binary) => None,
        _ => Some(Cow::Owned(
            series.cast(&DataType::String).ok()?.str().ok()?.clone(),
        )),
    }
}

/// A list of texts, such as the artists of a track, as one text.
fn joined(cell: &AnyValue<'_>) -> Option<String> {
    let AnyValue::List(values) = cell else { return None };
    let texts: Vec<String> = values
        .iter()
        .filter_map(|value| value.get_str().map(str::to_owned))
        .collect();
    Some(texts.join("; "))
}

fn ids(raw: &RawTable, position: usize) -> Result<TextColumn> {
    let cells = text_cells(raw, position)?;
    let mut ids = TextColumn::with_capacity(cells.len(), n_bytes(&cells));
    push_ids(&cells, &mut ids);
    Ok(ids)
}

/// Adds ids.
pub(crate) fn push_ids(cells: &StringChunked, ids: &mut TextColumn) {
    each_cell(cells, |cell| push_id(ids, cell));
}

/// The bytes of all cells together.
fn n_bytes(cells: &StringChunked) -> usize {
    cells.downcast_iter().map(|chunk| chunk.total_bytes_len()).sum()
}

/// Tells `take` of every cell; one without a value is empty.
fn each_cell(cells: &StringChunked, mut take: impl FnMut(&str)) {
    let all_known = cells.null_count() == 0;
    for chunk in cells.downcast_iter() {
        if all_known {
            chunk.values_iter().for_each(&mut take);
        } else {
            chunk.iter().for_each(|cell| take(cell.unwrap_or_default()));
        }
    }
}

/// The text without white space at its ends, of which plain letters at both tell that there is none.
fn trimmed(text: &str) -> &str {
    let is_plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = text.as_bytes();
    if is_plain(bytes.first()) && is_plain(bytes.last()) {
        return text;
    }
    text.trim()
}

/// Adds the id that a cell holds.
pub(crate) fn push_id(ids: &mut TextColumn, text: &str) {
    // The plain case first, as in most files: it needs no parsing.
    if let Ok(bytes) = <&[u8; 22]>::try_from(text.as_bytes())
        && bytes
            .iter()
            .fold(true, |all, byte| all & byte.is_ascii_alphanumeric())
    {
        return ids.push(text);
    }
    let text = text.trim();
    if unit::is_missing(text) {
        ids.push("");
    } else if let Ok(id) = text.parse::<SpotifyId>() {
        ids.push(id.as_str());
    } else {
        ids.push(text);
    }
}

/// Titles and names: a song may well be called `Null`, so an empty cell alone is missing.
fn texts(raw: &RawTable, position: usize) -> Result<TextColumn> {
    let cells = text_cells(raw, position)?;
    let mut texts = TextColumn::with_capacity(cells.len(), n_bytes(&cells));
    push_texts(&cells, &mut texts);
    Ok(texts)
}

/// Adds titles or names.
pub(crate) fn push_texts(cells: &StringChunked, texts: &mut TextColumn) {
    each_cell(cells, |cell| texts.push(trimmed(cell)));
}

fn codes(raw: &RawTable, position: usize) -> Result<CodedColumn> {
    let cells = text_cells(raw, position)?;
    let mut codes = CodedColumn::default();
    push_codes(&cells, &mut codes);
    Ok(codes)
}

/// Adds labels or names of parts.
pub(crate) fn push_codes(cells: &StringChunked, codes: &mut CodedColumn) {
    for cell in cells.iter() {
        codes.push(cell.and_then(known_code));
    }
}

/// What a cell says, unless that is that nothing is known.
pub(crate) fn known_code(cell: &str) -> Option<&str> {
    Some(trimmed(cell)).filter(|text| !unit::is_missing(text))
}

/// Columns of one name must hold the same; then the first is used.
fn check_duplicates(raw: &mut RawTable) -> Result<()> {
    for (used, other) in raw.assignment.duplicates.clone() {
        let (first, second) = (text_cells(raw, used)?, text_cells(raw, other)?);
        let known = |cell: Option<&str>| {
            cell.map(str::trim)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let differing = first
            .iter()
            .zip(second.iter())
            .position(|(a, b)| known(a) != known(b));
        debug_assert_eq!(plain(&raw.names[used]), plain(&raw.names[other]));
        if let Some(row) = differing {
            return Err(Error::DuplicateColumn {
                path: raw.path.clone(),
                column: excerpt(&raw.names[used]),
                first: used.min(other) + 1,
                second: used.max(other) + 1,
                row: row + 1,
            });
        }
        raw.notes.push(Note::DuplicateIgnored {
            column: raw.names[used].clone(),
            used: used + 1,
            ignored: other + 1,
        });
    }
    Ok(())
}
