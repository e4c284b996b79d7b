//! One connection to a backend: its user, and how far the response on it has been read.

use std::os::fd::OwnedFd;

use fosse_deadlines::Timer;
use fosse_eventloop::slab::Key;
use fosse_eventloop::{Event, EventLoop, Interest};
use fosse_http1::ChunkedDecoder;
use fosse_settings::Backend;
use fosse_wire::StreamId;
use rustix::net::{SendFlags, send};

use super::records::Records;
use crate::{context::token, limits};

/// The place of the next byte in the response.
#[derive(Debug)]
pub(crate) enum At {
    /// In the head.
    Head,
    /// In a body with that many bytes to come.
    Exact(u64),
    /// In a chunked body.
    Chunked(Box<ChunkedDecoder>),
    /// In a body that ends with the connection.
    UntilClose,
    /// After a 101: bytes go both ways as they are.
    Tunnel,
    /// In records of FastCGI, head and body.
    Records(Box<Records>),
}

impl At {
    /// The place before the first byte of a response.
    fn start(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Http1 => Self::Head,
            Protocol::FastCgi => Self::Records(Box::default()),
        }
    }

    /// Returns whether the head has not ended.
    pub(crate) fn is_head(&self) -> bool {
        match self {
            Self::Head => true,
            Self::Records(records) => records.is_head(),
            Self::Exact(_) | Self::Chunked(_) | Self::UntilClose | Self::Tunnel => false,
        }
    }
}

/// The protocol that a server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1
    #[default]
    Http1,
    /// FastCGI
    FastCgi,
}

impl Protocol {
    /// The protocol of a backend's servers.
    pub(crate) const fn of(backend: &Backend) -> Self {
        if backend.fastcgi.is_some() { Self::FastCgi } else { Self::Http1 }
    }
}

/// The user of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// None: it is idle in its server's pool.
    Idle,
    /// None between two requests of the client connection it is pinned to.
    Pinned,
    /// A request.
    Stream(StreamId),
}

/// The limits of a connection without a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `pool_idle_seconds`, in its server's pool.
    Pool,
    /// `idle_seconds`, for the next request of the client it is pinned to.
    Idle,
}

/// The owner of a pinned backend connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    /// accept's number of the client connection.
    pub(crate) connection: u64,
    /// The client's address when it was pinned. A proxy that is wrongly said to keep clients apart
    /// must not hand a login on.
    pub(crate) client: [u8; 16],
}

/// A connection to a backend.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) fd: OwnedFd,
    /// Index of its server.
    pub(crate) server: usize,
    /// Edition of its server's address.
    pub(crate) edition: u64,
    protocol: Protocol,
    /// It is the plaintext of TLS, which another program speaks.
    tls: bool,
    pub(crate) used: Use,
    /// The limit of its being idle.
    pub(crate) timer: Timer<Limit>,
    pub(crate) at: At,
    /// Bytes read and not yet used.
    pub(crate) input: Vec<u8>,
    /// Bytes read at once under a lease.
    pub(crate) lease_read: usize,
    /// Offset from which the search for the head's end goes on.
    pub(crate) searched: usize,
    /// The backend keeps the connection after this response.
    pub(crate) keep: bool,
    /// Bytes have come since the request under way was given to it.
    pub(crate) heard: bool,
    /// The backend has closed its side.
    pub(crate) ended: bool,
    /// It has carried a request before: a failure may only mean that the backend had closed it
    /// meanwhile.
    pub(crate) used_before: bool,
    /// Beginning of the turn in which its last response ended, in microseconds.
    freed_us: Option<u64>,
    /// Owner of the login that was made over it.
    pub(crate) pin: Option<Pin>,
    /// Readiness that its socket is watched for.
    pub(crate) interest: Interest,
}

impl Connection {
    /// A connection that has just been made.
    pub(crate) fn new(fd: OwnedFd, (server, edition): (usize, u64), backend: &Backend) -> Self {
        let protocol = Protocol::of(backend);
        Self {
            fd,
            server,
            edition,
            protocol,
            tls: false,
            used: Use::Idle,
            timer: Timer::default(),
            at: At::Head,
            input: Vec::new(),
            lease_read: limits::LEASE_READ_BYTES_MIN * 2,
            searched: 0,
            // A server of FastCGI closes it, unless the request says that it is kept.
            keep: protocol == Protocol::Http1 || backend.pool_connections_max > 0,
            heard: false,
            ended: false,
            used_before: false,
            freed_us: None,
            pin: None,
            interest: Interest::IN | Interest::RDHUP,
        }
    }

    /// Returns the same, known to be the plaintext of TLS or not.
    pub(crate) const fn of_tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// Returns whether an event is out of date: it announced the end of a response that was read
    /// earlier in the turn. Bytes that came since are announced again in the next turn. That the
    /// server has closed is never out of date.
    pub(crate) fn has_read_before(&self, event: Event, now_us: u64) -> bool {
        let closed = Interest::RDHUP | Interest::HUP | Interest::ERR;
        self.freed_us == Some(now_us) && !event.flags.intersects(closed)
    }

    /// Returns whether its end was none: TLS has not said that nothing more comes, so what has come
    /// may have been cut by anybody. The program that speaks it closes its end of the pair then,
    /// and nothing can be sent to it any more; at an end that is one it has shut it, and no more.
    pub(crate) fn is_cut(&self) -> bool {
        self.tls && send(&self.fd, &[], SendFlags::DONTWAIT | SendFlags::NOSIGNAL).is_err()
    }

    /// Returns whether it carries an upgraded connection.
    pub(crate) const fn is_tunnel(&self) -> bool {
        matches!(self.at, At::Tunnel)
    }

    /// Gives it to a stream, for a response from the first byte on.
    pub(crate) fn give_to(&mut self, id: StreamId) {
        self.used = Use::Stream(id);
        self.timer.stop();
        self.at = At::start(self.protocol);
        self.searched = 0;
        self.heard = false;
    }

    /// Takes it from its stream after a response, in the turn that began at `now_us`.
    pub(crate) fn clear(&mut self, now_us: u64) {
        self.used = Use::Idle;
        self.freed_us = Some(now_us);
        self.used_before = true;
        self.at = At::Head;
        // A connection in a pool keeps no memory.
        self.input = Vec::new();
    }

    /// Changes the readiness it is watched for, where that is a change. Where bytes are wanted, an
    /// event says of their end as well.
    pub(crate) fn watch(&mut self, key: Key, wanted: Interest, event_loop: &EventLoop) {
        let end = if wanted.contains(Interest::IN) { Interest::RDHUP } else { Interest::empty() };
        let wanted = (wanted - Interest::RDHUP) | end;
        event_loop.rearm(&self.fd, key.token(token::CONNECTION), &mut self.interest, wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn an_event_is_out_of_date_in_the_turn_in_which_the_response_ended_unless_the_server_closed() {
        let (ours, _) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let mut connection = Connection::new(ours, (0, 0), &Backend::default());
        let event = |flags| Event { token: 0, flags };
        assert!(!connection.has_read_before(event(Interest::IN), 7), "it had no response");
        connection.clear(7);
        assert!(connection.has_read_before(event(Interest::IN), 7));
        assert!(!connection.has_read_before(event(Interest::IN | Interest::RDHUP), 7));
        assert!(!connection.has_read_before(event(Interest::IN), 8));
    }
}
