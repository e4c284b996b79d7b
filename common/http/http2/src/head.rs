//! A request's header list, written as the head that HTTP/1.1 would have.
//!
//! The text is safe to be cut at its lines, since no part of it has a byte that ends one; whether
//! its parts are what HTTP allows is checked here as far as HTTP/2 asks for it, and by the reader
//! of heads for the rest.

use fosse_http1::{FIELDS_COUNT_MAX, HEAD_BYTES_MAX, is_target, is_token, is_value};

use crate::fault::Fault;
use crate::priority::Priority;

/// Memory for one request at a time, whosever it is.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The head: a request line, lines of fields, an empty line.
    pub text: Vec<u8>,
    pseudo: Vec<u8>,
    cookies: Vec<u8>,
}

/// The pseudo-header fields of a request, in the order of their places.
const PSEUDO: [&[u8]; 5] = [b":method", b":scheme", b":authority", b":path", b":protocol"];
const METHOD: usize = 0;
const SCHEME: usize = 1;
const AUTHORITY: usize = 2;
const PATH: usize = 3;
const PROTOCOL: usize = 4;

/// Facts of a head about its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) announced: Option<u64>,
    pub(crate) priority: Option<Priority>,
    /// It is an extended CONNECT, written as the GET that would switch protocols.
    pub(crate) switches: bool,
    /// It has more than is kept of a head; the text is not whole.
    pub(crate) is_too_long: bool,
}

/// Takes fields and writes the text.
#[derive(Debug)]
pub(crate) struct HeadText<'s> {
    scratch: &'s mut Scratch,
    /// Each pseudo-header field's begin and end in `pseudo`, where it has come.
    places: [Option<(usize, usize)>; PSEUDO.len()],
    extended_connect: bool,
    has_line: bool,
    has_host: bool,
    announced: Option<u64>,
    priority: Option<Priority>,
    count: usize,
    is_too_long: bool,
    fault: Option<Fault>,
}

impl<'s> HeadText<'s> {
    /// Begins a text; `extended_connect` says whether :protocol was offered.
    pub(crate) fn new(scratch: &'s mut Scratch, extended_connect: bool) -> Self {
        scratch.text.clear();
        scratch.pseudo.clear();
        scratch.cookies.clear();
        Self {
            scratch,
            places: [None; PSEUDO.len()],
            extended_connect,
            has_line: false,
            has_host: false,
            announced: None,
            priority: None,
            count: 0,
            is_too_long: false,
            fault: None,
        }
    }

    /// Takes a field. After a fault, or beyond the limits, it only passes by.
    #[inline]
    pub(crate) fn see(&mut self, name: &[u8], value: &[u8]) {
        if self.fault.is_some() || self.is_too_long {
            return;
        }
        self.count += 1;
        let kept = self.scratch.text.len() + self.scratch.pseudo.len() + self.scratch.cookies.len();
        // Each is at most what Huffman's code makes of a block.
        let more = name.len() + value.len() + 4;
        if kept + more > HEAD_BYTES_MAX || self.count > FIELDS_COUNT_MAX + PSEUDO.len() {
            self.is_too_long = true;
            return;
        }
        let taken =
            if name.first() == Some(&b':') { self.take_pseudo(name, value) } else { self.take_regular(name, value) };
        self.fault = taken.err();
    }

    fn take_pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        if self.has_line {
            return Err(Fault::LatePseudo);
        }
        let place = PSEUDO.iter().position(|known| *known == name).ok_or(Fault::UnknownPseudo)?;
        if self.places[place].is_some() {
            return Err(Fault::RepeatedPseudo);
        }
        let from = self.scratch.pseudo.len();
        self.scratch.pseudo.extend_from_slice(value);
        self.places[place] = Some((from, self.scratch.pseudo.len()));
        Ok(())
    }

    fn take_regular(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        if !is_lower_token(name) {
            return Err(Fault::BadFieldName);
        }
        if let Some(fault) = value_fault(value) {
            return Err(fault);
        }
        if !self.has_line {
            self.write_line()?;
        }
        match name {
            b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
                return Err(Fault::ConnectionField);
            }
            b"te" if !value.eq_ignore_ascii_case(b"trailers") => return Err(Fault::BadTe),
            b"host" => return self.take_host(value),
            // The head has the one that is written here.
            b"sec-websocket-key" if self.places[PROTOCOL].is_some() => return Ok(()),
            b"content-length" => self.announce(value)?,
            b"cookie" => {
                let separator: &[u8] = if self.scratch.cookies.is_empty() { b"" } else { b"; " };
                self.scratch.cookies.extend_from_slice(separator);
                self.scratch.cookies.extend_from_slice(value);
                return Ok(());
            }
            b"priority" => self.priority = Some(Priority::read(value)),
            _ => {}
        }
        self.put(name, value);
        Ok(())
    }

    fn take_host(&mut self, value: &[u8]) -> Result<(), Fault> {
        let agrees = match self.pseudo(AUTHORITY) {
            Some(authority) => authority.eq_ignore_ascii_case(value),
            None => !self.has_host,
        };
        if !agrees {
            return Err(Fault::HostDisagrees);
        }
        if !self.has_host {
            self.has_host = true;
            self.put(b"host", value);
        }
        Ok(())
    }

    fn announce(&mut self, value: &[u8]) -> Result<(), Fault> {
        // 15 digits reach no sum that overflows, and no body.
        let is_number = (1..=15).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
        let length = if is_number { core::str::from_utf8(value).ok().and_then(|text| text.parse().ok()) } else { None };
        let length = length.ok_or(Fault::BadContentLength)?;
        if self.announced.replace(length).is_some() { Err(Fault::BadContentLength) } else { Ok(()) }
    }

    fn pseudo(&self, place: usize) -> Option<&[u8]> {
        self.places[place].map(|(from, to)| &self.scratch.pseudo[from..to])
    }

    /// Writes the request line, and Host where :authority says which.
    fn write_line(&mut self) -> Result<(), Fault> {
        self.has_line = true;
        let authority = self.pseudo(AUTHORITY);
        if authority.is_some_and(|authority| authority.is_empty() || !is_target(authority)) {
            return Err(Fault::BadAuthority);
        }
        let method = self.pseudo(METHOD).ok_or(Fault::MissingPseudo)?;
        if !is_token(method) {
            return Err(Fault::BadMethod);
        }
        let switches = self.pseudo(PROTOCOL).is_some();
        let is_connect = method == b"CONNECT";
        if switches && !(is_connect && self.extended_connect) {
            return Err(Fault::BadProtocol);
        }
        let target = if is_connect && !switches { self.connect_target()? } else { self.target()? };
        let method: &[u8] = if switches { b"GET" } else { method };
        let text = [method, b" ", target, b" HTTP/2.0\r\n"].concat();
        self.scratch.text.extend_from_slice(&text);
        if self.places[AUTHORITY].is_some() {
            self.has_host = true;
            self.put_pseudo(b"host", AUTHORITY);
        }
        if switches { self.write_switch() } else { Ok(()) }
    }

    fn connect_target(&self) -> Result<&[u8], Fault> {
        if self.places[SCHEME].is_some() || self.places[PATH].is_some() {
            return Err(Fault::BadConnect);
        }
        self.pseudo(AUTHORITY).ok_or(Fault::BadConnect)
    }

    fn target(&self) -> Result<&[u8], Fault> {
        let scheme = self.pseudo(SCHEME).ok_or(Fault::MissingPseudo)?;
        if !scheme.eq_ignore_ascii_case(b"https") && !scheme.eq_ignore_ascii_case(b"http") {
            return Err(Fault::BadScheme);
        }
        let path = self.pseudo(PATH).ok_or(Fault::MissingPseudo)?;
        let is_asterisk = path == b"*" && self.pseudo(METHOD) == Some(b"OPTIONS");
        if (path.first() != Some(&b'/') && !is_asterisk) || !is_target(path) {
            return Err(Fault::BadPath);
        }
        Ok(path)
    }

    /// Writes what asks for the switch over HTTP/1.1. The key proves nothing to anybody but that
    /// the server read it (RFC 6455, section 1.3), and each connection to a server is asked once.
    fn write_switch(&mut self) -> Result<(), Fault> {
        let protocol = self.pseudo(PROTOCOL).unwrap_or_default();
        // Any other would ask the application for a protocol that no rule knows: `h2c`.
        if !protocol.eq_ignore_ascii_case(b"websocket") {
            return Err(Fault::BadProtocol);
        }
        self.put(b"connection", b"Upgrade");
        self.put_pseudo(b"upgrade", PROTOCOL);
        self.put(b"sec-websocket-key", b"Zm9zc2Ugc3BlYWtzIGgyLg==");
        Ok(())
    }

    fn put_pseudo(&mut self, name: &[u8], place: usize) {
        let Some((from, to)) = self.places[place] else { return };
        let Scratch { text, pseudo, .. } = self.scratch;
        put(text, name, &pseudo[from..to]);
    }

    fn put(&mut self, name: &[u8], value: &[u8]) {
        put(&mut self.scratch.text, name, value);
    }

    /// Ends the text.
    pub(crate) fn finish(mut self) -> Result<Facts, Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if !self.is_too_long {
            if !self.has_line {
                self.write_line()?;
            }
            if !self.has_host {
                return Err(Fault::MissingAuthority);
            }
            if self.places[PROTOCOL].is_some() && self.announced.is_some() {
                return Err(Fault::SwitchWithBody);
            }
            let Scratch { text, cookies, .. } = self.scratch;
            if !cookies.is_empty() {
                put(text, b"cookie", cookies);
            }
            text.extend_from_slice(b"\r\n");
        }
        Ok(Facts {
            announced: self.announced,
            priority: self.priority,
            switches: self.places[PROTOCOL].is_some(),
            is_too_long: self.is_too_long,
        })
    }
}

#[inline]
fn put(text: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    text.reserve(name.len() + value.len() + 4);
    text.extend_from_slice(name);
    text.extend_from_slice(b": ");
    text.extend_from_slice(value);
    text.extend_from_slice(b"\r\n");
}

/// Returns whether the bytes are a token without upper-case letters.
#[inline]
pub(crate) fn is_lower_token(name: &[u8]) -> bool {
    is_token(name) && name.iter().fold(true, |lower, byte| lower & !byte.is_ascii_uppercase())
}

/// Returns what is wrong with a value.
#[inline]
pub(crate) fn value_fault(value: &[u8]) -> Option<Fault> {
    let is_padding = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if !is_value(value) {
        Some(Fault::BadFieldValue)
    } else if is_padding(value.first()) || is_padding(value.last()) {
        Some(Fault::PaddedFieldValue)
    } else {
        None
    }
}
