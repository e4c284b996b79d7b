//! Tokens of SQL, read so that one pass fits the dialects an attacker may meet.
//!
//! Every rule looks at the rest of the input and says which token starts there and how many bytes
//! it takes. Reading never fails: what is not SQL is an unknown token.

use super::kind::Kind;
use super::lexeme::{Read, Token, is_white, one};
use super::{literal, words};
use crate::bytes::{self, ByteSet};

/// The place inside a statement that the value is read at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Context {
    /// Outside quotes.
    Bare,
    /// Inside a string opened by this quote.
    Inside(u8),
}

/// Whose comments are read: `--x` is one in standard SQL only, `#` in MySQL only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialect {
    Standard,
    MySql,
}

/// Reads the tokens of one input in one context.
pub(super) struct Tokenizer<'a> {
    input: &'a [u8],
    at: usize,
    /// The end of the word last measured: `A.A.A` is one word until a part of it turns out to be a
    /// keyword, and must not be measured again for each part.
    word_end: usize,
    context: Context,
    dialect: Dialect,
    /// Tokens read so far, comments included.
    pub(super) count: usize,
    /// A comment was met that the other dialect reads differently.
    pub(super) dialect_matters: bool,
}

const WORD_END: ByteSet = ByteSet::of(b" []{}<>:\\?=@!#~+-*/&|^%(),';\t\n\x0b\x0c\r\"\xa0\0");
const VARIABLE_END: ByteSet = ByteSet::of(b" <>:\\?=@!#~+-*/&|^%(),';\t\n\x0b\x0c\r`\"\0");

impl<'a> Tokenizer<'a> {
    pub(super) fn new(input: &'a [u8], context: Context, dialect: Dialect) -> Self {
        Tokenizer { input, at: 0, word_end: 0, context, dialect, count: 0, dialect_matters: false }
    }

    /// Returns the next token; `None` at the end of the input.
    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        if self.at == 0 && self.input.is_empty() {
            return None;
        }
        let (token, taken) = match self.context {
            Context::Inside(quote) if self.at == 0 => literal::quoted(self.input, 0, quote),
            _ => self.token_after_white()?,
        };
        self.at += taken;
        self.count += 1;
        Some(token)
    }

    /// Controls, space, DEL and Latin-1's no-break space separate tokens.
    fn token_after_white(&mut self) -> Option<Read<'a>> {
        let rest = bytes::from(self.input, self.at);
        let white = rest.iter().position(|&byte| !matches!(byte, 0..=b' ' | 0x7f | 0xa0))?;
        self.at += white;
        let rest = bytes::from(rest, white);
        Some(self.token(*rest.first()?, rest))
    }

    fn token(&mut self, first: u8, rest: &'a [u8]) -> Read<'a> {
        match first {
            b'!' | b'&' | b'*' | b':' | b'<' | b'=' | b'>' | b'|' => operator(first, rest),
            b'%' | b'+' | b'^' | b'~' => one(Kind::OPERATOR, rest),
            b'(' | b')' | b',' | b';' | b'{' | b'}' => one(Kind(first), rest),
            b'?' | b']' => one(Kind::UNKNOWN, rest),
            b'"' | b'\'' => literal::quoted(rest, 1, first),
            b'`' => tick(rest),
            b'#' => self.hash(rest),
            b'-' => self.dash(rest),
            b'/' => slash(rest),
            b'\\' => backslash(rest),
            b'[' => bracket(rest),
            b'@' => variable(rest),
            b'.' | b'0'..=b'9' => literal::number(rest),
            b'$' => literal::money(rest).unwrap_or_else(|| self.word(rest)),
            _ => literal::prefixed(first, rest).unwrap_or_else(|| self.word(rest)),
        }
    }

    fn hash(&mut self, rest: &'a [u8]) -> Read<'a> {
        self.dialect_matters = true;
        match self.dialect {
            Dialect::MySql => comment_to_line_end(rest),
            Dialect::Standard => one(Kind::OPERATOR, rest),
        }
    }

    /// Reads `-`. Every database takes `--` before white space or the end for a comment; before
    /// anything else MySQL sees two minuses.
    fn dash(&mut self, rest: &'a [u8]) -> Read<'a> {
        match (rest.get(1), rest.get(2)) {
            (Some(b'-'), None) => comment_to_line_end(rest),
            (Some(b'-'), Some(&byte)) if is_white(byte) => comment_to_line_end(rest),
            (Some(b'-'), Some(_)) if self.dialect == Dialect::Standard => {
                self.dialect_matters = true;
                comment_to_line_end(rest)
            }
            _ => one(Kind::OPERATOR, rest),
        }
    }

    /// Reads a word, cut before the first `.` or tick if what precedes it is a keyword: `SELECT.1`,
    /// ``SELECT`a` ``.
    fn word(&mut self, rest: &'a [u8]) -> Read<'a> {
        if self.word_end <= self.at {
            self.word_end = self.at + WORD_END.span_outside(rest);
        }
        let len = self.word_end - self.at;
        let text = bytes::upto(rest, len);
        let bareword = Token::new(Kind::BAREWORD, text);
        for (at, _) in bareword.text.iter().enumerate().filter(|(_, byte)| matches!(byte, b'.' | b'`')) {
            let part = bytes::upto(text, at);
            if let Some(word) = words::word(part).filter(|word| word.kind != Kind::BAREWORD) {
                return (Token::new(word.kind, part), at);
            }
        }
        let kind = words::word(text).map_or(Kind::BAREWORD, |word| word.kind);
        (Token { kind, ..bareword }, len)
    }
}

fn operator(first: u8, rest: &[u8]) -> Read<'_> {
    if rest.starts_with(b"<=>") {
        return (Token::new(Kind::OPERATOR, b"<=>"), 3);
    }
    let pair = bytes::upto(rest, 2);
    match words::word(pair) {
        Some(word) if pair.len() == 2 => (Token::new(word.kind, pair), 2),
        _ if first == b':' && pair.len() == 2 => one(Kind::COLON, rest),
        _ => one(Kind::OPERATOR, rest),
    }
}

fn comment_to_line_end(rest: &[u8]) -> Read<'_> {
    match bytes::find(rest, 0, b'\n') {
        Some(end) => (Token::new(Kind::COMMENT, bytes::upto(rest, end)), end + 1),
        None => (Token::new(Kind::COMMENT, rest), rest.len()),
    }
}

/// Reads a comment within `/*` and `*/`. One that is nested (PostgreSQL) or conditional (MySQL's
/// `/*!`) cannot be read for every database at once and is evil.
fn slash(rest: &[u8]) -> Read<'_> {
    if !rest.starts_with(b"/*") {
        return one(Kind::OPERATOR, rest);
    }
    let end = bytes::find_pair(rest, 2, *b"*/");
    let len = end.map_or(rest.len(), |end| end + 2);
    // A nested opening may share the star of the closing, as in `/*/*/`.
    let nested = end.is_some_and(|end| bytes::find_pair(bytes::upto(rest, end + 1), 2, *b"/*").is_some());
    let kind = if nested || rest.get(2) == Some(&b'!') { Kind::EVIL } else { Kind::COMMENT };
    (Token::new(kind, bytes::upto(rest, len)), len)
}

/// Reads `\`: `\N` is MySQL's NULL.
fn backslash(rest: &[u8]) -> Read<'_> {
    if rest.starts_with(b"\\N") { (Token::new(Kind::NUMBER, b"\\N"), 2) } else { one(Kind::BACKSLASH, rest) }
}

/// Reads a name in Transact-SQL's brackets; the brackets are kept.
fn bracket(rest: &[u8]) -> Read<'_> {
    let len = bytes::find(rest, 0, b']').map_or(rest.len(), |end| end + 1);
    (Token::new(Kind::BAREWORD, bytes::upto(rest, len)), len)
}

/// Reads a name in MySQL's ticks: a bare word, whatever it is, unless it is a function.
fn tick(rest: &[u8]) -> Read<'_> {
    let (token, len) = literal::quoted(rest, 1, b'`');
    let function = words::word(token.text).is_some_and(|word| word.kind == Kind::FUNCTION);
    (Token { kind: if function { Kind::FUNCTION } else { Kind::BAREWORD }, ..token }, len)
}

/// Reads `@name`, `@@name`, and either with the name in quotes or ticks.
fn variable(rest: &[u8]) -> Read<'_> {
    let signs = if rest.get(1) == Some(&b'@') { 2 } else { 1 };
    let name = bytes::from(rest, signs);
    let (token, len) = match name.first() {
        Some(&quote @ (b'`' | b'\'' | b'"')) => literal::quoted(name, 1, quote),
        _ => {
            let len = VARIABLE_END.span_outside(name);
            (Token::new(Kind::VARIABLE, bytes::upto(name, len)), len)
        }
    };
    (Token { kind: Kind::VARIABLE, ..token }, len + signs)
}
