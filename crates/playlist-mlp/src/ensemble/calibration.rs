//! Scores to probabilities, learnt out of fold.

use serde::{Deserialize, Serialize};

use super::targets::{Head, Targets, sigmoid};

/// Where the slope is drawn to when there are few rows. A score that is a probability has a slope of about 2 in the
/// middle; a ridge draws scores together, so that it takes twice as much (chosen on training parts of 100 and 250 rows).
const PRIOR_SLOPE: f64 = 4.0;

/// Most Newton steps; a handful suffices.
const MAX_STEPS: usize = 50;

/// Softmax of `slope * score + bias`. The slope is never negative: likeness never counts against a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Calibration {
    slope: f64,
    /// One a class; the first is 0.
    biases: Vec<f64>,
}

impl Calibration {
    /// Fitted on `scores`, `[n_samples, n_classes]`, that know nothing of the row's own class, by Newton's
    /// method on the log loss with a weak prior (one row's worth).
    pub(crate) fn fit(scores: &[f32], y: &[usize], n_classes: usize) -> Self {
        let mut theta = vec![0.0; n_classes];
        theta[0] = PRIOR_SLOPE;
        for _ in 0..MAX_STEPS {
            let (mut gradient, mut hessian) = derivatives(&theta, scores, y, n_classes);
            for at in 0..n_classes {
                let (weight, center) = if at == 0 { (1.0, PRIOR_SLOPE) } else { (1e-2, 0.0) };
                gradient[at] += weight * (theta[at] - center);
                hessian[at * n_classes + at] += weight;
            }
            let step = solve(&mut hessian, &mut gradient);
            let largest = step
                .iter()
                .fold(0.0, |largest: f64, value| largest.max(value.abs()));
            let damping = if largest > 4.0 { 4.0 / largest } else { 1.0 };
            for (theta, step) in theta.iter_mut().zip(&step) {
                *theta -= damping * step;
            }
            theta[0] = theta[0].max(0.0);
            if largest < 1e-9 {
                break;
            }
        }
        let slope = std::mem::replace(&mut theta[0], 0.0);
        Self { slope, biases: theta }
    }

    /// The probability of the second of two classes.
    pub(crate) fn second_of_two(&self, scores: [f32; 2]) -> f64 {
        let [first, second] = [0, 1].map(|class| self.slope * f64::from(scores[class]) + self.biases[class]);
        sigmoid(second - first)
    }

    /// The logarithms of the probabilities of one row, `[n_classes]`.
    pub(crate) fn log_probabilities(&self, scores: &[f32]) -> Vec<f64> {
        let each = scores.iter().zip(&self.biases);
        log_softmax(
            each.map(|(score, bias)| self.slope * f64::from(*score) + bias)
                .collect(),
        )
    }

    /// Checks what a file says.
    pub(crate) fn validate(&self, n_classes: usize) -> Result<(), String> {
        let finite = self.slope.is_finite() && self.biases.iter().all(|bias| bias.is_finite());
        if self.biases.len() != n_classes || !finite {
            return Err(format!("expected a finite calibration of {n_classes} classes"));
        }
        Ok(())
    }
}

/// The calibrations of one kernel machine: one for all classes together, or one a label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Calibrations(pub Vec<Calibration>);

impl Calibrations {
    /// Fitted on leave-one-out scores, `[n_samples, n_columns]`.
    pub(crate) fn fit(scores: &[f32], targets: Targets<'_>) -> Self {
        let (y, n_labels) = match targets {
            Targets::Classes { y, n_classes } => return Self(vec![Calibration::fit(scores, y, n_classes)]),
            Targets::Labels { y, n_labels } => (y, n_labels),
        };
        let labels = (0..n_labels).map(|label| {
            let has: Vec<usize> = y
                .chunks_exact(n_labels)
                .map(|row| usize::from(row[label]))
                .collect();
            let both: Vec<f32> = scores
                .chunks_exact(n_labels)
                .flat_map(|row| without_and_with(row[label]))
                .collect();
            Calibration::fit(&both, &has, 2)
        });
        Self(labels.collect())
    }

    /// The probabilities of one row into `p`, both `[n_columns]`.
    pub(crate) fn probabilities(&self, head: Head, scores: &[f32], p: &mut [f64]) {
        match (head, scores) {
            (Head::Classes, [first, second]) => {
                p[1] = self.0[0].second_of_two([*first, *second]);
                p[0] = 1.0 - p[1];
            }
            (Head::Classes, _) => {
                for (p, log_p) in p.iter_mut().zip(self.0[0].log_probabilities(scores)) {
                    *p = log_p.exp();
                }
            }
            (Head::Labels, _) => {
                for ((p, calibration), score) in p.iter_mut().zip(&self.0).zip(scores) {
                    *p = calibration.second_of_two(without_and_with(*score));
                }
            }
        }
    }

    /// Checks what a file says.
    pub(crate) fn validate(&self, head: Head, n_columns: usize) -> Result<(), String> {
        let (expected, n_classes) = match head {
            Head::Classes => (1, n_columns),
            Head::Labels => (n_columns, 2),
        };
        if self.0.len() != expected {
            return Err(format!(
                "expected {expected} calibrations, found {}",
                self.0.len()
            ));
        }
        self.0.iter().try_for_each(|each| each.validate(n_classes))
    }
}

/// The score of a label as those of two classes: without it, with it.
fn without_and_with(score: f32) -> [f32; 2] {
    [1.0 - score, score]
}

/// Log probabilities that sum to one as probabilities.
pub(crate) fn log_softmax(mut logits: Vec<f64>) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    for logit in &mut logits {
        *logit -= largest + sum.ln();
    }
    logits
}

/// The mean log loss of probabilities, `[n_samples, n_columns]`; of labels the mean over the labels as well.
pub(crate) fn mean_log_loss(p: &[f64], targets: Targets<'_>) -> f64 {
    let n_columns = targets.n_columns();
    let log = |p: f64| p.max(1e-300).ln();
    let losses = p
        .chunks_exact(n_columns)
        .enumerate()
        .map(|(row, p)| match targets {
            Targets::Classes { y, .. } => -log(p[y[row]]),
            Targets::Labels { .. } => {
                let losses = p
                    .iter()
                    .enumerate()
                    .map(|(label, p)| -log(if targets.has(row, label) { *p } else { 1.0 - p }));
                losses.sum::<f64>() / n_columns as f64
            }
        });
    losses.sum::<f64>() / targets.n_samples() as f64
}

/// Gradient and Hessian of the summed log loss in the slope and the biases of all classes but the first.
fn derivatives(theta: &[f64], scores: &[f32], y: &[usize], k: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut gradient, mut hessian) = (vec![0.0; k], vec![0.0; k * k]);
    for (scores, &class) in scores.chunks_exact(k).zip(y) {
        let score = |class: usize| f64::from(scores[class]);
        let logits = (0..k).map(|class| theta[0] * score(class) + if class > 0 { theta[class] } else { 0.0 });
        let p: Vec<f64> = log_softmax(logits.collect())
            .iter()
            .map(|log_p| log_p.exp())
            .collect();
        let mean: f64 = (0..k).map(|class| p[class] * score(class)).sum();
        gradient[0] += mean - score(class);
        hessian[0] += p
            .iter()
            .zip(scores)
            .map(|(p, s)| p * (f64::from(*s) - mean).powi(2))
            .sum::<f64>();
        for c in 1..k {
            gradient[c] += p[c] - f64::from(u8::from(class == c));
            let cross = p[c] * (score(c) - mean);
            hessian[c] += cross;
            hessian[c * k] += cross;
            for d in 1..k {
                hessian[c * k + d] += p[c] * (f64::from(u8::from(c == d)) - p[d]);
            }
        }
    }
    (gradient, hessian)
}

/// Solves `a x = b` for a symmetric positive matrix by elimination.
fn solve(a: &mut [f64], b: &mut [f64]) -> Vec<f64> {
    let n = b.len();
    for pivot in 0..n {
        for row in pivot + 1..n {
            let factor = a[row * n + pivot] / a[pivot * n + pivot];
            for column in pivot..n {
                a[row * n + column] -= factor * a[pivot * n + column];
            }
            b[row] -= factor * b[pivot];
        }
    }
    let mut x = vec![0.0; n];
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|column| a[row * n + column] * x[column]).sum();
        x[row] = (b[row] - known) / a[row * n + row];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_that_say_nothing_give_the_shares_of_the_classes() {
        let scores = vec![0.3; 800];
        let y: Vec<usize> = (0..400).map(|i| usize::from(i % 4 == 0)).collect();
        let p = Calibration::fit(&scores, &y, 2).log_probabilities(&[0.3, 0.3]);
        assert!((p[1].exp() - 0.25).abs() < 1e-3);
    }

    #[test]
    fn scores_that_are_probabilities_times_two_are_found_out() {
        // Class 1 in 3 of 4 rows of the one kind, in 1 of 4 of the other.
        let rows = (0..400).map(|i| (i % 2, usize::from(i / 2 % 4 < if i % 2 == 0 { 3 } else { 1 })));
        let (kinds, y): (Vec<usize>, Vec<usize>) = rows.unzip();
        let scores: Vec<f32> = kinds
            .iter()
            .flat_map(|kind| if *kind == 0 { [0.0, 1.0] } else { [1.0, 0.0] })
            .collect();
        let p = Calibration::fit(&scores, &y, 2).log_probabilities(&[0.0, 1.0]);
        // The prior weighs as one row, and draws the slope from 1.1 towards 4.
        assert!((p[1].exp() - 0.75).abs() < 1e-2);
    }

    #[test]
    fn likeness_never_counts_against_a_class() {
        let scores: Vec<f32> = (0..40)
            .flat_map(|i| [(i % 2) as f32, (1 - i % 2) as f32])
            .collect();
        let y: Vec<usize> = (0..40).map(|i| i % 2).collect();
        let p = Calibration::fit(&scores, &y, 2).log_probabilities(&[0.0, 1.0]);
        assert!((p[1].exp() - 0.5).abs() < 1e-2);
    }
}
