//! Spotify's own audio features, which apps from before 2024-11-27 may still get.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use playlist_core::{
    AudioFeature, AudioFeatures, FeatureScale, FeatureSource, SourceError, SpotifyId, Track, TrackKey,
};

use super::reply;
use super::tally::{Listener, Tally};
use crate::api::Api;
use crate::{Error, Result, RetryEvent, Session, SpotifyConfig, StopFlag};

/// The name of the source.
const NAME: &str = "spotify";

/// The most ids of a request.
const IDS_AT_ONCE: usize = 100;

const CLOSED: &str = "Spotify does not give audio features to this app, as to any made after 2024-11-27: use a catalogue, an export \
    that has features, or ReccoBeats";

/// Spotify's own endpoint of audio features, for apps that were made before 2024-11-27 or have extended access.
///
/// Every other app gets a reply 403. The first one switches the source off for the run, with one sentence
/// ([`SourceError::SwitchedOff`]). Asking sends the ids of the tracks to `api.spotify.com`, in the name of the listener who is
/// signed in.
///
/// # Source
/// Spotify Web API, *Get Several Tracks' Audio Features*, `GET /audio-features`. `null` stands for a track that is not
/// known.
pub struct SpotifyAudioFeatures {
    api: Api,
    /// Why nothing more is asked.
    off: Option<String>,
    tally: Tally,
    listener: Option<Listener>,
}

impl SpotifyAudioFeatures {
    /// The endpoint for the listener of `session`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`].
    pub fn new(session: &Session, config: &SpotifyConfig, stop: &StopFlag) -> Result<Self> {
        Ok(Self {
            api: Api::new(session, config, stop)?,
            off: None,
            tally: Tally::new(NAME),
            listener: None,
        })
    }

    /// The same with `listener` told of every wait before it begins.
    #[must_use]
    pub fn with_listener(mut self, listener: impl FnMut(&RetryEvent) + Send + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    fn ask(&mut self, ids: &BTreeSet<&SpotifyId>) -> Result<BTreeMap<TrackKey, AudioFeatures>> {
        let joined: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        let (tally, listener) = (&mut self.tally, &mut self.listener);
        let mut tell = |event: &RetryEvent| {
            tally.event(event);
            if let Some(listener) = listener {
                listener(event);
            }
        };
        let query = [("ids", joined.join(","))];
        let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
        let reply = self.api.get("audio-features", &query, &mut tell)?;
        let entries = reply::spotify(&reply, "GET audio-features", &mut self.tally)?;
        let mut answers = BTreeMap::new();
        for entry in entries {
            let Some(id) = entry.id.filter(|id| ids.contains(id)) else {
                self.tally.unasked();
                continue;
            };
            if entry.features.has_audio() {
                let taken = answers.entry(TrackKey::Spotify(id)).or_insert(entry.features);
                if *taken != entry.features {
                    self.tally.conflict();
                }
            }
        }
        Ok(answers)
    }

    fn switched_off(&mut self, reason: String) -> SourceError {
        self.off = Some(reason.clone());
        SourceError::SwitchedOff {
            name: NAME.to_owned(),
            reason,
        }
    }

    fn source_error(&mut self, error: Error) -> SourceError {
        let name = NAME.to_owned();
        match error {
            Error::RateLimited { retry_after } => SourceError::RateLimited { name, retry_after },
            Error::Refused {
                status: status @ (403 | 404 | 410),
                message,
                ..
            } => {
                let told = message.unwrap_or_else(|| format!("status {status}"));
                self.switched_off(format!("{CLOSED} (Spotify says: \"{told}\")"))
            }
            Error::Stopped => self.switched_off("the run was stopped".to_owned()),
            Error::PremiumRequired { .. }
            | Error::Unauthorized { .. }
            | Error::NotSignedIn
            | Error::SignInExpired { .. } => self.switched_off(error.to_string()),
            error => SourceError::Failed {
                name,
                source: Box::new(error),
            },
        }
    }
}

impl FeatureSource for SpotifyAudioFeatures {
    fn name(&self) -> &str {
        NAME
    }

    fn scale(&self) -> FeatureScale {
        FeatureScale::Spotify
    }

    fn provides(&self) -> &[AudioFeature] {
        &AudioFeature::ALL
    }

    fn batch_size(&self) -> usize {
        IDS_AT_ONCE
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn can_ask(&self, track: &Track) -> bool {
        !track.is_local && track.id.is_some()
    }

    fn lookup(&mut self, tracks: &[&Track]) -> Result<BTreeMap<TrackKey, AudioFeatures>, SourceError> {
        if let Some(reason) = self.off.clone() {
            return Err(self.switched_off(reason));
        }
        let ids: Vec<&SpotifyId> = tracks.iter().filter_map(|track| track.id.as_ref()).collect();
        let mut answers = BTreeMap::new();
        for part in ids.chunks(IDS_AT_ONCE) {
            let part: BTreeSet<&SpotifyId> = part.iter().copied().collect();
            answers.append(&mut self.ask(&part).map_err(|error| self.source_error(error))?);
        }
        Ok(answers)
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.tally.take_notes()
    }
}

impl fmt::Debug for SpotifyAudioFeatures {
    /// Without the session, which holds secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpotifyAudioFeatures")
            .field("off", &self.off)
            .finish_non_exhaustive()
    }
}
