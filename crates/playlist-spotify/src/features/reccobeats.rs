//! ReccoBeats: a service that gives audio features for ids, without a key.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use playlist_core::{
    AudioFeature, AudioFeatures, FeatureScale, FeatureSource, Isrc, SourceError, SpotifyId, Track, TrackKey,
};

use super::reply::{self, Entry};
use super::tally::{Listener, Tally};
use crate::config::is_loopback;
use crate::http::{Http, HttpLimits, without_query};
use crate::retry::Retry;
use crate::{Error, Result, RetryEvent, RetryPolicy, Sleeper, StopFlag, ThreadSleeper};

const API: &str = "https://api.reccobeats.com";

/// The variable that names another server, on loopback only.
const VARIABLE: &str = "PLAYLIST_RECCOBEATS_API";

/// The name of the source.
const NAME: &str = "reccobeats";

/// The most ids of a request.
const IDS_AT_ONCE: usize = 40;

/// The service ReccoBeats, asked by Spotify's id, or by ISRC for a track without one.
///
/// **Asking sends the ids of the tracks to `api.reccobeats.com`**, which learns with them what is listened to from this
/// address; nothing else is sent but the name and the version of this program. So it is off until it is added to a
/// [`Chain`](playlist_core::Chain). It needs no key. It knows about 90 % of what was released up to 2024 and less of newer
/// music, and gives no duration and no time signature.
///
/// Answers are matched by the id in `href` or by ISRC, never by position; what is left out is unknown. One recording can
/// be there under several ids: for a track that is asked for by ISRC the one whose id sorts first is taken, since nothing
/// tells them apart. Requests are paced, a short `Retry-After` is obeyed, a long one ends the run with
/// [`SourceError::RateLimited`].
///
/// # Source
/// `GET /v1/audio-features`, as described and observed up to 2026-09. The numbers agree with Spotify's own.
pub struct ReccoBeats {
    base_url: String,
    http: Http,
    retry: RetryPolicy,
    sleeper: Arc<dyn Sleeper>,
    stop: StopFlag,
    pause: Duration,
    last: Option<Instant>,
    /// As many ids as the service takes.
    at_once: usize,
    tally: Tally,
    listener: Option<Listener>,
}

impl ReccoBeats {
    /// The features that the service gives.
    const PROVIDES: [AudioFeature; 11] = [
        AudioFeature::Danceability,
        AudioFeature::Energy,
        AudioFeature::Key,
        AudioFeature::Loudness,
        AudioFeature::Mode,
        AudioFeature::Speechiness,
        AudioFeature::Acousticness,
        AudioFeature::Instrumentalness,
        AudioFeature::Liveness,
        AudioFeature::Tempo,
        AudioFeature::Valence,
    ];

    /// The service at `api.reccobeats.com`, or at the address on loopback that the environment names as
    /// `PLAYLIST_RECCOBEATS_API`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for an address in the environment that is not on loopback.
    pub fn new() -> Result<Self> {
        let url = std::env::var(VARIABLE).ok().filter(|url| !url.trim().is_empty());
        match url {
            None => Ok(Self::at(API)),
            Some(url) if is_loopback(&url) => Ok(Self::at(&url)),
            Some(url) => Err(Error::InvalidSetting {
                field: VARIABLE,
                value: url,
                expected: "an `http://` address on loopback, such as `http://127.0.0.1:8080`",
            }),
        }
    }

    fn at(base_url: &str) -> Self {
        Self {
            base_url: base_url.trim_end_matches('/').to_owned(),
            http: Http::new(HttpLimits::default()),
            retry: RetryPolicy::default(),
            sleeper: Arc::new(ThreadSleeper),
            stop: StopFlag::default(),
            pause: Duration::from_millis(300),
            last: None,
            at_once: IDS_AT_ONCE,
            tally: Tally::new(NAME),
            listener: None,
        }
    }

    /// The same at another address, without the path: `https://api.reccobeats.com` is the usual one.
    #[must_use]
    pub fn with_base_url(mut self, url: impl AsRef<str>) -> Self {
        url.as_ref().trim_end_matches('/').clone_into(&mut self.base_url);
        self
    }

    /// The same with another policy of trying again.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// The same with another longest time for a whole reply; 30 s unless told.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.http = Http::new(HttpLimits {
            total: timeout,
            ..HttpLimits::default()
        });
        self
    }

    /// The same with another shortest time between two requests; 300 ms unless told.
    #[must_use]
    pub fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// The same with `stop` obeyed between requests and while waiting.
    #[must_use]
    pub fn with_stop(mut self, stop: StopFlag) -> Self {
        self.stop = stop;
        self
    }

    /// The same with something else that waits, for tests.
    #[must_use]
    pub fn with_sleeper(mut self, sleeper: Arc<dyn Sleeper>) -> Self {
        self.sleeper = sleeper;
        self
    }

    /// The same with `listener` told of every wait before it begins.
    #[must_use]
    pub fn with_listener(mut self, listener: impl FnMut(&RetryEvent) + Send + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Asks for tracks that fit into one request.
    fn ask(&mut self, tracks: &[&Track]) -> Result<Vec<Entry>> {
        let ids: Vec<&str> = tracks.iter().filter_map(|track| question(track)).collect();
        let url = format!("{}/v1/audio-features", self.base_url);
        let (ids, what) = (ids.join(","), format!("GET {}", without_query(&url)));
        let retry = Retry {
            policy: &self.retry,
            sleeper: &*self.sleeper,
            stop: &self.stop,
        };
        let (tally, listener) = (&mut self.tally, &mut self.listener);
        let mut tell = |event: &RetryEvent| {
            tally.event(event);
            if let Some(listener) = listener {
                listener(event);
            }
        };
        let (http, last, pause, sleeper, stop) =
            (&self.http, &mut self.last, self.pause, &self.sleeper, &self.stop);
        let reply = retry.run(&mut tell, || {
            let since = last.map_or(Duration::MAX, |last| last.elapsed());
            let wait = pause.saturating_sub(since);
            if !wait.is_zero() {
                sleeper.sleep(wait, stop);
            }
            *last = Some(Instant::now());
            reply::parse(&http.get(&url, &[("ids", &ids)], None)?, &what)
        })?;
        reply::reccobeats(&reply, &what, &mut self.tally)
    }

    /// Takes the entries for the tracks that were asked for; the first of each, in the order of their ids.
    fn take(
        &mut self,
        tracks: &[&Track],
        mut entries: Vec<Entry>,
        answers: &mut BTreeMap<TrackKey, AudioFeatures>,
    ) {
        let ids: BTreeSet<&SpotifyId> = tracks.iter().filter_map(|track| track.id.as_ref()).collect();
        let isrcs: BTreeSet<&Isrc> = tracks.iter().filter_map(|track| track.isrc.as_ref()).collect();
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        for entry in entries {
            let by_id = entry.id.filter(|id| ids.contains(id)).map(TrackKey::Spotify);
            let by_isrc = entry.isrc.filter(|isrc| isrcs.contains(isrc)).map(TrackKey::Isrc);
            if by_id.is_none() && by_isrc.is_none() {
                self.tally.unasked();
            }
            // An entry without a single feature is as good as none.
            if !entry.features.has_audio() {
                continue;
            }
            for key in by_id.into_iter().chain(by_isrc) {
                let is_id = matches!(key, TrackKey::Spotify(_));
                let taken = answers.entry(key).or_insert(entry.features);
                if is_id && *taken != entry.features {
                    self.tally.conflict();
                }
            }
        }
    }
}

/// What a track is asked for by.
fn question(track: &Track) -> Option<&str> {
    let isrc = || track.isrc.as_ref().map(Isrc::as_str);
    track.id.as_ref().map(SpotifyId::as_str).or_else(isrc)
}

/// Whether the service found too many ids in the request (its error 4004).
fn is_too_many(error: &Error) -> bool {
    match error {
        Error::Refused {
            status: 400,
            message: Some(message),
            ..
        } => message.contains("size must be between"),
        Error::Refused {
            status: 413 | 414, ..
        } => true,
        _ => false,
    }
}

impl FeatureSource for ReccoBeats {
    fn name(&self) -> &str {
        NAME
    }

    fn scale(&self) -> FeatureScale {
        FeatureScale::Spotify
    }

    fn provides(&self) -> &[AudioFeature] {
        &Self::PROVIDES
    }

    fn batch_size(&self) -> usize {
        IDS_AT_ONCE
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn can_ask(&self, track: &Track) -> bool {
        !track.is_local && question(track).is_some()
    }

    fn lookup(&mut self, tracks: &[&Track]) -> Result<BTreeMap<TrackKey, AudioFeatures>, SourceError> {
        let askable: Vec<&Track> = tracks
            .iter()
            .copied()
            .filter(|track| self.can_ask(track))
            .collect();
        let mut answers = BTreeMap::new();
        let mut parts: VecDeque<&[&Track]> = askable.chunks(self.at_once).collect();
        while let Some(part) = parts.pop_front() {
            match self.ask(part) {
                Ok(entries) => self.take(part, entries, &mut answers),
                Err(error) if is_too_many(&error) && part.len() > 1 => {
                    let (first, second) = part.split_at(part.len().div_ceil(2));
                    self.at_once = first.len();
                    parts.push_front(second);
                    parts.push_front(first);
                }
                Err(error) => return Err(source_error(error)),
            }
        }
        Ok(answers)
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.tally.take_notes()
    }
}

fn source_error(error: Error) -> SourceError {
    let name = NAME.to_owned();
    let off = |name, reason: &str| SourceError::SwitchedOff {
        name,
        reason: reason.to_owned(),
    };
    match error {
        Error::RateLimited { retry_after } => SourceError::RateLimited { name, retry_after },
        Error::Stopped => off(name, "the run was stopped"),
        Error::Refused {
            status: 403, message, ..
        } if message.as_deref().is_some_and(|text| text.contains("1010")) => off(
            name,
            "its protection (Cloudflare, error 1010) turns this program away; the other sources still work, and \
             another network or another day may help",
        ),
        Error::Refused { status: 403, .. } | Error::Unauthorized { .. } => SourceError::SwitchedOff {
            name,
            reason: format!("it does not answer this program ({error}); the other sources still work"),
        },
        error => SourceError::Failed {
            name,
            source: Box::new(error),
        },
    }
}

impl fmt::Debug for ReccoBeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReccoBeats")
            .field("base_url", &self.base_url)
            .field("retry", &self.retry)
            .field("pause", &self.pause)
            .field("at_once", &self.at_once)
            .finish_non_exhaustive()
    }
}
