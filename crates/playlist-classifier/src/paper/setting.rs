//! What may have gone wrong: how values were scaled, what the labels said, how many tracks there were.

use std::fmt;

use playlist_dataset::{PreprocessorConfig, ScalingMethod};
use serde::{Deserialize, Serialize};

/// A reading of "the values were normalised to be between 0 and 1" (section 3 of the paper).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// Each feature by its range on the training part: right.
    PerFeature,
    /// Each feature by its range on all tracks: the test part leaks.
    PerFeatureAllTracks,
    /// Each feature by its range, on the training part and on the test part apart.
    PerFeatureApart,
    /// One range for all features, that of the training part.
    WholeMatrix,
    /// One range for all features, that of all tracks.
    WholeMatrixAllTracks,
    /// One range for all features, on each part apart.
    WholeMatrixApart,
    /// Each feature divided by its length on the training part.
    ColumnLength,
    /// Each feature divided by its length, on each part apart.
    ColumnLengthApart,
    /// Each track by its own range.
    PerTrack,
    /// Each track divided by its length.
    TrackLength,
    /// Not at all.
    None,
}

impl Scaling {
    /// Every reading, the right one first.
    pub const ALL: [Self; 11] = [
        Self::PerFeature,
        Self::PerFeatureAllTracks,
        Self::PerFeatureApart,
        Self::WholeMatrix,
        Self::WholeMatrixAllTracks,
        Self::WholeMatrixApart,
        Self::ColumnLength,
        Self::ColumnLengthApart,
        Self::PerTrack,
        Self::TrackLength,
        Self::None,
    ];

    /// What it is called in tables.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::PerFeature => "per feature, fitted on train",
            Self::PerFeatureAllTracks => "per feature, on all tracks",
            Self::PerFeatureApart => "per feature, train and test apart",
            Self::WholeMatrix => "whole matrix, fitted on train",
            Self::WholeMatrixAllTracks => "whole matrix, on all tracks",
            Self::WholeMatrixApart => "whole matrix, train and test apart",
            Self::ColumnLength => "column to unit length, fitted on train",
            Self::ColumnLengthApart => "column to unit length, parts apart",
            Self::PerTrack => "per track",
            Self::TrackLength => "track to unit length",
            Self::None => "none",
        }
    }

    /// What it is called in the legends of figures.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::PerFeature => "per feature",
            Self::PerFeatureAllTracks => "per feature, all",
            Self::PerFeatureApart => "per feature, apart",
            Self::WholeMatrix => "whole matrix",
            Self::WholeMatrixAllTracks => "whole matrix, all",
            Self::WholeMatrixApart => "whole matrix, apart",
            Self::ColumnLength => "column length",
            Self::ColumnLengthApart => "column length, apart",
            Self::PerTrack => "per track",
            Self::TrackLength => "track length",
            Self::None => "none",
        }
    }

    /// How it is done.
    #[must_use]
    pub const fn method(self) -> ScalingMethod {
        match self {
            Self::PerFeature | Self::PerFeatureAllTracks => ScalingMethod::MinMax,
            Self::PerFeatureApart => ScalingMethod::FaultyMinMaxPerPart,
            Self::WholeMatrix | Self::WholeMatrixAllTracks => ScalingMethod::FaultyWholeMatrixMinMax,
            Self::WholeMatrixApart => ScalingMethod::FaultyWholeMatrixMinMaxPerPart,
            Self::ColumnLength => ScalingMethod::FaultyColumnUnitNorm,
            Self::ColumnLengthApart => ScalingMethod::FaultyColumnUnitNormPerPart,
            Self::PerTrack => ScalingMethod::FaultyRowMinMax,
            Self::TrackLength => ScalingMethod::FaultyRowUnitNorm,
            Self::None => ScalingMethod::None,
        }
    }

    /// Whether the statistics are learnt of training and test part together.
    #[must_use]
    pub const fn sees_test(self) -> bool {
        matches!(self, Self::PerFeatureAllTracks | Self::WholeMatrixAllTracks)
    }

    pub(super) fn preprocessing(self, features: &[String]) -> PreprocessorConfig {
        PreprocessorConfig::paper()
            .with_features(features)
            .with_scaling(self.method())
    }
}

impl fmt::Display for Scaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// What the labels say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelFault {
    /// Who likes the track.
    None,
    /// Anything: the labels of all tracks are shuffled.
    Shuffled,
    /// In the test part anything, as when predictions and labels are put together in different orders.
    TestShuffled,
    /// Two listeners of one taste: the likes of one, cut in two at random.
    OneTaste,
    /// Both: every track is on both lists.
    BothLabels,
}

impl LabelFault {
    /// Every case, the right one first.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Shuffled,
        Self::TestShuffled,
        Self::OneTaste,
        Self::BothLabels,
    ];

    /// What it is called in tables.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::None => "right",
            Self::Shuffled => "shuffled",
            Self::TestShuffled => "shuffled in test",
            Self::OneTaste => "one taste, cut in two",
            Self::BothLabels => "every track under both",
        }
    }
}

impl fmt::Display for LabelFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// How many tracks there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// The lists cut to the length of the shorter, a stratified third for testing: the paper's procedure.
    Lists,
    /// At most this many, the test part balanced; where a list is too short, both parts shrink in proportion.
    Drawn {
        /// Tracks of the training part.
        n_train: usize,
        /// Tracks of the test part, half of them positive.
        n_test: usize,
    },
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lists => f.pad("a third for testing"),
            Self::Drawn { n_train, n_test } => f.pad(&format!("{n_train} + {n_test}")),
        }
    }
}

/// How the tracks of a run are chosen and labelled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// What the labels say.
    pub labels: LabelFault,
    /// How many tracks there are.
    pub size: Size,
    /// The percentage of positive tracks in the training part; the test part is balanced. With [`Size::Lists`]
    /// always 50.
    pub positive_percent: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reading_has_a_name_of_its_own_and_one_is_right() {
        for (index, scaling) in Scaling::ALL.into_iter().enumerate() {
            assert!(
                Scaling::ALL[..index]
                    .iter()
                    .all(|other| other.words() != scaling.words())
            );
        }
        let sound: Vec<Scaling> = Scaling::ALL
            .into_iter()
            .filter(|scaling| !scaling.method().is_faulty() && !scaling.sees_test())
            .collect();
        assert_eq!(sound, [Scaling::PerFeature, Scaling::None]);
    }
}
