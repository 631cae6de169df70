//! Metrics of up to a million predictions, the area and the log loss of up to ten million.

mod common;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use playlist_metrics::{BinaryReport, average_precision, delong_test, log_loss, roc_auc};

/// The metrics of scores that every size is measured with.
fn of_scores(group: &mut BenchmarkGroup<'_, WallTime>, y_true: &[bool], y_score: &[f32]) {
    let n_samples = y_true.len();
    group.bench_function(BenchmarkId::new("roc_auc", n_samples), |b| {
        b.iter(|| roc_auc(y_true, y_score).expect("two classes"));
    });
    group.bench_function(BenchmarkId::new("average_precision", n_samples), |b| {
        b.iter(|| average_precision(y_true, y_score).expect("two classes"));
    });
    group.bench_function(BenchmarkId::new("log_loss", n_samples), |b| {
        b.iter(|| log_loss(y_true, y_score).expect("probabilities"));
    });
}

fn metrics(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("playlist-metrics");
    group.sample_size(20);
    for n_samples in [1_000, 100_000, 1_000_000] {
        let x = common::tracks(n_samples, 1);
        let y_true = common::labels(&x, 2).positives().expect("two classes");
        let y_score: Vec<f32> = (0..n_samples)
            .map(|row| (x.row(row)[0] + x.row(row)[2] / 12.0) / 2.0)
            .collect();
        let other: Vec<f32> = (0..n_samples).map(|row| x.row(row)[1]).collect();
        group.throughput(Throughput::Elements(n_samples as u64));
        of_scores(&mut group, &y_true, &y_score);
        group.bench_function(BenchmarkId::new("delong_test", n_samples), |b| {
            b.iter(|| delong_test(&y_true, &y_score, &other).expect("two classes"));
        });
        group.bench_function(BenchmarkId::new("binary_report", n_samples), |b| {
            b.iter(|| BinaryReport::new(&y_true, &y_score, 0.5).expect("probabilities"));
        });
    }
    group.finish();
}

/// Ten million predictions, as of a catalogue; few where nothing is measured.
fn many(criterion: &mut Criterion) {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let n_samples = if is_test { 10_000 } else { 10_000_000 };
    let mut group = criterion.benchmark_group("playlist-metrics/many");
    group.sample_size(10);
    group.throughput(Throughput::Elements(n_samples as u64));
    let x = common::uniform(n_samples, 2, 1);
    let (y_score, noise): (Vec<f32>, Vec<f32>) =
        x.values().as_chunks().0.iter().map(|[a, b]| (*a, *b)).unzip();
    let y_true: Vec<bool> = y_score.iter().zip(&noise).map(|(p, u)| u < p).collect();
    of_scores(&mut group, &y_true, &y_score);
    group.finish();
}

criterion_group!(benches, metrics, many);
criterion_main!(benches);
