//! Start: whole processes, up to the first line or to the end of a small job. `benches/peers/speed.py --jobs start` sets the same
//! beside what Python libraries take to be imported.
//!
//! `cargo bench` builds no examples, and one that was built earlier may be older than its sources: Cargo builds them here,
//! once one of these benches is asked for.

mod common;

use std::cell::LazyCell;
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};

const EXAMPLES: [&str; 2] = ["playlist_classifier", "rank_tracks"];

/// The built examples, and a folder with `tracks.csv`, 100 tracks, and `model.safetensors`, the paper's network fitted on them.
struct Desk {
    examples: PathBuf,
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        std::fs::write(folder.path().join("tracks.csv"), csv(100)).expect("a folder that takes files");
        let desk = Self {
            examples: build_examples(),
            folder,
        };
        run(&mut desk.example(
            "playlist_classifier",
            &[
                "--table",
                "tracks.csv",
                "--model",
                "paper",
                "--save",
                "model.safetensors",
            ],
        ));
        desk
    }

    fn example(&self, name: &str, arguments: &[&str]) -> Command {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let mut command = Command::new(self.examples.join(file));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stderr(Stdio::null());
        command
    }
}

/// Builds the examples in the profile of benches and returns their folder.
fn build_examples() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "build",
            "--profile",
            "bench",
            "--message-format",
            "json-render-diagnostics",
        ])
        .args(EXAMPLES.iter().flat_map(|name| ["--example", name]))
        .stderr(Stdio::inherit());
    if cfg!(feature = "wgpu") {
        cargo.args(["--features", "wgpu"]);
    }
    // What `cargo bench` says to a bench about its package; build scripts that look for it would run anew, here and at the next
    // build.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    let output = cargo.output().expect("Cargo runs");
    assert!(output.status.success(), "the examples could not be built");
    let mut messages = output.stdout.split(|byte| *byte == b'\n');
    let folder = messages.find_map(|message| {
        let message: serde_json::Value = serde_json::from_slice(message).ok()?;
        let executable = Path::new(message["executable"].as_str()?);
        executable.parent().map(Path::to_owned)
    });
    folder.expect("Cargo says where the examples are")
}

fn csv(n_tracks: usize) -> String {
    let x = common::tracks(n_tracks, 1);
    let y = common::labels(&x, 2);
    let mut text = format!("track_id,label,{}\n", x.columns().join(","));
    for (row, class) in y.y().iter().enumerate() {
        let values: Vec<String> = x.row(row).iter().map(f32::to_string).collect();
        let label = ["other", "liked"][*class];
        writeln!(text, "t{row:021},{label},{}", values.join(",")).expect("writing to a string");
    }
    text
}

/// Runs a command to its end.
fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status();
    assert!(status.expect("the example runs").success(), "{command:?}");
}

/// The time from the start of a process to its first line; what it does then is cut short and not counted.
fn time_to_first_line(command: &mut Command) -> Duration {
    let start = Instant::now();
    let mut process = command.stdout(Stdio::piped()).spawn().expect("the example runs");
    let stdout = process.stdout.take().expect("a pipe");
    let mut line = String::new();
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("examples print text");
    let time = start.elapsed();
    assert!(line.starts_with("read "), "{line}");
    process.kill().expect("a process of our own");
    process.wait().expect("a process of our own");
    time
}

fn start(criterion: &mut Criterion) {
    let desk = LazyCell::new(Desk::new);
    let mut group = criterion.benchmark_group("start");
    group.bench_function("playlist_classifier/help", |b| {
        let mut command = desk.example("playlist_classifier", &["--help"]);
        b.iter(|| run(&mut command));
    });
    group.bench_function("playlist_classifier/first-line", |b| {
        let mut command = desk.example(
            "playlist_classifier",
            &["--table", "tracks.csv", "--model", "paper"],
        );
        b.iter_custom(|times| (0..times).map(|_| time_to_first_line(&mut command)).sum());
    });
    group.bench_function("playlist_classifier/load", |b| {
        let arguments = ["--table", "tracks.csv", "--load", "model.safetensors"];
        let mut command = desk.example("playlist_classifier", &arguments);
        b.iter(|| run(&mut command));
    });
    group.bench_function("rank_tracks/model", |b| {
        let arguments = [
            "--model",
            "model.safetensors",
            "--likes",
            "tracks.csv",
            "--candidates",
            "tracks.csv",
            "--anyway",
        ];
        let mut command = desk.example("rank_tracks", &arguments);
        b.iter(|| run(&mut command));
    });
    group.finish();
}

criterion_group!(benches, start);
criterion_main!(benches);
