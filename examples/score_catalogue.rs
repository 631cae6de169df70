//! Which of the world's tracks fit my playlists? Scores every row of a catalogue of any size by saved models, in one pass.
//!
//! ```text
//! cargo run --release --example playlist_classifier -- --positive liked.csv --model paper --save liked.safetensors
//! cargo run --release --example score_catalogue -- --model liked.safetensors --catalogue all.parquet --out scores.parquet
//! cargo run --release --example score_catalogue -- --model a.safetensors b.safetensors --catalogue all.csv --keep name --out scores.csv
//! ```
//!
//! The table written has the ids of the catalogue, the columns named by --keep, and a column of probabilities for each model,
//! named as its file; with more than two classes one for each class. Memory stays bounded whatever the size. Ctrl-C stops, and
//! the same command goes on where it was. Exit code 0 on success, 2 on wrong usage, 1 on everything else, a stop among it.

mod common;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use playlist_classifier::mlp::Backend;
use playlist_classifier::report::to_json;
use playlist_classifier::{MissingFeatures, ScoreConfig, ScoreProgress, score_catalogue};

/// Scores every row of a catalogue of any size by saved models, in one pass.
#[derive(Parser, Debug)]
#[command(name = "score_catalogue", max_term_width = 110)]
struct Cli {
    /// Saved models; NAME=FILE to name the column otherwise than the file
    #[arg(long, value_name = "FILE", required = true, num_args = 1.., value_parser = named)]
    model: Vec<(String, PathBuf)>,
    /// Tracks with features, CSV or Parquet
    #[arg(long, value_name = "FILE")]
    catalogue: PathBuf,
    /// The table of scores; Parquet or CSV by its ending
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Columns of the catalogue to keep beside the ids, separated by commas
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    keep: Vec<String>,
    /// What becomes of a row of which a model misses a feature: no score, or one with what the model fills in
    #[arg(long, value_enum, value_name = "HOW", default_value = "null")]
    missing: Missing,
    /// Rows of a part at most, where memory is short (default: row groups of Parquet, 16 MiB of CSV)
    #[arg(long, value_name = "N", value_parser = common::arguments::at_least_one)]
    rows_at_once: Option<usize>,
    /// Threads (default: as many as there are cores)
    #[arg(long, value_name = "N", value_parser = common::arguments::at_least_one)]
    threads: Option<usize>,
    /// Where networks run: flex, ndarray, wgpu (needs --features wgpu)
    #[arg(long, value_name = "NAME", default_value_t = Backend::default())]
    backend: Backend,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    /// Begin anew, whatever an earlier run has left unfinished
    #[arg(long)]
    restart: bool,
    /// Replace files that exist
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Missing {
    Null,
    Impute,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    common::exit_code(|| run(&cli))
}

fn run(cli: &Cli) -> Result<(), Box<dyn Error>> {
    let overwrite = common::overwriting(cli.overwrite);
    common::check_targets(std::slice::from_ref(&cli.out), overwrite)?;
    let config = ScoreConfig {
        input: cli.catalogue.clone(),
        models: cli.model.clone(),
        output: cli.out.clone(),
        overwrite,
        keep: cli.keep.clone(),
        missing: match cli.missing {
            Missing::Null => MissingFeatures::Null,
            Missing::Impute => MissingFeatures::Impute,
        },
        restart: cli.restart,
        rows_at_once: cli.rows_at_once,
        threads: cli.threads,
        backend: cli.backend,
        stop: common::stop_on_ctrl_c()?,
    };
    let (bar, start) = (progress(), Instant::now());
    let scored = score_catalogue(&config, &|at| show(&bar, &at, start));
    bar.finish_and_clear();
    let report = scored?;
    let text = if cli.json {
        to_json(&report)?
    } else {
        report.to_string()
    };
    common::print(&text)
}

/// A model's file, and the name of its column: `NAME=FILE`, or the file's own name without its ending.
fn named(text: &str) -> Result<(String, PathBuf), String> {
    let path = Path::new(text);
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !path.exists() => {
            Ok((name.to_owned(), PathBuf::from(file)))
        }
        _ => {
            let stem = path.file_stem().ok_or("expected the name of a file")?;
            Ok((stem.to_string_lossy().into_owned(), path.to_owned()))
        }
    }
}

fn progress() -> ProgressBar {
    let bar = common::spinner();
    if let Ok(style) = ProgressStyle::with_template("[{bar:40}] {percent} %, {msg}, {eta} left") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn show(bar: &ProgressBar, at: &ScoreProgress, start: Instant) {
    bar.set_length(at.of_bytes);
    bar.set_position(at.n_bytes);
    let rate = (at.n_rows - at.n_resumed) as f64 / start.elapsed().as_secs_f64();
    bar.set_message(format!("{} rows, {:.1} million a second", at.n_rows, rate / 1e6));
}
