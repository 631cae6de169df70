//! How the ensemble sees a track: what is learnt of each column on the training part, and the two encodings
//! made of it, one for the network and one for the kernel machine.

use std::f32::consts::TAU;
use std::ops::Range;
use std::sync::LazyLock;

use playlist_core::{AudioFeature, FeatureMatrix};
use serde::{Deserialize, Serialize};

use super::quantile::NormalScores;
use super::simd::LANES;
use crate::lanes::{Level, on_lanes};

/// What is learnt of the columns of the training part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Encoder {
    quantities: Vec<Quantity>,
    codes: Vec<Code>,
    /// Coordinates of the kernel alone, made of several columns.
    relations: Vec<Source>,
    factors: Factors,
}

/// A value that varies continuously: a column, or one made of columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Quantity {
    source: Source,
    /// Borders of the bins, rising: one more than there are bins.
    edges: Vec<f32>,
    /// Normal scores, for columns; the kernel gets relations as they are.
    scores: Option<NormalScores>,
    /// How much a difference counts for the kernel.
    factor: f32,
}

/// How much differences in what is no column of numbers count for the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Factors {
    key: f32,
    mode: f32,
    flag: f32,
    balance: f32,
    octave: f32,
}

/// Chosen, as [`column_factor`], by cross-validation over twelve tasks (`docs/model.md`).
const FACTORS: Factors = Factors {
    key: 0.16,
    mode: 0.31,
    flag: 0.38,
    balance: 3.9,
    octave: 0.26,
};

/// How much a difference in the normal scores of a column counts for the kernel.
fn column_factor(name: &str) -> f32 {
    match name.parse() {
        Ok(AudioFeature::Danceability) => 0.78,
        Ok(AudioFeature::DurationMs) => 0.88,
        Ok(AudioFeature::Acousticness | AudioFeature::Instrumentalness) => 0.6,
        Ok(AudioFeature::Loudness) => 0.4,
        Ok(AudioFeature::Liveness | AudioFeature::Tempo) => 0.37,
        _ => 0.46,
    }
}

/// Where a value comes from; numbers are positions of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Source {
    Column(usize),
    /// Energy less what loudness lets one expect: energy - 1 - dB / 30.
    Balance {
        energy: usize,
        loudness: usize,
    },
    /// The position of the tempo within its octave, in [0, 1): half and double time fall together.
    Octave {
        tempo: usize,
    },
    /// Danceability times energy.
    Drive {
        danceability: usize,
        energy: usize,
    },
}

/// A column of a few values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Code {
    /// A pitch class, on the circle of semitones and on that of fifths.
    Key(usize),
    /// 0 or 1.
    Mode(usize),
    /// Flags for four and for three beats a bar.
    TimeSignature(usize),
    /// A column of an imputer: 1 where a value was missing.
    Missing(usize),
}

/// Rows as the network takes them: for each quantity its bin and the share of the bin that is passed, and
/// the codes as numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NetworkInput {
    pub n_samples: usize,
    pub n_quantities: usize,
    pub n_codes: usize,
    /// `[n_samples, n_quantities]`.
    pub bins: Vec<u16>,
    /// `[n_samples, n_quantities]`.
    pub shares: Vec<f32>,
    /// `[n_samples, n_codes]`.
    pub codes: Vec<f32>,
}

impl Source {
    fn value(self, row: &[f32]) -> f32 {
        match self {
            Self::Column(at) => row[at],
            Self::Balance { energy, loudness } => row[energy] - 1.0 - row[loudness] / 30.0,
            Self::Octave { tempo } => octave(row[tempo]),
            Self::Drive { danceability, energy } => row[danceability] * row[energy],
        }
    }
}

fn octave(tempo: f32) -> f32 {
    let octaves = tempo.max(20.0).log2();
    octaves - octaves.floor()
}

impl Encoder {
    /// Learns from the training part, with `n_bins` bins a quantity. Columns are known by their names; an
    /// unknown name is a quantity.
    pub(crate) fn fit(x: &FeatureMatrix, n_bins: usize) -> Self {
        let named = |feature: AudioFeature| x.columns().iter().position(|name| name == feature.column());
        let (mut sources, mut codes) = (Vec::new(), Vec::new());
        for (at, name) in x.columns().iter().enumerate() {
            match name.parse::<AudioFeature>() {
                Ok(AudioFeature::Key) => codes.push(Code::Key(at)),
                Ok(AudioFeature::Mode) => codes.push(Code::Mode(at)),
                Ok(AudioFeature::TimeSignature) => codes.push(Code::TimeSignature(at)),
                Err(_) if name.ends_with("_missing") => codes.push(Code::Missing(at)),
                _ => sources.push(Source::Column(at)),
            }
        }
        let mut relations = Vec::new();
        if let (Some(energy), Some(loudness)) = (named(AudioFeature::Energy), named(AudioFeature::Loudness)) {
            relations.push(Source::Balance { energy, loudness });
        }
        if let Some(tempo) = named(AudioFeature::Tempo) {
            relations.push(Source::Octave { tempo });
        }
        sources.extend(&relations);
        if let (Some(danceability), Some(energy)) =
            (named(AudioFeature::Danceability), named(AudioFeature::Energy))
        {
            sources.push(Source::Drive { danceability, energy });
        }
        let quantities = sources
            .into_iter()
            .filter_map(|source| Quantity::fit(source, x, n_bins));
        Self {
            quantities: quantities.collect(),
            codes,
            relations,
            factors: FACTORS,
        }
    }

    /// Checks what a file says.
    pub(crate) fn validate(&self, n_features: usize) -> Result<(), String> {
        let sources = self.quantities.iter().map(|quantity| quantity.source);
        for source in sources.chain(self.relations.iter().copied()) {
            let columns = match source {
                Source::Column(at) | Source::Octave { tempo: at } => [at, at],
                Source::Balance { energy, loudness } => [energy, loudness],
                Source::Drive { danceability, energy } => [danceability, energy],
            };
            if columns.iter().any(|at| *at >= n_features) {
                return Err(format!("expected columns below {n_features}, found {columns:?}"));
            }
        }
        for code in &self.codes {
            let (Code::Key(at) | Code::Mode(at) | Code::TimeSignature(at) | Code::Missing(at)) = *code;
            if at >= n_features {
                return Err(format!("expected columns below {n_features}, found {at}"));
            }
        }
        let Factors {
            key,
            mode,
            flag,
            balance,
            octave,
        } = self.factors;
        let factors = self.quantities.iter().map(|quantity| quantity.factor);
        if !factors
            .chain([key, mode, flag, balance, octave])
            .all(f32::is_finite)
        {
            return Err("expected finite factors of coordinates".to_owned());
        }
        for quantity in &self.quantities {
            let edges = &quantity.edges;
            let rising = edges.windows(2).all(|pair| pair[0] < pair[1]);
            if edges.len() < 2 || edges.len() > usize::from(u16::MAX) || !rising {
                return Err("expected rising borders of bins".to_owned());
            }
            if let Some(scores) = &quantity.scores {
                scores.validate()?;
            }
        }
        Ok(())
    }

    /// Whether `column` is one of a few values, between which there is nothing.
    pub(crate) fn is_code(&self, column: usize) -> bool {
        self.codes.iter().any(|code| {
            let (Code::Key(at) | Code::Mode(at) | Code::TimeSignature(at) | Code::Missing(at)) = *code;
            at == column
        })
    }

    /// The number of bins of each quantity.
    pub(crate) fn n_bins(&self) -> Vec<usize> {
        self.quantities
            .iter()
            .map(|quantity| quantity.edges.len() - 1)
            .collect()
    }

    /// The number of codes that the network gets.
    pub(crate) fn n_codes(&self) -> usize {
        self.codes
            .iter()
            .map(|code| match code {
                Code::Key(_) => 4,
                Code::TimeSignature(_) => 2,
                Code::Mode(_) | Code::Missing(_) => 1,
            })
            .sum()
    }

    /// The number of coordinates that the kernel gets.
    pub(crate) fn n_coordinates(&self) -> usize {
        let scored = self
            .quantities
            .iter()
            .filter(|quantity| quantity.scores.is_some());
        let codes = self.codes.iter().map(|code| match code {
            Code::Key(_) => 4,
            Code::Mode(_) | Code::TimeSignature(_) | Code::Missing(_) => 1,
        });
        let relations = self.relations.iter().map(|relation| match relation {
            Source::Octave { .. } => 2,
            _ => 1,
        });
        scored.count() + codes.sum::<usize>() + relations.sum::<usize>()
    }

    /// Encodes the rows numbered for the network.
    pub(crate) fn network_input(&self, x: &FeatureMatrix, rows: Range<usize>) -> NetworkInput {
        let (n_samples, n_quantities) = (rows.len(), self.quantities.len());
        let mut input = NetworkInput {
            n_samples,
            n_quantities,
            n_codes: self.n_codes(),
            bins: vec![0; n_samples * n_quantities],
            shares: vec![0.0; n_samples * n_quantities],
            codes: Vec::with_capacity(n_samples * self.n_codes()),
        };
        let padded = n_samples.next_multiple_of(LANES);
        let (mut values, mut bins, mut shares) = (vec![0.0; padded], vec![0.0; padded], vec![0.0; padded]);
        for (at, quantity) in self.quantities.iter().enumerate() {
            for (value, row) in values.iter_mut().zip(rows.clone()) {
                *value = quantity.source.value(x.row(row));
            }
            find_bins(Level::best(), &quantity.edges, &values, &mut bins, &mut shares);
            let cells = input.bins[at..].iter_mut().step_by(n_quantities);
            for (cell, bin) in cells.zip(&bins) {
                *cell = *bin as u16;
            }
            let cells = input.shares[at..].iter_mut().step_by(n_quantities);
            for (cell, share) in cells.zip(&shares) {
                *cell = *share;
            }
        }
        for row in rows.map(|row| x.row(row)) {
            for code in &self.codes {
                match *code {
                    Code::Key(at) => input.codes.extend(circles(row[at])),
                    Code::Mode(at) => input.codes.push(2.0 * row[at] - 1.0),
                    Code::TimeSignature(at) => {
                        input.codes.extend([flag(row[at] == 4.0), flag(row[at] == 3.0)]);
                    }
                    Code::Missing(at) => input.codes.push(row[at]),
                }
            }
        }
        input
    }

    /// Coordinates of the rows numbered for the kernel, `[rows.len(), n_coordinates]`.
    pub(crate) fn coordinates(&self, x: &FeatureMatrix, rows: Range<usize>) -> Vec<f32> {
        let (factors, mut coordinates) = (
            &self.factors,
            Vec::with_capacity(rows.len() * self.n_coordinates()),
        );
        for row in rows.map(|row| x.row(row)) {
            for quantity in &self.quantities {
                if let Some(scores) = &quantity.scores {
                    coordinates.push(quantity.factor * scores.score(quantity.source.value(row)));
                }
            }
            for code in &self.codes {
                match *code {
                    Code::Key(at) => coordinates.extend(circles(row[at]).map(|value| factors.key * value)),
                    Code::Mode(at) => coordinates.push(factors.mode * row[at]),
                    Code::Missing(at) => coordinates.push(factors.flag * row[at]),
                    Code::TimeSignature(at) => coordinates.push(factors.flag * flag(row[at] == 4.0)),
                }
            }
            for relation in &self.relations {
                let value = relation.value(row);
                match relation {
                    Source::Octave { .. } => {
                        let angle = TAU * value;
                        coordinates.extend([angle.sin(), angle.cos()].map(|value| factors.octave * value));
                    }
                    _ => coordinates.push(factors.balance * value),
                }
            }
        }
        coordinates
    }
}

/// Where the pitch classes lie: every row has one.
static PITCHES: LazyLock<[[f32; 4]; 12]> =
    LazyLock::new(|| std::array::from_fn(|key| on_circles(key as f32)));

/// Sine and cosine on the circle of semitones and on that of fifths; an unknown key lies in the middle.
fn circles(key: f32) -> [f32; 4] {
    if key < 0.0 {
        return [0.0; 4];
    }
    match PITCHES.get(key as usize) {
        Some(place) if key.fract() == 0.0 => *place,
        _ => on_circles(key),
    }
}

fn on_circles(key: f32) -> [f32; 4] {
    let angle = TAU * key / 12.0;
    [angle.sin(), angle.cos(), (7.0 * angle).sin(), (7.0 * angle).cos()]
}

fn flag(is: bool) -> f32 {
    f32::from(u8::from(is))
}

impl Quantity {
    /// `None` for a value that does not vary: there is nothing to learn from it.
    fn fit(source: Source, x: &FeatureMatrix, n_bins: usize) -> Option<Self> {
        let mut values: Vec<f32> = (0..x.n_samples()).map(|row| source.value(x.row(row))).collect();
        values.sort_by(f32::total_cmp);
        if values.first() == values.last() {
            return None;
        }
        let mut edges: Vec<f32> = (0..=n_bins)
            .map(|edge| {
                let position = edge as f64 / n_bins as f64 * (values.len() - 1) as f64;
                let below = position as usize;
                let above = (below + 1).min(values.len() - 1);
                let part = (position - below as f64) as f32;
                values[below] + (values[above] - values[below]) * part
            })
            .collect();
        edges.dedup();
        Some(Self {
            source,
            edges,
            scores: matches!(source, Source::Column(_)).then(|| NormalScores::fit(&values)),
            factor: match source {
                Source::Column(at) => column_factor(&x.columns()[at]),
                _ => 0.0,
            },
        })
    }
}

on_lanes! {
    /// For each value its bin and the share of it that is passed; the outer bins are open, to 2 widths beyond.
    ///
    /// Every value is held against every border: a few instructions for many values, where a search would guess its way for
    /// each. `edges` are rising, of at least one bin; the others are equally long, a multiple of `LANES`.
    fn find_bins[](simd, edges: &'a [f32], values: &'a [f32], bins: &'a mut [f32], shares: &'a mut [f32]) {
        let splat = |value: f32| simd.splat_f32s(value);
        let last = splat((edges.len() - 2) as f32);
        let ((values, _), (bins, _), (shares, _)) =
            (S::as_simd_f32s(values), S::as_mut_simd_f32s(bins), S::as_mut_simd_f32s(shares));
        for ((value, bin), share) in values.iter().zip(bins).zip(shares) {
            let (mut at, mut low, mut width) = (splat(0.0), splat(edges[0]), splat(edges[1] - edges[0]));
            for (next, edge) in edges.windows(2).enumerate().skip(1) {
                let is_reached = simd.less_than_or_equal_f32s(splat(edge[0]), *value);
                at = simd.select_f32s(is_reached, splat(next as f32), at);
                low = simd.select_f32s(is_reached, splat(edge[0]), low);
                width = simd.select_f32s(is_reached, splat(edge[1] - edge[0]), width);
            }
            let lowest = simd.select_f32s(simd.equal_f32s(at, splat(0.0)), splat(-2.0), splat(0.0));
            let highest = simd.select_f32s(simd.equal_f32s(at, last), splat(3.0), splat(1.0));
            let passed = simd.div_f32s(simd.sub_f32s(*value, low), width);
            *bin = at;
            *share = simd.min_f32s(simd.max_f32s(passed, lowest), highest);
        }
    }
}

impl NetworkInput {
    /// The rows numbered as plain numbers: each quantity as one value a bin (0 before, the share in it, 1
    /// after, centred at the middle bin), then the codes. `[rows.len(), sum of bins + n_codes]`.
    pub(crate) fn dense(&self, n_bins: &[usize], rows: &[u32]) -> Vec<f32> {
        let mut values = Vec::new();
        for &row in rows {
            let row = row as usize;
            for (quantity, &n) in n_bins.iter().enumerate() {
                let at = row * self.n_quantities + quantity;
                let (bin, share) = (usize::from(self.bins[at]), self.shares[at]);
                values.extend((0..n).map(|j| {
                    let passed = flag(j < bin) + if j == bin { share } else { 0.0 };
                    passed - flag(j < n / 2)
                }));
            }
            values.extend_from_slice(&self.codes[row * self.n_codes..][..self.n_codes]);
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(columns: &[&str], values: Vec<f32>) -> FeatureMatrix {
        FeatureMatrix::new(columns.iter().copied(), values).unwrap()
    }

    #[test]
    fn bins_hold_shares_and_the_outer_ones_are_open() {
        let x = matrix(&["energy"], (0..=8).map(|i| i as f32).collect());
        let encoder = Encoder::fit(&x, 4);
        assert_eq!(encoder.n_bins(), [4]);
        let seen = encoder.network_input(&matrix(&["energy"], vec![3.0, 10.0, -100.0]), 0..3);
        assert_eq!((seen.bins, seen.shares), (vec![1, 3, 0], vec![0.5, 2.0, -2.0]));
    }

    /// By counting on every instruction set as by looking one up, at borders and beyond, for any number of rows.
    #[test]
    fn bins_are_those_of_a_search_on_every_instruction_set() {
        for n_edges in [2, 3, 24, 200] {
            let edges: Vec<f32> = (0..n_edges).map(|i| (i * i) as f32 / 7.0 - 3.0).collect();
            let (first, last) = (edges[0], edges[n_edges - 1]);
            let between = (0..29).map(|i| first + (last - first) * i as f32 / 28.0);
            let mut values: Vec<f32> = between.chain(edges.clone()).chain([-1e9, 1e9, -0.0]).collect();
            let n = values.len();
            values.resize(n.next_multiple_of(LANES), 0.0);
            for level in Level::all() {
                let (mut bins, mut shares) = (vec![0.0; values.len()], vec![0.0; values.len()]);
                find_bins(level, &edges, &values, &mut bins, &mut shares);
                for ((value, bin), share) in values.iter().zip(bins).zip(shares) {
                    let inner = &edges[1..n_edges - 1];
                    let expected = inner.partition_point(|edge| edge <= value);
                    let passed = (value - edges[expected]) / (edges[expected + 1] - edges[expected]);
                    let lowest = if expected == 0 { -2.0 } else { 0.0 };
                    let highest = if expected == n_edges - 2 { 3.0 } else { 1.0 };
                    assert_eq!(
                        (bin as usize, share),
                        (expected, passed.clamp(lowest, highest)),
                        "{value}"
                    );
                }
            }
        }
    }

    #[test]
    fn dense_rows_are_centred_thermometers() {
        let x = matrix(&["energy"], (0..=8).map(|i| i as f32).collect());
        let input = Encoder::fit(&x, 4).network_input(&x, 0..9);
        assert_eq!(input.dense(&[4], &[3]), [0.0, -0.5, 0.0, 0.0]);
        assert_eq!(input.dense(&[4], &[8]), [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn constant_columns_drop_out_and_codes_keep_their_meaning() {
        let x = matrix(
            &["energy", "key", "tempo_missing"],
            vec![0.5, 3.0, 0.0, 0.5, 0.0, 1.0],
        );
        let encoder = Encoder::fit(&x, 4);
        assert!(encoder.n_bins().is_empty());
        let coordinates = encoder.coordinates(&x, 0..2);
        assert_eq!((encoder.n_coordinates(), coordinates.len()), (5, 10));
        assert!((coordinates[0] - FACTORS.key).abs() < 1e-6); // sine of three semitones
        assert_eq!(coordinates[9], FACTORS.flag);
    }

    #[test]
    fn double_time_is_the_same_place_in_the_octave() {
        assert!((octave(70.0) - octave(140.0)).abs() < 1e-6);
    }
}
