//! Settings of the ensemble from a file, the search for them, and choosing without looking at the test parts.
//!
//! `cargo test` builds the examples first; `cargo test --test settings` alone needs `cargo build --examples` before it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Output;

use serde_json::Value;

fn run(name: &str, arguments: &[&str]) -> Output {
    support::example(name)
        .args(arguments)
        .output()
        .expect("the examples are built: cargo build --examples")
}

fn json(name: &str, arguments: &[&str]) -> Value {
    let output = run(name, &[arguments, &["--json"]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `n` rows whose label is that of their energy; in the test part of `split_0` it is the other one.
fn table(folder: &Path, n: usize) -> String {
    let mut text = "track_id,label,energy,tempo,split_0\n".to_owned();
    for i in 0..n {
        let (energy, is_test) = ((i * 37 % n) as f32 / n as f32, i % 3 == 0);
        let label = if (energy > 0.5) == is_test {
            "other"
        } else {
            "liked"
        };
        let part = if is_test { "test" } else { "train" };
        text += &format!("track{i},{label},{energy},{},{part}\n", 90 + i % 50);
    }
    let path = folder.join("table.csv");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn auc(report: &Value) -> f64 {
    let metrics = &report["tasks"][0]["models"][0]["splits"][0]["metrics"];
    metrics["roc_auc"].as_f64().unwrap()
}

#[test]
fn within_the_training_part_the_test_part_is_not_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), 240);
    let arguments = ["--models", "logistic", &table];
    assert!(
        auc(&json("compare_models", &arguments)) < 0.1,
        "the test part says the opposite"
    );
    let within = [&arguments[..], &["--within-training"]].concat();
    assert!(auc(&json("compare_models", &within)) > 0.9);
}

#[test]
fn settings_come_from_a_file_and_what_it_leaves_out_stays() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), 240);
    let settings = folder.path().join("settings.json");
    let settings = settings.to_str().unwrap();
    let arguments = ["--models", "ensemble", &table, "--ensemble", settings];
    let loss = |text: &str| {
        std::fs::write(settings, text).unwrap();
        let report = json("compare_models", &arguments);
        let metrics = &report["tasks"][0]["models"][0]["splits"][0]["metrics"];
        metrics["log_loss"].as_f64().unwrap()
    };
    let plain = json("compare_models", &arguments[..3]);
    let plain = &plain["tasks"][0]["models"][0]["splits"][0]["metrics"]["log_loss"];
    assert_eq!(
        plain.as_f64().unwrap(),
        loss("{}"),
        "an empty file changes nothing"
    );
    let kernel = loss(r#"{"network_share": 0.0, "network": {"epochs": 2}}"#);
    assert!(
        (kernel - plain.as_f64().unwrap()).abs() > 1e-6,
        "other settings, another model"
    );

    for (text, said) in [
        (r#"{"network_share": 2.0}"#, "network_share"),
        (r#"{"networks": 3}"#, "networks"),
        ("no JSON", "line 1"),
    ] {
        std::fs::write(settings, text).unwrap();
        let output = run("compare_models", &arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains(said) && stderr.contains("settings.json"),
            "{stderr}"
        );
    }
}

/// Another model than the whole ensemble, as good on what is easy to learn, and the same once it was saved.
#[test]
fn a_distilled_ensemble_is_told_of_and_saved() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), 240);
    let arguments = ["--models", "ensemble", "--within-training", &table];
    let distilled = [&arguments[..], &["--distil"]].concat();
    let (whole, distilled) = (
        json("compare_models", &arguments),
        json("compare_models", &distilled),
    );
    let loss = |report: &Value| {
        report["tasks"][0]["models"][0]["splits"][0]["metrics"]["log_loss"]
            .as_f64()
            .unwrap()
    };
    assert!(loss(&whole) != loss(&distilled), "another model answers");
    assert!(auc(&whole) > 0.9 && auc(&distilled) > 0.9);

    let file = folder.path().join("distilled.safetensors");
    let file = file.to_str().unwrap();
    let fit = ["--table", &table, "--model", "ensemble"];
    let log_loss = |arguments: &[&str]| {
        let report = json("playlist_classifier", arguments);
        report["models"][0]["metrics"]["log_loss"].as_f64().unwrap()
    };
    let fitted = log_loss(&[&fit[..], &["--distil", "--save", file]].concat());
    assert!(fitted != log_loss(&fit));
    assert_eq!(fitted, log_loss(&["--table", &table, "--load", file]));
}

#[test]
fn a_search_says_what_it_came_to() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), 150);
    let report = json(
        "playlist_classifier",
        &["--table", &table, "--model", "ensemble", "--tune", "3"],
    );
    let notes = report["models"][0]["notes"].to_string();
    assert!(
        notes.contains("on the training part in 3 trials"),
        "{notes}: as many as were asked for"
    );
    let output = run("playlist_classifier", &["--tune", "0"]);
    assert_eq!(output.status.code(), Some(2));
}
