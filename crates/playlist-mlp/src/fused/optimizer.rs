//! Adam and gradient descent on a flat array.

use super::function::{SgdStep, sgd};
use crate::adam::{AdamStep, adam};
use crate::lanes::Level;
use crate::{OptimizerConfig, TrainingConfig};

/// The optimiser with its moments.
pub(super) struct Optimizer {
    config: OptimizerConfig,
    learning_rate: f64,
    weight_decay: f32,
    n_steps: i32,
    m: Vec<f32>,
    v: Vec<f32>,
}

impl Optimizer {
    pub(super) fn new(training: &TrainingConfig, n_parameters: usize) -> Self {
        let second = match training.optimizer {
            OptimizerConfig::Adam { .. } => n_parameters,
            OptimizerConfig::Sgd { .. } => 0,
        };
        Self {
            config: training.optimizer,
            learning_rate: training.learning_rate,
            weight_decay: training.weight_decay as f32,
            n_steps: 0,
            m: vec![0.0; n_parameters],
            v: vec![0.0; second],
        }
    }

    pub(super) fn step(&mut self, level: Level, p: &mut [f32], gradient: &[f32]) {
        self.n_steps = self.n_steps.saturating_add(1);
        match self.config {
            OptimizerConfig::Adam {
                beta_1,
                beta_2,
                epsilon,
            } => {
                let correction = |beta: f32| 1.0 / (1.0 - f64::from(beta).powi(self.n_steps));
                let step = AdamStep {
                    rate: (self.learning_rate * correction(beta_1)) as f32,
                    beta_1,
                    beta_2,
                    epsilon,
                    correction_2: correction(beta_2) as f32,
                    penalty: self.weight_decay,
                    keep: 1.0,
                };
                adam(level, p, gradient, &mut self.m, &mut self.v, step);
            }
            OptimizerConfig::Sgd { momentum } => {
                let step = SgdStep {
                    rate: self.learning_rate as f32,
                    momentum: momentum as f32,
                    weight_decay: self.weight_decay,
                };
                sgd(level, p, gradient, &mut self.m, step);
            }
        }
    }
}
