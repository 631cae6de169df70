//! Classification metrics with their uncertainty: slices in, numbers out.
//!
//! The positive class is "in the playlist"; labels are `&[bool]` (`&[usize]` for several classes),
//! scores `&[f32]` or `&[f64]`. Arguments come in the order `y_true`, `y_score`, `threshold`, and a
//! score equal to the threshold is positive. `y_prob` must be probabilities, `y_score` may be any
//! finite numbers, logits for instance.
//!
//! ```
//! use playlist_metrics::{BinaryReport, roc_auc};
//!
//! let y_true = [false, false, true, true, false];
//! let y_prob = [0.1, 0.4, 0.35, 0.8, 0.2];
//! assert_eq!(roc_auc(&y_true, &y_prob)?, 5.0 / 6.0);
//!
//! let report = BinaryReport::new(&y_true, &y_prob, 0.5)?;
//! assert_eq!(report.precision, Some(1.0));
//! assert_eq!(report.recall, Some(0.5));
//! # Ok::<(), playlist_metrics::Error>(())
//! ```
//!
//! | For | Use |
//! | --- | --- |
//! | all at once | [`BinaryReport`], [`MultiClassReport`] |
//! | decisions at a threshold | [`ConfusionCounts`], [`ConfusionMatrix`] |
//! | the order of the scores | [`roc_auc`], [`average_precision`], [`roc_curve`], [`precision_recall_curve`], [`roc_auc_one_vs_rest`], [`top_k_accuracy`] |
//! | the probabilities | [`log_loss`], [`log_loss_from_logits`], [`brier_score`], [`log_loss_multiclass`], [`brier_multiclass`] |
//! | their honesty | [`expected_calibration_error`], [`calibration_curve`], [`top_class_calibration_error`]; of which how much is chance: [`calibration_floor`], [`top_class_calibration_floor`] |
//! | where to cut | [`ThresholdRule`] |
//! | how sure a number is | [`wilson_interval`], [`delong_interval`], [`bootstrap_interval`], [`bootstrap_band`], [`mean_interval`], [`corrected_mean_interval`] |
//! | whether a difference is real | [`mcnemar`], [`delong_test`], [`better_than_majority`], [`auc_better_than_chance`], [`auc_better_than_chance_over_folds`], [`corrected_resampled_t_test`], [`signed_rank_test`] |
//!
//! Four rules hold throughout. A metric without a value is `None` or an [`Error`], never 0 or NaN.
//! Bad input is an [`Error`] that names the row; nothing panics. Row order does not matter, ties
//! included. Metrics take every prediction of a split at once: an average of per-batch AUCs is not
//! an AUC.

mod bootstrap;
mod calibration;
mod calibration_floor;
mod confusion;
mod confusion_matrix;
mod delong;
mod distribution;
mod error;
mod interval;
mod multiclass;
mod paired;
mod probability;
mod ranking;
mod report;
mod score;
mod signed_rank;
mod sort;
mod threshold;

pub use bootstrap::{Bootstrap, bootstrap_band, bootstrap_interval};
pub use calibration::{CalibrationBin, CalibrationBins, calibration_curve, expected_calibration_error};
pub use calibration_floor::{CalibrationFloor, calibration_floor, top_class_calibration_floor};
pub use confusion::ConfusionCounts;
pub use confusion_matrix::{Average, ConfusionMatrix};
pub use delong::{DelongInterval, DelongTest, delong_interval, delong_test};
pub use error::{Error, Result};
pub use interval::{Interval, corrected_mean_interval, mean_interval, wilson_interval};
pub use multiclass::{
    brier_multiclass, log_loss_multiclass, roc_auc_one_vs_rest, roc_auc_per_class, top_class,
    top_class_calibration_error, top_k_accuracy,
};
pub use paired::{
    AucTest, MajorityTest, McNemarTest, ResampledTTest, auc_better_than_chance,
    auc_better_than_chance_over_folds, better_than_majority, corrected_resampled_t_test, mcnemar,
};
pub use probability::{brier_score, log_loss, log_loss_from_logits};
pub use ranking::{
    PrecisionRecallCurve, RocCurve, average_precision, precision_recall_curve, roc_auc, roc_curve,
};
pub use report::{BinaryReport, ClassReport, MultiClassReport};
pub use score::Score;
pub use signed_rank::{SignedRankTest, signed_rank_test};
pub use threshold::ThresholdRule;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctest;
