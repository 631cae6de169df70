#![doc = include_str!("../README.md")]

mod check;
mod error;

pub use check::{Checked, check};
pub use error::{Error, Result};
