//! An application whose answers a test writes byte by byte.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;

use fosse_harness::Dir;

/// The application. `answer` gets the head of each request and writes; the connection goes on while it says true.
pub struct Answers {
    path: PathBuf,
    _dir: Dir,
}

impl Answers {
    pub fn start(answer: impl Fn(&str, &mut UnixStream) -> bool + Send + Sync + 'static) -> Self {
        let dir = Dir::new();
        let path = dir.join("app.sock");
        let listener = UnixListener::bind(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = answer.clone();
                std::thread::spawn(move || serve(stream, &*answer));
            }
        });
        Self { path, _dir: dir }
    }

    /// The same answer to every request.
    pub fn always(answer: Vec<u8>) -> Self {
        Self::start(move |_, to| to.write_all(&answer).is_ok())
    }

    pub fn address(&self) -> String {
        format!("unix:{}", self.path.display())
    }
}

fn serve(mut stream: UnixStream, answer: &dyn Fn(&str, &mut UnixStream) -> bool) {
    let mut from = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if from.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        if from.read_exact(&mut body).is_err() {
            return;
        }
        if !answer(&head, &mut stream) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

/// An answer of this status and type with a Content-Length.
pub fn plain(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    with(status, &format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()), body)
}

/// An answer with these fields.
pub fn with(status: u16, fields: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status} X\r\n{fields}\r\n").as_bytes(), body].concat()
}

/// One in chunks of this size.
pub fn chunked(kind: &str, body: &[u8], size: usize, trailers: &str) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 200 X\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in body.chunks(size) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
    out
}
