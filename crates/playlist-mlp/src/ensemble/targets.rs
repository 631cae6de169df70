//! What the rows of a fit are: one class each, or any number of labels.

use std::collections::HashMap;

use playlist_core::{Labels, MultiLabels};
use serde::{Deserialize, Serialize};

use crate::MlpConfig;

/// What the columns of an answer are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Head {
    /// Classes, of which a track has one: probabilities sum to one.
    #[default]
    Classes,
    /// Labels, of which a track may have any number: each has a probability of its own.
    Labels,
}

/// The classes or labels of the rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Targets<'a> {
    /// `[n_samples]`.
    Classes { y: &'a [usize], n_classes: usize },
    /// `[n_samples, n_labels]`.
    Labels { y: &'a [bool], n_labels: usize },
}

impl Head {
    /// The logits of a network for `n_columns` classes or labels.
    pub(crate) fn n_outputs(self, n_columns: usize) -> usize {
        match self {
            Self::Classes => MlpConfig::n_outputs(n_columns),
            Self::Labels => n_columns,
        }
    }

    /// The classes or labels of a network with `n_outputs` logits.
    pub(crate) fn n_columns(self, n_outputs: usize) -> usize {
        match (self, n_outputs) {
            (Self::Classes, 1) => 2,
            _ => n_outputs,
        }
    }

    /// The logits that give each class or label its probability in `p`: the inverse of [`Head::probabilities`].
    pub(crate) fn logits(self, p: &[f32]) -> Vec<f32> {
        let odds = |p: f32| (p / (1.0 - p)).ln();
        match (self, p) {
            (Self::Labels, _) => p.iter().map(|p| odds(*p)).collect(),
            (Self::Classes, [first, second]) => vec![(second / first).ln()],
            (Self::Classes, _) => {
                let mean = p.iter().map(|p| p.ln()).sum::<f32>() / p.len() as f32;
                p.iter().map(|p| p.ln() - mean).collect()
            }
        }
    }

    /// The probability of each class or label from the logits of one row, into `p`; one logit of two classes is that of
    /// the second.
    pub(crate) fn probabilities(self, logits: &[f32], p: &mut [f32]) {
        match (self, logits) {
            (Self::Labels, _) => {
                for (p, logit) in p.iter_mut().zip(logits) {
                    *p = sigmoid(f64::from(*logit)) as f32;
                }
            }
            (Self::Classes, [logit]) => {
                let second = sigmoid(f64::from(*logit));
                (p[0], p[1]) = ((1.0 - second) as f32, second as f32);
            }
            (Self::Classes, _) => softmax(logits, p),
        }
    }

    /// Whether each output has a sigmoid of its own.
    pub(crate) fn is_sigmoid(self, n_outputs: usize) -> bool {
        self == Self::Labels || n_outputs == 1
    }
}

pub(crate) fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

fn softmax(logits: &[f32], p: &mut [f32]) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for (p, logit) in p.iter_mut().zip(logits) {
        *p = (logit - largest).exp();
    }
    let sum: f32 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= sum);
}

impl<'a> From<&'a Labels> for Targets<'a> {
    fn from(labels: &'a Labels) -> Self {
        Self::Classes {
            y: labels.y(),
            n_classes: labels.n_classes(),
        }
    }
}

impl<'a> From<&'a MultiLabels> for Targets<'a> {
    fn from(labels: &'a MultiLabels) -> Self {
        Self::Labels {
            y: labels.y(),
            n_labels: labels.n_labels(),
        }
    }
}

impl Targets<'_> {
    pub(crate) fn head(self) -> Head {
        match self {
            Self::Classes { .. } => Head::Classes,
            Self::Labels { .. } => Head::Labels,
        }
    }

    pub(crate) fn n_samples(self) -> usize {
        match self {
            Self::Classes { y, .. } => y.len(),
            Self::Labels { y, n_labels } => y.len() / n_labels,
        }
    }

    /// Classes or labels.
    pub(crate) fn n_columns(self) -> usize {
        match self {
            Self::Classes { n_classes, .. } => n_classes,
            Self::Labels { n_labels, .. } => n_labels,
        }
    }

    pub(crate) fn n_outputs(self) -> usize {
        self.head().n_outputs(self.n_columns())
    }

    /// Whether `row` is of class `column` or has that label.
    pub(crate) fn has(self, row: usize, column: usize) -> bool {
        match self {
            Self::Classes { y, .. } => y[row] == column,
            Self::Labels { y, n_labels } => y[row * n_labels + column],
        }
    }

    /// What the outputs of a row should be: its truth, a share of it spread evenly.
    pub(crate) fn smoothed(self, row: usize, smoothing: f32, target: &mut [f32]) {
        match self {
            Self::Classes { y, .. } if target.len() == 1 => target[0] = smooth(y[row] == 1, smoothing),
            Self::Classes { y, .. } => {
                let even = smoothing / target.len() as f32;
                target.fill(even);
                target[y[row]] += 1.0 - smoothing;
            }
            Self::Labels { .. } => {
                for (column, target) in target.iter_mut().enumerate() {
                    *target = smooth(self.has(row, column), smoothing);
                }
            }
        }
    }

    /// Groups of rows that are alike in their classes or labels, by number: what is dealt out evenly over folds.
    pub(crate) fn strata(self) -> Vec<usize> {
        match self {
            Self::Classes { y, .. } => y.to_vec(),
            Self::Labels { y, n_labels } => {
                let mut numbers: HashMap<&[bool], usize> = HashMap::new();
                let rows = y.chunks_exact(n_labels).map(|row| {
                    let next = numbers.len();
                    *numbers.entry(row).or_insert(next)
                });
                rows.collect()
            }
        }
    }

    /// 1 where a row is of the class or has the label, else 0, for the rows numbered: `[n_columns, rows.len()]`.
    pub(crate) fn indicators(self, rows: &[usize]) -> Vec<f32> {
        let columns = 0..self.n_columns();
        columns
            .flat_map(|column| {
                rows.iter()
                    .map(move |row| f32::from(u8::from(self.has(*row, column))))
            })
            .collect()
    }
}

fn smooth(is: bool, smoothing: f32) -> f32 {
    if is {
        1.0 - smoothing / 2.0
    } else {
        smoothing / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_with_the_same_labels_are_of_one_stratum() {
        let labels = MultiLabels::new(["a", "b"], vec![true, false, true, true, true, false]).unwrap();
        let targets = Targets::from(&labels);
        assert_eq!(targets.strata(), [0, 1, 0]);
        assert_eq!(targets.indicators(&[0, 1]), [1.0, 1.0, 0.0, 1.0]);
        let mut target = [0.0; 2];
        targets.smoothed(0, 0.1, &mut target);
        assert_eq!(target, [0.95, 0.05]);
    }

    #[test]
    fn labels_have_a_sigmoid_each_and_classes_sum_to_one() {
        let mut p = [9.0; 3];
        Head::Labels.probabilities(&[0.0; 3], &mut p);
        assert_eq!(p, [0.5; 3]);
        Head::Classes.probabilities(&[0.0; 3], &mut p);
        assert!(p.iter().all(|p| (p - 1.0 / 3.0).abs() < 1e-6));
        Head::Classes.probabilities(&[0.0], &mut p[..2]);
        assert_eq!(p[..2], [0.5; 2]);
    }
}
