//! Scalers and imputer against scikit-learn; `golden/preprocess.py` made the values.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use playlist_core::{FeatureMatrix, Transformer};
use playlist_dataset::{FeatureScalerConfig, PreprocessorConfig, ScalingMethod};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/preprocess.json")).unwrap()
}

fn rows(json: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(json.clone()).unwrap()
}

fn columns(json: &Value) -> Vec<String> {
    serde_json::from_value(json.clone()).unwrap()
}

/// The rows that `table` in the script makes, bit for bit.
fn table(row: usize) -> [f32; 9] {
    let even = |step: f64| (row as f64 * step) % 1.0;
    let a = even(0.618_033_988_749_894_9);
    let b = even(0.754_877_666_246_692_7);
    let c = even(0.819_172_513_396_164_5);
    let d = even(0.324_717_957_244_746);
    [
        a,
        1_000.0 * b * b,
        -60.0 * c * c,
        (30_000.0 + 500_000.0 * d * d * d).floor(),
        if a < 0.4 { 0.0 } else { a * a * a * a * a * a },
        if b < 0.7 { 1.0 } else { 0.0 },
        (60.0 + 120.0 * c).floor(),
        if d < 0.05 { 3.0 } else { 4.0 },
        4.0,
    ]
    .map(|value| value as f32)
}

/// The training matrix of a case, and the rows that its golden values stand for.
fn matrices(case: &Value, names: &[String]) -> (FeatureMatrix, FeatureMatrix) {
    let n_train = case["n_train"].as_u64().unwrap() as usize;
    let train = FeatureMatrix::new(names, (0..n_train).flat_map(table).collect()).unwrap();
    let chosen: Vec<usize> = serde_json::from_value(case["train_rows"].clone()).unwrap();
    let mut values = train.select_rows(&chosen).values().to_vec();
    values.extend(
        rows(&case["test"])
            .into_iter()
            .flatten()
            .map(|value| value as f32),
    );
    (train, FeatureMatrix::new(names, values).unwrap())
}

#[test]
fn every_method_agrees_with_scikit_learn() {
    let golden = golden();
    let names = columns(&golden["columns"]);
    for case in golden["cases"].as_array().unwrap() {
        let (train, x) = matrices(case, &names);
        for method in ScalingMethod::ALL {
            if method == ScalingMethod::None {
                continue;
            }
            let scaler = FeatureScalerConfig::new(method).fit(&train).unwrap();
            let scaled = scaler.transform(&x).unwrap();
            let expected = rows(&case["scaled"][method.name()]);
            assert_eq!(expected.len(), x.n_samples());
            for (row, expected) in expected.iter().enumerate() {
                for (column, expected) in expected.iter().enumerate() {
                    // scikit-learn has no distribution of one value and puts it at the lower end.
                    let constant = names[column] == "constant";
                    let expected = if constant && method == ScalingMethod::QuantileNormal {
                        0.0
                    } else {
                        *expected
                    };
                    let found = f64::from(scaled.row(row)[column]);
                    let tolerance = tolerance(method, expected);
                    assert!(
                        (found - expected).abs() <= tolerance,
                        "{method}, {} training rows, row {row}, column `{}`: {found}, not {expected}",
                        train.n_samples(),
                        names[column],
                    );
                }
            }
        }
    }
}

/// Results are rounded to `f32`, half a unit of 2^-23 relative. Statistics are too: a centre moves by at
/// most 6e-8 of the largest value, which is below 20 spreads in each of these columns, and so by 1.2e-6
/// of a spread. A quantile of the evenly spread column moves by 3e-8 of its range, which is a share, and
/// a share at the last quantile but one of 1000 counts 1 / density = 300-fold: 1e-5.
fn tolerance(method: ScalingMethod, expected: f64) -> f64 {
    let rounding = 1.2e-7 * expected.abs();
    rounding
        + match method {
            ScalingMethod::Standard | ScalingMethod::RobustSmoothClip => 1.2e-6,
            ScalingMethod::QuantileNormal => 1e-5,
            _ => 1e-12,
        }
}

#[test]
fn imputation_agrees_with_scikit_learn() {
    let golden = golden();
    let case = &golden["imputed"];
    let names = columns(&case["columns"]);
    let values: Vec<Vec<Option<f32>>> = serde_json::from_value(case["x"].clone()).unwrap();
    let values: Vec<f32> = values
        .iter()
        .flatten()
        .map(|value| value.unwrap_or(f32::NAN))
        .collect();
    let x = FeatureMatrix::new(&names, values).unwrap();
    let n_train = case["n_train"].as_u64().unwrap() as usize;
    let train = x.select_rows(&(0..n_train).collect::<Vec<_>>());

    let preprocessor = PreprocessorConfig::standard()
        .with_features(&names)
        .fit(&train)
        .unwrap();
    let found = preprocessor.transform(&x).unwrap();
    assert_eq!(
        found.columns(),
        [
            "key",
            "mode",
            "tempo",
            "key_missing",
            "mode_missing",
            "tempo_missing"
        ]
    );
    for (row, expected) in rows(&case["transformed"]).iter().enumerate() {
        for (column, expected) in expected.iter().enumerate() {
            let found = f64::from(found.row(row)[column]);
            // As for standard scaling above.
            assert!(
                (found - expected).abs() <= 1.2e-6 + 1.2e-7 * expected.abs(),
                "row {row}, column {column}: {found}, not {expected}"
            );
        }
    }
}
