//! A sign-in that lasts: renewals that lose nothing, and the ways in which it ends.
#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod support;

use playlist_spotify::{Error, ListSource, Session, SessionWarning};
use serde_json::json;
use support::mock::{Fault, Reply};
use support::{ACCESS, FakeAccount, REFRESH, World, id, ids, now};

const DAY: u64 = 24 * 60 * 60;

fn renewal(access: &str) -> Reply {
    Reply::json(json!({"access_token": access, "token_type": "Bearer", "expires_in": 3600}).to_string())
}

/// A world with one liked song whose Web API takes `good` tokens only.
fn world(good: &'static [&'static str]) -> World {
    let world = World::new();
    world.server.handle(move |request| {
        let sent = request.header("authorization")?.strip_prefix("Bearer ")?;
        (request.path.starts_with("/v1/") && !good.contains(&sent))
            .then(|| Reply::error(401, "The access token expired"))
    });
    support::serve_account(&world.server, &FakeAccount::with_liked(1).shared());
    world
}

fn fetch(world: &World) -> playlist_spotify::FetchRun {
    let session = Session::open(&world.config).unwrap().unwrap();
    let mut library = playlist_spotify::Library::new(&session, &world.config, &Default::default()).unwrap();
    library.fetch(&[ListSource::Liked], &mut |_| {})
}

#[test]
fn a_renewal_without_a_refresh_token_keeps_the_old_one() {
    let world = world(&["new-1", "new-2"]);
    world.write_token(now() - 10, now());
    world
        .server
        .on("/api/token", [renewal("new-1"), renewal("new-2")]);
    assert_eq!(ids(&fetch(&world)), [id(0)]);
    let kept = world.read_token();
    assert_eq!(
        (&kept["access_token"], &kept["refresh_token"]),
        (&json!("new-1"), &json!(REFRESH))
    );
    assert_eq!(kept["scopes"], json!(["user-library-read"]));
    // The second renewal is the one that stock rspotify does not survive.
    let mut old = kept.clone();
    old["expires_at"] = json!(now() - 10);
    std::fs::write(world.token_path(), old.to_string()).unwrap();
    assert_eq!(ids(&fetch(&world)), [id(0)]);
    assert_eq!(world.read_token()["refresh_token"], json!(REFRESH));
    let sent: Vec<_> = world
        .server
        .requests()
        .into_iter()
        .filter(|request| request.path == "/api/token")
        .collect();
    assert_eq!(sent.len(), 2);
    for request in sent {
        assert_eq!(request.method, "POST");
        assert_eq!(request.form("grant_type").as_deref(), Some("refresh_token"));
        assert_eq!(request.form("refresh_token").as_deref(), Some(REFRESH));
        assert_eq!(request.form("client_id").as_deref(), Some("clientid"));
    }
}

#[test]
fn a_renewal_with_a_refresh_token_takes_it() {
    let world = world(&["new-1"]);
    world.write_token(0, 77);
    let reply = json!({"access_token": "new-1", "expires_in": 3600, "refresh_token": "next", "scope": "a b"});
    world.server.on("/api/token", [Reply::json(reply.to_string())]);
    assert_eq!(ids(&fetch(&world)), [id(0)]);
    let kept = world.read_token();
    assert_eq!(
        (&kept["refresh_token"], &kept["scopes"]),
        (&json!("next"), &json!(["a", "b"]))
    );
    assert_eq!(
        kept["authorized_at"],
        json!(77),
        "renewing does not extend the six months"
    );
}

#[test]
fn a_lost_grant_ends_the_sign_in_and_deletes_it() {
    let world = world(&[]);
    world.write_token(0, now());
    let reply =
        json!({"error": "invalid_grant", "error_description": format!("Refresh token {REFRESH} revoked")});
    world
        .server
        .on("/api/token", [Reply::new(400, reply.to_string())]);
    let error = fetch(&world).ended_by.unwrap();
    assert!(matches!(&error, Error::SignInExpired { reason } if reason == "Refresh token *** revoked"));
    assert!(error.to_string().contains("sign in again"));
    assert!(!world.token_path().exists());
    assert!(Session::open(&world.config).unwrap().is_none());
    assert_eq!(world.server.count("/api/token"), 1, "never asked twice");
}

#[test]
fn another_refusal_of_the_token_endpoint_keeps_the_sign_in() {
    let world = world(&[]);
    world.write_token(0, now());
    let reply = json!({"error": "invalid_client", "error_description": "Invalid client"});
    world
        .server
        .on("/api/token", [Reply::new(400, reply.to_string())]);
    let error = fetch(&world).failed.pop().map(|failed| failed.error);
    let error = error.or_else(|| fetch(&world).ended_by).unwrap();
    assert!(matches!(error, Error::Refused { status: 400, .. }), "{error}");
    assert!(world.token_path().exists());
}

#[test]
fn one_401_is_answered_by_one_renewal() {
    let world = world(&["new-1"]);
    world.write_token(now() + 3000, now());
    world.server.on("/api/token", [renewal("new-1")]);
    // The listener's own page takes any token here; the liked songs do not.
    assert_eq!(ids(&fetch(&world)), [id(0)]);
    assert_eq!(world.server.count("/api/token"), 1);
    assert_eq!(world.server.count("/v1/me/tracks"), 2);
}

#[test]
fn a_401_after_a_renewal_is_an_error() {
    let world = world(&[]);
    world.write_token(now() + 3000, now());
    world.server.on("/api/token", [renewal("new-1")]);
    assert!(matches!(fetch(&world).ended_by, Some(Error::Unauthorized { .. })));
    assert_eq!(world.server.count("/v1/me/tracks"), 2);
    assert!(world.token_path().exists());
}

#[test]
fn a_token_from_the_environment_is_used_and_not_renewed() {
    let world = world(&["given"]);
    let config = world.config.clone().with_access_token("given");
    let session = Session::open(&config).unwrap().unwrap();
    assert_eq!((session.scopes(), session.warning()), (None, None));
    let mut library = playlist_spotify::Library::new(&session, &config, &Default::default()).unwrap();
    assert_eq!(ids(&library.fetch(&[ListSource::Liked], &mut |_| {})), [id(0)]);
    let config = world.config.clone().with_access_token("stale");
    let session = Session::open(&config).unwrap().unwrap();
    let mut library = playlist_spotify::Library::new(&session, &config, &Default::default()).unwrap();
    let run = library.fetch(&[ListSource::Liked], &mut |_| {});
    assert!(matches!(run.ended_by, Some(Error::Unauthorized { .. })));
    assert_eq!(world.server.count("/api/token"), 0);
    assert!(!world.token_path().exists(), "it is not kept either");
}

#[test]
fn a_failing_token_endpoint_is_tried_three_times() {
    for reply in [
        Reply::error(503, "later"),
        Reply::fault(Fault::Close),
        Reply::fault(Fault::CutBody(3)),
        Reply::json(r#"{"access_token": "x", "expi"#),
    ] {
        let world = world(&["new-1"]);
        world.write_token(0, now());
        world
            .server
            .on("/api/token", [reply.clone(), reply.clone(), renewal("new-1")]);
        assert_eq!(ids(&fetch(&world)), [id(0)]);
        assert_eq!(world.sleeper.seconds(), [1.0, 2.0]);
        let world = support::World::new();
        world.write_token(0, now());
        world.server.on("/api/token", [reply]);
        let run = fetch(&world);
        let error = run.ended_by.as_ref().unwrap();
        assert!(
            matches!(error, Error::Server { .. } | Error::Unreachable { .. }),
            "{error:?}"
        );
        assert_eq!(world.server.count("/api/token"), 3);
        assert_eq!(world.read_token()["refresh_token"], json!(REFRESH));
    }
}

#[test]
fn a_limited_token_endpoint_says_when_to_come_back() {
    let world = world(&[]);
    world.write_token(0, now());
    let reply = Reply::new(429, "").with_header("Retry-After", "4000");
    world.server.on("/api/token", [reply]);
    let error = fetch(&world).ended_by.unwrap();
    assert!(matches!(error, Error::RateLimited { retry_after } if retry_after.as_secs() == 4000));
    assert!(error.to_string().contains("67 min"));
}

#[test]
fn a_token_reply_that_is_none_is_an_error_without_its_text() {
    for body in [
        "[]",
        "<html>",
        r#"{"access_token": 5}"#,
        r#"{"access_token":"leak-1","expires_in":"leak-2"}"#,
    ] {
        let world = world(&[]);
        world.write_token(0, now());
        world.server.on("/api/token", [Reply::json(body)]);
        let run = fetch(&world);
        let text = format!("{run:?}");
        assert!(text.contains("BadReply") && !text.contains("leak"), "{text}");
        assert_eq!(world.read_token()["access_token"], json!(ACCESS));
    }
}

#[test]
fn what_another_process_renewed_is_taken_from_the_file() {
    let world = world(&["newer"]);
    world.write_token(now() + 3000, now());
    let session = Session::open(&world.config).unwrap().unwrap();
    let mut other = world.read_token();
    other["access_token"] = json!("newer");
    std::fs::write(world.token_path(), other.to_string()).unwrap();
    let mut library = playlist_spotify::Library::new(&session, &world.config, &Default::default()).unwrap();
    assert_eq!(ids(&library.fetch(&[ListSource::Liked], &mut |_| {})), [id(0)]);
    assert_eq!(world.server.count("/api/token"), 0);
}

#[test]
fn a_race_for_one_refresh_token_leaves_what_the_faster_one_got() {
    let world = world(&["newer"]);
    world.write_token(0, now());
    let (path, mut newer) = (world.token_path(), world.read_token());
    newer["access_token"] = json!("newer");
    newer["expires_at"] = json!(now() + 3600);
    world.server.handle_first(move |request| {
        (request.path == "/api/token").then(|| {
            // The faster one writes while the slower one waits for its answer.
            std::fs::write(&path, newer.to_string()).unwrap();
            Reply::new(400, r#"{"error":"invalid_grant"}"#)
        })
    });
    assert_eq!(ids(&fetch(&world)), [id(0)]);
    assert_eq!(world.read_token()["access_token"], json!("newer"));
}

#[test]
#[ignore = "waits for the ten seconds that rspotify fixes"]
fn a_token_endpoint_that_hangs_is_left_after_ten_seconds() {
    let mut world = world(&[]);
    world.config = world
        .config
        .clone()
        .with_retry(playlist_spotify::RetryPolicy::default().with_max_tries(1));
    world.write_token(0, now());
    let hour = std::time::Duration::from_secs(3600);
    world.server.on("/api/token", [Reply::fault(Fault::Hang(hour))]);
    let begun = std::time::Instant::now();
    assert!(matches!(fetch(&world).ended_by, Some(Error::Unreachable { .. })));
    assert!(begun.elapsed() < std::time::Duration::from_secs(20));
}

#[test]
fn a_sign_out_holds_for_sessions_that_are_open() {
    let world = world(&[]);
    world.write_token(0, now());
    let session = Session::open(&world.config).unwrap().unwrap();
    assert!(Session::sign_out(&world.config).unwrap());
    assert!(!Session::sign_out(&world.config).unwrap());
    let mut library = playlist_spotify::Library::new(&session, &world.config, &Default::default()).unwrap();
    let run = library.fetch(&[ListSource::Liked], &mut |_| {});
    assert!(matches!(run.ended_by, Some(Error::NotSignedIn)));
    assert!(!world.token_path().exists());
    assert_eq!(world.server.count("/api/token"), 0);
}

#[test]
fn the_warning_comes_in_month_five() {
    let warning = |age_days: u64| {
        let world = World::new();
        world.write_token(now() + 3000, now() - age_days * DAY);
        let session = Session::open(&world.config).unwrap().unwrap();
        assert!(session.authorized_at().is_some());
        session.warning()
    };
    assert_eq!(warning(0), None);
    assert_eq!(warning(151), None);
    assert_eq!(warning(152), Some(SessionWarning::ExpiresSoon { days: 30 }));
    assert_eq!(warning(200), Some(SessionWarning::ExpiresSoon { days: 0 }));
    assert!(warning(160).unwrap().to_string().contains("22 days"));
}

#[test]
fn a_file_that_is_no_sign_in_is_an_error_that_does_not_quote_it() {
    let good = {
        let world = World::new();
        world.write_token(5, 5);
        world.read_token()
    };
    let with = |name: &str, value: serde_json::Value| {
        let mut token = good.clone();
        token[name] = value;
        token.to_string()
    };
    for text in [
        String::new(),
        "s3cret".to_owned(),
        "[\"s3cret\"]".to_owned(),
        with("format", json!(2)),
        with("format", json!("s3cret")),
        with("expires_at", json!("s3cret")),
        with("access_token", json!("s3cret\r\nx: y")),
        with("refresh_token", json!("")),
        "x".repeat(100_000),
    ] {
        let world = World::new();
        world.write_token(0, 0);
        std::fs::write(world.token_path(), &text).unwrap();
        let error = Session::open(&world.config).unwrap_err();
        assert!(matches!(error, Error::TokenFile { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}

#[test]
fn a_sign_in_to_another_app_is_none_to_this_one() {
    let world = World::new();
    world.write_token(now() + 3000, now());
    let open = |id: &str| Session::open(&world.config.clone().with_client_id(id)).unwrap();
    assert!(open("other").is_none());
    assert!(open("clientid").is_some());
    assert!(open("").is_some(), "no app named, any will do");
}
