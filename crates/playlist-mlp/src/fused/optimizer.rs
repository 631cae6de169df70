//! Adam and plain gradient descent on a flat array.

use crate::ensemble::simd::{AdamStep, adam};
use crate::{OptimizerConfig, TrainingConfig};

/// The optimiser with its moments.
pub(super) struct Optimizer {
    config: OptimizerConfig,
    learning_rate: f64,
    n_steps: i32,
    m: Vec<f32>,
    v: Vec<f32>,
}

impl Optimizer {
    pub(super) fn new(training: &TrainingConfig, n_parameters: usize) -> Self {
        let size = match training.optimizer {
            OptimizerConfig::Adam { .. } => n_parameters,
            OptimizerConfig::Sgd { .. } => 0,
        };
        Self {
            config: training.optimizer,
            learning_rate: training.learning_rate,
            n_steps: 0,
            m: vec![0.0; size],
            v: vec![0.0; size],
        }
    }

    pub(super) fn step(&mut self, p: &mut [f32], gradient: &[f32]) {
        self.n_steps = self.n_steps.saturating_add(1);
        match self.config {
            OptimizerConfig::Adam { beta_1, beta_2, .. } => {
                let correction = |beta: f32| 1.0 / (1.0 - f64::from(beta).powi(self.n_steps));
                let step = AdamStep {
                    rate: (self.learning_rate * correction(beta_1)) as f32,
                    keep: 1.0,
                    beta1: beta_1,
                    beta2: beta_2,
                    correction2: correction(beta_2) as f32,
                };
                adam(p, gradient, &mut self.m, &mut self.v, step);
            }
            OptimizerConfig::Sgd { .. } => {
                let rate = self.learning_rate as f32;
                for (p, g) in p.iter_mut().zip(gradient) {
                    *p -= rate * g;
                }
            }
        }
    }
}
