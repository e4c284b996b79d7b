//! Finds where a head ends while its bytes arrive, at a cost linear in the bytes however they are
//! cut.

use crate::class::is_token_byte;
use crate::refusal::Refusal;

/// Looks for the empty line that ends a head. `from` is the number of bytes that an earlier call
/// has seen. Returns the length of the head with its empty line, or `None` while it is not there:
/// then call again with `from` the length of `buf` now.
///
/// # Errors
/// `NotHttp` on a first byte that begins no message and `BareLineFeed` as soon as the bytes are
/// there, so that neither waits for a timeout.
///
/// # Panics
/// If `buf` is shorter than `from`.
pub fn find_head_end(buf: &[u8], from: usize) -> Result<Option<usize>, Refusal> {
    if from == 0 && buf.first().is_some_and(|first| !is_token_byte(*first)) {
        return Err(Refusal::NotHttp);
    }
    for at in memchr::memchr_iter(b'\n', &buf[from..]) {
        let end = from + at + 1;
        // From the first byte on: the CR may have come with an earlier call.
        let line = &buf[..end];
        if !line.ends_with(b"\r\n") {
            return Err(Refusal::BareLineFeed);
        }
        if line.ends_with(b"\r\n\r\n") {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// The beginning of a request on a connection, before its request line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lead {
    /// Nothing to skip.
    Nothing,
    /// One empty line of two bytes, which a server should skip (RFC 9112, section 2.2).
    EmptyLine,
    /// A lone CR so far: wait for the next byte.
    Undecided,
}

/// Looks at the first two bytes before a request line. Skip at most one empty line per request.
#[must_use]
pub fn leading(buf: &[u8]) -> Lead {
    match buf {
        [b'\r'] => Lead::Undecided,
        [b'\r', b'\n', ..] => Lead::EmptyLine,
        _ => Lead::Nothing,
    }
}

/// Returns the reason for refusing a head that has outgrown `HEAD_BYTES_MAX` unfinished: 414 while
/// the first line is the long one, else 431.
#[must_use]
pub fn unfinished_too_long(buf: &[u8]) -> Refusal {
    if memchr::memchr(b'\n', buf).is_none() { Refusal::TargetTooLong } else { Refusal::HeadTooLong }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn finds_the_end_however_the_bytes_are_cut() {
        let mut buf = HEAD.to_vec();
        buf.extend_from_slice(b"GET / next");
        for first in 0..buf.len() {
            for second in first..buf.len() {
                let mut found = None;
                let mut seen = 0;
                for end in [first, second, buf.len()] {
                    found = found.or(find_head_end(&buf[..end], seen).unwrap());
                    seen = end;
                }
                assert_eq!(found, Some(HEAD.len()), "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn refuses_a_bare_line_feed_at_once() {
        assert_eq!(find_head_end(b"GET / HTTP/1.1\n", 0), Err(Refusal::BareLineFeed));
        assert_eq!(find_head_end(b"GET / HTTP/1.1\r\nA: b\n\n", 16), Err(Refusal::BareLineFeed));
    }

    #[test]
    fn refuses_tls_and_garbage_at_the_first_byte() {
        assert_eq!(find_head_end(b"\x16\x03\x01", 0), Err(Refusal::NotHttp));
        assert_eq!(find_head_end(b"\0", 0), Err(Refusal::NotHttp));
    }

    #[test]
    fn tells_a_leading_empty_line() {
        assert_eq!(leading(b"\r"), Lead::Undecided);
        assert_eq!(leading(b"\r\nGET"), Lead::EmptyLine);
        assert_eq!(leading(b"GET"), Lead::Nothing);
        assert_eq!(leading(b""), Lead::Nothing);
    }
}
