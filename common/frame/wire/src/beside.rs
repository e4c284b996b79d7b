//! connect and a program beside it that makes connections of other kinds: fosse-connect-tls, which
//! speaks TLS over those that connect has made, and fosse-dispatch-h2, which has many exchanges
//! share one.
//!
//! Each has a SEQPACKET pair of its own. Every message is `u32 tag | u32 server | u8 kind | u8
//! outcome | u16 errno`, with one descriptor exactly where it says that something is connected.
//! The tag is that of whoever asked: connect's in [`ToBeside::Ask`] and [`FromBeside::Reply`], the
//! other's in [`FromBeside::Dial`] and the [`ToBeside::Dialled`] that follows it. fosse-connect-tls
//! asks for nothing: what it is given has connect's tag, and so has its reply.

use crate::{WireError, connect::Outcome, cursor::Cursor};

/// Bytes of every message.
pub const MESSAGE_BYTES: usize = 12;
/// Descriptor of connect that is the channel to fosse-connect-tls.
pub const TLS_FD: u8 = crate::files::CHANNEL_FD_FIRST + 32;
/// Descriptor of connect that is the channel to fosse-dispatch-h2.
pub const HTTP2_FD: u8 = TLS_FD + 1;

const _: () = assert!(TLS_FD as usize == crate::files::CHANNEL_FD_FIRST as usize + crate::files::FILES_BACKENDS_MAX);

/// The byte before the end of a pair of fosse-dispatch-h2 whose request no server has looked at,
/// where a response would begin: dispatch may send it to another one, whatever its method. No
/// status line begins so.
pub const UNPROCESSED: u8 = 0x15;

/// The programs that may be beside a connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Beside {
    /// fosse-connect-tls.
    Tls = 0,
    /// fosse-dispatch-h2.
    Http2 = 1,
}

impl Beside {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Tls, Self::Http2];

    /// Returns the descriptor of connect that is the channel to it.
    #[must_use]
    pub const fn fd(self) -> u8 {
        match self {
            Self::Tls => TLS_FD,
            Self::Http2 => HTTP2_FD,
        }
    }

    /// From the number on the wire.
    ///
    /// # Errors
    /// [`WireError::Field`] for a number outside the table.
    pub fn of_number(number: u8) -> Result<Self, WireError> {
        Self::ALL.get(usize::from(number)).copied().ok_or(WireError::Field("beside"))
    }
}

/// From connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToBeside {
    /// Make a connection to this entry of the table.
    Ask {
        /// Given back in the reply.
        tag: u32,
        /// Index into the table of servers.
        server: u32,
    },
    /// The end of an attempt to connect to this entry.
    Dialled {
        /// The tag of the request; connect's own where nobody has asked.
        tag: u32,
        /// Index into the table of servers.
        server: u32,
        /// The socket comes along where it is [`Outcome::Connected`].
        outcome: Outcome,
        /// errno of the failure, 0 without.
        errno: u16,
    },
}

/// To connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromBeside {
    /// The connection that was asked for, or why there is none.
    Reply {
        /// The tag of the request.
        tag: u32,
        /// The socket comes along where it is [`Outcome::Connected`].
        outcome: Outcome,
        /// errno of the failure, 0 without.
        errno: u16,
    },
    /// Connect to this entry of the table.
    Dial {
        /// Given back with the end of the attempt.
        tag: u32,
        /// Index into the table of servers.
        server: u32,
    },
}

const KIND_ASK: u8 = 0;
const KIND_DIALLED: u8 = 1;
const KIND_REPLY: u8 = 2;
const KIND_DIAL: u8 = 3;

/// The fields of every message.
struct Layout {
    tag: u32,
    server: u32,
    kind: u8,
    outcome: u8,
    errno: u16,
}

impl Layout {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(MESSAGE_BYTES);
        out.extend_from_slice(&self.tag.to_le_bytes());
        out.extend_from_slice(&self.server.to_le_bytes());
        out.extend_from_slice(&[self.kind, self.outcome]);
        out.extend_from_slice(&self.errno.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        let layout = Self { tag: c.u32()?, server: c.u32()?, kind: c.u8()?, outcome: c.u8()?, errno: c.u16()? };
        c.end()?;
        Ok(layout)
    }

    /// Returns the outcome, which has to agree with the descriptors that came along.
    fn outcome(&self, fds: usize) -> Result<Outcome, WireError> {
        let outcome = Outcome::of_number(self.outcome)?;
        let agrees = fds == usize::from(outcome == Outcome::Connected);
        if agrees { Ok(outcome) } else { Err(WireError::Field("descriptors")) }
    }

    /// Checks that a message that has no outcome says none.
    fn plain(&self, fds: usize) -> Result<(), WireError> {
        if self.outcome != 0 || self.errno != 0 {
            return Err(WireError::Field("outcome"));
        }
        if fds == 0 { Ok(()) } else { Err(WireError::Field("descriptors")) }
    }
}

impl ToBeside {
    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let layout = match *self {
            Self::Ask { tag, server } => Layout { tag, server, kind: KIND_ASK, outcome: 0, errno: 0 },
            Self::Dialled { tag, server, outcome, errno } => {
                Layout { tag, server, kind: KIND_DIALLED, outcome: outcome as u8, errno }
            }
        };
        layout.encode()
    }

    /// Reads a message that came with `fds` descriptors.
    ///
    /// # Errors
    /// Layout errors, [`WireError::Field`] for values outside their range or a descriptor that does
    /// not agree with them.
    pub fn decode(bytes: &[u8], fds: usize) -> Result<Self, WireError> {
        let layout = Layout::decode(bytes)?;
        let Layout { tag, server, errno, .. } = layout;
        match layout.kind {
            KIND_ASK => layout.plain(fds).map(|()| Self::Ask { tag, server }),
            KIND_DIALLED => layout.outcome(fds).map(|outcome| Self::Dialled { tag, server, outcome, errno }),
            kind => Err(WireError::Kind(kind)),
        }
    }
}

impl FromBeside {
    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let layout = match *self {
            Self::Reply { tag, outcome, errno } => {
                Layout { tag, server: 0, kind: KIND_REPLY, outcome: outcome as u8, errno }
            }
            Self::Dial { tag, server } => Layout { tag, server, kind: KIND_DIAL, outcome: 0, errno: 0 },
        };
        layout.encode()
    }

    /// Reads a message that came with `fds` descriptors.
    ///
    /// # Errors
    /// As [`ToBeside::decode`].
    pub fn decode(bytes: &[u8], fds: usize) -> Result<Self, WireError> {
        let layout = Layout::decode(bytes)?;
        let Layout { tag, server, errno, .. } = layout;
        match layout.kind {
            KIND_REPLY if server != 0 => Err(WireError::Field("server")),
            KIND_REPLY => layout.outcome(fds).map(|outcome| Self::Reply { tag, outcome, errno }),
            KIND_DIAL => layout.plain(fds).map(|()| Self::Dial { tag, server }),
            kind => Err(WireError::Kind(kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_with_their_descriptor_and_not_without_or_cut() {
        let (tag, server, errno) = (u32::MAX, 7, 111);
        for outcome in Outcome::ALL {
            let fds = usize::from(outcome == Outcome::Connected);
            let to = ToBeside::Dialled { tag, server, outcome, errno };
            let from = FromBeside::Reply { tag, outcome, errno };
            assert_eq!(ToBeside::decode(&to.encode(), fds), Ok(to));
            assert_eq!(FromBeside::decode(&from.encode(), fds), Ok(from));
            assert!(ToBeside::decode(&to.encode(), 1 - fds).is_err());
            assert!(FromBeside::decode(&from.encode(), 1 - fds).is_err());
            for cut in 0..MESSAGE_BYTES {
                assert!(ToBeside::decode(&to.encode()[..cut], fds).is_err());
                assert!(FromBeside::decode(&from.encode()[..cut], fds).is_err());
            }
        }
        let (ask, dial) = (ToBeside::Ask { tag, server }, FromBeside::Dial { tag, server });
        assert_eq!((ToBeside::decode(&ask.encode(), 0), FromBeside::decode(&dial.encode(), 0)), (Ok(ask), Ok(dial)));
        assert!(ToBeside::decode(&ask.encode(), 1).is_err() && FromBeside::decode(&dial.encode(), 1).is_err());
        assert!(ToBeside::decode(&dial.encode(), 0).is_err() && FromBeside::decode(&ask.encode(), 0).is_err());
    }
}
