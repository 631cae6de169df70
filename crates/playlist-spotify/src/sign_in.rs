//! Signing in with the browser: OAuth with PKCE, so that no secret of an app is needed.

use std::collections::HashSet;
use std::time::Duration;

use rspotify::clients::{BaseClient, OAuthClient};
use rspotify::{AuthCodePkceSpotify, Credentials, OAuth};

use crate::listener::Listener;
use crate::retry::Retry;
use crate::session::{merge, rspotify_config};
use crate::token_file::{StoredToken, now};
use crate::token_reply::token_error;
use crate::{Error, Result, Session, SpotifyConfig, StopFlag};

/// The redirect URI to register for the app. Spotify lets an address on loopback come back to any port, so none
/// is written down; an app that was registered with a port needs
/// [`SignIn::with_redirect_port`] with that one.
pub const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// What Spotify's terms say about what this project does; to be shown at every sign-in.
pub const POLICY_NOTICE: &str = "\
Before you sign in: Spotify's Developer Policy (section III, item 14) says \"Do not use the Spotify Platform or any \
Spotify Content to train a machine learning or AI model or otherwise ingest Spotify Content into a machine learning \
or AI model\". Tracks and playlists fetched from its Web API are Spotify Content, so training on them is outside \
these terms, even on your own machine and for yourself alone. Files that Spotify sent you at your request (account \
privacy page, \"Download your data\") do not come from the Web API and need no sign-in. The decision is yours. What \
is fetched stays on this machine; do not share it or models made from it.";

/// Reading is all that is asked for.
const SCOPES: [&str; 3] = [
    "user-library-read",
    "playlist-read-private",
    "playlist-read-collaborative",
];

/// A sign-in with the browser.
#[derive(Clone, Debug)]
pub struct SignIn {
    config: SpotifyConfig,
    redirect_port: Option<u16>,
    timeout: Duration,
}

impl SignIn {
    /// A sign-in to the app of `config`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] without a client id of letters and digits.
    pub fn new(config: &SpotifyConfig) -> Result<Self> {
        config.validate()?;
        let id = &config.client_id;
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Error::InvalidSetting {
                field: "client_id",
                value: id.clone(),
                expected: "the client id of an app made at https://developer.spotify.com/dashboard",
            });
        }
        Ok(Self {
            config: config.clone(),
            redirect_port: None,
            timeout: Duration::from_secs(300),
        })
    }

    /// The same with a given port for the browser to come back to; any free one unless told.
    #[must_use]
    pub fn with_redirect_port(mut self, port: u16) -> Self {
        self.redirect_port = Some(port);
        self
    }

    /// The same with another longest wait for the listener; five minutes unless told.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Signs in: gives `show` the address to open in a browser on this machine, waits for the browser to come back,
    /// and keeps the sign-in.
    ///
    /// # Errors
    /// [`Error::Listen`], [`Error::SignInRefused`], [`Error::SignInTimedOut`], [`Error::TokenFile`], and those of
    /// a request.
    pub fn run(&self, show: impl FnOnce(&str)) -> Result<Session> {
        let listener = Listener::bind(self.redirect_port)?;
        let oauth = OAuth {
            redirect_uri: listener.redirect_uri()?,
            scopes: SCOPES.into_iter().map(str::to_owned).collect::<HashSet<_>>(),
            ..OAuth::default()
        };
        let state = oauth.state.clone();
        let creds = Credentials::new_pkce(&self.config.client_id);
        let mut client = AuthCodePkceSpotify::with_config(creds, oauth, rspotify_config(&self.config));
        let url = client
            .get_authorize_url(None)
            .map_err(|error| token_error(&self.config, error, &[]))?;
        show(&url);
        let code = listener.wait(&state, self.timeout)?;
        self.exchange(&client, &code)
    }

    /// Turns the code into a sign-in.
    fn exchange(&self, client: &AuthCodePkceSpotify, code: &str) -> Result<Session> {
        let verifier = client.verifier.clone().unwrap_or_default();
        let retry = Retry {
            policy: &self.config.retry,
            sleeper: &*self.config.sleeper,
            stop: &StopFlag::default(),
        };
        retry
            .run(&mut |_| {}, || {
                client
                    .request_token(code)
                    .map_err(|error| token_error(&self.config, error, &[code, &verifier]))
            })
            .map_err(|error| match error {
                // There was no sign-in yet that could have ended.
                Error::SignInExpired { reason } => Error::SignInRefused { reason },
                error => error,
            })?;
        let token = client.get_token();
        let token = token.lock().ok().and_then(|token| token.clone());
        let token = token.ok_or(Error::NotSignedIn)?;
        let stored = merge(&StoredToken::new(&self.config.client_id, now()), &token)?;
        Session::begin(&self.config, stored)
    }
}
