//! `rank_tracks` as a process on parts of the shipped tables.
//!
//! `cargo test` builds the examples first; `cargo test --test rank_tracks` alone needs `cargo build --examples` before it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::{HEADER, stderr, stdout, words};

/// A listener's folder, with tables cut from the shipped two listeners.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// `likes.csv`, `dislikes.csv` and `new.csv`: 80 tracks of each listener to learn from, 15 of each to rank.
    fn with_tables() -> Self {
        let desk = Self::new();
        let (a, b) = (rows("listener_a"), rows("listener_b"));
        desk.table("likes.csv", &a[..80]);
        desk.table("dislikes.csv", &b[..80]);
        desk.table("new.csv", &[&a[80..95], &b[80..95]].concat());
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.at(name), text).unwrap();
    }

    fn table(&self, name: &str, rows: &[String]) {
        self.write(name, &format!("{HEADER}\n{}\n", rows.join("\n")));
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        support::example_in(self.folder.path(), program, arguments)
    }

    fn rank(&self, arguments: &[&str]) -> Output {
        let mut command = self.command("rank_tracks", arguments);
        command
            .output()
            .expect("the example is built: cargo build --examples")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.rank(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else")
    }
}

/// The rows of a shipped listener without the label.
fn rows(listener: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/two_listeners.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let own = text
        .lines()
        .filter_map(|line| line.split_once(&format!(",{listener},")));
    own.map(|(id, features)| format!("{id},{features}")).collect()
}

const PAIR: [&str; 6] = [
    "--likes",
    "likes.csv",
    "--dislikes",
    "dislikes.csv",
    "--candidates",
    "new.csv",
];

fn tracks(report: &Value) -> &Vec<Value> {
    report["tracks"].as_array().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// The identical recording under another id.
fn other_id(row: &str, id: &str) -> String {
    let (_, features) = row.split_once(',').unwrap();
    format!("{id},{features}")
}

#[test]
fn candidates_are_ranked_with_ranges_marks_and_true_reasons() {
    let desk = Desk::with_tables();
    let (a, b) = (rows("listener_a"), rows("listener_b"));
    let other = other_id(&a[1], "0000000000000000000001");
    let nothing = "0000000000000000000002,,,,,,,,,,,,,".to_owned();
    let more = [a[0].clone(), other, nothing, a[85].clone()];
    desk.table("new.csv", &[&a[80..95], &b[80..95], &more].concat());
    let report = desk.json(&PAIR);
    assert_eq!(report["is_refused"], false);
    assert_eq!(report["check"]["method"]["name"], "cross_validation");
    assert_eq!(
        (&report["check"]["n_likes"], &report["check"]["n_others"]),
        (&Value::from(80), &Value::from(80))
    );
    assert_eq!(report["check"]["is_better_than_chance"], true);
    assert_eq!(report["model"]["others"], "dislikes");
    assert_eq!(report["model"]["n_train"], 160);
    let candidates = &report["candidates"];
    let counts = ["n_tracks", "n_scored", "n_known"].map(|key| candidates[key].as_u64().unwrap());
    assert_eq!(counts, [33, 32, 2], "{candidates}");
    assert_eq!(
        report["without_features"][0]["track_id"],
        "0000000000000000000002"
    );

    let tracks = tracks(&report);
    assert_eq!(tracks.len(), 32);
    for (place, track) in tracks.iter().enumerate() {
        assert_eq!(track["rank"], place + 1);
        let [low, p, high] = ["lowest", "probability", "highest"].map(|key| number(&track[key]));
        assert!(0.0 < low && low <= p && p <= high && high < 1.0, "{track}");
        assert!((0.0..=1.0).contains(&number(&track["above_likes"])));
        assert_eq!(
            track["reasons"].is_null(),
            place >= 20,
            "reasons for the first 20"
        );
        track["reasons"]
            .as_array()
            .into_iter()
            .flatten()
            .for_each(is_true);
    }
    let falls = |key: &str| {
        tracks
            .windows(2)
            .all(|pair| number(&pair[0][key]) >= number(&pair[1][key]))
    };
    assert!(falls("probability") && falls("above_likes"));
    let liked = |id: &str| {
        tracks
            .iter()
            .find(|track| track["track_id"] == id)
            .map(|track| &track["liked"])
    };
    let id = |row: &str| row.split(',').next().unwrap().to_owned();
    assert_eq!(liked(&id(&a[0])), Some(&Value::from("id")));
    assert_eq!(liked("0000000000000000000001"), Some(&Value::from("recording")));
    assert_eq!(liked(&id(&a[80])), Some(&Value::Null));
    // Of 15 and 15 unseen tracks the listener's own come first: on all of the table the ensemble has an area of 0.91.
    let own = |track: &Value| {
        a.iter()
            .any(|row| row.starts_with(track["track_id"].as_str().unwrap()))
    };
    let new: Vec<bool> = tracks
        .iter()
        .filter(|track| track["liked"].is_null())
        .map(own)
        .collect();
    let first = new.iter().take(15).filter(|own| **own).count();
    assert!(first >= 10, "{first} of the first 15 are the listener's own");
}

/// Holds a reason's words against its own numbers.
fn is_true(reason: &Value) {
    let contribution = number(&reason["contribution"]);
    let side = if contribution > 0.0 { "for" } else { "against" };
    assert_eq!(reason["side"], side, "{reason}");
    assert!(
        contribution.abs() > 2.0 * number(&reason["standard_error"]),
        "{reason}"
    );
    let text = reason["text"].as_str().unwrap();
    let less = [
        "less ",
        "calmer",
        "quieter",
        "with fewer",
        "sounding less",
        "slower",
        "shorter",
        "gloomier",
    ];
    let more = [
        "more ",
        "louder",
        "with more",
        "sounding more",
        "faster",
        "longer",
    ];
    let starts = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    let (Some(value), Some(median)) = (reason["value"].as_f64(), reason["likes_median"].as_f64()) else {
        return;
    };
    assert!(!starts(&less) || value < median, "{reason}");
    assert!(!starts(&more) || value > median, "{reason}");
}

#[test]
fn the_json_is_the_same_again_and_every_key_is_in_the_schema() {
    let desk = Desk::with_tables();
    let report = desk.json(&PAIR);
    assert_eq!(report, desk.json(&PAIR));
    let schema = include_str!("../crates/playlist-report/SCHEMA.md");
    let schema = schema.split_once("# The JSON of a ranking").unwrap().1;
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut all = [&report, &report["check"], &report["candidates"], &report["model"]]
        .map(keys)
        .concat();
    all.extend(keys(&tracks(&report)[0]));
    all.extend(keys(&tracks(&report)[0]["reasons"][0]));
    for key in all {
        let is_there = [format!("{key}`"), format!("`{key}")]
            .iter()
            .any(|text| schema.contains(text));
        assert!(is_there, "`{key}` is missing from SCHEMA.md");
    }
}

#[test]
fn the_terminal_reads_from_the_check_to_the_reasons() {
    let desk = Desk::with_tables();
    let output = desk.rank(&[&PAIR[..], &["--top", "3", "--prior", "0.2"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for expected in [
        "kept     160 tracks: 80 dislikes, 80 likes; positive class: likes\n",
        "check    80 likes and 80 others, in 5 parts, each scored by a model that had not seen it\n",
        "to rank  30 of 30 tracks\n",
        "trained after the check on all 160 likes and dislikes\n",
        "if you liked 20 % of such candidates",
        "\n   1  0.",
        " + ",
    ] {
        assert!(text.contains(expected), "expected {expected:?} in\n{text}");
    }
    assert!(
        words(&text).contains(": better than chance (p < 0.001)"),
        "{text}"
    );
    assert!(text.contains("   3  0.") && !text.contains("   4  0."), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
}

#[test]
fn likes_that_are_no_different_are_not_ranked_unless_asked() {
    let desk = Desk::with_tables();
    // Each list holds as many tracks of either listener: there is nothing to learn.
    let (a, b) = (rows("listener_a"), rows("listener_b"));
    desk.table("likes.csv", &[&a[..40], &b[..40]].concat());
    desk.table("dislikes.csv", &[&a[40..80], &b[40..80]].concat());
    let arguments = [&PAIR[..], &["--csv", "ranked.csv"]].concat();
    let output = desk.rank(&arguments);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let text = stdout(&output);
    let all = words(&text);
    assert!(
        all.contains("not shown to be any better than chance (p = "),
        "{text}"
    );
    assert!(
        all.contains("nothing is ranked") && all.contains("--anyway"),
        "{text}"
    );
    assert!(!text.contains("\n   1  "), "{text}");
    assert!(!desk.at("ranked.csv").exists());
    let refused = desk.rank(&[&PAIR[..], &["--json"]].concat());
    let report: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(
        (refused.status.code(), &report["is_refused"]),
        (Some(3), &Value::Bool(true))
    );
    assert!(tracks(&report).is_empty());
    assert!(number(&report["check"]["p_value"]) >= 0.05);

    let report = desk.json(&[&PAIR[..], &["--anyway"]].concat());
    assert_eq!(report["is_refused"], false);
    assert_eq!(tracks(&report).len(), 30);
    assert!(
        report["notes"][0]
            .as_str()
            .unwrap()
            .contains("take the order for chance")
    );
}

#[test]
fn too_few_likes_are_not_ranked_unless_asked() {
    let desk = Desk::with_tables();
    desk.table("likes.csv", &rows("listener_a")[..4]);
    let output = desk.rank(&PAIR);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("4 tracks of `likes` are too few to tell"),
        "{}",
        stdout(&output)
    );
    let report = desk.json(&[&PAIR[..], &["--anyway"]].concat());
    assert_eq!(report["check"]["method"]["name"], "untested");
    assert_eq!(
        (tracks(&report).len(), &tracks(&report)[0]["above_likes"]),
        (30, &Value::Null)
    );
}

#[test]
fn without_dislikes_likes_are_held_against_other_music() {
    let desk = Desk::with_tables();
    desk.table("likes.csv", &rows("listener_a")[..80]);
    let report = desk.json(&[
        "--likes",
        "likes.csv",
        "--candidates",
        "new.csv",
        "--explain",
        "2",
        "--top",
        "5",
    ]);
    assert_eq!(report["model"]["others"], "background");
    let notes = report["dataset"]["notes"].to_string();
    assert!(
        notes.contains("no dislikes were given, so likes are held against other music"),
        "{notes}"
    );
    assert_eq!(report["check"]["is_better_than_chance"], true);
    assert!(tracks(&report)[2]["reasons"].is_null() && !tracks(&report)[1]["reasons"].is_null());
}

#[test]
fn candidates_come_from_standard_input_be_it_a_table_or_pasted_links() {
    let desk = Desk::with_tables();
    let arguments = [
        "--likes",
        "likes.csv",
        "--dislikes",
        "dislikes.csv",
        "--candidates",
        "-",
        "--json",
    ];
    let run = |text: &str, more: &[&str]| {
        let mut command = desk.command("rank_tracks", &[&arguments[..], more].concat());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let report = |output: &Output| -> Value {
        assert!(output.status.success(), "{}", stderr(output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let table = std::fs::read_to_string(desk.at("new.csv")).unwrap();
    let from_input = report(&run(&table, &[]));
    assert_eq!(from_input["tracks"], desk.json(&PAIR)["tracks"]);

    // Links have no features; a catalogue has.
    let ids: Vec<&str> = table
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap())
        .collect();
    let links: String = ids
        .iter()
        .map(|id| format!("https://open.spotify.com/track/{id}\n"))
        .collect();
    let nothing = report(&run(&links, &[]));
    assert_eq!(
        (
            tracks(&nothing).len(),
            nothing["without_features"].as_array().unwrap().len()
        ),
        (0, 30)
    );
    desk.write(
        "catalogue.csv",
        &table.lines().take(21).collect::<Vec<_>>().join("\n"),
    );
    let looked_up = report(&run(&links, &["--features", "catalogue=catalogue.csv"]));
    assert_eq!(
        (
            tracks(&looked_up).len(),
            looked_up["without_features"].as_array().unwrap().len()
        ),
        (20, 10)
    );
    let lookup = looked_up["candidates"]["lookup"].to_string();
    assert!(
        lookup.contains("found for 20 of 30 tracks that lacked them"),
        "{lookup}"
    );

    // What is among the likes is known from there.
    let likes = std::fs::read_to_string(desk.at("likes.csv")).unwrap();
    let id = likes
        .lines()
        .nth(1)
        .and_then(|line| line.split(',').next())
        .unwrap();
    let liked = report(&run(&format!("spotify:track:{id}\n"), &[]));
    assert_eq!(tracks(&liked)[0]["liked"], "id");

    let empty = run("", &[]);
    assert_eq!(empty.status.code(), Some(1));
    assert!(
        stderr(&empty).contains("`standard input` is empty"),
        "{}",
        stderr(&empty)
    );
}

#[test]
fn files_are_written_once_and_hold_no_formula_and_no_extra_line() {
    let desk = Desk::with_tables();
    let a = rows("listener_a");
    let title = "\"=cmd|' /C calc'!A0\nhttp://evil\"";
    let row = |row: &str, title: &str| {
        let (id, rest) = row.split_once(',').unwrap();
        format!("{id},{title},\"@artist\",{rest}")
    };
    let header = HEADER.replace("track_id,", "track_id,title,artist,");
    desk.write(
        "new.csv",
        &format!("{header}\n{}\n{}\n", row(&a[90], title), row(&a[91], "\u{202e}x")),
    );
    let arguments = [&PAIR[..], &["--csv", "ranked.csv", "--m3u", "ranked.m3u"]].concat();
    let output = desk.rank(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let terminal = stdout(&output);
    assert!(
        terminal.contains("\\nhttp://evil · @artist") && terminal.contains("\\u{202e}x"),
        "{terminal}"
    );
    let table = std::fs::read_to_string(desk.at("ranked.csv")).unwrap();
    assert!(
        table.contains("\"'=cmd|") && table.contains("'@artist"),
        "{table}"
    );
    let list = std::fs::read_to_string(desk.at("ranked.m3u")).unwrap();
    assert_eq!(list.lines().count(), 5, "{list}");
    assert!(
        list.lines()
            .all(|line| line.starts_with('#') || line.starts_with("spotify:track:")),
        "{list}"
    );

    let again = desk.rank(&arguments);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        stderr(&again).contains("`ranked.csv` exists already"),
        "{}",
        stderr(&again)
    );
    assert!(
        desk.rank(&[&arguments[..], &["--overwrite"]].concat())
            .status
            .success()
    );

    let uris = desk.rank(&[&PAIR[..], &["--uris"]].concat());
    let expected: Vec<&str> = list.lines().filter(|line| line.starts_with("spotify:")).collect();
    assert_eq!(stdout(&uris).lines().collect::<Vec<_>>(), expected);
    assert!(words(&stderr(&uris)).contains("better than chance"));
}

#[test]
fn a_saved_model_ranks_and_is_tested_on_what_it_has_not_seen() {
    let desk = Desk::with_tables();
    let arguments = [
        "--positive",
        "likes.csv",
        "--negative",
        "dislikes.csv",
        "--model",
        "logistic",
        "--save",
        "m",
    ];
    let output = desk.command("playlist_classifier", &arguments).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let report = desk.json(&[&PAIR[..], &["--model", "m", "--anyway"]].concat());
    assert_eq!(report["check"]["method"]["name"], "unseen");
    let seen = number(&report["check"]["n_likes"]) + number(&report["check"]["n_others"]);
    assert!((50.0..=56.0).contains(&seen), "a third of 160 tracks: {seen}");
    assert_eq!(
        (&report["model"]["name"], &report["model"]["prior"]),
        (&Value::from("logistic"), &Value::Null)
    );
    assert!(tracks(&report)[0]["lowest"].is_null(), "one model has no range");
    // Likes and dislikes the other way round are not what the model knows.
    let turned = [
        "--likes",
        "dislikes.csv",
        "--dislikes",
        "likes.csv",
        "--candidates",
        "new.csv",
        "--model",
        "m",
    ];
    let output = desk.rank(&turned);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("the model tells dislikes from likes apart"),
        "{}",
        stderr(&output)
    );
}

/// A distilled ensemble is another model than its networks: their range would say nothing of its answer.
#[test]
fn the_whole_ensemble_has_a_range_and_a_distilled_one_has_none() {
    let desk = Desk::with_tables();
    for (name, options) in [("whole", &[][..]), ("distilled", &["--distil"])] {
        let fit = ["--positive", "likes.csv", "--negative", "dislikes.csv"];
        let save = ["--model", "ensemble", "--save", name];
        let arguments = [&fit[..], &save, options].concat();
        let output = desk.command("playlist_classifier", &arguments).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let report = desk.json(&[&PAIR[..], &["--model", name, "--anyway"]].concat());
        assert_eq!(tracks(&report)[0]["lowest"].is_null(), name == "distilled");
    }
}

#[test]
fn what_cannot_be_used_is_an_error_that_says_why() {
    let desk = Desk::with_tables();
    desk.write("names.csv", "title,artist\nOne,Somebody\nTwo,Somebody\n");
    desk.write("empty.csv", "");
    desk.write("header.csv", &format!("{HEADER}\n"));
    let with = |flag: &str, file: &str| {
        let mut arguments = PAIR;
        let at = arguments.iter().position(|argument| *argument == flag).unwrap();
        arguments[at + 1] = file;
        let output = desk.rank(&arguments);
        (output.status.code(), stderr(&output) + &stdout(&output))
    };
    for (flag, file, expected) in [
        (
            "--likes",
            "names.csv",
            "`names.csv` has no audio features for any of its 2 tracks",
        ),
        ("--likes", "empty.csv", "`empty.csv` is empty"),
        ("--candidates", "empty.csv", "`empty.csv` is empty"),
        ("--candidates", "nowhere.csv", "`nowhere.csv` does not exist"),
        ("--dislikes", "likes.csv", "under more than one label"),
    ] {
        let (code, text) = with(flag, file);
        assert_eq!(code, Some(1), "{flag} {file}: {text}");
        assert!(text.contains(expected), "{flag} {file}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    // Nothing to rank is no error.
    let (code, text) = with("--candidates", "names.csv");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("One · Somebody"), "{text}");
    for arguments in [
        &["--likes", "likes.csv"][..],
        &[&PAIR[..], &["--prior", "1"]].concat(),
        &[&PAIR[..], &["--min-probability", "2"]].concat(),
        &[&PAIR[..], &["--features", "spotify"]].concat(),
    ] {
        assert_eq!(desk.rank(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
