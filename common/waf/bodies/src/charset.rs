//! Text in other character sets, made UTF-8 where that is simple.

use std::borrow::Cow;

/// The character sets that can be converted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Charset {
    /// UTF-8, or US-ASCII, which is part of it.
    Utf8,
    /// ISO 8859-1: each byte is its code point. Windows-1252 is read as this; what differs is
    /// typographic.
    Latin1,
    /// UTF-16, little-endian.
    Utf16Le,
    /// UTF-16, big-endian.
    Utf16Be,
}

impl Charset {
    /// Finds a character set by its name (RFC 2978), without regard to case. `utf-16` without an
    /// order is big-endian (RFC 2781 section 4.3).
    pub fn from_name(name: &[u8]) -> Option<Self> {
        const NAMES: &[(&[u8], Charset)] = &[
            (b"utf-8", Charset::Utf8),
            (b"utf8", Charset::Utf8),
            (b"us-ascii", Charset::Utf8),
            (b"ascii", Charset::Utf8),
            (b"iso-8859-1", Charset::Latin1),
            (b"latin1", Charset::Latin1),
            (b"windows-1252", Charset::Latin1),
            (b"utf-16", Charset::Utf16Be),
            (b"utf-16be", Charset::Utf16Be),
            (b"utf-16le", Charset::Utf16Le),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, charset)| *charset)
    }

    /// Returns the character set that a byte order mark at the beginning names, and the mark's
    /// length.
    pub(crate) fn from_mark(text: &[u8]) -> Option<(Self, usize)> {
        match text {
            [0xef, 0xbb, 0xbf, ..] => Some((Self::Utf8, 3)),
            [0xff, 0xfe, ..] => Some((Self::Utf16Le, 2)),
            [0xfe, 0xff, ..] => Some((Self::Utf16Be, 2)),
            _ => None,
        }
    }
}

/// Converts `text` to UTF-8: borrowed if it is that already, at most twice as long otherwise;
/// `None` if it is not valid text of its character set.
pub(crate) fn to_utf8(text: &[u8], charset: Charset) -> Option<Cow<'_, [u8]>> {
    match charset {
        Charset::Utf8 => std::str::from_utf8(text).ok().map(|_| Cow::Borrowed(text)),
        Charset::Latin1 if text.is_ascii() => Some(Cow::Borrowed(text)),
        Charset::Latin1 => {
            let converted: String = text.iter().map(|byte| char::from(*byte)).collect();
            Some(Cow::Owned(converted.into_bytes()))
        }
        Charset::Utf16Le => utf16(text, u16::from_le_bytes),
        Charset::Utf16Be => utf16(text, u16::from_be_bytes),
    }
}

fn utf16(text: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Cow<'_, [u8]>> {
    let (units, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let converted: String =
        char::decode_utf16(units.iter().map(|bytes| unit(*bytes))).collect::<Result<_, _>>().ok()?;
    Some(Cow::Owned(converted.into_bytes()))
}
