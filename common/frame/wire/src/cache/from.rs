//! From the cache to dispatch.

use super::{ENOUGH, FORGOTTEN, FOUND, HELLO, LEAD, PASS, PROTOCOL, PURGED, flags, put};
use crate::{WireError, cursor::Cursor, session};

/// The reason why the cache has nothing for a request, which then passes it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PassCause {
    /// The response was not one to keep.
    NotKept = 0,
    /// The application could not be asked, or not in time.
    Failed = 1,
    /// There is no memory or no room for it.
    Full = 2,
    /// The lane has another configuration than the cache.
    Configuration = 3,
}

impl PassCause {
    pub(super) const ALL: [Self; 4] = [Self::NotKept, Self::Failed, Self::Full, Self::Configuration];
}

/// From the cache to dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromCache {
    /// First: `u16 protocol`.
    Hello,
    /// The response lies in the memory: `u32 tag | u64 place | u64 hash | u8 flags`.
    Found {
        /// The tag of the ASK.
        tag: u32,
        /// Its place.
        place: u64,
        /// The hash of its key.
        hash: u64,
        /// Another request had asked for it before.
        collapsed: bool,
        /// The application has confirmed what was kept.
        validated: bool,
        /// The application could not be asked, and what was kept may be sent in that case.
        stale: bool,
        /// It was on the disk, and the application was not asked.
        from_disk: bool,
    },
    /// There is none: `u32 tag | u8 cause`.
    Pass {
        /// The tag of the ASK.
        tag: u32,
        /// The cause.
        cause: PassCause,
    },
    /// Has the lane ask the application itself: `u32 tag | u64 bytes | u8 confirms | u64 place |
    /// u64 hash`.
    Lead {
        /// The tag of the ASK.
        tag: u32,
        /// Bytes of a body that is kept.
        bytes_max: u64,
        /// Place and hash of what is kept, which the application may confirm.
        confirms: Option<(u64, u64)>,
    },
    /// Says that no more of a response is wanted: `u32 tag`.
    Enough {
        /// The tag of the ASK.
        tag: u32,
    },
    /// Replies to a FORGET: `u32 tag`.
    Forgotten {
        /// The tag of the FORGET.
        tag: u32,
    },
    /// Replies to a PURGE that is over: `u32 tag | u64 responses | u8 partial`.
    Purged {
        /// The tag of the PURGE.
        tag: u32,
        /// Number of kept responses that are gone.
        responses: u64,
        /// The disk could not be written: what was on it may be found again after a restart.
        is_partial: bool,
    },
}

const FLAG_COLLAPSED: u8 = 1;
const FLAG_VALIDATED: u8 = 2;
const FLAG_STALE: u8 = 4;
const FLAG_FROM_DISK: u8 = 8;
const FOUND_FLAGS: u8 = FLAG_COLLAPSED | FLAG_VALIDATED | FLAG_STALE | FLAG_FROM_DISK;

impl FromCache {
    /// Appends the message.
    ///
    /// # Errors
    /// None is expected: each has a few bytes.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match *self {
            Self::Hello => put(out, HELLO, &[&PROTOCOL.to_le_bytes()]),
            Self::Found { tag, place, hash, collapsed, validated, stale, from_disk } => {
                let flags = flags(&[
                    (collapsed, FLAG_COLLAPSED),
                    (validated, FLAG_VALIDATED),
                    (stale, FLAG_STALE),
                    (from_disk, FLAG_FROM_DISK),
                ]);
                put(out, FOUND, &[&tag.to_le_bytes(), &place.to_le_bytes(), &hash.to_le_bytes(), &[flags]])
            }
            Self::Pass { tag, cause } => put(out, PASS, &[&tag.to_le_bytes(), &[cause as u8]]),
            Self::Lead { tag, bytes_max, confirms } => {
                let (place, hash) = confirms.unwrap_or_default();
                let [bytes, place, hash] = [bytes_max, place, hash].map(u64::to_le_bytes);
                put(out, LEAD, &[&tag.to_le_bytes(), &bytes, &[u8::from(confirms.is_some())], &place, &hash])
            }
            Self::Enough { tag } => put(out, ENOUGH, &[&tag.to_le_bytes()]),
            Self::Forgotten { tag } => put(out, FORGOTTEN, &[&tag.to_le_bytes()]),
            Self::Purged { tag, responses, is_partial } => {
                put(out, PURGED, &[&tag.to_le_bytes(), &responses.to_le_bytes(), &[u8::from(is_partial)]])
            }
        }
    }

    /// Reads what [`split`] cut off.
    ///
    /// # Errors
    /// Layout errors as everywhere, [`WireError::Field`] for what is beyond its limit.
    pub fn decode(message: &[u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(message);
        let decoded = match c.u8()? {
            HELLO => {
                session::take_hello(&mut c, PROTOCOL)?;
                Self::Hello
            }
            FOUND => Self::decode_found(&mut c)?,
            PASS => {
                let tag = c.u32()?;
                let cause = PassCause::ALL.get(usize::from(c.u8()?)).copied().ok_or(WireError::Field("pass cause"))?;
                Self::Pass { tag, cause }
            }
            LEAD => Self::decode_lead(&mut c)?,
            ENOUGH => Self::Enough { tag: c.u32()? },
            FORGOTTEN => Self::Forgotten { tag: c.u32()? },
            PURGED => {
                let (tag, responses, partial) = (c.u32()?, c.u64()?, c.u8()?);
                if partial > 1 {
                    return Err(WireError::Field("purge partial"));
                }
                Self::Purged { tag, responses, is_partial: partial == 1 }
            }
            kind => return Err(WireError::Kind(kind)),
        };
        c.end()?;
        Ok(decoded)
    }
    fn decode_found(c: &mut Cursor<'_>) -> Result<Self, WireError> {
        let (tag, place, hash, flags) = (c.u32()?, c.u64()?, c.u64()?, c.u8()?);
        if flags > FOUND_FLAGS {
            return Err(WireError::Field("found flags"));
        }
        Ok(Self::Found {
            tag,
            place,
            hash,
            collapsed: flags & FLAG_COLLAPSED != 0,
            validated: flags & FLAG_VALIDATED != 0,
            stale: flags & FLAG_STALE != 0,
            from_disk: flags & FLAG_FROM_DISK != 0,
        })
    }

    fn decode_lead(c: &mut Cursor<'_>) -> Result<Self, WireError> {
        let (tag, bytes_max) = (c.u32()?, c.u64()?);
        let confirms = match (c.u8()?, c.u64()?, c.u64()?) {
            (0, 0, 0) => None,
            (1, place, hash) => Some((place, hash)),
            _ => return Err(WireError::Field("lead confirms")),
        };
        Ok(Self::Lead { tag, bytes_max, confirms })
    }
}
