//! For how many tracks features are known, from where, and why not for the others.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::{AudioFeature, Track};

/// Why a track has no features.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason", content = "source")]
#[non_exhaustive]
pub enum MissingReason {
    /// It is a file on the listener's own disk, which no service knows.
    LocalFile,
    /// It has neither an id nor anything else that a source could be asked by.
    NoId,
    /// No source was asked: none is switched on.
    NotAsked,
    /// The sources that were asked do not know it.
    NotKnown,
    /// The named source failed or was stopped before it was asked, or while it was.
    NotAnswered(String),
}

impl MissingReason {
    /// The reason that lies in the track itself, if one does.
    #[must_use]
    pub fn before_asking(track: &Track) -> Option<Self> {
        if track.is_local {
            Some(Self::LocalFile)
        } else if track.id.is_none() && track.isrc.is_none() {
            Some(Self::NoId)
        } else {
            None
        }
    }
}

impl fmt::Display for MissingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalFile => f.write_str("local files"),
            Self::NoId => f.write_str("without an id to look up"),
            Self::NotAsked => f.write_str("not looked up"),
            Self::NotKnown => f.write_str("not known to any source that was asked"),
            Self::NotAnswered(source) => write!(f, "not answered by `{source}`"),
        }
    }
}

/// For how many tracks features are known: the line "features for N of M" and what is behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CoverageReport {
    /// The tracks.
    pub n_tracks: usize,
    /// Those of them with audio features; the duration alone does not count.
    pub n_with_features: usize,
    /// Those of them with all of the paper's twelve.
    pub n_complete: usize,
    /// By source, the tracks whose features it gave.
    pub by_source: BTreeMap<String, usize>,
    /// The tracks without features, by reason.
    pub missing: Vec<(MissingReason, usize)>,
    /// The tracks for which each feature is known.
    pub by_feature: Vec<(AudioFeature, usize)>,
    /// What went wrong on the way, a sentence each.
    pub notes: Vec<String>,
}

impl CoverageReport {
    /// Counts `tracks` as they are; `reason` says why a track without features, given with its position, has
    /// none.
    pub fn of<'a>(
        tracks: impl IntoIterator<Item = &'a Track>,
        mut reason: impl FnMut(usize, &Track) -> MissingReason,
    ) -> Self {
        let mut report = Self::default();
        let mut missing: BTreeMap<MissingReason, usize> = BTreeMap::new();
        let mut by_feature = [0; AudioFeature::ALL.len()];
        for (position, track) in tracks.into_iter().enumerate() {
            report.n_tracks += 1;
            for feature in AudioFeature::ALL {
                by_feature[feature.index()] += usize::from(track.features.get(feature).is_some());
            }
            if !track.features.has_audio() {
                *missing.entry(reason(position, track)).or_default() += 1;
                continue;
            }
            report.n_with_features += 1;
            let complete = AudioFeature::PAPER
                .into_iter()
                .all(|f| track.features.get(f).is_some());
            report.n_complete += usize::from(complete);
            let source = track.features_from.as_ref().map_or("file", |from| &from.source);
            *report.by_source.entry(source.to_owned()).or_default() += 1;
        }
        report.missing = missing.into_iter().collect();
        report.by_feature = AudioFeature::ALL.into_iter().zip(by_feature).collect();
        report
    }

    /// Counts `tracks` as they come from a file, with nothing looked up.
    pub fn of_file<'a>(tracks: impl IntoIterator<Item = &'a Track>) -> Self {
        Self::of(tracks, |_, track| {
            MissingReason::before_asking(track).unwrap_or(MissingReason::NotAsked)
        })
    }
}

impl fmt::Display for CoverageReport {
    /// The first line is `features for N of M tracks`; the others say from where, what is missing and why.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "features for {} of {} tracks",
            self.n_with_features, self.n_tracks
        )?;
        for (source, n) in &self.by_source {
            write!(f, "\n  {n} from {source}")?;
        }
        for (reason, n) in &self.missing {
            write!(f, "\n  {n} {reason}")?;
        }
        for (feature, n) in &self.by_feature {
            let wanted = *feature != AudioFeature::DurationMs && self.n_with_features > 0;
            if wanted && *n < self.n_with_features {
                write!(f, "\n  `{feature}` for {n} of the {}", self.n_with_features)?;
            }
        }
        for note in &self.notes {
            write!(f, "\n  note: {note}")?;
        }
        Ok(())
    }
}
