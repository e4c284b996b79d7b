//! The application behind the edge: one thread a connection, every response made from the request
//! line alone, every request held against it. What does not fit is kept as a finding: a backend
//! sees what got past the edge.

use std::{
    collections::HashSet,
    io::Write,
    os::unix::net::UnixStream,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use fosse_harness::{
    http::{Failed, Framing, Head, Reader},
    sockets,
};

use crate::{
    pattern::{self, Checker},
    request::{Request, Shape},
};

/// Responses above this are for slow readers.
const LARGE_BYTES: u64 = 1024 * 1024;

/// What all connections share.
#[derive(Debug, Default)]
struct Seen {
    /// Requests that came whole.
    requests: AtomicU64,
    /// Requests that were cut within their body.
    cut: AtomicU64,
    /// Connections.
    connections: AtomicU64,
    /// Ids of requests with a body: each may be carried out once.
    taken: Mutex<HashSet<u64>>,
    findings: Mutex<Vec<String>>,
}

impl Seen {
    fn finding(&self, what: String) {
        let mut findings = self.findings.lock().unwrap();
        if findings.len() < 20 {
            findings.push(what);
        }
    }
}

/// A backend that serves until it is dropped with its process.
#[derive(Clone, Debug)]
pub struct Backend {
    seen: Arc<Seen>,
}

impl Backend {
    /// Listens on a unix socket; `name` goes into each response as X-Backend.
    #[must_use]
    pub fn listen(path: &Path, name: &'static str) -> Self {
        let seen = Arc::new(Seen::default());
        let backend = Self { seen: Arc::clone(&seen) };
        sockets::listen(path, move |stream| {
            seen.connections.fetch_add(1, Relaxed);
            Connection { reader: Reader::new(stream), seen: Arc::clone(&seen), name }.serve();
        });
        backend
    }

    /// One line.
    #[must_use]
    pub fn line(&self) -> String {
        let Seen { requests, cut, connections, .. } = &*self.seen;
        let [requests, cut, connections] = [requests, cut, connections].map(|n| n.load(Relaxed));
        format!("connections={connections} requests={requests} cut={cut}")
    }

    /// Everything that must not have come here.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        self.seen.findings.lock().unwrap().clone()
    }
}

struct Connection {
    reader: Reader<UnixStream>,
    seen: Arc<Seen>,
    name: &'static str,
}

impl Connection {
    fn serve(mut self) {
        loop {
            match self.one() {
                Ok(true) => {}
                Ok(false) => return,
                Err(Failed::Wrong(why)) => return self.seen.finding(format!("backend: {why}")),
                Err(Failed::Cut { begun, .. }) => {
                    self.seen.cut.fetch_add(u64::from(begun), Relaxed);
                    return;
                }
                Err(Failed::Silent) => return,
            }
        }
    }

    /// One request and its response; false where the connection ends with it.
    fn one(&mut self) -> Result<bool, Failed> {
        let head = self.reader.head()?;
        let request = judge(&head).map_err(Failed::Wrong)?;
        if let Some(framing) = Framing::of(&head).map_err(Failed::Wrong)? {
            let mut body = Checker::new(request.id);
            self.reader.body(framing, &mut |piece| body.take(piece))?;
            let came = body.end().map_err(Failed::Wrong)?;
            if came != request.size {
                return Err(Failed::Wrong(format!("{came} bytes look complete: {}", head.first)));
            }
        }
        if !self.reader.unused().is_empty() {
            return Err(Failed::Wrong(format!("bytes behind the request {}", head.first)));
        }
        self.seen.requests.fetch_add(1, Relaxed);
        if request.shape == Shape::Take && !self.seen.taken.lock().unwrap().insert(request.id) {
            return Err(Failed::Wrong(format!("the same body twice: {}", head.first)));
        }
        let ends = request.shape == Shape::Close || request.shape.is_broken();
        Ok(self.respond(&request).is_ok() && !ends)
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each thing a backend can be told to do")]
    fn respond(&mut self, request: &Request) -> std::io::Result<()> {
        let Request { id, shape, size, .. } = *request;
        let to = &mut self.reader.source;
        let reason = if shape.status() == 200 { "OK" } else { "Other" };
        let mut out =
            format!("HTTP/1.1 {} {reason}\r\nX-Id: {id:016x}\r\nX-Backend: {}\r\n", shape.status(), self.name)
                .into_bytes();
        match shape {
            Shape::Gone => return Ok(()),
            Shape::Garbage => return to.write_all(garbage(id)),
            Shape::Twice => out.extend_from_slice(b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"),
            Shape::Chunked | Shape::ShortChunks => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Shape::Close => out.extend_from_slice(b"Connection: close\r\n"),
            Shape::Empty => {}
            Shape::Take => out.extend_from_slice(b"Content-Length: 0\r\n"),
            _ => out.extend_from_slice(format!("Content-Length: {size}\r\n").as_bytes()),
        }
        out.extend_from_slice(b"\r\n");
        if request.head || matches!(shape, Shape::Empty | Shape::Unchanged | Shape::Take) {
            return to.write_all(&out);
        }
        // A thousand threads busy with large ones must not stand between the edge and the cores.
        let come_after_others = |nice| {
            if size > LARGE_BYTES {
                let _ = rustix::process::setpriority_process(None, nice);
            }
        };
        come_after_others(15);
        let chunked = matches!(shape, Shape::Chunked | Shape::ShortChunks);
        let short = matches!(shape, Shape::Short | Shape::ShortChunks);
        let half = if short || shape == Shape::Slow { size / 2 } else { u64::MAX };
        let mut offset = 0;
        let mut block = Vec::new();
        while offset < size {
            let length = (size - offset).min(32 * 1024).min(half.saturating_sub(offset).max(1));
            block.resize(length as usize, 0);
            pattern::fill(id, offset, &mut block);
            if chunked {
                out.extend_from_slice(format!("{length:x}\r\n").as_bytes());
            }
            out.extend_from_slice(&block);
            if chunked {
                out.extend_from_slice(b"\r\n");
            }
            to.write_all(&out)?;
            out.clear();
            offset += length;
            if offset == half && short {
                return Ok(());
            }
            if offset == half {
                thread::sleep(Duration::from_millis(3));
            }
        }
        if shape == Shape::Chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        let written = to.write_all(&out);
        // The next request of this connection may be a small one of somebody else.
        come_after_others(0);
        written
    }
}

/// Responses that are none.
fn garbage(id: u64) -> &'static [u8] {
    const ALL: [&[u8]; 8] = [
        b"<html>an answer of HTTP/0.9</html>",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
    ];
    ALL[(id / 2 % 8) as usize]
}

/// What must be true of every request that reaches a backend.
fn judge(head: &Head) -> Result<Request, String> {
    let words: Vec<&str> = head.first.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words.as_slice() else { return Err(format!("request line {:?}", head.first)) };
    let mut request = Request::of_target(target).ok_or_else(|| format!("target {target:?}"))?;
    request.head = *method == "HEAD";
    let id = format!("{:016x}", request.id);
    if head.get("x-id") != Some(id.as_str()) {
        return Err(format!("{target}: X-Id {:?}", head.get("x-id")));
    }
    let expected = if request.head {
        "HEAD"
    } else if request.shape == Shape::Take {
        "POST"
    } else {
        "GET"
    };
    if *method != expected || head.get("host") != Some(request.host()) {
        return Err(format!("{:?} with host {:?}", head.first, head.get("host")));
    }
    if head.get("x-forwarded-for").is_none_or(|v| !v.starts_with("127.")) {
        return Err(format!("{target}: X-Forwarded-For {:?}", head.get("x-forwarded-for")));
    }
    Ok(request)
}
