//! What a scaler learns of its columns, and the arithmetic that uses it.

use serde::{Deserialize, Serialize};

use super::method::ScalingMethod;
use super::quantile::{MAX_QUANTILES, from_normal, quantile, reference_quantiles, sorted_column, to_normal};

/// Some columns of a row-major buffer: `positions` within rows of `width` values.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub(super) width: usize,
    pub(super) positions: &'a [usize],
}

/// The statistics of a scaler, one of each a column. `f32` is enough: see the module's page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Statistics {
    /// The method learns nothing.
    Nothing,
    /// The ends of the range; with whole-matrix scaling the same ones for every column.
    Range { minimum: Vec<f32>, maximum: Vec<f32> },
    /// The deviation is 1 for a constant column.
    Moments {
        mean: Vec<f32>,
        standard_deviation: Vec<f32>,
    },
    /// The spread is the interquartile range, or what stands in for it.
    Quartiles { median: Vec<f32>, spread: Vec<f32> },
    /// Evenly spaced quantiles, in increasing order.
    Quantiles { quantiles: Vec<Vec<f32>> },
}

impl Statistics {
    /// Learns what `method` needs from `rows`, `[n_samples, width]` with at least one row.
    pub(super) fn fit(method: ScalingMethod, rows: &[f32], columns: Columns<'_>) -> Self {
        match method {
            ScalingMethod::None | ScalingMethod::FaultyRowMinMax | ScalingMethod::FaultyRowUnitNorm => {
                Self::Nothing
            }
            ScalingMethod::MinMax | ScalingMethod::FaultyMinMaxPerPart => range(rows, columns),
            ScalingMethod::FaultyWholeMatrixMinMax | ScalingMethod::FaultyWholeMatrixMinMaxPerPart => {
                whole_range(rows, columns)
            }
            ScalingMethod::FaultyColumnUnitNorm | ScalingMethod::FaultyColumnUnitNormPerPart => {
                lengths_as_range(rows, columns)
            }
            ScalingMethod::Standard => moments(rows, columns),
            ScalingMethod::RobustSmoothClip => quartiles(rows, columns),
            ScalingMethod::QuantileNormal => Self::Quantiles {
                quantiles: (columns.positions.iter())
                    .map(|position| reference_quantiles(&sorted_column(rows, columns.width, *position)))
                    .collect(),
            },
        }
    }

    /// Scales `rows` in place.
    pub(super) fn apply(&self, rows: &mut [f32], columns: Columns<'_>) {
        match self {
            Self::Nothing => {}
            Self::Range { minimum, maximum } => map(rows, columns, |column, x| {
                let lower = f64::from(minimum[column]);
                (x - lower) / divisor(f64::from(maximum[column]) - lower)
            }),
            Self::Moments {
                mean,
                standard_deviation,
            } => map(rows, columns, |column, x| {
                (x - f64::from(mean[column])) / f64::from(standard_deviation[column])
            }),
            Self::Quartiles { median, spread } => map(rows, columns, |column, x| {
                let z = (x - f64::from(median[column])) / f64::from(spread[column]);
                z / (1.0 + (z / 3.0).powi(2)).sqrt()
            }),
            Self::Quantiles { quantiles } => {
                map(rows, columns, |column, x| to_normal(x, &quantiles[column]));
            }
        }
    }

    /// Turns scaled `rows` back in place. Smoothly clipped values lie inside ±3.
    pub(super) fn invert(&self, rows: &mut [f32], columns: Columns<'_>) {
        match self {
            Self::Nothing => {}
            Self::Range { minimum, maximum } => map(rows, columns, |column, v| {
                let lower = f64::from(minimum[column]);
                v * divisor(f64::from(maximum[column]) - lower) + lower
            }),
            Self::Moments {
                mean,
                standard_deviation,
            } => map(rows, columns, |column, v| {
                v * f64::from(standard_deviation[column]) + f64::from(mean[column])
            }),
            Self::Quartiles { median, spread } => map(rows, columns, |column, v| {
                let z = v / (1.0 - (v / 3.0).powi(2)).sqrt();
                z * f64::from(spread[column]) + f64::from(median[column])
            }),
            Self::Quantiles { quantiles } => {
                map(rows, columns, |column, v| from_normal(v, &quantiles[column]));
            }
        }
    }

    /// What is wrong with statistics that were read for `method` and `n_columns`, if anything is.
    pub(super) fn fault(&self, method: ScalingMethod, n_columns: usize) -> Option<&'static str> {
        let lengths = |parts: [&[f32]; 2]| {
            if parts.iter().any(|part| part.len() != n_columns) {
                Some("as many statistics as columns")
            } else if parts
                .iter()
                .any(|part| part.iter().any(|value| !value.is_finite()))
            {
                Some("finite statistics")
            } else {
                None
            }
        };
        let positive = |spread: &[f32]| {
            (spread.iter().any(|spread| *spread <= 0.0)).then_some("a positive spread for each column")
        };
        match (method, self) {
            (
                ScalingMethod::MinMax
                | ScalingMethod::FaultyWholeMatrixMinMax
                | ScalingMethod::FaultyColumnUnitNorm,
                Self::Range { minimum, maximum },
            ) => lengths([minimum, maximum]).or_else(|| {
                let ordered = minimum.iter().zip(maximum).all(|(lower, upper)| lower <= upper);
                (!ordered).then_some("no minimum above its maximum")
            }),
            (
                ScalingMethod::Standard,
                Self::Moments {
                    mean,
                    standard_deviation,
                },
            ) => lengths([mean, standard_deviation]).or_else(|| positive(standard_deviation)),
            (ScalingMethod::RobustSmoothClip, Self::Quartiles { median, spread }) => {
                lengths([median, spread]).or_else(|| positive(spread))
            }
            (ScalingMethod::QuantileNormal, Self::Quantiles { quantiles }) => {
                quantiles_fault(quantiles, n_columns)
            }
            (
                ScalingMethod::None
                | ScalingMethod::FaultyRowMinMax
                | ScalingMethod::FaultyRowUnitNorm
                | ScalingMethod::FaultyMinMaxPerPart
                | ScalingMethod::FaultyWholeMatrixMinMaxPerPart
                | ScalingMethod::FaultyColumnUnitNormPerPart,
                Self::Nothing,
            ) => None,
            _ => Some("the statistics of its scaling method"),
        }
    }
}

/// Scales each row between its own minimum and maximum, in place; a row of one value becomes zeros.
pub(super) fn scale_rows_to_range(rows: &mut [f32], columns: Columns<'_>) {
    for row in rows.chunks_exact_mut(columns.width) {
        let (lower, upper) = extremes(columns.positions.iter().map(|position| row[*position]));
        let (lower, upper) = (f64::from(lower), f64::from(upper));
        for position in columns.positions {
            let x = f64::from(row[*position]);
            row[*position] = ((x - lower) / divisor(upper - lower)) as f32;
        }
    }
}

/// Divides each row by its Euclidean length, in place; a row of zeros stays.
pub(super) fn scale_rows_to_unit_norm(rows: &mut [f32], columns: Columns<'_>) {
    for row in rows.chunks_exact_mut(columns.width) {
        let squares = |position: &usize| f64::from(row[*position]).powi(2);
        let length = divisor(columns.positions.iter().map(squares).sum::<f64>().sqrt());
        for position in columns.positions {
            row[*position] = (f64::from(row[*position]) / length) as f32;
        }
    }
}

/// A constant column, or row, is divided by one.
fn divisor(spread: f64) -> f64 {
    if spread > 0.0 { spread } else { 1.0 }
}

/// A spread as it is kept: a finite, positive and normal `f32`, and one where it is zero.
fn kept_spread(spread: f64) -> f32 {
    divisor(spread).clamp(f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX)) as f32
}

fn map(rows: &mut [f32], columns: Columns<'_>, f: impl Fn(usize, f64) -> f64) {
    for row in rows.chunks_exact_mut(columns.width) {
        for (column, position) in columns.positions.iter().enumerate() {
            row[*position] = f(column, f64::from(row[*position])) as f32;
        }
    }
}

fn extremes(values: impl Iterator<Item = f32>) -> (f32, f32) {
    values.fold((f32::INFINITY, f32::NEG_INFINITY), |(lower, upper), x| {
        (lower.min(x), upper.max(x))
    })
}

fn range(rows: &[f32], columns: Columns<'_>) -> Statistics {
    let (minimum, maximum) = column_ranges(rows, columns);
    Statistics::Range { minimum, maximum }
}

fn whole_range(rows: &[f32], columns: Columns<'_>) -> Statistics {
    let (minimum, maximum) = column_ranges(rows, columns);
    let lower = extremes(minimum.into_iter()).0;
    let upper = extremes(maximum.into_iter()).1;
    let n_columns = columns.positions.len();
    Statistics::Range {
        minimum: vec![lower; n_columns],
        maximum: vec![upper; n_columns],
    }
}

/// From zero to the Euclidean length of each column.
fn lengths_as_range(rows: &[f32], columns: Columns<'_>) -> Statistics {
    let squares = column_sums(rows, columns, |_, x| x.powi(2));
    Statistics::Range {
        minimum: vec![0.0; squares.len()],
        maximum: squares
            .into_iter()
            .map(|square| square.sqrt().min(f64::from(f32::MAX)) as f32)
            .collect(),
    }
}

fn column_ranges(rows: &[f32], columns: Columns<'_>) -> (Vec<f32>, Vec<f32>) {
    let n_columns = columns.positions.len();
    let mut minimum = vec![f32::INFINITY; n_columns];
    let mut maximum = vec![f32::NEG_INFINITY; n_columns];
    for row in rows.chunks_exact(columns.width) {
        for (column, position) in columns.positions.iter().enumerate() {
            minimum[column] = minimum[column].min(row[*position]);
            maximum[column] = maximum[column].max(row[*position]);
        }
    }
    (minimum, maximum)
}

/// Two passes: the squares of the deviations are summed, which loses nothing on a large mean.
fn moments(rows: &[f32], columns: Columns<'_>) -> Statistics {
    let n_samples = (rows.len() / columns.width) as f64;
    let means: Vec<f64> = (column_sums(rows, columns, |_, x| x).into_iter())
        .map(|sum| sum / n_samples)
        .collect();
    let squares = column_sums(rows, columns, |column, x| (x - means[column]).powi(2));
    let (minimum, maximum) = column_ranges(rows, columns);
    let mut mean = Vec::with_capacity(means.len());
    let mut standard_deviation = Vec::with_capacity(means.len());
    for column in 0..means.len() {
        // The sum of equal values need not be an exact multiple, so that a constant column is told by
        // its range rather than by its deviation.
        let constant = minimum[column] == maximum[column];
        mean.push(if constant {
            minimum[column]
        } else {
            means[column] as f32
        });
        let deviation = (squares[column] / n_samples).sqrt();
        standard_deviation.push(kept_spread(if constant { 0.0 } else { deviation }));
    }
    Statistics::Moments {
        mean,
        standard_deviation,
    }
}

fn column_sums(rows: &[f32], columns: Columns<'_>, term: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; columns.positions.len()];
    for row in rows.chunks_exact(columns.width) {
        for (column, position) in columns.positions.iter().enumerate() {
            sums[column] += term(column, f64::from(row[*position]));
        }
    }
    sums
}

fn quartiles(rows: &[f32], columns: Columns<'_>) -> Statistics {
    let (median, spread) = (columns.positions.iter())
        .map(|position| {
            let sorted = sorted_column(rows, columns.width, *position);
            let between_quartiles = quantile(&sorted, 3, 4) - quantile(&sorted, 1, 4);
            let spread = if between_quartiles > 0.0 {
                between_quartiles
            } else {
                0.5 * (f64::from(sorted[sorted.len() - 1]) - f64::from(sorted[0]))
            };
            (quantile(&sorted, 1, 2) as f32, kept_spread(spread))
        })
        .unzip();
    Statistics::Quartiles { median, spread }
}

fn quantiles_fault(quantiles: &[Vec<f32>], n_columns: usize) -> Option<&'static str> {
    if quantiles.len() != n_columns {
        Some("as many statistics as columns")
    } else if quantiles
        .iter()
        .any(|column| column.is_empty() || column.len() > MAX_QUANTILES)
    {
        Some("1 to 1000 quantiles for each column")
    } else if quantiles.iter().flatten().any(|value| !value.is_finite()) {
        Some("finite statistics")
    } else if quantiles.iter().any(|column| !column.is_sorted()) {
        Some("quantiles in increasing order")
    } else {
        None
    }
}
