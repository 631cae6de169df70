//! One list of promises, kept by every model: see `playlist_core::Classifier`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use playlist_core::{
    Classifier, ClassifierConfig, Error, FeatureMatrix, Labels, MajorityConfig, Pipeline, Transformer,
};
use playlist_dataset::PreprocessorConfig;
use playlist_logistic::LogisticConfig;
use playlist_mlp::{Backend, Engine, EnsembleConfig, Loss, MlpClassifierConfig, MlpConfig, TrainingConfig};

/// 60 rows of three features; the classes differ in the first.
fn table(n_classes: usize) -> (FeatureMatrix, Labels) {
    let y: Vec<usize> = (0..60).map(|row| row * 7 % 60 * n_classes / 60).collect();
    let values = y.iter().enumerate().flat_map(|(row, label)| {
        let noise = (row * 37 % 41) as f32 / 41.0;
        [*label as f32 + noise, noise * 2.0, (row % 5) as f32 / 5.0]
    });
    let x = FeatureMatrix::new(["energy", "tempo", "key"], values.collect()).unwrap();
    (
        x,
        Labels::new((0..n_classes).map(|class| format!("class {class}")), y).unwrap(),
    )
}

/// Holds one model to the whole list.
fn keeps_the_contract<C>(config: &C)
where
    C: ClassifierConfig,
    playlist_core::Error: From<C::Error>,
{
    for n_classes in [2, 4] {
        let (x, y) = table(n_classes);
        let model = config.fit(&x, &y).unwrap();
        assert_eq!(model.columns(), x.columns());
        assert_eq!(model.class_names(), y.class_names());
        predictions_are_probabilities(&model, &x, n_classes);
        rows_do_not_know_each_other(&model, &x);
        same_settings_give_the_same_model(config, &x, &y);
        other_input_is_refused(&model, &x);
    }
    bad_training_data_is_refused(config);
}

fn predictions_are_probabilities(model: &impl Classifier, x: &FeatureMatrix, n_classes: usize) {
    let p = model.predict_proba(x).unwrap();
    assert_eq!((p.n_samples(), p.n_classes()), (x.n_samples(), n_classes));
    for row in p.to_rows().chunks(n_classes) {
        assert!(row.iter().all(|p| (0.0..=1.0).contains(p)));
        // n_classes roundings of f32.
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
    assert_eq!(model.predict(x).unwrap(), p.most_probable());
    let nothing = model.predict_proba(&x.select_rows(&[])).unwrap();
    assert_eq!((nothing.n_samples(), nothing.n_classes()), (0, n_classes));
}

/// The order of rows and the company that they keep do not matter. Tolerance: a matrix product may sum in
/// another order when the number of rows differs.
fn rows_do_not_know_each_other(model: &impl Classifier, x: &FeatureMatrix) {
    let together = model.predict_proba(x).unwrap();
    let order: Vec<usize> = (0..x.n_samples()).rev().collect();
    let reversed = model.predict_proba(&x.select_rows(&order)).unwrap();
    for row in 0..x.n_samples() {
        let alone = model.predict_proba(&x.select_rows(&[row])).unwrap();
        for class in 0..together.n_classes() {
            let expected = together.get(row, class);
            assert!((alone.get(0, class) - expected).abs() < 1e-6);
            assert!((reversed.get(x.n_samples() - 1 - row, class) - expected).abs() < 1e-6);
        }
    }
}

/// Also after something else was learnt in between: refitting forgets.
fn same_settings_give_the_same_model<C: ClassifierConfig>(config: &C, x: &FeatureMatrix, y: &Labels) {
    let first = config.fit(x, y).unwrap().predict_proba(x).unwrap();
    let flipped: Vec<usize> = y.y().iter().map(|label| y.n_classes() - 1 - label).collect();
    config
        .fit(x, &Labels::new(y.class_names().to_vec(), flipped).unwrap())
        .unwrap();
    assert_eq!(config.fit(x, y).unwrap().predict_proba(x).unwrap(), first);
}

fn other_input_is_refused(model: &impl Classifier, x: &FeatureMatrix) {
    let narrow = x.select_columns(&["energy", "tempo"]).unwrap();
    assert!(matches!(
        model.predict_proba(&narrow),
        Err(Error::ColumnsDiffer { .. })
    ));
    let swapped = x.select_columns(&["tempo", "energy", "key"]).unwrap();
    assert!(matches!(
        model.predict_proba(&swapped),
        Err(Error::ColumnsDiffer { .. })
    ));
    let gap = FeatureMatrix::new(["energy", "tempo", "key"], vec![0.1, f32::NAN, 0.3]).unwrap();
    assert!(matches!(
        model.predict_proba(&gap),
        Err(Error::MissingValue { row: 0, column }) if column == "tempo"
    ));
}

fn bad_training_data_is_refused<C>(config: &C)
where
    C: ClassifierConfig,
    Error: From<C::Error>,
{
    let (x, y) = table(2);
    let error = |x: &FeatureMatrix, y: &Labels| config.fit(x, y).err().map(Error::from);
    let fewer = y.select_rows(&[0, 1, 2]);
    assert!(matches!(error(&x, &fewer), Some(Error::LengthMismatch { .. })));
    assert!(matches!(
        error(&x.select_rows(&[]), &y.select_rows(&[])),
        Some(Error::Empty { .. })
    ));
    let one_class: Vec<usize> = (0..60).filter(|row| y.y()[*row] == 1).collect();
    assert!(matches!(
        error(&x.select_rows(&one_class), &y.select_rows(&one_class)),
        Some(Error::OneClass { class, .. }) if class == "class 1"
    ));
    let gap = FeatureMatrix::new(["a"], vec![1.0, f32::NAN, 0.5]).unwrap();
    let gap_y = Labels::binary("no", "yes", &[true, false, true]);
    assert!(matches!(
        error(&gap, &gap_y),
        Some(Error::MissingValue { row: 1, .. })
    ));
}

#[test]
fn majority_keeps_the_contract() {
    keeps_the_contract(&MajorityConfig);
}

#[test]
fn logistic_keeps_the_contract() {
    keeps_the_contract(&LogisticConfig::default());
}

#[test]
fn networks_keep_the_contract_on_every_cpu_backend() {
    for backend in [Backend::Flex, Backend::NdArray] {
        let training = TrainingConfig::default().with_epochs(3).with_batch_size(16);
        let paper = MlpClassifierConfig::paper()
            .with_backend(backend)
            .with_training(training.clone());
        keeps_the_contract(&paper);
        let other = training.with_loss(Loss::MeanSquaredError);
        keeps_the_contract(
            &paper
                .with_network(MlpConfig::paper_batch_norm(0.2))
                .with_training(other),
        );
    }
}

#[test]
fn ensembles_keep_the_contract_on_both_engines() {
    for engine in [Engine::Fused, Engine::Burn] {
        let mut config = EnsembleConfig::default().with_engine(engine);
        config.network.epochs = 3;
        config.network.width = 16;
        keeps_the_contract(&config);
    }
}

/// The statistics of a fitted pipeline come from the training rows alone: whatever happens to test rows,
/// predictions for the others stay as they are.
#[test]
fn nothing_leaks_from_test_rows() {
    let (x, y) = table(2);
    let train: Vec<usize> = (0..40).collect();
    let (train_x, train_y) = (x.select_rows(&train), y.select_rows(&train));
    for preprocessing in [PreprocessorConfig::paper(), PreprocessorConfig::standard()] {
        let preprocessing = preprocessing.with_features(["energy", "tempo", "key"]);
        let preprocessor = preprocessing.fit(&train_x).unwrap();
        let model = LogisticConfig::default()
            .fit(&preprocessor.transform(&train_x).unwrap(), &train_y)
            .unwrap();
        let pipeline = Pipeline::new(preprocessor, model).unwrap();
        let before = pipeline.predict_proba(&train_x).unwrap();
        let mut values = x.values().to_vec();
        for value in &mut values[120..] {
            *value = 0.9;
        }
        let altered = FeatureMatrix::new(x.columns().to_vec(), values).unwrap();
        let all = pipeline.predict_proba(&altered).unwrap();
        for row in 0..40 {
            assert!((all.get(row, 1) - before.get(row, 1)).abs() < 1e-6, "row {row}");
        }
    }
}

/// A pipeline takes columns in any order, and ignores those that it does not need.
#[test]
fn a_pipeline_finds_its_columns() {
    let (x, y) = table(2);
    let preprocessor = PreprocessorConfig::standard()
        .with_features(["tempo", "energy"])
        .fit(&x)
        .unwrap();
    let model = LogisticConfig::default()
        .fit(&preprocessor.transform(&x).unwrap(), &y)
        .unwrap();
    let pipeline = Pipeline::new(preprocessor, model).unwrap();
    let other_order = x.select_columns(&["key", "energy", "tempo"]).unwrap();
    assert_eq!(
        pipeline.predict_proba(&x).unwrap(),
        pipeline.predict_proba(&other_order).unwrap()
    );
    let lacking = x.select_columns(&["key", "energy"]).unwrap();
    assert!(matches!(
        pipeline.predict_proba(&lacking),
        Err(Error::MissingColumn { column, .. }) if column == "tempo"
    ));
}
