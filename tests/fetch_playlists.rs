//! `fetch_playlists` as a process, against servers on loopback that play Spotify and ReccoBeats.
//!
//! `cargo test` builds the examples first; `cargo test --test fetch_playlists` alone needs `cargo build --examples`
//! before it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/mod.rs"]
mod program;
#[path = "../crates/playlist-spotify/tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use playlist_classifier::core::Playlist;
use playlist_classifier::import::{ImportOptions, import};
use program::{stderr, stdout};
use serde_json::{Value, json};
use support::mock::{MockServer, Reply, Request};
use support::{ACCESS, FakeAccount, REFRESH, SharedAccount, id, item, serve_account};

/// A listener's machine: the servers, and folders for everything that is kept.
struct Machine {
    server: MockServer,
    account: SharedAccount,
    folder: tempfile::TempDir,
}

impl Machine {
    fn new(account: FakeAccount) -> Self {
        let (server, account) = (MockServer::start(), account.shared());
        server.on("/v1/me", [Reply::json(r#"{"id":"me","display_name":"Me"}"#)]);
        serve_account(&server, &account);
        Self {
            server,
            account,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program::example("fetch_playlists");
        let at = |name: &str| self.folder.path().join(name);
        command
            .args(arguments)
            .args(["--out", self.out().to_str().unwrap()])
            .env_remove("SPOTIFY_CLIENT_ID")
            .env("SPOTIFY_ACCESS_TOKEN", ACCESS)
            .env("PLAYLIST_CONFIG_DIR", at("config"))
            .env("PLAYLIST_CACHE_DIR", at("cache"))
            .env("PLAYLIST_SPOTIFY_API", format!("{}/v1/", self.server.url()))
            .env("PLAYLIST_SPOTIFY_AUTH", format!("{}/", self.server.url()))
            .env("PLAYLIST_RECCOBEATS_API", self.server.url());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .output()
            .expect("the example is built: cargo build --examples")
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn read(&self, file: &str) -> Playlist {
        let mut read = import(self.out().join(file), &ImportOptions::default()).unwrap();
        read.playlists.remove(0).playlist
    }

    /// Plays ReccoBeats: every track but those whose number is a multiple of `unknown`, in reverse order.
    fn serve_features(&self, unknown: u64) {
        self.server.handle(move |request: &Request| {
            if request.path != "/v1/audio-features" {
                return None;
            }
            let ids: Vec<&str> = request.param("ids")?.split(',').collect();
            if ids.len() > 40 {
                return Some(Reply::new(400, r#"{"status":4004,"errors":[{"message":"size must be between 1 and 40"}]}"#));
            }
            let known = ids.iter().rev().filter(|id| !id.parse::<u64>().unwrap().is_multiple_of(unknown));
            let entry = |id: &&str| {
                json!({"id": "70b85474-0000-0000-0000-000000000000", "href": format!("https://open.spotify.com/track/{id}"),
                    "danceability": 0.5, "energy": 0.25, "key": -1, "loudness": -7.5, "mode": 1, "speechiness": 0.04,
                    "acousticness": 0.1, "instrumentalness": 0.0, "liveness": 0.1, "tempo": 120.0, "valence": 0.3})
            };
            let content: Vec<Value> = known.map(entry).collect();
            Some(Reply::json(json!({ "content": content }).to_string()))
        });
    }
}

/// Waits for a child for a minute at most.
fn wait(mut child: Child) -> Output {
    for _ in 0..600 {
        if child.try_wait().unwrap().is_some() {
            return child.wait_with_output().unwrap();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill().unwrap();
    panic!(
        "the program did not end: {}",
        stderr(&child.wait_with_output().unwrap())
    );
}

/// The privacy export of a listener, as a folder.
fn privacy_export(folder: &Path) -> PathBuf {
    let export = folder.join("Spotify Account Data");
    std::fs::create_dir_all(&export).unwrap();
    let track = |n: u64| json!({"artist": "A", "album": "B", "track": format!("T{n}"), "uri": format!("spotify:track:{}", id(n))});
    let library = json!({"tracks": (1..=90).map(track).collect::<Vec<_>>(), "albums": [], "shows": [], "episodes": [],
        "bannedTracks": [track(500)], "artists": [], "bannedArtists": [], "other": []});
    std::fs::write(export.join("YourLibrary.json"), library.to_string()).unwrap();
    let entry = |n: u64| {
        json!({"track": {"trackName": format!("T{n}"), "artistName": "A", "albumName": "B",
            "trackUri": format!("spotify:track:{}", id(n))}, "episode": null, "localTrack": null, "addedDate": "2025-01-02"})
    };
    let lists = json!({"playlists": [{"name": "Road / Trip", "lastModifiedDate": "2025-01-02",
        "items": (80..=120).map(entry).collect::<Vec<_>>(), "description": null, "numberOfFollowers": 0}]});
    std::fs::write(export.join("Playlist1.json"), lists.to_string()).unwrap();
    std::fs::write(export.join("Payments.json"), r#"{"card":"s3cret-card"}"#).unwrap();
    export
}

#[test]
fn an_export_gets_features_once_and_is_read_by_the_classifier() {
    let machine = Machine::new(FakeAccount::default());
    machine.serve_features(10);
    let export = privacy_export(machine.folder.path());
    let export = export.to_str().unwrap();
    let output = machine.run(&["--from", export, "--features", "reccobeats"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("ids of tracks without features go to api.reccobeats.com"));
    // Tracks 1 to 120 and 500; every tenth is unknown, and 80 to 90 are on both lists, two of these unknown.
    let text = stdout(&output);
    assert!(text.contains("features for 117 of 132 tracks"), "{text}");
    assert!(
        text.contains("15 not known to any source that was asked"),
        "{text}"
    );
    assert_eq!(
        machine.server.count("/v1/audio-features"),
        4,
        "121 tracks, 40 at once"
    );
    let road = machine.read("Road _ Trip.csv");
    assert_eq!((road.name.as_str(), road.tracks.len()), ("Road / Trip", 41));
    assert_eq!(
        road.tracks[1].features_from.as_ref().unwrap().source,
        "reccobeats"
    );
    let page = machine.folder.path().join("page.html");
    let html = page.to_str().unwrap();
    let again = machine.run(&["--from", export, "--features", "reccobeats", "--html", html]);
    let page = std::fs::read_to_string(&page).unwrap();
    for part in ["Road / Trip", "features for 117 of 132 tracks", "What was read"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(
        stdout(&again).contains("already there, the same"),
        "{}",
        stdout(&again)
    );
    assert_eq!(
        machine.server.count("/v1/audio-features"),
        4,
        "hits and misses are remembered"
    );
    let all: String = walk(machine.folder.path())
        .iter()
        .filter(|path| !path.ends_with("Payments.json"))
        .map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned())
        .collect();
    assert!(!(text + &all).contains("s3cret-card"), "payments are not opened");
}

#[test]
fn what_differs_is_not_replaced_and_a_dry_run_writes_and_asks_nothing() {
    let machine = Machine::new(FakeAccount::default());
    machine.serve_features(10);
    let export = privacy_export(machine.folder.path());
    let export = export.to_str().unwrap();
    let plan = machine.run(&[
        "--from",
        export,
        "--features",
        "reccobeats",
        "--dry-run",
        "--json",
    ]);
    assert!(plan.status.success(), "{}", stderr(&plan));
    let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert_eq!(plan["playlists"].as_array().unwrap().len(), 3);
    assert_eq!(plan["playlists"][0]["file"]["status"], "planned");
    assert!(!machine.out().exists());
    assert!(machine.server.requests().is_empty());
    assert!(machine.run(&["--from", export]).status.success());
    let refused = machine.run(&["--from", export, "--features", "reccobeats"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("add --overwrite"),
        "{}",
        stderr(&refused)
    );
    assert!(machine.read("Road _ Trip.csv").tracks[1].features_from.is_none());
    assert!(
        machine
            .run(&["--from", export, "--features", "reccobeats", "--overwrite"])
            .status
            .success()
    );
    assert!(machine.read("Road _ Trip.csv").tracks[1].features_from.is_some());
}

#[test]
fn lists_of_spotify_come_with_their_reasons() {
    let mut account = FakeAccount::with_liked(120);
    account.liked[3]["track"] = Value::Null;
    account.liked[4]["track"] = json!({"id": null, "uri": "spotify:local:A:B:C:60", "name": "C", "type": "track",
        "is_local": true, "artists": [{"name": "A"}], "album": {}, "duration_ms": 60_000});
    account.liked[5]["track"]["type"] = json!("episode");
    account
        .playlists
        .insert("open".to_owned(), ("s1".to_owned(), (0..70).map(item).collect()));
    account
        .playlists
        .insert("shut".to_owned(), ("s1".to_owned(), (0..5).map(item).collect()));
    let machine = Machine::new(account);
    machine
        .server
        .on("/v1/playlists/shut/items", [Reply::error(403, "Forbidden")]);
    let output = machine.run(&["--all", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        output.status.code(),
        Some(1),
        "a list that was asked for is missing: {}",
        stderr(&output)
    );
    let names: Vec<&str> = report["playlists"]
        .as_array()
        .unwrap()
        .iter()
        .map(|list| list["file"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(report["failed"].as_array().unwrap().len(), 1);
    assert!(report["failed"][0].as_str().unwrap().contains("403"));
    assert_eq!(report["playlists"][0]["file"]["n_tracks"], 118);
    assert_eq!(report["coverage"]["n_with_features"], 0);
    let local = machine
        .read("Liked Songs.csv")
        .tracks
        .iter()
        .filter(|track| track.is_local)
        .count();
    assert_eq!(local, 1);
    let list = machine.run(&["--list"]);
    assert!(stdout(&list).contains("open"), "{}", stdout(&list));
    for missing in [&["--playlist", "No Such"][..], &["--album", "a/b"]] {
        assert!(!machine.run(missing).status.success());
    }
}

#[test]
fn killed_at_any_page_it_goes_on_and_nothing_is_lost_or_doubled() {
    const N: usize = 2_000;
    let machine = Machine::new(FakeAccount::with_liked(N));
    // Some page takes its time, so that the program is killed while it waits for it.
    machine.server.handle_first(|request: &Request| {
        if request.path == "/v1/me/tracks" {
            std::thread::sleep(Duration::from_millis(3));
        }
        None
    });
    let mut n_kills = 0;
    for kill_after in [2_u64, 9, 17, 24, 31] {
        let begun = machine.server.count("/v1/me/tracks");
        let mut child = machine
            .command(&["--liked"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Until it has asked for so many pages more, or has ended.
        while (machine.server.count("/v1/me/tracks") - begun) < kill_after as usize
            && child.try_wait().unwrap().is_none()
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        n_kills += usize::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(n_kills >= 2, "the program was killed at work {n_kills} times");
    let output = machine.run(&["--liked"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let tracks = machine.read("Liked Songs.csv").tracks;
    let ids: BTreeSet<String> = tracks
        .iter()
        .map(|track| track.id.as_ref().unwrap().to_string())
        .collect();
    assert_eq!((tracks.len(), ids.len()), (N, N));
    let n_pages = machine.server.count("/v1/me/tracks");
    // Forty pages, and for each kill the page at hand and a look whether the list has changed.
    assert!(n_pages <= N / 50 + 5 * 4, "{n_pages} pages were asked for");
}

#[test]
fn a_long_pause_ends_the_run_and_the_next_goes_on() {
    let machine = Machine::new(FakeAccount::with_liked(150));
    let pause = Reply::error(429, "slow down").with_header("retry-after", "79892");
    machine.server.on("/v1/me/tracks?offset=50", [pause]);
    let output = machine.run(&["--liked"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("22.2 h"), "{text}");
    assert!(machine.account.lock().unwrap().liked.len() == 150);
    let next = Machine {
        server: MockServer::start(),
        account: FakeAccount::with_liked(150).shared(),
        folder: machine.folder,
    };
    next.server.on("/v1/me", [Reply::json(r#"{"id":"me"}"#)]);
    serve_account(&next.server, &next.account);
    let output = next.run(&["--liked"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("resumed"), "{}", stdout(&output));
    assert_eq!(next.read("Liked Songs.csv").tracks.len(), 150);
}

/// Plays the browser: takes the address that the program shows and comes back with a code.
fn browse(address: &str, code: &str) {
    let find = |name: &str| {
        let (_, rest) = address.split_once(&format!("{name}=")).unwrap();
        rest.split('&').next().unwrap().to_owned()
    };
    let redirect = find("redirect_uri").replace("%3A", ":").replace("%2F", "/");
    let rest = redirect.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET /{path}?code={code}&state={} HTTP/1.1\r\nhost: {host}\r\n\r\n",
        find("state")
    )
    .unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.contains("200"), "{page}");
}

#[test]
fn a_sign_in_is_kept_private_and_renewed_and_no_secret_is_shown() {
    use std::io::{BufRead, BufReader};
    let machine = Machine::new(FakeAccount::with_liked(60));
    let token = |access: &str, refresh: Option<&str>, life: u64| {
        let mut reply = json!({"access_token": access, "token_type": "Bearer", "expires_in": life,
            "scope": "user-library-read playlist-read-private playlist-read-collaborative"});
        if let Some(refresh) = refresh {
            reply["refresh_token"] = json!(refresh);
        }
        Reply::json(reply.to_string())
    };
    // The first token is about to end; renewals bring no refresh token, as since 2026.
    machine.server.on(
        "/api/token",
        [token(ACCESS, Some(REFRESH), 1), token("s3cret-access-1", None, 1)],
    );
    let mut command = machine.command(&["--liked", "--client-id", "abc123"]);
    command
        .env_remove("SPOTIFY_ACCESS_TOKEN")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut shown = String::new();
    let address = lines.by_ref().map(Result::unwrap).find(|line| {
        shown += line;
        line.contains("/authorize?")
    });
    browse(&address.unwrap(), "s3cret-code");
    let rest = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
    let output = wait(child);
    let errors = rest.join().unwrap();
    assert!(output.status.success(), "{errors}");
    assert!(
        shown.contains("Developer Policy"),
        "the terms are shown before the sign-in: {shown}"
    );
    for _ in 0..2 {
        let mut command = machine.command(&["--liked", "--client-id", "abc123"]);
        let again = command.env_remove("SPOTIFY_ACCESS_TOKEN").output().unwrap();
        assert!(again.status.success(), "{}", stderr(&again));
        shown += &(stdout(&again) + &stderr(&again));
    }
    let renewals: Vec<Option<String>> = machine
        .server
        .requests()
        .iter()
        .filter(|request| request.path == "/api/token")
        .map(|request| request.form("refresh_token"))
        .collect();
    assert!(renewals.len() >= 3, "{renewals:?}");
    assert!(
        renewals[1..]
            .iter()
            .all(|token| token.as_deref() == Some(REFRESH)),
        "{renewals:?}"
    );
    shown += &(stdout(&output) + &errors);
    let mut n_token_files = 0;
    for path in walk(machine.folder.path()) {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        if path.file_name().is_some_and(|name| name == "spotify-token.json") {
            n_token_files += 1;
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                assert_eq!(
                    std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                    0o600
                );
            }
        } else {
            shown += &text;
        }
    }
    assert_eq!(n_token_files, 1);
    assert!(
        !shown.contains("s3cret"),
        "a secret is shown or kept where it should not be"
    );
    let mut sign_out = machine.command(&["--sign-out", "--purge"]);
    assert!(sign_out.output().unwrap().status.success());
    let left: Vec<PathBuf> = walk(machine.folder.path())
        .into_iter()
        .filter(|path| !path.starts_with(machine.out()))
        .collect();
    assert!(
        left.iter().all(|path| !path.to_string_lossy().contains("token")),
        "{left:?}"
    );
}

/// Every file below `folder`.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path))
        } else {
            files.push(path)
        }
    }
    files
}

#[test]
fn wrong_usage_ends_with_two() {
    let machine = Machine::new(FakeAccount::default());
    for arguments in [
        &[][..],
        &["--from", "x", "--liked"],
        &["--from", "x", "--features", "last.fm"],
    ] {
        let output = machine.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}
