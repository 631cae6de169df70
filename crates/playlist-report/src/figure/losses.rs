//! The losses of a training.

use crate::Result;
use crate::details::LossHistory;
use crate::figure::canvas::{Figure, Frame, SERIES, line};
use crate::figure::curves::thinned;

/// The losses of one training, epoch by epoch.
pub(crate) fn losses(history: &LossHistory) -> Result<Figure> {
    let curves = history.curves();
    let all = || curves.iter().flat_map(|(_, losses)| losses.iter().copied());
    let (low, high) = (
        all().fold(f64::INFINITY, f64::min),
        all().fold(f64::NEG_INFINITY, f64::max),
    );
    let margin = ((high - low) * 0.05).max(1e-3);
    let n_epochs = history.train.len();
    let ends: Vec<String> = curves
        .iter()
        .map(|(name, losses)| format!("{name} from {:.4} to {:.4}", losses[0], losses[losses.len() - 1]))
        .collect();
    let frame = Frame {
        name: format!("loss-{}", history.model),
        title: format!("Loss of {} over the epochs", history.model),
        description: format!("{} over {n_epochs} epochs: {}.", history.loss, ends.join("; ")),
        x: 1.0..(n_epochs.max(2) as f64),
        y: (low - margin)..(high + margin),
        x_title: "epoch".to_owned(),
        y_title: history.loss.clone(),
        legend: curves
            .iter()
            .zip(SERIES)
            .map(|((name, _), colour)| ((*name).to_owned(), colour))
            .collect(),
        left: 88,
        ..Frame::default()
    };
    frame.draw(|chart| {
        for ((_, losses), colour) in curves.iter().zip(SERIES) {
            let points = losses.iter().enumerate().map(|(i, loss)| ((i + 1) as f64, *loss));
            line(chart, thinned(points.collect()), colour, 2)?;
        }
        Ok(())
    })
}
