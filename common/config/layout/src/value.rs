//! A value: a text or number as it is written, or a list or table of others.

use toml_parser::lexer::TokenKind;

use crate::LINE_CHARS_MAX;
use crate::tokens::Tokens;

/// Blanks for each level of what is on lines of its own.
const INDENT: usize = 4;

/// A value with the comments inside of it.
#[derive(Debug)]
pub(crate) enum Value {
    /// A string, a number, true or false, a date.
    Plain(String),
    /// `[...]` or `{...}`.
    Group(Group),
}

/// The entries of a list or an inline table.
#[derive(Debug)]
pub(crate) struct Group {
    brackets: (char, char),
    entries: Vec<Entry>,
    /// Comments after the last entry.
    comments: Vec<String>,
    /// It had more than one line.
    has_lines: bool,
}

#[derive(Debug)]
struct Entry {
    /// Comments on the lines before it.
    comments: Vec<String>,
    /// In a table: its key.
    key: Option<String>,
    value: Value,
    /// The comment on its own line.
    comment: Option<String>,
}

impl Value {
    /// Takes a value; `None` where there is none.
    pub(crate) fn take(tokens: &mut Tokens<'_>) -> Option<Self> {
        tokens.take_if(TokenKind::Whitespace);
        match tokens.kind() {
            TokenKind::LeftSquareBracket => Group::take(tokens, ('[', ']')).map(Self::Group),
            TokenKind::LeftCurlyBracket => Group::take(tokens, ('{', '}')).map(Self::Group),
            _ => plain(tokens).map(Self::Plain),
        }
    }

    /// Returns the value as it is written at a depth of `indent` blanks, on a line where `before`
    /// characters come before it.
    pub(crate) fn written(&self, indent: usize, before: usize) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Group(group) => match group.in_one_line() {
                // What fits is left to its writer: a list that had lines keeps them.
                Some(line) if before + line.chars().count() <= LINE_CHARS_MAX => line,
                _ => group.in_lines(indent),
            },
        }
    }

    fn in_one_line(&self) -> Option<String> {
        match self {
            // A string of several lines is one value, and still no line.
            Self::Plain(text) => (!text.contains('\n')).then(|| text.clone()),
            Self::Group(group) => group.in_one_line(),
        }
    }
}

impl Group {
    fn take(tokens: &mut Tokens<'_>, brackets: (char, char)) -> Option<Self> {
        tokens.take();
        let mut group = Self { brackets, entries: Vec::new(), comments: Vec::new(), has_lines: false };
        let mut may_follow = true;
        loop {
            match tokens.kind() {
                TokenKind::Whitespace => {
                    tokens.take();
                }
                TokenKind::Newline => {
                    tokens.take();
                    group.has_lines = true;
                }
                TokenKind::Comment => group.comments.push(tokens.take().trim_end().to_owned()),
                TokenKind::Comma if !may_follow => {
                    tokens.take();
                    may_follow = true;
                    group.take_comment_of_entry(tokens);
                }
                TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                    tokens.take();
                    return Some(group);
                }
                _ if may_follow => {
                    let entry = group.take_entry(tokens)?;
                    group.entries.push(entry);
                    may_follow = false;
                    group.take_comment_of_entry(tokens);
                }
                _ => return None,
            }
        }
    }

    fn take_entry(&mut self, tokens: &mut Tokens<'_>) -> Option<Entry> {
        let comments = std::mem::take(&mut self.comments);
        let key = if self.brackets.0 == '{' { Some(tokens.take_key()?) } else { None };
        Some(Entry { comments, key, value: Value::take(tokens)?, comment: None })
    }

    /// Takes a comment on the line of the last entry, before or after its comma.
    fn take_comment_of_entry(&mut self, tokens: &mut Tokens<'_>) {
        let Some(comment) = tokens.take_comment() else { return };
        match self.entries.last_mut() {
            Some(entry) if entry.comment.is_none() => entry.comment = Some(comment.to_owned()),
            // One before the comma and one after it.
            _ => self.comments.push(comment.to_owned()),
        }
    }

    fn in_one_line(&self) -> Option<String> {
        let has_comment = |entry: &Entry| entry.comment.is_some() || !entry.comments.is_empty();
        if self.has_lines || !self.comments.is_empty() || self.entries.iter().any(has_comment) {
            return None;
        }
        let entry = |entry: &Entry| {
            let value = entry.value.in_one_line()?;
            Some(entry.key.as_ref().map_or_else(|| value.clone(), |key| format!("{key} = {value}")))
        };
        let entries = self.entries.iter().map(entry).collect::<Option<Vec<_>>>()?.join(", ");
        let (open, close) = self.brackets;
        let blank = if open == '{' && !entries.is_empty() { " " } else { "" };
        Some(format!("{open}{blank}{entries}{blank}{close}"))
    }

    fn in_lines(&self, indent: usize) -> String {
        let (open, close) = self.brackets;
        let inside = indent + INDENT;
        let mut out = format!("{open}\n");
        for entry in &self.entries {
            entry.comments.iter().for_each(|comment| out.push_str(&format!("{:inside$}{comment}\n", "")));
            let key = entry.key.as_ref().map(|key| format!("{key} = ")).unwrap_or_default();
            // The comma counts.
            let value = entry.value.written(inside, inside + key.chars().count() + 1);
            out.push_str(&format!("{:inside$}{key}{value},", ""));
            entry.comment.iter().for_each(|comment| out.push_str(&format!(" {comment}")));
            out.push('\n');
        }
        self.comments.iter().for_each(|comment| out.push_str(&format!("{:inside$}{comment}\n", "")));
        out.push_str(&format!("{:indent$}{close}", ""));
        out
    }
}

/// Takes a value that is no list or table: one token, but for numbers with a point and for dates
/// with a blank before the time.
fn plain(tokens: &mut Tokens<'_>) -> Option<String> {
    let mut text = String::new();
    loop {
        match tokens.kind() {
            TokenKind::Atom
            | TokenKind::Dot
            | TokenKind::LiteralString
            | TokenKind::BasicString
            | TokenKind::MlLiteralString
            | TokenKind::MlBasicString => text.push_str(tokens.take()),
            TokenKind::Whitespace if !text.is_empty() && tokens.kind_after(1) == TokenKind::Atom => {
                tokens.take();
                text.push(' ');
            }
            _ => return (!text.is_empty()).then_some(text),
        }
    }
}
