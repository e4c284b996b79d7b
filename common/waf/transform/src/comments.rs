//! removeComments, removeCommentsChar and replaceComments.

use crate::edit::{Edit, at, first_where};
use crate::outcome::Outcome;
use memchr::memchr;

/// What opens or closes a comment at `from`, and its length.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Mark {
    /// `/*` or `<!--`
    Open(usize),
    /// `*/` or `-->`
    Close(usize),
    /// `--` or `#`, which take the rest of the line (here: of the value)
    Line(usize),
}

fn mark(input: &[u8], from: usize) -> Option<Mark> {
    match input.get(from..)? {
        [b'/', b'*', ..] => Some(Mark::Open(2)),
        [b'<', b'!', b'-', b'-', ..] => Some(Mark::Open(4)),
        [b'*', b'/', ..] => Some(Mark::Close(2)),
        [b'-', b'-', b'>', ..] => Some(Mark::Close(3)),
        [b'-', b'-', ..] => Some(Mark::Line(2)),
        [b'#', ..] => Some(Mark::Line(1)),
        _ => None,
    }
}

fn may_mark(byte: u8) -> bool {
    (byte == b'/') | (byte == b'<') | (byte == b'*') | (byte == b'-') | (byte == b'#')
}

/// The next mark at or after `from`.
fn next_mark(input: &[u8], mut from: usize) -> Option<(usize, Mark)> {
    loop {
        let here = first_where(input, from, may_mark)?;
        if let Some(mark) = mark(input, here) {
            return Some((here, mark));
        }
        from = here + 1;
    }
}

/// Takes comments out: C and HTML ones to their end (either end ends either), `--` and `#` with all
/// that follows. A comment without an end becomes one space.
pub(crate) fn remove_comments(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let mut edit = Edit::new(input, out);
    let mut pos = 0usize;
    while let Some((here, mark)) = next_mark(input, pos) {
        match mark {
            // A closing mark outside of a comment is text, but `-->` begins with the `--` that ends
            // the line.
            Mark::Close(length) if at(input, here) == Some(b'*') => pos = here + length - 1,
            Mark::Close(_) | Mark::Line(_) => {
                edit.remove(here, input.len());
                break;
            }
            Mark::Open(length) => match comment_end(input, here + length) {
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
        if let Some(Mark::Close(length)) = mark(input, here) {
            return Some(here + length);
        }
        from = here + 1;
    }
}

/// Takes out the marks themselves and leaves what they enclose.
pub(crate) fn remove_comments_char(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let mut edit = Edit::new(input, out);
    let mut pos = 0usize;
    while let Some((here, Mark::Open(length) | Mark::Close(length) | Mark::Line(length))) = next_mark(input, pos) {
        pos = here + length;
        edit.remove(here, pos);
    }
    edit.finish()
}

/// Each C comment becomes one space, one without an end too.
pub(crate) fn replace_comments(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let mut edit = Edit::new(input, out);
    let mut pos = 0usize;
    while let Some(here) = find_pair(input, pos, *b"/*") {
        pos = find_pair(input, here + 2, *b"*/").map_or(input.len(), |end| end + 2);
        edit.replace_byte(here, pos, b' ');
    }
    edit.finish()
}

/// The place of two bytes that stand together, at or after `from`. Setting up a substring search
/// for each would cost more than the comments it finds.
fn find_pair(input: &[u8], mut from: usize, [first, second]: [u8; 2]) -> Option<usize> {
    loop {
        let here = from + memchr(first, input.get(from..)?)?;
        if at(input, here + 1) == Some(second) {
            return Some(here);
        }
        from = here + 1;
    }
}
