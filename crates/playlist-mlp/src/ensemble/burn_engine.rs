//! Training of all networks at once on a Burn device: the same steps as the CPU engine, as batched products and
//! with Burn's autodiff.
//!
//! The device is kept fed: rows and targets are uploaded once, the order of rows and the masks once an epoch, and losses
//! are read once an epoch; best parameters stay on the device until the end.

use std::ops::Range;
use std::rc::Rc;

use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use super::member::NetworkShape;
use super::network::EnsembleNetwork;
use super::simd::fill_mask;
use super::training::{
    MemberEpoch, MemberRandom, MemberRows, Schedule, TrainingData, initial_parameters, log_loss, share_biases,
};
use crate::adam::AdamStep;
use crate::burn_steps::read_values;
use crate::{Backend, Result, StopSignal};

/// What a training on a device needs besides data.
pub(crate) struct BurnPlan<'a> {
    pub schedule: Schedule,
    pub label_smoothing: f32,
    pub seed: u64,
    pub backend: Backend,
    pub stop: &'a StopSignal,
}

/// Trains every network and returns their parameters, each of its best epoch on the held-out rows. `told` hears
/// of every network after every epoch.
pub(crate) fn train_on_device(
    shape: &NetworkShape,
    data: TrainingData<'_>,
    rows: &[MemberRows],
    plan: &BurnPlan<'_>,
    told: &mut dyn FnMut(MemberEpoch),
) -> Result<Vec<Vec<f32>>> {
    let device = plan.backend.device()?;
    let initial: Vec<Vec<f32>> = rows
        .iter()
        .enumerate()
        .map(|(member, rows)| {
            let biases = share_biases(data.targets, &rows.train);
            initial_parameters(shape, &biases, plan.seed, member)
        })
        .collect();
    let mut trainer = DeviceTrainer::new(shape, data, rows, plan, &initial, &device);
    // Networks share what they have in common: it is read back once, at the end.
    let mut best: Vec<(f64, Option<Rc<EnsembleNetwork>>)> = vec![(f64::INFINITY, None); rows.len()];
    for epoch in 0..plan.schedule.epochs {
        if plan.stop.is_requested() {
            break;
        }
        let train_losses = trainer.epoch()?;
        let losses = if plan.schedule.watches(epoch) {
            let losses = trainer.held_out_losses(rows)?;
            let network = Rc::new(trainer.network());
            for (best, loss) in best.iter_mut().zip(&losses) {
                if !loss.is_nan() && *loss < best.0 {
                    *best = (*loss, Some(Rc::clone(&network)));
                }
            }
            losses
        } else {
            vec![f64::NAN; rows.len()]
        };
        for (train_loss, loss) in train_losses.into_iter().zip(losses) {
            let valid_loss = (!loss.is_nan()).then_some(loss);
            told(MemberEpoch {
                train_loss,
                valid_loss,
            });
        }
    }
    // A network that was never looked at is kept as it is.
    let last = Rc::new(trainer.network());
    let best: Vec<Rc<EnsembleNetwork>> = best
        .into_iter()
        .map(|(_, network)| network.unwrap_or_else(|| Rc::clone(&last)))
        .collect();
    let mut kept = vec![Vec::new(); rows.len()];
    for (at, network) in best.iter().enumerate() {
        if !kept[at].is_empty() {
            continue;
        }
        let members = network.to_members(plan.backend)?;
        for (member, parameters) in members.into_iter().enumerate() {
            if Rc::ptr_eq(&best[member], network) {
                kept[member] = parameters;
            }
        }
    }
    Ok(kept)
}

struct DeviceTrainer<'a> {
    shape: &'a NetworkShape,
    data: TrainingData<'a>,
    plan: &'a BurnPlan<'a>,
    device: &'a Device,
    /// All rows, encoded, `[n_samples, n_inputs]`.
    x: Tensor<2>,
    /// What the outputs of all rows should be, `[n_samples, n_outputs]`.
    targets: Tensor<2>,
    /// The rows that each network is watched on, padded with row 0: `[n_members * n_held_out]`.
    held_out: Tensor<1, Int>,
    n_held_out: usize,
    parameters: Vec<Tensor<3>>,
    /// The two moments of each parameter.
    moments: Vec<[Tensor<3>; 2]>,
    random: Vec<MemberRandom>,
    step: usize,
}

/// The most values of a mask that are uploaded at once: 64 MiB.
const MASK_VALUES: usize = 1 << 24;

/// The batches of a stretch of steps, uploaded together: an epoch, or a part of it where there are very many rows.
struct Stretch {
    /// The rows of a batch, of the largest of the epoch.
    rows: usize,
    /// `[n_steps * n_members * rows]`, padded with row 0.
    order: Tensor<1, Int>,
    /// `[n_steps * n_members, rows, 1]`: one over the rows of the network's batch, 0 where padded.
    weights: Tensor<3>,
    /// One a hidden layer, `[n_steps * n_members, rows, width]`.
    masks: Vec<Tensor<3>>,
}

/// The batches of one step.
struct Batch {
    /// `[n_members, rows, n_inputs]`.
    x: Tensor<3>,
    /// `[n_members, rows, n_outputs]`.
    targets: Tensor<3>,
    /// `[n_members, rows, 1]`.
    weights: Tensor<3>,
    masks: Vec<Tensor<3>>,
}

impl<'a> DeviceTrainer<'a> {
    fn new(
        shape: &'a NetworkShape,
        data: TrainingData<'a>,
        rows: &[MemberRows],
        plan: &'a BurnPlan<'a>,
        members: &[Vec<f32>],
        device: &'a Device,
    ) -> Self {
        let all: Vec<u32> = (0..data.input.n_samples as u32).collect();
        let x = data.input.dense(&shape.n_bins, &all);
        let network = EnsembleNetwork::new(shape, members, device);
        let parameters: Vec<Tensor<3>> = network.parameters().map(|parameter| parameter.val()).collect();
        let zeros = parameters
            .iter()
            .map(|parameter| [parameter.zeros_like(), parameter.zeros_like()]);
        let random = rows.iter().enumerate();
        let mut targets = vec![0.0; all.len() * shape.n_outputs];
        for (row, target) in targets.chunks_exact_mut(shape.n_outputs).enumerate() {
            data.targets.smoothed(row, plan.label_smoothing, target);
        }
        let n_held_out = rows.iter().map(|rows| rows.held_out.len()).max().unwrap_or(0);
        let mut held_out = vec![0; rows.len() * n_held_out];
        for (member, rows) in rows.iter().enumerate() {
            for (at, row) in held_out[member * n_held_out..].iter_mut().zip(&rows.held_out) {
                *at = *row as i32;
            }
        }
        let n_held_out_rows = held_out.len();
        Self {
            targets: Tensor::from_data(TensorData::new(targets, [all.len(), shape.n_outputs]), device),
            held_out: Tensor::from_data(TensorData::new(held_out, [n_held_out_rows]), device),
            n_held_out,
            shape,
            data,
            plan,
            device,
            x: Tensor::from_data(TensorData::new(x, [all.len(), shape.n_inputs()]), device),
            moments: zeros.collect(),
            parameters,
            random: random
                .map(|(member, rows)| MemberRandom::new(&rows.train, plan.seed, member))
                .collect(),
            step: 0,
        }
    }

    fn network(&self) -> EnsembleNetwork {
        EnsembleNetwork::with_parameters(self.parameters.clone())
    }

    /// Passes over all rows once and returns the mean loss of each network.
    fn epoch(&mut self) -> Result<Vec<f64>> {
        for random in &mut self.random {
            random.shuffle();
        }
        let steps = self.plan.schedule.steps_per_epoch;
        let ranges = self
            .random
            .iter()
            .flat_map(|random| (0..steps).map(|step| random.batch(step, steps)));
        let rows = ranges.map(|range| range.len()).max().unwrap_or(0);
        let step_values = self.random.len() * rows * self.shape.width;
        let at_once = (MASK_VALUES / step_values.max(1)).clamp(1, steps);
        let mut sum = Tensor::<3>::zeros([self.random.len(), 1, 1], self.device);
        for start in (0..steps).step_by(at_once) {
            let end = steps.min(start + at_once);
            let stretch = self.stretch(start..end, rows);
            for step in 0..end - start {
                let batch = self.batch(&stretch, step);
                sum = sum + self.take_step(batch);
                self.step += 1;
            }
        }
        let losses = read_values(sum, self.plan.backend)?;
        Ok(losses
            .iter()
            .map(|loss| f64::from(*loss) / steps as f64)
            .collect())
    }

    fn tensor(&self, values: Vec<f32>, sizes: [usize; 3]) -> Tensor<3> {
        Tensor::from_data(TensorData::new(values, sizes), self.device)
    }

    /// Uploads what the batches `steps` of the epoch need besides the rows: which, how heavy, and what is dropped.
    fn stretch(&mut self, steps: Range<usize>, rows: usize) -> Stretch {
        let (n, width) = (self.random.len(), self.shape.width);
        let (n_batches, n_steps) = (steps.len() * n, self.plan.schedule.steps_per_epoch);
        let mut order = vec![0; n_batches * rows];
        let mut weights = vec![0.0; n_batches * rows];
        let n_masks = if self.plan.schedule.dropout(self.step) > 0.0 {
            self.shape.n_hidden
        } else {
            0
        };
        let mut masks = vec![vec![1.0; n_batches * rows * width]; n_masks];
        for (at, step) in steps.enumerate() {
            let rate = self.plan.schedule.dropout(self.step + at);
            for (member, random) in self.random.iter_mut().enumerate() {
                let (start, range) = ((at * n + member) * rows, random.batch(step, n_steps));
                let len = range.len();
                for (at, row) in order[start..].iter_mut().zip(&random.order[range]) {
                    *at = *row as i32;
                }
                weights[start..][..len].fill(1.0 / len as f32);
                // A batch without rows takes no step, nor a mask.
                for mask in &mut masks {
                    fill_mask(&mut random.mask, rate, &mut mask[start * width..][..len * width]);
                }
            }
        }
        let n_rows = order.len();
        Stretch {
            rows,
            order: Tensor::from_data(TensorData::new(order, [n_rows]), self.device),
            weights: self.tensor(weights, [n_batches, rows, 1]),
            masks: masks
                .into_iter()
                .map(|mask| self.tensor(mask, [n_batches, rows, width]))
                .collect(),
        }
    }

    /// Gathers batch `step` of a stretch for every network, on the device.
    fn batch(&self, stretch: &Stretch, step: usize) -> Batch {
        let (n, rows) = (self.random.len(), stretch.rows);
        let order = stretch.order.clone().narrow(0, step * n * rows, n * rows);
        let part = |all: &Tensor<3>| all.clone().narrow(0, step * n, n);
        Batch {
            x: self
                .x
                .clone()
                .select(0, order.clone())
                .reshape([n, rows, self.shape.n_inputs()]),
            targets: self
                .targets
                .clone()
                .select(0, order)
                .reshape([n, rows, self.shape.n_outputs]),
            weights: part(&stretch.weights),
            masks: stretch.masks.iter().map(part).collect(),
        }
    }

    /// One step of Adam for every network. The gradient at the logits is known in closed form; autodiff takes it
    /// down to the parameters. Returns the mean loss of each network's batch, `[n_members, 1, 1]`.
    fn take_step(&mut self, batch: Batch) -> Tensor<3> {
        let tracked = self
            .parameters
            .iter()
            .cloned()
            .map(|parameter| Tensor::from_inner(parameter).require_grad());
        let tracked: Vec<Tensor<3>> = tracked.collect();
        let network = EnsembleNetwork::with_parameters(tracked);
        let masks: Vec<Tensor<3>> = batch.masks.into_iter().map(Tensor::from_inner).collect();
        let logits = network.forward_each(Tensor::from_inner(batch.x), &masks);
        let z = logits.clone().inner();
        let (p, losses) = if self.data.targets.head().is_sigmoid(self.shape.n_outputs) {
            let softplus = z.clone().clamp_min(0.0) + z.clone().abs().neg().exp().log1p();
            (
                activation::sigmoid(z.clone()),
                (softplus - z * batch.targets.clone()).mean_dim(2),
            )
        } else {
            let losses = (activation::log_softmax(z.clone(), 2) * batch.targets.clone())
                .sum_dim(2)
                .neg();
            (activation::softmax(z, 2), losses)
        };
        let loss = (losses * batch.weights.clone()).sum_dim(1); // [n_members, 1, 1]
        let at_logits = (p - batch.targets) * batch.weights;
        let gradients = (logits * Tensor::from_inner(at_logits)).sum().backward();
        let segments = self.shape.segments();
        for (at, parameter) in network.parameters().enumerate() {
            let Some(gradient) = parameter.val().grad(&gradients) else {
                continue;
            };
            let settings = self
                .plan
                .schedule
                .adam(self.step, segments[at].fan_in, segments[at].is_bias);
            self.parameters[at] = adam(
                self.parameters[at].clone(),
                gradient,
                &mut self.moments[at],
                settings,
            );
        }
        loss
    }

    /// The log loss of each network on the rows that it was not trained on; NaN where there are none.
    fn held_out_losses(&self, rows: &[MemberRows]) -> Result<Vec<f64>> {
        let sizes = [rows.len(), self.n_held_out, self.shape.n_inputs()];
        let x = self.x.clone().select(0, self.held_out.clone()).reshape(sizes);
        let logits = read_values(self.network().forward_each(x, &[]), self.plan.backend)?;
        let n_outputs = self.shape.n_outputs;
        let each = logits
            .chunks_exact((self.n_held_out * n_outputs).max(1))
            .zip(rows);
        let losses = each.map(|(logits, rows)| {
            let logits = &logits[..rows.held_out.len() * n_outputs];
            log_loss(logits, self.data.targets, &rows.held_out)
        });
        Ok(losses.collect())
    }
}

fn adam(p: Tensor<3>, g: Tensor<3>, moments: &mut [Tensor<3>; 2], step: AdamStep) -> Tensor<3> {
    let m = moments[0].clone() * step.beta_1 + g.clone() * (1.0 - step.beta_1);
    let v = moments[1].clone() * step.beta_2 + g.clone() * g * (1.0 - step.beta_2);
    let moved = m.clone() * step.rate / ((v.clone() * step.correction_2).sqrt() + step.epsilon);
    *moments = [m, v];
    p * step.keep - moved
}
