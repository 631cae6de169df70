//! Tracks and their identity.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AudioFeature, Error, Result};

/// The identity of a track on Spotify: its id of 22 letters and digits.
///
/// Parses the bare id, `spotify:track:ID` and `https://open.spotify.com/track/ID`, so that one track
/// has one key however a file writes it.
///
/// # Examples
/// ```
/// use playlist_core::TrackKey;
///
/// let key: TrackKey = "spotify:track:4uLU6hMCjMI75M1A2tKUQC".parse()?;
/// assert_eq!(key.id(), "4uLU6hMCjMI75M1A2tKUQC");
/// assert_eq!(key, "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC?si=1".parse()?);
/// # Ok::<(), playlist_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrackKey(String);

impl TrackKey {
    /// The bare id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for TrackKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        let id = trimmed
            .strip_prefix("spotify:track:")
            .or_else(|| {
                let (_, rest) = trimmed.split_once("open.spotify.com/")?;
                let (_, id) = rest.split_once("track/")?;
                id.split(['?', '#', '/']).next()
            })
            .unwrap_or(trimmed);
        if id.len() == 22 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self(id.to_owned()))
        } else {
            Err(Error::InvalidTrackId {
                text: text.to_owned(),
            })
        }
    }
}

impl TryFrom<String> for TrackKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<TrackKey> for String {
    fn from(key: TrackKey) -> Self {
        key.0
    }
}

/// The audio features of one track; each may be missing.
///
/// # Examples
/// ```
/// use playlist_core::{AudioFeature, AudioFeatures};
///
/// let features = AudioFeatures::default().with(AudioFeature::Tempo, 121.5);
/// assert_eq!(features.get(AudioFeature::Tempo), Some(121.5));
/// assert_eq!(features.get(AudioFeature::Key), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    from = "BTreeMap<AudioFeature, Option<f32>>",
    into = "BTreeMap<AudioFeature, Option<f32>>"
)]
pub struct AudioFeatures([Option<f32>; AudioFeature::ALL.len()]);

impl AudioFeatures {
    /// The value of `feature`, in its unit.
    #[must_use]
    pub const fn get(&self, feature: AudioFeature) -> Option<f32> {
        self.0[feature.index()]
    }

    /// Sets the value of `feature`; a value that means "not known" (see
    /// [`AudioFeature::is_missing`]) or is infinite makes it missing.
    pub fn set(&mut self, feature: AudioFeature, value: f32) {
        let known = value.is_finite() && !feature.is_missing(value);
        self.0[feature.index()] = known.then_some(value);
    }

    /// The same with `feature` set.
    #[must_use]
    pub fn with(mut self, feature: AudioFeature, value: f32) -> Self {
        self.set(feature, value);
        self
    }

    /// The number of features that are known.
    #[must_use]
    pub fn n_known(&self) -> usize {
        self.0.iter().flatten().count()
    }
}

impl From<BTreeMap<AudioFeature, Option<f32>>> for AudioFeatures {
    fn from(map: BTreeMap<AudioFeature, Option<f32>>) -> Self {
        let mut features = Self::default();
        for (feature, value) in map {
            features.set(feature, value.unwrap_or(f32::NAN));
        }
        features
    }
}

impl From<AudioFeatures> for BTreeMap<AudioFeature, Option<f32>> {
    fn from(features: AudioFeatures) -> Self {
        AudioFeature::ALL
            .into_iter()
            .map(|feature| (feature, features.get(feature)))
            .collect()
    }
}

/// A track: who it is by, what it is called, how it sounds. Everything may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Track {
    /// Spotify's id, where known.
    pub key: Option<TrackKey>,
    /// International Standard Recording Code.
    pub isrc: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// Artists, the main one first.
    pub artists: Vec<String>,
    /// Album title.
    pub album: Option<String>,
    /// When the track was added to the playlist, as the source wrote it (ISO 8601 in Spotify's replies).
    pub added_at: Option<String>,
    /// Audio features.
    pub features: AudioFeatures,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_track_has_one_key() {
        let id = "008KI9VbcXzsvn84eQWNRN";
        for text in [
            id.to_owned(),
            format!("spotify:track:{id}"),
            format!("https://open.spotify.com/track/{id}?si=abc"),
            format!("https://open.spotify.com/intl-de/track/{id}"),
        ] {
            assert_eq!(text.parse::<TrackKey>().unwrap().id(), id, "{text}");
        }
    }

    #[test]
    fn other_things_are_no_key() {
        for text in [
            "",
            "spotify:episode:008KI9VbcXzsvn84eQWNRN",
            "008KI9",
            "spotify:local:a:b:c:1",
        ] {
            assert!(
                matches!(text.parse::<TrackKey>(), Err(Error::InvalidTrackId { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn a_track_round_trips_through_json() {
        let track = Track {
            key: Some("008KI9VbcXzsvn84eQWNRN".parse().unwrap()),
            title: Some("Title".to_owned()),
            features: AudioFeatures::default()
                .with(AudioFeature::Key, -1.0)
                .with(AudioFeature::Energy, 0.5),
            ..Track::default()
        };
        let json = serde_json::to_string(&track).unwrap();
        assert_eq!(serde_json::from_str::<Track>(&json).unwrap(), track);
        assert_eq!(track.features.n_known(), 1, "key -1 means missing");
    }
}
