//! To which of my playlists does each of these tracks belong? Learns N playlists at once and sorts tracks into them.
//!
//! ```text
//! cargo run --release --example sort_into_playlists -- --playlist playlists.zip --tracks Liked_Songs.csv
//! cargo run --release --example sort_into_playlists -- --playlist Focus.csv Party.csv --tracks liked.csv --out sorted
//! cargo run --release --example sort_into_playlists -- --table tracks.csv --label playlist --tracks liked.csv --json
//! ```
//!
//! It says how well members that the model had not seen are sorted, which playlists cannot be told apart, and where each
//! track would go, or that it fits none. That is a preview: files are written with `--out` only, and nothing is ever changed
//! on Spotify. Exit code 0 on success, 2 on wrong usage, 3 when the playlists are not told apart better than by chance, so
//! that nothing is sorted (`--anyway` sorts all the same), 1 on everything else.

mod common;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use common::arguments::LookupArgs;
use common::pages::{command, write_page};
use playlist_classifier::core::{AudioFeature, Overwrite};
use playlist_classifier::mlp::Backend;
use playlist_classifier::report::{SortingMode, printable, sorting_page, sorting_text, to_json};
use playlist_classifier::{
    FileStatus, FitSettings, PlaylistSource, Sorting, SortingConfig, sort_into_playlists,
    write_addition_uris, write_additions,
};

/// To which of my playlists does each of these tracks belong?
#[derive(Parser, Debug)]
#[command(name = "sort_into_playlists", max_term_width = 110)]
struct Cli {
    /// Playlists: tables, exports, a folder or zip of them; FILE#NAME for one playlist of many
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "table", conflicts_with = "table")]
    playlist: Vec<PathBuf>,
    /// One file with a column of labels, each a playlist
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// The column of labels in --table
    #[arg(long, value_name = "COLUMN", requires = "table")]
    label: Option<String>,
    /// Tracks to sort, likewise; - for standard input, be it an export or pasted links
    #[arg(long, value_name = "FILE|-", required = true, num_args = 1..)]
    tracks: Vec<PathBuf>,
    /// A track may go on several playlists
    #[arg(long)]
    multi_label: bool,
    #[command(flatten)]
    lookup: LookupArgs,
    /// Features to leave out, separated by commas
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    drop: Vec<AudioFeature>,
    /// Sort although the playlists are not told apart better than by chance
    #[arg(long)]
    anyway: bool,
    /// Decides the parts of the check and initial weights
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where networks run: flex, ndarray, wgpu (needs --features wgpu)
    #[arg(long, value_name = "NAME", default_value_t = Backend::default())]
    backend: Backend,
    /// Print one JSON object and nothing else
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Write a file a playlist into this folder, of the tracks that go on it and are not on it already
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
    /// What these files are
    #[arg(long, value_enum, default_value_t = Format::Table, requires = "out", help_heading = "Output")]
    format: Format,
    /// Write the sorting as one page to sort and filter, which opens in a browser and asks the network for nothing
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    html: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long, help_heading = "Output")]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Tables that every example reads
    Table,
    /// Lists of URIs to paste into Spotify
    Uris,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    common::exit_code_or_refusal(|| run(&cli))
}

/// Whether the sorting was refused.
fn run(cli: &Cli) -> Result<bool, Box<dyn Error>> {
    let html: Vec<PathBuf> = cli.html.iter().cloned().collect();
    common::check_targets(&html, common::overwriting(cli.overwrite))?;
    let (stop, stop_lookup) = common::stop_all_on_ctrl_c()?;
    let playlists = match &cli.table {
        Some(path) => PlaylistSource::Table {
            path: path.clone(),
            label: cli.label.clone(),
        },
        None => PlaylistSource::Files(cli.playlist.clone()),
    };
    let config = SortingConfig {
        playlists,
        tracks: cli.tracks.clone(),
        background: common::shipped("background.parquet"),
        mode: if cli.multi_label {
            SortingMode::MultiLabel
        } else {
            SortingMode::MultiClass
        },
        lookup: cli.lookup.lookup(&stop_lookup),
        drop: cli.drop.clone(),
        anyway: cli.anyway,
        seed: cli.seed,
        fit: FitSettings {
            backend: cli.backend,
            show_progress: true,
            stop,
            ..FitSettings::default()
        },
    };
    let sorting = sort_into_playlists(&config, &common::say_step)?;
    let text = if cli.json {
        to_json(&sorting.report)?
    } else {
        sorting_text(&sorting.report)
    };
    common::print(&text)?;
    let page = || sorting_page(&sorting.report, &command());
    write_page(cli.html.as_deref(), page, common::overwriting(cli.overwrite))?;
    match &cli.out {
        Some(folder) if !sorting.report.is_refused => write(folder, cli, &sorting)?,
        Some(_) => {}
        None => eprintln!("a preview: --out DIR writes a file a playlist; nothing is changed on Spotify"),
    }
    Ok(sorting.report.is_refused)
}

fn write(folder: &Path, cli: &Cli, sorting: &Sorting) -> Result<(), Box<dyn Error>> {
    let overwrite: Overwrite = common::overwriting(cli.overwrite);
    let say = |file: &Path| eprintln!("wrote {}", printable(&file.display().to_string()));
    if let Format::Uris = cli.format {
        let files = write_addition_uris(folder, &sorting.additions, overwrite)?;
        files.iter().for_each(|file| say(file));
        return Ok(());
    }
    for file in write_additions(folder, &sorting.additions, overwrite)? {
        if let FileStatus::Refused(why) = file.status {
            return Err(format!("`{}` was not written: {why}", file.file.display()).into());
        }
        say(&file.file);
    }
    Ok(())
}
