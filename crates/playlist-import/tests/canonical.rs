//! Whatever is written is read back the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use playlist_core::{
    AudioFeature, AudioFeatures, FeatureOrigin, FeatureScale, Isrc, Overwrite, Playlist, PlaylistKind,
    SpotifyId, Track,
};
use playlist_import::{CanonicalFormat, ExportFormat, ImportOptions, import, write_playlist};
use proptest::prelude::*;

/// Texts that break naive files.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("=HYPERLINK(\"http://x\";\"y\")".to_owned()),
        Just("'".to_owned()),
        Just("-1+1".to_owned()),
        Just("undefined".to_owned()),
        Just("null".to_owned()),
        Just(" a \t".to_owned()),
        Just("\u{FEFF}שלום 👩‍🚀 \u{202E}x".to_owned()),
        Just("\r\n\n\r".to_owned()),
        Just("\0".to_owned()),
        "[\"',;\\\\=+@\\-\n\r\t a-cé愛🎵\\|]{0,12}",
        ".{0,20}",
    ]
}

fn features() -> impl Strategy<Value = AudioFeatures> {
    let value = |feature: AudioFeature| {
        let range = feature.valid_range();
        let whole = feature.is_categorical();
        proptest::option::of((0.0_f32..=1.0).prop_map(move |share| {
            let value = range.start() + share * (range.end() - range.start());
            if whole { value.round() } else { value }
        }))
    };
    AudioFeature::ALL.map(value).prop_map(|values| {
        let mut features = AudioFeatures::default();
        for (feature, value) in AudioFeature::ALL.into_iter().zip(values) {
            features.set(feature, value.unwrap_or(f32::NAN));
        }
        features
    })
}

fn track() -> impl Strategy<Value = Track> {
    let id = proptest::option::of("[0-9A-Za-z]{22}");
    let isrc = proptest::option::of("[A-Z]{5}[0-9]{7}");
    let optional = || proptest::option::of(text());
    let origin = proptest::option::of((text(), any::<bool>()));
    let names = (
        optional(),
        proptest::collection::vec(text(), 0..4),
        optional(),
        optional(),
    );
    (id, isrc, names, any::<bool>(), features(), origin).prop_map(
        |(id, isrc, (title, artists, album, added_at), is_local, features, origin)| Track {
            id: id.map(|id| id.parse::<SpotifyId>().unwrap()),
            isrc: isrc.map(|isrc| isrc.parse::<Isrc>().unwrap()),
            title,
            artists,
            album,
            added_at,
            is_local,
            features,
            features_from: origin.map(|(source, rounded)| {
                let scale = if rounded {
                    FeatureScale::SpotifyRounded
                } else {
                    FeatureScale::Spotify
                };
                FeatureOrigin::new(source, scale)
            }),
        },
    )
}

fn playlist() -> impl Strategy<Value = Playlist> {
    let kind = prop_oneof![
        Just(PlaylistKind::Liked),
        Just(PlaylistKind::Playlist),
        Just(PlaylistKind::Album),
        Just(PlaylistKind::Blocked)
    ];
    (text(), kind, proptest::collection::vec(track(), 0..6)).prop_map(|(name, kind, tracks)| Playlist {
        name,
        kind,
        tracks,
    })
}

fn there_and_back(playlist: &Playlist, format: CanonicalFormat) -> Playlist {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    write_playlist(&path, playlist, format, Overwrite::Refuse).unwrap();
    let mut read = import(&path, &ImportOptions::default()).unwrap();
    assert_eq!(read.playlists.len(), 1, "{read}");
    let read = read.playlists.remove(0);
    assert_eq!(read.format, ExportFormat::Canonical);
    assert_eq!(
        (read.report.n_bad_rows, read.report.n_bad_cells),
        (0, 0),
        "{read}"
    );
    read.playlist
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn csv_is_read_back_the_same(playlist in playlist()) {
        prop_assert_eq!(there_and_back(&playlist, CanonicalFormat::Csv), playlist);
    }
}

#[cfg(feature = "parquet")]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn parquet_is_read_back_the_same(playlist in playlist()) {
        prop_assert_eq!(there_and_back(&playlist, CanonicalFormat::Parquet), playlist);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Every float of the range comes back to the bit, written as text.
    #[test]
    fn floats_are_read_back_to_the_bit(bits in any::<u32>()) {
        let value = f32::from_bits(bits);
        prop_assume!((-100.0..=20.0).contains(&value));
        let features = AudioFeatures::default().with(AudioFeature::Loudness, value);
        let track = Track { title: Some("T".to_owned()), features, ..Track::default() };
        let playlist = Playlist { tracks: vec![track], ..Playlist::default() };
        let read = there_and_back(&playlist, CanonicalFormat::Csv);
        let found = read.tracks[0].features.get(AudioFeature::Loudness).unwrap();
        prop_assert_eq!(found.to_bits(), bits);
    }
}

#[test]
fn nothing_is_written_over_unasked_and_formulas_are_defused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let track = Track {
        title: Some("=1+1".to_owned()),
        ..Track::default()
    };
    let playlist = Playlist {
        name: "@home".to_owned(),
        tracks: vec![track],
        ..Playlist::default()
    };
    write_playlist(&path, &playlist, CanonicalFormat::Csv, Overwrite::Refuse).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        "track_id,isrc,title,artists,album,added_at,playlist,playlist_kind,is_local,danceability,energy,key,loudness,mode,speechiness,acousticness,instrumentalness,liveness,tempo,duration_ms,time_signature,valence,features_source,features_scale\n\
         ,,'=1+1,,,,'@home,playlist,false,,,,,,,,,,,,,,,\n"
    );
    let again = write_playlist(&path, &playlist, CanonicalFormat::Csv, Overwrite::Refuse);
    assert!(matches!(
        again,
        Err(playlist_import::Error::Core(
            playlist_core::Error::FileExists { .. }
        ))
    ));
    write_playlist(&path, &playlist, CanonicalFormat::Csv, Overwrite::Allow).unwrap();
}

#[cfg(feature = "parquet")]
#[test]
fn what_was_imported_is_written_and_read_back_the_same() {
    for name in [
        "pakiessling-MIT/liked.csv",
        "brice-MIT/audio-features_good_100.json",
    ] {
        let import = import(common::fixture(name), &ImportOptions::default()).unwrap();
        for format in [CanonicalFormat::Csv, CanonicalFormat::Parquet] {
            let playlist = &import.playlists[0].playlist;
            assert_eq!(&there_and_back(playlist, format), playlist, "{name}");
        }
    }
}
