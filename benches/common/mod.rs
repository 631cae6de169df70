//! Seeded data for the benches, and their allocator.

#![allow(dead_code, reason = "each bench uses a part")]

use playlist_core::{AudioFeature, FeatureMatrix, Labels};
use playlist_mlp::{Backend, Engine, MlpClassifierConfig};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// As in the examples.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A number uniform in [0, 1).
fn unit(rng: &mut ChaCha8Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / 16_777_216.0
}

/// Tracks with the paper's twelve features, in their units and ranges.
pub fn tracks(n_samples: usize, seed: u64) -> FeatureMatrix {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values = Vec::with_capacity(n_samples * AudioFeature::PAPER.len());
    for _ in 0..n_samples {
        for feature in AudioFeature::PAPER {
            let u = unit(&mut rng);
            values.push(match feature {
                AudioFeature::Key => (u * 12.0).floor(),
                AudioFeature::Mode => (u + 0.4).floor(),
                AudioFeature::TimeSignature => 3.0 + (u * 1.9).floor(),
                AudioFeature::Loudness => -30.0 * u * u,
                AudioFeature::Tempo => 70.0 + 100.0 * u,
                AudioFeature::DurationMs => (120_000.0 + 180_000.0 * u).round(),
                _ => u,
            });
        }
    }
    FeatureMatrix::new(AudioFeature::PAPER.map(AudioFeature::column), values)
        .expect("finite values in whole rows")
}

/// The paper's columns where there are as many, else `x0`, `x1` ...
pub fn columns(n_features: usize) -> Vec<String> {
    let paper = AudioFeature::PAPER.map(|feature| feature.column().to_owned());
    if n_features == paper.len() {
        return paper.to_vec();
    }
    (0..n_features).map(|feature| format!("x{feature}")).collect()
}

/// Values uniform in [0, 1): for jobs whose cost does not depend on what the columns mean.
pub fn uniform(n_samples: usize, n_features: usize, seed: u64) -> FeatureMatrix {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values = (0..n_samples * n_features).map(|_| unit(&mut rng)).collect();
    FeatureMatrix::new(columns(n_features), values).expect("finite values in whole rows")
}

/// Labels that lean on the first two columns, with noise.
pub fn labels(x: &FeatureMatrix, seed: u64) -> Labels {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let rows = (0..x.n_samples())
        .map(|row| x.row(row)[0] + x.row(row).get(1).unwrap_or(&0.5) + unit(&mut rng) > 1.5);
    Labels::binary("other", "liked", &rows.collect::<Vec<bool>>())
}

/// The same with every column brought to [0, 1].
pub fn scaled_tracks(n_samples: usize, seed: u64) -> FeatureMatrix {
    use playlist_core::Transformer;
    let x = tracks(n_samples, seed);
    let scaler = playlist_dataset::FeatureScalerConfig::min_max()
        .fit(&x)
        .expect("finite columns");
    scaler.transform(&x).expect("the columns fitted on")
}

/// The paper's network on each engine and backend: our own loops, and Burn on every backend that is compiled in and finds
/// a device.
pub fn engines() -> Vec<(String, MlpClassifierConfig)> {
    let paper = MlpClassifierConfig::paper();
    let mut engines = vec![("fused".to_owned(), paper.clone())];
    for backend in Backend::compiled() {
        if backend.device().is_ok() {
            let config = paper
                .clone()
                .with_backend(backend)
                .with_engine(Some(Engine::Burn));
            engines.push((format!("burn-{backend}"), config));
        }
    }
    engines
}
