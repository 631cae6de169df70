//! Waits on 127.0.0.1 for the browser to come back from Spotify.
//!
//! rspotify's listener takes one connection, so that the empty one which browsers open ahead of time ends the
//! sign-in; it has no time-out, and writes the code to the log.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;

use crate::{Error, Result};

/// How long one connection may take to say something: long enough for a browser on this machine.
const PATIENCE: Duration = Duration::from_millis(1000);
const MAX_REQUEST: usize = 16 << 10;

/// A listener for the end of one sign-in.
pub(crate) struct Listener(TcpListener);

/// What a request to the listener means.
#[derive(Debug, PartialEq, Eq)]
enum Visit {
    /// The browser brings a code.
    Code(String),
    /// The browser brings a no.
    Refused(String),
    /// Something else: an icon, another sign-in's end, noise.
    Other,
}

impl Listener {
    /// Listens on `port`, or on any that is free.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub(crate) fn bind(port: Option<u16>) -> Result<Self> {
        let port = port.unwrap_or(0);
        let error = |source| Error::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(error)?;
        listener.set_nonblocking(true).map_err(error)?;
        Ok(Self(listener))
    }

    /// The address that the browser comes back to.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub(crate) fn redirect_uri(&self) -> Result<String> {
        let address = self
            .0
            .local_addr()
            .map_err(|source| Error::Listen { port: 0, source })?;
        Ok(format!("http://{address}/callback"))
    }

    /// The code that comes with `state`, whatever else comes before.
    ///
    /// # Errors
    /// [`Error::SignInRefused`], [`Error::SignInTimedOut`].
    pub(crate) fn wait(&self, state: &str, timeout: Duration) -> Result<String> {
        let end = Instant::now() + timeout;
        while Instant::now() < end {
            let Ok((stream, _)) = self.0.accept() else {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            };
            // A connection that breaks or says nothing is none of ours.
            match visit(stream, state).unwrap_or(Visit::Other) {
                Visit::Code(code) => return Ok(code),
                Visit::Refused(reason) => return Err(Error::SignInRefused { reason }),
                Visit::Other => {}
            }
        }
        Err(Error::SignInTimedOut { waited: timeout })
    }
}

fn visit(mut stream: TcpStream, state: &str) -> std::io::Result<Visit> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = read_head(&mut stream)?;
    let visit = understand(&head, state);
    let (status, text) = match &visit {
        Visit::Code(_) => (
            "200 OK",
            "Spotify has answered. You can close this page and go back to the terminal.",
        ),
        Visit::Refused(_) => ("200 OK", "Not signed in. You can close this page."),
        Visit::Other => ("404 Not Found", "Nothing here."),
    };
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Playlist classifier</title>\
         <body style=\"font-family: sans-serif; margin: 3em\"><p>{text}</p></body></html>"
    );
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    // The code is here; that the browser does not show so changes nothing.
    let _ = stream.write_all(reply.as_bytes());
    Ok(visit)
}

fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let end = Instant::now() + PATIENCE;
    let mut head = Vec::new();
    let mut part = [0; 2048];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") && head.len() < MAX_REQUEST {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(Some(left))?;
        let n = stream.read(&mut part)?;
        if n == 0 {
            break;
        }
        head.extend_from_slice(&part[..n]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn understand(head: &str, state: &str) -> Visit {
    // Without its end a target may be a part of one.
    let Some((line, _)) = head.split_once("\r\n") else {
        return Visit::Other;
    };
    let mut words = line.split(' ');
    let (Some("GET"), Some(target)) = (words.next(), words.next()) else {
        return Visit::Other;
    };
    let Some(query) = target.strip_prefix("/callback?") else {
        return Visit::Other;
    };
    let field = |wanted: &str| {
        query.split('&').find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let value = value.replace('+', " ");
            (name == wanted).then(|| percent_decode_str(&value).decode_utf8_lossy().into_owned())
        })
    };
    if field("state").as_deref() != Some(state) {
        return Visit::Other;
    }
    match (field("code"), field("error")) {
        (Some(code), None) if !code.is_empty() => Visit::Code(code),
        (_, Some(reason)) => Visit::Refused(reason.chars().filter(|c| !c.is_control()).take(100).collect()),
        _ => Visit::Other,
    }
}

/// For fuzzing: reads a request and says whether it brings a code.
#[cfg(test)]
pub(crate) fn probe(head: &str, state: &str) -> bool {
    matches!(understand(head, state), Visit::Code(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_state_counts() {
        let visit = |target: &str| understand(&format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n"), "st");
        assert_eq!(
            visit("/callback?code=a%2Fb&state=st"),
            Visit::Code("a/b".to_owned())
        );
        assert_eq!(
            visit("/callback?error=access_denied&state=st"),
            Visit::Refused("access_denied".to_owned())
        );
        for target in [
            "/callback?code=a&state=other",
            "/callback?code=a",
            "/callback?error=access_denied",
            "/callback?state=st",
            "/callback?code=&state=st",
            "/favicon.ico",
            "/other?code=a&state=st",
            "",
        ] {
            assert_eq!(visit(target), Visit::Other, "{target}");
        }
        assert_eq!(understand("GET /callback?code=a&state=st", "st"), Visit::Other);
        assert_eq!(
            understand("POST /callback?code=a&state=st\r\n", "st"),
            Visit::Other
        );
        assert_eq!(understand("", "st"), Visit::Other);
    }
}
