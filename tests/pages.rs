//! Pages and figures as the examples write them.
//!
//! `cargo test` builds the examples first; `cargo test --test pages` alone needs `cargo build --examples` before it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;
use support::stderr;

/// A title that would be markup, script, and another direction of writing.
const HOSTILE: &str = "</script><script>alert(1)</script> & \u{202e}abc";

fn run(example: &str, arguments: &[&str]) -> Output {
    let output = support::example(example).args(arguments).output();
    output.expect("the example is built: cargo build --examples")
}

/// A table of `n` tracks of the classes, with titles.
fn table(folder: &Path, classes: &[&str], n: usize) -> PathBuf {
    let path = folder.join("tracks.csv");
    let mut text = "track_id,title,artist,label,energy,tempo,key\n".to_owned();
    for i in 0..n {
        let class = i % classes.len();
        let energy = (class as f32 + (i % 29) as f32 / 14.5) / (classes.len() as f32 + 1.0);
        let title = HOSTILE.replace('"', "\"\"");
        text += &format!(
            "track{i},\"{title} {i}\",Someone,\"{}\",{energy},{},{}\n",
            classes[class],
            90 + i % 50,
            i % 12
        );
    }
    std::fs::write(&path, text).unwrap();
    path
}

/// Whether it is XML as far as tags go: each is closed, in order.
fn is_balanced(svg: &str) -> bool {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag
            .trim_start_matches('/')
            .split_whitespace()
            .next()
            .unwrap_or_default();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    open.is_empty()
}

#[test]
fn a_page_and_figures_are_written_on_request_and_replace_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), &["other", "<b>liked</b>"], 240);
    let (page, plots) = (folder.path().join("page.html"), folder.path().join("figures"));
    let arguments = [
        "--table",
        table.to_str().unwrap(),
        "--positive-class",
        "<b>liked</b>",
        "--epochs",
        "4",
        "--model",
        "majority,paper",
        "--explain",
        "--explain-tracks",
        "1",
        "--html",
        page.to_str().unwrap(),
        "--plots",
        plots.to_str().unwrap(),
    ];
    let output = run("playlist_classifier", &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = std::fs::read_to_string(&page).unwrap();
    for expected in [
        "default-src 'none'",
        "Does this track belong on &lt;b&gt;liked&lt;/b&gt;?",
        "Cliff's delta",
        "Loss of paper over the epochs",
        "Precision-recall curve",
        "Calibration curve",
        "Importance of the features for paper",
        "energy and the probability",
        "most certain: ",
        "No row was dropped.",
        "playlist_classifier --table",
    ] {
        assert!(text.contains(expected), "expected {expected:?}");
    }
    assert!(
        !text.contains("<b>") && !text.contains("alert(1)</script>"),
        "a name became markup"
    );
    assert_eq!(text.matches("</script>").count(), 2);
    // The one address is the name of a vocabulary, which nobody asks for.
    assert!(
        !text.contains("http://") && !text.contains("https://"),
        "the page asks for nothing"
    );
    for name in [
        "roc",
        "loss-paper",
        "scores-paper",
        "calibration-paper",
        "feature-key",
        "importance",
        "dependence-energy",
    ] {
        let svg = std::fs::read_to_string(plots.join(format!("{name}.svg"))).unwrap();
        assert!(svg.starts_with("<svg ") && is_balanced(&svg), "{name}: {svg}");
    }
    let again = run("playlist_classifier", &arguments);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("exists already"), "{}", stderr(&again));
    let only_plots = [&arguments[..11], &arguments[13..]].concat();
    assert_eq!(
        run("playlist_classifier", &only_plots).status.code(),
        Some(1),
        "figures are not replaced either"
    );
    assert!(
        run(
            "playlist_classifier",
            &[&arguments[..], &["--overwrite"]].concat()
        )
        .status
        .success()
    );
}

#[test]
fn a_loaded_model_has_a_page_and_charts_are_text() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), &["other", "liked"], 180);
    let (table, model) = (table.to_str().unwrap(), folder.path().join("model"));
    let (model, page) = (model.to_str().unwrap(), folder.path().join("page.html"));
    let output = run(
        "playlist_classifier",
        &[
            "--table", table, "--model", "paper", "--epochs", "3", "--save", model, "--charts",
        ],
    );
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("loss     paper, training") && text.contains("(3 epochs)"),
        "{text}"
    );
    assert!(text.contains("feature  energy (0 to 1): Cliff's delta"), "{text}");
    let page = page.to_str().unwrap();
    let output = run(
        "playlist_classifier",
        &["--table", table, "--load", model, "--html", page],
    );
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(std::fs::read_to_string(page).unwrap().contains("paper"));
}

#[test]
fn several_classes_have_a_page() {
    let folder = tempfile::tempdir().unwrap();
    for classes in [
        &["one", "two", "three"][..],
        &["a", "b", "c", "d", "e", "f", "g", "h"],
    ] {
        let table = table(folder.path(), classes, 320);
        let page = folder.path().join(format!("{}.html", classes.len()));
        let arguments = [
            "--table",
            table.to_str().unwrap(),
            "--model",
            "majority,logistic",
            "--explain",
        ];
        let output = run(
            "playlist_classifier",
            &[&arguments[..], &["--html", page.to_str().unwrap()]].concat(),
        );
        assert!(output.status.success(), "{}", stderr(&output));
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.contains(&format!("On which of {} playlists", classes.len())));
        assert!(
            text.contains("One curve a class against the rest"),
            "one-vs-rest curves"
        );
        assert!(text.contains("eta squared of ranks"));
    }
}

#[test]
fn a_comparison_has_a_page_and_a_figure() {
    let folder = tempfile::tempdir().unwrap();
    let table = table(folder.path(), &["other", "liked"], 150);
    let (page, plots) = (folder.path().join("page.html"), folder.path().join("figures"));
    let arguments = [
        table.to_str().unwrap(),
        "--models",
        "majority,logistic",
        "--repeats",
        "3",
        "--html",
        page.to_str().unwrap(),
        "--plots",
        plots.to_str().unwrap(),
    ];
    let output = run("compare_models", &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(
        text.contains("Which model is best?") && text.contains("Means over the tables"),
        "{text}"
    );
    assert!(is_balanced(
        &std::fs::read_to_string(plots.join("comparison.svg")).unwrap()
    ));
    assert_eq!(
        run("compare_models", &arguments).status.code(),
        Some(1),
        "nothing is overwritten unasked"
    );
}

/// Tables of the shipped two listeners: 80 tracks of each to learn from, 15 of each to rank or sort.
fn listeners(folder: &Path) -> [PathBuf; 3] {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/two_listeners.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let header = text.lines().next().unwrap().replacen(",label,", ",", 1);
    let of = |listener: &str| -> Vec<String> {
        let own = text
            .lines()
            .filter_map(|line| line.split_once(&format!(",{listener},")));
        own.map(|(id, features)| format!("{id},{features}")).collect()
    };
    let (a, b) = (of("listener_a"), of("listener_b"));
    let tables = [
        ("likes", &a[..80]),
        ("others", &b[..80]),
        ("new", &[&a[80..95], &b[80..95]].concat()),
    ];
    tables.map(|(name, rows)| {
        let path = folder.join(format!("{name}.csv"));
        std::fs::write(&path, format!("{header}\n{}\n", rows.join("\n"))).unwrap();
        path
    })
}

#[test]
fn rankings_and_sortings_have_a_page_and_replace_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tables = listeners(folder.path());
    let [likes, others, new] = tables.each_ref().map(|path| path.to_str().unwrap());
    let page = folder.path().join("page.html");
    let html = ["--html", page.to_str().unwrap()];
    let cases = [
        (
            "rank_tracks",
            ["--likes", likes, "--dislikes", others, "--candidates", new].to_vec(),
            "What is worth hearing?",
        ),
        (
            "sort_into_playlists",
            ["--playlist", likes, others, "--tracks", new].to_vec(),
            "Which playlist does each",
        ),
    ];
    for (example, arguments, title) in cases {
        let arguments = [&arguments[..], &html].concat();
        let output = run(example, &arguments);
        assert!(output.status.success(), "{example}: {}", stderr(&output));
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.contains(title), "{example}");
        assert!(text.matches("<tr>").count() > 30, "{example}: a row a track");
        assert!(
            text.contains(&format!("{example} --")),
            "the command that made it"
        );
        let again = run(example, &arguments);
        assert!(
            stderr(&again).contains("exists already"),
            "{example}: {}",
            stderr(&again)
        );
        std::fs::remove_file(&page).unwrap();
    }
}
