//! The request as it came.

use super::bodies::Bodies;
use super::outcome::Taken;
use crate::modes::Processor;
use fosse_bodies::charset::Charset;
use std::net::IpAddr;

/// Room for a body that a transaction keeps for the next one.
const BODY_BYTES_KEPT_MAX: usize = 16 * 1024;

/// The request line.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub raw: Vec<u8>,
    pub method: Vec<u8>,
    pub uri: Vec<u8>,
    pub version: Vec<u8>,
}

/// The results of reading query and body, beside values.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Bytes of all arguments, names and values.
    pub combined_size: usize,
    /// An argument had an invalid escape.
    pub urlencoded_error: bool,
    /// The reason the body could not be read, for REQBODY_ERROR_MSG.
    pub error: Option<String>,
}

/// The request of a transaction. Its header fields are among the variables from the start: nothing
/// else reads them.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub line: Line,
    pub client: Option<(IpAddr, u16)>,
    pub server: Option<(IpAddr, u16)>,
    pub content_type: Vec<u8>,
    /// UNIQUE_ID.
    pub unique_id: Vec<u8>,
    pub body: Vec<u8>,
    /// More of the body came than the limit takes.
    pub is_cut: bool,
    pub reading: Reading,
}

impl Request {
    /// Creates an empty request in the memory of another one's body.
    pub(super) fn new(mut body: Vec<u8>) -> Self {
        body.clear();
        Self { body, ..Self::default() }
    }

    /// Notes what a header field says of the body.
    pub(super) fn note_header(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(b"content-type") {
            self.content_type = value.to_vec();
        }
    }

    /// Takes a piece of the body, up to the limit; `refuses` tells whether a longer body is to be
    /// refused.
    pub(super) fn take(&mut self, piece: &[u8], bodies: &Bodies, refuses: bool) -> Taken {
        if !bodies.request_access {
            return Taken::All;
        }
        let limit = usize::try_from(bodies.request_limit).unwrap_or(usize::MAX);
        if append(&mut self.body, piece, limit) {
            return Taken::All;
        }
        self.is_cut = true;
        if refuses { Taken::Refused } else { Taken::Part }
    }

    /// Frees the memory of a large body, which nothing looks at after phase 2.
    pub(super) fn release_body(&mut self) {
        if self.body.len() > BODY_BYTES_KEPT_MAX {
            self.body = Vec::new();
        }
    }

    /// Returns the parser that the Content-Type asks for.
    pub(super) fn processor(&self) -> Option<Processor> {
        let lower = self.content_type.to_ascii_lowercase();
        if lower.starts_with(b"application/x-www-form-urlencoded") {
            Some(Processor::Urlencoded)
        } else if lower.starts_with(b"multipart/form-data") {
            Some(Processor::Multipart)
        } else {
            None
        }
    }

    /// Returns the character set that the Content-Type names.
    pub(super) fn charset(&self) -> Option<Charset> {
        const CHARSET: &[u8] = b"charset=";
        let lower = self.content_type.to_ascii_lowercase();
        let at = lower.windows(CHARSET.len()).position(|part| part == CHARSET)?;
        let name = &lower[at + CHARSET.len()..];
        let end = name.iter().position(|byte| matches!(byte, b';' | b' ')).unwrap_or(name.len());
        let name = name[..end].trim_ascii();
        Charset::from_name(name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name))
    }
}

/// Appends what of `piece` there is room for; returns whether that is all of it.
pub(super) fn append(body: &mut Vec<u8>, piece: &[u8], limit: usize) -> bool {
    // A `ctl` may have lowered the limit below what is here.
    let room = limit.saturating_sub(body.len());
    body.extend_from_slice(&piece[..room.min(piece.len())]);
    piece.len() <= room
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn a_body_is_taken_up_to_its_limit() {
        let settings = Settings { request_body_access: true, request_body_limit: 5, ..Settings::default() };
        let bodies = Bodies::new(&settings);
        let mut request = Request::new(Vec::new());
        assert_eq!(request.take(b"abc", &bodies, true), Taken::All);
        assert_eq!(request.take(b"def", &bodies, false), Taken::Part);
        assert_eq!((request.body.as_slice(), request.is_cut), (b"abcde".as_slice(), true));
        assert_eq!(request.take(b"x", &bodies, true), Taken::Refused);
    }

    #[test]
    fn the_content_type_names_parser_and_character_set() {
        let mut request = Request::new(Vec::new());
        request.note_header(b"CONTENT-type", b"Multipart/Form-Data; boundary=x");
        assert_eq!(request.processor(), Some(Processor::Multipart));
        request.note_header(b"Content-Type", b"text/xml; charset=\"utf-8\"");
        assert_eq!((request.processor(), request.charset().is_some()), (None, true));
    }
}
