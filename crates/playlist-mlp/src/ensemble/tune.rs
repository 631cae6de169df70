//! A search for better settings of the ensemble, inside the training part.

use std::ops::ControlFlow;

use playlist_core::{FeatureMatrix, Labels};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::calibration::mean_log_loss;
use super::config::at_least;
use super::targets::Targets;
use super::training::member_rows;
use super::{EnsembleConfig, EnsembleFitOptions, EnsembleNetworkConfig, KernelConfig, KernelScale};
use crate::random::{Stream, generator, unit};
use crate::{Result, StopSignal};

/// Of how many settings one goes on to the next round.
const ONE_OF: usize = 3;

/// Rows of the first rounds: fewer say too little.
const LEAST_ROWS: usize = 400;

/// Looks for better settings than the given ones by successive halving: random settings are tried on a part of the rows
/// by cross-validation, the best third of them on more rows, and so on up to all.
///
/// The defaults were chosen over many listeners and need no search: it pays where tracks are many or unlike other
/// people's. What it returns differs from the given settings only where it is better by more than one standard error of
/// the difference. It sees the rows that it is given and nothing else: give it the training part.
///
/// # Examples
/// ```
/// use playlist_core::{FeatureMatrix, Labels};
/// use playlist_mlp::{EnsembleConfig, TuneConfig};
///
/// let x = FeatureMatrix::new(["energy"], (0..60).map(|i| i as f32 / 60.0).collect())?;
/// let y = Labels::binary("other", "liked", &(0..60).map(|i| i > 30).collect::<Vec<_>>());
/// let found = TuneConfig::default().with_trials(3).with_folds(2).tune(&EnsembleConfig::default(), &x, &y)?;
/// assert_eq!(found.trials.len(), 3);
/// let model = found.best.fit(&x, &y)?;
/// # Ok::<(), playlist_mlp::Error>(())
/// ```
///
/// # Source
/// K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TuneConfig {
    /// Settings that are tried; the first are those given. Default: 18.
    pub trials: usize,
    /// Folds of each cross-validation. Default: 3.
    pub folds: usize,
    /// Decides the settings tried, the folds, and the rows of the first rounds.
    pub seed: u64,
}

/// Settings, and how well they did in one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The settings.
    pub config: EnsembleConfig,
    /// How many rows the round had.
    pub n_rows: usize,
    /// The mean log loss over the rows of the round, each by a model that had not seen it.
    pub log_loss: f64,
    /// How much it is less than that of the given settings on the same rows: mean, and its standard error.
    pub gain: f64,
    /// The standard error of the gain.
    pub gain_error: f64,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuned {
    /// The settings to use.
    pub best: EnsembleConfig,
    /// What was tried, in order: first by round, then by trial.
    pub trials: Vec<Trial>,
    /// Whether the search was stopped before its end.
    pub was_interrupted: bool,
}

/// What a search may be given besides its data.
#[derive(Default)]
pub struct TuneOptions<'a> {
    /// Told of every trial, its number from 1, and how many there are; may end the search.
    #[allow(clippy::type_complexity, reason = "one function, named nowhere else")]
    pub observer: Option<&'a mut dyn FnMut(&Trial, usize, usize) -> ControlFlow<()>>,
    /// Asks for a stop: the search ends with what it has found.
    pub stop: StopSignal,
}

impl Default for TuneConfig {
    fn default() -> Self {
        Self {
            trials: 18,
            folds: 3,
            seed: 0,
        }
    }
}

impl TuneConfig {
    /// The same with another number of settings to try.
    #[must_use]
    pub const fn with_trials(mut self, trials: usize) -> Self {
        self.trials = trials;
        self
    }

    /// The same with another number of folds.
    #[must_use]
    pub const fn with_folds(mut self, folds: usize) -> Self {
        self.folds = folds;
        self
    }

    /// The same with another seed.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Searches around `given` on the rows `x`, `[n_samples, n_features]`, and `y`, `[n_samples]`.
    ///
    /// The same settings and data give the same result, whatever the number of threads.
    ///
    /// # Errors
    /// Settings out of range; those of [`EnsembleConfig::fit`].
    pub fn tune(&self, given: &EnsembleConfig, x: &FeatureMatrix, y: &Labels) -> Result<Tuned> {
        self.tune_with(given, x, y, TuneOptions::default())
    }

    /// As [`TuneConfig::tune`], watched and stopped as `options` say.
    ///
    /// # Errors
    /// As [`TuneConfig::tune`].
    pub fn tune_with(
        &self,
        given: &EnsembleConfig,
        x: &FeatureMatrix,
        y: &Labels,
        options: TuneOptions<'_>,
    ) -> Result<Tuned> {
        at_least("trials", self.trials, 1)?;
        at_least("folds", self.folds, 2)?;
        given.validate()?;
        y.check_fit(x)?;
        let mut search = Search {
            plan: self,
            data: (x, y),
            options,
            trials: Vec::new(),
            n_trials: self
                .rounds(x.n_samples())
                .iter()
                .map(|round| round.n_trials)
                .sum(),
            was_interrupted: false,
        };
        let mut rng = generator(self.seed, Stream::Search);
        let drawn = std::iter::repeat_with(|| draw(given, &mut rng)).take(self.trials - 1);
        let mut candidates: Vec<EnsembleConfig> = std::iter::once(given.clone()).chain(drawn).collect();
        let mut last = Vec::new();
        for round in self.rounds(x.n_samples()) {
            candidates.truncate(round.n_trials);
            let done = search.round(&candidates, round.n_rows)?;
            if search.was_interrupted {
                break;
            }
            candidates = ranked(&done);
            last = done;
        }
        let best = last
            .iter()
            .min_by(|a, b| a.log_loss.total_cmp(&b.log_loss))
            .filter(|best| best.gain > best.gain_error && best.gain_error > 0.0);
        Ok(Tuned {
            best: best.map_or_else(|| given.clone(), |trial| trial.config.clone()),
            trials: search.trials,
            was_interrupted: search.was_interrupted,
        })
    }

    /// The rounds: a third of the settings each on three times as many rows, the last on all.
    fn rounds(&self, n_samples: usize) -> Vec<Round> {
        let mut sizes = vec![n_samples];
        let mut n_rows = n_samples / ONE_OF;
        while n_rows >= LEAST_ROWS && ONE_OF.pow(sizes.len() as u32) < self.trials {
            sizes.push(n_rows);
            n_rows /= ONE_OF;
        }
        let rounds = sizes.into_iter().rev().enumerate();
        let rounds = rounds.map(|(at, n_rows)| Round {
            n_rows,
            // The given settings are always in, with one more at least while there is one.
            n_trials: self
                .trials
                .div_ceil(ONE_OF.pow(at as u32))
                .max(2.min(self.trials)),
        });
        rounds.collect()
    }
}

struct Round {
    n_rows: usize,
    n_trials: usize,
}

struct Search<'a, 'o> {
    plan: &'a TuneConfig,
    data: (&'a FeatureMatrix, &'a Labels),
    options: TuneOptions<'o>,
    trials: Vec<Trial>,
    n_trials: usize,
    was_interrupted: bool,
}

impl Search<'_, '_> {
    /// Tries every candidate on the same rows and folds; the first are the given settings.
    fn round(&mut self, candidates: &[EnsembleConfig], n_rows: usize) -> Result<Vec<Trial>> {
        let rows = self.rows(n_rows);
        let (x, y) = (self.data.0.select_rows(&rows), self.data.1.select_rows(&rows));
        let mut of_given: Vec<f64> = Vec::new();
        let mut done = Vec::new();
        for config in candidates {
            let losses = self.losses(config, &x, &y)?;
            if self.options.stop.is_requested() {
                self.was_interrupted = true;
                break;
            }
            if of_given.is_empty() {
                of_given.clone_from(&losses);
            }
            let gains: Vec<f64> = of_given
                .iter()
                .zip(&losses)
                .map(|(given, loss)| given - loss)
                .collect();
            let (gain, gain_error) = mean_and_error(&gains);
            let trial = Trial {
                config: config.clone(),
                n_rows: rows.len(),
                log_loss: losses.iter().sum::<f64>() / losses.len() as f64,
                gain,
                gain_error,
            };
            self.trials.push(trial.clone());
            let (n, of) = (self.trials.len(), self.n_trials);
            if let Some(observer) = self.options.observer.as_mut()
                && observer(&trial, n, of).is_break()
            {
                self.options.stop.request();
            }
            done.push(trial);
        }
        Ok(done)
    }

    /// A part of the rows with the classes' shares kept.
    fn rows(&self, n_rows: usize) -> Vec<usize> {
        let y = self.data.1;
        let parts = y.n_samples() / n_rows;
        if parts < 2 {
            return (0..y.n_samples()).collect();
        }
        let cut = member_rows(y.into(), parts, 1, self.plan.seed);
        cut[0].held_out.iter().map(|row| *row as usize).collect()
    }

    /// The log loss of each row by a model that was fitted on the other folds; rows of a fold whose rest has one class
    /// only are left out.
    fn losses(&self, config: &EnsembleConfig, x: &FeatureMatrix, y: &Labels) -> Result<Vec<f64>> {
        let mut losses = vec![f64::NAN; y.n_samples()];
        for fold in member_rows(y.into(), self.plan.folds, 1, self.plan.seed.wrapping_add(1)) {
            let numbers = |rows: &[u32]| rows.iter().map(|row| *row as usize).collect::<Vec<_>>();
            let (train, held_out) = (numbers(&fold.train), numbers(&fold.held_out));
            let train_y = y.select_rows(&train);
            if train_y.class_counts().iter().filter(|count| **count > 0).count() < 2 {
                continue;
            }
            let options = EnsembleFitOptions {
                observer: None,
                stop: self.options.stop.clone(),
            };
            let model = config.fit_with(&x.select_rows(&train), &train_y, options)?;
            let p = model.fitted.predict(&x.select_rows(&held_out));
            let n_classes = y.n_classes();
            for (row, p) in held_out.iter().zip(p.chunks_exact(n_classes)) {
                let p: Vec<f64> = p.iter().map(|p| f64::from(*p).max(1e-7)).collect();
                let y = [y.y()[*row]];
                losses[*row] = mean_log_loss(&p, Targets::Classes { y: &y, n_classes });
            }
            if self.options.stop.is_requested() {
                break;
            }
        }
        losses.retain(|loss| !loss.is_nan());
        Ok(losses)
    }
}

/// The settings of a round, the given ones first and then the best.
fn ranked(done: &[Trial]) -> Vec<EnsembleConfig> {
    let (given, rest) = done.split_at(1.min(done.len()));
    let mut rest: Vec<&Trial> = rest.iter().collect();
    rest.sort_by(|a, b| a.log_loss.total_cmp(&b.log_loss));
    given
        .iter()
        .chain(rest)
        .map(|trial| trial.config.clone())
        .collect()
}

fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, (variance / n).sqrt())
}

/// Random settings around the given ones.
fn draw(given: &EnsembleConfig, rng: &mut ChaCha8Rng) -> EnsembleConfig {
    let sharper = log_uniform(0.5, 2.0, rng);
    let stiffer = log_uniform(0.5, 2.0, rng);
    let scales = given.kernel.scales.iter().map(|scale| KernelScale {
        gamma: scale.gamma * sharper,
        ridge: scale.ridge * stiffer,
    });
    EnsembleConfig {
        network: EnsembleNetworkConfig {
            hidden_layers: pick(&[1, 2, 2, 3], rng),
            width: pick(&[32, 48, 64], rng),
            bins: pick(&[12, 24, 24, 32], rng),
            epochs: pick(&[12, 20, 20, 30], rng),
            learning_rate: given.network.learning_rate * log_uniform(0.4, 1.6, rng),
            weight_decay: log_uniform(0.005, 0.08, rng),
            dropout: 0.3 * unit(rng),
            label_smoothing: pick(&[0.0, 0.05, 0.1, 0.15], rng),
            ..given.network.clone()
        },
        kernel: KernelConfig {
            scales: scales.collect(),
            ..given.kernel.clone()
        },
        network_share: 0.7 * unit(rng),
        ..given.clone()
    }
}

fn log_uniform(low: f32, high: f32, rng: &mut ChaCha8Rng) -> f32 {
    low * (high / low).powf(unit(rng))
}

fn pick<T: Copy>(of: &[T], rng: &mut ChaCha8Rng) -> T {
    of[rng.next_u32() as usize % of.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ensemble::tests::{quick, table};

    fn plan() -> TuneConfig {
        TuneConfig::default().with_trials(7).with_folds(2)
    }

    #[test]
    fn settings_that_cannot_learn_are_left_behind() {
        let (x, y) = table(500, 2, |row| usize::from((row[0] > 0.5) != (row[1] > 0.5)));
        // A kernel that sees every track as like every other, and networks that are not listened to.
        let mut blunt = quick().with_network_share(0.0);
        blunt.kernel.scales = vec![KernelScale {
            gamma: 1e-3,
            ridge: 100.0,
        }];
        let found = plan().tune(&blunt, &x, &y).unwrap();
        assert_eq!(found.trials[0].config, blunt);
        assert_ne!(found.best, blunt);
        let best = found
            .trials
            .iter()
            .find(|trial| trial.config == found.best)
            .unwrap();
        assert!(best.gain > 0.1, "{best:?}");
        assert_eq!(found, plan().tune(&blunt, &x, &y).unwrap(), "the same again");
    }

    #[test]
    fn noise_gives_no_reason_to_leave_the_given_settings() {
        let (x, y) = table(240, 2, |row| usize::from((row[0] * 7919.0).fract() > 0.5));
        let given = EnsembleConfig::default();
        let found = plan().tune(&given, &x, &y).unwrap();
        let gain = found.trials.iter().find(|trial| trial.config == found.best);
        // Nothing can be had, so what is chosen cannot be much better.
        assert!(gain.unwrap().gain < 0.02, "{found:?}");
    }

    #[test]
    fn rounds_grow_to_all_rows_and_thin_out() {
        let rounds = TuneConfig::default().rounds(5_000);
        let sizes: Vec<_> = rounds
            .iter()
            .map(|round| (round.n_trials, round.n_rows))
            .collect();
        assert_eq!(sizes, [(18, 555), (6, 1_666), (2, 5_000)]);
        let few = TuneConfig::default().rounds(300);
        assert_eq!((few.len(), few[0].n_trials, few[0].n_rows), (1, 18, 300));
        assert_eq!(TuneConfig::default().with_trials(1).rounds(5_000).len(), 1);
    }

    #[test]
    fn a_search_is_told_of_and_stops() {
        let (x, y) = table(100, 3, |row| (row[0] * 3.0) as usize);
        let mut seen = Vec::new();
        let mut watch = |trial: &Trial, n: usize, of: usize| {
            seen.push((trial.n_rows, n, of));
            if n == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let options = TuneOptions {
            observer: Some(&mut watch),
            ..TuneOptions::default()
        };
        let found = plan().tune_with(&quick(), &x, &y, options).unwrap();
        assert!(found.was_interrupted && found.trials.len() == 2);
        assert_eq!(found.best, quick(), "a search that was stopped changes nothing");
        assert_eq!(seen, [(100, 1, 7), (100, 2, 7)]);
        assert!(plan().with_folds(1).tune(&quick(), &x, &y).is_err());
    }
}
