//! Pieces of XML text.

use super::XmlError;
use crate::percent::hex;
use memchr::{memchr, memchr_iter, memchr2, memchr3, memrchr};
use std::ops::Range;

/// A position in the text.
pub(crate) struct Scan<'t> {
    text: &'t [u8],
    pos: usize,
    /// The text is the beginning of a longer one.
    is_cut: bool,
}

/// Pieces of markup of several bytes, in which a text that was cut may end.
const TOKENS: [&[u8]; 4] = [b"<!--", b"<!DOCTYPE", b"<![CDATA[", b"/>"];

/// Returns whether XML counts the byte as whitespace (XML 1.0, production 3).
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

impl<'t> Scan<'t> {
    pub(crate) fn new(text: &'t [u8], is_cut: bool) -> Self {
        Self { text, pos: 0, is_cut }
    }

    pub(crate) fn error(&self) -> XmlError {
        let is_unfinished = self.is_cut && TOKENS.iter().any(|token| token.starts_with(self.rest()));
        if self.at_end() || is_unfinished { XmlError::Premature } else { XmlError::NotWellFormed(self.pos) }
    }

    /// Returns what of a text that was cut is not read, without a quote before it.
    pub(crate) fn unfinished(&self) -> &'t [u8] {
        let rest = self.rest();
        self.whole_references(rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'")).unwrap_or(rest))
    }

    /// Returns a piece at the end of a text that was cut without the reference that it does not
    /// end, and any other as it is.
    pub(crate) fn whole_references(&self, piece: &'t [u8]) -> &'t [u8] {
        let is_last = self.is_cut && piece.as_ptr_range().end == self.text.as_ptr_range().end;
        match memrchr(b'&', piece) {
            Some(at) if is_last && !piece[at..].contains(&b';') => &piece[..at],
            _ => piece,
        }
    }

    /// Returns the offset of what comes next.
    pub(crate) fn place(&self) -> usize {
        self.pos
    }

    pub(crate) fn at_end(&self) -> bool {
        self.pos >= self.text.len()
    }

    fn rest(&self) -> &'t [u8] {
        &self.text[self.pos..]
    }

    pub(crate) fn bytes(&self, place: &Range<usize>) -> &'t [u8] {
        &self.text[place.clone()]
    }

    pub(crate) fn starts_with(&self, wanted: &[u8]) -> bool {
        self.rest().starts_with(wanted)
    }

    /// Returns the byte after the `<` at this position.
    pub(crate) fn kind(&self) -> Option<u8> {
        self.rest().get(1).copied()
    }

    /// Takes `wanted` if it comes next.
    pub(crate) fn take(&mut self, wanted: &[u8]) -> bool {
        let here = self.starts_with(wanted);
        if here {
            self.pos += wanted.len();
        }
        here
    }

    /// Takes all to the next `<` or the end.
    pub(crate) fn text(&mut self) -> &'t [u8] {
        let rest = self.rest();
        let length = memchr(b'<', rest).unwrap_or(rest.len());
        self.pos += length;
        &rest[..length]
    }

    /// Takes all to `end` and `end` itself; returns what precedes it.
    pub(crate) fn past(&mut self, end: &[u8]) -> Result<&'t [u8], XmlError> {
        let (rest, first) = (self.rest(), end.first().copied().unwrap_or_default());
        // The ends are two or three bytes long: setting up a substring search costs more than this
        // one.
        let is_end = |at: &usize| rest[*at..].starts_with(end);
        let length = memchr_iter(first, rest).find(is_end).ok_or(XmlError::Premature)?;
        self.pos += length + end.len();
        Ok(&rest[..length])
    }

    /// Takes whitespace; returns whether there was any.
    pub(crate) fn blank(&mut self) -> bool {
        let count = self.rest().iter().take_while(|byte| is_blank(**byte)).count();
        self.pos += count;
        count > 0
    }

    /// Takes a name. Every byte beyond ASCII counts as a letter.
    pub(crate) fn name(&mut self) -> Result<Range<usize>, XmlError> {
        let is_start = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') || byte >= 0x80;
        let is_more = |byte: u8| is_start(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        let rest = self.rest();
        if !rest.first().is_some_and(|byte| is_start(*byte)) {
            return Err(self.error());
        }
        let start = self.pos;
        self.pos += rest.iter().take_while(|byte| is_more(**byte)).count();
        Ok(start..self.pos)
    }

    /// Takes `= "value"`; returns the value unresolved.
    pub(crate) fn attribute_value(&mut self) -> Result<&'t [u8], XmlError> {
        self.blank();
        if !self.take(b"=") {
            return Err(self.error());
        }
        self.blank();
        let rest = self.rest();
        let Some((quote @ (b'"' | b'\''), value)) = rest.split_first() else { return Err(self.error()) };
        let end = memchr2(*quote, b'<', value).ok_or(XmlError::Premature)?;
        self.pos += end + 1;
        if !self.take(&[*quote]) {
            return Err(self.error());
        }
        Ok(&value[..end])
    }

    /// Takes a document type declaration: to the `>` outside of quotes, comments and the internal
    /// subset's brackets, or to the piece that a text that was cut does not end.
    pub(crate) fn doctype(&mut self) -> Result<(), XmlError> {
        let start = self.pos;
        let mut subset = false;
        loop {
            let rest = self.rest();
            let skip = rest.iter().position(|byte| matches!(byte, b'"' | b'\'' | b'[' | b']' | b'>' | b'<'));
            self.pos += skip.ok_or(XmlError::Premature)?;
            if self.pos > start && self.take(b"<!--") {
                self.past(b"-->")?;
                continue;
            }
            let byte = self.rest().first().copied().unwrap_or_default();
            self.pos += 1;
            match byte {
                b'"' | b'\'' => drop(self.past(&[byte])?),
                b'[' => subset = true,
                b']' => subset = false,
                b'>' if !subset => break,
                _ => {}
            }
        }
        Ok(())
    }

    /// Resolves the references in `text`, which is part of the text, into `scratch` only if there
    /// are any. With a document type declaration other entities may exist: they stay as written,
    /// without one they are an error.
    pub(crate) fn resolve<'a>(
        &self,
        text: &'t [u8],
        doctype: bool,
        scratch: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], XmlError>
    where
        't: 'a,
    {
        let Some(mut at) = memchr(b'&', text) else { return Ok(text) };
        scratch.clear();
        scratch.reserve(text.len());
        let mut rest = text;
        loop {
            let (before, after) = rest.split_at(at);
            scratch.extend_from_slice(before);
            let end = memchr3(b';', b'&', b'<', &after[1..]).ok_or_else(|| self.error())?;
            let name = &after[1..end + 1];
            if after[end + 1] != b';' {
                return Err(self.error());
            }
            match reference(name) {
                Some(character) => {
                    let mut utf8 = [0u8; 4];
                    scratch.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
                }
                None if doctype && !name.starts_with(b"#") => {
                    scratch.extend_from_slice(&after[..end + 2]);
                }
                None => return Err(self.error()),
            }
            rest = &after[end + 2..];
            match memchr(b'&', rest) {
                Some(next) => at = next,
                None => break,
            }
        }
        scratch.extend_from_slice(rest);
        Ok(scratch)
    }
}

/// Returns the character of a reference, given without its `&` and `;`.
fn reference(name: &[u8]) -> Option<char> {
    let character = match name {
        b"lt" => '<',
        b"gt" => '>',
        b"amp" => '&',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        _ => return None,
    };
    // XML 1.0 section 2.2 has no control characters but these, by reference neither.
    (character >= ' ' || matches!(character, '\t' | '\n' | '\r')).then_some(character)
}

fn number(digits: &[u8], base: u32) -> Option<char> {
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0u32, |value, byte| {
        let digit = hex(*byte).map(u32::from).filter(|digit| *digit < base)?;
        value.checked_mul(base)?.checked_add(digit)
    })?;
    char::from_u32(value)
}
