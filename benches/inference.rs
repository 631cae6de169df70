//! Prediction with the paper's network and the logistic model, from features to probabilities.

mod common;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use playlist_core::Classifier;
use playlist_logistic::LogisticConfig;
use playlist_mlp::{Backend, MlpClassifierConfig, TrainingConfig};

fn inference(criterion: &mut Criterion) {
    let train = common::scaled_tracks(2_000, 1);
    let y = common::labels(&train, 2);
    let training = TrainingConfig::default().with_epochs(1);
    let mut models: Vec<(String, Box<dyn Classifier>)> = Vec::new();
    for backend in Backend::compiled()
        .into_iter()
        .filter(|backend| backend.device().is_ok())
    {
        let config = MlpClassifierConfig::paper()
            .with_training(training.clone())
            .with_backend(backend);
        models.push((
            format!("paper/{backend}"),
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

criterion_group!(benches, inference);
criterion_main!(benches);
