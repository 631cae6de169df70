//! Reading and checking a CSV file. The file lies in a temporary folder: the system's cache serves it.

mod common;

use std::fmt::Write;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use playlist_dataset::{ReadOptions, read_table};

fn csv(n_samples: usize) -> String {
    let x = common::tracks(n_samples, 1);
    let mut text = format!("track_id,label,{}\n", x.columns().join(","));
    for row in 0..n_samples {
        let label = if row % 2 == 0 { "liked" } else { "other" };
        write!(text, "{row:022},{label}").expect("writing to a string");
        for value in x.row(row) {
            write!(text, ",{value}").expect("writing to a string");
        }
        text.push('\n');
    }
    text
}

fn reading(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = criterion.benchmark_group("playlist-dataset/read_csv");
    group.sample_size(20);
    for n_samples in [1_000, 10_000, 100_000] {
        let path = folder.path().join(format!("{n_samples}.csv"));
        std::fs::write(&path, csv(n_samples)).expect("a file in the temporary folder");
        group.throughput(Throughput::Elements(n_samples as u64));
        group.bench_function(BenchmarkId::from_parameter(n_samples), |b| {
            b.iter(|| read_table(&path, &ReadOptions::default()).expect("a table that was just written"));
        });
    }
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
