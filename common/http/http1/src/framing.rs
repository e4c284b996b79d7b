//! The fields that decide where a message ends, gathered line by line for requests and
//! responses alike.

use crate::class::{is_token, members};
use crate::fields::Field;
use crate::names::{NameSet, same_name};
use crate::refusal::Refusal;

/// The versions served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2, whose requests are read as heads too.
    Http2,
}

impl Version {
    /// Reads `HTTP/1.0` and `HTTP/1.1`.
    ///
    /// # Errors
    /// `VersionUnsupported` on other numbers, `BadVersion` on anything else. The name is
    /// case-sensitive.
    pub fn parse(text: &[u8]) -> Result<Self, Refusal> {
        match text {
            b"HTTP/1.1" => Ok(Self::Http11),
            b"HTTP/1.0" => Ok(Self::Http10),
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(Refusal::VersionUnsupported),
            _ => Err(Refusal::BadVersion),
        }
    }

    /// Reads what heads of HTTP/2 have in its place, `HTTP/2.0`.
    pub(crate) fn parse_http2(text: &[u8]) -> Result<Self, Refusal> {
        if text == b"HTTP/2.0" { Ok(Self::Http2) } else { Err(Refusal::VersionUnsupported) }
    }
}

/// The length of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none: no Content-Length, no Transfer-Encoding.
    None,
    /// This number of bytes; 0 means that Content-Length: 0 was sent.
    Exact(u64),
    /// Chunked.
    Chunked,
}

impl BodyLength {
    /// Returns whether no body byte follows the head.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Exact(0))
    }
}

/// The contents of the framing and connection fields of one head.
#[derive(Debug, Default)]
pub(crate) struct Framing<'a> {
    length: Option<u64>,
    chunked: bool,
    pub close: bool,
    pub keep_alive: bool,
    pub switch: bool,
    pub names_fields: bool,
    /// Connection names a field that is meant for the server.
    pub names_end_to_end: bool,
    pub upgrade: Option<&'a [u8]>,
    upgrades: usize,
}

impl<'a> Framing<'a> {
    /// Takes one field. Returns whether it was one of these.
    // Left alone it is a call for each field of a head: 3 % of a browser's request.
    #[inline(always)]
    pub(crate) fn see(&mut self, field: Field<'a>) -> Result<bool, Refusal> {
        match field.name.len() {
            7 if field.is("upgrade") => self.see_upgrade(field.value),
            10 if field.is("connection") => self.see_connection(field.value)?,
            14 if field.is("content-length") => self.see_length(field.value)?,
            17 if field.is("transfer-encoding") => self.see_encoding(field.value)?,
            14 if looks_like(field.name, b"content-length") => return Err(Refusal::FramingLookalike),
            17 if looks_like(field.name, b"transfer-encoding") => return Err(Refusal::FramingLookalike),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Returns the body length of a message of this version.
    pub(crate) fn length(&self, version: Version) -> Result<BodyLength, Refusal> {
        match (self.chunked, self.length) {
            // RFC 9112, section 6.3, lets the encoding override the length: a reader that does it
            // the other way round would see another message.
            (true, Some(_)) => Err(Refusal::LengthAndEncoding),
            (true, None) if version == Version::Http10 => Err(Refusal::EncodingInOldVersion),
            (true, None) => Ok(BodyLength::Chunked),
            (false, Some(length)) => Ok(BodyLength::Exact(length)),
            (false, None) => Ok(BodyLength::None),
        }
    }

    /// Returns whether the connection may serve another request after this message (RFC 9112,
    /// section 9.3).
    pub(crate) fn persists(&self, version: Version) -> bool {
        !self.close && (version > Version::Http10 || self.keep_alive)
    }

    /// Returns the one protocol the sender would switch to, if it asked properly (RFC 9110, section
    /// 7.8).
    pub(crate) fn wanted_protocol(&self) -> Option<&'a [u8]> {
        self.upgrade.filter(|protocol| self.switch && self.upgrades == 1 && is_protocol(protocol))
    }

    fn see_upgrade(&mut self, value: &'a [u8]) {
        self.upgrades += 1;
        self.upgrade = Some(value);
    }

    fn see_connection(&mut self, value: &[u8]) -> Result<(), Refusal> {
        for member in members(value) {
            match member {
                _ if same_name(member, b"keep-alive") => self.keep_alive = true,
                _ if same_name(member, b"close") => self.close = true,
                _ if same_name(member, b"upgrade") => self.switch = true,
                _ if is_token(member) => {
                    self.names_fields = true;
                    self.names_end_to_end |= is_end_to_end(member);
                }
                _ => return Err(Refusal::BadConnection),
            }
        }
        Ok(())
    }

    fn see_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.length.is_some() {
            return Err(Refusal::ContentLengthRepeated);
        }
        self.length = Some(parse_length(value).ok_or(Refusal::BadContentLength)?);
        Ok(())
    }

    fn see_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.chunked {
            return Err(Refusal::EncodingRepeated);
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Refusal::EncodingUnsupported);
        }
        self.chunked = true;
        Ok(())
    }
}

/// Returns whether the bytes are one protocol: a name, or a name, a slash and a version (RFC 9110,
/// section 7.8).
fn is_protocol(bytes: &[u8]) -> bool {
    let mut parts = bytes.splitn(2, |byte| *byte == b'/');
    parts.all(is_token)
}

/// Returns whether a field is for the server, whatever Connection says: one that a sender MUST NOT
/// name there (RFC 9110, section 7.6.1). It would be evaluated by rules and removed after them.
fn is_end_to_end(name: &[u8]) -> bool {
    static FOR_SERVER: NameSet<25> = NameSet::new([
        "host",
        "transfer-encoding",
        "cookie",
        "authorization",
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "date",
        "expect",
        "forwarded",
        "from",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
        "if-range",
        "max-forwards",
        "origin",
        "pragma",
        "range",
        "referer",
        "user-agent",
        "via",
    ]);
    let begins = |start: &[u8]| name.get(..start.len()).is_some_and(|begin| same_name(begin, start));
    FOR_SERVER.contains(name) || begins(b"content-") || begins(b"x-forwarded-")
}

/// Returns whether a name is equal but for case and for underscores in the place of hyphens: CGI
/// (RFC 3875, section 4.1.18) and its heirs read the two as one name.
fn looks_like(name: &[u8], framing: &[u8]) -> bool {
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.iter().zip(framing).all(|(sent, known)| fold(*sent) == *known)
}

/// Reads one to nineteen digits, nothing else (RFC 9110, section 8.6): more could not be a `u64`.
/// Leading zeros, which nobody writes, are octal to some programs.
fn parse_length(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 19 || matches!(digits, [b'0', _, ..]) {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
