//! Shapley values: what each feature of one track contributes to its probability.

use playlist_core::{Classifier, FeatureMatrix};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::error::setting;
use crate::random::{below, generator, shuffle};
use crate::unit::unit_of;
use crate::{Error, Result};

/// The most features of which every combination is tried.
const MOST_EXACT: usize = 16;

/// The most rows that a model is given at once.
const CHUNK: usize = 1 << 15;

/// How Shapley values are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShapleyMethod {
    /// Every combination of features, each against every track of the background: 2^n_features times
    /// n_background predictions. Exact.
    Exact,
    /// Random orders of the features, each taken forwards and backwards from a random track of the background:
    /// 2 (n_features + 1) n_orders predictions. Unbiased, with a standard error.
    Sampled {
        /// The number of orders.
        n_orders: usize,
    },
}

/// What contributions add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// The probability.
    #[default]
    Probability,
    /// Its logit, ln(p / (1 - p)), with p kept 1e-6 from 0 and 1.
    LogOdds,
}

impl Scale {
    fn of(self, p: f32) -> f64 {
        let p = f64::from(p);
        match self {
            Self::Probability => p,
            Self::LogOdds => {
                let p = p.clamp(1e-6, 1.0 - 1e-6);
                (p / (1.0 - p)).ln()
            }
        }
    }
}

/// What each feature of a track contributes to the probability that the model gives it.
///
/// A feature that is left out takes its value from tracks of a background: the training part, or a sample of it.
/// The contributions add up to the probability of the track less the mean probability of the background.
///
/// # Source
/// L. S. Shapley, "A value for n-person games" (1953); sampling after E. Štrumbelj and I. Kononenko, "Explaining
/// prediction models and individual predictions with feature contributions", KAIS 41 (2014), in antithetic pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShapleyConfig {
    /// Exact or sampled. Default: exact.
    pub method: ShapleyMethod,
    /// What contributions add up to. Default: the probability.
    pub scale: Scale,
    /// The most tracks of the background that are used, drawn without replacement. Default: 50.
    pub n_background: usize,
    /// Decides every draw.
    pub seed: u64,
}

impl Default for ShapleyConfig {
    fn default() -> Self {
        Self {
            method: ShapleyMethod::Exact,
            scale: Scale::Probability,
            n_background: 50,
            seed: 0,
        }
    }
}

/// What one feature of a track contributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The feature's column.
    pub column: String,
    /// Its unit; empty where it is no audio feature.
    pub unit: String,
    /// The track's value, where known.
    pub value: Option<f32>,
    /// What it adds to the answer, on the chosen scale.
    pub contribution: f64,
    /// The standard error of that; 0 when exact.
    pub standard_error: f64,
}

/// Why a track got its probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The class whose probability is explained.
    pub class: String,
    /// What the background gets on average.
    pub base: f64,
    /// What the track gets: `base` and all contributions together.
    pub prediction: f64,
    /// In the order of the model's columns.
    pub contributions: Vec<Contribution>,
}

/// A model seen as a function of one row, for one class on one scale.
struct Game<'a> {
    model: &'a dyn Classifier,
    class: usize,
    scale: Scale,
    track: Vec<f32>,
    /// Row-major, NaN where missing.
    background: Vec<f32>,
}

impl ShapleyConfig {
    /// The same with another method.
    #[must_use]
    pub const fn with_method(mut self, method: ShapleyMethod) -> Self {
        self.method = method;
        self
    }

    /// The same with another scale.
    #[must_use]
    pub const fn with_scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// The same with another limit on the background.
    #[must_use]
    pub const fn with_n_background(mut self, n_background: usize) -> Self {
        self.n_background = n_background;
        self
    }

    /// Explains the positive class (the last of two; with more, the most probable) of row `row` of `x` against
    /// `background`, `[n_background, n_features]`.
    ///
    /// # Errors
    /// [`Error::Core`] on settings out of range, an empty background, a row that is not there and what the model
    /// refuses; [`Error::TooManyFeatures`].
    pub fn explain(
        &self,
        model: &dyn Classifier,
        x: &FeatureMatrix,
        row: usize,
        background: &FeatureMatrix,
    ) -> Result<Explanation> {
        if row >= x.n_samples() {
            return Err(setting("row", row, "a row of the tracks given"));
        }
        let class = match model.class_names().len() {
            2 => 1,
            _ => model.predict(&x.select_rows(&[row]))?[0],
        };
        self.explain_class(model, x, row, background, class)
    }

    /// As [`ShapleyConfig::explain`], for the class at position `class`.
    ///
    /// # Errors
    /// As [`ShapleyConfig::explain`], and on a class that is not there.
    pub fn explain_class(
        &self,
        model: &dyn Classifier,
        x: &FeatureMatrix,
        row: usize,
        background: &FeatureMatrix,
        class: usize,
    ) -> Result<Explanation> {
        if row >= x.n_samples() {
            return Err(setting("row", row, "a row of the tracks given"));
        }
        let Some(class_name) = model.class_names().get(class) else {
            return Err(setting("class", class, "the position of a class of the model"));
        };
        let background = background.select_columns(model.columns())?;
        if background.n_samples() == 0 || self.n_background == 0 {
            return Err(Error::Core(playlist_core::Error::Empty {
                what: "tracks of the background",
            }));
        }
        let track = x.select_rows(&[row]).select_columns(model.columns())?;
        let mut rows: Vec<usize> = (0..background.n_samples()).collect();
        shuffle(&mut rows, &mut generator(self.seed, 0));
        rows.truncate(self.n_background);
        let game = Game {
            model,
            class,
            scale: self.scale,
            track: track.to_nan_values(),
            background: background.select_rows(&rows).to_nan_values(),
        };
        let (base, values) = match self.method {
            ShapleyMethod::Exact => game.exact()?,
            ShapleyMethod::Sampled { n_orders: 0 } => return Err(setting("n_orders", 0, "at least 1")),
            ShapleyMethod::Sampled { n_orders } => game.sampled(n_orders, generator(self.seed, 1))?,
        };
        let contributions: Vec<Contribution> = model
            .columns()
            .iter()
            .zip(values)
            .enumerate()
            .map(|(index, (column, (contribution, standard_error)))| Contribution {
                column: column.clone(),
                unit: unit_of(column).to_owned(),
                value: track.get(0, index),
                contribution,
                standard_error,
            })
            .collect();
        Ok(Explanation {
            class: class_name.clone(),
            base,
            prediction: base + contributions.iter().map(|c| c.contribution).sum::<f64>(),
            contributions,
        })
    }
}

impl Game<'_> {
    fn n_features(&self) -> usize {
        self.track.len()
    }

    fn n_background(&self) -> usize {
        self.background.len() / self.n_features()
    }

    fn background(&self, row: usize) -> &[f32] {
        &self.background[row * self.n_features()..(row + 1) * self.n_features()]
    }

    /// The answers to rows, `[n, n_features]`, row-major.
    fn answers(&self, rows: Vec<f32>) -> Result<Vec<f64>> {
        let n = rows.len() / self.n_features();
        let x = FeatureMatrix::new(self.model.columns().iter().cloned(), rows)?;
        let p = self.model.predict_proba(&x)?;
        Ok((0..n).map(|row| self.scale.of(p.get(row, self.class))).collect())
    }

    /// The mean answer of the background, and for each feature its value and standard error.
    fn exact(&self) -> Result<(f64, Vec<(f64, f64)>)> {
        let n = self.n_features();
        if n > MOST_EXACT {
            return Err(Error::TooManyFeatures {
                n_features: n,
                most: MOST_EXACT,
            });
        }
        let worth = self.worth_of_all()?;
        // The share of the orders in which exactly the features of a set of this size come first.
        let mut weights = vec![1.0 / n as f64; n];
        for size in 1..n {
            weights[size] = weights[size - 1] * size as f64 / (n - size) as f64;
        }
        let value = |feature: usize| {
            let bit = 1_usize << feature;
            let sets = (0..worth.len()).filter(|set| set & bit == 0);
            sets.map(|set| weights[set.count_ones() as usize] * (worth[set | bit] - worth[set]))
                .sum::<f64>()
        };
        Ok((worth[0], (0..n).map(|feature| (value(feature), 0.0)).collect()))
    }

    /// For each set of features (bit i for feature i) the mean answer when these are the track's and the others
    /// the background's.
    fn worth_of_all(&self) -> Result<Vec<f64>> {
        let (n, n_background) = (self.n_features(), self.n_background());
        let sets: Vec<usize> = (0..1_usize << n).collect();
        let mut worth = Vec::with_capacity(sets.len());
        for chunk in sets.chunks((CHUNK / n_background).max(1)) {
            let mut rows = Vec::with_capacity(chunk.len() * n_background * n);
            for set in chunk {
                for row in 0..n_background {
                    let pick = |(feature, other): (usize, &f32)| {
                        if set >> feature & 1 == 1 {
                            self.track[feature]
                        } else {
                            *other
                        }
                    };
                    rows.extend(self.background(row).iter().enumerate().map(pick));
                }
            }
            let answers = self.answers(rows)?;
            worth.extend(
                answers
                    .chunks_exact(n_background)
                    .map(|a| a.iter().sum::<f64>() / n_background as f64),
            );
        }
        Ok(worth)
    }

    /// The mean answer of the tracks drawn from the background, and for each feature its value and standard error.
    fn sampled(&self, n_orders: usize, mut generator: ChaCha8Rng) -> Result<(f64, Vec<(f64, f64)>)> {
        let n = self.n_features();
        let mut order: Vec<usize> = (0..n).collect();
        let (mut base, mut sums, mut squares) = (0.0, vec![0.0; n], vec![0.0; n]);
        let mut left = n_orders;
        while left > 0 {
            let now = left.min((CHUNK / (2 * (n + 1))).max(1));
            left -= now;
            let (mut rows, mut orders) = (Vec::new(), Vec::new());
            for _ in 0..now {
                shuffle(&mut order, &mut generator);
                let start = self
                    .background(below(&mut generator, self.n_background()))
                    .to_vec();
                for backwards in [false, true] {
                    if backwards {
                        order.reverse();
                    }
                    let mut row = start.clone();
                    rows.extend_from_slice(&row);
                    for feature in &order {
                        row[*feature] = self.track[*feature];
                        rows.extend_from_slice(&row);
                    }
                    orders.push(order.clone());
                }
            }
            let answers = self.answers(rows)?;
            for (pair, walks) in orders.chunks_exact(2).zip(answers.chunks_exact(2 * (n + 1))) {
                let mut gains = vec![0.0; n];
                for (order, walk) in pair.iter().zip(walks.chunks_exact(n + 1)) {
                    base += walk[0] / 2.0;
                    for (step, feature) in order.iter().enumerate() {
                        gains[*feature] += (walk[step + 1] - walk[step]) / 2.0;
                    }
                }
                for (feature, gain) in gains.into_iter().enumerate() {
                    sums[feature] += gain;
                    squares[feature] += gain * gain;
                }
            }
        }
        let count = n_orders as f64;
        let value = |(sum, square): (&f64, &f64)| {
            let mean = sum / count;
            let variance = (square / count - mean * mean).max(0.0) / (count - 1.0).max(1.0);
            (mean, variance.sqrt())
        };
        Ok((base / count, sums.iter().zip(&squares).map(value).collect()))
    }
}
