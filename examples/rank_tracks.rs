//! What is worth hearing? Ranks tracks by how likely you are to like them, says how sure that is, and why.
//!
//! ```text
//! cargo run --release --example rank_tracks -- --likes Liked_Songs.csv --candidates Discover_Weekly.csv
//! cargo run --release --example rank_tracks -- --likes "export.zip#Road Trip" --candidates album.csv --csv ranked.csv
//! cargo run --release --example rank_tracks -- --likes liked.csv --candidates - --features catalogue=all.csv --uris
//! ```
//!
//! First it says how well likes that the model had not seen are told from other tracks. Exit code 0 on success, 2 on wrong
//! usage, 3 when that is no better than chance, so that nothing is ranked (`--anyway` ranks all the same), 1 on everything
//! else.

mod common;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use common::arguments::LookupArgs;
use common::pages::{command, write_page};
use playlist_classifier::core::{AudioFeature, Overwrite, write_file};
use playlist_classifier::mlp::Backend;
use playlist_classifier::report::{RankingReport, ranking_page, ranking_text, to_json};
use playlist_classifier::{FitSettings, RankingConfig, rank_tracks, ranking_csv, ranking_m3u, ranking_uris};

/// What is worth hearing? Ranks tracks by how likely you are to like them, and says why.
#[derive(Parser, Debug)]
#[command(name = "rank_tracks", max_term_width = 110)]
struct Cli {
    /// Tracks that you like: a table, an export, a folder or zip of them; FILE#NAME for one playlist of many
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    likes: Vec<PathBuf>,
    /// Tracks that you do not like, likewise (default: the shipped background of other music)
    #[arg(long, value_name = "FILE", num_args = 1..)]
    dislikes: Vec<PathBuf>,
    /// Tracks of other music to hold likes against (default: five a like, 300 at least, 3,000 at most)
    #[arg(long, value_name = "N", conflicts_with = "dislikes", value_parser = common::arguments::at_least_one)]
    n_background: Option<usize>,
    /// Tracks to rank, likewise; - for standard input, be it an export or pasted links
    #[arg(long, value_name = "FILE|-", required = true, num_args = 1..)]
    candidates: Vec<PathBuf>,
    #[command(flatten)]
    lookup: LookupArgs,
    /// Rank with a saved model instead of training one
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Features to leave out, separated by commas
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    drop: Vec<AudioFeature>,
    /// Share of such candidates that you like: what the probabilities assume
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = common::arguments::share)]
    prior: f64,
    /// Rank although likes are not told from others better than by chance
    #[arg(long)]
    anyway: bool,
    /// Decides the parts of the check, initial weights, and what reasons are held against
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where networks run: flex, ndarray, wgpu (needs --features wgpu)
    #[arg(long, value_name = "NAME", default_value_t = Backend::default())]
    backend: Backend,
    #[command(flatten)]
    output: RankingOutput,
}

/// What is shown and written.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Output")]
struct RankingOutput {
    /// Only the best N
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// Only tracks of at least this probability
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = common::arguments::probability)]
    min_probability: f64,
    /// Leave out candidates that are among the likes already
    #[arg(long)]
    new_only: bool,
    /// Say why for the first N
    #[arg(long, value_name = "N", default_value_t = 20)]
    explain: usize,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    /// Print the tracks' URIs, to paste into Spotify, and nothing else
    #[arg(long, conflicts_with = "json")]
    uris: bool,
    /// Write the ranking as a table
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the ranking as a playlist of URIs
    #[arg(long, value_name = "FILE")]
    m3u: Option<PathBuf>,
    /// Write the ranking as one page to sort and filter, which opens in a browser and asks the network for nothing
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    overwrite: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    common::exit_code_or_refusal(|| run(&cli))
}

/// Whether the ranking was refused.
fn run(cli: &Cli) -> Result<bool, Box<dyn Error>> {
    let overwrite = common::overwriting(cli.output.overwrite);
    let targets: Vec<PathBuf> = [&cli.output.csv, &cli.output.m3u, &cli.output.html]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    common::check_targets(&targets, overwrite)?;
    let (stop, stop_lookup) = common::stop_all_on_ctrl_c()?;
    let config = RankingConfig {
        likes: cli.likes.clone(),
        dislikes: cli.dislikes.clone(),
        background: common::shipped("background.parquet"),
        n_background: cli.n_background,
        candidates: cli.candidates.clone(),
        model: cli.model.clone(),
        lookup: cli.lookup.lookup(&stop_lookup),
        drop: cli.drop.clone(),
        prior: cli.prior,
        top: cli.output.top,
        min_probability: cli.output.min_probability,
        n_explained: cli.output.explain,
        new_only: cli.output.new_only,
        anyway: cli.anyway,
        seed: cli.seed,
        fit: FitSettings {
            backend: cli.backend,
            show_progress: true,
            stop,
            ..FitSettings::default()
        },
    };
    let report = rank_tracks(&config, &common::say_step)?;
    let is_refused = report.is_refused;
    if cli.output.uris {
        eprint!("{}", ranking_text(&report));
        common::print(&ranking_uris(&report.tracks))?;
    } else if cli.output.json {
        common::print(&to_json(&report)?)?;
    } else {
        common::print(&ranking_text(&report))?;
    }
    let page = || ranking_page(&report, &command());
    write_page(cli.output.html.as_deref(), page, overwrite)?;
    if !is_refused {
        write_outputs(cli, &report, overwrite)?;
    }
    Ok(is_refused)
}

fn write_outputs(cli: &Cli, report: &RankingReport, overwrite: Overwrite) -> Result<(), Box<dyn Error>> {
    let write = |path: &Path, text: &str| -> Result<(), Box<dyn Error>> {
        write_file(path, text.as_bytes(), overwrite)?;
        eprintln!("wrote {}", path.display());
        Ok(())
    };
    if let Some(path) = &cli.output.csv {
        write(path, &ranking_csv(&report.tracks)?)?;
    }
    if let Some(path) = &cli.output.m3u {
        write(path, &ranking_m3u(&report.tracks))?;
    }
    let n_nameless = report
        .tracks
        .iter()
        .filter(|track| track.track.uri.is_none())
        .count();
    if n_nameless > 0 && (cli.output.m3u.is_some() || cli.output.uris) {
        eprintln!("{n_nameless} tracks have no Spotify id, so no URI: left out of the list");
    }
    Ok(())
}
