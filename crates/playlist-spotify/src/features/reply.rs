//! Replies with audio features, read value by value: one bad entry costs that entry.

use playlist_core::{AudioFeature, AudioFeatures, Isrc, SpotifyId, unit};
use serde_json::{Map, Value};

use super::tally::Tally;
use crate::{Error, Result};

/// What one entry of a reply says of a track.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) id: Option<SpotifyId>,
    pub(super) isrc: Option<Isrc>,
    pub(super) features: AudioFeatures,
}

/// The JSON of a reply. An error page says that it is one.
pub(super) fn parse(body: &str, what: &str) -> Result<Value> {
    if body.trim_start().starts_with('<') {
        return Err(Error::BadReply {
            what: what.to_owned(),
            reason: "a web page came instead of JSON".to_owned(),
        });
    }
    crate::api::parse(body, what)
}

/// The entries of a reply of ReccoBeats. The id is the one in `href`; `id` is ReccoBeats' own.
pub(super) fn reccobeats(reply: &Value, what: &str, tally: &mut Tally) -> Result<Vec<Entry>> {
    entries(reply, "content", what, tally, |entry| {
        let isrc = entry.get("isrc").and_then(Value::as_str);
        (id(entry, "href"), isrc.and_then(|text| text.parse().ok()))
    })
}

/// The entries of a reply of Spotify. `null` stands for a track that it does not know.
pub(super) fn spotify(reply: &Value, what: &str, tally: &mut Tally) -> Result<Vec<Entry>> {
    entries(reply, "audio_features", what, tally, |entry| {
        (id(entry, "id").or_else(|| id(entry, "uri")), None)
    })
}

fn id(entry: &Map<String, Value>, field: &str) -> Option<SpotifyId> {
    entry.get(field)?.as_str()?.parse().ok()
}

fn entries(
    reply: &Value,
    list: &str,
    what: &str,
    tally: &mut Tally,
    keys: impl Fn(&Map<String, Value>) -> (Option<SpotifyId>, Option<Isrc>),
) -> Result<Vec<Entry>> {
    let Some(Value::Array(values)) = reply.get(list) else {
        return Err(Error::BadReply {
            what: what.to_owned(),
            reason: format!("expected a list `{list}`"),
        });
    };
    let mut entries = Vec::new();
    for value in values {
        match value {
            Value::Object(entry) => {
                let (id, isrc) = keys(entry);
                let shown = id.as_ref().map_or("an entry without an id", SpotifyId::as_str);
                let features = features(entry, shown, tally);
                entries.push(Entry { id, isrc, features });
            }
            Value::Null => {}
            _ => tally.bad_entry(),
        }
    }
    Ok(entries)
}

/// The features of an entry: numbers, or numbers in quotes.
fn features(entry: &Map<String, Value>, of: &str, tally: &mut Tally) -> AudioFeatures {
    let mut features = AudioFeatures::default();
    for feature in AudioFeature::ALL {
        let Some(value) = entry.get(feature.column()) else {
            continue;
        };
        let number = match value {
            Value::Null => continue,
            Value::Number(number) => number.as_f64().map(|number| number as f32),
            Value::String(text) => unit::number(text),
            _ => None,
        };
        match number {
            Some(number) if feature.is_missing(number) => {}
            Some(number) if is_possible(feature, number) => features.set(feature, number),
            _ => tally.refuse(feature, of, value),
        }
    }
    features
}

fn is_possible(feature: AudioFeature, value: f32) -> bool {
    feature.valid_range().contains(&value) && (!feature.is_categorical() || value.fract() == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: &str = r#"{"content":[{"id":"25c8ca63-5895-4572-84eb-a7040bc08c4d",
        "href":"https://open.spotify.com/track/0VjIjW4GlUZAMYd2vXMi3b?si=x","isrc":"USUG11904206",
        "acousticness":0.00143,"danceability":0.513,"energy":"0.73","instrumentalness":0.0000954,"key":-1,
        "liveness":0.0897,"loudness":-5.94,"mode":1,"speechiness":null,"tempo":171.001,"valence":3.5,"new":[1]},
        null, 5, {"href":"https://open.spotify.com/artist/x","key":[],"mode":0.5}]}"#;

    #[test]
    fn each_field_is_read_for_itself() {
        let mut tally = Tally::new("reccobeats");
        let entries = reccobeats(&parse(REPLY, "x").unwrap(), "x", &mut tally).unwrap();
        assert_eq!(entries.len(), 2);
        let first = &entries[0];
        assert_eq!(first.id.as_ref().unwrap().as_str(), "0VjIjW4GlUZAMYd2vXMi3b");
        assert_eq!(first.isrc.as_ref().unwrap().as_str(), "USUG11904206");
        let get = |feature| first.features.get(feature);
        assert_eq!(get(AudioFeature::Energy), Some(0.73));
        assert_eq!(get(AudioFeature::Loudness), Some(-5.94));
        assert_eq!(get(AudioFeature::Mode), Some(1.0));
        for missing in [
            AudioFeature::Key,
            AudioFeature::Speechiness,
            AudioFeature::Valence,
        ] {
            assert_eq!(get(missing), None, "{missing}");
        }
        assert_eq!(
            (entries[1].id.as_ref(), entries[1].features.has_audio()),
            (None, false)
        );
        let notes = tally.take_notes();
        assert!(
            notes[0]
                .starts_with("`reccobeats` gave 3 values that no track can have, the first `valence` 3.5")
        );
        assert!(notes[1].contains("1 entries that cannot be read"));
    }

    #[test]
    fn a_reply_that_is_something_else_is_refused() {
        let error = |body: &str| {
            let reply = parse(body, "GET x");
            reply
                .and_then(|reply| reccobeats(&reply, "GET x", &mut Tally::new("x")))
                .unwrap_err()
                .to_string()
        };
        assert!(error(" <!doctype html>").ends_with("a web page came instead of JSON"));
        assert!(error("{}").ends_with("expected a list `content`"));
        assert!(error("{\"content\":{}}").ends_with("expected a list `content`"));
        assert!(
            error("{\"content\":[").contains("no whole reply"),
            "a broken connection"
        );
        assert!(error("[]").contains("expected a JSON object"));
        assert!(error("nonsense").contains("no JSON at line 1"));
    }

    #[test]
    fn null_entries_of_spotify_are_unknown_tracks() {
        let body = r#"{"audio_features":[null,{"id":"0VjIjW4GlUZAMYd2vXMi3b","time_signature":4,"duration_ms":200040,
            "key":1,"tempo":0,"analysis_url":null},{"uri":"spotify:track:4uLU6hMCjMI75M1A2tKUQC","energy":0.5}]}"#;
        let mut tally = Tally::new("spotify");
        let entries = spotify(&parse(body, "x").unwrap(), "x", &mut tally).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].features.n_known(), 3);
        assert_eq!(entries[1].id.as_ref().unwrap().as_str(), "4uLU6hMCjMI75M1A2tKUQC");
        assert!(tally.take_notes().is_empty());
    }
}
