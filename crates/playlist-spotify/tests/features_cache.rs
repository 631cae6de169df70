//! The file that keeps answers: what it keeps and for how long, several processes, crashes, damage.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use playlist_core::{AudioFeature, AudioFeatures, FeatureOrigin, FeatureScale, FeatureStore, TrackKey};
use playlist_spotify::features::{CacheError, FeatureCache};

fn key(n: usize) -> TrackKey {
    TrackKey::Spotify(format!("{n:022}").parse().unwrap())
}

fn features(n: usize) -> AudioFeatures {
    AudioFeatures::default()
        .with(AudioFeature::Tempo, 60.0 + (n % 100) as f32)
        .with(AudioFeature::Energy, 0.1)
}

fn origin(source: &str) -> FeatureOrigin {
    FeatureOrigin::new(source, FeatureScale::Spotify)
}

#[test]
fn hits_are_for_ever_and_misses_for_thirty_days() {
    const DAY: u64 = 24 * 3600;
    let folder = tempfile::tempdir().unwrap();
    let time = Arc::new(AtomicU64::new(1_800_000_000));
    let clock = Arc::clone(&time);
    let mut cache = FeatureCache::open(folder.path().join("a/b/features.sqlite3"))
        .unwrap()
        .with_clock(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed)));
    assert!(cache.is_empty().unwrap());
    let isrc: TrackKey = "isrc:USUM71703861".parse().unwrap();
    let answers = [
        (key(1), Some(features(1))),
        (isrc.clone(), Some(features(1))),
        (key(2), None),
    ];
    cache.keep(&origin("reccobeats"), &answers).unwrap();
    cache
        .keep(&origin("spotify"), &[(key(1), Some(features(7)))])
        .unwrap();
    let keys = [key(1), key(2), key(3), isrc.clone()];
    time.fetch_add(30 * DAY - 1, Ordering::Relaxed);
    assert_eq!(cache.missed("reccobeats", &keys).unwrap(), [key(2)]);
    assert!(
        cache.missed("spotify", &keys).unwrap().is_empty(),
        "each source for itself"
    );
    time.fetch_add(2, Ordering::Relaxed);
    assert!(cache.missed("reccobeats", &keys).unwrap().is_empty());
    time.fetch_add(3650 * DAY, Ordering::Relaxed);
    let found = cache.found(&keys).unwrap();
    assert_eq!(found.keys().cloned().collect::<Vec<_>>(), [key(1), isrc]);
    let sources: Vec<&str> = found[&key(1)]
        .iter()
        .map(|stored| stored.origin.source.as_str())
        .collect();
    assert_eq!(sources, ["reccobeats", "spotify"]);
    assert_eq!(found[&key(1)][0].features, features(1));
    cache
        .keep(
            &origin("reccobeats"),
            &[(key(1), None), (key(2), Some(features(2)))],
        )
        .unwrap();
    assert_eq!(
        cache.found(&keys).unwrap().len(),
        3,
        "a miss does not undo a hit, a hit undoes a miss"
    );
    let stats = cache.stats().unwrap();
    assert_eq!((stats.n_known["reccobeats"], stats.n_known["spotify"]), (3, 1));
    assert!(stats.n_unknown.is_empty());
}

#[test]
fn purging_leaves_no_id_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.sqlite3");
    let mut cache = FeatureCache::open(&path).unwrap();
    let answers: Vec<_> = (0..500).map(|n| (key(n), Some(features(n)))).collect();
    cache.keep(&origin("reccobeats"), &answers).unwrap();
    let traces = |folder: &Path| {
        let files = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let id = format!("{:022}", 77);
        files
            .filter(|file| {
                let bytes = std::fs::read(file).unwrap();
                bytes.windows(id.len()).any(|window| window == id.as_bytes())
            })
            .count()
    };
    assert!(traces(folder.path()) > 0);
    assert_eq!(cache.purge().unwrap(), 500);
    assert_eq!(traces(folder.path()), 0);
    assert_eq!(cache.len().unwrap(), 0);
    cache.keep(&origin("reccobeats"), &answers).unwrap();
    assert_eq!(cache.len().unwrap(), 500);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/features.sqlite3");
    let mut cache = FeatureCache::open(&path).unwrap();
    cache.keep(&origin("reccobeats"), &[(key(1), None)]).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[test]
fn files_that_are_not_ours_are_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.sqlite3");
    let open = || FeatureCache::open(&path).unwrap_err();
    let sql = |text: &str| {
        let _ = std::fs::remove_file(&path);
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch(text)
            .unwrap();
    };
    std::fs::write(
        &path,
        "not a database at all, but long enough to be looked at: ".repeat(20),
    )
    .unwrap();
    let error = open();
    assert!(matches!(error, CacheError::Damaged { .. }));
    assert!(
        error.to_string().contains("features.sqlite3` is damaged"),
        "{error}"
    );
    assert!(std::fs::read(&path).unwrap().starts_with(b"not a database"));
    sql("CREATE TABLE other (x)");
    assert!(matches!(open(), CacheError::Foreign { .. }));
    sql("PRAGMA application_id = 1347175238; PRAGMA user_version = 2; CREATE TABLE answers (x)");
    let error = open();
    assert!(matches!(
        error,
        CacheError::Newer {
            found: 2,
            known: 1,
            ..
        }
    ));
    assert!(error.to_string().contains("newer version"), "{error}");
    sql("PRAGMA application_id = 1347175238; PRAGMA user_version = 1; CREATE TABLE answers (x)");
    assert!(matches!(open(), CacheError::Damaged { .. }));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(open(), CacheError::Open { .. }));
}

#[test]
fn damage_anywhere_is_the_right_answer_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.sqlite3");
    {
        let mut cache = FeatureCache::open(&whole).unwrap();
        let answers: Vec<_> = (0..400).map(|n| (key(n), Some(features(n)))).collect();
        cache.keep(&origin("reccobeats"), &answers).unwrap();
    }
    let bytes = std::fs::read(&whole).unwrap();
    let keys: Vec<TrackKey> = (0..400).map(key).collect();
    let (mut n_errors, mut state) = (0, 1_u64);
    let mut below = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % n
    };
    for round in 0..300 {
        let mut damaged = bytes.clone();
        match round % 3 {
            0 => damaged.truncate(below(bytes.len() - 1) + 1),
            1 => {
                let at = below(bytes.len());
                damaged[at..].iter_mut().take(512).for_each(|byte| *byte = 0);
            }
            _ => (0..8).for_each(|_| damaged[below(bytes.len())] ^= 0xA5),
        }
        let path = folder.path().join(format!("damaged-{round}.sqlite3"));
        std::fs::write(&path, &damaged).unwrap();
        let answer = FeatureCache::open(&path)
            .map_err(|error| error.to_string())
            .and_then(|mut cache| cache.found(&keys).map_err(|error| error.to_string()));
        match answer {
            // What is left is right; what is gone will be asked for again.
            Ok(found) => {
                for (at, key) in keys.iter().enumerate() {
                    for stored in found.get(key).into_iter().flatten() {
                        assert_eq!(
                            (stored.features, stored.origin.source.as_str()),
                            (features(at), "reccobeats")
                        );
                    }
                }
            }
            Err(error) => {
                assert!(error.contains(&format!("damaged-{round}.sqlite3")), "{error}");
                n_errors += 1;
            }
        }
    }
    println!("{n_errors} of 300 damaged files are errors");
    assert!(n_errors > 100, "{n_errors}");
}

#[test]
fn ten_thousand_keys_are_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = FeatureCache::open(folder.path().join("features.sqlite3")).unwrap();
    let answers: Vec<_> = (0..20_000)
        .map(|n| (key(n), (n % 2 == 0).then(|| features(n))))
        .collect();
    let start = Instant::now();
    cache.keep(&origin("reccobeats"), &answers).unwrap();
    let written = start.elapsed();
    let keys: Vec<TrackKey> = (0..10_000).map(|n| key(n * 3)).collect();
    let start = Instant::now();
    let found = cache.found(&keys).unwrap();
    let read = start.elapsed();
    let start = Instant::now();
    let missed = cache.missed("reccobeats", &keys).unwrap();
    println!(
        "20,000 written in {written:?}; of 10,000 keys hits read in {read:?}, misses in {:?}",
        start.elapsed()
    );
    assert_eq!((found.len(), missed.len()), (3334, 3333));
    assert!(read < Duration::from_secs(5), "{read:?}");
}

const BATCH: usize = 40;

/// Another process: keeps batches and says which, until it is killed. Without the variables it does nothing.
#[test]
fn helper_process() {
    let (Ok(path), Ok(first)) = (
        std::env::var("CACHE_TEST_FILE"),
        std::env::var("CACHE_TEST_FIRST"),
    ) else {
        return;
    };
    let first: usize = first.parse().unwrap();
    let mut cache = FeatureCache::open(path).unwrap();
    println!("open");
    for batch in first.. {
        let answers: Vec<_> = (0..BATCH)
            .map(|n| (key(batch * BATCH + n), Some(features(batch))))
            .collect();
        cache.keep(&origin("reccobeats"), &answers).unwrap();
        println!("kept {batch}");
        // As between two requests; a process that does nothing but write leaves others to wait.
        std::thread::sleep(Duration::from_micros(500));
    }
}

fn helper(path: &Path, first: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper_process", "--nocapture", "--test-threads=1"])
        .env("CACHE_TEST_FILE", path)
        .env("CACHE_TEST_FIRST", first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets the child work until it has kept `at_least` batches and for `time` more, kills it, and returns the batches
/// that it said it had kept.
fn kill_after(mut child: Child, time: Duration, at_least: usize) -> Vec<usize> {
    let stdout = child.stdout.take().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let kept = lines.filter_map(|line| line.rsplit("kept ").next()?.parse::<usize>().ok());
        kept.for_each(|batch| sender.send(batch).unwrap());
    });
    let mut kept: Vec<usize> = Vec::new();
    while kept.len() < at_least {
        kept.push(receiver.recv_timeout(Duration::from_secs(60)).unwrap());
    }
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
    kept.extend(receiver);
    reader.join().unwrap();
    kept
}

#[test]
fn two_processes_that_are_killed_lose_nothing_that_they_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.sqlite3");
    let seconds = std::env::var("PLAYLIST_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(3));
    let (mut kept, mut next, mut n_kills) = (Vec::new(), 0, 0);
    // The moments differ from run to run, whatever the seed: where a process stands then is up to the system.
    let mut seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    while Instant::now() < end || n_kills < 6 {
        // While the file is being opened, or soon after some batches.
        let mut moment = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at_least = [0, 1, 3, 9][(seed >> 30) as usize];
            let most = if at_least == 0 { 60_000 } else { 8_000 };
            (Duration::from_micros(u64::from((seed >> 8) % most)), at_least)
        };
        let (one, two) = (helper(&path, next), helper(&path, next + 1_000_000));
        let (first, second) = (moment(), moment());
        let other = std::thread::spawn(move || kill_after(two, second.0, second.1));
        kept.extend(kill_after(one, first.0, first.1));
        kept.extend(other.join().unwrap());
        // Each process counts from its own million; a batch that was not told of may be there too.
        let last = kept.iter().map(|batch| batch % 1_000_000 + 2).max();
        next = last.map_or(next, |last| last.max(next));
        n_kills += 2;
        let mut cache = FeatureCache::open(&path).unwrap();
        let keys: Vec<TrackKey> = kept
            .iter()
            .flat_map(|batch| (0..BATCH).map(move |n| key(batch * BATCH + n)))
            .collect();
        assert_eq!(
            cache.found(&keys).unwrap().len(),
            keys.len(),
            "what was kept is there"
        );
        assert_eq!(
            cache.len().unwrap() % BATCH,
            0,
            "a batch is kept as a whole or not at all"
        );
    }
    println!("{n_kills} kills, {} batches kept", kept.len());
    assert!(!kept.is_empty() || n_kills < 20);
}

#[test]
fn processes_that_make_the_file_at_once_share_it() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("features.sqlite3");
        let children: Vec<Child> = (0..4).map(|n| helper(&path, n * 1_000_000)).collect();
        let counts: Vec<usize> = children
            .into_iter()
            .map(|child| kill_after(child, Duration::from_millis(100), 1).len())
            .collect();
        assert!(counts.iter().all(|n| *n > 0), "{counts:?}");
        let mut sources: BTreeMap<usize, usize> = BTreeMap::new();
        for n in 0..4 {
            let mut cache = FeatureCache::open(&path).unwrap();
            let found = cache.found(&[key(n * 1_000_000 * BATCH)]).unwrap();
            sources.insert(n, found.len());
        }
        assert!(sources.values().all(|n| *n == 1), "{sources:?}");
    }
}
