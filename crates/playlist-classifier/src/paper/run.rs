//! One run: tracks drawn, scaled, a network trained, its answers scored.

use std::time::Instant;

use playlist_core::{Classifier, FeatureMatrix, Labels, Transformer};
use playlist_dataset::PreprocessorConfig;
use playlist_logistic::LogisticConfig;
use playlist_metrics::{ConfusionCounts, ThresholdRule, roc_auc};
use playlist_mlp::{Engine, FitOptions, MlpClassifier, MlpClassifierConfig, StopReason, StopSignal};
use serde::{Deserialize, Serialize};

use super::draw::{DrawnParts, draw};
use super::setting::{Draw, Scaling, Size};
use super::signature::{Shown, Signature};
use super::variation::Variation;
use crate::{Error, Result};

/// A table that is studied.
#[derive(Clone, Debug)]
pub(super) struct StudyTable {
    pub(super) name: String,
    pub(super) fingerprint: String,
    pub(super) x: FeatureMatrix,
    pub(super) labels: Labels,
}

/// Which run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunKey {
    /// The table's name.
    pub table: String,
    /// The table's fingerprint.
    pub fingerprint: String,
    /// How tracks are chosen and labelled.
    pub draw: Draw,
    /// How values are scaled.
    pub scaling: Scaling,
    /// The variation's name.
    pub variation: String,
    /// The epochs after which the network is looked at, ascending.
    pub epochs: Vec<usize>,
    /// Decides tracks, weights and shuffling.
    pub seed: u64,
}

/// What a network answered after some epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// The epoch.
    pub epoch: usize,
    /// The mean training loss of the epoch.
    pub train_loss: f64,
    /// The mean of the trained loss on the test part.
    pub test_loss: f64,
    /// The area under the ROC curve.
    pub roc_auc: f64,
    /// The standard deviation of the predictions.
    pub spread: f64,
    /// The decisions at one half.
    pub at_half: ConfusionCounts,
    /// The decisions at the midpoint of the least and the greatest test prediction, the paper's rule.
    pub at_midpoint: ConfusionCounts,
}

/// What a baseline answered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineLook {
    /// Accuracy at one half.
    pub accuracy: f64,
    /// The area under the ROC curve.
    pub roc_auc: f64,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// Which run.
    pub key: RunKey,
    /// Training tracks.
    pub n_train: usize,
    /// Test tracks.
    pub n_test: usize,
    /// The paper's baseline, logistic regression on unscaled values, on the same tracks.
    pub baseline: BaselineLook,
    /// Logistic regression on standardised values, where it was asked for.
    pub scaled_baseline: Option<BaselineLook>,
    /// One entry an epoch looked at; none where the training ran away.
    pub looks: Vec<Look>,
    /// The training loss of every epoch for the paper's own network, else of epoch 2 alone (if there was one).
    pub losses: Vec<f64>,
    /// Why there is no result, where there is none.
    pub failed: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

impl RunRecord {
    /// The last look, that of the result.
    #[must_use]
    pub fn look_at(&self, epoch: usize) -> Option<&Look> {
        self.looks.iter().find(|look| look.epoch == epoch)
    }

    /// The training loss of epoch 2 less that of `epoch`.
    #[must_use]
    pub fn loss_move(&self, epoch: usize) -> Option<f64> {
        let second = match self.losses.as_slice() {
            [only] => *only,
            [_, second, ..] => *second,
            [] => return None,
        };
        Some(second - self.look_at(epoch)?.train_loss)
    }

    /// Which of the paper's findings it shows after `epoch`, at one half and at the midpoint.
    #[must_use]
    pub fn signatures(&self, epoch: usize) -> Option<[Signature; 2]> {
        let look = self.look_at(epoch)?;
        let of = |counts| {
            Signature::of(&Shown {
                counts,
                test_loss: look.test_loss,
                baseline_accuracy: self.baseline.accuracy,
                loss_move: self.loss_move(epoch),
            })
        };
        Some([of(look.at_half), of(look.at_midpoint)])
    }
}

/// The parts of a run, with the labels that it gives them.
struct Parts<'a> {
    train: (&'a FeatureMatrix, &'a Labels),
    test: (&'a FeatureMatrix, &'a Labels),
}

/// How a network is trained.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    pub(super) engine: Option<Engine>,
    pub(super) stop: &'a StopSignal,
}

/// Runs it; `None` when it was stopped before its end.
pub(super) fn execute(
    key: &RunKey,
    table: &StudyTable,
    variation: &Variation,
    how: How<'_>,
) -> Result<Option<RunRecord>> {
    let start = Instant::now();
    let drawn = draw(&table.labels, &key.draw, key.seed)?;
    let (train_y, test_y) = (drawn.train.y(&table.labels), drawn.test.y(&table.labels));
    let columns = kept_columns(&table.x, variation);
    let x = table.x.select_columns(&columns)?;
    let (train_x, test_x) = (drawn.train.x(&x), drawn.test.x(&x));
    let parts = Parts {
        train: (&train_x, &train_y),
        test: (&test_x, &test_y),
    };
    let raw = PreprocessorConfig::paper_raw().with_features(&columns);
    let standard = PreprocessorConfig::standard().with_features(&columns);
    let is_paper = key.variation == Variation::PAPER;
    let fitted_on = if key.scaling.sees_test() {
        x.select_rows(&[&drawn.train.rows[..], &drawn.test.rows[..]].concat())
    } else {
        train_x.clone()
    };
    let preprocessor = key.scaling.preprocessing(&columns).fit(&fitted_on)?;
    let scaled = Parts {
        train: (&preprocessor.transform(&train_x)?, &train_y),
        test: (&preprocessor.transform(&test_x)?, &test_y),
    };
    let mut record = RunRecord {
        key: key.clone(),
        n_train: drawn.train.rows.len(),
        n_test: drawn.test.rows.len(),
        baseline: baseline(&raw, &parts)?,
        scaled_baseline: is_paper.then(|| baseline(&standard, &parts)).transpose()?,
        looks: Vec::new(),
        losses: Vec::new(),
        failed: None,
        seconds: 0.0,
    };
    if !fill(&mut record, variation, &scaled, &drawn, how)? {
        return Ok(None);
    }
    record.seconds = rounded(start.elapsed().as_secs_f64());
    Ok(Some(record))
}

/// Trains the network and looks at it; false when it was stopped before its end.
fn fill(
    record: &mut RunRecord,
    variation: &Variation,
    scaled: &Parts<'_>,
    drawn: &DrawnParts,
    how: How<'_>,
) -> Result<bool> {
    let models = match train(&record.key, variation, scaled.train, how) {
        Ok(models) => models,
        Err(Error::Mlp(error @ playlist_mlp::Error::NonFiniteLoss { .. })) => {
            record.failed = Some(error.to_string());
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    let Some(history) = models.last().and_then(MlpClassifier::history) else {
        return Ok(false);
    };
    if history.stop_reason == StopReason::Interrupted {
        return Ok(false);
    }
    let losses = history.epochs.iter().map(|epoch| rounded(epoch.train_loss));
    record.losses = if record.key.variation == Variation::PAPER && record.key.draw.size == Size::Lists {
        losses.collect()
    } else {
        losses.skip(1).take(1).collect()
    };
    record.looks = models
        .iter()
        .map(|model| look(model, scaled.test, &drawn.test.positive))
        .collect::<Result<_>>()?;
    Ok(true)
}

/// Six digits after the point: a file of thousands of runs stays readable.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn kept_columns(x: &FeatureMatrix, variation: &Variation) -> Vec<String> {
    let is_dropped = |column: &String| (variation.dropped.iter()).any(|feature| feature.column() == column);
    x.columns()
        .iter()
        .filter(|column| !is_dropped(column))
        .cloned()
        .collect()
}

fn train(
    key: &RunKey,
    variation: &Variation,
    (x, y): (&FeatureMatrix, &Labels),
    how: How<'_>,
) -> Result<Vec<MlpClassifier>> {
    let config = MlpClassifierConfig::paper()
        .with_network(variation.network.clone())
        .with_training(variation.training.clone().with_seed(key.seed))
        .with_engine(how.engine);
    let options = FitOptions {
        stop: how.stop.clone(),
        ..FitOptions::default()
    };
    Ok(config.fit_at_epochs(x, y, &key.epochs, options)?)
}

fn look(model: &MlpClassifier, (x, y): (&FeatureMatrix, &Labels), y_true: &[bool]) -> Result<Look> {
    let p = model.predict_proba(x)?;
    let p = p.positive()?;
    let midpoint = ThresholdRule::Midpoint.learn(y_true, p)?;
    let n = p.len() as f64;
    let mean = p.iter().map(|p| f64::from(*p)).sum::<f64>() / n;
    let variance = p.iter().map(|p| (f64::from(*p) - mean).powi(2)).sum::<f64>() / n;
    let last = model.history().and_then(|history| history.epochs.last());
    Ok(Look {
        epoch: last.map_or(0, |epoch| epoch.epoch),
        train_loss: rounded(last.map_or(f64::NAN, |epoch| epoch.train_loss)),
        test_loss: rounded(model.loss(x, y)?),
        roc_auc: roc_auc(y_true, p)?,
        spread: rounded(variance.sqrt()),
        at_half: ConfusionCounts::from_scores(y_true, p, 0.5)?,
        at_midpoint: ConfusionCounts::from_scores(y_true, p, midpoint)?,
    })
}

fn baseline(preprocessing: &PreprocessorConfig, parts: &Parts<'_>) -> Result<BaselineLook> {
    let (train_x, train_y) = parts.train;
    let (test_x, test_y) = parts.test;
    let preprocessor = preprocessing.fit(train_x)?;
    let model = LogisticConfig::default().fit(&preprocessor.transform(train_x)?, train_y)?;
    let p = model.predict_proba(&preprocessor.transform(test_x)?)?;
    let (y_true, p) = (test_y.positives()?, p.positive()?);
    let counts = ConfusionCounts::from_scores(&y_true, p, 0.5)?;
    Ok(BaselineLook {
        accuracy: counts.accuracy().unwrap_or_default(),
        roc_auc: roc_auc(&y_true, p)?,
    })
}
