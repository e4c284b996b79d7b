//! The failures of backends, with their words in logs and their statuses.

use std::fmt;

use fosse_fastcgi::{Ended, Fault, HeadFault};
use fosse_http1::Refusal;

/// The way in which a backend failed a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The kernel has lost the connection.
    Reset,
    /// The backend closed before the first byte of a response.
    ClosedBeforeResponse,
    /// The backend closed within the head.
    ClosedInHead,
    /// The backend closed within the body.
    ClosedInBody,
    /// The first byte of the response did not come in time.
    NoResponse,
    /// A status after which the request goes to another server.
    Status(u16),
    /// Nothing came in the middle of a response for too long.
    Silent,
    /// It sent no HTTP/1.x, or not as it is taken here.
    Malformed(Refusal),
    /// The head has no end within `head_bytes_max`.
    HeadTooLong,
    /// A 101 that was not asked for, or without the right key.
    UnaskedUpgrade,
    /// More interim responses than are passed on, or larger ones.
    TooManyInterims,
    /// A status by which a server that was asked decides nothing.
    NoDecision,
    /// The fields do not fit a frame.
    HeadTooLargeForFrame,
    /// No server has looked at the request: the one that had it was leaving.
    Unprocessed,
    /// It sent no FastCGI, or not as it is taken here.
    Records(Fault),
    /// The head of its response is none of CGI.
    CgiHead(HeadFault),
    /// It ended the request before the response was whole, with that status.
    Ended(Ended),
}

impl Failure {
    /// Returns whether the backend was too slow, rather than wrong.
    pub(crate) const fn is_timeout(self) -> bool {
        matches!(self, Self::NoResponse | Self::Silent)
    }

    /// Returns the status for the client.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::NoResponse | Self::Silent => 504,
            Self::Ended(Ended::Overloaded) => 503,
            Self::Status(status) => status,
            _ => 502,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "connection reset",
            Self::ClosedBeforeResponse => "closed without a response",
            Self::ClosedInHead => "closed within the head",
            Self::ClosedInBody => "closed within the body",
            Self::NoResponse => "no response in time",
            Self::Status(_) => "a status that is retried",
            Self::Silent => "silent in the middle of a response",
            Self::Malformed(refusal) => refusal.words(),
            Self::HeadTooLong => "response head too long",
            Self::UnaskedUpgrade => "101 that was not asked for, or without the right key",
            Self::TooManyInterims => "too many interim responses, or too large ones",
            Self::NoDecision => "a status that decides nothing",
            Self::HeadTooLargeForFrame => "response head does not fit a frame",
            Self::Unprocessed => "left before it looked at the request",
            Self::Records(fault) => fault.words(),
            Self::CgiHead(fault) => fault.words(),
            Self::Ended(Ended::Complete) => "request ended before its response",
            Self::Ended(Ended::CannotMultiplex) => "no second request on a connection",
            Self::Ended(Ended::Overloaded) => "overloaded",
            Self::Ended(Ended::UnknownRole) => "no responder",
        })
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Malformed(refusal)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Records(fault)
    }
}

impl From<HeadFault> for Failure {
    fn from(fault: HeadFault) -> Self {
        Self::CgiHead(fault)
    }
}
