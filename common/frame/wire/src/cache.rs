//! dispatch and cache: a response that may be kept is asked for, and lies in memory that dispatch
//! reads itself.
//!
//! A message is `u32 length | u8 kind | body`, little-endian, over a stream socket; `length` counts
//! kind and body. Both sides greet first. The cache replies to each ASK with one FOUND or one PASS,
//! in whatever order, and to each FORGET with one FORGOTTEN. fosse-status speaks the same with it:
//! it sends PURGE alone, which no lane may, and each gets one PURGED.

use crate::{WireError, cursor::Cursor, purge::Purge, session};

/// The number of this conversation in HELLO. A start upgraded in place may bring a cache together
/// with lanes of another build.
pub const PROTOCOL: u16 = 1;

/// Bytes of a key: the head of a request that has no more than is in the key.
pub const KEY_BYTES_MAX: usize = 80 * 1024;

/// Bytes of a message, kind and body: a key, with the numbers before it.
const MESSAGE_BYTES_MAX: usize = KEY_BYTES_MAX + 64;

/// The terms of a route, by which it is decided what is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Responses with Set-Cookie are kept.
    pub set_cookie: bool,
    /// Responses with a status of 400 and more are kept.
    pub errors: bool,
    /// The request is authorised, and only responses are kept that say that it does not matter.
    pub authorized: bool,
    /// Seconds for which responses are fresh that do not say it; 0 where those are not kept.
    pub silent_seconds: u32,
}

const FLAG_SET_COOKIE: u8 = 1;
const FLAG_ERRORS: u8 = 2;
const FLAG_AUTHORIZED: u8 = 4;
const FLAG_VALIDATE: u8 = 8;

/// From dispatch to the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToCache<'a> {
    /// First: `u16 protocol`.
    Hello,
    /// Asks for a response: `u32 tag | u8 flags | u32 silent seconds | u8 wide | u64 source |
    /// u64 configuration | u32 site | u32 policy | key`.
    Ask {
        /// dispatch's number, given back in the reply. 0 where none is wanted: what is kept is to
        /// be made fresh.
        tag: u32,
        /// The kept one is not good enough for this request.
        validate: bool,
        /// The terms of its route.
        terms: Terms,
        /// Its source is a /64 of IPv6, else one address of IPv4.
        wide: bool,
        /// The upper 64 bits of the one, the 32 bits of the other.
        source: u64,
        /// Names the configuration that `site` and `policy` are numbers of.
        configuration: u64,
        /// Number of its site.
        site: u32,
        /// Number of its policy.
        policy: u32,
        /// The key.
        key: &'a [u8],
    },
    /// Forgets what is kept of a target: `u32 tag | key`. The key is that of a request for it; all
    /// keys of the same host and target are forgotten. An empty one stands for all that is kept.
    Forget {
        /// dispatch's number, given back in the reply.
        tag: u32,
        /// The key.
        key: &'a [u8],
    },
    /// Forgets what people have chosen: `u32 tag | purge`.
    Purge {
        /// fosse-status's number, given back in the reply.
        tag: u32,
        /// The choice.
        purge: Purge<'a>,
    },
}

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
    const ALL: [Self; 4] = [Self::NotKept, Self::Failed, Self::Full, Self::Configuration];
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
    },
    /// There is none: `u32 tag | u8 cause`.
    Pass {
        /// The tag of the ASK.
        tag: u32,
        /// The cause.
        cause: PassCause,
    },
    /// Replies to a FORGET: `u32 tag`.
    Forgotten {
        /// The tag of the FORGET.
        tag: u32,
    },
    /// Replies to a PURGE that is over: `u32 tag | u64 responses`.
    Purged {
        /// The tag of the PURGE.
        tag: u32,
        /// Number of kept responses that are gone.
        responses: u64,
    },
}

const HELLO: u8 = 1;
const ASK: u8 = 2;
const FORGET: u8 = 3;
const FOUND: u8 = 4;
const PASS: u8 = 5;
const FORGOTTEN: u8 = 6;
const PURGE: u8 = 7;
const PURGED: u8 = 8;

/// Cuts the first message off: kind and body as one, and the bytes it took with its length.
///
/// # Errors
/// [`WireError::Length`] for a length outside its limits.
pub fn split(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, WireError> {
    session::split(bytes, MESSAGE_BYTES_MAX)
}

/// Appends one message of these parts.
fn put(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) -> Result<(), WireError> {
    session::put(out, MESSAGE_BYTES_MAX, kind, |out| {
        parts.iter().for_each(|part| out.extend_from_slice(part));
        Ok(())
    })
}

fn check_key(key: &[u8]) -> Result<&[u8], WireError> {
    if (1..=KEY_BYTES_MAX).contains(&key.len()) { Ok(key) } else { Err(WireError::Field("key")) }
}

fn check_key_or_none(key: &[u8]) -> Result<&[u8], WireError> {
    if key.is_empty() { Ok(key) } else { check_key(key) }
}

fn flags(set: &[(bool, u8)]) -> u8 {
    set.iter().filter(|(set, _)| *set).fold(0, |all, (_, flag)| all | flag)
}

impl<'a> ToCache<'a> {
    /// Appends the message.
    ///
    /// # Errors
    /// [`WireError::Field`] for a key that is empty or too long; nothing is appended then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match *self {
            Self::Hello => put(out, HELLO, &[&PROTOCOL.to_le_bytes()]),
            Self::Ask { tag, validate, terms, wide, source, configuration, site, policy, key } => {
                let flags = flags(&[
                    (terms.set_cookie, FLAG_SET_COOKIE),
                    (terms.errors, FLAG_ERRORS),
                    (terms.authorized, FLAG_AUTHORIZED),
                    (validate, FLAG_VALIDATE),
                ]);
                let numbers: [&[u8]; 9] = [
                    &tag.to_le_bytes(),
                    &[flags],
                    &terms.silent_seconds.to_le_bytes(),
                    &[u8::from(wide)],
                    &source.to_le_bytes(),
                    &configuration.to_le_bytes(),
                    &site.to_le_bytes(),
                    &policy.to_le_bytes(),
                    check_key(key)?,
                ];
                put(out, ASK, &numbers)
            }
            Self::Forget { tag, key } => put(out, FORGET, &[&tag.to_le_bytes(), check_key_or_none(key)?]),
            Self::Purge { tag, purge } => {
                let mut body = tag.to_le_bytes().to_vec();
                purge.encode(&mut body)?;
                put(out, PURGE, &[&body])
            }
        }
    }

    /// Reads what [`split`] cut off.
    ///
    /// # Errors
    /// Layout errors as everywhere, [`WireError::Field`] for what is beyond its limit.
    pub fn decode(message: &'a [u8]) -> Result<Self, WireError> {
        let mut c = Cursor::new(message);
        match c.u8()? {
            HELLO => {
                session::take_hello(&mut c, PROTOCOL)?;
                c.end()?;
                Ok(Self::Hello)
            }
            ASK => {
                let (tag, flags, silent_seconds) = (c.u32()?, c.u8()?, c.u32()?);
                let (wide, source) = (c.u8()?, c.u64()?);
                if wide > 1 || wide == 0 && source > u64::from(u32::MAX) {
                    return Err(WireError::Field("source"));
                }
                if flags > FLAG_SET_COOKIE | FLAG_ERRORS | FLAG_AUTHORIZED | FLAG_VALIDATE {
                    return Err(WireError::Field("ask flags"));
                }
                let terms = Terms {
                    set_cookie: flags & FLAG_SET_COOKIE != 0,
                    errors: flags & FLAG_ERRORS != 0,
                    authorized: flags & FLAG_AUTHORIZED != 0,
                    silent_seconds,
                };
                Ok(Self::Ask {
                    tag,
                    validate: flags & FLAG_VALIDATE != 0,
                    terms,
                    wide: wide == 1,
                    source,
                    configuration: c.u64()?,
                    site: c.u32()?,
                    policy: c.u32()?,
                    key: check_key(c.rest())?,
                })
            }
            FORGET => Ok(Self::Forget { tag: c.u32()?, key: check_key_or_none(c.rest())? }),
            PURGE => Ok(Self::Purge { tag: c.u32()?, purge: Purge::decode(&mut c)? }),
            kind => Err(WireError::Kind(kind)),
        }
    }
}

const FLAG_COLLAPSED: u8 = 1;
const FLAG_VALIDATED: u8 = 2;
const FLAG_STALE: u8 = 4;

impl FromCache {
    /// Appends the message.
    ///
    /// # Errors
    /// None is expected: each has a few bytes.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), WireError> {
        match *self {
            Self::Hello => put(out, HELLO, &[&PROTOCOL.to_le_bytes()]),
            Self::Found { tag, place, hash, collapsed, validated, stale } => {
                let flags = flags(&[(collapsed, FLAG_COLLAPSED), (validated, FLAG_VALIDATED), (stale, FLAG_STALE)]);
                put(out, FOUND, &[&tag.to_le_bytes(), &place.to_le_bytes(), &hash.to_le_bytes(), &[flags]])
            }
            Self::Pass { tag, cause } => put(out, PASS, &[&tag.to_le_bytes(), &[cause as u8]]),
            Self::Forgotten { tag } => put(out, FORGOTTEN, &[&tag.to_le_bytes()]),
            Self::Purged { tag, responses } => put(out, PURGED, &[&tag.to_le_bytes(), &responses.to_le_bytes()]),
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
            FOUND => {
                let (tag, place, hash, flags) = (c.u32()?, c.u64()?, c.u64()?, c.u8()?);
                if flags > FLAG_COLLAPSED | FLAG_VALIDATED | FLAG_STALE {
                    return Err(WireError::Field("found flags"));
                }
                Self::Found {
                    tag,
                    place,
                    hash,
                    collapsed: flags & FLAG_COLLAPSED != 0,
                    validated: flags & FLAG_VALIDATED != 0,
                    stale: flags & FLAG_STALE != 0,
                }
            }
            PASS => {
                let tag = c.u32()?;
                let cause = PassCause::ALL.get(usize::from(c.u8()?)).copied().ok_or(WireError::Field("pass cause"))?;
                Self::Pass { tag, cause }
            }
            FORGOTTEN => Self::Forgotten { tag: c.u32()? },
            PURGED => Self::Purged { tag: c.u32()?, responses: c.u64()? },
            kind => return Err(WireError::Kind(kind)),
        };
        c.end()?;
        Ok(decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks() -> Vec<ToCache<'static>> {
        let terms = Terms { set_cookie: true, errors: false, authorized: true, silent_seconds: 60 };
        let ask = ToCache::Ask {
            tag: 7,
            validate: true,
            terms,
            wide: false,
            source: 9,
            configuration: u64::MAX,
            site: 1,
            policy: 2,
            key: b"key",
        };
        let purge = Purge { by: crate::purge::By::Prefix, host: b"a", port: 1, text: b"/bc" };
        vec![ToCache::Hello, ask, ToCache::Forget { tag: 8, key: b"key" }, ToCache::Purge { tag: 9, purge }]
    }

    #[test]
    fn every_message_comes_back_and_a_cut_one_does_not() {
        for message in asks() {
            let mut bytes = Vec::new();
            message.encode(&mut bytes).unwrap();
            let (body, taken) = split(&bytes).unwrap().unwrap();
            assert_eq!((ToCache::decode(body), taken), (Ok(message), bytes.len()));
            // A key and a prefix have no end of their own.
            let least = body.len() - if message == ToCache::Hello { 0 } else { 3 };
            assert!((0..least).all(|cut| ToCache::decode(&body[..cut]).is_err()));
        }
        let found =
            FromCache::Found { tag: 7, place: 1 << 40, hash: 3, collapsed: true, validated: false, stale: true };
        let pass = PassCause::ALL.map(|cause| FromCache::Pass { tag: 1, cause });
        for message in
            [FromCache::Hello, found, FromCache::Forgotten { tag: 2 }, FromCache::Purged { tag: 3, responses: 4 }]
                .into_iter()
                .chain(pass)
        {
            let mut bytes = Vec::new();
            message.encode(&mut bytes).unwrap();
            let (body, _) = split(&bytes).unwrap().unwrap();
            assert_eq!(FromCache::decode(body), Ok(message));
            assert!((0..body.len()).all(|cut| FromCache::decode(&body[..cut]).is_err()));
            assert!(FromCache::decode(&[body, &[0]].concat()).is_err());
        }
    }

    #[test]
    fn a_key_has_its_limits() {
        for key in [&[][..], &vec![0; KEY_BYTES_MAX + 1]] {
            let mut bytes = Vec::new();
            assert!(ToCache::Forget { tag: 1, key }.encode(&mut bytes).is_err() && bytes.is_empty());
        }
    }
}
