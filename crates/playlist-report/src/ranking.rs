//! What to hear: candidates in the order of their probabilities, how sure that is, and why.

use std::collections::BTreeMap;

use playlist_metrics::Interval;
use serde::{Deserialize, Serialize};

use crate::{DatasetSection, DroppedCount, SourceSection};

/// What a ranking of candidates came to. `SCHEMA.md` describes the keys.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankingReport {
    /// What was learnt from: the likes are the positive class.
    pub dataset: DatasetSection,
    /// What was read to be ranked.
    pub candidates: CandidatesSection,
    /// How well likes that the model had not seen were told from the others.
    pub check: CheckSection,
    /// What ranked the candidates.
    pub model: RankingModelSection,
    /// Whether nothing was ranked, because likes are not shown to be told from others better than by chance.
    pub is_refused: bool,
    /// The candidates asked for, the most probable first; none when the ranking was refused.
    pub tracks: Vec<RankedTrack>,
    /// Candidates that cannot be ranked, for lack of audio features.
    pub without_features: Vec<CandidateTrack>,
    /// What a reader should know, a sentence each.
    pub notes: Vec<String>,
    /// Decides the folds, initial weights, and what reasons are held against.
    pub seed: u64,
    /// The versions that made the results.
    pub versions: BTreeMap<String, String>,
}

/// What was read to be ranked or sorted, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CandidatesSection {
    /// The files read.
    pub sources: Vec<SourceSection>,
    /// Rows read from all files.
    pub rows_read: usize,
    /// Rows that left, by reason.
    pub dropped: Vec<DroppedCount>,
    /// Tracks that remain.
    pub n_tracks: usize,
    /// Those of them with audio features.
    pub n_scored: usize,
    /// Those of them that are among the likes already, or on one of the playlists.
    pub n_known: usize,
    /// How features were looked up that the files do not have, in words; nothing where they were not.
    pub lookup: Vec<String>,
}

/// A test of the model on tracks that it had not seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckSection {
    /// How it was made.
    pub method: CheckMethod,
    /// Likes that were scored unseen.
    pub n_likes: usize,
    /// Others that were.
    pub n_others: usize,
    /// The share of pairs of a like and another track in which the like scores higher: the area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// Its 95 % interval (DeLong).
    pub roc_auc_interval: Option<Interval>,
    /// One-sided p-value of that share being above one half (Mann and Whitney; by cross-validation with the variance that
    /// models with common tracks have).
    pub p_value: Option<f64>,
    /// Mean negative log likelihood of the probabilities, at the shares of the classes in training.
    pub log_loss: Option<f64>,
    /// Expected calibration error, 15 equal-count bins, at the shares of the classes in training.
    pub calibration_error: Option<f64>,
    /// Whether it is better than chance; `None` where that could not be tested.
    pub is_better_than_chance: Option<bool>,
    /// What it comes to, in words.
    pub verdict: String,
}

/// How a model was tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
#[non_exhaustive]
pub enum CheckMethod {
    /// The tracks were cut into parts, each scored by a model that was trained on the others.
    CrossValidation {
        /// The number of parts.
        folds: usize,
    },
    /// A loaded model scored those tracks that it was not trained on.
    Unseen,
    /// There was nothing to test on; the scores are those that the model's file remembers of its training.
    Remembered,
    /// There were too few tracks.
    Untested,
}

/// What ranked the candidates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankingModelSection {
    /// `ensemble`, or the name of the model that was loaded.
    pub name: String,
    /// The file that it was loaded from; `null` when it was trained for this ranking.
    pub loaded_from: Option<String>,
    /// The likes that it was trained on; of a loaded model all tracks.
    pub n_train: usize,
    /// What the likes were held against.
    pub others: Others,
    /// The share of tracks that belong which the probabilities assume; `null` where they are those of the training.
    pub prior: Option<f64>,
    /// The networks whose opinions make the intervals; `null` for a model that is no ensemble.
    pub n_networks: Option<usize>,
    /// What went less than well while training.
    pub warnings: Vec<String>,
}

/// What likes were held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Others {
    /// Tracks that the listener does not like.
    Dislikes,
    /// A sample of other music, of which nobody said anything.
    Background,
}

/// A track as a list names it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CandidateTrack {
    /// Spotify's id, or another service's.
    pub track_id: Option<String>,
    /// The address to paste into Spotify, where the id is Spotify's.
    pub uri: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// Artists, the main one first.
    pub artists: Vec<String>,
    /// Album title.
    pub album: Option<String>,
    /// Duration, in seconds.
    pub seconds: Option<f64>,
    /// How it is known to be among the likes already, where it is.
    pub liked: Option<KnownBy>,
}

/// How a track is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KnownBy {
    /// By its id.
    Id,
    /// By its ISRC or identical audio features: the same recording under another id.
    Recording,
}

/// A candidate with its probability.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankedTrack {
    /// Its place, from 1.
    pub rank: usize,
    /// The track.
    #[serde(flatten)]
    pub track: CandidateTrack,
    /// The probability that it belongs, see [`RankingModelSection::prior`].
    pub probability: f64,
    /// The least probability over the networks, each joined with the second opinion; `null` for a model that is no
    /// ensemble.
    pub lowest: Option<f64>,
    /// The greatest.
    pub highest: Option<f64>,
    /// The share of the likes, each scored unseen, that score lower; `null` where no likes were scored unseen.
    pub above_likes: Option<f64>,
    /// The features that are not known of it.
    pub missing: Vec<String>,
    /// What speaks for it and against it, each side the weightiest first; `null` where that was not asked for.
    pub reasons: Option<Vec<Reason>>,
}

/// Whether something speaks for a track or against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// It raises the probability.
    For,
    /// It lowers it.
    Against,
}

/// What one feature does to a track's probability, and how the track compares with the likes in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// The feature's column.
    pub feature: String,
    /// Whether it raises or lowers the probability.
    pub side: Side,
    /// What it adds to the log odds, as a Shapley value against an even mix of likes and others.
    pub contribution: f64,
    /// The standard error of that.
    pub standard_error: f64,
    /// The track's value; `null` where it is not known.
    pub value: Option<f64>,
    /// The unit of value and medians.
    pub unit: String,
    /// The median of the likes; `null` for a code such as the key.
    pub likes_median: Option<f64>,
    /// The median of the others; `null` for a code.
    pub others_median: Option<f64>,
    /// In words: the comparison with the likes.
    pub text: String,
}
