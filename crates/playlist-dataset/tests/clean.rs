//! Cleaning, balancing, joining and fingerprints of tables.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

use playlist_core::AudioFeature;
use playlist_dataset::{
    Balance, ClassCount, CleanConfig, DropReason, Error, GroupBy, ReadOptions, SplitConfig, TrackTable,
    read_table,
};

const HEADER: &str = "id,label,artist,danceability,energy,key,loudness,mode,speechiness,acousticness,liveness,\
    tempo,duration_ms\n";

/// A table of rows `id,label,artist,danceability`; the other features are the same throughout.
fn table(rows: &[&str]) -> TrackTable {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tracks.csv");
    let rows: String = rows
        .iter()
        .map(|row| format!("{row},0.5,3,-7,1,0.1,0.2,0.3,120,200000\n"))
        .collect();
    std::fs::write(&path, format!("{HEADER}{rows}")).unwrap();
    read_table(&path, &ReadOptions::default()).unwrap()
}

fn counts(pairs: &[(&str, usize)]) -> Vec<ClassCount> {
    let count = |(class, n_tracks): &(&str, usize)| ClassCount {
        class: (*class).to_owned(),
        n_tracks: *n_tracks,
    };
    pairs.iter().map(count).collect()
}

#[test]
fn every_row_is_kept_or_counted_with_its_reason() {
    let table = table(&[
        "1,a,x,0.1",
        "1,a,x,0.2", // the id of row 1
        ",a,y,0.1",  // the audio of row 1
        "2,b,y,0.3",
        "3,,y,0.4", // no label
        "4,a,z,0.5",
        "4,b,z,0.6", // under both labels, with row 6
        "5,b,z,0.6", // the audio of row 7: the same track by a chain
        "6,b,z,0.7",
    ]);
    let (cleaned, report) = CleanConfig::default().clean(&table).unwrap();
    let ids: Vec<_> = (0..cleaned.n_tracks())
        .map(|row| cleaned.id(row).unwrap())
        .collect();
    assert_eq!(ids, ["1", "2", "6"]);
    let reasons: Vec<(usize, DropReason)> = report.dropped.iter().map(|d| (d.row, d.reason)).collect();
    use DropReason::{Conflicting, NoLabel, SameAudio, SameId};
    let expected = [
        (2, SameId),
        (3, SameAudio),
        (5, NoLabel),
        (6, Conflicting),
        (7, Conflicting),
        (8, Conflicting),
    ];
    assert_eq!(reasons, expected);
    assert_eq!((report.n_conflicting, report.n_conflicting_tracks), (3, 1));
    assert_eq!(report.conflicting_by_class, counts(&[("a", 1), ("b", 2)]));
    assert_eq!(report.classes_in, counts(&[("a", 4), ("b", 4)]));
    assert_eq!(report.classes_out, counts(&[("a", 1), ("b", 2)]));
    assert_eq!(report.rows_in, report.rows_out + report.dropped.len());
    assert_eq!(cleaned.origin(2).1, 9, "rows remember where they come from");
}

#[test]
fn rows_of_few_known_features_are_not_identical() {
    let frame = polars::prelude::df!("energy" => [0.5, 0.5], "tempo" => [120.0, 120.0]).unwrap();
    let table = TrackTable::from_frame(&frame, "two", &ReadOptions::default()).unwrap();
    assert_eq!(CleanConfig::default().clean(&table).unwrap().0.n_tracks(), 2);
    let config = CleanConfig::default().with_min_identical_features(2);
    assert_eq!(config.clean(&table).unwrap().0.n_tracks(), 1);
    assert!(
        CleanConfig::default()
            .with_min_identical_features(0)
            .clean(&table)
            .is_err()
    );
}

#[test]
fn a_row_with_a_duration_alone_has_no_features() {
    let frame =
        polars::prelude::df!("energy" => [Some(0.5), None], "duration_ms" => [200_000, 200_000]).unwrap();
    let table = TrackTable::from_frame(&frame, "two", &ReadOptions::default()).unwrap();
    let (_, report) = CleanConfig::default().clean(&table).unwrap();
    assert_eq!((report.n_without_features, report.rows_out), (1, 1));
}

#[test]
fn artists_stay_together_when_asked() {
    let rows: Vec<String> = (0..60)
        .map(|i| format!("{i},{},Artist {};Guest {i},0.{i:02}", ["a", "b"][i % 2], i % 20))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let table = table(&rows);
    let split = table
        .split(&SplitConfig::default().with_group_by(GroupBy::Artist))
        .unwrap();
    let artist = |row: &usize| table.artist(*row).unwrap().split(';').next().unwrap().to_owned();
    let tested: Vec<String> = split.test.iter().map(artist).collect();
    assert!(!tested.is_empty());
    assert!(split.train.iter().all(|row| !tested.contains(&artist(row))));
}

#[test]
fn balancing_a_table_reports_its_counts() {
    let table = table(&["1,a,x,0.1", "2,b,x,0.2", "3,b,x,0.3", "4,b,x,0.4"]);
    let (balanced, report) = Balance::Truncate.apply(&table).unwrap();
    assert_eq!((balanced.id(0), balanced.id(1)), (Some("1"), Some("2")));
    assert_eq!(report.classes_in, counts(&[("a", 1), ("b", 3)]));
    assert_eq!(report.classes_out, counts(&[("a", 1), ("b", 1)]));
    let (same, _) = Balance::None.apply(&table).unwrap();
    assert_eq!(same.fingerprint(), table.fingerprint());
}

#[test]
fn the_fingerprint_sees_values_and_order_and_not_the_path() {
    let one = table(&["1,a,x,0.1", "2,b,x,0.2"]);
    assert_eq!(
        one.fingerprint(),
        table(&["1,a,x,0.1", "2,b,x,0.2"]).fingerprint()
    );
    for other in [
        &["1,a,x,0.1", "2,b,x,0.3"][..],
        &["1,a,x,0.1", "2,a,x,0.2"],
        &["1,a,x,0.1", "3,b,x,0.2"],
        &["2,b,x,0.2", "1,a,x,0.1"],
        &["1,a,x,0.1"],
    ] {
        assert_ne!(one.fingerprint(), table(other).fingerprint(), "{other:?}");
    }
}

#[test]
fn joined_tables_keep_labels_and_origins() {
    let liked = table(&["1,,x,0.1", "2,,x,0.2"]).with_label("liked");
    let frame = polars::prelude::df!("energy" => [0.5]).unwrap();
    let other = TrackTable::from_frame(&frame, "others", &ReadOptions::default())
        .unwrap()
        .with_label("other");
    let joined = TrackTable::concat(vec![liked, other]).unwrap();
    assert_eq!(joined.class_counts(), counts(&[("liked", 2), ("other", 1)]));
    assert_eq!(joined.origin(2), ("others", 1));
    assert_eq!(joined.value(2, AudioFeature::Tempo), None);
    assert_eq!(joined.report().n_without_id, 1);
    let notes: Vec<String> = joined.report().notes.iter().map(ToString::to_string).collect();
    assert!(
        notes.contains(&"`tempo` is missing from `others` and known elsewhere".to_owned()),
        "{notes:?}"
    );
    assert!(matches!(TrackTable::concat(vec![]), Err(Error::Core(_))));
}

#[test]
fn classes_are_ordered_negative_then_positive() {
    let names = |labels: [&str; 2], positive: Option<&str>| {
        let rows = [format!("1,{},x,0.1", labels[0]), format!("2,{},x,0.2", labels[1])];
        let table = table(&[&rows[0], &rows[1]]);
        table
            .labelled(positive)
            .map(|labels| labels.class_names().join(" "))
    };
    assert_eq!(
        names(["a", "b"], None).unwrap(),
        "b a",
        "the first by name is positive"
    );
    assert_eq!(names(["a", "b"], Some("b")).unwrap(), "a b");
    assert_eq!(names(["0", "1"], None).unwrap(), "0 1");
    assert_eq!(names(["Disliked", "Liked"], None).unwrap(), "Disliked Liked");
    assert!(matches!(
        names(["a", "b"], Some("c")),
        Err(Error::UnknownClass { .. })
    ));
    let three = table(&["1,c,x,0.1", "2,a,x,0.2", "3,b,x,0.3"]);
    assert_eq!(three.labelled(None).unwrap().class_names(), ["a", "b", "c"]);
    assert!(matches!(
        three.labelled(Some("a")),
        Err(Error::Core(playlist_core::Error::NotBinary { n_classes: 3 }))
    ));
}
