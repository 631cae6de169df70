//! Where Spotify is, who we are to it, where files go.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::http::HttpLimits;
use crate::{Error, Result, RetryPolicy, Sleeper, ThreadSleeper};

const API: &str = "https://api.spotify.com/v1";
const ACCOUNTS: &str = "https://accounts.spotify.com";

/// Settings of a [`Session`](crate::Session) and a [`Library`](crate::Library).
///
/// # Examples
/// ```
/// use playlist_spotify::SpotifyConfig;
///
/// let config = SpotifyConfig::new("the client id of your app").with_config_dir("settings");
/// assert!(config.validate().is_ok());
/// assert!(config.with_api_base_url("http://example.com/v1").validate().is_err(), "a token needs TLS");
/// ```
#[derive(Clone)]
pub struct SpotifyConfig {
    pub(crate) client_id: String,
    pub(crate) access_token: Option<String>,
    pub(crate) api_base_url: String,
    pub(crate) auth_base_url: String,
    config_dir: Option<PathBuf>,
    cache_dir: Option<PathBuf>,
    pub(crate) retry: RetryPolicy,
    pub(crate) limits: HttpLimits,
    pub(crate) pause: Duration,
    pub(crate) sleeper: Arc<dyn Sleeper>,
}

impl SpotifyConfig {
    /// Settings for the app `client_id`. Every listener makes an app of their own at
    /// `https://developer.spotify.com/dashboard`, with the redirect URI
    /// [`REDIRECT_URI`](crate::REDIRECT_URI).
    #[must_use]
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            access_token: None,
            api_base_url: API.to_owned(),
            auth_base_url: ACCOUNTS.to_owned(),
            config_dir: None,
            cache_dir: None,
            retry: RetryPolicy::default(),
            limits: HttpLimits::default(),
            pause: Duration::from_millis(250),
            sleeper: Arc::new(ThreadSleeper),
        }
    }

    /// Settings from the environment:
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `SPOTIFY_CLIENT_ID` | the client id of the app |
    /// | `SPOTIFY_ACCESS_TOKEN` | a token to use as it is, without a sign-in |
    /// | `PLAYLIST_CONFIG_DIR` | where the sign-in is kept |
    /// | `PLAYLIST_CACHE_DIR` | where pages are kept |
    /// | `PLAYLIST_SPOTIFY_API`, `PLAYLIST_SPOTIFY_AUTH` | servers to ask instead of Spotify's; on loopback only |
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a server that is not on loopback.
    pub fn from_env() -> Result<Self> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    fn from_lookup(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let set = |name| variable(name).filter(|value| !value.trim().is_empty());
        let mut config = Self::new(set("SPOTIFY_CLIENT_ID").unwrap_or_default().trim());
        config.access_token = set("SPOTIFY_ACCESS_TOKEN").map(|token| token.trim().to_owned());
        config.config_dir = set("PLAYLIST_CONFIG_DIR").map(PathBuf::from);
        config.cache_dir = set("PLAYLIST_CACHE_DIR").map(PathBuf::from);
        let server = |name: &'static str| match set(name) {
            Some(url) if !is_loopback(&url) => Err(Error::InvalidSetting {
                field: name,
                value: url,
                expected: "an `http://` address on loopback, such as `http://127.0.0.1:8080`",
            }),
            url => Ok(url),
        };
        if let Some(url) = server("PLAYLIST_SPOTIFY_API")? {
            config.api_base_url = url;
        }
        if let Some(url) = server("PLAYLIST_SPOTIFY_AUTH")? {
            config.auth_base_url = url;
        }
        Ok(config)
    }

    /// The same for another app.
    #[must_use]
    pub fn with_client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// The same with a token to use as it is, without a sign-in. It lasts an hour and is not kept.
    #[must_use]
    pub fn with_access_token(mut self, token: impl Into<String>) -> Self {
        self.access_token = Some(token.into());
        self
    }

    /// The same with another place of the Web API.
    #[must_use]
    pub fn with_api_base_url(mut self, url: impl Into<String>) -> Self {
        self.api_base_url = url.into();
        self
    }

    /// The same with another place of the accounts service.
    #[must_use]
    pub fn with_auth_base_url(mut self, url: impl Into<String>) -> Self {
        self.auth_base_url = url.into();
        self
    }

    /// The same with another folder for the sign-in.
    #[must_use]
    pub fn with_config_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.config_dir = Some(folder.into());
        self
    }

    /// The same with another folder for fetched pages.
    #[must_use]
    pub fn with_cache_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache_dir = Some(folder.into());
        self
    }

    /// The same with another policy of trying again.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// The same with another longest time for a whole reply of the Web API; 30 s unless told. The accounts
    /// service has 10 s, which rspotify fixes.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.limits.total = timeout;
        self.limits.connect = timeout.min(self.limits.connect);
        self
    }

    /// The same with another least time between the beginnings of two requests; 250 ms unless told, since
    /// Spotify counts the requests of 30 s and answers too many with a long ban.
    #[must_use]
    pub fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// The same with another way to wait.
    #[must_use]
    pub fn with_sleeper(mut self, sleeper: Arc<dyn Sleeper>) -> Self {
        self.sleeper = sleeper;
        self
    }

    /// The client id of the app; empty when none was given.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Whether the settings make sense: servers are `https://`, or `http://` on loopback.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`].
    pub fn validate(&self) -> Result<()> {
        let servers = [
            ("api_base_url", &self.api_base_url),
            ("auth_base_url", &self.auth_base_url),
        ];
        for (field, url) in servers {
            if !url.starts_with("https://") && !is_loopback(url) {
                return Err(Error::InvalidSetting {
                    field,
                    value: url.clone(),
                    expected: "an `https://` address, or an `http://` address on loopback",
                });
            }
        }
        let token = self.access_token.as_deref().unwrap_or_default();
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::InvalidSetting {
                field: "access_token",
                value: "***".to_owned(),
                expected: "printable ASCII without spaces",
            });
        }
        Ok(())
    }

    /// The folder that keeps the sign-in: the one given, or the user's configuration directory.
    ///
    /// # Errors
    /// [`Error::NoFolder`] when there is neither.
    pub fn config_dir(&self) -> Result<PathBuf> {
        folder(self.config_dir.as_deref(), "PLAYLIST_CONFIG_DIR", |project| {
            project.config_dir().to_owned()
        })
    }

    /// The folder that keeps fetched pages: the one given, or the user's cache directory.
    ///
    /// # Errors
    /// [`Error::NoFolder`] when there is neither.
    pub fn cache_dir(&self) -> Result<PathBuf> {
        folder(self.cache_dir.as_deref(), "PLAYLIST_CACHE_DIR", |project| {
            project.cache_dir().to_owned()
        })
    }
}

impl fmt::Debug for SpotifyConfig {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpotifyConfig")
            .field("client_id", &self.client_id)
            .field("access_token", &self.access_token.as_ref().map(|_| "***"))
            .field("api_base_url", &self.api_base_url)
            .field("auth_base_url", &self.auth_base_url)
            .field("config_dir", &self.config_dir)
            .field("cache_dir", &self.cache_dir)
            .field("retry", &self.retry)
            .field("pause", &self.pause)
            .finish_non_exhaustive()
    }
}

fn folder(
    given: Option<&Path>,
    variable: &'static str,
    of_project: impl Fn(&directories::ProjectDirs) -> PathBuf,
) -> Result<PathBuf> {
    if let Some(folder) = given {
        return Ok(folder.to_owned());
    }
    directories::ProjectDirs::from("", "", "playlist-classifier")
        .as_ref()
        .map(of_project)
        .ok_or(Error::NoFolder { variable })
}

/// Whether `url` is `http://` to this machine itself.
pub(crate) fn is_loopback(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // What stands before an @ is a user's name, not a host.
    if authority.contains('@') {
        return false;
    }
    if let Some(v6) = authority.strip_prefix('[') {
        return v6.split_once(']').is_some_and(|(host, _)| host == "::1");
    }
    let host = authority.split(':').next().unwrap_or_default();
    host.parse::<std::net::Ipv4Addr>()
        .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_taken_from_the_environment() {
        for url in [
            "http://127.0.0.1:80",
            "http://127.0.0.2/v1",
            "http://[::1]:8080/v1/",
        ] {
            assert!(is_loopback(url), "{url}");
            let config =
                SpotifyConfig::from_lookup(|name| (name == "PLAYLIST_SPOTIFY_API").then(|| url.into()));
            assert_eq!(config.unwrap().api_base_url, url);
        }
        for url in [
            "https://api.spotify.com",
            "http://localhost:1",
            "http://127.0.0.1@evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://10.0.0.1/",
            "127.0.0.1",
        ] {
            let config =
                SpotifyConfig::from_lookup(|name| (name == "PLAYLIST_SPOTIFY_AUTH").then(|| url.into()));
            assert!(
                matches!(
                    config,
                    Err(Error::InvalidSetting {
                        field: "PLAYLIST_SPOTIFY_AUTH",
                        ..
                    })
                ),
                "{url}"
            );
        }
    }

    #[test]
    fn a_token_that_would_break_a_header_is_refused_and_not_shown() {
        let config = SpotifyConfig::new("id").with_access_token("s3cret\r\nx: y");
        let error = config.validate().unwrap_err();
        assert!(!format!("{error} {error:?} {config:?}").contains("s3cret"));
    }
}
