//! Whose track is it? Fits several models on labelled tracks and says how well each tells them apart.
//!
//! With no arguments it takes the shipped Liked Songs of two listeners:
//!
//! ```text
//! cargo run --example playlist_classifier
//! cargo run --example playlist_classifier -- --positive liked.csv --negative disliked.csv --repeats 10
//! cargo run --example playlist_classifier -- --table tracks.parquet --label playlist --json
//! cargo run --example playlist_classifier -- --explain --html report.html --plots figures
//! ```
//!
//! It prints the data report, one table with the majority class in it, and a verdict a model. Exit code 0 on
//! success, 2 on wrong usage, 1 on everything else.

mod common;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use common::arguments::{DataArgs, ExplainArgs, ModelArgs, OutputArgs, SplitArgs};
use common::pages::{PageArgs, command};
use playlist_classifier::core::{AudioFeature, write_file};
use playlist_classifier::report::{
    charts_text, experiment_figures, experiment_page, experiment_text, figure_names, reading_text, to_json,
};
use playlist_classifier::{AnyClassifier, Experiment, ModelName, Outcome, SavedModel, write_predictions};

/// Does this track belong on this playlist? Compares models on labelled tracks.
#[derive(Parser, Debug)]
#[command(name = "playlist_classifier", max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    split: SplitArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    explain: ExplainArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    page: PageArgs,
    /// Draw losses and each feature by class as text below the results
    #[arg(long, conflicts_with = "json")]
    charts: bool,
    /// Save the last of the models as one file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Score a saved model on the tracks that it was not trained on, instead of fitting
    #[arg(long, value_name = "FILE", conflicts_with_all = ["save", "prior"])]
    load: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    common::exit_code(|| run(&cli))
}

fn run(cli: &Cli) -> Result<(), Box<dyn Error>> {
    check_outputs(cli)?;
    let stop = common::stop_on_ctrl_c()?;
    let watch_test = cli.output.out.is_some() || cli.page.is_asked_for() || cli.charts;
    let config =
        common::arguments::experiment_config(&cli.data, &cli.split, &cli.model, watch_test, stop.clone())?;
    let source = cli.data.source();
    let experiment = Experiment::read(&source, config)?;
    let loaded = match &cli.load {
        Some(path) => Some(SavedModel::load(path, cli.model.fit.backend)?),
        None => None,
    };
    // What was read is said before the fits, which may take long.
    let said = if cli.output.json || loaded.is_some() {
        String::new()
    } else {
        reading_text(experiment.dataset())
    };
    common::print(&said)?;
    let mut outcome = match &loaded {
        Some(model) => experiment.evaluate(model)?,
        None => experiment.run()?,
    };
    let model = loaded.as_ref().or(outcome.models.last());
    if let Some(model) = model.filter(|_| cli.explain.explain) {
        let explanation = cli
            .explain
            .explain(&experiment, model, &outcome, (cli.split.seed, stop))?;
        outcome.report.explanation = Some(explanation);
    }
    let text = if cli.output.json {
        to_json(&outcome.report)?
    } else {
        experiment_text(&outcome.report)
    };
    common::print(text.strip_prefix(&said).unwrap_or(&text))?;
    write_outputs(cli, &experiment, &outcome)?;
    if !cli.charts && !cli.page.is_asked_for() {
        return Ok(());
    }
    let details = experiment.details(&outcome, loaded.as_ref(), &command())?;
    if cli.charts {
        common::print(&format!("\n{}", charts_text(&details)))?;
    }
    let (report, overwrite) = (&outcome.report, cli.output.overwriting());
    cli.page
        .write_figures(|| experiment_figures(report, &details), overwrite)?;
    cli.page
        .write_page(|| experiment_page(report, &details), overwrite)
}

/// Refuses to begin what could not be written in the end.
fn check_outputs(cli: &Cli) -> Result<(), Box<dyn Error>> {
    let mut targets: Vec<PathBuf> = cli.save.iter().chain(&cli.output.predictions).cloned().collect();
    if let Some(folder) = &cli.output.out {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("the folder `{}` could not be made: {error}", folder.display()))?;
        targets.extend(["report.json", "predictions.csv"].map(|name| folder.join(name)));
        let models = if cli.load.is_some() {
            &[][..]
        } else {
            &cli.model.model
        };
        targets.extend(
            models
                .iter()
                .map(|model| folder.join(format!("{model}.safetensors"))),
        );
        let networks = models.iter().filter(|model| model.has_history());
        targets.extend(networks.map(|model| folder.join(format!("{model}-history.json"))));
    }
    let models = ModelName::ALL.map(ModelName::name);
    let features = AudioFeature::ALL.map(AudioFeature::column);
    targets.extend(cli.page.targets(&figure_names(&models, &features))?);
    common::check_targets(&targets, cli.output.overwriting())
}

fn write_outputs(cli: &Cli, experiment: &Experiment, outcome: &Outcome) -> Result<(), Box<dyn Error>> {
    let overwrite = cli.output.overwriting();
    let say = |path: &Path| eprintln!("wrote {}", path.display());
    if let (Some(path), Some(model)) = (&cli.save, outcome.models.last()) {
        model.save(path, overwrite)?;
        eprintln!("saved {} as {}", model.name(), path.display());
    }
    let folder = cli.output.out.as_deref();
    let in_folder = folder.map(|folder| folder.join("predictions.csv"));
    for path in cli.output.predictions.iter().chain(&in_folder) {
        write_predictions(path, experiment, outcome, overwrite)?;
        say(path);
    }
    let Some(folder) = folder else { return Ok(()) };
    let report = folder.join("report.json");
    write_file(&report, to_json(&outcome.report)?.as_bytes(), overwrite)?;
    say(&report);
    for model in &outcome.models {
        let path = folder.join(format!("{}.safetensors", model.name()));
        model.save(&path, overwrite)?;
        say(&path);
        if let Some(history) = AnyClassifier::history(model.pipeline().classifier()) {
            let path = folder.join(format!("{}-history.json", model.name()));
            write_file(&path, to_json(history)?.as_bytes(), overwrite)?;
            say(&path);
        }
    }
    Ok(())
}
