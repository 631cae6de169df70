//! `sort_into_playlists` as a process on parts of the shipped playlists.
//!
//! `cargo test` builds the examples first; `cargo test --test sort_into_playlists` alone needs `cargo build --examples`
//! before it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use support::{HEADER, stderr, stdout, words};

/// The rows of a shipped playlist without label and name.
fn rows(playlist: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/playlists.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let own = text.lines().filter_map(|line| {
        let (before, features) = line.split_once(&format!(",{playlist},"))?;
        Some(format!("{},{features}", before.split_once(',')?.0))
    });
    own.collect()
}

/// A folder with three playlists of 50 tracks that sound unlike, and ten unseen tracks of each and of a fourth to sort.
struct Desk {
    folder: tempfile::TempDir,
}

const PLAYLISTS: [(&str, &str); 3] = [
    ("lofi", "Lush Lofi"),
    ("rock", "’80s Hard Rock"),
    ("rap", "Gangster Rap Deutsch"),
];

impl Desk {
    fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let mut unsorted = Vec::new();
        for (file, name) in PLAYLISTS {
            let own = rows(name);
            desk.table(&format!("{file}.csv"), &own[..50]);
            unsorted.extend(own[50..60].to_vec());
        }
        unsorted.extend(rows("Big Room EDM")[..10].to_vec());
        desk.table("unsorted.csv", &unsorted);
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn table(&self, name: &str, rows: &[String]) {
        std::fs::write(self.at(name), format!("{HEADER}\n{}\n", rows.join("\n"))).unwrap();
    }

    fn sort(&self, arguments: &[&str]) -> Output {
        support::example_in(self.folder.path(), "sort_into_playlists", arguments)
            .output()
            .expect("the example is built: cargo build --examples")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.sort(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else")
    }

    fn files(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.at(folder)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

const THREE: [&str; 6] = [
    "--playlist",
    "lofi.csv",
    "rock.csv",
    "rap.csv",
    "--tracks",
    "unsorted.csv",
];

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

#[test]
fn tracks_go_where_their_like_are_and_strangers_nowhere() {
    let desk = Desk::new();
    let report = desk.json(&THREE);
    assert_eq!(
        (&report["mode"], &report["is_refused"]),
        (&Value::from("multi_class"), &Value::Bool(false))
    );
    let check = &report["check"];
    assert_eq!(check["is_better_than_chance"], true);
    assert_eq!(check["n_tracks"], 150);
    // One in three is chance.
    assert!(
        number(&check["accuracy"]) > 0.7 && number(&check["top3_accuracy"]) == 1.0,
        "{check}"
    );
    let confusion: Vec<Vec<u64>> = serde_json::from_value(check["confusion"].clone()).unwrap();
    assert_eq!(
        confusion
            .iter()
            .map(|row| row.iter().sum::<u64>())
            .collect::<Vec<_>>(),
        [50; 3]
    );
    let none = &report["none"];
    assert!((0.88..=0.92).contains(&number(&none["members_kept"])), "{none}");
    assert!(number(&none["others_refused"]) > 0.5, "{none}");

    let tracks = list(&report["tracks"]);
    assert_eq!(tracks.len(), 40);
    for track in tracks {
        let best = list(&track["best"]);
        assert_eq!(best.len(), 3);
        let sum: f64 = best.iter().map(|best| number(&best["probability"])).sum();
        // Each is a float of 24 bits.
        assert!((sum - 1.0).abs() < 1e-5, "{track}");
        for one in best {
            let [low, p, high] = ["lowest", "probability", "highest"].map(|key| number(&one[key]));
            assert!(low <= p && p <= high, "{one}");
        }
        let is_none = number(&track["fit"]) < number(&none["threshold"]);
        let expected = if is_none {
            vec![]
        } else {
            vec![best[0]["name"].clone()]
        };
        assert_eq!(track["goes_on"], Value::from(expected), "{track}");
    }
    let goes = |at: usize, name: &str| {
        let own = tracks[at..at + 10].iter();
        own.filter(|track| list(&track["goes_on"]).iter().any(|goes| goes == name))
            .count()
    };
    let found = [(0, "lofi"), (10, "rock"), (20, "rap")].map(|(at, name)| goes(at, name));
    // One in four by chance, none being a fourth place: 7.5 of 30, with a standard deviation of 2.4.
    assert!(found.iter().sum::<usize>() >= 16, "{found:?} of 10 each");
    let strangers = tracks[30..]
        .iter()
        .filter(|track| list(&track["goes_on"]).is_empty())
        .count();
    let members = tracks[..30]
        .iter()
        .filter(|track| list(&track["goes_on"]).is_empty())
        .count();
    assert!(
        3 * strangers > members,
        "{strangers} of 10 strangers and {members} of 30 members fit none"
    );

    assert_eq!(report, desk.json(&THREE), "the same again");
    let schema = include_str!("../crates/playlist-report/SCHEMA.md");
    let schema = schema.split_once("# The JSON of a ranking").unwrap().1;
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let parts = [
        &report,
        check,
        none,
        &check["playlists"][0],
        &tracks[0],
        &tracks[0]["best"][0],
    ];
    for key in parts.map(keys).concat() {
        let is_there = [format!("{key}`"), format!("`{key}")]
            .iter()
            .any(|text| schema.contains(text));
        assert!(is_there, "`{key}` is missing from SCHEMA.md");
    }
}

#[test]
fn a_track_may_go_on_several_playlists() {
    let desk = Desk::new();
    let (lofi, rock) = (rows("Lush Lofi"), rows("’80s Hard Rock"));
    // A playlist of everything: its tracks are on the others too.
    desk.table("all.csv", &[&lofi[..50], &rock[..50]].concat());
    let arguments = [
        "--playlist",
        "lofi.csv",
        "rock.csv",
        "all.csv",
        "--tracks",
        "unsorted.csv",
        "--multi-label",
    ];
    let report = desk.json(&arguments);
    assert_eq!(report["mode"], "multi_label");
    assert!(
        report["notes"]
            .to_string()
            .contains("100 tracks are on several playlists"),
        "{}",
        report["notes"]
    );
    let sizes: Vec<u64> = list(&report["check"]["playlists"])
        .iter()
        .map(|playlist| playlist["n_tracks"].as_u64().unwrap())
        .collect();
    assert_eq!(sizes, [100, 50, 50], "all, lofi, rock");
    let on = |track: &Value, name: &str| list(&track["goes_on"]).iter().any(|goes| goes == name);
    let lofi = &list(&report["tracks"])[..10];
    let both = lofi
        .iter()
        .filter(|track| on(track, "all") && on(track, "lofi"))
        .count();
    assert!(
        both >= 5,
        "{both} of 10 unseen tracks go on both of their playlists"
    );
    // With one playlist a track they are not learnt from at all.
    let arguments = [
        "--playlist",
        "lofi.csv",
        "rap.csv",
        "all.csv",
        "--tracks",
        "unsorted.csv",
    ];
    let output = desk.sort(&arguments);
    assert!(
        words(&stdout(&output)).contains("with --multi-label they are"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn the_preview_writes_nothing_and_out_writes_what_is_new() {
    let desk = Desk::new();
    let before = desk.files(".");
    let own = rows("Lush Lofi");
    desk.table("unsorted.csv", &own[45..60]);
    let preview = desk.sort(&THREE);
    assert!(preview.status.success(), "{}", stderr(&preview));
    let text = stdout(&preview);
    for expected in [
        "to sort  15 of 15 tracks; 5 there already, marked =\n",
        "playlist  tracks",
        " → lofi",
        "would go ",
    ] {
        assert!(text.contains(expected), "expected {expected:?} in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    assert!(stderr(&preview).contains("a preview: --out DIR"));
    assert_eq!(desk.files("."), before);

    let written = [&THREE[..], &["--out", "sorted"]].concat();
    assert!(desk.sort(&written).status.success());
    assert!(desk.files("sorted").contains(&"lofi.csv".to_owned()));
    let table = std::fs::read_to_string(desk.at("sorted/lofi.csv")).unwrap();
    for (row, is_new) in [(45, false), (49, false)] {
        let id = own[row].split(',').next().unwrap();
        assert_eq!(
            table.contains(id),
            is_new,
            "a track that is on the playlist already"
        );
    }
    // The files are playlists like any other.
    let again = desk.sort(&[
        "--playlist",
        "lofi.csv",
        "rock.csv",
        "--tracks",
        "sorted/lofi.csv",
    ]);
    assert!(again.status.success(), "{}", stderr(&again));
    let uris = [&THREE[..], &["--out", "uris", "--format", "uris"]].concat();
    assert!(desk.sort(&uris).status.success());
    let list = std::fs::read_to_string(desk.at("uris/lofi.txt")).unwrap();
    assert!(
        list.lines().count() > 0 && list.lines().all(|line| line.starts_with("spotify:track:")),
        "{list}"
    );
    let refused = desk.sort(&uris);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("already"), "{}", stderr(&refused));
}

#[test]
fn playlists_that_are_no_different_are_said_to_be() {
    let desk = Desk::new();
    let all = rows("Lush Lofi");
    desk.table("lofi.csv", &all[..45]);
    desk.table("rock.csv", &all[45..90]);
    let arguments = ["--playlist", "lofi.csv", "rock.csv", "--tracks", "unsorted.csv"];
    let output = desk.sort(&arguments);
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    let text = words(&stdout(&output));
    for expected in [
        "no better than chance, as far as shown (p = ",
        "cannot be told apart (ROC AUC 0.",
        "nothing is sorted: add tracks or features",
    ] {
        assert!(text.contains(expected), "expected {expected:?} in\n{text}");
    }
    let report = desk.json(&[&arguments[..], &["--anyway"]].concat());
    assert_eq!(list(&report["tracks"]).len(), 40);
}

#[test]
fn what_cannot_be_used_is_an_error_that_says_why() {
    let desk = Desk::new();
    desk.table("tiny.csv", &rows("Lush Lofi")[..4]);
    std::fs::write(desk.at("names.csv"), "title,artist\nOne,Somebody\n").unwrap();
    for (arguments, expected) in [
        (
            &["--playlist", "lofi.csv", "--tracks", "unsorted.csv"][..],
            "expected at least 2 playlists of 10 tracks",
        ),
        (
            &["--playlist", "lofi.csv", "tiny.csv", "--tracks", "unsorted.csv"],
            "expected at least 2 playlists",
        ),
        (
            &[
                "--playlist",
                "lofi.csv",
                "nowhere.csv",
                "--tracks",
                "unsorted.csv",
            ],
            "`nowhere.csv` does not exist",
        ),
    ] {
        let output = desk.sort(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
    let arguments = [&THREE[..4], &["names.csv", "--tracks", "names.csv"]].concat();
    let output = desk.sort(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = words(&stdout(&output));
    assert!(
        text.contains("`names` is left out: none of its tracks has audio features"),
        "{text}"
    );
    assert!(text.contains("One · Somebody"), "{text}");
    assert_eq!(desk.sort(&["--tracks", "unsorted.csv"]).status.code(), Some(2));
}
