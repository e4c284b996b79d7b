//! Responses of servers as dispatch reads them: HTTP/1.1.

use fosse_http1::{LAST_CHUNK, write_chunk, write_number};
use fosse_http2::Head;

/// The progress of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Response {
    /// The final head has not come.
    #[default]
    Head,
    /// A body in chunks, which trailers may follow.
    Chunked,
    /// A body whose length the head has said.
    Plain,
    /// All of it has come.
    Whole,
}

impl Response {
    /// Returns whether all of it has come.
    pub(crate) fn is_whole(self) -> bool {
        self == Self::Whole
    }

    /// Writes a head whose lines are `text`, interim or final.
    pub(crate) fn head(&mut self, head: &Head, text: &[u8], to_head: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(text);
        if head.status >= 200 {
            // A length beside chunks would be two framings: where trailers may follow it is left
            // out.
            let bodiless = to_head || matches!(head.status, 204 | 304);
            *self = match head.length {
                _ if head.is_ended || bodiless => Self::Whole,
                Some(_) if !head.has_trailers => Self::Plain,
                _ => Self::Chunked,
            };
            match (*self, head.length) {
                (Self::Chunked, _) => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
                (_, Some(length)) if head.status != 204 => put_length(out, length),
                // What has no body and is over says so.
                (Self::Whole, None) if !bodiless => put_length(out, 0),
                _ => {}
            }
            if bodiless && !head.is_ended {
                *self = Self::Plain;
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Writes bytes of a body.
    pub(crate) fn data(self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Chunked => write_chunk(out, bytes),
            Self::Plain => out.extend_from_slice(bytes),
            Self::Head | Self::Whole => {}
        }
    }

    /// Writes the end of a response, with the lines of its trailers.
    pub(crate) fn end(&mut self, trailers: &[u8], out: &mut Vec<u8>) {
        if *self == Self::Chunked {
            let (last, empty_line) = LAST_CHUNK.split_at(LAST_CHUNK.len() - 2);
            out.extend_from_slice(last);
            out.extend_from_slice(trailers);
            out.extend_from_slice(empty_line);
        }
        *self = Self::Whole;
    }
}

fn put_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    write_number(out, length);
    out.extend_from_slice(b"\r\n");
}
