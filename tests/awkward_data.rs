//! What `playlist_classifier` says of data that are hard to learn from: few rows, one row of a class, constant features,
//! labels that have nothing to do with the features. `docs/model.md` has the table.
//!
//! `cargo test` builds the examples first; `cargo test --test awkward_data` alone needs `cargo build --examples` before it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::Value;

const MODELS: [&str; 4] = ["logistic-raw", "logistic", "paper", "ensemble"];

/// The built example: it lies beside the folder of this test.
fn run(table: &Path, arguments: &[&str]) -> Output {
    support::example("playlist_classifier")
        .arg("--table")
        .arg(table)
        .args(arguments)
        .output()
        .expect("the example is built: cargo build --examples")
}

/// The JSON of a run that must succeed.
fn json(table: &Path, arguments: &[&str]) -> Value {
    let output = run(table, &[arguments, &["--json"]].concat());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else")
}

/// The message of a run that must end with exit code 1.
fn refusal(table: &Path) -> String {
    let output = run(table, &[]);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

fn model<'a>(report: &'a Value, name: &str) -> &'a Value {
    let models = report["models"].as_array().unwrap();
    models.iter().find(|model| model["name"] == name).unwrap()
}

fn roc_auc(report: &Value, name: &str) -> f64 {
    model(report, name)["metrics"]["roc_auc"].as_f64().unwrap()
}

/// Every score of every model is undefined or a number in its range, and every model has a verdict.
fn is_sound(report: &Value) {
    for model in report["models"].as_array().unwrap() {
        for (name, value) in model["metrics"].as_object().unwrap() {
            let most = if name.ends_with("loss") { f64::MAX } else { 1.0 };
            let is_fine = value.as_f64().is_none_or(|value| (0.0..=most).contains(&value));
            assert!(is_fine, "{name}: {value} in {model}");
        }
        assert!(model["metrics"]["log_loss"].is_number(), "{model}");
        assert!(!model["verdict"].as_str().unwrap().is_empty());
    }
}

/// The shipped two listeners: the header and the rows.
fn listeners() -> (String, Vec<String>) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/two_listeners.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(str::to_owned);
    (lines.next().unwrap(), lines.collect())
}

fn write(folder: &Path, header: &str, rows: &[String]) -> PathBuf {
    let path = folder.join("table.csv");
    std::fs::write(&path, format!("{header}\n{}\n", rows.join("\n"))).unwrap();
    path
}

/// The first `a` and `b` tracks of the two listeners.
fn some_of_each(folder: &Path, a: usize, b: usize) -> PathBuf {
    let (header, rows) = listeners();
    let of = |name: &str, n| {
        let own = rows.iter().filter(|row| row.contains(name));
        own.take(n).cloned().collect::<Vec<_>>()
    };
    write(
        folder,
        &header,
        &[of("listener_a", a), of("listener_b", b)].concat(),
    )
}

#[test]
fn twenty_tracks_are_learnt_from_and_little_is_claimed() {
    let folder = tempfile::tempdir().unwrap();
    let report = json(&some_of_each(folder.path(), 10, 10), &[]);
    is_sound(&report);
    assert_eq!(
        (&report["split"]["n_train"], &report["split"]["n_test"]),
        (&13.into(), &7.into())
    );
    // Seven tracks may be in the right order by luck, but no model is said to beat the majority class on them.
    for name in MODELS {
        let verdict = model(&report, name)["verdict"].as_str().unwrap();
        assert!(
            verdict.contains("is not shown to beat always answering"),
            "{verdict}"
        );
    }
    is_sound(&json(&some_of_each(folder.path(), 10, 10), &["--folds", "5"]));
}

#[test]
fn a_class_of_one_track_cannot_be_tested_and_two_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let error = refusal(&some_of_each(folder.path(), 1, 30));
    let expected = "the test part would have no track of class `listener_a`: expected at least one, found 1 tracks in 1 \
                    groups in the table; add tracks";
    assert!(error.contains(expected), "{error}");
    let report = json(&some_of_each(folder.path(), 2, 30), &[]);
    is_sound(&report);
    assert_eq!(report["split"]["test_classes"][1]["n_tracks"], 1);
    // One positive track says nothing of how areas under the curve vary.
    let baseline = &model(&report, "ensemble")["tests"]["baseline"];
    assert_eq!(
        (&baseline["test"], &baseline["p_value"]),
        (&"delong".into(), &Value::Null)
    );
}

/// Tracks with two features: so few that equal ones are not taken for one track.
fn two_features(folder: &Path, energy: impl Fn(usize) -> f32) -> PathBuf {
    let row = |i: usize| {
        let label = if i.is_multiple_of(3) { "liked" } else { "other" };
        format!("track{i},{label},{},120", energy(i))
    };
    let rows: Vec<String> = (0..120).map(row).collect();
    write(folder, "track_id,label,energy,tempo", &rows)
}

#[test]
fn constant_features_say_nothing_and_hide_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let report = json(&two_features(folder.path(), |_| 0.5), &[]);
    is_sound(&report);
    for name in MODELS {
        assert_eq!(roc_auc(&report, name), 0.5, "{name}");
        let verdict = model(&report, name)["verdict"].as_str().unwrap();
        assert!(verdict.contains("no better than chance"), "{verdict}");
    }
    let told_by = |i: usize| if i.is_multiple_of(3) { 0.6 } else { 0.3 } + (i % 37) as f32 / 100.0;
    let report = json(&two_features(folder.path(), told_by), &[]);
    is_sound(&report);
    for name in MODELS {
        assert!(roc_auc(&report, name) > 0.8, "{name}: {}", roc_auc(&report, name));
    }
}

/// With all twelve features constant, all tracks are one and the same, on both sides.
#[test]
fn tracks_that_are_all_the_same_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (header, rows) = listeners();
    let (_, features) = rows[0].split_once(',').unwrap().1.split_once(',').unwrap();
    let same = |(n, row): (usize, &String)| format!("track{n},{},{features}", row.split(',').nth(1).unwrap());
    let rows: Vec<String> = rows.iter().take(60).enumerate().map(same).collect();
    let error = refusal(&write(folder.path(), &header, &rows));
    assert!(
        error.contains("expected tracks of at least two classes"),
        "{error}"
    );
    assert!(error.contains("under more than one label: 60"), "{error}");
}

/// Every `step`th track of the shipped table, with the labels dealt out anew.
fn shuffled(folder: &Path, step: usize, seed: u64) -> PathBuf {
    let (header, rows) = listeners();
    let rows: Vec<String> = rows.into_iter().step_by(step).collect();
    let mut labels: Vec<&str> = rows.iter().map(|row| row.split(',').nth(1).unwrap()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for last in (1..labels.len()).rev() {
        labels.swap(last, rng.next_u32() as usize % (last + 1));
    }
    let relabelled = |(row, label): (&String, &&str)| {
        let mut cells: Vec<&str> = row.split(',').collect();
        cells[1] = label;
        cells.join(",")
    };
    let rows: Vec<String> = rows.iter().zip(&labels).map(relabelled).collect();
    write(folder, &header, &rows)
}

/// At a shuffle on which no model is lucky. At seed 0 `logistic-raw` is, with p = 0.038.
#[test]
fn shuffled_labels_are_no_better_than_chance() {
    let folder = tempfile::tempdir().unwrap();
    let table = shuffled(folder.path(), 1, 1);
    // Once at the default seed, and over folds, where each track is tested.
    for arguments in [&[][..], &["--folds", "3"]] {
        let report = json(&table, arguments);
        is_sound(&report);
        for name in MODELS {
            let verdict = model(&report, name)["verdict"].as_str().unwrap();
            assert!(verdict.contains("is no better than chance"), "{verdict}");
            assert!(verdict.contains("is not shown to beat majority"), "{verdict}");
        }
    }
}

/// A test at the level of 5 % errs on one shuffle in twenty, so one shuffle alone shows little.
#[test]
fn shuffled_labels_are_no_better_than_chance_on_average() {
    let folder = tempfile::tempdir().unwrap();
    let n = 8;
    let reports: Vec<Value> = (1..=n)
        .map(|seed| json(&shuffled(folder.path(), 3, seed), &[]))
        .collect();
    for name in MODELS {
        let mean = reports.iter().map(|report| roc_auc(report, name)).sum::<f64>() / n as f64;
        // The area of about 265 by 265 tracks in any order varies by 0.025, the mean of eight by 0.009: this is four times
        // that.
        assert!((mean - 0.5).abs() < 0.036, "{name}: {mean}");
        let says_so = |report: &&Value| {
            let verdict = model(report, name)["verdict"].as_str().unwrap();
            verdict.contains("no better than chance")
        };
        let n_right = reports.iter().filter(says_so).count();
        // Three errors or more in eight have a chance of 0.6 %.
        assert!(n_right >= 6, "{name}: {n_right} of {n}");
    }
}
