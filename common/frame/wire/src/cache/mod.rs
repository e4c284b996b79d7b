//! dispatch and cache: a response that may be kept is asked for, and lies in memory that dispatch
//! reads itself.
//!
//! A message is `u32 length | u8 kind | body`, little-endian, over a stream socket; `length` counts
//! kind and body. Both sides greet first. The cache replies to each ASK with one FOUND, one PASS or
//! one LEAD, in whatever order, and to each FORGET with one FORGOTTEN. After a LEAD the lane asks
//! the application itself: HEAD, DATA and END pass on what comes, LEAVE says that it was not to be
//! kept, or did not come, and ENOUGH that the cache wants no more of it. fosse-status speaks the
//! same with the cache: it sends PURGE alone, which no lane may, and each gets one PURGED.

mod from;
pub mod key;
mod terms;

use crate::{
    WireError,
    cursor::{Cursor, put_long},
    fields::{self, Fields},
    frame::FRAME_BYTES_MAX,
    purge::Purge,
    session,
};

pub use from::{FromCache, PassCause};
pub use terms::{LeaveCause, Terms, Way};

/// The number of this conversation in HELLO. A start upgraded in place may bring a cache together
/// with lanes of another build.
pub const PROTOCOL: u16 = 4;

/// Bytes of a key ([`key`]): the head of a request that has no more than is in the key.
pub const KEY_BYTES_MAX: usize = 80 * 1024;

/// Bytes of a body in one message: what one read of a server brings.
pub const DATA_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a list of fields: all that a frame can bring.
const FIELDS_BYTES_MAX: usize = FRAME_BYTES_MAX;

/// Bytes of a message, kind and body: a key and fields, with the numbers before them.
const MESSAGE_BYTES_MAX: usize = KEY_BYTES_MAX + FIELDS_BYTES_MAX + 64;

const FLAG_SET_COOKIE: u8 = 1;
const FLAG_ERRORS: u8 = 2;
const FLAG_AUTHORIZED: u8 = 4;
const FLAG_VALIDATE: u8 = 8;
const FLAG_LEADS: u8 = 16;
const FLAG_KEPT: u8 = 32;

/// From dispatch to the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToCache<'a> {
    /// First: `u16 protocol`.
    Hello,
    /// Asks for a response: `u32 tag | u8 flags | u32 silent seconds | u8 wide | u64 source |
    /// u64 configuration | u32 site | u32 policy | u32 length | key | fields`.
    Ask {
        /// dispatch's number, given back in the reply. 0 where none is wanted: what is kept is to
        /// be made fresh.
        tag: u32,
        /// The kept one is not good enough for this request.
        validate: bool,
        /// The way to what is not kept.
        way: Way,
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
        /// Fields besides those of the key, for the application where the cache asks it.
        fields: Fields<'a>,
    },
    /// Passes the head of a response on that is one to keep: `u32 tag | u32 milliseconds |
    /// u16 status | u32 length | key | fields`.
    Head {
        /// The tag of the ASK.
        tag: u32,
        /// The time that it took.
        delay_ms: u32,
        /// Its status.
        status: u16,
        /// The key of the variant that it is of what was asked for; empty where it is that.
        key: &'a [u8],
        /// Its fields.
        fields: Fields<'a>,
    },
    /// Passes the next part of its body on: `u32 tag | bytes`.
    Data {
        /// The tag of the ASK.
        tag: u32,
        /// One byte at least, [`DATA_BYTES_MAX`] at most.
        bytes: &'a [u8],
    },
    /// Says that it has come whole: `u32 tag`.
    End {
        /// The tag of the ASK.
        tag: u32,
    },
    /// Says that there is none to keep: `u32 tag | u8 cause`.
    Leave {
        /// The tag of the ASK.
        tag: u32,
        /// The cause.
        cause: LeaveCause,
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

const HELLO: u8 = 1;
const ASK: u8 = 2;
const FORGET: u8 = 3;
const FOUND: u8 = 4;
const PASS: u8 = 5;
const FORGOTTEN: u8 = 6;
const PURGE: u8 = 7;
const PURGED: u8 = 8;
const HEAD: u8 = 9;
const DATA: u8 = 10;
const END: u8 = 11;
const LEAVE: u8 = 12;
const LEAD: u8 = 13;
const ENOUGH: u8 = 14;

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

fn check_key(key: &[u8]) -> Result<&[u8], WireError> {
    if (1..=KEY_BYTES_MAX).contains(&key.len()) { Ok(key) } else { Err(WireError::Field("key")) }
}

fn check_key_or_none(key: &[u8]) -> Result<&[u8], WireError> {
    if key.is_empty() { Ok(key) } else { check_key(key) }
}

fn check_data(bytes: &[u8]) -> Result<&[u8], WireError> {
    if (1..=DATA_BYTES_MAX).contains(&bytes.len()) { Ok(bytes) } else { Err(WireError::Field("data")) }
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
            Self::Ask { tag, validate, way, terms, wide, source, configuration, site, policy, key, fields } => {
                let flags = flags(&[
                    (terms.set_cookie, FLAG_SET_COOKIE),
                    (terms.errors, FLAG_ERRORS),
                    (terms.authorized, FLAG_AUTHORIZED),
                    (validate, FLAG_VALIDATE),
                ]) | way.flag();
                check_key(key)?;
                session::put(out, MESSAGE_BYTES_MAX, ASK, |out| {
                    out.extend_from_slice(&tag.to_le_bytes());
                    out.push(flags);
                    out.extend_from_slice(&terms.silent_seconds.to_le_bytes());
                    out.push(u8::from(wide));
                    out.extend_from_slice(&source.to_le_bytes());
                    out.extend_from_slice(&configuration.to_le_bytes());
                    out.extend_from_slice(&site.to_le_bytes());
                    out.extend_from_slice(&policy.to_le_bytes());
                    put_long(out, key, "key")?;
                    fields::put(out, fields)
                })
            }
            Self::Head { tag, delay_ms, status, key, fields } => session::put(out, MESSAGE_BYTES_MAX, HEAD, |out| {
                out.extend_from_slice(&tag.to_le_bytes());
                out.extend_from_slice(&delay_ms.to_le_bytes());
                out.extend_from_slice(&status.to_le_bytes());
                put_long(out, check_key_or_none(key)?, "key")?;
                fields::put(out, fields)
            }),
            Self::Data { tag, bytes } => put(out, DATA, &[&tag.to_le_bytes(), check_data(bytes)?]),
            Self::End { tag } => put(out, END, &[&tag.to_le_bytes()]),
            Self::Leave { tag, cause } => put(out, LEAVE, &[&tag.to_le_bytes(), &[cause as u8]]),
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
        let decoded = match c.u8()? {
            HELLO => {
                session::take_hello(&mut c, PROTOCOL)?;
                Self::Hello
            }
            ASK => Self::decode_ask(&mut c)?,
            HEAD => {
                let (tag, delay_ms, status) = (c.u32()?, c.u32()?, c.u16()?);
                let key = check_key_or_none(c.long_bytes()?)?;
                Self::Head { tag, delay_ms, status, key, fields: Fields::decode(&mut c)? }
            }
            END => Self::End { tag: c.u32()? },
            LEAVE => {
                let tag = c.u32()?;
                let cause = LeaveCause::ALL.get(usize::from(c.u8()?)).copied();
                Self::Leave { tag, cause: cause.ok_or(WireError::Field("leave cause"))? }
            }
            // These have no end of their own.
            DATA => return Ok(Self::Data { tag: c.u32()?, bytes: check_data(c.rest())? }),
            FORGET => return Ok(Self::Forget { tag: c.u32()?, key: check_key_or_none(c.rest())? }),
            PURGE => return Ok(Self::Purge { tag: c.u32()?, purge: Purge::decode(&mut c)? }),
            kind => return Err(WireError::Kind(kind)),
        };
        c.end()?;
        Ok(decoded)
    }

    fn decode_ask(c: &mut Cursor<'a>) -> Result<Self, WireError> {
        let (tag, flags, silent_seconds) = (c.u32()?, c.u8()?, c.u32()?);
        let (wide, source) = (c.u8()?, c.u64()?);
        if wide > 1 || wide == 0 && source > u64::from(u32::MAX) {
            return Err(WireError::Field("source"));
        }
        let way = Way::of(flags).filter(|_| flags < FLAG_KEPT * 2).ok_or(WireError::Field("ask flags"))?;
        let terms = Terms {
            set_cookie: flags & FLAG_SET_COOKIE != 0,
            errors: flags & FLAG_ERRORS != 0,
            authorized: flags & FLAG_AUTHORIZED != 0,
            silent_seconds,
        };
        Ok(Self::Ask {
            tag,
            validate: flags & FLAG_VALIDATE != 0,
            way,
            terms,
            wide: wide == 1,
            source,
            configuration: c.u64()?,
            site: c.u32()?,
            policy: c.u32()?,
            key: check_key(c.long_bytes()?)?,
            fields: Fields::decode(c)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(key: &[u8]) -> ToCache<'_> {
        ToCache::Ask {
            tag: 7,
            validate: true,
            way: Way::Lane,
            terms: Terms { set_cookie: true, errors: false, authorized: true, silent_seconds: 60 },
            wide: false,
            source: 9,
            configuration: u64::MAX,
            site: 1,
            policy: 2,
            key,
            fields: Fields::default(),
        }
    }

    fn asks() -> Vec<ToCache<'static>> {
        let head = ToCache::Head { tag: 7, delay_ms: 9, status: 200, key: b"key", fields: Fields::default() };
        let purge = Purge { by: crate::purge::By::Prefix, host: b"a", port: 1, text: b"/bc" };
        let (data, end) = (ToCache::Data { tag: 7, bytes: b"dat" }, ToCache::End { tag: 7 });
        let leaves = LeaveCause::ALL.map(|cause| ToCache::Leave { tag: 7, cause });
        let others = [ToCache::Hello, ask(b"key"), head, data, end, ToCache::Forget { tag: 8, key: b"key" }];
        others.into_iter().chain(leaves).chain([ToCache::Purge { tag: 9, purge }]).collect()
    }

    #[test]
    fn every_message_comes_back_and_a_cut_one_does_not() {
        for message in asks() {
            let mut bytes = Vec::new();
            message.encode(&mut bytes).unwrap();
            let (body, taken) = split(&bytes).unwrap().unwrap();
            assert_eq!((ToCache::decode(body), taken), (Ok(message), bytes.len()));
            // A key, a part of a body and a prefix have no end of their own.
            let open = matches!(message, ToCache::Data { .. } | ToCache::Forget { .. } | ToCache::Purge { .. });
            let least = body.len() - if open { 3 } else { 0 };
            assert!((0..least).all(|cut| ToCache::decode(&body[..cut]).is_err()));
        }
        let (collapsed, validated, stale, from_disk) = (true, false, true, true);
        let found = FromCache::Found { tag: 7, place: 1 << 40, hash: 3, collapsed, validated, stale, from_disk };
        let pass = PassCause::ALL.map(|cause| FromCache::Pass { tag: 1, cause });
        for message in [
            FromCache::Hello,
            found,
            FromCache::Forgotten { tag: 2 },
            FromCache::Purged { tag: 3, responses: 4, is_partial: true },
        ]
        .into_iter()
        .chain([
            FromCache::Lead { tag: 4, bytes_max: 1 << 33, confirms: None },
            FromCache::Lead { tag: 4, bytes_max: 9, confirms: Some((1 << 40, 3)) },
            FromCache::Enough { tag: 5 },
        ])
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
        let refuses = |message: ToCache<'_>| {
            let mut bytes = Vec::new();
            message.encode(&mut bytes).is_err() && bytes.is_empty()
        };
        let long = vec![0; KEY_BYTES_MAX + 1];
        for key in [&[][..], &long] {
            assert!(refuses(ask(key)));
        }
        assert!(refuses(ToCache::Forget { tag: 1, key: &long }));
        for data in [&[][..], &vec![0; DATA_BYTES_MAX + 1]] {
            let mut bytes = Vec::new();
            assert!(ToCache::Data { tag: 1, bytes: data }.encode(&mut bytes).is_err() && bytes.is_empty());
        }
    }
}
