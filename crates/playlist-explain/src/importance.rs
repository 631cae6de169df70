//! Permutation importance: what a model loses without a feature.

use playlist_core::{Classifier, FeatureMatrix, Labels, Probabilities};
use playlist_metrics::{
    Average, Interval, bootstrap_interval, log_loss, log_loss_multiclass, roc_auc, roc_auc_one_vs_rest,
};
use serde::{Deserialize, Serialize};

use crate::error::setting;
use crate::random::{generator, shuffle};
use crate::unit::unit_of;
use crate::{Error, Result};

/// The score by which a loss is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ImportanceMetric {
    /// Area under the ROC curve; with several classes the mean of one class against the rest.
    #[default]
    RocAuc,
    /// Log loss; its rise counts.
    LogLoss,
}

impl ImportanceMetric {
    /// The score, the larger the better.
    fn score(self, y: &[usize], p: &[f32], n_classes: usize) -> Result<f64> {
        let binary = |y: &[usize]| y.iter().map(|label| *label == 1).collect::<Vec<bool>>();
        Ok(match (self, n_classes) {
            (Self::RocAuc, 2) => roc_auc(&binary(y), p)?,
            (Self::RocAuc, n) => roc_auc_one_vs_rest(y, p, n, Average::Macro)?,
            (Self::LogLoss, 2) => -log_loss(&binary(y), p)?,
            (Self::LogLoss, n) => -log_loss_multiclass(y, p, n)?,
        })
    }
}

/// What a model loses when the values of a feature are dealt out anew among the tracks.
///
/// Measured on tracks that the model was not trained on, it says what the model goes by; it does not say what
/// the feature is worth to another model, and features that tell the same thing stand in for each other.
///
/// # Source
/// L. Breiman, "Random Forests", Machine Learning 45 (2001), section 10.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PermutationImportanceConfig {
    /// The score. Default: ROC AUC.
    pub metric: ImportanceMetric,
    /// How often each feature is dealt out anew. Default: 10.
    pub n_repeats: usize,
    /// How often the tracks are drawn anew for the interval. Default: 500.
    pub n_resamples: usize,
    /// The level of the intervals, in (0, 1). Default: 0.95.
    pub level: f64,
    /// Decides every draw.
    pub seed: u64,
}

impl Default for PermutationImportanceConfig {
    fn default() -> Self {
        Self {
            metric: ImportanceMetric::RocAuc,
            n_repeats: 10,
            n_resamples: 500,
            level: 0.95,
            seed: 0,
        }
    }
}

/// What a model loses without one feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureImportance {
    /// The feature's column.
    pub column: String,
    /// Its unit; empty where it is no audio feature.
    pub unit: String,
    /// The score with the feature less the score without it, mean over the repeats: ROC AUC, or log loss in
    /// nats.
    pub importance: f64,
    /// How far that may be off: the tracks drawn anew and the dealing out together.
    pub interval: Interval,
}

impl PermutationImportanceConfig {
    /// The same with another score.
    #[must_use]
    pub const fn with_metric(mut self, metric: ImportanceMetric) -> Self {
        self.metric = metric;
        self
    }

    /// The same with another seed.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The importance of each column of `model`, the largest first.
    ///
    /// # Shapes
    /// `x` is `[n_samples, n_features]`, `y` `[n_samples]`; missing values move with the others.
    ///
    /// # Errors
    /// [`Error::Core`] on settings out of range, on lengths that differ and on what the model refuses;
    /// [`Error::Metrics`] where the score has no value, as with tracks of one class.
    pub fn measure(
        &self,
        model: &dyn Classifier,
        x: &FeatureMatrix,
        y: &Labels,
    ) -> Result<Vec<FeatureImportance>> {
        if self.n_repeats == 0 {
            return Err(setting("n_repeats", 0, "at least 1"));
        }
        if x.n_samples() != y.n_samples() {
            return Err(Error::Core(playlist_core::Error::LengthMismatch {
                what: "the number of labels",
                expected: x.n_samples(),
                found: y.n_samples(),
            }));
        }
        let x = x.select_columns(model.columns())?;
        let (p, width) = rows_of(&model.predict_proba(&x)?);
        let n_classes = y.n_classes();
        let base = self.metric.score(y.y(), &p, n_classes)?;
        let mut all = Vec::with_capacity(x.n_features());
        for (index, column) in x.columns().iter().enumerate() {
            let without = self.without(model, &x, index)?;
            let loss = |p: &Vec<f32>| Ok(base - self.metric.score(y.y(), p, n_classes)?);
            let losses: Vec<f64> = without.iter().map(loss).collect::<Result<_>>()?;
            let importance = losses.iter().sum::<f64>() / losses.len() as f64;
            let seed = self.seed.wrapping_add(index as u64);
            let mut turn = 0;
            let resampled = bootstrap_interval(x.n_samples(), self.n_resamples, self.level, seed, |rows| {
                turn += 1;
                let y: Vec<usize> = rows.iter().map(|row| y.y()[*row]).collect();
                let pick = |p: &[f32]| -> Vec<f32> {
                    rows.iter()
                        .flat_map(|row| p[row * width..(row + 1) * width].iter().copied())
                        .collect()
                };
                let with = self.metric.score(&y, &pick(&p), n_classes).ok()?;
                let without = &without[turn % without.len()];
                Some(with - self.metric.score(&y, &pick(without), n_classes).ok()?)
            })?;
            all.push(FeatureImportance {
                column: column.clone(),
                unit: unit_of(column).to_owned(),
                importance,
                interval: resampled.interval,
            });
        }
        all.sort_by(|a, b| b.importance.total_cmp(&a.importance));
        Ok(all)
    }

    /// The predictions with column `index` dealt out anew, once a repeat.
    fn without(&self, model: &dyn Classifier, x: &FeatureMatrix, index: usize) -> Result<Vec<Vec<f32>>> {
        let mut generator = generator(self.seed, index as u64 + 1);
        let (n_samples, n_features) = (x.n_samples(), x.n_features());
        let mut order: Vec<usize> = (0..n_samples).collect();
        let known = x.to_nan_values();
        (0..self.n_repeats)
            .map(|_| {
                shuffle(&mut order, &mut generator);
                let mut values = known.clone();
                for (row, from) in order.iter().enumerate() {
                    values[row * n_features + index] = known[from * n_features + index];
                }
                let x = FeatureMatrix::new(x.columns().iter().cloned(), values)?;
                Ok(rows_of(&model.predict_proba(&x)?).0)
            })
            .collect()
    }
}

/// The probabilities as the metrics take them, and how many there are in a row.
fn rows_of(p: &Probabilities) -> (Vec<f32>, usize) {
    match p.positive() {
        Ok(positive) => (positive.to_vec(), 1),
        Err(_) => (p.to_rows(), p.n_classes()),
    }
}
