//! The signed-rank test: do differences lean to one side?

use serde::{Deserialize, Serialize};

use crate::distribution::normal_upper_tail;
use crate::error::{Error, Result};

/// Up to so many differences the p-value is exact.
const MOST_EXACT: usize = 60;

/// Whether differences lean to one side, by their ranks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignedRankTest {
    /// The differences that are not zero.
    pub n_different: usize,
    /// The differences above zero.
    pub n_positive: usize,
    /// The sum of the ranks, by size, of the differences above zero; equal sizes share their mean rank.
    pub rank_sum: f64,
    /// Two-sided p-value; 1 when all differences are zero.
    pub p_value: f64,
}

/// Tests whether paired differences, one a task, lean to one side.
///
/// Wilcoxon's signed-rank test, two-sided: zeros are left out, equal sizes share their mean rank. With up to 60
/// differences the p-value is exact, also with ties: every assignment of signs to the ranks is counted. With more it is
/// the normal approximation with the variance of the ranks at hand.
///
/// # Shapes
/// `differences`: `[n_tasks]`, first model less second.
///
/// # Errors
/// - [`Error::Empty`]: no differences.
/// - [`Error::NonFiniteValue`]: a difference is NaN or infinite.
///
/// # Examples
/// ```
/// let differences = [0.02, 0.03, -0.01, 0.04, 0.05, 0.06];
/// let test = playlist_metrics::signed_rank_test(&differences)?;
/// assert_eq!((test.rank_sum, test.n_positive), (20.0, 5));
/// assert_eq!(test.p_value, 4.0 / 64.0);
/// # Ok::<(), playlist_metrics::Error>(())
/// ```
///
/// # Source
/// F. Wilcoxon, "Individual Comparisons by Ranking Methods", Biometrics 1 (1945); for models over tasks J. Demšar, JMLR 7
/// (2006). scipy `wilcoxon(method="exact")` agrees where nothing is tied.
pub fn signed_rank_test(differences: &[f64]) -> Result<SignedRankTest> {
    if differences.is_empty() {
        return Err(Error::Empty { name: "differences" });
    }
    if let Some(index) = differences.iter().position(|value| !value.is_finite()) {
        let value = differences[index];
        return Err(Error::NonFiniteValue { index, value });
    }
    let mut sorted: Vec<f64> = differences
        .iter()
        .copied()
        .filter(|value| *value != 0.0)
        .collect();
    sorted.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));
    let doubled = doubled_ranks(&sorted);
    let positive = || sorted.iter().zip(&doubled).filter(|(value, _)| **value > 0.0);
    let doubled_sum: usize = positive().map(|(_, rank)| rank).sum();
    Ok(SignedRankTest {
        n_different: sorted.len(),
        n_positive: positive().count(),
        rank_sum: doubled_sum as f64 / 2.0,
        p_value: if sorted.len() <= MOST_EXACT {
            exact_p_value(&doubled, doubled_sum)
        } else {
            let squares: f64 = doubled.iter().map(|rank| (*rank as f64).powi(2)).sum();
            let total: usize = doubled.iter().sum();
            let z = (doubled_sum as f64 - total as f64 / 2.0) / (squares / 4.0).sqrt();
            2.0 * normal_upper_tail(z.abs())
        },
    })
}

/// Twice the mean rank of each of `sorted`, whole numbers also where sizes are equal.
fn doubled_ranks(sorted: &[f64]) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(sorted.len());
    for equal in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
        let before = ranks.len();
        ranks.extend(std::iter::repeat_n(2 * before + equal.len() + 1, equal.len()));
    }
    ranks
}

/// The share of all assignments of signs whose sum of positive ranks lies as far from the middle as `sum`.
fn exact_p_value(doubled: &[usize], sum: usize) -> f64 {
    let total: usize = doubled.iter().sum();
    // Shares and not counts: 2^60 assignments would not fit exactly in f64.
    let mut shares = vec![0.0; total + 1];
    shares[0] = 1.0;
    let mut reached = 0;
    for rank in doubled {
        for at in (0..=reached).rev() {
            shares[at] /= 2.0;
            shares[at + rank] += shares[at];
        }
        reached += rank;
    }
    let tail = sum.min(total - sum);
    let below: f64 = shares[..=tail].iter().sum();
    (2.0 * below).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every assignment of signs, one by one.
    fn brute_force(differences: &[f64]) -> f64 {
        let found = signed_rank_test(differences).unwrap();
        let mut sorted: Vec<f64> = differences
            .iter()
            .copied()
            .filter(|value| *value != 0.0)
            .collect();
        sorted.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));
        let ranks = doubled_ranks(&sorted);
        let total: usize = ranks.iter().sum();
        let centre = total as f64 / 2.0;
        let far = (2.0 * found.rank_sum - centre).abs();
        let sets = 1_usize << ranks.len();
        let as_far = (0..sets).filter(|set| {
            let sum: usize = (0..ranks.len())
                .filter(|i| set >> i & 1 == 1)
                .map(|i| ranks[i])
                .sum();
            (sum as f64 - centre).abs() >= far
        });
        as_far.count() as f64 / sets as f64
    }

    #[test]
    fn ties_and_zeros_are_counted_exactly() {
        for differences in [
            vec![1.0, 2.0, -2.0, 3.0, 0.0, 3.0, 1.0],
            vec![-1.0, -1.0, -1.0, 2.0],
            vec![0.5; 9],
            vec![0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, 0.8, -0.8, 1.0],
        ] {
            let p = signed_rank_test(&differences).unwrap().p_value;
            // Shares of powers of two are exact; their sums round at 1e-16.
            assert!(
                (p - brute_force(&differences)).abs() < 1e-12,
                "{differences:?}: {p}"
            );
        }
    }

    #[test]
    fn nothing_to_tell_apart_is_no_difference() {
        let test = signed_rank_test(&[0.0, 0.0]).unwrap();
        assert_eq!((test.n_different, test.p_value), (0, 1.0));
        assert_eq!(signed_rank_test(&[]), Err(Error::Empty { name: "differences" }));
        assert!(matches!(
            signed_rank_test(&[0.1, f64::NAN]),
            Err(Error::NonFiniteValue { index: 1, .. })
        ));
    }

    #[test]
    fn the_approximation_meets_the_exact_value() {
        let differences: Vec<f64> = (0..61)
            .map(|i| f64::from(i % 13) + 0.01 * f64::from(i) - 5.0)
            .collect();
        let long = signed_rank_test(&differences).unwrap().p_value;
        let short = signed_rank_test(&differences[..60]).unwrap().p_value;
        // One difference more or less, and the normal curve against the exact law.
        assert!((long - short).abs() < 0.05, "{long} against {short}");
    }
}
