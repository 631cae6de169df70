//! A server on loopback that plays Spotify, its accounts or ReccoBeats: replies come from a script, requests are
//! written down. One thread a connection, one request a connection.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn param(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.param(name)?.parse().ok()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// A field of a form body.
    pub fn form(&self, name: &str) -> Option<String> {
        let fields = pairs(&self.body);
        find(&fields, name).map(str::to_owned)
    }
}

/// What goes wrong on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The connection closes after that many bytes of the body, fewer than were announced.
    CutBody(usize),
    /// The connection is reset before a reply.
    Reset,
    /// The connection closes before a reply.
    Close,
    /// Nothing is sent for that long (or until the server goes).
    Hang(Duration),
    /// One byte of the body a tick.
    Drip(Duration),
}

/// A reply of the script.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub delay: Duration,
    pub fault: Fault,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.into(),
            delay: Duration::ZERO,
            fault: Fault::None,
        }
    }

    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, body)
    }

    /// Spotify's way to say no.
    pub fn error(status: u16, message: &str) -> Self {
        let error = serde_json::json!({"error": {"status": status, "message": message}});
        Self::new(status, error.to_string())
    }

    pub fn fault(fault: Fault) -> Self {
        Self::json("{\"items\":[],\"total\":0,\"next\":null}").with_fault(fault)
    }

    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }
}

type Handler = Box<dyn Fn(&Request) -> Option<Reply> + Send + Sync>;

#[derive(Default)]
struct State {
    scripts: HashMap<String, Vec<Reply>>,
    handlers: Vec<Arc<Handler>>,
    requests: Vec<Request>,
}

/// The server; it goes when it is dropped.
pub struct MockServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    gone: Arc<AtomicBool>,
}

impl MockServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (state, gone) = (
            Arc::new(Mutex::new(State::default())),
            Arc::new(AtomicBool::new(false)),
        );
        let (shared, end) = (Arc::clone(&state), Arc::clone(&gone));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let (shared, end) = (Arc::clone(&shared), Arc::clone(&end));
                // A peer that goes away in the middle is what many tests do.
                std::thread::spawn(move || drop(serve(stream, &shared, &end)));
            }
        });
        Self { address, state, gone }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Gives `replies` in order to requests of `target`, the last one for ever. `target` is a path, or a path and
    /// those parts of the query that must be there: `/v1/me/tracks?offset=50`. The longest target wins.
    pub fn on(&self, target: &str, replies: impl IntoIterator<Item = Reply>) {
        let mut replies: Vec<Reply> = replies.into_iter().collect();
        assert!(!replies.is_empty(), "a script needs a reply");
        replies.reverse();
        self.state
            .lock()
            .unwrap()
            .scripts
            .insert(target.to_owned(), replies);
    }

    /// Asks `handler` for what no script answers; handlers are asked in order, `None` asks the next.
    pub fn handle(&self, handler: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) {
        let handler: Handler = Box::new(handler);
        self.state.lock().unwrap().handlers.push(Arc::new(handler));
    }

    /// As [`MockServer::handle`], but asked before every other handler.
    pub fn handle_first(&self, handler: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) {
        let handler: Handler = Box::new(handler);
        self.state.lock().unwrap().handlers.insert(0, Arc::new(handler));
    }

    /// Every request so far, those that met a fault included.
    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    /// How many requests had that path.
    pub fn count(&self, path: &str) -> usize {
        self.requests().iter().filter(|r| r.path == path).count()
    }

    pub fn forget_requests(&self) {
        self.state.lock().unwrap().requests.clear();
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        // Wakes the listener up so that it sees the flag.
        drop(TcpStream::connect_timeout(&self.address, Duration::from_secs(1)));
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, gone: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let Some(request) = read_request(&mut stream)? else {
        return Ok(());
    };
    let reply = answer(&request, state);
    nap(reply.delay, gone);
    match reply.fault {
        // The last byte of the request is still unread: closing now makes the system send a reset.
        Fault::Reset => return Ok(()),
        Fault::Close => return stream.read_exact(&mut [0]),
        Fault::Hang(time) => {
            nap(time, gone);
            return stream.read_exact(&mut [0]);
        }
        Fault::None | Fault::CutBody(_) | Fault::Drip(_) => stream.read_exact(&mut [0])?,
    }
    let mut head = format!("HTTP/1.1 {} Scripted\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\n\r\n", reply.body.len());
    stream.write_all(head.as_bytes())?;
    match reply.fault {
        Fault::CutBody(n) => stream.write_all(&reply.body[..n.min(reply.body.len())])?,
        Fault::Drip(tick) => {
            for byte in &reply.body {
                nap(tick, gone);
                stream.write_all(std::slice::from_ref(byte))?;
            }
        }
        _ => stream.write_all(&reply.body)?,
    }
    stream.flush()
}

fn answer(request: &Request, state: &Mutex<State>) -> Reply {
    let handlers = {
        let mut state = state.lock().unwrap();
        state.requests.push(request.clone());
        let target = state
            .scripts
            .keys()
            .filter(|target| matches_target(target, request))
            .max_by_key(|target| target.len())
            .cloned();
        if let Some(script) = target.and_then(|target| state.scripts.get_mut(&target)) {
            return match script.len() {
                1 => script[0].clone(),
                _ => script.pop().unwrap(),
            };
        }
        state.handlers.clone()
    };
    handlers
        .iter()
        .find_map(|handler| handler(request))
        .unwrap_or_else(|| Reply::error(404, &format!("no script for {} {}", request.method, request.path)))
}

fn matches_target(target: &str, request: &Request) -> bool {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    path == request.path
        && pairs(query)
            .iter()
            .all(|(name, value)| request.param(name) == Some(value))
}

/// Reads a request up to its last byte, which stays in the system's buffer.
fn read_request(stream: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let Some(head) = peek_head(stream)? else {
        return Ok(None);
    };
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| line.split_once(':'));
    let mut request = Request {
        method: method.to_owned(),
        path: decode(path),
        query: pairs(query),
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect(),
        body: String::new(),
    };
    let length: usize = request.header("content-length").map_or(0, |n| n.parse().unwrap());
    let mut bytes = vec![0; head.len() + length - 1];
    stream.read_exact(&mut bytes)?;
    if length > 0 {
        // The last byte of the body is needed too, and stays.
        let mut last = [0];
        while stream.peek(&mut last)? == 0 {}
        bytes.push(last[0]);
        request.body = String::from_utf8_lossy(&bytes[head.len()..]).into_owned();
    }
    Ok(Some(request))
}

fn peek_head(stream: &TcpStream) -> std::io::Result<Option<String>> {
    let mut buffer = vec![0; 64 << 10];
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        let n = stream.peek(&mut buffer)?;
        if let Some(head) = buffer[..n].windows(4).position(|four| four == b"\r\n\r\n") {
            return Ok(Some(String::from_utf8_lossy(&buffer[..head + 4]).into_owned()));
        }
        if n == 0 {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(None)
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// Undoes percent signs and plus signs.
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).unwrap_or(b'%')
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn nap(time: Duration, gone: &AtomicBool) {
    let end = Instant::now() + time;
    while Instant::now() < end && !gone.load(Ordering::Relaxed) {
        std::thread::sleep((end - Instant::now()).min(Duration::from_millis(20)));
    }
}
