//! The loops of our own against Burn's: the same training.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use playlist_core::{Classifier, FeatureMatrix, Labels};
use playlist_mlp::{
    Activation, EarlyStopping, Engine, FitOptions, Loss, MlpClassifierConfig, MlpConfig, OptimizerConfig,
    TrainingConfig,
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

fn largest_difference(config: &MlpClassifierConfig, epochs: usize) -> f32 {
    let (x, y) = tracks(213, 1);
    let (test_x, test_y) = tracks(100, 2);
    let fit = |engine| {
        let options = FitOptions {
            test: Some((&test_x, &test_y)),
            ..FitOptions::default()
        };
        let mut models = config.fit_at_epochs(&x, &y, &[epochs], engine, options).unwrap();
        assert_eq!(models.len(), 1);
        models.remove(0)
    };
    let (burn, fused) = (fit(Engine::Burn), fit(Engine::Fused));
    let pairs = burn.predict_logits(&test_x).unwrap().into_iter();
    let logits = pairs
        .zip(fused.predict_logits(&test_x).unwrap())
        .map(|(a, b)| (a - b).abs());
    let histories = [&burn, &fused].map(|model| model.history().unwrap().epochs.clone());
    let losses = histories[0].iter().zip(&histories[1]).flat_map(|(a, b)| {
        assert_eq!(a.epoch, b.epoch);
        [
            a.train_loss - b.train_loss,
            a.test_loss.unwrap() - b.test_loss.unwrap(),
        ]
    });
    logits.chain(losses.map(|d| d.abs() as f32)).fold(0.0, f32::max)
}

/// Rounding alone: 50 steps, each with relative errors of about 1e-6 from sums and `exp`, of logits of about 1.
#[test]
fn both_engines_take_the_same_steps() {
    let training = TrainingConfig::default().with_epochs(10);
    for activation in Activation::ALL {
        let network = MlpConfig::new(&[36, 20], activation);
        let config = MlpClassifierConfig::paper()
            .with_network(network)
            .with_training(training.clone());
        let found = largest_difference(&config, 10);
        assert!(found < 1e-4, "{activation}: {found}");
    }
    let sgd = training
        .clone()
        .with_optimizer(OptimizerConfig::sgd())
        .with_learning_rate(0.5);
    let mse = training.clone().with_loss(Loss::MeanSquaredError);
    for (name, training) in [("sgd", sgd), ("mse", mse)] {
        let network = MlpConfig::paper_depth(5);
        let config = MlpClassifierConfig::paper()
            .with_network(network)
            .with_training(training);
        let found = largest_difference(&config, 10);
        assert!(found < 1e-4, "{name}: {found}");
    }
}

#[test]
fn what_our_loops_do_not_know_is_left_to_burn() {
    let network = MlpConfig::paper_batch_norm(0.2);
    let config = MlpClassifierConfig::paper().with_network(network);
    assert_eq!(largest_difference(&config, 3), 0.0);
}

#[test]
fn the_network_after_some_epochs_is_that_of_a_training_of_so_many() {
    let (x, y) = tracks(120, 3);
    for engine in [Engine::Burn, Engine::Fused] {
        let fit = |epochs: &[usize]| {
            MlpClassifierConfig::paper()
                .fit_at_epochs(&x, &y, epochs, engine, FitOptions::default())
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
        .fit_at_epochs(&x, &y, &[4, 9], Engine::Burn, FitOptions::default())
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
        config.fit_at_epochs(&x, &y, epochs, Engine::Fused, FitOptions::default())
    };
    assert!(fit(&config, &[]).unwrap_err().to_string().contains("epochs"));
    let early = TrainingConfig::default().with_early_stopping(Some(EarlyStopping::default()));
    let error = fit(&config.with_training(early), &[3]).unwrap_err();
    assert!(error.to_string().contains("early_stopping"));
}
