//! A row of the file that keeps answers.

use playlist_core::{AudioFeature, AudioFeatures, FeatureOrigin, StoredFeatures, TrackKey};
use rusqlite::Row;
use rusqlite::types::Value;

/// What one source said of one track, as it stands in the file: the columns of
/// [`columns`](super::cache_file::columns), in their order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) track: String,
    source: String,
    scale: String,
    known: bool,
    /// Seconds since 1970.
    fetched_at: i64,
    pub(super) checksum: i64,
    features: [Option<f64>; AudioFeature::ALL.len()],
}

impl Answer {
    /// An answer of now; without any feature it says that the track is not known.
    pub(super) fn new(key: &TrackKey, origin: &FeatureOrigin, features: AudioFeatures, now: i64) -> Self {
        let scale = serde_json::to_value(origin.scale).unwrap_or_default();
        let mut answer = Self {
            track: key.to_string(),
            source: origin.source.clone(),
            scale: scale.as_str().unwrap_or_default().to_owned(),
            known: features.n_known() > 0,
            fetched_at: now,
            checksum: 0,
            features: AudioFeature::ALL.map(|feature| features.get(feature).map(f64::from)),
        };
        answer.checksum = answer.sum();
        answer
    }

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut features = [None; AudioFeature::ALL.len()];
        for (at, value) in features.iter_mut().enumerate() {
            *value = row.get(6 + at)?;
        }
        Ok(Self {
            track: row.get(0)?,
            source: row.get(1)?,
            scale: row.get(2)?,
            known: row.get(3)?,
            fetched_at: row.get(4)?,
            checksum: row.get(5)?,
            features,
        })
    }

    pub(super) fn values(&self) -> impl Iterator<Item = Value> {
        let head = [
            Value::Text(self.track.clone()),
            Value::Text(self.source.clone()),
            Value::Text(self.scale.clone()),
            Value::Integer(i64::from(self.known)),
            Value::Integer(self.fetched_at),
            Value::Integer(self.checksum),
        ];
        let features = self.features.map(|value| value.map_or(Value::Null, Value::Real));
        head.into_iter().chain(features)
    }

    /// The checksum of all that the row says: FNV-1a, which finds every single byte that changed.
    pub(super) fn sum(&self) -> i64 {
        let mut sum = 0xCBF2_9CE4_8422_2325_u64;
        let mut add = |bytes: &[u8]| {
            // A separator, so that a letter that moves to the next column is found too.
            for byte in bytes.iter().chain(&[0xFF]) {
                sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
            }
        };
        for text in [&self.track, &self.source, &self.scale] {
            add(text.as_bytes());
        }
        add(&[u8::from(self.known)]);
        add(&self.fetched_at.to_le_bytes());
        for value in self.features {
            add(&value.map_or(u64::MAX, f64::to_bits).to_le_bytes());
        }
        sum.cast_signed()
    }

    /// The features; `None` on a scale that this version does not know. Values that no track can have are missing:
    /// the file may have been changed by anyone.
    pub(super) fn stored(&self) -> Option<StoredFeatures> {
        let scale = serde_json::from_value(serde_json::Value::String(self.scale.clone())).ok()?;
        let mut features = AudioFeatures::default();
        for (feature, value) in AudioFeature::ALL.into_iter().zip(self.features) {
            if let Some(value) = value.map(|value| value as f32)
                && feature.valid_range().contains(&value)
            {
                features.set(feature, value);
            }
        }
        Some(StoredFeatures {
            origin: FeatureOrigin::new(self.source.clone(), scale),
            features,
        })
    }
}
