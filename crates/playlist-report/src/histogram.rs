//! Bins of a feature's values.

use crate::details::FeatureValues;

/// The bins of one feature.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bins {
    /// Of a code: one bin a value.
    Codes(Vec<f32>),
    /// Of a quantity: `n` bins of one width; what lies outside is counted in the first and the last.
    Width { low: f64, high: f64, n: usize },
}

/// The share of the values that bins of one width leave out on either side, so that a few far ones do not press the
/// others together.
const TAIL: f64 = 0.005;

impl Bins {
    /// The bins of `feature`; `None` where no value is known.
    pub(crate) fn of(feature: &FeatureValues, n: usize) -> Option<Self> {
        let mut values: Vec<f32> = feature.values.iter().flatten().copied().collect();
        values.sort_unstable_by(f32::total_cmp);
        let at = |share: f64| f64::from(values[((values.len() - 1) as f64 * share).round() as usize]);
        if values.is_empty() {
            return None;
        }
        if feature.is_categorical {
            values.dedup();
            return Some(Self::Codes(values));
        }
        let (low, high) = (at(TAIL), at(1.0 - TAIL));
        let (low, high) = if low < high {
            (low, high)
        } else {
            (low - 0.5, low + 0.5)
        };
        Some(Self::Width { low, high, n })
    }

    /// The number of bins.
    pub(crate) fn n(&self) -> usize {
        match self {
            Self::Codes(codes) => codes.len(),
            Self::Width { n, .. } => *n,
        }
    }

    /// The bin of a value.
    fn position(&self, value: f32) -> usize {
        match self {
            Self::Codes(codes) => codes.partition_point(|code| *code < value).min(codes.len() - 1),
            Self::Width { low, high, n } => {
                let share = (f64::from(value) - low) / (high - low);
                // The cast keeps to 0 and above.
                ((share * *n as f64) as usize).min(n - 1)
            }
        }
    }

    /// The lower end, as text.
    pub(crate) fn label_low(&self) -> String {
        match self {
            Self::Codes(codes) => list_value(codes[0]),
            Self::Width { low, .. } => list_value(*low as f32),
        }
    }

    /// The upper end, as text.
    pub(crate) fn label_high(&self) -> String {
        match self {
            Self::Codes(codes) => list_value(codes[codes.len() - 1]),
            Self::Width { high, .. } => list_value(*high as f32),
        }
    }
}

/// A value in a table: four significant digits at most, whole numbers whole.
pub(crate) fn list_value(value: f32) -> String {
    let digits = match value.abs() {
        size if size == 0.0 || size.fract() == 0.0 => 0,
        size if size < 0.01 => 5,
        size if size < 1.0 => 3,
        size if size < 100.0 => 2,
        size if size < 1000.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
}

/// For each class the share of its known values in each bin, `[n_classes][n_bins]`; all zero where none is known.
pub(crate) fn shares(feature: &FeatureValues, bins: &Bins, y: &[usize], n_classes: usize) -> Vec<Vec<f64>> {
    let mut counts = vec![vec![0.0; bins.n()]; n_classes];
    for (value, class) in feature.values.iter().zip(y) {
        if let Some(value) = value {
            counts[*class][bins.position(*value)] += 1.0;
        }
    }
    for row in &mut counts {
        let total: f64 = row.iter().sum();
        row.iter_mut().for_each(|count| *count /= total.max(1.0));
    }
    counts
}

/// The quantile of sorted values at `share`, the nearest value.
pub(crate) fn quantile(sorted: &[f32], share: f64) -> Option<f32> {
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[(last as f64 * share).round() as usize])
}

/// The known values of each class, ascending.
pub(crate) fn sorted_by_class(feature: &FeatureValues, y: &[usize], n_classes: usize) -> Vec<Vec<f32>> {
    let mut values = vec![Vec::new(); n_classes];
    for (value, class) in feature.values.iter().zip(y) {
        values[*class].extend(*value);
    }
    for class in &mut values {
        class.sort_unstable_by(f32::total_cmp);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(is_categorical: bool, values: Vec<Option<f32>>) -> FeatureValues {
        FeatureValues {
            is_categorical,
            values,
            ..FeatureValues::default()
        }
    }

    #[test]
    fn every_known_value_is_in_a_bin() {
        let values = (0..1000).map(|i| (i % 10 != 0).then_some(i as f32)).collect();
        let feature = feature(false, values);
        let bins = Bins::of(&feature, 16).unwrap();
        let y: Vec<usize> = (0..1000).map(|i| i % 2).collect();
        for shares in shares(&feature, &bins, &y, 2) {
            // Sixteen shares, each rounded once.
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(shares.iter().all(|share| *share > 0.0));
        }
    }

    #[test]
    fn codes_have_a_bin_each_and_one_value_has_a_width() {
        let codes = Bins::of(&feature(true, vec![Some(3.0), None, Some(1.0), Some(3.0)]), 9);
        assert_eq!(codes, Some(Bins::Codes(vec![1.0, 3.0])));
        let one = Bins::of(&feature(false, vec![Some(2.0)]), 4).unwrap();
        assert_eq!(
            (one.label_low(), one.label_high()),
            ("1.50".into(), "2.50".into())
        );
        assert_eq!(Bins::of(&feature(false, vec![None]), 4), None);
    }

    #[test]
    fn values_are_short() {
        let cases = [
            (0.0, "0"),
            (120.25, "120.2"),
            (-7.125, "-7.12"),
            (0.0405, "0.041"),
            (215_000.0, "215000"),
        ];
        for (value, expected) in cases {
            assert_eq!(list_value(value), expected);
        }
    }
}
