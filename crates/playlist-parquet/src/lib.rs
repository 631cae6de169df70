#![doc = include_str!("../README.md")]

mod check;
mod error;

pub use check::{Checked, CheckedChunk, check, check_chunk, check_counts};
pub use error::{Error, Result};
