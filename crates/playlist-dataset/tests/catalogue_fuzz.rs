//! Random and damaged catalogues: what is well formed is found to the last value, the rest is an answer or an error.
//!
//! `PLAYLIST_FUZZ_SECONDS=600 cargo test -p playlist-dataset --release --test catalogue_fuzz` runs longer.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use playlist_core::{AudioFeature, Track, TrackKey};
use playlist_dataset::{Catalogue, ReadOptions};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

fn budget() -> Duration {
    let seconds = std::env::var("PLAYLIST_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1))
}

struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }

    fn pick<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }
}

fn id(n: usize) -> String {
    format!("{n:022}")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A well-formed file and the energies that it holds, the first of each id.
fn well_formed(dice: &mut Dice) -> (String, BTreeMap<String, f32>) {
    let delimiter = dice.pick(&[",", ";", "\t"]);
    let line_break = dice.pick(&["\n", "\r\n"]);
    let mut text = dice.pick(&["", "\u{feff}"]).to_owned();
    let header = ["name", "id", "artists", "energy", "tempo"];
    text += &(header.join(delimiter) + line_break);
    let mut energies = BTreeMap::new();
    for _ in 0..dice.below(60) {
        let id = id(dice.below(50));
        let energy = dice.below(1000) as f32 / 1000.0;
        let awkward = [
            "a", "", "\"", "a\nb", "\r\n", ",;\t", "é", "\"\"", "x\"y", "a,\"b",
        ];
        let mut cell = |plain: &str| match dice.below(3) {
            0 => quoted(&(dice.pick(&awkward).to_owned() + dice.pick(&awkward))),
            1 => quoted(plain),
            _ => plain.to_owned(),
        };
        let (name, artists) = (cell("Name"), cell("['A']"));
        let place = dice.pick(&["", "spotify:track:", "https://open.spotify.com/track/"]);
        let id_cell = if dice.below(2) == 0 {
            quoted(&format!("{place}{id}"))
        } else {
            format!("{place}{id}")
        };
        let row = [name, id_cell, artists, energy.to_string(), "120.5".to_owned()];
        write!(text, "{}{line_break}", row.join(delimiter)).unwrap();
        energies.entry(id).or_insert(energy);
        if dice.below(10) == 0 {
            text += line_break;
        }
    }
    (text, energies)
}

/// The same tracks as JSON lines.
fn json_lines(energies: &BTreeMap<String, f32>) -> String {
    let line = |(id, energy): (&String, &f32)| {
        format!("{{\"id\":\"{id}\",\"name\":\"a\\\"b\",\"isrc\":null,\"energy\":{energy},\"key\":-1}}\n")
    };
    energies.iter().map(line).collect()
}

fn tracks() -> Vec<Track> {
    let track = |n| Track {
        id: Some(id(n).parse().unwrap()),
        isrc: format!("USUM7{n:07}").parse().ok(),
        ..Track::default()
    };
    (0..50).map(track).collect()
}

#[test]
fn well_formed_catalogues_are_found_to_the_last_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue");
    let tracks = tracks();
    let tracks: Vec<&Track> = tracks.iter().collect();
    let (start, mut n) = (Instant::now(), 0);
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(1));
    while n < 50 || start.elapsed() < budget() {
        let (text, energies) = well_formed(&mut dice);
        std::fs::write(&path, &text).unwrap();
        let mut catalogue = Catalogue::open(&path).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let found = catalogue
            .find(&tracks)
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        let expected: BTreeMap<TrackKey, Option<f32>> = energies
            .iter()
            .map(|(id, energy)| (TrackKey::Spotify(id.parse().unwrap()), Some(*energy)))
            .collect();
        let found: BTreeMap<TrackKey, Option<f32>> = found
            .into_iter()
            .map(|(key, features)| (key, features.get(AudioFeature::Energy)))
            .collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!(catalogue.report().n_bad_rows, 0, "{text}");
        n += 1;
    }
    println!("{n} well-formed catalogues");
}

#[test]
fn damaged_catalogues_are_an_answer_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue");
    let tracks = tracks();
    let tracks: Vec<&Track> = tracks.iter().collect();
    let (start, mut n, mut n_errors) = (Instant::now(), 0, 0);
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(2));
    let pieces: [&[u8]; 14] = [
        b"\"",
        b"\"\"",
        b"\n",
        b"\r",
        b",",
        b";",
        b"\0",
        b"\xff",
        b"-1",
        b"1e99",
        b"NaN",
        b"energy",
        b"id",
        b"\xEF\xBB\xBF",
    ];
    while n < 50 || start.elapsed() < budget() {
        let (text, energies) = well_formed(&mut dice);
        let mut bytes = match dice.below(3) {
            0 => json_lines(&energies).into_bytes(),
            _ => text.into_bytes(),
        };
        for _ in 0..=dice.below(12) {
            let at = dice.below(bytes.len() + 1);
            match dice.below(4) {
                0 => bytes.truncate(at),
                1 => {
                    let end = (at + dice.below(40)).min(bytes.len());
                    bytes.drain(at..end);
                }
                2 if at < bytes.len() => bytes[at] = dice.0.next_u64() as u8,
                _ => {
                    let piece = pieces[dice.below(pieces.len())];
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let options = ReadOptions::default().with_max_line_bytes(1 + dice.below(2000));
        let answer = Catalogue::open_with(&path, &options).and_then(|mut catalogue| catalogue.find(&tracks));
        n_errors += usize::from(answer.is_err());
        for features in answer.into_iter().flat_map(BTreeMap::into_values) {
            for feature in AudioFeature::ALL {
                assert!(
                    features
                        .get(feature)
                        .is_none_or(|value| feature.valid_range().contains(&value))
                );
            }
        }
        n += 1;
    }
    println!("{n} damaged catalogues, {n_errors} of them errors");
}
