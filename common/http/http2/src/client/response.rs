//! A response's header list, written as the lines that HTTP/1.1 would have. No part of them has a
//! byte that ends a line.

use fosse_http1::{FIELDS_COUNT_MAX, HEAD_BYTES_MAX, is_grpc, trailer_allowed, write_number};

use super::Cut;
use crate::fault::Fault;
use crate::head::{is_lower_token, value_fault};
use crate::limits::TRAILER_BYTES_MAX;

/// Facts of a head about its stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) status: u16,
    pub(super) length: Option<u64>,
    pub(super) has_trailers: bool,
}

/// Lines of fields in the making.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    text: &'t mut Vec<u8>,
    count: usize,
    failed: Option<Cut>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t mut Vec<u8>) -> Self {
        text.clear();
        Self { text, count: 0, failed: None }
    }

    fn put(&mut self, name: &[u8], value: &[u8]) {
        self.text.reserve(name.len() + value.len() + 4);
        for part in [name, b": ", value, b"\r\n"] {
            self.text.extend_from_slice(part);
        }
    }

    /// Counts a field, and checks what it is made of.
    fn check(&mut self, name: &[u8], value: &[u8], bytes_max: usize) -> Result<(), Cut> {
        self.count += 1;
        if self.text.len() + name.len() + value.len() + 4 > bytes_max || self.count > FIELDS_COUNT_MAX {
            return Err(Cut::TooLong);
        }
        if !is_lower_token(name) {
            return Err(Cut::Malformed(Fault::BadFieldName));
        }
        value_fault(value).map_or(Ok(()), |fault| Err(Cut::Malformed(fault)))
    }

    /// Takes a trailer. Those that belong into a head are left out (RFC 9110, section 6.5.1).
    pub(super) fn see_trailer(&mut self, name: &[u8], value: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        let checked = match name.first() {
            Some(b':') => Err(Cut::Malformed(Fault::PseudoInTrailers)),
            _ => self.check(name, value, TRAILER_BYTES_MAX),
        };
        match checked {
            Err(why) => self.failed = Some(why),
            Ok(()) if trailer_allowed(name) => self.put(name, value),
            Ok(()) => {}
        }
    }

    pub(super) fn finish(self) -> Result<(), Cut> {
        self.failed.map_or(Ok(()), Err)
    }
}

/// Takes the fields of a head and writes its lines.
#[derive(Debug)]
pub(super) struct ResponseText<'t> {
    lines: Lines<'t>,
    status: Option<u16>,
    has_line: bool,
    length: Option<u64>,
    has_trailers: bool,
}

impl<'t> ResponseText<'t> {
    pub(super) fn new(text: &'t mut Vec<u8>) -> Self {
        Self { lines: Lines::new(text), status: None, has_line: false, length: None, has_trailers: false }
    }

    /// Takes a field. After a fault, or beyond the limits, it only passes by.
    #[inline]
    pub(super) fn see(&mut self, name: &[u8], value: &[u8]) {
        if self.lines.failed.is_none() {
            let taken = if name.first() == Some(&b':') { self.pseudo(name, value) } else { self.field(name, value) };
            self.lines.failed = taken.err();
        }
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<(), Cut> {
        let fault = match name {
            b":status" if self.has_line => Fault::LatePseudo,
            b":status" if self.status.is_some() => Fault::RepeatedPseudo,
            b":status" => {
                let digits: Option<[u8; 3]> = value.try_into().ok().filter(|digits: &[u8; 3]| digits[0] != b'0');
                let number = digits.and_then(|digits| core::str::from_utf8(&digits).ok()?.parse().ok());
                self.status = number;
                if number.is_some_and(|number: u16| number >= 100) {
                    return Ok(());
                }
                Fault::BadStatus
            }
            _ => Fault::UnknownPseudo,
        };
        Err(Cut::Malformed(fault))
    }

    fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Cut> {
        if !self.has_line {
            self.write_line()?;
        }
        self.lines.check(name, value, HEAD_BYTES_MAX)?;
        match name {
            b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
                return Err(Cut::Malformed(Fault::ConnectionField));
            }
            b"content-length" => return self.announce(value),
            b"trailer" => self.has_trailers = true,
            b"content-type" => self.has_trailers |= is_grpc(value),
            _ => {}
        }
        self.lines.put(name, value);
        Ok(())
    }

    fn announce(&mut self, value: &[u8]) -> Result<(), Cut> {
        // 15 digits reach no sum that overflows, and no body.
        let is_number = (1..=15).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
        let length = core::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).filter(|_| is_number);
        let before = self.length;
        self.length = length;
        if length.is_none() || before.is_some_and(|before| Some(before) != length) {
            return Err(Cut::Malformed(Fault::BadContentLength));
        }
        Ok(())
    }

    fn write_line(&mut self) -> Result<(), Cut> {
        self.has_line = true;
        let status = self.status.ok_or(Cut::Malformed(Fault::BadStatus))?;
        self.lines.text.extend_from_slice(b"HTTP/1.1 ");
        write_number(self.lines.text, u64::from(status));
        self.lines.text.extend_from_slice(b" \r\n");
        Ok(())
    }

    /// Ends the lines; framing and the empty line are the caller's.
    pub(super) fn finish(mut self) -> Result<Facts, Cut> {
        if self.lines.failed.is_none() && !self.has_line {
            self.write_line()?;
        }
        let status = self.status.unwrap_or(0);
        let (length, has_trailers) = (self.length, self.has_trailers);
        self.lines.finish().map(|()| Facts { status, length, has_trailers })
    }
}
