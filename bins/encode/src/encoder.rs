//! All responses under way, and what they share. Frames and times come in, frames go out.

use std::rc::Rc;

use fosse_counters::{Counters, encode as count};
use fosse_deadlines::Deadlines;
use fosse_wire::{Frame, Kind, Outbox, StreamId, WireError, frame::ResetReason, slots::Slots};

use crate::{
    limits::PAUSE_MS,
    response::{Fault, Pause, Response},
    shared::Shared,
};

/// The two directions in which frames leave.
#[derive(Debug)]
pub struct Outputs<'a> {
    /// Responses, for parse.
    pub to_parse: &'a mut Outbox,
    /// Credit, for whoever sends the responses.
    pub upstream: &'a mut Outbox,
}

/// The responses by the slots of their streams.
#[derive(Debug)]
pub struct Encoder {
    slots: Vec<Option<Box<Response>>>,
    live: u64,
    deadlines: Deadlines,
    shared: Shared,
}

impl Encoder {
    /// Makes one without responses, with this memory for encoders.
    #[must_use]
    pub fn new(lane_encode_bytes_max: u64, counters: Rc<Counters>) -> Self {
        let shared = Shared::new(lane_encode_bytes_max, counters);
        Self { slots: Vec::new(), live: 0, deadlines: Deadlines::default(), shared }
    }

    /// Takes a frame of a response, from dispatch or the filter.
    ///
    /// # Errors
    /// [`Fault`]: the conversation is over, and what was under way with it.
    pub fn on_response_frame(&mut self, frame: &Frame<'_>, now_ms: u64, out: &mut Outputs<'_>) -> Result<(), Fault> {
        if frame.kind == Kind::Encode {
            return self.on_head(frame);
        }
        let Self { slots, deadlines, shared, .. } = self;
        let response = of_stream(slots, frame.stream).ok_or(WireError::Order(frame.kind))?;
        response.work_on(&shared.counters);
        match frame.kind {
            Kind::ResponseData if !response.has_ended() => response.on_data(frame.body, shared)?,
            Kind::ResponseEnd => response.on_end(frame.body, shared)?,
            Kind::Reset => {
                let reason = frame.reset()?;
                self.end_by_reset(frame.stream, reason, out);
                return Ok(());
            }
            kind => return Err(WireError::Order(kind).into()),
        }
        if response.is_given_up() {
            if response.has_ended() {
                self.end_by_reset(frame.stream, ResetReason::Echo, out);
            }
            return Ok(());
        }
        if response.pump(out.to_parse, out.upstream)? {
            self.remove(frame.stream);
        } else if response.awaits_pause() {
            await_pause(response, deadlines, now_ms);
        }
        Ok(())
    }

    /// Takes a frame of parse: credit, or word of a client that is gone.
    ///
    /// # Errors
    /// As [`Encoder::on_response_frame`].
    pub fn on_parse_frame(&mut self, frame: &Frame<'_>, now_ms: u64, out: &mut Outputs<'_>) -> Result<(), Fault> {
        // One that crossed the end of its response is for none.
        let Self { slots, deadlines, shared, .. } = self;
        let response = of_stream(slots, frame.stream);
        match frame.kind {
            Kind::ResponseCredit => {
                let bytes = frame.credit()?;
                let Some(response) = response.filter(|response| !response.is_given_up()) else { return Ok(()) };
                response.on_credit(bytes)?;
                if response.pump(out.to_parse, out.upstream)? {
                    self.remove(frame.stream);
                } else if response.awaits_pause() {
                    await_pause(response, deadlines, now_ms);
                }
            }
            Kind::Reset => {
                frame.reset()?;
                if response.is_some_and(|response| response.give_up(shared)) {
                    self.end_by_reset(frame.stream, ResetReason::Echo, out);
                }
            }
            kind => return Err(WireError::Order(kind).into()),
        }
        Ok(())
    }

    /// Ends the responses of a front that is gone, as if their clients had gone.
    ///
    /// # Errors
    /// As [`Encoder::on_response_frame`].
    pub fn lose_front(&mut self, slots: Slots, now_ms: u64, out: &mut Outputs<'_>) -> Result<(), Fault> {
        let streams: Vec<StreamId> = self.slots.iter().flatten().map(|response| response.id()).collect();
        for stream in streams.into_iter().filter(|stream| slots.have(*stream)) {
            let frame = Frame { stream, kind: Kind::Reset, body: &[ResetReason::Client as u8] };
            self.on_parse_frame(&frame, now_ms, out)?;
        }
        Ok(())
    }

    /// Makes encoders hand out what they hold of responses that pause.
    ///
    /// # Errors
    /// As [`Encoder::on_response_frame`].
    pub fn end_pauses(&mut self, now_ms: u64, out: &mut Outputs<'_>) -> Result<(), Fault> {
        let Self { slots, deadlines, shared, .. } = self;
        let until = |slot: u32| response_of(slots, slot).and_then(|response| response.pause.at_ms());
        for slot in deadlines.due(now_ms, until) {
            let index = usize::try_from(slot).unwrap_or(usize::MAX);
            let Some(response) = slots.get_mut(index).and_then(Option::as_deref_mut) else { continue };
            if response.pause.take_due(now_ms).is_some() {
                response.work_on(&shared.counters);
                response.flush(shared)?;
                // It has no end yet.
                response.pump(out.to_parse, out.upstream)?;
            }
        }
        Ok(())
    }

    /// Returns the milliseconds until a response has paused long enough, if one may.
    #[must_use]
    pub fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        self.deadlines.wait_ms(now_ms)
    }

    /// Returns whether no response is under way.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    fn on_head(&mut self, frame: &Frame<'_>) -> Result<(), Fault> {
        let index = frame.stream.slot();
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        if self.slots[index].is_some() {
            return Err(WireError::Order(frame.kind).into());
        }
        self.slots[index] = Some(Box::new(Response::new(frame.stream, frame.body)?));
        self.live += 1;
        self.shared.counters.set(count::RESPONSES, self.live);
        Ok(())
    }

    /// Ends a response that does not end as it should.
    fn end_by_reset(&mut self, stream: StreamId, reason: ResetReason, out: &mut Outputs<'_>) {
        out.to_parse.reset(stream, reason);
        self.remove(stream);
    }

    fn remove(&mut self, stream: StreamId) {
        let Some(mut response) = self.slots.get_mut(stream.slot()).and_then(Option::take) else { return };
        response.stop(&mut self.shared);
        self.live -= 1;
        self.shared.counters.set(count::RESPONSES, self.live);
    }
}

fn of_stream(slots: &mut [Option<Box<Response>>], stream: StreamId) -> Option<&mut Response> {
    slots.get_mut(stream.slot())?.as_deref_mut().filter(|response| response.id == stream)
}

fn response_of(slots: &[Option<Box<Response>>], slot: u32) -> Option<&Response> {
    slots.get(usize::try_from(slot).ok()?)?.as_deref()
}

/// Starts to wait for the next bytes of a response.
fn await_pause(response: &mut Response, deadlines: &mut Deadlines, now_ms: u64) {
    let slot = u32::try_from(response.id.slot()).unwrap_or(u32::MAX);
    response.pause.start(deadlines, slot, Pause, now_ms + PAUSE_MS);
}
