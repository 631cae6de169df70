//! Sources of audio features that need the network, and the file that keeps their answers.
//!
//! | source | knows | asked by | sends ids to |
//! |---|---|---|---|
//! | [`ReccoBeats`] | 11 features: no duration, no time signature | Spotify's id, else the ISRC | `api.reccobeats.com` |
//! | [`SpotifyAudioFeatures`] | all 13 | Spotify's id | `api.spotify.com`, apps from before 2024-11-27 only |
//!
//! **Neither is asked unless it is added to a [`Chain`](playlist_core::Chain)**: the ids of a listener's tracks leave the
//! machine with each question. With a [`FeatureCache`] in the chain no question is asked twice.
//!
//! # Units
//! Both give Spotify's own numbers ([`FeatureScale::Spotify`](playlist_core::FeatureScale::Spotify)): loudness in dB, tempo in beats per minute,
//! duration in ms, key as pitch class 0 to 11, mode 0 or 1, the rest from 0 to 1. A key of -1, a tempo or a time signature
//! of 0, `null` and fields that are not there are missing. A value that no track can have is missing too, and counted.
//!
//! # Examples
//! ```no_run
//! use playlist_core::{Chain, Track};
//! use playlist_spotify::features::{FeatureCache, ReccoBeats};
//!
//! let mut tracks = vec![Track { id: Some("4uLU6hMCjMI75M1A2tKUQC".parse()?), ..Track::default() }];
//! let mut chain = Chain::new()
//!     .with_store(FeatureCache::open_default()?)
//!     .with_source(ReccoBeats::new()?);
//! println!("{}", chain.fill(&mut tracks));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod cache;
mod cache_error;
mod cache_file;
#[cfg(test)]
mod fuzz;
mod reccobeats;
mod reply;
mod spotify;
mod tally;

pub use cache::{CacheStats, FeatureCache};
pub use cache_error::CacheError;
pub use reccobeats::ReccoBeats;
pub use spotify::SpotifyAudioFeatures;
