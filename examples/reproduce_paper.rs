//! The paper, reproduced and explained: everything that it tried, and which mistakes give its numbers.
//!
//! ```text
//! cargo run --release --example reproduce_paper
//! cargo run --release --example reproduce_paper -- --section faults --table mine.csv --table yours.csv
//! cargo run --release --example reproduce_paper -- --markdown results.md --plots plots --out runs
//! cargo run --example reproduce_paper -- --quick
//! ```
//!
//! It prints the scores of every variation, and the combinations of faults that come nearest to the paper's numbers; `docs/paper.md`
//! tells what that means. With `--out` it can be stopped (Ctrl-C) and gone on with. Exit code 0 on success, 2 on wrong usage, 1 on
//! everything else.

mod common;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use common::arguments::EngineArgs;
use common::pages::{PageArgs, command};
use indicatif::{ProgressBar, ProgressStyle};
use playlist_classifier::core::message::in_words;
use playlist_classifier::core::write_file;
use playlist_classifier::paper::{
    Study, StudyConfig, StudyReport, StudySection, study_markdown, study_page, study_plots, study_text,
};
use playlist_classifier::report::to_json;

/// The paper, reproduced and explained.
#[derive(Parser, Debug)]
#[command(name = "reproduce_paper", max_term_width = 110)]
struct Cli {
    /// Tables of two classes; may be given again (default: the shipped two listeners)
    #[arg(long, value_name = "FILE")]
    table: Vec<PathBuf>,
    /// The column of labels (default: `label` or one of its other names)
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// What to run: what the paper tried, why it failed, or both
    #[arg(long, value_enum, value_name = "WHICH", default_value = "all")]
    section: Section,
    /// Splits and seeds of each variation
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    repeats: u32,
    /// Draws and seeds of each fault, on each table
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    fault_repeats: u32,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    engine: EngineArgs,
    /// A few epochs, settings and two repeats, to see that it works
    #[arg(long)]
    quick: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    /// Write every table as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    #[command(flatten)]
    pages: PageArgs,
    /// Keep finished runs in this folder, go on with those that are there, and write the results into it
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What stands above the tables of --markdown, such as the date and the command
    #[arg(long, value_name = "TEXT", default_value = "", requires = "markdown")]
    note: String,
    /// Replace files that exist
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Section {
    Variations,
    Faults,
    All,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    common::exit_code(|| run(&cli))
}

fn run(cli: &Cli) -> Result<(), Box<dyn Error>> {
    let overwrite = common::overwriting(cli.overwrite);
    let results = cli.out.as_ref().map(|folder| folder.join("results.json"));
    if let Some(folder) = &cli.out {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("the folder `{}` could not be made: {error}", folder.display()))?;
    }
    let mut targets: Vec<PathBuf> = cli.markdown.iter().chain(&results).cloned().collect();
    targets.extend(cli.pages.targets(&[])?);
    common::check_targets(&targets, overwrite)?;
    let stop = common::stop_on_ctrl_c()?;
    let study = Study::read(config(cli))?;
    let bar = progress(study.keys().len() as u64);
    let start = Instant::now();
    let runs_file = cli.out.as_ref().map(|folder| folder.join("runs.json"));
    let runs = study.run(runs_file.as_deref(), &stop, |n_done| {
        bar.set_position(n_done as u64)
    })?;
    bar.finish_and_clear();
    eprintln!(
        "{} of {} runs in {}",
        runs.len(),
        study.keys().len(),
        in_words(start.elapsed())
    );
    let report = StudyReport::new(&study, &runs);
    let text = if cli.json {
        to_json(&report)?
    } else {
        study_text(&report)
    };
    common::print(&text)?;
    if let Some(path) = &results {
        write_file(path, to_json(&report)?.as_bytes(), overwrite)?;
    }
    if let Some(path) = &cli.markdown {
        write_file(path, study_markdown(&report, &cli.note).as_bytes(), overwrite)?;
    }
    cli.pages
        .write_page(|| study_page(&report, &command()), overwrite)?;
    cli.pages.write_figures(|| study_plots(&report), overwrite)
}

fn config(cli: &Cli) -> StudyConfig {
    let tables = match cli.table.as_slice() {
        [] => vec![common::shipped("two_listeners.csv")],
        given => given.to_vec(),
    };
    let at_most = |n: u32, most: u32| if cli.quick { n.min(most) } else { n } as usize;
    StudyConfig {
        tables: tables.into_iter().map(|path| (path, cli.label.clone())).collect(),
        section: match cli.section {
            Section::Variations => StudySection::Variations,
            Section::Faults => StudySection::Faults,
            Section::All => StudySection::All,
        },
        repeats: at_most(cli.repeats, 2),
        fault_repeats: at_most(cli.fault_repeats, 1),
        seed: cli.seed,
        quick: cli.quick,
        engine: cli.engine.engine,
        threads: None,
    }
}

fn progress(n_runs: u64) -> ProgressBar {
    let bar = common::spinner();
    bar.set_length(n_runs);
    if let Ok(style) = ProgressStyle::with_template("[{bar:40}] {pos}/{len} runs, {eta} left") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
