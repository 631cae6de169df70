//! Learning, determinism, stopping: what a user of the network would notice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::ops::ControlFlow;

use playlist_core::{Classifier, FeatureMatrix, Labels};
use playlist_mlp::{
    Activation, Backend, EarlyStopping, EpochRecord, Error, FitOptions, Loss, MlpClassifierConfig, MlpConfig,
    OptimizerConfig, StopReason, StopSignal, TrainingConfig,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Two features uniform in [0, 1); the class says whether they are on one side of the middle (an exclusive
/// or, which no linear model learns).
fn exclusive_or(n_samples: usize, seed: u64) -> (FeatureMatrix, Vec<bool>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..2 * n_samples)
        .map(|_| rng.next_u32() as f32 / u32::MAX as f32)
        .collect();
    let y = values
        .chunks(2)
        .map(|row| (row[0] > 0.5) != (row[1] > 0.5))
        .collect();
    (FeatureMatrix::new(["a", "b"], values).unwrap(), y)
}

fn labels(y: &[bool]) -> Labels {
    Labels::binary("no", "yes", y)
}

fn quick(epochs: usize) -> MlpClassifierConfig {
    let training = TrainingConfig::default()
        .with_epochs(epochs)
        .with_learning_rate(0.01)
        .with_batch_size(32);
    MlpClassifierConfig::paper().with_training(training)
}

fn accuracy(found: &[usize], expected: &[usize]) -> f64 {
    found.iter().zip(expected).filter(|(a, b)| a == b).count() as f64 / expected.len() as f64
}

#[test]
fn a_curved_border_is_learnt() {
    let (x, y) = exclusive_or(600, 1);
    let (test_x, test_y) = exclusive_or(300, 2);
    let model = quick(150).fit(&x, &labels(&y)).unwrap();
    let found = accuracy(&model.predict(&test_x).unwrap(), labels(&test_y).y());
    assert!(
        found > 0.93,
        "accuracy {found}: a linear model has 0.5, a perfect one 1"
    );
}

#[test]
fn labels_that_have_nothing_to_do_with_the_features_are_not_learnt() {
    let (x, _) = exclusive_or(600, 1);
    let (test_x, _) = exclusive_or(1_000, 2);
    let (_, unrelated) = exclusive_or(600, 98);
    let (_, test_unrelated) = exclusive_or(1_000, 99);
    let model = quick(60).fit(&x, &labels(&unrelated)).unwrap();
    let found = accuracy(&model.predict(&test_x).unwrap(), labels(&test_unrelated).y());
    // Five standard errors of a share of 1,000 rows.
    assert!((0.42..0.58).contains(&found), "accuracy {found}");
}

#[test]
fn thirty_two_rows_are_memorised() {
    let (x, _) = exclusive_or(32, 5);
    let (_, y) = exclusive_or(32, 6);
    let network = MlpConfig::new(&[64, 64], Activation::Relu);
    let training = TrainingConfig::default()
        .with_epochs(1_500)
        .with_learning_rate(0.01)
        .with_batch_size(32);
    let config = MlpClassifierConfig::paper()
        .with_network(network)
        .with_training(training);
    let model = config.fit(&x, &labels(&y)).unwrap();
    assert_eq!(model.predict(&x).unwrap(), labels(&y).y());
}

#[test]
fn several_classes_are_learnt_under_both_losses() {
    let (x, _) = exclusive_or(600, 3);
    let quadrant = |row: &[f32]| usize::from(row[0] > 0.5) + 2 * usize::from(row[1] > 0.5);
    let y: Vec<usize> = x.values().chunks(2).map(quadrant).collect();
    let y = Labels::new(["a", "b", "c", "d"], y).unwrap();
    for loss in [Loss::CrossEntropy, Loss::MeanSquaredError] {
        let mut config = quick(120);
        config.training.loss = loss;
        let model = config.fit(&x, &y).unwrap();
        let p = model.predict_proba(&x).unwrap();
        let sums = p
            .to_rows()
            .chunks(4)
            .map(|row| row.iter().sum::<f32>())
            .collect::<Vec<_>>();
        // Four f32 roundings.
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-6));
        let found = accuracy(&p.most_probable(), y.y());
        assert!(found > 0.93, "{loss:?}: accuracy {found}");
    }
}

#[test]
fn every_variation_of_the_paper_trains() {
    let (x, y) = exclusive_or(120, 1);
    let networks = [
        MlpConfig::paper_second_layer(64),
        MlpConfig::paper_second_layer(128),
        MlpConfig::paper_depth(4),
        MlpConfig::paper_depth(5),
        MlpConfig::paper_batch_norm(0.0),
        MlpConfig::paper_batch_norm(0.5),
    ];
    let activations = Activation::ALL.map(|activation| MlpConfig::paper().with_activation(activation));
    for network in networks.into_iter().chain(activations) {
        for optimizer in [OptimizerConfig::adam(), OptimizerConfig::sgd()] {
            let training = TrainingConfig::default().with_epochs(3).with_optimizer(optimizer);
            let config = MlpClassifierConfig::paper()
                .with_network(network.clone())
                .with_training(training);
            let model = config.fit(&x, &labels(&y)).unwrap();
            let epochs = &model.history().unwrap().epochs;
            assert!(
                epochs.iter().all(|record| record.train_loss.is_finite()),
                "{network:?}"
            );
            model.predict_proba(&x).unwrap();
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_does_not() {
    let (x, y) = exclusive_or(300, 1);
    for backend in [Backend::Flex, Backend::NdArray] {
        let mut config = quick(5).with_backend(backend);
        // With dropout and batch normalisation every source of randomness is in play.
        config.network = MlpConfig::paper_batch_norm(0.2);
        // Two at once: nothing global may be shared between trainings.
        let (one, two) = std::thread::scope(|scope| {
            let other = scope.spawn(|| config.fit(&x, &labels(&y)).unwrap().model().to_arrays());
            (
                config.fit(&x, &labels(&y)).unwrap().model().to_arrays(),
                other.join().unwrap(),
            )
        });
        assert_eq!(one, two, "{backend}");
        config.training.seed = 1;
        assert_ne!(config.fit(&x, &labels(&y)).unwrap().model().to_arrays(), one);
    }
}

#[test]
fn validation_and_test_losses_are_recorded_and_change_nothing() {
    let (x, y) = exclusive_or(200, 1);
    let (other_x, other_y) = exclusive_or(100, 2);
    let (y, other_y) = (labels(&y), labels(&other_y));
    let plain = quick(4).fit(&x, &y).unwrap();
    let options = FitOptions {
        valid: Some((&other_x, &other_y)),
        test: Some((&other_x, &other_y)),
        ..FitOptions::default()
    };
    let watched = quick(4).fit_with(&x, &y, options).unwrap();
    assert_eq!(plain.model().to_arrays(), watched.model().to_arrays());
    let records = &watched.history().unwrap().epochs;
    assert_eq!(records.len(), 4);
    assert!(
        records
            .iter()
            .all(|record| record.valid_loss.is_some() && record.valid_loss == record.test_loss)
    );
    assert!(
        plain
            .history()
            .unwrap()
            .epochs
            .iter()
            .all(|record| record.valid_loss.is_none())
    );
}

#[test]
fn early_stopping_keeps_the_best_epoch() {
    let (x, _) = exclusive_or(200, 1);
    let (_, noise) = exclusive_or(200, 50);
    let mut config = quick(400);
    config.training.early_stopping = Some(EarlyStopping {
        patience: 5,
        ..EarlyStopping::default()
    });
    let model = config.fit(&x, &labels(&noise)).unwrap();
    let history = model.history().unwrap();
    assert_eq!(history.stop_reason, StopReason::EarlyStopping);
    assert_eq!(history.epochs.len(), history.kept_epoch + 5);
    let loss = |record: &EpochRecord| record.valid_loss.unwrap();
    let least = history.epochs.iter().map(loss).fold(f64::INFINITY, f64::min);
    assert!((loss(&history.epochs[history.kept_epoch - 1]) - least).abs() < f64::EPSILON);
}

#[test]
fn a_stop_keeps_what_was_learnt() {
    let (x, y) = exclusive_or(200, 1);
    let stop = StopSignal::default();
    let asked = stop.clone();
    let mut observer = |record: &EpochRecord, _: usize| {
        if record.epoch == 3 {
            asked.request();
        }
        ControlFlow::Continue(())
    };
    let options = FitOptions {
        observer: Some(&mut observer),
        stop,
        ..FitOptions::default()
    };
    let stopped = quick(50).fit_with(&x, &labels(&y), options).unwrap();
    let history = stopped.history().unwrap();
    assert_eq!(
        (history.stop_reason, history.kept_epoch),
        (StopReason::Interrupted, 3)
    );
    let three = quick(3).fit(&x, &labels(&y)).unwrap();
    assert_eq!(stopped.model().to_arrays(), three.model().to_arrays());
}

#[test]
fn a_loss_that_runs_away_is_an_error_with_advice() {
    let (x, y) = exclusive_or(100, 1);
    let huge = FeatureMatrix::new(["a", "b"], x.values().iter().map(|v| v * 1e30).collect()).unwrap();
    let network = MlpConfig::new(&[8, 8], Activation::Relu);
    let training = TrainingConfig::default()
        .with_loss(Loss::CrossEntropy)
        .with_optimizer(OptimizerConfig::sgd())
        .with_learning_rate(1e10);
    let error = MlpClassifierConfig::paper()
        .with_network(network)
        .with_training(training)
        .fit(&huge, &labels(&y))
        .unwrap_err();
    assert!(matches!(error, Error::NonFiniteLoss { epoch: 1, .. }), "{error}");
    assert!(
        error.to_string().contains("learning rate below 10000000000"),
        "{error}"
    );
}

#[test]
fn settings_and_data_that_do_not_fit_are_errors() {
    use playlist_core::Error as Core;
    let (x, y) = exclusive_or(10, 1);
    let y = labels(&y);
    let setting =
        |training: TrainingConfig| match MlpClassifierConfig::paper().with_training(training).fit(&x, &y) {
            Err(Error::Core(Core::InvalidSetting { field, .. })) => field,
            other => panic!("expected an invalid setting, found {other:?}"),
        };
    let base = TrainingConfig::default;
    assert_eq!(setting(base().with_learning_rate(0.0)), "learning_rate");
    assert_eq!(setting(base().with_learning_rate(f64::NAN)), "learning_rate");
    assert_eq!(setting(base().with_batch_size(0)), "batch_size");
    assert_eq!(setting(base().with_epochs(0)), "epochs");
    assert_eq!(setting(base().with_weight_decay(-1.0)), "weight_decay");
    assert_eq!(
        setting(base().with_optimizer(OptimizerConfig::Sgd { momentum: 1.0 })),
        "momentum"
    );
    let early = EarlyStopping {
        validation_fraction: 1.0,
        ..EarlyStopping::default()
    };
    assert_eq!(
        setting(base().with_early_stopping(Some(early))),
        "validation_fraction"
    );

    let model = quick(1).fit(&x, &y).unwrap();
    let swapped = x.select_columns(&["b", "a"]).unwrap();
    assert!(matches!(
        model.predict_proba(&swapped),
        Err(Core::ColumnsDiffer { .. })
    ));
    let gap = FeatureMatrix::new(["a", "b"], vec![0.5, f32::NAN]).unwrap();
    assert!(matches!(
        model.predict_proba(&gap),
        Err(Core::MissingValue { row: 0, .. })
    ));
    let other = FeatureMatrix::new(["a", "c"], vec![0.5, 0.5]).unwrap();
    let options = FitOptions {
        valid: Some((&other, &y)),
        ..FitOptions::default()
    };
    assert!(matches!(
        quick(1).fit_with(&x, &y, options),
        Err(Error::Core(Core::ColumnsDiffer { .. }))
    ));
}
