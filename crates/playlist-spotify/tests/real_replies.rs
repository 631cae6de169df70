//! Real replies, served by the mock and read by the whole client.
#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod support;

use playlist_spotify::{Error, FetchRun, ListSource, PlaylistAccess, Session, SkipReason};
use serde_json::{Value, json};
use support::mock::Reply;
use support::{World, now};

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn empty_end(total: u64) -> Reply {
    Reply::json(json!({"items": [], "next": null, "total": total}).to_string())
}

/// Fetches `source` where the pages are at `path`: the first is `body`, the others are empty.
fn fetch(path: &str, body: &str, source: &ListSource) -> (FetchRun, World) {
    let world = World::new();
    let total = serde_json::from_str::<Value>(body).unwrap()["total"]
        .as_u64()
        .unwrap();
    world.server.on(path, [empty_end(total)]);
    world.server.on(&format!("{path}?offset=0"), [Reply::json(body)]);
    let (run, _) = world.fetch(std::slice::from_ref(source));
    (run, world)
}

fn playlist() -> ListSource {
    let world = World::new();
    world
        .server
        .on("/v1/playlists/p1", [Reply::json(r#"{"id":"p1","name":"P"}"#)]);
    let info = world
        .library()
        .playlist(&"p1".parse().unwrap(), &mut |_| {})
        .unwrap();
    ListSource::Playlist(info)
}

fn items(name: &str) -> FetchRun {
    let (run, _) = fetch("/v1/playlists/p1/items", &fixture(name), &playlist());
    assert!(run.failed.is_empty() && run.ended_by.is_none(), "{run:?}");
    run
}

#[test]
fn a_page_of_5320_liked_songs() {
    let (run, world) = fetch(
        "/v1/me/tracks",
        &fixture("joostlek-MIT/saved_tracks.json"),
        &ListSource::Liked,
    );
    let report = &run.lists[0].report;
    assert_eq!(
        (report.n_listed, report.n_entries, report.n_tracks),
        (Some(5320), 48, 48)
    );
    assert!(
        report.to_string().contains("5272 listed but not sent"),
        "{report}"
    );
    let tracks = &run.lists[0].playlist.tracks;
    assert!(
        tracks
            .iter()
            .all(|track| track.id.is_some() && track.isrc.is_some())
    );
    assert!(
        tracks
            .iter()
            .all(|track| track.title.is_some() && !track.artists.is_empty())
    );
    assert_eq!(tracks[0].added_at.as_deref(), Some("2026-02-23T13:28:26Z"));
    // The reply grants 48 of the 50 that were asked for, so the next page begins at 48.
    assert!(
        world
            .server
            .requests()
            .iter()
            .any(|request| request.param("offset") == Some("48"))
    );
}

#[test]
fn older_pages_of_liked_songs() {
    let (run, world) = fetch(
        "/v1/me/tracks",
        &fixture("zmb3-Apache2/current_users_tracks.txt"),
        &ListSource::Liked,
    );
    assert_eq!(run.lists[0].report.n_tracks, 3);
    assert_eq!(
        world.server.count("/v1/me/tracks"),
        1,
        "3 of 3, whatever `next` says"
    );
    let name = "spotify-web-api-java-MIT/GetUsersSavedTracksRequest.json";
    let (run, world) = fetch("/v1/me/tracks", &fixture(name), &ListSource::Liked);
    assert_eq!(
        (run.lists[0].report.n_tracks, run.lists[0].report.n_listed),
        (1, Some(53))
    );
    assert!(
        world
            .server
            .requests()
            .iter()
            .any(|request| request.param("offset") == Some("20"))
    );
}

#[test]
fn items_of_playlists_of_every_age() {
    let run = items("joostlek-MIT/playlist_items.json");
    let track = &run.lists[0].playlist.tracks[0];
    assert_eq!(track.id.as_ref().unwrap().as_str(), "3ZL9gPzeCnKG9l5SB1SlcZ");
    assert_eq!(track.title.as_deref(), Some("All I Need"));
    let counts = |name: &str| {
        let report = items(name).lists.remove(0).report;
        (
            report.n_tracks,
            report.n_skipped(SkipReason::Episode),
            report.skipped.len(),
        )
    };
    assert_eq!(counts("zmb3-Apache2/playlist_items_tracks.json"), (2, 0, 0));
    assert_eq!(counts("zmb3-Apache2/playlist_items_episodes.json"), (0, 4, 4));
    assert_eq!(
        counts("zmb3-Apache2/playlist_items_episodes_and_tracks.json"),
        (2, 2, 2)
    );
    assert_eq!(
        counts("spotify-web-api-java-MIT/GetPlaylistsItemsRequest_Episode.json"),
        (0, 1, 1)
    );
    let run = items("spotify-web-api-java-MIT/GetPlaylistsItemsRequest.json");
    let report = &run.lists[0].report;
    // One of the two was withdrawn.
    assert_eq!(
        (report.n_tracks, report.n_skipped(SkipReason::Unavailable)),
        (1, 1)
    );
}

#[test]
fn playlists_with_their_first_page() {
    for (name, place, n_tracks, n_local) in [
        ("joostlek-MIT/playlist_1.json", "tracks", 1, 0),
        ("joostlek-MIT/playlist_1.json", "items", 1, 0),
        ("joostlek-MIT/playlist_2.json", "tracks", 2, 1),
        ("zmb3-Apache2/get_playlist.txt", "tracks", 4, 0),
    ] {
        let whole: Value = serde_json::from_str(&fixture(name)).unwrap();
        let (run, world) = fetch("/v1/playlists/p1/items", &whole[place].to_string(), &playlist());
        let report = &run.lists[0].report;
        assert_eq!((report.n_tracks, report.n_local), (n_tracks, n_local), "{name}");
        world
            .server
            .on("/v1/playlists/p1", [Reply::json(whole.to_string())]);
        let info = world
            .library()
            .playlist(&"p1".parse().unwrap(), &mut |_| {})
            .unwrap();
        assert_eq!(info.id.to_string(), whole["id"].as_str().unwrap());
        assert_eq!(info.n_entries, whole[place]["total"].as_u64(), "{name}");
    }
    let whole: Value = serde_json::from_str(&fixture("joostlek-MIT/playlist_2.json")).unwrap();
    let (run, _) = fetch(
        "/v1/playlists/p1/items",
        &whole["tracks"].to_string(),
        &playlist(),
    );
    let local = run.lists[0]
        .playlist
        .tracks
        .iter()
        .find(|track| track.is_local)
        .unwrap();
    assert_eq!(local.title.as_deref(), Some("No Woman, No Cry"));
    assert_eq!((local.id.as_ref(), local.artists.len()), (None, 1));
    let whole: Value = serde_json::from_str(&fixture("joostlek-MIT/playlist_3.json")).unwrap();
    let (run, _) = fetch(
        "/v1/playlists/p1/items",
        &whole["tracks"].to_string(),
        &playlist(),
    );
    let report = &run.lists[0].report;
    assert_eq!(report.n_tracks + report.skipped.len(), 3);
}

#[test]
fn lists_of_playlists() {
    let world = World::new();
    world
        .server
        .on("/v1/me", [Reply::json(fixture("joostlek-MIT/current_user.json"))]);
    world.server.on("/v1/me/playlists", [empty_end(94)]);
    let first = fixture("joostlek-MIT/current_user_playlist_1.json");
    world.server.on("/v1/me/playlists?offset=0", [Reply::json(first)]);
    let mut second: Value =
        serde_json::from_str(&fixture("joostlek-MIT/current_user_playlist_2.json")).unwrap();
    second["total"] = json!(94);
    world
        .server
        .on("/v1/me/playlists?offset=48", [Reply::json(second.to_string())]);
    let list = world.library().playlists(&mut |_| {}).unwrap();
    // 48 and 47, of which 34 stand on both: the fixtures are of two days.
    assert_eq!((list.playlists.len(), list.skipped.len()), (61, 0));
    assert!(
        list.playlists
            .iter()
            .all(|info| info.n_entries.is_some() && info.snapshot_id.is_some())
    );
    assert!(
        list.playlists
            .iter()
            .any(|info| info.access == PlaylistAccess::Own)
    );
    assert!(
        list.playlists
            .iter()
            .any(|info| info.access == PlaylistAccess::Followed)
    );
    for (name, n) in [
        (
            "spotify-web-api-java-MIT/GetListOfCurrentUsersPlaylistsRequest.json",
            2,
        ),
        ("zmb3-Apache2/current_users_playlists.txt", 5),
    ] {
        world.server.on("/v1/me/playlists", [empty_end(9)]);
        world
            .server
            .on("/v1/me/playlists?offset=0", [Reply::json(fixture(name))]);
        assert_eq!(
            world.library().playlists(&mut |_| {}).unwrap().playlists.len(),
            n,
            "{name}"
        );
    }
}

#[test]
fn refusals_in_spotifys_words() {
    let world = World::new();
    let body = fixture("joostlek-MIT/playlist_not_found.json");
    world.server.on("/v1/me/tracks", [Reply::new(404, body)]);
    let error = world.fetch(&[ListSource::Liked]).0.failed.remove(0).error;
    assert!(
        error.to_string().ends_with("status 404: \"Resource not found\""),
        "{error}"
    );
    let body = fixture("joostlek-MIT/rate_limit.json");
    let reply = Reply::new(429, body).with_header("Retry-After", "3600");
    world.server.on("/v1/me/tracks", [reply]);
    let error = world.fetch(&[ListSource::Liked]).0.ended_by.unwrap();
    assert!(matches!(error, Error::RateLimited { .. }));
}

#[test]
fn replies_of_the_token_endpoint() {
    let world = World::new();
    world.server.on("/v1/me/tracks", [empty_end(0)]);
    let renew = |reply: Reply| {
        world.write_token(0, now());
        world.server.on("/api/token", [reply]);
        let session = Session::open(&world.config).unwrap().unwrap();
        let mut library =
            playlist_spotify::Library::new(&session, &world.config, &Default::default()).unwrap();
        library.fetch(&[ListSource::Liked], &mut |_| {}).ended_by
    };
    for (name, scope) in [
        (
            "AuthorizationCode.json",
            json!(["user-read-birthdate", "user-read-email"]),
        ),
        ("AuthorizationCodePKCERefresh.json", json!(["user-follow-modify"])),
    ] {
        let body = fixture(&format!("spotify-web-api-java-MIT/{name}"));
        assert!(renew(Reply::json(body)).is_none());
        let kept = world.read_token();
        assert_eq!(
            (&kept["refresh_token"], &kept["scopes"]),
            (&json!("dummy-refresh-token"), &scope)
        );
    }
    let body = fixture("spotify-web-api-java-MIT/auth-invalid-client.json");
    let run = renew(Reply::new(400, body));
    assert!(run.unwrap().to_string().contains("Invalid client"));
}
