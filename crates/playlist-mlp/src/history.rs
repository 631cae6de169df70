//! What happened during training.

use serde::{Deserialize, Serialize};

/// The losses of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Mean loss over the training rows, each at the time when its batch was trained on.
    pub train_loss: f64,
    /// Mean loss over the validation part after the epoch, where there is one.
    pub valid_loss: Option<f64>,
    /// Mean loss over the test part after the epoch, where one was given to be watched. Nothing is
    /// decided by it.
    pub test_loss: Option<f64>,
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// All epochs were run.
    Finished,
    /// The validation loss no longer fell; the weights of the best epoch were kept.
    EarlyStopping,
    /// Somebody asked for it; the weights of the last epoch were kept.
    Interrupted,
}

/// The losses of every epoch. Serialises to JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// One record an epoch, in order.
    pub epochs: Vec<EpochRecord>,
    /// Why training ended.
    pub stop_reason: StopReason,
    /// The epoch whose weights were kept, from 1.
    pub kept_epoch: usize,
}
