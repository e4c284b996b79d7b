//! The last words to clients that are not served.

/// The response to a client that speaks HTTP where TLS is spoken, as of other servers: whoever
/// typed the address sees what is wrong.
pub(crate) const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Content-Length: 64\r\nConnection: close\r\n\r\nThis is a port for TLS: the address has to begin with https://.\n";

/// The alert for a name that is not served (RFC 6066, section 3).
pub(crate) const UNRECOGNIZED_NAME: u8 = 112;

/// The alert for a client that speaks no version of those that are spoken here.
pub(crate) const PROTOCOL_VERSION: u8 = 70;

/// The alert for a client that has tried a later version before, and should not have failed (RFC
/// 7507).
pub(crate) const INAPPROPRIATE_FALLBACK: u8 = 86;

/// Returns a fatal alert, as it is sent before there are keys (RFC 8446, section 6).
pub(crate) const fn alert(code: u8) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, code]
}

/// Returns whether first bytes are those of a request: the letters of a method.
pub(crate) fn is_http(bytes: &[u8]) -> bool {
    let method = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    method >= 3 && bytes.get(method) == Some(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_is_as_long_as_it_says() {
        let body = PLAIN_HTTP.split(|byte| *byte == b'\n').next_back();
        assert_eq!(body, Some(&b""[..]));
        let text = String::from_utf8(PLAIN_HTTP.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
    }

    #[test]
    fn a_request_is_told_from_noise() {
        assert!(is_http(b"GET / HTTP/1.1") && is_http(b"OPTIONS * HTTP/1.1"));
        assert!(!is_http(b"\x16\x03\x01") && !is_http(b"G / ") && !is_http(b"SSH-2.0-x"));
    }
}
