//! Normal, Student t and binomial tails, as accurate in the tail as in the middle.

use std::f64::consts::{PI, SQRT_2};

/// Terms or steps after which a series or fraction is taken as it stands. Those below settle in
/// fewer for every argument that the crate passes: the slowest, the incomplete beta function, needs
/// about the square root of its larger parameter.
const MAX_STEPS: usize = 1_000_000;

/// Returns `P(Z > z)` of the standard normal distribution.
pub(crate) fn normal_upper_tail(z: f64) -> f64 {
    erfc(z / SQRT_2) / 2.0
}

/// Returns the `z` with `P(Z > z) = tail`, for a tail above 0 and up to 1/2.
///
/// # Source
/// Starts from M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 26.2.23,
/// which is right to 4.5e-4, and improves it with Halley's method.
pub(crate) fn normal_upper_quantile(tail: f64) -> f64 {
    let t = (-2.0 * tail.ln()).sqrt();
    let numerator = 2.515517 + t * (0.802853 + t * 0.010328);
    let denominator = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308));
    let mut z = t - numerator / denominator;
    for _ in 0..4 {
        let density = (-z * z / 2.0).exp() / (2.0 * PI).sqrt();
        let step = (normal_upper_tail(z) - tail) / density;
        z += step / (1.0 - z * step / 2.0);
    }
    z
}

/// The complementary error function.
///
/// # Source
/// Abramowitz and Stegun: the series 7.1.6 below 2, the continued fraction 7.1.14 from there on.
fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    if x < 2.0 {
        let mut term = x;
        let mut sum = x;
        for n in 1..MAX_STEPS {
            term *= 2.0 * x * x / (2 * n + 1) as f64;
            sum += term;
            if term <= sum * f64::EPSILON / 4.0 {
                break;
            }
        }
        return 1.0 - 2.0 / PI.sqrt() * (-x * x).exp() * sum;
    }
    // K = 1 / (x + (1/2) / (x + 1 / (x + (3/2) / (x + ...)))), from the inside out; at x = 2 sixty
    // levels give full precision, and fewer are needed above.
    let inner = (1..=100).rev().fold(x, |rest, n| x + f64::from(n) / 2.0 / rest);
    (-x * x).exp() / PI.sqrt() / inner
}

/// Returns `P(|T| > t)` of Student's t distribution, for a positive number of degrees of freedom.
///
/// # Source
/// Abramowitz and Stegun 26.7.1 with 26.5.27: the incomplete beta function at `df / (df + t^2)`.
pub(crate) fn student_two_sided_tail(t: f64, degrees_of_freedom: f64) -> f64 {
    let ratio = t * t / degrees_of_freedom;
    let x = 1.0 / (1.0 + ratio);
    let complement = if ratio.is_finite() {
        ratio / (1.0 + ratio)
    } else {
        1.0
    };
    incomplete_beta(degrees_of_freedom / 2.0, 0.5, x, complement)
}

/// Returns the `t` with `P(|T| > t) = tail`, by bisection of its logarithm.
pub(crate) fn student_two_sided_quantile(tail: f64, degrees_of_freedom: f64) -> f64 {
    let (mut low, mut high) = (-350.0_f64, 350.0_f64);
    // 2^-63 of the width of the bracket is below the rounding of the logarithm.
    for _ in 0..63 {
        let middle = f64::midpoint(low, high);
        if student_two_sided_tail(middle.exp(), degrees_of_freedom) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high).exp()
}

/// Returns `P(X >= successes)` for `n` tosses of a fair coin.
///
/// # Source
/// Abramowitz and Stegun 26.5.24: the incomplete beta function at one half.
pub(crate) fn fair_coin_upper_tail(successes: u64, n: u64) -> f64 {
    if successes == 0 {
        return 1.0;
    }
    if successes > n {
        return 0.0;
    }
    incomplete_beta(successes as f64, (n - successes) as f64 + 1.0, 0.5, 0.5)
}

/// The regularised incomplete beta function `I_x(a, b)`; `complement` is `1 - x`, passed apart
/// because it would lose digits as a difference.
///
/// # Source
/// NIST Digital Library of Mathematical Functions 8.17.22 (continued fraction) and 8.17.4
/// (symmetry), evaluated by Lentz's method.
fn incomplete_beta(a: f64, b: f64, x: f64, complement: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if complement <= 0.0 {
        return 1.0;
    }
    if x <= (a + 1.0) / (a + b + 2.0) {
        beta_term(a, b, x, complement) / a * beta_fraction(a, b, x)
    } else {
        1.0 - beta_term(b, a, complement, x) / b * beta_fraction(b, a, complement)
    }
}

/// The continued fraction of DLMF 8.17.22.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..MAX_STEPS {
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        let change = d * c;
        fraction *= change;
        if (change - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    fraction
}

/// `x^a (1 - x)^b / B(a, b)`, without the cancellation of large logarithms.
///
/// # Source
/// The saddle-point form of C. Loader, "Fast and Accurate Computation of Binomial Probabilities"
/// (2000), for real parameters.
fn beta_term(a: f64, b: f64, x: f64, complement: f64) -> f64 {
    let n = a + b;
    let exponent = stirling_error(n)
        - stirling_error(a)
        - stirling_error(b)
        - deviance(a, n * x)
        - deviance(b, n * complement);
    // Gamma(n + 1) / (Gamma(a + 1) Gamma(b + 1)) = n / (a b B(a, b)), hence the factor a b / n.
    (n / (2.0 * PI * a * b)).sqrt() * exponent.exp() * (a * b / n)
}

/// `value ln(value / mean) + mean - value`, which is not negative.
fn deviance(value: f64, mean: f64) -> f64 {
    let u = (value - mean) / (value + mean);
    if u.abs() >= 0.1 {
        return value * (value / mean).ln() + mean - value;
    }
    // ln(value / mean) = 2 artanh(u); the leading terms cancel on paper, not in the machine.
    let square = u * u;
    let mut power = u;
    let mut series = 0.0;
    for k in 1..50_u32 {
        power *= square;
        let term = power / f64::from(2 * k + 1);
        series += term;
        if term.abs() <= series.abs() * f64::EPSILON / 4.0 {
            break;
        }
    }
    (value - mean) * u + 2.0 * value * series
}

/// `ln Gamma(x + 1) - (x + 1/2) ln x + x - ln(2 pi) / 2`, for positive `x`.
///
/// # Source
/// DLMF 5.11.1 from 16 on; below, `Gamma(x + 1) = Gamma(x + 2) / (x + 1)` leads up to it.
fn stirling_error(x: f64) -> f64 {
    const FROM: f64 = 16.0;
    if x >= FROM {
        let square = x * x;
        let inner = 1.0 / 1680.0 - (1.0 / 1188.0 - 691.0 / 360_360.0 / square) / square;
        return (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - inner / square) / square) / square) / x;
    }
    let mut shifted = x;
    let mut product = 1.0;
    while shifted < FROM {
        shifted += 1.0;
        product *= shifted;
    }
    let ln_gamma = stirling_error(shifted) + (shifted + 0.5) * shifted.ln() - shifted - product.ln();
    ln_gamma - (x + 0.5) * x.ln() + x
}

#[cfg(test)]
mod tests {
    use super::{
        fair_coin_upper_tail, normal_upper_quantile, normal_upper_tail, student_two_sided_quantile,
        student_two_sided_tail,
    };
    use serde_json::Value;

    fn golden() -> Value {
        serde_json::from_str(include_str!("../tests/golden/metrics_distribution.json")).unwrap()
    }

    /// Compares `function` with the last number of every row of a golden table, given the others.
    fn check(table: &str, tolerance: f64, function: impl Fn(&[f64]) -> f64) {
        let golden = golden();
        let rows = golden[table].as_array().unwrap();
        assert!(rows.len() > 10, "{table} is cut short");
        for row in rows {
            let row: Vec<f64> = row
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_f64().unwrap())
                .collect();
            let (expected, arguments) = row.split_last().unwrap();
            let found = function(arguments);
            let error = (found - expected).abs() / expected.abs();
            assert!(
                found == *expected || error < tolerance,
                "{table}{arguments:?}: {found} is not {expected}, {error:e}"
            );
        }
    }

    #[test]
    fn normal_agrees_with_scipy() {
        // The exponent of exp(-z^2 / 2) is rounded at 1e-16 of up to 700: about 1e-13.
        check("normal_upper_tail", 1e-12, |x| normal_upper_tail(x[0]));
        check("normal_upper_quantile", 1e-13, |x| normal_upper_quantile(x[0]));
        assert_eq!(normal_upper_tail(0.0), 0.5);
    }

    #[test]
    fn student_agrees_with_scipy() {
        // Ten digits where scipy itself is right to about eleven in the far tail.
        check("student_two_sided_tail", 1e-10, |x| {
            student_two_sided_tail(x[0], x[1])
        });
        check("student_two_sided_quantile", 1e-10, |x| {
            student_two_sided_quantile(x[0], x[1])
        });
    }

    #[test]
    fn fair_coin_agrees_with_scipy() {
        check("fair_coin_upper_tail", 1e-10, |x| {
            fair_coin_upper_tail(x[0] as u64, x[1] as u64)
        });
        assert_eq!(fair_coin_upper_tail(0, 0), 1.0);
        assert_eq!(fair_coin_upper_tail(4, 3), 0.0);
        assert_eq!(fair_coin_upper_tail(0, 3), 1.0);
    }
}
