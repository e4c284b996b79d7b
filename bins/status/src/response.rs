//! Responses around the pages, whose lengths nobody knows before they are out. The connection ends
//! with each.

use std::io::Write as _;

use crate::{
    page::{Cursor, Look},
    request::Request,
    text,
};

/// A response on its way: the piece that is being sent, and where the next one begins.
#[derive(Debug)]
pub(crate) struct Response {
    piece: Vec<u8>,
    sent: usize,
    /// The part that is not rendered yet, and whether it goes out in chunks.
    rest: Option<(Cursor, bool)>,
}

impl Response {
    /// Begins the response with a page.
    pub(crate) fn page(Request { target, head, chunks }: Request) -> Self {
        let (version, coding) = if chunks { ("1.1", "Transfer-Encoding: chunked\r\n") } else { ("1.0", "") };
        let media = text::media(target);
        let fields = format!("Content-Type: {media}\r\nCache-Control: no-store\r\nConnection: close\r\n{coding}");
        let rest = (!head).then(|| (Cursor::of(text::steps(target)), chunks));
        Self { piece: format!("HTTP/{version} 200 OK\r\n{fields}\r\n").into_bytes(), sent: 0, rest }
    }

    /// Makes the response to a request that gets no page.
    pub(crate) fn refusal(status: u16) -> Self {
        let words = match status {
            404 => {
                "there is /metrics, and on the unix socket /status.json, /status.txt, /servers.txt, /traffic.txt, /rules.txt, \
                 /connections.txt, /certificates.txt and /reload.txt\n"
            }
            405 => "GET alone, and POST below /servers/, /purge/, /connections/ and /certificates/\n",
            431 => "request too long\n",
            _ => "not a request\n",
        };
        Self::said(status, words)
    }

    /// Makes a response of some words.
    pub(crate) fn said(status: u16, words: &str) -> Self {
        let reason = match status {
            200 => "OK",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            409 => "Conflict",
            431 => "Request Header Fields Too Large",
            503 => "Service Unavailable",
            507 => "Insufficient Storage",
            _ => "Bad Request",
        };
        let fields = format!("Content-Type: text/plain\r\nContent-Length: {}\r\n", words.len());
        let piece = format!("HTTP/1.0 {status} {reason}\r\n{fields}\r\n{words}").into_bytes();
        Self { piece, sent: 0, rest: None }
    }

    /// Renders the next piece, once the one before is out.
    pub(crate) fn render(&mut self, look: &Look<'_>) {
        if !self.unsent().is_empty() {
            return;
        }
        let Some((cursor, chunks)) = &mut self.rest else { return };
        let (mut text, chunks) = (String::new(), *chunks);
        let more = cursor.render(look, &mut text);
        self.piece.clear();
        self.sent = 0;
        // RFC 9112, section 7.1: an empty chunk would be the last one.
        if chunks && !text.is_empty() {
            let _ = write!(self.piece, "{:x}\r\n{text}\r\n", text.len());
        } else {
            self.piece.extend_from_slice(text.as_bytes());
        }
        if !more {
            self.piece.extend_from_slice(if chunks { b"0\r\n\r\n" } else { b"" });
            self.rest = None;
        }
    }

    /// Returns the status.
    #[cfg(test)]
    pub(crate) fn status(&self) -> u16 {
        std::str::from_utf8(&self.piece[9..12]).unwrap().parse().unwrap()
    }

    /// Returns the bytes that are rendered and not sent.
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.piece[self.sent..]
    }

    /// Notes that some of them are sent.
    pub(crate) const fn sent(&mut self, length: usize) {
        self.sent += length;
    }

    /// Returns whether all of it is rendered.
    pub(crate) const fn is_rendered(&self) -> bool {
        self.rest.is_none()
    }
}
