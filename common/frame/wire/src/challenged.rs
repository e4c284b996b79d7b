//! tls and acme: a message brings the connection of an authority, with the bytes that it has begun
//! with (RFC 8737).
//!
//! start makes one channel for the edge. It outlives the process that reads it: what is sent
//! meanwhile waits for the next one.

use crate::WireError;

/// Bytes of a first message that goes along: that of an authority has 300, with a key share that is
/// safe from quantum computers 1,600.
pub const OPENING_BYTES_MAX: usize = 4096;

/// Bytes of the longest message.
pub const MESSAGE_BYTES_MAX: usize = 1 + OPENING_BYTES_MAX;

/// A connection: `u8 0`, then all that its client has sent, with one descriptor. That is a
/// ClientHello in its records; what it says is for the reader to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenged<'a>(&'a [u8]);

impl<'a> Challenged<'a> {
    /// Wraps the bytes of a client; `None` where there are none, or more than a message takes.
    #[must_use]
    pub fn new(opening: &'a [u8]) -> Option<Self> {
        (1..=OPENING_BYTES_MAX).contains(&opening.len()).then_some(Self(opening))
    }

    /// Returns the bytes of the client.
    #[must_use]
    pub const fn opening(self) -> &'a [u8] {
        self.0
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        [&[0][..], self.0].concat()
    }

    /// Reads a message that came with `fds` descriptors.
    ///
    /// # Errors
    /// [`WireError::Field`] for another form, or where not exactly one descriptor came.
    pub fn decode(bytes: &'a [u8], fds: usize) -> Result<Self, WireError> {
        match (bytes, fds) {
            ([0, opening @ ..], 1) => Self::new(opening).ok_or(WireError::Field("first message")),
            _ => Err(WireError::Field("connection")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_has_one_descriptor_and_bytes_within_their_limit() {
        let long = vec![22; OPENING_BYTES_MAX];
        for opening in [&b"\x16\x03\x01"[..], &long] {
            let bytes = Challenged::new(opening).unwrap().encode();
            assert_eq!(Challenged::decode(&bytes, 1).map(Challenged::opening), Ok(opening));
            assert!(bytes.len() <= MESSAGE_BYTES_MAX);
        }
        let longer = vec![0; MESSAGE_BYTES_MAX + 1];
        for (bytes, fds) in [(&b"\0\x16"[..], 0), (b"\0\x16", 2), (b"\x01\x16", 1), (b"\0", 1), (b"", 1), (&longer, 1)]
        {
            assert!(Challenged::decode(bytes, fds).is_err(), "{} bytes with {fds}", bytes.len());
        }
        assert!(Challenged::new(&[]).is_none() && Challenged::new(&longer[1..]).is_none());
    }
}
