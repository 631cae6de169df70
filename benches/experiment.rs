//! Whole jobs of `playlist-classifier`: five folds with five seeds, and saved models over a catalogue in Parquet.

mod common;

use std::fs::File;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use playlist_classifier::{
    Experiment, ExperimentConfig, FitSettings, MissingFeatures, ModelName, ScoreConfig, SplitMethod,
    score_catalogue,
};
use playlist_core::{AudioFeature, Overwrite};
use playlist_dataset::{GroupBy, ReadOptions, read_table};
use playlist_mlp::{Backend, Engine, StopSignal, TrainingConfig};
use polars::prelude::{Column, DataFrame, ParquetWriter};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/two_listeners.csv");

fn experiment(split: SplitMethod, repeats: usize, epochs: usize, engine: Engine) -> Experiment {
    let config = ExperimentConfig {
        split,
        repeats,
        models: vec![ModelName::Paper],
        fit: FitSettings {
            training: TrainingConfig::default().with_epochs(epochs),
            engine: Some(engine),
            ..FitSettings::default()
        },
        ..ExperimentConfig::default()
    };
    let table = read_table(TABLE, &ReadOptions::default()).expect("the shipped table");
    Experiment::prepare(vec![table], config).expect("the shipped table")
}

/// Twenty-five fits of the paper's network on the shipped listeners, 30 epochs each, scored and compared.
fn folds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("playlist-classifier/folds");
    group.sample_size(10);
    group.throughput(Throughput::Elements(25));
    for engine in Engine::ALL {
        let split = SplitMethod::KFold {
            n_folds: 5,
            group_by: GroupBy::Track,
        };
        let experiment = experiment(split, 5, 30, engine);
        group.bench_function(BenchmarkId::new("5x5", engine), |b| {
            b.iter(|| experiment.run().expect("two classes"));
        });
    }
    group.finish();
}

/// Writes a catalogue: an id and the paper's features.
fn write_catalogue(path: &Path, n_samples: usize) {
    let x = common::tracks(n_samples, 1);
    let ids: Vec<String> = (0..n_samples).map(|row| format!("t{row:021}")).collect();
    let mut columns = vec![Column::new("track_id".into(), ids)];
    for (at, feature) in AudioFeature::PAPER.into_iter().enumerate() {
        let values: Vec<f32> = (0..n_samples).map(|row| x.row(row)[at]).collect();
        columns.push(Column::new(feature.column().into(), values));
    }
    let mut frame = DataFrame::new(n_samples, columns).expect("columns of one length");
    let file = File::create(path).expect("a file in a temporary folder");
    ParquetWriter::new(file)
        .finish(&mut frame)
        .expect("a file in a temporary folder");
}

/// A million tracks (ten thousand under `--test`) read, scored by one model and by four in one pass, and written.
fn catalogue(criterion: &mut Criterion) {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let n_samples = if is_test { 10_000 } else { 1_000_000 };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("catalogue.parquet");
    write_catalogue(&input, n_samples);
    let fitted = experiment(ExperimentConfig::default().split, 1, 2, Engine::Fused)
        .run()
        .expect("two classes");
    let model = folder.path().join("model.safetensors");
    fitted.models[0]
        .save(&model, Overwrite::Refuse)
        .expect("a file in a temporary folder");

    let mut group = criterion.benchmark_group("playlist-classifier/score_catalogue");
    group.sample_size(10);
    group.throughput(Throughput::Elements(n_samples as u64));
    for n_models in [1, 4] {
        let config = ScoreConfig {
            input: input.clone(),
            models: (0..n_models)
                .map(|model_at| (format!("model{model_at}"), model.clone()))
                .collect(),
            output: folder.path().join("scores.parquet"),
            overwrite: Overwrite::Allow,
            keep: Vec::new(),
            missing: MissingFeatures::Null,
            restart: false,
            rows_at_once: None,
            threads: None,
            backend: Backend::default(),
            stop: StopSignal::default(),
        };
        group.bench_function(BenchmarkId::new(format!("{n_models}-models"), n_samples), |b| {
            b.iter(|| score_catalogue(&config, &|_| ()).expect("a catalogue that was just written"));
        });
    }
    group.finish();
}

criterion_group!(benches, folds, catalogue);
criterion_main!(benches);
