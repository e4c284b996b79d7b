//! Percent-encoding of paths (RFC 3986, section 2.1). Whoever decides by a path reads it with this:
//! two programs that decode one path in two ways can be made to disagree about what it names.

use std::borrow::Cow;

/// Returns `text` with each `%HH` decoded once. A percent sign without two hexadecimal digits after
/// it, and `+`, stay as they are.
#[must_use]
pub fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'%', text) else { return Cow::Borrowed(text) };
    let (plain, mut rest) = text.split_at(first);
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(plain);
    while let Some((byte, after)) = rest.split_first() {
        let (value, after) = escape(rest).unwrap_or((*byte, after));
        out.push(value);
        rest = after;
    }
    Cow::Owned(out)
}

/// Returns whether some `%` in `path` is not followed by two hexadecimal digits. Programs differ in
/// what they make of one: what was judged here may not be what a server opens.
#[must_use]
pub fn has_broken_escape(path: &[u8]) -> bool {
    memchr::memchr_iter(b'%', path).any(|at| escape(&path[at..]).is_none())
}

/// Returns whether `..` segments of a path ever lead above `/`, with either kind of slash, and
/// escaped once or twice.
#[must_use]
pub fn leads_above_root(path: &[u8]) -> bool {
    let path = decode(path);
    climbs(&path) || (path.contains(&b'%') && climbs(&decode(&path)))
}

fn climbs(path: &[u8]) -> bool {
    let mut depth: usize = 0;
    for segment in path.split(|b| matches!(b, b'/' | b'\\')) {
        match segment {
            b"" | b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return true,
            },
            _ => depth += 1,
        }
    }
    false
}

/// Returns the byte that the escape at the beginning of `text` encodes, and what follows it.
fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, after @ ..] = text else { return None };
    Some((hex_digit(*high)? << 4 | hex_digit(*low)?, after))
}

/// Returns the value of a hexadecimal digit of either case.
pub(crate) const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once_and_leaves_what_is_no_escape() {
        let cases: [(&[u8], &[u8]); 7] = [
            (b"", b""),
            (b"/plain+", b"/plain+"),
            (b"/a%20b+c%2", b"/a b+c%2"),
            (b"/%2541%zz", b"/%41%zz"),
            (b"%", b"%"),
            (b"%%41%4", b"%A%4"),
            (b"%00%fF", b"\x00\xff"),
        ];
        for (text, expected) in cases {
            assert_eq!(&*decode(text), expected, "{}", text.escape_ascii());
        }
        assert!(matches!(decode(b"/plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn paths_that_lead_above_the_root_are_found_in_every_spelling() {
        let above: [&[u8]; 7] =
            [b"/../x", b"/a/../../x", b"/%2e%2e/x", b"/a/%2E./%2e%2e/x", b"/..%5cx", b"/..\\x", b"/%252e%252e/x"];
        assert!(above.iter().all(|path| leads_above_root(path)));
        let inside: [&[u8]; 5] = [b"/", b"/a/../b", b"/a/b/../../c", b"/...", b"*"];
        assert!(!inside.iter().any(|path| leads_above_root(path)));
    }

    #[test]
    fn finds_a_percent_sign_that_begins_no_escape() {
        for path in [&b"/%zz"[..], b"/%4", b"/%", b"/%%41", b"/%41%"] {
            assert!(has_broken_escape(path), "{}", path.escape_ascii());
        }
        for path in [&b"/"[..], b"", b"/%41%fF", b"/%2525"] {
            assert!(!has_broken_escape(path), "{}", path.escape_ascii());
        }
    }
}
