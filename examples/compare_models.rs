//! Compares models on any set of tables.
//!
//! ```sh
//! cargo run --release --example compare_models -- TABLE...
//! cargo run --release --example compare_models -- --models ensemble,logistic --json TABLE... > results.json
//! ```
//!
//! A table holds a column `label` and, where the splits are given, columns `split_0`, `split_1`, ... of `train` and
//! `test`; else it is split at random. Prints, for each table and over all, the mean ROC AUC, log loss, calibration
//! error and seconds of every model; every model is tested against the first.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use playlist_classifier::core::{AudioFeature, Overwrite, write_file};
use playlist_classifier::mlp::{Backend, TrainingConfig};
use playlist_classifier::report::MetricsSection;
use playlist_classifier::{ComparisonConfig, ComparisonReport, ExperimentConfig, FitSettings, ModelName};

#[derive(Parser, Debug)]
#[command(about = "Compares models on any set of tables")]
struct Args {
    /// Tables: CSV, Parquet or JSON lines
    #[arg(required = true, value_name = "FILE")]
    tables: Vec<PathBuf>,
    /// Models, separated by commas; the others are compared with the first
    #[arg(long, value_name = "NAME,...", value_delimiter = ',',
          default_values_t = [ModelName::Logistic, ModelName::LogisticRaw, ModelName::Paper, ModelName::Ensemble])]
    models: Vec<ModelName>,
    /// Features to use, separated by commas (default: the paper's twelve)
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    features: Option<Vec<AudioFeature>>,
    /// The column of labels
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// The positive class of two (default: `a` where there is one)
    #[arg(long, value_name = "NAME")]
    positive_class: Option<String>,
    /// Splits of a table without columns `split_0`, ...
    #[arg(long, value_name = "N", default_value_t = 5)]
    repeats: usize,
    /// Decides splits, initial weights, shuffling and dropout
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Passes of the paper's network over the training part
    #[arg(long, value_name = "N", default_value_t = 30)]
    epochs: usize,
    /// Where networks run: flex, ndarray, wgpu (needs --features wgpu)
    #[arg(long, value_name = "NAME", default_value_t = Backend::default())]
    backend: Backend,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    /// Write the table as Markdown to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Replace a file that exists
    #[arg(long)]
    overwrite: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let config = ComparisonConfig {
        experiment: ExperimentConfig {
            features: args.features.clone(),
            models: args.models.clone(),
            seed: args.seed,
            positive_class: args.positive_class.clone(),
            fit: FitSettings {
                training: TrainingConfig::default().with_epochs(args.epochs),
                backend: args.backend,
                ..FitSettings::default()
            },
            ..ExperimentConfig::default()
        },
        label: args.label.clone(),
        repeats: args.repeats,
    };
    let report = config.run(&args.tables, |task| eprintln!("{}: {} tracks", task.name, task.n))?;
    let text = markdown(&report);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{text}");
    }
    if let Some(path) = &args.markdown {
        let overwrite = if args.overwrite {
            Overwrite::Allow
        } else {
            Overwrite::Refuse
        };
        write_file(path, text.as_bytes(), overwrite)?;
    }
    Ok(())
}

/// One table: a row for each model on each task, then over all.
fn markdown(report: &ComparisonReport) -> String {
    let mut text = String::from(
        "| task | model | ROC AUC [95 %] | log loss | calibration error | accuracy | fit s | against the first |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for task in &report.tasks {
        for model in &task.models {
            let interval = model.roc_auc_interval.map_or_else(String::new, |interval| {
                format!(" [{:.3}, {:.3}]", interval.lower, interval.upper)
            });
            let seconds = model.splits.iter().map(|split| split.fit_seconds).sum::<f64>();
            let seconds = seconds / model.splits.len() as f64;
            let against = model
                .p_value_against_first
                .map_or_else(String::new, |p| format!("p = {p:.3}"));
            text += &row(&task.name, &model.name, &model.mean, &interval, seconds, &against);
        }
    }
    for model in &report.overall {
        let against = model.roc_auc_less_first.map_or_else(String::new, |difference| {
            let (lower, upper, n) = (difference.lower, difference.upper, report.tasks.len());
            let wins = model.wins_against_first;
            format!(
                "{:+.4} [{lower:+.4}, {upper:+.4}], better on {wins} of {n}",
                f64::midpoint(lower, upper)
            )
        });
        text += &row("all", &model.name, &model.mean, "", model.fit_seconds, &against);
    }
    text
}

fn row(
    task: &str,
    model: &str,
    mean: &MetricsSection,
    interval: &str,
    seconds: f64,
    against: &str,
) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
    format!(
        "| {task} | {model} | {}{interval} | {} | {} | {} | {seconds:.2} | {against} |\n",
        number(mean.roc_auc),
        number(mean.log_loss),
        number(mean.calibration_error),
        number(mean.accuracy),
    )
}
