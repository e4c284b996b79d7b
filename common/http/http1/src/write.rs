//! Heads written field by field. What is given is checked as if an attacker had sent it, since the
//! stage before may be one.

use core::fmt;
use core::ops::Range;

use crate::class::{is_target, is_token, is_value, trim};
use crate::names::Name;

/// The reason that a head was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritable {
    /// The method is not a token.
    Method,
    /// The target is empty or has a byte that may not be there.
    Target,
    /// The status is not 100 to 999.
    Status,
    /// A name is not a token.
    Name,
    /// A value has CR, LF, NUL or another control byte, or spaces at its ends (RFC 9110, section
    /// 5.5).
    Value,
}

impl fmt::Display for Unwritable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Method => "the method is not a token",
            Self::Target => "the target has a byte that may not be there",
            Self::Status => "the status is no status",
            Self::Name => "a field name is not a token",
            Self::Value => "a field value has a byte that may not be there",
        })
    }
}

impl core::error::Error for Unwritable {}

/// A head in the making at the end of a buffer. Dropped before `finish`, it takes back all it
/// wrote.
#[derive(Debug)]
pub struct HeadWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    finished: bool,
}

impl<'a> HeadWriter<'a> {
    /// Begins a request of HTTP/1.1. The target is a path with its query, or `*`.
    ///
    /// # Errors
    /// `Method`, `Target`.
    pub fn request(out: &'a mut Vec<u8>, method: &[u8], target: &[u8]) -> Result<Self, Unwritable> {
        if !is_token(method) {
            return Err(Unwritable::Method);
        }
        if !is_target(target) || !(target.starts_with(b"/") || target == b"*") {
            return Err(Unwritable::Target);
        }
        let writer = Self::at_end(out);
        for part in [method, b" ", target, b" HTTP/1.1\r\n"] {
            writer.out.extend_from_slice(part);
        }
        Ok(writer)
    }

    /// Begins a response of HTTP/1.1 with a reason phrase, which may be empty.
    ///
    /// # Errors
    /// `Status`, `Value`.
    pub fn response(out: &'a mut Vec<u8>, status: u16, reason: &[u8]) -> Result<Self, Unwritable> {
        if !(100..=999).contains(&status) {
            return Err(Unwritable::Status);
        }
        if !is_value(reason) {
            return Err(Unwritable::Value);
        }
        let writer = Self::at_end(out);
        writer.out.extend_from_slice(b"HTTP/1.1 ");
        write_number(writer.out, u64::from(status));
        for part in [b" ", reason, b"\r\n"] {
            writer.out.extend_from_slice(part);
        }
        Ok(writer)
    }

    /// Adds a field.
    ///
    /// # Errors
    /// `Name`, `Value`.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Unwritable> {
        write_field(self.out, name, value)
    }

    /// Adds lines of a text whose every field [`check_field`] has let pass.
    pub fn checked_lines(&mut self, lines: &[u8]) {
        self.out.extend_from_slice(lines);
    }

    /// Adds a field of our own.
    ///
    /// # Errors
    /// `Value`.
    pub fn own(&mut self, name: Name, value: &[u8]) -> Result<(), Unwritable> {
        self.own_by(name, |out| out.extend_from_slice(value)).map(drop)
    }

    /// Adds a field of our own whose value `fill` appends. Returns the range of the value in the
    /// buffer.
    ///
    /// # Errors
    /// `Value`.
    pub fn own_by(&mut self, name: Name, fill: impl FnOnce(&mut Vec<u8>)) -> Result<Range<usize>, Unwritable> {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        let start = self.out.len();
        fill(self.out);
        if !is_writable(&self.out[start..]) {
            return Err(Unwritable::Value);
        }
        let end = self.out.len();
        self.out.extend_from_slice(b"\r\n");
        Ok(start..end)
    }

    /// Adds Content-Length.
    pub fn content_length(&mut self, length: u64) {
        self.out.extend_from_slice(b"Content-Length: ");
        write_number(self.out, length);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Ends the head with its empty line and keeps it.
    pub fn finish(mut self) {
        self.out.extend_from_slice(b"\r\n");
        self.finished = true;
    }

    fn at_end(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start, finished: false }
    }
}

/// Appends the line of a field, for a head that is written already.
///
/// # Errors
/// `Name`, `Value`; nothing is appended then.
pub fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), Unwritable> {
    check_field(name, value)?;
    // Room once, and no loop: the two marks are then stores, not calls.
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Checks that a field may be written.
///
/// # Errors
/// `Name`, `Value`.
#[inline]
pub fn check_field(name: &[u8], value: &[u8]) -> Result<(), Unwritable> {
    if !is_token(name) {
        return Err(Unwritable::Name);
    }
    if is_writable(value) { Ok(()) } else { Err(Unwritable::Value) }
}

/// Returns whether a value may be written: no control bytes, no space at its ends.
fn is_writable(value: &[u8]) -> bool {
    is_value(value) && trim(value).len() == value.len()
}

impl Drop for HeadWriter<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.out.truncate(self.start);
        }
    }
}

/// Appends a number in decimal, without allocation.
#[inline]
pub fn write_number(out: &mut Vec<u8>, number: u64) {
    match u16::try_from(number) {
        Ok(number @ ..10_000) => write_small_number(out, number),
        _ => write_large_number(out, number),
    }
}

/// The same of one below 10,000: octets, most ports, lengths of small bodies.
fn write_small_number(out: &mut Vec<u8>, number: u16) {
    let digits = [1_000, 100, 10, 1].map(|unit| b'0' | u8::try_from(number / unit % 10).unwrap_or(0));
    match number {
        0..10 => out.extend_from_slice(&digits[3..]),
        10..100 => out.extend_from_slice(&digits[2..]),
        100..1_000 => out.extend_from_slice(&digits[1..]),
        _ => out.extend_from_slice(&digits),
    }
}

fn write_large_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0u8; 20];
    let mut rest = number;
    let mut at = digits.len();
    for slot in digits.iter_mut().rev() {
        *slot = u8::try_from(rest % 10).unwrap_or(0) | b'0';
        rest /= 10;
        at -= 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Returns the registered reason phrase of a status (RFC 9110, section 15, and IANA's registry), or
/// nothing.
#[must_use]
#[expect(clippy::too_many_lines, reason = "a table, one row for each status")]
pub const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_digits_and_no_others() {
        for number in (0..100_000).chain([u64::from(u32::MAX), u64::MAX]) {
            let mut out = b"a".to_vec();
            write_number(&mut out, number);
            assert_eq!(out, format!("a{number}").as_bytes());
        }
    }
}
