//! Training of the networks: what both engines share, and the CPU engine's loop.

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::encoding::NetworkInput;
use super::member::{Dropout, NetworkShape, Segment, Workspace, backward, forward, predict, prepare};
use super::simd::{LANES, MaskGenerator};
use super::targets::{Head, Targets};
use super::{DistillationConfig, EnsembleNetworkConfig};
use crate::adam::{AdamStep, adam};
use crate::lanes::Level;
use crate::random::{Stream, member_generator};
use crate::{OptimizerConfig, StopSignal};

/// Epochs between two looks at the held-out rows.
const WATCH_EVERY: usize = 2;

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.95;

/// Factor of the biases' learning rate.
const BIAS_RATE: f32 = 0.1;

/// The data of a training: encoded rows and their classes.
#[derive(Clone, Copy)]
pub(crate) struct TrainingData<'a> {
    pub input: &'a NetworkInput,
    pub targets: Targets<'a>,
}

/// The rows of one network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MemberRows {
    pub train: Vec<u32>,
    pub held_out: Vec<u32>,
}

/// What is told of a network after an epoch.
pub(crate) struct MemberEpoch {
    pub train_loss: f64,
    pub valid_loss: Option<f64>,
}

/// How many steps there are, and how the learning rate and dropout go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub epochs: usize,
    pub steps_per_epoch: usize,
    learning_rate: f32,
    weight_decay: f32,
    dropout: f32,
}

impl Schedule {
    /// `n_train`: the most training rows of any network, so that all take the same steps.
    pub(crate) fn new(config: &EnsembleNetworkConfig, n_samples: usize, n_train: usize) -> Self {
        Self {
            epochs: config.epochs(n_samples),
            steps_per_epoch: n_train.div_ceil(config.batch_size(n_samples)).max(1),
            learning_rate: config.learning_rate,
            weight_decay: config.weight_decay,
            dropout: config.dropout,
        }
    }

    /// For a network that learns from the answers of others: nothing is dropped or drawn to zero.
    pub(crate) fn distillation(config: &DistillationConfig) -> Self {
        Self {
            epochs: config.epochs,
            steps_per_epoch: config.rows.div_ceil(config.batch_size),
            learning_rate: config.learning_rate,
            weight_decay: 0.0,
            dropout: 0.0,
        }
    }

    fn progress(&self, step: usize) -> f32 {
        step as f32 / (self.epochs * self.steps_per_epoch) as f32
    }

    /// A tenth of the steps up, then half a cosine down.
    pub(crate) fn rate_factor(&self, step: usize) -> f32 {
        const WARM_UP: f32 = 0.1;
        let t = self.progress(step);
        if t < WARM_UP {
            t / WARM_UP
        } else {
            0.5 * (1.0 + (std::f32::consts::PI * (t - WARM_UP) / (1.0 - WARM_UP)).cos())
        }
    }

    /// Flat for the first half, then half a cosine down.
    pub(crate) fn dropout(&self, step: usize) -> f32 {
        let t = self.progress(step);
        let factor = if t < 0.5 {
            1.0
        } else {
            0.5 * (1.0 + (std::f32::consts::PI * (2.0 * t - 1.0)).cos())
        };
        self.dropout * factor
    }

    /// Adam's settings for the parameters of a layer at `step`, from 0.
    pub(crate) fn adam(&self, step: usize, fan_in: usize, is_bias: bool) -> AdamStep {
        let factor = self.rate_factor(step);
        let count = step as i32 + 1;
        let scale = if is_bias {
            BIAS_RATE
        } else {
            1.0 / (fan_in as f32).sqrt()
        };
        let decay = if is_bias { 0.0 } else { self.weight_decay };
        AdamStep {
            rate: self.learning_rate * factor * scale / (1.0 - BETA1.powi(count)),
            keep: 1.0 - decay * factor * self.learning_rate,
            beta_1: BETA1,
            beta_2: BETA2,
            epsilon: OptimizerConfig::ADAM_EPSILON,
            correction_2: 1.0 / (1.0 - BETA2.powi(count)),
            penalty: 0.0,
        }
    }

    /// Whether the held-out rows are looked at after `epoch`, from 0.
    pub(crate) fn watches(&self, epoch: usize) -> bool {
        (epoch + 1).is_multiple_of(WATCH_EVERY) || epoch + 1 == self.epochs
    }
}

/// Fold by fold, the rows of every network: `n_folds` for each of `cuttings` stratified cuttings.
pub(crate) fn member_rows(
    targets: Targets<'_>,
    n_folds: usize,
    cuttings: usize,
    seed: u64,
) -> Vec<MemberRows> {
    let strata = targets.strata();
    let folds: Vec<Vec<usize>> = (0..cuttings)
        .map(|cutting| {
            stratified_folds(
                &strata,
                n_folds,
                &mut member_generator(seed, Stream::Validation, cutting),
            )
        })
        .collect();
    let mut members = Vec::new();
    for fold in 0..n_folds {
        for fold_of in &folds {
            let (held_out, train) = (0..strata.len() as u32).partition(|row| fold_of[*row as usize] == fold);
            members.push(MemberRows { train, held_out });
        }
    }
    members
}

/// The fold of each row; every stratum is dealt out evenly.
fn stratified_folds(strata: &[usize], n_folds: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut folds = vec![0; strata.len()];
    let mut next = 0;
    let n_strata = strata.iter().max().map_or(0, |last| last + 1);
    let mut members = vec![Vec::new(); n_strata];
    for (row, stratum) in strata.iter().enumerate() {
        members[*stratum].push(row);
    }
    for mut rows in members {
        rows.shuffle(rng);
        for row in rows {
            folds[row] = next % n_folds;
            next += 1;
        }
    }
    folds
}

/// The first parameters of network `member`: normal weights, an output layer of zeros and `output_biases`.
pub(crate) fn initial_parameters(
    shape: &NetworkShape,
    output_biases: &[f32],
    seed: u64,
    member: usize,
) -> Vec<f32> {
    let mut rng = member_generator(seed, Stream::Weights, member);
    let mut p = vec![0.0; shape.n_parameters()];
    let segments = shape.segments();
    for segment in &segments[..2 * shape.n_hidden] {
        let scale = if segment.is_bias {
            0.5
        } else {
            1.0 / (segment.fan_in as f32).sqrt()
        };
        for value in segment.of_mut(&mut p) {
            *value = scale * normal(&mut rng);
        }
    }
    segments[2 * shape.n_hidden + 1]
        .of_mut(&mut p)
        .copy_from_slice(output_biases);
    p
}

/// The output biases that give each class or label its share of `rows`.
pub(crate) fn share_biases(targets: Targets<'_>, rows: &[u32]) -> Vec<f32> {
    let mut counts = vec![1.0_f32; targets.n_columns()];
    for (column, count) in counts.iter_mut().enumerate() {
        let with = rows.iter().filter(|row| targets.has(**row as usize, column));
        *count += with.count() as f32;
    }
    let total = rows.len() as f32 + 2.0;
    let shares: Vec<f32> = counts.iter().map(|count| count / total).collect();
    targets.head().logits(&shares)
}

/// A standard normal number by Box and Muller's method.
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let mut unit = || (rng.next_u32() >> 8) as f32 / (1_u32 << 24) as f32;
    let (radius, angle) = (1.0 - unit(), std::f32::consts::TAU * unit());
    (-2.0 * radius.max(1e-7).ln()).sqrt() * angle.cos()
}

/// The order of a network's rows, shuffled anew before each epoch, and its dropout.
pub(crate) struct MemberRandom {
    shuffle: ChaCha8Rng,
    pub mask: MaskGenerator,
    pub order: Vec<u32>,
}

impl MemberRandom {
    pub(crate) fn new(rows: &[u32], seed: u64, member: usize) -> Self {
        let mut words = member_generator(seed, Stream::Dropout, member);
        Self {
            shuffle: member_generator(seed, Stream::Shuffle, member),
            mask: MaskGenerator::new(std::array::from_fn::<u32, LANES, _>(|_| words.next_u32())),
            order: rows.to_vec(),
        }
    }

    pub(crate) fn shuffle(&mut self) {
        self.order.shuffle(&mut self.shuffle);
    }

    /// Where batch `step` of an epoch of `steps` lies in the order.
    pub(crate) fn batch(&self, step: usize, steps: usize) -> std::ops::Range<usize> {
        let n = self.order.len();
        n * step / steps..n * (step + 1) / steps
    }
}

/// The mean loss of a batch and its gradient at the logits; `target` says what the outputs of a row should be. Of several
/// labels the loss is the mean, so that it compares whatever their number.
pub(crate) fn loss_gradient(
    head: Head,
    n_outputs: usize,
    logits: &[f32],
    rows: &[u32],
    target: impl Fn(usize, &mut [f32]),
    gradient: &mut [f32],
) -> f64 {
    let n = rows.len() as f32;
    let each = logits
        .chunks_exact(n_outputs)
        .zip(gradient.chunks_exact_mut(n_outputs));
    let is_sigmoid = head.is_sigmoid(n_outputs);
    let (mut goal, mut p) = (vec![0.0; n_outputs], vec![0.0; head.n_columns(n_outputs)]);
    let mut loss = 0.0;
    for ((logits, gradient), row) in each.zip(rows) {
        head.probabilities(logits, &mut p);
        target(*row as usize, &mut goal);
        let log = |p: f32| f64::from(p.max(1e-30).ln());
        // One logit of two classes is that of the second.
        let p = &p[p.len() - n_outputs..];
        for ((slope, p), goal) in gradient.iter_mut().zip(p).zip(&goal) {
            *slope = (p - goal) / n;
            loss -= f64::from(*goal) * log(*p);
            if is_sigmoid {
                loss -= f64::from(1.0 - goal) * log(1.0 - p);
            }
        }
    }
    loss / f64::from(n) / n_losses(head, n_outputs)
}

/// How many losses a row has: one a label.
fn n_losses(head: Head, n_outputs: usize) -> f64 {
    match head {
        Head::Classes => 1.0,
        Head::Labels => n_outputs as f64,
    }
}

/// The mean log loss of `rows` at `logits`, `[rows.len(), n_outputs]`.
pub(crate) fn log_loss(logits: &[f32], targets: Targets<'_>, rows: &[u32]) -> f64 {
    let (head, n_outputs) = (targets.head(), targets.n_outputs());
    let each = logits.chunks_exact(n_outputs).zip(rows);
    let losses = each.map(|(logits, row)| {
        let row = *row as usize;
        if head.is_sigmoid(n_outputs) {
            // Of two classes the one logit is that of the second.
            let first = targets.n_columns() - n_outputs;
            let each = logits.iter().enumerate().map(|(output, logit)| {
                let against = f64::from(if targets.has(row, first + output) {
                    -logit
                } else {
                    *logit
                });
                against.max(0.0) + (-against.abs()).exp().ln_1p()
            });
            return each.sum();
        }
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|logit| f64::from(logit - largest).exp()).sum();
        let class = (0..n_outputs).find(|class| targets.has(row, *class));
        sum.ln() - class.map_or(0.0, |class| f64::from(logits[class] - largest))
    });
    losses.sum::<f64>() / rows.len() as f64 / n_losses(head, n_outputs)
}

/// Trains network `member` and returns the parameters of its best epoch on the held-out rows. `told` hears of
/// every epoch.
pub(crate) fn train_member(
    shape: &NetworkShape,
    data: TrainingData<'_>,
    rows: &MemberRows,
    plan: &MemberPlan<'_>,
    told: &mut dyn FnMut(MemberEpoch),
) -> Vec<f32> {
    let biases = share_biases(data.targets, &rows.train);
    let parameters = initial_parameters(shape, &biases, plan.seed, plan.member);
    let mut state = NetworkTraining::new(
        shape,
        data.input,
        &rows.train,
        parameters,
        plan.schedule,
        plan.seed,
        plan.member,
    );
    let mut best = (f64::INFINITY, Vec::new());
    let target = |row: usize, target: &mut [f32]| data.targets.smoothed(row, plan.label_smoothing, target);
    for epoch in 0..plan.schedule.epochs {
        if plan.stop.is_requested() {
            break;
        }
        let train_loss = state.epoch(data.targets.head(), target);
        let mut valid_loss = None;
        if plan.schedule.watches(epoch) && !rows.held_out.is_empty() {
            let logits = predict(shape, &state.p, data.input, &rows.held_out);
            let loss = log_loss(&logits, data.targets, &rows.held_out);
            if loss < best.0 {
                best = (loss, state.p.clone());
            }
            valid_loss = Some(loss);
        }
        told(MemberEpoch {
            train_loss,
            valid_loss,
        });
    }
    if best.0.is_finite() { best.1 } else { state.p }
}

/// One network in training.
pub(crate) struct NetworkTraining<'a> {
    shape: &'a NetworkShape,
    input: &'a NetworkInput,
    schedule: Schedule,
    segments: Vec<Segment>,
    random: MemberRandom,
    work: Workspace,
    at_logits: Vec<f32>,
    p: Vec<f32>,
    gradient: Vec<f32>,
    m: Vec<f32>,
    v: Vec<f32>,
    step: usize,
}

impl<'a> NetworkTraining<'a> {
    /// On the rows of `input` that are numbered, from parameters `p`.
    pub(crate) fn new(
        shape: &'a NetworkShape,
        input: &'a NetworkInput,
        rows: &[u32],
        p: Vec<f32>,
        schedule: Schedule,
        seed: u64,
        member: usize,
    ) -> Self {
        let n = shape.n_parameters();
        let largest_batch = rows.len().div_ceil(schedule.steps_per_epoch) + 1;
        Self {
            shape,
            input,
            schedule,
            segments: shape.segments(),
            random: MemberRandom::new(rows, seed, member),
            work: Workspace::new(shape, largest_batch),
            at_logits: vec![0.0; largest_batch * shape.n_outputs],
            p,
            gradient: vec![0.0; n],
            m: vec![0.0; n],
            v: vec![0.0; n],
            step: 0,
        }
    }

    pub(crate) fn into_parameters(self) -> Vec<f32> {
        self.p
    }

    /// Passes over all rows once and returns the mean loss of the batches; `target` as in [`loss_gradient`].
    pub(crate) fn epoch(&mut self, head: Head, target: impl Fn(usize, &mut [f32]) + Copy) -> f64 {
        self.random.shuffle();
        let steps = self.schedule.steps_per_epoch;
        let mut loss = 0.0;
        for batch in 0..steps {
            let range = self.random.batch(batch, steps);
            if !range.is_empty() {
                loss += self.take_step(range, head, target);
            }
            self.step += 1;
        }
        loss / steps as f64
    }

    fn take_step(
        &mut self,
        range: std::ops::Range<usize>,
        head: Head,
        target: impl Fn(usize, &mut [f32]),
    ) -> f64 {
        let (shape, input, n_outputs) = (self.shape, self.input, self.shape.n_outputs);
        let batch = &self.random.order[range];
        let dropout = Dropout {
            generator: &mut self.random.mask,
            rate: self.schedule.dropout(self.step),
        };
        prepare(shape, &self.p, &mut self.work);
        forward(shape, &self.p, input, batch, &mut self.work, Some(dropout));
        let n = batch.len() * n_outputs;
        let (logits, at_logits) = (&self.work.logits[..n], &mut self.at_logits[..n]);
        let loss = loss_gradient(head, n_outputs, logits, batch, target, at_logits);
        backward(
            shape,
            &self.p,
            input,
            batch,
            &mut self.work,
            &self.at_logits[..n],
            &mut self.gradient,
        );
        for segment in &self.segments {
            let settings = self.schedule.adam(self.step, segment.fan_in, segment.is_bias);
            let (m, v) = (segment.of_mut(&mut self.m), segment.of_mut(&mut self.v));
            adam(
                Level::best(),
                segment.of_mut(&mut self.p),
                segment.of(&self.gradient),
                m,
                v,
                settings,
            );
        }
        loss
    }
}

/// What besides data a training needs.
pub(crate) struct MemberPlan<'a> {
    pub schedule: Schedule,
    pub label_smoothing: f32,
    pub seed: u64,
    pub member: usize,
    pub stop: &'a StopSignal,
}
