//! Requests that are not written for a server.

use fosse_fastcgi::TooLong;
use fosse_http1::Unwritable;

use super::headers::TooMuchToSearch;

/// The reason why a head was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// parse let something through that it must not, or is not parse any more.
    Unwritable(Unwritable),
    /// The site refuses names with an underscore.
    Underscore,
    /// No script is there for the path.
    NoScript,
    /// The body of a request to a FastCGI server has no length, and is too long to wait for it.
    NoLength,
    /// The server that is to be asked about it is none that can be.
    NoServer,
    /// A header field is longer than a record of FastCGI.
    TooLong,
    /// Its header fields are too long to look for expressions in them.
    TooMuchToSearch,
}

impl From<TooMuchToSearch> for Refused {
    fn from(_: TooMuchToSearch) -> Self {
        Self::TooMuchToSearch
    }
}

impl From<Unwritable> for Refused {
    fn from(why: Unwritable) -> Self {
        Self::Unwritable(why)
    }
}

impl From<TooLong> for Refused {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}
