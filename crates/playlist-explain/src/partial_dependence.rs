//! Partial dependence: how a model's answer changes along a feature.

use playlist_core::{Classifier, FeatureMatrix};
use serde::{Deserialize, Serialize};

use crate::error::setting;
use crate::unit::unit_of;
use crate::{Error, Result};

/// How a model's answer changes along a feature: for each value of a grid, every track is given that value and
/// the probabilities are averaged.
///
/// The grid holds values that occur: all of them where there are few, else quantiles. Where features go together
/// (energy and loudness do), some of the tracks so made are unlike any real one; the spread over the tracks shows
/// where the mean hides opposite answers.
///
/// # Source
/// J. H. Friedman, "Greedy function approximation", Annals of Statistics 29 (2001), section 8.2; the spread after
/// A. Goldstein et al., "Peeking inside the black box", JCGS 24 (2015).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartialDependenceConfig {
    /// The most values of the grid. Default: 25.
    pub n_points: usize,
}

impl Default for PartialDependenceConfig {
    fn default() -> Self {
        Self { n_points: 25 }
    }
}

/// The answer at one value of the feature.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartialDependencePoint {
    /// The value, in the unit of the feature.
    pub value: f32,
    /// The mean probability of the class over the tracks.
    pub mean: f64,
    /// The probability that a tenth of the tracks stays below.
    pub lower: f64,
    /// The probability that a tenth of the tracks exceeds.
    pub upper: f64,
}

/// How a model's answer changes along one feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartialDependence {
    /// The feature's column.
    pub column: String,
    /// Its unit; empty where it is no audio feature.
    pub unit: String,
    /// The class whose probability is told.
    pub class: String,
    /// By value, ascending.
    pub points: Vec<PartialDependencePoint>,
}

impl PartialDependenceConfig {
    /// How the probability of `class` (by position) changes along `column`, over the tracks of `x`,
    /// `[n_samples, n_features]`.
    ///
    /// # Errors
    /// [`Error::Core`] on settings out of range, a column or class that is not there and what the model refuses;
    /// [`Error::NoValues`].
    pub fn measure(
        &self,
        model: &dyn Classifier,
        x: &FeatureMatrix,
        column: &str,
        class: usize,
    ) -> Result<PartialDependence> {
        if self.n_points < 2 {
            return Err(setting("n_points", self.n_points, "at least 2"));
        }
        let Some(class_name) = model.class_names().get(class) else {
            return Err(setting("class", class, "the position of a class of the model"));
        };
        let x = x.select_columns(model.columns())?;
        let index = x.column_index(column)?;
        let (known, n_features) = (x.to_nan_values(), x.n_features());
        let mut points = Vec::new();
        for value in self.grid(&x, index, column)? {
            let mut values = known.clone();
            for row in values.chunks_exact_mut(n_features) {
                row[index] = value;
            }
            let p = model.predict_proba(&FeatureMatrix::new(x.columns().iter().cloned(), values)?)?;
            let mut each: Vec<f64> = (0..x.n_samples())
                .map(|row| f64::from(p.get(row, class)))
                .collect();
            each.sort_unstable_by(f64::total_cmp);
            let at = |share: f64| each[((each.len() - 1) as f64 * share).round() as usize];
            points.push(PartialDependencePoint {
                value,
                mean: each.iter().sum::<f64>() / each.len() as f64,
                lower: at(0.1),
                upper: at(0.9),
            });
        }
        Ok(PartialDependence {
            column: column.to_owned(),
            unit: unit_of(column).to_owned(),
            class: class_name.clone(),
            points,
        })
    }

    /// Values that occur, ascending.
    fn grid(&self, x: &FeatureMatrix, index: usize, column: &str) -> Result<Vec<f32>> {
        let mut values: Vec<f32> = x.column(index).flatten().collect();
        values.sort_unstable_by(f32::total_cmp);
        let mut distinct = values.clone();
        distinct.dedup();
        match distinct.len() {
            0 => Err(Error::NoValues {
                column: column.to_owned(),
            }),
            n if n <= self.n_points => Ok(distinct),
            _ => {
                let last = (values.len() - 1) as f64;
                let at = |point: usize| {
                    values[(last * point as f64 / (self.n_points - 1) as f64).round() as usize]
                };
                let mut grid: Vec<f32> = (0..self.n_points).map(at).collect();
                grid.dedup();
                Ok(grid)
            }
        }
    }
}
