//! What the tests of this crate share: a listener's library behind the mock, settings that point to it, waits that
//! take no time, and a small generator of numbers.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "each test file uses a part of it"
)]

#[path = "../mock/mod.rs"]
pub mod mock;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock::{MockServer, Reply, Request};
use playlist_spotify::{
    FetchEvent, FetchOptions, FetchRun, Library, ListSource, RetryPolicy, Session, Sleeper, SpotifyConfig,
    StopFlag,
};
use serde_json::{Value, json};

/// Secrets that must be seen nowhere but on the wire and in the token file.
pub const ACCESS: &str = "s3cret-access-0";
pub const REFRESH: &str = "s3cret-refresh-0";

/// Writes waits down instead of waiting.
#[derive(Debug, Default)]
pub struct NoSleep(pub Mutex<Vec<Duration>>);

impl Sleeper for NoSleep {
    fn sleep(&self, time: Duration, _: &StopFlag) {
        self.0.lock().unwrap().push(time);
    }
}

impl NoSleep {
    pub fn seconds(&self) -> Vec<f64> {
        self.0.lock().unwrap().iter().map(Duration::as_secs_f64).collect()
    }
}

/// A folder, a server, and settings for both.
pub struct World {
    pub server: MockServer,
    pub folder: tempfile::TempDir,
    pub sleeper: Arc<NoSleep>,
    pub config: SpotifyConfig,
}

impl World {
    pub fn new() -> Self {
        let (server, folder) = (MockServer::start(), tempfile::tempdir().unwrap());
        let sleeper = Arc::new(NoSleep::default());
        let config = SpotifyConfig::new("clientid")
            .with_api_base_url(format!("{}/v1/", server.url()))
            .with_auth_base_url(format!("{}/", server.url()))
            .with_config_dir(folder.path().join("config"))
            .with_cache_dir(folder.path().join("cache"))
            .with_retry(RetryPolicy::default())
            .with_pause(Duration::ZERO)
            .with_timeout(Duration::from_secs(5))
            .with_sleeper(Arc::clone(&sleeper) as Arc<dyn Sleeper>);
        let me = Reply::json(r#"{"id":"me","display_name":"Me"}"#);
        server.handle(move |request| (request.path == "/v1/me").then(|| me.clone()));
        Self {
            server,
            folder,
            sleeper,
            config,
        }
    }

    /// A world whose listener has `account`, and who is signed in by a token.
    pub fn of(account: &SharedAccount) -> Self {
        let world = Self::new();
        serve_account(&world.server, account);
        world
    }

    pub fn given(&self) -> Session {
        let config = self.config.clone().with_access_token(ACCESS);
        Session::open(&config).unwrap().unwrap()
    }

    pub fn library(&self) -> Library {
        self.library_with(&FetchOptions::default())
    }

    pub fn library_with(&self, options: &FetchOptions) -> Library {
        Library::new(&self.given(), &self.config, options).unwrap()
    }

    /// One run of a new client, and what it told.
    pub fn fetch(&self, lists: &[ListSource]) -> (FetchRun, Vec<String>) {
        let mut told = Vec::new();
        let run = self
            .library()
            .fetch(lists, &mut |event: FetchEvent<'_>| told.push(event.to_string()));
        (run, told)
    }

    pub fn token_path(&self) -> std::path::PathBuf {
        self.folder.path().join("config/spotify-token.json")
    }

    /// Signs in by hand: a token file as this crate writes it.
    pub fn write_token(&self, expires_at: u64, authorized_at: u64) {
        let token = json!({"format": 1, "client_id": "clientid", "access_token": ACCESS, "refresh_token": REFRESH,
            "expires_at": expires_at, "scopes": ["user-library-read"], "authorized_at": authorized_at});
        std::fs::create_dir_all(self.token_path().parent().unwrap()).unwrap();
        playlist_core::write_private_file(&self.token_path(), token.to_string().as_bytes()).unwrap();
    }

    pub fn read_token(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.token_path()).unwrap()).unwrap()
    }
}

pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// What a listener has.
#[derive(Default)]
pub struct FakeAccount {
    pub liked: Vec<Value>,
    /// By id: snapshot and entries.
    pub playlists: BTreeMap<String, (String, Vec<Value>)>,
    pub albums: Vec<Value>,
    /// Whether entries say `track` and lists say `tracks`, as before 2026.
    pub old_shape: bool,
}

pub type SharedAccount = Arc<Mutex<FakeAccount>>;

impl FakeAccount {
    pub fn shared(self) -> SharedAccount {
        Arc::new(Mutex::new(self))
    }

    pub fn with_liked(n: usize) -> Self {
        Self {
            liked: (0..n).map(|i| liked(i as u64)).collect(),
            ..Self::default()
        }
    }
}

/// The id of the track number `n`.
pub fn id(n: u64) -> String {
    format!("{n:022}")
}

/// A track as Spotify sends it since 2026.
pub fn track(n: u64) -> Value {
    json!({"id": id(n), "uri": format!("spotify:track:{}", id(n)), "name": format!("Title {n}"), "type": "track",
        "artists": [{"name": format!("Artist {}", n % 7)}], "album": {"name": "Album", "images": []},
        "duration_ms": 180_000 + n, "is_local": false, "explicit": false,
        "external_ids": {"isrc": format!("USAAA{:07}", n % 10_000_000)}})
}

pub fn liked(n: u64) -> Value {
    json!({"added_at": "2026-01-01T00:00:00Z", "track": track(n)})
}

pub fn item(n: u64) -> Value {
    json!({"added_at": "2026-01-01T00:00:00Z", "is_local": false, "item": track(n)})
}

/// Plays the Web API for `account`.
pub fn serve_account(server: &MockServer, account: &SharedAccount) {
    let account = Arc::clone(account);
    let base = server.url();
    server.handle(move |request| {
        let account = account.lock().unwrap();
        let path = request.path.strip_prefix("/v1/")?;
        let names = if account.old_shape {
            ("tracks", "track")
        } else {
            ("items", "item")
        };
        let parts: Vec<&str> = path.split('/').collect();
        match parts[..] {
            ["me", "tracks"] => Some(page(&base, request, &account.liked)),
            ["me", "albums"] => Some(page(&base, request, &account.albums)),
            ["me", "playlists"] => {
                let all: Vec<Value> = account
                    .playlists
                    .iter()
                    .map(|(id, list)| playlist(id, list, names.0))
                    .collect();
                Some(page(&base, request, &all))
            }
            ["playlists", id] => {
                let list = account.playlists.get(id)?;
                Some(Reply::json(playlist(id, list, names.0).to_string()))
            }
            ["playlists", id, "items"] => {
                let (_, entries) = account.playlists.get(id)?;
                Some(page_of(&base, request, entries, |entry| renamed(entry, names.1)))
            }
            _ => None,
        }
    });
}

fn playlist(id: &str, (snapshot, entries): &(String, Vec<Value>), name: &str) -> Value {
    json!({"id": id, "name": format!("List {id}"), "owner": {"id": "me", "display_name": "Me"},
        "collaborative": false, "snapshot_id": snapshot, "images": null,
        name: {"href": "x", "total": entries.len()}})
}

fn renamed(entry: &Value, name: &str) -> Value {
    let mut entry = entry.clone();
    if let Some(fields) = entry.as_object_mut()
        && let Some(inner) = fields.remove("item")
    {
        fields.insert(name.to_owned(), inner);
    }
    entry
}

/// The page that `request` asks for.
pub fn page(base: &str, request: &Request, all: &[Value]) -> Reply {
    page_of(base, request, all, Value::clone)
}

fn page_of(base: &str, request: &Request, all: &[Value], shape: impl Fn(&Value) -> Value) -> Reply {
    let limit = request.number("limit").unwrap_or(20).min(50);
    let offset = request.number("offset").unwrap_or(0);
    let part = all.iter().skip(offset as usize).take(limit as usize);
    let entries: Vec<Value> = part.map(shape).collect();
    let next = offset + limit;
    let next =
        (next < all.len() as u64).then(|| format!("{base}{}?offset={next}&limit={limit}", request.path));
    Reply::json(
        json!({"href": "x", "items": entries, "limit": limit, "offset": offset, "next": next, "previous": null,
            "total": all.len()})
        .to_string(),
    )
}

/// The ids of the tracks of the only list of `run`, or a panic that says what went wrong.
pub fn ids(run: &FetchRun) -> Vec<String> {
    assert!(run.ended_by.is_none(), "{:?}", run.ended_by);
    assert!(run.failed.is_empty(), "{:?}", run.failed);
    let tracks = &run.lists[0].playlist.tracks;
    tracks
        .iter()
        .map(|track| track.id.as_ref().unwrap().to_string())
        .collect()
}

/// The SplitMix64 generator: small, seeded, good enough to pick places.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Every file below `folder`, with its contents.
pub fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push((entry.path(), std::fs::read(entry.path()).unwrap()));
        }
    }
    found
}
