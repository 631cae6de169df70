//! `score_catalogue` as a process on parts of the shipped tables, and stopped and gone on with.
//!
//! `cargo test` builds the examples first; `cargo test --test score_catalogue` alone needs `cargo build --examples` before it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;
#[cfg(unix)]
use std::process::{Command, Stdio};
#[cfg(unix)]
use std::time::Duration;

use playlist_classifier::core::{Classifier, Overwrite};
use playlist_classifier::dataset::{ReadOptions, read_table};
use playlist_classifier::mlp::{Backend, StopSignal};
use playlist_classifier::{Error, MissingFeatures, SavedModel, ScoreConfig, score_catalogue};
use support::{HEADER, example_in, stderr, stdout};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/two_listeners.csv");
const BACKGROUND: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/background.parquet");

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    /// A folder with `paper.safetensors`, the paper's network after two epochs.
    fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        desk.fit_paper("2", "paper.safetensors");
        desk
    }

    /// Saves the paper's network after so many epochs.
    fn fit_paper(&self, epochs: &str, name: &str) {
        self.fit(&[
            "--table", TABLE, "--model", "paper", "--epochs", epochs, "--save", name,
        ]);
    }

    fn fit(&self, arguments: &[&str]) {
        let output = example_in(self.folder.path(), "playlist_classifier", arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.at(name), text).unwrap();
        self.at(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    fn score(&self, arguments: &[&str]) -> Output {
        example_in(self.folder.path(), "score_catalogue", arguments)
            .output()
            .expect("the example is built: cargo build --examples")
    }

    /// Scores, and what was printed.
    fn scored(&self, arguments: &[&str]) -> String {
        let output = self.score(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    }

    /// What is said when scoring fails.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.score(arguments);
        assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
        stderr(&output)
    }

    fn config(&self, catalogue: &Path, output: &str, stop: StopSignal) -> ScoreConfig {
        ScoreConfig {
            input: catalogue.to_owned(),
            models: vec![("paper".to_owned(), self.at("paper.safetensors"))],
            output: self.at(output),
            overwrite: Overwrite::Refuse,
            keep: Vec::new(),
            missing: MissingFeatures::Null,
            restart: false,
            rows_at_once: Some(700),
            threads: None,
            backend: Backend::default(),
            stop,
        }
    }
}

/// The column `name` of a CSV text, `None` where a cell is empty. Counted from the right: ids may hold commas.
fn column(text: &str, name: &str) -> Vec<Option<f32>> {
    let mut lines = text.lines();
    let mut names = lines.next().unwrap().rsplit(',');
    let at = names.position(|column| column == name).unwrap();
    let cell = |line: &str| line.rsplit(',').nth(at).unwrap().parse().ok();
    lines.map(cell).collect()
}

/// What `model` says of the tracks of `table`, `None` where one misses a feature.
fn expected(model: &Path, table: &str) -> Vec<Option<f32>> {
    let model = SavedModel::load(model, Backend::default()).unwrap();
    let table = read_table(table, &ReadOptions::default()).unwrap();
    let features: Vec<_> = model.columns().iter().map(|name| name.parse().unwrap()).collect();
    let x = table.features(&features).unwrap();
    let p = model.predict_proba(&x).unwrap();
    let is_whole = |row: &usize| (0..x.n_features()).all(|feature| x.get(*row, feature).is_some());
    (0..x.n_samples())
        .map(|row| is_whole(&row).then(|| p.get(row, 1)))
        .collect()
}

/// The two agree but for rounding: batches of other sizes may add up in another order.
fn assert_close(found: &[Option<f32>], expected: &[Option<f32>]) {
    assert_eq!(found.len(), expected.len());
    for (row, pair) in found.iter().zip(expected).enumerate() {
        match pair {
            (None, None) => {}
            (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-6, "row {row}: {pair:?}"),
            _ => panic!("row {row}: {pair:?}"),
        }
    }
}

#[test]
fn scores_are_those_of_the_model_in_every_format() {
    let desk = Desk::new();
    let p = expected(&desk.at("paper.safetensors"), TABLE);
    let n_null = p.iter().filter(|p| p.is_none()).count();
    assert!(n_null > 0 && n_null < 100);
    let text = desk.scored(&[
        "--model",
        "paper.safetensors",
        "--catalogue",
        TABLE,
        "--out",
        "a.csv",
        "--keep",
        "label",
    ]);
    assert!(text.contains(&format!("{n_null} have no score")), "{text}");
    let a = desk.read("a.csv");
    assert_close(&column(&a, "paper"), &p);
    let shipped = std::fs::read_to_string(TABLE).unwrap();
    let ids: Vec<&str> = shipped
        .lines()
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(
        a.lines()
            .map(|line| line.split(',').next().unwrap())
            .collect::<Vec<_>>(),
        ids
    );
    assert!(a.starts_with("track_id,label,paper\n"));

    let keep = HEADER.split_once(',').unwrap().1;
    desk.scored(&[
        "--model",
        "paper.safetensors",
        "--catalogue",
        TABLE,
        "--out",
        "b.parquet",
        "--keep",
        keep,
    ]);
    // From Parquet again, beside the scores that it holds.
    let both = [
        "--model",
        "again=paper.safetensors",
        "--catalogue",
        "b.parquet",
        "--keep",
        "paper",
        "--out",
        "c.csv",
    ];
    desk.scored(&both);
    let c = desk.read("c.csv");
    assert_close(&column(&c, "paper"), &p);
    assert_close(&column(&c, "again"), &p);

    desk.scored(&[
        "--model",
        "paper.safetensors",
        "--catalogue",
        BACKGROUND,
        "--out",
        "d.csv",
    ]);
    assert_close(
        &column(&desk.read("d.csv"), "paper"),
        &expected(&desk.at("paper.safetensors"), BACKGROUND),
    );
}

#[test]
fn several_models_have_columns_of_their_own_and_each_class_of_many() {
    let desk = Desk::new();
    let rows = std::fs::read_to_string(TABLE).unwrap();
    let three: Vec<String> = rows
        .lines()
        .enumerate()
        .take(600)
        .map(|(row, line)| match row {
            0 => format!("{line},class"),
            _ => format!("{line},{}", ["x", "y", "z"][row % 3]),
        })
        .collect();
    desk.write("three.csv", &three.join("\n"));
    desk.fit(&[
        "--table",
        "three.csv",
        "--label",
        "class",
        "--model",
        "logistic",
        "--save",
        "three.safetensors",
    ]);
    let models = [
        "--model",
        "liked=paper.safetensors",
        "three.safetensors",
        "--catalogue",
        "three.csv",
    ];
    desk.scored(&[&models[..], &["--out", "s.csv"]].concat());
    let text = desk.read("s.csv");
    assert!(
        text.starts_with("track_id,liked,three:x,three:y,three:z\n"),
        "{text:.100}"
    );
    for row in text.lines().skip(1).filter(|row| !row.ends_with(',')) {
        let p: Vec<f32> = row.split(',').skip(2).map(|cell| cell.parse().unwrap()).collect();
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{row}");
    }
    let alone = [
        "--model",
        "paper.safetensors",
        "--catalogue",
        "three.csv",
        "--out",
        "alone.csv",
    ];
    desk.scored(&alone);
    assert_eq!(column(&text, "liked"), column(&desk.read("alone.csv"), "paper"));
    let twice = [
        "--model",
        "paper.safetensors",
        "paper.safetensors",
        "--catalogue",
        TABLE,
        "--out",
        "t.csv",
    ];
    assert!(
        desk.refused(&twice)
            .contains("two columns would be named `paper`")
    );
}

#[test]
fn what_is_missing_or_cannot_be_has_no_score_and_is_counted() {
    let desk = Desk::new();
    let row = "0.5,0.6,5,-7.5,1,0.05,0.2,0,0.1,120,210000,4,0.4";
    let text = format!(
        "{HEADER}\nsound,{row}\nfast,{}\nshort,0.5,0.6\nlong,{row},1,2\nwithout,{}\n\"a, \"\"b\"\"\",{row}\n,{row}",
        row.replace("120", "4000"),
        row.replace("0.6", "")
    );
    let catalogue = desk.write("odd.csv", &text);
    let printed = desk.scored(&[
        "--model",
        "paper.safetensors",
        "--catalogue",
        "odd.csv",
        "--out",
        "s.csv",
    ]);
    let scores = desk.read("s.csv");
    let found: Vec<(String, bool)> = scores
        .lines()
        .skip(1)
        .map(|line| {
            let (id, p) = line.rsplit_once(',').unwrap();
            (id.to_owned(), !p.is_empty())
        })
        .collect();
    let wanted = [
        ("sound", true),
        ("fast", false),
        ("short", false),
        ("long", false),
        ("without", false),
        ("\"a, \"\"b\"\"\"", true),
        ("", true),
    ];
    assert_eq!(found, wanted.map(|(id, is_scored)| (id.to_owned(), is_scored)));
    for part in [
        "read     7 rows",
        "refused  1 values",
        "row 2, column `tempo`",
        "found `4000`",
        "bad      1 rows",
        "is row 4",
        "scored   3 rows as paper; 4 have no score",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    desk.scored(&[
        "--model",
        "paper.safetensors",
        "--catalogue",
        "odd.csv",
        "--out",
        "i.csv",
        "--missing",
        "impute",
    ]);
    let imputed = column(&desk.read("i.csv"), "paper");
    assert_eq!(
        imputed.iter().map(Option::is_some).collect::<Vec<_>>(),
        [true, true, true, false, true, true, true]
    );
    // Cut off in the middle of the last row, which is kept.
    let whole = std::fs::read_to_string(catalogue).unwrap();
    desk.write("cut.csv", &whole[..whole.len() - 40]);
    desk.scored(&[
        "--model",
        "paper.safetensors",
        "--catalogue",
        "cut.csv",
        "--out",
        "cut-scores.csv",
    ]);
    assert_eq!(column(&desk.read("cut-scores.csv"), "paper").last(), Some(&None));
}

#[test]
fn files_are_not_replaced_unasked_and_a_damaged_one_leaves_nothing() {
    let desk = Desk::new();
    desk.write("s.csv", "mine");
    let arguments = [
        "--model",
        "paper.safetensors",
        "--catalogue",
        TABLE,
        "--out",
        "s.csv",
    ];
    assert!(desk.refused(&arguments).contains("exists already"));
    assert_eq!(desk.read("s.csv"), "mine");
    desk.scored(&[&arguments[..], &["--overwrite"]].concat());
    assert!(desk.read("s.csv").starts_with("track_id,paper\n"));
    let other = [
        "--model",
        "paper.safetensors",
        "--catalogue",
        TABLE,
        "--out",
        "s.txt",
    ];
    assert!(desk.refused(&other).contains("expected `.parquet` or `.csv`"));
    let unknown = [
        "--model",
        "paper.safetensors",
        "--catalogue",
        TABLE,
        "--keep",
        "mood",
        "--out",
        "u.csv",
    ];
    assert!(desk.refused(&unknown).contains("no column `mood`"));
    let bytes = std::fs::read(BACKGROUND).unwrap();
    std::fs::write(desk.at("cut.parquet"), &bytes[..bytes.len() / 2]).unwrap();
    let cut = [
        "--model",
        "paper.safetensors",
        "--catalogue",
        "cut.parquet",
        "--out",
        "cut.csv",
    ];
    assert!(desk.refused(&cut).contains("cannot be read as Parquet"));
    let left: Vec<_> = std::fs::read_dir(desk.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().contains("unfinished")),
        "{left:?}"
    );
}

#[test]
fn stopped_and_gone_on_with_it_gives_the_same_bytes() {
    let desk = Desk::new();
    let catalogue = desk.at("all.csv");
    std::fs::copy(TABLE, &catalogue).unwrap();
    for format in ["csv", "parquet"] {
        let (whole, name) = (format!("whole.{format}"), format!("stopped.{format}"));
        let report =
            score_catalogue(&desk.config(&catalogue, &whole, StopSignal::default()), &|_| {}).unwrap();
        assert_eq!((report.n_rows, report.n_resumed), (4800, 0));
        let mut n_stops = 0;
        loop {
            let stop = StopSignal::default();
            let config = desk.config(&catalogue, &name, stop.clone());
            let scored = score_catalogue(&config, &|at| {
                if at.n_rows > at.n_resumed {
                    stop.request();
                }
            });
            match scored {
                Err(Error::ScoresStopped { n_rows, .. }) => assert!(n_rows > 0 && n_rows < 4800),
                Ok(report) => {
                    assert!(report.n_resumed > 0);
                    break;
                }
                Err(error) => panic!("{error}"),
            }
            n_stops += 1;
        }
        assert!(n_stops > 0);
        assert_eq!(
            std::fs::read(desk.at(&name)).unwrap(),
            std::fs::read(desk.at(&whole)).unwrap()
        );
        assert!(!desk.at(&format!("{name}.unfinished")).exists());
    }
}

/// Runs the program, interrupts it as Ctrl-C does once it has written rows, and returns what it left; `None` when it came to its
/// end before that.
#[cfg(unix)]
fn interrupted(desk: &Desk, arguments: &[&str], rows: &Path) -> Option<Output> {
    let mut child = example_in(desk.folder.path(), "score_catalogue", arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let has_written = || std::fs::metadata(rows).is_ok_and(|file| file.len() > 1_000);
    let mut is_running = true;
    while is_running && !has_written() {
        std::thread::sleep(Duration::from_millis(1));
        is_running = child.try_wait().unwrap().is_none();
    }
    // Until it is waited for, its number is given to no other, even when it has ended meanwhile.
    if is_running {
        let kill = format!("kill -INT {}", child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}");
    }
    let output = child.wait_with_output().unwrap();
    (!output.status.success()).then_some(output)
}

/// However fast the machine: a run that ends before it is interrupted is made again with more rows.
#[cfg(unix)]
#[test]
fn interrupted_from_the_keyboard_it_leaves_no_table_and_goes_on() {
    let desk = Desk::new();
    let table = std::fs::read_to_string(TABLE).unwrap();
    let (header, rows) = table.split_once('\n').unwrap();
    for format in ["csv", "parquet"] {
        let (whole, name) = (format!("whole.{format}"), format!("stopped.{format}"));
        let arguments = |out| {
            let mut arguments = vec!["--model", "paper.safetensors", "--catalogue", "all.csv"];
            arguments.extend(["--rows-at-once", "1000", "--threads", "1", "--out", out]);
            arguments
        };
        let unfinished = desk.at(&format!("{name}.unfinished"));
        let output = [20, 80, 320].into_iter().find_map(|times| {
            desk.write("all.csv", &format!("{header}\n{}", rows.repeat(times)));
            let output = interrupted(&desk, &arguments(&name), &unfinished.join("rows"));
            if output.is_none() {
                std::fs::remove_file(desk.at(&name)).unwrap();
            }
            output
        });
        let output = output.expect("no run was interrupted");
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("Ctrl-C again ends at once"), "{said}");
        assert!(said.contains("rows, which are kept in"), "{said}");
        assert!(!desk.at(&name).exists());
        assert!(unfinished.exists());

        let printed = desk.scored(&arguments(&name));
        assert!(printed.contains("resumed  after"), "{printed}");
        assert!(!unfinished.exists());
        let printed = desk.scored(&arguments(&whole));
        assert!(!printed.contains("resumed"), "{printed}");
        assert!(std::fs::read(desk.at(&name)).unwrap() == std::fs::read(desk.at(&whole)).unwrap());
    }
}

#[test]
fn what_belongs_to_another_input_or_model_is_refused_until_told() {
    let desk = Desk::new();
    let catalogue = desk.at("all.csv");
    std::fs::copy(TABLE, &catalogue).unwrap();
    let stop = StopSignal::default();
    let config = desk.config(&catalogue, "s.csv", stop.clone());
    let stopped = score_catalogue(&config, &|_| stop.request());
    assert!(matches!(stopped, Err(Error::ScoresStopped { .. })));
    let config = desk.config(&catalogue, "s.csv", StopSignal::default());
    let why = |config: &ScoreConfig| match score_catalogue(config, &|_| {}) {
        Err(Error::OtherScores { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let keeping = ScoreConfig {
        keep: vec!["label".to_owned()],
        ..config.clone()
    };
    assert!(why(&keeping).starts_with("other --keep"));
    desk.fit_paper("1", "other.safetensors");
    let modelled = ScoreConfig {
        models: vec![("paper".to_owned(), desk.at("other.safetensors"))],
        ..config.clone()
    };
    assert!(why(&modelled).starts_with("other models"));
    let text = std::fs::read_to_string(&catalogue).unwrap();
    std::fs::write(&catalogue, &text[..text.len() / 2]).unwrap();
    assert!(why(&config).starts_with("other input"));
    let anew = ScoreConfig {
        restart: true,
        ..config
    };
    assert_eq!(score_catalogue(&anew, &|_| {}).unwrap().n_resumed, 0);
}
