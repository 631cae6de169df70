//! What the runs come to.

use std::collections::BTreeMap;

use playlist_metrics::Interval;
use serde::{Deserialize, Serialize};

use super::setting::{LabelFault, Scaling, Size};
use super::signature::{PaperResult, Tolerance};

/// The results of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StudyReport {
    /// Whether it was a trial with a few epochs, whose results mean nothing.
    pub quick: bool,
    /// The runs finished.
    pub n_runs: usize,
    /// The runs asked for; more than `n_runs` when it was stopped.
    pub n_asked: usize,
    /// The runs whose training ran away.
    pub n_failed: usize,
    /// The sum of the runs' seconds, on however many cores.
    pub run_seconds: f64,
    /// The first seed.
    pub seed: u64,
    /// The epochs of the result.
    pub result_epochs: usize,
    /// The versions that made the results.
    pub versions: BTreeMap<String, String>,
    /// The tables with their numbers of tracks.
    pub tables: Vec<TableSize>,
    /// The paper's numbers.
    pub paper: PaperResult,
    /// How far from them still counts.
    pub tolerance: Tolerance,
    /// What the paper tried.
    pub variations: Vec<VariationRow>,
    /// Why it failed.
    pub faults: Vec<FaultRow>,
    /// Changes to the network under faults of the labels: its section 8.
    pub retries: Vec<RetryRow>,
    /// The training losses of the paper's network, for plots: the mean over the repeats.
    pub curves: Vec<LossCurve>,
}

/// A table and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSize {
    /// The name.
    pub name: String,
    /// The tracks.
    pub n_tracks: usize,
}

/// A mean over repeats and its corrected resampled 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// `None` with fewer than two repeats.
    pub interval: Option<Interval>,
}

/// One variation, or a baseline, on one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariationRow {
    /// The table.
    pub table: String,
    /// The paper's section; empty for baselines.
    pub section: String,
    /// The variation, or the baseline.
    pub name: String,
    /// How values were scaled; `None` for baselines.
    pub scaling: Option<Scaling>,
    /// After how many epochs; `None` for baselines.
    pub epochs: Option<usize>,
    /// The repeats with a result.
    pub n_runs: usize,
    /// The area under the ROC curve.
    pub roc_auc: Estimate,
    /// Accuracy at one half.
    pub accuracy: Estimate,
    /// Accuracy at the midpoint of the test predictions.
    pub accuracy_at_midpoint: Option<Estimate>,
    /// F1 at one half.
    pub f1: Option<f64>,
    /// The loss trained on, over the test part.
    pub test_loss: Option<Estimate>,
    /// The training loss of the last epoch.
    pub train_loss: Option<f64>,
    /// Against the paper's network after the result's epochs under the same scaling, on the same splits.
    pub against_paper: Option<Difference>,
    /// The least accuracy of any repeat, at either threshold.
    pub least_accuracy: f64,
}

/// A difference in ROC AUC, tested by the corrected resampled t-test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The mean difference.
    pub mean: f64,
    /// The two-sided p-value; `None` where nothing varies.
    pub p_value: Option<f64>,
}

/// One fault, or several together, over all tables and seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRow {
    /// What the labels said.
    pub labels: LabelFault,
    /// How values were scaled.
    pub scaling: Scaling,
    /// The percentage of positive tracks in training.
    pub positive_percent: u32,
    /// How many tracks there were at most.
    pub size: Size,
    /// The runs.
    pub n_runs: usize,
    /// The tables.
    pub n_tables: usize,
    /// Mean area under the ROC curve.
    pub roc_auc: f64,
    /// Mean accuracy at one half.
    pub accuracy: f64,
    /// Mean accuracy at the midpoint.
    pub accuracy_at_midpoint: f64,
    /// Mean recall at one half.
    pub recall: f64,
    /// Mean recall at the midpoint.
    pub recall_at_midpoint: f64,
    /// Mean test loss.
    pub test_loss: f64,
    /// Mean training loss of the last epoch.
    pub train_loss: f64,
    /// Mean fall of the training loss from epoch 2 on.
    pub loss_move: Option<f64>,
    /// Mean standard deviation of the predictions.
    pub spread: f64,
    /// Mean accuracy of the baseline on unscaled values.
    pub baseline_accuracy: f64,
    /// The share of runs that meet each condition at the better threshold: accuracy, precision, recall, test loss,
    /// baseline, loss curve.
    pub meet: [f64; 6],
    /// The share of runs with the network's four scores, at one half and at the midpoint.
    pub scores: [f64; 2],
    /// The share of runs with the whole signature, at one half and at the midpoint.
    pub whole: [f64; 2],
    /// The share of runs with the whole signature at either threshold.
    pub whole_either: f64,
    /// The tables on which any run has the whole signature.
    pub n_tables_whole: usize,
}

/// A change to the network under a fault of the labels, over all tables and seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryRow {
    /// The change.
    pub variation: String,
    /// What the labels said.
    pub labels: LabelFault,
    /// How values were scaled.
    pub scaling: Scaling,
    /// The percentage of positive tracks in training.
    pub positive_percent: u32,
    /// The runs.
    pub n_runs: usize,
    /// Mean accuracy at one half.
    pub accuracy: f64,
    /// The least accuracy of any run.
    pub least_accuracy: f64,
    /// The share of runs with an accuracy of "about 0.4" (section 8): 0.35 to 0.45.
    pub near: f64,
    /// Mean area under the ROC curve.
    pub roc_auc: f64,
}

/// The mean training loss by epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossCurve {
    /// The table.
    pub table: String,
    /// How values were scaled.
    pub scaling: Scaling,
    /// From epoch 1 on.
    pub train_loss: Vec<f64>,
}
