//! Markup in angle brackets that is no tag: comments, doctypes, CDATA. Each function is given the
//! input after the opening.

use super::piece::Piece;
use crate::bytes;

/// A piece to cut off: where it starts, its length (without one it is all the rest) and the bytes
/// of its end.
pub(super) struct Cut {
    pub(super) piece: Piece,
    pub(super) start: usize,
    pub(super) len: Option<usize>,
    pub(super) skip: usize,
}

/// Reads markup after `<!`.
pub(super) fn declaration(rest: &[u8]) -> Cut {
    if rest.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"DOCTYPE")) {
        return Cut { piece: Piece::Doctype, ..bogus_comment(rest) };
    }
    if let Some(text) = rest.strip_prefix(b"[CDATA[") {
        return Cut { piece: Piece::Text, start: 7, len: bytes::find_all(text, b"]]>"), skip: 3 };
    }
    match rest.strip_prefix(b"--") {
        Some(text) => comment(text),
        None => bogus_comment(rest),
    }
}

/// Ends at any `>`.
pub(super) fn bogus_comment(rest: &[u8]) -> Cut {
    Cut { piece: Piece::Comment, start: 0, len: bytes::find(rest, 0, b'>'), skip: 1 }
}

/// Reads what follows `<%`, which old browsers take for a comment up to `%>`.
pub(super) fn percent_comment(rest: &[u8]) -> Cut {
    Cut { piece: Piece::Comment, start: 0, len: bytes::find_pair(rest, 0, *b"%>"), skip: 2 }
}

/// Reads a comment after `<!--`: it ends at `-->` or `-!>`, with NULs allowed after the first dash.
fn comment(text: &[u8]) -> Cut {
    let cut = |len, skip| Cut { piece: Piece::Comment, start: 2, len, skip };
    let mut from = 0;
    while let Some(dash) = bytes::find(text, from, b'-') {
        from = dash + 1;
        let after = bytes::from(text, from);
        let nuls = after.iter().take_while(|&&byte| byte == 0).count();
        if let [b'-' | b'!', b'>', ..] = bytes::from(after, nuls) {
            return cut(Some(dash), nuls + 3);
        }
    }
    cut(None, 0)
}
