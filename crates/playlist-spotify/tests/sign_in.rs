//! The sign-in, with a browser that behaves as browsers do.
#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use playlist_spotify::{Error, POLICY_NOTICE, REDIRECT_URI, Result, Session, SignIn, SpotifyConfig};
use serde_json::json;
use support::World;
use support::mock::{Reply, decode};

/// What the address that is shown asks for.
struct Asked {
    address: String,
    state: String,
    url: String,
}

impl Asked {
    fn of(url: &str) -> Self {
        let field = |name: &str| {
            let query = url.split_once('?').unwrap().1;
            let found = query
                .split('&')
                .find_map(|part| part.strip_prefix(&format!("{name}=")));
            decode(found.unwrap_or_default())
        };
        let redirect = field("redirect_uri");
        assert!(
            redirect.starts_with("http://127.0.0.1:") && redirect.ends_with("/callback"),
            "{redirect}"
        );
        assert_eq!(field("response_type"), "code");
        assert_eq!(field("client_id"), "clientid");
        assert_eq!(field("code_challenge_method"), "S256");
        assert_eq!(field("code_challenge").len(), 43);
        let mut scopes: Vec<_> = field("scope").split(' ').map(str::to_owned).collect();
        scopes.sort();
        assert_eq!(
            scopes,
            [
                "playlist-read-collaborative",
                "playlist-read-private",
                "user-library-read"
            ]
        );
        Self {
            address: redirect["http://".len()..]
                .trim_end_matches("/callback")
                .to_owned(),
            state: field("state"),
            url: url.to_owned(),
        }
    }

    fn visit(&self, target: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }
}

/// Signs in while `browser` does what it does.
fn sign_in(sign_in: &SignIn, browser: impl FnOnce(Asked) + Send + 'static) -> Result<Session> {
    let (send, receive) = channel::<String>();
    let thread = std::thread::spawn(move || browser(Asked::of(&receive.recv().unwrap())));
    let result = sign_in.run(|url| send.send(url.to_owned()).unwrap());
    thread.join().unwrap();
    result
}

fn tokens() -> Reply {
    let reply = json!({"access_token": "got-access", "token_type": "Bearer", "expires_in": 3600,
        "refresh_token": "got-refresh", "scope": "user-library-read playlist-read-private"});
    Reply::json(reply.to_string())
}

#[test]
fn a_sign_in_survives_what_browsers_do() {
    let world = World::new();
    world.server.on("/api/token", [tokens()]);
    let session = sign_in(&SignIn::new(&world.config).unwrap(), |asked| {
        // A connection opened ahead of time, and never used.
        let idle = TcpStream::connect(&asked.address).unwrap();
        drop(TcpStream::connect(&asked.address).unwrap());
        let mut half = TcpStream::connect(&asked.address).unwrap();
        half.write_all(b"GET /callback?code=x").unwrap();
        assert!(asked.visit("/favicon.ico").starts_with("HTTP/1.1 404"));
        assert!(
            asked
                .visit("/callback?code=evil&state=wrong")
                .starts_with("HTTP/1.1 404")
        );
        assert!(
            asked
                .visit("/callback?error=access_denied&state=wrong")
                .starts_with("HTTP/1.1 404")
        );
        let page = asked.visit(&format!("/callback?code=the%2Dcode&state={}", asked.state));
        assert!(
            page.starts_with("HTTP/1.1 200") && page.contains("close this page"),
            "{page}"
        );
        assert!(page.contains("cache-control: no-store"));
        drop(idle);
    })
    .unwrap();
    assert_eq!(
        session.scopes().unwrap(),
        ["playlist-read-private", "user-library-read"]
    );
    assert_eq!(session.warning(), None);
    let request = &world.server.requests()[0];
    assert_eq!(request.form("grant_type").as_deref(), Some("authorization_code"));
    assert_eq!(request.form("code").as_deref(), Some("the-code"));
    assert_eq!(request.form("code_verifier").unwrap().len(), 43);
    assert!(request.form("redirect_uri").unwrap().ends_with("/callback"));
    let kept = world.read_token();
    assert_eq!(
        (&kept["refresh_token"], &kept["client_id"]),
        (&json!("got-refresh"), &json!("clientid"))
    );
    assert!(kept["authorized_at"].as_u64().unwrap() + 60 > support::now());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&world.token_path()), 0o600);
        assert_eq!(mode(world.token_path().parent().unwrap()), 0o700);
    }
    assert!(Session::open(&world.config).unwrap().is_some());
    assert!(Session::sign_out(&world.config).unwrap());
    assert!(Session::open(&world.config).unwrap().is_none());
}

#[test]
fn a_no_in_the_browser_is_an_error_of_its_own() {
    let world = World::new();
    let error = sign_in(&SignIn::new(&world.config).unwrap(), |asked| {
        let page = asked.visit(&format!("/callback?error=access_denied&state={}", asked.state));
        assert!(page.contains("Not signed in"), "{page}");
    })
    .unwrap_err();
    assert!(matches!(&error, Error::SignInRefused { reason } if reason == "access_denied"));
    assert!(!world.token_path().exists());
    assert!(world.server.requests().is_empty());
}

#[test]
fn nobody_in_time_is_an_error_of_its_own() {
    let world = World::new();
    let waits = SignIn::new(&world.config)
        .unwrap()
        .with_timeout(Duration::from_millis(200));
    let begun = Instant::now();
    let error = sign_in(&waits, |asked| assert!(asked.url.contains("/authorize?"))).unwrap_err();
    assert!(matches!(error, Error::SignInTimedOut { .. }));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_given_port_is_used_or_named() {
    let world = World::new();
    world.server.on("/api/token", [tokens()]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let on_port = SignIn::new(&world.config).unwrap().with_redirect_port(port);
    let error = on_port.run(|_| panic!("nothing to show")).unwrap_err();
    assert!(matches!(error, Error::Listen { port: p, .. } if p == port));
    assert!(error.to_string().contains(&port.to_string()));
    drop(taken);
    sign_in(&on_port, move |asked| {
        assert_eq!(asked.address, format!("127.0.0.1:{port}"));
        asked.visit(&format!("/callback?code=c&state={}", asked.state));
    })
    .unwrap();
}

#[test]
fn the_exchange_is_tried_again_when_the_server_fails() {
    let world = World::new();
    world.server.on(
        "/api/token",
        [Reply::error(500, "x"), Reply::error(502, "x"), tokens()],
    );
    sign_in(&SignIn::new(&world.config).unwrap(), |asked| {
        asked.visit(&format!("/callback?code=c&state={}", asked.state));
    })
    .unwrap();
    assert_eq!(world.server.count("/api/token"), 3);
}

#[test]
fn a_used_code_or_a_reply_without_refresh_token_is_no_sign_in() {
    let grant = Reply::new(
        400,
        json!({"error": "invalid_grant", "error_description": "Invalid authorization code"}).to_string(),
    );
    let bare = Reply::json(json!({"access_token": "got-access", "expires_in": 3600}).to_string());
    for (reply, text) in [(grant, "Invalid authorization code"), (bare, "refresh token")] {
        let world = World::new();
        world.server.on("/api/token", [reply]);
        let error = sign_in(&SignIn::new(&world.config).unwrap(), |asked| {
            asked.visit(&format!("/callback?code=c&state={}", asked.state));
        })
        .unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert!(!world.token_path().exists());
    }
}

#[test]
fn an_app_must_be_named() {
    for id in ["", "not an id", "a&b"] {
        let error = SignIn::new(&SpotifyConfig::new(id)).unwrap_err();
        assert!(matches!(
            error,
            Error::InvalidSetting {
                field: "client_id",
                ..
            }
        ));
    }
    assert_eq!(REDIRECT_URI, "http://127.0.0.1/callback");
    let readme = include_str!("../README.md")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for text in [POLICY_NOTICE, readme.as_str()] {
        assert!(text.contains("section III, item 14"));
        assert!(
            text.contains(
                "Do not use the Spotify Platform or any Spotify Content to train a machine learning"
            )
        );
    }
}
