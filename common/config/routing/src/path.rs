//! Paths as the application will understand them.

use std::borrow::Cow;

use fosse_http1::percent;

/// Splits a target into its path and its query, without the question mark.
#[must_use]
pub fn split(target: &[u8]) -> (&[u8], &[u8]) {
    match target.iter().position(|byte| *byte == b'?') {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, b""),
    }
}

/// Returns the path with escapes decoded, then empty and dot segments resolved (RFC 3986, sections
/// 6.2.2 and 5.2.4): `/%61pi/../admin` is `/admin`.
#[must_use]
pub fn understood(raw: &[u8]) -> Cow<'_, [u8]> {
    let plain = !raw.contains(&b'%') && !raw.windows(2).any(|pair| matches!(pair, b"/." | b"//"));
    if plain { Cow::Borrowed(raw) } else { Cow::Owned(normalised(raw)) }
}

pub(crate) fn normalised(raw: &[u8]) -> Vec<u8> {
    let mut segments: Vec<&[u8]> = Vec::new();
    let decoded = percent::decode(raw);
    for segment in decoded.split(|b| *b == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let mut path = Vec::with_capacity(decoded.len());
    for segment in segments {
        path.push(b'/');
        path.extend_from_slice(segment);
    }
    if path.is_empty() || decoded.ends_with(b"/") {
        path.push(b'/');
    }
    path
}

/// Returns what is left of a path below a prefix, beginning with a slash where it is not empty. A
/// prefix matches at a segment's end: `/a` takes `/a` and `/a/b`, not `/ab`.
pub(crate) fn below<'a>(prefix: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
    path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Appends the bytes of an understood path as a target may have them: what is no character of a
/// path (RFC 3986, section 3.3) is escaped.
pub(crate) fn encode(out: &mut Vec<u8>, path: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in path {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(byte) {
            out.push(*byte);
        } else {
            out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_slash() {
        for (prefix, path, expected) in [
            ("/a", "/a", Some("")),
            ("/a", "/a/", Some("/")),
            ("/a", "/a/b", Some("/b")),
            ("/a", "/ab", None),
            ("/", "/ab", Some("/ab")),
            ("/", "*", None),
        ] {
            assert_eq!(below(prefix.as_bytes(), path.as_bytes()), expected.map(str::as_bytes), "{prefix} {path}");
        }
    }

    #[test]
    fn an_understood_path_is_written_so_that_it_is_understood_again() {
        for raw in ["/a%20b", "/%3f%23", "/%e2%82%ac/x", "/a%25b", "/..%2f%61//x", "/%5b%5c"] {
            let path = understood(raw.as_bytes());
            let mut written = Vec::new();
            encode(&mut written, &path);
            assert_eq!(understood(&written), path, "{raw}");
            assert!(written.iter().all(u8::is_ascii_graphic) && !written.contains(&b'?'));
        }
    }
}
