//! The file that keeps the sign-in: a format of our own, for the owner's eyes alone.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

const FORMAT: u32 = 1;
const MAX_BYTES: u64 = 64 << 10;

/// A sign-in. No `Debug`: nothing may print it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredToken {
    format: u32,
    pub(crate) client_id: String,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    /// Seconds since 1970; the access token is of no use from then on.
    pub(crate) expires_at: u64,
    pub(crate) scopes: Vec<String>,
    /// Seconds since 1970; the listener's consent, which six months of refreshing rest on.
    pub(crate) authorized_at: u64,
}

impl StoredToken {
    pub(crate) fn new(client_id: &str, authorized_at: u64) -> Self {
        Self {
            format: FORMAT,
            client_id: client_id.to_owned(),
            access_token: String::new(),
            refresh_token: String::new(),
            expires_at: 0,
            scopes: Vec::new(),
            authorized_at,
        }
    }

    /// What makes the tokens useless, if anything does.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let is_token = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_token(&self.access_token) {
            Some("expected an access token of printable characters, found none")
        } else if !is_token(&self.refresh_token) {
            Some("expected a refresh token of printable characters, found none")
        } else {
            None
        }
    }

    /// Whether the access token has a minute or more to live.
    pub(crate) fn is_fresh(&self) -> bool {
        now() + 60 < self.expires_at
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs()
}

/// Where the sign-in is kept in the folder `config_dir`.
pub(crate) fn path(config_dir: &Path) -> PathBuf {
    config_dir.join("spotify-token.json")
}

/// The sign-in at `path`, if there is one.
///
/// # Errors
/// [`Error::TokenFile`]. What the file holds is not told.
pub(crate) fn read(path: &Path) -> Result<Option<StoredToken>> {
    let error = |reason: String| Error::TokenFile {
        path: path.to_owned(),
        reason,
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(error(cause.to_string())),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| error(cause.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(error(format!("it is larger than {MAX_BYTES} bytes")));
    }
    // serde's own message may quote what it found.
    let token: StoredToken = serde_json::from_slice(&bytes).map_err(|cause| {
        error(format!(
            "line {}, column {} is not as written",
            cause.line(),
            cause.column()
        ))
    })?;
    if token.format != FORMAT {
        return Err(error(format!("expected format {FORMAT}, found {}", token.format)));
    }
    match token.fault() {
        Some(reason) => Err(error(reason.to_owned())),
        None => Ok(Some(token)),
    }
}

/// Writes the sign-in to `path`, in one step and for the owner alone.
///
/// # Errors
/// [`Error::TokenFile`], [`Error::Core`].
pub(crate) fn write(path: &Path, token: &StoredToken) -> Result<()> {
    let error = |reason: String| Error::TokenFile {
        path: path.to_owned(),
        reason,
    };
    if let Some(folder) = path.parent() {
        crate::files::private_folder(folder).map_err(|cause| error(cause.to_string()))?;
    }
    let text = serde_json::to_vec_pretty(token).map_err(|cause| error(cause.to_string()))?;
    Ok(playlist_core::write_private_file(path, &text)?)
}

/// Deletes the sign-in at `path`; whether there was one.
///
/// # Errors
/// [`Error::TokenFile`].
pub(crate) fn delete(path: &Path) -> Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(Error::TokenFile {
            path: path.to_owned(),
            reason: cause.to_string(),
        }),
    }
}
