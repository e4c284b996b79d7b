//! Local responses: to what could not be turned into a request, and when the ring is dead.

use fosse_http1::{HeadWriter, Unwritable, reason};

/// Appends a whole response that ends its connection, without the body where the request was HEAD.
/// The text is for people who debug a client and holds nothing of the request.
pub(crate) fn write(out: &mut Vec<u8>, status: u16, why: &str, to_head: bool) {
    let length = u64::try_from(why.len() + 1).unwrap_or(0);
    // Names and values are constants of this file, so nothing can be unwritable.
    if write_head(out, status, length).is_ok() && !to_head {
        out.extend_from_slice(why.as_bytes());
        out.push(b'\n');
    }
}

fn write_head(out: &mut Vec<u8>, status: u16, length: u64) -> Result<(), Unwritable> {
    let mut head = HeadWriter::response(out, status, reason(status).as_bytes())?;
    head.field(b"Content-Type", b"text/plain")?;
    head.content_length(length);
    head.field(b"Cache-Control", b"no-store")?;
    head.field(b"Connection", b"close")?;
    if status == 503 {
        head.field(b"Retry-After", b"1")?;
    }
    head.finish();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_response_is_whole_and_ends_the_connection() {
        let mut out = Vec::new();
        write(&mut out, 503, "no", false);
        assert_eq!(
            out,
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nCache-Control: no-store\r\nConnection: close\r\nRetry-After: 1\r\n\r\nno\n"
        );
    }
}
