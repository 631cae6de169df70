//! From labelled features to a fitted ensemble.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

use playlist_core::{FeatureMatrix, Labels, Probabilities};

use super::burn_engine::{BurnPlan, train_on_device};
use super::calibration::{Calibration, mean_log_loss};
use super::encoding::Encoder;
use super::kernel::{KernelData, KernelMachine, ScaleFit, by_coordinate, fit_scale};
use super::member::{NetworkShape, predict};
use super::model::{Ensemble, blend_scales, join};
use super::training::{
    MemberEpoch, MemberPlan, MemberRows, Schedule, TrainingData, member_rows, probabilities, train_member,
};
use super::{Engine, EnsembleConfig, KernelScale};
use crate::observer::{StopSignal, TrainingObserver};
use crate::{EpochRecord, MlpConfig, Result};

/// Rows of one part where there are more than one solution can hold.
const PART_ROWS: usize = 2_500;

/// How strongly the log loss of a scale decides on its weight: 1 would be that of a posterior, which is too sure
/// of itself on leave-one-out scores.
const EVIDENCE: f64 = 0.3;

/// What a fit may be given besides its data.
#[derive(Default)]
pub struct EnsembleFitOptions<'a> {
    /// Told of every epoch, on average over the networks.
    pub observer: Option<&'a mut dyn TrainingObserver>,
    /// Asks for a stop: the networks end after their current epoch, the kernel machine is fitted whole.
    pub stop: StopSignal,
}

impl EnsembleConfig {
    /// Learns from `x`, `[n_samples, n_features]`, and `y`, `[n_samples]`. Features come as they are, complete
    /// (an imputer's `NAME_missing` columns are known as such).
    ///
    /// The same settings and data give the same model, to the bit on one machine, whatever the number of
    /// threads.
    ///
    /// # Errors
    /// Settings out of range, data that does not fit (as [`Labels::check_fit`]), with [`Engine::Burn`] a backend
    /// that is not there.
    pub fn fit(&self, x: &FeatureMatrix, y: &Labels) -> Result<Ensemble> {
        self.fit_with(x, y, EnsembleFitOptions::default())
    }

    /// As [`EnsembleConfig::fit`], watched and stopped as `options` say.
    ///
    /// # Errors
    /// As [`EnsembleConfig::fit`].
    pub fn fit_with(
        &self,
        x: &FeatureMatrix,
        y: &Labels,
        options: EnsembleFitOptions<'_>,
    ) -> Result<Ensemble> {
        self.validate()?;
        y.check_fit(x)?;
        let encoder = Encoder::fit(x, self.network.n_bins(x.n_samples()));
        let task = Task::new(self, x, y, &encoder);
        let stop = options.stop.clone();
        let (members, solutions) = task.run(options)?;
        let kernel = task.join_solutions(solutions)?;
        let network = task.network_out_of_fold(&members);
        let n_classes = y.n_classes();
        let out_of_fold = join(&network, &kernel.out_of_fold, self.network_share, n_classes);
        Ok(Ensemble {
            config: self.clone(),
            columns: x.columns().to_vec(),
            class_names: y.class_names().to_vec(),
            shape: task.shape.clone(),
            members,
            machines: kernel.machines,
            scales: kernel.scales,
            was_interrupted: stop.is_requested(),
            out_of_fold: Some(Probabilities::multi_class(n_classes, out_of_fold)?),
            encoder,
        })
    }
}

/// One fit: everything that its jobs read.
struct Task<'a> {
    config: &'a EnsembleConfig,
    scales: &'a [KernelScale],
    y: &'a [usize],
    n_classes: usize,
    input: super::encoding::NetworkInput,
    shape: NetworkShape,
    rows: Vec<MemberRows>,
    schedule: Schedule,
    coordinates: Vec<f32>,
    n_coordinates: usize,
    /// The rows of each kernel machine.
    parts: Vec<Vec<usize>>,
}

/// One closed-form solution and its leave-one-out scores; `None` when the matrix could not be factored.
type Solution = Option<(ScaleFit, Vec<f32>)>;

/// What a job leaves.
enum Done {
    Member(Vec<f32>),
    Solution(Solution),
}

/// Passes on what the networks tell: one record for as many messages as there are networks.
struct Told<'a, 'o> {
    observer: Option<&'o mut dyn TrainingObserver>,
    stop: &'a StopSignal,
    n_members: usize,
    n_epochs: usize,
    heard: Vec<MemberEpoch>,
    epoch: usize,
}

impl Told<'_, '_> {
    fn hear(&mut self, message: MemberEpoch) {
        self.heard.push(message);
        if self.heard.len() < self.n_members {
            return;
        }
        self.epoch += 1;
        let heard = std::mem::take(&mut self.heard);
        let valid: Vec<f64> = heard.iter().filter_map(|message| message.valid_loss).collect();
        let record = EpochRecord {
            epoch: self.epoch,
            train_loss: heard.iter().map(|message| message.train_loss).sum::<f64>() / heard.len() as f64,
            valid_loss: (!valid.is_empty()).then(|| valid.iter().sum::<f64>() / valid.len() as f64),
            test_loss: None,
        };
        let observer = self.observer.as_mut();
        if observer.is_some_and(|observer| observer.on_epoch(&record, self.n_epochs).is_break()) {
            self.stop.request();
        }
    }
}

/// The kernel machines, joined.
struct Kernel {
    machines: Vec<KernelMachine>,
    scales: Vec<(f64, Calibration)>,
    out_of_fold: Vec<f32>,
}

impl<'a> Task<'a> {
    fn new(config: &'a EnsembleConfig, x: &FeatureMatrix, y: &'a Labels, encoder: &Encoder) -> Self {
        let (n, n_classes, network) = (x.n_samples(), y.n_classes(), &config.network);
        let rows = member_rows(
            y.y(),
            n_classes,
            network.folds,
            network.members_per_fold,
            config.seed,
        );
        let n_train = rows.iter().map(|rows| rows.train.len()).max().unwrap_or(0);
        let (coordinates, n_coordinates) = (encoder.coordinates(x), encoder.n_coordinates());
        Self {
            config,
            scales: match &config.kernel.scales[..] {
                [first, ..] if n > config.kernel.select_below => std::slice::from_ref(first),
                all => all,
            },
            y: y.y(),
            n_classes,
            input: encoder.network_input(x),
            shape: NetworkShape {
                n_bins: encoder.n_bins(),
                n_codes: encoder.n_codes(),
                width: network.width,
                n_hidden: network.hidden_layers,
                n_outputs: MlpConfig::n_outputs(n_classes),
            },
            schedule: Schedule::new(network, n, n_train),
            parts: parts(y, config.kernel.max_rows),
            rows,
            coordinates,
            n_coordinates,
        }
    }

    fn data(&self) -> TrainingData<'_> {
        TrainingData {
            input: &self.input,
            y: self.y,
            n_classes: self.n_classes,
        }
    }

    /// Fits all machines and networks: the largest jobs first, each thread taking the next that is left.
    fn run(&self, options: EnsembleFitOptions<'_>) -> Result<(Vec<Vec<f32>>, Vec<Solution>)> {
        let EnsembleFitOptions { observer, stop } = options;
        let mut told = Told {
            observer,
            stop: &stop,
            n_members: self.rows.len(),
            n_epochs: self.schedule.epochs,
            heard: Vec::new(),
            epoch: 0,
        };
        let n_solutions = self.parts.len() * self.scales.len();
        let n_members = match self.config.engine {
            Engine::Fused => self.rows.len(),
            Engine::Burn => 0,
        };
        let n_jobs = n_solutions + n_members;
        let done: Vec<Mutex<Option<Done>>> = (0..n_jobs).map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        let threads = self
            .config
            .threads
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..threads.min(n_jobs) {
                let (sender, done, next, stop) = (sender.clone(), &done, &next, &stop);
                scope.spawn(move || {
                    loop {
                        let job = next.fetch_add(1, Ordering::Relaxed);
                        if job >= n_jobs {
                            break;
                        }
                        let result = if job < n_solutions {
                            Done::Solution(self.solve(job))
                        } else {
                            // The receiver lives until every sender is gone.
                            Done::Member(
                                self.train(job - n_solutions, stop, &mut |epoch| drop(sender.send(epoch))),
                            )
                        };
                        *done[job].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                    }
                });
            }
            drop(sender);
            receiver.iter().for_each(|epoch| told.hear(epoch));
        });
        let (mut members, solutions) = sort_out(done);
        if self.config.engine == Engine::Burn {
            members = self.train_on_device(&stop, &mut told)?;
        }
        Ok((members, solutions))
    }

    /// Trains all networks at once on the configured backend.
    fn train_on_device(&self, stop: &StopSignal, told: &mut Told<'_, '_>) -> Result<Vec<Vec<f32>>> {
        let plan = BurnPlan {
            schedule: self.schedule,
            label_smoothing: self.config.network.label_smoothing,
            seed: self.config.seed,
            backend: self.config.backend,
            stop,
        };
        train_on_device(&self.shape, self.data(), &self.rows, &plan, &mut |epoch| {
            told.hear(epoch)
        })
    }

    fn train(&self, member: usize, stop: &StopSignal, told: &mut dyn FnMut(MemberEpoch)) -> Vec<f32> {
        let plan = MemberPlan {
            schedule: self.schedule,
            label_smoothing: self.config.network.label_smoothing,
            seed: self.config.seed,
            member,
            stop,
        };
        train_member(&self.shape, self.data(), &self.rows[member], &plan, told)
    }

    /// Solution `job`: part by part, each scale of it.
    fn solve(&self, job: usize) -> Solution {
        let scales = self.scales;
        let (part, scale) = (&self.parts[job / scales.len()], scales[job % scales.len()]);
        let (coordinates, y) = self.part(part);
        let data = KernelData {
            coordinates: &coordinates,
            n_coordinates: self.n_coordinates,
            y: &y,
            n_classes: self.n_classes,
        };
        let columns = by_coordinate(&coordinates, self.n_coordinates);
        // A kernel matrix that rounding makes indefinite gets a heavier ridge.
        (0..4).find_map(|power| {
            let ridge = scale.ridge * 10.0_f32.powi(power);
            fit_scale(data, &columns, KernelScale { ridge, ..scale })
        })
    }

    fn part(&self, rows: &[usize]) -> (Vec<f32>, Vec<usize>) {
        let width = self.n_coordinates;
        let coordinates = rows
            .iter()
            .flat_map(|row| &self.coordinates[row * width..][..width]);
        (
            coordinates.copied().collect(),
            rows.iter().map(|row| self.y[*row]).collect(),
        )
    }

    /// Calibrates each scale on its leave-one-out scores and weighs the scales by their log loss.
    fn join_solutions(&self, solutions: Vec<Solution>) -> Result<Kernel> {
        let n_scales = self.scales.len();
        let mut scores = vec![vec![0.0; self.y.len() * self.n_classes]; n_scales];
        let mut machines = Vec::with_capacity(self.parts.len());
        let mut solutions = solutions.into_iter();
        for rows in &self.parts {
            let mut scales = Vec::with_capacity(n_scales);
            for (scores, solution) in scores.iter_mut().zip(solutions.by_ref().take(n_scales)) {
                let (fit, loo) = solution.ok_or(playlist_core::Error::InvalidSetting {
                    field: "kernel.ridge",
                    value: "too small".to_owned(),
                    expected: "a ridge at which the kernel matrix can be factored",
                })?;
                for (row, loo) in rows.iter().zip(loo.chunks_exact(self.n_classes)) {
                    scores[row * self.n_classes..][..self.n_classes].copy_from_slice(loo);
                }
                scales.push(fit);
            }
            let (coordinates, y) = self.part(rows);
            machines.push(KernelMachine {
                n_samples: y.len(),
                n_coordinates: self.n_coordinates,
                coordinates: by_coordinate(&coordinates, self.n_coordinates),
                scales,
            });
        }
        let calibrations: Vec<Calibration> = scores
            .iter()
            .map(|scores| Calibration::fit(scores, self.y, self.n_classes))
            .collect();
        let losses = calibrations.iter().zip(&scores).map(|(calibration, scores)| {
            let rows = scores.chunks_exact(self.n_classes);
            let log_p: Vec<f64> = rows.flat_map(|row| calibration.log_probabilities(row)).collect();
            mean_log_loss(&log_p, self.y, self.n_classes)
        });
        let weights = evidence_weights(&losses.collect::<Vec<_>>(), self.y.len());
        let scales: Vec<(f64, Calibration)> = weights.into_iter().zip(calibrations).collect();
        let out_of_fold = blend_scales(&scales, &scores, self.n_classes);
        Ok(Kernel {
            machines,
            scales,
            out_of_fold,
        })
    }

    /// The mean probabilities of the networks that had not seen a row, `[n_samples, n_classes]`.
    fn network_out_of_fold(&self, members: &[Vec<f32>]) -> Vec<f32> {
        let mut p = vec![0.0; self.y.len() * self.n_classes];
        let share = 1.0 / self.config.network.members_per_fold as f32;
        for (parameters, rows) in members.iter().zip(&self.rows) {
            let logits = predict(&self.shape, parameters, &self.input, &rows.held_out);
            for (row, logits) in rows
                .held_out
                .iter()
                .zip(logits.chunks_exact(self.shape.n_outputs))
            {
                let at = &mut p[*row as usize * self.n_classes..][..self.n_classes];
                for (sum, value) in at.iter_mut().zip(probabilities(logits)) {
                    *sum += share * value;
                }
            }
        }
        p
    }
}

/// The networks and the solutions, each in the order of their jobs.
fn sort_out(done: Vec<Mutex<Option<Done>>>) -> (Vec<Vec<f32>>, Vec<Solution>) {
    let (mut members, mut solutions) = (Vec::new(), Vec::new());
    for slot in done {
        match slot.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(Done::Member(p)) => members.push(p),
            Some(Done::Solution(solution)) => solutions.push(solution),
            None => unreachable!("a scope ends when all its threads have"),
        }
    }
    (members, solutions)
}

/// Weights that fall with the log loss, summing to one.
fn evidence_weights(losses: &[f64], n_samples: usize) -> Vec<f64> {
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let weights = losses
        .iter()
        .map(|loss| (-EVIDENCE * n_samples as f64 * (loss - least)).exp());
    let weights: Vec<f64> = weights.collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// The rows, or parts of about `PART_ROWS` of them with every class in each where they are too many.
fn parts(y: &Labels, max_rows: usize) -> Vec<Vec<usize>> {
    let n = y.n_samples();
    let n_parts = if n <= max_rows {
        1
    } else {
        n.div_ceil(PART_ROWS.min(max_rows))
    };
    let mut parts = vec![Vec::new(); n_parts];
    let mut next = 0;
    for class in 0..y.n_classes() {
        for row in (0..n).filter(|row| y.y()[*row] == class) {
            parts[next % n_parts].push(row);
            next += 1;
        }
    }
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}
