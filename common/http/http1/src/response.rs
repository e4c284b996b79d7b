//! Response heads of a backend, which is believed no more than a client.

use crate::class::is_value;
use crate::fields::{Fields, split_line};
use crate::framing::{BodyLength, Framing, Version};
use crate::limits::HeadLimits;
use crate::refusal::Refusal;
use crate::websocket;

/// The end of the body of a response (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseBody {
    /// None: HEAD, 1xx, 204, 304. Content-Length may still have announced what a GET would get.
    None,
    /// After this number of bytes.
    Exact(u64),
    /// After the last chunk and its trailers.
    Chunked,
    /// Until the backend closes.
    UntilClose,
}

/// A response head that keeps every rule of this crate.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'a> {
    /// The version.
    pub version: Version,
    /// 100 to 999.
    pub status: u16,
    /// The reason phrase, often empty.
    pub reason: &'a [u8],
    /// All field lines in order.
    pub fields: Fields<'a>,
    /// The end of the body.
    pub body: ResponseBody,
    /// The Content-Length that was sent, for responses to HEAD and 304, where it is no framing (RFC
    /// 9110, section 8.6).
    pub announced: Option<u64>,
    /// The backend would take another request on this connection.
    pub keep_alive: bool,
    /// Connection names fields that are for this connection alone (RFC 9110, section 7.6.1).
    pub names_fields: bool,
    /// The protocol a 101 switches to; always there with 101, never without.
    pub upgrade: Option<&'a [u8]>,
}

impl<'a> ResponseHead<'a> {
    /// Checks and splits a response head, from status line to empty line. `to_head` says that the
    /// request was HEAD. The reason phrase may be missing together with its space; that is all that
    /// is forgiven.
    ///
    /// # Errors
    /// The first rule that is broken. For a response every refusal means 502.
    pub fn parse(head: &'a [u8], to_head: bool, limits: &HeadLimits) -> Result<Self, Refusal> {
        if head.len() > limits.head_bytes {
            return Err(Refusal::HeadTooLong);
        }
        let (line, block) = split_line(head)?;
        let (version, status, reason) = split_status_line(line)?;
        let mut framing = Framing::default();
        let fields = Fields::check(block, limits, |field| framing.see(field).map(|_| ()))?;
        let length = framing.length(version)?;
        let body = body_of(status, to_head, length)?;
        // A server that frames a body of 204 may send one: what follows is not looked at.
        let stray = status == 204 && !length.is_empty();
        let keep_alive = framing.persists(version) && body != ResponseBody::UntilClose && !stray;
        let announced = if let BodyLength::Exact(length) = length { Some(length) } else { None };
        let upgrade = if status == 101 { Some(framing.wanted_protocol().ok_or(Refusal::BadSwitch)?) } else { None };
        let names_fields = framing.names_fields;
        Ok(Self { version, status, reason, fields, body, announced, keep_alive, names_fields, upgrade })
    }

    /// Returns whether this is a 101 that accepts a WebSocket handshake made with `key`.
    #[must_use]
    pub fn accepts_websocket(&self, key: &[u8]) -> bool {
        let mut accepts = self.fields.iter().filter(|field| field.is("sec-websocket-accept"));
        self.upgrade.is_some_and(websocket::is_websocket)
            && accepts.next().is_some_and(|accept| accept.value == websocket::accept(key))
            && accepts.next().is_none()
    }
}

/// Returns the body by status, request method and framing fields. 204 has none whatever it says
/// (RFC 9112, section 6.3).
fn body_of(status: u16, to_head: bool, length: BodyLength) -> Result<ResponseBody, Refusal> {
    match (status, length) {
        (100..=199, BodyLength::None) | (204 | 304, _) => Ok(ResponseBody::None),
        (100..=199, _) => Err(Refusal::BodyForbidden),
        _ if to_head => Ok(ResponseBody::None),
        (_, BodyLength::Exact(length)) => Ok(ResponseBody::Exact(length)),
        (_, BodyLength::Chunked) => Ok(ResponseBody::Chunked),
        (_, BodyLength::None) => Ok(ResponseBody::UntilClose),
    }
}

/// Splits `HTTP/1.x SP 3DIGIT [ SP reason ]` (RFC 9112, section 4).
fn split_status_line(line: &[u8]) -> Result<(Version, u16, &[u8]), Refusal> {
    let (version, rest) = line.split_at_checked(8).ok_or(Refusal::BadStatusLine)?;
    let version = Version::parse(version).map_err(|_| Refusal::BadStatusLine)?;
    let (digits, reason) = match rest {
        [b' ', a, b, c] => ([*a, *b, *c], [].as_slice()),
        [b' ', a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
        _ => return Err(Refusal::BadStatusLine),
    };
    let status = parse_status(digits).ok_or(Refusal::BadStatusLine)?;
    if is_value(reason) { Ok((version, status, reason)) } else { Err(Refusal::BadStatusLine) }
}

/// Reads a status. 600 to 999 are no statuses (RFC 9110, section 15), but servers send them (999 is
/// a site's no to robots), every proxy passes them on, and clients are told to take them for 5xx.
fn parse_status(digits: [u8; 3]) -> Option<u16> {
    let status = digits.iter().try_fold(0u16, |sum, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(u16::from(digit))
    })?;
    (100..=999).contains(&status).then_some(status)
}
