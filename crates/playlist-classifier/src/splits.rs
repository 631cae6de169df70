//! How tracks are divided into training and test parts, once or many times.

use playlist_dataset::{GroupBy, Split, SplitConfig, StratifiedKFold};

use crate::evaluate::PartSizes;
use crate::run::Run;
use crate::{Experiment, Result};

/// The share of a training part that is tested on where the test part stays untouched.
const WITHIN_TRAINING: f64 = 0.25;

/// How tracks are divided into training and test parts.
#[derive(Clone, Debug, PartialEq)]
pub enum SplitMethod {
    /// At random, the classes' shares kept.
    Stratified {
        /// The share of the test part, in (0, 1).
        test_fraction: f64,
        /// What is kept together.
        group_by: GroupBy,
    },
    /// At random into folds, the classes' shares kept: each fold is the test part once, so that every track is
    /// tested once a repeat.
    KFold {
        /// The number of folds, at least 2.
        n_folds: usize,
        /// What is kept together.
        group_by: GroupBy,
    },
    /// As a column of the table says.
    Column(String),
}

impl Default for SplitMethod {
    fn default() -> Self {
        Self::Stratified {
            test_fraction: 1.0 / 3.0,
            group_by: GroupBy::Track,
        }
    }
}

impl SplitMethod {
    /// The name in reports: `stratified`, `k-fold`, `column`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Stratified { .. } => "stratified",
            Self::KFold { .. } => "k-fold",
            Self::Column(_) => "column",
        }
    }

    /// What is kept together.
    pub(crate) const fn group_by(&self) -> GroupBy {
        match self {
            Self::Stratified { group_by, .. } | Self::KFold { group_by, .. } => *group_by,
            Self::Column(_) => GroupBy::Track,
        }
    }

    pub(crate) const fn test_fraction(&self) -> Option<f64> {
        match self {
            Self::Stratified { test_fraction, .. } => Some(*test_fraction),
            Self::KFold { .. } | Self::Column(_) => None,
        }
    }

    pub(crate) const fn n_folds(&self) -> Option<usize> {
        match self {
            Self::KFold { n_folds, .. } => Some(*n_folds),
            Self::Stratified { .. } | Self::Column(_) => None,
        }
    }
}

/// Every model fitted on every split.
pub(crate) struct Fitted {
    /// The first split.
    pub(crate) first: Split,
    pub(crate) sizes: PartSizes,
    /// By split, then by model.
    pub(crate) runs: Vec<Vec<Run>>,
}

impl Experiment {
    /// How often the tracks are divided: a column says it once.
    fn n_repeats(&self) -> usize {
        match self.config.split {
            SplitMethod::Column(_) => 1,
            SplitMethod::Stratified { .. } | SplitMethod::KFold { .. } => self.config.repeats.max(1),
        }
    }

    /// The splits that the settings ask for.
    pub(crate) fn n_splits(&self) -> usize {
        self.n_repeats() * self.config.split.n_folds().unwrap_or(1)
    }

    /// The splits that the settings ask for, each with the seed of its models. Each repeat has the next seed.
    pub(crate) fn splits(&self) -> impl Iterator<Item = Result<(Split, u64)>> {
        (0..self.n_repeats() as u64).flat_map(|repeat| {
            let seed = self.config.seed.wrapping_add(repeat);
            match self.divide(seed) {
                Ok(splits) => splits.into_iter().map(|split| Ok((split, seed))).collect(),
                Err(error) => vec![Err(error)],
            }
        })
    }

    /// The splits of one repeat: one, or one a fold.
    fn divide(&self, seed: u64) -> Result<Vec<Split>> {
        Ok(match &self.config.split {
            SplitMethod::Column(column) => vec![self.table.user_split(column)?],
            SplitMethod::Stratified {
                test_fraction,
                group_by,
            } => {
                let config = SplitConfig::default()
                    .with_test_fraction(*test_fraction)
                    .with_group_by(*group_by)
                    .with_seed(seed);
                vec![config.split(&self.table)?]
            }
            SplitMethod::KFold { n_folds, group_by } => StratifiedKFold::default()
                .with_n_folds(*n_folds)
                .with_group_by(*group_by)
                .with_seed(seed)
                .split(&self.table)?,
        })
    }

    /// The training part of `split`, divided again.
    fn within_training(&self, split: &Split, seed: u64) -> Result<Split> {
        let inner = SplitConfig::default()
            .with_test_fraction(WITHIN_TRAINING)
            .with_group_by(self.config.split.group_by())
            .with_seed(seed)
            .split(&self.table.select_rows(&split.train))?;
        let rows = |inner: &[usize]| inner.iter().map(|row| split.train[*row]).collect();
        Ok(Split {
            train: rows(&inner.train),
            valid: Vec::new(),
            test: rows(&inner.test),
        })
    }

    /// Fits every model on every one of `splits`, which are not none.
    ///
    /// After a stop was asked for, the split in progress is finished (a network stops after its epoch) and no
    /// further one begun.
    pub(crate) fn fit_all(&self, splits: impl Iterator<Item = Result<(Split, u64)>>) -> Result<Fitted> {
        let mut first = None;
        let (mut sizes, mut runs) = (PartSizes::default(), Vec::new());
        for split in splits {
            let (mut split, seed) = split?;
            if self.config.within_training {
                split = self.within_training(&split, seed)?;
            }
            let models = self.config.models.iter();
            let run: Vec<Run> = models
                .map(|name| self.fit(*name, &split, seed))
                .collect::<Result<_>>()?;
            runs.push(run);
            sizes.add(&split);
            first.get_or_insert(split);
            if self.config.fit.stop.is_requested() {
                break;
            }
        }
        Ok(Fitted {
            first: first.expect("every way of dividing gives at least one split"),
            sizes,
            runs,
        })
    }
}

#[cfg(test)]
mod tests {
    use playlist_core::{AudioFeature, AudioFeatures, Track};
    use playlist_dataset::TrackTable;

    use super::*;
    use crate::ExperimentConfig;

    fn experiment(config: ExperimentConfig) -> Experiment {
        let tables = ["other", "liked"].map(|name| {
            let tracks: Vec<Track> = (0..31)
                .map(|i| Track {
                    features: AudioFeatures::default().with(AudioFeature::Energy, i as f32 / 40.0),
                    ..Track::default()
                })
                .collect();
            TrackTable::from_tracks(name, &tracks).unwrap().with_label(name)
        });
        Experiment::prepare(tables.to_vec(), config).unwrap()
    }

    #[test]
    fn every_track_is_tested_once_a_repeat() {
        let split = SplitMethod::KFold {
            n_folds: 4,
            group_by: GroupBy::Track,
        };
        let experiment = experiment(ExperimentConfig {
            split,
            repeats: 3,
            seed: u64::MAX,
            ..ExperimentConfig::default()
        });
        let splits: Vec<(Split, u64)> = experiment.splits().collect::<Result<_>>().unwrap();
        assert_eq!((splits.len(), experiment.n_splits()), (12, 12));
        for (repeat, folds) in splits.chunks(4).enumerate() {
            let mut tested: Vec<usize> = folds.iter().flat_map(|(split, _)| split.test.clone()).collect();
            tested.sort_unstable();
            assert_eq!(tested, (0..62).collect::<Vec<_>>());
            let seed = u64::MAX.wrapping_add(repeat as u64);
            assert!(folds.iter().all(|(_, own)| *own == seed));
        }
        assert_ne!(splits[0].0, splits[4].0);
    }
}
