//! The backend that the Core Rule Set's tests want: it sends the response that a request asks for.
//! Requests are bytes here, as tests send what is no UTF-8.

use std::io::Write as _;
use std::os::unix::net::UnixStream;

use fosse_harness::http::Reader;
use fosse_harness::{Dir, sockets};

/// Starts it; the socket's address, which lives as long as the directory.
pub(crate) fn start() -> (String, Dir) {
    let dir = Dir::new();
    let path = dir.join("app.sock");
    sockets::listen(&path, |stream| {
        let mut reader = Reader::new(stream);
        while let Ok((head, body)) = reader.request() {
            let mut words = head.bytes.split(|byte| *byte == b' ');
            let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            if respond(&mut reader.source, method, uri, &body).is_err() {
                return;
            }
        }
    });
    (format!("unix:{}", path.display()), dir)
}

fn respond(out: &mut UnixStream, method: &[u8], uri: &[u8], body: &[u8]) -> std::io::Result<()> {
    let reply = fosse_ftw::reflect(method, uri, body);
    let mut bytes = format!("HTTP/1.1 {} Reflected\r\n", reply.status).into_bytes();
    for (name, value) in &reply.headers {
        bytes.extend_from_slice(&[name, b": ".as_slice(), value, b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    if method != b"HEAD" {
        bytes.extend_from_slice(&reply.body);
    }
    out.write_all(&bytes)
}
