//! Ends of requests: whom they are said to, and which counter has them.

use fosse_counters::connect as count;
use fosse_wire::connect::Outcome;
use rustix::io::Errno;

use crate::pending::{Asker, Pending};

/// The end of a request.
pub(crate) struct Ended {
    pub(crate) asker: Asker,
    pub(crate) tag: u32,
    pub(crate) server: u32,
    pub(crate) outcome: Outcome,
    pub(crate) errno: u16,
}

impl Ended {
    pub(crate) fn connected(asker: Asker, tag: u32, server: usize) -> Self {
        let server = u32::try_from(server).unwrap_or(u32::MAX);
        Self { asker, tag, server, outcome: Outcome::Connected, errno: 0 }
    }
}

impl Pending {
    /// Returns its end, but for the outcome.
    pub(crate) fn ended(&self) -> Ended {
        Ended::connected(self.asker, self.tag, self.server)
    }
}

pub(crate) fn number_of(errno: Errno) -> u16 {
    u16::try_from(errno.raw_os_error()).unwrap_or(u16::MAX)
}

pub(crate) const fn counter(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Connected => count::CONNECTED,
        Outcome::Refused => count::REFUSED,
        Outcome::Timeout | Outcome::HandshakeTimeout => count::TIMEOUTS,
        Outcome::WrongPeer => count::WRONG_PEER,
        Outcome::Untrusted | Outcome::Expired | Outcome::WrongName | Outcome::Handshake => count::TLS_REFUSED,
        Outcome::Failed | Outcome::NoSource | Outcome::Missing => count::FAILED,
    }
}
