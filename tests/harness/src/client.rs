//! A client that sends what it is told and reads answers by RFC 9112, no more and no less.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::WAIT_MAX;

/// A connection.
pub struct Client {
    stream: Box<dyn Stream>,
    /// Bytes that came after the last answer.
    left: Vec<u8>,
}

trait Stream: Read + Write + Send {
    fn half_close(&self);
}

impl Stream for TcpStream {
    fn half_close(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

impl Stream for UnixStream {
    fn half_close(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("left", &self.left.len()).finish_non_exhaustive()
    }
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Head, status line included, as it came.
    pub head: String,
    /// Body, without its chunks.
    pub body: Vec<u8>,
    /// The body came to the end its framing named.
    pub complete: bool,
}

impl Response {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

impl Client {
    /// Connects by TCP. Reads and writes end with an error after [`WAIT_MAX`].
    ///
    /// # Panics
    /// Where nobody listens.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, WAIT_MAX).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
        stream.set_write_timeout(Some(WAIT_MAX)).unwrap();
        Self { stream: Box::new(stream), left: Vec::new() }
    }

    /// Connects to a unix socket.
    ///
    /// # Panics
    /// Where nobody listens.
    #[must_use]
    pub fn connect_unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
        stream.set_write_timeout(Some(WAIT_MAX)).unwrap();
        Self { stream: Box::new(stream), left: Vec::new() }
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// Where the connection is closed.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).unwrap();
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Where the connection is closed.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Says that nothing more will be sent.
    ///
    /// # Panics
    /// Where the connection is closed.
    pub fn half_close(&mut self) {
        self.stream.half_close();
    }

    /// The next answer to a request that was not HEAD.
    ///
    /// # Panics
    /// Where none comes.
    pub fn response(&mut self) -> Response {
        self.try_response(false).expect("an answer")
    }

    /// The next answer; `None` where the connection ends (or fails) before its head is complete. `to_head`: the request was HEAD,
    /// so no body follows.
    pub fn try_response(&mut self, to_head: bool) -> Option<Response> {
        read_response(&mut self.stream, &mut self.left, to_head)
    }

    /// The next bytes, as many as asked for.
    ///
    /// # Panics
    /// Where the connection ends before.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut input = Input { stream: &mut self.stream, bytes: std::mem::take(&mut self.left) };
        assert!(input.take(count, &mut bytes), "the connection ended after {bytes:?}");
        self.left = input.bytes;
        bytes
    }

    /// Everything until the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.left);
        // A reset is an end too.
        let _ = self.stream.read_to_end(&mut bytes);
        bytes
    }
}

/// A GET on a connection of its own.
///
/// # Panics
/// Where no answer comes.
#[must_use]
pub fn get(address: SocketAddr, target: &str) -> Response {
    request(address, format!("GET {target} HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n"))
}

/// Any request on a connection of its own.
///
/// # Panics
/// Where no answer comes.
#[must_use]
pub fn request(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Response {
    let mut client = Client::connect(address);
    client.send(bytes.as_ref());
    client.response()
}

/// Reads one answer from any stream; `left` holds bytes that were read beyond it. `None` where the stream ends before a head is
/// complete. `complete` is false where it ends within a body.
pub fn read_response(stream: &mut impl Read, left: &mut Vec<u8>, to_head: bool) -> Option<Response> {
    let mut input = Input { stream, bytes: std::mem::take(left) };
    let response = response(&mut input, to_head);
    *left = input.bytes;
    response
}

struct Input<'a, S> {
    stream: &'a mut S,
    bytes: Vec<u8>,
}

impl<S: Read> Input<'_, S> {
    /// Reads more; false at the end.
    fn more(&mut self) -> bool {
        let mut bytes = [0; 64 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.bytes.extend_from_slice(&bytes[..count]);
                true
            }
        }
    }

    /// Takes bytes up to and with `end`.
    fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let mut from = 0_usize;
        loop {
            let found = self.bytes.get(from..)?.windows(end.len()).position(|window| window == end);
            if let Some(at) = found {
                let rest = self.bytes.split_off(from + at + end.len());
                return Some(std::mem::replace(&mut self.bytes, rest));
            }
            from = self.bytes.len().saturating_sub(end.len());
            if !self.more() {
                return None;
            }
        }
    }

    /// Takes `count` bytes, or as many as there are; whether they were all there.
    fn take(&mut self, count: usize, into: &mut Vec<u8>) -> bool {
        let mut missing = count;
        loop {
            let piece = missing.min(self.bytes.len());
            into.extend(self.bytes.drain(..piece));
            missing -= piece;
            if missing == 0 {
                return true;
            }
            if !self.more() {
                return false;
            }
        }
    }
}

fn response<S: Read>(input: &mut Input<'_, S>, to_head: bool) -> Option<Response> {
    let head = String::from_utf8_lossy(&input.until(b"\r\n\r\n")?).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut response = Response { status, head, body: Vec::new(), complete: true };
    if to_head || matches!(status, 100..=199 | 204 | 304) {
        return Some(response);
    }
    let mut body = Vec::new();
    response.complete = if response.header("transfer-encoding").is_some() {
        chunks(input, &mut body).is_some()
    } else if let Some(length) = response.header("content-length").and_then(|text| text.parse().ok()) {
        input.take(length, &mut body)
    } else {
        while input.more() {}
        body.append(&mut input.bytes);
        true
    };
    response.body = body;
    Some(response)
}

/// Chunks up to the last one and its trailers.
fn chunks<S: Read>(input: &mut Input<'_, S>, body: &mut Vec<u8>) -> Option<()> {
    loop {
        let line = input.until(b"\r\n")?;
        let digits = String::from_utf8_lossy(&line);
        let length = usize::from_str_radix(digits.trim_end().split(';').next()?, 16).ok()?;
        if length == 0 {
            while input.until(b"\r\n")? != b"\r\n" {}
            return Some(());
        }
        if !input.take(length, body) || input.until(b"\r\n")? != b"\r\n" {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], to_head: bool) -> (Option<Response>, Vec<u8>) {
        let mut left = Vec::new();
        let response = read_response(&mut &*bytes, &mut left, to_head);
        (response, left)
    }

    #[test]
    fn an_answer_ends_where_its_framing_says_and_the_rest_is_kept() {
        let (response, left) = read(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Id: 7\r\n\r\nabcHTTP", false);
        let response = response.unwrap();
        assert_eq!((response.status, response.header("x-id"), &*response.text()), (200, Some("7"), "abc"));
        assert!(response.complete && left == b"HTTP");
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\nrest";
        let (response, left) = read(chunked, false);
        assert!(response.as_ref().is_some_and(|r| r.body == b"abc" && r.complete) && left == b"rest");
        let (response, left) = read(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nHTTP", true);
        assert!(response.is_some_and(|r| r.body.is_empty()) && left == b"HTTP");
    }

    #[test]
    fn a_cut_answer_is_never_complete() {
        for whole in [
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc".as_slice(),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        ] {
            for cut in 0..whole.len() {
                assert!(read(&whole[..cut], false).0.is_none_or(|response| !response.complete), "{cut}");
            }
            assert!(read(whole, false).0.is_some_and(|response| response.complete));
        }
    }
}
