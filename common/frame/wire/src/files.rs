//! connect and static: a message brings one end of a connection, whose other end dispatch is given.
//!
//! start makes a channel for each backend that serves files. It outlives the process that reads it:
//! what is sent meanwhile waits for the next one.

use crate::WireError;

/// Backends that serve files, each by a process of its own: connect has a descriptor for each, and
/// it is given all of them when it is made.
pub const FILES_BACKENDS_MAX: usize = 32;

/// Number of connect's descriptor for the first of them; the others follow.
pub const CHANNEL_FD_FIRST: u8 = 9;

/// A connection: `u8 0`, with one descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewConnection;

impl NewConnection {
    /// Bytes of the message.
    pub const BYTES: usize = 1;

    /// The bytes on the wire.
    #[must_use]
    pub const fn encode(self) -> [u8; Self::BYTES] {
        [0]
    }

    /// Reads a message that came with `fds` descriptors.
    ///
    /// # Errors
    /// [`WireError::Field`] for other bytes, or where not exactly one descriptor came.
    pub fn decode(bytes: &[u8], fds: usize) -> Result<Self, WireError> {
        match (bytes, fds) {
            ([0], 1) => Ok(Self),
            _ => Err(WireError::Field("connection")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_one_byte_with_one_descriptor_and_nothing_else() {
        assert_eq!(NewConnection::decode(&NewConnection.encode(), 1), Ok(NewConnection));
        for (bytes, fds) in [(&[0][..], 0), (&[0], 2), (&[1], 1), (&[], 1), (&[0, 0], 1)] {
            assert!(NewConnection::decode(bytes, fds).is_err(), "{bytes:?} with {fds}");
        }
    }
}
