//! accept and a lane: connection records beside client sockets, one SEQPACKET message a batch.
//!
//! Down (accept to lane): CONNECTIONS with one descriptor a record, LIST, RELIEVE. Up: CLOSED, OPEN
//! (the response to LIST, ended by an empty one), RETURN with one descriptor a record. A message is
//! `u8 kind | records`; records have one size.

use crate::{WireError, cursor::Cursor, request::Endpoint};

/// Descriptors in one message. The kernel allows 253; a batch of 64 already makes the hop cheap.
pub const BATCH_FDS_MAX: usize = 64;
/// Bytes of the longest message: CLOSED and OPEN may carry more records than a batch has
/// descriptors.
pub const MESSAGE_BYTES_MAX: usize = 1 + 256 * RECORD_BYTES;
/// Bytes of one [`Connection`].
pub const RECORD_BYTES: usize = 32;

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Down, with descriptors: new connections, or ones handed over by a draining lane.
    Connections = 1,
    /// Down, no record: the lane is to list its connections, as accept has been started again.
    List = 2,
    /// Up: these connections are over.
    Closed = 3,
    /// Up: connections of the lane; an empty one ends the list.
    Open = 4,
    /// Up, with descriptors: idle connections of a draining lane.
    Return = 5,
    /// Down: the lane is to end as many idle connections as there are records; nothing else of the
    /// records is meant.
    Relieve = 6,
}

const FLAG_TRUSTED: u8 = 1;
const FLAG_UNIX: u8 = 2;

/// One client connection as accept knows it:
/// `u64 id | u16 listener | u8 flags | u8 0 | 16 address | u16 port | u16 0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Unique over the life of the edge.
    pub id: u64,
    /// Index of the listener it came by.
    pub listener: u16,
    /// The source is in the listener's list of trusted proxies: PROXY header and forwarding fields
    /// count.
    pub trusted: bool,
    /// It came over a unix socket.
    pub unix: bool,
    /// The socket's peer.
    pub peer: Endpoint,
}

impl Connection {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.listener.to_le_bytes());
        out.push(if self.trusted { FLAG_TRUSTED } else { 0 } | if self.unix { FLAG_UNIX } else { 0 });
        out.push(0);
        out.extend_from_slice(&self.peer.bytes());
        out.extend_from_slice(&[0; 2]);
    }

    fn take(c: &mut Cursor<'_>) -> Result<Self, WireError> {
        let id = c.u64()?;
        let listener = c.u16()?;
        let flags = c.u8()?;
        let zero = c.u8()?;
        let peer = Endpoint::take(c)?;
        if flags & !(FLAG_TRUSTED | FLAG_UNIX) != 0 || zero != 0 || c.u16()? != 0 {
            return Err(WireError::Field("connection"));
        }
        Ok(Self { id, listener, trusted: flags & FLAG_TRUSTED != 0, unix: flags & FLAG_UNIX != 0, peer })
    }
}

/// A decoded message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its kind.
    pub kind: Kind,
    /// Its records; for CLOSED only the ids are meant.
    pub connections: Vec<Connection>,
}

/// Writes a message into `out`, which is cleared first. `connections` beyond what fits must go into
/// a next message.
pub fn encode(out: &mut Vec<u8>, kind: Kind, connections: &[Connection]) {
    debug_assert!(connections.len() * RECORD_BYTES < MESSAGE_BYTES_MAX);
    out.clear();
    out.push(kind as u8);
    for connection in connections {
        connection.put(out);
    }
}

/// Reads a message that came with `fds` descriptors.
///
/// # Errors
/// [`WireError::Field`] where kind and descriptor count do not agree, layout errors as everywhere.
pub fn decode(bytes: &[u8], fds: usize) -> Result<Message, WireError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(WireError::Long);
    }
    let mut c = Cursor::new(bytes);
    let kind = match c.u8()? {
        1 => Kind::Connections,
        2 => Kind::List,
        3 => Kind::Closed,
        4 => Kind::Open,
        5 => Kind::Return,
        6 => Kind::Relieve,
        _ => return Err(WireError::Field("channel kind")),
    };
    let mut connections = Vec::with_capacity(c.rest().len() / RECORD_BYTES);
    while c.end().is_err() {
        connections.push(Connection::take(&mut c)?);
    }
    let expected = match kind {
        Kind::Connections | Kind::Return => connections.len(),
        Kind::List | Kind::Closed | Kind::Open | Kind::Relieve => 0,
    };
    let empty_list = kind != Kind::List || connections.is_empty();
    if fds == expected && empty_list { Ok(Message { kind, connections }) } else { Err(WireError::Field("descriptors")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_comes_back_with_as_many_descriptors_as_records() {
        let one = Connection {
            id: 9,
            listener: 2,
            trusted: true,
            peer: Endpoint { addr: [7; 16], port: 99 },
            ..Default::default()
        };
        let mut out = Vec::new();
        encode(&mut out, Kind::Connections, &[one, one]);
        assert_eq!(out.len(), 1 + 2 * RECORD_BYTES);
        assert_eq!(decode(&out, 2).unwrap().connections, [one, one]);
        assert!(decode(&out, 1).is_err());
        for cut in (0..out.len()).filter(|cut| cut % RECORD_BYTES != 1) {
            assert!(decode(&out[..cut], cut / RECORD_BYTES).is_err(), "cut at {cut}");
        }
    }
}
