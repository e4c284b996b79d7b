//! An application whose responses a test writes byte by byte.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use fosse_harness::http::Reader;
use fosse_harness::{Dir, sockets};

/// The application. `respond` gets the head of each request and writes; the connection goes on
/// while it says true.
pub(crate) struct Application {
    path: PathBuf,
    _dir: Dir,
}

impl Application {
    pub(crate) fn start(respond: impl Fn(&str, &mut UnixStream) -> bool + Send + Sync + 'static) -> Self {
        let dir = Dir::new();
        let path = dir.join("app.sock");
        sockets::listen(&path, move |stream| {
            let mut reader = Reader::new(stream);
            while let Ok((head, _)) = reader.request() {
                if !respond(&head.text(), &mut reader.source) {
                    let _ = reader.source.shutdown(std::net::Shutdown::Both);
                    return;
                }
            }
        });
        Self { path, _dir: dir }
    }

    /// The same response to every request.
    pub(crate) fn always(response: Vec<u8>) -> Self {
        Self::start(move |_, to| to.write_all(&response).is_ok())
    }

    pub(crate) fn address(&self) -> String {
        format!("unix:{}", self.path.display())
    }
}

/// A response of this status and type with a Content-Length.
pub(crate) fn plain(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    with(status, &format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()), body)
}

/// A response with these fields.
pub(crate) fn with(status: u16, fields: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status} X\r\n{fields}\r\n").as_bytes(), body].concat()
}

/// One in chunks of this size.
pub(crate) fn chunked(kind: &str, body: &[u8], size: usize, trailers: &str) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 200 X\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in body.chunks(size) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
    out
}
