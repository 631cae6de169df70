//! JSON: the privacy export, replies of services, lists.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{ID_A, ID_B, ID_C, fixture, read_as, read_one, zip_of};
use playlist_core::{AudioFeature, PlaylistKind};
use playlist_import::{Error, ExportFormat, ImportOptions, import};

fn library() -> String {
    format!(
        "\u{FEFF}{{\n \"tracks\": [\n  {{\"artist\":\"A\",\"album\":\"Al\",\"track\":\"T\",\"uri\":\"spotify:track:{ID_A}\"}},\n  7,\n  {{\"artist\":\"B\",\"album\":\"Bl\",\"track\":\"U\"}}\n ],\n \"albums\": [{{\"artist\":\"X\",\"album\":\"Y\",\"uri\":\"spotify:album:1\"}}], \"shows\": [], \"episodes\": [],\n \"bannedTracks\": [{{\"artist\":\"C\",\"album\":\"Cl\",\"track\":\"V\",\"uri\":\"spotify:track:{ID_B}\"}}], \"artists\": [], \"bannedArtists\": [], \"other\": [\"x\"]\n}}"
    )
}

fn playlists() -> String {
    format!(
        r#"{{"playlists":[{{"name":"Road & \"Trip\"","lastModifiedDate":"2025-01-02","items":[
{{"track":{{"trackName":"T","artistName":"A, B","albumName":"Al","trackUri":"spotify:track:{ID_A}"}},"episode":null,"audiobook":null,"localTrack":null,"addedDate":"2024-12-31"}},
{{"track":null,"episode":{{"episodeName":"E"}},"localTrack":null}},
{{"track":null,"episode":null,"audiobook":{{"audiobookName":"E"}},"localTrack":null}},
{{"track":null,"episode":null,"localTrack":{{"uri":"spotify:local:Me:Demos:S%C3%B8ng+1:61"}}}},
{{"track":{{"trackName":"Old","artistName":"C","albumName":""}},"addedDate":null}},
{{"track":null,"episode":null,"localTrack":null}}
],"description":"&lt;","numberOfFollowers":0}},{{"name":"Road & \"Trip\"","items":[]}}, 5]}}"#
    )
}

fn assert_library(reads: &[playlist_import::ImportedPlaylist]) {
    let [liked, blocked] = reads else {
        panic!("{}", reads.len())
    };
    assert_eq!(
        (liked.playlist.name.as_str(), liked.playlist.kind),
        ("Liked Songs", PlaylistKind::Liked)
    );
    assert_eq!(liked.format, ExportFormat::PrivacyLibrary);
    assert_eq!(liked.playlist.tracks[0].id.as_ref().unwrap().as_str(), ID_A);
    assert_eq!(liked.playlist.tracks[0].artists, ["A"]);
    assert_eq!(
        (
            liked.report.n_tracks,
            liked.report.n_without_id,
            liked.report.n_bad_rows
        ),
        (2, 1, 1)
    );
    assert_eq!(
        (
            liked.report.issues[0].place.row,
            liked.report.issues[0].place.line
        ),
        (2, Some(4))
    );
    assert_eq!(
        (blocked.playlist.kind, blocked.playlist.tracks.len()),
        (PlaylistKind::Blocked, 1)
    );
}

fn assert_playlists(reads: &[playlist_import::ImportedPlaylist]) {
    let [road, empty] = reads else {
        panic!("{}", reads.len())
    };
    assert_eq!(road.playlist.name, "Road & \"Trip\"");
    assert_eq!(road.format, ExportFormat::PrivacyPlaylists);
    let [track, local, old] = &road.playlist.tracks[..] else {
        panic!("{road}")
    };
    assert_eq!(track.added_at.as_deref(), Some("2024-12-31"));
    assert_eq!(track.artists, ["A, B"], "one artist only, so nothing is split");
    assert!(local.is_local);
    assert_eq!(
        (local.title.as_deref(), local.artists[0].as_str()),
        (Some("Søng 1"), "Me")
    );
    assert_eq!(local.features.get(AudioFeature::DurationMs), Some(61_000.0));
    assert_eq!((old.title.as_deref(), old.album.as_deref()), (Some("Old"), None));
    assert_eq!(
        (road.report.n_episodes, road.report.n_bad_rows, road.report.n_rows),
        (2, 1, 6)
    );
    assert_eq!(
        empty.playlist.name, road.playlist.name,
        "two playlists may have one name"
    );
    assert_eq!(
        (empty.report.n_rows, empty.report.n_bad_rows),
        (1, 1),
        "what is no playlist is counted"
    );
}

#[test]
fn the_privacy_export_is_read_as_file_folder_and_zip() {
    let options = ImportOptions::default();
    assert_library(
        &read_as("YourLibrary.json", library(), &options)
            .unwrap()
            .playlists,
    );
    assert_library(&read_as("whatever.txt", library(), &options).unwrap().playlists);
    assert_playlists(
        &read_as("Playlist1.json", playlists(), &options)
            .unwrap()
            .playlists,
    );

    let secret = || b"{\"name\": \"must not be read\"}".to_vec();
    let members = || {
        [
            ("Spotify Account Data/YourLibrary.json", library().into_bytes()),
            ("Spotify Account Data/Playlist1.json", playlists().into_bytes()),
            ("Spotify Account Data/Identity.json", secret()),
            ("Spotify Account Data/Payments.json", secret()),
            ("Spotify Account Data/StreamingHistory_music_0.json", secret()),
            (
                "__MACOSX/Spotify Account Data/._YourLibrary.json",
                vec![0, 5, 22, 7],
            ),
            ("../../etc/Playlist9.csv", b"Title,Artist\nT,A\n".to_vec()),
        ]
    };
    let read = read_as("my_spotify_data.zip", zip_of(members()), &options).unwrap();
    assert_eq!(read.n_not_opened, 4);
    assert!(read.skipped.is_empty(), "{read}");
    assert_eq!(read.playlists.len(), 5);
    assert_playlists(&read.playlists[1..3]);
    assert_library(&read.playlists[3..]);
    assert!(
        read.playlists[3]
            .file
            .ends_with("my_spotify_data.zip/Spotify Account Data/YourLibrary.json")
    );

    let folder = tempfile::tempdir().unwrap();
    for (name, content) in members().into_iter().take(6) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let read = import(folder.path(), &options).unwrap();
    assert_playlists(&read.playlists[..2]);
    assert_library(&read.playlists[2..]);
}

#[test]
fn the_streaming_history_is_refused_and_says_what_to_give() {
    for text in [
        r#"[{"endTime":"2024-01-01 10:00","artistName":"A","trackName":"T","msPlayed":1000}]"#,
        r#"[{"ts":"2024-01-01T10:00:00Z","platform":"x","ms_played":1,"master_metadata_track_name":"T","spotify_track_uri":null}]"#,
        r#"[{"ts":"2024-01-01T10:00:00Z","username":"x","ms_played":1,"master_metadata_track_name":"T"}]"#,
    ] {
        let error = read_as("endsong_0.json", text, &ImportOptions::default()).unwrap_err();
        assert!(matches!(error, Error::StreamingHistory { .. }), "{error}");
        assert!(error.to_string().contains("YourLibrary.json"));
    }
}

#[test]
fn an_export_of_nothing_but_history_is_refused_without_opening_it() {
    let name = "Spotify Extended Streaming History/Streaming_History_Audio_2024-2025_0.json";
    let packed = zip_of([(name, b"[]".to_vec()), ("ReadMeFirst.pdf", Vec::new())]);
    let error = read_as("my_spotify_data.zip", packed, &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, Error::StreamingHistory { .. }), "{error}");
}

#[test]
fn replies_with_audio_features_are_read() {
    let read = |name: &str| {
        import(fixture(name), &ImportOptions::default())
            .unwrap()
            .playlists
            .remove(0)
    };
    for (name, n, n_other) in [
        ("brice-MIT/audio-features_good_100.json", 100, 0),
        ("brice-MIT/audio-features_dislike_95.json", 95, 0),
        (
            "spotify-web-api-java-MIT/GetAudioFeaturesForSeveralTracksRequest.json",
            0,
            0,
        ),
        ("zmb3-Apache2/audio_features_with_null.json", 3, 1),
        ("joostlek-MIT/audio_features.json", 1, 0),
    ] {
        let found = read(name);
        assert_eq!(found.format, ExportFormat::SpotifyFeatures, "{name}");
        let report = &found.report;
        if n > 0 {
            assert_eq!(
                (report.n_tracks, report.n_with_features),
                (n, n),
                "{name}: {found}"
            );
        }
        assert_eq!(
            (report.n_other, report.n_bad_rows, report.n_bad_cells),
            (n_other, 0, 0),
            "{name}: {found}"
        );
        assert_eq!(report.coverage.n_complete, report.n_tracks);
    }
    let first = &read("brice-MIT/audio-features_good_100.json").playlist.tracks[0];
    assert_eq!(first.id.as_ref().unwrap().as_str(), "55mcupbf7cIsuCEVAuTJVk");
    assert_eq!(first.features.get(AudioFeature::Tempo), Some(172.068));
    assert_eq!(first.features_from.as_ref().unwrap().source, "spotify");
}

#[test]
fn reccobeats_is_joined_by_the_link() {
    let text = format!(
        r#"{{"content":[{{"id":"25c8ca63-5895-4572-84eb-a7040bc08c4d","href":"https://open.spotify.com/track/{ID_A}?si=1","isrc":"USUG11904206","acousticness":0.001,"danceability":0.5,"energy":0.7,"key":-1,"loudness":-5.9,"mode":1,"tempo":171.0,"valence":null}},
{{"id":"25c8ca63-5895-4572-84eb-a7040bc08c4e","trackTitle":"T","artists":[{{"id":"x","name":"A"}},{{"name":"B"}}],"durationMs":200040,"isrc":"USUG11904207","href":"https://open.spotify.com/track/{ID_B}"}}]}}"#
    );
    let read = read_one("reply.json", text);
    assert_eq!(read.format, ExportFormat::ReccoBeats);
    let [first, second] = &read.playlist.tracks[..] else {
        panic!("{read}")
    };
    assert_eq!(first.id.as_ref().unwrap().as_str(), ID_A);
    assert_eq!(
        (
            first.features.get(AudioFeature::Key),
            first.features.get(AudioFeature::Valence)
        ),
        (None, None)
    );
    assert_eq!(first.features_from.as_ref().unwrap().source, "reccobeats");
    assert_eq!(second.artists, ["A", "B"]);
    assert_eq!(second.features.get(AudioFeature::DurationMs), Some(200_040.0));
    assert_eq!(read.report.n_bad_cells, 0, "{read}");
}

#[test]
fn replies_that_list_tracks_are_read_in_both_shapes() {
    let read = |name: &str| {
        import(fixture(name), &ImportOptions::default())
            .unwrap()
            .playlists
            .remove(0)
    };
    for (name, n_tracks, n_episodes, n_bad_rows) in [
        (
            "spotify-web-api-java-MIT/GetUsersSavedTracksRequest.json",
            1,
            0,
            0,
        ),
        ("spotify-web-api-java-MIT/GetPlaylistsItemsRequest.json", 1, 0, 1),
        ("zmb3-Apache2/playlist_items_episodes_and_tracks.json", 2, 2, 0),
        ("joostlek-MIT/playlist_1.json", 1, 0, 0),
        ("joostlek-MIT/playlist_items.json", 1, 0, 0),
    ] {
        let found = read(name);
        assert_eq!(found.format, ExportFormat::SpotifyReply);
        let report = &found.report;
        assert_eq!(
            (report.n_tracks, report.n_episodes, report.n_bad_rows),
            (n_tracks, n_episodes, n_bad_rows),
            "{name}: {found}"
        );
    }
    for name in ["joostlek-MIT/playlist_1.json", "joostlek-MIT/playlist_items.json"] {
        let found = read(name);
        assert!(found.report.n_tracks > 0, "{found}");
        let track = &found.playlist.tracks[0];
        assert!(
            track.id.is_some() && track.title.is_some() && !track.artists.is_empty() && track.album.is_some()
        );
    }
    let text = format!(
        r#"[{{"track":{{"id":"{ID_C}","name":"T","artists":[{{"name":"A"}}],"external_ids":{{"isrc":"USUG11904206"}}}},"added_at":"x"}}, {{"track":null}}]"#
    );
    let found = read_one("x.json", text);
    assert_eq!((found.report.n_tracks, found.report.n_bad_rows), (1, 1));
    assert_eq!(
        found.playlist.tracks[0].isrc.as_ref().unwrap().as_str(),
        "USUG11904206"
    );
}
