//! Looking up tracks in catalogues of the kinds that people have.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

use std::collections::BTreeMap;

use playlist_core::{AudioFeature, AudioFeatures, Chain, FeatureScale, FeatureSource, Track, TrackKey};
use playlist_dataset::{Catalogue, Error, Note, ReadOptions};

const A: &str = "4uLU6hMCjMI75M1A2tKUQC";
const B: &str = "008KI9VbcXzsvn84eQWNRN";
const C: &str = "0123456789012345678901";

const BIG: &str = "id,name,album,album_id,artists,artist_ids,track_number,disc_number,explicit,danceability,energy,key,\
    loudness,mode,speechiness,acousticness,instrumentalness,liveness,valence,tempo,duration_ms,time_signature,year,\
    release_date\n";

/// A row of the catalogue of 1.2 million tracks.
fn big(id: &str, artists: &str, energy: &str, tempo: &str) -> String {
    format!(
        "{id},Testify,The Battle Of Los Angeles,2eia0myWFgoHuttJytCxgX,{artists},['2d0hyoQ5ynDBnkvAbJKORj'],1,1,False,\
         0.47,{energy},7,-5.399,1,0.0727,0.0261,1.09e-05,0.356,0.503,{tempo},210133,4.0,1999,1999-11-02\n"
    )
}

fn open(content: impl AsRef<[u8]>) -> Result<Catalogue, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue");
    std::fs::write(&path, content).unwrap();
    Catalogue::open(&path)
}

fn with_id(id: &str) -> Track {
    Track {
        id: Some(id.parse().unwrap()),
        ..Track::default()
    }
}

fn find(catalogue: &mut Catalogue, ids: &[&str]) -> BTreeMap<TrackKey, AudioFeatures> {
    let tracks: Vec<Track> = ids.iter().map(|id| with_id(id)).collect();
    catalogue.find(&tracks.iter().collect::<Vec<_>>()).unwrap()
}

fn value(found: &BTreeMap<TrackKey, AudioFeatures>, id: &str, feature: AudioFeature) -> Option<f32> {
    found.get(&TrackKey::Spotify(id.parse().unwrap()))?.get(feature)
}

#[test]
fn the_catalogue_of_a_million_tracks_is_read_as_it_is() {
    let rows = [
        big(A, "['Rage Against The Machine']", "0.978", "117.906"),
        big(C, "\"['One', 'Two, \"\"Three\"\"']\"", "0.1", "90"),
        big(B, "\"['Line\nbreak']\"", "0.25", "0.0"),
    ];
    let mut catalogue = open(format!("{BIG}{}", rows.concat())).unwrap();
    assert_eq!(catalogue.provides().len(), 13);
    assert_eq!(catalogue.scale(), FeatureScale::Spotify);
    let found = find(&mut catalogue, &[B, A]);
    assert_eq!(found.len(), 2);
    assert_eq!(value(&found, A, AudioFeature::Energy), Some(0.978));
    assert_eq!(value(&found, A, AudioFeature::Instrumentalness), Some(1.09e-5));
    assert_eq!(value(&found, A, AudioFeature::TimeSignature), Some(4.0));
    assert_eq!(value(&found, B, AudioFeature::Energy), Some(0.25));
    assert_eq!(
        value(&found, B, AudioFeature::Tempo),
        None,
        "0 means that there is none"
    );
    let report = catalogue.report();
    assert_eq!((report.n_rows, report.n_wanted, report.n_found), (3, 2, 2));
    assert_eq!(
        (report.n_without_id, report.n_bad_rows, report.n_refused),
        (0, 0, 0)
    );
    assert_eq!(report.to_string(), "");
}

#[test]
fn the_catalogue_with_a_row_for_each_genre_gives_the_first() {
    let header = ",track_id,artists,album_name,track_name,popularity,duration_ms,explicit,danceability,energy,key,\
        loudness,mode,speechiness,acousticness,instrumentalness,liveness,valence,tempo,time_signature,track_genre\n";
    let row = |n: usize, energy: &str, genre: &str| {
        format!(
            "{n},{A},A;B,Al,\"Song, the\",73,230666,False,0.676,{energy},1,-6.7,0,0.1,0.03,0,0.3,0.7,87.9,4,{genre}\n"
        )
    };
    let text = [
        row(0, "0.461", "acoustic"),
        row(1, "0.4610", "pop"),
        row(2, "0.9", "rock"),
    ]
    .concat();
    let mut catalogue = open(format!("{header}{text}")).unwrap();
    let found = find(&mut catalogue, &[A, A]);
    assert_eq!(value(&found, A, AudioFeature::Energy), Some(0.461));
    let report = catalogue.report();
    assert_eq!((report.n_repeated, report.n_conflicting), (1, 1));
    assert!(report.to_string().contains("1 further rows"));
    assert_eq!(catalogue.take_notes().len(), 1);
    assert!(catalogue.take_notes().is_empty());
}

#[test]
fn exports_of_playlists_are_catalogues_too() {
    let text = format!(
        "\u{feff}Track URI,Track Name,ISRC,Energy,Key,Time Signature\r\nspotify:track:{A},\"One\r\nTwo\",USUM71703861,0.5,-1,4\r\n\
         \r\nspotify:local:a:b:c:1,Mine,,,,\r\nspotify:track:{B},Short,gb-aye-69-00531\r\n"
    );
    let mut catalogue = open(text).unwrap();
    let by_isrc = |code: &str| Track {
        isrc: Some(code.parse().unwrap()),
        ..Track::default()
    };
    let tracks = [with_id(A), by_isrc("USUM71703861"), by_isrc("GBAYE6900531")];
    assert!(tracks.iter().all(|track| catalogue.can_ask(track)));
    let found = catalogue.find(&tracks.iter().collect::<Vec<_>>()).unwrap();
    let keys: Vec<String> = found.keys().map(ToString::to_string).collect();
    assert_eq!(
        keys,
        [format!("spotify:track:{A}"), "isrc:USUM71703861".to_owned()]
    );
    assert_eq!(value(&found, A, AudioFeature::Key), None);
    assert_eq!(catalogue.report().n_without_id, 1);
    assert_eq!(
        catalogue.report().n_found,
        2,
        "a row without features is no answer"
    );
}

#[test]
fn percents_and_keys_in_text_are_told_for_the_file() {
    let text = format!(
        "Spotify Track Id;Dance;Energy;Loud;Key;Time;BPM\n{A};80;1;-7;F Minor;3:38;127\n{C};58;0;-9;G;4:00;99\n"
    );
    let mut catalogue = open(text).unwrap();
    assert_eq!(catalogue.scale(), FeatureScale::SpotifyRounded);
    let found = find(&mut catalogue, &[A]);
    let of = |feature| value(&found, A, feature);
    assert_eq!(of(AudioFeature::Danceability), Some(0.8));
    assert_eq!(
        of(AudioFeature::Energy),
        Some(0.01),
        "1 of 100 in a file of percents"
    );
    assert_eq!(of(AudioFeature::Key), Some(5.0));
    assert_eq!(of(AudioFeature::Mode), Some(0.0));
    assert_eq!(of(AudioFeature::DurationMs), Some(218_000.0));
    let percent = |note: &Note| matches!(note, Note::Converted { from: "percent", .. });
    assert_eq!(
        catalogue
            .report()
            .notes
            .iter()
            .filter(|note| percent(note))
            .count(),
        2
    );
}

#[test]
fn found_rows_tell_the_unit_where_the_first_rows_mislead() {
    // Sorted by duration, so that the first thousand are sounds of a second, which would be called seconds.
    let mut text = "id,energy,duration_ms\n".to_owned();
    for n in 0..1000 {
        text += &format!("{n:022},0.5,{}\n", 900 + n / 10);
    }
    let ids: Vec<String> = (0..2000).map(|n| format!("{:022}", 10_000 + n)).collect();
    for (n, id) in ids.iter().enumerate() {
        text += &format!("{id},0.5,{}\n", 180_000 + n);
    }
    let mut catalogue = open(text).unwrap();
    let found = find(
        &mut catalogue,
        &ids.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    assert_eq!(value(&found, &ids[7], AudioFeature::DurationMs), Some(180_007.0));
}

#[test]
fn bad_rows_and_values_cost_themselves_and_are_counted() {
    let text = format!(
        "id,name,energy,tempo\n{C},x,0.5,100,extra\n{A},x,loud,100\n{B},\"never closed,0.5,100\n{B},ok,0.5,1e9\n"
    );
    let mut catalogue = open(text).unwrap();
    let found = find(&mut catalogue, &[A, B, C]);
    assert_eq!(found.len(), 2);
    assert_eq!(value(&found, A, AudioFeature::Energy), None);
    assert_eq!(value(&found, A, AudioFeature::Tempo), Some(100.0));
    assert_eq!(value(&found, B, AudioFeature::Energy), Some(0.5));
    assert_eq!(
        catalogue.report().to_string(),
        "catalogue `catalogue`: 2 rows could not be read, the first on line 2\n\
         catalogue `catalogue`: 2 values were refused and count as missing, the first in row 2, column `energy`: \
         expected a number, found `loud`"
    );
}

#[test]
fn parquet_gives_what_csv_gives() {
    use polars::prelude::{IntoColumn, NamedFrom, ParquetWriter, Series};
    let ids: Vec<String> = (0..5000).map(|n| format!("{n:022}")).collect();
    let energy: Vec<Option<f64>> = (0..5000)
        .map(|n| (n % 7 != 0).then(|| f64::from(n) / 5001.0))
        .collect();
    let tempo: Vec<f32> = (0..5000).map(|n| 60.1 + n as f32 / 100.0).collect();
    let key: Vec<i64> = (0..5000).map(|n| n % 13 - 1).collect();
    let mut text = "id,energy,tempo,key\n".to_owned();
    for n in 0..5000 {
        let energy = energy[n].map_or_else(String::new, |value| value.to_string());
        text += &format!("{},{energy},{},{}\n", ids[n], tempo[n], key[n]);
    }
    let columns = vec![
        Series::new("id".into(), &ids).into_column(),
        Series::new("energy".into(), energy).into_column(),
        Series::new("tempo".into(), tempo).into_column(),
        Series::new("key".into(), key).into_column(),
    ];
    let mut frame = polars::prelude::DataFrame::new(5000, columns).unwrap();
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        .with_row_group_size(Some(700))
        .finish(&mut frame)
        .unwrap();
    let wanted: Vec<&str> = ids.iter().step_by(17).map(String::as_str).collect();
    let (mut csv, mut parquet) = (open(&text).unwrap(), open(&bytes).unwrap());
    let (from_csv, from_parquet) = (find(&mut csv, &wanted), find(&mut parquet, &wanted));
    assert_eq!(from_csv.len(), wanted.len());
    assert_eq!(from_csv, from_parquet);
    assert_eq!(parquet.report().n_rows, 5000);
    assert_eq!(find(&mut parquet, &[A]).len(), 0);
    for cut in [4, bytes.len() / 2, bytes.len() - 1] {
        assert!(matches!(open(&bytes[..cut]), Err(Error::Parquet { .. })), "{cut}");
    }
}

#[test]
fn json_lines_give_what_csv_gives() {
    let text = format!(
        "{{\"id\":\"{A}\",\"name\":\"say \\\"hi\\\"\",\"energy\":0.5,\"key\":-1}}\n{{\"energy\":\n\
         {{\"id\":\"spotify:track:{B}\",\"energy\":\"0.25\",\"key\":[4]}}\n{{\"name\":null}}\n"
    );
    let mut catalogue = open(text).unwrap();
    let found = find(&mut catalogue, &[A, B, C]);
    assert_eq!(found.len(), 2);
    assert_eq!(value(&found, A, AudioFeature::Energy), Some(0.5));
    assert_eq!(value(&found, B, AudioFeature::Energy), Some(0.25));
    let report = catalogue.report();
    assert_eq!((report.n_bad_rows, report.first_bad_line), (1, Some(2)));
    assert_eq!((report.n_without_id, report.n_refused), (1, 1));
}

#[test]
fn a_file_that_is_no_catalogue_is_an_error() {
    let error = |text: &str| open(text).unwrap_err();
    assert!(matches!(error(""), Error::EmptyFile { .. }));
    assert!(matches!(error("name,energy\nx,0.5\n"), Error::NoIdColumn { .. }));
    assert!(matches!(
        error("id,name,duration_ms\nx,y,1\n"),
        Error::NoFeatures { .. }
    ));
    assert!(matches!(error("{\"id\":1}\n"), Error::NoFeatures { .. }));
    assert!(matches!(error("{\n"), Error::NoRows { .. }));
    assert!(matches!(error("\"id,energy\n"), Error::LineTooLong { .. }));
    assert!(matches!(
        Catalogue::open("absent.csv"),
        Err(Error::NotFound { .. })
    ));
    let mut foreign = open("id,energy\n1,0.5\n2,0.5\n").unwrap();
    assert!(find(&mut foreign, &[A]).is_empty());
    assert!(foreign.report().to_string().contains("no row names a track"));
    let no_limit = ReadOptions::default().with_max_line_bytes(0);
    assert!(matches!(
        Catalogue::open_with("absent.csv", &no_limit),
        Err(Error::Core(_))
    ));
    let mut doubtful = open(format!("id,energy,duration\n{A},0.5,3.5\n")).unwrap();
    assert!(matches!(
        doubtful.find(&[&with_id(A)]),
        Err(Error::AmbiguousUnit { .. })
    ));
}

#[test]
fn a_catalogue_that_is_rewritten_meanwhile_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tracks.csv");
    std::fs::write(&path, format!("id,energy\n{A},0.5\n")).unwrap();
    let mut catalogue = Catalogue::open(&path).unwrap();
    std::fs::write(&path, format!("id,name,energy\n{A},x,0.5\n")).unwrap();
    assert!(matches!(
        catalogue.find(&[&with_id(A)]),
        Err(Error::Changed { .. })
    ));
    let report = Chain::new().with_source(catalogue).fill(&mut [with_id(A)]);
    assert_eq!(report.n_with_features, 0);
    assert!(
        report.notes[0].contains("`tracks` gave no usable answer"),
        "{report}"
    );
}
