//! The scores that metrics take, and one sort that all ranking metrics share.

use crate::error::{Error, Result};
use crate::sort::sort_by_key;

mod sealed {
    /// An integer that holds the magnitude of a score above one label bit.
    pub trait Word: Copy + Ord + Send + Sync {
        const ZERO: Self;
        /// `flip` reverses the order, for scores below zero.
        fn pack(magnitude: Self, flip: bool, label: bool) -> Self;
        fn label(self) -> bool;
        fn key(self) -> u64;
    }

    /// What sorting needs to know of a float type.
    pub trait Sealed {
        type Word: Word;
        /// Bits of infinity: every finite magnitude is smaller.
        const INFINITY: Self::Word;
        /// Distance from 1 to the next larger number.
        const EPSILON: f64;
        fn magnitude(self) -> Self::Word;
        fn lies_below_zero(self) -> bool;
        /// Turns the key of a packed word back into the score.
        fn unpack(key: u64, below_zero: bool) -> f64;
    }
}

pub(crate) use sealed::{Sealed, Word};

/// A score or a probability: `f32` or `f64`.
///
/// The trait is sealed. Scores are widened to `f64` before any arithmetic, which is exact, so a
/// threshold in `f64` cuts `f32` scores without rounding.
///
/// # Examples
/// ```
/// use playlist_metrics::Score;
/// assert_eq!(0.5_f32.to_f64(), 0.5);
/// ```
pub trait Score: Sealed + Copy + Send + Sync {
    /// Returns the same number as `f64`.
    fn to_f64(self) -> f64;
}

macro_rules! impl_score {
    ($float:ty, $word:ty, $magnitude_mask:expr) => {
        impl Word for $word {
            const ZERO: Self = 0;

            fn pack(magnitude: Self, flip: bool, label: bool) -> Self {
                let key = if flip {
                    $magnitude_mask - magnitude
                } else {
                    magnitude
                };
                (key << 1) | Self::from(label)
            }

            fn label(self) -> bool {
                self & 1 == 1
            }

            fn key(self) -> u64 {
                u64::from(self >> 1)
            }
        }

        impl Sealed for $float {
            type Word = $word;
            const INFINITY: $word = <$float>::INFINITY.to_bits();
            const EPSILON: f64 = <$float>::EPSILON as f64;

            fn magnitude(self) -> $word {
                self.to_bits() & $magnitude_mask
            }

            fn lies_below_zero(self) -> bool {
                self < 0.0
            }

            fn unpack(key: u64, below_zero: bool) -> f64 {
                let key = key as $word;
                if below_zero {
                    -f64::from(<$float>::from_bits($magnitude_mask - key))
                } else {
                    f64::from(<$float>::from_bits(key))
                }
            }
        }

        impl Score for $float {
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
        }
    };
}

impl_score!(f32, u32, 0x7fff_ffff);
impl_score!(f64, u64, 0x7fff_ffff_ffff_ffff);

/// Checks that two slices describe the same, non-zero number of samples.
pub(crate) fn check_lengths(n_true: usize, name: &'static str, n_found: usize) -> Result<()> {
    if n_true == 0 && n_found == 0 {
        return Err(Error::Empty { name: "y_true" });
    }
    if n_true != n_found {
        return Err(Error::LengthMismatch {
            name,
            expected: n_true,
            found: n_found,
        });
    }
    Ok(())
}

/// Checks that every score is finite; `width` scores make one row.
pub(crate) fn check_finite<S: Score>(y_score: &[S], width: usize) -> Result<()> {
    let largest = y_score
        .iter()
        .fold(S::Word::ZERO, |largest, score| largest.max(score.magnitude()));
    if largest < S::INFINITY {
        return Ok(());
    }
    // One maximum over the bits is much cheaper than a test of every row, so the row is only
    // looked for when there is one.
    y_score
        .iter()
        .map(|score| score.to_f64())
        .enumerate()
        .find(|(_, value)| !value.is_finite())
        .map_or(Ok(()), |(index, value)| {
            Err(Error::NonFiniteScore {
                row: index / width.max(1),
                value,
            })
        })
}

/// Checks that a value is a probability.
pub(crate) fn check_probability(row: usize, value: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err(Error::ProbabilityOutOfRange { row, value })
    }
}

/// All samples that have the same score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) score: f64,
    pub(crate) n_positives: u64,
    pub(crate) n_negatives: u64,
}

impl Run {
    pub(crate) fn n_samples(self) -> u64 {
        self.n_positives + self.n_negatives
    }
}

/// Scores in ascending order, each with its label: sorted once, read by every ranking metric.
///
/// Scores below zero are kept apart from the rest. Within one sign the order of the floats is the
/// order of their magnitude bits, which leave the sign bit free for the label; so a sample is one
/// word of the size of its score. Both zeros are the same score.
pub(crate) struct SortedScores<S: Score> {
    below_zero: Vec<S::Word>,
    rest: Vec<S::Word>,
    n_positives: u64,
}

impl<S: Score> SortedScores<S> {
    /// Checks lengths and finiteness, then sorts.
    pub(crate) fn new(y_true: &[bool], y_score: &[S]) -> Result<Self> {
        check_lengths(y_true.len(), "y_score", y_score.len())?;
        check_finite(y_score, 1)?;
        let (mut below_zero, mut rest) = split_by_sign(y_true, y_score);
        sort_by_key(&mut below_zero, S::Word::key);
        sort_by_key(&mut rest, S::Word::key);
        let n_positives = y_true.iter().filter(|&&label| label).count() as u64;
        Ok(Self {
            below_zero,
            rest,
            n_positives,
        })
    }

    pub(crate) fn n_samples(&self) -> u64 {
        (self.below_zero.len() + self.rest.len()) as u64
    }

    pub(crate) fn n_positives(&self) -> u64 {
        self.n_positives
    }

    pub(crate) fn n_negatives(&self) -> u64 {
        self.n_samples() - self.n_positives
    }

    /// The sorted words, in pieces that share no score.
    pub(crate) fn pieces(&self) -> [&[S::Word]; 2] {
        [&self.below_zero, &self.rest]
    }

    /// Runs of equal scores, lowest score first.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Run> {
        let same_score = |a: &S::Word, b: &S::Word| a.key() == b.key();
        let to_run = |below_zero: bool| {
            move |run: &[S::Word]| {
                let n_positives = run.iter().filter(|word| word.label()).count() as u64;
                Run {
                    score: S::unpack(run[0].key(), below_zero),
                    n_positives,
                    n_negatives: run.len() as u64 - n_positives,
                }
            }
        };
        let below_zero = self.below_zero.chunk_by(same_score).map(to_run(true));
        below_zero.chain(self.rest.chunk_by(same_score).map(to_run(false)))
    }

    /// The error for a metric that needs both classes, if one is missing.
    pub(crate) fn check_both_classes(&self) -> Result<()> {
        self.check_positives()?;
        if self.n_negatives() == 0 {
            return Err(self.one_class(true));
        }
        Ok(())
    }

    /// The error for a metric that needs a positive sample, if there is none.
    pub(crate) fn check_positives(&self) -> Result<()> {
        if self.n_positives == 0 {
            return Err(self.one_class(false));
        }
        Ok(())
    }

    fn one_class(&self, positive: bool) -> Error {
        Error::OneClass {
            n_samples: self.below_zero.len() + self.rest.len(),
            positive,
        }
    }
}

/// Packs the samples below zero and the others.
fn split_by_sign<S: Score>(y_true: &[bool], y_score: &[S]) -> (Vec<S::Word>, Vec<S::Word>) {
    let samples = y_score.iter().zip(y_true);
    let n_below = y_score.iter().filter(|score| score.lies_below_zero()).count();
    if n_below == 0 {
        let rest = samples.map(|(score, &label)| S::Word::pack(score.magnitude(), false, label));
        return (Vec::new(), rest.collect());
    }
    // The signs of logits cannot be foreseen, so every sample is written to both lists and only
    // one of them moves on: a branch would cost more. Each has room for the last such write.
    let mut below_zero = vec![S::Word::ZERO; n_below + 1];
    let mut rest = vec![S::Word::ZERO; y_score.len() - n_below + 1];
    let (mut next_below, mut next_rest) = (0, 0);
    for (score, &label) in samples {
        below_zero[next_below] = S::Word::pack(score.magnitude(), true, label);
        rest[next_rest] = S::Word::pack(score.magnitude(), false, label);
        next_below += usize::from(score.lies_below_zero());
        next_rest += usize::from(!score.lies_below_zero());
    }
    below_zero.truncate(n_below);
    rest.truncate(y_score.len() - n_below);
    (below_zero, rest)
}

/// Adds many numbers with little rounding: blocks are added plainly, their sums with Neumaier's
/// compensation, so the error does not grow with the number of rows.
///
/// # Source
/// A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen",
/// ZAMM 54 (1974).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    block: f64,
    n_in_block: u32,
    total: f64,
    compensation: f64,
}

impl Sum {
    const BLOCK: u32 = 128;

    pub(crate) fn add(&mut self, value: f64) {
        self.block += value;
        self.n_in_block += 1;
        if self.n_in_block == Self::BLOCK {
            self.flush();
        }
    }

    pub(crate) fn total(mut self) -> f64 {
        self.flush();
        if self.total.is_finite() {
            self.total + self.compensation
        } else {
            self.total
        }
    }

    fn flush(&mut self) {
        let next = self.total + self.block;
        self.compensation += if self.total.abs() >= self.block.abs() {
            (self.total - next) + self.block
        } else {
            (self.block - next) + self.total
        };
        self.total = next;
        self.block = 0.0;
        self.n_in_block = 0;
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut sum = Self::default();
        values.into_iter().for_each(|value| sum.add(value));
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::{Run, Score, SortedScores, Sum, check_finite};
    use crate::Error;

    fn runs<S: Score>(y_true: &[bool], y_score: &[S]) -> Vec<Run> {
        SortedScores::new(y_true, y_score).unwrap().runs().collect()
    }

    fn run(score: f64, n_positives: u64, n_negatives: u64) -> Run {
        Run {
            score,
            n_positives,
            n_negatives,
        }
    }

    #[test]
    fn runs_ascend_across_signs_and_both_zeros_are_one_score() {
        let y_true = [true, false, true, false, false, true, true];
        let expected = vec![run(-7.25, 0, 1), run(-0.5, 1, 0), run(0.0, 1, 1), run(3.5, 2, 1)];
        let y_score = [0.0, -7.25, 3.5, -0.0, 3.5, 3.5, -0.5];
        assert_eq!(runs(&y_true, &y_score), expected);
        assert_eq!(runs(&y_true, &y_score.map(|score| score as f32)), expected);
    }

    #[test]
    fn the_ends_of_the_range_survive_packing() {
        let y_score = [f64::MAX, f64::MIN, 5e-324, -5e-324];
        let scores: Vec<f64> = runs(&[true; 4], &y_score).iter().map(|r| r.score).collect();
        assert_eq!(scores, [f64::MIN, -5e-324, 5e-324, f64::MAX]);
        let y_score = [f32::MAX, f32::MIN];
        let scores: Vec<f64> = runs(&[true; 2], &y_score).iter().map(|r| r.score).collect();
        assert_eq!(scores, [f64::from(f32::MIN), f64::from(f32::MAX)]);
    }

    #[test]
    fn check_finite_names_the_first_bad_row() {
        let bad = [0.5, f64::NEG_INFINITY, 0.25, f64::NAN];
        let error = check_finite(&bad, 1).unwrap_err();
        let expected = Error::NonFiniteScore {
            row: 1,
            value: f64::NEG_INFINITY,
        };
        assert_eq!(error, expected);
        assert!(matches!(
            check_finite(&[0.5_f32, 0.5, 0.5, f32::NAN], 2),
            Err(Error::NonFiniteScore { row: 1, value }) if value.is_nan()
        ));
    }

    #[test]
    fn sum_keeps_what_a_plain_sum_loses() {
        let values = std::iter::once(1e16).chain(std::iter::repeat_n(1.0, 1_280));
        let plain: f64 = values.clone().sum();
        assert_eq!(plain, 1e16);
        // The first block loses its 127 ones, which are below half a unit of 1e16 each.
        assert_eq!(values.collect::<Sum>().total(), 1e16 + 1_153.0 - 1.0);
    }
}
