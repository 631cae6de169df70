//! Runs that are killed, lists that change: nothing is lost and nothing is doubled.
#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Command, Stdio};
use std::time::Duration;

use playlist_spotify::{
    FetchEvent, FetchOptions, Library, ListOrigin, ListSource, Session, SpotifyConfig, purge,
};
use support::mock::Reply;
use support::{Dice, FakeAccount, SharedAccount, World, files, id, ids, item, liked};

fn expected(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(id).collect()
}

/// Runs until the event number `n` and breaks off there, as a panic or a kill would.
fn run_until(world: &World, lists: &[ListSource], n: usize) -> bool {
    let mut library = world.library();
    let mut seen = 0;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        library.fetch(lists, &mut |_| {
            if seen == n {
                // Unlike `panic!` it does not write to the terminal.
                resume_unwind(Box::new(()));
            }
            seen += 1;
        })
    }));
    outcome.is_err()
}

fn playlist(world: &World) -> ListSource {
    let list = world.library().playlists(&mut |_| {}).unwrap();
    ListSource::Playlist(list.playlists[0].clone())
}

fn with_playlist(n: u64) -> SharedAccount {
    let mut account = FakeAccount::default();
    let entries = (0..n).map(item).collect();
    account
        .playlists
        .insert("p1".to_owned(), ("s1".to_owned(), entries));
    account.shared()
}

/// Ten times 10,000 tracks in 200 pages, killed ten times each.
#[test]
fn a_hundred_kills_lose_and_double_nothing() {
    let trials = std::env::var("PLAYLIST_KILL_TRIALS").map_or(10, |n| n.parse().unwrap());
    let mut dice = Dice(7);
    for trial in 0..trials {
        let as_playlist = trial % 2 == 1;
        let world = World::of(&if as_playlist {
            with_playlist(10_000)
        } else {
            FakeAccount::with_liked(10_000).shared()
        });
        let source = if as_playlist {
            playlist(&world)
        } else {
            ListSource::Liked
        };
        let mut kills = 0;
        while kills < 10 {
            let is_last = kills == 9;
            let n = dice.below(if is_last { 400 } else { 36 });
            kills += 1;
            if !run_until(&world, std::slice::from_ref(&source), n) {
                break;
            }
        }
        let (run, _) = world.fetch(&[source]);
        assert_eq!(ids(&run), expected(0..10_000), "trial {trial}");
        let path = if as_playlist {
            "/v1/playlists/p1/items"
        } else {
            "/v1/me/tracks"
        };
        let asked = |offset: u64| {
            let requests = world.server.requests();
            let to = |r: &&support::mock::Request| r.path == path && r.number("offset") == Some(offset);
            requests.iter().filter(to).count()
        };
        // A page that was kept is not asked for again; the first one shows whether the list changed.
        assert!(
            (50..10_000).step_by(1050).all(|offset| asked(offset) <= 1 + 1),
            "trial {trial}"
        );
        assert!(!as_playlist || asked(0) <= 2, "trial {trial}");
    }
}

/// The other half of the next test: what is killed.
#[test]
fn child() {
    let Ok(server) = std::env::var("PLAYLIST_TEST_KILLED") else {
        return;
    };
    let config = SpotifyConfig::from_env()
        .unwrap()
        .with_api_base_url(server)
        .with_pause(Duration::ZERO);
    let session = Session::open(&config).unwrap().unwrap();
    let mut library = Library::new(&session, &config, &FetchOptions::default()).unwrap();
    let run = library.fetch(&[ListSource::Liked], &mut |_| {});
    assert_eq!(ids(&run), expected(0..2_000));
}

#[test]
fn a_process_that_is_killed_leaves_pages_that_count() {
    let world = World::of(&FakeAccount::with_liked(2_000).shared());
    let mut dice = Dice(3);
    let mut n_kills = 0;
    for _ in 0..200 {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env("PLAYLIST_TEST_KILLED", format!("{}/v1", world.server.url()))
            .env("PLAYLIST_CACHE_DIR", world.folder.path().join("cache"))
            .env("SPOTIFY_ACCESS_TOKEN", support::ACCESS)
            .env_remove("PLAYLIST_SPOTIFY_API")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(20 + dice.next() % 80));
        match process.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success());
                break;
            }
            None => {
                process.kill().unwrap();
                process.wait().unwrap();
                n_kills += 1;
            }
        }
    }
    assert!(n_kills > 0, "it was never killed");
    let (run, _) = world.fetch(&[ListSource::Liked]);
    assert_eq!(ids(&run), expected(0..2_000));
}

#[test]
fn unchanged_lists_are_not_fetched_again() {
    let account = with_playlist(120);
    account.lock().unwrap().liked = (0..120).map(liked).collect();
    let world = World::of(&account);
    let lists = [ListSource::Liked, playlist(&world)];
    let first = world.fetch(&lists).0;
    world.server.forget_requests();
    let (second, _) = world.fetch(&lists);
    assert_eq!(
        world.server.count("/v1/me/tracks"),
        1,
        "one look at the first page"
    );
    assert_eq!(world.server.count("/v1/playlists/p1/items"), 0);
    for (old, new) in first.lists.iter().zip(&second.lists) {
        assert_eq!(old.playlist, new.playlist);
        assert_eq!(new.report.origin, ListOrigin::Unchanged);
        assert_eq!(
            (old.report.n_tracks, &old.report.skipped),
            (new.report.n_tracks, &new.report.skipped)
        );
    }
    account.lock().unwrap().playlists.get_mut("p1").unwrap().0 = "s2".to_owned();
    let (third, _) = world.fetch(&[playlist(&world)]);
    assert_eq!(third.lists[0].report.origin, ListOrigin::Fetched);
}

#[test]
fn a_list_that_changed_after_a_kill_is_read_from_its_beginning() {
    let account = with_playlist(200);
    account.lock().unwrap().liked = (0..200).map(liked).collect();
    let world = World::of(&account);
    assert!(run_until(&world, &[playlist(&world)], 2));
    assert!(run_until(&world, &[ListSource::Liked], 2));
    {
        let mut account = account.lock().unwrap();
        account.liked.insert(0, liked(999));
        let list = account.playlists.get_mut("p1").unwrap();
        (list.0, list.1) = ("s2".to_owned(), (1..201).map(item).collect());
    }
    let (run, told) = world.fetch(&[ListSource::Liked]);
    assert_eq!(ids(&run), [vec![id(999)], expected(0..200)].concat());
    assert!(!told.iter().any(|line| line.contains("kept")), "{told:?}");
    assert_eq!(ids(&world.fetch(&[playlist(&world)]).0), expected(1..201));
}

/// Fetches and calls `change` after the page number `n`.
fn changing(
    world: &World,
    source: &ListSource,
    n: usize,
    mut change: impl FnMut(usize),
) -> (playlist_spotify::FetchRun, usize) {
    let (mut pages, mut restarts) = (0, 0);
    let run = world
        .library()
        .fetch(std::slice::from_ref(source), &mut |event| match event {
            FetchEvent::Page(_) => {
                pages += 1;
                if pages >= n {
                    change(pages - n);
                }
            }
            FetchEvent::Restarted { .. } => restarts += 1,
            _ => {}
        });
    (run, restarts)
}

#[test]
fn a_list_that_changes_while_it_is_read_is_read_again() {
    // One more: every later page shifts.
    let account = FakeAccount::with_liked(200).shared();
    let world = World::of(&account);
    let (run, restarts) = changing(&world, &ListSource::Liked, 2, |n| {
        if n == 0 {
            account.lock().unwrap().liked.insert(0, liked(999));
        }
    });
    assert_eq!(ids(&run), [vec![id(999)], expected(0..200)].concat());
    assert_eq!((restarts, run.lists[0].report.changed_meanwhile), (1, false));
    // One more and one less: the length stays.
    let account = FakeAccount::with_liked(200).shared();
    let world = World::of(&account);
    let (run, restarts) = changing(&world, &ListSource::Liked, 2, |n| {
        if n == 0 {
            let liked_songs = &mut account.lock().unwrap().liked;
            liked_songs.remove(10);
            liked_songs.insert(0, liked(999));
        }
    });
    let left = (0..200).filter(|n| *n != 10).map(id);
    assert_eq!(
        ids(&run),
        std::iter::once(id(999)).chain(left).collect::<Vec<_>>()
    );
    assert_eq!(restarts, 1);
    // A playlist in another order: only its snapshot tells.
    let account = with_playlist(200);
    let world = World::of(&account);
    let (run, restarts) = changing(&world, &playlist(&world), 2, |n| {
        if n == 0 {
            let mut account = account.lock().unwrap();
            let list = account.playlists.get_mut("p1").unwrap();
            list.0 = "s2".to_owned();
            list.1.reverse();
        }
    });
    let mut found = ids(&run);
    found.reverse();
    assert_eq!(found, expected(0..200));
    assert_eq!(restarts, 1);
}

#[test]
fn a_list_that_never_rests_is_given_with_a_warning_and_not_kept() {
    let account = FakeAccount::with_liked(200).shared();
    let world = World::of(&account);
    let mut n = 1000;
    let (run, restarts) = changing(&world, &ListSource::Liked, 1, |_| {
        n += 1;
        account.lock().unwrap().liked.insert(0, liked(n));
    });
    assert_eq!(restarts, 3);
    let report = &run.lists[0].report;
    assert!(report.changed_meanwhile && report.n_tracks >= 200);
    assert!(report.to_string().contains("may be missing or doubled"));
    let (run, _) = world.fetch(&[ListSource::Liked]);
    assert_eq!(run.lists[0].report.origin, ListOrigin::Fetched);
    assert_eq!(ids(&run).len(), account.lock().unwrap().liked.len());
}

#[test]
fn pages_of_several_states_are_not_taken_for_one_by_the_next_run() {
    let account = with_playlist(120);
    let world = World::of(&account);
    let source = playlist(&world);
    let state = |name: &str| Reply::json(format!("{{\"snapshot_id\":\"{name}\"}}"));
    world
        .server
        .on("/v1/playlists/p1", [state("n1"), state("n2"), state("n3")]);
    let (run, _) = world.fetch(std::slice::from_ref(&source));
    assert!(run.lists[0].report.changed_meanwhile);
    world.server.forget_requests();
    // The list rests now, in the state that was seen last.
    let (run, _) = world.fetch(&[source]);
    assert_eq!(ids(&run), expected(0..120));
    assert!(!run.lists[0].report.changed_meanwhile);
    assert!(world.server.count("/v1/playlists/p1/items") >= 3);
}

#[test]
fn two_names_for_one_state_cost_one_more_reading_and_no_more() {
    // Should the list of playlists and the playlist itself ever write snapshots differently.
    let account = with_playlist(120);
    let world = World::of(&account);
    world
        .server
        .on("/v1/playlists/p1", [Reply::json(r#"{"snapshot_id":"other"}"#)]);
    let (run, told) = world.fetch(&[playlist(&world)]);
    assert_eq!(ids(&run), expected(0..120));
    assert_eq!(
        told.iter().filter(|line| line.contains("starting over")).count(),
        1
    );
    let (run, _) = world.fetch(&[playlist(&world)]);
    assert_eq!(run.lists[0].report.origin, ListOrigin::Unchanged);
    // A playlist that does not tell its state at all is believed.
    let world = World::of(&with_playlist(120));
    let source = playlist(&world);
    world.server.on("/v1/playlists/p1", [Reply::error(404, "x")]);
    let (run, told) = world.fetch(&[source]);
    assert_eq!(ids(&run), expected(0..120));
    assert!(!told.iter().any(|line| line.contains("starting over")));
}

#[test]
fn damaged_pages_are_fetched_again() {
    let world = World::of(&FakeAccount::with_liked(200).shared());
    assert!(run_until(&world, &[ListSource::Liked], 3));
    let kept = || {
        let all = files(&world.folder.path().join("cache"));
        all.into_iter().map(|(path, _)| path).collect::<Vec<_>>()
    };
    let find = |name: &str| kept().into_iter().find(|path| path.ends_with(name)).unwrap();
    assert_eq!(kept().len(), 5);
    for (name, damage) in [
        ("page-00000050.kept", "{\"stamp\":"),
        ("page-00000000.kept", "[]"),
        ("head.kept", "{}"),
        ("head.kept", "\u{0}\u{ff}"),
        ("page-00000100.kept", ""),
    ] {
        std::fs::write(find(name), damage).unwrap();
        let (run, _) = world.fetch(&[ListSource::Liked]);
        assert_eq!(ids(&run), expected(0..200), "{name}");
    }
    // A page whose text was altered, whole as it looks.
    let path = find("page-00000050.kept");
    let text = std::fs::read_to_string(&path).unwrap();
    let other = text.replace(&id(60), &id(999));
    assert!(other.contains(&id(999)));
    std::fs::write(&path, other).unwrap();
    assert_eq!(ids(&world.fetch(&[ListSource::Liked]).0), expected(0..200));
    // A page of another state of the list, as another process may leave it.
    let elsewhere = World::of(&FakeAccount::with_liked(201).shared());
    assert_eq!(elsewhere.fetch(&[ListSource::Liked]).0.lists.len(), 1);
    let path = find("page-00000100.kept");
    let (_, other) = files(&elsewhere.folder.path().join("cache"))
        .into_iter()
        .find(|(other, _)| other.file_name() == path.file_name())
        .unwrap();
    let kept = std::fs::read(&path).unwrap();
    assert!(other != kept);
    std::fs::write(&path, other).unwrap();
    assert_eq!(ids(&world.fetch(&[ListSource::Liked]).0), expected(0..200));
    assert!(std::fs::read(&path).unwrap() == kept, "it was fetched again");
}

#[test]
fn listeners_do_not_see_each_others_pages() {
    let account = FakeAccount::with_liked(10).shared();
    let world = World::of(&account);
    assert_eq!(world.fetch(&[ListSource::Liked]).0.lists.len(), 1);
    world
        .server
        .on("/v1/me", [Reply::json(r#"{"id":"me","account_id":"other"}"#)]);
    let (run, _) = world.fetch(&[ListSource::Liked]);
    assert_eq!(run.lists[0].report.origin, ListOrigin::Fetched);
}

#[test]
fn a_purge_deletes_what_was_kept_and_nothing_else() {
    let world = World::of(&with_playlist(120));
    let source = playlist(&world);
    let folder = world.folder.path().join("given");
    let options = FetchOptions::default().with_folder(&folder);
    assert_eq!(purge(&world.config, &options).unwrap(), 0);
    let run = world
        .library_with(&options)
        .fetch(std::slice::from_ref(&source), &mut |_| {});
    assert_eq!(ids(&run), expected(0..120));
    let kept = files(&folder);
    assert_eq!(kept.len(), 4);
    #[cfg(unix)]
    for (path, _) in &kept {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
    let list = kept[0].0.parent().unwrap();
    std::fs::write(list.join(".tmpAbC123"), "torn").unwrap();
    std::fs::write(list.join("mine.txt"), "x").unwrap();
    std::fs::write(folder.join("page-1.kept"), "x").unwrap();
    assert_eq!(purge(&world.config, &options).unwrap(), 5);
    let left: Vec<_> = files(&folder)
        .into_iter()
        .map(|(path, _)| path.file_name().unwrap().to_owned())
        .collect();
    assert_eq!(left.len(), 2);
    assert!(left.contains(&"mine.txt".into()) && left.contains(&"page-1.kept".into()));
    let (run, _) = world.fetch(&[source]);
    assert_eq!(run.lists[0].report.origin, ListOrigin::Fetched);
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let world = World::of(&FakeAccount::with_liked(10).shared());
    let file = world.folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let options = FetchOptions::default().with_folder(&file);
    let run = world
        .library_with(&options)
        .fetch(&[ListSource::Liked], &mut |_| {});
    assert!(matches!(
        run.ended_by,
        Some(playlist_spotify::Error::Checkpoint { .. })
    ));
}
