//! Damaged replies, made from good ones: each is entries or an error, and no value is impossible.
//!
//! `PLAYLIST_FUZZ_SECONDS=600 cargo test -p playlist-spotify --release --lib fuzz -- --nocapture` runs longer.

use std::time::{Duration, Instant};

use playlist_core::AudioFeature;
use serde_json::{Value, json};

use super::reply;
use super::tally::Tally;

const SEEDS: [&str; 3] = [
    r#"{"content":[{"id":"25c8ca63-5895-4572-84eb-a7040bc08c4d","href":"https://open.spotify.com/track/0VjIjW4GlUZAMYd2vXMi3b","isrc":"USUG11904206","acousticness":0.00143,"danceability":0.513,"energy":0.73,"instrumentalness":0.0000954,"key":1,"liveness":0.0897,"loudness":-5.94,"mode":1,"speechiness":0.0598,"tempo":171.001,"valence":0.334},{"href":null,"key":-1}]}"#,
    r#"{"audio_features":[null,{"id":"0VjIjW4GlUZAMYd2vXMi3b","uri":"spotify:track:0VjIjW4GlUZAMYd2vXMi3b","duration_ms":200040,"time_signature":4,"key":1,"tempo":171.001,"loudness":-5.94,"energy":"0.73","valence":null}]}"#,
    r#"{"status":4004,"errors":[{"path":"getAudioFeatures.ids","message":"size must be between 1 and 40"}]}"#,
];

const PIECES: [&str; 24] = [
    "null",
    "true",
    "-1",
    "0",
    "1e38",
    "1e400",
    "-0.0",
    "\"\"",
    "\"nan\"",
    "[]",
    "{}",
    "[[[[",
    "{\"a\":",
    "\\u0000",
    "\\ud800",
    "\"",
    ",",
    ":",
    "\u{feff}",
    "é",
    "<html>",
    "content",
    "\"audio_features\":[",
    "99999999999999999999",
];

/// A small generator of numbers (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }
}

/// JSON still, with other values in some places.
fn rearranged(dice: &mut Dice) -> String {
    let mut reply: Value = serde_json::from_str(SEEDS[dice.below(SEEDS.len())]).unwrap_or_default();
    for _ in 0..=dice.below(6) {
        let (mut path, mut at) = (String::new(), &reply);
        for _ in 0..=dice.below(4) {
            let n = dice.below(16);
            let step = match at {
                Value::Array(values) => Some((n % values.len().max(1)).to_string()),
                Value::Object(fields) => fields.keys().nth(n % fields.len().max(1)).cloned(),
                _ => None,
            };
            path.extend(step.map(|step| format!("/{step}")));
            at = reply.pointer(&path).unwrap_or(&Value::Null);
        }
        let Some(place) = reply.pointer_mut(&path) else {
            continue;
        };
        let copy = place.clone();
        *place = match dice.below(14) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(-1),
            3 => json!(f64::MAX),
            4 => json!(0.5),
            5 => json!(u64::MAX),
            6 => json!(""),
            7 => json!("nan"),
            8 => json!(" 1e39 "),
            9 => json!("https://open.spotify.com/intl-de/track/4uLU6hMCjMI75M1A2tKUQC#x"),
            10 => json!([copy, copy]),
            11 => json!({ "content": copy }),
            12 => json!({ "audio_features": [copy] }),
            _ => json!("é".repeat(dice.below(500))),
        };
    }
    reply.to_string()
}

fn damaged(dice: &mut Dice) -> String {
    if dice.below(2) == 0 {
        return rearranged(dice);
    }
    let mut bytes = SEEDS[dice.below(SEEDS.len())].as_bytes().to_vec();
    for _ in 0..=dice.below(8) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => {
                let end = (at + dice.below(30)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
            3 => {
                let (from, n) = (dice.below(bytes.len() + 1), dice.below(60));
                let copied = bytes[from..(from + n).min(bytes.len())].to_vec();
                bytes.splice(at..at, copied);
            }
            _ => {
                let piece = PIECES[dice.below(PIECES.len())];
                bytes.splice(at..at, piece.bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn damaged_replies_are_entries_or_an_error() {
    let seconds = std::env::var("PLAYLIST_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let (end, mut dice) = (
        Instant::now() + Duration::from_secs(seconds.unwrap_or(2)),
        Dice(7),
    );
    let (mut n, mut n_read, mut n_entries) = (0_u64, 0_u64, 0_u64);
    while n < 100 || Instant::now() < end {
        let body = damaged(&mut dice);
        n += 1;
        let Ok(reply) = reply::parse(&body, "x") else {
            continue;
        };
        n_read += 1;
        for read in [reply::reccobeats, reply::spotify] {
            let mut tally = Tally::new("x");
            for entry in read(&reply, "x", &mut tally).into_iter().flatten() {
                n_entries += 1;
                for feature in AudioFeature::ALL {
                    let value = entry.features.get(feature);
                    assert!(
                        value.is_none_or(|value| feature.valid_range().contains(&value)),
                        "{body}"
                    );
                }
            }
            let notes = tally.take_notes();
            assert!(notes.iter().all(|note| note.len() < 300), "{body}");
        }
    }
    println!("{n} replies, {n_read} of them JSON objects, {n_entries} entries");
}
