//! The loop over epochs that every engine runs in: what is recorded, kept and stopped by.

use crate::observer::{StopSignal, TrainingObserver};
use crate::{EpochRecord, Error, History, Result, StopReason, TrainingConfig};

/// One training as its loop sees it: what an engine does in an epoch.
pub(crate) trait Steps {
    /// The network as it is at one time.
    type Copy;

    /// One pass over the training rows; returns the mean of their losses.
    fn epoch(&mut self) -> Result<f64>;

    /// The mean losses of the validation and the test part, where there are any.
    fn watched_losses(&mut self) -> Result<(Option<f64>, Option<f64>)>;

    /// The network now.
    fn copy(&self) -> Self::Copy;
}

/// What a training is asked for besides its settings.
pub(crate) struct Loop<'a, 'o> {
    pub(crate) config: &'a TrainingConfig,
    /// The epochs after which the network is copied.
    pub(crate) snapshots: &'a [usize],
    pub(crate) observer: Option<&'o mut (dyn TrainingObserver + 'o)>,
    pub(crate) stop: StopSignal,
}

/// What a training gives.
pub(crate) struct Trained<C> {
    /// The network after each of the epochs asked for that were reached.
    pub(crate) copies: Vec<(usize, C)>,
    /// The network that is kept: the last, or the best with early stopping.
    pub(crate) model: C,
    pub(crate) history: History,
}

impl<C> Trained<C> {
    /// The same with every copy made into something else.
    pub(crate) fn try_map<D>(self, mut make: impl FnMut(C) -> Result<D>) -> Result<Trained<D>> {
        let copies = self.copies.into_iter();
        Ok(Trained {
            copies: copies
                .map(|(epoch, copy)| Ok((epoch, make(copy)?)))
                .collect::<Result<_>>()?,
            model: make(self.model)?,
            history: self.history,
        })
    }
}

impl Loop<'_, '_> {
    /// One epoch and its record.
    fn epoch<S: Steps>(&mut self, epoch: usize, steps: &mut S) -> Result<(EpochRecord, bool)> {
        let train_loss = steps.epoch()?;
        if !train_loss.is_finite() {
            return Err(Error::NonFiniteLoss {
                epoch,
                loss: train_loss as f32,
                learning_rate: self.config.learning_rate,
            });
        }
        let (valid_loss, test_loss) = steps.watched_losses()?;
        let record = EpochRecord {
            epoch,
            train_loss,
            valid_loss,
            test_loss,
        };
        let n_epochs = self.config.epochs;
        let asked = self
            .observer
            .as_mut()
            .is_some_and(|observer| observer.on_epoch(&record, n_epochs).is_break());
        Ok((record, asked || self.stop.is_requested()))
    }

    /// Runs the epochs.
    pub(crate) fn run<S: Steps>(mut self, steps: &mut S) -> Result<Trained<S::Copy>> {
        let config = self.config;
        let mut epochs: Vec<EpochRecord> = Vec::with_capacity(config.epochs);
        let mut best: Option<(f64, usize, S::Copy)> = None;
        let mut copies = Vec::new();
        let mut stop_reason = StopReason::Finished;
        for epoch in 1..=config.epochs {
            let (record, is_stop_asked) = self.epoch(epoch, steps)?;
            epochs.push(record);
            if self.snapshots.contains(&epoch) {
                copies.push((epoch, steps.copy()));
            }
            if let (Some(early), Some(loss)) = (config.early_stopping, record.valid_loss) {
                if best
                    .as_ref()
                    .is_none_or(|(least, ..)| loss < least - early.min_delta)
                {
                    best = Some((loss, epoch, steps.copy()));
                } else if best
                    .as_ref()
                    .is_some_and(|(_, at, _)| epoch - at >= early.patience)
                {
                    stop_reason = StopReason::EarlyStopping;
                    break;
                }
            }
            if is_stop_asked && epoch < config.epochs {
                stop_reason = StopReason::Interrupted;
                break;
            }
        }
        let (kept_epoch, model) = match best {
            Some((_, epoch, model)) => (epoch, model),
            None => (epochs.len(), steps.copy()),
        };
        let history = History {
            epochs,
            stop_reason,
            kept_epoch,
        };
        Ok(Trained {
            copies,
            model,
            history,
        })
    }
}
