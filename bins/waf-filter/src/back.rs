//! The way back: every answer of a site that has them judged is passed on whole, or another comes in its place.

use fosse_bodies::inflate::Requested;
use fosse_counters::{STREAM_CONNECTION, waf_filter as count};
use fosse_eventloop::clock_us;
use fosse_wire::{
    Frame, Kind, StreamId, WireError,
    frame::ResetReason,
    order::Forward,
    response::{ResponseEnd, ResponseHead},
    verdict::Cause,
};

use crate::{
    answer::{Back, HeldAnswer},
    case::{Denial, Next},
    encoding,
    judge::{Course, Judge, Out, site_of},
    limits::{DECODED_BYTES_KEPT_MAX, TURN_US_MAX},
};

impl Judge {
    /// Takes one frame from dispatch.
    ///
    /// # Errors
    /// [`WireError`]: dispatch broke the protocol and the conversation is over.
    pub fn answer(&mut self, frame: &Frame<'_>, out: &mut Out<'_>) -> Result<(), WireError> {
        // What belongs to no stream, or to one whose answer is not judged, parse looks at as it does without us.
        let Some(slot) = self.slot(frame.stream).filter(|_| frame.kind != Kind::RequestCredit) else {
            out.back.forward(frame);
            return Ok(());
        };
        match (&slot.back, frame.kind) {
            (Back::Pass, _) => {
                out.back.forward(frame);
                Ok(())
            }
            (Back::Replaced, Kind::Response) => self.replacement(frame, out),
            (Back::Gone, Kind::ResponseEnd | Kind::Reset) => {
                slot.back = Back::Pass;
                out.back.reset(frame.stream, ResetReason::Echo);
                Ok(())
            }
            (Back::Replaced, Kind::ResponseData | Kind::ResponseEnd | Kind::Reset)
            | (Back::Gone, Kind::ResponseData) => Ok(()),
            (Back::Replaced | Back::Gone, kind) => Err(WireError::Order(kind)),
            (Back::Awaited(_) | Back::Hold(_) | Back::Flow(_), kind) => {
                let connection = slot.connection;
                self.counters.set(STREAM_CONNECTION, connection);
                match kind {
                    Kind::Response => self.answer_head(frame, out),
                    kind => self.answer_part(frame, kind, out),
                }
            }
        }
    }

    /// What comes in the place of a denied answer is dispatch's own.
    fn replacement(&mut self, frame: &Frame<'_>, out: &mut Out<'_>) -> Result<(), WireError> {
        let head = ResponseHead::decode(frame.body)?;
        if !head.own || !head.denied {
            return Err(WireError::Order(frame.kind));
        }
        if let Some(slot) = self.slot(frame.stream) {
            slot.back = Back::Pass;
        }
        out.back.forward(frame);
        Ok(())
    }

    fn answer_head(&mut self, frame: &Frame<'_>, out: &mut Out<'_>) -> Result<(), WireError> {
        let stream = frame.stream;
        let head = ResponseHead::decode(frame.body)?;
        let Some(slot) = self.slot(stream) else { return Ok(()) };
        slot.returned = slot.returned.after(frame.kind, head.interim)?;
        if head.interim {
            out.back.forward(frame);
            return Ok(());
        }
        // Bytes that never come by here cannot be judged; behind an upgrade nobody wants to.
        if head.lease && !head.upgrade {
            return Err(WireError::Field("lease"));
        }
        let Back::Awaited(kept) = std::mem::take(&mut slot.back) else { return Err(WireError::Order(frame.kind)) };
        if head.own {
            self.unanswered(stream, *kept);
            out.back.forward(frame);
            return Ok(());
        }
        self.counters.add(count::ANSWERS, 1);
        let held = HeldAnswer::new(*kept, frame.body, &head)?;
        if let Some(slot) = self.slot(stream) {
            slot.back = Back::Hold(Box::new(held));
        }
        self.answer_may_proceed(stream, out)
    }

    /// Goes on at once, or in line where this turn has taken long enough.
    fn answer_may_proceed(&mut self, stream: StreamId, out: &mut Out<'_>) -> Result<(), WireError> {
        if clock_us().saturating_sub(self.turn_began_us) >= TURN_US_MAX {
            self.answer_lines_up(stream);
            return Ok(());
        }
        self.answer_proceeds(stream, out)
    }

    fn answer_part(&mut self, frame: &Frame<'_>, kind: Kind, out: &mut Out<'_>) -> Result<(), WireError> {
        let Some(slot) = self.slot(frame.stream) else { return Ok(()) };
        slot.returned = slot.returned.after(kind, false)?;
        if kind == Kind::Reset {
            // Whoever has seen nothing of it gets another answer from parse, whoever has seen a part a reset.
            let back = std::mem::take(&mut slot.back);
            self.forget(frame.stream, back);
            out.back.forward(frame);
            return Ok(());
        }
        if kind == Kind::ResponseEnd && ResponseEnd::decode(frame.body)?.leased_bytes != 0 {
            return Err(WireError::Field("leased bytes"));
        }
        match (&mut slot.back, kind) {
            (Back::Hold(held), Kind::ResponseData) => {
                held.take(frame.body)?;
                self.holds(frame.body.len());
                self.answer_grew(frame.stream, out)
            }
            (Back::Hold(held), Kind::ResponseEnd) => {
                held.end = Some(frame.body.to_vec());
                self.answer_may_proceed(frame.stream, out)
            }
            (Back::Flow(flow), Kind::ResponseData) => {
                flow.take(frame.body)?;
                self.holds(frame.body.len());
                self.flows(frame.stream, out);
                Ok(())
            }
            (Back::Flow(flow), Kind::ResponseEnd) => {
                flow.end = Some(frame.body.to_vec());
                self.flows(frame.stream, out);
                Ok(())
            }
            (_, kind) => Err(WireError::Order(kind)),
        }
    }

    /// More is held: too much for the lane, or enough to go on with.
    fn answer_grew(&mut self, stream: StreamId, out: &mut Out<'_>) -> Result<(), WireError> {
        if self.held_bytes > self.held_bytes_max {
            self.counters.add(count::OVER_MEMORY, 1);
            let message = "memory for held answers is used up";
            let denial = Denial { retry_after: 1, ..Denial::new(503, Cause::Memory, message) };
            if self.found_in_answer(stream, &denial)? {
                return self.deny_answer(stream, &denial, out);
            }
            if let Some(held) = self.held_answer(stream) {
                held.in_part = true;
            }
        }
        self.answer_may_proceed(stream, out)
    }

    /// Goes on with a held answer as far as it can be.
    pub(crate) fn answer_proceeds(&mut self, stream: StreamId, out: &mut Out<'_>) -> Result<(), WireError> {
        loop {
            let Some(Back::Hold(held)) = self.slots.get_mut(stream.slot()).map(|slot| &mut slot.back) else {
                return Ok(());
            };
            if held.queued {
                return Ok(());
            }
            match self.court.advance(stream, &mut held.kept.case) {
                Next::Body => match self.answer_body(stream, out)? {
                    Some(denial) => return self.deny_answer(stream, &denial, out),
                    None if self.held_answer(stream).is_some_and(|held| held.kept.case.awaits_body()) => return Ok(()),
                    None => {}
                },
                Next::Slice => {
                    self.answer_lines_up(stream);
                    return Ok(());
                }
                Next::Record => return Ok(()),
                Next::Answer | Next::End => return self.answer_settled(stream, out),
            }
        }
    }

    /// The head is judged. Gives the rules the body, if they want it and it is there; else it is asked for. A denial where it
    /// cannot be judged.
    fn answer_body(&mut self, stream: StreamId, out: &mut Out<'_>) -> Result<Option<Denial>, WireError> {
        let Some(held) = self.held_answer(stream) else { return Ok(None) };
        let transaction = &held.kept.case.transaction;
        if !held.bodied || !transaction.wants_response_body() {
            held.kept.case.answer_body(b"", false);
            return Ok(None);
        }
        let limit = transaction.response_body_limit();
        let announced =
            held.announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit));
        let over = held.body.len() > limit;
        if (announced || over) && transaction.refuses_long_response() {
            self.counters.add(count::OVER_SIZE, 1);
            let denial = Denial::new(500, Cause::BodySize, "answer over the limit of the rules");
            return self.found_or_none(stream, Some(denial));
        }
        if held.coding == Requested::Unsupported {
            held.kept.case.answer_body(b"", true);
            let denial = Denial::new(502, Cause::BodyEncoding, "answer whose encoding cannot be undone");
            return self.found_or_none(stream, Some(denial));
        }
        held.in_part |= over;
        if held.end.is_none() && !held.in_part {
            held.grant(stream, out);
            return Ok(None);
        }
        self.answer_body_is_there(stream, limit)
    }

    /// Gives the rules the body, decoded.
    fn answer_body_is_there(&mut self, stream: StreamId, limit: usize) -> Result<Option<Denial>, WireError> {
        let Some(Back::Hold(held)) = self.slots.get_mut(stream.slot()).map(|slot| &mut slot.back) else {
            return Ok(None);
        };
        let case = &mut held.kept.case;
        let allowed = !case.transaction.refuses_long_response();
        let undone = encoding::undo(held.coding, &held.body, limit, (held.in_part, allowed), &mut self.decoded);
        let (in_part, judged) = (undone.in_part, undone.body.len());
        case.answer_body(undone.body, in_part);
        let denial = undone.denial.map(encoding::of_answer);
        self.decoded.clear();
        self.decoded.shrink_to(DECODED_BYTES_KEPT_MAX);
        if in_part {
            self.in_part(stream, judged);
        }
        self.found_or_none(stream, denial)
    }

    fn found_or_none(&mut self, stream: StreamId, denial: Option<Denial>) -> Result<Option<Denial>, WireError> {
        let Some(denial) = denial else { return Ok(None) };
        Ok(self.found_in_answer(stream, &denial)?.then_some(denial))
    }

    /// Reports what was found in an answer without rules: whether it is denied.
    fn found_in_answer(&mut self, stream: StreamId, denial: &Denial) -> Result<bool, WireError> {
        let Some(Back::Hold(held)) = self.slots.get(stream.slot()).map(|slot| &slot.back) else { return Ok(false) };
        let head = held.kept.request()?;
        let site = site_of(&self.config, &self.fallback, head.site);
        Ok(self.reporter.found_in_answer(site, &head, denial, &held.kept.case, &self.counters))
    }

    /// The rules are through: the answer passes or is denied.
    fn answer_settled(&mut self, stream: StreamId, out: &mut Out<'_>) -> Result<(), WireError> {
        let Some(Back::Hold(held)) = self.slots.get(stream.slot()).map(|slot| &slot.back) else { return Ok(()) };
        let head = held.kept.request()?;
        let site = site_of(&self.config, &self.fallback, head.site);
        if let Some(denial) = self.reporter.judged(site, &head, &held.kept.case, &self.counters) {
            return self.deny_answer(stream, &denial, out);
        }
        let Some(slot) = self.slots.get_mut(stream.slot()) else { return Ok(()) };
        let Back::Hold(mut held) = std::mem::take(&mut slot.back) else { return Ok(()) };
        self.let_kept_go(held.kept.bytes);
        held.kept.bytes = 0;
        let (case, flow) = held.release(stream, out);
        self.court.close(*case);
        if let Some(slot) = self.slot(stream) {
            slot.back = Back::Flow(Box::new(flow));
        }
        self.flows(stream, out);
        Ok(())
    }

    /// Sends on what there is room for.
    pub(crate) fn flows(&mut self, stream: StreamId, out: &mut Out<'_>) {
        let Some(slot) = self.slots.get_mut(stream.slot()).filter(|slot| slot.id == Some(stream)) else { return };
        let Back::Flow(flow) = &mut slot.back else { return };
        let before = flow.bytes();
        let over = flow.pump(stream, &mut slot.room, out);
        let after = if over { 0 } else { flow.bytes() };
        if over {
            slot.back = Back::Pass;
        }
        self.held_bytes = self.held_bytes.saturating_sub(before.saturating_sub(after));
        self.count_held();
    }

    /// Puts a verdict in the place of the answer: dispatch sends another, which passes.
    fn deny_answer(&mut self, stream: StreamId, denial: &Denial, out: &mut Out<'_>) -> Result<(), WireError> {
        self.counters.add(count::ANSWERS_DENIED, 1);
        let Some(slot) = self.slot(stream) else { return Ok(()) };
        let back = std::mem::replace(&mut slot.back, Back::Replaced);
        // What still comes of the request nobody wants any more.
        if slot.order != Forward::Ended {
            slot.course = Course::Denied;
        }
        let (site, request) = (slot.site, slot.request);
        if let Back::Hold(held) = back {
            self.let_answer_go(*held);
        }
        let verdict = denial.verdict(site, request);
        out.on.frame(stream, Kind::Verdict, |body| verdict.encode(body))
    }

    pub(crate) fn held_answer(&mut self, stream: StreamId) -> Option<&mut HeldAnswer> {
        match self.slot(stream).map(|slot| &mut slot.back) {
            Some(Back::Hold(held)) => Some(held),
            _ => None,
        }
    }

    pub(crate) fn answer_lines_up(&mut self, stream: StreamId) {
        if let Some(held) = self.held_answer(stream)
            && !held.queued
        {
            held.queued = true;
            self.queue.push_back(stream);
        }
    }
}
