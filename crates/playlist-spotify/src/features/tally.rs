//! What a source met and its report should say.

use std::time::Duration;

use playlist_core::AudioFeature;
use serde_json::Value;

use crate::RetryEvent;

/// Who is told of waits.
pub(super) type Listener = Box<dyn FnMut(&RetryEvent) + Send>;

/// Counts, until they are taken as notes.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    name: String,
    n_refused: usize,
    first_refused: Option<String>,
    n_bad_entries: usize,
    n_unasked: usize,
    n_conflicting: usize,
    n_pauses: usize,
    paused: Duration,
    n_repeated: usize,
}

impl Tally {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// A value that no track can have.
    pub(super) fn refuse(&mut self, feature: AudioFeature, of: &str, value: &Value) {
        self.n_refused += 1;
        self.first_refused.get_or_insert_with(|| {
            let shown: String = value.to_string().chars().take(40).collect();
            format!("`{feature}` {shown} of {of}")
        });
    }

    /// An entry that is no object.
    pub(super) fn bad_entry(&mut self) {
        self.n_bad_entries += 1;
    }

    /// An entry for a track that was not asked for.
    pub(super) fn unasked(&mut self) {
        self.n_unasked += 1;
    }

    /// A second entry for a track, with other values.
    pub(super) fn conflict(&mut self) {
        self.n_conflicting += 1;
    }

    /// A wait.
    pub(super) fn event(&mut self, event: &RetryEvent) {
        match event {
            RetryEvent::RateLimited { wait } => {
                self.n_pauses += 1;
                self.paused += *wait;
            }
            RetryEvent::Failed { .. } => self.n_repeated += 1,
        }
    }

    /// The counts in sentences; they begin anew.
    pub(super) fn take_notes(&mut self) -> Vec<String> {
        let name = std::mem::take(&mut self.name);
        let tally = std::mem::replace(self, Self::new(&name));
        let mut notes = Vec::new();
        if tally.n_refused > 0 {
            let first = tally.first_refused.unwrap_or_default();
            notes.push(format!(
                "`{name}` gave {} values that no track can have, the first {first}: they count as missing",
                tally.n_refused
            ));
        }
        let counts = [
            (tally.n_bad_entries, "entries that cannot be read"),
            (tally.n_unasked, "entries for tracks that were not asked for"),
            (
                tally.n_conflicting,
                "second entries with other values for a track: the first was taken",
            ),
        ];
        for (n, what) in counts.into_iter().filter(|(n, _)| *n > 0) {
            notes.push(format!("`{name}` gave {n} {what}"));
        }
        if tally.n_pauses > 0 {
            notes.push(format!(
                "`{name}` asked to slow down {} times: {:.0} s were waited",
                tally.n_pauses,
                tally.paused.as_secs_f64()
            ));
        }
        if tally.n_repeated > 0 {
            notes.push(format!(
                "{} requests to `{name}` failed and were sent again",
                tally.n_repeated
            ));
        }
        notes
    }
}
