//! Tokens of JSON.

use super::JsonError;
use crate::cut::whole_characters;
use crate::percent::hex;

/// A position in the text, and the buffer of the last string that had escapes.
pub(crate) struct Scan<'b> {
    input: &'b [u8],
    pos: usize,
    scratch: Vec<u8>,
}

impl<'b> Scan<'b> {
    pub(crate) fn new(input: &'b [u8]) -> Self {
        let pos = if input.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { input, pos, scratch: Vec::new() }
    }

    pub(crate) fn offset(&self) -> usize {
        self.pos
    }

    /// Returns the next byte that is not whitespace, without taking it.
    pub(crate) fn next_token(&mut self) -> Option<u8> {
        loop {
            let byte = *self.input.get(self.pos)?;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.pos += 1;
        }
    }

    pub(crate) fn skip(&mut self) {
        self.pos += 1;
    }

    pub(crate) fn expect(&mut self, wanted: u8) -> Result<(), JsonError> {
        match self.next_token() {
            Some(byte) if byte == wanted => {
                self.skip();
                Ok(())
            }
            Some(_) => Err(JsonError::Unexpected(self.pos)),
            None => Err(JsonError::Premature),
        }
    }

    /// Reads a string after its opening quote; takes the closing one.
    pub(crate) fn string(&mut self) -> Result<&[u8], JsonError> {
        let start = self.pos;
        let rest = &self.input[start..];
        let mut ascii = true;
        for (length, byte) in rest.iter().enumerate() {
            match byte {
                b'"' => {
                    let text = &rest[..length];
                    self.pos = start + length + 1;
                    return if ascii || std::str::from_utf8(text).is_ok() {
                        Ok(text)
                    } else {
                        Err(JsonError::NotUtf8(start))
                    };
                }
                b'\\' => return self.escaped_string(start, length),
                ..0x20 => return Err(JsonError::Unexpected(start + length)),
                0x80.. => ascii = false,
                _ => {}
            }
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(rest);
        Err(JsonError::Premature)
    }

    /// Returns the string at which the body ends too early, as far as it is there.
    pub(crate) fn unfinished(&self) -> Result<&[u8], JsonError> {
        let text = whole_characters(&self.scratch);
        if std::str::from_utf8(text).is_ok() { Ok(text) } else { Err(JsonError::NotUtf8(self.pos)) }
    }

    /// Reads the rest of a string from its first backslash, unescaping to the scratch buffer.
    fn escaped_string(&mut self, start: usize, plain: usize) -> Result<&[u8], JsonError> {
        self.scratch.clear();
        self.scratch.extend_from_slice(&self.input[start..start + plain]);
        self.pos = start + plain;
        loop {
            let byte = self.take()?;
            match byte {
                b'"' => break,
                b'\\' => self.escape()?,
                ..0x20 => return Err(JsonError::Unexpected(self.pos - 1)),
                _ => self.scratch.push(byte),
            }
        }
        if std::str::from_utf8(&self.scratch).is_err() {
            return Err(JsonError::NotUtf8(start));
        }
        Ok(&self.scratch)
    }

    fn take(&mut self) -> Result<u8, JsonError> {
        let byte = self.input.get(self.pos).copied().ok_or(JsonError::Premature)?;
        self.pos += 1;
        Ok(byte)
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let byte = match self.take()? {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return self.unicode(),
            _ => return Err(JsonError::Unexpected(self.pos - 1)),
        };
        self.scratch.push(byte);
        Ok(())
    }

    /// Reads `\uHHHH`, and the second half of a surrogate pair if it follows.
    fn unicode(&mut self) -> Result<(), JsonError> {
        let mut code = u32::from(self.quad()?);
        // Half a pair alone is no character: it becomes `?` below, and what follows is read again.
        if (0xd800..0xdc00).contains(&code) && self.input.get(self.pos..self.pos + 2) == Some(b"\\u") {
            let back = self.pos;
            self.pos += 2;
            let low = u32::from(self.quad()?);
            if (0xdc00..0xe000).contains(&low) {
                code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            } else {
                self.pos = back;
            }
        }
        let mut utf8 = [0u8; 4];
        let character = char::from_u32(code).unwrap_or('?');
        self.scratch.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
        Ok(())
    }

    fn quad(&mut self) -> Result<u16, JsonError> {
        (0..4).try_fold(0u16, |value, _| {
            let digit = hex(self.take()?).ok_or(JsonError::Unexpected(self.pos - 1))?;
            Ok(value << 4 | u16::from(digit))
        })
    }

    /// Reads `null`, `true`, `false` or a number: its text, which for `null` is empty.
    pub(crate) fn literal(&mut self) -> Result<&'b [u8], JsonError> {
        let input = self.input;
        let rest = &input[self.pos..];
        for word in [&b"null"[..], b"true", b"false"] {
            if rest.starts_with(word) {
                self.pos += word.len();
                return Ok(if word == b"null" { b"" } else { word });
            }
            // The body ends within the word.
            if word.starts_with(rest) {
                return Err(JsonError::Premature);
            }
        }
        let start = self.pos;
        self.number()?;
        Ok(&input[start..self.pos])
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.input.get(self.pos) == Some(&b'-') {
            self.pos += 1;
        }
        if self.input.get(self.pos) == Some(&b'0') {
            self.pos += 1;
        } else {
            self.digits()?;
        }
        if self.input.get(self.pos) == Some(&b'.') {
            self.pos += 1;
            self.digits()?;
        }
        if matches!(self.input.get(self.pos), Some(b'e' | b'E')) {
            self.pos += 1;
            if matches!(self.input.get(self.pos), Some(b'+' | b'-')) {
                self.pos += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Takes one digit or more.
    fn digits(&mut self) -> Result<(), JsonError> {
        let rest = &self.input[self.pos..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.pos += count;
        match (count, rest.is_empty()) {
            (0, true) => Err(JsonError::Premature),
            (0, false) => Err(JsonError::Unexpected(self.pos)),
            _ => Ok(()),
        }
    }
}
