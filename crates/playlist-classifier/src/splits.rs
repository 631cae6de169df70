//! How tracks are divided into training and test parts, once or many times.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use playlist_dataset::{GroupBy, Split, SplitConfig, StratifiedKFold};
use playlist_mlp::Backend;

use crate::evaluate::PartSizes;
use crate::run::Run;
use crate::{Experiment, ModelName, Result};

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

    /// Fits every model on every one of `splits`, which are not none; several splits side by side where no model uses
    /// all cores by itself. The results are in the order of the splits, and the same however many run at once.
    ///
    /// After a stop was asked for, the splits in progress are finished (a network stops after its epoch) and no
    /// further one begun.
    pub(crate) fn fit_all(&self, splits: impl Iterator<Item = Result<(Split, u64)>>) -> Result<Fitted> {
        let learnt_from = |split: Result<(Split, u64)>| {
            let (split, seed) = split?;
            let split = if self.config.within_training {
                self.within_training(&split, seed)?
            } else {
                split
            };
            Ok((split, seed))
        };
        let splits: Vec<(Split, u64)> = splits.map(learnt_from).collect::<Result<_>>()?;
        let n_threads = self.n_threads(splits.len());
        self.fit_splits(splits, n_threads)
    }

    /// The splits to run at once. The ensemble uses all cores itself, and a GPU is there once.
    fn n_threads(&self, n_splits: usize) -> usize {
        if self.config.models.contains(&ModelName::Ensemble) || self.config.fit.backend == Backend::Wgpu {
            return 1;
        }
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        cores.min(n_splits)
    }

    fn fit_splits(&self, splits: Vec<(Split, u64)>, n_threads: usize) -> Result<Fitted> {
        let next = AtomicUsize::new(0);
        // One thread alone shows its progress: bars would write over each other.
        let work = |shows_progress: bool| {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some((split, seed)) = splits.get(index) else {
                    return done;
                };
                if index > 0 && self.config.fit.stop.is_requested() {
                    return done;
                }
                let models = self.config.models.iter();
                let run = models.map(|name| self.fit(*name, split, *seed, shows_progress));
                let run: Result<Vec<Run>> = run.collect();
                if run.is_err() || self.config.fit.stop.is_requested() {
                    next.store(splits.len(), Ordering::Relaxed);
                }
                done.push((index, run));
            }
        };
        let mut done = thread::scope(|scope| {
            let others: Vec<_> = (1..n_threads).map(|_| scope.spawn(|| work(false))).collect();
            let mut done = work(true);
            for other in others {
                done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            done
        });
        done.sort_by_key(|(index, _)| *index);
        let (mut sizes, mut runs) = (PartSizes::default(), Vec::new());
        for (index, run) in done {
            runs.push(run?);
            sizes.add(&splits[index].0);
        }
        let first = splits.into_iter().next();
        Ok(Fitted {
            first: first.expect("every way of dividing gives at least one split").0,
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

    fn folds(models: Vec<ModelName>) -> Experiment {
        let mut config = ExperimentConfig {
            split: SplitMethod::KFold {
                n_folds: 4,
                group_by: GroupBy::Track,
            },
            repeats: 2,
            models,
            ..ExperimentConfig::default()
        };
        config.fit.training.epochs = 3;
        experiment(config)
    }

    #[test]
    fn splits_side_by_side_give_the_same_bits_in_the_same_order() {
        let experiment = folds(vec![ModelName::Logistic, ModelName::Paper]);
        let bits = |n_threads| {
            let splits = experiment.splits().collect::<Result<_>>().unwrap();
            let fitted = experiment.fit_splits(splits, n_threads).unwrap();
            let runs = fitted.runs.iter().flatten().map(|run| run.p_test.to_rows());
            runs.flatten().map(f32::to_bits).collect::<Vec<_>>()
        };
        let alone = bits(1);
        assert_eq!(alone.len(), 2 * 62 * 2 * 2, "repeats, tracks, models, classes");
        for n_threads in [2, 5, 16] {
            assert_eq!(bits(n_threads), alone);
        }
    }

    #[test]
    fn a_stop_before_the_end_leaves_the_first_split_at_least() {
        let experiment = folds(vec![ModelName::Majority]);
        experiment.config.fit.stop.request();
        for n_threads in [1, 3] {
            let splits = experiment.splits().collect::<Result<_>>().unwrap();
            assert_eq!(experiment.fit_splits(splits, n_threads).unwrap().runs.len(), 1);
        }
    }
}
