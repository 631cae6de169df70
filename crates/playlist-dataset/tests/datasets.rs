//! The shipped tables are what their cards say.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

use std::path::PathBuf;

use playlist_core::AudioFeature;
use playlist_dataset::{CleanConfig, CleanReport, ReadOptions, SplitConfig, TrackTable, read_table};

fn dataset(file: &str) -> (TrackTable, String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../datasets")
        .join(file);
    let table = read_table(&path, &ReadOptions::default()).unwrap();
    let card = std::fs::read_to_string(path.with_extension("md")).unwrap();
    (table, card)
}

/// The row of the card on each feature: missing values, least and greatest value.
fn check_features(table: &TrackTable, card: &str) {
    for feature in table.available_features() {
        let values = || (0..table.n_tracks()).filter_map(|row| table.value(row, feature));
        let n_missing = table.n_tracks() - values().count();
        let start = format!("| `{feature}` | {} | {n_missing} |", feature.unit());
        let line = card.lines().find(|line| line.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("no row begins with {start}"));
        if let (Some(least), Some(greatest)) = (values().reduce(f32::min), values().reduce(f32::max)) {
            assert!(line.contains(&format!("| {least} |")), "{least}: {line}");
            assert!(line.ends_with(&format!("| {greatest} |")), "{greatest}: {line}");
        }
    }
}

fn check_cleaning(report: &CleanReport, card: &str) {
    let line = format!(
        "{} rows of a repeated id, {} of repeated audio, {} rows of {} tracks under several labels; {} rows are left",
        report.n_same_id,
        report.n_same_audio,
        report.n_conflicting,
        report.n_conflicting_tracks,
        report.rows_out
    );
    let card = card.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains(&line), "{line}");
}

#[test]
fn two_listeners_is_what_its_card_says() {
    let (table, card) = dataset("two_listeners.csv");
    check_features(&table, &card);
    let (_, report) = CleanConfig::default().clean(&table).unwrap();
    check_cleaning(&report, &card);
    for class in &report.classes_in {
        assert_eq!(class.n_tracks, 2400);
    }
    let cleaned: Vec<String> = report
        .classes_out
        .iter()
        .map(|c| format!("| `{}` | 2400 | {} |", c.class, c.n_tracks))
        .collect();
    assert!(cleaned.iter().all(|line| card.contains(line)), "{cleaned:?}");
    assert!(card.contains(&table.fingerprint()));
    assert_eq!(
        table.labelled(None).unwrap().class_names(),
        ["listener_b", "listener_a"]
    );
    let split = table.split(&SplitConfig::default()).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (3200, 1600));
}

#[test]
fn playlists_is_what_its_card_says() {
    let (table, card) = dataset("playlists.csv");
    check_features(&table, &card);
    assert!(!table.known_features().contains(&AudioFeature::TimeSignature));
    let (_, report) = CleanConfig::default().clean(&table).unwrap();
    check_cleaning(&report, &card);
    assert_eq!(report.classes_in.len(), 48);
    assert!(report.classes_in.iter().all(|class| class.n_tracks == 100));
    let left = || report.classes_out.iter().map(|class| class.n_tracks);
    let line = format!(
        "between {} and {} tracks of each",
        left().min().unwrap(),
        left().max().unwrap()
    );
    assert!(card.contains(&line), "{line}");
    assert!(card.contains(&table.fingerprint()));
}

#[test]
fn background_is_what_its_card_says_and_shares_no_track_with_the_others() {
    let (table, card) = dataset("background.parquet");
    check_features(&table, &card);
    let (_, report) = CleanConfig::default().clean(&table).unwrap();
    check_cleaning(&report, &card);
    assert!(card.contains(&table.fingerprint()));
    let ids = |table: &TrackTable| -> Vec<String> {
        (0..table.n_tracks())
            .filter_map(|row| table.id(row).map(str::to_owned))
            .collect()
    };
    let own = ids(&table);
    assert_eq!(own.len(), 14_000);
    for other in ["two_listeners.csv", "playlists.csv"] {
        let other = ids(&dataset(other).0);
        assert!(own.iter().all(|id| !other.contains(id)));
    }
}
