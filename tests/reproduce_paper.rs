//! The study of the paper: as a process, and stopped and gone on with.
//!
//! `cargo test` builds the examples first; `cargo test --test reproduce_paper` alone needs `cargo build --examples`
//! before it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use playlist_classifier::mlp::{Engine, StopSignal};
use playlist_classifier::paper::{LabelFault, RunRecord, Scaling, Study, StudyConfig, StudySection};
use serde_json::Value;
use support::stderr;

fn run(arguments: &[&str]) -> Output {
    support::example("reproduce_paper")
        .args(arguments)
        .output()
        .expect("the example is built: cargo build --examples")
}

/// Every twentieth track of the shipped two listeners.
fn small_table(folder: &Path) -> PathBuf {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/two_listeners.csv");
    let text = std::fs::read_to_string(shipped).unwrap();
    let kept: Vec<&str> = text.lines().step_by(20).collect();
    let path = folder.join("small.csv");
    std::fs::write(&path, kept.join("\n")).unwrap();
    path
}

fn config(table: &Path, threads: usize) -> StudyConfig {
    StudyConfig {
        tables: vec![(table.to_owned(), None)],
        section: StudySection::Faults,
        repeats: 1,
        fault_repeats: 1,
        seed: 3,
        quick: true,
        engine: None,
        threads: Some(threads),
    }
}

fn without_seconds(runs: Vec<RunRecord>) -> Vec<RunRecord> {
    runs.into_iter()
        .map(|run| RunRecord { seconds: 0.0, ..run })
        .collect()
}

#[test]
fn a_quick_trial_says_so_and_its_json_has_every_part() {
    let folder = tempfile::tempdir().unwrap();
    let table = small_table(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (table, out, plots, markdown, html) = (
        table.to_str().unwrap(),
        path("out"),
        path("plots"),
        path("results.md"),
        path("results.html"),
    );
    let arguments = ["--quick", "--table", table, "--out", &out];
    let files = [
        "--json",
        "--plots",
        &plots,
        "--markdown",
        &markdown,
        "--note",
        "Made by a test.",
        "--html",
        &html,
    ];
    let output = run(&[&arguments[..], &files].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let page = std::fs::read_to_string(&html).unwrap();
    for part in [
        "QUICK TRIAL",
        "What the paper tried",
        "<svg",
        "reproduce_paper --quick",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else");
    assert_eq!(report["quick"], true);
    assert_eq!(report["n_runs"], report["n_asked"]);
    assert_eq!(report["paper"]["test_loss"], 0.8675);
    let variations = report["variations"].as_array().unwrap();
    let of = |name: &str, scaling: &str| {
        let found = variations
            .iter()
            .filter(|row| row["name"] == name && row["scaling"] == scaling);
        found.collect::<Vec<_>>()
    };
    // The paper's network after five numbers of epochs, every other one after the result's.
    assert_eq!(of("paper", "per-feature").len(), 5);
    assert_eq!(of("batch norm, dropout 0.2", "whole-matrix").len(), 1);
    let wide = of("second layer 128", "per-feature")[0];
    assert_eq!((&wide["n_runs"], &wide["epochs"]), (&2.into(), &4.into()));
    assert!(wide["against_paper"]["mean"].is_f64());
    assert_eq!(
        of("logistic, raw values", "").len()
            + variations.iter().filter(|row| row["scaling"].is_null()).count(),
        2
    );
    let faults = report["faults"].as_array().unwrap();
    assert_eq!(
        faults.len(),
        Scaling::ALL.len() * 2 + (LabelFault::ALL.len() - 1) * 3 * 2
    );
    for row in faults {
        let share = row["whole_either"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&share), "{row}");
    }
    assert_eq!(
        report["retries"].as_array().unwrap().len(),
        LabelFault::ALL.len() * 2 * 5
    );
    let text = std::fs::read_to_string(&markdown).unwrap();
    assert!(text.starts_with("Made by a test.\n\nQUICK TRIAL"), "{text}");
    for name in [
        "loss.svg",
        "test-loss-by-share.svg",
        "recall-by-share.svg",
        "signature-by-share.svg",
    ] {
        let svg = std::fs::read_to_string(Path::new(&plots).join(name)).unwrap();
        assert!(
            svg.starts_with("<svg") && svg.contains("<title>") && svg.trim_end().ends_with("</svg>"),
            "{name}"
        );
    }
    // Nothing is overwritten unasked, and what is there is gone on with.
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("exists already"), "{}", stderr(&output));
    let before = std::fs::read(Path::new(&out).join("runs.json")).unwrap();
    let output = run(&[&arguments[..], &["--overwrite"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("QUICK TRIAL"));
    // Even the seconds are those of before: no run was done again.
    assert_eq!(before, std::fs::read(Path::new(&out).join("runs.json")).unwrap());
}

#[test]
fn runs_that_were_stopped_are_gone_on_with_and_threads_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let table = small_table(folder.path());
    let file = folder.path().join("runs.json");
    let whole = Study::read(config(&table, 1)).unwrap();
    let expected = without_seconds(whole.run(None, &StopSignal::default(), |_| {}).unwrap());
    assert_eq!(expected.len(), whole.keys().len());

    let study = Study::read(config(&table, 3)).unwrap();
    let stop = StopSignal::default();
    let part = study
        .run(Some(&file), &stop, |n_done| {
            if n_done == 5 {
                stop.request();
            }
        })
        .unwrap();
    // The two other threads may each have finished the run that they were at.
    assert!((5..=7).contains(&part.len()), "{}", part.len());
    let rest = study.run(Some(&file), &StopSignal::default(), |_| {}).unwrap();
    assert!(
        part.iter().all(|run| rest.contains(run)),
        "finished runs are kept as they were"
    );
    assert_eq!(without_seconds(rest), expected);
}

#[test]
fn a_file_that_holds_no_runs_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let table = small_table(folder.path());
    let file = folder.path().join("runs.json");
    let study = Study::read(config(&table, 1)).unwrap();
    let mut good = study.run(Some(&file), &StopSignal::default(), |_| {}).unwrap();
    good.truncate(1);
    let text = std::fs::read_to_string(&file).unwrap();
    let other_version = text.replace("\"format_version\":", "\"format_version\":9");
    assert_ne!(other_version, text);
    for bad in ["", "{}", &text[..text.len() / 2], &other_version] {
        std::fs::write(&file, bad).unwrap();
        let error = study
            .run(Some(&file), &StopSignal::default(), |_| {})
            .unwrap_err();
        assert!(
            error.to_string().contains("runs.json` holds no finished runs"),
            "{error}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), bad);
    }
}

/// Rounding alone parts the engines: scores differ, and hardly. What one has left is not gone on with by the other.
#[test]
fn either_engine_tells_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let table = small_table(folder.path());
    let path = folder.path().join("burn");
    let arguments = [
        "--quick",
        "--section",
        "faults",
        "--fault-repeats",
        "1",
        "--seed",
        "3",
        "--table",
    ];
    let more = [
        table.to_str().unwrap(),
        "--out",
        path.to_str().unwrap(),
        "--engine",
    ];
    let output = run(&[&arguments[..], &more, &["burn"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));

    let on = |engine| StudyConfig {
        engine,
        ..config(&table, 1)
    };
    let file = path.join("runs.json");
    let study = |engine| {
        Study::read(on(engine))
            .unwrap()
            .run(Some(&file), &StopSignal::default(), |_| {})
    };
    let on_burn = study(Some(Engine::Burn)).unwrap();
    let error = study(None).unwrap_err();
    assert!(error.to_string().contains("another engine (burn)"), "{error}");
    std::fs::remove_file(&file).unwrap();
    let by_loops = study(Some(Engine::Fused)).unwrap();
    assert_eq!(on_burn.len(), by_loops.len());
    let pairs = on_burn.iter().zip(&by_loops);
    let looks = pairs.flat_map(|(a, b)| a.looks.iter().zip(&b.looks));
    let differences: Vec<f64> = looks.map(|(a, b)| (a.spread - b.spread).abs()).collect();
    let largest = differences.iter().copied().fold(0.0, f64::max);
    assert!(
        largest > 0.0 && largest < 1e-4,
        "{largest} in {}",
        differences.len()
    );

    let output = run(&["--quick", "--engine", "steam"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("`steam` is no engine"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_table_of_more_than_two_classes_is_refused() {
    let playlists = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/playlists.csv");
    let output = run(&["--quick", "--table", playlists]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("two classes"), "{}", stderr(&output));
}
