//! Spotify's ids of tracks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The id of a track on Spotify: 22 letters and digits.
///
/// Parses the bare id, `spotify:track:ID` and `https://open.spotify.com/track/ID`, so that one track
/// has one id however a file writes it.
///
/// # Examples
/// ```
/// use playlist_core::SpotifyId;
///
/// let id: SpotifyId = "spotify:track:4uLU6hMCjMI75M1A2tKUQC".parse()?;
/// assert_eq!(id.as_str(), "4uLU6hMCjMI75M1A2tKUQC");
/// assert_eq!(id, "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC?si=1".parse()?);
/// # Ok::<(), playlist_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpotifyId(String);

impl SpotifyId {
    /// The bare id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a URI, `spotify:track:ID`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("spotify:track:{}", self.0)
    }
}

impl fmt::Display for SpotifyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for SpotifyId {
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

impl TryFrom<String> for SpotifyId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<SpotifyId> for String {
    fn from(id: SpotifyId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_track_has_one_id() {
        let id = "008KI9VbcXzsvn84eQWNRN";
        for text in [
            id.to_owned(),
            format!("spotify:track:{id}"),
            format!("https://open.spotify.com/track/{id}?si=abc"),
            format!("https://open.spotify.com/intl-de/track/{id}"),
        ] {
            assert_eq!(text.parse::<SpotifyId>().unwrap().as_str(), id, "{text}");
        }
    }

    #[test]
    fn other_things_are_no_id() {
        for text in [
            "",
            "spotify:episode:008KI9VbcXzsvn84eQWNRN",
            "008KI9",
            "spotify:local:a:b:c:1",
        ] {
            assert!(
                matches!(text.parse::<SpotifyId>(), Err(Error::InvalidTrackId { .. })),
                "{text}"
            );
        }
    }
}
