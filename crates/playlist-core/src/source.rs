//! Where audio features come from, when they are not in the file that lists the tracks.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::message::in_words;
use crate::{AudioFeature, AudioFeatures, Track, TrackKey};

/// The scale on which features were measured. Features of two scales do not belong in one track, and a table
/// that holds several teaches a model to tell the sources apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FeatureScale {
    /// Spotify's own numbers, or a copy of them.
    #[default]
    Spotify,
    /// Spotify's numbers rounded to whole percents, decibels and beats, as Chosic writes them. Replaced by
    /// unrounded ones where a source has them.
    SpotifyRounded,
}

/// Who gave a track its features.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FeatureOrigin {
    /// The source: `exportify`, `reccobeats`, the name of a catalogue ...
    pub source: String,
    /// Its scale.
    pub scale: FeatureScale,
}

impl FeatureOrigin {
    /// The source `source`, which measures on `scale`.
    #[must_use]
    pub fn new(source: impl Into<String>, scale: FeatureScale) -> Self {
        Self {
            source: source.into(),
            scale,
        }
    }
}

impl fmt::Display for FeatureOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.source)
    }
}

/// Something that knows audio features of tracks: a file, a catalogue, a service.
///
/// [`Chain`](crate::Chain) asks several in turn.
pub trait FeatureSource {
    /// The name, as it stands in reports.
    fn name(&self) -> &str;

    /// The scale of its numbers.
    fn scale(&self) -> FeatureScale;

    /// The features that it can give.
    fn provides(&self) -> &[AudioFeature];

    /// The most tracks of one [`FeatureSource::lookup`].
    fn batch_size(&self) -> usize;

    /// Whether asking sends ids of tracks to another machine. Answers of such a source are kept for ever.
    fn is_remote(&self) -> bool;

    /// Whether the source can know this track: most need Spotify's id.
    fn can_ask(&self, track: &Track) -> bool;

    /// The features of those of `tracks` that are known, by any of their [`Track::keys`]; the others are left
    /// out.
    ///
    /// # Errors
    /// See [`SourceError`]: it tells what to do with the tracks that were asked for.
    fn lookup(&mut self, tracks: &[&Track]) -> Result<BTreeMap<TrackKey, AudioFeatures>, SourceError>;

    /// What the lookups so far met and a reader of the report should know, a sentence each: values that were
    /// refused, waits. What was taken once is not given again.
    fn take_notes(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// A source that is lent to a chain and used afterwards.
impl<S: FeatureSource + ?Sized> FeatureSource for &mut S {
    fn name(&self) -> &str {
        (**self).name()
    }
    fn scale(&self) -> FeatureScale {
        (**self).scale()
    }
    fn provides(&self) -> &[AudioFeature] {
        (**self).provides()
    }
    fn batch_size(&self) -> usize {
        (**self).batch_size()
    }
    fn is_remote(&self) -> bool {
        (**self).is_remote()
    }
    fn can_ask(&self, track: &Track) -> bool {
        (**self).can_ask(track)
    }
    fn lookup(&mut self, tracks: &[&Track]) -> Result<BTreeMap<TrackKey, AudioFeatures>, SourceError> {
        (**self).lookup(tracks)
    }
    fn take_notes(&mut self) -> Vec<String> {
        (**self).take_notes()
    }
}

/// Why a source gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The source will not answer, now or later in this run.
    #[error("`{name}` is switched off for this run: {reason}")]
    SwitchedOff {
        /// The source.
        name: String,
        /// Why, and what to do about it.
        reason: String,
    },
    /// The source wants to be left alone for long.
    #[error("`{name}` asks to wait {} before the next request: run again then, what was found is kept", in_words(*retry_after))]
    RateLimited {
        /// The source.
        name: String,
        /// How long it wants to be left alone.
        retry_after: Duration,
    },
    /// The source did not answer, or not in a way that makes sense; the next batch may fare better.
    #[error("`{name}` gave no usable answer")]
    Failed {
        /// The source.
        name: String,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What a store knows of a track.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredFeatures {
    /// Who gave them.
    pub origin: FeatureOrigin,
    /// The features.
    pub features: AudioFeatures,
}

/// Answers of remote sources, kept so that no question is asked twice.
pub trait FeatureStore {
    /// What each source that was ever asked knows of each of `keys`, the one asked first in front; keys of which
    /// none knows anything are left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn found(&mut self, keys: &[TrackKey]) -> Result<BTreeMap<TrackKey, Vec<StoredFeatures>>, StoreError>;

    /// Those of `keys` that the source `name` did not know when it was asked lately.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn missed(&mut self, name: &str, keys: &[TrackKey]) -> Result<Vec<TrackKey>, StoreError>;

    /// Keeps the answers of one lookup: features, or `None` for a track that the source does not know.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn keep(
        &mut self,
        origin: &FeatureOrigin,
        answers: &[(TrackKey, Option<AudioFeatures>)],
    ) -> Result<(), StoreError>;
}

/// A store that is lent to a chain and used afterwards.
impl<S: FeatureStore + ?Sized> FeatureStore for &mut S {
    fn found(&mut self, keys: &[TrackKey]) -> Result<BTreeMap<TrackKey, Vec<StoredFeatures>>, StoreError> {
        (**self).found(keys)
    }
    fn missed(&mut self, name: &str, keys: &[TrackKey]) -> Result<Vec<TrackKey>, StoreError> {
        (**self).missed(name, keys)
    }
    fn keep(
        &mut self,
        origin: &FeatureOrigin,
        answers: &[(TrackKey, Option<AudioFeatures>)],
    ) -> Result<(), StoreError> {
        (**self).keep(origin, answers)
    }
}

/// The error of a [`FeatureStore`]: whatever its crate says.
pub type StoreError = Box<dyn std::error::Error + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_when_to_come_back() {
        let error = |seconds| {
            SourceError::RateLimited {
                name: "reccobeats".to_owned(),
                retry_after: Duration::from_secs(seconds),
            }
            .to_string()
        };
        assert!(error(90).contains("wait 90 s"));
        assert!(error(1801).contains("wait 31 min"));
        assert!(error(79_892).contains("wait 22.2 h"));
    }
}
