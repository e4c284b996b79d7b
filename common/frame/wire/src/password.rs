//! dispatch and password: whether a password is that of a user.
//!
//! A message is `u32 length | u8 kind | body`, little-endian, over a stream socket; `length` counts
//! kind and body. Both sides greet first. dispatch asks as it likes; the other side responds to
//! each CHECK with one RESULT, in any order: a check takes its time, and sources have turns.

use fosse_source::Source;

use crate::{
    WireError,
    cursor::{Cursor, put_short},
    session,
};

/// The number of this conversation in HELLO.
pub const PROTOCOL: u16 = 1;

/// Bytes of a name that is asked about. A longer one is no user's, and is not asked about.
pub const NAME_BYTES_MAX: usize = 255;
/// Bytes of a password that is asked about. A longer one is no user's, and is not asked about.
pub const PASSWORD_BYTES_MAX: usize = 512;

/// Bytes of a message, kind and body.
const MESSAGE_BYTES_MAX: usize = 1 + 4 + 4 + 1 + 8 + 2 + NAME_BYTES_MAX + 2 + PASSWORD_BYTES_MAX;

/// From dispatch to password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ToPassword<'a> {
    /// First: `u16 protocol`.
    Hello,
    /// Asks whether a password is that of a user:
    /// `u32 tag | u32 list | u8 wide | u64 source | u16 length, name | u16 length, password`.
    Check {
        /// dispatch's tag, given back in the response.
        tag: u32,
        /// Number of the list of users.
        list: u32,
        /// Whose attempt it is.
        source: Source,
        /// Name of the user.
        name: &'a [u8],
        /// The password.
        password: &'a [u8],
    },
}

/// From password to dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromPassword {
    /// First: `u16 protocol`.
    Hello,
    /// Responds to a CHECK: `u32 tag | u8 outcome`.
    Result {
        /// The tag of the CHECK.
        tag: u32,
        /// Its outcome.
        outcome: Outcome,
    },
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is no such user, or the password is another one.
    Refused = 0,
    /// It is the password of the user.
    Passed = 1,
    /// It was not looked at: too many attempts wait.
    Busy = 2,
}

const HELLO: u8 = 1;
const CHECK: u8 = 2;
const RESULT: u8 = 3;

/// Cuts the first message off: kind and body as one, and the bytes it took with its length.
///
/// # Errors
/// [`WireError::Length`] for a length outside its limits.
pub fn split(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, WireError> {
    session::split(bytes, MESSAGE_BYTES_MAX)
}

fn put(out: &mut Vec<u8>, kind: u8, fill: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>) -> Result<(), WireError> {
    session::put(out, MESSAGE_BYTES_MAX, kind, fill)
}

fn put_hello(out: &mut Vec<u8>) -> Result<(), WireError> {
    out.extend_from_slice(&PROTOCOL.to_le_bytes());
    Ok(())
}

fn bounded<'a>(bytes: &'a [u8], bytes_max: usize, what: &'static str) -> Result<&'a [u8], WireError> {
    if bytes.len() > bytes_max { Err(WireError::Field(what)) } else { Ok(bytes) }
}

/// Shows no password.
impl core::fmt::Debug for ToPassword<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Hello => f.write_str("Hello"),
            Self::Check { tag, list, .. } => f.debug_struct("Check").field("tag", tag).field("list", list).finish(),
        }
    }
}

impl<'a> ToPassword<'a> {
    /// Appends the message.
    ///
    /// # Errors
    /// [`WireError::Field`] for what is beyond its limit; nothing is appended then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match self {
            Self::Hello => put(out, HELLO, put_hello),
            Self::Check { tag, list, source, name, password } => put(out, CHECK, |out| {
                out.extend_from_slice(&tag.to_le_bytes());
                out.extend_from_slice(&list.to_le_bytes());
                let (wide, bits) = source.parts();
                out.push(u8::from(wide));
                out.extend_from_slice(&bits.to_le_bytes());
                put_short(out, bounded(name, NAME_BYTES_MAX, "name")?, "name")?;
                put_short(out, bounded(password, PASSWORD_BYTES_MAX, "password")?, "password")
            }),
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
            CHECK => Self::Check {
                tag: c.u32()?,
                list: c.u32()?,
                source: take_source(&mut c)?,
                name: bounded(c.short_bytes()?, NAME_BYTES_MAX, "name")?,
                password: bounded(c.short_bytes()?, PASSWORD_BYTES_MAX, "password")?,
            },
            kind => return Err(WireError::Kind(kind)),
        };
        c.end()?;
        Ok(decoded)
    }
}

/// Reads a source in its one form.
fn take_source(c: &mut Cursor<'_>) -> Result<Source, WireError> {
    let (wide, bits) = (c.u8()?, c.u64()?);
    let source = Source::of_parts(wide == 1, bits);
    if wide > 1 || source.parts() != (wide == 1, bits) { Err(WireError::Field("source")) } else { Ok(source) }
}

impl FromPassword {
    /// Appends the message.
    ///
    /// # Errors
    /// None is expected: so short a message always fits.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match self {
            Self::Hello => put(out, HELLO, put_hello),
            Self::Result { tag, outcome } => put(out, RESULT, |out| {
                out.extend_from_slice(&tag.to_le_bytes());
                out.push(*outcome as u8);
                Ok(())
            }),
        }
    }

    /// Reads what [`split`] cut off.
    ///
    /// # Errors
    /// Layout errors as everywhere, [`WireError::Field`] for an unknown outcome.
    pub fn decode(message: &[u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(message);
        let decoded = match c.u8()? {
            HELLO => {
                session::take_hello(&mut c, PROTOCOL)?;
                Self::Hello
            }
            RESULT => Self::Result { tag: c.u32()?, outcome: Outcome::of_byte(c.u8()?)? },
            kind => return Err(WireError::Kind(kind)),
        };
        c.end()?;
        Ok(decoded)
    }
}

impl Outcome {
    const fn of_byte(byte: u8) -> Result<Self, WireError> {
        match byte {
            0 => Ok(Self::Refused),
            1 => Ok(Self::Passed),
            2 => Ok(Self::Busy),
            _ => Err(WireError::Field("outcome")),
        }
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
        let four = Source::of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1]);
        let check = ToPassword::Check { tag: 7, list: 1, source: four, name: b"ann", password: b"secret" };
        let (name, password) = ([b'n'; NAME_BYTES_MAX], [b'p'; PASSWORD_BYTES_MAX]);
        let longest = ToPassword::Check { tag: 8, list: 0, source: Source::LOCAL, name: &name, password: &password };
        for message in [ToPassword::Hello, check, longest] {
            let mut out = Vec::new();
            message.encode(&mut out).unwrap();
            assert_eq!(ToPassword::decode(whole(&out)), Ok(message));
            for cut in 0..out.len() {
                assert_eq!(split(&out[..cut]), Ok(None));
                assert!(ToPassword::decode(out.get(4..cut).unwrap_or_default()).is_err(), "{cut}");
            }
            out.push(0);
            assert!(ToPassword::decode(&out[4..]).is_err());
        }
        for outcome in [Outcome::Refused, Outcome::Passed, Outcome::Busy] {
            let mut out = Vec::new();
            FromPassword::Result { tag: 9, outcome }.encode(&mut out).unwrap();
            assert_eq!(FromPassword::decode(whole(&out)), Ok(FromPassword::Result { tag: 9, outcome }));
            assert!((4..out.len()).all(|cut| FromPassword::decode(&out[4..cut]).is_err()));
        }
        assert!(!format!("{check:?}").contains("115"), "{check:?}");
    }

    #[test]
    fn what_is_beyond_a_limit_is_neither_sent_nor_taken() {
        let (long, mut out) = (vec![b'x'; PASSWORD_BYTES_MAX + 1], Vec::new());
        let check = |name, password| ToPassword::Check { tag: 1, list: 0, source: Source::LOCAL, name, password };
        assert!(check(&long[..NAME_BYTES_MAX + 1], b"").encode(&mut out).is_err());
        assert!(check(b"", &long).encode(&mut out).is_err());
        assert!(out.is_empty(), "nothing of it stays");
        assert_eq!(FromPassword::decode(&[RESULT, 0, 0, 0, 0, 3]), Err(WireError::Field("outcome")));
        assert_eq!(ToPassword::decode(&[HELLO, 9, 0]), Err(WireError::Protocol(9)));
        let source =
            |wide, bits: u64| [&[CHECK, 0, 0, 0, 0, 0, 0, 0, 0, wide][..], &bits.to_le_bytes(), &[0; 4]].concat();
        assert!(ToPassword::decode(&source(0, 1)).is_ok());
        for (wide, bits) in [(2, 1), (0, 1 << 32)] {
            assert_eq!(ToPassword::decode(&source(wide, bits)), Err(WireError::Field("source")));
        }
    }
}
