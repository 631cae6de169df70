//! What the loops of our own allocate: everything before the first step, nothing in it.
//!
//! A test of its own, since the crate that counts takes the place of the allocator.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use playlist_core::{FeatureMatrix, Labels};
use playlist_mlp::{
    Activation, Engine, FitOptions, Loss, MlpClassifierConfig, MlpConfig, OptimizerConfig, TrainingConfig,
};

const BATCH: usize = 16;

/// Two features and classes by turns.
fn tracks(n_samples: usize, n_classes: usize) -> (FeatureMatrix, Labels) {
    let values = (0..2 * n_samples).map(|i| (i * 37 % 101) as f32 / 101.0);
    let x = FeatureMatrix::new(["a", "b"], values.collect()).unwrap();
    let names = ["first", "second", "third"];
    let classes = (0..n_samples).map(|row| row % n_classes);
    let y = Labels::new(names[..n_classes].iter().copied(), classes.collect()).unwrap();
    (x, y)
}

/// How often a training of so many steps an epoch and so many epochs allocates, watching a test part.
fn allocations(config: &MlpClassifierConfig, n_classes: usize, (steps, epochs): (usize, usize)) -> u64 {
    let (x, y) = tracks(steps * BATCH, n_classes);
    let (test_x, test_y) = tracks(600, n_classes);
    let mut config = config.clone();
    config.training.epochs = epochs;
    config.training.batch_size = BATCH;
    let options = FitOptions {
        test: Some((&test_x, &test_y)),
        ..FitOptions::default()
    };
    // Only what the training itself needs is counted, and only on this thread, where it runs.
    let counted = allocation_counter::measure(|| {
        config.fit_with(&x, &y, options).unwrap();
    });
    counted.count_total
}

/// Networks of every part that the engine has code of its own for.
fn networks() -> Vec<MlpClassifierConfig> {
    let paper = MlpClassifierConfig::paper().with_engine(Some(Engine::Fused));
    let mut all = Vec::new();
    for activation in Activation::ALL {
        for dropout in [0.0, 0.3] {
            for loss in [Loss::CrossEntropy, Loss::MeanSquaredError] {
                for optimizer in [OptimizerConfig::adam(), OptimizerConfig::sgd()] {
                    let training = TrainingConfig::default()
                        .with_loss(loss)
                        .with_optimizer(optimizer);
                    let network = MlpConfig::new(&[36, 20], activation).with_dropout(dropout);
                    all.push(paper.clone().with_network(network).with_training(training));
                }
            }
        }
    }
    let others = [
        MlpConfig::new(&[], Activation::Relu),
        MlpConfig::paper_batch_norm(0.0),
    ];
    all.extend(others.map(|network| paper.clone().with_network(network)));
    all
}

#[test]
fn neither_a_step_nor_an_epoch_allocates() {
    // What a thread sets up once.
    allocations(&MlpClassifierConfig::paper(), 2, (1, 1));
    for config in networks() {
        for n_classes in [2, 3] {
            let few = allocations(&config, n_classes, (20, 3));
            assert!(few > 0, "the set-up allocates");
            assert_eq!(allocations(&config, n_classes, (40, 3)), few, "steps: {config:?}");
            assert_eq!(
                allocations(&config, n_classes, (20, 6)),
                few,
                "epochs: {config:?}"
            );
        }
    }
}

/// The count sees steps that do allocate: those on Burn.
#[test]
fn steps_that_allocate_are_counted() {
    let config = MlpClassifierConfig::paper().with_engine(Some(Engine::Burn));
    let (few, many) = (allocations(&config, 2, (20, 1)), allocations(&config, 2, (40, 1)));
    assert!(many > few + 20, "{few} {many}");
}
