//! The news that the spool has of a body.

use fosse_wire::StreamId;

/// News of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// The stream whose body it is.
    pub(crate) stream: StreamId,
    /// The number of the body.
    pub(crate) body: u64,
    pub(crate) what: What,
}

/// The news itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// This number of further bytes is written.
    Written(u64),
    /// The next bytes that were asked for.
    Data(Vec<u8>),
    /// They are not those that were written.
    Altered,
    /// It is gone.
    Lost(&'static str),
}
