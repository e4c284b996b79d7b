//! A request that has passed, and whose body goes on as dispatch has room for it: out of memory, or
//! out of the spool. It lies in one place until then, and gives way as one that is still buffered
//! does.

use fosse_wire::{Frame, Kind, StreamId, WireError, frame::ResetReason};

use super::in_spool::{Spooled, ask_until};
use crate::{
    context::Context,
    limits::{SPOOL_BLOCK_BYTES, SPOOL_READ_BYTES_MAX},
    memory::length_of,
    outputs::Outputs,
    slots::{Exchange, Ids, RequestPath},
};

/// What is still to be sent of a request.
#[derive(Debug)]
pub(crate) struct Release {
    /// Bytes in memory; those that are sent are dropped from time to time.
    ready: Vec<u8>,
    /// Bytes of these that are sent.
    sent: usize,
    /// What follows them.
    rest: Option<Rest>,
    /// Bytes that dispatch has room for.
    credit: u64,
    end: Vec<u8>,
}

/// The part that is in the spool.
#[derive(Debug)]
struct Rest {
    /// Its number there.
    body: u64,
    length: u64,
    /// Bytes that are on their way there.
    unwritten: u64,
    /// Bytes that were asked for.
    asked: u64,
    /// Bytes that have come back.
    back: u64,
}

impl Release {
    /// Makes the release of a body in memory with its end. dispatch has room for `credit` bytes.
    pub(super) fn of_memory(body: Vec<u8>, credit: u32, end: Vec<u8>) -> Box<Self> {
        Box::new(Self { ready: body, sent: 0, rest: None, credit: u64::from(credit), end })
    }

    /// Makes the release of a whole body in the spool.
    pub(super) fn of_spooled(spooled: &Spooled, credit: u32, end: Vec<u8>) -> Box<Self> {
        let rest = Rest { body: spooled.body, length: spooled.length, unwritten: 0, asked: 0, back: 0 };
        Box::new(Self { ready: Vec::new(), sent: 0, rest: Some(rest), credit: u64::from(credit), end })
    }

    /// Returns the bytes for which it counts in the lane's memory.
    pub(crate) fn buffered_bytes(&self) -> u64 {
        length_of(self.ready.len()) + self.rest.as_ref().map_or(0, |rest| rest.unwritten)
    }

    /// Tells whether it is in the spool by that number.
    pub(super) fn is_spooled_as(&self, body: u64) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.body == body)
    }

    /// Sends what there is room for and asks the spool for more of it; true where that was all.
    fn pump(&mut self, stream: StreamId, context: &mut Context, out: &mut Outputs<'_>) -> bool {
        let waiting = &self.ready[self.sent..];
        let now = waiting.len().min(usize::try_from(self.credit).unwrap_or(usize::MAX));
        out.to_dispatch.data(stream, Kind::RequestData, &waiting[..now]);
        self.sent += now;
        self.credit -= length_of(now);
        if self.sent >= self.ready.len() / 2 {
            // What is sent gives its memory back, in steps that cost no more than the sending did.
            self.ready.drain(..self.sent);
            self.ready.shrink_to_fit();
            self.sent = 0;
        }
        let waiting = length_of(self.ready.len() - self.sent);
        let Some(rest) = &mut self.rest else { return waiting == 0 };
        // What is here and what was asked for goes first; a block comes whole or not at all.
        if waiting < self.credit.min(SPOOL_READ_BYTES_MAX) {
            let until = rest.back + self.credit.min(SPOOL_READ_BYTES_MAX) - waiting;
            let until = until.next_multiple_of(length_of(SPOOL_BLOCK_BYTES)).min(rest.length);
            ask_until(rest.body, &mut rest.asked, until, &mut context.spool, context.now_ms);
        }
        waiting == 0 && rest.back == rest.length
    }
}

/// Goes on with a release, after which the request is over or waits for room or the spool.
pub(super) fn go_on(mut release: Box<Release>, exchange: &mut Exchange, context: &mut Context, out: &mut Outputs<'_>) {
    let stream = exchange.ids.stream;
    let before = release.buffered_bytes();
    let is_over = release.pump(stream, context, out);
    context.memory.release(before - release.buffered_bytes());
    if is_over {
        out.to_dispatch.raw(stream, Kind::RequestEnd, &release.end);
        discard(&release, context);
    } else {
        exchange.request.path = RequestPath::Release(release);
    }
}

/// Notes that bytes of it are written to the spool.
pub(super) fn on_written(release: &mut Release, length: u64, context: &mut Context) {
    if let Some(rest) = &mut release.rest {
        rest.unwritten -= length;
        context.memory.written(length);
    }
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

/// Moves what is in memory of a release to the spool, where it is long enough to be worth it; false
/// where it stays.
pub(super) fn move_out(release: &mut Release, ids: Ids, context: &mut Context) -> bool {
    let waiting = release.ready.len() - release.sent;
    if release.rest.is_some() || waiting < context.memory.long_body_bytes() {
        return false;
    }
    let Some(body) = context.spool.open(ids.stream, ids.source) else { return false };
    context.spool.write(body, &release.ready[release.sent..], context.now_ms);
    let length = length_of(waiting);
    context.memory.release(length_of(release.sent));
    context.memory.move_out(length);
    (release.ready, release.sent) = (Vec::new(), 0);
    release.rest = Some(Rest { body, length, unwritten: length, asked: 0, back: 0 });
    true
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

/// Breaks off a release: nobody takes the rest any more.
pub(crate) fn break_off(exchange: &mut Exchange, context: &mut Context, out: &mut Outputs<'_>) {
    if forget(exchange, context) {
        out.to_dispatch.reset(exchange.ids.stream, ResetReason::Client);
    }
}

/// Drops what is left of a released body; false where there is none.
pub(crate) fn forget(exchange: &mut Exchange, context: &mut Context) -> bool {
    let RequestPath::Release(release) = &exchange.request.path else { return false };
    discard(release, context);
    exchange.request.path = RequestPath::Pass;
    true
}

/// Gives back what a release takes.
pub(super) fn discard(release: &Release, context: &mut Context) {
    context.memory.release(length_of(release.ready.len()));
    if let Some(rest) = &release.rest {
        context.memory.written(rest.unwritten);
        context.spool.free(rest.body);
    }
}
