//! One connection to a backend: what has been read from it and where in an answer it stands.

use std::os::fd::OwnedFd;

use fosse_eventloop::Interest;
use fosse_http1::ChunkedDecoder;
use fosse_wire::StreamId;

use crate::pins::Pin;

/// Where in the answer the next byte stands.
#[derive(Debug)]
pub enum At {
    /// In the head.
    Head,
    /// In a body with so many bytes to come.
    Exact(u64),
    /// In a chunked body.
    Chunked(Box<ChunkedDecoder>),
    /// In a body that ends with the connection.
    UntilClose,
    /// Behind a 101: bytes go both ways as they are.
    Tunnel,
}

/// Who uses a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Nobody: it rests in its server's pool, until the time given.
    Idle(u64),
    /// Nobody now: it waits for the client connection it is pinned to, until the time given.
    Pinned(u64),
    /// A request.
    Stream(StreamId),
    /// A health check, which ends at the time given.
    Check(u64),
}

/// A connection to a backend.
#[derive(Debug)]
pub struct Link {
    /// Its socket.
    pub fd: OwnedFd,
    /// Index of its server.
    pub server: usize,
    /// Who uses it.
    pub used: Use,
    /// Where in the answer the next byte stands.
    pub at: At,
    /// Bytes read and not yet used.
    pub input: Vec<u8>,
    /// Bytes read at once under a lease.
    pub lease_read: usize,
    /// The search for the head's end goes on from here.
    pub searched: usize,
    /// The backend keeps the connection after this answer.
    pub keep: bool,
    /// Bytes have come since the request under way was given to it.
    pub heard: bool,
    /// The backend has closed its side.
    pub ended: bool,
    /// It has carried a request before: a failure may only mean that the backend had closed it meanwhile.
    pub used_before: bool,
    /// Whose login it has.
    pub pin: Option<Pin>,
    /// What its socket is watched for.
    pub interest: Interest,
}

impl Link {
    /// A connection that has just been made.
    #[must_use]
    pub const fn new(fd: OwnedFd, server: usize, used: Use) -> Self {
        Self {
            fd,
            server,
            used,
            at: At::Head,
            input: Vec::new(),
            lease_read: crate::limits::LEASE_READ_BYTES_MIN * 2,
            searched: 0,
            keep: true,
            heard: false,
            ended: false,
            used_before: false,
            pin: None,
            interest: Interest::IN,
        }
    }
}
