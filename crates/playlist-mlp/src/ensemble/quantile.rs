//! Normal scores: where a value stands among those of the training part, as a quantile of the normal
//! distribution.

use serde::{Deserialize, Serialize};

/// Most knots that are kept: the curve between is straight.
const MAX_KNOTS: usize = 1_024;

/// A rising curve from values to normal scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NormalScores {
    values: Vec<f32>,
    scores: Vec<f32>,
}

impl NormalScores {
    /// From the values of the training part, sorted and not empty. Ties share the middle of their ranks.
    pub(crate) fn fit(sorted: &[f32]) -> Self {
        let n = sorted.len() as f64;
        let mut knots = Vec::new();
        let mut start = 0;
        while start < sorted.len() {
            let end = start
                + sorted[start..]
                    .iter()
                    .take_while(|value| **value == sorted[start])
                    .count();
            let rank = (start + end) as f64 / (2.0 * n);
            knots.push((
                sorted[start],
                normal_quantile(rank.clamp(0.5 / n, 1.0 - 0.5 / n)) as f32,
            ));
            start = end;
        }
        let step = knots.len().div_ceil(MAX_KNOTS).max(1);
        let last = knots.len() - 1;
        let kept = knots
            .iter()
            .enumerate()
            .filter(|(at, _)| at % step == 0 || *at == last);
        let (values, scores) = kept.map(|(_, knot)| *knot).unzip();
        Self { values, scores }
    }

    /// The score of `value`; beyond the training part that of its end.
    pub(crate) fn score(&self, value: f32) -> f32 {
        let above = self.values.partition_point(|knot| *knot <= value);
        if above == 0 {
            return self.scores[0];
        }
        if above == self.values.len() {
            return self.scores[above - 1];
        }
        let (x0, x1) = (self.values[above - 1], self.values[above]);
        let (y0, y1) = (self.scores[above - 1], self.scores[above]);
        y0 + (y1 - y0) * (value - x0) / (x1 - x0)
    }

    /// Checks what a file says.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let rising = self.values.windows(2).all(|pair| pair[0] < pair[1]);
        if self.values.is_empty() || self.values.len() != self.scores.len() || !rising {
            return Err("expected rising values with one score each".to_owned());
        }
        Ok(())
    }
}

/// The value below which a standard normal variable falls with probability `p`, within 1.2e-9 of it.
///
/// # Source
/// P. J. Acklam's rational approximation (2003).
fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
        1.0,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        0.007_784_695_709_041_462,
        0.322_467_129_070_039_8,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    const TAIL: f64 = 0.024_25;
    let horner = |factors: &[f64], x: f64| factors.iter().fold(0.0, |sum, factor| sum * x + factor);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        horner(&C, q) / horner(&D, q)
    };
    if p < TAIL {
        tail(p)
    } else if p > 1.0 - TAIL {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        q * horner(&A, q * q) / horner(&B, q * q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17, `scipy.stats.norm.ppf`.
    #[test]
    fn quantiles_agree_with_scipy() {
        for (p, expected) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.001, -3.090_232_306_167_813_5),
        ] {
            assert!((normal_quantile(p) - expected).abs() < 1e-7);
        }
    }

    #[test]
    fn ties_share_a_score_and_the_ends_are_flat() {
        let scores = NormalScores::fit(&[1.0, 1.0, 2.0, 4.0]);
        assert!((scores.score(1.0) + 0.674_49).abs() < 1e-4); // quantile 0.25
        assert_eq!(scores.score(9.0), scores.score(4.0));
        assert_eq!(scores.score(-9.0), scores.score(1.0));
        let between = scores.score(3.0);
        assert!(scores.score(2.0) < between && between < scores.score(4.0));
    }
}
