//! Sources of features in a chain with the cache, against a service on loopback that misbehaves.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod mock;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use mock::{Fault, MockServer, Reply, Request};
use playlist_core::{
    AudioFeature, Chain, CoverageReport, FeatureOrigin, FeatureScale, FeatureSource, MissingReason,
    SourceError, Track,
};
use playlist_spotify::features::{FeatureCache, ReccoBeats, SpotifyAudioFeatures};
use playlist_spotify::{RetryPolicy, Session, Sleeper, SpotifyConfig, StopFlag};
use serde_json::{Value, json};

const PATH: &str = "/v1/audio-features";

/// Writes waits down instead of waiting.
#[derive(Debug, Default)]
struct NoSleep(Mutex<Vec<u64>>);

impl Sleeper for NoSleep {
    fn sleep(&self, time: Duration, _: &StopFlag) {
        self.0.lock().unwrap().push(time.as_secs());
    }
}

fn id(n: usize) -> String {
    format!("{n:022}")
}

fn track(n: usize) -> Track {
    Track {
        id: Some(id(n).parse().unwrap()),
        ..Track::default()
    }
}

fn by_isrc(code: &str) -> Track {
    Track {
        isrc: Some(code.parse().unwrap()),
        ..Track::default()
    }
}

fn row(n: usize) -> Value {
    json!({"id": format!("uuid-{n}"), "href": format!("https://open.spotify.com/track/{}?si=a", id(n)),
        "isrc": format!("USUM7{n:07}"), "energy": n as f64 / 10_000.0, "key": 3, "tempo": 120.5, "mode": 1})
}

fn content(rows: &[Value]) -> Reply {
    Reply::json(json!({ "content": rows }).to_string())
}

fn asked(request: &Request) -> Vec<String> {
    request
        .param("ids")
        .unwrap()
        .split(',')
        .map(str::to_owned)
        .collect()
}

/// Answers as the service does: 40 ids at most, odd tracks unknown, the last one first.
fn service(server: &MockServer, most: usize) {
    server.handle(move |request| {
        let ids = asked(request);
        if ids.len() > most {
            let message = format!("size must be between 1 and {most}");
            let error =
                json!({"status": 4004, "errors": [{"path": "getAudioFeatures.ids", "message": message}]});
            return Some(Reply::new(400, error.to_string()));
        }
        let numbers = ids.iter().rev().filter_map(|id| id.parse::<usize>().ok());
        let rows: Vec<Value> = numbers.filter(|n| n % 2 == 0).map(row).collect();
        Some(content(&rows))
    });
}

struct World {
    server: MockServer,
    folder: tempfile::TempDir,
    sleeper: Arc<NoSleep>,
    time: Arc<AtomicU64>,
}

impl World {
    fn new() -> Self {
        Self {
            server: MockServer::start(),
            folder: tempfile::tempdir().unwrap(),
            sleeper: Arc::default(),
            // Other processes in these tests have the true clock.
            time: Arc::new(AtomicU64::new(UNIX_EPOCH.elapsed().unwrap().as_secs())),
        }
    }

    /// One reply after the other, the last one for ever.
    fn with_replies(replies: impl IntoIterator<Item = Reply>) -> Self {
        let world = Self::new();
        world.server.on(PATH, replies);
        world
    }

    fn reccobeats(&self) -> ReccoBeats {
        ReccoBeats::new()
            .unwrap()
            .with_base_url(self.server.url() + "/")
            .with_timeout(Duration::from_millis(400))
            .with_pause(Duration::ZERO)
            .with_sleeper(Arc::clone(&self.sleeper) as Arc<dyn Sleeper>)
    }

    fn cache(&self) -> FeatureCache {
        let time = Arc::clone(&self.time);
        FeatureCache::open(self.folder.path().join("features.sqlite3"))
            .unwrap()
            .with_clock(move || UNIX_EPOCH + Duration::from_secs(time.load(Ordering::Relaxed)))
    }

    fn fill(&self, tracks: &mut [Track]) -> CoverageReport {
        Chain::new()
            .with_store(self.cache())
            .with_source(self.reccobeats())
            .fill(tracks)
    }

    fn n_requests(&self) -> usize {
        self.server.count(PATH)
    }

    fn waits(&self) -> Vec<u64> {
        self.sleeper.0.lock().unwrap().clone()
    }
}

#[test]
fn a_second_run_asks_nothing_and_misses_are_asked_again_after_thirty_days() {
    let world = World::new();
    service(&world.server, 40);
    let tracks = || -> Vec<Track> { (0..100).map(track).collect() };
    let mut first = tracks();
    let report = world.fill(&mut first);
    assert_eq!((report.n_tracks, report.n_with_features), (100, 50), "{report}");
    assert_eq!(report.missing, [(MissingReason::NotKnown, 50)]);
    assert!(report.notes.is_empty(), "{report}");
    assert_eq!(world.n_requests(), 3);
    assert_eq!(first[42].features.get(AudioFeature::Energy), Some(0.0042));
    assert_eq!(first[42].features_from.as_ref().unwrap().source, "reccobeats");
    let request = &world.server.requests()[0];
    assert!(
        request
            .header("user-agent")
            .unwrap()
            .starts_with("playlist-classifier/")
    );
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("authorization"), None);

    let mut second = tracks();
    assert_eq!(world.fill(&mut second).n_with_features, 50);
    assert_eq!(world.n_requests(), 3, "all answers are kept");
    assert_eq!(second, first);

    world.time.fetch_add(31 * 24 * 3600, Ordering::Relaxed);
    world.fill(&mut tracks());
    let again: Vec<Vec<String>> = world.server.requests()[3..].iter().map(asked).collect();
    assert_eq!(
        again.iter().map(Vec::len).collect::<Vec<_>>(),
        [40, 10],
        "the misses alone"
    );
    assert!(
        again
            .iter()
            .flatten()
            .all(|id| id.parse::<usize>().unwrap() % 2 == 1)
    );
}

#[test]
fn no_request_has_more_than_forty_ids_and_a_refusal_splits_it() {
    let tracks: Vec<Track> = (0..41).map(track).collect();
    let tracks: Vec<&Track> = tracks.iter().collect();
    let lengths = |most| {
        let world = World::new();
        service(&world.server, most);
        let mut source = world.reccobeats();
        assert_eq!(source.lookup(&tracks).unwrap().len(), 21);
        source.lookup(&tracks[..25]).unwrap();
        world
            .server
            .requests()
            .iter()
            .map(|request| asked(request).len())
            .collect::<Vec<_>>()
    };
    assert_eq!(lengths(40), [40, 1, 25]);
    assert_eq!(
        lengths(15),
        [40, 20, 10, 10, 20, 10, 10, 1, 10, 10, 5],
        "what was learnt is kept"
    );
    let world = World::new();
    service(&world.server, 0);
    let error = world.reccobeats().lookup(&tracks).unwrap_err();
    assert!(matches!(error, SourceError::Failed { .. }), "{error}");
    assert!(world.n_requests() < 10);
}

#[test]
fn rows_are_matched_by_the_id_in_href_alone() {
    let mut odd = row(4);
    odd["key"] = json!(-1);
    odd["valence"] = json!(7);
    odd["popularity"] = json!({"new": []});
    let mut other = row(1);
    other["energy"] = json!(0.9);
    let rows = [
        odd,
        row(9),
        row(1),
        other,
        row(2),
        json!(null),
        json!({"isrc": "USUM70000003", "energy": 0.3}),
    ];
    let world = World::with_replies([content(&rows)]);
    let mut tracks = vec![
        track(1),
        track(2),
        track(3),
        track(4),
        by_isrc("USUM70000003"),
        track(5),
    ];
    let report = world.fill(&mut tracks);
    let energy: Vec<Option<f32>> = tracks
        .iter()
        .map(|track| track.features.get(AudioFeature::Energy))
        .collect();
    assert_eq!(
        energy,
        [Some(0.0001), Some(0.0002), None, Some(0.0004), Some(0.3), None]
    );
    assert_eq!(tracks[3].features.get(AudioFeature::Key), None);
    assert_eq!(tracks[3].features.get(AudioFeature::Valence), None);
    assert_eq!(report.notes.len(), 3, "{report}");
    assert!(
        report.notes[0].contains("`valence` 7 of 0000000000000000000004"),
        "{report}"
    );
    assert!(report.notes[1].contains("1 entries for tracks that were not asked for"));
    assert!(report.notes[2].contains("1 second entries with other values"));
}

#[test]
fn of_several_rows_of_a_recording_the_first_id_is_taken() {
    let rows: Vec<Value> = [8, 2, 5]
        .iter()
        .map(|n| {
            let mut row = row(*n);
            row["isrc"] = json!("GBAYE6900531");
            row
        })
        .collect();
    for turn in 0..3 {
        let mut rows = rows.clone();
        rows.rotate_left(turn);
        let world = World::with_replies([content(&rows)]);
        let mut tracks = [by_isrc("GBAYE6900531")];
        let report = world.fill(&mut tracks);
        assert_eq!(tracks[0].features.get(AudioFeature::Energy), Some(0.0002));
        assert!(report.notes.is_empty(), "{report}");
        assert_eq!(asked(&world.server.requests()[0]), ["GBAYE6900531"]);
    }
}

#[test]
fn broken_connections_and_failures_are_tried_again() {
    for fault in [
        Fault::CutBody(30),
        Fault::Reset,
        Fault::Close,
        Fault::Hang(Duration::from_secs(3600)),
    ] {
        let world = World::with_replies([content(&[row(2)]).with_fault(fault), content(&[row(2)])]);
        let report = world.fill(&mut [track(2)]);
        assert_eq!(
            (report.n_with_features, world.n_requests()),
            (1, 2),
            "{fault:?}: {report}"
        );
        assert_eq!(
            report.notes,
            ["1 requests to `reccobeats` failed and were sent again"]
        );
    }
    let five_hundred = || Reply::new(500, "oops");
    let world = World::with_replies([five_hundred(), five_hundred(), content(&[row(2)])]);
    assert_eq!(world.fill(&mut [track(2)]).n_with_features, 1);
    assert_eq!(world.waits(), [1, 2]);
    let world = World::with_replies([five_hundred(), five_hundred(), five_hundred(), content(&[row(2)])]);
    let report = world.fill(&mut [track(2)]);
    assert_eq!((report.n_with_features, world.n_requests()), (0, 3));
    let owed = MissingReason::NotAnswered("reccobeats".to_owned());
    assert_eq!(report.missing, [(owed, 1)]);
    assert!(report.notes[0].contains("status 500: \"oops\""), "{report}");
    assert_eq!(
        world.fill(&mut [track(2)]).n_with_features,
        1,
        "a failure is not kept as an answer"
    );
}

#[test]
fn a_short_pause_is_kept_and_a_long_one_ends_the_run() {
    let slow = |seconds: &str| Reply::error(429, "slow down").with_header("Retry-After", seconds);
    let world = World::with_replies([slow("7"), content(&[row(2)])]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let source = world
        .reccobeats()
        .with_listener(move |event| log.lock().unwrap().push(event.to_string()));
    let report = Chain::new().with_source(source).fill(&mut [track(2)]);
    assert_eq!((report.n_with_features, world.waits()), (1, vec![7]));
    assert_eq!(
        report.notes,
        ["`reccobeats` asked to slow down 1 times: 7 s were waited"]
    );
    assert_eq!(*told.lock().unwrap(), ["asked to slow down: waiting 7 s"]);

    let world = World::with_replies([content(&[row(2)]), slow("7200"), content(&[row(50)])]);
    let mut tracks: Vec<Track> = (0..200).map(track).collect();
    let report = world.fill(&mut tracks);
    assert_eq!(
        (report.n_with_features, world.n_requests(), world.waits().len()),
        (1, 2, 0)
    );
    assert!(report.notes[0].contains("asks to wait 2.0 h"), "{report}");
    let owed = MissingReason::NotAnswered("reccobeats".to_owned());
    assert!(report.missing.contains(&(owed, 160)), "{report}");
    world.fill(&mut tracks);
    assert_eq!(
        asked(&world.server.requests()[2])[0],
        id(40),
        "the next run goes on where this one stopped"
    );
}

#[test]
fn refusals_are_told_in_a_sentence() {
    let note = |reply: Reply| {
        let world = World::with_replies([reply]);
        let mut tracks: Vec<Track> = (0..200).map(track).collect();
        let report = world.fill(&mut tracks);
        assert_eq!(report.n_with_features, 0);
        (report.notes[0].clone(), world.n_requests())
    };
    let (text, n) = note(Reply::new(403, "error code: 1010").with_header("content-type", "text/plain"));
    assert!(
        text.contains("switched off for this run: its protection (Cloudflare, error 1010)"),
        "{text}"
    );
    assert_eq!(n, 1);
    let (text, n) = note(Reply::new(403, "no"));
    assert!(
        text.contains("does not answer this program") && text.contains("403"),
        "{text}"
    );
    assert_eq!(n, 1);
    let (text, n) = note(Reply::json("<!DOCTYPE html><title>Just a moment</title>"));
    assert!(
        text.ends_with("cannot be read: a web page came instead of JSON"),
        "{text}"
    );
    assert_eq!(n, 3, "three failures in a row end a source");
    let (text, _) = note(Reply::new(
        400,
        r#"{"status":4001,"errors":[{"message":"ids is missing"}]}"#,
    ));
    assert!(text.contains("status 400: \"ids is missing\""), "{text}");
    let (text, _) = note(Reply::json(r#"{"content":{}}"#));
    assert!(text.contains("expected a list `content`"), "{text}");
}

#[test]
fn a_stop_ends_the_run_and_requests_keep_their_distance() {
    let world = World::new();
    service(&world.server, 40);
    let stop = StopFlag::default();
    stop.stop();
    let report = Chain::new()
        .with_source(world.reccobeats().with_stop(stop))
        .fill(&mut [track(2)]);
    assert_eq!((report.n_with_features, world.n_requests()), (0, 0));
    let mut tracks: Vec<Track> = (0..200).map(track).collect();
    let source = world.reccobeats().with_pause(Duration::from_secs(100));
    Chain::new().with_source(source).fill(&mut tracks);
    assert_eq!(world.waits(), [99; 4]);
}

#[test]
fn rounded_numbers_give_way_and_scales_are_not_mixed() {
    let world = World::new();
    service(&world.server, 40);
    let chosic = |n| {
        let mut track = track(n);
        track.features.set(AudioFeature::Energy, 0.8);
        track.features.set(AudioFeature::Valence, 0.7);
        track.features.set(AudioFeature::DurationMs, 200_000.0);
        track.features_from = Some(FeatureOrigin::new("chosic", FeatureScale::SpotifyRounded));
        track
    };
    let mut tracks = [chosic(2), chosic(3)];
    let report = world.fill(&mut tracks);
    let values = |track: &Track| [AudioFeature::Energy, AudioFeature::Valence].map(|f| track.features.get(f));
    assert_eq!(values(&tracks[0]), [Some(0.0002), None], "all of them, not some");
    assert_eq!(tracks[0].features.get(AudioFeature::DurationMs), Some(200_000.0));
    assert_eq!(values(&tracks[1]), [Some(0.8), Some(0.7)]);
    assert_eq!(report.by_source.get("chosic"), Some(&1));
    assert_eq!(report.by_source.get("reccobeats"), Some(&1));
}

/// Another process, which fills 400 tracks. Without the variables it does nothing.
#[test]
fn helper_process() {
    let Ok(file) = std::env::var("FEATURES_TEST_FILE") else {
        return;
    };
    let source = match ReccoBeats::new() {
        Ok(source) => source.with_pause(Duration::ZERO),
        Err(error) => return println!("refused: {error}"),
    };
    let mut tracks: Vec<Track> = (0..400).map(track).collect();
    let report = Chain::new()
        .with_store(FeatureCache::open(file).unwrap())
        .with_source(source)
        .fill(&mut tracks);
    println!("filled {}", report.to_string().replace('\n', ";"));
}

fn helper(file: &Path, api: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper_process", "--nocapture", "--test-threads=1"])
        .env("FEATURES_TEST_FILE", file)
        .env("PLAYLIST_RECCOBEATS_API", api)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn two_processes_at_once_and_a_killed_one_share_what_is_known() {
    let world = World::new();
    service(&world.server, 40);
    let file = world.folder.path().join("features.sqlite3");
    let mut killed = helper(&file, &world.server.url());
    while world.n_requests() < 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let both = [
        helper(&file, &world.server.url()),
        helper(&file, &world.server.url()),
    ];
    for child in both {
        let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        assert!(
            output.contains("filled features for 200 of 400 tracks"),
            "{output}"
        );
        assert!(!output.contains("note:"), "{output}");
    }
    let n_requests = world.n_requests();
    let report = world.fill(&mut (0..400).map(track).collect::<Vec<_>>());
    assert_eq!((report.n_with_features, world.n_requests()), (200, n_requests));
}

#[test]
fn a_server_from_the_environment_is_on_loopback() {
    let folder = tempfile::tempdir().unwrap();
    for api in [
        "https://api.example.com",
        "http://10.1.2.3:80",
        "http://127.0.0.1@example.com",
    ] {
        let child = helper(&folder.path().join("x"), api);
        let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        assert!(
            output.contains("refused: setting `PLAYLIST_RECCOBEATS_API` is"),
            "{output}"
        );
    }
}

#[test]
fn a_store_that_breaks_costs_the_memory_and_not_the_answers() {
    let world = World::new();
    service(&world.server, 40);
    let mut tracks: Vec<Track> = (0..400).map(track).collect();
    world.fill(&mut tracks);
    let file = world.folder.path().join("features.sqlite3");
    let mut bytes = std::fs::read(&file).unwrap();
    // Behind the page that says what tables there are.
    bytes[4096..].fill(0xA5);
    std::fs::write(&file, &bytes).unwrap();
    let mut again: Vec<Track> = (0..400).map(track).collect();
    let report = world.fill(&mut again);
    assert_eq!(again, tracks);
    assert!(
        report.notes[0].starts_with("the kept answers could not be read: `"),
        "{report}"
    );
    assert!(
        report.notes[0].contains("features.sqlite3` is damaged"),
        "{report}"
    );
    let last = report.notes.last().unwrap();
    assert!(
        last.starts_with("answers could not be kept, so they will be asked for again"),
        "{report}"
    );
    assert!(report.notes.len() <= 3, "each thing is said once: {report}");
    assert_eq!(
        std::fs::read(&file).unwrap()[4096..],
        bytes[4096..],
        "nothing is deleted"
    );
}

fn spotify(world: &World) -> SpotifyAudioFeatures {
    let config = SpotifyConfig::new("clientid")
        .with_access_token("s3cret-token")
        .with_api_base_url(format!("{}/v1", world.server.url()))
        .with_retry(RetryPolicy::default())
        .with_pause(Duration::ZERO)
        .with_sleeper(Arc::clone(&world.sleeper) as Arc<dyn Sleeper>);
    let session = Session::open(&config).unwrap().unwrap();
    SpotifyAudioFeatures::new(&session, &config, &StopFlag::default()).unwrap()
}

#[test]
fn old_apps_get_all_features_by_the_hundred() {
    let world = World::new();
    world.server.handle(|request| {
        let entry = |id: &String| {
            let n: usize = id.parse().unwrap();
            let entry = json!({"id": id, "energy": n as f64 / 1000.0, "key": null, "time_signature": "4",
                "duration_ms": 200_040, "tempo": 0, "loudness": -400});
            if n.is_multiple_of(3) { Value::Null } else { entry }
        };
        let entries: Vec<Value> = asked(request).iter().rev().map(entry).collect();
        Some(Reply::json(json!({ "audio_features": entries }).to_string()))
    });
    let mut tracks: Vec<Track> = (0..250).map(track).collect();
    let report = Chain::new()
        .with_store(world.cache())
        .with_source(spotify(&world))
        .fill(&mut tracks);
    assert_eq!(report.n_with_features, 166, "{report}");
    assert_eq!(world.n_requests(), 3);
    let get = |feature| tracks[130].features.get(feature);
    assert_eq!(get(AudioFeature::Energy), Some(0.13));
    assert_eq!(get(AudioFeature::TimeSignature), Some(4.0));
    assert_eq!(get(AudioFeature::Tempo), None);
    assert_eq!(get(AudioFeature::Loudness), None);
    assert!(
        report.notes[0].contains("gave 166 values that no track can have"),
        "{report}"
    );
    let mut again: Vec<Track> = (0..250).map(track).collect();
    Chain::new()
        .with_store(world.cache())
        .with_source(spotify(&world))
        .fill(&mut again);
    assert_eq!((world.n_requests(), again), (3, tracks));
}

#[test]
fn the_first_403_switches_spotify_off_with_one_sentence() {
    let world = World::with_replies([Reply::error(403, "Forbidden")]);
    let mut source = spotify(&world);
    assert!(!format!("{source:?}").contains("s3cret"));
    let mut tracks: Vec<Track> = (0..250).map(track).collect();
    for _ in 0..2 {
        let report = Chain::new().with_source(&mut source).fill(&mut tracks);
        assert_eq!(report.notes.len(), 1, "{report}");
        assert!(
            report.notes[0].ends_with("or ReccoBeats (Spotify says: \"Forbidden\")"),
            "{report}"
        );
    }
    assert_eq!(world.n_requests(), 1);
    let slow = Reply::error(429, "slow down").with_header("Retry-After", "80000");
    let world = World::with_replies([slow]);
    let asked = [&tracks[0]];
    assert!(matches!(
        spotify(&world).lookup(&asked),
        Err(SourceError::RateLimited { .. })
    ));
    let world = World::with_replies([Reply::error(401, "expired")]);
    assert!(matches!(
        spotify(&world).lookup(&asked),
        Err(SourceError::SwitchedOff { .. })
    ));
}

#[test]
fn the_second_source_is_asked_for_what_the_first_does_not_give() {
    let world = World::new();
    service(&world.server, 40);
    let other = World::new();
    other.server.handle(|request| {
        let entry = |id: &String| json!({"id": id, "energy": 0.9, "duration_ms": 1000, "time_signature": 4});
        let entries: Vec<Value> = asked(request).iter().map(entry).collect();
        Some(Reply::json(json!({ "audio_features": entries }).to_string()))
    });
    let mut tracks = [track(2), track(3)];
    let report = Chain::new()
        .with_store(world.cache())
        .with_source(world.reccobeats())
        .with_source(spotify(&other))
        .fill(&mut tracks);
    assert_eq!(
        tracks[0].features.get(AudioFeature::Energy),
        Some(0.0002),
        "the first one's stays"
    );
    assert_eq!(tracks[0].features.get(AudioFeature::TimeSignature), Some(4.0));
    assert_eq!(tracks[1].features.get(AudioFeature::Energy), Some(0.9));
    assert_eq!(
        (report.by_source["reccobeats"], report.by_source["spotify"]),
        (1, 1)
    );
    let mut again = [track(2), track(3)];
    Chain::new()
        .with_store(world.cache())
        .with_source(world.reccobeats())
        .with_source(spotify(&other))
        .fill(&mut again);
    assert_eq!((world.n_requests(), other.n_requests()), (1, 1));
    assert_eq!(again, tracks);
}
