//! A signed-in listener.
//!
//! rspotify asks for tokens and renews them; this wraps what it gets wrong in 0.16.1. Spotify's reply to a renewal
//! carries no refresh token since July 2026; rspotify takes that for "there is none" and is signed out at the
//! renewal after. Here the old refresh token and scopes stay unless the reply has new ones. rspotify's cache file
//! is readable to all and its `Debug` prints the token: neither is used.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rspotify::clients::BaseClient;
use rspotify::{AuthCodePkceSpotify, Config, Credentials, OAuth, Token};

use crate::token_file::{self, StoredToken, now};
use crate::token_reply::token_error;
use crate::{Error, Result, SpotifyConfig};

/// How long Spotify lets a sign-in be renewed, counted from the listener's consent: six months, taken as 182 days.
const LIFE_DAYS: u64 = 182;
/// From when on to warn: month five.
const WARN_DAYS: u64 = 152;
const DAY: u64 = 24 * 60 * 60;

/// What a listener should know about their sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionWarning {
    /// Spotify ends a sign-in six months after consent, whatever was done since; a new sign-in starts the six
    /// months again.
    ExpiresSoon {
        /// The days that are left, 0 when the time is over.
        days: u64,
    },
}

impl fmt::Display for SessionWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExpiresSoon { days: 0 } => {
                f.write_str("the sign-in is six months old and may end at any moment: sign in again")
            }
            Self::ExpiresSoon { days } => write!(
                f,
                "the sign-in ends in {days} days, six months after it was given: sign in again before"
            ),
        }
    }
}

/// A signed-in listener. Clones share one sign-in.
///
/// Nothing that this type prints holds a token.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    config: SpotifyConfig,
    state: Mutex<State>,
}

enum State {
    /// A token from elsewhere, which cannot be renewed.
    Given(String),
    /// A sign-in, and where it is kept.
    SignedIn { token: StoredToken, path: PathBuf },
}

impl Session {
    /// The listener that is signed in: by the token in the settings, or by an earlier sign-in to the app of the
    /// settings (any app, when they name none). `None` asks for a [`SignIn`](crate::SignIn).
    ///
    /// # Errors
    /// [`Error::TokenFile`] when what is kept cannot be read, [`Error::InvalidSetting`], [`Error::NoFolder`].
    pub fn open(config: &SpotifyConfig) -> Result<Option<Self>> {
        config.validate()?;
        if let Some(token) = &config.access_token {
            return Ok(Some(Self::with_state(config, State::Given(token.clone()))));
        }
        let path = token_file::path(&config.config_dir()?);
        let token = token_file::read(&path)?
            .filter(|token| config.client_id.is_empty() || config.client_id == token.client_id);
        Ok(token.map(|token| Self::with_state(config, State::SignedIn { token, path })))
    }

    /// Forgets the sign-in; whether there was one. Spotify lists and ends the app's access at
    /// `https://www.spotify.com/account/apps`.
    ///
    /// # Errors
    /// [`Error::TokenFile`] when the file cannot be deleted, [`Error::NoFolder`].
    pub fn sign_out(config: &SpotifyConfig) -> Result<bool> {
        token_file::delete(&token_file::path(&config.config_dir()?))
    }

    /// Keeps a fresh sign-in.
    pub(crate) fn begin(config: &SpotifyConfig, token: StoredToken) -> Result<Self> {
        let path = token_file::path(&config.config_dir()?);
        token_file::write(&path, &token)?;
        Ok(Self::with_state(config, State::SignedIn { token, path }))
    }

    fn with_state(config: &SpotifyConfig, state: State) -> Self {
        Self(Arc::new(Inner {
            config: config.clone(),
            state: Mutex::new(state),
        }))
    }

    /// The scopes that the listener granted; `None` where they are not known.
    #[must_use]
    pub fn scopes(&self) -> Option<Vec<String>> {
        match &*self.state() {
            State::Given(_) => None,
            State::SignedIn { token, .. } => Some(token.scopes.clone()),
        }
    }

    /// The listener's consent, as a time since 1970; `None` for a token from elsewhere.
    #[must_use]
    pub fn authorized_at(&self) -> Option<Duration> {
        match &*self.state() {
            State::Given(_) => None,
            State::SignedIn { token, .. } => Some(Duration::from_secs(token.authorized_at)),
        }
    }

    /// What the listener should know about the sign-in.
    #[must_use]
    pub fn warning(&self) -> Option<SessionWarning> {
        let age_days = now().saturating_sub(self.authorized_at()?.as_secs()) / DAY;
        (age_days >= WARN_DAYS).then(|| SessionWarning::ExpiresSoon {
            days: LIFE_DAYS.saturating_sub(age_days),
        })
    }

    /// A token for one request, renewed first if it is about to end.
    ///
    /// # Errors
    /// As [`Session::renew`].
    pub(crate) fn access_token(&self) -> Result<String> {
        let mut state = self.state();
        match &mut *state {
            State::Given(token) => Ok(token.clone()),
            State::SignedIn { token, path } => {
                if !token.is_fresh() {
                    renew(&self.0.config, token, path)?;
                }
                Ok(token.access_token.clone())
            }
        }
    }

    /// A token other than `refused`, which a service did not take; `None` when there is no way to get one.
    ///
    /// # Errors
    /// [`Error::SignInExpired`], [`Error::NotSignedIn`] when someone signed out meanwhile, and those of a request.
    pub(crate) fn renew(&self, refused: &str) -> Result<Option<String>> {
        match &mut *self.state() {
            State::Given(_) => Ok(None),
            State::SignedIn { token, path } => {
                // Another thread may have been faster.
                if token.access_token == refused {
                    renew(&self.0.config, token, path)?;
                }
                Ok(Some(token.access_token.clone()))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment, so a panic elsewhere leaves nothing half done.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Session {
    /// Without a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &*self.state() {
            State::Given(_) => "a token from elsewhere",
            State::SignedIn { .. } => "signed in",
        };
        f.debug_struct("Session")
            .field("kind", &kind)
            .field("scopes", &self.scopes())
            .finish_non_exhaustive()
    }
}

/// Renews `token` and keeps the result, unless another process did so already.
fn renew(config: &SpotifyConfig, token: &mut StoredToken, path: &std::path::Path) -> Result<()> {
    // With PKCE a refresh token may be good for one use: the last one written is the one that counts.
    let kept = token_file::read(path)?.ok_or(Error::NotSignedIn)?;
    if kept != *token && kept.client_id == token.client_id {
        *token = kept;
        if token.is_fresh() {
            return Ok(());
        }
    }
    match request_renewal(config, token) {
        Ok(renewed) => {
            token_file::write(path, &renewed)?;
            *token = renewed;
            Ok(())
        }
        Err(error @ Error::SignInExpired { .. }) => {
            // Two processes may have used one refresh token at once: the slower one must not delete what the
            // faster one got for it.
            match token_file::read(path)? {
                Some(kept) if kept != *token && kept.is_fresh() => *token = kept,
                _ => {
                    token_file::delete(path)?;
                    return Err(error);
                }
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn request_renewal(config: &SpotifyConfig, old: &StoredToken) -> Result<StoredToken> {
    let stale = Token {
        access_token: old.access_token.clone(),
        refresh_token: Some(old.refresh_token.clone()),
        ..Token::default()
    };
    let client = AuthCodePkceSpotify::from_token_with_config(
        stale,
        Credentials::new_pkce(&old.client_id),
        OAuth::default(),
        rspotify_config(config),
    );
    let secrets = [old.access_token.as_str(), old.refresh_token.as_str()];
    let reply = client
        .refetch_token()
        .map_err(|error| token_error(config, error, &secrets))?
        .ok_or(Error::NotSignedIn)?;
    merge(old, &reply)
}

/// The sign-in after a reply of the token endpoint: what the reply does not have stays as it was.
///
/// # Errors
/// [`Error::BadReply`] for a token that no header can hold, or when there is no refresh token at all.
pub(crate) fn merge(old: &StoredToken, reply: &Token) -> Result<StoredToken> {
    let life = u64::try_from(reply.expires_in.num_seconds()).unwrap_or(0);
    let mut token = old.clone();
    token.access_token = reply.access_token.clone();
    token.expires_at = now().saturating_add(life);
    if let Some(refresh) = reply.refresh_token.as_ref().filter(|text| !text.is_empty()) {
        token.refresh_token = refresh.clone();
    }
    if !reply.scopes.is_empty() {
        token.scopes = reply.scopes.iter().cloned().collect();
        token.scopes.sort();
    }
    match token.fault() {
        None => Ok(token),
        Some(reason) => Err(Error::BadReply {
            what: "POST api/token".to_owned(),
            reason: reason.to_owned(),
        }),
    }
}

pub(crate) fn rspotify_config(config: &SpotifyConfig) -> Config {
    Config {
        auth_base_url: config.auth_base_url.clone(),
        token_cached: false,
        token_refreshing: false,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_without_refresh_token_and_scopes_leaves_them() {
        let mut old = StoredToken::new("client", 7);
        old.refresh_token = "kept".to_owned();
        old.scopes = vec!["user-library-read".to_owned()];
        let bare: Token = serde_json::from_str(r#"{"access_token":"new","expires_in":3600}"#).unwrap();
        let token = merge(&old, &bare).unwrap();
        assert!(token.refresh_token == "kept" && token.scopes == old.scopes && token.authorized_at == 7);
        assert!(token.access_token == "new" && token.is_fresh());
        let full: Token = serde_json::from_str(
            r#"{"access_token":"new","expires_in":0,"refresh_token":"next","scope":"b a"}"#,
        )
        .unwrap();
        let token = merge(&old, &full).unwrap();
        assert!(token.refresh_token == "next" && token.scopes == ["a", "b"] && !token.is_fresh());
        for bad in [
            r#"{"access_token":"","expires_in":1}"#,
            r#"{"access_token":"a\r\nb","expires_in":1}"#,
        ] {
            assert!(matches!(
                merge(&old, &serde_json::from_str(bad).unwrap()),
                Err(Error::BadReply { .. })
            ));
        }
        let none = StoredToken::new("client", 7);
        assert!(matches!(merge(&none, &bare), Err(Error::BadReply { .. })));
    }
}
