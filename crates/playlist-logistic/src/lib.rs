#![doc = include_str!("../README.md")]

mod blocks;
mod config;
mod error;
mod linfa_solver;
mod model;
mod newton;
mod objective;
mod solver;

pub use config::LogisticConfig;
pub use error::{Error, Result};
pub use model::{Coefficient, Convergence, Logistic, Warning};
