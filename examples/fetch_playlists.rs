//! Playlists into files: from the exports that you have, or from Spotify; with audio features looked up on the way.
//!
//! ```text
//! cargo run --release --example fetch_playlists -- --from my_spotify_data.zip --features reccobeats
//! cargo run --release --example fetch_playlists -- --from Liked_Songs.csv --features catalogue=tracks_features.csv
//! cargo run --release --example fetch_playlists -- --liked --playlist "Road Trip"
//! ```
//!
//! It writes one table a playlist, which every other example reads, and says for how many tracks features are known. A run
//! that is stopped or killed goes on where it was. Without `--from` it signs in to Spotify (`SPOTIFY_CLIENT_ID`, or
//! `--client-id`). Exit code 0 on success, 2 on wrong usage, 1 when anything asked for is missing in the end.

mod common;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, ValueEnum};
use common::fetch::{self, Fetched, SpotifyArgs};
use common::pages::{command, write_page};
use playlist_classifier::core::{CoverageReport, Playlist, PlaylistKind};
use playlist_classifier::import::{CanonicalFormat, ImportOptions, SuspiciousFeatures, import};
use playlist_classifier::report::{Chapter, TextTable, chapters_page, printable, to_json};
use playlist_classifier::spotify::StopFlag;
use playlist_classifier::{FeatureLookup, FileStatus, PlaylistFile, feature_chain, write_playlists};
use serde_json::json;

/// Playlists into files, from exports or from Spotify, with audio features.
#[derive(Parser, Debug)]
#[command(name = "fetch_playlists", max_term_width = 110)]
struct Cli {
    /// Read exports instead of asking Spotify: a file, a folder or a zip; may be given again
    #[arg(long, value_name = "PATH")]
    from: Vec<PathBuf>,
    #[command(flatten)]
    spotify: SpotifyArgs,
    /// Look features up: reccobeats, spotify (both send ids away), catalogue=FILE; separated by commas
    #[arg(long, value_name = "SOURCE,...", value_delimiter = ',')]
    features: Vec<FeatureLookup>,
    /// The folder for the files
    #[arg(long, value_name = "DIR", default_value = "playlists")]
    out: PathBuf,
    /// Their format
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    /// Keep features that seem to belong to another track (by default they are dropped, and said so)
    #[arg(long)]
    keep_suspicious: bool,
    /// Replace files that hold something else
    #[arg(long)]
    overwrite: bool,
    /// Say what would be done; look nothing up, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    /// Write what was read and found as one page that opens in a browser and asks the network for nothing
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    html: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Csv,
    Parquet,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.from.is_empty() == cli.spotify.is_empty() {
        let what = "give either --from PATH, or what to fetch from Spotify: --liked, --playlist NAME, --album ID, --all, --list";
        eprintln!("error: {what}; see --help");
        return ExitCode::from(2);
    }
    common::exit_code(|| run(&cli))
}

fn run(cli: &Cli) -> Result<(), Box<dyn Error>> {
    let overwrite = common::overwriting(cli.overwrite);
    let page: Vec<PathBuf> = cli.html.iter().cloned().collect();
    common::check_targets(&page, overwrite)?;
    let stop = StopFlag::default();
    common::on_ctrl_c({
        let stop = stop.clone();
        move || stop.stop()
    })?;
    let Some(mut fetched) = (match cli.from.as_slice() {
        [] => fetch::from_spotify(&cli.spotify, &cli.features, &stop, cli.dry_run)?,
        paths => Some(from_exports(cli, paths)?),
    }) else {
        return Ok(());
    };
    let lookups: &[FeatureLookup] = if cli.dry_run { &[] } else { &cli.features };
    for (lookup, host) in lookups
        .iter()
        .filter_map(|lookup| Some((lookup, lookup.sends_ids_to()?)))
    {
        eprintln!("{lookup}: ids of tracks without features go to {host}");
    }
    let bar = common::spinner();
    let session = fetched
        .session
        .as_ref()
        .map(|(session, config)| (session, config));
    let show = bar.clone();
    let mut chain = feature_chain(
        lookups,
        session,
        &stop,
        Arc::new(move |text| fetch::say(&show, text)),
    )?;
    let coverage = chain.fill(
        fetched
            .playlists
            .iter_mut()
            .flat_map(|playlist| &mut playlist.tracks),
    );
    bar.finish_and_clear();
    let format = match cli.format {
        Format::Csv => CanonicalFormat::Csv,
        Format::Parquet => CanonicalFormat::Parquet,
    };
    let files = write_playlists(&cli.out, &fetched.playlists, format, overwrite, cli.dry_run)?;
    let text = if cli.json {
        json_text(&fetched, &files, &coverage)?
    } else {
        plain_text(&fetched, &files, &coverage)
    };
    common::print(&text)?;
    write_page(
        cli.html.as_deref(),
        || page_text(&fetched, &files, &coverage),
        overwrite,
    )?;
    what_is_missing(&fetched, &files)
}

fn from_exports(cli: &Cli, paths: &[PathBuf]) -> Result<Fetched, Box<dyn Error>> {
    let suspicious = if cli.keep_suspicious {
        SuspiciousFeatures::KeepAndWarn
    } else {
        SuspiciousFeatures::default()
    };
    let options = ImportOptions::default().with_suspicious(suspicious);
    let mut fetched = Fetched::default();
    for path in paths {
        let read = import(path, &options)?;
        fetched
            .skipped
            .extend(read.skipped.iter().map(|skipped| skipped.reason.clone()));
        for one in read.playlists {
            fetched
                .reports
                .push((one.to_string(), serde_json::to_value(&one.report)?));
            fetched.playlists.push(one.playlist);
        }
    }
    Ok(fetched)
}

fn plain_text(fetched: &Fetched, files: &[PlaylistFile], coverage: &CoverageReport) -> String {
    let mut text = String::new();
    for (report, _) in &fetched.reports {
        text += &format!("{report}\n");
    }
    for skipped in fetched.skipped.iter().chain(&fetched.failed) {
        text += &format!("not read: {skipped}\n");
    }
    for file in files {
        let done = match &file.status {
            FileStatus::Planned => "would be written",
            FileStatus::Written => "written",
            FileStatus::Unchanged => "already there, the same",
            _ => "NOT written",
        };
        let (name, n) = (file.file.display(), file.n_tracks);
        text += &format!(
            "{done}: {name} ({n} tracks, {} with features)\n",
            file.n_with_features
        );
    }
    text += &format!("{coverage}\n");
    text.lines()
        .map(|line| format!("{}\n", printable(line)))
        .collect()
}

/// What `plain_text` says, as a page with a table of the files.
fn page_text(
    fetched: &Fetched,
    files: &[PlaylistFile],
    coverage: &CoverageReport,
) -> Result<String, playlist_classifier::report::Error> {
    let mut table = TextTable::new(["playlist", "tracks", "with features", "file"]);
    for file in files {
        let counts = [file.n_tracks, file.n_with_features].map(|n| n.to_string());
        let [n_tracks, n_with_features] = counts;
        table.push([
            file.name.clone(),
            n_tracks,
            n_with_features,
            file.file.display().to_string(),
        ]);
    }
    let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let reports = fetched
        .reports
        .iter()
        .flat_map(|(report, _)| lines(report.clone()));
    let not_read = fetched
        .skipped
        .iter()
        .chain(&fetched.failed)
        .chain(&fetched.ended_by);
    let chapters = [
        Chapter {
            id: "files",
            heading: "Files",
            tables: vec![("One table a playlist".to_owned(), table)],
            ..Chapter::default()
        },
        Chapter {
            id: "features",
            heading: "Features",
            words: lines(coverage.to_string()),
            ..Chapter::default()
        },
        Chapter {
            id: "read",
            heading: "What was read",
            words: reports.collect(),
            ..Chapter::default()
        },
        Chapter {
            id: "not-read",
            heading: "What was not read",
            words: not_read.cloned().collect(),
            ..Chapter::default()
        },
    ];
    let lead = format!(
        "{} playlists, with audio features where they are known.",
        files.len()
    );
    let made_by = (&*command(), None, &BTreeMap::new());
    chapters_page("Playlists into files", &lead, &chapters, made_by)
}

fn json_text(
    fetched: &Fetched,
    files: &[PlaylistFile],
    coverage: &CoverageReport,
) -> Result<String, Box<dyn Error>> {
    let playlists: Vec<_> = files
        .iter()
        .zip(&fetched.reports)
        .map(|(file, (_, report))| json!({"file": file, "report": report}))
        .collect();
    Ok(to_json(&json!({
        "playlists": playlists,
        "skipped": fetched.skipped,
        "failed": fetched.failed,
        "ended_by": fetched.ended_by,
        "coverage": coverage,
    }))?)
}

/// An error when anything that was asked for is not there in the end.
fn what_is_missing(fetched: &Fetched, files: &[PlaylistFile]) -> Result<(), Box<dyn Error>> {
    for file in files {
        if let FileStatus::Refused(why) = &file.status {
            return Err(format!("`{}` was not written: {why}", file.file.display()).into());
        }
    }
    let is_blocked = |playlist: &Playlist| playlist.kind == PlaylistKind::Blocked;
    match (&fetched.ended_by, fetched.failed.first()) {
        (Some(why), _) => Err(why.clone().into()),
        (None, Some(failed)) => Err(failed.clone().into()),
        _ if fetched.playlists.iter().all(is_blocked) => {
            Err("nothing was read that a playlist could be made of".into())
        }
        _ => Ok(()),
    }
}
