//! Training: one epoch and a whole fit of the paper's network, the logistic fit, and whole fits of the ensemble.

mod common;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use playlist_core::Transformer;
use playlist_dataset::FeatureScalerConfig;
use playlist_logistic::LogisticConfig;
use playlist_mlp::{
    Backend, DistillationConfig, Engine, EnsembleConfig, MlpClassifierConfig, TrainingConfig,
};

fn network(base: &MlpClassifierConfig, epochs: usize) -> MlpClassifierConfig {
    let training = TrainingConfig::default().with_epochs(epochs);
    base.clone().with_training(training)
}

/// One epoch of 2,000 tracks in batches of 50, with making the network and the copy to the device.
fn epoch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("playlist-mlp/epoch");
    group.sample_size(20);
    let x = common::scaled_tracks(2_000, 1);
    let y = common::labels(&x, 2);
    group.throughput(Throughput::Elements(2_000));
    for (name, base) in common::engines() {
        let config = network(&base, 1);
        group.bench_function(BenchmarkId::new(&name, 2_000), |b| {
            b.iter(|| config.fit(&x, &y).expect("labelled tracks"));
        });
    }
    group.finish();
}

/// The paper's 350 epochs on 2,000 tracks.
fn fit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("playlist-mlp/fit");
    group.sample_size(10);
    let x = common::scaled_tracks(2_000, 1);
    let y = common::labels(&x, 2);
    group.throughput(Throughput::Elements(350 * 2_000));
    let on_cpu = |(_, base): &(String, MlpClassifierConfig)| base.backend != Backend::Wgpu;
    for (name, base) in common::engines().into_iter().filter(on_cpu) {
        let config = network(&base, 350);
        group.bench_function(BenchmarkId::new(&name, 2_000), |b| {
            b.iter(|| config.fit(&x, &y).expect("labelled tracks"));
        });
    }
    group.finish();
}

fn logistic(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("playlist-logistic/fit");
    group.sample_size(10);
    for n_samples in [1_000, 2_000, 100_000, 1_000_000] {
        let raw = common::tracks(n_samples, 1);
        let y = common::labels(&raw, 2);
        let scaler = FeatureScalerConfig::standard().fit(&raw).expect("finite columns");
        let scaled = scaler.transform(&raw).expect("the columns fitted on");
        group.throughput(Throughput::Elements(n_samples as u64));
        for (name, x) in [("raw", &raw), ("standard", &scaled)] {
            group.bench_function(BenchmarkId::new(name, n_samples), |b| {
                b.iter(|| LogisticConfig::default().fit(x, &y).expect("labelled tracks"));
            });
        }
    }
    group.finish();
}

/// Whole fits, encoding and calibration included, on columns as they are: the fused CPU engine at the sizes of real
/// playlists, the same batched on Burn's flex backend at the smallest.
fn ensemble(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("playlist-mlp/ensemble-fit");
    group.sample_size(10);
    for n_samples in [200, 1_000, 3_200] {
        let x = common::tracks(n_samples, 1);
        let y = common::labels(&x, 2);
        group.throughput(Throughput::Elements(n_samples as u64));
        let fused = EnsembleConfig::default();
        group.bench_function(BenchmarkId::new("fused", n_samples), |b| {
            b.iter(|| fused.fit(&x, &y).expect("labelled tracks"));
        });
        let distilled = EnsembleConfig::default().with_distillation(Some(DistillationConfig::default()));
        group.bench_function(BenchmarkId::new("distilled", n_samples), |b| {
            b.iter(|| distilled.fit(&x, &y).expect("labelled tracks"));
        });
        if n_samples == 200 {
            let burn = EnsembleConfig::default()
                .with_engine(Engine::Burn)
                .with_backend(Backend::Flex);
            group.bench_function(BenchmarkId::new("burn-flex", n_samples), |b| {
                b.iter(|| burn.fit(&x, &y).expect("labelled tracks"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, epoch, fit, logistic, ensemble);
criterion_main!(benches);
