//! What a listener has on Spotify: Liked Songs, playlists, albums.

mod checkpoint;
mod entry;
mod page;
mod report;
mod run;
mod source;
mod walk;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use playlist_core::PlaylistKind;
use serde_json::Value;

pub use report::{
    FailedList, FetchEvent, FetchRun, FetchedList, ListOrigin, ListReport, Progress, SkipReason, SkippedEntry,
};
pub use source::{AlbumId, ListSource, PlaylistAccess, PlaylistId, PlaylistInfo};

use crate::api::Api;
use crate::{Error, Result, Session, SpotifyConfig, StopFlag};
use checkpoint::ListStore;
use entry::text;
use page::{Fnv, Page};
use run::RunProgress;
use walk::{LIMIT, MAX_ENTRIES, Plan, Shape, Snapshot, Walk};

/// The folder of pages within the one that is given.
const PAGES: &str = "spotify-pages";

/// How to fetch.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FetchOptions {
    /// Where pages are kept; the cache directory of the settings unless told.
    pub folder: Option<PathBuf>,
    /// Stops the run after the request at hand.
    pub stop: StopFlag,
}

impl FetchOptions {
    /// The same with another folder for pages.
    #[must_use]
    pub fn with_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// The same with a flag that stops the run.
    #[must_use]
    pub fn with_stop(mut self, stop: StopFlag) -> Self {
        self.stop = stop;
        self
    }

    fn pages(&self, config: &SpotifyConfig) -> Result<PathBuf> {
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => config.cache_dir()?,
        };
        Ok(folder.join(PAGES))
    }
}

/// Deletes every page that is kept of any listener; how many files went. The sign-in stays, see
/// [`Session::sign_out`].
///
/// # Errors
/// [`Error::Checkpoint`], [`Error::NoFolder`].
pub fn purge(config: &SpotifyConfig, options: &FetchOptions) -> Result<usize> {
    checkpoint::purge(&options.pages(config)?)
}

/// The listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// Their user id, which the owner of a playlist is compared with.
    pub id: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// Names their pages on disk.
    key: String,
}

/// The playlists of a listener, own and followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlaylistList {
    /// The playlists, in the listener's order.
    pub playlists: Vec<PlaylistInfo>,
    /// The entries that are none: Spotify sends `null` for playlists that it hides.
    pub skipped: Vec<SkippedEntry>,
}

/// What a listener has on Spotify.
pub struct Library {
    api: Api,
    pages: PathBuf,
    account: Option<Account>,
}

impl Library {
    /// The library of the listener of `session`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`], [`Error::NoFolder`].
    pub fn new(session: &Session, config: &SpotifyConfig, options: &FetchOptions) -> Result<Self> {
        Ok(Self {
            api: Api::new(session, config, &options.stop)?,
            pages: options.pages(config)?,
            account: None,
        })
    }

    /// The requests sent so far, repeated ones included.
    #[must_use]
    pub fn n_requests(&self) -> u64 {
        self.api.n_requests()
    }

    /// Who is signed in.
    ///
    /// # Errors
    /// Those of a request: [`Error::RateLimited`], [`Error::Unauthorized`], [`Error::SignInExpired`],
    /// [`Error::PremiumRequired`], [`Error::Refused`], [`Error::Server`], [`Error::Unreachable`],
    /// [`Error::BadReply`], [`Error::ReplyTooLarge`], [`Error::Stopped`].
    pub fn account(&mut self, on_event: &mut dyn FnMut(FetchEvent<'_>)) -> Result<Account> {
        if let Some(account) = &self.account {
            return Ok(account.clone());
        }
        let reply = self.get("me", &[], on_event)?;
        let id = text(&reply, "id");
        // The id may change hands, the account's does not; older apps do not see it.
        let Some(name) = text(&reply, "account_id").or_else(|| id.clone()) else {
            return Err(Error::BadReply {
                what: "GET me".to_owned(),
                reason: "expected `account_id` or `id`, found neither".to_owned(),
            });
        };
        let mut hash = Fnv::default();
        hash.add(&name);
        let account = Account {
            id,
            name: text(&reply, "display_name"),
            key: hash.finish(),
        };
        Ok(self.account.insert(account).clone())
    }

    /// The playlists of the listener, without their tracks.
    ///
    /// # Errors
    /// As [`Library::account`].
    pub fn playlists(&mut self, on_event: &mut dyn FnMut(FetchEvent<'_>)) -> Result<PlaylistList> {
        let me = self.account(on_event)?.id;
        let mut list = PlaylistList {
            playlists: Vec::new(),
            skipped: Vec::new(),
        };
        let (mut seen, mut next) = (BTreeSet::new(), Some(0));
        while let Some(offset) = next.filter(|offset| *offset < MAX_ENTRIES) {
            let query = [("limit", LIMIT.to_string()), ("offset", offset.to_string())];
            let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
            let reply = self.get("me/playlists", &query, on_event)?;
            let page = Page::read(&reply, offset, LIMIT)?;
            for (position, entry) in (offset..).zip(page.entries) {
                match PlaylistInfo::read(entry, me.as_deref()) {
                    // A list that changes between two pages shows an entry twice.
                    Some(info) if seen.insert(info.id.clone()) => list.playlists.push(info),
                    Some(_) => {}
                    None => list.skipped.push(SkippedEntry {
                        position,
                        reason: match entry {
                            Value::Null => SkipReason::Unavailable,
                            _ => SkipReason::Malformed,
                        },
                        title: text(entry, "name"),
                    }),
                }
            }
            next = page.next_offset;
        }
        Ok(list)
    }

    /// The playlist `id`, without its tracks.
    ///
    /// # Errors
    /// As [`Library::account`]; a playlist that is not there is [`Error::Refused`] with status 404.
    pub fn playlist(
        &mut self,
        id: &PlaylistId,
        on_event: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<PlaylistInfo> {
        let me = self.account(on_event)?.id;
        let fields = "id,name,owner(id,display_name),collaborative,snapshot_id,items(total),tracks(total)";
        let reply = self.get(&format!("playlists/{id}"), &[("fields", fields)], on_event)?;
        PlaylistInfo::read(&reply, me.as_deref()).ok_or_else(|| Error::BadReply {
            what: format!("GET playlists/{id}"),
            reason: "expected a playlist with an id".to_owned(),
        })
    }

    /// Fetches `lists`, one after the other. A list that Spotify refuses is a failure of its own; what concerns all
    /// of them ends the run. Every page is kept on disk: a run that was ended or killed goes on where it was, and
    /// lists that have not changed since they were fetched are not fetched again.
    pub fn fetch(&mut self, lists: &[ListSource], on_event: &mut dyn FnMut(FetchEvent<'_>)) -> FetchRun {
        let mut run = FetchRun::default();
        let account = match self.account(on_event) {
            Ok(account) => account,
            Err(error) => {
                run.ended_by = Some(error);
                return run;
            }
        };
        let mut progress = RunProgress::new(lists);
        for (n, source) in lists.iter().enumerate() {
            progress.begin(n);
            let result = self.fetch_one(source, &account, &mut progress, on_event);
            match result.map_err(|error| run::explained(error, source)) {
                Ok(list) => {
                    progress.end(list.report.n_entries);
                    on_event(FetchEvent::Finished(&list.report));
                    run.lists.push(list);
                }
                Err(error) if run::concerns_all(&error, run.failed.last().map(|failed| &failed.error)) => {
                    run.ended_by = Some(error);
                    return run;
                }
                Err(error) => {
                    let name = source_name(source);
                    progress.end(0);
                    on_event(FetchEvent::Failed {
                        name: &name,
                        error: &error,
                    });
                    run.failed.push(FailedList { name, error });
                }
            }
        }
        run
    }

    fn fetch_one(
        &mut self,
        source: &ListSource,
        account: &Account,
        progress: &mut RunProgress,
        on_event: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<FetchedList> {
        let plan = self.plan(source, on_event)?;
        let name = plan.name.clone();
        Walk {
            store: ListStore::new(&self.pages.join(&account.key), &plan.key),
            api: &mut self.api,
            plan,
            tell: &mut |step| progress.tell(&name, step, on_event),
        }
        .run()
    }

    fn plan(&mut self, source: &ListSource, on_event: &mut dyn FnMut(FetchEvent<'_>)) -> Result<Plan> {
        let mut plan = Plan {
            key: "liked".to_owned(),
            name: source_name(source),
            kind: PlaylistKind::Liked,
            path: "me/tracks".to_owned(),
            query: Vec::new(),
            shape: Shape::Wrapped,
            snapshot: None,
        };
        match source {
            ListSource::Liked => {}
            ListSource::Playlist(info) => {
                plan.key = format!("playlist-{}", info.id);
                plan.kind = PlaylistKind::Playlist;
                plan.path = format!("playlists/{}/items", info.id);
                // Without it episodes come in the shape of tracks.
                plan.query = vec![("additional_types", "track,episode")];
                plan.snapshot = info.snapshot_id.clone().map(|listed| Snapshot {
                    listed,
                    path: format!("playlists/{}", info.id),
                });
            }
            ListSource::SavedAlbums => {
                plan.key = "saved-albums".to_owned();
                plan.kind = PlaylistKind::Album;
                plan.path = "me/albums".to_owned();
                plan.shape = Shape::Albums;
            }
            ListSource::Album(id) => {
                let title = text(&self.get(&format!("albums/{id}"), &[], on_event)?, "name");
                plan.key = format!("album-{id}");
                plan.name = title.clone().unwrap_or_else(|| id.to_string());
                plan.kind = PlaylistKind::Album;
                plan.path = format!("albums/{id}/tracks");
                plan.shape = Shape::Bare(title);
            }
        }
        Ok(plan)
    }

    fn get(
        &mut self,
        path: &str,
        query: &[(&str, &str)],
        on_event: &mut dyn FnMut(FetchEvent<'_>),
    ) -> Result<Value> {
        self.api
            .get(path, query, &mut |event| on_event(FetchEvent::Waiting(event)))
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library")
            .field("pages", &self.pages)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

fn source_name(source: &ListSource) -> String {
    match source {
        ListSource::Liked => "Liked Songs".to_owned(),
        ListSource::Playlist(info) => info.name.clone(),
        ListSource::SavedAlbums => "Saved albums".to_owned(),
        ListSource::Album(id) => format!("album {id}"),
    }
}

/// For fuzzing: reads `reply` as everything that it may be; the entries and the tracks found. What is found must
/// survive being kept.
#[cfg(test)]
pub(crate) fn probe(reply: &Value) -> (usize, usize) {
    let (mut n_entries, mut n_tracks) = (0, 0);
    PlaylistInfo::read(reply, Some("me"));
    for part in [reply, &reply["items"], &reply["tracks"]] {
        let Ok(page) = Page::read(part, 50, LIMIT) else {
            continue;
        };
        assert!(page.next_offset.is_none_or(|next| next > 50));
        assert!(page.fingerprint().len() < 60);
        for value in page.entries {
            PlaylistInfo::read(value, None);
            for entry in [entry::wrapped(value), entry::bare(value, Some("album"))] {
                let text = serde_json::to_string(&entry).unwrap();
                assert_eq!(serde_json::from_str::<entry::Entry>(&text).unwrap(), entry);
                n_entries += 1;
                if let entry::Entry::Track(track) = entry {
                    assert!(track.key().is_some() && !(track.is_local && track.id.is_some()));
                    n_tracks += 1;
                }
            }
        }
    }
    (n_entries, n_tracks)
}
