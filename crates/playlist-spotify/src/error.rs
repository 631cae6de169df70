//! The errors of this crate.

use std::time::Duration;

use crate::retry::Remedy;

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong. No message holds a token, a code or a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the shared vocabulary.
    #[error(transparent)]
    Core(#[from] playlist_core::Error),
    /// The service asks to be left alone for longer than the policy waits.
    #[error("the service asks to wait {} before the next request: run again then", in_words(*retry_after))]
    RateLimited {
        /// How long to stay away.
        retry_after: Duration,
    },
    /// A reply 5xx, again and again.
    #[error("`{what}` failed with status {status}{}", told(message))]
    Server {
        /// The request, without its query.
        what: String,
        /// The HTTP status.
        status: u16,
        /// What the reply said.
        message: Option<String>,
        /// How long the reply asks to wait.
        retry_after: Option<Duration>,
    },
    /// A reply that says no: any status but 2xx, 401, 429 and 5xx.
    #[error("`{what}` was refused with status {status}{}", told(message))]
    Refused {
        /// The request, without its query.
        what: String,
        /// The HTTP status.
        status: u16,
        /// What the reply said.
        message: Option<String>,
    },
    /// A reply 401.
    #[error("`{what}` was refused: the access token is not valid{}", told(message))]
    Unauthorized {
        /// The request, without its query.
        what: String,
        /// What the reply said.
        message: Option<String>,
    },
    /// No whole reply: no connection, a broken one, or one that took too long.
    #[error("`{what}` got no whole reply: {reason}")]
    Unreachable {
        /// The request, without its query.
        what: String,
        /// What happened.
        reason: String,
    },
    /// A reply larger than is read.
    #[error("`{what}` sent more than {limit} bytes")]
    ReplyTooLarge {
        /// The request, without its query.
        what: String,
        /// The most that is read.
        limit: u64,
    },
    /// A reply that is not what was asked for.
    #[error("`{what}` sent a reply that cannot be read: {reason}")]
    BadReply {
        /// The request, without its query.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The run was stopped by its [`StopFlag`](crate::StopFlag).
    #[error("stopped: what was fetched is kept")]
    Stopped,
}

impl Error {
    /// Whether trying again may help.
    pub(crate) fn remedy(&self) -> Remedy {
        match self {
            Self::RateLimited { retry_after } => Remedy::After(*retry_after),
            Self::Server { retry_after, .. } => Remedy::Soon(retry_after.unwrap_or_default()),
            Self::Unreachable { .. } => Remedy::Soon(Duration::ZERO),
            _ => Remedy::Nothing,
        }
    }
}

fn told(message: &Option<String>) -> String {
    message
        .as_ref()
        .map_or_else(String::new, |text| format!(": \"{text}\""))
}

/// A span of time in the unit that suits it.
pub(crate) fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}
