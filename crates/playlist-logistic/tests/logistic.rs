//! What the fitted model does: learning, invariance, hostile tables, errors, saving.

#![expect(clippy::unwrap_used, reason = "a failed helper fails the test that called it")]

mod common;

use common::{Uniform, table};
use playlist_core::{Classifier, ClassifierConfig, FeatureMatrix, Labels};
use playlist_logistic::{Error, Logistic, LogisticConfig, Warning};
use proptest::prelude::*;

fn accuracy(model: &Logistic, x: &FeatureMatrix, y: &Labels) -> f64 {
    let y_pred = model.predict(x).unwrap();
    let right = y_pred.iter().zip(y.y()).filter(|(a, b)| a == b).count();
    right as f64 / y.n_samples() as f64
}

fn weights(model: &Logistic) -> Vec<f64> {
    let coefficients = model.coefficients().map(|c| c.value);
    coefficients
        .chain(model.intercepts().map(|(_, value)| value))
        .collect()
}

fn assert_close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!(
            (a - b).abs() <= tolerance,
            "{a} and {b} differ by more than {tolerance}"
        );
    }
}

/// Columns as Spotify gives them: durations in ms beside shares.
fn raw_columns(seed: u64, n_samples: usize, n_classes: usize) -> (FeatureMatrix, Labels) {
    let (x, y) = table(seed, n_samples, n_classes, 0.5);
    let values = x.values().chunks_exact(3);
    let values = values.flat_map(|v| [230_000.0 + 60_000.0 * v[0], 120.0 + 30.0 * v[1], v[2]]);
    let x = FeatureMatrix::new(["duration_ms", "tempo", "energy"], values.collect());
    (x.unwrap(), y)
}

#[test]
fn separable_classes_are_separated_and_alpha_keeps_the_weights_finite() {
    for n_classes in [2, 3] {
        let (x, y) = table(1, 200, n_classes, 0.0);
        let config = LogisticConfig::default().with_max_iterations(10_000);
        let loose = config.clone().with_alpha(1e-3).fit(&x, &y).unwrap();
        assert!(accuracy(&loose, &x, &y) > 0.98, "{n_classes} classes");
        let tight = config.with_alpha(10.0).fit(&x, &y).unwrap();
        assert!(loose.warnings().is_empty() && tight.warnings().is_empty());
        let norm = |model: &Logistic| model.coefficients().map(|c| c.value.powi(2)).sum::<f64>();
        assert!(norm(&tight) < norm(&loose) && norm(&loose) < 1e6);
    }
}

#[test]
fn without_a_penalty_separable_classes_end_in_finite_weights() {
    let (x, y) = table(2, 50, 2, 0.0);
    let model = LogisticConfig::default().with_alpha(0.0).fit(&x, &y).unwrap();
    assert!(weights(&model).iter().all(|w| w.is_finite()));
    assert!(accuracy(&model, &x, &y) > 0.98);
}

#[test]
fn shuffled_labels_score_near_chance() {
    let (x, _) = table(3, 400, 2, 0.0);
    let mut coin = Uniform::new(4);
    let y: Vec<bool> = (0..400).map(|_| coin.next() > 0.0).collect();
    let y = Labels::binary("no", "yes", &y);
    let halves: [Vec<usize>; 2] = [(0..200).collect(), (200..400).collect()];
    let [train, test] = halves.map(|rows| (x.select_rows(&rows), y.select_rows(&rows)));
    let model = LogisticConfig::default().fit(&train.0, &train.1).unwrap();
    // Three standard errors of a share of one half in 200.
    assert!((accuracy(&model, &test.0, &test.1) - 0.5).abs() < 0.11);
}

#[test]
fn the_second_class_is_positive_whichever_is_larger() {
    let (x, y) = table(5, 100, 2, 0.3);
    for keep in [0, 1] {
        // Leaves out most rows of one class, so that the other is the larger.
        let rows: Vec<usize> = (0..100)
            .filter(|row| y.y()[*row] == keep || row % 4 == 0)
            .collect();
        let model = LogisticConfig::default().fit(&x.select_rows(&rows), &y.select_rows(&rows));
        let model = model.unwrap();
        let a = model.coefficients().next().unwrap();
        assert_eq!((a.class, a.column), ("class 1", "a"));
        assert!(a.value > 0.5, "class 1 lies at larger `a`");
        assert_eq!(model.intercepts().count(), 1);
    }
}

#[test]
fn refitting_gives_the_same_bits() {
    for n_classes in [2, 4] {
        let (x, y) = table(6, 150, n_classes, 0.5);
        let fit = || LogisticConfig::default().fit(&x, &y).unwrap();
        let (first, second) = (fit(), fit());
        let bits = |model: &Logistic| weights(model).iter().map(|w| w.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&first), bits(&second));
    }
}

#[test]
fn without_a_penalty_units_do_not_matter() {
    let (x, y) = table(7, 200, 2, 0.9);
    let factors = [4.0, 0.25, 2.0];
    let values = x.values().iter().zip(factors.iter().cycle());
    let scaled = FeatureMatrix::new(["a", "b", "c"], values.map(|(v, f)| v * f).collect()).unwrap();
    let config = LogisticConfig::default()
        .with_alpha(0.0)
        .with_gradient_tolerance(1e-9);
    let before = config.fit(&x, &y).unwrap();
    let after = config.fit(&scaled, &y).unwrap();
    let undone: Vec<f64> = after
        .coefficients()
        .zip(factors)
        .map(|(c, f)| c.value * f64::from(f))
        .collect();
    let before: Vec<f64> = before.coefficients().map(|c| c.value).collect();
    // A gradient of 1e-9 over a curvature of 0.01 and more.
    assert_close(&undone, &before, 1e-6);
}

#[test]
fn raw_columns_are_fitted_and_the_warning_says_what_to_do() {
    for n_classes in [2, 3] {
        let (x, y) = raw_columns(8, 300, n_classes);
        let model = LogisticConfig::default()
            .with_max_iterations(10)
            .fit(&x, &y)
            .unwrap();
        assert!(!model.convergence().converged);
        assert_eq!(model.convergence().n_iterations, 10);
        let warnings = model.warnings();
        assert!(matches!(
            warnings.as_slice(),
            [Warning::NotConverged {
                max_iterations: 10,
                ..
            }]
        ));
        let text = warnings[0].to_string();
        assert!(
            text.starts_with("not converged after 10 of 10 iterations"),
            "{text}"
        );
        assert!(
            text.ends_with("scale the columns or raise `max_iterations`"),
            "{text}"
        );
        assert!(model.predict_proba(&x).is_ok());
    }
}

#[test]
fn logits_further_apart_than_34_are_fitted() {
    // linfa-logistic's multinomial loss is wrong from there on.
    let (x, y) = table(15, 300, 3, 0.0);
    let config = LogisticConfig::default()
        .with_alpha(1e-4)
        .with_max_iterations(10_000);
    let model = config.fit(&x, &y).unwrap();
    let largest = model.coefficients().map(|c| c.value.abs()).fold(0.0, f64::max);
    assert!(model.convergence().converged && largest > 34.0, "{largest}");
}

/// More rows than linfa-logistic is given.
#[test]
fn many_rows_with_equal_columns_or_separable_classes_are_fitted() {
    let (x, y) = table(16, 2_000, 2, 0.8);
    let values = x.values().chunks_exact(3).flat_map(|v| [v[0], v[0], v[2]]);
    let twice = FeatureMatrix::new(["a", "again", "c"], values.collect()).unwrap();
    let model = LogisticConfig::default().fit(&twice, &y).unwrap();
    let coefficients = weights(&model);
    assert!(model.convergence().converged);
    // The penalty shares a weight evenly.
    assert_close(&coefficients[..1], &coefficients[1..2], 1e-6);

    let (x, y) = table(17, 2_000, 2, 0.0);
    let model = LogisticConfig::default().with_alpha(1e-3).fit(&x, &y).unwrap();
    assert!(model.convergence().converged);
    let predicted = model.predict(&x).unwrap();
    let n_right = predicted.iter().zip(y.y()).filter(|(p, y)| p == y).count();
    assert!(n_right >= 1_990, "{n_right} of 2,000");
}

#[test]
fn no_iterations_leave_every_weight_at_zero() {
    let (x, y) = table(9, 30, 2, 0.5);
    let model = LogisticConfig::default()
        .with_max_iterations(0)
        .fit(&x, &y)
        .unwrap();
    assert!(weights(&model).iter().all(|w| *w == 0.0));
    assert!(!model.convergence().converged);
    assert!(
        model
            .predict_proba(&x)
            .unwrap()
            .positive()
            .unwrap()
            .iter()
            .all(|p| *p == 0.5)
    );
}

#[test]
fn constant_columns_get_no_weight() {
    let (x, y) = table(10, 100, 2, 0.5);
    let values = x.values().chunks_exact(3).flat_map(|v| [v[0], 0.0, v[2]]);
    let x = FeatureMatrix::new(["a", "silent", "c"], values.collect()).unwrap();
    let model = LogisticConfig::default().fit(&x, &y).unwrap();
    assert!(model.convergence().converged);
    let silent = model.coefficients().find(|c| c.column == "silent").unwrap();
    assert_eq!(silent.value, 0.0);
}

#[test]
fn absent_classes_have_probability_zero_and_a_warning() {
    let (x, present) = table(11, 90, 2, 0.3);
    let y: Vec<usize> = present.y().iter().map(|class| class * 2).collect();
    let y = Labels::new(["rock", "jazz", "folk"], y).unwrap();
    let model = LogisticConfig::default().fit(&x, &y).unwrap();
    let p = model.predict_proba(&x).unwrap();
    for row in 0..90 {
        assert_eq!(p.get(row, 1), 0.0);
        // Two f32 roundings.
        assert!((p.get(row, 0) + p.get(row, 2) - 1.0).abs() < 1e-6);
    }
    assert!(accuracy(&model, &x, &y) > 0.8);
    assert_eq!(
        model.warnings(),
        [Warning::ClassAbsent {
            class: "jazz".to_owned()
        }]
    );
    let classes: Vec<&str> = model.intercepts().map(|(class, _)| class).collect();
    assert_eq!(classes, ["rock", "folk"]);
}

#[test]
fn data_that_cannot_be_fitted_is_refused_by_variant() {
    use playlist_core::Error as Core;
    let x = FeatureMatrix::new(["a"], vec![1.0, 2.0]).unwrap();
    let fit = |x: &FeatureMatrix, y: &[bool]| {
        let y = Labels::binary("no", "yes", y);
        ClassifierConfig::fit(&LogisticConfig::default(), x, &y).unwrap_err()
    };
    let gap = FeatureMatrix::new(["a"], vec![1.0, f32::NAN]).unwrap();
    assert!(matches!(
        fit(&x, &[true, true]),
        Error::Data(Core::OneClass { .. })
    ));
    assert!(matches!(
        fit(&x, &[true]),
        Error::Data(Core::LengthMismatch { .. })
    ));
    assert!(matches!(
        fit(&x.select_rows(&[]), &[]),
        Error::Data(Core::Empty { .. })
    ));
    assert!(matches!(
        fit(&gap, &[true, false]),
        Error::Data(Core::MissingValue { row: 1, .. })
    ));
    let y = Labels::binary("no", "yes", &[true, false]);
    assert!(matches!(
        LogisticConfig::default().with_alpha(f64::NAN).fit(&x, &y),
        Err(Error::InvalidSetting { field: "alpha", .. })
    ));
}

#[test]
fn prediction_wants_the_columns_fitted_on() {
    use playlist_core::Error as Core;
    let (x, y) = table(12, 40, 2, 0.3);
    let model = LogisticConfig::default().fit(&x, &y).unwrap();
    let swapped = x.select_columns(&["b", "a", "c"]).unwrap();
    assert!(matches!(model.predict(&swapped), Err(Core::ColumnsDiffer { .. })));
    let gap = FeatureMatrix::new(["a", "b", "c"], vec![0.0, f32::NAN, 0.0]).unwrap();
    assert!(matches!(model.predict(&gap), Err(Core::MissingValue { .. })));
    assert_eq!(model.predict(&x.select_rows(&[])).unwrap(), Vec::<usize>::new());
}

#[test]
fn saving_and_loading_agree() {
    for n_classes in [2, 3] {
        let (x, y) = table(13, 80, n_classes, 0.4);
        let model = LogisticConfig::default().fit(&x, &y).unwrap();
        let loaded: Logistic = serde_json::from_str(&serde_json::to_string(&model).unwrap()).unwrap();
        // serde_json may read a number one unit in the last place away from the one it wrote.
        assert_close(&weights(&loaded), &weights(&model), 1e-14);
        assert_eq!(loaded.predict(&x).unwrap(), model.predict(&x).unwrap());
        assert_eq!(loaded.class_names(), model.class_names());
        assert_eq!(loaded.config(), model.config());
    }
}

#[test]
fn damaged_models_are_refused() {
    let (x, y) = table(14, 60, 3, 0.4);
    let model = LogisticConfig::default().fit(&x, &y).unwrap();
    let good = serde_json::to_value(&model).unwrap();
    let refuses = |path: &str, value: serde_json::Value, expected: &str| {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;
        let error = serde_json::from_value::<Logistic>(bad).unwrap_err().to_string();
        assert!(error.contains(expected), "{path}: {error}");
    };
    refuses(
        "/outputs/0/weights",
        [1.0, 2.0].into(),
        "expected 3 and an intercept, found 2",
    );
    refuses(
        "/outputs/0/class",
        1.into(),
        "at least two, ascending, found [1, 1, 2]",
    );
    refuses(
        "/outputs/2/class",
        3.into(),
        "expected a class index below 3, found 3",
    );
    refuses("/outputs", serde_json::json!([]), "at least two, ascending");
    refuses(
        "/class_names",
        ["a", "b"].as_slice().into(),
        "class index below 2",
    );
    refuses("/columns/1", "a".into(), "column `a` appears more than once");
    refuses("/config/alpha", (-1.0).into(), "setting `alpha` is -1");
    refuses(
        "/convergence/gradient_norm",
        (-1.0).into(),
        "the norm of the gradient",
    );
    refuses("/convergence/steepest_column", "z".into(), "the steepest column");
    assert!(serde_json::from_value::<Logistic>(serde_json::json!({})).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_order_of_rows_does_not_matter(seed in 0_u64..1_000, n_classes in 2_usize..4) {
        let (x, y) = table(seed, 60, n_classes, 0.6);
        let config = LogisticConfig::default().with_gradient_tolerance(1e-8);
        let reversed: Vec<usize> = (0..60).rev().collect();
        let a = config.fit(&x, &y).unwrap();
        let b = config.fit(&x.select_rows(&reversed), &y.select_rows(&reversed)).unwrap();
        // A gradient of 1e-8 over the smallest curvature, alpha over 60.
        assert_close(&weights(&a), &weights(&b), 1e-5);
    }

    /// linfa-logistic never returns on some of these: any `f32`, any strength, few rows.
    #[test]
    fn any_finite_table_is_fitted_and_predicted_on(
        values in prop::collection::vec(-f32::MAX..f32::MAX, 24),
        exponents in prop::collection::vec(-45_i32..1, 3),
        n_classes in 2_usize..4,
        alpha in prop::sample::select(vec![0.0, 1e-8, 1.0, 100.0, 1e300]),
    ) {
        let values = values.iter().zip(exponents.iter().cycle()).map(|(v, e)| v * 10_f32.powi(*e));
        let x = FeatureMatrix::new(["a", "b", "c"], values.collect()).unwrap();
        let y = Labels::new(["p", "q", "r"].into_iter().take(n_classes), vec![0, 1, 1, 0, 1, 0, 0, 1]).unwrap();
        let model = LogisticConfig::default().with_alpha(alpha).fit(&x, &y).unwrap();
        prop_assert!(weights(&model).iter().all(|w| w.is_finite()));
        prop_assert!(model.predict_proba(&x).is_ok());
    }
}
