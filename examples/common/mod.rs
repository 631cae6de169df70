//! Options and habits that the examples share: one meaning everywhere.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use playlist_classifier::core::{AudioFeature, Overwrite};
use playlist_classifier::dataset::{Balance, GroupBy};
use playlist_classifier::metrics::ThresholdRule;
use playlist_classifier::mlp::{Backend, StopSignal, TrainingConfig};
use playlist_classifier::{ExperimentConfig, FitSettings, ModelName, Source, SplitMethod};

/// Which tracks.
#[derive(Args, Debug)]
#[command(next_help_heading = "Tracks (default: the shipped two listeners)")]
pub struct DataArgs {
    /// Tracks on the playlist (CSV, Parquet or JSON lines)
    #[arg(long, value_name = "FILE", requires = "negative", conflicts_with = "table")]
    pub positive: Option<PathBuf>,
    /// Other tracks
    #[arg(long, value_name = "FILE", requires = "positive")]
    pub negative: Option<PathBuf>,
    /// One file with a column of labels
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,
    /// The column of labels in --table
    #[arg(long, value_name = "COLUMN", requires = "table")]
    pub label: Option<String>,
    /// The positive class of two
    #[arg(long, value_name = "NAME", conflicts_with = "positive")]
    pub positive_class: Option<String>,
    /// Features to use, separated by commas (default: the paper's twelve)
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub features: Option<Vec<AudioFeature>>,
    /// Features to leave out, separated by commas
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub drop: Vec<AudioFeature>,
    /// Make the classes equally large: none, truncate (as the paper), downsample
    #[arg(long, value_name = "HOW", default_value = "none")]
    pub balance: Balance,
}

/// Which parts.
#[derive(Args, Debug)]
#[command(next_help_heading = "Split")]
pub struct SplitArgs {
    /// Share of the tracks to test on
    #[arg(long, value_name = "SHARE", default_value_t = 1.0 / 3.0, conflicts_with = "split_column")]
    pub test_size: f64,
    /// Column that says train or test
    #[arg(long, value_name = "COLUMN")]
    pub split_column: Option<String>,
    /// What is kept in one part: track, artist
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "track",
        conflicts_with = "split_column"
    )]
    pub group_by: GroupBy,
    /// Decides split, initial weights, shuffling and dropout
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Repeat with this many splits and report means with intervals
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "split_column",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub repeats: u32,
}

/// Which models.
#[derive(Args, Debug)]
#[command(next_help_heading = "Models")]
pub struct ModelArgs {
    /// Models, separated by commas: majority, logistic-raw, logistic, paper, ensemble
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', default_values_t = ModelName::ALL)]
    pub model: Vec<ModelName>,
    /// Passes over the training part
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub epochs: usize,
    /// Rows in a step
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub batch_size: usize,
    /// Length of a step
    #[arg(long, value_name = "RATE", default_value_t = 1e-3)]
    pub learning_rate: f64,
    /// Where a probability turns into a yes: a number, midpoint, best-f1, youden, prior
    #[arg(long, value_name = "RULE", default_value = "0.5")]
    pub threshold: ThresholdRule,
    /// Where networks run: flex, ndarray, wgpu (needs --features wgpu)
    #[arg(long, value_name = "NAME", default_value_t = Backend::default())]
    pub backend: Backend,
}

/// What is written.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
    /// Write report, predictions, loss histories and models into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the probabilities of every track (first split); CSV, or JSON lines if it ends in .jsonl
    #[arg(long, value_name = "FILE")]
    pub predictions: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    pub overwrite: bool,
}

impl OutputArgs {
    /// Whether files that exist may be replaced.
    pub fn overwriting(&self) -> Overwrite {
        if self.overwrite {
            Overwrite::Allow
        } else {
            Overwrite::Refuse
        }
    }
}

impl DataArgs {
    /// The files named, or the shipped table.
    pub fn source(&self) -> Source {
        match (&self.positive, &self.negative, &self.table) {
            (Some(positive), Some(negative), _) => Source::Pair {
                positive: positive.clone(),
                negative: negative.clone(),
            },
            (_, _, Some(path)) => Source::Table {
                path: path.clone(),
                label: self.label.clone(),
            },
            _ => Source::Table {
                path: shipped_table(),
                label: None,
            },
        }
    }
}

/// The shipped two listeners: below the current folder, or where the example was built.
fn shipped_table() -> PathBuf {
    let path = PathBuf::from("datasets/two_listeners.csv");
    if path.exists() {
        path
    } else {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
    }
}

/// The settings of an experiment from its arguments.
pub fn experiment_config(
    data: &DataArgs,
    split: &SplitArgs,
    model: &ModelArgs,
    output: &OutputArgs,
    stop: StopSignal,
) -> ExperimentConfig {
    let balance = match data.balance {
        Balance::Downsample { .. } => Balance::Downsample { seed: split.seed },
        other => other,
    };
    let training = TrainingConfig::default()
        .with_epochs(model.epochs)
        .with_batch_size(model.batch_size)
        .with_learning_rate(model.learning_rate);
    ExperimentConfig {
        features: data.features.clone(),
        drop: data.drop.clone(),
        balance,
        split: match &split.split_column {
            Some(column) => SplitMethod::Column(column.clone()),
            None => SplitMethod::Stratified {
                test_fraction: split.test_size,
                group_by: split.group_by,
            },
        },
        seed: split.seed,
        repeats: split.repeats as usize,
        models: model.model.clone(),
        threshold: model.threshold,
        positive_class: data.positive_class.clone(),
        fit: FitSettings {
            training,
            backend: model.backend,
            watch_test: output.out.is_some(),
            show_progress: true,
            stop,
        },
    }
}

/// Makes Ctrl-C stop cleanly after the current epoch; a second one ends the program at once.
pub fn stop_on_ctrl_c() -> Result<StopSignal, Box<dyn Error>> {
    let stop = StopSignal::default();
    let asked = stop.clone();
    ctrlc::set_handler(move || {
        if asked.is_requested() {
            std::process::exit(130);
        }
        eprintln!("stopping after this epoch; Ctrl-C again ends at once");
        asked.request();
    })?;
    Ok(stop)
}

/// Runs `main`, prints an error with its causes on standard error and turns it into exit code 1.
pub fn exit_code(main: impl FnOnce() -> Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = main() else {
        return ExitCode::SUCCESS;
    };
    let mut text = format!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    eprintln!("{text}");
    ExitCode::FAILURE
}
