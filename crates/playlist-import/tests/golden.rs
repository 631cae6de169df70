//! Every header that is met in the wild, with made-up rows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{ID_A, ID_B, ID_C, read_as, read_one};
use playlist_core::{AudioFeature, FeatureScale, PlaylistKind, Track};
use playlist_import::{ExportFormat, ImportOptions, ImportedPlaylist};

const FEATURES: &str = "0.5,0.75,5,-7.25,1,0.0625,0.125,0.25,0.375,0.625,120.5,4";

/// The values of `FEATURES` in the order of `AudioFeature::ALL`, without the duration.
fn assert_features(track: &Track) {
    for (feature, value) in [
        (AudioFeature::Danceability, 0.5),
        (AudioFeature::Energy, 0.75),
        (AudioFeature::Key, 5.0),
        (AudioFeature::Loudness, -7.25),
        (AudioFeature::Mode, 1.0),
        (AudioFeature::Speechiness, 0.0625),
        (AudioFeature::Acousticness, 0.125),
        (AudioFeature::Instrumentalness, 0.25),
        (AudioFeature::Liveness, 0.375),
        (AudioFeature::Valence, 0.625),
        (AudioFeature::Tempo, 120.5),
        (AudioFeature::TimeSignature, 4.0),
    ] {
        assert_eq!(track.features.get(feature), Some(value), "{feature}");
    }
}

fn duration(track: &Track) -> Option<f32> {
    track.features.get(AudioFeature::DurationMs)
}

fn assert_two_tracks(read: &ImportedPlaylist, format: ExportFormat) {
    assert_eq!(read.format, format, "{read}");
    let [first, second] = &read.playlist.tracks[..] else {
        panic!("{read}")
    };
    assert_eq!(first.id.as_ref().map(|id| id.as_str()), Some(ID_A));
    assert_eq!(first.title.as_deref(), Some("Blinding \"Lights\", live"));
    assert_eq!(first.artists, ["The Weeknd", "Other"]);
    assert_eq!(first.album.as_deref(), Some("After Hours"));
    assert_eq!(first.added_at.as_deref(), Some("2025-07-27T13:14:48Z"));
    assert_eq!(duration(first), Some(200_040.0));
    assert_eq!(second.id.as_ref().map(|id| id.as_str()), Some(ID_B));
    assert_eq!(second.features.get(AudioFeature::Energy), None);
    assert!(
        (read.report.n_bad_rows, read.report.n_bad_cells) == (0, 0),
        "{read}"
    );
    let lines: Vec<_> = read.rows.iter().map(|place| (place.row, place.line)).collect();
    assert_eq!(lines, [(1, Some(2)), (2, Some(3))]);
}

#[test]
fn exportify_of_every_age_is_read() {
    // Header, the cells before the features of the first row, and of the second, which has none.
    let title = "\"Blinding \"\"Lights\"\", live\"";
    let current = "Track URI,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Popularity,Explicit,Added By,Added At,Genres,Record Label,Danceability,Energy,Key,Loudness,Mode,Speechiness,Acousticness,Instrumentalness,Liveness,Valence,Tempo,Time Signature";
    let row = |id: &str, artists: &str, explicit: &str| {
        format!(
            "{id},{title},After Hours,\"{artists}\",2020-03-20,200040,70,{explicit}user,2025-07-27T13:14:48Z,\"pop,r&b\",\"undefined\""
        )
    };
    let uri = format!("spotify:track:{ID_A}");
    let cases = [
        // Since July 2025 with `;` between artists; a byte order mark, and a short row.
        (
            current.to_owned(),
            "\u{FEFF}",
            row(&uri, "The Weeknd;Other", "true,"),
        ),
        // Before, with `,`.
        (current.to_owned(), "", row(&uri, "The Weeknd,Other", "false,")),
        // May 2025: `Explicit` twice.
        (
            current.replace("Explicit,", "Explicit,Explicit,"),
            "",
            row(&uri, "The Weeknd,Other", "true,true,"),
        ),
        // April 2025: none.
        (
            current.replace("Explicit,", ""),
            "",
            row(&uri, "The Weeknd,Other", ""),
        ),
        // 2024: `Track ID`, tabs before `Danceability`.
        (
            current
                .replace("Track URI", "Track ID")
                .replace("Explicit,", "")
                .replace("Danceability", "\t\t\t\tDanceability"),
            "",
            row(ID_A, "The Weeknd,Other", ""),
        ),
    ];
    for (header, bom, row) in cases {
        let second = row.replace(ID_A, ID_B);
        let text = format!("{bom}{header}\n{row},{FEATURES}\n{second}\n");
        let read = read_one("Road_Trip.csv", text);
        assert_two_tracks(&read, ExportFormat::Exportify);
        assert_features(&read.playlist.tracks[0]);
        let origin = read.playlist.tracks[0].features_from.clone().unwrap();
        assert_eq!(
            (origin.source.as_str(), origin.scale),
            ("exportify", FeatureScale::Spotify)
        );
        assert_eq!(read.playlist.name, "Road_Trip");
        assert_eq!((read.report.n_tracks, read.report.n_with_features), (2, 1));
    }
}

#[test]
fn exportify_of_2019_and_the_one_without_features_are_read() {
    let header = "Spotify ID,Artist IDs,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Popularity,Added By,Added At,Genres,Danceability,Energy,Key,Loudness,Mode,Speechiness,Acousticness,Instrumentalness,Liveness,Valence,Tempo,Time Signature";
    let text = format!(
        "{header}\n{ID_A},\"x,y\",\"Title\",\"Album\",\"Tyler, The Creator,Other\",2019,200040,70,u,2020-01-01T00:00:00Z,\"\",{FEATURES}\n,\"x\",\"A local file\",\"\",\"Someone\",,100000,0,u,2020-01-01T00:00:00Z,\"\",,,,,,,,,,,,\n"
    );
    let read = read_one("old.csv", text);
    assert_eq!(read.format, ExportFormat::Exportify);
    assert_features(&read.playlist.tracks[0]);
    assert_eq!(read.playlist.tracks[0].artists, ["Tyler, The Creator", "Other"]);
    assert_eq!(read.report.n_without_id, 1);

    let header = "Track URI,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Popularity,Explicit,Added By,Added At,Genres,Record Label";
    let text = format!(
        "{header}\nspotify:track:{ID_A},T,Al,Ar,2019,1000,1,true,u,2020-01-01T00:00:00Z,,L\nspotify:local:Me:Demos:Song+1:61,,,,,0,0,,,2020-01-01T00:00:00Z,,\nspotify:episode:{ID_C},E,Al,Ar,2019,1000,1,true,u,2020-01-01T00:00:00Z,,L\n"
    );
    let read = read_one("Liked_Songs.csv", text);
    assert_eq!(
        (read.format, read.playlist.kind),
        (ExportFormat::Exportify, PlaylistKind::Liked)
    );
    let local = &read.playlist.tracks[1];
    assert!(local.is_local);
    assert_eq!(
        (local.title.as_deref(), local.artists[0].as_str()),
        (Some("Song 1"), "Me")
    );
    assert_eq!(
        (
            read.report.n_local,
            read.report.n_episodes,
            read.report.n_with_features
        ),
        (1, 1, 0)
    );
}

const APP: [&str; 19] = [
    "Track URI",
    "Track Name",
    "Artist URI(s)",
    "Artist Name(s)",
    "Album URI",
    "Album Name",
    "Album Artist URI(s)",
    "Album Artist Name(s)",
    "Album Release Date",
    "Album Image URL",
    "Disc Number",
    "Track Number",
    "Track Duration (ms)",
    "Track Preview URL",
    "Explicit",
    "Popularity",
    "ISRC",
    "Added By",
    "Added At",
];

fn quoted<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells
        .into_iter()
        .map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")))
        .collect();
    cells.join(",")
}

fn app_row(id: &str) -> Vec<String> {
    let uri = format!("spotify:track:{id}");
    [
        uri.as_str(),
        "Blinding \"Lights\", live",
        "spotify:artist:a, spotify:artist:b",
        "The Weeknd, Other",
        "spotify:album:x",
        "After Hours",
        "spotify:artist:a",
        "The Weeknd",
        "2020-03-20",
        "https://i.scdn.co/image/x",
        "1",
        "9",
        "200040",
        "null",
        "false",
        "70",
        "USUG11904206",
        "spotify:user:u",
        "2025-07-27T13:14:48Z",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[test]
fn exportify_app_is_read_with_any_columns_ticked_and_in_any_language() {
    let german = [
        "Track-URI",
        "Track-Name",
        "Künstler-URI(s)",
        "Künstlername(n)",
        "Album-URI",
        "Album-Name",
        "Album-Künstler-URI(s)",
        "Album-Künstlername(n)",
        "Veröffentlichungsdatum des Albums",
        "Album-Bild-URL",
        "Disc-Nummer",
        "Track-Nummer",
        "Track-Dauer (ms)",
        "Track-Vorschau-URL",
        "Explizit",
        "Beliebtheit",
        "ISRC",
        "Hinzugefügt von",
        "Hinzugefügt am",
    ];
    let japanese = [
        "トラックURI",
        "トラック名",
        "アーティストURI",
        "アーティスト名",
        "アルバムURI",
        "アルバム名",
        "アルバムアーティストURI",
        "アルバムアーティスト名",
        "アルバム発売日",
        "アルバム画像URL",
        "ディスク番号",
        "トラック番号",
        "トラックの長さ（ミリ秒）",
        "トラックプレビューURL",
        "明示的な内容",
        "人気度",
        "ISRC",
        "追加者",
        "追加日時",
    ];
    let english_features = [
        "Danceability",
        "Energy",
        "Key",
        "Loudness",
        "Mode",
        "Speechiness",
        "Acousticness",
        "Instrumentalness",
        "Liveness",
        "Valence",
        "Tempo",
        "Time Signature",
    ];
    let foreign_features = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    for (base, names) in [
        (APP, english_features),
        (german, foreign_features),
        (japanese, foreign_features),
    ] {
        for (genres, audio, album, isrc) in [
            (false, false, false, true),
            (true, true, true, true),
            (false, true, false, false),
            (true, true, false, true),
            (false, true, true, true),
        ] {
            let mut header: Vec<&str> = base.to_vec();
            let (mut first, mut second) = (app_row(ID_A), app_row(ID_B));
            if !isrc {
                header.remove(16);
                first.remove(16);
                second.remove(16);
            }
            if genres {
                header.push("Artist Genres");
                first.push("pop, r&b".to_owned());
                second.push(String::new());
            }
            if audio {
                header.extend(names);
                first.extend(FEATURES.split(',').map(str::to_owned));
                second.extend(std::iter::repeat_n(String::new(), 12));
            }
            if album {
                header.extend(["Album Genres", "Label", "Copyrights"]);
                first.extend(["", "Republic", "C 2020"].map(str::to_owned));
            }
            let lines = [
                quoted(header.iter().copied()),
                quoted(first.iter().map(String::as_str)),
                quoted(second.iter().map(String::as_str)),
            ];
            let read = read_one("liked.csv", lines.join("\n"));
            assert_two_tracks(&read, ExportFormat::ExportifyApp);
            assert_eq!(read.playlist.kind, PlaylistKind::Liked);
            let found = read.playlist.tracks[0].isrc.as_ref().map(|isrc| isrc.as_str());
            assert_eq!(found, isrc.then_some("USUG11904206"));
            if audio {
                assert_features(&read.playlist.tracks[0]);
            }
        }
    }
}

#[test]
fn exportify_app_of_2015_and_the_version_with_the_name_of_the_playlist_are_read() {
    let header = quoted([
        "Spotify URI",
        "Track Name",
        "Artist Name",
        "Album Name",
        "Disc Number",
        "Track Number",
        "Track Duration (ms)",
        "Added By",
        "Added At",
    ]);
    let row = quoted([
        &format!("spotify:track:{ID_A}"),
        "T",
        r"Tyler\, The Creator, B",
        "Al",
        "1",
        "2",
        "200040",
        "u",
        "2015-01-01T00:00:00Z",
    ]);
    let read = read_one("x.csv", format!("{header}\n{row}\n"));
    assert_eq!(read.format, ExportFormat::ExportifyApp);
    assert_eq!(read.playlist.tracks[0].artists, ["Tyler, The Creator", "B"]);

    let with_name = |names: &[&str]| {
        let header: Vec<&str> = [&["x"][..], names].concat();
        let row: Vec<String> = [vec!["My list".to_owned()], app_row(ID_A)].concat();
        format!("{}\n{}", quoted(header), quoted(row.iter().map(String::as_str)))
    };
    let foreign: Vec<String> = (0..19).map(|n| format!("columna {n}")).collect();
    let foreign: Vec<&str> = foreign.iter().map(String::as_str).collect();
    for header in [&APP[..], &foreign] {
        let read = read_one("x.csv", with_name(header));
        assert_eq!(read.format, ExportFormat::ExportifyApp, "{read}");
        assert_eq!(
            read.playlist.tracks[0].title.as_deref(),
            Some("Blinding \"Lights\", live")
        );
    }
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
