//! Watching and stopping a training.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::EpochRecord;

/// Told of every epoch; may end the training.
pub trait TrainingObserver {
    /// Called after each epoch. [`ControlFlow::Break`] ends the training cleanly: what was learnt is kept.
    fn on_epoch(&mut self, record: &EpochRecord, n_epochs: usize) -> ControlFlow<()>;
}

impl<F: FnMut(&EpochRecord, usize) -> ControlFlow<()>> TrainingObserver for F {
    fn on_epoch(&mut self, record: &EpochRecord, n_epochs: usize) -> ControlFlow<()> {
        self(record, n_epochs)
    }
}

/// A request to stop after the current epoch; clones share it, so a Ctrl-C handler can hold one.
#[derive(Clone, Debug, Default)]
pub struct StopSignal(Arc<AtomicBool>);

impl StopSignal {
    /// Asks for the stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the stop was asked for.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A progress bar on standard error with the loss and the time left; silent when that is no terminal.
#[derive(Debug)]
pub struct TrainingProgress {
    bar: ProgressBar,
}

impl TrainingProgress {
    /// A bar with a name in front.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        // The template is a constant; the default style is shown should it ever not parse.
        let style =
            ProgressStyle::with_template("{prefix:>14} [{bar:30}] {pos}/{len} epochs, {msg}, {eta} left");
        bar.set_style(
            style
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> "),
        );
        bar.set_prefix(name.to_owned());
        Self { bar }
    }
}

impl TrainingObserver for TrainingProgress {
    fn on_epoch(&mut self, record: &EpochRecord, n_epochs: usize) -> ControlFlow<()> {
        self.bar.set_length(n_epochs as u64);
        self.bar.set_message(format!(
            "loss {:.4}",
            record.valid_loss.unwrap_or(record.train_loss)
        ));
        self.bar.set_position(record.epoch as u64);
        ControlFlow::Continue(())
    }
}

impl Drop for TrainingProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
