//! Training of all networks at once on a Burn device: the same steps as the CPU engine, as batched products and
//! with Burn's autodiff.

use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use super::member::NetworkShape;
use super::network::EnsembleNetwork;
use super::simd::{AdamStep, fill_mask};
use super::training::{
    MemberEpoch, MemberRandom, MemberRows, Schedule, TrainingData, initial_parameters, log_loss,
};
use crate::training::read_values;
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
    let start = rows.iter().enumerate();
    let start = start.map(|(member, rows)| initial_parameters(shape, data, &rows.train, plan.seed, member));
    let mut best: Vec<(f64, Vec<f32>)> = start.map(|p| (f64::INFINITY, p)).collect();
    let initial: Vec<Vec<f32>> = best.iter().map(|(_, p)| p.clone()).collect();
    let mut trainer = DeviceTrainer::new(shape, data, rows, plan, &initial, &device);
    for epoch in 0..plan.schedule.epochs {
        if plan.stop.is_requested() {
            break;
        }
        let train_losses = trainer.epoch()?;
        let losses = if plan.schedule.watches(epoch) {
            let members = trainer.network().to_members(plan.backend)?;
            let losses = trainer.held_out_losses(rows)?;
            for ((best, loss), p) in best.iter_mut().zip(&losses).zip(members) {
                if !loss.is_nan() && *loss < best.0 {
                    *best = (*loss, p);
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
    let last = trainer.network().to_members(plan.backend)?;
    let kept = best.into_iter().zip(last);
    Ok(kept
        .map(|((loss, best), last)| if loss.is_finite() { best } else { last })
        .collect())
}

struct DeviceTrainer<'a> {
    shape: &'a NetworkShape,
    data: TrainingData<'a>,
    plan: &'a BurnPlan<'a>,
    device: &'a Device,
    /// All rows, encoded, `[n_samples, n_inputs]`.
    x: Tensor<2>,
    parameters: Vec<Tensor<3>>,
    /// The two moments of each parameter.
    moments: Vec<[Tensor<3>; 2]>,
    random: Vec<MemberRandom>,
    step: usize,
}

/// The batches of one step.
struct Batch {
    /// `[n_members, rows, n_inputs]`, padded with row 0.
    x: Tensor<3>,
    /// `[n_members, rows, n_outputs]`.
    targets: Tensor<3>,
    /// `[n_members, rows, 1]`: one over the rows of the network's batch, 0 where padded.
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
        Self {
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
        let mut sum = Tensor::<3>::zeros([self.random.len(), 1, 1], self.device);
        for batch in 0..steps {
            let batch = self.batch(batch);
            sum = sum + self.take_step(batch);
            self.step += 1;
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

    /// Gathers step `batch` of the epoch for every network.
    fn batch(&mut self, batch: usize) -> Batch {
        let steps = self.plan.schedule.steps_per_epoch;
        let (n, n_outputs, width) = (self.random.len(), self.shape.n_outputs, self.shape.width);
        let ranges: Vec<_> = self
            .random
            .iter()
            .map(|random| random.batch(batch, steps))
            .collect();
        let rows = ranges.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        let rate = self.plan.schedule.dropout(self.step);
        let (mut order, mut targets) = (vec![0; n * rows], vec![0.0; n * rows * n_outputs]);
        let mut weights = vec![0.0; n * rows];
        let mut masks = vec![vec![1.0; n * rows * width]; if rate > 0.0 { self.shape.n_hidden } else { 0 }];
        for (member, (random, range)) in self.random.iter_mut().zip(ranges).enumerate() {
            let len = range.len();
            for (at, &row) in random.order[range].iter().enumerate() {
                let at = member * rows + at;
                order[at] = row as i32;
                weights[at] = 1.0 / len as f32;
                let target = &mut targets[at * n_outputs..][..n_outputs];
                self.data
                    .targets
                    .smoothed(row as usize, self.plan.label_smoothing, target);
            }
            // A batch without rows takes no step, nor a mask.
            for mask in &mut masks {
                fill_mask(
                    &mut random.mask,
                    rate,
                    &mut mask[member * rows * width..][..len * width],
                );
            }
        }
        let order = Tensor::<1, Int>::from_data(TensorData::new(order, [n * rows]), self.device);
        let x = self.x.clone().select(0, order);
        Batch {
            x: x.reshape([n, rows, self.shape.n_inputs()]),
            targets: self.tensor(targets, [n, rows, n_outputs]),
            weights: self.tensor(weights, [n, rows, 1]),
            masks: masks
                .into_iter()
                .map(|mask| self.tensor(mask, [n, rows, width]))
                .collect(),
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
        let logits = read_values(self.network().forward(self.x.clone()), self.plan.backend)?;
        let n_outputs = self.shape.n_outputs;
        let each = logits.chunks_exact(logits.len() / rows.len()).zip(rows);
        let losses = each.map(|(logits, rows)| {
            let held_out = rows.held_out.iter();
            let picked = held_out.flat_map(|row| &logits[*row as usize * n_outputs..][..n_outputs]);
            let picked: Vec<f32> = picked.copied().collect();
            log_loss(&picked, self.data.targets, &rows.held_out)
        });
        Ok(losses.collect())
    }
}

fn adam(p: Tensor<3>, g: Tensor<3>, moments: &mut [Tensor<3>; 2], step: AdamStep) -> Tensor<3> {
    let m = moments[0].clone() * step.beta1 + g.clone() * (1.0 - step.beta1);
    let v = moments[1].clone() * step.beta2 + g.clone() * g * (1.0 - step.beta2);
    let moved = m.clone() * step.rate / ((v.clone() * step.correction2).sqrt() + 1e-8);
    *moments = [m, v];
    p * step.keep - moved
}
