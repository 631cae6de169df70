//! Requests to Spotify's Web API for a signed-in listener.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{Http, without_query};
use crate::retry::Retry;
use crate::{Error, Result, RetryEvent, Session, SpotifyConfig, StopFlag};

/// A client of the Web API: paced, patient, and with one renewal of the token for a reply 401.
pub(crate) struct Api {
    session: Session,
    http: Http,
    config: SpotifyConfig,
    stop: StopFlag,
    last: Option<Instant>,
    n_requests: u64,
}

impl Api {
    pub(crate) fn new(session: &Session, config: &SpotifyConfig, stop: &StopFlag) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            session: session.clone(),
            http: Http::new(config.limits),
            config: config.clone(),
            stop: stop.clone(),
            last: None,
            n_requests: 0,
        })
    }

    /// The requests sent so far, repeated ones included.
    pub(crate) fn n_requests(&self) -> u64 {
        self.n_requests
    }

    /// The JSON object at `path` of the Web API, such as `me/tracks`.
    ///
    /// # Errors
    /// [`Error::Stopped`], [`Error::RateLimited`], [`Error::Unauthorized`], [`Error::PremiumRequired`],
    /// [`Error::Refused`], [`Error::SignInExpired`], [`Error::NotSignedIn`], [`Error::Server`],
    /// [`Error::Unreachable`], [`Error::ReplyTooLarge`], [`Error::BadReply`].
    pub(crate) fn get(
        &mut self,
        path: &str,
        query: &[(&str, &str)],
        tell: &mut dyn FnMut(&RetryEvent),
    ) -> Result<Value> {
        let url = format!("{}/{path}", self.config.api_base_url.trim_end_matches('/'));
        let config = self.config.clone();
        let stop = self.stop.clone();
        let retry = Retry {
            policy: &config.retry,
            sleeper: &*config.sleeper,
            stop: &stop,
        };
        let mut renewed = false;
        let reply = retry.run(tell, || {
            let token = self.session.access_token()?;
            let refused = match self.send(&url, query, &token) {
                Err(error @ Error::Unauthorized { .. }) if !renewed => error,
                reply => return reply,
            };
            renewed = true;
            match self.session.renew(&token)? {
                Some(token) => self.send(&url, query, &token),
                None => Err(refused),
            }
        });
        reply.map_err(premium)
    }

    /// One request, one reply.
    fn send(&mut self, url: &str, query: &[(&str, &str)], token: &str) -> Result<Value> {
        self.keep_pace();
        self.n_requests += 1;
        let body = self.http.get(url, query, Some(token))?;
        parse(&body, &format!("GET {}", without_query(url)))
    }

    fn keep_pace(&mut self) {
        let since = self.last.map_or(Duration::MAX, |last| last.elapsed());
        let wait = self.config.pause.saturating_sub(since);
        if !wait.is_zero() {
            self.config.sleeper.sleep(wait, &self.stop);
        }
        self.last = Some(Instant::now());
    }
}

/// The object in `body`. One that ends too early counts as a broken connection, since not every server says how
/// long its reply is.
pub(crate) fn parse(body: &str, what: &str) -> Result<Value> {
    let what = what.to_owned();
    match serde_json::from_str(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Error::BadReply {
            what,
            reason: "expected a JSON object".to_owned(),
        }),
        Err(error) if error.is_eof() => Err(Error::Unreachable {
            what,
            reason: "the reply ended in the middle".to_owned(),
        }),
        Err(error) => Err(Error::BadReply {
            what,
            reason: format!("no JSON at line {}, column {}", error.line(), error.column()),
        }),
    }
}

fn premium(error: Error) -> Error {
    match error {
        Error::Refused {
            status: 403,
            message: Some(message),
            ..
        } if message.to_lowercase().contains("premium") => Error::PremiumRequired { message },
        error => error,
    }
}
