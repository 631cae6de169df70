//! Tracks to be ranked or sorted: who they are, how they sound, and which are known already.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use playlist_core::{AudioFeature, AudioFeatures, Chain, FeatureMatrix, Isrc, Track};
use playlist_dataset::TrackTable;
use playlist_report::{CandidateTrack, CandidatesSection, DroppedCount, KnownBy};
use playlist_spotify::StopFlag;
use playlist_spotify::features::FeatureCache;

use crate::collect::{Listed, list};
use crate::{FeatureLookup, Result, feature_chain};

/// The fewest known features by which a recording is known again, as in cleaning.
const FEWEST_FEATURES: usize = 8;

/// Where features are looked up that files do not bring along.
#[derive(Clone)]
pub struct Lookup {
    /// The sources, in any order; with none, what earlier lookups kept on this machine is used and nobody is asked.
    pub sources: Vec<FeatureLookup>,
    /// Asks for a stop.
    pub stop: StopFlag,
    /// Told of every batch.
    pub tell: Arc<dyn Fn(&str) + Send + Sync>,
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookup")
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

impl Default for Lookup {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            stop: StopFlag::default(),
            tell: Arc::new(|_| {}),
        }
    }
}

impl Lookup {
    /// Gives the tracks of `lists` the features that they lack, as far as they are known, and says in words what came
    /// of it.
    ///
    /// # Errors
    /// As [`feature_chain`]; a cache that cannot be opened matters only where sources are asked.
    pub(crate) fn fill(&self, lists: &mut [&mut Listed]) -> Result<Vec<String>> {
        let tracks = || lists.iter().flat_map(|list| &list.tracks);
        let lacking = |track: &&Track| !track.features.has_audio();
        let n_lacking = tracks().filter(lacking).count();
        if n_lacking == 0 {
            return Ok(Vec::new());
        }
        let mut chain = if self.sources.is_empty() {
            let path = FeatureCache::default_path().ok().filter(|path| path.is_file());
            let Some(cache) = path.and_then(|path| FeatureCache::open(path).ok()) else {
                return Ok(Vec::new());
            };
            Chain::new().with_store(cache)
        } else {
            feature_chain(&self.sources, None, &self.stop, self.tell.clone())?
        };
        let report = chain.fill(lists.iter_mut().flat_map(|list| &mut list.tracks));
        let n_found = n_lacking - lists.iter().flat_map(|list| &list.tracks).filter(lacking).count();
        let from = if self.sources.is_empty() {
            "what earlier lookups kept on this machine".to_owned()
        } else {
            let names: Vec<String> = self.sources.iter().map(ToString::to_string).collect();
            names.join(", ")
        };
        let mut lines = vec![format!(
            "found for {n_found} of {n_lacking} tracks that lacked them, in {from}"
        )];
        lines.extend(report.notes);
        Ok(lines)
    }
}

/// A track to be ranked or sorted.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) shown: CandidateTrack,
    pub(crate) features: AudioFeatures,
    pub(crate) keys: Keys,
}

/// What a track is known again by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    id: Option<String>,
    isrc: Option<Isrc>,
    audio: Option<AudioKey>,
}

/// The bits of all features.
type AudioKey = [u32; AudioFeature::ALL.len()];

/// Tracks by what they are known again by, each with a value.
#[derive(Clone, Debug)]
pub(crate) struct KnownTracks<T> {
    ids: HashMap<String, T>,
    isrcs: HashMap<Isrc, T>,
    audio: HashMap<AudioKey, T>,
}

impl<T> Default for KnownTracks<T> {
    fn default() -> Self {
        Self {
            ids: HashMap::new(),
            isrcs: HashMap::new(),
            audio: HashMap::new(),
        }
    }
}

impl<T: Clone> KnownTracks<T> {
    /// Adds a track; the first of its kind stays.
    pub(crate) fn add(&mut self, keys: &Keys, value: &T) {
        if let Some(id) = &keys.id {
            self.ids.entry(id.clone()).or_insert_with(|| value.clone());
        }
        if let Some(isrc) = &keys.isrc {
            self.isrcs.entry(isrc.clone()).or_insert_with(|| value.clone());
        }
        if let Some(audio) = keys.audio {
            self.audio.entry(audio).or_insert_with(|| value.clone());
        }
    }

    /// How a track is known and the value of the first one that it is known as.
    pub(crate) fn find(&self, keys: &Keys) -> Option<(KnownBy, &T)> {
        let by_id = keys.id.as_ref().and_then(|id| self.ids.get(id));
        let by_isrc = || keys.isrc.as_ref().and_then(|isrc| self.isrcs.get(isrc));
        let by_audio = || keys.audio.as_ref().and_then(|audio| self.audio.get(audio));
        by_id
            .map(|value| (KnownBy::Id, value))
            .or_else(|| Some((KnownBy::Recording, by_isrc().or_else(by_audio)?)))
    }
}

impl Keys {
    pub(crate) fn of_track(track: &Track) -> Self {
        Self {
            id: track.id.as_ref().map(ToString::to_string),
            isrc: track.isrc.clone(),
            audio: audio_key(|feature| track.features.get(feature)),
        }
    }

    pub(crate) fn of_row(table: &TrackTable, row: usize) -> Self {
        Self {
            id: table.id(row).map(str::to_owned),
            isrc: None,
            audio: audio_key(|feature| table.value(row, feature)),
        }
    }
}

fn audio_key(value: impl Fn(AudioFeature) -> Option<f32>) -> Option<AudioKey> {
    let values = AudioFeature::ALL.map(value);
    // Adding zero makes -0.0 and 0.0 one value.
    let bits = |value: Option<f32>| value.map_or(f32::NAN, |value| value + 0.0).to_bits();
    (values.iter().flatten().count() >= FEWEST_FEATURES).then(|| values.map(bits))
}

/// The keys of all tracks of `listed`.
pub(crate) fn keys(listed: &Listed) -> Vec<Keys> {
    match &listed.plain {
        Some(table) => (0..table.n_tracks())
            .map(|row| Keys::of_row(table, row))
            .collect(),
        None => listed.tracks.iter().map(Keys::of_track).collect(),
    }
}

/// What was read to be ranked or sorted.
pub(crate) struct Candidates {
    /// Those with audio features.
    pub(crate) scored: Vec<Candidate>,
    /// Those without.
    pub(crate) others: Vec<Candidate>,
    pub(crate) section: CandidatesSection,
}

impl Candidates {
    /// Reads `paths`; see [`list`].
    ///
    /// # Errors
    /// Those of [`list`].
    pub(crate) fn list(paths: &[PathBuf]) -> Result<Listed> {
        list(paths)
    }

    /// The tracks of `listed`, each once.
    pub(crate) fn new(listed: Listed, lookup: Vec<String>) -> Self {
        let all: Vec<Candidate> = match &listed.plain {
            Some(table) => (0..table.n_tracks())
                .map(|row| Candidate::of_row(table, row))
                .collect(),
            None => listed.tracks.iter().map(Candidate::of_track).collect(),
        };
        let mut dropped = listed.dropped;
        let mut seen: KnownTracks<()> = KnownTracks::default();
        let n_before = all.len();
        let mut kept = Vec::with_capacity(n_before);
        for candidate in all {
            if seen.find(&candidate.keys).is_none() {
                seen.add(&candidate.keys, &());
                kept.push(candidate);
            }
        }
        if kept.len() < n_before {
            dropped.push(DroppedCount {
                reason: "the same track as an earlier one".to_owned(),
                rows: n_before - kept.len(),
            });
        }
        let n_tracks = kept.len();
        let (scored, others): (Vec<Candidate>, Vec<Candidate>) = kept
            .into_iter()
            .partition(|candidate| candidate.features.has_audio());
        let section = CandidatesSection {
            sources: listed.sources,
            rows_read: listed.n_rows,
            dropped,
            n_tracks,
            n_scored: scored.len(),
            n_known: 0,
            lookup,
        };
        Self {
            scored,
            others,
            section,
        }
    }

    /// All of them, those with features first.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Candidate> {
        self.scored.iter_mut().chain(&mut self.others)
    }

    /// The values of `features` of those that have any, `[n_scored, n_features]`.
    ///
    /// # Errors
    /// None without features.
    pub(crate) fn matrix(&self, features: &[AudioFeature]) -> Result<FeatureMatrix> {
        let values = self.scored.iter().flat_map(|candidate| {
            let value = |feature: &AudioFeature| candidate.features.get(*feature).unwrap_or(f32::NAN);
            features.iter().map(value)
        });
        let columns = features.iter().map(|feature| feature.column());
        Ok(FeatureMatrix::new(columns, values.collect())?)
    }

    /// The keys of all of them.
    pub(crate) fn known(&self) -> KnownTracks<()> {
        let mut known = KnownTracks::default();
        for candidate in self.scored.iter().chain(&self.others) {
            known.add(&candidate.keys, &());
        }
        known
    }
}

impl Candidate {
    fn of_track(track: &Track) -> Self {
        Self {
            shown: CandidateTrack {
                track_id: track.id.as_ref().map(ToString::to_string),
                uri: track.id.as_ref().map(|id| id.uri()),
                title: track.title.clone().filter(|title| !title.trim().is_empty()),
                artists: track.artists.clone(),
                album: track.album.clone(),
                seconds: seconds(&track.features),
                liked: None,
            },
            features: track.features,
            keys: Keys::of_track(track),
        }
    }

    fn of_row(table: &TrackTable, row: usize) -> Self {
        let mut features = AudioFeatures::default();
        for feature in AudioFeature::ALL {
            if let Some(value) = table.value(row, feature) {
                features.set(feature, value);
            }
        }
        Self {
            shown: CandidateTrack {
                track_id: table.id(row).map(str::to_owned),
                uri: None,
                title: table.title(row).map(str::to_owned),
                artists: table.artist(row).map(str::to_owned).into_iter().collect(),
                album: None,
                seconds: seconds(&features),
                liked: None,
            },
            features,
            keys: Keys::of_row(table, row),
        }
    }

    /// The track, as it was read.
    pub(crate) fn track(&self) -> Track {
        Track {
            id: self.shown.track_id.as_ref().and_then(|id| id.parse().ok()),
            isrc: self.keys.isrc.clone(),
            title: self.shown.title.clone(),
            artists: self.shown.artists.clone(),
            album: self.shown.album.clone(),
            features: self.features,
            ..Track::default()
        }
    }

    /// The features among `features` that are not known.
    pub(crate) fn missing(&self, features: &[AudioFeature]) -> Vec<String> {
        let missing = features
            .iter()
            .filter(|feature| self.features.get(**feature).is_none());
        missing.map(ToString::to_string).collect()
    }
}

fn seconds(features: &AudioFeatures) -> Option<f64> {
    features
        .get(AudioFeature::DurationMs)
        .map(|ms| f64::from(ms) / 1000.0)
}

/// The rows of `table` that are none of the tracks known as one of `known`, and how many were left out.
pub(crate) fn without<T: Clone>(table: &TrackTable, known: &[&KnownTracks<T>]) -> (TrackTable, usize) {
    let is_other = |row: &usize| {
        let keys = Keys::of_row(table, *row);
        known.iter().all(|known| known.find(&keys).is_none())
    };
    let rows: Vec<usize> = (0..table.n_tracks()).filter(is_other).collect();
    (table.select_rows(&rows), table.n_tracks() - rows.len())
}
