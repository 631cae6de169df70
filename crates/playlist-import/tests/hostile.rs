//! Files made to hurt: bombs, endless lines, deep and huge JSON.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::io::{Seek, SeekFrom, Write};

use common::{read_as, zip_of};
use playlist_import::{Error, ImportOptions, import};

/// A file of `size` bytes that begins with `start`, the rest a hole.
fn sparse(start: &[u8], size: u64) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    file.write_all(start).unwrap();
    file.as_file().set_len(size).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

#[test]
fn a_line_of_two_gigabytes_is_refused_after_one_mebibyte() {
    let file = sparse(
        format!("Title,Artist\n{}endless", "T,A\n".repeat(200)).as_bytes(),
        2 << 30,
    );
    let before = std::time::Instant::now();
    let error = import(file.path(), &ImportOptions::default()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::LineTooLong {
                line: 202,
                limit: 1_048_576,
                ..
            }
        ),
        "{error}"
    );
    assert!(before.elapsed().as_secs() < 5);
    let nothing = sparse(b"", 2 << 30);
    let error = import(nothing.path(), &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

#[test]
fn a_file_of_two_gigabytes_is_refused_at_the_limit() {
    let options = ImportOptions::default().with_max_file_bytes(1 << 22);
    for start in ["{\"tracks\": [\"", "PAR1"] {
        let start = format!("{start}{}", "x".repeat(1000));
        let error = import(sparse(start.as_bytes(), 2 << 30).path(), &options).unwrap_err();
        assert!(
            matches!(
                error,
                Error::TooLarge {
                    limit: 4_194_304,
                    setting: "max_file_bytes",
                    unpacked: false,
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn a_bomb_is_not_unpacked() {
    let mut bomb = b"Title,Artist\n".to_vec();
    bomb.extend(b"aa,bb\n".repeat(2_000_000));
    let packed = zip_of([("a.csv", b"Title,Artist\nT,A\n".to_vec()), ("b.csv", bomb)]);
    assert!(packed.len() < 100_000);
    let read = read_as("bomb.zip", &packed, &ImportOptions::default()).unwrap();
    assert_eq!(read.playlists.len(), 1, "the sound member is read");
    assert!(
        read.skipped[0]
            .reason
            .contains("unpacks to more than 200 times its size"),
        "{read}"
    );
    // A member that lies about its size is held by what it unpacks to.
    let mut lying = packed.clone();
    let central = lying
        .windows(4)
        .rposition(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    lying[central + 24..central + 28].copy_from_slice(&10_u32.to_le_bytes());
    let read = read_as("bomb.zip", &lying, &ImportOptions::default()).unwrap();
    assert_eq!((read.playlists.len(), read.skipped.len()), (1, 1), "{read}");
}

#[test]
fn all_members_together_have_limits() {
    let member = || b"Title,Artist\nT,A\nU,B\n".to_vec();
    let packed = zip_of([("a.csv", member()), ("b.csv", member()), ("c.csv", member())]);
    let limited = |options: ImportOptions| read_as("x.zip", &packed, &options).unwrap_err();
    let error = limited(ImportOptions::default().with_max_total_bytes(50));
    assert!(
        matches!(
            error,
            Error::TooLarge {
                setting: "max_total_bytes",
                unpacked: true,
                ..
            }
        ),
        "{error}"
    );
    let error = limited(ImportOptions::default().with_max_files(2));
    assert!(
        matches!(
            error,
            Error::TooMany {
                what: "files",
                limit: 2,
                ..
            }
        ),
        "{error}"
    );
    let error = limited(ImportOptions::default().with_max_rows(5));
    assert_eq!(
        error.to_string().split_once("c.csv").unwrap().1,
        "` holds more than 5 rows: raise `max_rows` if all should be read"
    );
    let many: String = (0..20).map(|n| format!("T,A,{n}\n")).collect();
    let error = read_as(
        "x.csv",
        format!("Title,Artist,Playlist\n{many}"),
        &ImportOptions::default().with_max_files(10),
    );
    assert!(matches!(
        error,
        Err(Error::TooMany {
            what: "playlists",
            ..
        })
    ));
}

#[test]
fn members_that_fail_count_against_the_limit_too() {
    let endless = || format!("Title,Artist\n{}", "x".repeat(3000)).into_bytes();
    let packed = zip_of([("a.csv", endless()), ("b.csv", endless()), ("c.csv", endless())]);
    let options = ImportOptions::default().with_max_line_bytes(2000);
    let error = read_as("x.zip", &packed, &options.clone().with_max_total_bytes(7000)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooLarge {
                setting: "max_total_bytes",
                ..
            }
        ),
        "{error}"
    );
    let error = read_as("x.zip", &packed, &options.with_max_total_bytes(10_000)).unwrap_err();
    assert!(
        matches!(error, Error::NothingToRead { first: Some(_), .. }),
        "{error}"
    );
}

#[test]
fn locked_and_damaged_archives_are_told() {
    let mut packed = zip_of([("a.csv", b"Title,Artist\nT,A\n".to_vec())]);
    let central = packed
        .windows(4)
        .rposition(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    for end in [3, 20, packed.len() - 10] {
        let cut = read_as("x.zip", &packed[..end], &ImportOptions::default());
        assert!(cut.is_err());
    }
    let mut damaged = packed.clone();
    for byte in &mut damaged[36..40] {
        *byte ^= 0xFF;
    }
    let error = read_as("x.zip", &damaged, &ImportOptions::default()).unwrap_err();
    assert!(
        error.to_string().contains("cannot be read as a zip archive"),
        "{error}"
    );
    packed[6] |= 1;
    packed[central + 8] |= 1;
    let error = read_as("x.zip", &packed, &ImportOptions::default()).unwrap_err();
    assert!(error.to_string().contains("is locked with a password"), "{error}");
    let sheet = zip_of([("xl/workbook.xml", b"<x/>".to_vec())]);
    let error = read_as("x.xlsx", sheet, &ImportOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("is a spreadsheet: save the sheet as CSV"),
        "{error}"
    );
}

#[test]
fn deep_and_huge_entries_of_json_cost_themselves() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let huge = format!("\"{}\"", "x".repeat(2 << 20));
    let text = format!(
        r#"{{"audio_features":[{{"id":"x","a":{deep}}},{{"id":{huge}}},{{"uri":"spotify:track:{}","energy":0.5}}],"b":{deep}}}"#,
        common::ID_A
    );
    let read = read_as("x.json", text, &ImportOptions::default()).unwrap();
    let report = &read.playlists[0].report;
    assert_eq!((report.n_tracks, report.n_bad_rows), (1, 2), "{read}");
    assert!(
        report.issues[1]
            .to_string()
            .contains("expected at most 1048576 bytes"),
        "{read}"
    );
}

#[test]
fn a_long_line_of_json_lines_costs_that_line() {
    let huge = format!("{{\"id\":\"{}\"}}", "x".repeat(2 << 20));
    let text = format!("{{\"title\":\"T\",\"artist\":\"A\"}}\n{huge}\n");
    let read = read_as("x.jsonl", text, &ImportOptions::default()).unwrap();
    let report = &read.playlists[0].report;
    assert_eq!((report.n_tracks, report.n_bad_rows), (1, 1));
}

#[test]
fn a_header_without_end_and_rows_without_number_cost_little() {
    let options = ImportOptions::default();
    let wide = format!("Title,Artist{}\n{}", ",x".repeat(300_000), "T,A\n".repeat(20_000));
    let before = std::time::Instant::now();
    let read = read_as("x.csv", wide, &options).unwrap();
    assert_eq!((read.n_tracks(), read.playlists[0].report.n_repeats), (1, 19_999));
    let bad = format!("Title,Artist\n{}", ",\n".repeat(50_001));
    let error = read_as("x.csv", bad, &options.with_max_rows(50_000)).unwrap_err();
    assert!(matches!(error, Error::TooMany { what: "rows", .. }), "{error}");
    assert!(before.elapsed().as_secs() < 60, "{:?}", before.elapsed());
}
