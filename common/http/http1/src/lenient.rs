//! Heads of servers older than the RFCs, made into what [`ResponseHead`](crate::ResponseHead)
//! takes. Forgiven is what has one reading for every program that takes it at all: lines that end
//! in a bare LF, folded values, the same Content-Length again. All else stays as it is, and is
//! refused.

use std::borrow::Cow;

use crate::class::{is_token_byte, trim};
use crate::names::same_name;
use crate::refusal::Refusal;
use crate::scan::find_head_end;

/// Does as [`find_head_end`](crate::find_head_end) for a response, whose lines may end in a bare LF
/// if `lenient`.
///
/// # Errors
/// Those of `find_head_end`.
///
/// # Panics
/// If `buf` is shorter than `from`.
pub fn find_response_end(buf: &[u8], from: usize, lenient: bool) -> Result<Option<usize>, Refusal> {
    if !lenient {
        return find_head_end(buf, from);
    }
    if from == 0 && buf.first().is_some_and(|first| !is_token_byte(*first)) {
        return Err(Refusal::NotHttp);
    }
    let mut ends = memchr::memchr_iter(b'\n', &buf[from..]).map(|at| from + at + 1);
    Ok(ends.find(|end| {
        let line = buf[..end - 1].strip_suffix(b"\r").unwrap_or(&buf[..end - 1]);
        line.ends_with(b"\n")
    }))
}

/// Returns a head as it came; if `lenient`, as [`ResponseHead`](crate::ResponseHead) takes it.
///
/// # Errors
/// `ObsoleteFold` where the fold is before the first field, has nothing in it, or is in a field
/// that decides where the message ends: programs read those in two ways.
pub fn strict_response(head: &[u8], lenient: bool) -> Result<Cow<'_, [u8]>, Refusal> {
    if lenient { strict_head(head).map(Cow::Owned) } else { Ok(Cow::Borrowed(head)) }
}

/// Returns a head with CR LF at the end of each line, with folds undone, and with Content-Length
/// once where it was the same each time.
fn strict_head(head: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::with_capacity(head.len() + 64);
    let (mut fields, mut length, mut rigid) = (0usize, None, false);
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let [b' ' | b'\t', ..] = line {
            if fields < 2 || rigid || trim(line).is_empty() {
                return Err(Refusal::ObsoleteFold);
            }
            out.truncate(out.len() - 2);
            out.push(b' ');
            out.extend_from_slice(trim(line));
        } else {
            fields += 1;
            let (name, value) = split(line);
            let framing = same_name(name, b"content-length");
            rigid = framing || same_name(name, b"transfer-encoding") || same_name(name, b"connection");
            if framing && length.replace(value).is_some_and(|before| before == value) {
                continue;
            }
            out.extend_from_slice(line);
        }
        out.extend_from_slice(b"\r\n");
    }
    Ok(out)
}

/// Splits a field line at its colon; the name of another line is empty.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = line.iter().position(|byte| *byte == b':');
    colon.map_or((&[], line), |colon| (&line[..colon], trim(&line[colon + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeadLimits, ResponseHead};

    fn read(head: &str) -> Result<String, Refusal> {
        let strict = strict_response(head.as_bytes(), true)?;
        ResponseHead::parse(&strict, false, &HeadLimits::DEFAULT)?;
        Ok(String::from_utf8(strict.into_owned()).unwrap())
    }

    #[test]
    fn what_old_servers_send_becomes_what_is_taken() {
        for (head, expected) in [
            ("HTTP/1.0 200 OK\nA: b\n\n", "HTTP/1.0 200 OK\r\nA: b\r\n\r\n"),
            ("HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\n", "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n"),
            ("HTTP/1.1 200 OK\r\nA: b\r\n \tc\r\n\td\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b c d\r\n\r\n"),
            ("HTTP/1.1 200 OK\r\nA:\r\n b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\ncontent-length:5 \r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\n",
            ),
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"),
        ] {
            assert_eq!(read(head).as_deref(), Ok(expected), "{head:?}");
            assert_eq!(find_response_end(head.as_bytes(), 0, true), Ok(Some(head.len())), "{head:?}");
        }
    }

    #[test]
    fn what_has_two_readings_is_refused_as_ever() {
        for head in [
            "HTTP/1.1 200 OK\n X: y\n\n",
            "HTTP/1.1 200 OK\nX: y\n \n\n",
            "HTTP/1.1 200 OK\nContent-Length:\n 5\n\n",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n , x\n\n",
            "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6\n\n",
            "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6\nContent-Length: 5\n\n",
            "HTTP/1.1 200 OK\nContent-Length: 5, 5\n\n",
            "HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked\n\n",
            "HTTP/1.1 200 OK\nX: a\rb\n\n",
            "HTTP/1.1 200 OK\nX : a\n\n",
            "HTTP/1.1 200 OK\nX: a\0\n\n",
            "HTTP/1.1 200 OK\r\r\nX: a\n\n",
        ] {
            assert!(read(head).is_err(), "{head:?}");
        }
        assert_eq!(find_response_end(b"\nHTTP/1.1 200 OK\n\n", 0, true), Err(Refusal::NotHttp));
    }

    #[test]
    fn the_end_is_found_however_the_bytes_are_cut() {
        for head in [&b"HTTP/1.1 200 OK\nA: b\n\nx\n\n"[..], b"HTTP/1.1 200 OK\r\nA: b\n\r\nx"] {
            let end = find_response_end(head, 0, true).unwrap().unwrap();
            for first in 0..end {
                assert_eq!(find_response_end(&head[..first], 0, true), Ok(None), "cut at {first}");
                assert_eq!(find_response_end(head, first, true), Ok(Some(end)), "cut at {first}");
            }
        }
    }
}
