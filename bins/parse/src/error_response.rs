//! Local responses: to what could not be turned into a request, and when the ring is dead.

use fosse_http1::{HeadWriter, Unwritable, reason};

use crate::exchange::REQUEST_ID;
use crate::pages::Page;

/// The parts of a response that its site has a say in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beside<'a> {
    /// The methods that the site serves.
    pub(crate) methods: &'a [String],
    /// The page in place of the text.
    pub(crate) page: Option<&'a Page<'a>>,
    /// The number of the request, where its client is told of it.
    pub(crate) request_id: Option<&'a [u8]>,
}

/// Appends a whole response that ends its connection, without the body where the request was HEAD:
/// the page, or a text for people who debug a client, which holds nothing of the request.
pub(crate) fn write(out: &mut Vec<u8>, (status, why): (u16, &str), to_head: bool, beside: &Beside<'_>) {
    let usual = format!("{why}\n");
    let (content_type, body) = match beside.page {
        Some(page) => (page.content_type, page.body.as_slice()),
        None => ("text/plain", usual.as_bytes()),
    };
    let length = u64::try_from(body.len()).unwrap_or(0);
    // Names and values are constants of this file or of the configuration, and a name that was
    // checked: nothing can be unwritable.
    if write_head(out, status, beside, (content_type, length)).is_ok() && !to_head {
        out.extend_from_slice(body);
    }
}

fn write_head(
    out: &mut Vec<u8>,
    status: u16,
    beside: &Beside<'_>,
    (content_type, length): (&str, u64),
) -> Result<(), Unwritable> {
    let mut head = HeadWriter::response(out, status, reason(status).as_bytes())?;
    head.field(b"Content-Type", content_type.as_bytes())?;
    if let Some(id) = beside.request_id {
        head.field(REQUEST_ID, id)?;
    }
    head.content_length(length);
    head.field(b"Cache-Control", b"no-store")?;
    let connection: &[u8] = if status == 426 { b"close, upgrade" } else { b"close" };
    head.field(b"Connection", connection)?;
    match status {
        // RFC 9110, sections 9.3.7 and 15.5.6.
        200 | 405 => head.field(b"Allow", beside.methods.join(", ").as_bytes())?,
        // RFC 9110, section 15.5.22, and RFC 6455, section 4.4.
        426 => {
            head.field(b"Upgrade", b"websocket")?;
            head.field(b"Sec-WebSocket-Version", b"13")?;
        }
        503 => head.field(b"Retry-After", b"1")?,
        _ => {}
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
            write(&mut out, (status, "no"), true, &Beside { methods: &methods, ..Beside::default() });
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
        write(&mut out, (503, "no"), false, &Beside::default());
        assert_eq!(
            out,
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nCache-Control: no-store\r\nConnection: close\r\nRetry-After: 1\r\n\r\nno\n"
        );
    }
}
