//! waf-filter and spool: bodies that are longer than memory has room for are written to a file, and
//! read again.
//!
//! A message is `u32 length | u8 kind | body`, little-endian, over a stream socket; `length` counts
//! kind and body. Both sides greet first. The filter numbers its bodies; the spool replies to each
//! WRITE with one WRITTEN and to each READ with one DATA, in the order they came, or with one LOST
//! in place of all replies about a body. After a LOST, and after a FREE, what was sent about that
//! body before is not replied to.

use crate::{WireError, cursor::Cursor, session};

/// The number of this conversation in HELLO. A start upgraded in place may bring a spool together
/// with filters of another build.
pub const PROTOCOL: u16 = 1;

/// Bytes of a body in one message.
pub const PIECE_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a message, kind and body: a piece, with the numbers before it.
const MESSAGE_BYTES_MAX: usize = PIECE_BYTES_MAX + 32;

/// From a filter to the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToSpool<'a> {
    /// First: `u16 protocol`.
    Hello,
    /// Begins a body: `u64 body | u8 wide | u64 source`.
    Open {
        /// Its number; no other body of this filter has had it.
        body: u64,
        /// Its source is a /64 of IPv6, else one address of IPv4.
        wide: bool,
        /// The upper 64 bits of the one, the 32 bits of the other.
        source: u64,
    },
    /// Appends to a body: `u64 body | bytes`.
    Write {
        /// The number of the body.
        body: u64,
        /// At least one byte, at most [`PIECE_BYTES_MAX`].
        bytes: &'a [u8],
    },
    /// Asks for a piece of a body: `u64 body | u64 at | u32 length`.
    Read {
        /// The number of the body.
        body: u64,
        /// Its first byte, counted from the beginning of the body.
        at: u64,
        /// At least one byte, at most [`PIECE_BYTES_MAX`].
        length: u32,
    },
    /// Ends a body: `u64 body`.
    Free {
        /// The number of the body.
        body: u64,
    },
}

/// From the spool to a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromSpool<'a> {
    /// First: `u16 protocol`.
    Hello,
    /// Replies to a WRITE: `u64 body | u32 length`.
    Written {
        /// The number of the body.
        body: u64,
        /// The bytes of the WRITE.
        length: u32,
    },
    /// Replies to a READ: `u64 body | bytes`.
    Data {
        /// The number of the body.
        body: u64,
        /// As many as were asked for.
        bytes: &'a [u8],
    },
    /// A body is gone: `u64 body | u8 cause`.
    Lost {
        /// The number of the body.
        body: u64,
        /// The cause.
        cause: LostCause,
    },
}

/// The cause for which a body is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LostCause {
    /// The spool is full, and this was the largest body of the source that has most in it.
    Full = 0,
    /// The file could not be read or written.
    Failed = 1,
}

const HELLO: u8 = 1;
const OPEN: u8 = 2;
const WRITE: u8 = 3;
const READ: u8 = 4;
const FREE: u8 = 5;
const WRITTEN: u8 = 6;
const DATA: u8 = 7;
const LOST: u8 = 8;

/// Cuts the first message off: kind and body as one, and the bytes it took with its length.
///
/// # Errors
/// [`WireError::Length`] for a length outside its limits.
pub fn split(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, WireError> {
    session::split(bytes, MESSAGE_BYTES_MAX)
}

/// Appends one message of these parts.
fn put(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) -> Result<(), WireError> {
    session::put_parts(out, MESSAGE_BYTES_MAX, kind, parts)
}

/// Refuses a piece that is empty or too long.
fn check_piece(length: usize) -> Result<(), WireError> {
    if (1..=PIECE_BYTES_MAX).contains(&length) { Ok(()) } else { Err(WireError::Field("piece")) }
}

impl<'a> ToSpool<'a> {
    /// Appends the message.
    ///
    /// # Errors
    /// [`WireError::Field`] for a piece that is empty or too long; nothing is appended then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match *self {
            Self::Hello => put(out, HELLO, &[&PROTOCOL.to_le_bytes()]),
            Self::Open { body, wide, source } => {
                put(out, OPEN, &[&body.to_le_bytes(), &[u8::from(wide)], &source.to_le_bytes()])
            }
            Self::Write { body, bytes } => {
                check_piece(bytes.len())?;
                put(out, WRITE, &[&body.to_le_bytes(), bytes])
            }
            Self::Read { body, at, length } => {
                put(out, READ, &[&body.to_le_bytes(), &at.to_le_bytes(), &length.to_le_bytes()])
            }
            Self::Free { body } => put(out, FREE, &[&body.to_le_bytes()]),
        }
    }

    /// Reads what [`split`] cut off.
    ///
    /// # Errors
    /// Layout errors as everywhere, [`WireError::Field`] for what is beyond its limit.
    pub fn decode(message: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(message);
        let decoded = match c.u8()? {
            HELLO => {
                session::take_hello(&mut c, PROTOCOL)?;
                Self::Hello
            }
            OPEN => {
                let (body, wide, source) = (c.u64()?, c.u8()?, c.u64()?);
                if wide > 1 || wide == 0 && source > u64::from(u32::MAX) {
                    return Err(WireError::Field("source"));
                }
                Self::Open { body, wide: wide == 1, source }
            }
            WRITE => {
                let (body, bytes) = (c.u64()?, c.rest());
                check_piece(bytes.len())?;
                return Ok(Self::Write { body, bytes });
            }
            READ => {
                let (body, at, length) = (c.u64()?, c.u64()?, c.u32()?);
                check_piece(usize::try_from(length).unwrap_or(usize::MAX))?;
                Self::Read { body, at, length }
            }
            FREE => Self::Free { body: c.u64()? },
            kind => return Err(WireError::Kind(kind)),
        };
        c.end()?;
        Ok(decoded)
    }
}

impl<'a> FromSpool<'a> {
    /// Appends the message.
    ///
    /// # Errors
    /// [`WireError::Field`] for a piece that is empty or too long; nothing is appended then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match *self {
            Self::Hello => put(out, HELLO, &[&PROTOCOL.to_le_bytes()]),
            Self::Written { body, length } => put(out, WRITTEN, &[&body.to_le_bytes(), &length.to_le_bytes()]),
            Self::Data { body, bytes } => {
                check_piece(bytes.len())?;
                put(out, DATA, &[&body.to_le_bytes(), bytes])
            }
            Self::Lost { body, cause } => put(out, LOST, &[&body.to_le_bytes(), &[cause as u8]]),
        }
    }

    /// Reads what [`split`] cut off.
    ///
    /// # Errors
    /// Layout errors as everywhere, [`WireError::Field`] for what is beyond its limit.
    pub fn decode(message: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(message);
        let decoded = match c.u8()? {
            HELLO => {
                session::take_hello(&mut c, PROTOCOL)?;
                Self::Hello
            }
            WRITTEN => {
                let (body, length) = (c.u64()?, c.u32()?);
                check_piece(usize::try_from(length).unwrap_or(usize::MAX))?;
                Self::Written { body, length }
            }
            DATA => {
                let (body, bytes) = (c.u64()?, c.rest());
                check_piece(bytes.len())?;
                return Ok(Self::Data { body, bytes });
            }
            LOST => {
                let body = c.u64()?;
                let cause = match c.u8()? {
                    0 => LostCause::Full,
                    1 => LostCause::Failed,
                    _ => return Err(WireError::Field("cause")),
                };
                Self::Lost { body, cause }
            }
            kind => return Err(WireError::Kind(kind)),
        };
        c.end()?;
        Ok(decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> &[u8] {
        let (message, taken) = split(bytes).unwrap().unwrap();
        assert_eq!(taken, bytes.len());
        message
    }

    #[test]
    fn every_message_comes_back_and_a_cut_one_does_not() {
        for message in [
            ToSpool::Hello,
            ToSpool::Open { body: 1, wide: true, source: u64::MAX },
            ToSpool::Open { body: u64::MAX, wide: false, source: 0xc000_0201 },
            ToSpool::Write { body: 2, bytes: b"abc" },
            ToSpool::Read { body: 2, at: u64::MAX, length: 65_536 },
            ToSpool::Free { body: 3 },
        ] {
            let mut out = Vec::new();
            message.encode(&mut out).unwrap();
            assert_eq!(ToSpool::decode(whole(&out)), Ok(message));
            for cut in 0..out.len() {
                assert_eq!(split(&out[..cut]), Ok(None));
                if let Some(Ok(other)) = out.get(4..cut).map(ToSpool::decode) {
                    assert!(matches!(other, ToSpool::Write { .. }), "{other:?}");
                }
            }
        }
        for message in [
            FromSpool::Hello,
            FromSpool::Written { body: 7, length: 1 },
            FromSpool::Data { body: u64::MAX, bytes: &[7; PIECE_BYTES_MAX] },
            FromSpool::Lost { body: 1, cause: LostCause::Full },
            FromSpool::Lost { body: 1, cause: LostCause::Failed },
        ] {
            let mut out = Vec::new();
            message.encode(&mut out).unwrap();
            assert_eq!(FromSpool::decode(whole(&out)), Ok(message));
        }
    }

    #[test]
    fn what_is_beyond_a_limit_is_neither_sent_nor_taken() {
        let long = vec![0; PIECE_BYTES_MAX + 1];
        for bytes in [&long[..], b""] {
            let mut out = Vec::new();
            assert!(ToSpool::Write { body: 1, bytes }.encode(&mut out).is_err());
            assert!(FromSpool::Data { body: 1, bytes }.encode(&mut out).is_err());
            assert!(out.is_empty(), "nothing of it stays");
        }
        for length in [0, u32::try_from(PIECE_BYTES_MAX + 1).unwrap(), u32::MAX] {
            let mut out = Vec::new();
            ToSpool::Read { body: 1, at: 0, length }.encode(&mut out).unwrap();
            assert_eq!(ToSpool::decode(whole(&out)), Err(WireError::Field("piece")));
        }
        for length in [0, u32::try_from(MESSAGE_BYTES_MAX + 1).unwrap(), u32::MAX] {
            assert_eq!(split(&length.to_le_bytes()), Err(WireError::Length(length)));
        }
        assert_eq!(ToSpool::decode(&[HELLO, 9, 0]), Err(WireError::Protocol(9)));
        assert_eq!(FromSpool::decode(&[LOST, 0, 0, 0, 0, 0, 0, 0, 0, 2]), Err(WireError::Field("cause")));
        assert_eq!(ToSpool::decode(&[9]), Err(WireError::Kind(9)));
    }
}
