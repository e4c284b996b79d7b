//! accept and a lane: connection records beside client sockets, one SEQPACKET message a batch.
//!
//! Down (accept to lane): CONNECTIONS with one descriptor a record, LIST, RELIEVE, ELSEWHERE,
//! PENALISED. Up: CLOSED, OPEN (the response to LIST, ended by an empty one), RETURN with one
//! descriptor a record, SHARES, OFFENCES. A message is `u8 kind | records`; records have one size.
//!
//! A TCP socket that is passed, either way, has SO_LINGER 0 (socket(7)), as accept's listeners do:
//! closing it is a reset.
//!
//! accept judges the peers of sockets. A client that a trusted proxy names is known to the lane
//! alone, which counts and judges it: SHARES and ELSEWHERE are what makes the counts those of the
//! edge.

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
    /// Up, [`Tally`] records: what clients of a network that trusted proxies name have in this lane
    /// now.
    Shares = 7,
    /// Down, [`Tally`] records: what clients of a network have in the whole edge but for this
    /// lane's share.
    Elsewhere = 8,
    /// Up, [`Tally`] records: a source did something that makes a penalty if it goes on; the number
    /// is how many times.
    Offences = 9,
    /// Down, [`Tally`] records: a source is refused until that time in milliseconds of the
    /// monotonic clock.
    Penalised = 10,
}

impl Kind {
    const fn of_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Connections,
            2 => Self::List,
            3 => Self::Closed,
            4 => Self::Open,
            5 => Self::Return,
            6 => Self::Relieve,
            7 => Self::Shares,
            8 => Self::Elsewhere,
            9 => Self::Offences,
            10 => Self::Penalised,
            _ => return None,
        })
    }

    const fn has_tallies(self) -> bool {
        matches!(self, Self::Shares | Self::Elsewhere | Self::Offences | Self::Penalised)
    }
}

/// A number that is said of a network: `u64 number | u8 bits | 7 zeros | 16 address`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The first address of the network.
    pub address: [u8; 16],
    /// The length of its prefix in bits, 0 to 128.
    pub bits: u8,
    /// The number that the kind of the message says what it is.
    pub number: u64,
}

impl Tally {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.number.to_le_bytes());
        out.push(self.bits);
        out.extend_from_slice(&[0; 7]);
        out.extend_from_slice(&self.address);
    }

    fn take(c: &mut Cursor<'_>) -> Result<Self, WireError> {
        let number = c.u64()?;
        let bits = c.u8()?;
        if bits > 128 || c.array::<7>()? != [0; 7] {
            return Err(WireError::Field("tally"));
        }
        Ok(Self { address: c.array()?, bits, number })
    }
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
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.listener.to_le_bytes());
        out.push(if self.trusted { FLAG_TRUSTED } else { 0 } | if self.unix { FLAG_UNIX } else { 0 });
        out.push(0);
        out.extend_from_slice(&self.peer.bytes());
        out.extend_from_slice(&[0; 2]);
    }

    pub(crate) fn take(c: &mut Cursor<'_>) -> Result<Self, WireError> {
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
    /// Its records, where it is about networks.
    pub tallies: Vec<Tally>,
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

/// Does the same with a message about networks.
pub fn encode_tallies(out: &mut Vec<u8>, kind: Kind, tallies: &[Tally]) {
    debug_assert!(kind.has_tallies() && tallies.len() * RECORD_BYTES < MESSAGE_BYTES_MAX);
    out.clear();
    out.push(kind as u8);
    tallies.iter().for_each(|tally| tally.put(out));
}

/// Returns the number of connections in a message of that many bytes.
#[must_use]
pub const fn count(bytes: usize) -> usize {
    // One byte, the kind, comes before them.
    bytes / RECORD_BYTES
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
    let kind = Kind::of_byte(c.u8()?).ok_or(WireError::Field("channel kind"))?;
    let count = c.rest().len() / RECORD_BYTES;
    let mut message = Message { kind, connections: Vec::new(), tallies: Vec::new() };
    if kind.has_tallies() {
        message.tallies.reserve_exact(count);
        while c.end().is_err() {
            message.tallies.push(Tally::take(&mut c)?);
        }
    } else {
        message.connections.reserve_exact(count);
        while c.end().is_err() {
            message.connections.push(Connection::take(&mut c)?);
        }
    }
    let expected = if matches!(kind, Kind::Connections | Kind::Return) { message.connections.len() } else { 0 };
    let empty_list = kind != Kind::List || message.connections.is_empty();
    if fds == expected && empty_list { Ok(message) } else { Err(WireError::Field("descriptors")) }
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
    #[test]
    fn what_is_said_of_networks_comes_back() {
        let one = Tally { address: [7; 16], bits: 64, number: u64::MAX };
        let mut out = Vec::new();
        for kind in [Kind::Shares, Kind::Elsewhere, Kind::Offences, Kind::Penalised] {
            encode_tallies(&mut out, kind, &[one, Tally::default()]);
            assert_eq!(out.len(), 1 + 2 * RECORD_BYTES);
            let message = decode(&out, 0).unwrap();
            assert_eq!((message.kind, &message.tallies[..]), (kind, &[one, Tally::default()][..]));
            assert!(decode(&out, 1).is_err() && decode(&out[..out.len() - 1], 0).is_err());
        }
        out[9] = 129;
        assert!(decode(&out, 0).is_err(), "a prefix of more bits than an address has");
    }
}
