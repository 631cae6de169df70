//! Tracks, their identity and the playlists that they are on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AudioFeature, AudioFeatures, Error, FeatureOrigin, Isrc, Result, SpotifyId};

/// What a track is known by: Spotify's id, else the recording's ISRC, else artist, title and duration.
///
/// Two tracks of one key are one track. The reverse does not hold: Spotify lists one recording under
/// several ids, and only a common [`Isrc`] shows it; [`Track::keys`] gives all keys of a track.
///
/// Written as text it is `spotify:track:ID`, `isrc:CODE` or `title:ARTIST|TITLE|SECONDS`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TrackKey {
    /// Spotify's id.
    Spotify(SpotifyId),
    /// The code of the recording.
    Isrc(Isrc),
    /// First artist and title in lower case, letters and digits only, and the duration in seconds rounded
    /// to five, or nothing where it is not known.
    Title(String),
}

impl TrackKey {
    /// The key of a track of which only names and perhaps the duration in milliseconds are known; `None`
    /// without a title.
    #[must_use]
    pub fn from_title(artist: &str, title: &str, duration_ms: Option<f32>) -> Option<Self> {
        let plain = |text: &str| -> String {
            text.chars()
                .filter(|c| c.is_alphanumeric())
                .flat_map(char::to_lowercase)
                .collect()
        };
        let title = plain(title);
        let seconds = duration_ms.map_or_else(String::new, |ms| ((ms / 5000.0).round() * 5.0).to_string());
        (!title.is_empty()).then(|| Self::Title(format!("{}|{title}|{seconds}", plain(artist))))
    }
}

impl fmt::Display for TrackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spotify(id) => f.pad(&id.uri()),
            Self::Isrc(isrc) => f.pad(&format!("isrc:{isrc}")),
            Self::Title(text) => f.pad(&format!("title:{text}")),
        }
    }
}

impl FromStr for TrackKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(isrc) = text.strip_prefix("isrc:") {
            isrc.parse().map(Self::Isrc)
        } else if let Some(title) = text.strip_prefix("title:") {
            Ok(Self::Title(title.to_owned()))
        } else {
            text.parse().map(Self::Spotify)
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
        key.to_string()
    }
}

/// A track: who it is by, what it is called, how it sounds. Everything may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Track {
    /// Spotify's id, where known.
    pub id: Option<SpotifyId>,
    /// International Standard Recording Code.
    pub isrc: Option<Isrc>,
    /// Title.
    pub title: Option<String>,
    /// Artists, the main one first.
    pub artists: Vec<String>,
    /// Album title.
    pub album: Option<String>,
    /// When the track was added to the playlist, as the source wrote it (ISO 8601 in Spotify's replies).
    pub added_at: Option<String>,
    /// Whether it is a file on the listener's own disk, which no service knows.
    pub is_local: bool,
    /// Audio features.
    pub features: AudioFeatures,
    /// Where the audio features come from; `None` where there are none or nobody knows.
    pub features_from: Option<FeatureOrigin>,
}

impl Track {
    /// What the track is known by; `None` when not even its title is known.
    #[must_use]
    pub fn key(&self) -> Option<TrackKey> {
        self.keys().into_iter().next()
    }

    /// Everything that the track is known by, the surest first.
    #[must_use]
    pub fn keys(&self) -> Vec<TrackKey> {
        let artist = self.artists.first().map_or("", String::as_str);
        let duration = self.features.get(AudioFeature::DurationMs);
        let by_title = || TrackKey::from_title(artist, self.title.as_deref()?, duration);
        let id = self.id.clone().map(TrackKey::Spotify);
        let isrc = self.isrc.clone().map(TrackKey::Isrc);
        id.into_iter().chain(isrc).chain(by_title()).collect()
    }
}

/// What a list of tracks is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PlaylistKind {
    /// Someone's Liked Songs.
    Liked,
    /// A playlist.
    #[default]
    Playlist,
    /// The tracks of an album.
    Album,
    /// Tracks that the listener asked never to hear again.
    Blocked,
}

/// A list of tracks with a name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Playlist {
    /// The name, as its owner gave it.
    pub name: String,
    /// What it is.
    pub kind: PlaylistKind,
    /// Its tracks, in order.
    pub tracks: Vec<Track>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track() -> Track {
        Track {
            id: Some("008KI9VbcXzsvn84eQWNRN".parse().unwrap()),
            isrc: Some("usum71703861".parse().unwrap()),
            title: Some("Title (Live)".to_owned()),
            artists: vec!["Björk".to_owned(), "Other".to_owned()],
            features: AudioFeatures::default()
                .with(AudioFeature::Key, -1.0)
                .with(AudioFeature::DurationMs, 201_400.0)
                .with(AudioFeature::Energy, 0.5),
            ..Track::default()
        }
    }

    #[test]
    fn a_track_round_trips_through_json() {
        let json = serde_json::to_string(&track()).unwrap();
        assert_eq!(serde_json::from_str::<Track>(&json).unwrap(), track());
        assert_eq!(track().features.n_known(), 2, "key -1 means missing");
    }

    #[test]
    fn the_surest_key_comes_first_and_every_key_round_trips() {
        let keys = track().keys();
        let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "spotify:track:008KI9VbcXzsvn84eQWNRN",
                "isrc:USUM71703861",
                "title:björk|titlelive|200"
            ]
        );
        for key in keys {
            assert_eq!(key.to_string().parse::<TrackKey>().unwrap(), key);
        }
        assert_eq!(Track::default().key(), None);
    }

    #[test]
    fn a_duration_alone_is_no_audio() {
        let features = AudioFeatures::default().with(AudioFeature::DurationMs, 1000.0);
        assert!(!features.has_audio());
        assert!(features.with(AudioFeature::Mode, 0.0).has_audio());
    }
}
