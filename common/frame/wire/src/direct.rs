//! parse to dispatch, beside the ring: client sockets for leases, over a SEQPACKET pair that only
//! parse writes.
//!
//! A message is `u64 connection`, once or more. With as many descriptors as connections it lends
//! their sockets; without any it says that these connections are over: the copies are to be closed,
//! and the backend connections that are pinned to them. That is said of connections whose socket
//! was lent or that a RESPONSE called pinned. The socket of a connection is lent once, before its
//! first LEASE frame is sent, so dispatch finds it waiting when it reads that frame.

use crate::{WireError, cursor::Cursor};

/// Connections in one message.
pub const BATCH_MAX: usize = 64;

/// Writes a message into `out`, which is cleared first.
pub fn encode(out: &mut Vec<u8>, connections: &[u64]) {
    debug_assert!((1..=BATCH_MAX).contains(&connections.len()));
    out.clear();
    connections.iter().for_each(|c| out.extend_from_slice(&c.to_le_bytes()));
}

/// Returns the number of connections in a message of that many bytes.
#[must_use]
pub const fn count(bytes: usize) -> usize {
    bytes / 8
}

/// Reads the connections of a message that came with `fds` descriptors.
///
/// # Errors
/// [`WireError::Short`] for a cut one, [`WireError::Field`] where the number of descriptors is
/// neither 0 nor theirs.
pub fn decode(bytes: &[u8], fds: usize) -> Result<Vec<u64>, WireError> {
    let mut c = Cursor::new(bytes);
    let mut connections = Vec::with_capacity(bytes.len() / 8);
    while c.end().is_err() {
        connections.push(c.u64()?);
    }
    let count = connections.len();
    if (1..=BATCH_MAX).contains(&count) && (fds == 0 || fds == count) {
        Ok(connections)
    } else {
        Err(WireError::Field("descriptors"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_come_one_to_a_connection_or_not_at_all() {
        let mut out = Vec::new();
        encode(&mut out, &[1, u64::MAX]);
        assert_eq!(decode(&out, 2), Ok(vec![1, u64::MAX]));
        assert_eq!(decode(&out, 0), Ok(vec![1, u64::MAX]));
        assert!(decode(&out, 1).is_err());
        assert!(decode(&out[..9], 0).is_err());
        assert!(decode(&[], 0).is_err());
    }
}
