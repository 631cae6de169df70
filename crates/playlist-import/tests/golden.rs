//! Every header that is met in the wild but Exportify's, with made-up rows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{ID_A, ID_B, ID_C, assert_features, read_as, read_one};
use playlist_core::{AudioFeature, FeatureScale, PlaylistKind, Track};
use playlist_import::{ExportFormat, ImportOptions};

fn duration(track: &Track) -> Option<f32> {
    track.features.get(AudioFeature::DurationMs)
}

#[test]
fn chosic_is_read_in_percent_and_text() {
    let old = "#,Song,Artist,Popularity,BPM,Genres,Parent Genres,Album,Album Date,Time,Dance,Energy,Acoustic,Instrumental,Happy,Speech,Live,Loud,Key,Time Signature,Added At,Spotify Track Id,Album Label,Camelot,\"Spotify Track Img\",\"Song Preview\"\n";
    let row = format!(
        "1,\"Pharaohs\",\"SBTRKT,Roses Gabor\",0,127,\"electronica\",\"Rock, Pop\",\"SBTRKT\",2011-06-27,3:38,80,58,1,74,64,0,10,-9,F Minor,4,2018-12-18,{ID_A},\"Young Turks\",4A,,https://x\n"
    );
    let new = "#,Song,Artist,BPM,Camelot,Energy,Added At,Duration,Popularity,Genres,Parent Genres,Album,Album Date,Dance,Acoustic,Instrumental,Valence,Speech,Live,Loud (Db),Key,Time Signature,Spotify Track Id,Label,ISRC,Explicit\n";
    let new_row = format!(
        "1,\"Pharaohs\",\"SBTRKT,Roses Gabor\",127,4A,58,2018-12-18,3:38,0,,,\"SBTRKT\",2011-06-27,80,1,74,64,0,10,-9,F Minor,4,{ID_A},L,USUG11904206,No\n"
    );
    for text in [format!("{old}{row}"), format!("{new}{new_row}")] {
        let read = read_one("x.csv", text);
        assert_eq!(read.format, ExportFormat::Chosic);
        let track = &read.playlist.tracks[0];
        for (feature, value) in [
            (AudioFeature::Danceability, 0.8),
            (AudioFeature::Energy, 0.58),
            (AudioFeature::Acousticness, 0.01),
            (AudioFeature::Instrumentalness, 0.74),
            (AudioFeature::Valence, 0.64),
            (AudioFeature::Speechiness, 0.0),
            (AudioFeature::Liveness, 0.1),
            (AudioFeature::Loudness, -9.0),
            (AudioFeature::Key, 5.0),
            (AudioFeature::Mode, 0.0),
            (AudioFeature::Tempo, 127.0),
            (AudioFeature::DurationMs, 218_000.0),
            (AudioFeature::TimeSignature, 4.0),
        ] {
            assert_eq!(track.features.get(feature), Some(value), "{feature}");
        }
        assert_eq!(track.artists, ["SBTRKT", "Roses Gabor"]);
        assert_eq!(track.added_at.as_deref(), Some("2018-12-18"));
        assert_eq!(
            track.features_from.as_ref().unwrap().scale,
            FeatureScale::SpotifyRounded
        );
        assert!(
            read.report.to_string().contains("from percent to 0 to 1"),
            "{}",
            read.report
        );
    }
    let third = read_one("x.csv", "#,Track name,Artist name,Album,Duration\n1,T,A,B,3:38\n");
    assert_eq!(third.format, ExportFormat::Chosic);
    assert_eq!(duration(&third.playlist.tracks[0]), Some(218_000.0));
}

#[test]
fn tunemymusic_is_many_playlists_in_one_file() {
    let text = format!(
        "\u{FEFF}Track name,Artist name,Album,Playlist name,Type,ISRC,Spotify - id\r\nOne,A,Al,Favorite Songs,Favorite,USUG11904206,{ID_A}\r\nTwo,B,Bl,Road,Playlist,,{ID_B}\r\nThree,C,,Road,Playlist\r\n,D,,,Artist,,\r\nFour,E,El,,Album,,\r\n"
    );
    let import = read_as("My Music.csv", text, &ImportOptions::default()).unwrap();
    let names: Vec<_> = import
        .playlists
        .iter()
        .map(|read| {
            (
                read.playlist.name.as_str(),
                read.playlist.kind,
                read.playlist.tracks.len(),
            )
        })
        .collect();
    assert_eq!(
        names,
        [
            ("Favorite Songs", PlaylistKind::Liked, 1),
            ("Road", PlaylistKind::Playlist, 2)
        ]
    );
    assert_eq!(import.playlists[1].format, ExportFormat::TuneMyMusic);
    assert_eq!(import.playlists[1].report.n_other, 2);
    let other = read_one(
        "x.csv",
        "Track name,Artist name,Album,Playlist name,Type,ISRC,Apple - id\nOne,A,Al,Road,Playlist,USUG11904206,123\n",
    );
    assert_eq!(other.report.n_bad_cells, 0, "{other}");
    assert_eq!(other.report.n_without_id, 1);
}

#[test]
fn tunemymusic_without_the_names_of_playlists_is_one() {
    let text = format!(
        "Track name,Artist name,Album,Type,ISRC,Spotify - id\nOne,A,Al,Favorite,,{ID_A}\nTwo,B,,Album\n"
    );
    let read = read_one("x.csv", text);
    assert_eq!(
        (read.format, read.playlist.kind),
        (ExportFormat::TuneMyMusic, PlaylistKind::Liked)
    );
    assert_eq!(
        (
            read.playlist.name.as_str(),
            read.report.n_tracks,
            read.report.n_other
        ),
        ("x", 1, 1)
    );
}

#[test]
fn soundiiz_is_read_with_both_delimiters() {
    for text in [
        "index,title,artist,album,isrc\n1,One,A,Al,USUG11904206\n",
        "title;artist;album;isrc;addedDate;duration;url\nOne;A;Al;USUG11904206;2025-01-01;200;https://www.deezer.com/track/1\n",
        "Title,Artist,Album,ISRC\nOne,A,Al,USUG11904206\n",
    ] {
        let read = read_one("x.csv", text);
        assert_eq!(read.format, ExportFormat::Soundiiz, "{text}");
        let track = &read.playlist.tracks[0];
        assert_eq!(
            track.isrc.as_ref().map(|isrc| isrc.as_str()),
            Some("USUG11904206")
        );
        assert_eq!(
            (track.title.as_deref(), &track.artists[..]),
            (Some("One"), &["A".to_owned()][..])
        );
        assert_eq!(read.report.n_bad_cells, 0, "{read}");
    }
}

#[test]
fn catalogues_lists_and_tables_of_any_kind_are_read() {
    let kaggle = format!(
        ",track_id,artists,album_name,track_name,popularity,duration_ms,explicit,danceability,energy,key,loudness,mode,speechiness,acousticness,instrumentalness,liveness,valence,tempo,time_signature,track_genre\n0,{ID_A},A;B,Al,T,73,200040,False,0.5,0.75,5,-7.25,1,0.0625,0.125,0.25,0.375,0.625,120.5,4,acoustic\n"
    );
    let million = format!(
        "id,name,album,album_id,artists,artist_ids,track_number,disc_number,explicit,danceability,energy,key,loudness,mode,speechiness,acousticness,instrumentalness,liveness,valence,tempo,duration_ms,time_signature,year,release_date\n{ID_A},T,Al,x,\"['A', 'B']\",\"['x']\",1,1,False,0.5,0.75,5,-7.25,1,0.0625,0.125,0.25,0.375,0.625,120.5,200040.0,4.0,1999,1999-11-02\n"
    );
    for text in [kaggle, million] {
        let read = read_one("tracks.csv", text);
        assert_eq!(read.format, ExportFormat::Table);
        assert_features(&read.playlist.tracks[0]);
        assert_eq!(duration(&read.playlist.tracks[0]), Some(200_040.0));
        assert_eq!(read.playlist.tracks[0].artists, ["A", "B"]);
        assert_eq!(read.playlist.tracks[0].title.as_deref(), Some("T"));
    }
    let tab = read_one("x.tsv", "sep=\t\nArtist\tTitle\tEnergy\nA\tT\t0,5\n");
    assert_eq!(
        tab.playlist.tracks[0].features.get(AudioFeature::Energy),
        Some(0.5)
    );
    let list = read_one(
        "ids.txt",
        format!(
            "https://open.spotify.com/track/{ID_A}?si=x\r\nspotify:track:{ID_B}\nspotify:episode:{ID_C}\nnonsense\n{ID_C},{ID_A}"
        ),
    );
    assert_eq!(list.format, ExportFormat::IdList);
    assert_eq!((list.report.n_tracks, list.report.n_bad_rows), (3, 1), "{list}");
    assert_eq!((list.report.n_episodes, list.report.n_repeats), (1, 1), "{list}");
    let lines = format!(
        "{{\"id\":\"{ID_A}\",\"energy\":0.5,\"playlist\":\"x\",\"artists\":[\"A\",\"B;C\"]}}\n\nnonsense\n{{\"name\":\"T\",\"artist\":\"A\",\"playlist\":\"x\"}}\n"
    );
    let read = read_one("x.jsonl", lines);
    assert_eq!(
        (
            read.playlist.name.as_str(),
            read.report.n_tracks,
            read.report.n_bad_rows
        ),
        ("x", 2, 1)
    );
    assert_eq!(read.playlist.tracks[0].artists, ["A", "B;C"]);
    assert_eq!(read.rows[1].line, Some(4));
}
