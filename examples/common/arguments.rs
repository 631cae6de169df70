//! Command-line options that several examples have, and what they say in the library's terms.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use playlist_classifier::core::message::with_causes;
use playlist_classifier::core::{AudioFeature, Overwrite, Prior};
use playlist_classifier::dataset::{Balance, GroupBy};
use playlist_classifier::metrics::ThresholdRule;
use playlist_classifier::mlp::{Backend, Engine, EnsembleConfig, StopSignal, TrainingConfig, TuneConfig};
use playlist_classifier::report::{ExplanationSection, printable};
use playlist_classifier::spotify::StopFlag;
use playlist_classifier::{
    Experiment, ExperimentConfig, ExplainConfig, FeatureLookup, FitSettings, Lookup, ModelName, Outcome,
    SavedModel, Source, SplitMethod,
};

use super::{overwriting, shipped, spinner};

/// Which tracks.
#[derive(Args, Debug)]
#[command(next_help_heading = "Tracks (default: the shipped two listeners)")]
pub struct DataArgs {
    /// Tracks on the playlist: a table, an export, a folder or zip of them; FILE#NAME for one playlist of many;
    /// may be given again
    #[arg(long, value_name = "FILE", conflicts_with = "table")]
    pub positive: Vec<PathBuf>,
    /// Other tracks, likewise (default: the shipped background of other music)
    #[arg(long, value_name = "FILE", requires = "positive")]
    pub negative: Vec<PathBuf>,
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
    /// Make the classes equally large by throwing tracks away: none, truncate (as the paper), downsample
    #[arg(long, value_name = "HOW", default_value = "none")]
    pub balance: Balance,
}

/// Which parts.
#[derive(Args, Debug)]
#[command(next_help_heading = "Split")]
pub struct SplitArgs {
    /// Share of the tracks to test on
    #[arg(long, value_name = "SHARE", default_value_t = 1.0 / 3.0, value_parser = share,
          conflicts_with = "split_column")]
    pub test_size: f64,
    /// Column that says train, valid (not used) or test
    #[arg(long, value_name = "COLUMN")]
    pub split_column: Option<String>,
    /// Divide the tracks into this many folds and test on each once, instead of one test part: every track is tested
    #[arg(long, value_name = "K", conflicts_with_all = ["test_size", "split_column"],
          value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub folds: Option<u32>,
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
    /// Divide the tracks this many times (with --folds: into folds) and report means with intervals
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
    /// Where a probability turns into a yes: a number, midpoint, best-f1, youden, prior
    #[arg(long, value_name = "RULE", default_value = "0.5", value_parser = threshold)]
    pub threshold: ThresholdRule,
    /// Class shares that probabilities hold for, no track thrown away: training, balanced, or the share of the positive
    /// class of two
    #[arg(long, value_name = "SHARES", default_value_t)]
    pub prior: Prior,
    #[command(flatten)]
    pub fit: FitArgs,
}

/// How models are fitted.
#[derive(Args, Debug)]
#[command(next_help_heading = "Models")]
pub struct FitArgs {
    /// Passes over the training part
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = at_least_one)]
    pub epochs: usize,
    /// Rows in a step
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = at_least_one)]
    pub batch_size: usize,
    /// Length of a step
    #[arg(long, value_name = "RATE", default_value_t = 1e-3, value_parser = rate)]
    pub learning_rate: f64,
    /// Where networks run: flex, ndarray, wgpu (needs --features wgpu)
    #[arg(long, value_name = "NAME", default_value_t = Backend::default())]
    pub backend: Backend,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Settings of the ensemble, a JSON file; what it leaves out stays as it is
    #[arg(long, value_name = "FILE")]
    pub ensemble: Option<PathBuf>,
    /// Distil the ensemble into one network that answers in its place: twenty times as fast with many tracks, a little less
    /// exact
    #[arg(long)]
    pub distil: bool,
    /// Search for better settings of the ensemble on each training part, trying this many
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub tune: Option<usize>,
}

/// What trains.
#[derive(Args, Debug)]
pub struct EngineArgs {
    /// What trains networks: fused (loops of our own, CPU) or burn; by default the fastest that can
    #[arg(long, value_name = "NAME")]
    pub engine: Option<Engine>,
}

impl FitArgs {
    /// How models are fitted, stopping when `stop` asks for it.
    pub fn settings(&self, stop: StopSignal) -> Result<FitSettings, Box<dyn Error>> {
        let training = TrainingConfig::default()
            .with_epochs(self.epochs)
            .with_batch_size(self.batch_size)
            .with_learning_rate(self.learning_rate);
        Ok(FitSettings {
            training,
            backend: self.backend,
            engine: self.engine.engine,
            ensemble: self.ensemble()?,
            tune: self.tune.map(|trials| TuneConfig::default().with_trials(trials)),
            watch_test: false,
            show_progress: true,
            stop,
        })
    }

    fn ensemble(&self) -> Result<EnsembleConfig, Box<dyn Error>> {
        let mut config = match &self.ensemble {
            Some(path) => read_ensemble(path)?,
            None => EnsembleConfig::default(),
        };
        if self.distil {
            config.distillation.get_or_insert_default();
        }
        Ok(config)
    }
}

fn read_ensemble(path: &Path) -> Result<EnsembleConfig, Box<dyn Error>> {
    let name = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("`{name}` could not be read: {error}"))?;
    let config: EnsembleConfig = serde_json::from_str(&text)
        .map_err(|error| format!("`{name}` holds no settings of the ensemble: {error}"))?;
    config
        .validate()
        .map_err(|error| format!("`{name}`: {}", with_causes(&error)))?;
    Ok(config)
}

impl SplitArgs {
    /// How parts are made.
    pub fn method(&self) -> SplitMethod {
        let group_by = self.group_by;
        match (&self.split_column, self.folds) {
            (Some(column), _) => SplitMethod::Column(column.clone()),
            (None, Some(folds)) => SplitMethod::KFold {
                n_folds: folds as usize,
                group_by,
            },
            (None, None) => SplitMethod::Stratified {
                test_fraction: self.test_size,
                group_by,
            },
        }
    }
}

/// Why the model answers as it does.
#[derive(Args, Debug)]
#[command(next_help_heading = "Explanation")]
pub struct ExplainArgs {
    /// Explain the last of the models: what it goes by, how, and what that did to single tracks
    #[arg(long)]
    pub explain: bool,
    /// Explain this many of the most certain and of the most mistaken answers
    #[arg(long, value_name = "N", default_value_t = 3, requires = "explain",
          value_parser = clap::value_parser!(u16).range(0..=100))]
    pub explain_tracks: u16,
}

impl ExplainArgs {
    /// Explains `model` on the test part of `outcome`, with a bar on a terminal.
    pub fn explain(
        &self,
        experiment: &Experiment,
        model: &SavedModel,
        outcome: &Outcome,
        (seed, stop): (u64, StopSignal),
    ) -> Result<ExplanationSection, Box<dyn Error>> {
        let config = ExplainConfig {
            n_tracks: usize::from(self.explain_tracks),
            seed,
            stop,
            ..ExplainConfig::default()
        };
        let bar = spinner();
        let tell = |done: usize, total: usize| {
            bar.set_message(format!("explaining: {} %", done * 100 / total.max(1)))
        };
        let explanation = experiment.explain(model, &outcome.split, &config, &tell)?;
        bar.finish_and_clear();
        Ok(explanation)
    }
}

/// Where features come from that files do not bring along.
#[derive(Args, Debug)]
pub struct LookupArgs {
    /// Look features up that files lack: catalogue=FILE, reccobeats (sends ids away); separated by commas
    #[arg(long, value_name = "SOURCE,...", value_delimiter = ',', value_parser = lookup)]
    pub features: Vec<FeatureLookup>,
}

impl LookupArgs {
    /// The lookup, stopping when `stop` asks for it; says first where ids go.
    pub fn lookup(&self, stop: &StopFlag) -> Lookup {
        for lookup in &self.features {
            if let Some(host) = lookup.sends_ids_to() {
                eprintln!("{lookup}: ids of tracks without features go to {host}");
            }
        }
        Lookup {
            sources: self.features.clone(),
            stop: stop.clone(),
            tell: Arc::new(|text| eprintln!("{}", printable(text))),
        }
    }
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
    #[arg(long, value_name = "FILE", value_parser = text_file)]
    pub predictions: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    pub overwrite: bool,
}

impl OutputArgs {
    /// Whether files that exist may be replaced.
    pub fn overwriting(&self) -> Overwrite {
        overwriting(self.overwrite)
    }
}

impl DataArgs {
    /// The files named, or the shipped table.
    pub fn source(&self) -> Source {
        match &self.table {
            Some(path) => Source::Table {
                path: path.clone(),
                label: self.label.clone(),
            },
            None if self.positive.is_empty() => Source::Table {
                path: shipped("two_listeners.csv"),
                label: None,
            },
            None if self.negative.is_empty() => Source::Background {
                positive: self.positive.clone(),
                background: shipped("background.parquet"),
            },
            None => Source::Pair {
                positive: self.positive.clone(),
                negative: self.negative.clone(),
            },
        }
    }
}

/// The settings of an experiment from its arguments.
pub fn experiment_config(
    data: &DataArgs,
    split: &SplitArgs,
    model: &ModelArgs,
    watch_test: bool,
    stop: StopSignal,
) -> Result<ExperimentConfig, Box<dyn Error>> {
    let balance = match data.balance {
        // `downsample` without a seed of its own goes by the seed of everything.
        Balance::Downsample { seed: 0 } => Balance::Downsample { seed: split.seed },
        other => other,
    };
    Ok(ExperimentConfig {
        within_training: false,
        features: data.features.clone(),
        drop: data.drop.clone(),
        balance,
        split: split.method(),
        seed: split.seed,
        repeats: split.repeats as usize,
        models: model.model.clone(),
        threshold: model.threshold,
        prior: model.prior,
        positive_class: data.positive_class.clone(),
        fit: FitSettings {
            watch_test,
            ..model.fit.settings(stop)?
        },
    })
}

/// A share, neither nothing nor all.
pub fn share(text: &str) -> Result<f64, String> {
    let value: f64 = text
        .parse()
        .map_err(|_| "expected a number between 0 and 1".to_owned())?;
    if value > 0.0 && value < 1.0 {
        Ok(value)
    } else {
        Err("expected a number between 0 and 1".to_owned())
    }
}

/// A probability.
pub fn probability(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value| (0.0..=1.0).contains(value));
    value.ok_or_else(|| "expected a probability from 0 to 1".to_owned())
}

/// A source of features that needs no sign-in.
fn lookup(text: &str) -> Result<FeatureLookup, String> {
    match text.parse() {
        Ok(FeatureLookup::Spotify) => {
            Err("needs a sign-in: fetch the tracks with the example fetch_playlists first".to_owned())
        }
        Ok(lookup) => Ok(lookup),
        Err(error) => Err(error.to_string()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number above 0".to_owned())?;
    if value > 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err("expected a number above 0".to_owned())
    }
}

/// A number of something.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    let value = text.parse().ok().filter(|value: &usize| *value > 0);
    value.ok_or_else(|| "expected a whole number from 1 on".to_owned())
}

/// A file of text: CSV or JSON lines by its ending, CSV without one.
fn text_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        None | Some("csv" | "jsonl" | "ndjson" | "json") => Ok(path),
        Some(_) => Err("expected a name that ends in .csv or .jsonl".to_owned()),
    }
}

fn threshold(text: &str) -> Result<ThresholdRule, String> {
    match text.parse().map_err(|error| format!("{error}"))? {
        ThresholdRule::Fixed(value) if !(0.0..=1.0).contains(&value) => {
            Err("expected a probability from 0 to 1".to_owned())
        }
        rule => Ok(rule),
    }
}
