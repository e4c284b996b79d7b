//! An application on a unix socket that says what it got.
//!
//! A thread for each connection, keep-alive, bodies by Content-Length and chunked. What it answers stands in the path:
//!
//! | path | answer |
//! |---|---|
//! | `/bytes/N` | N bytes (`x`), with Content-Length |
//! | `/chunked/N` | N bytes in chunks of at most 1000 |
//! | `/status/N` | status N and a short body |
//! | `/sleep/MS/...` | as the rest of the path, MS milliseconds later |
//! | `/close/...` | as the rest of the path, then the connection is closed |
//! | `/upgrade` | 101 to websocket (for the sample key of RFC 6455, section 1.3), `hello`, then every byte back |
//! | `/upgrade/late` | the same, but the bytes only after the client has sent its end |
//! | `/login/...` | 401 until a user has logged in over this connection, see [`Login`]; then as the rest of the path, with `X-User` |
//! | `/body` | the request's body |
//! | anything else | the request's head as it came, an empty line, and `body N` |
//!
//! Every answer repeats the request's `X-Id` header, so that a client can tell whose answer it has.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::Dir;
use crate::login::Login;

/// The application. Its threads end with their connections; the listening one with the test.
#[derive(Debug)]
pub struct Backend {
    path: PathBuf,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    open: Arc<Mutex<Vec<UnixStream>>>,
    live: Arc<AtomicUsize>,
    _dir: Dir,
}

impl Backend {
    /// Starts one, on a socket that everybody may connect to.
    ///
    /// # Panics
    /// Where the socket cannot be made.
    #[must_use]
    pub fn start() -> Self {
        let dir = Dir::new();
        let path = dir.join("app.sock");
        let listener = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let backend = Self {
            path,
            requests: Arc::default(),
            connections: Arc::default(),
            open: Arc::default(),
            live: Arc::default(),
            _dir: dir,
        };
        let (requests, connections, open) =
            (backend.requests.clone(), backend.connections.clone(), backend.open.clone());
        let live = backend.live.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::Relaxed);
                if let (Ok(copy), Ok(mut open)) = (stream.try_clone(), open.lock()) {
                    open.push(copy);
                }
                let (requests, live) = (requests.clone(), live.clone());
                live.fetch_add(1, Ordering::Relaxed);
                std::thread::spawn(move || {
                    serve(stream, &requests);
                    live.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        backend
    }

    /// As the configuration writes it: `unix:PATH`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    /// Its socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Requests whose head it has read.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Connections it has taken.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Connections whose other end has not closed them.
    #[must_use]
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Ends every connection it has, as a restart of an application does.
    pub fn hang_up(&self) {
        if let Ok(mut open) = self.open.lock() {
            for stream in open.drain(..) {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
        }
    }
}

/// The answer to the sample key, and the first bytes of the other protocol.
const UPGRADED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello";

fn serve(stream: UnixStream, requests: &AtomicUsize) {
    let Ok(mut out) = stream.try_clone() else { return };
    let mut from = BufReader::new(stream);
    let mut login = Login::default();
    while let Some(request) = Request::read(&mut from, requests) {
        if request.head.starts_with("GET /upgrade/late ") {
            let mut all = Vec::new();
            let _ = out.write_all(UPGRADED).and_then(|()| from.read_to_end(&mut all)).and_then(|_| out.write_all(&all));
            break;
        }
        if request.head.starts_with("GET /upgrade ") {
            let _ = out.write_all(UPGRADED).and_then(|()| std::io::copy(&mut from, &mut out).map(drop));
            break;
        }
        let (answer, close) = request.answer(&mut login);
        if out.write_all(&answer).is_err() || close {
            break;
        }
    }
    let _ = out.shutdown(std::net::Shutdown::Both);
}

struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn read(from: &mut BufReader<UnixStream>, requests: &AtomicUsize) -> Option<Self> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if from.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        requests.fetch_add(1, Ordering::Relaxed);
        let mut request = Self { head, body: Vec::new() };
        if request.header("transfer-encoding").is_some() {
            request.read_chunks(from)?;
        } else if let Some(length) = request.header("content-length").and_then(|text| text.parse().ok()) {
            request.body = vec![0; length];
            from.read_exact(&mut request.body).ok()?;
        }
        Some(request)
    }

    fn read_chunks(&mut self, from: &mut BufReader<UnixStream>) -> Option<()> {
        loop {
            let mut line = String::new();
            from.read_line(&mut line).ok()?;
            let length = usize::from_str_radix(line.trim_end().split(';').next()?, 16).ok()?;
            let mut chunk = vec![0; length];
            from.read_exact(&mut chunk).ok()?;
            self.body.extend_from_slice(&chunk);
            line.clear();
            from.read_line(&mut line).ok()?;
            if length == 0 {
                return Some(());
            }
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The answer's bytes, and whether the connection ends after them.
    #[expect(clippy::too_many_lines, reason = "one arm for each thing a backend can be told to do")]
    fn answer(&self, login: &mut Login) -> (Vec<u8>, bool) {
        let mut words = self.head.split(' ');
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
                (status, login_lines) = login.answer(self.header("authorization"));
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
            format!("{}body {}\n", self.head, self.body.len()).into_bytes()
        };
        let length =
            if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {}", body.len()) };
        let mut out = format!("HTTP/1.1 {status} Status\r\n{length}\r\n{id}{login_lines}{close_line}\r\n").into_bytes();
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
