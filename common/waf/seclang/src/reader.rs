//! Lines to directives: continuation, comments and quotes, as the Apache configuration reader has
//! them, since that is what rule files are written for. Every byte of an argument knows the line
//! and column it came from.
//!
//! A line that ends in a backslash goes on in the next line, comments included. An argument is a
//! bare word or is enclosed in `"` or `'`; inside, a backslash before the quote or before a
//! backslash is dropped, and stays before anything else.

use crate::diagnostic::{Diagnostic, Location};
use std::sync::Arc;

/// One word of a directive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Argument {
    /// The bytes, quotes and their escapes resolved.
    pub bytes: Vec<u8>,
    /// For each byte of `bytes`, its offset in the file; one more for the end.
    offsets: Vec<u32>,
}

impl Argument {
    /// Returns the argument as text; bytes that are not UTF-8 are replaced, which only messages and
    /// names can show.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Returns the offset in the file of byte `index`, or of the end.
    pub(crate) fn offset(&self, index: usize) -> u32 {
        self.offsets.get(index).or(self.offsets.last()).copied().unwrap_or_default()
    }

    /// Returns a part of this argument, as an argument of its own.
    pub(crate) fn part(&self, range: std::ops::Range<usize>) -> Self {
        let bytes = self.bytes[range.clone()].to_vec();
        let offsets = self.offsets[range.start..=range.end].to_vec();
        Self { bytes, offsets }
    }

    pub(crate) fn push(&mut self, byte: u8, offset: u32) {
        self.bytes.push(byte);
        self.offsets.push(offset);
    }

    pub(crate) fn close(&mut self, offset: u32) {
        self.offsets.push(offset);
    }
}

/// One directive: its name and what follows it.
#[derive(Clone, Debug)]
pub(crate) struct Directive {
    pub name: Argument,
    pub arguments: Vec<Argument>,
}

/// A file being read.
#[derive(Clone, Debug)]
pub(crate) struct Source<'b> {
    pub name: Arc<str>,
    bytes: &'b [u8],
    /// The offset of each line's first byte.
    lines: Vec<u32>,
}

impl<'b> Source<'b> {
    pub(crate) fn new(name: &str, bytes: &'b [u8]) -> Self {
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let starts = ends.filter_map(|(at, _)| u32::try_from(at + 1).ok());
        Self { name: Arc::from(name), bytes, lines: std::iter::once(0).chain(starts).collect() }
    }

    /// Returns the line and column of an offset.
    pub(crate) fn location(&self, offset: u32) -> Location {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines[line - 1];
        Location {
            file: Arc::clone(&self.name),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: offset - start + 1,
        }
    }

    /// Creates an error at an offset.
    pub(crate) fn error(&self, offset: u32, message: impl Into<String>) -> Diagnostic {
        let location = self.location(offset);
        let line = crate::arena::widen(location.line) - 1;
        let excerpt = self.bytes.split(|byte| *byte == b'\n').nth(line).unwrap_or_default();
        Diagnostic { location, message: message.into(), excerpt: String::from_utf8_lossy(excerpt).into_owned() }
    }

    /// Iterates over the directives of the file, with an error for each line that is none.
    pub(crate) fn directives(&self) -> impl Iterator<Item = Result<Directive, Diagnostic>> + use<'_, 'b> {
        let mut lines = Lines { bytes: self.bytes, at: 0 };
        std::iter::from_fn(move || {
            loop {
                let line = lines.next_logical()?;
                if let Some(parsed) = self.directive(&line) {
                    return Some(parsed);
                }
            }
        })
    }

    fn directive(&self, line: &[(u8, u32)]) -> Option<Result<Directive, Diagnostic>> {
        let mut words = LineWords { rest: line };
        let first = line.iter().find(|(byte, _)| !byte.is_ascii_whitespace())?;
        if first.0 == b'#' {
            return None;
        }
        if first.0 == b'<' {
            let message = "a configuration section (<...>) has no meaning here; expected a Sec directive or Include";
            return Some(Err(self.error(first.1, message)));
        }
        let name = match words.next_word()? {
            Ok(name) => name,
            Err(offset) => return Some(Err(self.error(offset, "this quote is not closed on the line"))),
        };
        let mut arguments = Vec::new();
        while let Some(word) = words.next_word() {
            match word {
                Ok(word) => arguments.push(word),
                Err(offset) => return Some(Err(self.error(offset, "this quote is not closed on the line"))),
            }
        }
        Some(Ok(Directive { name, arguments }))
    }
}

/// Physical lines joined to logical ones.
struct Lines<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Lines<'_> {
    /// Returns the bytes of the next logical line with their offsets; `None` at the end of the
    /// file.
    fn next_logical(&mut self) -> Option<Vec<(u8, u32)>> {
        let mut logical = Vec::new();
        if self.at >= self.bytes.len() {
            return None;
        }
        loop {
            let rest = &self.bytes[self.at..];
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let line = &rest[..end];
            let start = self.at;
            self.at = self.at + end + 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let continued = line.ends_with(b"\\") && self.at < self.bytes.len();
            let line = line.strip_suffix(b"\\").unwrap_or(line);
            let offsets = (start..).map(|offset| u32::try_from(offset).unwrap_or(u32::MAX));
            logical.extend(line.iter().copied().zip(offsets));
            if !continued {
                return Some(logical);
            }
        }
    }
}

/// The words of a logical line.
struct LineWords<'l> {
    rest: &'l [(u8, u32)],
}

impl LineWords<'_> {
    /// Returns the next word, or the offset of a quote that is not closed; `None` at the end of the
    /// line.
    fn next_word(&mut self) -> Option<Result<Argument, u32>> {
        while let Some(((b' ' | b'\t' | b'\r' | 0x0b | 0x0c, _), rest)) = self.rest.split_first() {
            self.rest = rest;
        }
        let ((first, opened), rest) = self.rest.split_first()?;
        let quote = matches!(first, b'"' | b'\'').then_some(*first);
        if quote.is_some() {
            self.rest = rest;
        }
        let mut word = Argument::default();
        let mut last = *opened;
        while let Some(((byte, offset), rest)) = self.rest.split_first() {
            last = *offset;
            self.rest = rest;
            match quote {
                Some(quote) if *byte == quote => {
                    word.close(last);
                    return Some(Ok(word));
                }
                None if byte.is_ascii_whitespace() => {
                    word.close(last);
                    return Some(Ok(word));
                }
                _ => {}
            }
            match self.rest.split_first() {
                Some(((next, offset), after))
                    if *byte == b'\\' && (*next == b'\\' || quote.is_some_and(|quote| quote == *next)) =>
                {
                    word.push(*next, *offset);
                    self.rest = after;
                }
                _ => word.push(*byte, *offset),
            }
        }
        if quote.is_some() {
            return Some(Err(*opened));
        }
        word.close(last + 1);
        Some(Ok(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Vec<String>> {
        let source = Source::new("f", text.as_bytes());
        source
            .directives()
            .map(|directive| {
                let directive = directive.unwrap();
                std::iter::once(directive.name.text()).chain(directive.arguments.iter().map(Argument::text)).collect()
            })
            .collect()
    }

    #[test]
    fn joins_continued_lines_and_skips_comments() {
        let text = "# one\n\n  SecRule A \\\n  \"@rx b\" \"id:1,\\\n    pass\"\n# two \\\nSecRule hidden\nSecMarker X";
        assert_eq!(read(text), [vec!["SecRule", "A", "@rx b", "id:1,    pass"], vec!["SecMarker", "X"]]);
    }

    #[test]
    fn drops_a_backslash_only_before_the_quote_and_before_a_backslash() {
        assert_eq!(read(r#"X "a\"b\\c\x5c\'d""#), [vec!["X", r#"a"b\c\x5c\'d"#]]);
        assert_eq!(read(r#"X 'a\'b"c'"#), [vec!["X", r#"a'b"c"#]]);
    }

    #[test]
    fn an_open_quote_is_an_error_with_its_place() {
        let source = Source::new("rules/a.conf", b"SecMarker A\n  SecRule \"ARGS");
        let errors: Vec<_> = source.directives().filter_map(Result::err).collect();
        assert_eq!(errors.first().unwrap().location.to_string(), "rules/a.conf:2:11");
    }

    #[test]
    fn every_byte_of_an_argument_knows_its_line_and_column() {
        let source = Source::new("f", b"SecRule A \"x\" \"id:1,\\\n  zzz\"");
        let directive = source.directives().next().unwrap().unwrap();
        let actions = directive.arguments.get(2).unwrap();
        let at = actions.bytes.iter().position(|byte| *byte == b'z').unwrap();
        assert_eq!(source.location(actions.offset(at)).to_string(), "f:2:3");
    }

    #[test]
    fn any_cut_of_a_file_is_read_or_refused_without_a_panic() {
        let text = b"SecRule A|!B:/c d/ \\\n  \"@rx \\\"x\\\\\" 'id:1,msg:\\'q\\''\n<If>\n#\\\n";
        for end in 0..text.len() {
            let source = Source::new("f", text.get(..end).unwrap());
            let _ = source.directives().count();
        }
    }
}
