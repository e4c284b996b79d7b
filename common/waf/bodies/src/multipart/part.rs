//! The header lines of one part.

use super::disposition::{self, Names};
use super::{HEADER_LINE_BYTES_MAX, MultipartError, MultipartReport, PART_HEADERS_COUNT_MAX};
use memchr::memchr;
use std::borrow::Cow;

/// One header, unfolded.
struct Header<'b> {
    line: Cow<'b, [u8]>,
    name_len: usize,
}

impl Header<'_> {
    fn name(&self) -> &[u8] {
        &self.line[..self.name_len]
    }

    fn value(&self) -> &[u8] {
        let value = &self.line[self.name_len + 1..];
        let blank = value.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        &value[blank..]
    }
}

/// The headers of a part.
#[derive(Default)]
pub(crate) struct Part<'b> {
    headers: Vec<Header<'b>>,
}

impl<'b> Part<'b> {
    /// Adds a line, which is not empty and has no line end. A name with bytes that no header name
    /// has (RFC 5322 section 2.2) is an error, but the line is kept for rules to look at.
    pub(crate) fn header_line(&mut self, line: &'b [u8], report: &mut MultipartReport) -> Result<(), MultipartError> {
        let refuse = |why| Err(MultipartError::Header(why));
        if line.len() > HEADER_LINE_BYTES_MAX {
            return refuse("line too long");
        }
        if memchr(0, line).is_some() {
            return refuse("nul byte");
        }
        if line.first().is_some_and(|byte| is_space(*byte)) {
            return self.fold(line, report);
        }
        let Some(name_len) = memchr(b':', line) else { return refuse("colon missing") };
        let name = &line[..name_len];
        if name.is_empty() {
            return refuse("name missing");
        }
        if self.headers.iter().any(|header| header.name().eq_ignore_ascii_case(name)) {
            return refuse("duplicate");
        }
        if self.headers.len() >= PART_HEADERS_COUNT_MAX {
            return refuse("too many");
        }
        let valid = name.iter().all(u8::is_ascii_graphic);
        self.headers.push(Header { line: Cow::Borrowed(line), name_len });
        if valid { Ok(()) } else { refuse("contains invalid character") }
    }

    /// Appends a continuation line to the header before it.
    fn fold(&mut self, line: &[u8], report: &mut MultipartReport) -> Result<(), MultipartError> {
        report.header_folding = true;
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            report.invalid_header_folding = true;
        }
        let Some(header) = self.headers.last_mut() else { return Err(MultipartError::Header("folding error")) };
        let blank = line.iter().take_while(|byte| is_space(**byte)).count();
        let more = &line[blank..];
        if header.line.len() + more.len() >= HEADER_LINE_BYTES_MAX {
            return Err(MultipartError::Header("line too long"));
        }
        let whole = header.line.to_mut();
        whole.push(b' ');
        whole.extend_from_slice(more);
        Ok(())
    }

    /// Iterates over the lines, in order.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.headers.iter().map(|header| header.line.as_ref())
    }

    /// Reads the Content-Disposition.
    pub(crate) fn names(&self, report: &mut MultipartReport) -> Result<Names, MultipartError> {
        match self.headers.iter().find(|header| header.name().eq_ignore_ascii_case(b"Content-Disposition")) {
            Some(header) => disposition::parse(header.value(), report),
            None => Err(MultipartError::Header("Content-Disposition missing")),
        }
    }
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}
