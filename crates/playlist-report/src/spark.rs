//! Small charts made of letters, for a terminal.

use crate::details::{ExperimentDetails, FeatureValues};
use crate::histogram::{Bins, shares};
use crate::printable;

/// Eighths of a line, from nothing to all.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The most classes whose histograms are drawn as text.
const MOST_CLASSES: usize = 6;

/// One letter a value, as high as the value lies between `low` and `high`; a space where a value is not finite.
///
/// # Examples
/// ```
/// assert_eq!(playlist_report::spark(&[0.0, 0.5, 1.0, f64::NAN], 0.0, 1.0), "▁▅█ ");
/// ```
#[must_use]
pub fn spark(values: &[f64], low: f64, high: f64) -> String {
    let span = high - low;
    let block = |value: &f64| {
        if !value.is_finite() {
            return ' ';
        }
        let share = if span > 0.0 { (value - low) / span } else { 0.5 };
        // The cast keeps to 0 and above; the last block holds the largest value.
        BLOCKS[((share * BLOCKS.len() as f64) as usize).min(BLOCKS.len() - 1)]
    };
    values.iter().map(block).collect()
}

/// At most `n` of the values, evenly spaced, the first and the last among them.
fn thinned(values: &[f64], n: usize) -> Vec<f64> {
    if values.len() <= n {
        return values.to_vec();
    }
    let last = values.len() - 1;
    (0..n).map(|i| values[i * last / (n - 1)]).collect()
}

/// The losses of every training and each feature's histogram by class, as lines of text.
///
/// A loss line runs from its largest to its smallest value; a histogram's bars show the share of a class's tracks in
/// each bin, and the classes of one feature have one scale.
#[must_use]
pub fn charts_text(details: &ExperimentDetails) -> String {
    let mut lines = Vec::new();
    for history in &details.histories {
        let name = printable(&history.model);
        for (what, losses) in history.curves() {
            let (low, high) = ends(&losses);
            let (first, last) = (losses[0], losses[losses.len() - 1]);
            lines.push(format!(
                "loss     {name}, {what:<10} {first:.4} {} {last:.4}  ({} epochs)",
                spark(&thinned(&losses, 40), low, high),
                losses.len()
            ));
        }
    }
    if details.classes.len() > MOST_CLASSES {
        lines.push(format!(
            "{} classes: too many to draw their features as text; --html and --plots draw them",
            details.classes.len()
        ));
        return lines.join("\n") + "\n";
    }
    let width = details
        .classes
        .iter()
        .map(|class| printable(class).chars().count());
    let width = width.max().unwrap_or(0);
    for feature in details.by_effect() {
        lines.extend(feature_lines(feature, details, width));
    }
    lines.join("\n") + "\n"
}

fn feature_lines(feature: &FeatureValues, details: &ExperimentDetails, width: usize) -> Vec<String> {
    let Some(bins) = Bins::of(feature, 32) else {
        return vec![format!("feature  {}: no value is known", feature.name)];
    };
    let effect = feature
        .effect(&details.y, details.classes.len())
        .map_or_else(|| "no effect size".to_owned(), |effect| effect.to_string());
    let mut lines = vec![format!("feature  {} ({}): {effect}", feature.name, feature.unit)];
    let each = shares(feature, &bins, &details.y, details.classes.len());
    let highest = each.iter().flatten().copied().fold(0.0, f64::max);
    for (class, shares) in details.classes.iter().zip(&each) {
        lines.push(format!(
            "         {:<width$} {} {} {}",
            printable(class),
            bins.label_low(),
            spark(shares, 0.0, highest),
            bins.label_high(),
        ));
    }
    lines
}

fn ends(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spark_stays_between_its_ends() {
        assert_eq!(spark(&[-1.0, 0.0, 0.99, 1.0, 2.0], 0.0, 1.0), "▁▁███");
        assert_eq!(
            spark(&[3.0, 3.0], 3.0, 3.0),
            "▅▅",
            "equal values lie in the middle"
        );
    }

    #[test]
    fn thinning_keeps_both_ends() {
        let values: Vec<f64> = (0..350).map(f64::from).collect();
        let thin = thinned(&values, 40);
        assert_eq!((thin.len(), thin[0], thin[39]), (40, 0.0, 349.0));
    }
}
