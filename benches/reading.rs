//! Reading and checking a table, beside polars alone on the same file. The files lie in a temporary folder: the system's cache
//! serves them.
//!
//! `cargo bench --bench reading -- 1200000` runs the great table alone: about 300 MB as CSV.

mod common;

use std::fmt::Write;
use std::fs::File;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use playlist_dataset::{ReadOptions, read_table};
use polars::prelude::{CsvReadOptions, ParquetReader, ParquetWriter, SerReader};

/// Rows with an id, artists, a title, an album, a label and the paper's features. Titles have commas and quotes now and then.
fn csv(n_samples: usize) -> String {
    const WORDS: [&str; 8] = [
        "Midnight",
        "Love",
        "the Long Way Home",
        "Señorita",
        "Blue",
        "Remastered 2011",
        "Dancing in the Dark",
        "Rain",
    ];
    let x = common::tracks(n_samples, 1);
    let mut text = format!(
        "track_id,artists,name,album_name,release_date,label,{}\n",
        x.columns().join(",")
    );
    for row in 0..n_samples {
        let word = |step: usize| WORDS[(row * step + row / 8) % WORDS.len()];
        let label = if row % 2 == 0 { "liked" } else { "other" };
        write!(text, "t{row:021},The {} Orchestra of {},", word(3), word(5)).expect("writing to a string");
        match row % 10 {
            0 => write!(text, "\"{}, {} (\"\"Live\"\")\"", word(1), word(7)),
            _ => write!(text, "{} - {} feat. {}", word(1), word(7), word(5)),
        }
        .expect("writing to a string");
        write!(
            text,
            ",The Very Best of {} and {},2011-05-{:02},{label}",
            word(3),
            word(1),
            row % 28 + 1
        )
        .expect("writing to a string");
        for value in x.row(row) {
            write!(text, ",{value}").expect("writing to a string");
        }
        text.push('\n');
    }
    text
}

/// Every column, as polars reads a file of which it knows nothing: rows in chunks as they come.
fn polars_csv(path: &Path) -> usize {
    let reader = CsvReadOptions::default()
        .with_rechunk(false)
        .try_into_reader_with_file_path(Some(path.to_owned()));
    reader
        .and_then(SerReader::finish)
        .expect("a table that was just written")
        .height()
}

fn polars_parquet(path: &Path) -> usize {
    let file = File::open(path).expect("a file that was just written");
    ParquetReader::new(file)
        .finish()
        .expect("a table that was just written")
        .height()
}

fn reading(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let is_test = std::env::args().any(|argument| argument == "--test");
    let sizes: &[usize] = if is_test {
        &[1_000]
    } else {
        &[1_000, 10_000, 100_000, 1_200_000]
    };
    for n_samples in sizes {
        let (text, packed) = (
            folder.path().join("tracks.csv"),
            folder.path().join("tracks.parquet"),
        );
        std::fs::write(&text, csv(*n_samples)).expect("a file in the temporary folder");
        let reader = CsvReadOptions::default().try_into_reader_with_file_path(Some(text.clone()));
        let mut frame = reader
            .and_then(SerReader::finish)
            .expect("a table that was just written");
        let file = File::create(&packed).expect("a file in the temporary folder");
        ParquetWriter::new(file)
            .finish(&mut frame)
            .expect("a table that was just read");
        drop(frame);
        for (kind, path, polars) in [
            ("csv", &text, polars_csv as fn(&Path) -> usize),
            ("parquet", &packed, polars_parquet),
        ] {
            let mut group = criterion.benchmark_group(format!("playlist-dataset/read_{kind}"));
            group.sample_size(if *n_samples > 100_000 { 10 } else { 20 });
            group.throughput(Throughput::Elements(*n_samples as u64));
            group.bench_function(BenchmarkId::new("ours", n_samples), |b| {
                b.iter(|| read_table(path, &ReadOptions::default()).expect("a table that was just written"));
            });
            group.bench_function(BenchmarkId::new("polars", n_samples), |b| b.iter(|| polars(path)));
            group.finish();
        }
    }
}

criterion_group!(benches, reading);
criterion_main!(benches);
