//! The normal distribution: its quantiles and its distribution function.

/// The quantile of the standard normal distribution at `p`: the `z` with a share `p` of the mass below.
///
/// Accurate to about 1e-15, relative, for `p` from 1e-10 to 1 - 1e-10; beyond that it is not meant to
/// be used, and our callers stop at 1e-7.
///
/// # Source
/// M. J. Wichura, *Algorithm AS 241: The Percentage Points of the Normal Distribution*, Applied
/// Statistics 37 (1988), routine PPND16, without its branch for `p` below 1.4e-11.
pub(super) fn normal_quantile(p: f64) -> f64 {
    let from_middle = p - 0.5;
    if from_middle.abs() <= 0.425 {
        let r = 0.180_625 - from_middle * from_middle;
        return from_middle * polynomial(r, &MIDDLE_NUMERATOR) / polynomial(r, &MIDDLE_DENOMINATOR);
    }
    let tail = if from_middle < 0.0 { p } else { 1.0 - p };
    let r = (-tail.ln()).sqrt() - 1.6;
    (polynomial(r, &TAIL_NUMERATOR) / polynomial(r, &TAIL_DENOMINATOR)).copysign(from_middle)
}

/// The share of the standard normal distribution below `z`, for `z` from -7 to 7.
///
/// Accurate to about 1e-15, absolute.
///
/// # Source
/// G. Marsaglia, *Evaluating the Normal Distribution*, Journal of Statistical Software 11(4), 2004: the
/// Taylor series of the share divided by the density.
pub(super) fn normal_cdf(z: f64) -> f64 {
    let square = z * z;
    let (mut sum, mut term, mut odd) = (z, z, 1.0);
    loop {
        odd += 2.0;
        term *= square / odd;
        let next = sum + term;
        if next == sum {
            break;
        }
        sum = next;
    }
    let density = (-0.5 * square).exp() / (2.0 * std::f64::consts::PI).sqrt();
    0.5 + sum * density
}

/// A polynomial by Horner's rule; the coefficient of the highest power comes first.
fn polynomial(x: f64, coefficients: &[f64; 8]) -> f64 {
    coefficients
        .iter()
        .fold(0.0, |sum, coefficient| sum * x + coefficient)
}

const MIDDLE_NUMERATOR: [f64; 8] = [
    2_509.080_928_730_122_7,
    33_430.575_583_588_13,
    67_265.770_927_008_7,
    45_921.953_931_549_87,
    13_731.693_765_509_46,
    1_971.590_950_306_551_3,
    133.141_667_891_784_38,
    3.387_132_872_796_366_5,
];
const MIDDLE_DENOMINATOR: [f64; 8] = [
    5_226.495_278_852_545,
    28_729.085_735_721_943,
    39_307.895_800_092_71,
    21_213.794_301_586_597,
    5_394.196_021_424_751,
    687.187_007_492_057_9,
    42.313_330_701_600_91,
    1.0,
];
const TAIL_NUMERATOR: [f64; 8] = [
    7.745_450_142_783_414e-4,
    0.022_723_844_989_269_184,
    0.241_780_725_177_450_6,
    1.270_458_252_452_368_4,
    3.647_848_324_763_204_5,
    5.769_497_221_460_691,
    4.630_337_846_156_546,
    1.423_437_110_749_683_5,
];
const TAIL_DENOMINATOR: [f64; 8] = [
    1.050_750_071_644_416_9e-9,
    5.475_938_084_995_345e-4,
    0.015_198_666_563_616_457,
    0.148_103_976_427_480_08,
    0.689_767_334_985_1,
    1.676_384_830_183_803_8,
    2.053_191_626_637_759,
    1.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// `[p, scipy.stats.norm.ppf(p)]` and `[z, scipy.stats.norm.cdf(z)]`.
    fn golden(name: &str) -> Vec<[f64; 2]> {
        let text = include_str!("../../tests/golden/preprocess_normal.json");
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        serde_json::from_value(json[name].clone()).unwrap()
    }

    #[test]
    fn quantiles_agree_with_scipy() {
        let cases = golden("ppf");
        assert!(cases.len() > 100);
        for [p, expected] in cases {
            // 4 units in the last place for the two polynomials and their quotient. Near 1 the tail
            // is a difference: `p` itself carries 1.1e-16, which its density there enlarges.
            let density = (-0.5 * expected * expected).exp() / 2.506_628_274_631;
            let tolerance = 9e-16 * expected.abs() + 2.2e-16 * p.max(1e-9) / density;
            let found = normal_quantile(p);
            assert!(
                (found - expected).abs() <= tolerance,
                "{p}: {found} instead of {expected}"
            );
        }
    }

    #[test]
    fn shares_agree_with_scipy() {
        for [z, expected] in golden("cdf") {
            // The sum is of order one half and has up to 60 terms, of which only the few largest, each
            // off by 5.6e-17, count: 1e-15, absolute also in the lower tail.
            let found = normal_cdf(z);
            assert!(
                (found - expected).abs() <= 1e-15,
                "{z}: {found} instead of {expected}"
            );
        }
    }

    #[test]
    fn the_two_undo_each_other() {
        for k in 1..1000 {
            let p = f64::from(k) / 1000.0;
            // Both are accurate to a few 1e-16; the density, at most 0.4, scales the first error.
            assert!((normal_cdf(normal_quantile(p)) - p).abs() <= 1e-15, "{p}");
        }
        assert_eq!(normal_quantile(0.5), 0.0);
        assert_eq!(normal_cdf(0.0), 0.5);
    }
}
