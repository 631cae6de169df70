//! Files, rows and cells that are not as they should be, with what is said of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{ID_A, ID_B, ID_C, read_as, read_one, zip_of};
use playlist_core::AudioFeature;
use playlist_import::{Cost, Error, ImportOptions, import};

#[test]
fn a_file_that_is_no_export_is_refused_with_a_reason() {
    let utf16_without_mark = "Title,Artist\n".encode_utf16().flat_map(u16::to_le_bytes);
    let cases: [(&str, Vec<u8>, &str); 14] = [
        (
            "x.csv",
            Vec::new(),
            "is empty: expected a table or a list of tracks",
        ),
        ("x.csv", b"\xEF\xBB\xBF \n\n".to_vec(), "is empty"),
        (
            "x.csv",
            b"Name,Popularity\nT,1\n".to_vec(),
            "has no column with an id of tracks and no two columns with title and artist: found `Name`, `Popularity`",
        ),
        ("x.csv", b"just some prose".to_vec(), "found `just some prose`"),
        ("x.csv", b"\"Title,Artist\nT,A\n".to_vec(), "found none"),
        (
            "x.csv.gz",
            vec![0x1F, 0x8B, 8, 0],
            "is compressed with gzip: unpack it first",
        ),
        ("x.pdf", b"%PDF-1.7".to_vec(), "is a PDF: export a table instead"),
        (
            "x.html",
            b"\n<html>".to_vec(),
            "is a web page or XML: export it as CSV",
        ),
        ("x.db", b"SQLite format 3\0".to_vec(), "is a database"),
        (
            "x.csv",
            utf16_without_mark.collect(),
            "is no text: if it is text in UTF-16 or UTF-32, save it as UTF-8",
        ),
        (
            "x.json",
            b"{\"tracks\": [".to_vec(),
            "is no sound JSON; it may be cut short",
        ),
        ("x.json", b"{\"a\": 1}".to_vec(), "found `a`"),
        ("x.json", b"[1, 2]".to_vec(), "found none"),
        (
            "x.json",
            b"{\"\xFF\": 1}".to_vec(),
            "is JSON that is not in UTF-8: save it as UTF-8",
        ),
    ];
    for (name, content, message) in cases {
        let error = read_as(name, &content, &ImportOptions::default()).unwrap_err();
        assert!(error.to_string().contains(message), "{error}\nexpected {message}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_path_without_exports_is_refused() {
    let missing = import("no/such/file.csv", &ImportOptions::default()).unwrap_err();
    assert!(matches!(missing, Error::NotFound { .. }));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "x").unwrap();
    let nothing = import(folder.path(), &ImportOptions::default()).unwrap_err();
    assert!(
        matches!(nothing, Error::NothingToRead { first: None, .. }),
        "{nothing}"
    );
    let zero = import("x", &ImportOptions::default().with_max_rows(0)).unwrap_err();
    assert_eq!(zero.to_string(), "setting `max_rows` is 0: expected at least 1");
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_not_read() {
    let device = import("/dev/zero", &ImportOptions::default()).unwrap_err();
    assert!(matches!(device, Error::Unsupported { .. }), "{device}");
}

#[test]
fn a_bad_row_costs_that_row_and_a_bad_cell_that_cell() {
    let text = format!(
        "Track URI,Title,Artist,ISRC,Energy,Key,Tempo,Duration (ms)\n\
         spotify:track:{ID_A},T,A,nonsense,1.7,H,fast,-5\n\
         ,,,,,,,\n\
         spotify:track:{ID_B},\"T\"x,A,,,,,\n\
         not an id,U,B,,0.5,10.5,inf,200000\n\
         spotify:track:{ID_C},V,C,,0.5,-1,0,1,2,3\n\
         ,,someone,,,,,\n\
         spotify:track:{ID_C},V,C,,0.5,-1,undefined,210000\n"
    );
    let read = read_one("x.csv", text);
    let report = &read.report;
    assert_eq!((report.n_tracks, report.n_rows), (3, 7), "{read}");
    assert_eq!((report.n_bad_rows, report.n_bad_cells), (4, 8), "{read}");
    let said: Vec<String> = report.issues.iter().map(ToString::to_string).collect();
    for expected in [
        "row 1, line 2, column `ISRC`: expected an ISRC of 12 letters and digits, found `nonsense`",
        "row 1, line 2, column `Energy`: expected 0 to 1 (a share), found `1.7`",
        "row 1, line 2, column `Key`: expected a pitch class 0 to 11 or a key such as `F minor`, found `H`",
        "row 1, line 2, column `Tempo`: expected a number, found `fast`",
        "row 1, line 2, column `Duration (ms)`: expected 1 to 86400000 (ms), found `-5`",
        "row 2, line 3: expected an id, an ISRC or a title of a track, found ``",
        "row 3, line 4: expected quotes in a quoted field to be doubled, found `\"T\"x,A,,,,,`",
        "row 4, line 5, column `Track URI`: expected an id, URI or link of a track on Spotify, found `not an id`",
        "row 4, line 5, column `Key`: expected a whole number, found `10.5`",
        "row 4, line 5, column `Tempo`: expected a number, found `inf`",
        "row 5, line 6: expected 8 fields as in the header, found `10 fields`",
        "row 6, line 7: expected an id, an ISRC or a title of a track, found `someone`",
    ] {
        assert!(
            said.iter().any(|line| line == expected),
            "{expected}\nnot in\n{}",
            said.join("\n")
        );
    }
    assert_eq!(said.len(), 12);
    let energy = |row: usize| read.playlist.tracks[row].features.get(AudioFeature::Energy);
    assert_eq!((energy(0), energy(1), energy(2)), (None, Some(0.5), Some(0.5)));
    assert_eq!(
        read.rows.iter().map(|place| place.row).collect::<Vec<_>>(),
        [1, 4, 7]
    );
}

#[test]
fn the_list_of_what_is_bad_is_capped_and_the_count_is_not() {
    let mut text = "Title,Artist,Energy\n".to_owned();
    for row in 0..100 {
        text.push_str(&format!("T{row},A,x\n"));
    }
    text.push_str(",,\n");
    let options = ImportOptions::default().with_max_issues(5);
    let import = read_as("x.csv", &text, &options).unwrap();
    let report = &import.playlists[0].report;
    assert_eq!(
        (report.n_bad_cells, report.n_bad_rows, report.issues.len()),
        (100, 1, 5)
    );
    assert_eq!(
        report.issues.last().unwrap().cost,
        Cost::Row,
        "a lost row is listed in any case"
    );
    assert!(report.to_string().contains("96 more"), "{report}");
}

#[test]
fn text_of_other_encodings_is_read_or_told() {
    let text = "Title,Artist\r\nSøng,Björk\r\n愛,X\r\n";
    let mut le = vec![0xFF, 0xFE];
    le.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let mut be = vec![0xFE, 0xFF];
    be.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
    for content in [le, be] {
        let read = read_one("x.csv", content);
        assert_eq!(read.playlist.tracks[0].title.as_deref(), Some("Søng"));
        assert_eq!(read.playlist.tracks[1].title.as_deref(), Some("愛"));
    }
    // A spreadsheet on Windows; what is in UTF-8 beside it stays that.
    let mixed = b"Title,Artist\nS\xF8ng,Bj\xF6rk\nT,A\n\xC3\xA9,B\n";
    let read = read_one("x.csv", mixed);
    assert_eq!((read.report.n_tracks, read.report.n_bad_rows), (3, 0));
    assert_eq!(read.playlist.tracks[0].title.as_deref(), Some("Søng"));
    assert_eq!(read.playlist.tracks[0].artists, ["Björk"]);
    assert_eq!(read.playlist.tracks[2].title.as_deref(), Some("é"));
    assert_eq!(
        read.report.notes,
        [
            "2 cells are not in UTF-8 and were taken for Windows-1252: names may be wrong, unless the file is saved as UTF-8"
        ]
    );
}

#[test]
fn a_table_without_rows_is_an_empty_playlist() {
    for header in ["Title,Artist\n", "Title,Artist,Playlist\n"] {
        let read = read_one("x.csv", header);
        assert_eq!((read.playlist.name.as_str(), read.report.n_rows), ("x", 0));
    }
}

#[test]
fn units_that_cannot_be_told_cost_the_column() {
    let text = "Title,Artist,Energy,Valence,Loudness,Duration\nT,A,80,0.5,9,3.5\nU,B,70,0.25,7,4.5\n";
    let read = read_one("x.csv", text);
    let known = |feature| read.playlist.tracks[0].features.get(feature);
    assert_eq!(known(AudioFeature::Energy), Some(0.8));
    assert_eq!(known(AudioFeature::Valence), None);
    assert_eq!(known(AudioFeature::Loudness), None);
    assert_eq!(known(AudioFeature::DurationMs), None);
    let report = read.report.to_string();
    for note in [
        "column `Valence` is left out for 2 tracks: its values are fractions while those of other columns are percent",
        "column `Loudness` is left out for 2 tracks: no value is negative, so they are no decibels",
        "column `Duration` is left out for 2 tracks: a median below 20, which may be minutes or seconds",
        "converted: `Energy` from percent to 0 to 1",
    ] {
        assert!(report.contains(note), "{note}\nnot in\n{report}");
    }
    let one_bad = read_one("x.csv", "Title,Artist,Energy\nT,A,80\nU,B,0.5\nV,C,0.25\n");
    assert_eq!(
        one_bad.report.n_bad_cells, 1,
        "one bad cell does not change the unit of a file"
    );
}

#[test]
fn ids_of_something_else_are_told_once() {
    let read = read_one("x.csv", "id,title,artist\n1,T,A\n2,U,B\n");
    assert_eq!((read.report.n_tracks, read.report.n_bad_cells), (2, 0));
    assert_eq!(
        read.report.notes,
        ["column `id` holds no ids of Spotify: 2 tracks are known by their other columns"]
    );
}

#[test]
fn repeats_are_left_out_and_counted() {
    let text = format!(
        "Track URI,Title,Artist\nspotify:track:{ID_A},T,A\nhttps://open.spotify.com/track/{ID_A},T,A\n,U,B\n,u!,b\n,U,C\n"
    );
    let read = read_one("x.csv", text);
    assert_eq!((read.report.n_tracks, read.report.n_repeats), (3, 2));
    assert_eq!(
        read.rows.iter().map(|place| place.row).collect::<Vec<_>>(),
        [1, 3, 5]
    );
    assert!(
        read.to_string().contains("2 repeats of an earlier track"),
        "{read}"
    );
}

#[test]
fn in_a_folder_or_zip_one_bad_file_costs_that_file() {
    let members = [
        ("b.csv", b"Title,Artist\nT,A\n".to_vec()),
        ("a.csv", b"nothing here\n".to_vec()),
        ("c.parquet", b"PAR1 and then nothing".to_vec()),
        ("d.csv", b"PK\x03\x04".to_vec()),
        ("readme.txt", b"x".to_vec()),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in &members {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let zip = folder.path().join("all.zip");
    std::fs::write(&zip, zip_of(members)).unwrap();
    for path in [folder.path(), &zip] {
        let read = import(path, &ImportOptions::default()).unwrap();
        assert_eq!((read.playlists.len(), read.skipped.len()), (1, 3), "{read}");
        assert!(read.skipped[0].file.ends_with("a.csv"));
        assert!(read.skipped[0].reason.contains("found `nothing here`"));
        assert!(read.to_string().ends_with("1 playlists, 1 tracks"), "{read}");
    }
}
