//! removeComments, removeCommentsChar and replaceComments.

use crate::edit::{Edit, at, first_where};
use crate::outcome::Outcome;
use memchr::memchr;

/// A delimiter of a comment, with its length.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Delimiter {
    /// `/*` or `<!--`
    Open(usize),
    /// `*/` or `-->`
    Close(usize),
    /// `--` or `#`, which take the rest of the line (here: of the value)
    Line(usize),
}

fn delimiter(input: &[u8], from: usize) -> Option<Delimiter> {
    match input.get(from..)? {
        [b'/', b'*', ..] => Some(Delimiter::Open(2)),
        [b'<', b'!', b'-', b'-', ..] => Some(Delimiter::Open(4)),
        [b'*', b'/', ..] => Some(Delimiter::Close(2)),
        [b'-', b'-', b'>', ..] => Some(Delimiter::Close(3)),
        [b'-', b'-', ..] => Some(Delimiter::Line(2)),
        [b'#', ..] => Some(Delimiter::Line(1)),
        _ => None,
    }
}

fn may_delimit(byte: u8) -> bool {
    (byte == b'/') | (byte == b'<') | (byte == b'*') | (byte == b'-') | (byte == b'#')
}

/// Finds the next delimiter at or after `from`.
fn next_delimiter(input: &[u8], mut from: usize) -> Option<(usize, Delimiter)> {
    loop {
        let here = first_where(input, from, may_delimit)?;
        if let Some(delimiter) = delimiter(input, here) {
            return Some((here, delimiter));
        }
        from = here + 1;
    }
}

/// Removes comments: C and HTML ones to their end (either end ends either), `--` and `#` with all
/// that follows. A comment without an end becomes one space.
pub(crate) fn remove_comments(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let mut edit = Edit::new(input, out);
    let mut pos = 0usize;
    while let Some((here, delimiter)) = next_delimiter(input, pos) {
        match delimiter {
            // A closing delimiter outside of a comment is text, but `-->` begins with the `--` that
            // ends the line.
            Delimiter::Close(length) if at(input, here) == Some(b'*') => pos = here + length - 1,
            Delimiter::Close(_) | Delimiter::Line(_) => {
                edit.remove(here, input.len());
                break;
            }
            Delimiter::Open(length) => match comment_end(input, here + length) {
                Some(end) => {
                    edit.remove(here, end);
                    pos = end;
                }
                None => {
                    edit.replace_byte(here, input.len(), b' ');
                    break;
                }
            },
        }
    }
    edit.finish()
}

fn comment_end(input: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let here = first_where(input, from, |byte| (byte == b'*') | (byte == b'-'))?;
        if let Some(Delimiter::Close(length)) = delimiter(input, here) {
            return Some(here + length);
        }
        from = here + 1;
    }
}

/// Removes the delimiters themselves and leaves what they enclose.
pub(crate) fn remove_comments_char(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let mut edit = Edit::new(input, out);
    let mut pos = 0usize;
    while let Some((here, Delimiter::Open(length) | Delimiter::Close(length) | Delimiter::Line(length))) =
        next_delimiter(input, pos)
    {
        pos = here + length;
        edit.remove(here, pos);
    }
    edit.finish()
}

/// Replaces each C comment with one space, one without an end too.
pub(crate) fn replace_comments(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let mut edit = Edit::new(input, out);
    let mut pos = 0usize;
    while let Some(here) = find_pair(input, pos, *b"/*") {
        pos = find_pair(input, here + 2, *b"*/").map_or(input.len(), |end| end + 2);
        edit.replace_byte(here, pos, b' ');
    }
    edit.finish()
}

/// Finds two bytes next to each other at or after `from`. Setting up a substring search for each
/// would cost more than the comments it finds.
fn find_pair(input: &[u8], mut from: usize, [first, second]: [u8; 2]) -> Option<usize> {
    loop {
        let here = from + memchr(first, input.get(from..)?)?;
        if at(input, here + 1) == Some(second) {
            return Some(here);
        }
        from = here + 1;
    }
}
