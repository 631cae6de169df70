//! Which model is best? Fits several models on the same splits of any number of tables and compares them.
//!
//! ```text
//! cargo run --release --example compare_models -- datasets/two_listeners.csv
//! cargo run --release --example compare_models -- --models logistic,paper --repeats 10 a.csv b.csv --markdown results.md
//! cargo run --release --example compare_models -- --json tables/*.csv > results.json
//! ```
//!
//! A table with columns `split`, `split_0`, `split_1` ... of `train` and `test` is divided as they say, any other at random; with
//! `--folds` all are divided anew. It prints ROC AUC by table, means over the tables, and paired tests; with `--json` every score of
//! every split. Exit code 0 on success, 2 on wrong usage, 1 on everything else.

mod common;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use common::arguments::{FitArgs, SplitArgs};
use common::pages::{PageArgs, command};
use playlist_classifier::core::{AudioFeature, write_file};
use playlist_classifier::report::{
    ComparisonReport, comparison_figures, comparison_markdown, comparison_page, comparison_text, to_json,
};
use playlist_classifier::{ExperimentConfig, ModelName, compare_models};

/// Which model is best? Compares models on any number of labelled tables.
#[derive(Parser, Debug)]
#[command(name = "compare_models", max_term_width = 110)]
struct Cli {
    /// Tables with a column of labels (CSV, Parquet or JSON lines)
    #[arg(value_name = "FILE", required = true)]
    tables: Vec<PathBuf>,
    /// The column of labels (default: `label` or one of its other names)
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// The positive class of two (default: the first by name, or a name such as `liked`)
    #[arg(long, value_name = "NAME")]
    positive_class: Option<String>,
    /// Features to use, separated by commas (default: the paper's twelve)
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    features: Option<Vec<AudioFeature>>,
    /// Features to leave out, separated by commas
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    drop: Vec<AudioFeature>,
    /// Models, separated by commas
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', default_values_t = ModelName::ALL)]
    models: Vec<ModelName>,
    #[command(flatten)]
    split: SplitArgs,
    /// Leave the test parts alone: learn from three quarters of each training part, test on the fourth
    #[arg(long)]
    within_training: bool,
    #[command(flatten)]
    fit: FitArgs,
    /// Results of other programs on the same splits, as `benches/peers/compare_models.py` writes them, to compare with
    #[arg(long, value_name = "FILE")]
    peers: Option<PathBuf>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    /// Write the results as a Markdown table
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    #[command(flatten)]
    page: PageArgs,
    /// Replace files that exist
    #[arg(long)]
    overwrite: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    common::exit_code(|| run(&cli))
}

fn run(cli: &Cli) -> Result<(), Box<dyn Error>> {
    let overwrite = common::overwriting(cli.overwrite);
    let mut targets = cli.page.targets(&["comparison".to_owned()])?;
    targets.extend(cli.markdown.clone());
    common::check_targets(&targets, overwrite)?;
    let stop = common::stop_on_ctrl_c()?;
    let config = ExperimentConfig {
        features: cli.features.clone(),
        drop: cli.drop.clone(),
        models: cli.models.clone(),
        positive_class: cli.positive_class.clone(),
        split: cli.split.method(),
        seed: cli.split.seed,
        repeats: cli.split.repeats as usize,
        within_training: cli.within_training,
        fit: cli.fit.settings(stop)?,
        ..ExperimentConfig::default()
    };
    let tables: Vec<(&PathBuf, Option<String>)> =
        cli.tables.iter().map(|path| (path, cli.label.clone())).collect();
    let mut n_begun = 0;
    let report = compare_models(&tables, &config, |name| {
        n_begun += 1;
        eprintln!("{n_begun} of {}: {name}", tables.len());
    })?;
    let report = match &cli.peers {
        Some(path) => with_peers(report, path)?,
        None => report,
    };
    common::print(&if cli.json {
        to_json(&report)?
    } else {
        comparison_text(&report)
    })?;
    if let Some(path) = &cli.markdown {
        write_file(path, comparison_markdown(&report).as_bytes(), overwrite)?;
        eprintln!("wrote {}", path.display());
    }
    cli.page
        .write_figures(|| comparison_figures(&report), overwrite)?;
    cli.page
        .write_page(|| comparison_page(&report, &command()), overwrite)
}

fn with_peers(report: ComparisonReport, path: &Path) -> Result<ComparisonReport, Box<dyn Error>> {
    let name = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("`{name}` could not be read: {error}"))?;
    let peers: ComparisonReport = serde_json::from_str(&text)
        .map_err(|error| format!("`{name}` is no result of a comparison: {error}"))?;
    let (report, left_out) = report.merge(&peers)?;
    for task in left_out {
        eprintln!("`{name}` has no table `{task}`: left out");
    }
    Ok(report)
}
