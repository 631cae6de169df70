//! The errors of this crate.

use std::path::PathBuf;
use std::time::Duration;

use playlist_core::message::in_words;

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
    #[error(
        "`{what}` was refused: the access token is not valid or has expired{}",
        told(message)
    )]
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
    /// Nobody is signed in.
    #[error("nobody is signed in to Spotify: sign in first")]
    NotSignedIn,
    /// Spotify ended the sign-in: six months are over, or the listener took the app's access away. What was kept
    /// of it is deleted.
    #[error("Spotify ended the sign-in (\"{reason}\"): sign in again")]
    SignInExpired {
        /// What Spotify said.
        reason: String,
    },
    /// The listener, or Spotify, said no in the browser.
    #[error("the sign-in was refused: \"{reason}\"")]
    SignInRefused {
        /// The reason that the browser brought, such as `access_denied`.
        reason: String,
    },
    /// Nobody signed in in time.
    #[error("nobody signed in within {}: start the sign-in again", in_words(*waited))]
    SignInTimedOut {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The sign-in cannot listen for the browser.
    #[error("port {port} of 127.0.0.1 cannot be listened on: choose another or none")]
    Listen {
        /// The port, 0 for any.
        port: u16,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file that keeps the sign-in cannot be used.
    #[error("the sign-in kept in `{}` cannot be used: {reason}; sign out and in again", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no place for files: neither a home directory nor a folder that was given.
    #[error("no folder for files is known: set `{variable}`")]
    NoFolder {
        /// The variable that gives one.
        variable: &'static str,
    },
    /// A setting outside its range.
    #[error("setting `{field}` is `{value}`: expected {expected}")]
    InvalidSetting {
        /// The name of the setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// The values allowed.
        expected: &'static str,
    },
    /// Spotify gives apps the tracks of the listener's own and collaborative playlists, and of no other.
    #[error(
        "Spotify does not give apps the tracks of playlists that you only follow (status {status}{}): copy them to a playlist of your own",
        told(message)
    )]
    ClosedPlaylist {
        /// The HTTP status: 403, or 404 for playlists that Spotify makes itself.
        status: u16,
        /// What the reply said.
        message: Option<String>,
    },
    /// A text that is no id of its kind.
    #[error(
        "`{text}` is no {kind}: expected its id, `spotify:{kind}:ID` or `https://open.spotify.com/{kind}/ID`"
    )]
    InvalidId {
        /// `playlist` or `album`.
        kind: &'static str,
        /// The text as given.
        text: String,
    },
    /// Spotify serves an app only while the one who made it has Premium.
    #[error("Spotify asks for Premium: \"{message}\"")]
    PremiumRequired {
        /// What Spotify said.
        message: String,
    },
    /// Fetched pages cannot be kept, or what is kept cannot be read.
    #[error("`{}`, which keeps fetched pages, cannot be used: {reason}", path.display())]
    Checkpoint {
        /// The file or folder.
        path: PathBuf,
        /// What happened.
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
