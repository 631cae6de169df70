//! The one place that sends requests to services: time-outs, a name of our own, and errors without secrets.
//!
//! rspotify's own transport is not used for reading: it writes the bearer token to the log, has one fixed time-out
//! and no limit on redirects. ureq itself writes `***` for it.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use crate::{Error, Result};

/// What services see as our name: some refuse the names of HTTP libraries.
pub(crate) const USER_AGENT: &str = concat!("playlist-classifier/", env!("CARGO_PKG_VERSION"));

/// The wait after a reply 429 that does not say how long: the window over which Spotify counts.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(30);

/// How long to wait for replies, and how much of them to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HttpLimits {
    /// For the connection to stand.
    pub(crate) connect: Duration,
    /// For the whole reply, from the first byte sent to the last one read.
    pub(crate) total: Duration,
    /// The most bytes of a reply, unpacked.
    pub(crate) max_bytes: u64,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            total: Duration::from_secs(30),
            max_bytes: 16 << 20,
        }
    }
}

/// A client that sends one request at a time and tries once; see [`crate::retry`] for more.
pub(crate) struct Http {
    agent: ureq::Agent,
    max_bytes: u64,
}

impl Http {
    pub(crate) fn new(limits: HttpLimits) -> Self {
        let agent = ureq::AgentBuilder::new()
            .user_agent(USER_AGENT)
            .timeout_connect(limits.connect)
            .timeout(limits.total)
            .try_proxy_from_env(true)
            // A token goes to the host that it is meant for and to no other.
            .redirects(0)
            .build();
        Self {
            agent,
            max_bytes: limits.max_bytes,
        }
    }

    /// The body of the reply to a GET, if its status is 2xx.
    ///
    /// # Errors
    /// [`Error::Unauthorized`], [`Error::RateLimited`], [`Error::Server`], [`Error::Refused`],
    /// [`Error::Unreachable`], [`Error::ReplyTooLarge`].
    pub(crate) fn get(&self, url: &str, query: &[(&str, &str)], bearer: Option<&str>) -> Result<String> {
        let what = format!("GET {}", without_query(url));
        let mut request = self.agent.get(url).set("accept", "application/json");
        for (name, value) in query {
            request = request.query(name, value);
        }
        if let Some(token) = bearer {
            request = request.set("authorization", &format!("Bearer {token}"));
        }
        let secrets: Vec<&str> = bearer.into_iter().collect();
        match request.call() {
            Ok(reply) if (200..300).contains(&reply.status()) => self.body(reply, &what),
            Ok(reply) | Err(ureq::Error::Status(_, reply)) => {
                let (status, header) = (reply.status(), reply.header("retry-after").map(str::to_owned));
                let body = refusal_text(reply);
                Err(refusal(status, header.as_deref(), &body, what, &secrets))
            }
            Err(ureq::Error::Transport(error)) => Err(Error::Unreachable {
                what,
                reason: redact(&transport_reason(&error), &secrets),
            }),
        }
    }

    fn body(&self, reply: ureq::Response, what: &str) -> Result<String> {
        let what = || what.to_owned();
        let expected = reply
            .header("content-length")
            .and_then(|text| text.parse::<u64>().ok());
        if expected.is_some_and(|length| length > self.max_bytes) {
            return Err(Error::ReplyTooLarge {
                what: what(),
                limit: self.max_bytes,
            });
        }
        let mut bytes = Vec::new();
        reply
            .into_reader()
            .take(self.max_bytes + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::Unreachable {
                what: what(),
                reason: io_reason(&error),
            })?;
        if bytes.len() as u64 > self.max_bytes {
            return Err(Error::ReplyTooLarge {
                what: what(),
                limit: self.max_bytes,
            });
        }
        String::from_utf8(bytes).map_err(|error| Error::BadReply {
            what: what(),
            reason: format!("byte {} is no UTF-8", error.utf8_error().valid_up_to()),
        })
    }
}

/// The error of a status that is no 2xx.
pub(crate) fn refusal(
    status: u16,
    header: Option<&str>,
    body: &str,
    what: String,
    secrets: &[&str],
) -> Error {
    let (retry_after, message) = (retry_after(header), message(body, secrets));
    match status {
        401 => Error::Unauthorized { what, message },
        429 => Error::RateLimited {
            retry_after: retry_after.unwrap_or(DEFAULT_RETRY_AFTER),
        },
        500.. => Error::Server {
            what,
            status,
            message,
            retry_after,
        },
        _ => Error::Refused {
            what,
            status,
            message,
        },
    }
}

/// The first part of the text of a reply that says no. The status alone says enough when it cannot be read.
pub(crate) fn refusal_text(reply: ureq::Response) -> String {
    let mut bytes = Vec::new();
    let _ = reply.into_reader().take(64 << 10).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The seconds of a `Retry-After` header. Dates, which neither service sends, count as none.
pub(crate) fn retry_after(header: Option<&str>) -> Option<Duration> {
    let seconds: u64 = header?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// What a reply that says no has to say, in one short line: the message of Spotify's API
/// (`error.message`), of its accounts (`error_description`), of ReccoBeats (`errors[].message`), or the text as it is.
pub(crate) fn message(body: &str, secrets: &[&str]) -> Option<String> {
    let parsed: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let known = [
        "/error/message",
        "/error_description",
        "/error",
        "/errors/0/message",
        "/message",
    ];
    let text = known
        .iter()
        .find_map(|place| parsed.pointer(place).and_then(serde_json::Value::as_str))
        .unwrap_or(body);
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect();
    let line = redact(line.trim(), secrets);
    (!line.is_empty()).then_some(line)
}

/// `text` with every one of `secrets` struck out. Shorter ones than any real secret are left: striking them out
/// would only shred the text.
pub(crate) fn redact(text: &str, secrets: &[&str]) -> String {
    secrets
        .iter()
        .filter(|secret| secret.len() >= 6)
        .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
}

/// `url` without its scheme and its query.
pub(crate) fn without_query(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['?', '#']).next().unwrap_or(rest)
}

/// What a broken transport has to say, without the address, whose query may be long.
pub(crate) fn transport_reason(error: &ureq::Transport) -> String {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return io_reason(io);
        }
        source = cause.source();
    }
    match error.message() {
        Some(text) => format!("{}: {text}", error.kind()),
        None => error.kind().to_string(),
    }
}

pub(crate) fn io_reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "it took too long".to_owned(),
        ErrorKind::UnexpectedEof => "the reply ended in the middle".to_owned(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            "the connection broke".to_owned()
        }
        ErrorKind::ConnectionRefused => "nobody answers at that address".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::{Fault, MockServer, Reply};

    fn http() -> Http {
        Http::new(HttpLimits {
            total: Duration::from_millis(500),
            max_bytes: 1000,
            ..HttpLimits::default()
        })
    }

    fn get(reply: Reply) -> Result<String> {
        let server = MockServer::start();
        server.on("/v1/x", [reply]);
        http().get(&format!("{}/v1/x", server.url()), &[], Some("s3cret"))
    }

    #[test]
    fn a_request_says_who_asks_for_what() {
        let server = MockServer::start();
        server.on("/v1/x?ids=a,b&q=c d", [Reply::json("{}")]);
        let query = [("ids", "a,b"), ("q", "c d")];
        let body = http().get(&format!("{}/v1/x", server.url()), &query, Some("s3cret"));
        assert_eq!(body.unwrap(), "{}");
        let request = &server.requests()[0];
        assert_eq!(request.header("user-agent"), Some(USER_AGENT));
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!(request.header("authorization"), Some("Bearer s3cret"));
    }

    #[test]
    fn each_status_is_an_error_of_its_own() {
        let no = |status| get(Reply::error(status, "no: s3cret")).unwrap_err();
        let text = no(401).to_string();
        assert!(text.contains("GET 127.0.0.1") && text.contains("/v1/x") && text.contains("no: ***"));
        assert!(matches!(no(401), Error::Unauthorized { .. }));
        assert!(matches!(no(403), Error::Refused { status: 403, .. }));
        assert!(matches!(no(500), Error::Server { status: 500, .. }));
        assert!(matches!(no(301), Error::Refused { status: 301, .. }));
        let limited = |reply| match get(reply).unwrap_err() {
            Error::RateLimited { retry_after } => retry_after.as_secs(),
            error => panic!("{error}"),
        };
        assert_eq!(
            limited(Reply::error(429, "slow").with_header("Retry-After", "7")),
            7
        );
        assert_eq!(limited(Reply::error(429, "slow")), 30);
    }

    #[test]
    fn a_broken_connection_is_unreachable_and_says_how() {
        let reason = |fault| match get(Reply::json("{\"a\": [1, 2, 3]}").with_fault(fault)) {
            Err(Error::Unreachable { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(Fault::CutBody(5)), "the reply ended in the middle");
        assert_eq!(reason(Fault::Reset), "the connection broke");
        assert_eq!(reason(Fault::Hang(Duration::from_secs(60))), "it took too long");
        assert_eq!(
            reason(Fault::Drip(Duration::from_millis(100))),
            "it took too long"
        );
        reason(Fault::Close);
        let nobody = http().get("http://127.0.0.1:1/x", &[], None).unwrap_err();
        assert!(matches!(nobody, Error::Unreachable { .. }));
    }

    #[test]
    fn a_large_reply_and_one_that_is_no_text_are_refused() {
        assert!(matches!(
            get(Reply::json("x".repeat(2000))),
            Err(Error::ReplyTooLarge { limit: 1000, .. })
        ));
        assert!(matches!(
            get(Reply::json(b"{\"\xff".to_vec())),
            Err(Error::BadReply { .. })
        ));
    }

    #[test]
    fn a_redirect_is_not_followed_with_the_token() {
        let other = MockServer::start();
        let reply = Reply::new(302, "").with_header("Location", &other.url());
        assert!(matches!(get(reply), Err(Error::Refused { status: 302, .. })));
        assert!(other.requests().is_empty());
    }

    #[test]
    fn the_message_of_each_service_is_found_and_kept_short() {
        let of = |body: &str| message(body, &["s3cret"]);
        assert_eq!(
            of(r#"{"error":{"status":404,"message":"Not found"}}"#).unwrap(),
            "Not found"
        );
        assert_eq!(
            of(r#"{"error":"invalid_grant","error_description":"token s3cret revoked"}"#).unwrap(),
            "token *** revoked"
        );
        assert_eq!(of(r#"{"error":"invalid_client"}"#).unwrap(), "invalid_client");
        assert_eq!(
            of(r#"{"status":4004,"errors":[{"path":"ids","message":"size"}]}"#).unwrap(),
            "size"
        );
        assert_eq!(of("Bad\r\ngateway s3cret").unwrap(), "Bad  gateway ***");
        assert_eq!(of(&"x".repeat(5000)).unwrap().len(), 300);
        assert_eq!(of(" \n"), None);
    }

    #[test]
    fn only_seconds_are_read_from_retry_after() {
        assert_eq!(retry_after(Some(" 12 ")), Some(Duration::from_secs(12)));
        for text in [None, Some(""), Some("-1"), Some("soon"), Some("1.5")] {
            assert_eq!(retry_after(text), None);
        }
    }

    #[test]
    fn the_query_is_not_told() {
        assert_eq!(without_query("https://host/v1/x?ids=1#a"), "host/v1/x");
        assert_eq!(without_query("host"), "host");
    }
}
