//! Parquet files of other people: types as they come, and damage.

#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{ID_A, ID_B, read_as, read_one};
use playlist_core::AudioFeature;
use playlist_import::{Error, ExportFormat, ImportOptions};
use polars::prelude::{Column, DataFrame, IntoColumn, NamedFrom, ParquetWriter, Series};

fn file(columns: Vec<Column>) -> Vec<u8> {
    let height = columns.first().map_or(0, Column::len);
    let mut frame = DataFrame::new(height, columns).unwrap();
    let mut contents = Vec::new();
    ParquetWriter::new(&mut contents).finish(&mut frame).unwrap();
    contents
}

fn column<T, P: ?Sized>(name: &str, values: T) -> Column
where
    Series: NamedFrom<T, P>,
{
    Series::new(name.into(), values).into_column()
}

fn catalogue() -> Vec<u8> {
    let artists = [
        Series::new("".into(), ["A", "B;C"]),
        Series::new("".into(), ["D"]),
    ];
    file(vec![
        column("id", [ID_A, ID_B]),
        column("name", [Some("T"), None]),
        column("artists", artists.to_vec()),
        column("duration_ms", [200_040_i64, 180_000]),
        column("key", [5_i32, -1]),
        column("energy", [Some(0.1_f64), None]),
        column("loudness", [-7.25_f32, 0.5]),
        column("explicit", [true, false]),
        column("mode", [true, false]),
    ])
}

#[test]
fn columns_of_any_type_are_read() {
    let read = read_one("catalogue.parquet", catalogue());
    assert_eq!(read.format, ExportFormat::Table);
    let [first, second] = &read.playlist.tracks[..] else {
        panic!("{read}")
    };
    assert_eq!(first.artists, ["A", "B;C"]);
    assert_eq!(
        (first.title.as_deref(), second.title.as_deref()),
        (Some("T"), None)
    );
    let features = |track: &playlist_core::Track| {
        [
            AudioFeature::DurationMs,
            AudioFeature::Key,
            AudioFeature::Energy,
            AudioFeature::Loudness,
            AudioFeature::Mode,
        ]
        .map(|feature| track.features.get(feature))
    };
    assert_eq!(
        features(first),
        [Some(200_040.0), Some(5.0), Some(0.1), Some(-7.25), Some(1.0)]
    );
    assert_eq!(
        features(second),
        [Some(180_000.0), None, None, Some(0.5), Some(0.0)]
    );
    assert_eq!((read.report.n_bad_cells, read.rows[1].line), (0, None), "{read}");
}

#[test]
fn what_cannot_be_read_is_refused_with_a_reason() {
    let sound = catalogue();
    for end in [4, 100, sound.len() / 2, sound.len() - 1] {
        let error = read_as("x.parquet", &sound[..end], &ImportOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Parquet { .. }), "{error}");
    }
    let nothing = file(vec![column("popularity", [1_i32])]);
    let error = read_as("x.parquet", nothing, &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, Error::NoTracks { .. }), "{error}");
    let error = read_as("x.parquet", &sound, &ImportOptions::default().with_max_rows(1)).unwrap_err();
    assert!(matches!(error, Error::TooMany { what: "rows", .. }), "{error}");
    // A column of one text over and over is small packed and large unpacked.
    let title = "x".repeat(10_000);
    let bomb = file(vec![
        column("id", vec![ID_A; 1000]),
        column("title", vec![title.as_str(); 1000]),
    ]);
    let limit = ImportOptions::default().with_max_file_bytes(100_000);
    assert!(bomb.len() < 10_000);
    let error = read_as("x.parquet", bomb, &limit).unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooLarge {
                limit: 100_000,
                unpacked: true,
                ..
            }
        ),
        "{error}"
    );
}
