#![doc = include_str!("../README.md")]

mod error;
mod http;
mod retry;
mod stop;

#[cfg(test)]
#[path = "../tests/mock/mod.rs"]
mod mock;

pub use error::{Error, Result};
pub use retry::{RetryEvent, RetryPolicy, Sleeper, ThreadSleeper};
pub use stop::StopFlag;
