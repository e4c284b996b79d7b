//! dispatch and connect: a request is a tag and one number, the reply brings the connected socket.

use crate::{WireError, cursor::Cursor};

/// dispatch wants a connection to entry `server` of connect's table: `u32 tag | u32 server`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectRequest {
    /// dispatch's tag, given back in the reply.
    pub tag: u32,
    /// Index into the backend table.
    pub server: u32,
}

impl ConnectRequest {
    /// Bytes of a request.
    pub const BYTES: usize = 8;

    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [self.tag.to_le_bytes(), self.server.to_le_bytes()].concat()
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`WireError::Short`] or [`WireError::Long`].
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        let request = Self { tag: c.u32()?, server: c.u32()? };
        c.end()?;
        Ok(request)
    }
}

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// The reply carries the connected socket.
    Connected = 0,
    /// No socket listens there, or the socket file is missing.
    Refused = 1,
    /// The time limit ran out.
    Timeout = 2,
    /// The peer's UID is not one the configuration names.
    WrongPeer = 3,
    /// Any other failure, by `errno`.
    Failed = 4,
    /// The connection cannot come from the address that the configuration names.
    NoSource = 5,
    /// The server's certificate is not by an authority that is trusted.
    Untrusted = 6,
    /// The server's certificate has expired, or does not hold yet.
    Expired = 7,
    /// The server's certificate is of another name.
    WrongName = 8,
    /// Server and fosse do not agree on how to speak TLS.
    Handshake = 9,
    /// The time limit ran out during the handshake.
    HandshakeTimeout = 10,
    /// The program that makes such connections is not there.
    Missing = 11,
}

impl Outcome {
    /// All outcomes, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Connected,
        Self::Refused,
        Self::Timeout,
        Self::WrongPeer,
        Self::Failed,
        Self::NoSource,
        Self::Untrusted,
        Self::Expired,
        Self::WrongName,
        Self::Handshake,
        Self::HandshakeTimeout,
        Self::Missing,
    ];

    /// From the number on the wire.
    ///
    /// # Errors
    /// [`WireError::Field`] for a number outside the table.
    pub fn of_number(number: u8) -> Result<Self, WireError> {
        Self::ALL.get(usize::from(number)).copied().ok_or(WireError::Field("outcome"))
    }
}

/// connect's reply: `u32 tag | u8 outcome | u8 0 | u16 errno`, with one descriptor exactly where it
/// says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The tag of the request.
    pub tag: u32,
    /// The outcome.
    pub outcome: Outcome,
    /// errno of the failure, 0 without.
    pub errno: u16,
}

impl Reply {
    /// Bytes of a reply.
    pub const BYTES: usize = 8;

    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.tag.to_le_bytes().to_vec();
        out.extend_from_slice(&[self.outcome as u8, 0]);
        out.extend_from_slice(&self.errno.to_le_bytes());
        out
    }

    /// Reads a reply that came with `fds` descriptors.
    ///
    /// # Errors
    /// [`WireError::Field`] for an outcome outside the table or a descriptor that does not agree
    /// with it.
    pub fn decode(bytes: &[u8], fds: usize) -> Result<Self, WireError> {
        let mut c = Cursor::new(bytes);
        let tag = c.u32()?;
        let outcome = Outcome::of_number(c.u8()?)?;
        let zero = c.u8()?;
        let errno = c.u16()?;
        c.end()?;
        if zero != 0 || fds != usize::from(outcome == Outcome::Connected) {
            return Err(WireError::Field("descriptors"));
        }
        Ok(Self { tag, outcome, errno })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_connected_reply_brings_a_descriptor() {
        let yes = Reply { tag: 4, outcome: Outcome::Connected, errno: 0 };
        let no = Reply { tag: 4, outcome: Outcome::Refused, errno: 111 };
        assert_eq!(Reply::decode(&yes.encode(), 1), Ok(yes));
        assert_eq!(Reply::decode(&no.encode(), 0), Ok(no));
        assert!(Reply::decode(&yes.encode(), 0).is_err());
        assert!(Reply::decode(&no.encode(), 1).is_err());
        assert_eq!(
            ConnectRequest::decode(&ConnectRequest { tag: 1, server: 2 }.encode()),
            Ok(ConnectRequest { tag: 1, server: 2 })
        );
    }
}
