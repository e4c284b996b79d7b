//! A connection of a backend.

use std::{
    io::{self, Write},
    os::unix::net::UnixStream,
    sync::atomic::Ordering::Relaxed,
    thread,
    time::Duration,
};

use fosse_harness::http::{Failed, Framing, Reader};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::SendFlags,
};

use super::{Shared, judge::judge};
use crate::{
    pattern::{self, Checker},
    request::{Request, Shape},
};

/// Responses above this are for slow readers.
const LARGE_BYTES: u64 = 1024 * 1024;
/// The request line of a health check of the edge's.
const HEALTH_CHECK: &str = "GET /health HTTP/1.1";
/// Bytes of a body that are made at a time.
const BLOCK_BYTES: u64 = 32 * 1024;

/// A connection and what it shares with the others.
pub(super) struct Connection<'a> {
    reader: Reader<UnixStream>,
    shared: &'a Shared,
}

impl<'a> Connection<'a> {
    /// Takes over a connection.
    pub(super) fn new(stream: UnixStream, shared: &'a Shared) -> Self {
        Self { reader: Reader::new(stream), shared }
    }

    /// Serves it to its end.
    pub(super) fn serve(mut self) {
        let seen = &self.shared.seen;
        loop {
            match self.one() {
                Ok(true) => {}
                Ok(false) => return,
                Err(Failed::Wrong(why)) => return seen.finding(format!("backend: {why}")),
                Err(Failed::Cut { begun, .. }) => {
                    seen.cut.fetch_add(u64::from(begun), Relaxed);
                    return;
                }
                Err(Failed::Silent) => return,
            }
        }
    }

    /// One request and its response; false where the connection ends with it.
    fn one(&mut self) -> Result<bool, Failed> {
        let head = self.reader.head()?;
        if head.first == HEALTH_CHECK {
            let healthy = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            return Ok(self.reader.source.write_all(healthy).is_ok());
        }
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
        self.shared.seen.requests.fetch_add(1, Relaxed);
        if request.shape == Shape::Take && !self.shared.seen.takes(request.id) {
            return Err(Failed::Wrong(format!("the same body twice: {}", head.first)));
        }
        let ends = request.shape == Shape::Close || request.shape.is_broken();
        Ok(self.respond(&request).is_ok() && !ends)
    }

    fn respond(&mut self, request: &Request) -> io::Result<()> {
        let Request { id, shape, size, .. } = *request;
        if matches!(shape, Shape::Gone) {
            return Ok(());
        }
        if matches!(shape, Shape::Garbage) {
            return self.reader.source.write_all(garbage(id));
        }
        let reason = if shape.status() == 200 { "OK" } else { "Other" };
        let framing = match shape {
            Shape::Twice => "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            Shape::Chunked | Shape::ShortChunks => "Transfer-Encoding: chunked\r\n",
            Shape::Close => "Connection: close\r\n",
            Shape::Empty => "",
            Shape::Take => "Content-Length: 0\r\n",
            _ => &format!("Content-Length: {size}\r\n"),
        };
        let head = format!(
            "HTTP/1.1 {} {reason}\r\nX-Id: {id:016x}\r\nX-Backend: {}\r\n{framing}\r\n",
            shape.status(),
            self.shared.name
        );
        if request.head || matches!(shape, Shape::Empty | Shape::Unchanged | Shape::Take) {
            return self.reader.source.write_all(head.as_bytes());
        }
        self.write_body(request, head.into_bytes())
    }

    /// Writes the body after what is in `out`.
    fn write_body(&mut self, request: &Request, mut out: Vec<u8>) -> io::Result<()> {
        let Request { shape, size, .. } = *request;
        let chunked = matches!(shape, Shape::Chunked | Shape::ShortChunks);
        let short = matches!(shape, Shape::Short | Shape::ShortChunks);
        let half = if short || shape == Shape::Slow { size / 2 } else { u64::MAX };
        let mut offset = 0;
        while offset < size {
            let to_half = if offset < half { half - offset } else { u64::MAX };
            let length = (size - offset).min(BLOCK_BYTES).min(to_half);
            let piece = Piece { id: request.id, offset, length, chunked };
            if size > LARGE_BYTES {
                self.write_in_turn(piece, &mut out)?;
            } else {
                piece.fill(&mut out);
                self.reader.source.write_all(&out)?;
            }
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
        self.reader.source.write_all(&out)
    }

    /// Makes a piece and writes it while no other connection is at it; a client that takes nothing
    /// is waited for without that right.
    fn write_in_turn(&self, piece: Piece, out: &mut Vec<u8>) -> io::Result<()> {
        let turn = || self.shared.large.lock().unwrap();
        let mut at = {
            let _turn = turn();
            piece.fill(out);
            self.write_some(out)?
        };
        while at < out.len() {
            poll(&mut [PollFd::new(&self.reader.source, PollFlags::OUT)], None)?;
            let _turn = turn();
            at += self.write_some(&out[at..])?;
        }
        Ok(())
    }

    /// Writes what the socket has room for.
    fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut at = 0;
        while at < bytes.len() {
            match rustix::net::send(&self.reader.source, &bytes[at..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => at += count,
                Err(Errno::AGAIN) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(at)
    }
}

/// A part of a body.
#[derive(Clone, Copy)]
struct Piece {
    id: u64,
    offset: u64,
    length: u64,
    chunked: bool,
}

impl Piece {
    /// Appends it.
    fn fill(self, out: &mut Vec<u8>) {
        if self.chunked {
            out.extend_from_slice(format!("{:x}\r\n", self.length).as_bytes());
        }
        let begin = out.len();
        out.resize(begin + self.length as usize, 0);
        pattern::fill(self.id, self.offset, &mut out[begin..]);
        if self.chunked {
            out.extend_from_slice(b"\r\n");
        }
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
