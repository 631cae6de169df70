//! Scaling: fit and transform of every sound method.

mod common;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use playlist_core::Transformer;
use playlist_dataset::{FeatureScalerConfig, PreprocessorConfig, ScalingMethod};

const METHODS: [ScalingMethod; 4] = [
    ScalingMethod::MinMax,
    ScalingMethod::Standard,
    ScalingMethod::RobustSmoothClip,
    ScalingMethod::QuantileNormal,
];

fn scaling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("playlist-dataset/scaling");
    for n_samples in [1_000, 10_000, 100_000] {
        let x = common::tracks(n_samples, 1);
        group.throughput(Throughput::Elements(n_samples as u64));
        for method in METHODS {
            let config = FeatureScalerConfig::new(method);
            group.bench_function(BenchmarkId::new(format!("fit/{method}"), n_samples), |b| {
                b.iter(|| config.fit(&x).expect("finite columns"));
            });
            let scaler = config.fit(&x).expect("finite columns");
            group.bench_function(BenchmarkId::new(format!("transform/{method}"), n_samples), |b| {
                b.iter(|| scaler.transform(&x).expect("the columns fitted on"));
            });
        }
        let preprocessor = PreprocessorConfig::default()
            .fit(&x)
            .expect("the paper's columns");
        group.bench_function(BenchmarkId::new("preprocessor", n_samples), |b| {
            b.iter(|| preprocessor.transform(&x).expect("the columns fitted on"));
        });
    }
    group.finish();
}

criterion_group!(benches, scaling);
criterion_main!(benches);
