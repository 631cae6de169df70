//! The same weights and rows, and the same training, on every backend compiled in.
//!
//! `cargo test --features wgpu --test backend_parity` adds the GPU. Without an adapter it prints why and passes,
//! unless `PLAYLIST_REQUIRE_WGPU` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use playlist_core::{Classifier, FeatureMatrix, Labels};
use playlist_mlp::{
    Activation, Backend, Engine, EnsembleConfig, Error, Loss, MlpClassifier, MlpClassifierConfig, MlpConfig,
    Overwrite, TrainingConfig,
};

/// The backends that can run here.
fn backends() -> Vec<Backend> {
    let mut usable = Vec::new();
    for backend in Backend::compiled() {
        match backend.device() {
            Ok(_) => usable.push(backend),
            Err(Error::NoDevice { reason, .. }) if std::env::var_os("PLAYLIST_REQUIRE_WGPU").is_none() => {
                eprintln!("{backend} is left out: {reason}");
            }
            Err(error) => panic!("{backend}: {error}"),
        }
    }
    let required = std::env::var_os("PLAYLIST_REQUIRE_WGPU").is_some();
    assert!(
        !required || usable.contains(&Backend::Wgpu),
        "wgpu is required and not compiled in"
    );
    usable
}

fn table() -> (FeatureMatrix, Vec<usize>) {
    let values: Vec<f32> = (0..900_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 16_777_216.0)
        .collect();
    let y = values
        .chunks(3)
        .map(|row| usize::from(row[0] + row[1] > 1.0) + usize::from(row[2] > 0.7))
        .collect();
    (FeatureMatrix::new(["a", "b", "c"], values).unwrap(), y)
}

fn config(network: MlpConfig, loss: Loss, backend: Backend) -> MlpClassifierConfig {
    let training = TrainingConfig::default()
        .with_epochs(3)
        .with_learning_rate(0.01)
        .with_loss(loss);
    MlpClassifierConfig::paper()
        .with_network(network)
        .with_training(training)
        .with_backend(backend)
        .with_engine(Some(Engine::Burn))
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Tolerance 1e-5 on probabilities after 18 steps of Adam; found 1.2e-7 on ndarray and on a software Vulkan driver.
/// Sums in another order and another exp are magnified by Adam's division by small roots; a backend that computes
/// something else differs in the first digits.
#[test]
fn training_agrees() {
    let (x, y) = table();
    let binary: Vec<usize> = y.iter().map(|label| usize::from(*label > 0)).collect();
    let tasks = [
        (Labels::new(["no", "yes"], binary).unwrap(), Loss::CrossEntropy),
        (Labels::new(["a", "b", "c"], y).unwrap(), Loss::MeanSquaredError),
    ];
    for (labels, loss) in tasks {
        for network in [
            MlpConfig::paper(),
            MlpConfig::paper_batch_norm(0.1).with_activation(Activation::Mish),
        ] {
            let fit = |backend| config(network.clone(), loss, backend).fit(&x, &labels).unwrap();
            let predict = |backend| fit(backend).predict_proba(&x).unwrap().to_rows();
            let reference = predict(Backend::Flex);
            for backend in backends() {
                let difference = largest_difference(&predict(backend), &reference);
                eprintln!("{loss:?} on {backend}: {difference:e}");
                assert!(difference < 1e-5, "{loss:?} on {backend}: {difference:e}");
            }
        }
    }
}

/// Tolerance 2e-6: one forward pass, values of order 1 in f32.
#[test]
fn a_model_saved_on_one_backend_predicts_alike_on_another() {
    let (x, y) = table();
    let labels = Labels::new(["a", "b", "c"], y).unwrap();
    let model = config(
        MlpConfig::paper_batch_norm(0.1),
        Loss::CrossEntropy,
        Backend::Flex,
    )
    .fit(&x, &labels)
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    model.save(&path, Overwrite::Refuse).unwrap();
    // Enough rows to need more than one chunk.
    let rows: Vec<usize> = (0..20_000).map(|row| row % x.n_samples()).collect();
    let many = x.select_rows(&rows);
    let expected = model.predict_proba(&many).unwrap().to_rows();
    for backend in backends() {
        let loaded = MlpClassifier::load(&path, backend).unwrap();
        let difference = largest_difference(&loaded.predict_proba(&many).unwrap().to_rows(), &expected);
        assert!(difference < 2e-6, "{backend}: {difference:e}");
    }
}

/// The Burn module against the CPU engine: one forward pass of three layers, logits of order 1. Tolerance 1e-4:
/// the CPU engine sums bins in another way.
#[test]
fn the_ensembles_module_agrees_with_the_cpu_engine() {
    let (x, y) = table();
    let labels = Labels::new(["a", "b", "c"], y).unwrap();
    let model = EnsembleConfig::default().fit(&x, &labels).unwrap();
    let expected = model.predict_member_logits(&x).unwrap();
    for backend in backends() {
        let rows = model.network_rows(&x, backend).unwrap();
        let logits = model.network(backend).unwrap().forward(rows);
        assert_eq!(logits.dims(), [model.n_members(), x.n_samples(), 3]);
        let found = logits.into_data().try_to_vec::<f32>().unwrap();
        let difference = largest_difference(&found, &expected);
        eprintln!("{backend}: {difference:e}");
        assert!(difference < 1e-4, "{backend}: {difference:e}");
    }
}

/// Both engines train with the same rows, masks and steps: tolerance 2e-3 on probabilities after 20 steps of Adam,
/// which magnifies rounding where gradients are small.
#[test]
fn ensembles_trained_on_burn_and_on_the_cpu_engine_agree() {
    let (x, y) = table();
    let binary: Vec<usize> = y.iter().map(|label| usize::from(*label > 0)).collect();
    let tasks = [
        Labels::new(["no", "yes"], binary).unwrap(),
        Labels::new(["a", "b", "c"], y).unwrap(),
    ];
    let mut config = EnsembleConfig::default();
    config.network.epochs = 2;
    for labels in tasks {
        let members = |config: &EnsembleConfig| {
            let members = config.fit(&x, &labels).unwrap().predict_members(&x).unwrap();
            let values = members.into_iter().flat_map(|member| member.to_rows());
            values.collect::<Vec<f32>>()
        };
        let expected = members(&config);
        for backend in backends() {
            let on_burn = config.clone().with_engine(Engine::Burn).with_backend(backend);
            let difference = largest_difference(&members(&on_burn), &expected);
            eprintln!("{backend}: {difference:e}");
            assert!(difference < 2e-3, "{backend}: {difference:e}");
        }
    }
}
