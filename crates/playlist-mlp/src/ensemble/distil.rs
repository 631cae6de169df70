//! One network in place of many parts: it learns what networks and kernel machines answer together, on tracks made up
//! between those of the training part.
//!
//! A kernel machine computes a likeness to every training row for each answer, a network a few thousand products. Labels
//! are noisy and few; the answers of the parts are neither, so that one network learns from them what it could not
//! learn from the labels.

use playlist_core::FeatureMatrix;
use rand::RngExt;

use super::DistillationConfig;
use super::member::{NetworkShape, predict};
use super::model::Fitted;
use super::training::{NetworkTraining, Schedule, initial_parameters};
use crate::random::{Stream, generator, unit};
use crate::{Error, Result, StopSignal};

/// The network that answers for all parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Student {
    pub shape: NetworkShape,
    pub parameters: Vec<f32>,
    /// The mean absolute difference between its probabilities and those of the parts, on made-up tracks that it had not
    /// seen.
    pub mean_difference: f64,
}

impl DistillationConfig {
    /// The sizes of the network that answers for those of `parts`.
    pub(crate) fn shape(&self, parts: &NetworkShape) -> NetworkShape {
        NetworkShape {
            width: self.width,
            n_hidden: self.hidden_layers,
            ..parts.clone()
        }
    }
}

/// Made-up tracks beyond those to learn from, to be tested on.
const TEST_ROWS: usize = 1_024;

/// The share of columns that a track with swapped columns has from another one.
const SWAPPED: f32 = 0.2;

/// Trains the network that answers for the parts of `teacher`, which were fitted on `x`; `None` after a stop.
///
/// # Errors
/// [`InvalidSetting`](playlist_core::Error::InvalidSetting) for a learning rate at which the training runs away.
pub(crate) fn distil(
    teacher: &Fitted,
    config: &DistillationConfig,
    x: &FeatureMatrix,
    stop: &StopSignal,
) -> Result<Option<Student>> {
    let made_up = made_up_tracks(teacher, x, config.rows + TEST_ROWS);
    let answers = teacher.predict_by_parts(&made_up);
    let input = teacher.encoder.network_input(&made_up, 0..made_up.n_samples());
    let shape = config.shape(&teacher.shape);
    let (head, n_columns, n_outputs) = (teacher.head, teacher.names.len(), shape.n_outputs);
    let (seed, member) = (teacher.config.seed, teacher.members.len());
    let biases = head.logits(&mean_answer(&answers, n_columns));
    let parameters = initial_parameters(&shape, &biases, seed, member);
    let rows: Vec<u32> = (0..made_up.n_samples() as u32).collect();
    let (rows, test_rows) = rows.split_at(config.rows);
    let schedule = Schedule::distillation(config);
    let mut training = NetworkTraining::new(&shape, &input, rows, parameters, schedule, seed, member);
    for _ in 0..config.epochs {
        if stop.is_requested() {
            return Ok(None);
        }
        training.epoch(head, |row, target| {
            // One output of two classes is that of the second.
            target.copy_from_slice(&answers[(row + 1) * n_columns - n_outputs..][..n_outputs]);
        });
    }
    let parameters = training.into_parameters();
    let logits = predict(&shape, &parameters, &input, test_rows);
    let p = teacher.probabilities(&logits);
    let differences = p.iter().zip(&answers[config.rows * n_columns..]);
    let sum: f64 = differences.map(|(p, answer)| f64::from((p - answer).abs())).sum();
    if !sum.is_finite() || !parameters.iter().all(|value| value.is_finite()) {
        return Err(Error::Core(playlist_core::Error::InvalidSetting {
            field: "distillation.learning_rate",
            value: config.learning_rate.to_string(),
            expected: "a rate at which the training does not run away",
        }));
    }
    Ok(Some(Student {
        shape,
        parameters,
        mean_difference: sum / p.len() as f64,
    }))
}

/// The mean of each column, away from 0 and 1.
fn mean_answer(answers: &[f32], n_columns: usize) -> Vec<f32> {
    let n = (answers.len() / n_columns) as f64;
    let mean = (0..n_columns).map(|column| {
        let each = answers.iter().skip(column).step_by(n_columns);
        let mean = each.map(|p| f64::from(*p)).sum::<f64>() / n;
        mean.clamp(1e-4, 1.0 - 1e-4) as f32
    });
    mean.collect()
}

/// Tracks between those of `x`: each is made of two that are drawn at random. In turn, its quantities lie somewhere between
/// those of the two, each at a place of its own; or all at one place; or it is the first with some columns of the second.
fn made_up_tracks(teacher: &Fitted, x: &FeatureMatrix, n: usize) -> FeatureMatrix {
    let mut rng = generator(teacher.config.seed, Stream::MadeUp);
    let is_code: Vec<bool> = (0..x.n_features())
        .map(|column| teacher.encoder.is_code(column))
        .collect();
    let mut values = Vec::with_capacity(n * x.n_features());
    for row in 0..n {
        let mut draw = || x.row(rng.random_range(0..x.n_samples() as u32) as usize);
        let (first, second) = (draw(), draw());
        let place = unit(&mut rng);
        for ((first, second), is_code) in first.iter().zip(second).zip(&is_code) {
            let own = unit(&mut rng);
            let place = match row % 3 {
                0 => own,
                1 => place,
                _ => f32::from(u8::from(own < SWAPPED)),
            };
            values.push(if *is_code {
                if place < 0.5 { *first } else { *second }
            } else {
                between(*first, *second, place)
            });
        }
    }
    FeatureMatrix::new(x.columns().iter().cloned(), values)
        .expect("mixtures of finite numbers are finite, and as many as asked for")
}

fn between(first: f32, second: f32, place: f32) -> f32 {
    let value = first + place * (second - first);
    // The difference of two numbers may be too great for one.
    if value.is_finite() { value } else { first }
}
