//! Quantiles of a column, and the map from its values to a normal distribution through them.

use super::normal::{normal_cdf, normal_quantile};

/// The largest number of quantiles kept of a column.
pub(super) const MAX_QUANTILES: usize = 1000;

/// The share of the training rows that is taken to lie beyond each end.
const END_SHARE: f64 = 1e-7;

/// The quantile `numerator / denominator` of a sorted column, by linear interpolation.
///
/// # Source
/// NumPy 2.4 `quantile(method="linear")`; the position is computed in whole numbers here, so that no
/// rounding moves it off a row.
pub(super) fn quantile(sorted: &[f32], numerator: usize, denominator: usize) -> f64 {
    let position = numerator * (sorted.len() - 1);
    let (index, rest) = (position / denominator, position % denominator);
    let lower = f64::from(sorted[index]);
    if rest == 0 {
        return lower;
    }
    let step = f64::from(sorted[index + 1]) - lower;
    lower + step * (rest as f64 / denominator as f64)
}

/// The values of `rows`, row-major of `width`, at `position`, in increasing order.
pub(super) fn sorted_column(rows: &[f32], width: usize, position: usize) -> Vec<f32> {
    let mut column: Vec<f32> = rows.iter().skip(position).step_by(width).copied().collect();
    column.sort_unstable_by(f32::total_cmp);
    column
}

/// Evenly spaced quantiles of a sorted column, both ends included: at most [`MAX_QUANTILES`], never
/// more than there are rows.
pub(super) fn reference_quantiles(sorted: &[f32]) -> Vec<f32> {
    let n_quantiles = sorted.len().min(MAX_QUANTILES);
    let last = n_quantiles.saturating_sub(1).max(1);
    (0..n_quantiles)
        .map(|k| quantile(sorted, k, last) as f32)
        .collect()
}

/// The normal value of the share of the training rows below `value`.
///
/// A value that several quantiles share gets the middle of their shares. Both ends, and what lies
/// beyond them, get the normal value of 1e-7 from the end, ±5.199. A column with one value gives 0.
///
/// # Source
/// scikit-learn 1.9 `QuantileTransformer._transform_col`.
pub(super) fn to_normal(value: f64, quantiles: &[f32]) -> f64 {
    let (first, last) = ends(quantiles);
    if first == last {
        return 0.0;
    }
    let share = if value <= first {
        0.0
    } else if value >= last {
        1.0
    } else {
        inner_position(value, quantiles) / (quantiles.len() - 1) as f64
    };
    normal_quantile(share.clamp(END_SHARE, 1.0 - END_SHARE))
}

/// The value whose normal value is `z`: the inverse of [`to_normal`] between the ends of the column.
pub(super) fn from_normal(z: f64, quantiles: &[f32]) -> f64 {
    let (first, last) = ends(quantiles);
    // What `to_normal` returns beyond the ends, as it looks after rounding to `f32`.
    let end = f64::from(normal_quantile(1.0 - END_SHARE) as f32);
    if z <= -end {
        return first;
    }
    if z >= end {
        return last;
    }
    let position = normal_cdf(z) * (quantiles.len() - 1) as f64;
    let index = (position as usize).min(quantiles.len().saturating_sub(2));
    let lower = f64::from(quantiles[index]);
    let upper = quantiles.get(index + 1).map_or(lower, |upper| f64::from(*upper));
    lower + (upper - lower) * (position - index as f64)
}

/// The position of `value` among `quantiles`, in steps from the first, for a value inside their range.
fn inner_position(value: f64, quantiles: &[f32]) -> f64 {
    let below = quantiles.partition_point(|quantile| f64::from(*quantile) < value);
    let equal = quantiles[below..].partition_point(|quantile| f64::from(*quantile) <= value);
    if equal > 0 {
        return below as f64 + 0.5 * (equal - 1) as f64;
    }
    let lower = f64::from(quantiles[below - 1]);
    let upper = f64::from(quantiles[below]);
    (below - 1) as f64 + (value - lower) / (upper - lower)
}

fn ends(quantiles: &[f32]) -> (f64, f64) {
    (f64::from(quantiles[0]), f64::from(quantiles[quantiles.len() - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_between_rows() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&sorted, 0, 4), 1.0);
        assert_eq!(quantile(&sorted, 1, 4), 1.75);
        assert_eq!(quantile(&sorted, 2, 4), 3.0);
        assert_eq!(quantile(&sorted, 4, 4), 8.0);
        assert_eq!(quantile(&[5.0], 3, 4), 5.0);
    }

    #[test]
    fn a_repeated_value_gets_the_middle_of_its_shares() {
        // Shares 0, 1/4, 2/4, 3/4, 1: the two at 2.0 are 1/4 and 2/4.
        let quantiles = [1.0, 2.0, 2.0, 3.0, 4.0];
        assert_eq!(to_normal(2.0, &quantiles), normal_quantile(0.375));
        assert_eq!(to_normal(2.5, &quantiles), normal_quantile(0.625));
    }

    #[test]
    fn the_ends_and_what_lies_beyond_are_clipped() {
        let quantiles = [1.0, 2.0, 3.0];
        assert_eq!(to_normal(1.0, &quantiles), to_normal(-50.0, &quantiles));
        assert_eq!(to_normal(3.0, &quantiles) as f32, 5.199_337_5);
        assert_eq!(from_normal(5.2, &quantiles), 3.0);
        assert_eq!(from_normal(-100.0, &quantiles), 1.0);
    }

    #[test]
    fn one_value_has_no_distribution() {
        for quantiles in [vec![7.0], vec![7.0, 7.0]] {
            assert_eq!(to_normal(7.0, &quantiles), 0.0);
            assert_eq!(to_normal(9.0, &quantiles), 0.0);
            assert_eq!(from_normal(0.0, &quantiles), 7.0);
        }
    }
}
