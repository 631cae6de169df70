//! Bad inputs, each tried and shown with its message: the table in the README of the crate.
//!
//! After a wanted change, `UPDATE_README=1 cargo test -p playlist-dataset --test bad_input` rewrites it.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use playlist_core::AudioFeature;
use playlist_dataset::{Error, ReadOptions, SplitConfig, TrackTable, read_table};

const HEADER: &str = "track_id,label,energy,tempo\n";

/// What is done with the file of a case.
#[derive(Clone, Copy)]
enum Step {
    Read,
    Label,
    Positive(&'static str),
    Feature(AudioFeature),
    Split,
    UserSplit,
}

struct Case {
    name: &'static str,
    file: &'static str,
    content: Vec<u8>,
    step: Step,
}

fn case(name: &'static str, file: &'static str, content: impl Into<Vec<u8>>) -> Case {
    Case {
        name,
        file,
        content: content.into(),
        step: Step::Read,
    }
}

/// A CSV file of the usual header and `rows`.
fn rows(name: &'static str, rows: &str) -> Case {
    case(name, "tracks.csv", format!("{HEADER}{rows}"))
}

fn then(step: Step, case: Case) -> Case {
    Case { step, ..case }
}

fn parquet() -> Vec<u8> {
    use polars::prelude::{ParquetWriter, df};
    let mut frame = df!("label" => ["a", "b"], "energy" => [0.5, 0.25], "tempo" => [120.0, 90.0]).unwrap();
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
    bytes
}

fn cases() -> Vec<Case> {
    let mut cases = file_cases();
    cases.extend(text_cases());
    cases.extend(value_cases());
    cases.extend(class_cases());
    cases
}

fn file_cases() -> Vec<Case> {
    let whole = parquet();
    vec![
        case("empty file", "empty.csv", ""),
        case("blank lines only", "blank.csv", "\n \r\n\n"),
        case("header only", "header.csv", HEADER),
        case("Parquet of 0 bytes", "tracks.parquet", ""),
        case("Parquet cut in half", "tracks.parquet", &whole[..whole.len() / 2]),
        case("Parquet, first four bytes only", "tracks.parquet", &whole[..4]),
        case("UTF-16", "tracks.csv", b"\xFF\xFEe\0n\0".as_slice()),
        case("gzip", "tracks.csv.gz", b"\x1F\x8B\x08\0".as_slice()),
        case("spreadsheet", "tracks.xlsx", b"PK\x03\x04".as_slice()),
        case("JSON list", "tracks.json", "[{\"energy\": 0.5}]"),
        case("web page", "tracks.csv", "<!doctype html><title>Sign in</title>"),
    ]
}

fn text_cases() -> Vec<Case> {
    let mut latin = format!("{HEADER}1,a,0.5,120\nCaf\u{e9},b,0.5,120\n").into_bytes();
    latin.extend(b"Caf\xE9,b,0.5,120\n");
    vec![
        case("mixed encodings", "tracks.csv", latin),
        rows("zero byte", "1,a,0.5,120\n2,b,0.\x005,120\n"),
        rows("endless line", &format!("1,a,0.5,120\n{}", "x".repeat(2 << 20))),
        rows("open quote", "1,a,0.5,120\n2,\"b,0.5,120\n3,b,0.5,120\n"),
        rows("quote within a field", "1,12\" mix,0.5,120\n"),
        rows("text after a quote", "1,\"a\"b,0.5,120\n"),
        rows("too many fields", "1,a,0.5,120\n2,b,0,5,120\n"),
        case(
            "duplicate header",
            "tracks.csv",
            "energy,tempo,Energy\n0.5,120,0.5\n0.6,120,0.7\n",
        ),
        case("wrong columns", "tracks.csv", "name,age\nx,3\n"),
        case(
            "JSON lines, cut line",
            "tracks.jsonl",
            "{\"energy\": 0.5}\n{\"energy\": 0.",
        ),
        case(
            "JSON lines, number alone",
            "tracks.jsonl",
            "{\"energy\": 0.5}\n3\n",
        ),
        case(
            "JSON lines, repeated key",
            "tracks.jsonl",
            "{\"energy\": 0.5, \"energy\": 0.6}\n",
        ),
        case(
            "JSON lines, nested",
            "tracks.jsonl",
            "{\"energy\": 0.5}\n\n{\"energy\": {\"mean\": 1}}\n",
        ),
    ]
}

fn value_cases() -> Vec<Case> {
    let energy = |name, cells: &str| case(name, "tracks.csv", format!("energy,valence\n{cells}"));
    let only = |name, header: &str, cells: &str| {
        case(
            name,
            "tracks.csv",
            format!("{header},energy\n{}\n", cells.replace('\n', ",0.5\n") + ",0.5"),
        )
    };
    vec![
        rows("text in a number", "1,a,0.5,120\n2,b,loud,120\n"),
        rows("infinity", "1,a,0.5,inf\n"),
        rows("number too large", "1,a,0.5,1e99\n"),
        rows("tempo out of range", "1,a,0.5,120\n2,b,0.5,-3\n"),
        energy("share above 1 among fractions", "0.5,0.5\n0.6,0.5\n1.4,0.5\n"),
        energy("share above 100", "50,50\n60,40\n101,30\n"),
        energy("percent beside fractions", "50,0.5\n60,0.4\n"),
        only("key 12", "key", "3\n12"),
        only("half a key", "key", "3\n2.5"),
        only("unknown key", "key", "F minor\nH minor"),
        only("keys in two ways", "key", "F minor\n5"),
        only("loudness without its sign", "loudness", "7.5\n12"),
        only("duration of doubtful unit", "duration", "3.5\n4.2"),
        only("milliseconds called seconds", "duration_s", "210000\n180000"),
        only("duration of two days", "duration_ms", "210000\n180000\n172800000"),
        only("clock past 59 seconds", "time", "3:30\n3:75"),
        only("thousands separators", "tempo", "\"1,200.5\"\n120"),
    ]
}

fn class_cases() -> Vec<Case> {
    let two = "1,a,0.5,120\n2,b,0.6,120\n";
    let parts = |cells: [&str; 4]| {
        let row = |(i, part): (usize, &&str)| format!("{},{},0.{i},120,{part}\n", i % 3, ["a", "b"][i % 2]);
        let rows: String = cells.iter().enumerate().map(row).collect();
        format!("track_id,label,energy,tempo,split\n{rows}")
    };
    vec![
        then(Step::Label, rows("one class", "1,a,0.5,120\n2,a,0.6,120\n")),
        then(
            Step::Label,
            rows("row without a label", "1,a,0.5,120\n2,,0.6,120\n3,b,0.6,120\n"),
        ),
        then(
            Step::Label,
            case("no column of labels", "tracks.csv", "energy\n0.5\n"),
        ),
        then(Step::Positive("c"), rows("class that is not there", two)),
        then(
            Step::Feature(AudioFeature::Valence),
            rows("feature that is not there", two),
        ),
        then(Step::Split, rows("class of one track", two)),
        then(
            Step::UserSplit,
            case(
                "part that is not one",
                "tracks.csv",
                parts(["train", "train", "test", "dev"]),
            ),
        ),
        then(
            Step::UserSplit,
            case(
                "one track in two parts",
                "tracks.csv",
                parts(["train", "train", "test", "test"]),
            ),
        ),
        then(Step::UserSplit, rows("no column of parts", two)),
    ]
}

fn attempt(path: &Path, step: Step) -> Result<(), Error> {
    let table: TrackTable = read_table(path, &ReadOptions::default())?;
    match step {
        Step::Read => {}
        Step::Label => drop(table.labelled(None)?),
        Step::Positive(class) => drop(table.labelled(Some(class))?),
        Step::Feature(feature) => drop(table.features(&[feature])?),
        Step::Split => drop(table.split(&SplitConfig::default())?),
        Step::UserSplit => drop(table.user_split("split")?),
    }
    Ok(())
}

/// The message, without the folder of the test.
fn message(error: &Error, dir: &Path) -> String {
    error.to_string().replace(&format!("{}/", dir.display()), "")
}

fn readme_rows() -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut table = String::from("| bad input | message |\n|---|---|\n");
    let mut row = |name: &str, error: &Error| {
        let message = message(error, dir.path()).replace('|', "\\|");
        writeln!(table, "| {name} | {message} |").unwrap();
    };
    for Case {
        name,
        file,
        content,
        step,
    } in cases()
    {
        let path = dir.path().join(file);
        std::fs::write(&path, content).unwrap();
        let error = attempt(&path, step).expect_err(name);
        row(name, &error);
    }
    row(
        "no such file",
        &attempt(&dir.path().join("absent.csv"), Step::Read).unwrap_err(),
    );
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    row(
        "a directory",
        &attempt(&dir.path().join("folder"), Step::Read).unwrap_err(),
    );
    table
}

#[test]
fn every_bad_input_has_the_message_in_the_readme() {
    const START: &str = "<!-- bad input: kept by tests/bad_input.rs -->\n";
    const END: &str = "<!-- end of bad input -->";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(START).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let found = readme_rows();
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(&path, format!("{before}{START}{found}{END}{after}")).unwrap();
        return;
    }
    for (written, found) in written.lines().zip(found.lines()) {
        assert_eq!(written, found);
    }
    assert_eq!(written, found);
}

/// Root may read everything, so the message is made from the error that others get.
#[cfg(unix)]
#[test]
fn a_file_without_read_permission_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret.csv");
    std::fs::write(&path, HEADER).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    match attempt(&path, Step::Read).unwrap_err() {
        error @ Error::PermissionDenied { .. } => assert_eq!(
            message(&error, dir.path()),
            "`secret.csv` may not be read: expected read permission, see its owner and mode"
        ),
        Error::NoRows { .. } => eprintln!("run as a user who may read everything: not tried"),
        other => panic!("{other}"),
    }
}

/// Every prefix of a Parquet file, and the file with each byte changed, is read or is an error.
#[test]
fn damaged_parquet_never_panics() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tracks.parquet");
    let whole = parquet();
    for length in 4..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = attempt(&path, Step::Read).unwrap_err();
        assert!(matches!(error, Error::Parquet { .. }), "{length} bytes: {error}");
    }
    for at in 4..whole.len() {
        for change in [0x80, 0xFE, 0x01, 0xFF] {
            let mut damaged = whole.clone();
            damaged[at] ^= change;
            std::fs::write(&path, &damaged).unwrap();
            // A changed value may well be valid; what counts is that nothing panics.
            drop(attempt(&path, Step::Read));
        }
    }
}

/// Text of any bytes is read or is an error.
#[test]
fn damaged_text_never_panics() {
    let dir = tempfile::tempdir().unwrap();
    let csv = format!("{HEADER}\"1\",a,0.5,120\r\n2,\"b\nc\",0.25,NaN\n,,,\n");
    let json = "{\"track_id\": \"1\", \"energy\": 0.5}\n{\"energy\": null, \"tempo\": 1e2}\n".to_owned();
    for (name, text) in [("tracks.csv", csv), ("tracks.jsonl", json)] {
        let path = dir.path().join(name);
        for at in 0..text.len() {
            for byte in [b'"', b',', b'\n', b'{', 0, 0xFF, b'9', b':'] {
                let mut damaged = text.clone().into_bytes();
                damaged[at] = byte;
                std::fs::write(&path, &damaged).unwrap();
                drop(attempt(&path, Step::Read));
                std::fs::write(&path, &damaged[..at]).unwrap();
                drop(attempt(&path, Step::Read));
            }
        }
    }
}
