//! Columns of audio features: numbers in our units, checked against their ranges.

use playlist_core::AudioFeature;
use polars::prelude::{DataType, PolarsResult, Series, StringChunked};

use crate::build::{column_at, text_cells};
use crate::feature_range::{Survey, count_missing, finish};
use crate::message::excerpt;
use crate::read::RawTable;
use crate::report::Note;
use crate::threads::on_threads;
use crate::{Error, Result};
use playlist_core::unit;

/// One column for each feature that the file has, NaN where a value is missing.
pub(crate) type Features = [Option<Vec<f32>>; AudioFeature::ALL.len()];

/// A column of numbers as the file has it.
#[derive(Clone)]
pub(crate) struct Numbers {
    pub(crate) feature: AudioFeature,
    pub(crate) values: Vec<f32>,
    pub(crate) survey: Survey,
}

impl Numbers {
    pub(crate) fn new(feature: AudioFeature) -> Self {
        Self {
            feature,
            values: Vec::new(),
            survey: Survey::default(),
        }
    }

    /// Adds what `push` adds.
    pub(crate) fn extend<T>(&mut self, push: impl FnOnce(&mut Vec<f32>) -> T) -> T {
        let start = self.values.len();
        let pushed = push(&mut self.values);
        self.survey.add(self.feature, &self.values[start..]);
        pushed
    }
}

/// The features of a file and what was decided about their units.
pub(crate) struct Parsed {
    pub(crate) features: Features,
    /// How many values each feature lacks, of those that have a column.
    pub(crate) n_missing: [usize; AudioFeature::ALL.len()],
    pub(crate) notes: Vec<Note>,
}

/// Reads all columns of features.
///
/// Those in `numbers` are read already, as the file has them.
pub(crate) fn parse(raw: &RawTable, numbers: Vec<Numbers>) -> Result<Parsed> {
    let mut columns = parse_columns(raw, numbers)?;
    let mut notes: Vec<Note> = columns.iter_mut().flat_map(|c| c.notes.drain(..)).collect();
    let percent = is_percent(raw, &columns)?;
    let finished = on_threads(raw.n_rows, &mut columns, |column| {
        column.scale = if percent && is_share(column.feature) {
            100.0
        } else {
            1.0
        };
        finish(raw, column)
    });
    let finished = finished.into_iter().collect::<Result<Vec<_>>>()?;
    let (converted, counts): (Vec<Option<Note>>, Vec<usize>) = finished.into_iter().unzip();
    notes.extend(converted.into_iter().flatten());
    let mut features = Features::default();
    let mut n_missing = [0; AudioFeature::ALL.len()];
    for (mut column, count) in columns.into_iter().zip(counts) {
        if let Some(mode) = column
            .mode
            .take()
            .filter(|_| raw.assignment.features[MODE].is_none())
        {
            notes.push(derived(raw, AudioFeature::Mode, column.position));
            n_missing[MODE] = count_missing(&mode);
            features[MODE] = Some(mode);
        }
        n_missing[column.feature.index()] = count;
        features[column.feature.index()] = Some(column.values);
    }
    if let Some(position) = raw.assignment.camelot {
        let (keys, modes) = two_columns(raw, position, "a place such as `8B`", unit::camelot)?;
        notes.push(derived(raw, AudioFeature::Key, position));
        notes.push(derived(raw, AudioFeature::Mode, position));
        n_missing[AudioFeature::Key.index()] = count_missing(&keys);
        n_missing[MODE] = count_missing(&modes);
        features[AudioFeature::Key.index()] = Some(keys);
        features[MODE] = Some(modes);
    }
    Ok(Parsed {
        features,
        n_missing,
        notes,
    })
}

const MODE: usize = AudioFeature::Mode.index();

fn derived(raw: &RawTable, feature: AudioFeature, position: usize) -> Note {
    Note::Derived {
        feature,
        column: raw.names[position].clone(),
    }
}

/// A column on its way: values as the file has them, and by how much they are to be divided.
pub(crate) struct FeatureColumn {
    pub(crate) feature: AudioFeature,
    pub(crate) position: usize,
    pub(crate) values: Vec<f32>,
    pub(crate) survey: Survey,
    pub(crate) scale: f32,
    /// Whether the values were minutes and seconds in text, and are milliseconds now.
    pub(crate) from_clock: bool,
    /// The mode, where a key in text gave it.
    mode: Option<Vec<f32>>,
    notes: Vec<Note>,
}

impl FeatureColumn {
    fn new(numbers: Numbers, position: usize) -> Self {
        Self {
            feature: numbers.feature,
            position,
            values: numbers.values,
            survey: numbers.survey,
            scale: 1.0,
            from_clock: false,
            mode: None,
            notes: Vec::new(),
        }
    }
}

/// Reads the columns.
fn parse_columns(raw: &RawTable, numbers: Vec<Numbers>) -> Result<Vec<FeatureColumn>> {
    let position = |feature: AudioFeature| raw.assignment.features[feature.index()];
    if !numbers.is_empty() {
        let column = |numbers: Numbers| {
            let position = position(numbers.feature)?;
            Some(FeatureColumn::new(numbers, position))
        };
        return Ok(numbers.into_iter().filter_map(column).collect());
    }
    let mut wanted: Vec<(AudioFeature, usize)> = AudioFeature::ALL
        .into_iter()
        .filter_map(|feature| Some((feature, position(feature)?)))
        .collect();
    let columns = on_threads(raw.n_rows, &mut wanted, |(feature, position)| {
        parse_column(raw, *feature, *position)
    });
    columns.into_iter().collect()
}

fn parse_column(raw: &RawTable, feature: AudioFeature, position: usize) -> Result<FeatureColumn> {
    let mut column = FeatureColumn::new(Numbers::new(feature), position);
    match column_at(raw, position).dtype() {
        dtype if dtype.is_nested() || dtype.is_bool() && feature != AudioFeature::Mode => {
            return Err(Error::ColumnType {
                path: raw.path.clone(),
                column: raw.names[position].clone(),
                expected: "numbers",
                found: dtype.to_string(),
            });
        }
        dtype if dtype.is_primitive_numeric() => column.values = numbers(raw, position)?,
        _ => from_text(raw, &mut column)?,
    }
    column.survey = Survey::of(feature, &column.values);
    Ok(column)
}

/// The values of a column that holds numbers.
fn numbers(raw: &RawTable, position: usize) -> Result<Vec<f32>> {
    let column = column_at(raw, position);
    let mut numbers = Vec::with_capacity(column.len());
    push_numbers(column.as_materialized_series(), &mut numbers).map_err(|_| Error::ColumnType {
        path: raw.path.clone(),
        column: raw.names[position].clone(),
        expected: "numbers",
        found: column.dtype().to_string(),
    })?;
    Ok(numbers)
}

/// Adds the values of a column that holds numbers, NaN where one is missing.
pub(crate) fn push_numbers(column: &Series, numbers: &mut Vec<f32>) -> PolarsResult<()> {
    if let Ok(values) = column.f64() {
        for chunk in values.downcast_iter() {
            match chunk.validity() {
                None => numbers.extend(chunk.values().iter().map(|value| *value as f32)),
                Some(_) => numbers.extend(
                    chunk
                        .iter()
                        .map(|value| value.map_or(f32::NAN, |value| *value as f32)),
                ),
            }
        }
        return Ok(());
    }
    let cast;
    let values = match column.f32() {
        Ok(values) => values,
        Err(_) => {
            cast = column.cast(&DataType::Float32)?;
            cast.f32()?
        }
    };
    for chunk in values.downcast_iter() {
        match chunk.validity() {
            None => numbers.extend_from_slice(chunk.values()),
            Some(_) => numbers.extend(chunk.iter().map(|value| value.copied().unwrap_or(f32::NAN))),
        }
    }
    Ok(())
}

/// Reads a column of text: as numbers, or else in the other way that the feature can be written.
///
/// The first cell that is no number decides: if it is written in the other way, the whole column must be.
fn from_text(raw: &RawTable, column: &mut FeatureColumn) -> Result<()> {
    let position = column.position;
    let cells = text_cells(raw, position)?;
    let row = match convert(&cells, unit::number) {
        Ok(values) => {
            column.values = values;
            return Ok(());
        }
        Err(row) => row,
    };
    let first = cells.get(row);
    let way = Way::of(column.feature);
    if first.is_none_or(|text| (way.read)(text).is_none()) {
        return Err(bad_value(raw, position, row, way.either, first));
    }
    column.values = convert(&cells, way.read)
        .map_err(|row| bad_value(raw, position, row, way.expected, cells.get(row)))?;
    column.notes.push(Note::Converted {
        column: raw.names[position].clone(),
        from: way.from,
        to: way.to,
    });
    column.from_clock = column.feature == AudioFeature::DurationMs;
    if column.feature == AudioFeature::Key {
        let mode = |cell: Option<&str>| cell.and_then(unit::key_text).map_or(f32::NAN, |(_, mode)| mode);
        let modes: Vec<f32> = cells.iter().map(mode).collect();
        column.mode = modes.iter().any(|mode| !mode.is_nan()).then_some(modes);
    }
    Ok(())
}

/// Another way to write a feature than as a number.
pub(crate) struct Way {
    pub(crate) read: fn(&str) -> Option<f32>,
    /// What a cell must be that is written in this way.
    pub(crate) expected: &'static str,
    /// What a cell may be when neither way is settled.
    pub(crate) either: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

impl Way {
    pub(crate) fn of(feature: AudioFeature) -> Self {
        match feature {
            AudioFeature::Key => Self {
                read: |text| unit::key_text(text).map(|(key, _)| key),
                expected: "a key such as `F minor`, as in other rows",
                either: "a pitch class 0 to 11 or a key such as `F minor`",
                from: "keys as text",
                to: "pitch classes",
            },
            AudioFeature::Mode => Self {
                read: unit::mode_text,
                expected: "`major` or `minor`, as in other rows",
                either: "0, 1, `major` or `minor`",
                from: "modes as text",
                to: "0 minor, 1 major",
            },
            AudioFeature::TimeSignature => Self {
                read: unit::metre,
                expected: "a metre such as `4/4`, as in other rows",
                either: "beats in a bar, or a metre such as `4/4`",
                from: "metres",
                to: "beats per bar",
            },
            AudioFeature::DurationMs => Self {
                read: unit::clock_ms,
                expected: "minutes and seconds such as `3:38`, as in other rows",
                either: "a number, or minutes and seconds such as `3:38`",
                from: "minutes and seconds",
                to: "ms",
            },
            _ => Self {
                read: unit::comma_number,
                expected: "a number with a decimal comma, as in other rows",
                either: "a number",
                from: "decimal commas",
                to: "decimal points",
            },
        }
    }
}

/// Every cell through `read`, or the first row (from 0) that it does not understand.
fn convert(cells: &StringChunked, read: impl Fn(&str) -> Option<f32>) -> Result<Vec<f32>, usize> {
    let mut values = Vec::with_capacity(cells.len());
    for (row, cell) in cells.iter().enumerate() {
        values.push(cell.map_or(Some(f32::NAN), &read).ok_or(row)?);
    }
    Ok(values)
}

fn two_columns(
    raw: &RawTable,
    position: usize,
    expected: &'static str,
    read: impl Fn(&str) -> Option<(f32, f32)>,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let cells = text_cells(raw, position)?;
    let pair = |(row, cell): (usize, Option<&str>)| {
        cell.map_or(Some((f32::NAN, f32::NAN)), &read)
            .ok_or_else(|| bad_value(raw, position, row, expected, cell))
    };
    cells.iter().enumerate().map(pair).collect()
}

pub(crate) fn bad_value(
    raw: &RawTable,
    position: usize,
    row: usize,
    expected: &'static str,
    found: Option<&str>,
) -> Error {
    Error::BadValue {
        path: raw.path.clone(),
        row: row + 1,
        line: raw.lines.line(row),
        column: raw.names[position].clone(),
        expected,
        found: excerpt(found.unwrap_or_default()),
    }
}

/// Whether the feature is a share from 0 to 1 that some files write in percent.
pub(crate) fn is_share(feature: AudioFeature) -> bool {
    feature != AudioFeature::Mode && *feature.valid_range().end() == 1.0
}

/// Whether the shares of the file are in percent.
fn is_percent(raw: &RawTable, columns: &[FeatureColumn]) -> Result<bool> {
    let shares: Vec<&FeatureColumn> = columns.iter().filter(|c| is_share(c.feature)).collect();
    // Percent has values above 1.
    if shares.iter().all(|column| column.survey.is_sound) {
        return Ok(false);
    }
    percent(shares.iter().map(|column| column.values.as_slice())).map_err(|doubtful| Error::AmbiguousUnit {
        path: raw.path.clone(),
        column: raw.names[shares[doubtful].position].clone(),
        expected: "percent, as in other columns of the file",
        found: "fractions only",
        hint: "write all such columns from 0 to 1, or all in percent",
    })
}

/// Whether columns of shares are in percent: in some column more than half of the values exceed 1.
///
/// A column with proper fractions and nothing above 1 beside it could be either; the error is its position.
pub(crate) fn percent<'a>(shares: impl Iterator<Item = &'a [f32]> + Clone) -> Result<bool, usize> {
    let over = |values: &[f32]| {
        let known = values.iter().filter(|value| !value.is_nan()).count();
        let over = values.iter().filter(|value| **value > 1.0).count();
        (over, over * 2 > known)
    };
    if !shares.clone().any(|values| over(values).1) {
        return Ok(false);
    }
    let doubtful = |values: &[f32]| {
        let fraction = values.iter().any(|value| *value > 0.0 && *value < 1.0);
        fraction && over(values).0 == 0
    };
    shares.clone().position(doubtful).map_or(Ok(true), Err)
}
