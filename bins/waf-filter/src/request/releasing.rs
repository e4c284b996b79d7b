//! The events of a request that has passed and whose body goes on: credit and bytes for it, and its
//! end, whatever brings that about.

use fosse_wire::{Frame, Kind, WireError, frame::ResetReason};

use super::release::{Release, discard};
use crate::{
    context::Context,
    memory::length_of,
    outputs::Outputs,
    slots::{Exchange, RequestPath},
};

/// Goes on with a release, after which the request is over or waits for room or the spool.
pub(super) fn go_on(mut release: Box<Release>, exchange: &mut Exchange, context: &mut Context, out: &mut Outputs<'_>) {
    let stream = exchange.ids.stream;
    let before = release.buffered_bytes();
    let is_over = release.pump(stream, context, out);
    context.memory.release(before - release.buffered_bytes());
    if is_over {
        release.end.iter().for_each(|end| out.to_dispatch.raw(stream, Kind::RequestEnd, end));
        discard(&release, context);
    } else {
        exchange.request.path = RequestPath::Release(release);
    }
}

/// Appends bytes of a body whose beginning is being released.
pub(super) fn append(
    mut release: Box<Release>,
    bytes: &[u8],
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) {
    release.tail.extend_from_slice(bytes);
    context.memory.add(length_of(bytes.len()));
    go_on(release, exchange, context, out);
}

/// Takes the end of a body whose beginning is being released.
pub(super) fn end(
    mut release: Box<Release>,
    trailers: &[u8],
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) {
    release.end = Some(trailers.to_vec());
    go_on(release, exchange, context, out);
}

/// Takes bytes that have come back from the spool.
pub(super) fn on_data(
    mut release: Box<Release>,
    bytes: &[u8],
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) {
    if let Some(rest) = &mut release.rest {
        rest.back += length_of(bytes.len());
        release.ready.extend_from_slice(bytes);
        context.memory.add(length_of(bytes.len()));
    }
    go_on(release, exchange, context, out);
}

/// Takes credit for a released body.
pub(crate) fn on_credit(
    frame: &Frame<'_>,
    exchange: &mut Exchange,
    context: &mut Context,
    out: &mut Outputs<'_>,
) -> Result<(), WireError> {
    let credit = frame.release_credit()?;
    match (std::mem::take(&mut exchange.request.path), credit) {
        (RequestPath::Release(mut release), Some(bytes)) => {
            release.credit = release.credit.checked_add(u64::from(bytes)).ok_or(WireError::Credit)?;
            // Room that dispatch adds is the filter's alone.
            release.unreturned -= release.unreturned.min(u64::from(bytes));
            go_on(release, exchange, context, out);
        }
        (path @ RequestPath::Release(_), None) => {
            exchange.request.path = path;
            break_off(exchange, context, out);
        }
        (path, _) => {
            // It was for another filter, or crossed the end.
            exchange.request.path = path;
            out.to_dispatch.forward(frame);
        }
    }
    Ok(())
}

/// Breaks off a release: nobody takes the rest any more. What the client still sends passes, and
/// dispatch drops it.
pub(crate) fn break_off(exchange: &mut Exchange, context: &mut Context, out: &mut Outputs<'_>) {
    let is_ended = matches!(&exchange.request.path, RequestPath::Release(release) if release.end.is_some());
    forget(exchange, context);
    if is_ended {
        out.to_dispatch.reset(exchange.ids.stream, ResetReason::Client);
    }
}

/// Drops what is left of a released body.
pub(crate) fn forget(exchange: &mut Exchange, context: &mut Context) {
    let RequestPath::Release(release) = &exchange.request.path else { return };
    discard(release, context);
    exchange.request.path = RequestPath::Pass;
}
