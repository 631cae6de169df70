//! Describes a table of tracks: what was read, each feature's range and missing values, the classes, and
//! what cleaning would drop. The numbers on the cards in `datasets/` come from here.
//!
//! ```text
//! cargo run -p playlist-dataset --example describe_table -- datasets/two_listeners.csv [label column]
//! ```

use std::error::Error;

use playlist_dataset::{CleanConfig, ReadOptions, TrackTable, read_table};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/two_listeners.csv").to_owned()
    });
    let mut options = ReadOptions::default();
    if let Some(column) = arguments.next() {
        options = options.with_label_column(column);
    }
    let table = read_table(path, &options)?;
    println!("{}\n\nfingerprint {}\n", table.report(), table.fingerprint());
    describe_features(&table);
    let (_, report) = CleanConfig::default().clean(&table)?;
    println!(
        "\ncleaning: {} rows, {} without features, {} without a label, {} of a repeated id, {} of repeated audio, \
         {} of {} tracks under several labels, {} left",
        report.rows_in,
        report.n_without_features,
        report.n_without_label,
        report.n_same_id,
        report.n_same_audio,
        report.n_conflicting,
        report.n_conflicting_tracks,
        report.rows_out
    );
    println!("\n{:<40} {:>7} {:>8}", "class", "rows", "cleaned");
    for class in &report.classes_in {
        let left = report.classes_out.iter().find(|left| left.class == class.class);
        let left = left.map_or(0, |left| left.n_tracks);
        println!("{:<40} {:>7} {left:>8}", class.class, class.n_tracks);
    }
    Ok(())
}

fn describe_features(table: &TrackTable) {
    println!(
        "{:<17} {:>7} {:>7} {:>10} {:>10} {:>10}  unit",
        "feature", "missing", "zero", "least", "median", "greatest"
    );
    for feature in table.available_features() {
        let mut values: Vec<f32> = (0..table.n_tracks())
            .filter_map(|row| table.value(row, feature))
            .collect();
        values.sort_by(f32::total_cmp);
        let n_missing = table.n_tracks() - values.len();
        let n_zero = values.iter().filter(|value| **value == 0.0).count();
        let at = |position: usize| values.get(position).map_or("-".to_owned(), ToString::to_string);
        println!(
            "{feature:<17} {n_missing:>7} {n_zero:>7} {:>10} {:>10} {:>10}  {}",
            at(0),
            at(values.len() / 2),
            at(values.len().saturating_sub(1)),
            feature.unit()
        );
    }
}
