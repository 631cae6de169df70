//! The audio features: the one source of their names, units, ranges and order.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// One of Spotify's audio features of a track.
///
/// The order of the variants is the order of the columns everywhere in this workspace: the paper's
/// twelve first, valence last.
///
/// # Source
/// Spotify Web API, *Get Track's Audio Features*. The lower bound of the time signature is 1 there in
/// practice, although the page says 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioFeature {
    /// How suitable the track is for dancing, in [0, 1].
    Danceability,
    /// Perceived intensity and activity, in [0, 1].
    Energy,
    /// Pitch class of the key, 0 (C) to 11 (B); -1 means that none was detected.
    Key,
    /// Mean loudness in decibels relative to full scale, about -60 to 0.
    Loudness,
    /// Modality: 1 major, 0 minor.
    Mode,
    /// Presence of spoken words, in [0, 1].
    Speechiness,
    /// Confidence that the track is acoustic, in [0, 1].
    Acousticness,
    /// Confidence that the track has no vocals, in [0, 1].
    Instrumentalness,
    /// Presence of an audience, in [0, 1].
    Liveness,
    /// Estimated tempo in beats per minute; 0 means that none was detected.
    Tempo,
    /// Duration in milliseconds.
    DurationMs,
    /// Estimated beats in a bar, 1 to 7; 0 means that none was detected.
    TimeSignature,
    /// Musical positiveness, in [0, 1]. Not among the paper's twelve.
    Valence,
}

impl AudioFeature {
    /// Every feature, in column order.
    pub const ALL: [Self; 13] = [
        Self::Danceability,
        Self::Energy,
        Self::Key,
        Self::Loudness,
        Self::Mode,
        Self::Speechiness,
        Self::Acousticness,
        Self::Instrumentalness,
        Self::Liveness,
        Self::Tempo,
        Self::DurationMs,
        Self::TimeSignature,
        Self::Valence,
    ];

    /// The twelve features of the paper, in column order: all but valence.
    pub const PAPER: [Self; 12] = [
        Self::Danceability,
        Self::Energy,
        Self::Key,
        Self::Loudness,
        Self::Mode,
        Self::Speechiness,
        Self::Acousticness,
        Self::Instrumentalness,
        Self::Liveness,
        Self::Tempo,
        Self::DurationMs,
        Self::TimeSignature,
    ];

    /// The name of the feature's column in our tables, as in Spotify's own replies.
    #[must_use]
    pub const fn column(self) -> &'static str {
        match self {
            Self::Danceability => "danceability",
            Self::Energy => "energy",
            Self::Key => "key",
            Self::Loudness => "loudness",
            Self::Mode => "mode",
            Self::Speechiness => "speechiness",
            Self::Acousticness => "acousticness",
            Self::Instrumentalness => "instrumentalness",
            Self::Liveness => "liveness",
            Self::Tempo => "tempo",
            Self::DurationMs => "duration_ms",
            Self::TimeSignature => "time_signature",
            Self::Valence => "valence",
        }
    }

    /// The position in [`AudioFeature::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The unit, as it stands in reports.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Key => "pitch class",
            Self::Loudness => "dB",
            Self::Mode => "0 minor, 1 major",
            Self::Tempo => "beats per minute",
            Self::DurationMs => "ms",
            Self::TimeSignature => "beats per bar",
            _ => "0 to 1",
        }
    }

    /// The values that a track can have. Values outside are refused when a table is read.
    ///
    /// Spotify documents about -60 to 0 dB for loudness; real tables hold up to 5 dB. A day bounds
    /// the duration.
    #[must_use]
    pub const fn valid_range(self) -> RangeInclusive<f32> {
        match self {
            Self::Key => 0.0..=11.0,
            Self::Loudness => -100.0..=20.0,
            Self::Tempo => 1.0..=400.0,
            Self::DurationMs => 1.0..=86_400_000.0,
            Self::TimeSignature => 1.0..=7.0,
            _ => 0.0..=1.0,
        }
    }

    /// Whether the feature is a code (key, mode, time signature) rather than a quantity.
    #[must_use]
    pub const fn is_categorical(self) -> bool {
        matches!(self, Self::Key | Self::Mode | Self::TimeSignature)
    }

    /// Whether `value` stands for "not known": NaN everywhere, -1 for the key, 0 for tempo, duration
    /// and time signature.
    #[must_use]
    pub fn is_missing(self, value: f32) -> bool {
        value.is_nan()
            || match self {
                Self::Key => value == -1.0,
                Self::Tempo | Self::DurationMs | Self::TimeSignature => value == 0.0,
                _ => false,
            }
    }

    /// The columns' names joined for a message.
    pub(crate) fn names() -> String {
        Self::ALL.map(|feature| format!("`{feature}`")).join(", ")
    }
}

impl fmt::Display for AudioFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.column())
    }
}

impl FromStr for AudioFeature {
    type Err = Error;

    /// Parses a column name; case, spaces, hyphens and underscores do not matter, and `duration`
    /// stands for `duration_ms`.
    fn from_str(name: &str) -> Result<Self> {
        let plain = |text: &str| -> String {
            text.chars()
                .filter(char::is_ascii_alphanumeric)
                .map(|c| c.to_ascii_lowercase())
                .collect()
        };
        let wanted = plain(name);
        Self::ALL
            .into_iter()
            .find(|feature| plain(feature.column()) == wanted)
            .or_else(|| (wanted == "duration").then_some(Self::DurationMs))
            .ok_or_else(|| Error::UnknownFeature {
                name: name.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_order_is_the_order_of_the_variants() {
        for (index, feature) in AudioFeature::ALL.into_iter().enumerate() {
            assert_eq!(feature.index(), index);
        }
        assert_eq!(AudioFeature::PAPER, AudioFeature::ALL[..12]);
    }

    #[test]
    fn names_parse_in_any_spelling() {
        for feature in AudioFeature::ALL {
            assert_eq!(feature.column().parse::<AudioFeature>().unwrap(), feature);
        }
        assert_eq!(
            "Time Signature".parse::<AudioFeature>().unwrap(),
            AudioFeature::TimeSignature
        );
        assert_eq!(
            "duration".parse::<AudioFeature>().unwrap(),
            AudioFeature::DurationMs
        );
        assert!(matches!(
            "popularity".parse::<AudioFeature>(),
            Err(Error::UnknownFeature { name }) if name == "popularity"
        ));
    }

    #[test]
    fn serialised_name_is_the_column_name() {
        for feature in AudioFeature::ALL {
            assert_eq!(
                serde_json::to_string(&feature).unwrap(),
                format!("\"{}\"", feature.column())
            );
        }
    }

    #[test]
    fn sentinels_mean_missing() {
        assert!(AudioFeature::Key.is_missing(-1.0));
        assert!(!AudioFeature::Key.is_missing(0.0));
        assert!(AudioFeature::Tempo.is_missing(0.0));
        assert!(AudioFeature::TimeSignature.is_missing(0.0));
        assert!(!AudioFeature::Liveness.is_missing(0.0));
        assert!(AudioFeature::Liveness.is_missing(f32::NAN));
    }
}
