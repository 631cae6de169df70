//! Files of the kinds that people have.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

use playlist_core::{AudioFeature, AudioFeatures, Track};
use playlist_dataset::{Error, FileKind, Note, ReadOptions, TrackTable, read_table};

fn read_with(content: impl AsRef<[u8]>, options: &ReadOptions) -> Result<TrackTable, Error> {
    let dir = tempfile::tempdir().unwrap();
    // The name says nothing about the kind.
    let path = dir.path().join("tracks");
    std::fs::write(&path, content).unwrap();
    read_table(&path, options)
}

fn read(content: impl AsRef<[u8]>) -> TrackTable {
    read_with(content, &ReadOptions::default()).unwrap()
}

fn column(table: &TrackTable, feature: AudioFeature) -> Vec<Option<f32>> {
    (0..table.n_tracks())
        .map(|row| table.value(row, feature))
        .collect()
}

fn notes(table: &TrackTable) -> Vec<String> {
    table.report().notes.iter().map(ToString::to_string).collect()
}

#[test]
fn exportify_files_are_read_as_they_are() {
    let table = read(concat!(
        "\u{feff}Track URI,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Popularity,Explicit,",
        "Added By,Added At,Genres,Record Label,Danceability,Energy,Key,Loudness,Mode,Speechiness,Acousticness,",
        "Instrumentalness,Liveness,Valence,Tempo,Time Signature\r\n",
        "spotify:track:4uLU6hMCjMI75M1A2tKUQC,\"One, \"\"Two\"\"\nThree\",Album,\"A;B\",2020,213000,50,false,me,",
        "2021-01-01T00:00:00Z,,Label,0.5,0.6,-1,-7.5,1,0.04,0.1,0,0.1,0.3,120.5,4\r\n",
        "\r\n",
        "spotify:track:0000000000000000000001,Null,Album,A,2020,200000,50,false,me,2021-01-01T00:00:00Z\r\n",
    ));
    assert_eq!(table.id(0), Some("4uLU6hMCjMI75M1A2tKUQC"));
    assert_eq!(table.title(0), Some("One, \"Two\"\nThree"));
    assert_eq!(table.title(1), Some("Null"), "a song may be called so");
    assert_eq!(table.artist(0), Some("A;B"));
    assert_eq!(column(&table, AudioFeature::Key), [None, None]);
    assert_eq!(column(&table, AudioFeature::Tempo), [Some(120.5), None]);
    assert_eq!(table.report().delimiter, Some(','));
    let expected = [
        "1 rows have fewer fields than the header: the rest is missing",
        "1 blank lines passed over",
    ];
    assert_eq!(notes(&table), expected);
}

#[test]
fn chosic_files_are_converted_and_the_conversions_noted() {
    let table = read(concat!(
        "#,Song,Artist,Popularity,BPM,Genres,Album,Album Date,Time,Dance,Energy,Acoustic,Instrumental,Happy,",
        "Speech,Live,Loud,Key,Time Signature,Added At,Spotify Track Id,Label,Camelot\n",
        "1,\"Pharaohs\",\"SBTRKT,Roses Gabor\",0,127,x,SBTRKT,2011,3:38,80,58,1,74,64,0,10,-9,F Minor,4,2018,",
        "3Ve96alMjeaChfLbszJoKZ,Young Turks,4A\n",
        "2,\"Other\",\"X\",0,90,x,Y,2011,1:00:01,20,1,0,1,4,3,10,-12,G#/A♭ Major,3,2018,,Z,4B\n",
    ));
    assert_eq!(column(&table, AudioFeature::Danceability), [Some(0.8), Some(0.2)]);
    assert_eq!(
        column(&table, AudioFeature::Acousticness),
        [Some(0.01), Some(0.0)]
    );
    assert_eq!(
        column(&table, AudioFeature::DurationMs),
        [Some(218_000.0), Some(3_601_000.0)]
    );
    assert_eq!(column(&table, AudioFeature::Key), [Some(5.0), Some(8.0)]);
    assert_eq!(column(&table, AudioFeature::Mode), [Some(0.0), Some(1.0)]);
    assert!(!table.has_labels(), "the label here is a record label");
    let notes = notes(&table);
    for expected in [
        "column `Dance`: percent converted to 0 to 1",
        "column `Time`: minutes and seconds converted to ms",
        "column `Key`: keys as text converted to pitch classes",
        "`mode` derived from column `Key`",
        "column `Camelot` ignored: `Key` is used as key and mode",
        "column `Label` taken for the record label: name it with `label_column` if it holds the classes",
    ] {
        assert!(
            notes.iter().any(|note| note == expected),
            "{expected}\n{notes:#?}"
        );
    }
}

#[test]
fn camelot_stands_in_for_key_and_mode() {
    let table = read("camelot,energy\n8B,0.5\n,0.5\n");
    assert_eq!(column(&table, AudioFeature::Key), [Some(0.0), None]);
    assert_eq!(column(&table, AudioFeature::Mode), [Some(1.0), None]);
}

#[test]
fn delimiters_are_told_apart() {
    let header = |d: &str| ["energy", "tempo", "note, with; commas"].join(d);
    for (delimiter, text) in [(';', ";"), ('\t', "\t")] {
        let table = read(format!("{}\n{}\n", header(text), ["0.5", "120", "x"].join(text)));
        assert_eq!(table.report().delimiter, Some(delimiter));
        assert_eq!(table.value(0, AudioFeature::Tempo), Some(120.0));
    }
    let bar = read_with(
        "energy|tempo\n0.5|120\n",
        &ReadOptions::default().with_delimiter(b'|'),
    )
    .unwrap();
    assert_eq!(bar.value(0, AudioFeature::Tempo), Some(120.0));
    let tabs = read("id,\t\t\t\tDanceability,Energy\nx,0.5,0.25\n");
    assert_eq!(
        tabs.value(0, AudioFeature::Danceability),
        Some(0.5),
        "an Exportify header of 2024"
    );
}

#[test]
fn decimal_commas_are_understood_for_a_whole_column() {
    let table = read("energy;tempo\n0,5;120\n0,25;99,5\n");
    assert_eq!(column(&table, AudioFeature::Energy), [Some(0.5), Some(0.25)]);
    assert_eq!(column(&table, AudioFeature::Tempo), [Some(120.0), Some(99.5)]);
}

#[test]
fn seconds_and_minutes_become_milliseconds() {
    for (text, expected) in [
        ("duration_ms\n210000\n180000", 210_000.0),
        ("duration\n210\n180", 210_000.0),
        ("duration_s\n210\n180", 210_000.0),
        ("duration_min\n3.5\n3", 210_000.0),
        ("length\n3:30\n3:00", 210_000.0),
    ] {
        let text = text.replace('\n', ",0.5\n").replacen(",0.5", ",energy", 1) + ",0.5\n";
        assert_eq!(
            read(&text).value(0, AudioFeature::DurationMs),
            Some(expected),
            "{text}"
        );
    }
}

#[test]
fn missing_is_missing_however_it_is_written() {
    let words = ["", "undefined", "null", "NaN", "NA", "n/a", " "];
    let rows: String = words
        .iter()
        .map(|word| format!("{word},{word},{word},-1,0,0,1\n"))
        .collect();
    let table = read(format!("energy,id,label,key,tempo,time_signature,mode\n{rows}"));
    for feature in [
        AudioFeature::Energy,
        AudioFeature::Key,
        AudioFeature::Tempo,
        AudioFeature::TimeSignature,
    ] {
        assert!(column(&table, feature).iter().all(Option::is_none), "{feature}");
    }
    assert_eq!(
        (table.report().n_without_id, table.report().n_without_label),
        (7, 7)
    );
    assert_eq!(table.available_features().len(), 5);
    assert_eq!(table.known_features(), [AudioFeature::Mode]);
    let x = table
        .features(&[AudioFeature::Energy, AudioFeature::Mode])
        .unwrap();
    assert_eq!(
        x.n_missing(),
        7,
        "a feature that is missing throughout is allowed"
    );
}

#[test]
fn equal_columns_of_one_name_and_aliases_are_noted() {
    let table = read("explicit,energy,tempo,bpm,energy,explicit\nx,0.5,120,121,0.5,y\n");
    assert_eq!(table.value(0, AudioFeature::Tempo), Some(120.0));
    let expected = [
        "column `bpm` ignored: `tempo` is used as tempo",
        "column 5 ignored: it equals column 2 of the same name, `energy`",
    ];
    assert_eq!(notes(&table), expected);
}

#[test]
fn json_lines_are_read_like_csv() {
    let table = read(concat!(
        "{\"track_id\": \"x\", \"artists\": [\"A\", \"B\"], \"energy\": 0.5, \"extra\": {\"deep\": [1]}, \"label\": 1}\n",
        "\n",
        "{\"label\": true, \"tempo\": \"120\", \"energy\": null}\n",
    ));
    assert_eq!(table.report().kind, FileKind::JsonLines);
    assert_eq!(table.artist(0), Some("A; B"));
    assert_eq!(column(&table, AudioFeature::Energy), [Some(0.5), None]);
    assert_eq!(column(&table, AudioFeature::Tempo), [None, Some(120.0)]);
    assert_eq!((table.label(0), table.label(1)), (Some("1"), Some("true")));
    assert_eq!(table.report().columns_ignored, ["extra"]);
    let error = read_with(
        "\n{\"energy\": 0.5}\n{\"energy\": 7}\n{\"energy\": 0.1}\n",
        &ReadOptions::default(),
    );
    assert!(matches!(
        error,
        Err(Error::OutOfRange {
            row: 2,
            line: Some(3),
            ..
        })
    ));
}

#[test]
fn a_table_survives_a_data_frame_and_parquet() {
    use polars::prelude::ParquetWriter;
    let table = read(
        "id,label,artist,split,energy,key,mode\na,1,X,train,0.5,-1,1\nb,0,,test,,3,0\nc,1,,test,0.1,3,0\nd,0,,train,0.2,3,0\n",
    );
    let mut frame = table.to_frame().unwrap();
    let again = TrackTable::from_frame(&frame, "again", &ReadOptions::default()).unwrap();
    assert_eq!(again.fingerprint(), table.fingerprint());
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
    let stored = read(bytes);
    assert_eq!(stored.report().kind, FileKind::Parquet);
    assert_eq!(stored.fingerprint(), table.fingerprint());
    assert_eq!(stored.artist(0), Some("X"));
    assert_eq!(stored.user_split("split").unwrap().train, [0, 3]);
}

#[test]
fn columns_of_many_types_are_understood() {
    use polars::prelude::{DataType, IntoSeries, NamedFrom, Series, df};
    let mut frame = df!(
        "label" => [1.0, 0.0],
        "mode" => [true, false],
        "energy" => [0.5_f32, 0.25],
        "tempo" => [Some(120_i64), None],
    )
    .unwrap();
    let keys = Series::new("key".into(), [3_i32, -1])
        .cast(&DataType::Int8)
        .unwrap();
    let artists = [Series::new("".into(), ["A", "B"]), Series::new("".into(), ["C"])];
    let artists = Series::new("artists".into(), artists).into_series();
    frame.with_column(keys.into()).unwrap();
    frame.with_column(artists.into()).unwrap();
    let table = TrackTable::from_frame(&frame, "types", &ReadOptions::default()).unwrap();
    assert_eq!(table.label(0), Some("1"));
    assert_eq!(column(&table, AudioFeature::Mode), [Some(1.0), Some(0.0)]);
    assert_eq!(column(&table, AudioFeature::Key), [Some(3.0), None]);
    assert_eq!(table.artist(0), Some("A; B"));

    let nested = df!("energy" => [Series::new("".into(), [0.5])]).unwrap();
    let error = TrackTable::from_frame(&nested, "nested", &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::ColumnType { .. }), "{error}");
}

#[test]
fn the_caller_may_name_the_columns() {
    let options = ReadOptions::default()
        .with_label_column("Mood")
        .with_split_column("fold");
    let table = read_with(
        "label,mood,fold,energy\na,x,Train,0.5\na,y,VALIDATION,0.5\n",
        &options,
    )
    .unwrap();
    assert_eq!(table.label(1), Some("y"));
    assert_eq!(
        table
            .user_split("fold")
            .unwrap_err()
            .to_string()
            .split(':')
            .next(),
        Some("the train part would have no track of class `y`")
    );
    let absent = read_with("energy\n0.5\n", &ReadOptions::default().with_label_column("mood"));
    assert!(matches!(absent, Err(Error::MissingColumn { column, .. }) if column == "mood"));
    for options in [
        ReadOptions::default().with_max_line_bytes(0),
        ReadOptions::default().with_delimiter(b'"'),
    ] {
        assert!(matches!(
            read_with("energy\n0.5\n", &options),
            Err(Error::Core(_))
        ));
    }
}

#[test]
fn many_rows_are_read_as_few_are() {
    // Enough for several threads, and for polars to cut the text into several pieces.
    let rows: String = (0..50_000)
        .map(|i| format!("t{i},\"a, {}\n\",0.{:04},{}\n", i % 3, i % 10_000, 60 + i % 140))
        .collect();
    let table = read(format!("id,label,energy,tempo\n{rows}"));
    assert_eq!(table.n_tracks(), 50_000);
    for row in [0, 1, 24_999, 49_999] {
        assert_eq!(table.id(row), Some(format!("t{row}").as_str()));
        assert_eq!(
            table.value(row, AudioFeature::Tempo),
            Some((60 + row % 140) as f32)
        );
    }
    assert_eq!(table.class_counts().len(), 3);
    let broken = read_with(
        format!("id,label,energy,tempo\n{rows}x,a,loud,1\n"),
        &ReadOptions::default(),
    );
    assert!(matches!(
        broken,
        Err(Error::BadValue {
            row: 50_001,
            line: Some(100_002),
            ..
        })
    ));
}

#[test]
fn tracks_become_a_table() {
    let track = Track {
        id: Some("4uLU6hMCjMI75M1A2tKUQC".parse().unwrap()),
        artists: vec!["A".to_owned(), "B".to_owned()],
        features: AudioFeatures::default().with(AudioFeature::Tempo, 120.0),
        ..Track::default()
    };
    let table = TrackTable::from_tracks("library", std::slice::from_ref(&track)).unwrap();
    assert_eq!(table.artist(0), Some("A; B"));
    assert_eq!(table.known_features(), [AudioFeature::Tempo]);
    assert_eq!(table.report().missing[0].n_missing, 1);
    let wrong = Track {
        features: AudioFeatures::default().with(AudioFeature::Tempo, -5.0),
        ..track
    };
    assert!(matches!(
        TrackTable::from_tracks("library", &[wrong]),
        Err(Error::OutOfRange { row: 1, .. })
    ));
    assert!(matches!(
        TrackTable::from_tracks("library", &[]),
        Err(Error::NoRows { .. })
    ));
}

#[test]
fn a_report_can_be_stored() {
    let table = read("bpm,tempo,energy\n1,120,0.5\n");
    let json = serde_json::to_value(table.report()).unwrap();
    assert_eq!(json["kind"], "csv");
    assert_eq!(json["notes"][0]["note"], "alias_ignored");
    assert!(matches!(table.report().notes[0], Note::AliasIgnored { .. }));
}

#[test]
fn numbers_are_read_as_rust_reads_them() {
    // Polars parses numbers at first; what it accepts must be what we accept, to the bit.
    for text in [
        "120",
        "+120",
        "120.",
        "1.2e2",
        "1.2E+2",
        "  120",
        "120  ",
        "\"120\"",
        "0120",
        "120.000001",
        "99.99999999",
        "1_20",
        "1,2e2",
        "0x78",
        "120abc",
        "12 0",
        "--120",
        "e2",
        ".",
        "+",
        "1e",
        "120f",
        "１２０",
        "true",
    ] {
        let cell = text.trim_matches('"').trim();
        let expected = cell.parse::<f32>().ok();
        let found = read_with(format!("tempo;energy\n{text};0.5\n"), &ReadOptions::default());
        match (expected, found) {
            (Some(expected), Ok(table)) => {
                assert_eq!(table.value(0, AudioFeature::Tempo), Some(expected), "{text}")
            }
            (None, Err(error)) => assert!(matches!(error, Error::BadValue { .. }), "{text}: {error}"),
            // A decimal comma.
            (None, Ok(table)) if text == "1,2e2" => {
                assert_eq!(table.value(0, AudioFeature::Tempo), Some(120.0))
            }
            (expected, found) => panic!(
                "{text}: expected {expected:?}, found {:?}",
                found.map(|t| t.value(0, AudioFeature::Tempo))
            ),
        }
    }
}

#[test]
fn plain_and_quoted_text_give_one_table() {
    // Lines without quotes and carriage returns are taken in blocks, the others one by one.
    let rows: Vec<String> = (0..60_000)
        .map(|i| format!("t{i},0.{:05},{}", i * 7 % 100_000, 60 + i % 140))
        .collect();
    let plain = format!("id,energy,tempo\n{}\n", rows.join("\n"));
    let table = read(&plain);
    let mut quoted = rows.clone();
    for (at, row) in quoted.iter_mut().enumerate().filter(|(at, _)| at % 20_011 == 5) {
        *row = row.replacen(&format!("t{at}"), &format!("\"t{at}\""), 1);
    }
    quoted.insert(30_000, String::new());
    quoted.insert(100, "  ".to_owned());
    let blank = read(format!("id,energy,tempo\n\n{}", quoted.join("\n")));
    assert_eq!(blank.fingerprint(), table.fingerprint());
    assert_eq!(notes(&blank), ["3 blank lines passed over"]);
    assert_eq!(
        read(plain.replace('\n', "\r\n")).fingerprint(),
        table.fingerprint()
    );
    let broken = plain.replacen("t40000,0.", "t40000,x.", 1);
    let broken = read_with(broken, &ReadOptions::default());
    assert!(matches!(
        broken,
        Err(Error::BadValue {
            row: 40_001,
            line: Some(40_002),
            ..
        })
    ));
}
