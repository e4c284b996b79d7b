//! The character set of a document.

use super::{XmlError, XmlOptions};
use crate::charset::{Charset, to_utf8};
use crate::cut::{whole_characters, whole_pairs};
use memchr::{memchr, memmem};
use std::borrow::Cow;

/// Returns the document in UTF-8, decoded by its byte order mark, else by the header, else by its
/// declaration (RFC 7303 section 3).
pub(crate) fn decoded<'i>(input: &'i [u8], options: &XmlOptions<'_>) -> Result<Cow<'i, [u8]>, XmlError> {
    let (charset, body) = match Charset::from_mark(input) {
        Some((charset, length)) => (charset, &input[length..]),
        None => match (input, options.charset) {
            ([b'<', 0, ..], _) => (Charset::Utf16Le, input),
            ([0, b'<', ..], _) => (Charset::Utf16Be, input),
            (_, Some(charset)) => (charset, input),
            _ => (declared(input)?, input),
        },
    };
    let body = match charset {
        Charset::Utf8 if options.is_cut => whole_characters(body),
        Charset::Utf16Le if options.is_cut => whole_pairs(body, 1),
        Charset::Utf16Be if options.is_cut => whole_pairs(body, 0),
        _ => body,
    };
    let text = to_utf8(body, charset).ok_or(XmlError::NotText)?;
    let control = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    if text.iter().fold(false, |any, byte| any | control(*byte)) {
        return Err(XmlError::NotText);
    }
    Ok(text)
}

/// Returns the character set that an XML declaration names.
fn declared(input: &[u8]) -> Result<Charset, XmlError> {
    let Some(declaration) = input.strip_prefix(b"<?xml").and_then(|rest| rest.get(..memmem::find(rest, b"?>")?)) else {
        return Ok(Charset::Utf8);
    };
    let Some(at) = memmem::find(declaration, b"encoding") else { return Ok(Charset::Utf8) };
    let value = declaration[at + b"encoding".len()..].trim_ascii_start();
    let value = value.strip_prefix(b"=").unwrap_or_default().trim_ascii_start();
    let Some((quote @ (b'"' | b'\''), value)) = value.split_first() else { return Err(XmlError::UnsupportedCharset) };
    let name = memchr(*quote, value).map(|end| &value[..end]).unwrap_or_default();
    match Charset::from_name(name) {
        // Text that can be read this far in single bytes is not UTF-16, whatever it says.
        Some(Charset::Utf16Le | Charset::Utf16Be) | None => Err(XmlError::UnsupportedCharset),
        Some(charset) => Ok(charset),
    }
}
