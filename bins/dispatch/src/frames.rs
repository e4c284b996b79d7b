//! Frames from parse, each treated as if an attacker had sent it.

use fosse_counters::dispatch as count;
use fosse_settings::Dispatch as Settings;
use fosse_source::Source;
use fosse_wire::{
    Frame, Kind, StreamId, WireError,
    cache::LeaveCause,
    frame::ResetReason,
    request::{self, RequestHead},
    response::{BACKEND_NONE, Cause},
    verdict::{self, Verdict},
};

use crate::{
    cache::lead,
    context::{Context, Shared},
    exchange::{
        Outcome, admission, buffering, lease,
        local::{self, LocalResponse},
        request_body, send,
        stream::{Buffering, Stream},
        streams::Streams,
        tunnel,
    },
    lane::Lane,
};

/// Takes one frame.
///
/// # Errors
/// [`WireError`] where it may not come, or not so: parse is not itself any more.
pub(crate) fn take(frame: &Frame<'_>, streams: &mut Streams, lane: &mut Lane<'_>) -> Result<(), WireError> {
    if frame.kind == Kind::RequestCredit {
        // A filter that holds a body grants it; the credit may be for a stream that has not come
        // here yet.
        frame.credit()?;
        lane.context.shared.output.outbox.forward(frame);
        return Ok(());
    }
    if frame.kind == Kind::ReleaseCredit {
        // It has come round, and the filter that had the body has none of it any more.
        return frame.release_credit().map(drop);
    }
    let Some(stream) = streams.get(frame.stream) else { return take_first(frame, streams, lane) };
    stream.forward = stream.forward.after(frame.kind)?;
    lane.context.counters.work_on(stream.client_connection, stream.named_source);
    let buffered = stream.buffering != Buffering::No && frame.kind == Kind::RequestData;
    let outcome = take_next(frame, stream, lane)?;
    let event = lane.settle(stream, outcome);
    let over = stream.is_over();
    lane.follow(streams, frame.stream, over, event);
    if buffered {
        relieve(streams, lane);
        // What is buffered is granted as it comes, to those that are still there.
        if let Some(stream) = streams.get(frame.stream).filter(|stream| !stream.response_ended) {
            send::grant(stream, &mut lane.context);
        }
    }
    Ok(())
}

/// Takes a frame from encode: credit for a response that is sent there.
///
/// # Errors
/// As [`take`].
pub(crate) fn take_of_encode(frame: &Frame<'_>, streams: &mut Streams, lane: &mut Lane<'_>) -> Result<(), WireError> {
    if frame.kind != Kind::ResponseCredit {
        return Err(WireError::Order(frame.kind));
    }
    match streams.get(frame.stream) {
        Some(stream) if !stream.is_encoded => Err(WireError::Order(frame.kind)),
        // One that has just ended is not there.
        _ => take(frame, streams, lane),
    }
}

/// Takes a frame of a stream that lives.
fn take_next(frame: &Frame<'_>, stream: &mut Stream, lane: &mut Lane<'_>) -> Result<Outcome, WireError> {
    Ok(match frame.kind {
        Kind::RequestData => request_body::data(stream, frame.body, &mut lane.context)?,
        Kind::RequestEnd => {
            request::decode_end(frame.body)?;
            request_body::end(stream, &mut lane.context)?
        }
        Kind::Reset => {
            frame.reset()?;
            client_gone(stream, lane);
            Outcome::Continue
        }
        Kind::ResponseCredit => {
            stream.credit = stream.credit.checked_add(u64::from(frame.credit()?)).ok_or(WireError::Credit)?;
            lane.credit_granted(stream)
        }
        Kind::Tunnel => {
            tunnel::take(stream, frame.body)?;
            send::queue(stream, &mut lane.context);
            Outcome::Continue
        }
        // One that crosses the end of its response says nothing any more.
        Kind::Lease if stream.response_ended => Outcome::Continue,
        Kind::Lease => {
            lease::take(stream, frame.body)?;
            lane.lease_begins(stream)
        }
        Kind::Verdict => {
            late_verdict(stream, &Verdict::decode(frame.body)?, lane);
            Outcome::Continue
        }
        kind => return Err(WireError::Order(kind)),
    })
}

/// Takes a frame of a stream that does not live: its first, or one that crossed its end.
fn take_first(frame: &Frame<'_>, streams: &mut Streams, lane: &mut Lane<'_>) -> Result<(), WireError> {
    match frame.kind {
        Kind::Request => take_request(frame, streams, lane),
        Kind::Verdict => {
            let verdict = Verdict::decode(frame.body)?;
            lane.context.counters.add(count::VERDICTS, 1);
            respond_denied(frame.stream, &verdict, &mut lane.context);
            Ok(())
        }
        Kind::Reset => frame.reset().map(drop),
        Kind::ResponseCredit => frame.credit().map(drop),
        Kind::Lease | Kind::Tunnel => Ok(()),
        kind => Err(WireError::Order(kind)),
    }
}

fn take_request(frame: &Frame<'_>, streams: &mut Streams, lane: &mut Lane<'_>) -> Result<(), WireError> {
    let head = RequestHead::decode(frame.body)?;
    lane.context.counters.work_on(head.connection, Source::word_of_named(&head.client.addr, &head.peer.addr));
    lane.context.counters.add(count::REQUESTS, 1);
    let stream = Stream::new(frame.stream, &head, lane.context.event_loop.now_us())?;
    lane.context.shared.held_bytes += u64::from(stream.held_counted);
    let stream = streams.insert(stream).ok_or(WireError::Order(Kind::Request))?;
    let outcome = admission::admit(stream, &head, (lane.settings, lane.policies), lane.clients, &mut lane.context);
    // It has not ended yet, so it is not over, and it has no connection that others could wait for.
    lane.settle(stream, outcome);
    relieve(streams, lane);
    Ok(())
}

fn respond_denied(id: StreamId, verdict: &Verdict<'_>, context: &mut Context<'_>) {
    let local = LocalResponse {
        status: verdict.status,
        request: verdict.request,
        denied: true,
        close: true,
        rule: verdict.rule,
        cause: Cause::Denied(verdict.cause),
        retry_after: verdict.retry_after,
        location: verdict.location,
        backend: BACKEND_NONE,
        ..LocalResponse::default()
    };
    let date = context.shared.date.at(context.event_loop.now_ms());
    local::put(&mut context.shared.output.outbox, id, &local, date);
}

/// Takes a verdict after part of the request had gone on, or one about the response, which the
/// filter has buffered: all or none of it is known here, and a denial comes in its place.
fn late_verdict(stream: &mut Stream, verdict: &Verdict<'_>, lane: &mut Lane<'_>) {
    lane.context.counters.add(count::VERDICTS, 1);
    lane.abandon(stream);
    lead::leave(stream, LeaveCause::Own, lane.context.shared);
    // The response that says `pinned` may be the one that is denied, and then parse will not say
    // when its client is gone. The page in its place ends the client connection anyway.
    lane.upstream.unpin_client(stream.client_connection, &lane.context);
    match (stream.response_ended, stream.head_sent) {
        _ if stream.inspected => respond_denied(stream.id, verdict, &mut lane.context),
        (true, _) => {}
        (false, true) => lane.context.shared.way(stream.is_encoded).reset(stream.id, ResetReason::Denied),
        (false, false) => respond_denied(stream.id, verdict, &mut lane.context),
    }
    stream.response_ended = true;
}

/// Ends a stream whose client went away, or was given up by parse.
fn client_gone(stream: &mut Stream, lane: &mut Lane<'_>) {
    lane.abandon(stream);
    lead::leave(stream, LeaveCause::Own, lane.context.shared);
    if !stream.response_ended {
        lane.context.shared.way(stream.is_encoded).reset(stream.id, ResetReason::Echo);
        stream.response_ended = true;
    }
}

/// While bodies take more memory than they may, those that are buffered here or those that a filter
/// has buffered before, refuses the largest one of the source that has most.
fn relieve(streams: &mut Streams, lane: &mut Lane<'_>) {
    let Settings { lane_buffered_bytes_max, lane_held_bytes_max, .. } = *lane.settings;
    // What counts beside those may be of bodies that go on already and wait for their backends to
    // take them.
    let buffered = |stream: &Stream| if stream.buffering == Buffering::No { 0 } else { stream.buffered };
    let limit = (Cause::BufferFull, lane_buffered_bytes_max);
    keep_within(limit, |shared| shared.buffered_bytes, buffered, streams, lane);
    let held = |stream: &Stream| u64::from(stream.held_counted);
    // It is the limit of the filter, which has buffered them.
    let limit = (Cause::Denied(verdict::Cause::Memory), lane_held_bytes_max);
    keep_within(limit, |shared| shared.held_bytes, held, streams, lane);
}

/// Refuses requests until `used` is within a limit, which has the cause beside it, or none is left
/// that has any `bytes` of it.
fn keep_within(
    (cause, bytes_max): (Cause, u64),
    used: impl Fn(&Shared) -> u64,
    bytes: impl Fn(&Stream) -> u64,
    streams: &mut Streams,
    lane: &mut Lane<'_>,
) {
    while used(lane.context.shared) > bytes_max {
        let Some(largest) = buffering::largest_of_heaviest(streams.iter(), &bytes) else { return };
        refuse(largest, cause, streams, lane);
    }
}

fn refuse(id: StreamId, cause: Cause, streams: &mut Streams, lane: &mut Lane<'_>) {
    let Some(stream) = streams.get(id) else { return };
    let event = lane.settle(stream, Outcome::Refuse(cause));
    buffering::refused(stream, &mut lane.context);
    let over = stream.is_over();
    lane.follow(streams, id, over, event);
}
