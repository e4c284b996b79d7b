//! The turns of a front on its ring: the frames that have come, each to its stream, and those that
//! go out.

use fosse_counters::STREAM_CONNECTION;
use fosse_eventloop::EventLoop;
use fosse_service::ExitReason;
use fosse_stage::{Gone, Input, Output};
use fosse_wire::Kind;

use crate::context::Context;
use crate::encoded::{Encoded, Streams};
use crate::response::Way;

/// Takes the frames that have come.
///
/// # Errors
/// The end of the ring, after the frames before it, or a frame that breaks the protocol.
#[inline]
pub fn hear(
    (input, output): (&mut Input, &mut Output),
    encoded: &mut Encoded,
    streams: &mut impl Streams,
    context: &mut Context,
    event_loop: &EventLoop,
) -> Result<(), Gone> {
    // An end is looked at after the frames before it: a response that came whole is written.
    let end = input.read();
    while let Some(frame) = input.next_frame()? {
        if frame.kind == Kind::ReleaseCredit {
            // For a filter, which has the body: it goes round.
            frame.release_credit()?;
            output.outbox.forward(&frame);
            continue;
        }
        if frame.kind == Kind::Reset {
            // A response that encode had sent whole before it was gone is whole.
            encoded.read_all(event_loop, streams, context, output);
        }
        streams.on_frame(&frame, Way::Ring, context, output)?;
    }
    context.counters.set(STREAM_CONNECTION, 0);
    end.map(drop)
}

/// Writes what waits for the ring, as events of the first token while it is blocked, and for
/// encode. An encode that is gone ends that way alone.
///
/// # Errors
/// The end of the ring.
pub fn flush(
    output: &mut Output,
    encoded: &mut Encoded,
    streams: &mut impl Streams,
    context: &mut Context,
    (event_loop, [to_ring, to_encode]): (&EventLoop, [u64; 2]),
) -> Result<(), Gone> {
    output.flush(event_loop, to_ring)?;
    let encode = context.to_encode.as_mut();
    if encode.is_some_and(|encode| encode.flush(event_loop, to_encode).is_err()) {
        encoded.end(event_loop, streams, context, output);
    }
    Ok(())
}

/// Says that the ring is dead; clients get their last words.
#[must_use]
pub fn ended(gone: Gone) -> ExitReason {
    ExitReason::Failed(format!("another program of its lane: {gone}"))
}
