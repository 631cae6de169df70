//! The audio features of one track.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::AudioFeature;

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

    /// Whether anything of how the track sounds is known. The duration alone does not count: every list of
    /// tracks has it.
    #[must_use]
    pub fn has_audio(&self) -> bool {
        AudioFeature::ALL
            .into_iter()
            .any(|feature| feature != AudioFeature::DurationMs && self.get(feature).is_some())
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
