//! What the token endpoint says when it says no.

use rspotify::ClientError;
use rspotify::http::HttpError;

use crate::http::{io_reason, message, redact, refusal, refusal_text, transport_reason, without_query};
use crate::{Error, SpotifyConfig};

/// Turns an error of rspotify into one of ours, which holds none of `secrets`.
pub(crate) fn token_error(config: &SpotifyConfig, error: ClientError, secrets: &[&str]) -> Error {
    let base = without_query(&config.auth_base_url).trim_end_matches('/');
    let what = format!("POST {base}/api/token");
    match error {
        ClientError::Http(error) => match *error {
            HttpError::StatusCode(reply) => refused(reply, what, secrets),
            HttpError::Transport(error) => Error::Unreachable {
                what,
                reason: redact(&transport_reason(&error), secrets),
            },
            HttpError::Io(error) => Error::Unreachable {
                what,
                reason: redact(&io_reason(&error), secrets),
            },
        },
        // serde's own message may quote a token.
        ClientError::ParseJson(error) if error.is_eof() => Error::Unreachable {
            what,
            reason: "the reply ended in the middle".to_owned(),
        },
        ClientError::ParseJson(error) => Error::BadReply {
            what,
            reason: format!(
                "line {}, column {}: expected a token",
                error.line(),
                error.column()
            ),
        },
        error => Error::BadReply {
            what,
            reason: redact(&error.to_string(), secrets),
        },
    }
}

fn refused(reply: ureq::Response, what: String, secrets: &[&str]) -> Error {
    let (status, header) = (reply.status(), reply.header("retry-after").map(str::to_owned));
    let body = refusal_text(reply);
    let parsed: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    if status == 400 && parsed["error"] == "invalid_grant" {
        return Error::SignInExpired {
            reason: message(&body, secrets).unwrap_or_default(),
        };
    }
    refusal(status, header.as_deref(), &body, what, secrets)
}

/// For fuzzing: what is wrong with a reply of the token endpoint.
#[cfg(test)]
pub(crate) fn probe(body: &str) -> Option<String> {
    let old = crate::token_file::StoredToken::new("client", 0);
    match serde_json::from_str::<rspotify::Token>(body) {
        Ok(token) => crate::session::merge(&old, &token)
            .err()
            .map(|error| error.to_string()),
        Err(error) => {
            let error = ClientError::ParseJson(error);
            Some(token_error(&SpotifyConfig::new("client"), error, &[]).to_string())
        }
    }
}
