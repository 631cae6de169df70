//! One entry of a reply: a track, or why it is none. Takes whatever is there: nothing but the entry itself is lost
//! when something is missing.

use percent_encoding::percent_decode_str;
use playlist_core::{AudioFeature, Isrc, SpotifyId, Track};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::report::SkipReason;

/// What an entry turned out to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Entry {
    Track(Box<Track>),
    Skipped {
        reason: SkipReason,
        title: Option<String>,
    },
}

impl Entry {
    fn skipped(reason: SkipReason, title: Option<String>) -> Self {
        Self::Skipped { reason, title }
    }
}

/// An entry of Liked Songs or of a playlist, which wraps the track: as `item` since 2026, as `track` before.
pub(crate) fn wrapped(entry: &Value) -> Entry {
    let Value::Object(fields) = entry else {
        let reason = if entry.is_null() {
            SkipReason::Unavailable
        } else {
            SkipReason::Malformed
        };
        return Entry::skipped(reason, None);
    };
    let inner = ["item", "track"]
        .into_iter()
        .filter_map(|name| fields.get(name))
        .find(|inner| !inner.is_null());
    let Some(inner) = inner else {
        return Entry::skipped(SkipReason::Unavailable, None);
    };
    match bare(inner, None) {
        Entry::Track(mut track) => {
            track.added_at = text(entry, "added_at");
            if entry["is_local"] == true {
                track.is_local = true;
                track.id = None;
            }
            Entry::Track(track)
        }
        skipped => skipped,
    }
}

/// A track itself; `album` is the title of its album where the track does not say.
pub(crate) fn bare(value: &Value, album: Option<&str>) -> Entry {
    if !value.is_object() {
        let reason = if value.is_null() {
            SkipReason::Unavailable
        } else {
            SkipReason::Malformed
        };
        return Entry::skipped(reason, None);
    }
    let (title, uri) = (text(value, "name"), text(value, "uri").unwrap_or_default());
    // Some places still send episodes in the shape of tracks; the type and the URI tell.
    let kind = value["type"].as_str().unwrap_or("track");
    if kind == "episode" || value["episode"] == true || uri.starts_with("spotify:episode:") {
        return Entry::skipped(SkipReason::Episode, title);
    }
    if kind != "track" {
        return Entry::skipped(SkipReason::OtherType, title);
    }
    let is_local = value["is_local"] == true || uri.starts_with("spotify:local:");
    let id = || {
        text(value, "id")
            .unwrap_or_else(|| uri.clone())
            .parse::<SpotifyId>()
            .ok()
    };
    let mut track = Track {
        id: if is_local { None } else { id() },
        isrc: isrc(value),
        title,
        artists: artists(value),
        album: text(&value["album"], "name").or_else(|| album.map(str::to_owned)),
        is_local,
        ..Track::default()
    };
    if let Some(ms) = value["duration_ms"].as_f64().filter(|ms| *ms > 0.0) {
        track.features.set(AudioFeature::DurationMs, ms as f32);
    }
    if is_local {
        fill_from_uri(&mut track, &uri);
    }
    if track.key().is_none() {
        return Entry::skipped(SkipReason::NoIdentity, None);
    }
    Entry::Track(Box::new(track))
}

fn isrc(value: &Value) -> Option<Isrc> {
    value["external_ids"]["isrc"].as_str()?.parse().ok()
}

fn artists(value: &Value) -> Vec<String> {
    let artists = value["artists"].as_array().map_or(&[][..], Vec::as_slice);
    artists.iter().filter_map(|artist| text(artist, "name")).collect()
}

/// Fills in what the URI of a local file says: `spotify:local:ARTIST:ALBUM:TITLE:SECONDS`, form-encoded.
fn fill_from_uri(track: &mut Track, uri: &str) {
    let Some(rest) = uri.strip_prefix("spotify:local:") else {
        return;
    };
    let part = |n: usize| {
        let part = rest.split(':').nth(n)?.replace('+', " ");
        let part = percent_decode_str(&part).decode_utf8_lossy().trim().to_owned();
        (!part.is_empty()).then_some(part)
    };
    if track.artists.is_empty() {
        track.artists.extend(part(0));
    }
    track.album = track.album.take().or_else(|| part(1));
    track.title = track.title.take().or_else(|| part(2));
    if track.features.get(AudioFeature::DurationMs).is_none()
        && let Some(seconds) = part(3).and_then(|text| text.parse::<f32>().ok())
    {
        track.features.set(AudioFeature::DurationMs, seconds * 1000.0);
    }
}

/// The text `name` of an object; an empty one counts as none.
pub(crate) fn text(value: &Value, name: &str) -> Option<String> {
    let text = value.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "4uLU6hMCjMI75M1A2tKUQC";

    fn track(value: &Value) -> Track {
        match wrapped(value) {
            Entry::Track(track) => *track,
            skipped => panic!("{skipped:?}"),
        }
    }

    fn reason(value: &Value) -> SkipReason {
        match wrapped(value) {
            Entry::Skipped { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_shapes_give_the_same_track() {
        let inner = json!({"id": ID, "name": "T", "type": "track", "artists": [{"name": "A"}, null, {"name": ""}],
            "album": {"name": "B"}, "duration_ms": 1234.5, "external_ids": {"isrc": "usum71703861"}, "track": true});
        let new = track(&json!({"added_at": "2026-01-01T00:00:00Z", "item": inner}));
        let old = track(&json!({"added_at": "2026-01-01T00:00:00Z", "track": inner}));
        let both = track(&json!({"added_at": "2026-01-01T00:00:00Z", "track": null, "item": inner}));
        assert_eq!(new, old);
        assert_eq!(new, both);
        assert_eq!(new.id.unwrap().as_str(), ID);
        assert_eq!(new.artists, ["A"]);
        assert_eq!(new.isrc.unwrap().as_str(), "USUM71703861");
        assert_eq!(new.features.get(AudioFeature::DurationMs), Some(1234.5));
        assert_eq!(new.added_at.as_deref(), Some("2026-01-01T00:00:00Z"));
    }

    #[test]
    fn what_is_missing_or_of_another_kind_costs_itself_alone() {
        let odd = track(
            &json!({"track": {"id": ID, "name": 7, "artists": "x", "album": null,
            "external_ids": [1], "duration_ms": "long", "type": null}}),
        );
        assert_eq!(odd.id.unwrap().as_str(), ID);
        assert_eq!((odd.title, odd.album, odd.isrc), (None, None, None));
        let by_uri = track(&json!({"item": {"uri": format!("spotify:track:{ID}")}}));
        assert_eq!(by_uri.id.unwrap().as_str(), ID);
        let nameless = track(&json!({"item": {"id": "", "name": "Only a title"}}));
        assert_eq!(nameless.id, None);
    }

    #[test]
    fn what_is_no_track_says_why() {
        assert_eq!(reason(&Value::Null), SkipReason::Unavailable);
        assert_eq!(
            reason(&json!({"added_at": "x", "item": null})),
            SkipReason::Unavailable
        );
        assert_eq!(reason(&json!({})), SkipReason::Unavailable);
        assert_eq!(reason(&json!([1])), SkipReason::Malformed);
        assert_eq!(reason(&json!({"item": "text"})), SkipReason::Malformed);
        assert_eq!(reason(&json!({"item": {}})), SkipReason::NoIdentity);
        let posing = json!({"track": {"id": ID, "name": "E", "type": "episode", "artists": []}});
        assert_eq!(reason(&posing), SkipReason::Episode);
        let posing = json!({"track": {"id": ID, "name": "E", "uri": format!("spotify:episode:{ID}")}});
        assert_eq!(reason(&posing), SkipReason::Episode);
        let posing =
            json!({"track": {"id": ID, "name": "E", "type": "track", "episode": true, "track": false}});
        assert_eq!(reason(&posing), SkipReason::Episode);
        assert_eq!(
            reason(&json!({"item": {"type": "chapter", "id": ID}})),
            SkipReason::OtherType
        );
    }

    #[test]
    fn a_local_file_is_a_track_without_an_id() {
        let local = track(
            &json!({"is_local": true, "track": {"id": null, "name": "", "is_local": true,
            "uri": "spotify:local:Sigur+R%C3%B3s::Hopp%C3%ADpolla:268"}}),
        );
        assert!(local.is_local && local.id.is_none());
        assert_eq!(local.artists, ["Sigur Rós"]);
        assert_eq!(local.title.as_deref(), Some("Hoppípolla"));
        assert_eq!(local.album, None);
        assert_eq!(local.features.get(AudioFeature::DurationMs), Some(268_000.0));
        // An id on a local file is none of Spotify's.
        let local = track(&json!({"is_local": true, "track": {"id": ID, "name": "T"}}));
        assert!(local.is_local && local.id.is_none());
    }
}
