//! The responses of certificate authorities: read whole, in bounds, by the rules for a server's.

use fosse_http1::{HeadLimits, ResponseHead, find_response_end, strict_response, whole_body};

use crate::limits::RESPONSE_BYTES_MAX;

/// A whole response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Status of the final head.
    pub status: u16,
    /// Names in lower case.
    pub fields: Vec<(String, Vec<u8>)>,
    /// All of the body.
    pub body: Vec<u8>,
    /// The connection takes another request.
    pub keep_alive: bool,
}

/// Reads the response in `bytes`; `None` while more is needed. `ended`: nothing comes after it, and
/// its sender has said so.
///
/// # Errors
/// What is wrong with it.
pub fn read(mut bytes: &[u8], ended: bool, to_head: bool) -> Result<Option<Response>, String> {
    if bytes.len() > RESPONSE_BYTES_MAX {
        return Err(format!("a response of more than {RESPONSE_BYTES_MAX} bytes"));
    }
    let invalid = |refusal| format!("no valid response: {refusal:?}");
    loop {
        let Some(end) = find_response_end(bytes, 0, false).map_err(invalid)? else { return Ok(None) };
        let text = strict_response(&bytes[..end], false).map_err(invalid)?;
        let head = ResponseHead::parse(&text, to_head, &HeadLimits::DEFAULT).map_err(invalid)?;
        bytes = &bytes[end..];
        if (100..=199).contains(&head.status) {
            continue;
        }
        let (body, is_whole) = whole_body(bytes, head.body, ended, false).map_err(invalid)?;
        let field = |field: fosse_http1::Field<'_>| {
            (String::from_utf8_lossy(field.name).to_ascii_lowercase(), field.value.to_vec())
        };
        let fields = head.fields.iter().map(field).collect();
        let (status, keep_alive) = (head.status, head.keep_alive && !ended);
        return Ok(is_whole.then_some(Response { status, fields, body, keep_alive }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_whole_whatever_pieces_it_comes_in() {
        let sized =
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 201 Created\r\nReplay-Nonce: abc\r\nContent-Length: 2\r\n\r\n{}";
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
        for response in [&sized[..], chunked] {
            for cut in 0..response.len() {
                assert_eq!(read(&response[..cut], false, false), Ok(None), "{cut}");
            }
            let whole = read(response, false, false).unwrap().unwrap();
            assert_eq!((whole.body.as_slice(), whole.keep_alive), (&b"{}"[..], true));
        }
        let whole = read(sized, false, false).unwrap().unwrap();
        assert_eq!((whole.status, whole.fields[0].clone()), (201, ("replay-nonce".into(), b"abc".to_vec())));
    }

    #[test]
    fn one_that_ends_by_the_end_of_its_connection_is_whole_only_then() {
        let response = b"HTTP/1.1 200 OK\r\n\r\n{}";
        assert_eq!(read(response, false, false), Ok(None));
        let whole = read(response, true, false).unwrap().unwrap();
        assert_eq!((whole.body.as_slice(), whole.keep_alive), (&b"{}"[..], false));
    }

    #[test]
    fn what_is_too_long_or_no_http_is_an_error() {
        assert!(read(&vec![b'x'; RESPONSE_BYTES_MAX + 1], false, false).is_err());
        assert!(read(b"SSH-2.0-x\r\n\r\n", false, false).is_err());
    }
}
