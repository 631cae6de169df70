//! Nothing that is printed, logged or written shows a token, a code or a verifier, save the token file itself.
#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;

use playlist_spotify::{
    Error, FetchOptions, FetchRun, Library, ListSource, POLICY_NOTICE, Session, SignIn, SpotifyConfig,
};
use serde_json::json;
use support::mock::{Fault, Reply, Request, decode};
use support::{ACCESS, FakeAccount, REFRESH, World, files, now};

/// Writes down everything that anyone logs, at every level.
struct Capture(Mutex<String>);

impl log::Log for Capture {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {} {}\n", record.level(), record.target(), record.args());
        self.0.lock().unwrap().push_str(&line);
    }

    fn flush(&self) {}
}

static LOG: Capture = Capture(Mutex::new(String::new()));

/// Everything that was seen, to be searched at the end.
#[derive(Default)]
struct Seen(Vec<(String, String)>);

impl Seen {
    fn text(&mut self, what: &str, text: String) {
        self.0.push((what.to_owned(), text));
    }

    fn debug(&mut self, what: &str, value: &dyn std::fmt::Debug) {
        self.text(what, format!("{value:?} {value:#?}"));
    }

    /// An error, what it says, and what those below it say.
    fn error(&mut self, what: &str, error: &Error) {
        self.debug(what, error);
        let mut next: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = next {
            self.text(what, error.to_string());
            next = error.source();
        }
    }

    fn run(&mut self, what: &str, run: &FetchRun) {
        self.debug(what, run);
        let errors = run.failed.iter().map(|failed| &failed.error);
        for error in errors.chain(&run.ended_by) {
            self.error(what, error);
        }
    }

    fn world(&mut self, world: &World) {
        self.debug("config", &world.config);
        for (path, bytes) in files(world.folder.path()) {
            if path != world.token_path() {
                self.text(
                    &path.display().to_string(),
                    String::from_utf8_lossy(&bytes).into_owned(),
                );
            }
        }
    }
}

fn fetch(world: &World, seen: &mut Seen, what: &str) {
    let session = match Session::open(&world.config) {
        Ok(Some(session)) => session,
        Ok(None) => return,
        Err(error) => return seen.error(what, &error),
    };
    seen.debug(what, &session);
    let mut library = Library::new(&session, &world.config, &FetchOptions::default()).unwrap();
    let mut told = String::new();
    let run = library.fetch(&[ListSource::Liked], &mut |event| {
        told += &format!("{event} {event:?}\n")
    });
    seen.debug(what, &library);
    seen.text(what, told);
    seen.run(what, &run);
    seen.world(world);
}

/// Says every secret that came with the request back.
fn echo(request: &Request) -> String {
    let sent = request
        .header("authorization")
        .unwrap_or_default()
        .replace("Bearer ", "");
    format!("you sent {sent} and {}", request.body.replace('&', " "))
}

fn sign_in(world: &World, seen: &mut Seen, what: &str, target: &'static str) {
    let sign_in = SignIn::new(&world.config).unwrap();
    seen.debug(what, &sign_in);
    let result = sign_in.run(|url| {
        let field = |name: &str| {
            let found = url
                .split(['?', '&'])
                .find_map(|part| part.strip_prefix(&format!("{name}=")));
            decode(found.unwrap())
        };
        let address = field("redirect_uri")
            .replace("http://", "")
            .replace("/callback", "");
        let target = target.replace("STATE", &field("state"));
        std::thread::spawn(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            write!(stream, "GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            let mut reply = String::new();
            stream.read_to_string(&mut reply).unwrap();
            assert!(!reply.contains("s3cret"), "the page in the browser");
        });
    });
    match result {
        Ok(session) => seen.debug(what, &session),
        Err(error) => seen.error(what, &error),
    }
    seen.world(world);
}

fn tokens(access: &str) -> Reply {
    Reply::json(
        json!({"access_token": access, "refresh_token": "s3cret-refresh-1", "expires_in": 3600, "scope": "a"})
            .to_string(),
    )
}

/// Renewals and requests that go well and that go wrong in every way.
fn provoke(seen: &mut Seen) {
    let new = || World::of(&FakeAccount::with_liked(120).shared());
    let world = new();
    world.write_token(0, now());
    world.server.on("/api/token", [tokens("s3cret-access-1")]);
    fetch(&world, seen, "renewal");
    fetch(&world, seen, "no renewal");
    let broken = [
        Reply::fault(Fault::Reset),
        Reply::fault(Fault::Close),
        Reply::fault(Fault::CutBody(4)),
        Reply::json(r#"{"access_token": "s3cret-access-2", "expires_in": "s3cret-access-3"}"#),
        Reply::json(r#"{"access_token": "s3cret-access-2", "expires_"#),
        Reply::json(r#"["s3cret-access-2"]"#),
        tokens("s3cret\r\nx: y"),
    ];
    for reply in broken {
        let world = new();
        world.write_token(0, now());
        world.server.on("/api/token", [reply]);
        fetch(&world, seen, "broken renewal");
    }
    for status in [400, 401, 403, 404, 429, 500] {
        for to_api in [false, true] {
            let world = new();
            let path = if to_api { "/v1/me/tracks" } else { "/api/token" };
            world.write_token(if to_api { now() + 3000 } else { 0 }, now());
            world.server.on("/api/token", [tokens("s3cret-access-1")]);
            world.server.handle_first(move |request| {
                (request.path == path).then(|| Reply::error(status, &echo(request)))
            });
            if !to_api {
                world.server.on("/api/token", [Reply::error(404, "x")]);
                let secret =
                    json!({"error": "invalid_grant", "error_description": format!("{REFRESH} {ACCESS}")});
                world
                    .server
                    .on("/api/token", [Reply::new(status, secret.to_string())]);
            }
            fetch(&world, seen, "refusal");
        }
    }
    let world = new();
    std::fs::create_dir_all(world.token_path().parent().unwrap()).unwrap();
    for text in [
        r#"{"format": "s3cret-file"}"#,
        r#"{"format":1,"access_token":"s3cret-file""#,
    ] {
        std::fs::write(world.token_path(), text).unwrap();
        fetch(&world, seen, "bad file");
    }
    let config = SpotifyConfig::new("id").with_access_token("s3cret bad");
    seen.error("bad token", &Session::open(&config).unwrap_err());
}

#[test]
fn no_secret_is_shown_anywhere() {
    log::set_logger(&LOG).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let mut seen = Seen::default();
    let world = World::of(&FakeAccount::with_liked(3).shared());
    world.server.on("/api/token", [tokens("s3cret-access-1")]);
    sign_in(
        &world,
        &mut seen,
        "sign-in",
        "/callback?code=s3cret-code&state=STATE",
    );
    let kept = std::fs::read_to_string(world.token_path()).unwrap();
    assert!(
        kept.contains("s3cret-access-1") && kept.contains("s3cret-refresh-1"),
        "the one place"
    );
    fetch(&world, &mut seen, "after sign-in");
    let verifier = world.server.requests()[0].form("code_verifier").unwrap();
    let world = World::new();
    let echoing = json!({"error": "invalid_grant", "error_description": "code s3cret-code"});
    world
        .server
        .on("/api/token", [Reply::new(400, echoing.to_string())]);
    sign_in(
        &world,
        &mut seen,
        "bad code",
        "/callback?code=s3cret-code&state=STATE",
    );
    sign_in(
        &world,
        &mut seen,
        "refused",
        "/callback?error=access_denied&code=s3cret-code&state=STATE",
    );
    provoke(&mut seen);
    seen.text("notice", POLICY_NOTICE.to_owned());

    let logged = LOG.0.lock().unwrap().clone();
    // It was listened at the right door: both rspotify and ureq spoke.
    assert!(logged.contains("rspotify") && logged.contains("ureq"), "{logged}");
    assert!(
        logged.to_lowercase().contains("authorization: ***"),
        "ureq strikes the token out itself"
    );
    seen.text("log", logged);
    assert!(seen.0.len() > 50);
    for (what, text) in &seen.0 {
        for secret in ["s3cret", verifier.as_str()] {
            if let Some(at) = text.find(secret) {
                let from = text[..at].char_indices().rev().nth(200).map_or(0, |(at, _)| at);
                panic!(
                    "`{secret}` is shown in {what}: {}",
                    &text[from..at + secret.len()]
                );
            }
        }
    }
}
