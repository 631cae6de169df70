//! Files of every kind, altered at random: never a panic, never a wrong count, and whatever is read can be
//! written and read back the same.
//!
//! `PLAYLIST_FUZZ_SECONDS=300 cargo test -p playlist-import --test fuzz -- --nocapture` runs it for longer, from
//! another seed each time unless `PLAYLIST_FUZZ_SEED` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use common::{ID_A, ID_B, features, fixture, id, zip_of};
use playlist_core::{AudioFeature, Overwrite, Track, TrackKey};
use playlist_import::{CanonicalFormat, ExportFormat, Import, ImportOptions, import, write_playlist};

/// The inputs of a plain `cargo test`.
const FEW: usize = 2000;

/// A small generator: `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap()
    }
}

/// Sound files of every kind.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = [
        "brice-MIT/audio-features_good_100.json",
        "joostlek-MIT/audio_features.json",
        "joostlek-MIT/playlist_items.json",
        "pakiessling-MIT/liked.csv",
        "spotify-web-api-java-MIT/GetAudioFeaturesForSeveralTracksRequest.json",
        "zmb3-Apache2/audio_features_with_null.json",
    ]
    .into_iter()
    .map(|name| {
        let mut seed = std::fs::read(fixture(name)).unwrap();
        seed.truncate(6000);
        seed
    })
    .collect();
    let texts = texts();
    seeds.extend(texts.iter().map(|text| text.clone().into_bytes()));
    let mut utf16 = vec![0xFF, 0xFE];
    utf16.extend(
        "Title,Artist\r\nT,A\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes),
    );
    seeds.push(utf16);
    seeds.push(parquet());
    seeds.push(zip_of([
        ("a.csv", texts[0].clone().into_bytes()),
        ("YourLibrary.json", texts[4].clone().into_bytes()),
    ]));
    seeds
}

/// A playlist as Parquet.
fn parquet() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let read = import(fixture("pakiessling-MIT/liked.csv"), &ImportOptions::default()).unwrap();
    let playlist = &read.playlists[0].playlist;
    write_playlist(&path, playlist, CanonicalFormat::Parquet, Overwrite::Refuse).unwrap();
    std::fs::read(path).unwrap()
}

/// Text of every format.
fn texts() -> [String; 11] {
    let mut exportify = "Track URI,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Popularity,Explicit,Added By,Added At,Genres,Record Label,Danceability,Energy,Key,Loudness,Mode,Speechiness,Acousticness,Instrumentalness,Liveness,Valence,Tempo,Time Signature\n".to_owned();
    for row in 0..12 {
        exportify.push_str(&format!(
            "spotify:track:{},\"T, \"\"{row}\"\"\",B,A;B,2020,200000,1,true,u,2025-07-27T13:14:48Z,,,{}\n",
            id(row),
            features(row)
        ));
    }
    [
        exportify,
        format!(
            "#,Song,Artist,BPM,Time,Dance,Energy,Loud,Key,Camelot,Spotify Track Id\n1,P,\"A,B\",127,3:38,80,58,-9,F Minor,4A,{ID_A}\n2,Q,C,90,1:02:03,7,100,-3,G#/A♭ Major,4B,{ID_B}\n"
        ),
        format!(
            "\u{FEFF}Track name,Artist name,Album,Playlist name,Type,ISRC,Spotify - id\r\nOne,A,Al,Favorite Songs,Favorite,USUG11904206,{ID_A}\r\nTwo,B,,Road,Playlist\r\n"
        ),
        "title;artist;album;isrc;addedDate;duration;url\nOne;A;Al;USUG11904206;2025-01-01;200;x\n".to_owned(),
        format!(
            "{{\"tracks\":[{{\"artist\":\"A\",\"album\":\"B\",\"track\":\"T\",\"uri\":\"spotify:track:{ID_A}\"}}],\"albums\":[],\"bannedTracks\":[{{\"artist\":\"C\",\"track\":\"U\",\"uri\":\"spotify:local:A:B:C+D:61\"}}]}}"
        ),
        format!(
            "{{\"playlists\":[{{\"name\":\"R\",\"items\":[{{\"track\":{{\"trackName\":\"T\",\"artistName\":\"A\",\"trackUri\":\"spotify:track:{ID_B}\"}},\"addedDate\":\"2024-12-31\"}},{{\"track\":null,\"episode\":{{}},\"localTrack\":null}},{{\"track\":null,\"localTrack\":{{\"uri\":\"spotify:local:A:B:C:1\"}}}}]}}]}}"
        ),
        format!(
            "{{\"content\":[{{\"id\":\"x\",\"href\":\"https://open.spotify.com/track/{ID_A}\",\"isrc\":\"USUG11904206\",\"energy\":0.5,\"key\":-1,\"loudness\":-5.9}}]}}"
        ),
        format!(
            "{{\"id\":\"{ID_A}\",\"energy\":0.5,\"tempo\":120}}\n{{\"name\":\"T\",\"artist\":\"A\",\"playlist\":\"x\"}}\n"
        ),
        format!("{ID_A}\nhttps://open.spotify.com/track/{ID_B}\n"),
        "[{\"endTime\":\"2024-01-01 10:00\",\"artistName\":\"A\",\"trackName\":\"T\",\"msPlayed\":1000}]"
            .to_owned(),
        format!(
            "track_id,isrc,title,artists,album,added_at,playlist,playlist_kind,is_local,energy,features_source,features_scale\n{ID_A},,'=T,A\\;B;C,,,P,liked,false,0.5,x,spotify\n"
        ),
    ]
}

const PIECES: [&[u8]; 36] = [
    b"\"",
    b"\"\"",
    b",",
    b";",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b"\\",
    b"'",
    b"[",
    b"]",
    b"{",
    b"}",
    b":",
    b"null",
    b"undefined",
    b"NaN",
    b"inf",
    b"-1e39",
    b"1e-46",
    b"99999999999999999999",
    b"\0",
    b"\xFF",
    b"\xEF\xBB\xBF",
    b"spotify:local:",
    b"spotify:episode:x",
    b"spotify:track:",
    b"%FF%",
    b"+",
    b"=",
    b"\xF0\x9F\x8E\xB5",
    b"0.5,",
    b"-",
    b"100",
    b"PK\x03\x04",
];

fn alter(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(40)).min(bytes.len());
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.truncate(at),
            3 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            4 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                let to = (from + random.below(200)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            5 if at < bytes.len() => bytes[at] = random.next().to_le_bytes()[0],
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
    bytes
}

/// What holds of everything that is read.
fn check(read: &Import) {
    for read in &read.playlists {
        let (report, tracks) = (&read.report, &read.playlist.tracks);
        assert_eq!(
            (tracks.len(), read.rows.len()),
            (report.n_tracks, report.n_tracks)
        );
        let canonical = read.format == ExportFormat::Canonical;
        let repeats = if canonical { 0 } else { report.n_repeats };
        let n = report.n_tracks + repeats + report.n_episodes + report.n_other + report.n_bad_rows;
        assert_eq!(n, report.n_rows, "{read}");
        let mut keys: Vec<TrackKey> = tracks.iter().filter_map(Track::key).collect();
        let n_keys = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert!(canonical || keys.len() == n_keys, "{read}");
        assert!(report.issues.len() <= 20);
        assert!(read.rows.is_sorted());
        for (feature, track) in tracks
            .iter()
            .flat_map(|track| AudioFeature::ALL.map(|f| (f, track)))
        {
            let value = track.features.get(feature);
            assert!(
                value.is_none_or(|value| feature.valid_range().contains(&value)),
                "{feature} {value:?}"
            );
        }
        assert!(!read.to_string().is_empty());
    }
}

/// Whatever was read is written and read back the same. Writing waits for the disk, so this is done for some.
fn check_way_back(read: &Import, folder: &Path) {
    for read in &read.playlists {
        let path = folder.join("back.csv");
        write_playlist(&path, &read.playlist, CanonicalFormat::Csv, Overwrite::Allow).unwrap();
        let back = import(&path, &ImportOptions::default()).unwrap();
        assert_eq!(back.playlists[0].playlist, read.playlist);
    }
}

#[test]
fn altered_files_are_read_or_refused() {
    let seconds = std::env::var("PLAYLIST_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let from_clock = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
    let seed = match std::env::var("PLAYLIST_FUZZ_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
    {
        Some(seed) => seed,
        None if seconds.is_some() => from_clock(),
        None => 1,
    };
    let (mut random, seeds) = (Random(seed), seeds());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Liked_Songs.csv");
    let start = Instant::now();
    let (mut n, mut n_read, mut n_tracks, mut slowest) = (0, 0, 0, Duration::ZERO);
    let goes_on = |n: usize| match seconds {
        Some(seconds) => start.elapsed() < Duration::from_secs(seconds),
        None => n < FEW,
    };
    while goes_on(n) {
        let bytes = alter(&mut random, &seeds);
        std::fs::write(&path, &bytes).unwrap();
        // Left behind for a closer look when something panics.
        let one = Instant::now();
        let outcome = std::panic::catch_unwind(|| {
            if let Ok(read) = import(&path, &ImportOptions::default()) {
                check(&read);
                if n.is_multiple_of(40) {
                    check_way_back(&read, folder.path());
                }
                return read.n_tracks();
            }
            usize::MAX
        });
        slowest = slowest.max(one.elapsed());
        let Ok(found) = outcome else {
            panic!("seed {seed}, input {n}: {}", String::from_utf8_lossy(&bytes))
        };
        n += 1;
        if found != usize::MAX {
            n_read += 1;
            n_tracks += found;
        }
    }
    println!(
        "seed {seed}: {n} inputs in {:.1} s, {n_read} read with {n_tracks} tracks, the slowest took {slowest:?}",
        start.elapsed().as_secs_f64()
    );
    assert!(n_read > n / 4, "most inputs should get past the first look");
}
