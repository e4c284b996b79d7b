//! Client bytes in, request frames out.

use std::collections::VecDeque;

use fosse_front::context::Context;
use fosse_front::refused::Refused;
use fosse_front::request::Request;
use fosse_http1::{Refusal, RequestHead};
use fosse_http2::{Broken, Code, Event, Fault, Scratch};
use fosse_wire::Outbox;
use fosse_wire::frame::ResetReason;

use crate::client::{Client, Phase};
use crate::slots::{Owner, Slot, Slots, Switch};

/// The parts of this process that bytes of a client touch.
#[derive(Debug)]
pub(crate) struct Ring<'a> {
    pub(crate) slots: &'a mut Slots,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) context: &'a mut Context,
    pub(crate) out: &'a mut Outbox,
}

impl Client {
    /// Takes bytes just read. They are parsed where they are, and only what is left over is copied.
    pub(crate) fn feed(&mut self, index: u32, fresh: &[u8], ring: &mut Ring<'_>) {
        ring.context.buffers.lend(self.http2.memory());
        let mut input = core::mem::take(&mut self.input);
        let bytes = if input.is_empty() {
            fresh
        } else {
            input.extend_from_slice(fresh);
            &input
        };
        let used = self.consume(index, bytes, ring);
        let left = &bytes[used..];
        self.partial_since_ms = match (left.is_empty() && !self.http2.is_in_block(), self.partial_since_ms) {
            (true, _) => 0,
            (false, 0) => ring.context.now_ms.max(1),
            (false, since) => since,
        };
        if left.is_empty() {
            input.clear();
            ring.context.buffers.give_back(&mut input);
        } else if input.is_empty() {
            ring.context.buffers.lend(&mut self.input);
            self.input.extend_from_slice(left);
        } else {
            input.drain(..used);
            self.input = input;
        }
    }

    /// Goes as far as it can and returns the number of bytes taken.
    fn consume(&mut self, index: u32, bytes: &[u8], ring: &mut Ring<'_>) -> usize {
        let mut used = 0;
        if self.phase == Phase::Proxy {
            match self.take_proxy(bytes, ring) {
                Some(header) if self.phase == Phase::Open => used = header,
                Some(_) => return bytes.len(),
                None => return 0,
            }
        }
        while self.phase == Phase::Open {
            let (count, event) = match self.http2.next(&bytes[used..], ring.context.now_ms, ring.scratch) {
                Ok((0, None)) => return used,
                Ok(step) => step,
                Err(why) => {
                    self.break_off(&why, ring.slots, ring.context, ring.out);
                    break;
                }
            };
            used += count;
            if let Some(event) = event
                && let Err(why) = self.on_event(index, &event, ring)
            {
                self.break_off(&why, ring.slots, ring.context, ring.out);
            }
        }
        bytes.len()
    }

    /// Takes the PROXY header. Returns its length once it is whole.
    fn take_proxy(&mut self, bytes: &[u8], ring: &mut Ring<'_>) -> Option<usize> {
        let refused = match fosse_proxyproto::decode(bytes) {
            Ok(None) => return None,
            Ok(Some((header, used))) => match self.caller.take_proxy(&header, ring.context) {
                Ok(()) => {
                    self.phase = Phase::Open;
                    return Some(used);
                }
                Err(refused) => refused,
            },
            Err(_) => Refused::PROXY,
        };
        self.report(Refused { status: 0, ..refused }, ring.context);
        self.abort(ResetReason::Client, ring.slots, ring.context, ring.out);
        Some(bytes.len())
    }

    fn on_event(&mut self, index: u32, event: &Event<'_>, ring: &mut Ring<'_>) -> Result<(), Broken> {
        match *event {
            Event::Request { place, is_ended, switches } => {
                return self.on_request((index, place), (is_ended, switches), ring);
            }
            Event::TooLong { place } => {
                if let Some(slot) = self.take_slot(index, place, ring) {
                    let refused = Refusal::HeadTooLong.into();
                    self.refuse((slot, place), refused, ring.slots, ring.context, ring.out);
                }
            }
            Event::Data { place, bytes } => self.on_data(place, bytes, ring),
            Event::Ended { place } => self.on_ended(place, ring),
            Event::Reset { place, fault } => self.on_reset(place, fault, ring),
            Event::Malformed { fault } => {
                self.report(Refused { status: 400, why: fault.words(), limit: "" }, ring.context);
            }
            // It closes the connection when it has what it asked for.
            Event::Leaving => {}
        }
        Ok(())
    }

    /// Takes a slot for a stream. Without one the client may come again.
    fn take_slot(&mut self, index: u32, place: usize, ring: &mut Ring<'_>) -> Option<u32> {
        let Some((slot, taken)) = ring.slots.take(Owner { client: index, place }, ring.context) else {
            self.http2.reset(place, Code::RefusedStream);
            self.http2.release(place);
            return None;
        };
        taken.stream.forget();
        self.put_slot(place, slot);
        Some(slot)
    }

    fn on_request(
        &mut self,
        (index, place): (u32, usize),
        (is_ended, switches): (bool, bool),
        ring: &mut Ring<'_>,
    ) -> Result<(), Broken> {
        let Some(slot) = self.take_slot(index, place, ring) else { return Ok(()) };
        let text = core::mem::take(&mut ring.scratch.text);
        let begun = self.begin(slot, &text, (is_ended, switches), ring);
        ring.scratch.text = text;
        match begun {
            Ok(()) => Ok(()),
            // What would be 400 is malformed: the stream ends, and nothing is said (RFC 9113,
            // section 8.1.1).
            Err(Refusing { refused, is_malformed: true }) => {
                self.report(refused, ring.context);
                let _ = ring.slots.release_if_over(slot);
                let refused = self.http2.refuse_stream(place, Code::Protocol, ring.context.now_ms);
                self.release_place(place);
                refused
            }
            Err(Refusing { refused, .. }) => {
                self.refuse((slot, place), refused, ring.slots, ring.context, ring.out);
                Ok(())
            }
        }
    }

    fn begin(
        &mut self,
        index: u32,
        text: &[u8],
        (is_ended, switches): (bool, bool),
        ring: &mut Ring<'_>,
    ) -> Result<(), Refusing> {
        let Ring { slots, context, out, .. } = ring;
        let Some(slot) = slots.at(index) else { return Ok(()) };
        let stream = &mut slot.stream;
        let head = RequestHead::parse_http2(text, is_ended, &context.settings.head)
            .map_err(|why| Refusing { refused: why.into(), is_malformed: why.status() == 400 })?;
        let request = Request::from(&head);
        let caller = &mut self.caller;
        let asker = stream.admit(&request, caller, context)?;
        let terms = stream.terms(&request, asker, caller, context)?;
        stream.begin(&request, &terms, asker, caller, context, out).map_err(|_| Refused::HEAD)?;
        slot.expects = head.expect_continue;
        slot.moved_ms = context.now_ms;
        if switches {
            // What comes behind it is no body of it.
            (slot.switch, slot.ends) = (Switch::Asked, is_ended);
        }
        if is_ended || switches {
            slot.stream.end_request(context, out).map_err(|_| Refused::END)?;
        }
        Ok(())
    }

    fn on_data(&mut self, place: usize, bytes: &[u8], ring: &mut Ring<'_>) {
        let left = self.http2.window(place);
        if let Some(slot) = self.switching_slot(place, ring.slots) {
            slot.ahead.note_left(left);
            return slot.pass_tunnel(bytes, ring.context, ring.out);
        }
        let Some((index, slot)) = self.open_slot(place, ring.slots) else { return };
        slot.expects = false;
        slot.ahead.note_left(left);
        let here = if slot.early.is_empty() { credit(slot).min(bytes.len()) } else { 0 };
        let (now, rest) = bytes.split_at(here);
        slot.early.extend(rest);
        slot.moved_ms = ring.context.now_ms;
        if let Err(refused) = slot.stream.pass_on(now, ring.context, ring.out) {
            self.refuse((index, place), refused, ring.slots, ring.context, ring.out);
        }
    }

    fn on_ended(&mut self, place: usize, ring: &mut Ring<'_>) {
        if let Some(slot) = self.switching_slot(place, ring.slots) {
            slot.ends = true;
            return slot.pass_tunnel(b"", ring.context, ring.out);
        }
        let Some((index, slot)) = self.open_slot(place, ring.slots) else { return };
        slot.ends = true;
        if slot.early.is_empty() && slot.stream.end_request(ring.context, ring.out).is_err() {
            self.refuse((index, place), Refused::END, ring.slots, ring.context, ring.out);
        }
    }

    /// Returns the slot of a stream whose request goes on into the ring.
    fn open_slot<'s>(&self, place: usize, slots: &'s mut Slots) -> Option<(u32, &'s mut Slot)> {
        let index = self.slot_of(place)?;
        let slot = slots.at(index)?;
        (slot.stream.exchange.open && !slot.stream.exchange.forward_done).then_some((index, slot))
    }

    /// Passes on what came before there was credit for it.
    pub(crate) fn pass_early(
        &mut self,
        (index, place): (u32, usize),
        slots: &mut Slots,
        context: &mut Context,
        out: &mut Outbox,
    ) {
        let Some(slot) = slots.at(index) else { return };
        if slot.switch.is_asked() {
            return slot.pass_tunnel(b"", context, out);
        }
        slot.moved_ms = context.now_ms;
        if slot.early.is_empty() || slot.stream.exchange.forward_done {
            return;
        }
        let here = credit(slot).min(slot.early.len());
        let early = core::mem::take(&mut slot.early);
        let passed = first_of(&early, here).into_iter().try_for_each(|part| slot.stream.pass_on(part, context, out));
        slot.early = early;
        slot.early.drain(..here);
        let mut passed = passed;
        if slot.ends && slot.early.is_empty() && passed.is_ok() {
            passed = slot.stream.end_request(context, out).map_err(|_| Refused::END);
        }
        if let Err(refused) = passed {
            self.refuse((index, place), refused, slots, context, out);
        }
    }

    fn on_reset(&mut self, place: usize, fault: Option<Fault>, ring: &mut Ring<'_>) {
        if let Some(fault) = fault {
            self.report(Refused { status: 400, why: fault.words(), limit: "" }, ring.context);
        }
        let Some(index) = self.slot_of(place) else { return };
        let Some(slot) = ring.slots.at(index) else { return };
        if slot.stream.exchange.open && !slot.stream.exchange.discard {
            slot.stream.abort(ResetReason::Client, ring.context, ring.out);
        }
        if !slot.stream.exchange.open {
            let _ = ring.slots.release_if_over(index);
            self.release_place(place);
        }
    }
}

/// A refusal of a request, which does not go into the ring.
struct Refusing {
    refused: Refused,
    is_malformed: bool,
}

impl From<Refused> for Refusing {
    fn from(refused: Refused) -> Self {
        Self { refused, is_malformed: false }
    }
}

/// Returns the first bytes that wait, in two pieces.
pub(crate) fn first_of(bytes: &VecDeque<u8>, count: usize) -> [&[u8]; 2] {
    let (first, second) = bytes.as_slices();
    let here = count.min(first.len());
    [&first[..here], &second[..count - here]]
}

/// Returns how many bytes of a request may go into the ring.
pub(crate) fn credit(slot: &Slot) -> usize {
    usize::try_from(slot.stream.exchange.request_credit).unwrap_or(usize::MAX)
}
