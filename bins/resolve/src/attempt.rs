//! One question to one name server, with its socket.
//!
//! Every question has a socket and so a port of its own, which the kernel chooses at random, and is
//! connected: what other addresses send does not come in.

use std::net::{Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use fosse_deadlines::Timer;
use fosse_dns::{Query, Response, judge};
use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, getsockname, recv, send, socket_with,
    },
};

use crate::limits::BAD_DATAGRAMS_MAX;

/// The limits of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The time of one name server for its response.
    Query,
}

/// The name and family that a question is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// Index of the name.
    pub(crate) name: usize,
    /// Index of the family among those of the name.
    pub(crate) family: usize,
}

/// The progress of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing yet.
    Waits,
    /// It waits for its socket to take the question.
    Connects,
    /// The response.
    Done(Response),
    /// It goes on by TCP.
    ByStream,
    /// This name server has none.
    Failed,
}

/// The way of a question.
#[derive(Debug)]
enum Way {
    Datagram {
        /// Datagrams that were no response.
        bad: u32,
    },
    /// A stream that is being connected.
    Connecting,
    /// A stream, with what has come of the response.
    Stream(Vec<u8>),
}

/// A question under way.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) subject: Subject,
    pub(crate) query: Query,
    /// Index of the name server.
    pub(crate) server: usize,
    /// Attempts with this one.
    pub(crate) count: usize,
    pub(crate) edns: bool,
    pub(crate) fd: OwnedFd,
    pub(crate) timer: Timer<Limit>,
    way: Way,
}

impl Attempt {
    /// Asks in a datagram.
    ///
    /// # Errors
    /// Those of socket(2), connect(2) and send(2).
    pub(crate) fn by_datagram(
        subject: Subject,
        query: Query,
        (server, address): (usize, SocketAddr),
        count: usize,
        edns: bool,
    ) -> Result<Self, Errno> {
        let fd = socket_to(address, SocketType::DGRAM)?;
        connect(&fd, &address)?;
        send(&fd, &query.encode(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
        Ok(Self { subject, query, server, count, edns, fd, timer: Timer::default(), way: Way::Datagram { bad: 0 } })
    }

    /// Asks the same by TCP. Returns whether the connection is still being made.
    ///
    /// # Errors
    /// Those of socket(2), connect(2) and send(2).
    pub(crate) fn by_stream(self, address: SocketAddr) -> Result<(Self, Progress), Errno> {
        let fd = socket_to(address, SocketType::STREAM)?;
        let mut attempt = Self { fd, way: Way::Connecting, timer: Timer::default(), ..self };
        let progress = attempt.go_on_connecting(address)?;
        Ok((attempt, progress))
    }

    /// Goes on after its socket was ready. `faults` counts messages that were no response.
    pub(crate) fn go_on(&mut self, address: SocketAddr, scratch: &mut [u8], faults: &mut u64) -> Progress {
        match &mut self.way {
            Way::Datagram { bad } => datagrams(&self.fd, &self.query, bad, scratch, faults),
            Way::Connecting => self.go_on_connecting(address).unwrap_or(Progress::Failed),
            Way::Stream(input) => stream(&self.fd, &self.query, input, scratch, faults),
        }
    }

    /// Returns whether its stream is being connected.
    pub(crate) const fn connects(&self) -> bool {
        matches!(self.way, Way::Connecting)
    }

    fn go_on_connecting(&mut self, address: SocketAddr) -> Result<Progress, Errno> {
        match connect(&self.fd, &address) {
            Ok(()) | Err(Errno::ISCONN) => {}
            Err(Errno::INPROGRESS | Errno::ALREADY) => return Ok(Progress::Connects),
            Err(errno) => return Err(errno),
        }
        let question = self.query.encode_for_stream();
        // The buffer of a fresh connection has room for a hundred questions.
        if send(&self.fd, &question, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)? != question.len() {
            return Err(Errno::AGAIN);
        }
        self.way = Way::Stream(Vec::new());
        Ok(Progress::Waits)
    }
}

/// Reads datagrams until one is the response. What is none is passed over, as the right one may
/// still come; too many are a sign of somebody who guesses.
fn datagrams(fd: &OwnedFd, query: &Query, bad: &mut u32, scratch: &mut [u8], faults: &mut u64) -> Progress {
    loop {
        // With TRUNC the length is that of the datagram (recv(2)): a longer one is cut, and none.
        match recv(fd, &mut *scratch, RecvFlags::DONTWAIT | RecvFlags::TRUNC) {
            Ok((_, length)) => match judge(query, scratch.get(..length).unwrap_or_default()) {
                Ok(Response::Truncated) => return Progress::ByStream,
                Ok(response) => return Progress::Done(response),
                Err(_) => (*bad, *faults) = (*bad + 1, *faults + 1),
            },
            Err(Errno::AGAIN | Errno::INTR) => return Progress::Waits,
            // The machine is there, and no name server (ICMP port unreachable).
            Err(_) => return Progress::Failed,
        }
        if *bad >= BAD_DATAGRAMS_MAX {
            return Progress::ByStream;
        }
    }
}

/// Reads what has come of a response and its length.
fn stream(fd: &OwnedFd, query: &Query, input: &mut Vec<u8>, scratch: &mut [u8], faults: &mut u64) -> Progress {
    loop {
        match recv(fd, &mut *scratch, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Progress::Failed,
            Ok((count, _)) => input.extend_from_slice(&scratch[..count]),
            Err(Errno::AGAIN | Errno::INTR) => return Progress::Waits,
            Err(_) => return Progress::Failed,
        }
        let Some((length, message)) = input.split_first_chunk() else { continue };
        let length = usize::from(u16::from_be_bytes(*length));
        if message.len() < length {
            continue;
        }
        // One question was asked, so nothing may follow the response.
        let judged = if message.len() == length { judge(query, message) } else { Ok(Response::Truncated) };
        return match judged {
            // A stream has room for all.
            Ok(Response::Truncated) | Err(_) => {
                *faults += 1;
                Progress::Failed
            }
            Ok(response) => Progress::Done(response),
        };
    }
}

fn socket_to(address: SocketAddr, kind: SocketType) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}

/// Returns whether an address is one of this machine's own: the kernel reaches it from itself. No
/// packet is sent for that. An address that cannot be reached at all is none.
pub(crate) fn is_own(address: [u8; 16]) -> bool {
    let to = SocketAddr::new(Ipv6Addr::from(address).to_canonical(), 9);
    let from = socket_to(to, SocketType::DGRAM).and_then(|fd| {
        connect(&fd, &to)?;
        getsockname(&fd)
    });
    from.ok().and_then(|from| SocketAddr::try_from(from).ok()).is_some_and(|from| from.ip() == to.ip())
}
