//! Columns of audio features: brought into our units and checked against their ranges.

use playlist_core::AudioFeature;
use playlist_core::unit::{self, DurationUnit};

use polars::prelude::Column;

use crate::column::plain;
use crate::feature_column::{FeatureColumn, bad_value, is_share};
use crate::message::excerpt;
use crate::read::RawTable;
use crate::report::Note;
use crate::{Error, Result};

/// So many values are looked at without a branch for each.
const AT_ONCE: usize = 1024;

/// What one look at the values of a feature tells, as the file has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Whether every value is NaN or one that the feature can have in our unit.
    pub(crate) is_sound: bool,
    /// The number that are NaN.
    pub(crate) n_missing: usize,
}

impl Default for Survey {
    fn default() -> Self {
        Self {
            is_sound: true,
            n_missing: 0,
        }
    }
}

impl Survey {
    pub(crate) fn of(feature: AudioFeature, values: &[f32]) -> Self {
        let mut survey = Self::default();
        survey.add(feature, values);
        survey
    }

    /// Looks at more values: best while they are in the processor's cache.
    pub(crate) fn add(&mut self, feature: AudioFeature, values: &[f32]) {
        let (least, greatest) = feature.valid_range().into_inner();
        // Neither holds of NaN.
        let out_of_range = |value: f32| (value < least) | (value > greatest);
        let is_broken = |value: f32| (value as i32 as f32 != value) & !value.is_nan();
        for some in values.chunks(AT_ONCE) {
            self.is_sound &= !some.iter().fold(false, |any, value| any | out_of_range(*value));
            if feature.is_categorical() {
                self.is_sound &= !some.iter().fold(false, |any, value| any | is_broken(*value));
            }
            let n_missing: u32 = some.iter().map(|value| u32::from(value.is_nan())).sum();
            self.n_missing += n_missing as usize;
        }
    }
}

/// Brings a column into our unit and checks its range; returns what was converted, and how many values are missing.
pub(crate) fn finish(raw: &RawTable, column: &mut FeatureColumn) -> Result<(Option<Note>, usize)> {
    let survey = column.survey;
    if !survey.is_sound {
        check_finite(raw, column)?;
    }
    let mut factor = 1.0;
    let converted = match column.feature {
        AudioFeature::DurationMs => {
            let duration = duration_unit(raw, column)?;
            factor = duration.in_ms();
            match duration {
                DurationUnit::Milliseconds => None,
                DurationUnit::Seconds => Some(("seconds", "ms")),
                DurationUnit::Minutes => Some(("minutes", "ms")),
            }
        }
        AudioFeature::Loudness => {
            check_sign(raw, column)?;
            None
        }
        _ => (column.scale > 1.0).then_some(("percent", "0 to 1")),
    };
    let n_missing = if survey.is_sound && factor == 1.0 && column.scale == 1.0 {
        survey.n_missing
    } else {
        convert(raw, column, factor)?;
        count_missing(&column.values)
    };
    let note = converted.map(|(from, to)| Note::Converted {
        column: raw.names[column.position].clone(),
        from,
        to,
    });
    Ok((note, n_missing))
}

pub(crate) fn count_missing(values: &[f32]) -> usize {
    values.iter().filter(|value| value.is_nan()).count()
}

/// Brings the values into our unit; those that say that there is none become NaN.
fn convert(raw: &RawTable, column: &mut FeatureColumn, factor: f32) -> Result<()> {
    let (feature, scale) = (column.feature, column.scale);
    for start in (0..column.values.len()).step_by(AT_ONCE) {
        let end = (start + AT_ONCE).min(column.values.len());
        let some = &mut column.values[start..end];
        if factor == 1.0 && scale == 1.0 && Survey::of(feature, some).is_sound {
            continue;
        }
        for (offset, value) in some.iter_mut().enumerate() {
            let converted = *value * factor / scale;
            if feature.is_missing(converted) {
                *value = f32::NAN;
            } else if Survey::of(feature, &[converted]).is_sound {
                *value = converted;
            } else {
                return Err(out_of_range(raw, column, start + offset, factor));
            }
        }
    }
    Ok(())
}

fn check_finite(raw: &RawTable, column: &FeatureColumn) -> Result<()> {
    // Looked at in pieces without a branch for each value: nearly always there is none.
    let has_none = |some: &[f32]| !some.iter().fold(false, |any, value| any | value.is_infinite());
    if column.values.chunks(AT_ONCE).all(has_none) {
        return Ok(());
    }
    match column.values.iter().position(|value| value.is_infinite()) {
        None => Ok(()),
        Some(row) => {
            let found = cell_text(raw, column, row);
            Err(bad_value(
                raw,
                column.position,
                row,
                "a finite number",
                Some(&found),
            ))
        }
    }
}

/// The unit of a column of durations; minutes and seconds in text are milliseconds by now.
fn duration_unit(raw: &RawTable, column: &FeatureColumn) -> Result<DurationUnit> {
    let Some(median) = typical_duration(&column.values).filter(|_| !column.from_clock) else {
        return Ok(DurationUnit::Milliseconds);
    };
    let name = &raw.names[column.position];
    unit::duration_unit(&plain(name), median).map_err(|found| Error::AmbiguousUnit {
        path: raw.path.clone(),
        column: name.clone(),
        expected: "durations in milliseconds or seconds",
        found,
        hint: "name the column `duration_ms`, `duration_s` or `duration_min`, as its values are",
    })
}

/// The median of the durations that are known, or 20,000 where it is at least that: [`unit::duration_unit`] tells no greater ones
/// apart, and counting is faster than sorting.
fn typical_duration(values: &[f32]) -> Option<f32> {
    const LONG: f32 = 20_000.0;
    let n_known = values.iter().filter(|value| **value > 0.0).count();
    let n_shorter = values
        .iter()
        .filter(|value| (0.0 < **value) & (**value < LONG))
        .count();
    if n_known > 0 && n_shorter <= n_known / 2 {
        return Some(LONG);
    }
    let known: Vec<f32> = values.iter().copied().filter(|value| *value > 0.0).collect();
    unit::median(&known)
}

fn check_sign(raw: &RawTable, column: &FeatureColumn) -> Result<()> {
    if !sign_is_lost(&column.values) {
        return Ok(());
    }
    Err(Error::AmbiguousUnit {
        path: raw.path.clone(),
        column: raw.names[column.position].clone(),
        expected: "dB, about -60 to 0",
        found: "no negative value, so the sign is lost or the values were rescaled",
        hint: "restore the values in dB or remove the column",
    })
}

/// Loudness is negative but for a few tracks; a column without a sign is something else.
pub(crate) fn sign_is_lost(values: &[f32]) -> bool {
    let known = || values.iter().filter(|value| !value.is_nan());
    if known().any(|value| *value < 0.0) {
        return false;
    }
    let loudest = known().copied().fold(0.0, f32::max);
    let several = known().count() > 1;
    loudest > 5.0 || several && loudest > 0.0
}

fn out_of_range(raw: &RawTable, column: &FeatureColumn, row: usize, factor: f32) -> Error {
    let found = cell_text(raw, column, row);
    let (feature, range) = (column.feature, column.feature.valid_range());
    let value = column.values[row] * factor / column.scale;
    if range.contains(&value) {
        return bad_value(raw, column.position, row, "a whole number", Some(&found));
    }
    let in_file = |bound: f32| bound * column.scale / factor;
    Error::OutOfRange {
        path: raw.path.clone(),
        row: row + 1,
        line: raw.lines.line(row),
        column: raw.names[column.position].clone(),
        least: in_file(*range.start()),
        greatest: in_file(*range.end()),
        unit: match feature {
            _ if column.scale > 1.0 => "percent",
            _ if is_share(feature) => "a share",
            AudioFeature::DurationMs if factor == DurationUnit::Seconds.in_ms() => "seconds",
            AudioFeature::DurationMs if factor == DurationUnit::Minutes.in_ms() => "minutes",
            _ => feature.unit(),
        },
        found: excerpt(&found),
    }
}

/// The cell as the file has it.
fn cell_text(raw: &RawTable, column: &FeatureColumn, row: usize) -> String {
    match raw.columns[column.position].as_ref().map(Column::str) {
        Some(Ok(cells)) => cells.get(row).unwrap_or_default().to_owned(),
        _ => column.values[row].to_string(),
    }
}
