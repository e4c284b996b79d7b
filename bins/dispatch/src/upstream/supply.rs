//! Connections as upstream supplies them: at once, or as news later.

use fosse_eventloop::slab::Key;
use fosse_wire::StreamId;

/// The outcome of a request for a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    /// A connection is there.
    Ready(Key),
    /// The stream waits for a connection to that server.
    Connecting(usize),
    /// The stream waits in the queue of its backend.
    Queued,
    /// The backend's queue is full.
    QueueFull,
    /// There is no server to try.
    NoServer,
}

/// News for a stream that waits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It has that connection.
    Ready(StreamId, Key),
    /// That server cannot be reached.
    Failed(StreamId, usize),
}

/// The thing that upstream owes a request without a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Nothing.
    No,
    /// A connection to a server that has been chosen.
    Connecting,
    /// A server with room. It may have got one since, and then waits for a connection.
    Queued,
}
