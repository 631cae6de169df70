//! Coefficients against scikit-learn's, on the tables of `golden/logistic.py`.

#![expect(clippy::unwrap_used, reason = "a failed helper fails the test that called it")]

use playlist_core::{Classifier, FeatureMatrix, Labels};
use playlist_logistic::{Logistic, LogisticConfig};
use serde::Deserialize;

/// The reference is exact to 1e-12. Ours stops where the loss no longer changes in `f64`, at a gradient of
/// about 1e-9; divided by the smallest curvature of these tables, `alpha` over the number of tracks, 1e-3,
/// that leaves an error of up to 1e-6 in a coefficient.
const TOLERANCE: f64 = 1e-6;
/// Probabilities are rounded to `f32`.
const PROBABILITY_TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    n_features: usize,
    n_classes: usize,
    x: Vec<f32>,
    y: Vec<usize>,
    fits: Vec<Fit>,
}

#[derive(Deserialize)]
struct Fit {
    alpha: f64,
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
    probabilities_of_10: Vec<f64>,
}

fn cases() -> Vec<Case> {
    let golden: Golden = serde_json::from_str(include_str!("golden/logistic.json")).unwrap();
    assert_eq!(golden.cases.len(), 7);
    golden.cases
}

fn table(case: &Case) -> (FeatureMatrix, Labels) {
    let columns = (0..case.n_features).map(|i| format!("x{i}"));
    let classes = (0..case.n_classes).map(|i| format!("class {i}"));
    (
        FeatureMatrix::new(columns, case.x.clone()).unwrap(),
        Labels::new(classes, case.y.clone()).unwrap(),
    )
}

fn largest_difference(ours: impl IntoIterator<Item = f64>, theirs: &[f64]) -> f64 {
    let ours: Vec<f64> = ours.into_iter().collect();
    assert_eq!(ours.len(), theirs.len());
    let differences = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f64::max)
}

fn weights_differ_by(model: &Logistic, fit: &Fit) -> f64 {
    let coefficients = largest_difference(model.coefficients().map(|c| c.value), &fit.coefficients);
    coefficients.max(largest_difference(
        model.intercepts().map(|(_, value)| value),
        &fit.intercepts,
    ))
}

#[test]
fn coefficients_and_probabilities_agree_with_scikit_learn() {
    for case in cases() {
        let (x, y) = table(&case);
        for fit in &case.fits {
            let config = LogisticConfig::default()
                .with_alpha(fit.alpha)
                .with_gradient_tolerance(1e-9)
                .with_max_iterations(1_000);
            let model = config.fit(&x, &y).unwrap();
            let context = format!("{}, alpha {}: {:?}", case.name, fit.alpha, model.convergence());
            let difference = weights_differ_by(&model, fit);
            assert!(
                difference < TOLERANCE,
                "{context}: weights differ by {difference:e}"
            );

            let ten = x.select_rows(&(0..10).collect::<Vec<_>>());
            let p = model.predict_proba(&ten).unwrap().to_rows();
            let difference = largest_difference(p.into_iter().map(f64::from), &fit.probabilities_of_10);
            assert!(
                difference < PROBABILITY_TOLERANCE,
                "{context}: probabilities differ by {difference:e}"
            );
        }
    }
}

#[test]
fn the_default_tolerance_is_good_for_two_digits() {
    // A gradient of 1e-4 over the smallest curvature of these tables, about 0.01, allows no more.
    for case in cases() {
        let (x, y) = table(&case);
        let fit = case.fits.iter().find(|fit| fit.alpha == 1.0).unwrap();
        let model = LogisticConfig::default().fit(&x, &y).unwrap();
        assert!(
            model.warnings().is_empty(),
            "{}: {:?}",
            case.name,
            model.warnings()
        );
        let difference = weights_differ_by(&model, fit);
        assert!(difference < 1e-2, "{}: {difference:e}", case.name);
    }
}
