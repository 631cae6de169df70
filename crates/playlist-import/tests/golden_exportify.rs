//! Every header of the two programs called Exportify, with made-up rows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{FEATURES, ID_A, ID_B, ID_C, assert_features, read_one};
use playlist_core::{AudioFeature, FeatureScale, PlaylistKind, Track};
use playlist_import::{ExportFormat, ImportedPlaylist};

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

const ENGLISH: &str = "Track URI|Track Name|Artist URI(s)|Artist Name(s)|Album URI|Album Name|Album Artist URI(s)|Album Artist Name(s)|Album Release Date|Album Image URL|Disc Number|Track Number|Track Duration (ms)|Track Preview URL|Explicit|Popularity|ISRC|Added By|Added At";
const GERMAN: &str = "Track-URI|Track-Name|Künstler-URI(s)|Künstlername(n)|Album-URI|Album-Name|Album-Künstler-URI(s)|Album-Künstlername(n)|Veröffentlichungsdatum des Albums|Album-Bild-URL|Disc-Nummer|Track-Nummer|Track-Dauer (ms)|Track-Vorschau-URL|Explizit|Beliebtheit|ISRC|Hinzugefügt von|Hinzugefügt am";
const JAPANESE: &str = "トラックURI|トラック名|アーティストURI|アーティスト名|アルバムURI|アルバム名|アルバムアーティストURI|アルバムアーティスト名|アルバム発売日|アルバム画像URL|ディスク番号|トラック番号|トラックの長さ（ミリ秒）|トラックプレビューURL|明示的な内容|人気度|ISRC|追加者|追加日時";
const ENGLISH_FEATURES: &str = "Danceability|Energy|Key|Loudness|Mode|Speechiness|Acousticness|Instrumentalness|Liveness|Valence|Tempo|Time Signature";
const GERMAN_FEATURES: &str = "Tanzbarkeit|Energie|Tonart|Lautstärke|Modus|Sprachanteil|Akustik|Instrumentalität|Lebendigkeit|Valenz|Tempo|Taktart";
const JAPANESE_FEATURES: &str = "ダンサビリティ|エネルギー|キー|ラウドネス|モード|スピーチ性|アコースティック性|インストゥルメンタル性|ライブ感|感情値|テンポ|拍子";

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

/// Which of the optional columns are there.
#[derive(Clone, Copy)]
struct Ticked {
    genres: bool,
    features: bool,
    album: bool,
    isrc: bool,
}

/// Two tracks, the second without features.
fn app_table(base: &str, features: &str, ticked: Ticked) -> String {
    let mut header: Vec<&str> = base.split('|').collect();
    let (mut first, mut second) = (app_row(ID_A), app_row(ID_B));
    if !ticked.isrc {
        header.remove(16);
        first.remove(16);
        second.remove(16);
    }
    if ticked.genres {
        header.push("Artist Genres");
        first.push("pop, r&b".to_owned());
        second.push(String::new());
    }
    if ticked.features {
        header.extend(features.split('|'));
        first.extend(FEATURES.split(',').map(str::to_owned));
        second.extend(std::iter::repeat_n(String::new(), 12));
    }
    if ticked.album {
        header.extend(["Album Genres", "Label", "Copyrights"]);
        first.extend(["", "Republic", "C 2020"].map(str::to_owned));
    }
    let lines = [
        quoted(header.iter().copied()),
        quoted(first.iter().map(String::as_str)),
        quoted(second.iter().map(String::as_str)),
    ];
    lines.join("\n")
}

#[test]
fn exportify_app_is_read_with_any_columns_ticked_and_in_any_language() {
    for (base, names) in [
        (ENGLISH, ENGLISH_FEATURES),
        (GERMAN, GERMAN_FEATURES),
        (JAPANESE, JAPANESE_FEATURES),
    ] {
        for bits in 0..16 {
            let ticked = Ticked {
                genres: bits & 1 > 0,
                features: bits & 2 > 0,
                album: bits & 4 > 0,
                isrc: bits & 8 > 0,
            };
            let read = read_one("liked.csv", app_table(base, names, ticked));
            assert_two_tracks(&read, ExportFormat::ExportifyApp);
            assert_eq!(read.playlist.kind, PlaylistKind::Liked);
            let found = read.playlist.tracks[0].isrc.as_ref().map(|isrc| isrc.as_str());
            assert_eq!(found, ticked.isrc.then_some("USUG11904206"));
            if ticked.features {
                assert_features(&read.playlist.tracks[0]);
            }
            // Playlists of old have no times.
            let timeless = app_table(base, names, ticked).replace("2025-07-27T13:14:48Z", "null");
            let read = read_one("liked.csv", timeless);
            assert_eq!(read.format, ExportFormat::ExportifyApp);
            assert_eq!(read.playlist.tracks[0].added_at, None);
            if ticked.features {
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
    let english: Vec<&str> = ENGLISH.split('|').collect();
    for header in [&english, &foreign] {
        let read = read_one("x.csv", with_name(header));
        assert_eq!(read.format, ExportFormat::ExportifyApp, "{read}");
        assert_eq!(
            read.playlist.tracks[0].title.as_deref(),
            Some("Blinding \"Lights\", live")
        );
    }
}
