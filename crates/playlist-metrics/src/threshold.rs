//! Where to cut: rules that learn a decision threshold.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::score::{Score, SortedScores};

/// A rule that turns predictions into a decision threshold.
///
/// Learn on training or validation predictions only, never on the test predictions that the
/// threshold is then judged by: a threshold fitted to the test labels makes the scores too good.
///
/// As text: a number, `midpoint`, `best-f1`, `youden` or `prior`.
///
/// # Examples
/// ```
/// use playlist_metrics::ThresholdRule;
///
/// let rule: ThresholdRule = "best-f1".parse()?;
/// let y_valid = [false, false, true, false, true, true];
/// let threshold = rule.learn(&y_valid, &[0.125, 0.25, 0.375, 0.5, 0.625, 0.875])?;
/// assert_eq!(threshold, 0.3125); // half way between 0.25 and 0.375
/// assert_eq!(ThresholdRule::Fixed(0.5).to_string(), "0.5");
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThresholdRule {
    /// This threshold, whatever the data.
    Fixed(f64),
    /// Half way between the smallest and the largest prediction: the paper's rule. It does not
    /// look at the labels, and one odd prediction moves it.
    Midpoint,
    /// The threshold with the highest F1.
    BestF1,
    /// The threshold with the highest `recall + specificity - 1`.
    Youden,
    /// The threshold at which the share of samples predicted positive is nearest to the share of
    /// positive labels.
    Prior,
}

impl ThresholdRule {
    /// Returns the threshold for these training or validation predictions.
    ///
    /// The three rules that search compare the cuts between neighbouring distinct scores, and the
    /// cut below the lowest, so at least one sample is always predicted positive. A cut lies half
    /// way between its two scores (on the upper one, should no number lie between); the cut below
    /// the lowest score is that score. Cuts are compared in exact integers; of equally good ones
    /// the highest is taken, which predicts the fewest positives. A run of equal scores falls on
    /// one side as a whole, so [`Prior`](Self::Prior) may miss the share by part of a run.
    ///
    /// # Shapes
    /// `y_true` and `y_score`: `[n_samples]`.
    ///
    /// # Errors
    /// - [`Error::Empty`], [`Error::LengthMismatch`]: no samples, or not one score a label.
    /// - [`Error::NonFiniteScore`]: a score is NaN or infinite.
    /// - [`Error::InvalidThreshold`]: a fixed threshold is not finite.
    /// - [`Error::OneClass`]: best F1 and prior without positive samples, Youden without both.
    pub fn learn<S: Score>(&self, y_true: &[bool], y_score: &[S]) -> Result<f64> {
        let sorted = SortedScores::new(y_true, y_score)?;
        match self {
            Self::Fixed(threshold) => check_fixed(*threshold),
            Self::Midpoint => Ok(midpoint(&sorted)),
            Self::BestF1 => {
                sorted.check_positives()?;
                Ok(best_f1(&sorted))
            }
            Self::Youden => {
                sorted.check_both_classes()?;
                Ok(youden(&sorted))
            }
            Self::Prior => {
                sorted.check_positives()?;
                Ok(prior(&sorted))
            }
        }
    }
}

impl fmt::Display for ThresholdRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(threshold) => write!(f, "{threshold}"),
            Self::Midpoint => f.write_str("midpoint"),
            Self::BestF1 => f.write_str("best-f1"),
            Self::Youden => f.write_str("youden"),
            Self::Prior => f.write_str("prior"),
        }
    }
}

impl FromStr for ThresholdRule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "midpoint" => Ok(Self::Midpoint),
            "best-f1" => Ok(Self::BestF1),
            "youden" => Ok(Self::Youden),
            "prior" => Ok(Self::Prior),
            _ => {
                let threshold: f64 = text.parse().map_err(|_| Error::UnknownThresholdRule {
                    found: text.to_owned(),
                })?;
                check_fixed(threshold).map(Self::Fixed)
            }
        }
    }
}

fn check_fixed(threshold: f64) -> Result<f64> {
    if threshold.is_finite() {
        Ok(threshold)
    } else {
        Err(Error::InvalidThreshold { value: threshold })
    }
}

fn midpoint<S: Score>(sorted: &SortedScores<S>) -> f64 {
    let (smallest, largest) = sorted
        .runs()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), run| {
            (low.min(run.score), high.max(run.score))
        });
    f64::midpoint(smallest, largest)
}

/// What lies at or above a cut.
#[derive(Clone, Copy)]
struct Above {
    n_true: u64,
    n_false: u64,
}

/// Calls `visit` with each cut from the lowest up; the last cut it calls better is returned.
fn highest_best<S: Score>(
    sorted: &SortedScores<S>,
    mut is_at_least_as_good: impl FnMut(Above) -> bool,
) -> f64 {
    let mut above = Above {
        n_true: sorted.n_positives(),
        n_false: sorted.n_negatives(),
    };
    let mut below = None;
    let mut threshold = 0.0;
    for run in sorted.runs() {
        if is_at_least_as_good(above) {
            threshold = below.map_or(run.score, |score| cut_between(score, run.score));
        }
        above.n_true -= run.n_positives;
        above.n_false -= run.n_negatives;
        below = Some(run.score);
    }
    threshold
}

/// A number above `lower` and at most `upper`, half way where there is one.
fn cut_between(lower: f64, upper: f64) -> f64 {
    let middle = f64::midpoint(lower, upper);
    if middle > lower { middle } else { upper }
}

fn best_f1<S: Score>(sorted: &SortedScores<S>) -> f64 {
    // F1 is 2 tp / (predicted + positives); fractions are compared by cross multiplication.
    let n_positives = u128::from(sorted.n_positives());
    let mut best = (0_u128, 1_u128);
    highest_best(sorted, |above| {
        let n_true = u128::from(above.n_true);
        let size = n_true + u128::from(above.n_false) + n_positives;
        let is_better = n_true * best.1 >= best.0 * size;
        if is_better {
            best = (n_true, size);
        }
        is_better
    })
}

fn youden<S: Score>(sorted: &SortedScores<S>) -> f64 {
    // tp / positives - fp / negatives, multiplied by both totals.
    let (n_positives, n_negatives) = (i128::from(sorted.n_positives()), i128::from(sorted.n_negatives()));
    let mut best = i128::MIN;
    highest_best(sorted, |above| {
        let gain = i128::from(above.n_true) * n_negatives - i128::from(above.n_false) * n_positives;
        let is_better = gain >= best;
        best = best.max(gain);
        is_better
    })
}

fn prior<S: Score>(sorted: &SortedScores<S>) -> f64 {
    let mut best = u64::MAX;
    highest_best(sorted, |above| {
        let distance = (above.n_true + above.n_false).abs_diff(sorted.n_positives());
        let is_better = distance <= best;
        best = best.min(distance);
        is_better
    })
}

#[cfg(test)]
mod tests {
    use super::{ThresholdRule, cut_between};
    use crate::Error;

    const Y_TRUE: [bool; 7] = [false, true, false, false, true, false, true];
    const Y_SCORE: [f64; 7] = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875];

    fn learn(rule: ThresholdRule) -> f64 {
        rule.learn(&Y_TRUE, &Y_SCORE).unwrap()
    }

    #[test]
    fn each_rule_takes_its_own_cut() {
        assert_eq!(learn(ThresholdRule::Fixed(0.3)), 0.3);
        assert_eq!(learn(ThresholdRule::Midpoint), 0.5);
        // F1 from the lowest cut up: 6/10, 6/9, 4/8, 4/7, 4/6, 2/5, 2/4: two are equal at 2/3.
        assert_eq!(learn(ThresholdRule::BestF1), 0.5625);
        // Youden times 12: 0, 3, -1, 2, 5, 1, 4.
        assert_eq!(learn(ThresholdRule::Youden), 0.5625);
        assert_eq!(learn(ThresholdRule::Prior), 0.5625);
    }

    #[test]
    fn the_searching_rules_can_disagree() {
        let y_true = [true, false, false, false, true];
        let y_score = [0.25_f32, 0.25, 0.5, 0.75, 1.0];
        let learn = |rule: ThresholdRule| rule.learn(&y_true, &y_score).unwrap();
        // F1: 4/7, 2/5, 2/4, 2/3.
        assert_eq!(learn(ThresholdRule::BestF1), 0.875);
        assert_eq!(learn(ThresholdRule::Youden), 0.875);
        assert_eq!(learn(ThresholdRule::Prior), 0.625);
    }

    #[test]
    fn of_equally_good_cuts_the_highest_is_taken() {
        let y_true = [false, true, false, true];
        // Youden times 4, from the lowest cut up: 0, 2, 0, 2.
        let youden = ThresholdRule::Youden.learn(&y_true, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(youden, Ok(3.5));
        // Two positives; the run at 2 leaves a choice of one or three predicted.
        let prior = ThresholdRule::Prior.learn(&y_true, &[1.0, 2.0, 2.0, 3.0]);
        assert_eq!(prior, Ok(2.5));
    }

    #[test]
    fn rules_are_written_to_files_as_they_are_named() {
        let json = serde_json::to_string(&[ThresholdRule::BestF1, ThresholdRule::Fixed(0.5)]);
        assert_eq!(json.unwrap(), r#"["best-f1",{"fixed":0.5}]"#);
        let read: ThresholdRule = serde_json::from_str(r#""youden""#).unwrap();
        assert_eq!(read, ThresholdRule::Youden);
    }

    #[test]
    fn a_constant_score_is_cut_at_itself() {
        for rule in [
            ThresholdRule::Midpoint,
            ThresholdRule::BestF1,
            ThresholdRule::Youden,
            ThresholdRule::Prior,
        ] {
            assert_eq!(rule.learn(&Y_TRUE, &[-2.5; 7]), Ok(-2.5), "{rule}");
        }
    }

    #[test]
    fn a_cut_never_falls_on_the_lower_score() {
        let lower = 1.0_f64;
        let upper = lower.next_up();
        assert_eq!(cut_between(lower, upper), upper);
        assert_eq!(cut_between(f64::MIN, f64::MAX), 0.0);
    }

    #[test]
    fn text_and_rule_are_inverse() {
        for text in ["0.5", "-1.25", "midpoint", "best-f1", "youden", "prior"] {
            assert_eq!(text.parse::<ThresholdRule>().unwrap().to_string(), text);
        }
        let unknown = Error::UnknownThresholdRule {
            found: "median".to_owned(),
        };
        assert_eq!("median".parse::<ThresholdRule>(), Err(unknown));
        assert!(matches!(
            "inf".parse::<ThresholdRule>(),
            Err(Error::InvalidThreshold { .. })
        ));
    }

    #[test]
    fn labels_without_positives_teach_only_the_rules_that_ignore_them() {
        let learn = |rule: ThresholdRule| rule.learn(&[false; 7], &Y_SCORE);
        let one_class = Err(Error::OneClass {
            n_samples: 7,
            positive: false,
        });
        assert_eq!(learn(ThresholdRule::Midpoint), Ok(0.5));
        assert_eq!(learn(ThresholdRule::BestF1), one_class);
        assert_eq!(learn(ThresholdRule::Youden), one_class);
        assert_eq!(learn(ThresholdRule::Prior), one_class);
    }
}
