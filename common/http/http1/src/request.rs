//! Request heads: checked and split in one pass over the raw bytes, nothing copied.

use crate::class::is_token;
use crate::fields::{Field, Fields, split_line};
use crate::framing::{BodyLength, Framing, Version};
use crate::host::Host;
use crate::limits::{HeadLimits, METHOD_BYTES_MAX};
use crate::refusal::Refusal;
use crate::scan::unfinished_too_long;
use crate::target::Target;
use crate::websocket::{is_key, is_websocket};

/// A request head that keeps every rule of this crate. All slices point into the raw head.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    /// The request line as it came, without its CR LF.
    pub line: &'a [u8],
    /// The method, a token, case-sensitive.
    pub method: &'a [u8],
    /// Path and query beginning with `/`, or `*`.
    pub target: &'a [u8],
    /// The version.
    pub version: Version,
    /// All field lines in order.
    pub fields: Fields<'a>,
    /// The canonical host, from the target in absolute form and from Host, which agree. Empty in
    /// HTTP/1.0 that has neither.
    pub host: Host,
    /// The length of the body.
    pub body: BodyLength,
    /// The client would use the connection again.
    pub keep_alive: bool,
    /// The client waits for 100 before it sends a body that is not empty.
    pub expect_continue: bool,
    /// The one protocol the client would switch to (`websocket`), where it asked properly:
    /// HTTP/1.1, one token. A body comes before the switch.
    pub upgrade: Option<&'a [u8]>,
    /// It came through a proxy: it has a Via.
    pub has_via: bool,
}

impl<'a> RequestHead<'a> {
    /// Checks and splits a head, which begins with the request line and ends with its empty line.
    ///
    /// # Errors
    /// The first rule that is broken; `Refusal::status` is the response.
    pub fn parse(head: &'a [u8], limits: &HeadLimits) -> Result<Self, Refusal> {
        Self::read(head, limits, Version::parse)
    }

    /// Checks and splits a head that stands for a request of HTTP/2, whose line ends in `HTTP/2.0`.
    /// By that version's framing it has a body unless `is_whole`; one without a length is
    /// [`BodyLength::Chunked`].
    ///
    /// # Errors
    /// As [`RequestHead::parse`].
    pub fn parse_http2(head: &'a [u8], is_whole: bool, limits: &HeadLimits) -> Result<Self, Refusal> {
        let mut head = Self::read(head, limits, Version::parse_http2)?;
        // What comes after a switch is no body.
        if head.body == BodyLength::None && !is_whole && head.upgrade.is_none() {
            head.body = BodyLength::Chunked;
            head.expect_continue = head.fields.first("expect").is_some();
        }
        Ok(head)
    }

    fn read(head: &'a [u8], limits: &HeadLimits, version: ReadVersion) -> Result<Self, Refusal> {
        if head.len() > limits.head_bytes {
            // As if it were read no further: one of which the request line takes all is 414.
            return Err(unfinished_too_long(&head[..limits.head_bytes]));
        }
        let (line, block) = split_line(head)?;
        let (method, target, version) = split_request_line(line, limits, version)?;
        let target = Target::parse(method, target)?;
        let mut facts = Facts::default();
        let fields = Fields::check(block, limits, |field| facts.see(field))?;
        if facts.framing.names_end_to_end {
            return Err(Refusal::ConnectionNamesField);
        }
        let host = facts.host(target.host, version)?;
        let body = facts.framing.length(version)?;
        let modern = version > Version::Http10;
        // In HTTP/1.0 the expectation is to be ignored, and without a body there is nothing to wait
        // for (RFC 9110, section 10.1.1).
        let expect_continue = facts.expect && modern && !body.is_empty();
        let upgrade = facts.framing.wanted_protocol().filter(|_| modern);
        let keep_alive = facts.framing.persists(version);
        let head = Self {
            line,
            method,
            target: target.path,
            version,
            fields,
            host,
            body,
            keep_alive,
            expect_continue,
            upgrade,
            has_via: facts.via,
        };
        check_websocket(&head)?;
        Ok(head)
    }

    /// Checks the lengths of a head again, by narrower limits than it was read by.
    ///
    /// # Errors
    /// What [`RequestHead::parse`] would have returned for these limits.
    pub fn check_limits(&self, limits: &HeadLimits) -> Result<(), Refusal> {
        check_limits(self.line, &self.fields, limits)
    }

    /// Returns whether the response to this request has no body whatever its head says (RFC 9112,
    /// section 6.3).
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.method == b"HEAD"
    }
}

/// Checks the lengths of a head that was read by wider limits: its request line, which is method,
/// target and version with a space between them, and its fields.
///
/// # Errors
/// What [`RequestHead::parse`] would have returned for these limits.
pub fn check_limits(line: &[u8], fields: &Fields<'_>, limits: &HeadLimits) -> Result<(), Refusal> {
    // The line and the empty one have a CR LF each.
    let whole = line.len() + fields.raw().len() + 4;
    if whole > limits.head_bytes {
        let is_line = line.len() + 1 >= limits.head_bytes;
        return Err(if is_line { Refusal::TargetTooLong } else { Refusal::HeadTooLong });
    }
    let target = line.split(|byte| *byte == b' ').nth(1);
    if target.is_some_and(|target| target.len() > limits.target_bytes) {
        return Err(Refusal::TargetTooLong);
    }
    fields.check_limits(limits)
}

/// Checks that a request that would switch to websocket is GET without a body and has one key of
/// the right form and version 13 (RFC 6455, section 4.2.1).
fn check_websocket(head: &RequestHead<'_>) -> Result<(), Refusal> {
    if !head.upgrade.is_some_and(is_websocket) {
        return Ok(());
    }
    let mut keys = head.fields.iter().filter(|field| field.is("sec-websocket-key"));
    let key_holds = keys.next().is_some_and(|key| is_key(key.value)) && keys.next().is_none();
    let mut versions = head.fields.iter().filter(|field| field.is("sec-websocket-version"));
    let version = versions.next().filter(|_| versions.next().is_none()).ok_or(Refusal::BadWebSocket)?;
    if version.value != b"13" {
        return Err(Refusal::WebSocketVersion);
    }
    if head.method == b"GET" && head.body.is_empty() && key_holds { Ok(()) } else { Err(Refusal::BadWebSocket) }
}

/// Reads a version that may stand in a request line.
type ReadVersion = fn(&[u8]) -> Result<Version, Refusal>;

/// The facts that are gathered from the field lines.
#[derive(Default)]
struct Facts<'a> {
    framing: Framing<'a>,
    host: Option<&'a [u8]>,
    content_type: Option<&'a [u8]>,
    expect: bool,
    via: bool,
}

impl<'a> Facts<'a> {
    fn see(&mut self, field: Field<'a>) -> Result<(), Refusal> {
        match field.name.len() {
            3 if field.is("via") => self.via = true,
            4 if field.is("host") => {
                if self.host.replace(field.value).is_some() {
                    return Err(Refusal::HostRepeated);
                }
            }
            6 if field.is("expect") => {
                if !field.value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Refusal::BadExpect);
                }
                self.expect = true;
            }
            12 if field.is("content-type") => {
                if self.content_type.replace(field.value).is_some_and(|other| other != field.value) {
                    return Err(Refusal::ContentTypeRepeated);
                }
            }
            _ => {
                self.framing.see(field)?;
            }
        }
        Ok(())
    }

    /// A target in absolute form must agree with Host; RFC 9112, section 3.2.2, would let the
    /// target win, and two programs could then see two hosts. HTTP/1.0 does not have the field:
    /// probes of balancers (`OPTIONS / HTTP/1.0`) come without.
    fn host(&self, target: Option<Host>, version: Version) -> Result<Host, Refusal> {
        let host = match self.host {
            Some(host) => Host::parse(host)?,
            None if version == Version::Http10 => target.unwrap_or(Host::NONE),
            None => return Err(Refusal::HostMissing),
        };
        if target.is_some_and(|target| target != host) {
            return Err(Refusal::HostDisagrees);
        }
        Ok(host)
    }
}

/// Splits method, target and version at single spaces (RFC 9112, section 3).
fn split_request_line<'a>(
    line: &'a [u8],
    limits: &HeadLimits,
    read: ReadVersion,
) -> Result<(&'a [u8], &'a [u8], Version), Refusal> {
    // Methods are short: looking for the space by hand costs less than to call a search.
    let space = line.iter().position(|byte| *byte == b' ').ok_or(Refusal::BadRequestLine)?;
    let (method, rest) = (&line[..space], &line[space + 1..]);
    if !is_token(method) {
        return Err(Refusal::BadMethod);
    }
    if method.len() > METHOD_BYTES_MAX {
        return Err(Refusal::MethodTooLong);
    }
    let (target, version) = split_space(rest).ok_or(Refusal::BadRequestLine)?;
    if target.len() > limits.target_bytes {
        return Err(Refusal::TargetTooLong);
    }
    if target.is_empty() || version.contains(&b' ') {
        return Err(Refusal::BadRequestLine);
    }
    Ok((method, target, read(version)?))
}

fn split_space(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (before, rest) = bytes.split_at_checked(memchr::memchr(b' ', bytes)?)?;
    Some((before, rest.strip_prefix(b" ")?))
}
