//! From the cells of a catalogue to features: units are told for whole columns, values are refused one by one.

use playlist_core::unit::{self, DurationUnit};
use playlist_core::{AudioFeature, AudioFeatures, FeatureScale};

use super::RefusedValue;
use super::columns::{Columns, Source};
use super::found::Rows;
use crate::column::plain;
use crate::feature_column::{Way, is_share, percent};
use crate::feature_range::sign_is_lost;
use crate::message::excerpt;
use crate::report::Note;
use crate::{Error, Result};

/// How the cells of each column are to be read.
#[derive(Debug)]
pub(super) struct Reading {
    /// As [`Columns::values`].
    columns: Vec<ColumnReading>,
    pub(super) scale: FeatureScale,
    pub(super) notes: Vec<Note>,
}

#[derive(Debug)]
struct ColumnReading {
    source: Source,
    /// Whether the cells are written in the feature's other way, not as numbers.
    other_way: bool,
    factor: f32,
    divisor: f32,
}

impl Reading {
    /// Decides from the first rows of the file and those that were found.
    ///
    /// # Errors
    /// [`Error::AmbiguousUnit`].
    pub(super) fn decide(path: &str, columns: &Columns, rows: &[&Rows]) -> Result<Self> {
        let mut reading = Self {
            columns: Vec::new(),
            scale: FeatureScale::Spotify,
            notes: Vec::new(),
        };
        let mut values = Vec::new();
        for (at, (source, _)) in columns.values.iter().enumerate() {
            let cells: Vec<&str> = rows
                .iter()
                .flat_map(|rows| rows.cells[at].iter())
                .flatten()
                .collect();
            let (other_way, numbers) = as_numbers(*source, &cells);
            values.push(numbers);
            reading.columns.push(ColumnReading {
                source: *source,
                other_way,
                factor: 1.0,
                divisor: 1.0,
            });
        }
        reading.settle_percent(path, columns, &values)?;
        reading.settle_duration(path, columns, &values)?;
        reading.check_loudness(path, columns, &values)?;
        reading.note_conversions(columns);
        if is_rounded(&reading.columns, &values) {
            reading.scale = FeatureScale::SpotifyRounded;
        }
        Ok(reading)
    }

    fn settle_percent(&mut self, path: &str, columns: &Columns, values: &[Vec<f32>]) -> Result<()> {
        let shares: Vec<usize> = (0..values.len())
            .filter(|at| matches!(self.columns[*at].source, Source::Feature(f) if is_share(f)))
            .collect();
        let is_percent = percent(shares.iter().map(|at| values[*at].as_slice())).map_err(|doubtful| {
            Error::AmbiguousUnit {
                path: path.to_owned(),
                column: columns.names[columns.values[shares[doubtful]].1].clone(),
                expected: "percent, as in other columns of the file",
                found: "fractions only",
                hint: "write all such columns from 0 to 1, or all in percent",
            }
        })?;
        for at in shares.into_iter().filter(|_| is_percent) {
            self.columns[at].divisor = 100.0;
        }
        Ok(())
    }

    fn settle_duration(&mut self, path: &str, columns: &Columns, values: &[Vec<f32>]) -> Result<()> {
        let wanted = Source::Feature(AudioFeature::DurationMs);
        let Some(at) = self.columns.iter().position(|column| column.source == wanted) else {
            return Ok(());
        };
        let known: Vec<f32> = values[at].iter().copied().filter(|value| *value > 0.0).collect();
        let Some(median) = unit::median(&known).filter(|_| !self.columns[at].other_way) else {
            return Ok(());
        };
        let name = &columns.names[columns.values[at].1];
        let found = unit::duration_unit(&plain(name), median).map_err(|found| Error::AmbiguousUnit {
            path: path.to_owned(),
            column: name.clone(),
            expected: "durations in milliseconds or seconds",
            found,
            hint: "name the column `duration_ms`, `duration_s` or `duration_min`, as its values are",
        })?;
        self.columns[at].factor = found.in_ms();
        Ok(())
    }

    fn check_loudness(&self, path: &str, columns: &Columns, values: &[Vec<f32>]) -> Result<()> {
        let wanted = Source::Feature(AudioFeature::Loudness);
        match self.columns.iter().position(|column| column.source == wanted) {
            Some(at) if sign_is_lost(&values[at]) => Err(Error::AmbiguousUnit {
                path: path.to_owned(),
                column: columns.names[columns.values[at].1].clone(),
                expected: "dB, about -60 to 0",
                found: "no negative value, so the sign is lost or the values were rescaled",
                hint: "restore the values in dB or remove the column",
            }),
            _ => Ok(()),
        }
    }

    fn note_conversions(&mut self, columns: &Columns) {
        for (column, (source, position)) in self.columns.iter().zip(&columns.values) {
            let name = || columns.names[*position].clone();
            let converted = |from, to| Note::Converted {
                column: name(),
                from,
                to,
            };
            let note = match source {
                Source::Camelot => Note::Derived {
                    feature: AudioFeature::Key,
                    column: name(),
                },
                Source::Feature(feature) if column.other_way => {
                    let way = Way::of(*feature);
                    converted(way.from, way.to)
                }
                _ if column.divisor > 1.0 => converted("percent", "0 to 1"),
                _ if column.factor == DurationUnit::Seconds.in_ms() => converted("seconds", "ms"),
                _ if column.factor == DurationUnit::Minutes.in_ms() => converted("minutes", "ms"),
                Source::Feature(_) => continue,
            };
            self.notes.push(note);
        }
    }

    /// Which of [`Columns::values`] gives `feature`: its own column, or one of keys that tells modes as well.
    pub(super) fn origin(&self, feature: AudioFeature) -> Option<usize> {
        let find = |wanted: &dyn Fn(&ColumnReading) -> bool| self.columns.iter().position(wanted);
        let own = find(&|column| column.source == Source::Feature(feature));
        let camelot = || match feature {
            AudioFeature::Key | AudioFeature::Mode => find(&|column| column.source == Source::Camelot),
            _ => None,
        };
        let key_in_text = || match feature {
            AudioFeature::Mode => {
                find(&|column| column.source == Source::Feature(AudioFeature::Key) && column.other_way)
            }
            _ => None,
        };
        own.or_else(camelot).or_else(key_in_text)
    }

    /// The value of `feature` that a cell of its origin holds, NaN when it is missing; else what was expected.
    pub(super) fn of_text(
        &self,
        origin: usize,
        feature: AudioFeature,
        cell: &str,
    ) -> Result<f32, &'static str> {
        let column = &self.columns[origin];
        match column.source {
            Source::Camelot => {
                let (key, mode) = unit::camelot(cell).ok_or("a place such as `8B`")?;
                Ok(if feature == AudioFeature::Key { key } else { mode })
            }
            Source::Feature(own) if own == feature => column.value(feature, cell),
            Source::Feature(_) => Ok(unit::key_text(cell).map_or(f32::NAN, |(_, mode)| mode)),
        }
    }

    /// Whether the cells of the column are numbers.
    pub(super) fn is_number(&self, origin: usize) -> bool {
        let column = &self.columns[origin];
        matches!(column.source, Source::Feature(_)) && !column.other_way
    }

    /// Brings the numbers of a column into our unit; what no track can have becomes NaN and goes to `refuse` with its place and
    /// what was expected.
    pub(super) fn convert(
        &self,
        origin: usize,
        feature: AudioFeature,
        values: &mut [f32],
        mut refuse: impl FnMut(usize, f32, &'static str),
    ) {
        let column = &self.columns[origin];
        if column.factor != 1.0 || column.divisor != 1.0 {
            for value in values.iter_mut() {
                *value = *value * column.factor / column.divisor;
            }
        }
        let range = feature.valid_range();
        let (least, greatest) = (*range.start(), *range.end());
        let whole = feature.is_categorical();
        /// So many values are looked at without a branch for each.
        const AT_ONCE: usize = 1024;
        for (at, some) in values.chunks_mut(AT_ONCE).enumerate() {
            let is_sound = |value: f32| {
                (least <= value) & (value <= greatest) & (!whole | (value as i32 as f32 == value))
            };
            if some.iter().fold(true, |all, value| all & is_sound(*value)) {
                continue;
            }
            for (offset, value) in some.iter_mut().enumerate() {
                match column.check(feature, *value) {
                    Ok(checked) => *value = checked,
                    Err(expected) => {
                        refuse(
                            at * AT_ONCE + offset,
                            *value * column.divisor / column.factor,
                            expected,
                        );
                        *value = f32::NAN;
                    }
                }
            }
        }
    }

    /// The features of a row; values that no track can have go to `refuse`.
    pub(super) fn features(
        &self,
        columns: &Columns,
        rows: &Rows,
        row: usize,
        mut refuse: impl FnMut(RefusedValue),
    ) -> AudioFeatures {
        let mut features = AudioFeatures::default();
        let has_mode = columns.position(AudioFeature::Mode).is_some();
        for (at, column) in self.columns.iter().enumerate() {
            let Some(cell) = rows.cells[at].get(row) else {
                continue;
            };
            let mut refused = |expected: &'static str| {
                refuse(RefusedValue {
                    row: rows.numbers[row],
                    column: columns.names[columns.values[at].1].clone(),
                    expected: expected.into(),
                    found: excerpt(cell),
                });
            };
            match column.source {
                Source::Camelot => match unit::camelot(cell) {
                    Some((key, mode)) => {
                        features.set(AudioFeature::Key, key);
                        features.set(AudioFeature::Mode, mode);
                    }
                    None => refused("a place such as `8B`"),
                },
                Source::Feature(feature) => {
                    match column.value(feature, cell) {
                        Ok(value) => features.set(feature, value),
                        Err(expected) => refused(expected),
                    }
                    if feature == AudioFeature::Key
                        && column.other_way
                        && !has_mode
                        && let Some((_, mode)) = unit::key_text(cell)
                    {
                        features.set(AudioFeature::Mode, mode);
                    }
                }
            }
        }
        features
    }
}

impl ColumnReading {
    /// The value of a cell in our unit, NaN when it is missing; else what it was expected to be.
    fn value(&self, feature: AudioFeature, cell: &str) -> Result<f32, &'static str> {
        let way = Way::of(feature);
        let read = if self.other_way {
            (way.read)(cell).ok_or(way.expected)?
        } else {
            unit::number(cell).ok_or(way.either)?
        };
        self.check(feature, read * self.factor / self.divisor)
    }

    /// A value in our unit, NaN when it says that there is none; else what it was expected to be.
    fn check(&self, feature: AudioFeature, value: f32) -> Result<f32, &'static str> {
        if value.is_infinite() {
            return Err("a finite number");
        }
        if value.is_nan() || feature.is_missing(value) {
            Ok(f32::NAN)
        } else if !feature.valid_range().contains(&value) {
            Err(match feature {
                _ if self.divisor > 1.0 => "0 to 100 (percent)",
                _ if is_share(feature) => "0 to 1 (a share)",
                AudioFeature::Key => "0 to 11 (pitch class)",
                AudioFeature::Mode => "0 or 1",
                AudioFeature::Loudness => "-100 to 20 (dB)",
                AudioFeature::Tempo => "1 to 400 (beats per minute)",
                AudioFeature::TimeSignature => "1 to 7 (beats per bar)",
                _ => "a duration of a day at most",
            })
        } else if feature.is_categorical() && value.fract() != 0.0 {
            Err("a whole number")
        } else {
            Ok(value)
        }
    }
}

/// Whether most of the cells are written in the other way, and the values of those that are written as most are.
fn as_numbers(source: Source, cells: &[&str]) -> (bool, Vec<f32>) {
    let read = |read: &dyn Fn(&str) -> Option<f32>| -> Vec<f32> {
        let known = cells.iter().filter_map(|cell| read(cell));
        known.filter(|value| !value.is_nan()).collect()
    };
    let Source::Feature(feature) = source else {
        return (true, Vec::new());
    };
    let numbers = read(&unit::number);
    if numbers.len() * 2 >= cells.len() {
        return (false, numbers);
    }
    let other = read(&Way::of(feature).read);
    if other.len() > numbers.len() {
        (true, other)
    } else {
        (false, numbers)
    }
}

/// Whether shares are whole percents, and decibels and beats whole numbers: so a program that rounds writes them.
fn is_rounded(columns: &[ColumnReading], values: &[Vec<f32>]) -> bool {
    /// Fewer values than these may be whole by chance.
    const ENOUGH: usize = 20;
    let (mut n_shares, mut n_others, mut is_percent) = (0, 0, false);
    for (column, values) in columns.iter().zip(values) {
        let Source::Feature(feature) = column.source else {
            continue;
        };
        let whole = |values: &[f32], times: f32| {
            values
                .iter()
                .all(|value| (value * times - (value * times).round()).abs() < 1e-3)
        };
        if is_share(feature) {
            if !whole(values, 100.0 / column.divisor) {
                return false;
            }
            n_shares += values.len();
            is_percent |= column.divisor > 1.0;
        } else if matches!(feature, AudioFeature::Tempo | AudioFeature::Loudness) {
            if !whole(values, 1.0) {
                return false;
            }
            n_others += values.len();
        }
    }
    n_shares > 0 && (is_percent || n_shares + n_others >= ENOUGH && n_others > 0)
}
