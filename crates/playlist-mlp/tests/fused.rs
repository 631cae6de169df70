//! The loops of our own against Burn's: the same training.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use playlist_core::{Classifier, FeatureMatrix, Labels};
use playlist_mlp::{
    Activation, Backend, EarlyStopping, Engine, Error, FitOptions, Loss, MlpClassifierConfig, MlpConfig,
    Normalization, OptimizerConfig, TrainingConfig,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Three features uniform in [0, 1); the class is an exclusive or of two, one in ten labels wrong.
fn tracks(n_samples: usize, seed: u64) -> (FeatureMatrix, Labels) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..3 * n_samples)
        .map(|_| rng.next_u32() as f32 / u32::MAX as f32)
        .collect();
    let y: Vec<bool> = values
        .chunks(3)
        .map(|row| ((row[0] > 0.5) != (row[1] > 0.5)) != rng.next_u32().is_multiple_of(10))
        .collect();
    let x = FeatureMatrix::new(["a", "b", "c"], values).unwrap();
    (x, Labels::binary("no", "yes", &y))
}

/// The same with a third class: those with a large third feature.
fn three_classes(n_samples: usize, seed: u64) -> (FeatureMatrix, Labels) {
    let (x, y) = tracks(n_samples, seed);
    let classes = (0..n_samples).map(|row| if x.row(row)[2] > 0.7 { 2 } else { y.y()[row] });
    let labels = Labels::new(["no", "yes", "third"], classes.collect()).unwrap();
    (x, labels)
}

type Tracks = fn(usize, u64) -> (FeatureMatrix, Labels);

/// The largest difference of logits and losses between the two engines.
fn largest_difference(config: &MlpClassifierConfig, tracks: Tracks) -> f32 {
    let (x, y) = tracks(213, 1);
    let (test_x, test_y) = tracks(100, 2);
    let fit = |engine| {
        let options = FitOptions {
            test: Some((&test_x, &test_y)),
            ..FitOptions::default()
        };
        let config = config.clone().with_engine(Some(engine));
        config.fit_with(&x, &y, options).unwrap()
    };
    let (burn, fused) = (fit(Engine::Burn), fit(Engine::Fused));
    let pairs = burn.predict_logits(&test_x).unwrap().into_iter();
    let logits = pairs
        .zip(fused.predict_logits(&test_x).unwrap())
        .map(|(a, b)| (a - b).abs());
    let histories = [&burn, &fused].map(|model| model.history().unwrap());
    assert_eq!(histories[0].epochs.len(), histories[1].epochs.len());
    assert_eq!(histories[0].kept_epoch, histories[1].kept_epoch);
    let losses = histories[0]
        .epochs
        .iter()
        .zip(&histories[1].epochs)
        .flat_map(|(a, b)| {
            assert_eq!(
                (a.epoch, a.valid_loss.is_some()),
                (b.epoch, b.valid_loss.is_some())
            );
            [
                a.train_loss - b.train_loss,
                a.test_loss.unwrap() - b.test_loss.unwrap(),
                a.valid_loss.unwrap_or_default() - b.valid_loss.unwrap_or_default(),
            ]
        });
    logits.chain(losses.map(|d| d.abs() as f32)).fold(0.0, f32::max)
}

/// Every activation, loss, optimiser and number of classes, with and without batch normalisation, dropout and weight decay. Rounding
/// alone parts the two: 50 steps, each with relative errors of about 1e-6 from sums and `exp`, of logits of about 1. Normalisation
/// divides by the spread of a unit, and so makes them larger: a unit at the kink of its activation may fall on either side.
#[test]
fn both_engines_take_the_same_steps() {
    let adam = OptimizerConfig::Adam {
        beta_1: 0.8,
        beta_2: 0.99,
        epsilon: 1e-5,
    };
    let optimizers = [
        (OptimizerConfig::adam(), 1e-3),
        (adam, 1e-3),
        (OptimizerConfig::sgd(), 0.1),
        (OptimizerConfig::Sgd { momentum: 0.9 }, 0.02),
    ];
    for tracks in [tracks as Tracks, three_classes] {
        for activation in Activation::ALL {
            for loss in [Loss::CrossEntropy, Loss::MeanSquaredError] {
                for (optimizer, rate) in optimizers {
                    for (normalization, dropout, decay) in [
                        (Normalization::None, 0.0, 0.0),
                        (Normalization::None, 0.3, 0.01),
                        (Normalization::Batch, 0.3, 0.01),
                    ] {
                        let training = TrainingConfig::default()
                            .with_epochs(10)
                            .with_loss(loss)
                            .with_optimizer(optimizer)
                            .with_learning_rate(rate)
                            .with_weight_decay(decay);
                        let network = MlpConfig::new(&[36, 20], activation)
                            .with_normalization(normalization)
                            .with_dropout(dropout);
                        let config = MlpClassifierConfig::paper()
                            .with_network(network)
                            .with_training(training);
                        let found = largest_difference(&config, tracks);
                        let tolerance = match normalization {
                            Normalization::None => 1e-4,
                            Normalization::Batch => 1e-3,
                        };
                        assert!(found < tolerance, "{found} {config:?}");
                    }
                }
            }
        }
    }
}

/// Depths from no hidden layer on, widths that fill no register, batches of one row and of all. Normalised a batch of one row is
/// nothing but the shifts, so that few of them are taken: 213 rows leave one beside batches of 53.
#[test]
fn both_engines_agree_for_every_shape() {
    let sizes = [
        (Normalization::None, &[1, 50, 1_000][..]),
        (Normalization::Batch, &[53, 1_000]),
    ];
    for widths in [&[][..], &[1], &[7], &[64, 3], &[36, 36, 36, 36], &[130, 17]] {
        for (normalization, batch_sizes) in sizes {
            for batch_size in batch_sizes {
                for tracks in [tracks as Tracks, three_classes] {
                    let training = TrainingConfig::default()
                        .with_epochs(2)
                        .with_batch_size(*batch_size);
                    let network = MlpConfig::new(widths, Activation::Relu).with_normalization(normalization);
                    let config = MlpClassifierConfig::paper()
                        .with_network(network)
                        .with_training(training);
                    let found = largest_difference(&config, tracks);
                    // As above; batches of one row take 426 steps.
                    assert!(found < 3e-4, "{normalization:?} {widths:?} {batch_size}: {found}");
                }
            }
        }
    }
}

#[test]
fn both_engines_stop_early_at_the_same_epoch() {
    let early = EarlyStopping {
        patience: 3,
        ..EarlyStopping::default()
    };
    let training = TrainingConfig::default()
        .with_epochs(200)
        .with_learning_rate(0.01)
        .with_early_stopping(Some(early));
    let config = MlpClassifierConfig::paper().with_training(training);
    // Some hundred steps at ten times the usual rate.
    let found = largest_difference(&config, tracks);
    assert!(found < 5e-3, "{found}");
}

#[test]
fn a_gpu_is_left_to_burn() {
    let (x, y) = tracks(60, 1);
    let on_gpu = MlpClassifierConfig::paper().with_backend(Backend::Wgpu);
    assert_eq!(on_gpu.training_engine().unwrap(), Engine::Burn);
    let error = on_gpu.with_engine(Some(Engine::Fused)).fit(&x, &y).unwrap_err();
    assert!(error.to_string().contains("wgpu"), "{error}");
}

/// Probabilities are those of the logits, for any number of rows, whatever is left beside whole blocks and threads.
#[test]
fn predictions_do_not_depend_on_how_many_rows_are_asked_for() {
    for tracks in [tracks as Tracks, three_classes] {
        let (x, y) = tracks(40_000, 5);
        let (few_x, few_y) = tracks(200, 6);
        let training = TrainingConfig::default().with_epochs(2);
        let model = MlpClassifierConfig::paper()
            .with_training(training)
            .fit(&few_x, &few_y)
            .unwrap();
        let all = model.predict_proba(&x).unwrap();
        let logits = model.predict_logits(&x).unwrap();
        let n_classes = y.n_classes();
        for n in [1, 2, 15, 16, 17, 47, 48, 49, 1_000] {
            let some = model
                .predict_proba(&x.select_rows(&(0..n).collect::<Vec<_>>()))
                .unwrap();
            for row in 0..n {
                for class in 0..n_classes {
                    assert_eq!(some.get(row, class), all.get(row, class), "{n} {row} {class}");
                }
            }
        }
        for row in 0..x.n_samples() {
            let expected: Vec<f64> = if n_classes == 2 {
                let p = 1.0 / (1.0 + f64::from(-logits[row]).exp());
                vec![1.0 - p, p]
            } else {
                let powers = logits[row * n_classes..][..n_classes]
                    .iter()
                    .map(|z| f64::from(*z).exp());
                let powers: Vec<f64> = powers.collect();
                let sum: f64 = powers.iter().sum();
                powers.iter().map(|power| power / sum).collect()
            };
            for (class, expected) in expected.iter().enumerate() {
                // The error of `exp` in f32.
                assert!((f64::from(all.get(row, class)) - expected).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn a_training_that_runs_away_is_an_error() {
    let (x, y) = tracks(100, 7);
    for loss in [Loss::CrossEntropy, Loss::MeanSquaredError] {
        let training = TrainingConfig::default()
            .with_loss(loss)
            .with_optimizer(OptimizerConfig::sgd())
            .with_learning_rate(1e30);
        let config = MlpClassifierConfig::paper()
            .with_network(MlpConfig::new(&[36, 36], Activation::LeakyRelu))
            .with_training(training);
        let error = config.fit(&x, &y).unwrap_err();
        assert!(matches!(error, Error::NonFiniteLoss { .. }), "{error}");
    }
}

#[test]
fn the_network_after_some_epochs_is_that_of_a_training_of_so_many() {
    let (x, y) = tracks(120, 3);
    for engine in [Engine::Burn, Engine::Fused] {
        let fit = |epochs: &[usize]| {
            MlpClassifierConfig::paper()
                .with_engine(Some(engine))
                .fit_at_epochs(&x, &y, epochs, FitOptions::default())
                .unwrap()
        };
        let models = fit(&[7, 2, 4]);
        let epochs: Vec<usize> = models
            .iter()
            .map(|model| model.config().training.epochs)
            .collect();
        assert_eq!(epochs, [2, 4, 7]);
        for model in &models {
            let alone = fit(&[model.config().training.epochs]);
            assert_eq!(
                model.predict_proba(&x).unwrap(),
                alone[0].predict_proba(&x).unwrap(),
                "{engine:?}"
            );
            assert_eq!(model.history(), alone[0].history());
        }
    }
    let config = MlpClassifierConfig::paper().with_training(TrainingConfig::default().with_epochs(4));
    let usual = config.fit(&x, &y).unwrap();
    let copied = config
        .fit_at_epochs(&x, &y, &[4, 9], FitOptions::default())
        .unwrap();
    assert_eq!(
        usual.predict_proba(&x).unwrap(),
        copied[0].predict_proba(&x).unwrap()
    );
}

#[test]
fn no_epochs_and_early_stopping_are_refused() {
    let (x, y) = tracks(60, 4);
    let config = MlpClassifierConfig::paper();
    let fit = |config: &MlpClassifierConfig, epochs: &[usize]| {
        config.fit_at_epochs(&x, &y, epochs, FitOptions::default())
    };
    assert!(fit(&config, &[]).unwrap_err().to_string().contains("epochs"));
    let early = TrainingConfig::default().with_early_stopping(Some(EarlyStopping::default()));
    let error = fit(&config.with_training(early), &[3]).unwrap_err();
    assert!(error.to_string().contains("early_stopping"));
}
