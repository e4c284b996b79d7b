//! From what is held to its end: slices of time, the body given to the rules, and then the request or its verdict.

use fosse_counters::{STREAM_CONNECTION, waf_filter as count};
use fosse_eventloop::clock_us;
use fosse_seclang::Taken;
use fosse_settings::OverLimit;
use fosse_wire::{
    Frame, Kind, StreamId, WireError,
    order::Forward,
    request::decode_end,
    verdict::{Cause, Verdict},
};

use crate::{
    answer::Back,
    case::{Denial, Next},
    encoding,
    held::Held,
    judge::{Course, Judge, Out, site_of},
    limits::{DECODED_BYTES_KEPT_MAX, SLICE_US_MAX},
    link::Provided,
};

impl Judge {
    pub(crate) fn data(&mut self, frame: &Frame<'_>, out: &mut Out<'_>) -> Result<(), WireError> {
        let length = u64::try_from(frame.body.len()).unwrap_or(u64::MAX);
        let Some(slot) = self.slot(frame.stream) else { return Ok(()) };
        slot.seen = slot.seen.saturating_add(length);
        let (seen, number) = (slot.seen, slot.site);
        match &mut slot.course {
            Course::Denied => return Ok(()),
            Course::Pass => {
                out.on.forward(frame);
                return Ok(());
            }
            Course::Hold(held) => {
                let grant = held.take(frame.body);
                out.on.credit(frame.stream, Kind::RequestCredit, grant);
            }
        }
        self.held_bytes = self.held_bytes.saturating_add(length);
        self.counters.set(count::HELD_BYTES, self.held_bytes);
        let site = self.site(number);
        let site_limit = site.body_bytes_max;
        let (over, reject) = (seen > site_limit, site.body_over_limit == OverLimit::Reject);
        if over && reject {
            return self.over_size(frame.stream, out);
        }
        if self.held_bytes > self.held_bytes_max {
            self.counters.add(count::OVER_MEMORY, 1);
            let message = "memory for held bodies is used up";
            let denial = Denial { retry_after: 1, ..Denial::new(503, Cause::Memory, message) };
            return self.deny(frame.stream, &denial, out);
        }
        let begins = over && self.held(frame.stream).is_some_and(|held| !std::mem::replace(&mut held.in_part, true));
        if begins {
            self.in_part(frame.stream, usize::try_from(site_limit).unwrap_or(usize::MAX));
            return self.proceed(frame.stream, out);
        }
        Ok(())
    }

    pub(crate) fn in_part(&mut self, stream: StreamId, judged: usize) {
        let request = self.slot(stream).map_or(0, |slot| slot.request);
        self.reporter.in_part(request, judged, &self.counters);
    }

    pub(crate) fn end(&mut self, frame: &Frame<'_>, out: &mut Out<'_>) -> Result<(), WireError> {
        decode_end(frame.body)?;
        let Some(slot) = self.slot(frame.stream) else { return Ok(()) };
        match &mut slot.course {
            Course::Pass => out.on.forward(frame),
            Course::Denied => slot.course = Course::Pass,
            Course::Hold(held) => {
                held.ends(frame.body);
                return self.proceed(frame.stream, out);
            }
        }
        Ok(())
    }

    /// The client is gone: what is held was never sent on, so nobody behind us needs to hear of the stream.
    pub(crate) fn reset(&mut self, frame: &Frame<'_>, out: &mut Out<'_>) -> Result<(), WireError> {
        frame.reset()?;
        let Some(slot) = self.slot(frame.stream) else { return Ok(()) };
        let request = slot.request;
        match std::mem::take(&mut slot.course) {
            Course::Hold(held) => {
                self.let_go(&held);
                self.close_case(*held);
                // parse waits for the stream to come round; dispatch must learn of it to answer.
                let verdict = Verdict { status: 499, message: b"client is gone", request, ..Verdict::default() };
                out.on.frame(frame.stream, Kind::Verdict, |body| verdict.encode(body))?;
            }
            Course::Denied => {}
            Course::Pass => out.on.forward(frame),
        }
        Ok(())
    }

    /// Gives those in line their time, each one slice at most, one slice's time together.
    ///
    /// # Errors
    /// [`WireError`] where a held head does not read as it did before.
    pub fn work(&mut self, out: &mut Out<'_>) -> Result<(), WireError> {
        let began = clock_us();
        for _ in 0..self.queue.len() {
            let Some(stream) = self.queue.pop_front() else { break };
            if let Some(held) = self.held(stream) {
                held.queued = false;
                let connection = self.slot(stream).map_or(0, |slot| slot.connection);
                self.counters.set(STREAM_CONNECTION, connection);
                self.proceed(stream, out)?;
            } else if let Some(held) = self.held_answer(stream) {
                held.queued = false;
                let connection = self.slot(stream).map_or(0, |slot| slot.connection);
                self.counters.set(STREAM_CONNECTION, connection);
                self.answer_proceeds(stream, out)?;
            }
            if clock_us().saturating_sub(began) >= SLICE_US_MAX {
                break;
            }
        }
        Ok(())
    }

    /// Goes on with what is held, as far as it can be.
    pub(crate) fn proceed(&mut self, stream: StreamId, out: &mut Out<'_>) -> Result<(), WireError> {
        loop {
            let Some(Course::Hold(held)) = self.slots.get_mut(stream.slot()).map(|slot| &mut slot.course) else {
                return Ok(());
            };
            let Some(case) = held.case.as_deref_mut() else {
                return if held.complete() { self.release(stream, out) } else { Ok(()) };
            };
            if held.queued {
                return Ok(());
            }
            match self.court.advance(stream, case) {
                Next::Body if !held.complete() => return Ok(()),
                Next::Record => return Ok(()),
                Next::Body => {
                    if let Some(denial) = self.give_body(stream)? {
                        return self.deny(stream, &denial, out);
                    }
                }
                Next::Slice => {
                    self.line_up(stream);
                    return Ok(());
                }
                Next::Answer => return self.pass_and_keep(stream, out),
                Next::End => return self.settle(stream, out),
            }
        }
    }

    /// Gives the rules the body, decoded; a denial where that cannot be.
    pub(crate) fn give_body(&mut self, stream: StreamId) -> Result<Option<Denial>, WireError> {
        let Some(slot) = self.slots.get_mut(stream.slot()) else { return Ok(None) };
        let Course::Hold(held) = &mut slot.course else { return Ok(None) };
        let Some(mut case) = held.case.take() else { return Ok(None) };
        let site = site_of(&self.config, &self.fallback, slot.site);
        let limit = usize::try_from(site.body_bytes_max).unwrap_or(usize::MAX);
        let parts = (held.in_part, site.body_over_limit == OverLimit::PassInPart);
        let undone = encoding::undo(held.coding, held.body(), limit, parts, &mut self.decoded);
        let taken = case.body(undone.body);
        let newly_in_part = !held.in_part && (undone.in_part || taken == Taken::Part);
        let over_rules = || Denial::new(413, Cause::BodySize, "body over the limit of the rules");
        let denial = undone.denial.or_else(|| (taken == Taken::Refused).then(over_rules));
        let judged = undone.body.len();
        let denied = match &denial {
            Some(denial) => self.reporter.found(site, &held.head()?, denial, &self.counters),
            None => false,
        };
        held.case = Some(case);
        self.decoded.clear();
        self.decoded.shrink_to(DECODED_BYTES_KEPT_MAX);
        if newly_in_part {
            self.in_part(stream, judged);
        }
        Ok(denial.filter(|_| denied))
    }

    /// The request passes, and its case waits for the answer.
    fn pass_and_keep(&mut self, stream: StreamId, out: &mut Out<'_>) -> Result<(), WireError> {
        let Some(held) = self.held(stream) else { return Ok(()) };
        let Some(case) = held.case.take() else { return Ok(()) };
        let head = held.head_bytes().to_vec();
        match self.keep(stream, case, &head)? {
            Some(denial) => self.deny(stream, &denial, out),
            None => self.release(stream, out),
        }
    }

    /// The case is over: the request passes or is denied.
    pub(crate) fn settle(&mut self, stream: StreamId, out: &mut Out<'_>) -> Result<(), WireError> {
        let Some(slot) = self.slots.get_mut(stream.slot()) else { return Ok(()) };
        let Course::Hold(held) = &mut slot.course else { return Ok(()) };
        let Some(case) = held.case.take() else { return Ok(()) };
        let site = site_of(&self.config, &self.fallback, slot.site);
        let denial = self.reporter.judged(site, &held.head()?, &case, &self.counters);
        self.court.close(*case);
        match denial {
            Some(denial) => self.deny(stream, &denial, out),
            None => self.release(stream, out),
        }
    }

    /// Gives requests the records they wait for; those that have all of theirs get in line.
    pub fn provide(&mut self, records: Vec<Provided>) {
        for Provided { stream, collection, record } in records {
            let Some(slot) = self.slot(stream) else { continue };
            let case = match (&mut slot.course, &mut slot.back) {
                (Course::Hold(held), _) => held.case.as_deref_mut(),
                (_, Back::Hold(held)) => Some(&mut *held.kept.case),
                _ => None,
            };
            let Some(case) = case else { continue };
            case.transaction.provide(collection, record);
            if case.transaction.wanted().next().is_none() {
                self.line_up(stream);
                self.answer_lines_up(stream);
            }
        }
    }

    pub(crate) fn let_go(&mut self, held: &Held) {
        self.held_bytes = self.held_bytes.saturating_sub(held.bytes());
        self.counters.set(count::HELD_BYTES, self.held_bytes);
    }

    pub(crate) fn close_case(&mut self, held: Held) {
        if let Some(case) = held.case {
            self.court.close(*case);
        }
    }

    /// Sends on what was held.
    pub(crate) fn release(&mut self, stream: StreamId, out: &mut Out<'_>) -> Result<(), WireError> {
        let Some(slot) = self.slot(stream) else { return Ok(()) };
        if let Course::Hold(held) = std::mem::take(&mut slot.course) {
            self.let_go(&held);
            held.release(stream, out.on)?;
        }
        Ok(())
    }

    pub(crate) fn over_size(&mut self, stream: StreamId, out: &mut Out<'_>) -> Result<(), WireError> {
        self.counters.add(count::OVER_SIZE, 1);
        let denial = Denial::new(413, Cause::BodySize, "body over the site's limit");
        self.deny(stream, &denial, out)
    }

    /// Puts the verdict in the place of the request.
    pub(crate) fn deny(&mut self, stream: StreamId, denial: &Denial, out: &mut Out<'_>) -> Result<(), WireError> {
        self.counters.add(count::DENIED, 1);
        let Some(slot) = self.slot(stream) else { return Ok(()) };
        let (site, request) = (slot.site, slot.request);
        // Behind an end nothing is left to swallow.
        let ended = slot.order == Forward::Ended;
        let course = if ended { Course::Pass } else { Course::Denied };
        if let Course::Hold(held) = std::mem::replace(&mut slot.course, course) {
            self.let_go(&held);
            self.close_case(*held);
        }
        let verdict = denial.verdict(site, request);
        out.on.frame(stream, Kind::Verdict, |body| verdict.encode(body))
    }
}
