//! What holds of every table: properties of the scalers and the preprocessor.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use playlist_core::{FeatureMatrix, Transformer};
use playlist_dataset::{
    FeatureScaler, FeatureScalerConfig, Imputation, KeyEncoding, Preprocessor, PreprocessorConfig,
    ScalingMethod, TimeSignatureEncoding,
};
use proptest::prelude::*;

const SCALERS: [ScalingMethod; 5] = [
    ScalingMethod::None,
    ScalingMethod::MinMax,
    ScalingMethod::Standard,
    ScalingMethod::RobustSmoothClip,
    ScalingMethod::QuantileNormal,
];
const TRACK: [&str; 5] = ["tempo", "key", "mode", "time_signature", "energy"];

/// Rows of three columns of very different size: 0 to 1 with ties, decibels, milliseconds.
fn quantities(rows: std::ops::Range<usize>) -> impl Strategy<Value = FeatureMatrix> {
    let row = (0_u16..=20, -60.0_f32..0.0, 30_000_u32..900_000);
    prop::collection::vec(row, rows).prop_map(|rows| {
        let values = rows
            .iter()
            .flat_map(|row| [f32::from(row.0) / 20.0, row.1, row.2 as f32]);
        FeatureMatrix::new(["share", "decibels", "milliseconds"], values.collect()).unwrap()
    })
}

/// Rows of tracks in which any value may be missing.
fn tracks(rows: std::ops::Range<usize>) -> impl Strategy<Value = FeatureMatrix> {
    let maybe = |value: BoxedStrategy<f32>| prop_oneof![4 => value, 1 => Just(f32::NAN)];
    let row = (
        maybe((50.0_f32..200.0).boxed()),
        maybe((0_u8..12).prop_map(f32::from).boxed()),
        maybe((0_u8..2).prop_map(f32::from).boxed()),
        maybe((1_u8..8).prop_map(f32::from).boxed()),
        maybe((0.0_f32..=1.0).boxed()),
    );
    prop::collection::vec(row, rows).prop_map(|rows| {
        let values = rows.iter().flat_map(|row| [row.0, row.1, row.2, row.3, row.4]);
        FeatureMatrix::new(TRACK, values.collect()).unwrap()
    })
}

fn configs(methods: &[ScalingMethod]) -> impl Strategy<Value = PreprocessorConfig> + use<> {
    (
        prop::sample::select(methods.to_vec()),
        prop::sample::select(vec![
            KeyEncoding::Number,
            KeyEncoding::OneHot,
            KeyEncoding::Circle,
        ]),
        prop::sample::select(vec![TimeSignatureEncoding::Number, TimeSignatureEncoding::Flags]),
        prop::sample::select(vec![Imputation::WithIndicators, Imputation::WithoutIndicators]),
    )
        .prop_map(|(scaling, key, time_signature, imputation)| {
            PreprocessorConfig::default()
                .with_features(TRACK)
                .with_scaling(scaling)
                .with_key(key)
                .with_time_signature(time_signature)
                .with_imputation(imputation)
        })
}

fn column(x: &FeatureMatrix, column: usize) -> Vec<f32> {
    x.column(column).map(Option::unwrap).collect()
}

/// How far the inverse may miss `value`, from the rounding of the scaled value `v` to `f32`.
///
/// `slope` is the value's change for a change of `v`, at most what it is at the end of `v`'s rounding
/// interval. The last term is the rounding of the result itself.
fn inverse_tolerance(method: ScalingMethod, v: f32, value: f32, sorted: &[f32]) -> f64 {
    let (v, value) = (f64::from(v), f64::from(value));
    let (first, last) = (f64::from(sorted[0]), f64::from(sorted[sorted.len() - 1]));
    let slope = match method {
        ScalingMethod::None => 0.0,
        // One of v is at most the range in the units of the value: a deviation is below it, an
        // interquartile range too, and a constant column has 1.
        ScalingMethod::MinMax | ScalingMethod::Standard => (last - first).max(1.0),
        // dz/dv = (1 - (v/3)^2)^(-3/2), twice for the curvature within the interval.
        ScalingMethod::RobustSmoothClip => {
            2.0 * (last - first).max(1.0) * (1.0 - (v / 3.0).powi(2)).powf(-1.5)
        }
        // A share changes by at most 0.4 for a change of v, and a step between two of the n quantiles
        // is 1 / (n - 1) of it; no step is longer than the range.
        ScalingMethod::QuantileNormal => 0.4 * sorted.len() as f64 * (last - first),
        _ => unreachable!("only the right methods are inverted here"),
    };
    // Half a unit in the last place of each, 2^-24, and nothing finer than the centre's own rounding.
    6e-8 * (slope * v.abs() + value.abs())
}

proptest! {
    #[test]
    fn the_inverse_returns_the_input(x in quantities(1..60)) {
        for method in SCALERS {
            let scaler = FeatureScalerConfig::new(method).fit(&x).unwrap();
            let scaled = scaler.transform(&x).unwrap();
            let back = scaler.inverse_transform(&scaled).unwrap();
            for c in 0..3 {
                let mut sorted = column(&x, c);
                sorted.sort_by(f32::total_cmp);
                for row in 0..x.n_samples() {
                    let (value, v, found) = (x.row(row)[c], scaled.row(row)[c], back.row(row)[c]);
                    let tolerance = inverse_tolerance(method, v, value, &sorted);
                    prop_assert!(
                        f64::from(found - value).abs() <= tolerance,
                        "{method}: {found} instead of {value}, {tolerance} allowed"
                    );
                }
            }
        }
    }

    #[test]
    fn min_max_fills_0_to_1_on_the_training_part(x in quantities(1..60)) {
        let scaled = FeatureScalerConfig::min_max().fit(&x).unwrap().transform(&x).unwrap();
        for c in 0..3 {
            let (before, after) = (column(&x, c), column(&scaled, c));
            prop_assert!(after.iter().all(|v| (0.0..=1.0).contains(v)));
            prop_assert!(after.contains(&0.0));
            let constant = before.iter().all(|value| *value == before[0]);
            prop_assert_eq!(after.contains(&1.0), !constant);
        }
    }

    #[test]
    fn order_is_kept_in_each_column(train in quantities(1..40), x in quantities(2..40)) {
        for method in SCALERS {
            let scaled = FeatureScalerConfig::new(method).fit(&train).unwrap().transform(&x).unwrap();
            for c in 0..3 {
                let mut pairs: Vec<(f32, f32)> =
                    column(&x, c).into_iter().zip(column(&scaled, c)).collect();
                pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
                prop_assert!(pairs.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{}", method);
            }
        }
    }

    #[test]
    fn a_row_is_scaled_alike_whatever_rows_are_beside_it(
        train in tracks(1..40),
        x in tracks(1..20),
        // All but the two per-part methods, whose fault it is not to do so.
        config in configs(&ScalingMethod::ALL[..8]),
    ) {
        let preprocessor = config.fit(&train).unwrap();
        let whole = preprocessor.transform(&x).unwrap();
        for row in 0..x.n_samples() {
            let alone = preprocessor.transform(&x.select_rows(&[row])).unwrap();
            prop_assert_eq!(alone.row(0), whole.row(row));
        }
    }

    #[test]
    fn statistics_do_not_change_when_test_rows_change(
        train in tracks(1..40),
        a in tracks(1..20),
        b in tracks(1..20),
        config in configs(&ScalingMethod::ALL),
    ) {
        // One table, of which the last rows are the test part, before and after they change.
        let fitted = |test: &FeatureMatrix| {
            let mut values = train.to_nan_values();
            values.extend(test.to_nan_values());
            let table = FeatureMatrix::new(TRACK, values).unwrap();
            let parts = table.select_rows(&(0..train.n_samples()).collect::<Vec<_>>());
            let preprocessor = config.fit(&parts).unwrap();
            let before = preprocessor.clone();
            preprocessor.transform(test).unwrap();
            // Transforming leaves no trace.
            assert_eq!(before, preprocessor);
            preprocessor
        };
        let (with_a, with_b) = (fitted(&a), fitted(&b));
        prop_assert_eq!(&with_a, &with_b);
        prop_assert_eq!(with_a.transform(&train).unwrap(), with_b.transform(&train).unwrap());
    }

    #[test]
    fn the_order_of_columns_does_not_matter(train in tracks(1..40), config in configs(&ScalingMethod::ALL)) {
        let order = ["mode", "energy", "time_signature", "key", "tempo"];
        let shuffled = train.select_columns(&order).unwrap();
        let preprocessor = config.fit(&train).unwrap();
        prop_assert_eq!(&config.fit(&shuffled).unwrap(), &preprocessor);
        prop_assert_eq!(
            preprocessor.transform(&shuffled).unwrap(),
            preprocessor.transform(&train).unwrap()
        );
    }

    #[test]
    fn what_was_saved_reads_back_to_the_bit(
        train in tracks(1..40),
        x in quantities(1..40),
        config in configs(&ScalingMethod::ALL),
    ) {
        let preprocessor = config.fit(&train).unwrap();
        let saved = serde_json::to_string(&preprocessor).unwrap();
        let read: Preprocessor = serde_json::from_str(&saved).unwrap();
        prop_assert_eq!(&read, &preprocessor);
        prop_assert_eq!(read.transform(&train).unwrap(), preprocessor.transform(&train).unwrap());

        let scaler = FeatureScalerConfig::new(config.scaling).fit(&x).unwrap();
        let saved = serde_json::to_string(&scaler).unwrap();
        prop_assert_eq!(serde_json::from_str::<FeatureScaler>(&saved).unwrap(), scaler);
    }

    #[test]
    fn the_result_is_complete_and_as_wide_as_it_says(
        train in tracks(1..40),
        x in tracks(0..20),
        config in configs(&ScalingMethod::ALL),
    ) {
        let preprocessor = config.fit(&train).unwrap();
        let result = preprocessor.transform(&x).unwrap();
        prop_assert_eq!(result.n_missing(), 0);
        prop_assert_eq!(result.columns(), preprocessor.output_columns());
        prop_assert_eq!(result.n_samples(), x.n_samples());
    }

    #[test]
    fn finite_columns_of_any_size_never_become_nan(
        values in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::ZERO, 1..30),
    ) {
        let x = FeatureMatrix::new(["any"], values).unwrap();
        for method in ScalingMethod::ALL {
            let scaled = FeatureScalerConfig::new(method).fit(&x).unwrap().transform(&x);
            // An interquartile range far below the range may leave `f32`, which is an error then.
            prop_assert!(scaled.map_or(true, |scaled| scaled.n_missing() == 0), "{}", method);
        }
    }
}
