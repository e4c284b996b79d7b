//! A connection in HTTP/2 of which every byte is ours.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use super::{
    fields,
    frame::{self, Frame},
};
use crate::{
    sockets,
    tls::{self, Stream, Wishes},
};

/// A server, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// The host that is asked for.
    pub host: String,
    /// Within TLS, else by prior knowledge (RFC 9113, section 3.3).
    pub has_tls: bool,
    /// The client's address.
    pub from: Ipv4Addr,
}

impl Target {
    /// Reads `https://HOST:PORT` or `h2c://HOST:PORT`, where HOST is a name of loopback.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (host, port) = rest.trim_end_matches('/').rsplit_once(':')?;
        let address = SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?));
        Some(Self { address, host: host.into(), has_tls: scheme == "https", from: sockets::COMMON })
    }

    /// Returns the pseudo-fields of a request, with more fields after them.
    #[must_use]
    pub fn fields(&self, method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
        let mut out = [
            fields::literal(b":method", method.as_bytes()),
            self.scheme(),
            fields::literal(b":path", path.as_bytes()),
            self.authority(),
        ]
        .concat();
        more.iter().for_each(|(name, value)| out.extend(fields::literal(name.as_bytes(), value.as_bytes())));
        out
    }

    /// Returns the field `:scheme`.
    #[must_use]
    pub fn scheme(&self) -> Vec<u8> {
        fields::indexed(if self.has_tls { 7 } else { 6 })
    }

    /// Returns the field `:authority`.
    #[must_use]
    pub fn authority(&self) -> Vec<u8> {
        fields::literal(b":authority", self.host.as_bytes())
    }

    /// Returns a GET that is whole, with more fields.
    #[must_use]
    pub fn get(&self, stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
        frame::frame(frame::HEADERS, frame::WHOLE, stream, &self.fields("GET", "/", more))
    }

    /// Returns the head of a POST whose body is to come, with more fields.
    #[must_use]
    pub fn post(&self, stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
        frame::frame(frame::HEADERS, frame::END_HEADERS, stream, &self.fields("POST", "/", more))
    }

    /// Returns HEADERS with a block that is written out.
    #[must_use]
    pub fn block(stream: u32, parts: &[Vec<u8>]) -> Vec<u8> {
        frame::frame(frame::HEADERS, frame::WHOLE, stream, &parts.concat())
    }

    /// Connects, and sends nothing yet.
    ///
    /// # Errors
    /// What the socket says or TLS, also where the server does not choose HTTP/2.
    pub fn connect(&self, patience: Duration) -> io::Result<Connection> {
        let socket = sockets::connect(self.from, self.address, patience)?;
        let link = if self.has_tls {
            let wishes = Wishes { protocols: &[b"h2"], ..Wishes::PLAIN };
            let stream = tls::connect(&wishes.configuration(), socket, &self.host)?;
            if stream.conn.alpn_protocol() != Some(b"h2") {
                return Err(io::Error::other("the server does not choose h2"));
            }
            Link::Tls(Box::new(stream))
        } else {
            Link::Plain(socket)
        };
        Ok(Connection { link, unread: Vec::new(), has_acknowledged: false, limit: None })
    }

    /// Connects and sends the preface with settings: no push, and no table for the server, whose
    /// fields could not be read without one of ours.
    ///
    /// # Errors
    /// As [`Target::connect`].
    pub fn open(&self, patience: Duration) -> io::Result<Connection> {
        let mut connection = self.connect(patience)?;
        connection.send(&preface(&[]))?;
        Ok(connection)
    }
}

/// Returns the client's preface with these settings besides.
#[must_use]
pub fn preface(more: &[(u16, u32)]) -> Vec<u8> {
    let values = [&[(frame::HEADER_TABLE_SIZE, 0), (frame::ENABLE_PUSH, 0)], more].concat();
    [frame::PREFACE, &frame::settings(&values)].concat()
}

enum Link {
    Plain(TcpStream),
    Tls(Box<Stream>),
}

impl Link {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(bytes),
            Self::Tls(stream) => stream.read(bytes),
        }
    }
}

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// A frame.
    Frame(Frame),
    /// The connection has ended, in whatever way.
    End,
    /// Nothing, for as long as was waited.
    Nothing,
}

/// A connection that has been made.
#[expect(missing_debug_implementations, reason = "its fields are no words for a person")]
pub struct Connection {
    link: Link,
    unread: Vec<u8>,
    has_acknowledged: bool,
    /// Streams at a time that the server has said it takes.
    pub limit: Option<u32>,
}

impl Connection {
    /// Sends bytes.
    ///
    /// # Errors
    /// What the socket says: a server that has closed is no failure of a test.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.link {
            Link::Plain(socket) => socket.write_all(bytes),
            Link::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// Returns what comes before `end`. Settings and pings are acknowledged on the way.
    pub fn next(&mut self, end: Instant) -> Came {
        loop {
            if let Some(frame) = Frame::take(&mut self.unread) {
                self.acknowledge(&frame);
                return Came::Frame(frame);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Came::Nothing;
            }
            let _ = self.link.socket().set_read_timeout(Some(left));
            let mut part = [0; 16 << 10];
            match self.link.read(&mut part) {
                Ok(length) if length > 0 => self.unread.extend_from_slice(&part[..length]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Came::Nothing;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return Came::End,
            }
        }
    }

    fn acknowledge(&mut self, frame: &Frame) {
        match frame.kind {
            frame::SETTINGS if !frame.has(frame::ACK) => {
                let values = frame.payload.chunks_exact(6);
                let mut limit = values.filter(|six| six[..2] == frame::MAX_CONCURRENT_STREAMS.to_be_bytes());
                self.limit =
                    limit.next_back().map(|six| u32::from_be_bytes([six[2], six[3], six[4], six[5]])).or(self.limit);
                // Only the first: whoever floods us with settings gets no flood back.
                if !std::mem::replace(&mut self.has_acknowledged, true) {
                    let _ = self.send(&frame::frame(frame::SETTINGS, frame::ACK, 0, &[]));
                }
            }
            frame::PING if !frame.has(frame::ACK) => {
                let _ = self.send(&frame::frame(frame::PING, frame::ACK, 0, &frame.payload));
            }
            _ => {}
        }
    }

    /// Waits for a frame that is one of those; `None` where the connection or the time ends before.
    pub fn wait(&mut self, end: Instant, is_it: impl Fn(&Frame) -> bool) -> Option<Frame> {
        loop {
            match self.next(end) {
                Came::Frame(frame) if is_it(&frame) => return Some(frame),
                Came::Frame(_) => {}
                Came::End | Came::Nothing => return None,
            }
        }
    }

    /// Returns the end of the connection, where it has one soon after a response, and else what
    /// came.
    pub fn end_after(&mut self, came: String, end: Instant) -> String {
        loop {
            match self.next(end) {
                Came::Frame(frame) if frame.kind == frame::GOAWAY && frame.number(4) != 0 => {
                    return format!("goaway {}", frame::error_name(frame.number(4)));
                }
                Came::Frame(_) => {}
                Came::End => return "close".into(),
                Came::Nothing => return came,
            }
        }
    }

    /// Waits for the end of something, and says what it was: `goaway CODE` or `close` of the
    /// connection; `reset CODE` or a status, of the stream; `silent` where nothing came.
    pub fn outcome(&mut self, stream: u32, end: Instant) -> String {
        let mut came: Option<u16> = None;
        loop {
            match self.next(end) {
                Came::Frame(frame) if frame.kind == frame::GOAWAY && frame.number(4) != 0 => {
                    return format!("goaway {}", frame::error_name(frame.number(4)));
                }
                Came::Frame(frame) if frame.kind == frame::RST_STREAM && frame.stream == stream => {
                    return format!("reset {}", frame::error_name(frame.number(0)));
                }
                Came::Frame(frame) if frame.stream == stream && matches!(frame.kind, frame::DATA | frame::HEADERS) => {
                    if frame.kind == frame::HEADERS && came.is_none_or(|status| status < 200) {
                        came = fields::status(&frame.payload).or(came);
                    }
                    if frame.has(frame::END_STREAM) {
                        return came.map_or("no status".into(), |status| status.to_string());
                    }
                }
                Came::Frame(_) => {}
                Came::End => return "close".into(),
                Came::Nothing => return came.map_or("silent".into(), |status| format!("{status} without an end")),
            }
        }
    }
}
