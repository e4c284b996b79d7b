//! HTTP/1.0 responses around the pages. The connection ends with each.

use crate::{pages::Pages, request::Target, text};

/// Returns the response with a page, without its body where `body` is false.
pub(crate) fn page(target: Target, pages: &Pages, age_s: u64, body: bool) -> Vec<u8> {
    let text = text::page(target, pages, age_s);
    let mut out = format!(
        "HTTP/1.0 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\r\n",
        text::media(target),
        text.len()
    );
    if body {
        out.push_str(&text);
    }
    out.into_bytes()
}

/// Returns the response to a request that gets no page.
pub(crate) fn refusal(status: u16) -> Vec<u8> {
    let (reason, body) = match status {
        404 => (
            "Not Found",
            "there is /metrics, and on the unix socket /status.json, /status.txt, /servers.txt, /traffic.txt and /reload.txt\n",
        ),
        405 => ("Method Not Allowed", "GET alone\n"),
        431 => ("Request Header Fields Too Large", "request too long\n"),
        _ => ("Bad Request", "not a request\n"),
    };
    format!("HTTP/1.0 {status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}
