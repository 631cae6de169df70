//! The example as a process: what a user sees, and what a program reads.
//!
//! `cargo test` builds the examples first; `cargo test --test examples` alone needs `cargo build --examples`
//! before it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use support::{stderr, stdout};

fn run(arguments: &[&str]) -> Output {
    support::example("playlist_classifier")
        .args(arguments)
        .output()
        .expect("the example is built: cargo build --examples")
}

/// The JSON of a run that must succeed.
fn json(arguments: &[&str]) -> Value {
    let output = run(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else")
}

/// Removes what may differ between two runs: the seconds.
fn without_seconds(mut report: Value) -> Value {
    for model in report["models"].as_array_mut().unwrap() {
        let model = model.as_object_mut().unwrap();
        model.remove("fit_seconds");
        model.remove("predict_seconds");
    }
    report
}

fn model<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["models"]
        .as_array()
        .unwrap()
        .iter()
        .find(|model| model["name"] == name)
        .unwrap()
}

/// A small table with two classes, `n` rows.
fn small_table(folder: &Path, n: usize) -> PathBuf {
    let path = folder.join("small.csv");
    let mut text = "track_id,label,energy,tempo,artist,part\n".to_owned();
    for i in 0..n {
        let (label, part) = (
            if i % 3 == 0 { "liked" } else { "other" },
            if i % 4 == 0 { "test" } else { "train" },
        );
        let energy = if i % 3 == 0 { 0.5 } else { 0.2 } + (i % 29) as f32 / 100.0;
        text += &format!(
            "track{i},{label},{energy},{},artist{},{part}\n",
            90 + i % 50,
            i % 20
        );
    }
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn with_no_arguments_it_prints_the_data_the_table_and_the_verdicts() {
    let output = run(&[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for expected in [
        "read     4800 rows from ",
        "dropped  57 rows: the same audio features as an earlier row",
        "kept     4743 tracks: 2389 listener_b, 2354 listener_a; positive class: listener_a",
        "majority",
        "logistic-raw",
        "paper",
        "ROC AUC [95 %]",
        "test n = 1581, 785 positive; seed 0; backend flex",
        "paper beats majority: accuracy 0.7",
        "ensemble beats majority: accuracy 0.8",
    ] {
        assert!(text.contains(expected), "expected {expected:?} in\n{text}");
    }
    assert!(
        stderr(&output).is_empty(),
        "no progress bar when standard error is no terminal"
    );
}

#[test]
fn the_json_keeps_its_schema_and_its_numbers() {
    let report = json(&["--seed", "3", "--epochs", "5"]);
    assert_eq!(
        without_seconds(report.clone()),
        without_seconds(json(&["--seed", "3", "--epochs", "5"]))
    );
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        keys(&report),
        [
            "dataset",
            "explanation",
            "models",
            "prior",
            "seed",
            "split",
            "versions"
        ]
    );
    let names: Vec<&str> = report["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["majority", "logistic-raw", "logistic", "paper", "ensemble"]
    );
    let schema = include_str!("../crates/playlist-report/SCHEMA.md");
    for model in report["models"].as_array().unwrap() {
        assert_eq!(
            keys(model),
            [
                "fit_seconds",
                "intervals",
                "metrics",
                "name",
                "notes",
                "predict_seconds",
                "repeats",
                "tests",
                "verdict",
                "warnings"
            ]
        );
        assert_eq!(
            keys(&model["metrics"]),
            [
                "accuracy",
                "average_precision",
                "brier",
                "calibration_error",
                "f1",
                "log_loss",
                "precision",
                "recall",
                "roc_auc",
                "test_loss",
                "threshold"
            ]
        );
        for key in keys(model).iter().chain(&keys(&model["metrics"])) {
            assert!(
                schema.contains(&format!("{key}`")),
                "`{key}` is missing from SCHEMA.md"
            );
        }
    }
    for key in keys(&report["split"]).iter().chain(&keys(&report["prior"])) {
        assert!(
            schema.contains(&format!("{key}`")),
            "`{key}` is missing from SCHEMA.md"
        );
    }
    for key in keys(&report["dataset"]) {
        assert!(
            schema.contains(&format!("`dataset.{key}`")),
            "`dataset.{key}` is missing from SCHEMA.md"
        );
    }
    // The majority model answers negative throughout: it cannot rank, and has no precision.
    let majority = &model(&report, "majority")["metrics"];
    assert_eq!(
        (&majority["precision"], &majority["roc_auc"]),
        (&Value::Null, &Value::from(0.5))
    );
    assert_ne!(
        without_seconds(report),
        without_seconds(json(&["--seed", "4", "--epochs", "5"]))
    );
}

/// PyTorch reaches 0.854 to 0.863 after 30 epochs on two splits of this table, standardised logistic
/// regression 0.85 to 0.86: `benches/peers/paper_network.py`.
#[test]
fn the_papers_network_learns_what_it_can_from_the_shipped_listeners() {
    let report = json(&[]);
    let auc = |name: &str| model(&report, name)["metrics"]["roc_auc"].as_f64().unwrap();
    assert!((0.84..0.88).contains(&auc("paper")), "{}", auc("paper"));
    assert!((0.83..0.88).contains(&auc("logistic")), "{}", auc("logistic"));
    assert!(
        auc("logistic-raw") < auc("logistic"),
        "unscaled columns stop the baseline short"
    );
    let warnings = model(&report, "logistic-raw")["warnings"].to_string();
    assert!(warnings.contains("not converge"), "{warnings}");
}

#[test]
fn a_saved_model_scores_what_it_has_not_seen_and_gets_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["majority", "logistic", "paper", "ensemble"] {
        let path = folder.path().join(format!("{name}.safetensors"));
        let path = path.to_str().unwrap();
        let fitted = json(&["--model", name, "--save", path, "--epochs", "3"]);
        let loaded = json(&["--load", path]);
        assert_eq!(model(&loaded, name)["metrics"], model(&fitted, name)["metrics"]);
        assert_eq!(
            loaded["split"]["n_test"], 1581,
            "the training part is recognised and left out"
        );
        let again = run(&["--model", name, "--save", path]);
        assert_eq!(
            again.status.code(),
            Some(1),
            "an existing file is not replaced unasked"
        );
        assert!(stderr(&again).contains("exists already"), "{}", stderr(&again));
    }
}

#[test]
fn predictions_and_reports_are_written_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let table = small_table(folder.path(), 120);
    let out = folder.path().join("out");
    let lines = folder.path().join("p.jsonl");
    let arguments = [
        "--table",
        table.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--predictions",
        lines.to_str().unwrap(),
        "--epochs",
        "4",
    ];
    let report = json(&arguments);
    let csv = std::fs::read_to_string(out.join("predictions.csv")).unwrap();
    assert_eq!(
        csv.lines().next(),
        Some("track_id,row,label,split,majority,logistic-raw,logistic,paper,ensemble")
    );
    assert_eq!(csv.lines().count(), 121);
    let lines = std::fs::read_to_string(&lines).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((&first["track_id"], &first["row"]), (&"track0".into(), &1.into()));
    assert!(["train", "test"].contains(&first["split"].as_str().unwrap()));
    assert!((0.0..=1.0).contains(&first["paper"].as_f64().unwrap()));
    let saved: Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("report.json")).unwrap()).unwrap();
    assert_eq!(saved, report);
    let history = std::fs::read_to_string(out.join("paper-history.json")).unwrap();
    let history: Value = serde_json::from_str(&history).unwrap();
    assert_eq!(history["epochs"].as_array().unwrap().len(), 4);
    assert!(
        history["epochs"][3]["test_loss"]
            .as_f64()
            .is_some_and(f64::is_finite)
    );
    let again = run(&arguments);
    assert_eq!(again.status.code(), Some(1), "nothing is overwritten unasked");
    assert!(run(&[&arguments[..], &["--overwrite"]].concat()).status.success());
}

#[test]
fn other_tables_splits_and_rules_work() {
    let folder = tempfile::tempdir().unwrap();
    let table = small_table(folder.path(), 120);
    let table = table.to_str().unwrap();
    let fast = ["--table", table, "--epochs", "3"];
    let report = json(&[&fast[..], &["--split-column", "part"]].concat());
    assert_eq!(
        (&report["split"]["method"], &report["split"]["n_test"]),
        (&"column".into(), &30.into())
    );
    let report = json(&[&fast[..], &["--group-by", "artist", "--threshold", "best-f1"]].concat());
    assert_eq!(report["split"]["group_by"], "artist");
    assert_ne!(model(&report, "paper")["metrics"]["threshold"], 0.5);
    let report = json(&[&fast[..], &["--balance", "truncate", "--positive-class", "other"]].concat());
    assert_eq!(report["dataset"]["n_tracks"], 80);
    assert_eq!(report["dataset"]["positive_class"], "other");
    let report = json(
        &[
            &fast[..],
            &["--features", "energy", "--backend", "ndarray", "--model", "paper"],
        ]
        .concat(),
    );
    assert_eq!(report["dataset"]["features"], serde_json::json!(["energy"]));
    assert_eq!(report["versions"]["backend"], "ndarray");
    let report = json(&[&fast[..], &["--repeats", "3", "--drop", "tempo"]].concat());
    let paper = model(&report, "paper");
    assert_eq!(paper["repeats"].as_array().unwrap().len(), 3);
    let interval = &paper["intervals"]["roc_auc"];
    assert!(interval["lower"].as_f64().unwrap() <= paper["metrics"]["roc_auc"].as_f64().unwrap());
    assert_eq!(paper["tests"]["baseline"]["test"], "corrected-resampled-t");
}

#[test]
fn folds_test_every_track_once() {
    let folder = tempfile::tempdir().unwrap();
    let table = small_table(folder.path(), 120);
    let fast = [
        "--table",
        table.to_str().unwrap(),
        "--model",
        "majority,logistic-raw,logistic",
    ];
    let report = json(&[&fast[..], &["--folds", "4"]].concat());
    let split = &report["split"];
    assert_eq!((&split["method"], &split["folds"]), (&"k-fold".into(), &4.into()));
    assert_eq!((&split["n_train"], &split["n_test"]), (&90.into(), &30.into()));
    assert_eq!(
        (&split["repeats"], &split["repeats_asked"]),
        (&4.into(), &4.into())
    );
    assert_eq!(split["test_fraction"], Value::Null);
    let logistic = model(&report, "logistic");
    assert_eq!(logistic["repeats"].as_array().unwrap().len(), 4);
    assert_eq!(logistic["tests"]["baseline"]["test"], "corrected-resampled-t");
    let repeated = json(
        &[
            &fast[..],
            &["--folds", "4", "--repeats", "2", "--group-by", "artist"],
        ]
        .concat(),
    );
    assert_eq!(
        model(&repeated, "logistic")["repeats"].as_array().unwrap().len(),
        8
    );
    assert_eq!(
        (
            &repeated["split"]["group_by"],
            &repeated["split"]["repeats_asked"]
        ),
        (&"artist".into(), &8.into())
    );
    let text = stdout(&run(&[&fast[..], &["--folds", "4", "--repeats", "2"]].concat()));
    let expected =
        "split    k-fold, by track: 90 train, 30 test (20 other, 10 liked); 4 folds, 2 times, means below";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn another_prior_moves_probabilities_and_not_the_order_and_stays_with_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let table = small_table(folder.path(), 120);
    let path = folder.path().join("balanced");
    let path = path.to_str().unwrap();
    let fast = ["--table", table.to_str().unwrap(), "--model", "logistic"];
    let plain = json(&fast);
    assert_eq!(
        plain["prior"],
        serde_json::json!({"setting": "training", "classes": []})
    );
    let balanced = json(&[&fast[..], &["--prior", "balanced", "--save", path]].concat());
    assert_eq!(balanced["prior"]["setting"], "balanced");
    let liked = &balanced["prior"]["classes"][1];
    // A third of the 120 tracks is liked, also of the 80 to learn from: 27 of them, by largest remainder.
    let training = liked["training"].as_f64().unwrap();
    assert!((training - 1.0 / 3.0).abs() < 0.01, "{training}");
    assert_eq!((&liked["name"], &liked["new"]), (&"liked".into(), &0.5.into()));
    let of = |report: &Value, name: &str| model(report, "logistic")["metrics"][name].as_f64().unwrap();
    assert_eq!(of(&balanced, "roc_auc"), of(&plain, "roc_auc"));
    assert!(
        of(&balanced, "recall") > of(&plain, "recall"),
        "the smaller class is found more often"
    );
    let loaded = json(&["--table", table.to_str().unwrap(), "--load", path]);
    assert_eq!(
        model(&loaded, "logistic")["metrics"],
        model(&balanced, "logistic")["metrics"]
    );
    assert_eq!(loaded["prior"]["setting"], "saved");
    assert_eq!(loaded["prior"]["classes"], balanced["prior"]["classes"]);
    let rare = json(&[&fast[..], &["--prior", "0.05"]].concat());
    assert!(of(&rare, "recall") < of(&plain, "recall"));
    let text = stdout(&run(&[&fast[..], &["--prior", "0.05"]].concat()));
    let expected = "prior    0.05: probabilities hold for 0.950 other, 0.050 liked; learnt on 0.6";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn several_playlists_at_once() {
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/playlists.csv");
    let report = json(&[
        "--table",
        table,
        "--epochs",
        "2",
        "--model",
        "majority,logistic,paper",
    ]);
    assert_eq!(report["dataset"]["classes"].as_array().unwrap().len(), 48);
    assert_eq!(report["dataset"]["positive_class"], Value::Null);
    let logistic = &model(&report, "logistic")["metrics"];
    assert!(logistic["roc_auc"].as_f64().unwrap() > 0.75, "{logistic}");
    assert_eq!(logistic["threshold"], Value::Null);
}

#[test]
fn two_files_are_two_classes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, base: f32| {
        let rows: String = (0..40)
            .map(|i| format!("{name}{i},{},{}\n", base + i as f32 / 100.0, 90 + i))
            .collect();
        let path = folder.path().join(format!("{name}.csv"));
        std::fs::write(&path, format!("id,energy,tempo\n{rows}")).unwrap();
        path
    };
    let (yes, no) = (write("liked", 0.5), write("disliked", 0.1));
    let report = json(&[
        "--positive",
        yes.to_str().unwrap(),
        "--negative",
        no.to_str().unwrap(),
        "--model",
        "logistic",
    ]);
    assert_eq!(report["dataset"]["positive_class"], "liked");
    assert_eq!(report["dataset"]["classes"][0]["name"], "disliked");
}

#[test]
fn a_playlist_of_an_export_is_a_class_and_nothing_that_it_lacks_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let id = |n: usize| format!("{n:022}");
    let rows = |from: usize, energy: f32| -> String {
        let row = |n| {
            format!(
                "spotify:track:{},Song {n},Someone,{},{}\n",
                id(n),
                energy + (n % 40) as f32 / 100.0,
                90 + n % 40
            )
        };
        (from..from + 40).map(row).collect()
    };
    let exports = folder.path().join("exports");
    std::fs::create_dir(&exports).unwrap();
    let header = "Track URI,Track Name,Artist Name(s),Energy,Tempo\n";
    let extra = format!(
        "{}spotify:local:A:B:C:1,C,A,,\nspotify:track:short,D,E,0.5,100\n",
        rows(0, 0.5)
    );
    std::fs::write(exports.join("Liked_Songs.csv"), format!("{header}{extra}")).unwrap();
    std::fs::write(exports.join("Sleep.csv"), format!("{header}{}", rows(100, 0.1))).unwrap();
    let other = folder.path().join("other.csv");
    let valence: String = (0..40)
        .map(|n| format!("{},{},0.5\n", id(200 + n), 0.1 + n as f32 / 200.0))
        .collect();
    std::fs::write(&other, format!("track_id,energy,valence\n{valence}")).unwrap();
    let one = format!("{}#liked songs", exports.display());
    let report = json(&[
        "--positive",
        &one,
        "--negative",
        other.to_str().unwrap(),
        "--model",
        "logistic",
    ]);
    // `#NAME` takes the name of the playlist, in any case; the file's name is `Liked_Songs`.
    assert_eq!(report["dataset"]["positive_class"], "liked songs");
    let notes = report["dataset"]["notes"].to_string();
    assert!(
        notes.contains("`tempo` is not used: it is known for no track of `other`"),
        "{notes}"
    );
    assert!(
        notes.contains("not known for any track, so not used: `danceability`"),
        "{notes}"
    );
    let sources = report["dataset"]["sources"].to_string();
    assert!(sources.contains("features for 41 of 42 tracks"), "{sources}");
    assert_eq!(report["dataset"]["features"], serde_json::json!(["energy"]));
    let both = json(&[
        "--positive",
        exports.to_str().unwrap(),
        "--negative",
        other.to_str().unwrap(),
        "--model",
        "majority",
    ]);
    assert_eq!(both["dataset"]["classes"][1]["n_tracks"], 81);
}

#[test]
fn a_playlist_alone_is_held_against_the_background() {
    let folder = tempfile::tempdir().unwrap();
    let table =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/two_listeners.csv")).unwrap();
    let one: Vec<&str> = table
        .lines()
        .filter(|line| !line.contains("listener_b"))
        .take(601)
        .collect();
    let path = folder.path().join("mine.csv");
    std::fs::write(&path, one.join("\n")).unwrap();
    let report = json(&[
        "--positive",
        path.to_str().unwrap(),
        "--model",
        "majority,logistic",
    ]);
    assert_eq!(report["dataset"]["positive_class"], "mine");
    assert_eq!(report["dataset"]["classes"][0]["name"], "background");
    let notes = report["dataset"]["notes"].to_string();
    assert!(notes.contains("not against what anybody dislikes"), "{notes}");
    assert!(
        notes.contains("the background lacks it for many tracks: `time_signature`"),
        "{notes}"
    );
    assert!(model(&report, "logistic")["metrics"]["roc_auc"].as_f64().unwrap() > 0.6);
}

#[test]
fn a_model_is_explained_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let table = small_table(folder.path(), 240);
    let saved = folder.path().join("model");
    let (table, saved) = (table.to_str().unwrap(), saved.to_str().unwrap());
    let asked = ["--table", table, "--explain", "--explain-tracks", "2"];
    let report = json(&[&asked[..], &["--model", "logistic", "--save", saved]].concat());
    let explanation = &report["explanation"];
    let importance = explanation["importance"].as_array().unwrap();
    assert_eq!(
        (importance.len(), &importance[0]["feature"]),
        (2, &"energy".into())
    );
    assert_eq!(importance[1]["unit"], "beats per minute");
    // The class hangs on energy alone.
    assert!(
        importance[0]["interval"]["lower"].as_f64().unwrap() > importance[1]["importance"].as_f64().unwrap()
    );
    let points = explanation["partial_dependence"][0]["points"].as_array().unwrap();
    let mean = |point: &Value| point["mean"].as_f64().unwrap();
    assert!(mean(points.last().unwrap()) > mean(&points[0]), "louder is liked");
    let tracks = explanation["tracks"].as_array().unwrap();
    assert!(
        tracks.len() >= 2 && tracks[0]["picked"] == "most certain",
        "{tracks:?}"
    );
    for track in tracks {
        let parts = track["contributions"].as_array().unwrap().iter();
        let sum: f64 = parts.map(|part| part["contribution"].as_f64().unwrap()).sum();
        let (base, all) = (
            track["base"].as_f64().unwrap(),
            track["prediction"].as_f64().unwrap(),
        );
        // Sums of a few doubles.
        assert!((base + sum - all).abs() < 1e-9, "{track}");
    }
    assert_eq!(
        json(&[&asked[..], &["--load", saved]].concat())["explanation"],
        *explanation
    );
    let text = stdout(&run(&[&asked[..], &["--model", "logistic"]].concat()));
    for expected in [
        "why logistic answers as it does",
        "fall of ROC AUC [95 %]",
        "most certain: track",
    ] {
        assert!(text.contains(expected), "expected {expected:?} in\n{text}");
    }
    let schema = include_str!("../crates/playlist-report/SCHEMA.md");
    for key in explanation.as_object().unwrap().keys() {
        assert!(
            schema.contains(&format!("`explanation.{key}`")),
            "`explanation.{key}` is missing from SCHEMA.md"
        );
    }
}

/// The files that the table of bad input names.
fn bad_files(folder: &Path) {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("one.csv", "id,label,energy\n1,liked,0.5\n2,liked,0.6\n");
    write(
        "three.csv",
        "id,label,energy,tempo\n1,liked,0.5,90\n2,other,0.6,80\n3,else,0.1,70\n",
    );
    let rows: String = (0..12)
        .map(|i| format!("{i},{},0.{i},{}\n", ["liked", "other", "else"][i % 3], 80 + i))
        .collect();
    write("classes.csv", &format!("id,label,energy,tempo\n{rows}"));
    write("names.csv", "title,artist\nOne,Someone\nTwo,Someone\n");
    std::fs::create_dir(folder.join("folder")).unwrap();
    std::fs::create_dir(folder.join("locked")).unwrap();
    std::fs::rename(small_table(folder, 60), folder.join("two.csv")).unwrap();
    let arguments = [
        "--table",
        "two.csv",
        "--model",
        "logistic",
        "--save",
        "whole.safetensors",
    ];
    let arguments = [&arguments[..], &["--predictions", "split.csv"]].concat();
    let output = support::example("playlist_classifier")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let split = std::fs::read_to_string(folder.join("split.csv")).unwrap();
    let is_train = |row: &&str| {
        split
            .lines()
            .any(|line| line.contains(",train,") && line.split(',').next() == row.split(',').next())
    };
    let table = std::fs::read_to_string(folder.join("two.csv")).unwrap();
    let header = table.lines().take(1);
    let train: Vec<&str> = header.chain(table.lines().skip(1).filter(is_train)).collect();
    write("train.csv", &train.join("\n"));
    let whole = std::fs::read(folder.join("whole.safetensors")).unwrap();
    std::fs::write(folder.join("cut.safetensors"), &whole[..whole.len() / 2]).unwrap();
    let mut flipped = whole;
    let at = flipped.windows(6).position(|bytes| bytes == b"energy").unwrap();
    flipped[at] = b'E';
    std::fs::write(folder.join("flipped.safetensors"), flipped).unwrap();
}

/// Takes the permission to write away; false where that has no effect, as for the superuser.
fn lock(folder: &Path) -> bool {
    let mut permissions = std::fs::metadata(folder).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(folder, permissions).unwrap();
    std::fs::write(folder.join("probe"), "").is_err()
}

/// The table of bad input in the README, each line tried. Wrong usage ends with 2, everything else that goes
/// wrong with 1, always on standard error and never with a panic.
#[test]
fn bad_input_is_answered_as_the_readme_says() {
    let folder = tempfile::tempdir().unwrap();
    bad_files(folder.path());
    let is_locked = lock(&folder.path().join("locked"));
    let readme = include_str!("../crates/playlist-classifier/README.md");
    let rows: Vec<&str> = readme
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("| `--"))
        .collect();
    assert_eq!(rows.len(), 35);
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [what, arguments, code, message] = cells[..] else {
            panic!("four cells: {row}")
        };
        if what.contains("write permission") && !is_locked {
            eprintln!("left out, since this user may write anywhere: {what}");
            continue;
        }
        let arguments = arguments.trim_matches('`').split(' ');
        let output = support::example("playlist_classifier")
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), code.parse().ok(), "{what}: {text}");
        let mut rest = text.as_str();
        for part in message.split('…') {
            let at = rest
                .find(part)
                .unwrap_or_else(|| panic!("{what}: expected {message:?}, found {text}"));
            rest = &rest[at + part.len()..];
        }
        assert!(!text.contains("panicked"), "{what}: {text}");
    }
}

#[cfg(not(feature = "wgpu"))]
/// Both engines take the same steps, so the tables agree to the digits shown; what no engine is, is refused.
#[test]
fn either_engine_gives_the_same_table() {
    let auc = |engine: &str| {
        let report = json(&["--model", "paper", "--epochs", "3", "--engine", engine]);
        model(&report, "paper")["metrics"]["roc_auc"].as_f64().unwrap()
    };
    let (fused, burn) = (auc("fused"), auc("burn"));
    // One pair of tracks out of 622,000 whose order rounding may change weighs 1.6e-6.
    assert!((fused - burn).abs() < 1e-4, "{fused} {burn}");
    let output = run(&["--model", "paper", "--engine", "steam"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("expected `fused` or `burn`"));
}

#[test]
fn a_backend_that_is_not_compiled_in_names_its_feature() {
    let output = run(&["--backend", "wgpu"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("build with `--features wgpu`"),
        "{}",
        stderr(&output)
    );
}

/// The built example of the name.
#[test]
fn models_are_compared_on_the_splits_of_the_tables_and_with_other_programs() {
    let folder = tempfile::tempdir().unwrap();
    let mut tables = Vec::new();
    for (n, name) in [(90, "one"), (120, "two"), (150, "three")] {
        let path = small_table(folder.path(), n);
        let text = std::fs::read_to_string(&path).unwrap();
        let split = |(n, line): (usize, &str)| match n {
            0 => format!("{line},split_0,split_1\n"),
            n if n % 4 == 0 => format!("{line},test,train\n"),
            n if n % 4 == 1 => format!("{line},train,test\n"),
            _ => format!("{line},train,train\n"),
        };
        let table = folder.path().join(format!("{name}.csv"));
        std::fs::write(&table, text.lines().enumerate().map(split).collect::<String>()).unwrap();
        tables.push(table.to_str().unwrap().to_owned());
    }
    let compare = |arguments: &[&str]| {
        let tables = tables.iter().map(String::as_str);
        support::example("compare_models")
            .args(tables)
            .args(arguments)
            .output()
            .unwrap()
    };
    let models = ["--models", "majority,logistic"];
    let report: Value =
        serde_json::from_slice(&compare(&[&models[..], &["--json"]].concat()).stdout).unwrap();
    assert_eq!(report["tasks"].as_array().unwrap().len(), 3);
    let logistic = &report["tasks"][0]["models"][1];
    assert_eq!(
        (&logistic["name"], logistic["splits"].as_array().unwrap().len()),
        (&"logistic".into(), 2)
    );
    assert!(logistic["splits"][0]["metrics"]["roc_auc"].as_f64().unwrap() > 0.9);
    let against = &report["overall"][1]["against"][0];
    assert_eq!(
        (&against["against"], &against["n_better"]),
        (&"majority".into(), &3.into())
    );
    // The same results under another name, as another program may write them.
    let peers = folder.path().join("peers.json");
    let text = report
        .to_string()
        .replace("\"logistic\"", "\"peer\"")
        .replace("\"majority\"", "\"other\"");
    std::fs::write(&peers, text).unwrap();
    let markdown = folder.path().join("results.md");
    let files = [
        "--peers",
        peers.to_str().unwrap(),
        "--markdown",
        markdown.to_str().unwrap(),
    ];
    let output = compare(&[&models[..], &files].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let line = "peer against logistic: ROC AUC +0.0000 on average, better on 0 of 3 tables (p = 1.000).";
    assert!(stdout(&output).contains(line), "{}", stdout(&output));
    assert!(
        std::fs::read_to_string(&markdown)
            .unwrap()
            .contains("| three | 150 | peer |")
    );
    assert_eq!(
        compare(&files).status.code(),
        Some(1),
        "nothing is overwritten unasked"
    );
    std::fs::write(&peers, report.to_string().replace("\"n\":90", "\"n\":91")).unwrap();
    let output = compare(&["--models", "majority", "--peers", peers.to_str().unwrap()]);
    assert!(
        stderr(&output).contains("table `one` has 90 rows"),
        "{}",
        stderr(&output)
    );
}
