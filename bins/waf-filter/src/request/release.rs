//! The body of a request that has passed: it lies in memory or in the spool until dispatch has room
//! for it, and gives way as one that is still buffered does.

use fosse_source::Source;
use fosse_wire::{Kind, StreamId, frame::WINDOW_BYTES_INITIAL};

use super::in_spool::{Spooled, ask_until};
use crate::{
    context::Context,
    limits::{SPOOL_BLOCK_BYTES, SPOOL_READ_BYTES_MAX},
    memory::length_of,
    outputs::Outputs,
};

/// The part of a request that is still to be sent.
#[derive(Debug)]
pub(crate) struct Release {
    /// Bytes in memory; those that are sent are dropped from time to time.
    pub(super) ready: Vec<u8>,
    /// Bytes of these that are sent.
    sent: usize,
    /// The part that follows them.
    pub(super) rest: Option<Rest>,
    /// Bytes that follow the part in the spool.
    pub(super) tail: Vec<u8>,
    /// Bytes that dispatch has room for.
    pub(super) credit: u64,
    /// Bytes granted to the client for which no credit has come back from dispatch. When it has,
    /// the client and dispatch agree on what may come, and it passes.
    pub(super) unreturned: u64,
    /// The end as it came, with its trailers.
    pub(super) end: Option<Vec<u8>>,
}

/// The place of a body.
#[derive(Debug)]
pub(super) enum Place {
    Memory(Vec<u8>),
    Spool(Spooled),
}

/// The part that is in the spool.
#[derive(Debug)]
pub(super) struct Rest {
    /// Its number there.
    body: u64,
    length: u64,
    /// Bytes that are on their way there.
    unwritten: u64,
    /// Bytes that were asked for.
    asked: u64,
    /// Bytes that have come back.
    pub(super) back: u64,
}

impl Release {
    /// Makes the release of a body, as far as it has come, of which `granted` bytes were granted to
    /// the client.
    pub(super) fn new(place: Place, tail: Vec<u8>, granted: u32, end: Option<Vec<u8>>) -> Box<Self> {
        let (ready, rest) = match place {
            Place::Memory(body) => (body, None),
            Place::Spool(Spooled { body, length, .. }) => {
                (Vec::new(), Some(Rest { body, length, unwritten: 0, asked: 0, back: 0 }))
            }
        };
        let (credit, unreturned) = (u64::from(WINDOW_BYTES_INITIAL), u64::from(granted));
        Box::new(Self { ready, sent: 0, rest, tail, credit, unreturned, end })
    }

    /// Returns the bytes for which it counts in the lane's memory.
    pub(crate) fn buffered_bytes(&self) -> u64 {
        length_of(self.ready.len() + self.tail.len()) + self.rest.as_ref().map_or(0, |rest| rest.unwritten)
    }

    /// Tells whether it is in the spool by that number.
    pub(super) fn is_spooled_as(&self, body: u64) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.body == body)
    }

    /// Sends what there is room for and asks the spool for more of it; true where that was all, and
    /// nothing more comes or what comes can pass.
    pub(super) fn pump(&mut self, stream: StreamId, context: &mut Context, out: &mut Outputs<'_>) -> bool {
        if self.rest.as_ref().is_none_or(|rest| rest.back == rest.length) {
            self.ready.append(&mut self.tail);
        }
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
        let is_last = self.end.is_some() || self.unreturned == 0;
        let Some(rest) = &mut self.rest else { return is_last && waiting == 0 };
        // What is here and what was asked for goes first; a block comes whole or not at all.
        if waiting < self.credit.min(SPOOL_READ_BYTES_MAX) {
            let until = rest.back + self.credit.min(SPOOL_READ_BYTES_MAX) - waiting;
            let until = until.next_multiple_of(length_of(SPOOL_BLOCK_BYTES)).min(rest.length);
            ask_until(rest.body, &mut rest.asked, until, &mut context.spool, context.now_ms);
        }
        is_last && waiting == 0 && rest.back == rest.length && self.tail.is_empty()
    }
}

/// Notes that bytes of it are written to the spool.
pub(super) fn on_written(release: &mut Release, length: u64, context: &mut Context) {
    if let Some(rest) = &mut release.rest {
        rest.unwritten -= length;
        context.memory.written(length);
    }
}

/// Moves what is in memory of a release to the spool, where it is long enough to be worth it; false
/// where it stays.
pub(super) fn move_out(release: &mut Release, stream: StreamId, source: Source, context: &mut Context) -> bool {
    let waiting = release.ready.len() - release.sent;
    if release.rest.is_some() || waiting < context.memory.long_body_bytes() {
        return false;
    }
    let Some(body) = context.spool.open(stream, source) else { return false };
    context.spool.write(body, &release.ready[release.sent..], context.now_ms);
    let length = length_of(waiting);
    context.memory.release(length_of(release.sent));
    context.memory.move_out(length);
    (release.ready, release.sent) = (Vec::new(), 0);
    release.rest = Some(Rest { body, length, unwritten: length, asked: 0, back: 0 });
    true
}

/// Gives back what a release takes.
pub(super) fn discard(release: &Release, context: &mut Context) {
    context.memory.release(length_of(release.ready.len() + release.tail.len()));
    if let Some(rest) = &release.rest {
        context.memory.written(rest.unwritten);
        context.spool.free(rest.body);
    }
}
