//! What explanations must be, whatever the model.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use playlist_core::{Classifier, FeatureMatrix, Labels, Probabilities};
use playlist_explain::{
    Error, ImportanceMetric, PartialDependenceConfig, PermutationImportanceConfig, Scale, ShapleyConfig,
    ShapleyMethod,
};

/// p = sigmoid(f(row)) of named columns.
struct Formula<F> {
    columns: Vec<String>,
    classes: Vec<String>,
    logit: F,
}

impl<F: Fn(&[f32]) -> f32 + Send + Sync> Classifier for Formula<F> {
    fn columns(&self) -> &[String] {
        &self.columns
    }
    fn class_names(&self) -> &[String] {
        &self.classes
    }
    fn predict_proba(&self, x: &FeatureMatrix) -> playlist_core::Result<Probabilities> {
        let p = |row| 1.0 / (1.0 + (-(self.logit)(x.row(row))).exp());
        Probabilities::binary((0..x.n_samples()).map(p).collect())
    }
}

fn formula<F: Fn(&[f32]) -> f32 + Send + Sync>(columns: &[&str], logit: F) -> Formula<F> {
    Formula {
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        classes: vec!["other".to_owned(), "liked".to_owned()],
        logit,
    }
}

/// Numbers in [-1, 1) that look random.
fn numbers(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

const FOUR: [&str; 4] = ["energy", "tempo", "valence", "key"];

#[test]
fn exact_values_of_a_sum_are_its_terms() {
    // On the logit scale a sum splits into w_i (x_i - mean of the background's i).
    let model = formula(&FOUR, |row| 0.5 * row[0] - 0.25 * row[1] + row[3]);
    let background = FeatureMatrix::new(FOUR, numbers(4 * 20, 1)).unwrap();
    let x = FeatureMatrix::new(FOUR, vec![0.5, 0.75, -0.5, 0.25]).unwrap();
    let config = ShapleyConfig::default().with_scale(Scale::LogOdds);
    let explained = config.explain(&model, &x, 0, &background).unwrap();
    let mean = |column| background.column(column).flatten().sum::<f32>() / 20.0;
    for (index, weight) in [0.5, -0.25, 0.0, 1.0].into_iter().enumerate() {
        let expected = weight * (x.row(0)[index] - mean(index));
        // The probabilities are f32; their logits carry an error of some 1e-6.
        let found = explained.contributions[index].contribution;
        assert!(
            (found - f64::from(expected)).abs() < 1e-5,
            "{index}: {found} against {expected}"
        );
    }
    assert_eq!(explained.contributions[1].unit, "beats per minute");
    assert_eq!(explained.contributions[1].value, Some(0.75));
}

#[test]
fn contributions_add_up_and_equal_features_share_equally() {
    let model = formula(&FOUR, |row| 3.0 * row[0] * row[1] + row[2]);
    let background = FeatureMatrix::new(FOUR, vec![0.0; 4]).unwrap();
    let x = FeatureMatrix::new(FOUR, vec![0.8, 0.8, -0.3, 0.9]).unwrap();
    let explained = ShapleyConfig::default()
        .explain(&model, &x, 0, &background)
        .unwrap();
    let p = model.predict_proba(&x).unwrap().get(0, 1);
    assert!((explained.prediction - f64::from(p)).abs() < 1e-9);
    let [a, b, _, d] = [0, 1, 2, 3].map(|index| explained.contributions[index].contribution);
    // The probabilities are f32 sums of equal terms.
    assert!((a - b).abs() < 1e-7, "{a} against {b}");
    assert!(
        d.abs() < 1e-12,
        "what the model does not use contributes nothing: {d}"
    );
}

#[test]
fn sampling_agrees_with_enumeration_within_its_standard_error() {
    let model = formula(&FOUR, |row| 2.0 * row[0] * row[1] - row[2] * row[2] + row[3]);
    let background = FeatureMatrix::new(FOUR, numbers(4 * 30, 2)).unwrap();
    let x = FeatureMatrix::new(FOUR, numbers(4, 3)).unwrap();
    let exact = ShapleyConfig::default()
        .explain(&model, &x, 0, &background)
        .unwrap();
    let method = ShapleyMethod::Sampled { n_orders: 4000 };
    let sampled = ShapleyConfig::default()
        .with_method(method)
        .explain(&model, &x, 0, &background)
        .unwrap();
    for (e, s) in exact.contributions.iter().zip(&sampled.contributions) {
        let apart = (e.contribution - s.contribution).abs();
        // Five standard errors: one run in a million fails by chance, and the seed is fixed.
        assert!(apart <= 5.0 * s.standard_error + 1e-9, "{}: {apart}", e.column);
        assert!(s.standard_error < 0.01, "{}", s.standard_error);
    }
    assert_eq!(
        sampled,
        ShapleyConfig::default()
            .with_method(method)
            .explain(&model, &x, 0, &background)
            .unwrap()
    );
}

#[test]
fn importance_finds_what_the_model_goes_by() {
    let columns = ["energy", "tempo", "valence"];
    let model = formula(&columns, |row| 3.0 * row[0] + 0.5 * row[1]);
    let mut values = numbers(3 * 900, 4);
    values[2] = f32::NAN;
    let x = FeatureMatrix::new(columns, values).unwrap();
    let noise = numbers(900, 5);
    let liked: Vec<bool> = (0..900)
        .map(|row| x.row(row)[0] + 0.3 * noise[row] > 0.0)
        .collect();
    let y = Labels::binary("other", "liked", &liked);
    for metric in [ImportanceMetric::RocAuc, ImportanceMetric::LogLoss] {
        let config = PermutationImportanceConfig::default().with_metric(metric);
        let all = config.measure(&model, &x, &y).unwrap();
        assert_eq!(all[0].column, "energy");
        assert!(all[0].interval.lower > 0.1 && all[0].interval.upper > all[0].importance);
        let unused = all
            .iter()
            .find(|importance| importance.column == "valence")
            .unwrap();
        assert_eq!(
            (unused.importance, unused.interval.lower, unused.interval.upper),
            (0.0, 0.0, 0.0)
        );
        assert_eq!(all, config.measure(&model, &x, &y).unwrap(), "the seed decides");
    }
}

#[test]
fn importance_without_two_classes_is_an_error() {
    let model = formula(&["energy"], |row| row[0]);
    let x = FeatureMatrix::new(["energy"], numbers(20, 6)).unwrap();
    let y = Labels::new(["other", "liked"], vec![1; 20]).unwrap();
    let result = PermutationImportanceConfig::default().measure(&model, &x, &y);
    assert!(matches!(result, Err(Error::Metrics(_))), "{result:?}");
}

#[test]
fn partial_dependence_follows_the_formula_over_values_that_occur() {
    let columns = ["energy", "mode"];
    let model = formula(&columns, |row| 2.0 * row[0] + row[1]);
    let values: Vec<f32> = (0..200)
        .flat_map(|row| [row as f32 / 200.0, (row % 2) as f32])
        .collect();
    let x = FeatureMatrix::new(columns, values).unwrap();
    let config = PartialDependenceConfig::default();
    let energy = config.measure(&model, &x, "energy", 1).unwrap();
    assert_eq!((energy.points.len(), energy.class.as_str()), (25, "liked"));
    assert!(
        energy
            .points
            .windows(2)
            .all(|pair| pair[0].value < pair[1].value && pair[0].mean < pair[1].mean)
    );
    assert_eq!((energy.points[0].value, energy.points[24].value), (0.0, 0.995));
    // At energy 0 half of the tracks get sigmoid(0) and half sigmoid(1).
    let expected = (0.5 + 1.0 / (1.0 + (-1.0_f64).exp())) / 2.0;
    assert!((energy.points[0].mean - expected).abs() < 1e-6);
    assert!(energy.points[0].lower < energy.points[0].upper);
    assert_eq!(config.measure(&model, &x, "mode", 1).unwrap().points.len(), 2);
    let other = config.measure(&model, &x, "energy", 0).unwrap();
    assert!((other.points[0].mean + energy.points[0].mean - 1.0).abs() < 1e-6);
    let nothing = FeatureMatrix::new(columns, vec![f32::NAN, 1.0]).unwrap();
    assert!(matches!(
        config.measure(&model, &nothing, "energy", 1),
        Err(Error::NoValues { column }) if column == "energy"
    ));
    assert!(config.measure(&model, &x, "tempo", 1).is_err());
    assert!(config.measure(&model, &x, "energy", 2).is_err());
}

#[test]
fn what_cannot_be_explained_is_an_error() {
    let model = formula(&FOUR, |row| row[0]);
    let x = FeatureMatrix::new(FOUR, vec![0.0; 4]).unwrap();
    let nobody = x.select_rows(&[]);
    let config = ShapleyConfig::default();
    assert!(config.explain(&model, &x, 1, &x).is_err());
    assert!(config.explain(&model, &x, 0, &nobody).is_err());
    assert!(
        config
            .with_method(ShapleyMethod::Sampled { n_orders: 0 })
            .explain(&model, &x, 0, &x)
            .is_err()
    );
    let names: Vec<String> = (0..17).map(|index| format!("f{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let wide = FeatureMatrix::new(names.clone(), vec![0.0; 17]).unwrap();
    let result = config.explain(&formula(&names, |row| row[0]), &wide, 0, &wide);
    assert!(matches!(
        result,
        Err(Error::TooManyFeatures {
            n_features: 17,
            most: 16
        })
    ));
}
