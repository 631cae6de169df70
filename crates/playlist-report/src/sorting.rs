//! To which playlists tracks belong: the best few of each, how sure that is, and what fits none.

use std::collections::BTreeMap;

use playlist_metrics::Interval;
use serde::{Deserialize, Serialize};

use crate::{CandidateTrack, CandidatesSection, CheckMethod, DatasetSection};

/// What a sorting of tracks into playlists came to. `SCHEMA.md` describes the keys.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SortingReport {
    /// What was learnt from: a class a playlist.
    pub dataset: DatasetSection,
    /// What was read to be sorted.
    pub candidates: CandidatesSection,
    /// Whether a track goes on one playlist or on several.
    pub mode: SortingMode,
    /// How well tracks that the model had not seen were sorted.
    pub check: SortingCheckSection,
    /// When a track is said to fit no playlist.
    pub none: NoneSection,
    /// Whether nothing was sorted, because the playlists are not shown to be told apart better than by chance.
    pub is_refused: bool,
    /// The tracks, in the order of the files.
    pub tracks: Vec<SortedTrack>,
    /// Tracks that cannot be sorted, for lack of audio features.
    pub without_features: Vec<CandidateTrack>,
    /// What a reader should know, a sentence each.
    pub notes: Vec<String>,
    /// Decides folds and initial weights.
    pub seed: u64,
    /// The versions that made the results.
    pub versions: BTreeMap<String, String>,
}

/// On how many playlists a track may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SortingMode {
    /// Exactly one is right: the probabilities of a track sum to one.
    MultiClass,
    /// Any number: each playlist has a probability of its own.
    MultiLabel,
}

/// A test of the sorting on members of the playlists that the model had not seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SortingCheckSection {
    /// How it was made.
    pub method: CheckMethod,
    /// Tracks that were sorted unseen.
    pub n_tracks: usize,
    /// The share whose playlist was named first.
    pub accuracy: f64,
    /// Its 95 % interval (Wilson).
    pub accuracy_interval: Interval,
    /// The share whose playlist was among the first three.
    pub top3_accuracy: f64,
    /// The share of the largest playlist: what always naming it would get right.
    pub majority_share: f64,
    /// One-sided p-value against always naming the largest playlist.
    pub p_value: f64,
    /// Whether the sorting as a whole is better than chance.
    pub is_better_than_chance: bool,
    /// Each playlist, in the order of the classes.
    pub playlists: Vec<PlaylistCheck>,
    /// Members of the playlist of the row that were put on that of the column, `[n_playlists, n_playlists]`.
    pub confusion: Vec<Vec<u64>>,
    /// Pairs of playlists that are not shown to be told apart better than by chance.
    pub alike: Vec<AlikePair>,
    /// What it comes to, in words.
    pub verdict: String,
}

/// How well one playlist is told from the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlaylistCheck {
    /// The playlist.
    pub name: String,
    /// Its members that were sorted unseen.
    pub n_tracks: usize,
    /// The share of its members that were put on it.
    pub recall: Option<f64>,
    /// The share of the tracks put on it that are its members.
    pub precision: Option<f64>,
    /// The share of pairs of a member and another track in which the member scores higher.
    pub roc_auc: Option<f64>,
    /// One-sided p-value of that share being above one half (Mann and Whitney).
    pub p_value: Option<f64>,
    /// Whether it is told from the others better than by chance.
    pub is_better_than_chance: bool,
    /// The other playlists on which its members were put most often, with the share of its members, at most three.
    pub mistaken_for: Vec<Mistaken>,
}

/// A playlist on which members of another were put.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mistaken {
    /// The playlist that they were put on.
    pub name: String,
    /// The share of the members of the right one.
    pub share: f64,
}

/// Two playlists that the model does not tell apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlikePair {
    /// One of them.
    pub first: String,
    /// The other.
    pub second: String,
    /// The share of pairs of their members in which each leans to its own playlist.
    pub roc_auc: f64,
    /// One-sided p-value of that share being above one half.
    pub p_value: f64,
}

/// When a track is said to fit none of the playlists.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NoneSection {
    /// The rule in words.
    pub rule: String,
    /// Below this a track fits none.
    pub threshold: f64,
    /// The share of members, each scored unseen, that fit one of the playlists by this rule.
    pub members_kept: f64,
    /// The share of other music, not learnt from, that fits none by it; `null` where there was none.
    pub others_refused: Option<f64>,
    /// The tracks of other music that this was measured on.
    pub n_others: usize,
}

/// A track with the playlists that suit it best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SortedTrack {
    /// The track; `liked` says that it is on one of the playlists already.
    #[serde(flatten)]
    pub track: CandidateTrack,
    /// The playlists that it is on already.
    pub on_already: Vec<String>,
    /// The playlists that it goes on: one at most unless it may be on several; none when it fits none.
    pub goes_on: Vec<String>,
    /// How well it fits any of the playlists, in [0, 1]: what is held against the threshold.
    pub fit: f64,
    /// The three most probable playlists, the most probable first.
    pub best: Vec<PlaylistProbability>,
}

/// The probability of one playlist.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlaylistProbability {
    /// The playlist.
    pub name: String,
    /// Its probability.
    pub probability: f64,
    /// The least over the networks, each joined with the second opinion.
    pub lowest: Option<f64>,
    /// The greatest.
    pub highest: Option<f64>,
}
