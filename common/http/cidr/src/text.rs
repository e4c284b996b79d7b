//! The text form: one address or prefix a line, `#` opens a comment. Only the words are looked at
//! as text, so a comment may be in any encoding.

use std::fmt;

use crate::prefix::{Flaw, Prefix};

/// Longest word quoted back in an error: the longest prefix there is, mapped form and length
/// included, has 50 bytes.
const QUOTE_BYTES_MAX: usize = 60;

/// The place in a text that is no address list, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextError {
    /// Number of the line, from 1.
    pub line: usize,
    /// Number of the byte in the line, from 1.
    pub column: usize,
    /// The offending word, cut at 60 bytes, with all but printable ASCII escaped.
    pub word: String,
    /// The reason.
    pub reason: Reason,
}

/// The reason to refuse a word of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is no prefix.
    Flaw(Flaw),
    /// A second word on one line.
    Extra,
    /// It would be one entry more than the image takes.
    Full,
}

impl fmt::Display for TextError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, word, reason } = self;
        write!(out, "{line}:{column}: {word}: {reason}")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Flaw(flaw) => write!(out, "{flaw}"),
            Reason::Extra => write!(out, "one entry a line; a comment begins with #"),
            Reason::Full => write!(out, "more than {} entries", crate::ENTRY_COUNT_MAX),
        }
    }
}

impl std::error::Error for TextError {}

/// Hands every entry of a text to `take`, in order, and stops at the first error.
pub(crate) fn each(text: &[u8], mut take: impl FnMut(Prefix) -> Result<(), Reason>) -> Result<(), TextError> {
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let entry = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let mut column = 1;
        let mut found = false;
        for word in entry.split(|byte| byte.is_ascii_whitespace()) {
            if !word.is_empty() {
                let taken = if found { Err(Reason::Extra) } else { parse(word).and_then(&mut take) };
                taken.map_err(|reason| TextError { line: number + 1, column, word: quote(word), reason })?;
                found = true;
            }
            column += word.len() + 1;
        }
    }
    Ok(())
}

fn parse(word: &[u8]) -> Result<Prefix, Reason> {
    let word = std::str::from_utf8(word).map_err(|_| Reason::Flaw(Flaw::Address))?;
    Prefix::parse(word).map_err(Reason::Flaw)
}

fn quote(word: &[u8]) -> String {
    word.iter().take(QUOTE_BYTES_MAX).flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<String>, String> {
        let mut seen = Vec::new();
        each(text, |prefix| {
            seen.push(prefix.to_string());
            Ok(())
        })
        .map_err(|error| error.to_string())?;
        Ok(seen)
    }

    #[test]
    fn takes_comments_blanks_and_foreign_line_ends() {
        let text = b"# a list\n\n 10.0.0.0/8 # ours \xff\r\n\t2001:db8::/32\r\n192.0.2.1#x\n";
        assert_eq!(read(text).unwrap(), ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"]);
    }

    #[test]
    fn names_line_and_column() {
        assert_eq!(read(b"10.0.0.0/8\n  ten\n").unwrap_err(), "2:3: ten: not an IPv4 or IPv6 address");
        assert!(read(b"1.1.1.1 2.2.2.2").unwrap_err().starts_with("1:9: 2.2.2.2: one entry a line"));
        assert!(read(b"\xff\x00").unwrap_err().starts_with("1:1: \\xff\\x00: not an"));
    }

    #[test]
    fn quotes_no_more_than_a_word_can_be() {
        assert!(read(&[b'x'; 5000]).unwrap_err().len() < 120);
    }
}
