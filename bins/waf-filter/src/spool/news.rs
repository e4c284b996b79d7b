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
    /// It is lost.
    Lost(Loss),
}

/// The reason for which the spool has lost a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It has no room.
    Full,
    /// Its file cannot be used.
    Failed,
    /// It does not respond.
    Silent,
    /// It is gone.
    Gone,
    /// It gave back other bytes than were written.
    Altered,
}

impl Loss {
    /// Returns the reason in words, for logs.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Full => "the spool is full",
            Self::Failed => "the spool's file cannot be used",
            Self::Silent => "the spool does not respond",
            Self::Gone => "the spool is gone",
            Self::Altered => "the spool has changed the body",
        }
    }
}
