//! A network that is slow, broken or full.
#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod support;

use std::time::{Duration, Instant};

use playlist_spotify::{Error, FetchOptions, ListSource, RetryPolicy, StopFlag};
use support::mock::{Fault, Reply};
use support::{FakeAccount, World, id, ids};

fn limited(seconds: &str) -> Reply {
    Reply::error(429, "API rate limit exceeded").with_header("Retry-After", seconds)
}

/// A world with 120 liked songs whose second page meets `replies` first; the last reply is the true page, if wanted.
fn with_second_page(replies: Vec<Reply>, then_well: bool) -> World {
    let mut world = World::of(&FakeAccount::with_liked(120).shared());
    world.config = world.config.clone().with_timeout(Duration::from_millis(400));
    let left = std::sync::Mutex::new(replies.into_iter());
    let last = std::sync::Mutex::new(None);
    world.server.handle_first(move |request| {
        if request.path != "/v1/me/tracks" || request.param("offset") != Some("50") {
            return None;
        }
        let reply = left.lock().unwrap().next();
        let mut last = last.lock().unwrap();
        if let Some(reply) = reply {
            *last = Some(reply.clone());
            return Some(reply);
        }
        if then_well { None } else { last.clone() }
    });
    world
}

fn everything() -> Vec<String> {
    (0..120).map(id).collect()
}

#[test]
fn a_short_pause_is_kept_and_told() {
    let world = with_second_page(vec![limited("7")], true);
    let (run, told) = world.fetch(&[ListSource::Liked]);
    assert_eq!(ids(&run), everything());
    assert_eq!(world.sleeper.seconds(), [7.0]);
    assert!(told.iter().any(|line| line.contains("waiting 7 s")), "{told:?}");
    assert_eq!(run.lists[0].report.n_requests, 5);
}

#[test]
fn a_long_pause_ends_the_run_and_keeps_the_pages() {
    let world = with_second_page(vec![limited("79892")], true);
    let (run, _) = world.fetch(&[ListSource::Liked, ListSource::SavedAlbums]);
    let error = run.ended_by.unwrap();
    assert!(matches!(error, Error::RateLimited { retry_after } if retry_after.as_secs() == 79_892));
    assert!(error.to_string().contains("22.2 h"), "{error}");
    assert!(world.sleeper.seconds().is_empty());
    assert_eq!(world.server.count("/v1/me/albums"), 0, "nothing more is asked");
    world.server.forget_requests();
    let (run, told) = world.fetch(&[ListSource::Liked]);
    assert_eq!(ids(&run), everything());
    assert!(told[0].contains("50 entries kept"), "{told:?}");
}

#[test]
fn three_server_errors_are_a_failure_and_two_are_not() {
    let error = Reply::error(500, "Server error");
    let world = with_second_page(vec![error.clone(), error.clone()], true);
    let (run, told) = world.fetch(&[ListSource::Liked]);
    assert_eq!(ids(&run), everything());
    assert_eq!(world.sleeper.seconds(), [1.0, 2.0]);
    assert!(
        told.iter().any(|line| line.contains("try 2 of 3 failed")),
        "{told:?}"
    );
    let world = with_second_page(vec![error.clone(), error.clone(), error], true);
    let (run, _) = world.fetch(&[ListSource::Liked]);
    assert!(matches!(run.failed[0].error, Error::Server { status: 500, .. }));
    assert!(run.ended_by.is_none());
    // What came before is kept.
    assert_eq!(ids(&world.fetch(&[ListSource::Liked]).0), everything());
}

#[test]
fn a_server_that_fails_for_two_lists_fails_for_all() {
    let world = World::new();
    for path in ["/v1/me/tracks", "/v1/me/albums"] {
        world.server.on(path, [Reply::error(503, "down")]);
    }
    let lists = [ListSource::Liked, ListSource::SavedAlbums, ListSource::Liked];
    let (run, _) = world.fetch(&lists);
    assert_eq!(run.failed.len(), 1);
    assert!(matches!(run.ended_by, Some(Error::Server { .. })));
    assert_eq!(world.server.count("/v1/me/tracks"), 3);
}

#[test]
fn a_broken_wire_is_tried_again() {
    for fault in [
        Fault::CutBody(100),
        Fault::CutBody(0),
        Fault::Reset,
        Fault::Close,
        Fault::Hang(Duration::from_secs(3600)),
        Fault::Drip(Duration::from_millis(50)),
    ] {
        let broken = Reply::json("x".repeat(500)).with_fault(fault);
        let world = with_second_page(vec![broken.clone()], true);
        let begun = Instant::now();
        let (run, told) = world.fetch(&[ListSource::Liked]);
        assert_eq!(ids(&run), everything(), "{fault:?}");
        assert!(
            told.iter().any(|line| line.contains("try 1 of 3 failed")),
            "{fault:?} {told:?}"
        );
        let world = with_second_page(vec![broken], false);
        let (run, _) = world.fetch(&[ListSource::Liked]);
        assert!(
            matches!(run.ended_by, Some(Error::Unreachable { .. })),
            "{fault:?}"
        );
        let tries = world
            .server
            .requests()
            .iter()
            .filter(|r| r.param("offset") == Some("50"))
            .count();
        assert_eq!(tries, 3, "{fault:?}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{fault:?}");
    }
}

#[test]
fn a_reply_that_ends_early_without_saying_so_is_tried_again() {
    // No length was announced for it, so only its JSON shows that the end is missing.
    let world = with_second_page(vec![Reply::json("{\"items\": [null, nul")], true);
    assert_eq!(ids(&world.fetch(&[ListSource::Liked]).0), everything());
}

#[test]
fn nobody_there_ends_the_run() {
    let world = World::new();
    let config = world.config.clone().with_api_base_url("http://127.0.0.1:1/v1");
    let mut library =
        playlist_spotify::Library::new(&world.given(), &config, &FetchOptions::default()).unwrap();
    let run = library.fetch(&[ListSource::Liked], &mut |_| {});
    assert!(matches!(run.ended_by, Some(Error::Unreachable { .. })));
}

#[test]
fn a_stop_keeps_what_came() {
    let world = World::of(&FakeAccount::with_liked(300).shared());
    let stop = StopFlag::default();
    let options = FetchOptions::default().with_stop(stop.clone());
    let mut n_pages = 0;
    let run = world
        .library_with(&options)
        .fetch(&[ListSource::Liked], &mut |event| {
            n_pages += usize::from(matches!(event, playlist_spotify::FetchEvent::Page(_)));
            if n_pages == 2 {
                stop.stop();
            }
        });
    assert!(matches!(run.ended_by, Some(Error::Stopped)));
    assert_eq!(n_pages, 2);
    assert_eq!(world.server.count("/v1/me/tracks"), 2);
    let (run, told) = world.fetch(&[ListSource::Liked]);
    assert_eq!(ids(&run), (0..300).map(id).collect::<Vec<_>>());
    assert!(told[0].contains("100 entries kept"), "{told:?}");
}

#[test]
fn requests_keep_their_distance() {
    let mut world = World::of(&FakeAccount::with_liked(120).shared());
    world.config = world.config.clone().with_pause(Duration::from_secs(100));
    let _ = world.fetch(&[ListSource::Liked]);
    let waits = world.sleeper.seconds();
    assert_eq!(waits.len(), 4, "one before each request but the first");
    assert!(
        waits.iter().all(|wait| (90.0..=100.0).contains(wait)),
        "{waits:?}"
    );
}

#[test]
fn the_policy_of_trying_again_can_be_set() {
    let mut world = World::new();
    world.server.on("/v1/me/tracks", [Reply::error(500, "x")]);
    let policy = RetryPolicy::default()
        .with_max_tries(2)
        .with_first_wait(Duration::from_secs(9))
        .with_max_wait(Duration::from_secs(5));
    world.config = world.config.clone().with_retry(policy);
    let _ = world.fetch(&[ListSource::Liked]);
    assert_eq!(world.sleeper.seconds(), [5.0]);
    world.server.on("/v1/me/tracks", [limited("6")]);
    assert!(matches!(
        world.fetch(&[ListSource::Liked]).0.ended_by,
        Some(Error::RateLimited { .. })
    ));
}
