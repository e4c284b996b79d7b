//! The lines of a text: headers of tables, keys with their values, comments of their own.

use toml_parser::lexer::TokenKind;

use crate::tokens::Tokens;
use crate::value::Value;

/// The meaning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Comment,
    Header,
    Key,
}

/// A line, or the lines of one value.
#[derive(Debug)]
pub(crate) struct Line {
    kind: Kind,
    pub text: String,
    pub blank_before: bool,
}

/// Returns the lines in their layout; `None` where the text is not TOML.
pub(crate) fn lines(tokens: &mut Tokens<'_>) -> Option<Vec<Line>> {
    let mut all: Vec<Line> = Vec::new();
    let mut blank_before = false;
    while tokens.kind() != TokenKind::Eof {
        tokens.take_if(TokenKind::Whitespace);
        if tokens.take_if(TokenKind::Newline).is_some() {
            blank_before = true;
            continue;
        }
        if tokens.kind() == TokenKind::Eof {
            break;
        }
        all.push(line(tokens, blank_before)?);
        blank_before = false;
    }
    separate(&mut all);
    Some(all)
}

/// Takes a line to its end.
fn line(tokens: &mut Tokens<'_>, blank_before: bool) -> Option<Line> {
    let (kind, mut text) = match tokens.kind() {
        TokenKind::Comment => (Kind::Comment, tokens.take().trim_end().to_owned()),
        TokenKind::LeftSquareBracket => (Kind::Header, header(tokens)?),
        _ => (Kind::Key, key_and_value(tokens)?),
    };
    if let Some(comment) = tokens.take_comment() {
        text.push(' ');
        text.push_str(comment);
    }
    let ends = matches!(tokens.kind(), TokenKind::Newline | TokenKind::Eof);
    tokens.take_if(TokenKind::Newline);
    ends.then_some(Line { kind, text, blank_before })
}

/// Takes the header of a table, without the blanks in it.
fn header(tokens: &mut Tokens<'_>) -> Option<String> {
    let mut text = String::new();
    loop {
        match tokens.kind() {
            TokenKind::Newline | TokenKind::Comment | TokenKind::Eof => return Some(text),
            TokenKind::Whitespace => {
                tokens.take();
            }
            _ => text.push_str(tokens.take()),
        }
    }
}

/// Takes a key and its value. The parts of a key are joined without blanks.
fn key_and_value(tokens: &mut Tokens<'_>) -> Option<String> {
    let key = tokens.take_key()?;
    let value = Value::take(tokens)?;
    Some(format!("{key} = {}", value.written(0, key.chars().count() + 3)))
}

/// Puts one blank line before each table and the comments that lead to it, and none after its
/// header.
fn separate(all: &mut [Line]) {
    for at in 0..all.len() {
        if at > 0 && all[at - 1].kind == Kind::Header && all[at].kind != Kind::Header {
            all[at].blank_before = false;
        }
    }
    for at in 0..all.len() {
        if all[at].kind == Kind::Header {
            let mut first = at;
            while first > 0 && all[first - 1].kind == Kind::Comment && !all[first].blank_before {
                first -= 1;
            }
            all[first].blank_before = true;
        }
    }
}
