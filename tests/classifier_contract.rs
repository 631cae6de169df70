//! One list of promises, kept by every model: see `playlist_core::Classifier`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use playlist_classifier::metrics::ThresholdRule;
use playlist_classifier::{
    Experiment, ExperimentConfig, ModelName, Outcome, SavedModel, Source, SplitMethod,
};
use playlist_core::{
    Classifier, ClassifierConfig, Error, FeatureMatrix, Labels, MajorityConfig, Overwrite, Pipeline,
    Transformer,
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
    little_data_is_enough(config);
    constant_columns_do_no_harm(config);
}

/// Twenty rows, and one row of a class among twenty: a fit that answers, and that does not take the lone row's class for
/// the usual one.
fn little_data_is_enough<C: ClassifierConfig>(config: &C) {
    let (x, y) = table(2);
    let rows: Vec<usize> = (0..20).collect();
    let (x, y) = (x.select_rows(&rows), y.select_rows(&rows));
    predictions_are_probabilities(&config.fit(&x, &y).unwrap(), &x, 2);
    for lone in [0, 1] {
        let labels = (0..20).map(|row| if row == 7 { lone } else { 1 - lone });
        let y = Labels::new(y.class_names().to_vec(), labels.collect()).unwrap();
        let model = config.fit(&x, &y).unwrap();
        predictions_are_probabilities(&model, &x, 2);
        let p = model.predict_proba(&x).unwrap();
        let mean = (0..20).map(|row| p.get(row, 1 - lone)).sum::<f32>() / 20.0;
        assert!(mean > 0.5, "class {lone} once: {mean}");
    }
}

/// Where all columns are constant every row gets the same answer; where one is not, the constant ones do not hide it.
fn constant_columns_do_no_harm<C: ClassifierConfig>(config: &C) {
    let (x, y) = table(2);
    let with_constant = |all: bool| {
        let rows = (0..x.n_samples()).map(|row| {
            if all {
                [0.3, 0.5, 1.0]
            } else {
                [x.row(row)[0], 0.5, 1.0]
            }
        });
        FeatureMatrix::new(x.columns().to_vec(), rows.flatten().collect()).unwrap()
    };
    let constant = with_constant(true);
    let model = config.fit(&constant, &y).unwrap();
    predictions_are_probabilities(&model, &constant, 2);
    let p = model.predict_proba(&constant).unwrap();
    assert!(p.positive().unwrap().iter().all(|one| *one == p.get(0, 1)));
    let some = with_constant(false);
    let model = config.fit(&some, &y).unwrap();
    predictions_are_probabilities(&model, &some, 2);
    let p = model.predict_proba(&some).unwrap();
    let mean = |class: usize| {
        let rows: Vec<usize> = (0..60).filter(|row| y.y()[*row] == class).collect();
        rows.iter().map(|row| p.get(*row, 1)).sum::<f32>() / rows.len() as f32
    };
    // The majority class looks at nothing.
    assert!(mean(1) >= mean(0), "{} {}", mean(0), mean(1));
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
fn networks_keep_the_contract_on_every_cpu_backend_and_engine() {
    let runs = [
        (Backend::Flex, Engine::Fused),
        (Backend::Flex, Engine::Burn),
        (Backend::NdArray, Engine::Burn),
    ];
    for (backend, engine) in runs {
        let training = TrainingConfig::default().with_epochs(3).with_batch_size(16);
        let paper = MlpClassifierConfig::paper()
            .with_backend(backend)
            .with_engine(Some(engine))
            .with_training(training.clone());
        keeps_the_contract(&paper);
        let other = training.with_loss(Loss::MeanSquaredError);
        keeps_the_contract(
            &paper
                .with_engine(None)
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

/// A table with a column of parts. With `altered` every test row has other features and the other label.
fn divided_table(altered: bool) -> String {
    let mut text =
        "energy,tempo,loudness,valence,acousticness,speechiness,liveness,duration_ms,label,part".to_owned();
    for row in 0..150_usize {
        let is_test = row % 3 == 1;
        let is_altered = altered && is_test;
        let is_liked = (row % 5 < 2) != is_altered;
        let noise = |step: usize| (row * step % 89) as f32 / 100.0;
        let shift = if is_altered { 0.05 } else { 0.0 };
        let energy = if row % 5 < 2 { 0.1 } else { 0.0 } + noise(37) + shift;
        let tempo = if is_altered {
            220.0
        } else {
            80.0 + noise(41) * 100.0
        };
        let (label, part) = (
            if is_liked { "liked" } else { "other" },
            if is_test { "test" } else { "train" },
        );
        text += &format!(
            "\n{energy},{tempo},{},{},{},{},{},{},{label},{part}",
            -20.0 + noise(7) * 10.0 - shift,
            noise(11) + shift,
            noise(13),
            noise(17),
            noise(19),
            200_000 + row * 100
        );
    }
    text
}

fn outcome_of(text: &str, config: &ExperimentConfig) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracks.csv");
    std::fs::write(&path, text).unwrap();
    let source = Source::Table { path, label: None };
    Experiment::read(&source, config.clone()).unwrap().run().unwrap()
}

fn quick_config() -> ExperimentConfig {
    let mut config = ExperimentConfig {
        split: SplitMethod::Column("part".to_owned()),
        threshold: ThresholdRule::BestF1,
        ..ExperimentConfig::default()
    };
    config.fit.training = config.fit.training.with_epochs(3).with_batch_size(16);
    config
}

/// Nothing that a model learns, thresholds included, depends on features or labels of the test part: through the
/// whole experiment, from the file on, for every model.
#[test]
fn nothing_leaks_from_test_rows_through_a_whole_experiment() {
    for watch_test in [false, true] {
        let mut config = quick_config();
        config.fit.watch_test = watch_test;
        let (plain, altered) = (
            outcome_of(&divided_table(false), &config),
            outcome_of(&divided_table(true), &config),
        );
        assert_eq!((plain.split.train.len(), plain.split.test.len()), (100, 50));
        assert_eq!(plain.split, altered.split);
        for (index, name) in ModelName::ALL.iter().enumerate() {
            let (model, other) = (&plain.models[index], &altered.models[index]);
            assert_eq!(model.threshold(), other.threshold(), "{name}");
            assert_eq!(
                model.threshold().is_none(),
                *name == ModelName::Majority,
                "{name}"
            );
            let (p, other) = (&plain.predictions[index], &altered.predictions[index]);
            for row in &plain.split.train {
                assert_eq!(p.get(*row, 1), other.get(*row, 1), "{name}, row {row}");
            }
            let metrics = |outcome: &Outcome| outcome.report.models[index].metrics;
            assert_ne!(
                metrics(&plain),
                metrics(&altered),
                "{name}: the test part did change"
            );
        }
    }
}

/// A saved model is the model, in all that it answers.
#[test]
fn every_model_is_the_same_once_saved_and_loaded() {
    let outcome = outcome_of(&divided_table(false), &quick_config());
    let folder = tempfile::tempdir().unwrap();
    for model in &outcome.models {
        let path = folder.path().join(model.name().to_string());
        model.save(&path, Overwrite::Refuse).unwrap();
        let loaded = SavedModel::load(&path, Backend::default()).unwrap();
        assert_eq!(loaded.name(), model.name());
        assert_eq!(loaded.threshold(), model.threshold());
        assert_eq!(loaded.training(), model.training());
        assert_eq!(loaded.columns(), model.columns());
        assert_eq!(loaded.class_names(), model.class_names());
        let values = (0..10 * model.columns().len()).map(|i| (i * 37 % 100) as f32 / 100.0);
        let x = FeatureMatrix::new(model.columns().to_vec(), values.collect()).unwrap();
        assert_eq!(
            loaded.predict_proba(&x).unwrap(),
            model.predict_proba(&x).unwrap(),
            "{}",
            model.name()
        );
        let cut = std::fs::read(&path).unwrap();
        std::fs::write(&path, &cut[..cut.len() / 2]).unwrap();
        assert!(SavedModel::load(&path, Backend::default()).is_err());
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
