//! Units, decided for a whole file: percent or shares, seconds or milliseconds, lost signs.

use playlist_core::AudioFeature;
use playlist_core::column::plain_name;
use playlist_core::unit::{self, DurationUnit};

use crate::ExportFormat;
use crate::cells::Slot;
use crate::report::RowIssue;
use crate::sheet::{Draft, Sheet};

/// Whether the features of a file are rounded to whole percents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    Full,
    Rounded,
}

/// Brings all features of the file into our units; values that no track can have become missing and are counted
/// as bad cells.
///
/// A column whose unit cannot be told is left out as a whole, with a note.
pub(crate) fn settle(sheet: &mut Sheet<'_>) -> Precision {
    let mut drafts = std::mem::take(&mut sheet.drafts);
    let percent = is_percent(sheet.format, &drafts);
    let mut rounded = percent;
    for feature in AudioFeature::ALL {
        let known: Vec<f32> = known(&drafts, feature).collect();
        if known.is_empty() {
            continue;
        }
        let slot = Slot::Feature(feature);
        let column = sheet.column(slot).to_owned();
        let factor = match divisor(sheet, &drafts, feature, &known, percent) {
            Ok(factor) => factor,
            Err(why) => {
                leave_out(&mut drafts, feature, &column, why);
                continue;
            }
        };
        if is_share(feature) {
            rounded &= known.iter().all(|value| value.fract() == 0.0);
        }
        match factor {
            Factor::Percent => sheet.convert(slot, "percent", "0 to 1"),
            Factor::Duration(DurationUnit::Seconds) => sheet.convert(slot, "seconds", "ms"),
            Factor::Duration(DurationUnit::Minutes) => sheet.convert(slot, "minutes", "ms"),
            _ => {}
        }
        drafts
            .iter_mut()
            .for_each(|draft| scale(draft, feature, factor, &column));
    }
    sheet.drafts = drafts;
    if rounded {
        Precision::Rounded
    } else {
        Precision::Full
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Factor {
    One,
    Percent,
    Duration(DurationUnit),
}

fn known(drafts: &[Draft], feature: AudioFeature) -> impl Iterator<Item = f32> {
    drafts
        .iter()
        .flat_map(|draft| &draft.rows)
        .map(move |row| row.values[feature.index()])
        .filter(|value| !value.is_nan())
}

/// Whether the feature is a share from 0 to 1 that some files write in percent.
fn is_share(feature: AudioFeature) -> bool {
    feature != AudioFeature::Mode && *feature.valid_range().end() == 1.0
}

/// Whether the shares of the file are in percent: in some column more than half of the values exceed 1. Chosic
/// writes percent always; a fraction among its values shows that somebody rescaled them.
fn is_percent(format: ExportFormat, drafts: &[Draft]) -> bool {
    if format == ExportFormat::Canonical {
        return false;
    }
    let shares = AudioFeature::ALL.into_iter().filter(|feature| is_share(*feature));
    let (mut fractions, mut any, mut percent) = (false, false, false);
    for feature in shares {
        let (mut n_known, mut n_over) = (0_usize, 0_usize);
        for value in known(drafts, feature) {
            n_known += 1;
            n_over += usize::from(value > 1.0);
            fractions |= value > 0.0 && value < 1.0;
        }
        any |= n_known > 0;
        percent |= n_over * 2 > n_known;
    }
    percent || format == ExportFormat::Chosic && any && !fractions
}

/// By what the column is to be divided, or why its unit cannot be told.
fn divisor(
    sheet: &Sheet<'_>,
    drafts: &[Draft],
    feature: AudioFeature,
    known: &[f32],
    percent: bool,
) -> Result<Factor, &'static str> {
    if sheet.format == ExportFormat::Canonical {
        return Ok(Factor::One);
    }
    match feature {
        AudioFeature::DurationMs => {
            let numbers: Vec<f32> = drafts
                .iter()
                .flat_map(|draft| &draft.rows)
                .filter(|row| !row.from_clock)
                .map(|row| row.values[feature.index()])
                .filter(|value| *value > 0.0)
                .collect();
            let Some(median) = unit::median(&numbers) else {
                return Ok(Factor::One);
            };
            let name = plain_name(sheet.column(Slot::Feature(feature)));
            unit::duration_unit(&name, median).map(Factor::Duration)
        }
        AudioFeature::Loudness => {
            let loudest = known.iter().copied().fold(0.0, f32::max);
            let lost = known.iter().all(|value| *value >= 0.0)
                && (loudest > 5.0 || known.len() > 1 && loudest > 0.0);
            if lost {
                Err("no value is negative, so they are no decibels")
            } else {
                Ok(Factor::One)
            }
        }
        _ if percent && is_share(feature) => {
            let fractions = known.iter().any(|value| *value > 0.0 && *value < 1.0);
            if fractions && known.iter().all(|value| *value <= 1.0) {
                Err("its values are fractions while those of other columns are percent")
            } else {
                Ok(Factor::Percent)
            }
        }
        _ => Ok(Factor::One),
    }
}

fn leave_out(drafts: &mut [Draft], feature: AudioFeature, column: &str, why: &str) {
    for draft in drafts {
        let mut n = 0;
        for row in &mut draft.rows {
            let value = &mut row.values[feature.index()];
            n += usize::from(!value.is_nan());
            *value = f32::NAN;
        }
        if n > 0 {
            let column = crate::error::excerpt(column);
            draft
                .notes
                .push(format!("column `{column}` is left out for {n} tracks: {why}"));
        }
    }
}

fn scale(draft: &mut Draft, feature: AudioFeature, factor: Factor, column: &str) {
    let range = feature.valid_range();
    let (times, divided, unit) = match factor {
        Factor::One if is_share(feature) => (1.0, 1.0, "a share"),
        Factor::One => (1.0, 1.0, feature.unit()),
        Factor::Percent => (1.0, 100.0, "percent"),
        Factor::Duration(DurationUnit::Milliseconds) => (1.0, 1.0, "ms"),
        Factor::Duration(DurationUnit::Seconds) => (1000.0, 1.0, "seconds"),
        Factor::Duration(DurationUnit::Minutes) => (60_000.0, 1.0, "minutes"),
    };
    for row in &mut draft.rows {
        let found = row.values[feature.index()];
        let clock = feature == AudioFeature::DurationMs && row.from_clock;
        let value = if clock { found } else { found * times / divided };
        let missing = feature.is_missing(value);
        let whole = !feature.is_categorical() || value.fract() == 0.0;
        if !missing && range.contains(&value) && whole {
            row.values[feature.index()] = value;
            continue;
        }
        row.values[feature.index()] = f32::NAN;
        if !missing {
            let in_file = |bound: f32| bound * divided / times;
            let expected = if range.contains(&value) {
                "a whole number".to_owned()
            } else {
                format!(
                    "{} to {} ({unit})",
                    in_file(*range.start()),
                    in_file(*range.end())
                )
            };
            draft
                .log
                .push(RowIssue::cell(row.place, column, expected, found.to_string()));
        }
    }
}
