//! What comes of the lists that Spotify sends, in every shape.
#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod support;

use playlist_core::{AudioFeature, PlaylistKind};
use playlist_spotify::{Error, ListOrigin, ListSource, PlaylistAccess, PlaylistId, SkipReason};
use serde_json::{Value, json};
use support::mock::Reply;
use support::{FakeAccount, World, id, ids, item, liked, page, track};

fn with_playlist(entries: Vec<Value>) -> FakeAccount {
    let mut account = FakeAccount::default();
    account
        .playlists
        .insert("p1".to_owned(), ("s1".to_owned(), entries));
    account
}

fn listed(world: &World) -> ListSource {
    let list = world.library().playlists(&mut |_| {}).unwrap();
    ListSource::Playlist(list.playlists[0].clone())
}

#[test]
fn liked_songs_come_whole_and_in_order() {
    let world = World::of(&FakeAccount::with_liked(120).shared());
    let (run, told) = world.fetch(&[ListSource::Liked]);
    assert_eq!(ids(&run), (0..120).map(id).collect::<Vec<_>>());
    let list = &run.lists[0];
    assert_eq!(list.playlist.kind, PlaylistKind::Liked);
    let first = &list.playlist.tracks[0];
    assert_eq!(first.title.as_deref(), Some("Title 0"));
    assert_eq!(first.artists, ["Artist 0"]);
    assert_eq!(first.album.as_deref(), Some("Album"));
    assert_eq!(first.isrc.as_ref().unwrap().as_str(), "USAAA0000000");
    assert_eq!(first.added_at.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(first.features.get(AudioFeature::DurationMs), Some(180_000.0));
    let report = &list.report;
    assert_eq!(
        (report.n_listed, report.n_entries, report.n_tracks),
        (Some(120), 120, 120)
    );
    assert_eq!(report.origin, ListOrigin::Fetched);
    // Three pages, and the first once more to see that nothing changed.
    assert_eq!(report.n_requests, 4);
    assert!(
        told.iter().any(|line| line.contains("Liked Songs: 50 of 120")),
        "{told:?}"
    );
    assert!(
        told.last().unwrap().starts_with("Liked Songs: 120 tracks"),
        "{told:?}"
    );
}

#[test]
fn old_and_new_shapes_give_the_same_lists() {
    let mut runs = Vec::new();
    for old_shape in [false, true] {
        let mut account = with_playlist((0..70).map(item).collect());
        account.old_shape = old_shape;
        let world = World::of(&account.shared());
        let source = listed(&world);
        let ListSource::Playlist(info) = &source else {
            unreachable!()
        };
        assert_eq!(info.n_entries, Some(70));
        assert_eq!(info.access, PlaylistAccess::Own);
        let (run, _) = world.fetch(&[source]);
        assert_eq!(ids(&run), (0..70).map(id).collect::<Vec<_>>());
        runs.push(run.lists[0].playlist.clone());
        let requests = world.server.requests();
        assert!(
            requests.iter().all(|r| !r.path.ends_with("p1/tracks")),
            "the old path is closed"
        );
        let items = requests.iter().find(|r| r.path.ends_with("p1/items")).unwrap();
        assert_eq!(items.param("additional_types"), Some("track,episode"));
        assert_eq!(items.param("limit"), Some("50"));
    }
    assert_eq!(runs[0], runs[1]);
}

#[test]
fn one_bad_entry_costs_that_entry() {
    let mut no_ids = track(3);
    no_ids.as_object_mut().unwrap().remove("external_ids");
    let mut no_album = track(4);
    no_album["album"] = Value::Null;
    let episode = json!({"id": id(99), "uri": format!("spotify:episode:{}", id(99)), "name": "Talk", "type": "episode",
        "artists": [{"name": "Show"}], "album": {"name": "Show"}, "duration_ms": 1.5});
    let local = json!({"id": null, "href": null, "uri": "spotify:local:Artist:Album:Song:200", "name": "Song",
        "type": "track", "is_local": true, "artists": [{"name": "Artist", "id": null}],
        "album": {"name": "Album", "id": null, "album_type": null, "release_date": null}, "duration_ms": 200_000});
    let entries = vec![
        item(0),
        Value::Null,
        json!({"added_at": "2026-01-01T00:00:00Z", "item": null}),
        json!({"item": no_ids}),
        json!({"item": no_album}),
        json!({"item": episode}),
        json!({"is_local": true, "item": local}),
        json!({"item": {"type": "chapter", "id": id(5)}}),
        json!({"item": {"id": "", "name": ""}}),
        json!("what"),
        item(6),
    ];
    let world = World::of(&with_playlist(entries).shared());
    let (run, _) = world.fetch(&[listed(&world)]);
    let list = &run.lists[0];
    let titles: Vec<_> = list
        .playlist
        .tracks
        .iter()
        .map(|t| t.title.as_deref().unwrap())
        .collect();
    assert_eq!(titles, ["Title 0", "Title 3", "Title 4", "Song", "Title 6"]);
    let report = &list.report;
    assert_eq!((report.n_entries, report.n_tracks, report.n_local), (11, 5, 1));
    let reasons: Vec<_> = report
        .skipped
        .iter()
        .map(|skip| (skip.position, skip.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            (1, SkipReason::Unavailable),
            (2, SkipReason::Unavailable),
            (5, SkipReason::Episode),
            (7, SkipReason::OtherType),
            (8, SkipReason::NoIdentity),
            (9, SkipReason::Malformed),
        ]
    );
    assert_eq!(report.skipped[2].title.as_deref(), Some("Talk"));
    assert_eq!(
        report.to_string(),
        "List p1: 5 tracks, 1 of them local files; 6 skipped (2 no longer available, 1 episodes, \
         1 neither tracks nor episodes, 1 without id and title, 1 not readable)"
    );
}

#[test]
fn a_page_of_nulls_is_not_the_end() {
    let mut account = FakeAccount::with_liked(150);
    account.liked[50..100].fill(Value::Null);
    let world = World::of(&account.shared());
    let (run, _) = world.fetch(&[ListSource::Liked]);
    assert_eq!(ids(&run), (0..50).chain(100..150).map(id).collect::<Vec<_>>());
    assert_eq!(run.lists[0].report.n_skipped(SkipReason::Unavailable), 50);
}

#[test]
fn pages_end_by_total_or_by_an_empty_page_whatever_next_says() {
    let world = World::new();
    let soon = json!({"items": vec![Value::Null; 50], "next": "http://x/", "total": 120});
    world.server.on("/v1/me/tracks", [Reply::json(soon.to_string())]);
    let (run, _) = world.fetch(&[ListSource::Liked]);
    assert_eq!(run.lists[0].report.n_entries, 150);
    let world = World::new();
    let some = json!({"items": [liked(1)], "next": "http://x/"}).to_string();
    let empty = json!({"items": [], "next": "http://x/"}).to_string();
    world.server.on("/v1/me/tracks?offset=0", [Reply::json(some)]);
    world.server.on("/v1/me/tracks?offset=50", [Reply::json(empty)]);
    assert_eq!(ids(&world.fetch(&[ListSource::Liked]).0), [id(1)]);
}

#[test]
fn playlists_are_listed_with_nulls_and_twins_aside() {
    let world = World::new();
    let one =
        json!({"id": "a1", "name": "One", "owner": {"id": "me"}, "items": {"total": 3}, "snapshot_id": "s"});
    let other =
        json!({"id": "b2", "name": "", "owner": {"id": "x", "display_name": "X"}, "collaborative": true});
    let followed = json!({"id": "c3", "owner": null, "tracks": {"total": null}});
    let all = vec![
        json!(null),
        one.clone(),
        other,
        followed,
        one,
        json!({"name": "no id"}),
        json!(7),
    ];
    let base = world.server.url();
    world
        .server
        .handle(move |request| (request.path == "/v1/me/playlists").then(|| page(&base, request, &all)));
    let list = world.library().playlists(&mut |_| {}).unwrap();
    let found: Vec<_> = list
        .playlists
        .iter()
        .map(|info| {
            (
                info.id.to_string(),
                info.name.as_str(),
                info.access,
                info.n_entries,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("a1".to_owned(), "One", PlaylistAccess::Own, Some(3)),
            ("b2".to_owned(), "b2", PlaylistAccess::Collaborative, None),
            ("c3".to_owned(), "c3", PlaylistAccess::Followed, None),
        ]
    );
    let skipped: Vec<_> = list
        .skipped
        .iter()
        .map(|skip| (skip.position, skip.reason))
        .collect();
    assert_eq!(
        skipped,
        [
            (0, SkipReason::Unavailable),
            (5, SkipReason::Malformed),
            (6, SkipReason::Malformed)
        ]
    );
}

#[test]
fn a_forbidden_playlist_is_its_own_failure() {
    let mut account = with_playlist(vec![item(1)]);
    account
        .playlists
        .insert("p2".to_owned(), ("s".to_owned(), vec![item(2)]));
    let world = World::of(&account.shared());
    world
        .server
        .on("/v1/playlists/p1/items", [Reply::error(403, "Forbidden")]);
    let list = world.library().playlists(&mut |_| {}).unwrap();
    let sources: Vec<_> = list.playlists.into_iter().map(ListSource::Playlist).collect();
    let (run, told) = world.fetch(&sources);
    assert!(run.ended_by.is_none());
    assert_eq!(run.lists.len(), 1);
    assert_eq!(run.lists[0].playlist.name, "List p2");
    assert_eq!(run.failed[0].name, "List p1");
    assert!(
        matches!(&run.failed[0].error, Error::Refused { status: 403, message: Some(text), .. } if text == "Forbidden")
    );
    assert!(
        told.iter()
            .any(|line| line.contains("List p1") && line.contains("Forbidden"))
    );
}

#[test]
fn a_followed_playlist_is_closed_and_says_what_to_do() {
    for status in [403, 404] {
        let world = World::of(&FakeAccount::with_liked(1).shared());
        let followed = r#"{"id":"f1","name":"Not mine","owner":{"id":"x"}}"#;
        world.server.on("/v1/playlists/f1", [Reply::json(followed)]);
        world
            .server
            .on("/v1/playlists/f1/items", [Reply::error(status, "No")]);
        let info = world
            .library()
            .playlist(&"f1".parse().unwrap(), &mut |_| {})
            .unwrap();
        let (run, _) = world.fetch(&[ListSource::Playlist(info), ListSource::Liked]);
        assert_eq!((run.failed.len(), run.lists.len()), (1, 1));
        let error = &run.failed[0].error;
        assert!(matches!(error, Error::ClosedPlaylist { status: s, .. } if *s == status));
        assert!(error.to_string().contains("playlist of your own"), "{error}");
    }
}

#[test]
fn a_lapsed_premium_ends_the_run_in_spotifys_words() {
    let world = World::new();
    let text = "Active premium subscription required for the owner of the app";
    world.server.on("/v1/me/tracks", [Reply::error(403, text)]);
    let (run, _) = world.fetch(&[ListSource::Liked, ListSource::SavedAlbums]);
    let error = run.ended_by.unwrap();
    assert!(matches!(&error, Error::PremiumRequired { message } if message == text));
    assert!(error.to_string().contains(text));
    assert_eq!(world.server.count("/v1/me/albums"), 0);
}

#[test]
fn a_playlist_is_found_by_its_address() {
    let world = World::of(&with_playlist(vec![item(1)]).shared());
    let mut library = world.library();
    let id: PlaylistId = "https://open.spotify.com/playlist/p1?si=x".parse().unwrap();
    let info = library.playlist(&id, &mut |_| {}).unwrap();
    assert_eq!((info.name.as_str(), info.n_entries), ("List p1", Some(1)));
    let missing = library
        .playlist(&"nope".parse().unwrap(), &mut |_| {})
        .unwrap_err();
    assert!(matches!(missing, Error::Refused { status: 404, .. }));
}

#[test]
fn saved_albums_come_with_their_tracks_long_ones_too() {
    let bare = |n: u64| {
        let mut track = track(n);
        track.as_object_mut().unwrap().remove("album");
        track.as_object_mut().unwrap().remove("external_ids");
        track
    };
    let tracks = |range: std::ops::Range<u64>| range.map(bare).collect::<Vec<_>>();
    let album = |id: &str, name: &str, part: Value| json!({"added_at": "2025-05-05T00:00:00Z", "album": {"id": id, "name": name, "tracks": part}});
    let account = FakeAccount {
        albums: vec![
            album(
                "short1",
                "Short",
                json!({"items": tracks(0..3), "next": null, "total": 3, "limit": 50}),
            ),
            Value::Null,
            album(
                "long1",
                "Long",
                json!({"items": tracks(100..150), "next": "x", "total": 70, "limit": 50}),
            ),
            album("bare1", "Bare", Value::Null),
            json!({"album": {"name": "no id"}}),
        ],
        ..FakeAccount::default()
    };
    let world = World::of(&account.shared());
    let base = world.server.url();
    let (long, plain) = (tracks(100..170), tracks(200..201));
    world.server.handle(move |request| match request.path.as_str() {
        "/v1/albums/long1/tracks" => Some(page(&base, request, &long)),
        "/v1/albums/bare1/tracks" => Some(page(&base, request, &plain)),
        "/v1/albums/long1" => Some(Reply::json(r#"{"id":"long1","name":"Long"}"#)),
        _ => None,
    });
    let (run, _) = world.fetch(&[ListSource::SavedAlbums]);
    let expected: Vec<_> = (0..3).chain(100..170).chain(200..201).map(id).collect();
    assert_eq!(ids(&run), expected);
    let list = &run.lists[0];
    assert_eq!(list.playlist.kind, PlaylistKind::Album);
    let first = &list.playlist.tracks[0];
    assert_eq!(
        (first.album.as_deref(), first.added_at.as_deref()),
        (Some("Short"), Some("2025-05-05T00:00:00Z"))
    );
    assert_eq!(list.report.skipped.len(), 2);
    let (run, _) = world.fetch(&[ListSource::Album("spotify:album:long1".parse().unwrap())]);
    assert_eq!(ids(&run), (100..170).map(id).collect::<Vec<_>>());
    assert_eq!(run.lists[0].playlist.name, "Long");
    assert_eq!(run.lists[0].playlist.tracks[0].album.as_deref(), Some("Long"));
}

#[test]
fn a_reply_that_is_something_else_is_a_failure_of_the_list() {
    for body in ["[]", "<html>", "{\"items\": 7, \"total\": \"x\"}", "{}", "null"] {
        let world = World::new();
        world.server.on("/v1/me/tracks", [Reply::json(body)]);
        let (run, _) = world.fetch(&[ListSource::Liked]);
        assert!(run.ended_by.is_none() && run.lists.is_empty(), "{body}");
        assert!(matches!(run.failed[0].error, Error::BadReply { .. }), "{body}");
    }
    let world = World::new();
    world.server.on("/v1/me", [Reply::json("{}")]);
    let (run, _) = world.fetch(&[ListSource::Liked]);
    assert!(matches!(run.ended_by, Some(Error::BadReply { .. })));
}
