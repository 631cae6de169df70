//! The paper's numbers, and when a run counts as showing them.

use playlist_metrics::ConfusionCounts;
use serde::{Deserialize, Serialize};

/// What the paper reports (section 7).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaperResult {
    /// Mean binary cross-entropy on the test part.
    pub test_loss: f64,
    /// Accuracy.
    pub accuracy: f64,
    /// Recall. (The text once says 0.004; F1 0.0763 with precision 0.5 needs 0.0413.)
    pub recall: f64,
    /// Precision.
    pub precision: f64,
    /// F1.
    pub f1: f64,
    /// By how much the training loss moves between epochs 2 and 350.
    pub loss_move: f64,
}

/// The paper's numbers.
pub const PAPER_RESULT: PaperResult = PaperResult {
    test_loss: 0.8675,
    accuracy: 0.5,
    recall: 0.0413,
    precision: 0.5,
    f1: 0.0763,
    loss_move: 0.03,
};

/// How far a run may be off and still count as showing the paper's numbers; fixed before any run was looked at.
///
/// The proportions get two standard errors of the paper's own number on the smallest test part that yields its
/// digits, 121 + 121 tracks ([`Tolerance::PAPER`]). F1 has no condition: it follows from precision and recall.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// Of the accuracy, and of the baseline's: 2 sqrt(0.25 / 242) = 0.064.
    pub accuracy: f64,
    /// Of the recall: 2 sqrt(0.0413 * 0.9587 / 121) = 0.036.
    pub recall: f64,
    /// Of the precision: 2 sqrt(0.25 / 10) = 0.316, since ten tracks were predicted positive.
    pub precision: f64,
    /// Of the test loss: 2 * 0.61 / sqrt(242) = 0.078. A constant prediction with a loss of 0.8675 on balanced labels
    /// is 0.229; the losses of its two kinds of tracks, 0.26 and 1.48, have a standard deviation of 0.61.
    pub test_loss: f64,
    /// The least and the greatest factor between the moves of the training loss. The paper gives one digit and no
    /// spread: from half to twice.
    pub loss_move_factor: f64,
}

impl Tolerance {
    /// See the fields.
    pub const PAPER: Self = Self {
        accuracy: 0.064,
        recall: 0.036,
        precision: 0.316,
        test_loss: 0.078,
        loss_move_factor: 2.0,
    };
}

/// What of one run is held against the paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// The test decisions.
    pub counts: ConfusionCounts,
    /// The loss on the test part.
    pub test_loss: f64,
    /// The accuracy of the paper's baseline on the test part.
    pub baseline_accuracy: f64,
    /// The training loss of epoch 2 less that of the last epoch; `None` where there was no such epoch.
    pub loss_move: Option<f64>,
}

/// Which of the paper's findings a run shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Accuracy at chance.
    pub accuracy: bool,
    /// Precision at chance; false where nothing was predicted positive.
    pub precision: bool,
    /// Hardly any positive found.
    pub recall: bool,
    /// The test loss.
    pub test_loss: bool,
    /// The baseline at chance as well.
    pub baseline: bool,
    /// A training loss that hardly moves.
    pub loss_move: bool,
}

impl Signature {
    /// Holds a run against the paper.
    ///
    /// # Examples
    /// ```
    /// use playlist_classifier::metrics::ConfusionCounts;
    /// use playlist_classifier::paper::{Shown, Signature};
    ///
    /// // 5 right and 5 wrong of 121 + 121: the paper's digits.
    /// let counts = ConfusionCounts {
    ///     true_positives: 5,
    ///     false_positives: 5,
    ///     true_negatives: 116,
    ///     false_negatives: 116,
    /// };
    /// let shown = Shown { counts, test_loss: 0.8675, baseline_accuracy: 0.5, loss_move: Some(0.03) };
    /// assert!(Signature::of(&shown).is_whole());
    /// assert!(!Signature::of(&Shown { test_loss: 0.693, ..shown }).is_whole());
    /// ```
    #[must_use]
    pub fn of(shown: &Shown) -> Self {
        let (paper, tolerance) = (PAPER_RESULT, Tolerance::PAPER);
        let near = |found: Option<f64>, expected: f64, tolerance: f64| {
            found.is_some_and(|found| (found - expected).abs() <= tolerance)
        };
        let factor = tolerance.loss_move_factor;
        let moves = paper.loss_move / factor..=paper.loss_move * factor;
        Self {
            accuracy: near(shown.counts.accuracy(), paper.accuracy, tolerance.accuracy),
            precision: near(shown.counts.precision(), paper.precision, tolerance.precision),
            recall: near(shown.counts.recall(), paper.recall, tolerance.recall),
            test_loss: near(Some(shown.test_loss), paper.test_loss, tolerance.test_loss),
            baseline: near(Some(shown.baseline_accuracy), paper.accuracy, tolerance.accuracy),
            loss_move: shown.loss_move.is_some_and(|found| moves.contains(&found)),
        }
    }

    /// The conditions in order: accuracy, precision, recall, test loss, baseline, loss curve.
    #[must_use]
    pub const fn conditions(self) -> [bool; 6] {
        [
            self.accuracy,
            self.precision,
            self.recall,
            self.test_loss,
            self.baseline,
            self.loss_move,
        ]
    }

    /// Whether the four scores of the network agree.
    #[must_use]
    pub const fn has_scores(self) -> bool {
        self.accuracy && self.precision && self.recall && self.test_loss
    }

    /// Whether everything agrees: scores, baseline and loss curve.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.has_scores() && self.baseline && self.loss_move
    }
}

/// The numbers of tracks a class, up to `most`, of balanced test parts that yield the paper's recall to its four
/// digits at a precision of one half.
///
/// ```
/// let sizes = playlist_classifier::paper::test_sizes_that_fit(250);
/// assert_eq!(sizes, [121, 218, 242]);
/// ```
#[must_use]
pub fn test_sizes_that_fit(most: usize) -> Vec<usize> {
    let printed = |value: f64| format!("{value:.4}");
    let fits = |n: &usize| {
        let likely = (PAPER_RESULT.recall * *n as f64) as usize;
        (likely..=likely + 1).any(|found| {
            let recall = found as f64 / *n as f64;
            let f1 = recall / (0.5 + recall);
            printed(recall) == printed(PAPER_RESULT.recall) && printed(f1) == printed(PAPER_RESULT.f1)
        })
    };
    (1..=most).filter(fits).collect()
}

/// The constant prediction whose cross-entropy on balanced labels is `loss`, the one below one half; `None` below
/// `ln 2`, where there is none.
///
/// ```
/// let p = playlist_classifier::paper::constant_with_loss(0.8675).expect("above ln 2");
/// assert!((p - 0.229).abs() < 5e-4);
/// ```
#[must_use]
pub fn constant_with_loss(loss: f64) -> Option<f64> {
    // -(ln p + ln(1 - p)) / 2 = loss.
    let product = (-2.0 * loss).exp();
    (product <= 0.25).then(|| 0.5 - (0.25 - product).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Shown {
        Shown {
            counts: ConfusionCounts {
                true_positives: 5,
                false_positives: 5,
                true_negatives: 116,
                false_negatives: 116,
            },
            test_loss: 0.8675,
            baseline_accuracy: 0.5,
            loss_move: Some(0.03),
        }
    }

    #[test]
    fn the_papers_own_numbers_match_and_have_its_digits() {
        let found = shown();
        assert_eq!(Signature::of(&found).conditions(), [true; 6]);
        assert_eq!(format!("{:.4}", found.counts.recall().unwrap()), "0.0413");
        assert_eq!(format!("{:.4}", found.counts.f1().unwrap()), "0.0763");
    }

    #[test]
    fn each_condition_fails_alone() {
        let counts = |tp, fp, tn, fn_| ConfusionCounts {
            true_positives: tp,
            false_positives: fp,
            true_negatives: tn,
            false_negatives: fn_,
        };
        let failing = |shown: Shown| {
            let conditions = Signature::of(&shown).conditions();
            (0..6).filter(|index| !conditions[*index]).collect::<Vec<_>>()
        };
        let with = |counts| Shown { counts, ..shown() };
        // Nothing predicted positive: no precision, no recall.
        assert_eq!(failing(with(counts(0, 0, 121, 121))), [1, 2]);
        assert_eq!(failing(with(counts(60, 60, 61, 61))), [2]);
        assert_eq!(failing(with(counts(9, 1, 120, 112))), [1]);
        assert_eq!(failing(with(counts(5, 40, 81, 116))), [0, 1]);
        assert_eq!(
            failing(Shown {
                test_loss: 0.693,
                ..shown()
            }),
            [3]
        );
        assert_eq!(
            failing(Shown {
                test_loss: f64::NAN,
                ..shown()
            }),
            [3]
        );
        assert_eq!(
            failing(Shown {
                baseline_accuracy: 0.7,
                ..shown()
            }),
            [4]
        );
        for loss_move in [None, Some(0.2), Some(0.0), Some(-0.03)] {
            assert_eq!(failing(Shown { loss_move, ..shown() }), [5]);
        }
    }

    #[test]
    fn tolerances_are_two_standard_errors() {
        let found = Tolerance::PAPER;
        let share = |p: f64, n: f64| 2.0 * (p * (1.0 - p) / n).sqrt();
        let p = constant_with_loss(PAPER_RESULT.test_loss).unwrap();
        let spread = ((1.0 - p) / p).ln() / 2.0;
        for (found, expected) in [
            (found.accuracy, share(0.5, 242.0)),
            (found.recall, share(0.0413, 121.0)),
            (found.precision, share(0.5, 10.0)),
            (found.test_loss, 2.0 * spread / 242.0_f64.sqrt()),
        ] {
            // Rounded to three digits.
            assert!((found - expected).abs() <= 5e-4, "{found} {expected}");
        }
        assert_eq!(constant_with_loss(0.6), None);
    }
}
