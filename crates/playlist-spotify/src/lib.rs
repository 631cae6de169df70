#![doc = include_str!("../README.md")]

mod api;
mod config;
mod error;
pub mod features;
mod files;
mod http;
mod library;
mod listener;
mod retry;
mod session;
mod sign_in;
mod stop;
mod token_file;
mod token_reply;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
#[path = "../tests/mock/mod.rs"]
mod mock;

pub use config::SpotifyConfig;
pub use error::{Error, Result};
pub use library::{
    Account, AlbumId, FailedList, FetchEvent, FetchOptions, FetchRun, FetchedList, Library, ListOrigin,
    ListReport, ListSource, PlaylistAccess, PlaylistId, PlaylistInfo, PlaylistList, Progress, SkipReason,
    SkippedEntry, purge,
};
pub use retry::{RetryEvent, RetryPolicy, Sleeper, ThreadSleeper};
pub use session::{Session, SessionWarning};
pub use sign_in::{POLICY_NOTICE, REDIRECT_URI, SignIn};
pub use stop::StopFlag;
