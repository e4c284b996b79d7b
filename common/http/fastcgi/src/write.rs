//! Requests in records: the beginning, the parameters, the body.

use core::fmt;

use crate::{HEADER_BYTES, REQUEST_ID, VERSION, kind};

/// Bytes of content that a record has at most. The format allows 7 more; PHP-FPM closes the
/// connection for those.
pub const CONTENT_BYTES_MAX: usize = 0xfff8;

/// The record that ends a body.
pub const END_OF_STDIN: [u8; HEADER_BYTES] = header(kind::STDIN, 0);

/// The record that ends the parameters.
pub const END_OF_PARAMS: [u8; HEADER_BYTES] = header(kind::PARAMS, 0);

/// The role of a program that makes responses.
const RESPONDER: [u8; 2] = [0, 1];
/// The flag by which a server keeps the connection.
const KEEP_CONNECTION: u8 = 1;
/// Lengths from this one on take four bytes (FastCGI 1.0, section 3.4).
const LONG_LENGTH_MIN: usize = 0x80;

/// A name with its value is longer than a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a parameter is longer than a record")
    }
}

impl core::error::Error for TooLong {}

const fn header(kind: u8, length: u16) -> [u8; HEADER_BYTES] {
    let [high, low] = length.to_be_bytes();
    [VERSION, kind, REQUEST_ID[0], REQUEST_ID[1], high, low, 0, 0]
}

/// Writes the beginning of a request. `keep`: the server keeps the connection after it.
pub fn write_begin(out: &mut Vec<u8>, keep: bool) {
    out.extend_from_slice(&header(kind::BEGIN_REQUEST, 8));
    out.extend_from_slice(&RESPONDER);
    out.extend_from_slice(&[if keep { KEEP_CONNECTION } else { 0 }, 0, 0, 0, 0, 0]);
}

/// Writes a part of a body in as many records as it takes; nothing for none, which would end it.
pub fn write_stdin(out: &mut Vec<u8>, body: &[u8]) {
    for part in body.chunks(CONTENT_BYTES_MAX) {
        // A part has no more bytes than a record.
        out.extend_from_slice(&header(kind::STDIN, u16::try_from(part.len()).unwrap_or(0)));
        out.extend_from_slice(part);
    }
}

/// Parameters in the making at the end of a buffer. A pair is never cut in two: PHP-FPM reads each
/// record by itself.
#[derive(Debug)]
pub struct ParamsWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Offset of the open record's header.
    record: usize,
}

impl<'a> ParamsWriter<'a> {
    /// Opens the first record.
    #[must_use]
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        let record = out.len();
        out.extend_from_slice(&header(kind::PARAMS, 0));
        Self { out, record }
    }

    /// Adds a parameter.
    ///
    /// # Errors
    /// [`TooLong`]; nothing is added then.
    pub fn put(&mut self, name: &[u8], value: &[u8]) -> Result<(), TooLong> {
        self.put_parts(&[name], &[value])
    }

    /// Adds a parameter whose name and value are in parts.
    ///
    /// # Errors
    /// [`TooLong`]; nothing is added then.
    pub fn put_parts(&mut self, name: &[&[u8]], value: &[&[u8]]) -> Result<(), TooLong> {
        let sum = |parts: &[&[u8]]| parts.iter().map(|part| part.len()).sum::<usize>();
        let (name_length, value_length) = (sum(name), sum(value));
        let length = length_bytes(name_length) + length_bytes(value_length) + name_length + value_length;
        if length > CONTENT_BYTES_MAX {
            return Err(TooLong);
        }
        if self.content() + length > CONTENT_BYTES_MAX {
            self.close();
            self.record = self.out.len();
            self.out.extend_from_slice(&header(kind::PARAMS, 0));
        }
        put_length(self.out, name_length);
        put_length(self.out, value_length);
        name.iter().chain(value).for_each(|part| self.out.extend_from_slice(part));
        Ok(())
    }

    /// Adds the parameter of a header field: `HTTP_`, and its name in upper case with underscores
    /// for hyphens (RFC 3875, section 4.1.18).
    ///
    /// # Errors
    /// [`TooLong`]; nothing is added then.
    pub fn put_field(&mut self, name: &[u8], value: &[&[u8]]) -> Result<(), TooLong> {
        const PREFIX: &[u8] = b"HTTP_";
        self.put_parts(&[PREFIX, name], value)?;
        let end = self.out.len() - value.iter().map(|part| part.len()).sum::<usize>();
        for byte in &mut self.out[end - name.len()..end] {
            *byte = if *byte == b'-' { b'_' } else { byte.to_ascii_uppercase() };
        }
        Ok(())
    }

    /// Closes the record; others may follow.
    pub fn pause(mut self) {
        if self.content() == 0 {
            // An empty record would end the parameters.
            self.out.truncate(self.record);
        } else {
            self.close();
        }
    }

    /// Ends the parameters.
    pub fn finish(mut self) {
        if self.content() > 0 {
            self.close();
            self.out.extend_from_slice(&END_OF_PARAMS);
        }
    }

    const fn content(&self) -> usize {
        self.out.len() - self.record - HEADER_BYTES
    }

    /// Writes the length of the open record.
    fn close(&mut self) {
        let length = u16::try_from(self.content()).unwrap_or(0).to_be_bytes();
        self.out[self.record + 4..self.record + 6].copy_from_slice(&length);
    }
}

const fn length_bytes(length: usize) -> usize {
    if length < LONG_LENGTH_MIN { 1 } else { 4 }
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    // No longer than a record, which the caller has seen to.
    let length = u32::try_from(length).unwrap_or(0);
    match u8::try_from(length) {
        Ok(short) if usize::from(short) < LONG_LENGTH_MIN => out.push(short),
        _ => out.extend_from_slice(&(length | 1 << 31).to_be_bytes()),
    }
}
