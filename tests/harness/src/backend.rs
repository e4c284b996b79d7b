//! An application on a unix socket that says what it got.
//!
//! A thread for each connection, keep-alive, bodies by Content-Length and chunked. How it responds
//! stands in the path:
//!
//! | path | response |
//! |---|---|
//! | `/bytes/N` | N bytes (`x`), with Content-Length |
//! | `/chunked/N` | N bytes in chunks of at most 1000 |
//! | `/status/N` | status N and a short body |
//! | `/sleep/MS/...` | as the rest of the path, MS milliseconds later |
//! | `/close/...` | as the rest of the path, then the connection is closed |
//! | `/upgrade` | 101 to websocket (for the sample key of RFC 6455, section 1.3, and that of fosse-http2), `hello`, then every byte back |
//! | `/upgrade/late` | the same, but the bytes only after the client has sent its end |
//! | `/login/...` | 401 until a user has logged in over this connection, see [`Login`]; then as the rest of the path, with `X-User` |
//! | `/body` | the request's body |
//! | anything else | the request's head as it came, an empty line, and `body N` |
//!
//! Every response repeats the request's `X-Id` header, so that a client can tell whose response it
//! has. What the request's `X-Say` headers hold are header lines of the response.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::http::{Framing, Head, Reader};
use crate::login::Login;
use crate::{Dir, sockets};

/// The application. Its threads end with their connections; the listening one with the test.
#[derive(Debug)]
pub struct Backend {
    path: PathBuf,
    seen: Arc<Seen>,
    _dir: Dir,
}

/// What all connections share.
#[derive(Debug, Default)]
struct Seen {
    requests: AtomicUsize,
    connections: AtomicUsize,
    live: AtomicUsize,
    open: Mutex<Vec<UnixStream>>,
}

impl Backend {
    /// Starts one, on a socket that everybody may connect to.
    ///
    /// # Panics
    /// Where the socket cannot be made.
    #[must_use]
    pub fn start() -> Self {
        let dir = Dir::new();
        let (path, seen) = (dir.join("app.sock"), Arc::new(Seen::default()));
        let shared = Arc::clone(&seen);
        sockets::listen(&path, move |stream| {
            shared.connections.fetch_add(1, Ordering::Relaxed);
            if let (Ok(copy), Ok(mut open)) = (stream.try_clone(), shared.open.lock()) {
                open.push(copy);
            }
            shared.live.fetch_add(1, Ordering::Relaxed);
            serve(stream, &shared.requests);
            shared.live.fetch_sub(1, Ordering::Relaxed);
        });
        Self { path, seen, _dir: dir }
    }

    /// Returns its address as the configuration writes it: `unix:PATH`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    /// Returns the path of its socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of requests whose head it has read.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::Relaxed)
    }

    /// Returns the number of connections it has taken.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }

    /// Returns the number of connections whose other end has not closed them.
    #[must_use]
    pub fn live(&self) -> usize {
        self.seen.live.load(Ordering::Relaxed)
    }

    /// Ends every connection it has, as a restart of an application does.
    pub fn hang_up(&self) {
        if let Ok(mut open) = self.seen.open.lock() {
            for stream in open.drain(..) {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
        }
    }
}

/// The response to a key that is known, and the first bytes of the other protocol.
fn upgraded(key: Option<&str>) -> String {
    let accept = match key {
        Some("Zm9zc2Ugc3BlYWtzIGgyLg==") => "eIgfXRBva1+SQVRxFWFJl9wshI8=",
        _ => "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    };
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\nhello"
    )
}

fn serve(stream: UnixStream, requests: &AtomicUsize) {
    let mut reader = Reader::new(stream);
    let mut login = Login::default();
    while let Some(request) = Request::read(&mut reader, requests) {
        if let target @ ("GET /upgrade" | "GET /upgrade/late") = request.head.first.trim_end_matches(" HTTP/1.1") {
            let said = upgraded(request.header("sec-websocket-key"));
            let _ = upgrade(&mut reader, &said, target.ends_with("/late"));
            break;
        }
        let (response, close) = request.respond(&mut login);
        if reader.source.write_all(&response).is_err() || close {
            break;
        }
    }
    let _ = reader.source.shutdown(std::net::Shutdown::Both);
}

/// Speaks the other protocol: returns every byte, as it comes or `late`.
fn upgrade(reader: &mut Reader<UnixStream>, said: &str, late: bool) -> std::io::Result<()> {
    let mut out = reader.source.try_clone()?;
    out.write_all(said.as_bytes())?;
    let mut all = Vec::new();
    let _ = reader.body(Framing::UntilEnd, &mut |piece| {
        all.extend_from_slice(piece);
        if !late && out.write_all(piece).is_err() {
            let _ = out.shutdown(std::net::Shutdown::Both);
        }
    });
    if late { out.write_all(&all) } else { Ok(()) }
}

struct Request {
    head: Head,
    body: Vec<u8>,
}

impl Request {
    fn read(reader: &mut Reader<UnixStream>, requests: &AtomicUsize) -> Option<Self> {
        let head = reader.head().ok()?;
        requests.fetch_add(1, Ordering::Relaxed);
        let (framing, mut body) = (Framing::of(&head).ok()?.unwrap_or(Framing::Exact(0)), Vec::new());
        reader.body(framing, &mut |piece| body.extend_from_slice(piece)).ok()?;
        Some(Self { head, body })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.all(name).next()
    }

    /// Returns the bytes of the response, and whether the connection ends after them.
    #[expect(clippy::too_many_lines, reason = "one arm for each thing a backend can be told to do")]
    fn respond(&self, login: &mut Login) -> (Vec<u8>, bool) {
        let mut words = self.head.first.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut path = target.split('?').next().unwrap_or_default();
        let (mut close, mut status, mut login_lines) = (false, 200, String::new());
        loop {
            if let Some(rest) = path.strip_prefix("/sleep/") {
                let (pause, rest) = rest.split_once('/').unwrap_or((rest, ""));
                std::thread::sleep(Duration::from_millis(pause.parse().unwrap_or(0)));
                path = path.get(path.len().saturating_sub(rest.len().saturating_add(1))..).unwrap_or_default();
            } else if let Some(rest) = path.strip_prefix("/close") {
                close = true;
                path = rest;
            } else if let Some(rest) = path.strip_prefix("/login") {
                (status, login_lines) = login.respond(self.header("authorization"));
                path = if status == 401 { "/status/401" } else { rest };
            } else {
                break;
            }
        }
        let id = self.header("x-id").map(|id| format!("X-Id: {id}\r\n")).unwrap_or_default();
        let close_line = if close { "Connection: close\r\n" } else { "" };
        let number = |prefix: &str| path.strip_prefix(prefix).and_then(|text| text.parse::<usize>().ok());
        let mut chunked = false;
        let body = if let Some(count) = number("/bytes/") {
            vec![b'x'; count]
        } else if let Some(count) = number("/chunked/") {
            chunked = true;
            vec![b'x'; count]
        } else if let Some(asked) = number("/status/") {
            status = asked;
            format!("status {asked}\n").into_bytes()
        } else if path == "/body" {
            self.body.clone()
        } else {
            format!("{}body {}\n", self.head.text(), self.body.len()).into_bytes()
        };
        let length =
            if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {}", body.len()) };
        let said: String = self.head.all("x-say").map(|line| format!("{line}\r\n")).collect();
        let lines = format!("{length}\r\n{id}{login_lines}{close_line}{said}");
        let mut out = format!("HTTP/1.1 {status} Status\r\n{lines}\r\n").into_bytes();
        match (method, chunked) {
            ("HEAD", _) => {}
            (_, false) => out.extend_from_slice(&body),
            (_, true) => {
                for chunk in body.chunks(1000) {
                    out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\n\r\n");
            }
        }
        (out, close)
    }
}
