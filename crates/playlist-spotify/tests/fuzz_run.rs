//! Damaged replies through the whole client: sockets, retries, paging, pages on disk.
//!
//! `PLAYLIST_FUZZ_SECONDS=600 cargo test -p playlist-spotify --test fuzz_run -- --nocapture` runs longer.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use playlist_spotify::ListSource;
use serde_json::{Value, json};
use support::mock::Reply;
use support::{Dice, World};

fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn damage(value: &mut Value, dice: &mut Dice) {
    let n = match value {
        Value::Array(list) => list.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    };
    if n == 0 || dice.below(6) == 0 {
        let odd = [
            Value::Null,
            json!(7),
            json!(u64::MAX),
            json!(-1.5),
            json!(""),
            json!("../../x"),
            json!("spotify:local:a"),
            json!([]),
            json!({}),
            json!([value.clone()]),
            json!({"items": value.clone(), "next": "x"}),
        ];
        *value = odd[dice.below(odd.len())].clone();
        return;
    }
    match value {
        Value::Array(list) => damage(&mut list[dice.below(n)], dice),
        Value::Object(fields) => {
            let name = fields.keys().nth(dice.below(n)).unwrap().clone();
            if dice.below(4) == 0 {
                fields.remove(&name);
            } else {
                damage(fields.get_mut(&name).unwrap(), dice);
            }
        }
        _ => {}
    }
}

/// Good replies by path.
fn good() -> BTreeMap<&'static str, Value> {
    let tracks = fixture("zmb3-Apache2/current_users_tracks.txt");
    let album = json!({"id": "a1", "name": "Album", "tracks": tracks});
    BTreeMap::from([
        ("/v1/me", fixture("joostlek-MIT/current_user.json")),
        ("/v1/me/tracks", tracks.clone()),
        (
            "/v1/me/playlists",
            fixture("spotify-web-api-java-MIT/GetListOfCurrentUsersPlaylistsRequest.json"),
        ),
        (
            "/v1/me/albums",
            json!({"items": [{"album": album}], "total": 1, "next": null}),
        ),
        ("/v1/albums/a1", album),
        ("/v1/albums/a1/tracks", tracks),
        (
            "/v1/playlists/53Y8wT46QIMz5H4WQ8O22c/items",
            fixture("zmb3-Apache2/playlist_items_episodes_and_tracks.json"),
        ),
        (
            "/v1/playlists/53Y8wT46QIMz5H4WQ8O22c",
            json!({"snapshot_id": "x"}),
        ),
    ])
}

#[test]
fn damaged_replies_never_stop_the_client_for_good() {
    let seconds = std::env::var("PLAYLIST_FUZZ_SECONDS").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(2);
    let end = Instant::now() + Duration::from_secs(seconds);
    let (good, mut dice) = (good(), Dice(5));
    let (mut n, mut n_lists, mut n_failed, mut n_ended, mut n_tracks) = (0, 0, 0, 0, 0);
    let mut world = World::new();
    let replies = Arc::new(Mutex::new(good.clone()));
    serve(&world, &replies);
    while n < 20 || Instant::now() < end {
        n += 1;
        if n % 200 == 0 {
            // Requests are written down, and must not pile up for ever.
            world = World::new();
            serve(&world, &replies);
        }
        *replies.lock().unwrap() = good.clone();
        for (_, reply) in replies.lock().unwrap().iter_mut() {
            for _ in 0..dice.below(4) {
                damage(reply, &mut dice);
            }
        }
        let mut lists = vec![ListSource::Liked, ListSource::SavedAlbums];
        lists.push(ListSource::Album("a1".parse().unwrap()));
        let listed = world.library().playlists(&mut |event| drop(event.to_string()));
        if let Ok(listed) = listed {
            lists.extend(listed.playlists.into_iter().take(2).map(ListSource::Playlist));
        }
        let (run, _) = world.fetch(&lists);
        for list in &run.lists {
            let report = &list.report;
            assert_eq!(report.n_tracks, list.playlist.tracks.len());
            assert!(list.playlist.tracks.iter().all(|track| track.key().is_some()));
            assert!(!report.to_string().is_empty());
            n_tracks += report.n_tracks;
        }
        damage_files(&world, &mut dice);
        n_lists += run.lists.len();
        n_failed += run.failed.len();
        n_ended += usize::from(run.ended_by.is_some());
    }
    println!("{n} runs: {n_lists} lists, {n_failed} failed lists, {n_ended} runs ended, {n_tracks} tracks");
    assert!(n_tracks > 0 && n_failed > 0);
}

/// Damages some of what is kept on disk: the next run reads it.
fn damage_files(world: &World, dice: &mut Dice) {
    for (path, bytes) in support::files(&world.folder.path().join("cache")) {
        if bytes.is_empty() || dice.below(4) > 0 {
            continue;
        }
        let mut bytes = bytes;
        let at = dice.below(bytes.len());
        match dice.below(3) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << dice.below(8),
            _ => bytes.insert(at, b'0'),
        }
        std::fs::write(path, bytes).unwrap();
    }
}

fn serve(world: &World, replies: &Arc<Mutex<BTreeMap<&'static str, Value>>>) {
    let replies = Arc::clone(replies);
    world.server.handle_first(move |request| {
        let is_later = request.number("offset").is_some_and(|offset| offset > 0);
        let reply = replies.lock().unwrap().get(request.path.as_str())?.to_string();
        // Damage may take every end away from a list; the pages after the first do without.
        Some(if is_later {
            Reply::json(r#"{"items":[],"next":null,"total":3}"#)
        } else {
            Reply::json(reply)
        })
    });
}
