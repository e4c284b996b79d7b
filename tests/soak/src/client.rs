//! A client that believes nothing: each answer is held against the request it must belong to.

use std::{
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::{
    http::{Failed, Framing, Reader},
    pattern::Checker,
    request::{Request, Shape},
};

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The right answer, all of it.
    Right,
    /// The edge answered itself, with this status, all of it.
    Own(u16),
    /// No answer, or visibly only a part of one.
    Cut,
    /// Nothing came in time.
    Silent,
    /// An answer that nobody should have got; what is wrong with it.
    Wrong(String),
}

/// A connection to the edge.
#[derive(Debug)]
pub struct Client {
    reader: Reader<TcpStream>,
    /// An answer said that the connection ends.
    pub ends: bool,
}

/// A connection that is made quickly or not at all.
///
/// # Errors
/// What connect(2) says.
pub fn connect(address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A connection from another address of the loopback network, 127.0.0.`last`: addresses decide about lanes.
///
/// # Errors
/// What bind(2) or connect(2) says.
pub fn connect_from(last: u8, address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let fd = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::bind(&fd, &SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)))?;
    rustix::net::connect(&fd, &address)?;
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}

/// A connection as over a slow network: small segments, hardly any room. Over loopback as it is the kernel would take more
/// than a megabyte for each without asking anybody.
///
/// # Errors
/// What connect(2) says.
pub fn connect_narrow(address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let fd = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::sockopt::set_socket_recv_buffer_size(&fd, 4096)?;
    nix::sys::socket::setsockopt(&fd, nix::sys::socket::sockopt::TcpMaxSeg, &1400)?;
    rustix::net::connect(&fd, &address)?;
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}

/// Makes the end of a connection a reset.
pub fn reset(stream: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// What connect(2) says.
    pub fn connect(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        Ok(Self { reader: Reader::new(connect(address, patience)?), ends: false })
    }

    /// Takes over a connection.
    #[must_use]
    pub fn over(stream: TcpStream) -> Self {
        Self { reader: Reader::new(stream), ends: false }
    }

    /// Its socket.
    #[must_use]
    pub const fn stream(&self) -> &TcpStream {
        &self.reader.source
    }

    /// Sends bytes as they are; false where the edge takes no more.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.reader.source.write_all(bytes).is_ok()
    }

    /// Nothing has come that nobody asked for.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.reader.unused().is_empty()
    }

    /// Reads the answer to `request`, which was sent before.
    pub fn answer(&mut self, request: &Request) -> Outcome {
        match self.read(request) {
            Ok(outcome) => outcome,
            Err(Failed::Cut { .. }) => Outcome::Cut,
            Err(Failed::Silent) => Outcome::Silent,
            Err(Failed::Wrong(why)) => Outcome::Wrong(format!("{request:?}: {why}")),
        }
    }

    fn read(&mut self, request: &Request) -> Result<Outcome, Failed> {
        let wrong = |why: String| Failed::Wrong(why);
        let head = self.reader.head()?;
        let status = head.status();
        self.ends |= head.all("connection").any(|v| v.eq_ignore_ascii_case("close"));
        let mut framing = Framing::of(&head).map_err(wrong)?.unwrap_or(Framing::UntilEnd);
        if request.head || matches!(status, 204 | 304) {
            framing = Framing::Exact(0);
        }
        if framing == Framing::UntilEnd && !request.old {
            return Err(wrong(format!("HTTP/1.1 answer without a length: {head:?}")));
        }
        self.ends |= request.old;
        let Some(id) = head.get("x-id") else {
            self.reader.body(framing, &mut |_| {})?;
            return if (400..=599).contains(&status) {
                Ok(Outcome::Own(status))
            } else {
                Err(wrong(format!("answer without an id: {head:?}")))
            };
        };
        if id != format!("{:016x}", request.id) || status != request.shape.status() {
            return Err(wrong(format!("answer to another request: {head:?}")));
        }
        let mut body = Checker::new(request.id);
        self.reader.body(framing, &mut |piece| body.take(piece))?;
        let came = body.end().map_err(wrong)?;
        let none = request.head || matches!(request.shape, Shape::Empty | Shape::Unchanged | Shape::Take);
        let due = if none { 0 } else { request.size };
        if request.shape.is_broken() {
            return Err(wrong(format!("a broken answer looks whole: {head:?}")));
        }
        if came == due { Ok(Outcome::Right) } else { Err(wrong(format!("{came} bytes look complete: {head:?}"))) }
    }
}

/// One small request over a connection of its own.
#[must_use]
pub fn once(address: SocketAddr, id: u64, patience: Duration) -> Outcome {
    let Ok(mut client) = Client::connect(address, patience) else { return Outcome::Cut };
    let request = Request::small(id);
    if !client.send(&request.bytes()) {
        return Outcome::Cut;
    }
    client.answer(&request)
}

/// The loopback address of a port.
#[must_use]
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
