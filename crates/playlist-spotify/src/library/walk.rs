//! Goes through the pages of one list, keeps each, and makes sure that they show one state of it.

use playlist_core::{Playlist, PlaylistKind, Track};
use serde_json::Value;

use super::checkpoint::{Head, KeptPage, ListStore};
use super::entry::{Entry, bare, text, wrapped};
use super::page::Page;
use super::report::{FetchedList, ListOrigin, ListReport, SkipReason, SkippedEntry};
use super::source::AlbumId;
use crate::api::Api;
use crate::{Error, Result, RetryEvent};

/// The most entries of one request, for every list that is fetched.
pub(crate) const LIMIT: u64 = 50;
/// More entries than any list has: a server that never comes to an end is no list.
pub(crate) const MAX_ENTRIES: u64 = 1_000_000;
/// How often a list that changes while it is read is read again.
const MAX_RESTARTS: usize = 3;

/// What the entries of a list look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Tracks, each wrapped in an entry.
    Wrapped,
    /// Tracks of the album of that title.
    Bare(Option<String>),
    /// Albums with their tracks in them.
    Albums,
}

/// A list to go through.
pub(crate) struct Plan {
    /// The name of its folder.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) kind: PlaylistKind,
    /// Where its pages are.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, &'static str)>,
    pub(crate) shape: Shape,
    pub(crate) snapshot: Option<Snapshot>,
}

/// The state of a list as it was listed, and where to ask for it again.
pub(crate) struct Snapshot {
    pub(crate) listed: String,
    pub(crate) path: String,
}

/// What a walk tells.
pub(crate) enum Step {
    /// Pages of an earlier run are used.
    Resumed { n_entries: u64 },
    /// A page came: how many entries are here, how many there are.
    Page { n_entries: u64, total: Option<u64> },
    /// The list is read again from its beginning.
    Restarted,
    /// A pause.
    Waiting(RetryEvent),
}

/// One list on its way.
pub(crate) struct Walk<'a> {
    pub(crate) api: &'a mut Api,
    pub(crate) store: ListStore,
    pub(crate) plan: Plan,
    pub(crate) tell: &'a mut dyn FnMut(Step),
}

/// The pages of one state of the list.
struct State {
    head: Head,
    pages: Vec<KeptPage>,
}

impl State {
    fn is_whole(&self) -> bool {
        self.pages.last().is_some_and(|page| page.next_offset.is_none())
    }

    fn n_entries(&self) -> u64 {
        // A file may say anything.
        let sizes = self.pages.iter().map(|page| page.n_entries);
        sizes.fold(0, u64::saturating_add)
    }
}

impl Walk<'_> {
    /// Fetches what is not kept already.
    ///
    /// # Errors
    /// Those of [`Api::get`], and [`Error::Checkpoint`].
    pub(crate) fn run(mut self) -> Result<FetchedList> {
        let n_before = self.api.n_requests();
        let (mut state, mut origin) = self.open()?;
        if state.head.complete && state.is_whole() {
            return Ok(self.finish(state, ListOrigin::Unchanged, false, n_before));
        }
        if origin == ListOrigin::Resumed {
            let n_entries = state.n_entries();
            (self.tell)(Step::Resumed { n_entries });
        }
        for _ in 0..MAX_RESTARTS {
            let Some(fresh) = self.attempt(&mut state)? else {
                self.store.complete(&mut state.head)?;
                return Ok(self.finish(state, origin, false, n_before));
            };
            (state, origin) = (fresh, ListOrigin::Fetched);
            (self.tell)(Step::Restarted);
        }
        self.fetch_rest(&mut state, true)?;
        // Pages of several states must not be taken for one by the next run.
        self.store.begin(&state.head)?;
        Ok(self.finish(state, origin, true, n_before))
    }

    /// The state that the list is in, with those of its pages that are kept.
    fn open(&mut self) -> Result<(State, ListOrigin)> {
        let kept = self.store.head();
        let (head, first) = match &self.plan.snapshot {
            Some(snapshot) => (Head::new(&self.plan.name, &snapshot.listed, ""), None),
            None => {
                let (page, version) = self.fetch(0)?;
                (Head::new(&self.plan.name, &version, ""), Some(page))
            }
        };
        let kept = kept.filter(|kept| kept.version == head.version);
        let pages = kept.as_ref().map(|head| self.store.pages(&head.stamp()));
        match (kept, pages) {
            (Some(head), Some(pages)) if !pages.is_empty() => {
                Ok((State { head, pages }, ListOrigin::Resumed))
            }
            _ => Ok((self.begin(head, first)?, ListOrigin::Fetched)),
        }
    }

    /// A state of which nothing is kept but, perhaps, the first page.
    fn begin(&mut self, head: Head, first: Option<KeptPage>) -> Result<State> {
        self.store.begin(&head)?;
        let mut state = State {
            head,
            pages: Vec::new(),
        };
        if let Some(first) = first {
            self.keep(&mut state, first)?;
        }
        Ok(state)
    }

    /// Fetches the rest of `state`; if the list has changed meanwhile, the new state.
    fn attempt(&mut self, state: &mut State) -> Result<Option<State>> {
        let is_steady = self.fetch_rest(state, false)?;
        if is_steady && state.pages.len() == 1 {
            return Ok(None);
        }
        let (head, first) = match &self.plan.snapshot {
            Some(snapshot) => {
                let (path, listed) = (snapshot.path.clone(), snapshot.listed.clone());
                let expected = [&state.head.found, &listed]
                    .into_iter()
                    .find(|text| !text.is_empty());
                let expected = expected.cloned().unwrap_or_default();
                let now = self.snapshot_now(&path)?.unwrap_or_else(|| expected.clone());
                if is_steady && now == expected {
                    return Ok(None);
                }
                (Head::new(&self.plan.name, &listed, &now), None)
            }
            None => {
                let (page, version) = self.fetch(0)?;
                if is_steady && version == state.head.version {
                    return Ok(None);
                }
                (Head::new(&self.plan.name, &version, ""), Some(page))
            }
        };
        self.begin(head, first).map(Some)
    }

    /// Fetches the pages after those of `state`. Stops with `false` where the list has another length than before,
    /// unless it is `tolerant`.
    fn fetch_rest(&mut self, state: &mut State, tolerant: bool) -> Result<bool> {
        while !state.is_whole() {
            let offset = state.pages.last().and_then(|page| page.next_offset).unwrap_or(0);
            if offset >= MAX_ENTRIES {
                return Err(Error::BadReply {
                    what: format!("GET {}", self.plan.path),
                    reason: format!("a list of more than {MAX_ENTRIES} entries"),
                });
            }
            let (page, _) = self.fetch(offset)?;
            let is_other = state.pages.first().is_some_and(|first| first.total != page.total);
            if is_other && !tolerant {
                return Ok(false);
            }
            self.keep(state, page)?;
        }
        Ok(true)
    }

    fn keep(&mut self, state: &mut State, mut page: KeptPage) -> Result<()> {
        page.stamp = state.head.stamp();
        self.store.keep(&page)?;
        let total = page.total;
        state.pages.push(page);
        let n_entries = state.n_entries();
        (self.tell)(Step::Page { n_entries, total });
        Ok(())
    }

    fn get(&mut self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let tell = &mut *self.tell;
        self.api
            .get(path, query, &mut |event| tell(Step::Waiting(event.clone())))
    }

    /// The page from `offset` on, and the fingerprint of what it shows.
    fn fetch(&mut self, offset: u64) -> Result<(KeptPage, String)> {
        let reply = self.get_page(&self.plan.path.clone(), offset)?;
        let page = Page::read(&reply, offset, LIMIT)?;
        let mut kept = KeptPage {
            stamp: String::new(),
            offset,
            next_offset: page.next_offset,
            total: page.total,
            n_entries: page.entries.len() as u64,
            tracks: Vec::new(),
            skipped: Vec::new(),
        };
        for (position, entry) in (offset..).zip(page.entries) {
            match &self.plan.shape {
                Shape::Wrapped => put(&mut kept, position, wrapped(entry)),
                Shape::Bare(album) => put(&mut kept, position, bare(entry, album.as_deref())),
                Shape::Albums => self.put_album(&mut kept, position, entry)?,
            }
        }
        Ok((kept, page.fingerprint()))
    }

    fn get_page(&mut self, path: &str, offset: u64) -> Result<Value> {
        let (limit, offset) = (LIMIT.to_string(), offset.to_string());
        let mut query = vec![("limit", limit.as_str()), ("offset", offset.as_str())];
        query.extend(self.plan.query.iter().copied());
        self.get(path, &query)
    }

    /// Adds the tracks of a saved album: those that come with it, and the rest of a long one.
    fn put_album(&mut self, kept: &mut KeptPage, position: u64, entry: &Value) -> Result<()> {
        let album = &entry["album"];
        let id: Option<AlbumId> = text(album, "id").and_then(|id| id.parse().ok());
        let Some(id) = id else {
            let reason = if entry.is_null() || album.is_null() {
                SkipReason::Unavailable
            } else {
                SkipReason::Malformed
            };
            let title = text(album, "name");
            put(kept, position, Entry::Skipped { reason, title });
            return Ok(());
        };
        let (title, added_at) = (text(album, "name"), text(entry, "added_at"));
        let part = ["tracks", "items"].into_iter().map(|name| &album[name]);
        let mut part = part.into_iter().find(|part| part["items"].is_array()).cloned();
        let mut offset = 0;
        loop {
            let reply = match part.take() {
                Some(reply) => reply,
                None => self.get_page(&format!("albums/{id}/tracks"), offset)?,
            };
            let page = Page::read(&reply, offset, LIMIT)?;
            for track in page.entries {
                let mut entry = bare(track, title.as_deref());
                if let Entry::Track(track) = &mut entry {
                    track.added_at.clone_from(&added_at);
                }
                put(kept, position, entry);
            }
            match page.next_offset.filter(|next| *next < MAX_ENTRIES) {
                Some(next) => offset = next,
                None => return Ok(()),
            }
        }
    }

    /// The state that the list is in now, if Spotify tells.
    fn snapshot_now(&mut self, path: &str) -> Result<Option<String>> {
        match self.get(path, &[("fields", "snapshot_id")]) {
            Ok(reply) => Ok(text(&reply, "snapshot_id")),
            Err(Error::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn finish(self, state: State, origin: ListOrigin, changed: bool, n_before: u64) -> FetchedList {
        let (n_entries, n_listed) = (state.n_entries(), state.pages.first().and_then(|page| page.total));
        let (mut tracks, mut skipped) = (Vec::<Track>::new(), Vec::new());
        for page in state.pages {
            tracks.extend(page.tracks);
            skipped.extend(page.skipped);
        }
        let report = ListReport {
            name: self.plan.name.clone(),
            kind: self.plan.kind,
            origin,
            n_listed,
            n_entries,
            n_tracks: tracks.len(),
            n_local: tracks.iter().filter(|track| track.is_local).count(),
            n_without_id: tracks
                .iter()
                .filter(|track| !track.is_local && track.id.is_none())
                .count(),
            skipped,
            changed_meanwhile: changed,
            n_requests: self.api.n_requests() - n_before,
        };
        let playlist = Playlist {
            name: self.plan.name,
            kind: self.plan.kind,
            tracks,
        };
        FetchedList { playlist, report }
    }
}

fn put(page: &mut KeptPage, position: u64, entry: Entry) {
    match entry {
        Entry::Track(track) => page.tracks.push(*track),
        Entry::Skipped { reason, title } => page.skipped.push(SkippedEntry {
            position,
            reason,
            title,
        }),
    }
}
