//! From labelled features to a fitted ensemble.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

use playlist_core::{FeatureMatrix, LabelProbabilities, Labels, MultiLabels, Probabilities};

use super::burn_engine::{BurnPlan, train_on_device};
use super::calibration::{Calibrations, mean_log_loss};
use super::distil::distil;
use super::encoding::Encoder;
use super::kernel::{KernelData, KernelMachine, ScaleFit, by_coordinate, fit_scale};
use super::member::{NetworkShape, predict};
use super::model::{Ensemble, Fitted, blend_scales, join};
use super::multi_label::MultiLabelEnsemble;
use super::targets::Targets;
use super::training::{
    MemberEpoch, MemberPlan, MemberRows, Schedule, TrainingData, member_rows, train_member,
};
use super::{EnsembleConfig, KernelScale};
use crate::observer::{StopSignal, TrainingObserver};
use crate::parallel::n_threads;
use crate::{Engine, EpochRecord, Result};

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
        y.check_fit(x)?;
        let (fitted, out_of_fold) = self.fit_targets(x, y.into(), y.class_names(), options)?;
        let out_of_fold = Some(Probabilities::multi_class(y.n_classes(), out_of_fold)?);
        Ok(Ensemble { fitted, out_of_fold })
    }

    /// Learns any number of labels a row: `y` is `[n_samples, n_labels]`. Networks and kernel machines are shared by
    /// all labels; each label has an output and a calibration of its own.
    ///
    /// # Errors
    /// Settings out of range, data that does not fit (as [`MultiLabels::check_fit`]), with [`Engine::Burn`] a backend
    /// that is not there.
    pub fn fit_multi_label(&self, x: &FeatureMatrix, y: &MultiLabels) -> Result<MultiLabelEnsemble> {
        self.fit_multi_label_with(x, y, EnsembleFitOptions::default())
    }

    /// As [`EnsembleConfig::fit_multi_label`], watched and stopped as `options` say.
    ///
    /// # Errors
    /// As [`EnsembleConfig::fit_multi_label`].
    pub fn fit_multi_label_with(
        &self,
        x: &FeatureMatrix,
        y: &MultiLabels,
        options: EnsembleFitOptions<'_>,
    ) -> Result<MultiLabelEnsemble> {
        y.check_fit(x)?;
        let (fitted, out_of_fold) = self.fit_targets(x, y.into(), y.label_names(), options)?;
        let out_of_fold = Some(LabelProbabilities::new(fitted.names.clone(), out_of_fold)?);
        Ok(MultiLabelEnsemble { fitted, out_of_fold })
    }

    /// The fitted parts, and the probabilities of the rows by parts that had not seen them,
    /// `[n_samples, n_columns]`.
    fn fit_targets(
        &self,
        x: &FeatureMatrix,
        targets: Targets<'_>,
        names: &[String],
        options: EnsembleFitOptions<'_>,
    ) -> Result<(Fitted, Vec<f32>)> {
        self.validate()?;
        let encoder = Encoder::fit(x, self.network.n_bins(x.n_samples()));
        let task = Task::new(self, x, targets, &encoder);
        let stop = options.stop.clone();
        let (members, solutions) = task.run(options)?;
        let kernel = task.join_solutions(solutions)?;
        let network = task.network_out_of_fold(&members);
        let out_of_fold = join(
            targets.head(),
            &network,
            &kernel.out_of_fold,
            self.network_share,
            targets.n_columns(),
        );
        let mut fitted = Fitted {
            config: self.clone(),
            columns: x.columns().to_vec(),
            names: names.to_vec(),
            head: targets.head(),
            shape: task.shape.clone(),
            members,
            machines: kernel.machines,
            scales: kernel.scales,
            student: None,
            was_interrupted: stop.is_requested(),
            encoder,
        };
        if let (Some(config), false) = (&self.distillation, fitted.was_interrupted) {
            fitted.student = distil(&fitted, config, x, &stop)?;
            fitted.was_interrupted = fitted.student.is_none();
        }
        Ok((fitted, out_of_fold))
    }
}

/// One fit: everything that its jobs read.
struct Task<'a> {
    config: &'a EnsembleConfig,
    scales: &'a [KernelScale],
    targets: Targets<'a>,
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
    scales: Vec<(f64, Calibrations)>,
    out_of_fold: Vec<f32>,
}

impl<'a> Task<'a> {
    fn new(config: &'a EnsembleConfig, x: &FeatureMatrix, targets: Targets<'a>, encoder: &Encoder) -> Self {
        let (n, network) = (x.n_samples(), &config.network);
        let rows = member_rows(targets, network.folds, network.members_per_fold, config.seed);
        let n_train = rows.iter().map(|rows| rows.train.len()).max().unwrap_or(0);
        let (coordinates, n_coordinates) = (encoder.coordinates(x, 0..n), encoder.n_coordinates());
        Self {
            config,
            scales: match &config.kernel.scales[..] {
                [first, ..] if n > config.kernel.select_below => std::slice::from_ref(first),
                all => all,
            },
            targets,
            input: encoder.network_input(x, 0..n),
            shape: NetworkShape {
                n_bins: encoder.n_bins(),
                n_codes: encoder.n_codes(),
                width: network.width,
                n_hidden: network.hidden_layers,
                n_outputs: targets.n_outputs(),
            },
            schedule: Schedule::new(network, n, n_train),
            parts: parts(targets, config.kernel.max_rows),
            rows,
            coordinates,
            n_coordinates,
        }
    }

    fn data(&self) -> TrainingData<'_> {
        TrainingData {
            input: &self.input,
            targets: self.targets,
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
        let threads = n_threads(self.config.threads);
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
        let coordinates = self.part(part);
        let indicators = self.targets.indicators(part);
        let data = KernelData {
            n_samples: part.len(),
            coordinates: &coordinates,
            indicators: &indicators,
        };
        let columns = by_coordinate(&coordinates, self.n_coordinates);
        // A kernel matrix that rounding makes indefinite gets a heavier ridge.
        (0..4).find_map(|power| {
            let ridge = scale.ridge * 10.0_f32.powi(power);
            fit_scale(data, &columns, KernelScale { ridge, ..scale })
        })
    }

    /// The coordinates of the rows numbered.
    fn part(&self, rows: &[usize]) -> Vec<f32> {
        let width = self.n_coordinates;
        let coordinates = rows
            .iter()
            .flat_map(|row| &self.coordinates[row * width..][..width]);
        coordinates.copied().collect()
    }

    /// Calibrates each scale on its leave-one-out scores and weighs the scales by their log loss.
    fn join_solutions(&self, solutions: Vec<Solution>) -> Result<Kernel> {
        let (n_scales, n_columns) = (self.scales.len(), self.targets.n_columns());
        let mut scores = vec![vec![0.0; self.targets.n_samples() * n_columns]; n_scales];
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
                for (row, loo) in rows.iter().zip(loo.chunks_exact(n_columns)) {
                    scores[row * n_columns..][..n_columns].copy_from_slice(loo);
                }
                scales.push(fit);
            }
            machines.push(KernelMachine {
                n_samples: rows.len(),
                n_coordinates: self.n_coordinates,
                coordinates: by_coordinate(&self.part(rows), self.n_coordinates),
                scales,
            });
        }
        let head = self.targets.head();
        let calibrations: Vec<Calibrations> = scores
            .iter()
            .map(|scores| Calibrations::fit(scores, self.targets))
            .collect();
        let losses = calibrations.iter().zip(&scores).map(|(calibrations, scores)| {
            let mut p = vec![0.0; scores.len()];
            for (scores, p) in scores.chunks_exact(n_columns).zip(p.chunks_exact_mut(n_columns)) {
                calibrations.probabilities(head, scores, p);
            }
            mean_log_loss(&p, self.targets)
        });
        let weights = evidence_weights(&losses.collect::<Vec<_>>(), self.targets.n_samples());
        let scales: Vec<(f64, Calibrations)> = weights.into_iter().zip(calibrations).collect();
        let by_row = |row: usize| {
            scores
                .iter()
                .flat_map(move |scores| &scores[row * n_columns..][..n_columns])
        };
        let by_row: Vec<f32> = (0..self.targets.n_samples()).flat_map(by_row).copied().collect();
        let out_of_fold = blend_scales(head, &scales, &by_row, n_columns);
        Ok(Kernel {
            machines,
            scales,
            out_of_fold,
        })
    }

    /// The mean probabilities of the networks that had not seen a row, `[n_samples, n_columns]`.
    fn network_out_of_fold(&self, members: &[Vec<f32>]) -> Vec<f32> {
        let (head, n_columns) = (self.targets.head(), self.targets.n_columns());
        let mut p = vec![0.0; self.targets.n_samples() * n_columns];
        let share = 1.0 / self.config.network.members_per_fold as f32;
        let mut each = vec![0.0; n_columns];
        for (parameters, rows) in members.iter().zip(&self.rows) {
            let logits = predict(&self.shape, parameters, &self.input, &rows.held_out);
            for (row, logits) in rows
                .held_out
                .iter()
                .zip(logits.chunks_exact(self.shape.n_outputs))
            {
                let at = &mut p[*row as usize * n_columns..][..n_columns];
                head.probabilities(logits, &mut each);
                for (sum, value) in at.iter_mut().zip(&each) {
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

/// The rows, or parts of about `PART_ROWS` of them with every class or set of labels in each where they are too many.
fn parts(targets: Targets<'_>, max_rows: usize) -> Vec<Vec<usize>> {
    let n = targets.n_samples();
    let n_parts = if n <= max_rows {
        1
    } else {
        n.div_ceil(PART_ROWS.min(max_rows))
    };
    let strata = targets.strata();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|row| strata[*row]);
    let mut parts = vec![Vec::new(); n_parts];
    for (at, row) in order.into_iter().enumerate() {
        parts[at % n_parts].push(row);
    }
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}
