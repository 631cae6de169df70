//! How far a run over several lists is, and when it ends early.

use std::time::{Duration, Instant};

use super::report::{FetchEvent, Progress};
use super::source::{ListSource, PlaylistAccess};
use super::walk::Step;
use crate::Error;

/// Whether `error` is of no one list alone. A server that fails for two lists in a row fails for all.
pub(crate) fn concerns_all(error: &Error, before: Option<&Error>) -> bool {
    match error {
        Error::Refused { .. }
        | Error::ClosedPlaylist { .. }
        | Error::BadReply { .. }
        | Error::ReplyTooLarge { .. } => false,
        Error::Server { .. } => matches!(before, Some(Error::Server { .. })),
        _ => true,
    }
}

/// `error` of the list `source`, in words that fit it.
pub(crate) fn explained(error: Error, source: &ListSource) -> Error {
    let is_followed = matches!(source, ListSource::Playlist(info) if info.access == PlaylistAccess::Followed);
    match error {
        Error::Refused {
            status: status @ (403 | 404),
            message,
            ..
        } if is_followed => Error::ClosedPlaylist { status, message },
        error => error,
    }
}

/// Counts entries over all lists of a run.
pub(crate) struct RunProgress {
    /// The entries of each list, as far as known.
    totals: Vec<Option<u64>>,
    /// The list at hand.
    at: usize,
    /// Entries of the lists before it.
    before: u64,
    /// Entries that were fetched, not kept from an earlier run.
    fetched: u64,
    /// Entries of the list at hand that are here.
    here: u64,
    begun: Instant,
}

impl RunProgress {
    pub(crate) fn new(lists: &[ListSource]) -> Self {
        let total = |list: &ListSource| match list {
            ListSource::Playlist(info) => info.n_entries,
            _ => None,
        };
        Self {
            totals: lists.iter().map(total).collect(),
            at: 0,
            before: 0,
            fetched: 0,
            here: 0,
            begun: Instant::now(),
        }
    }

    /// The list `n` begins.
    pub(crate) fn begin(&mut self, n: usize) {
        (self.at, self.here) = (n, 0);
    }

    /// The list at hand ends with that many entries.
    pub(crate) fn end(&mut self, n_entries: u64) {
        self.before = self.before.saturating_add(n_entries);
        self.totals[self.at] = Some(n_entries);
    }

    /// Tells of a step of the list `name`.
    pub(crate) fn tell(&mut self, name: &str, step: Step, on_event: &mut dyn FnMut(FetchEvent<'_>)) {
        match step {
            Step::Waiting(event) => on_event(FetchEvent::Waiting(&event)),
            Step::Resumed { n_entries } => {
                self.here = n_entries;
                on_event(FetchEvent::Resumed { name, n_entries });
            }
            Step::Restarted => {
                self.here = 0;
                on_event(FetchEvent::Restarted { name });
            }
            Step::Page { n_entries, total } => {
                let n_new = n_entries.saturating_sub(self.here);
                self.fetched = self.fetched.saturating_add(n_new);
                self.here = n_entries;
                if total.is_some() {
                    self.totals[self.at] = total;
                }
                on_event(FetchEvent::Page(self.progress(name, self.begun.elapsed())));
            }
        }
    }

    fn progress<'a>(&self, name: &'a str, elapsed: Duration) -> Progress<'a> {
        let run_done = self.before.saturating_add(self.here);
        let sum = |sum: u64, total: &Option<u64>| total.map(|total| sum.saturating_add(total));
        let run_total = self.totals.iter().try_fold(0, sum);
        let left = run_total.map(|total| total.saturating_sub(run_done));
        let seconds = left.filter(|_| self.fetched > 0).map(|left| {
            // At most a year, which a Duration can hold.
            (left as f64 * elapsed.as_secs_f64() / self.fetched as f64).min(3.2e7)
        });
        Progress {
            name,
            list_done: self.here,
            list_total: self.totals[self.at],
            run_done,
            run_total,
            time_left: seconds.map(Duration::from_secs_f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_from_what_was_fetched_and_not_from_what_was_kept() {
        let mut progress = RunProgress::new(&[ListSource::Liked, ListSource::SavedAlbums]);
        let mut last = None;
        progress.begin(0);
        let total = Some(500);
        for step in [
            Step::Resumed { n_entries: 400 },
            Step::Page {
                n_entries: 450,
                total,
            },
        ] {
            progress.tell("a", step, &mut |event| last = Some(format!("{event:?}")));
        }
        let half = progress.progress("a", Duration::from_secs(10));
        assert_eq!(
            (half.list_done, half.list_total, half.run_total),
            (450, total, None)
        );
        assert_eq!(half.time_left, None);
        progress.end(500);
        progress.begin(1);
        let total = Some(100);
        progress.tell("b", Step::Page { n_entries: 50, total }, &mut |_| {});
        let now = progress.progress("b", Duration::from_secs(10));
        assert_eq!((now.run_done, now.run_total), (550, Some(600)));
        assert_eq!(now.time_left, Some(Duration::from_secs(5)));
        assert!(last.is_some());
    }

    #[test]
    fn absurd_totals_are_no_panic() {
        let mut progress = RunProgress::new(&[ListSource::Liked]);
        progress.begin(0);
        let step = Step::Page {
            n_entries: 1,
            total: Some(u64::MAX),
        };
        progress.tell("a", step, &mut |event| drop(event.to_string()));
        assert!(progress.progress("a", Duration::MAX).time_left.is_some());
    }
}
