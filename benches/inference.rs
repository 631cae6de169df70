//! Prediction with the paper's network, the logistic model and the ensemble, from features to probabilities.

mod common;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use playlist_core::Classifier;
use playlist_logistic::LogisticConfig;
use playlist_mlp::{Backend, DistillationConfig, EnsembleConfig, TrainingConfig};

fn inference(criterion: &mut Criterion) {
    let train = common::scaled_tracks(2_000, 1);
    let y = common::labels(&train, 2);
    let training = TrainingConfig::default().with_epochs(1);
    let mut models: Vec<(String, Box<dyn Classifier>)> = Vec::new();
    for (name, base) in common::engines() {
        let config = base.with_training(training.clone());
        models.push((
            format!("paper/{name}"),
            Box::new(config.fit(&train, &y).expect("labelled tracks")),
        ));
    }
    let logistic = LogisticConfig::default()
        .fit(&train, &y)
        .expect("labelled tracks");
    models.push(("logistic".to_owned(), Box::new(logistic)));

    let mut group = criterion.benchmark_group("predict_proba");
    group.sample_size(10);
    for n_samples in [50, 4_096, 1_000_000] {
        let x = common::scaled_tracks(n_samples, 3);
        group.throughput(Throughput::Elements(n_samples as u64));
        for (name, model) in &models {
            group.bench_function(BenchmarkId::new(name, n_samples), |b| {
                b.iter(|| model.predict_proba(&x).expect("the columns fitted on"));
            });
        }
    }
    group.finish();
}

/// The ensemble, learnt on 3,200 tracks, on columns as they are: its kernel machine looks at every one of these for each
/// track. `fused` is one thread, `fused-threads` a thread a core, `distilled` the one network that learnt its answers, on one
/// thread. Its networks alone for comparison, on the CPU engine and as one Burn module on flex, the rows encoded and copied to
/// the device beforehand and the logits copied back.
fn ensemble(criterion: &mut Criterion) {
    let train = common::tracks(3_200, 1);
    let y = common::labels(&train, 2);
    let model = EnsembleConfig::default()
        .fit(&train, &y)
        .expect("labelled tracks");
    let mut group = criterion.benchmark_group("playlist-mlp/ensemble-predict");
    group.sample_size(10);
    let single = model.clone().with_threads(Some(1));
    let distilled = EnsembleConfig::default()
        .with_distillation(Some(DistillationConfig::default()))
        .with_threads(Some(1))
        .fit(&train, &y)
        .expect("labelled tracks");
    for n_samples in [1, 1_000, 10_000, 100_000, 1_000_000] {
        let x = common::tracks(n_samples, 3);
        group.throughput(Throughput::Elements(n_samples as u64));
        for (name, model) in [
            ("fused", &single),
            ("fused-threads", &model),
            ("distilled", &distilled),
        ] {
            group.bench_function(BenchmarkId::new(name, n_samples), |b| {
                b.iter(|| model.predict_proba(&x).expect("the columns fitted on"));
            });
        }
    }
    let x = common::tracks(1_000, 3);
    group.throughput(Throughput::Elements(1_000));
    group.bench_function(BenchmarkId::new("networks/fused", 1_000), |b| {
        b.iter(|| model.predict_member_logits(&x).expect("the columns fitted on"));
    });
    let network = model.network(Backend::Flex).expect("flex is always there");
    let rows = model
        .network_rows(&x, Backend::Flex)
        .expect("the columns fitted on");
    group.bench_function(BenchmarkId::new("networks/burn-flex", 1_000), |b| {
        b.iter(|| network.forward(rows.clone()).into_data());
    });
    group.finish();
}

criterion_group!(benches, inference, ensemble);
criterion_main!(benches);
