//! A client that believes nothing: each response is held against the request it must belong to.

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use fosse_harness::{
    Edge,
    http::{Failed, Framing, Reader},
    sockets, wait_for,
};
use rustix::{
    io::Errno,
    net::{RecvFlags, recv},
};

use crate::{
    load::next_id,
    pattern::Checker,
    request::{Request, Shape},
};

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The right response, all of it.
    Right,
    /// The edge responded itself, with this status, all of it.
    Own(u16),
    /// No response, or visibly only a part of one.
    Cut,
    /// Nothing came in time.
    Silent,
    /// A response that nobody should have got; what is wrong with it.
    Wrong(String),
}

impl Outcome {
    /// Returns it without what differs from request to request.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Right => "right".into(),
            Self::Own(status) => format!("status {status}"),
            Self::Cut => "cut".into(),
            Self::Silent => "silent".into(),
            Self::Wrong(_) => "wrong".into(),
        }
    }
}

/// A connection to the edge.
#[derive(Debug)]
pub struct Client {
    reader: Reader<TcpStream>,
    /// A response said that the connection ends.
    pub ends: bool,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// What connect(2) says.
    pub fn connect(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        Ok(Self { reader: Reader::new(sockets::connect(address, patience)?), ends: false })
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

    /// Returns whether the edge has not closed the connection, as far as can be seen.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let peeked = recv(self.stream(), &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        matches!(peeked, Ok((1.., _)) | Err(Errno::AGAIN))
    }

    /// Nothing has come that nobody asked for.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.reader.unused().is_empty()
    }

    /// Reads the response to `request`, which was sent before.
    pub fn response(&mut self, request: &Request) -> Outcome {
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
            return Err(wrong(format!("HTTP/1.1 response without a length: {head:?}")));
        }
        self.ends |= request.old;
        let Some(id) = head.get("x-id") else {
            self.reader.body(framing, &mut |_| {})?;
            return if (400..=599).contains(&status) {
                Ok(Outcome::Own(status))
            } else {
                Err(wrong(format!("response without an id: {head:?}")))
            };
        };
        if id != format!("{:016x}", request.id) || status != request.shape.status() {
            return Err(wrong(format!("response to another request: {head:?}")));
        }
        let mut body = Checker::new(request.id);
        self.reader.body(framing, &mut |piece| body.take(piece))?;
        let came = body.end().map_err(wrong)?;
        let none = request.head || matches!(request.shape, Shape::Empty | Shape::Unchanged | Shape::Take);
        let due = if none { 0 } else { request.size };
        if request.shape.is_broken() {
            return Err(wrong(format!("a broken response looks whole: {head:?}")));
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
    client.response(&request)
}

/// Waits until a new client is served.
pub fn wait_served(edge: &Edge) {
    let served = || once(edge.address(), next_id(), Duration::from_secs(10)) == Outcome::Right;
    wait_for("a right response", || served().then_some(()));
}
