//! Connections as upstream supplies them: at once, or as news later.

use fosse_eventloop::slab::Key;
use fosse_wire::StreamId;

/// The outcome of a request for a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    /// A connection is there.
    Ready(Key),
    /// The stream waits in the queue of that server.
    Waits(usize),
    /// The backend's queue is full.
    Full,
    /// There is no server to try.
    NoServer,
}

/// News for a stream that waits in a queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It has that connection.
    Ready(StreamId, Key),
    /// The server cannot be reached.
    Failed(StreamId),
}
