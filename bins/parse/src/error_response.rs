//! Local responses: to what could not be turned into a request, and when the ring is dead.

use fosse_front::fields::REQUEST_ID;
use fosse_front::local::Local;
use fosse_http1::{HeadWriter, Unwritable, reason};

/// Appends a whole response that ends its connection, without the body where the request was HEAD.
pub(crate) fn write(out: &mut Vec<u8>, local: &Local<'_>, to_head: bool) {
    let (content_type, body) = local.content();
    let length = u64::try_from(body.len()).unwrap_or(0);
    // Names and values are constants of this file or of the configuration, and a name that was
    // checked: nothing can be unwritable.
    if write_head(out, local, (content_type, length)).is_ok() && !to_head {
        out.extend_from_slice(&body);
    }
}

fn write_head(out: &mut Vec<u8>, local: &Local<'_>, (content_type, length): (&str, u64)) -> Result<(), Unwritable> {
    let mut head = HeadWriter::response(out, local.status, reason(local.status).as_bytes())?;
    head.field(b"Content-Type", content_type.as_bytes())?;
    if let Some(id) = &local.request_id {
        head.field(REQUEST_ID, id)?;
    }
    head.content_length(length);
    head.field(b"Cache-Control", b"no-store")?;
    let connection: &[u8] = if local.status == 426 { b"close, upgrade" } else { b"close" };
    head.field(b"Connection", connection)?;
    if let Some((name, value)) = local.advice() {
        head.field(name, &value)?;
    }
    // RFC 9110, section 15.5.22, and RFC 6455, section 4.4.
    if local.status == 426 {
        head.field(b"Upgrade", b"websocket")?;
        head.field(b"Sec-WebSocket-Version", b"13")?;
    }
    head.finish();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_may_do_instead_is_said() {
        let written = |status| {
            let mut out = Vec::new();
            let methods = ["GET".into(), "POST".into()];
            write(&mut out, &Local { status, why: "no", methods: &methods, ..Local::default() }, true);
            String::from_utf8(out).unwrap()
        };
        assert!(written(405).contains("\r\nAllow: GET, POST\r\n"));
        assert!(
            written(426)
                .contains("\r\nConnection: close, upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
        );
        assert!(!written(400).contains("Allow"));
    }

    #[test]
    fn a_local_response_is_whole_and_ends_the_connection() {
        let mut out = Vec::new();
        write(&mut out, &Local { status: 503, why: "no", ..Local::default() }, false);
        assert_eq!(
            out,
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nCache-Control: no-store\r\nConnection: close\r\nRetry-After: 1\r\n\r\nno\n"
        );
    }
}
