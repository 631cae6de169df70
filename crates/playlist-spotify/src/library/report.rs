//! What a run tells while it goes and when it ends.

use std::fmt;
use std::time::Duration;

use playlist_core::message::in_words;
use playlist_core::{Playlist, PlaylistKind};
use serde::{Deserialize, Serialize};

use crate::{Error, RetryEvent};

/// Why an entry of a list is not among its tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// Spotify keeps the place but gives no track: it was withdrawn.
    Unavailable,
    /// It is an episode of a podcast.
    Episode,
    /// It is neither a track nor an episode.
    OtherType,
    /// It has no id, no recording code and no title.
    NoIdentity,
    /// It is not what an entry looks like.
    Malformed,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unavailable => "no longer available",
            Self::Episode => "episodes",
            Self::OtherType => "neither tracks nor episodes",
            Self::NoIdentity => "without id and title",
            Self::Malformed => "not readable",
        })
    }
}

/// An entry that is not among the tracks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedEntry {
    /// Its place in the list, from 0.
    pub position: u64,
    /// Why.
    pub reason: SkipReason,
    /// Its title, where it has one.
    pub title: Option<String>,
}

/// How a list was come by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ListOrigin {
    /// Every page was fetched.
    #[default]
    Fetched,
    /// Some pages were kept from an earlier run.
    Resumed,
    /// Every page was kept from an earlier run, and the list has not changed since.
    Unchanged,
}

/// What there is to say about one list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ListReport {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: PlaylistKind,
    /// How it was come by.
    pub origin: ListOrigin,
    /// The entries that Spotify says there are; of saved albums, the albums.
    pub n_listed: Option<u64>,
    /// The entries that came.
    pub n_entries: u64,
    /// The tracks, local files included.
    pub n_tracks: usize,
    /// The tracks that are files on the listener's own disk.
    pub n_local: usize,
    /// The tracks that are no local files and have no id.
    pub n_without_id: usize,
    /// The entries that are not among the tracks, in order.
    pub skipped: Vec<SkippedEntry>,
    /// Whether the list changed again and again while it was read, so that entries may be lost or doubled.
    pub changed_meanwhile: bool,
    /// The requests that it took, repeated ones included.
    pub n_requests: u64,
}

impl ListReport {
    /// How many entries were skipped for `reason`.
    #[must_use]
    pub fn n_skipped(&self, reason: SkipReason) -> usize {
        self.skipped.iter().filter(|entry| entry.reason == reason).count()
    }
}

impl fmt::Display for ListReport {
    /// One line: `NAME: 120 tracks, 2 of them local files; 3 skipped (2 episodes, 1 no longer available)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} tracks", self.name, self.n_tracks)?;
        if self.n_local > 0 {
            write!(f, ", {} of them local files", self.n_local)?;
        }
        if self.n_without_id > 0 {
            write!(f, ", {} of them without an id", self.n_without_id)?;
        }
        if !self.skipped.is_empty() {
            let reasons = [
                SkipReason::Unavailable,
                SkipReason::Episode,
                SkipReason::OtherType,
                SkipReason::NoIdentity,
                SkipReason::Malformed,
            ];
            let counts: Vec<String> = reasons
                .into_iter()
                .map(|reason| (self.n_skipped(reason), reason))
                .filter(|(n, _)| *n > 0)
                .map(|(n, reason)| format!("{n} {reason}"))
                .collect();
            write!(f, "; {} skipped ({})", self.skipped.len(), counts.join(", "))?;
        }
        match self.n_listed {
            Some(n) if n > self.n_entries => write!(f, "; {} listed but not sent", n - self.n_entries)?,
            _ => {}
        }
        if self.changed_meanwhile {
            f.write_str("; changed while it was read: tracks may be missing or doubled")?;
        }
        match self.origin {
            ListOrigin::Fetched => Ok(()),
            ListOrigin::Resumed => f.write_str("; resumed"),
            ListOrigin::Unchanged => f.write_str("; unchanged since the last run"),
        }
    }
}

/// A list with its report.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FetchedList {
    /// The tracks.
    pub playlist: Playlist,
    /// What there is to say about it.
    pub report: ListReport,
}

/// A list that could not be fetched.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedList {
    /// The name.
    pub name: String,
    /// Why.
    pub error: Error,
}

/// What a run brought.
#[derive(Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct FetchRun {
    /// The lists that are whole.
    pub lists: Vec<FetchedList>,
    /// The lists that Spotify refused, each with its reason.
    pub failed: Vec<FailedList>,
    /// What ended the run before its time: a stop, a long pause that Spotify asks for, a lost sign-in, no network.
    /// Every page that came is kept; the next run goes on from there.
    pub ended_by: Option<Error>,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The list at hand.
    pub name: &'a str,
    /// Entries of this list that are here.
    pub list_done: u64,
    /// Entries of this list.
    pub list_total: Option<u64>,
    /// Entries of all lists of the run that are here.
    pub run_done: u64,
    /// Entries of all lists of the run, once all are known.
    pub run_total: Option<u64>,
    /// How long the rest takes at the speed so far.
    pub time_left: Option<Duration>,
}

impl fmt::Display for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.list_done)?;
        if let Some(total) = self.list_total {
            write!(f, " of {total}")?;
        }
        if let Some(total) = self.run_total {
            write!(f, "; {} of {total} in all", self.run_done)?;
        }
        match self.time_left {
            Some(time) => write!(f, ", about {} left", in_words(time)),
            None => Ok(()),
        }
    }
}

/// What happens during a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FetchEvent<'a> {
    /// A pause before a request is sent again.
    Waiting(&'a RetryEvent),
    /// Pages of an earlier run are used.
    Resumed {
        /// The list.
        name: &'a str,
        /// The entries that are here already.
        n_entries: u64,
    },
    /// A page came and is kept.
    Page(Progress<'a>),
    /// The list changed while it was read, and is read again from its beginning.
    Restarted {
        /// The list.
        name: &'a str,
    },
    /// A list is whole.
    Finished(&'a ListReport),
    /// A list could not be fetched; the others go on.
    Failed {
        /// The list.
        name: &'a str,
        /// Why.
        error: &'a Error,
    },
}

impl fmt::Display for FetchEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting(event) => write!(f, "{event}"),
            Self::Resumed { name, n_entries } => {
                write!(f, "{name}: {n_entries} entries kept from an earlier run")
            }
            Self::Page(progress) => write!(f, "{progress}"),
            Self::Restarted { name } => write!(f, "{name}: changed while it was read, starting over"),
            Self::Finished(report) => write!(f, "{report}"),
            Self::Failed { name, error } => write!(f, "{name}: {error}"),
        }
    }
}
