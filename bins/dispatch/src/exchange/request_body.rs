//! Bodies of requests as parse sends them, counted against what was announced and granted.

use fosse_http1::LAST_CHUNK;
use fosse_wire::{Kind, WireError};

use super::{
    Outcome, buffering, send,
    stream::{Body, Buffering, Stream},
};
use crate::context::Context;

/// Takes a part of a body.
///
/// # Errors
/// [`WireError`] where it is more than was granted or announced.
pub(crate) fn data(stream: &mut Stream, bytes: &[u8], context: &mut Context<'_>) -> Result<Outcome, WireError> {
    let length = u32::try_from(bytes.len()).map_err(|_| WireError::Credit)?;
    stream.window = stream.window.checked_sub(length).ok_or(WireError::Credit)?;
    let prepaid = length.min(stream.held);
    stream.held -= prepaid;
    stream.owed += length - prepaid;
    if stream.response_ended || stream.has_asked_for_file() {
        return Ok(Outcome::Continue);
    }
    match &mut stream.body {
        Body::Exact(left) => {
            *left = left.checked_sub(u64::from(length)).ok_or(WireError::Field("body length"))?;
            match stream.fastcgi {
                true => fosse_fastcgi::write_stdin(&mut stream.out, bytes),
                false => stream.out.extend_from_slice(bytes),
            }
        }
        // A chunk without bytes would be the last one (RFC 9112, section 7.1).
        Body::Chunked if bytes.is_empty() => {}
        Body::Chunked if stream.buffering != Buffering::No => stream.out.extend_from_slice(bytes),
        Body::Chunked => fosse_http1::write_chunk(&mut stream.out, bytes),
        Body::Done => return Err(WireError::Order(Kind::RequestData)),
    }
    Ok(match stream.buffering {
        Buffering::No => {
            send::queue(stream, context);
            Outcome::Continue
        }
        Buffering::Brief => buffering::grown(stream, length - prepaid, context),
    })
}

/// Takes the end of a body.
///
/// # Errors
/// [`WireError`] where less has come than was announced.
pub(crate) fn end(stream: &mut Stream, context: &mut Context<'_>) -> Result<Outcome, WireError> {
    if stream.response_ended || stream.has_asked_for_file() {
        return Ok(Outcome::Continue);
    }
    match stream.body {
        Body::Exact(0) if stream.fastcgi => stream.out.extend_from_slice(&fosse_fastcgi::END_OF_STDIN),
        Body::Exact(0) => {}
        Body::Exact(_) | Body::Done => return Err(WireError::Field("body length")),
        Body::Chunked if stream.buffering != Buffering::No => {}
        // Trailers would be seen by no rule, and a recipient may drop them (RFC 9110, section
        // 6.5.1).
        Body::Chunked => stream.out.extend_from_slice(LAST_CHUNK),
    }
    stream.body = Body::Done;
    Ok(match stream.buffering {
        Buffering::No => {
            send::queue(stream, context);
            Outcome::Continue
        }
        Buffering::Brief if stream.awaits_access() => Outcome::Continue,
        Buffering::Brief => buffering::end(stream),
    })
}
