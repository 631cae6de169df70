//! How much a feature differs between classes.

use std::fmt;

use playlist_metrics::{Interval, delong_interval, roc_auc};

use crate::details::FeatureValues;

/// How much a feature differs between classes, 0 for not at all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// Of a quantity and two classes: the probability that a track of the second class has the larger value less that
    /// it has the smaller one, -1 to 1; twice the area under the ROC curve less one.
    CliffsDelta {
        /// The difference.
        delta: f64,
        /// Its 95 % interval (DeLong), where it has one.
        interval: Option<Interval>,
    },
    /// Of a code: how far the class follows from it, 0 to 1.
    CramersV(f64),
    /// Of a quantity and several classes: the share of the variance of its ranks that lies between the classes, 0 to 1.
    RankEtaSquared(f64),
}

impl Effect {
    /// The size without a sign, 0 to 1.
    #[must_use]
    pub fn size(self) -> f64 {
        match self {
            Self::CliffsDelta { delta, .. } => delta.abs(),
            Self::CramersV(size) | Self::RankEtaSquared(size) => size,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CliffsDelta { delta, interval } => {
                write!(f, "Cliff's delta {delta:+.3}")?;
                if let Some(Interval { lower, upper, .. }) = interval {
                    write!(f, " [{lower:+.3}, {upper:+.3}]")?;
                }
                Ok(())
            }
            Self::CramersV(v) => write!(f, "Cramér's V {v:.3}"),
            Self::RankEtaSquared(eta) => write!(f, "eta squared of ranks {eta:.3}"),
        }
    }
}

impl FeatureValues {
    /// How much the feature differs between the classes of `y`, `[n_tracks]`; `None` where it is known for tracks of
    /// fewer than two classes.
    ///
    /// # Source
    /// N. Cliff, "Dominance statistics", Psychological Bulletin 114 (1993); H. Cramér, *Mathematical Methods of
    /// Statistics* (1946), section 21.9; the share of rank variance is Kruskal and Wallis's H over n - 1.
    #[must_use]
    pub fn effect(&self, y: &[usize], n_classes: usize) -> Option<Effect> {
        let known: Vec<(f32, usize)> = self
            .values
            .iter()
            .zip(y)
            .filter_map(|(value, class)| Some(((*value)?, *class)))
            .collect();
        match (self.is_categorical, n_classes) {
            (true, _) => cramers_v(&known, n_classes).map(Effect::CramersV),
            (false, 2) => {
                let (values, y): (Vec<f32>, Vec<bool>) =
                    known.iter().map(|(value, class)| (*value, *class == 1)).unzip();
                let delta = 2.0 * roc_auc(&y, &values).ok()? - 1.0;
                let interval = delong_interval(&y, &values, 0.95).ok().map(|found| Interval {
                    lower: 2.0 * found.interval.lower - 1.0,
                    upper: 2.0 * found.interval.upper - 1.0,
                    level: 0.95,
                });
                Some(Effect::CliffsDelta { delta, interval })
            }
            (false, _) => rank_eta_squared(known, n_classes).map(Effect::RankEtaSquared),
        }
    }
}

fn cramers_v(known: &[(f32, usize)], n_classes: usize) -> Option<f64> {
    let mut codes: Vec<f32> = known.iter().map(|(code, _)| *code).collect();
    codes.sort_unstable_by(f32::total_cmp);
    codes.dedup();
    let mut counts = vec![vec![0.0; n_classes]; codes.len()];
    for (code, class) in known {
        let row = codes.iter().position(|found| found == code)?;
        counts[row][*class] += 1.0;
    }
    let n = known.len() as f64;
    let of_class = |class: usize| counts.iter().map(|row| row[class]).sum::<f64>();
    let classes: Vec<usize> = (0..n_classes).filter(|class| of_class(*class) > 0.0).collect();
    if classes.len() < 2 {
        return None;
    }
    let mut chi_squared = 0.0;
    for row in &counts {
        let of_code: f64 = row.iter().sum();
        for class in &classes {
            let expected = of_code * of_class(*class) / n;
            chi_squared += (row[*class] - expected).powi(2) / expected;
        }
    }
    let degrees = (codes.len().min(classes.len()) - 1) as f64;
    // One code alone tells nothing.
    Some(if degrees > 0.0 {
        (chi_squared / (n * degrees)).sqrt().min(1.0)
    } else {
        0.0
    })
}

fn rank_eta_squared(mut known: Vec<(f32, usize)>, n_classes: usize) -> Option<f64> {
    known.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let n = known.len();
    let (mut sums, mut counts) = (vec![0.0; n_classes], vec![0.0; n_classes]);
    let mean = (n as f64 + 1.0) / 2.0;
    let (mut start, mut total) = (0, 0.0);
    while start < n {
        let ties = known[start..]
            .iter()
            .take_while(|(value, _)| *value == known[start].0);
        let end = start + ties.count();
        // Equal values share the mean of their ranks.
        let rank = (start + 1 + end) as f64 / 2.0 - mean;
        for (_, class) in &known[start..end] {
            sums[*class] += rank;
            counts[*class] += 1.0;
            total += rank * rank;
        }
        start = end;
    }
    let between = sums.iter().zip(&counts).filter(|(_, count)| **count > 0.0);
    if between.clone().count() < 2 {
        return None;
    }
    let between: f64 = between.map(|(sum, count)| sum * sum / count).sum();
    Some(if total > 0.0 { between / total } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(is_categorical: bool, values: &[f32]) -> FeatureValues {
        FeatureValues {
            is_categorical,
            values: values.iter().map(|value| Some(*value)).collect(),
            ..FeatureValues::default()
        }
    }

    #[test]
    fn deltas_have_the_sign_of_the_second_class() {
        let y = [0, 0, 0, 1, 1];
        // Of the 6 pairs 5 have the larger value in class 1, 1 the smaller.
        let effect = feature(false, &[1.0, 2.0, 4.0, 3.0, 5.0]).effect(&y, 2).unwrap();
        let Effect::CliffsDelta { delta, .. } = effect else {
            panic!("{effect}")
        };
        // Exact in binary but for the division by 6.
        assert!((delta - 4.0 / 6.0).abs() < 1e-12);
        assert_eq!(feature(false, &[1.0; 5]).effect(&[1; 5], 2), None, "one class");
    }

    #[test]
    fn codes_that_give_the_class_away_have_a_v_of_one() {
        let y = [0, 0, 1, 1, 2, 2];
        let v = |values: &[f32]| feature(true, values).effect(&y, 3).unwrap().size();
        assert!((v(&[4.0, 4.0, 7.0, 7.0, 1.0, 1.0]) - 1.0).abs() < 1e-12);
        assert!(v(&[1.0, 2.0, 1.0, 2.0, 1.0, 2.0]).abs() < 1e-12);
        assert!(v(&[1.0; 6]).abs() < 1e-12, "one code alone");
    }

    /// By hand: ranks 1, 2, 3.5, 3.5, 5, 6 lie 2.5, 1.5, 0, 0, 1.5, 2.5 from their mean, so the whole is 17; the classes'
    /// means lie 2, 0, 2 from it, so 2 * 4 + 0 + 2 * 4 = 16 lies between them.
    #[test]
    fn rank_variance_between_classes_is_that_of_kruskal_and_wallis() {
        let effect = feature(false, &[1.0, 2.0, 3.0, 3.0, 5.0, 6.0]).effect(&[0, 0, 1, 1, 2, 2], 3);
        assert!((effect.unwrap().size() - 16.0 / 17.0).abs() < 1e-12);
    }
}
