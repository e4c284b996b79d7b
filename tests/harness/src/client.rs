//! A client that sends what it is told and reads responses by RFC 9112, no more and no less.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::http::{Failed, Framing, Reader};
use crate::{WAIT_MAX, sockets};

/// A connection.
pub struct Client {
    reader: Reader<Box<dyn Stream>>,
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
        f.debug_struct("Client").field("unused", &self.reader.unused().len()).finish_non_exhaustive()
    }
}

/// A response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Head, status line included, as it came.
    pub head: String,
    fields: Vec<(String, String)>,
    /// Body, without its chunks.
    pub body: Vec<u8>,
    /// Whether the body came to the end its framing named.
    pub complete: bool,
}

impl Response {
    /// Returns the first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
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
        Self::try_connect(address).unwrap()
    }

    /// Does the same where the connection may be reset before connect(2) returns.
    ///
    /// # Errors
    /// Those of connect(2).
    pub fn try_connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { reader: Reader::new(Box::new(sockets::connect(address, WAIT_MAX)?)) })
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
        Self { reader: Reader::new(Box::new(stream)) }
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
        self.reader.source.write_all(bytes)
    }

    /// Says that nothing more will be sent.
    ///
    /// # Panics
    /// Where the connection is closed.
    pub fn half_close(&mut self) {
        self.reader.source.half_close();
    }

    /// Reads the next response, to a request that was not HEAD.
    ///
    /// # Panics
    /// Where none comes, or what comes is none.
    pub fn response(&mut self) -> Response {
        self.try_response(false).expect("a response")
    }

    /// Reads the next response; `None` where the connection ends (or fails) before its head is
    /// complete. `to_head`: the request was HEAD, so no body follows.
    ///
    /// # Panics
    /// Where what comes is no response.
    pub fn try_response(&mut self, to_head: bool) -> Option<Response> {
        response(&mut self.reader, to_head)
    }

    /// Reads exactly that number of bytes.
    ///
    /// # Panics
    /// Where the connection ends before.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = self.reader.body(Framing::Exact(count as u64), &mut |piece| bytes.extend_from_slice(piece));
        assert_eq!(read, Ok(()), "after {bytes:?}");
        bytes
    }

    /// Reads everything until the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end too.
        let _ = self.reader.body(Framing::UntilEnd, &mut |piece| bytes.extend_from_slice(piece));
        bytes
    }
}

/// Sends a GET on a connection of its own.
///
/// # Panics
/// Where no response comes.
#[must_use]
pub fn get(address: SocketAddr, target: &str) -> Response {
    request(address, format!("GET {target} HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n"))
}

/// Sends any request on a connection of its own.
///
/// # Panics
/// Where no response comes.
#[must_use]
pub fn request(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Response {
    let mut client = Client::connect(address);
    client.send(bytes.as_ref());
    client.response()
}

fn response<S: Read>(reader: &mut Reader<S>, to_head: bool) -> Option<Response> {
    let head = match reader.head() {
        Err(Failed::Wrong(why)) => panic!("no response: {why}"),
        read => read.ok()?,
    };
    let status = head.code.unwrap_or_else(|| panic!("no response: {head:?}"));
    let framing = if to_head || matches!(status, 100..=199 | 204 | 304) {
        Framing::Exact(0)
    } else {
        Framing::of(&head).unwrap_or_else(|why| panic!("{why}: {head:?}")).unwrap_or(Framing::UntilEnd)
    };
    let mut body = Vec::new();
    let complete = reader.body(framing, &mut |piece| body.extend_from_slice(piece)).is_ok();
    Some(Response { status, head: head.text(), fields: head.fields, body, complete })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], to_head: bool) -> (Option<Response>, Vec<u8>) {
        let mut reader = Reader::new(bytes);
        let response = response(&mut reader, to_head);
        (response, reader.unused().to_vec())
    }

    #[test]
    fn a_response_ends_where_its_framing_says_and_the_rest_is_kept() {
        let (response, left) = read(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Id: 7\r\n\r\nabcHTTP", false);
        let response = response.unwrap();
        assert_eq!((response.status, response.header("x-id"), &*response.text()), (200, Some("7"), "abc"));
        assert!(response.complete && left == b"HTTP");
        let chunked =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\nrest";
        let (response, left) = read(chunked, false);
        assert!(response.as_ref().is_some_and(|r| r.body == b"abc" && r.complete) && left == b"rest");
        let (response, left) = read(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nHTTP", true);
        assert!(response.is_some_and(|r| r.body.is_empty()) && left == b"HTTP");
        // No program sends an extension of a chunk.
        let extended = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n0\r\n\r\n";
        assert!(read(extended, false).0.is_some_and(|response| !response.complete));
    }

    #[test]
    fn a_cut_response_is_never_complete() {
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
