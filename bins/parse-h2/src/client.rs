//! A connection: the protocol, whose requests they are, and the socket.

use std::os::fd::OwnedFd;

use fosse_deadlines::Timer;
use fosse_front::caller::{Caller, KeptHandshake};
use fosse_front::context::Context;
use fosse_front::refused::{Refused, Whose};
use fosse_http2::{Broken, Code, Connection as Http2, Local as Offer};
use fosse_wire::Outbox;
use fosse_wire::channel::Connection;
use fosse_wire::frame::ResetReason;
use fosse_wire::request::Endpoint;

use crate::limit::Limit;
use crate::local;
use crate::slots::Slots;
use crate::socket::Socket;

/// The part of the conversation that the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The PROXY header.
    Proxy,
    /// HTTP/2.
    Open,
    /// Nobody. The connection ends when all is written.
    Closing,
    /// Nobody: the client is read until it ends the connection as well.
    Linger,
    /// It is over.
    Gone,
}

/// The place of a stream that has no slot.
const NO_SLOT: u32 = u32::MAX;

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) caller: Caller,
    pub(crate) http2: Http2,
    pub(crate) socket: Socket,
    pub(crate) phase: Phase,
    /// Bytes that were read and are no whole frame yet.
    pub(crate) input: Vec<u8>,
    /// Since when that is so, in milliseconds; 0 where there are none.
    pub(crate) partial_since_ms: u64,
    /// Slots of streams by place.
    slots: Vec<u32>,
    /// Slots of which bytes have gone to the client since the last grant.
    pub(crate) gone: Vec<u32>,
    /// Places that the ring is done with, while the client has not taken all.
    pub(crate) ending: Vec<usize>,
    pub(crate) timer: Timer<Limit>,
    /// Bytes that the client has taken since its limit was started.
    pub(crate) progress: usize,
    /// It is flushed at the end of this turn.
    pub(crate) queued: bool,
    /// Since when it knows of the drain, in milliseconds; 0 before.
    pub(crate) leaving_since_ms: u64,
}

impl Client {
    /// Makes a connection as fosse-accept gives it.
    pub(crate) fn new(record: Connection, fd: OwnedFd, token: u64, context: &Context) -> Self {
        let caller = Caller::new(record, context);
        let list_bytes = context.settings.head.head_bytes;
        // Where some backend lets connections switch.
        let extended_connect = context.settings.upgrade(b"websocket").is_some();
        Self {
            phase: if caller.awaits_proxy(context) { Phase::Proxy } else { Phase::Open },
            caller,
            http2: Http2::new(Offer { list_bytes, extended_connect }),
            socket: Socket::new(fd, token),
            input: Vec::new(),
            partial_since_ms: 0,
            slots: Vec::new(),
            gone: Vec::new(),
            ending: Vec::new(),
            timer: Timer::default(),
            progress: 0,
            queued: false,
            leaving_since_ms: 0,
        }
    }

    /// Takes what fosse-tls knows of the client, before anything is read of it.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn take_handshake(
        &mut self,
        tls: KeptHandshake,
        named: Option<&Endpoint>,
        context: &mut Context,
    ) -> Result<(), Refused> {
        self.phase = Phase::Open;
        self.caller.take_handshake(tls, named, context)
    }

    /// Returns the token of its events.
    pub(crate) const fn token(&self) -> u64 {
        self.socket.token()
    }

    /// Returns whether it has no request, and nothing is owed.
    pub(crate) fn is_idle(&self) -> bool {
        self.http2.places() == 0 && self.http2.output().is_empty() && self.phase != Phase::Gone
    }

    /// Returns the limit of what it waits for; none where that is the ring.
    pub(crate) fn limit(&self) -> Option<Limit> {
        match self.phase {
            Phase::Gone => None,
            _ if !self.http2.output().is_empty() => Some(Limit::Write),
            Phase::Linger | Phase::Closing => Some(Limit::Linger),
            _ if self.http2.places() > 0 => None,
            _ if self.caller.requests == 0 => Some(Limit::Head),
            _ => Some(Limit::Idle),
        }
    }

    /// Returns whether bytes of the client would be taken now: not while it does not take what it
    /// has caused.
    pub(crate) fn wants_input(&self) -> bool {
        match self.phase {
            Phase::Proxy | Phase::Open => self.http2.output().len() < fosse_http2::OUTPUT_BYTES_FULL,
            Phase::Linger => true,
            Phase::Closing | Phase::Gone => false,
        }
    }

    /// Turns what waits of its streams into bytes to write, as far as windows and room reach.
    pub(crate) fn fill(&mut self, now_ms: u64) {
        let Self { http2, slots, gone, .. } = self;
        http2.fill(now_ms, |place, _| gone.extend(slots.get(place).filter(|slot| **slot != NO_SLOT)));
    }

    /// Notes the slot of a stream.
    pub(crate) fn put_slot(&mut self, place: usize, slot: u32) {
        if self.slots.len() <= place {
            self.slots.resize(place + 1, NO_SLOT);
        }
        self.slots[place] = slot;
    }

    /// Returns the slot of a stream.
    pub(crate) fn slot_of(&self, place: usize) -> Option<u32> {
        self.slots.get(place).copied().filter(|slot| *slot != NO_SLOT)
    }

    /// Returns the slots of all streams.
    pub(crate) fn slots(&self) -> Vec<u32> {
        self.slots.iter().copied().filter(|slot| *slot != NO_SLOT).collect()
    }

    /// Returns the streams that have a slot: place and slot.
    pub(crate) fn places(&self) -> Vec<(usize, u32)> {
        self.slots.iter().copied().enumerate().filter(|(_, slot)| *slot != NO_SLOT).collect()
    }

    /// Gives a place back that the ring is done with, as soon as the client is.
    pub(crate) fn release_place(&mut self, place: usize) {
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = NO_SLOT;
        }
        if self.http2.is_live(place) {
            self.ending.push(place);
        } else {
            self.http2.release(place);
        }
    }

    /// Gives the places back whose clients have taken all.
    pub(crate) fn release_ended(&mut self) {
        let Self { ending, http2, .. } = self;
        ending.retain(|place| {
            let is_live = http2.is_live(*place);
            if !is_live {
                http2.release(*place);
            }
            is_live
        });
    }

    /// Sends a local response on a stream, or where one has begun already resets it.
    pub(crate) fn refuse(
        &mut self,
        (index, place): (u32, usize),
        refused: Refused,
        slots: &mut Slots,
        context: &mut Context,
        out: &mut Outbox,
    ) {
        let Some(slot) = slots.at(index) else { return };
        if slot.stream.exchange.open && slot.stream.exchange.response_begun {
            slot.stream.abort(ResetReason::Client, context, out);
            self.http2.reset(place, Code::Internal);
        } else {
            slot.stream.give_up(b"", refused, &self.caller, context, out);
            let local = slot.stream.local(b"", refused, &self.caller, &context.settings);
            let to_head = slot.stream.exchange.is_head;
            local::write(&mut self.http2, place, &local, to_head, context.now_ms);
        }
        if !slot.stream.exchange.open {
            let _ = slots.release_if_over(index);
            self.release_place(place);
        }
    }

    /// Ends all requests, as the client is gone or has to go.
    pub(crate) fn abort_all(
        &mut self,
        reason: ResetReason,
        slots: &mut Slots,
        context: &mut Context,
        out: &mut Outbox,
    ) {
        for index in self.slots() {
            if let Some(slot) = slots.at(index)
                && slot.stream.exchange.open
            {
                slot.stream.abort(reason, context, out);
            }
        }
    }

    /// Ends the connection at once.
    pub(crate) fn abort(&mut self, reason: ResetReason, slots: &mut Slots, context: &mut Context, out: &mut Outbox) {
        self.abort_all(reason, slots, context, out);
        self.caller.discharge(context);
        self.phase = Phase::Gone;
    }

    /// Ends the connection because of what the client did: GOAWAY says why.
    pub(crate) fn break_off(&mut self, why: &Broken, slots: &mut Slots, context: &mut Context, out: &mut Outbox) {
        self.http2.break_off(why);
        let refused = Refused { status: 0, why: why.words, limit: "" };
        self.report(refused, context);
        if why.code == Code::EnhanceYourCalm {
            // Its source pays: again and again within a minute, and it stays out for a while.
            let Context { sources, settings, .. } = context;
            sources.flooded(self.caller.record.listener, &self.caller.origin.client, settings);
        }
        self.abort_all(ResetReason::Client, slots, context, out);
        self.phase = Phase::Closing;
        self.input = Vec::new();
    }

    /// Writes the event line of something that has no stream.
    pub(crate) fn report(&self, refused: Refused, context: &mut Context) {
        let of = Whose { host: b"", site: u32::MAX, policy: u32::MAX };
        let Context { program, refusals, settings, now_ms, counters, .. } = context;
        counters.add(fosse_counters::parse::REFUSED, 1);
        refusals.note(program, refused, &self.caller.origin.client, &of, settings, *now_ms);
    }

    /// Asks the client to go elsewhere.
    pub(crate) fn leave(&mut self, now_ms: u64) {
        if self.leaving_since_ms == 0 {
            self.leaving_since_ms = now_ms.max(1);
            self.http2.leave();
        }
    }
}
