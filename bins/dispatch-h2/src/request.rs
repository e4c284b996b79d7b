//! Requests of dispatch: their heads as HTTP/2 has them, their bodies without chunks.

use fosse_http1::{
    BodyLength, ChunkedDecoder, FIELDS_COUNT_MAX, HEAD_BYTES_MAX, HeadLimits, Piece, Refusal, RequestHead,
    find_head_end,
};
use fosse_http2::{Client, Request};

/// The rest of a request's body.
#[derive(Debug)]
pub(crate) enum Body {
    /// That many bytes are still to come.
    Exact(u64),
    /// Chunks until the end.
    Chunked(Box<ChunkedDecoder>),
}

/// A head that is whole: its length in bytes, and what follows.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) head_bytes: usize,
    pub(crate) to_head: bool,
    pub(crate) body: Option<Body>,
}

/// Looks for a whole head in `bytes`, of which `searched` were looked at before.
///
/// # Errors
/// What is wrong with it: dispatch is not itself any more.
pub(crate) fn whole_head(bytes: &[u8], searched: &mut usize) -> Result<Option<Whole>, Refusal> {
    let Some(head_bytes) = find_head_end(bytes, *searched)? else {
        *searched = bytes.len().max(3) - 3;
        return if bytes.len() > LIMITS.head_bytes { Err(Refusal::HeadTooLong) } else { Ok(None) };
    };
    *searched = 0;
    let head = RequestHead::parse(&bytes[..head_bytes], &LIMITS)?;
    let body = match head.body {
        BodyLength::None | BodyLength::Exact(0) => None,
        BodyLength::Exact(length) => Some(Body::Exact(length)),
        BodyLength::Chunked => Some(Body::Chunked(Box::default())),
    };
    Ok(Some(Whole { head_bytes, to_head: head.is_head(), body }))
}

/// Opens a stream with a head that [`whole_head`] has found. Returns its place; `None` where there
/// is no room.
pub(crate) fn open(client: &mut Client, head: &[u8], scheme: &[u8], is_ended: bool) -> Option<usize> {
    let head = RequestHead::parse(head, &LIMITS).ok()?;
    let authority = head.fields.first("host").unwrap_or_default();
    let request = Request { scheme, method: head.method, authority, path: head.target, is_ended };
    let passes = |(name, value): &(&[u8], &[u8])| !is_of_connection(name) || takes_trailers(name, value);
    let fields = head.fields.iter().map(|field| (field.name, field.value)).filter(passes);
    client.open(&request, fields)
}

/// The most that dispatch writes: the longest head of a client, with as much of its own.
const LIMITS: HeadLimits = HeadLimits {
    target_bytes: HEAD_BYTES_MAX,
    field_bytes: HEAD_BYTES_MAX,
    fields: 2 * FIELDS_COUNT_MAX,
    head_bytes: 2 * HEAD_BYTES_MAX,
};

/// Returns whether a field says something of one connection of HTTP/1.1, or what HTTP/2 says
/// otherwise (RFC 9113, sections 8.2.2 and 8.3.1).
fn is_of_connection(name: &[u8]) -> bool {
    const NAMES: [&str; 7] =
        ["host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"];
    NAMES.iter().any(|one| name.eq_ignore_ascii_case(one.as_bytes()))
}

/// Returns whether it is TE of a client that takes trailers, which is all that HTTP/2 has of it.
fn takes_trailers(name: &[u8], value: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"te") && value.eq_ignore_ascii_case(b"trailers")
}

impl Body {
    /// Sends of `bytes` as much as the stream at `place` has room for, and the end behind the last.
    /// Returns how many were used, and whether the body has ended.
    ///
    /// # Errors
    /// What is wrong with its chunks.
    pub(crate) fn send(&mut self, client: &mut Client, place: usize, bytes: &[u8]) -> Result<(usize, bool), Refusal> {
        let mut used = 0;
        let ended = loop {
            let rest = &bytes[used..];
            match self {
                Self::Exact(left) => {
                    let most = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    let sent = client.data(place, &rest[..most]);
                    *left -= u64::try_from(sent).unwrap_or(u64::MAX);
                    used += sent;
                    break *left == 0;
                }
                Self::Chunked(decoder) => {
                    let (taken, piece) = decoder.next_within(rest, client.room(place))?;
                    used += taken;
                    match piece {
                        Piece::Data(data) => drop(client.data(place, data)),
                        Piece::More => break false,
                        Piece::End => break true,
                    }
                }
            }
        };
        if ended {
            client.end(place);
        }
        Ok((used, ended))
    }

    /// Takes bytes of which nobody needs any. Returns how many were used, and whether the body has
    /// ended.
    ///
    /// # Errors
    /// What is wrong with its chunks.
    pub(crate) fn skip(&mut self, bytes: &[u8]) -> Result<(usize, bool), Refusal> {
        match self {
            Self::Exact(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= u64::try_from(here).unwrap_or(u64::MAX);
                Ok((here, *left == 0))
            }
            Self::Chunked(decoder) => {
                let mut used = 0;
                loop {
                    let (taken, piece) = decoder.next(&bytes[used..])?;
                    used += taken;
                    match piece {
                        Piece::Data(_) => {}
                        Piece::More => return Ok((used, false)),
                        Piece::End => return Ok((used, true)),
                    }
                }
            }
        }
    }
}
