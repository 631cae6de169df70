//! Exportify's features that moved up to other tracks.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{features, id, read_as, zip_of};
use playlist_core::AudioFeature;
use playlist_import::{Import, ImportOptions, SuspiciousFeatures};

const HEADER: &str = "Track URI,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Popularity,Explicit,Added By,Added At,Genres,Record Label,Danceability,Energy,Key,Loudness,Mode,Speechiness,Acousticness,Instrumentalness,Liveness,Valence,Tempo,Time Signature\n";

/// The features that Exportify writes for `n` tracks when the batches `refused` of `size` get no answer: one
/// empty place for a whole batch.
fn joined_by_position(n: usize, size: usize, refused: &[usize]) -> Vec<Option<usize>> {
    let mut answers = Vec::new();
    for (batch, first) in (0..n).step_by(size).enumerate() {
        if refused.contains(&batch) {
            answers.push(None);
        } else {
            answers.extend((first..n.min(first + size)).map(Some));
        }
    }
    answers.resize(n, None);
    answers
}

/// An export; rows without features end early, or are filled up as a spreadsheet does.
fn export(answers: &[Option<usize>], filled: bool) -> String {
    let mut text = HEADER.to_owned();
    for (row, answer) in answers.iter().enumerate() {
        text.push_str(&format!(
            "spotify:track:{},T{row},A,B,2020,200000,1,true,u,2025-07-27T13:14:48Z,,",
            id(row)
        ));
        match answer {
            Some(seed) => text.push_str(&format!(",{}", features(*seed))),
            None if filled => text.push_str(&",".repeat(12)),
            None => {}
        }
        text.push('\n');
    }
    text
}

fn read(text: &str, treatment: SuspiciousFeatures) -> Import {
    read_as(
        "x.csv",
        text,
        &ImportOptions::default().with_suspicious(treatment),
    )
    .unwrap()
}

#[test]
fn features_after_a_refused_batch_are_found_and_dropped() {
    for (n, size, refused, n_own) in [
        (250, 100, &[0][..], 0),
        (250, 100, &[1], 100),
        (350, 100, &[1, 2], 100),
        (130, 50, &[0], 0),
        (230, 50, &[1, 3], 50),
        (250, 100, &[0, 2], 0),
        (230, 50, &[1, 4], 50),
    ] {
        for filled in [false, true] {
            let text = export(&joined_by_position(n, size, refused), filled);
            let import = read(&text, SuspiciousFeatures::Drop);
            let report = &import.playlists[0].report;
            assert_eq!(
                report.n_with_features, n_own,
                "{n} {size} {refused:?} {filled}: {import}"
            );
            assert!(report.n_suspicious > 0);
            assert!(
                report.notes[0].contains("dropped, to be looked up elsewhere"),
                "{report}"
            );
            let tracks = &import.playlists[0].playlist.tracks;
            assert_eq!(tracks.len(), n, "no track is lost");
            assert!(
                tracks
                    .iter()
                    .all(|track| track.features.get(AudioFeature::DurationMs).is_some())
            );

            let kept = read(&text, SuspiciousFeatures::KeepAndWarn);
            let kept = &kept.playlists[0].report;
            assert_eq!(kept.n_with_features, n_own + report.n_suspicious);
            assert!(kept.notes[0].contains("kept, as asked"), "{kept}");
        }
    }
}

#[test]
fn a_batch_refused_at_the_end_moves_nothing() {
    let text = export(&joined_by_position(150, 100, &[1]), false);
    let import = read(&text, SuspiciousFeatures::Drop);
    assert_eq!(import.playlists[0].report.n_suspicious, 0, "{import}");
    assert_eq!(import.playlists[0].report.n_with_features, 100);
}

#[test]
fn tracks_that_merely_lack_features_are_left_alone() {
    // Single tracks, also at the start of a batch, with all cells there; a few at the end.
    let mut answers: Vec<Option<usize>> = (0..250).map(Some).collect();
    for row in [0, 7, 8, 9, 100, 150, 248, 249] {
        answers[row] = None;
    }
    let import = read(&export(&answers, true), SuspiciousFeatures::Drop);
    assert_eq!(import.playlists[0].report.n_suspicious, 0, "{import}");
    assert_eq!(import.playlists[0].report.n_with_features, 242);
}

#[test]
fn a_long_gap_is_told_and_nothing_is_dropped() {
    let mut answers: Vec<Option<usize>> = (0..300).map(Some).collect();
    answers[110..170].fill(None);
    let import = read(&export(&answers, true), SuspiciousFeatures::Drop);
    let report = &import.playlists[0].report;
    assert_eq!(
        (report.n_with_features, report.n_suspicious),
        (240, 0),
        "{import}"
    );
    assert!(
        report.notes[0].starts_with("60 rows up to row 170 have no features"),
        "{report}"
    );
}

#[test]
fn a_short_row_where_a_batch_begins_is_no_sign_by_itself() {
    let mut answers: Vec<Option<usize>> = (0..250).map(Some).collect();
    for row in [0, 100, 249] {
        answers[row] = None;
    }
    let import = read(&export(&answers, false), SuspiciousFeatures::Drop);
    assert_eq!(import.playlists[0].report.n_suspicious, 0, "{import}");
}

#[test]
fn two_files_that_contradict_each_other_are_both_doubted() {
    let export_of = |seeds: &[usize]| {
        let answers: Vec<Option<usize>> = seeds.iter().copied().map(Some).collect();
        export(&answers, false).into_bytes()
    };
    let packed = zip_of([
        ("a.csv", export_of(&[1, 2, 3])),
        ("b.csv", export_of(&[1, 9, 3, 4])),
    ]);
    let import = read_as("x.zip", packed, &ImportOptions::default()).unwrap();
    for (read, n_with) in import.playlists.iter().zip([2, 3]) {
        assert_eq!(
            (read.report.n_suspicious, read.report.n_with_features),
            (1, n_with),
            "{import}"
        );
        assert!(read.report.notes[0].contains("differ from those that the same tracks have elsewhere"));
    }
    // Where one of them is known to have moved, the other is believed.
    let moved = export(&joined_by_position(250, 100, &[1]), false).into_bytes();
    let sound = export(&joined_by_position(250, 100, &[]), false).into_bytes();
    let import = read_as(
        "x.zip",
        zip_of([("a.csv", moved), ("b.csv", sound)]),
        &ImportOptions::default(),
    )
    .unwrap();
    assert_eq!(import.playlists[0].report.n_with_features, 100);
    assert_eq!(import.playlists[1].report.n_with_features, 250, "{import}");
    // So is one that names the tracks beside their features.
    let table = |seed: usize| {
        format!("Spotify ID,Danceability,Energy,Key,Loudness,Mode,Speechiness,Acousticness,Instrumentalness,Liveness,Valence,Tempo,Time Signature\n{},{}\n", id(0), features(seed)).into_bytes()
    };
    let packed = zip_of([
        ("a.csv", table(5)),
        ("b.csv", export_of(&[1, 2])),
        ("c.csv", table(6)),
    ]);
    let import = read_as("x.zip", packed, &ImportOptions::default()).unwrap();
    let n_with: Vec<usize> = import
        .playlists
        .iter()
        .map(|read| read.report.n_with_features)
        .collect();
    assert_eq!(n_with, [1, 1, 1], "{import}");
}
