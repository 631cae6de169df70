#![doc = include_str!("../README.md")]

mod check;
mod error;

pub use check::{Checked, CheckedChunk, check, check_chunk};
pub use error::{Error, Result};
