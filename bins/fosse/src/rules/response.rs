//! A response as far as a test of rules looks at it.

/// Fields of a response that are parsed; one with more has no status.
const FIELDS_MAX: usize = 256;

/// Returns the status; 0 where there is no response.
pub(crate) fn status(bytes: &[u8]) -> u16 {
    read(bytes, |response, _| response.code).unwrap_or(0)
}

/// Returns whether a response with a Content-Length or in chunks is all there; others end with the
/// connection or the time.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    read(bytes, |response, end| {
        let value = |name: &str| response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        let text = |name: &str| std::str::from_utf8(value(name)?.value).ok();
        let body = bytes.len().checked_sub(end?)?;
        let length = text("Content-Length").and_then(|text| text.parse::<usize>().ok());
        let chunked = text("Transfer-Encoding").is_some_and(|text| text.eq_ignore_ascii_case("chunked"));
        Some(
            length.is_some_and(|length| body >= length)
                || (chunked && bytes.ends_with(b"\r\n0\r\n\r\n"))
                || matches!(response.code, Some(204 | 304)),
        )
    })
    .unwrap_or(false)
}

/// Calls `what` with the response that httparse reads, which may be cut or wrong, and with the end
/// of its head, if it has one.
fn read<T>(bytes: &[u8], what: impl FnOnce(&httparse::Response<'_, '_>, Option<usize>) -> Option<T>) -> Option<T> {
    let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut slots);
    let end = match response.parse(bytes) {
        Ok(httparse::Status::Complete(end)) => Some(end),
        Ok(httparse::Status::Partial) | Err(_) => None,
    };
    what(&response, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_whole_when_its_length_is_there() {
        assert!(is_whole(b"HTTP/1.1 403 x\r\nContent-Length: 2\r\n\r\nab"));
        assert!(!is_whole(b"HTTP/1.1 403 x\r\nContent-Length: 3\r\n\r\nab"));
        assert!(is_whole(b"HTTP/1.1 204 x\r\n\r\n"));
        assert!(is_whole(b"HTTP/1.1 200 x\r\ntransfer-encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"));
        assert!(!is_whole(b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"));
        assert!(!is_whole(b"HTTP/1.1 204 x\r\n") && !is_whole(b"HTTP/1.1 200 x\r\n\r\nab"));
        assert_eq!((status(b"HTTP/1.1 403 Forbidden\r\n"), status(b"")), (403, 0));
        assert_eq!((status(b"HTTP/1.0 200\r\n\r\n"), status(b"HTTP/1.1 200 x\r\nbad field\r\n\r\n")), (200, 200));
    }
}
