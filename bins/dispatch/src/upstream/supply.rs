//! What upstream says to whoever asked for a connection.

use fosse_eventloop::slab::Key;
use fosse_wire::StreamId;

/// What became of a request for a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    /// Here is one.
    Ready(Key),
    /// It waits in line for one to that server.
    Waits(usize),
    /// The backend's queue is full.
    Full,
    /// There is no server to try.
    NoServer,
}

/// News for a stream that waits in line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It has that connection.
    Ready(StreamId, Key),
    /// The server cannot be reached.
    Failed(StreamId),
}
