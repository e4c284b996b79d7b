//! One client: a request in, a response out, a bounded time for both.

use std::os::fd::OwnedFd;

use fosse_counters::Wanted;
use fosse_source::Source;
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send, sockopt::socket_peercred},
};

use crate::{
    limits::{CLIENT_MS_MAX, READ_BYTES, REQUEST_BYTES_MAX, RESPONSE_MS_MAX},
    listener::Kind,
    request::{Progress, PurgeOrder, Request, ServerOrder, progress},
    response::Response,
};

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) fd: OwnedFd,
    /// The kind of listener that it came to.
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    /// Its number among all that have come.
    pub(crate) number: u64,
    request: Vec<u8>,
    /// The response, once the request is complete and it is known.
    pub(crate) response: Option<Response>,
    /// It waits for a purge to end, or for lanes.
    pub(crate) is_waiting: bool,
    /// The time when it came, or last took a piece of its response, on the clock of the loop.
    pub(crate) since_ms: u64,
    /// The time when its response has to be out.
    end_ms: u64,
}

/// The outcome of a read.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The request is not complete.
    More,
    /// The client is gone.
    Gone,
    /// It wants a page.
    Request(Request),
    /// It wants a server changed.
    Order(ServerOrder),
    /// It wants kept responses gone.
    Purge(PurgeOrder),
    /// It wants to see connections, or the end of some.
    Connections(Wanted),
    /// It wants to see certificates, or (`true`) their files to be read again.
    Certificates(bool),
    /// A request that gets this status.
    Refused(u16),
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// There is more to be written.
    More,
    /// The response is out, or the client gone.
    All,
}

impl Client {
    pub(crate) const fn new(fd: OwnedFd, kind: Kind, source: Source, number: u64, now_ms: u64) -> Self {
        let end_ms = now_ms.saturating_add(RESPONSE_MS_MAX);
        Self {
            fd,
            kind,
            source,
            number,
            request: Vec::new(),
            response: None,
            is_waiting: false,
            since_ms: now_ms,
            end_ms,
        }
    }

    /// Returns whether its time is over.
    pub(crate) const fn is_late(&self, now_ms: u64) -> bool {
        now_ms >= self.end_ms || !self.is_waiting && now_ms - self.since_ms >= CLIENT_MS_MAX
    }

    /// Returns the user who has connected, as the kernel knows it; `None` where there is none.
    pub(crate) fn uid(&self) -> Option<u32> {
        socket_peercred(&self.fd).ok().map(|peer| peer.uid.as_raw())
    }

    /// Reads a piece of the request.
    pub(crate) fn read(&mut self) -> Heard {
        let mut bytes = [0; READ_BYTES];
        match recv(&self.fd, bytes.as_mut_slice(), RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Heard::Gone,
            Ok((length, _)) => self.request.extend_from_slice(&bytes[..length]),
            Err(Errno::AGAIN | Errno::INTR) => return Heard::More,
            Err(_) => return Heard::Gone,
        }
        match progress(&self.request) {
            Progress::More if self.request.len() > REQUEST_BYTES_MAX => Heard::Refused(431),
            Progress::More => Heard::More,
            Progress::Request(request) => Heard::Request(request),
            Progress::Order(order) => Heard::Order(order),
            Progress::Purge(order) => Heard::Purge(order),
            Progress::Connections(wanted) => Heard::Connections(wanted),
            Progress::Certificates(reload) => Heard::Certificates(reload),
            Progress::Refused(status) => Heard::Refused(status),
        }
    }

    /// Writes what is rendered of the response.
    pub(crate) fn write(&mut self, now_ms: u64) -> Written {
        let Some(response) = &mut self.response else { return Written::More };
        while !response.unsent().is_empty() {
            match send(&self.fd, response.unsent(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(length) => {
                    response.sent(length);
                    self.since_ms = now_ms;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Written::More,
                Err(_) => return Written::All,
            }
        }
        if response.is_rendered() { Written::All } else { Written::More }
    }
}
