//! Damaged replies, made from real ones: each is tracks, reasons or an error, and never a panic.
//!
//! `PLAYLIST_FUZZ_SECONDS=600 cargo test -p playlist-spotify --lib fuzz -- --nocapture` runs longer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::library::probe;
use crate::{http, listener, token_reply};

const SEEDS: [&str; 10] = [
    include_str!("../tests/fixtures/joostlek-MIT/playlist_items.json"),
    include_str!("../tests/fixtures/joostlek-MIT/playlist_2.json"),
    include_str!("../tests/fixtures/joostlek-MIT/current_user.json"),
    include_str!("../tests/fixtures/joostlek-MIT/rate_limit.json"),
    include_str!("../tests/fixtures/spotify-web-api-java-MIT/GetListOfCurrentUsersPlaylistsRequest.json"),
    include_str!("../tests/fixtures/spotify-web-api-java-MIT/GetPlaylistsItemsRequest_Episode.json"),
    include_str!("../tests/fixtures/spotify-web-api-java-MIT/AuthorizationCode.json"),
    include_str!("../tests/fixtures/spotify-web-api-java-MIT/auth-invalid-client.json"),
    include_str!("../tests/fixtures/zmb3-Apache2/current_users_tracks.txt"),
    include_str!("../tests/fixtures/zmb3-Apache2/playlist_items_episodes_and_tracks.json"),
];

const PIECES: [&str; 18] = [
    "null",
    "true",
    "-1",
    "0",
    "1e38",
    "1e400",
    "\"\"",
    "[]",
    "{}",
    "[[[[",
    "{\"a\":",
    "\\u0000",
    "\\ud800",
    "\"",
    ",",
    "\u{feff}",
    "é",
    "99999999999999999999",
];

/// A small generator of numbers (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) as usize % n.max(1)
    }
}

/// Damages bytes: what comes is mostly no JSON any more.
fn damaged_bytes(text: &str, dice: &mut Dice) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => {
                let end = (at + dice.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
            3 => {
                let from = dice.below(bytes.len() + 1);
                let copied = bytes[from..(from + dice.below(80)).min(bytes.len())].to_vec();
                bytes.splice(at..at, copied);
            }
            _ => {
                bytes.splice(at..at, PIECES[dice.below(PIECES.len())].bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Damages the tree: what comes is JSON of another make.
fn damaged_tree(value: &mut Value, dice: &mut Dice) {
    let n = match value {
        Value::Array(list) => list.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    };
    if n == 0 || dice.below(6) == 0 {
        *value = odd_value(value, dice);
        return;
    }
    let at = dice.below(n);
    let is_removed = dice.below(5) == 0;
    match value {
        Value::Array(list) if is_removed => drop(list.remove(at)),
        Value::Array(list) if dice.below(8) == 0 => list.push(list[at].clone()),
        Value::Array(list) => damaged_tree(&mut list[at], dice),
        Value::Object(fields) => {
            let name = fields.keys().nth(at).cloned().unwrap_or_default();
            if is_removed {
                fields.remove(&name);
            } else if let Some(inner) = fields.get_mut(&name) {
                damaged_tree(inner, dice);
            }
        }
        _ => {}
    }
}

fn odd_value(old: &Value, dice: &mut Dice) -> Value {
    match dice.below(14) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(u64::MAX),
        4 => json!(1e300),
        5 => json!(""),
        6 => json!("spotify:local:::::"),
        7 => json!("spotify:local:%FF%zz:+:a%:-1e99"),
        8 => json!("\u{0}\r\n\u{202e}é"),
        9 => json!([]),
        10 => json!({}),
        11 => json!([old]),
        12 => json!({"item": old, "track": old, "items": old}),
        _ => json!("x".repeat(dice.below(3000))),
    }
}

#[test]
fn damaged_replies_are_tracks_reasons_or_an_error() {
    let seconds = std::env::var("PLAYLIST_FUZZ_SECONDS").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(2);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut dice = Dice(11);
    let (mut n, mut n_json, mut n_entries, mut n_tracks) = (0_u64, 0_u64, 0_usize, 0_usize);
    while n < 100 || Instant::now() < end {
        n += 1;
        let seed = SEEDS[dice.below(SEEDS.len())];
        let body = if dice.below(3) == 0 {
            damaged_bytes(seed, &mut dice)
        } else {
            let mut tree = serde_json::from_str(seed).unwrap();
            for _ in 0..=dice.below(12) {
                damaged_tree(&mut tree, &mut dice);
            }
            tree.to_string()
        };
        let message = http::message(&body, &["dummy-access-token"]);
        assert!(
            message.is_none_or(|text| text.chars().count() <= 300 && !text.contains("dummy-access-token"))
        );
        let token = token_reply::probe(&body);
        assert!(token.is_none_or(|text| text.len() < 300), "{body}");
        listener::probe(&body, "state");
        listener::probe(&format!("GET /callback?{body}&state=state\r\n"), "state");
        let Ok(reply) = serde_json::from_str::<Value>(&body) else {
            continue;
        };
        n_json += 1;
        let (entries, tracks) = probe(&reply);
        n_entries += entries;
        n_tracks += tracks;
    }
    println!("{n} replies, {n_json} of them JSON, {n_entries} entries, {n_tracks} tracks");
    assert!(n_tracks > 0);
}
