//! The filter contract: every request is forwarded, or replaced by a verdict, exactly once.

use std::collections::VecDeque;

use fosse_blobs::{OverLimit, WafFilter, WafMode, WafSite};
use fosse_bodies::inflate::Requested;
use fosse_counters::{Counters, STREAM_CONNECTION, waf_filter as count};
use fosse_seclang::Taken;
use fosse_turn::clock_us;
use fosse_wire::{
    Frame, Kind, Outbox, StreamId, WireError,
    order::Forward,
    request::{BodyLength, RequestHead, decode_end},
    verdict::{Cause, Verdict},
};

use crate::{
    case::{Case, Court, Denial, Next},
    checks, encoding,
    held::Held,
    limits::{BODY_BYTES_DEFAULT, DECODED_BYTES_KEPT_MAX, HELD_BYTES_DEFAULT, SLICE_US_MAX, TURN_US_MAX},
    report::Reporter,
    rules::Rules,
};

/// What happens to the frames of a stream.
#[derive(Debug, Default)]
enum Course {
    /// They pass.
    #[default]
    Pass,
    /// They are held until the request is judged.
    Hold(Box<Held>),
    /// The verdict is out; the rest is swallowed.
    Denied,
}

#[derive(Debug, Default)]
struct Slot {
    id: Option<StreamId>,
    order: Forward,
    site: u32,
    /// Body bytes seen.
    seen: u64,
    request: u64,
    connection: u64,
    course: Course,
}

/// All streams, and what they may take.
#[derive(Debug)]
pub struct Judge {
    config: WafFilter,
    fallback: WafSite,
    rules: Rules,
    court: Court,
    reporter: Reporter,
    slots: Vec<Slot>,
    /// Streams whose case waits for another slice.
    queue: VecDeque<StreamId>,
    turn_began_us: u64,
    held_bytes: u64,
    held_bytes_max: u64,
    decoded: Vec<u8>,
    /// What it counts.
    pub counters: Counters,
}

impl Judge {
    /// Without a configuration every site is in block mode.
    #[must_use]
    pub fn new(config: Option<WafFilter>, rules: Rules, reporter: Reporter, counters: Counters) -> Self {
        let config = config.unwrap_or_default();
        let held_bytes_max = if config.held_bytes_max == 0 { HELD_BYTES_DEFAULT } else { config.held_bytes_max };
        let fallback = WafSite { body_bytes_max: BODY_BYTES_DEFAULT, ..WafSite::default() };
        Self {
            config,
            fallback,
            rules,
            court: Court::default(),
            reporter,
            slots: Vec::new(),
            queue: VecDeque::new(),
            turn_began_us: clock_us(),
            held_bytes: 0,
            held_bytes_max,
            decoded: Vec::new(),
            counters,
        }
    }

    fn site(&self, number: u32) -> &WafSite {
        site_of(&self.config, &self.fallback, number)
    }

    fn slot(&mut self, stream: StreamId) -> Option<&mut Slot> {
        self.slots.get_mut(stream.slot()).filter(|slot| slot.id == Some(stream))
    }

    fn held(&mut self, stream: StreamId) -> Option<&mut Held> {
        match self.slot(stream).map(|slot| &mut slot.course) {
            Some(Course::Hold(held)) => Some(held),
            _ => None,
        }
    }

    /// A turn of the loop begins.
    pub fn turn_begins(&mut self) {
        self.turn_began_us = clock_us();
    }

    /// Makes this turn a late one: what comes is put in line.
    pub const fn hurry(&mut self) {
        self.turn_began_us = 0;
    }

    /// A turn begins, unless it was made a late one.
    pub(crate) fn turn_begins_unless_hurried(&mut self) {
        if self.turn_began_us != 0 {
            self.turn_begins();
        }
    }

    /// Cases wait for time.
    #[must_use]
    pub fn busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Gives those in line their time, each one slice at most, one slice's time together.
    ///
    /// # Errors
    /// [`WireError`] where a held head does not read as it did before.
    pub fn work(&mut self, out: &mut Outbox) -> Result<(), WireError> {
        let began = clock_us();
        for _ in 0..self.queue.len() {
            let Some(stream) = self.queue.pop_front() else { break };
            if let Some(held) = self.held(stream) {
                held.queued = false;
                let connection = self.slot(stream).map_or(0, |slot| slot.connection);
                self.counters.set(STREAM_CONNECTION, connection);
                self.proceed(stream, out)?;
            }
            if clock_us().saturating_sub(began) >= SLICE_US_MAX {
                break;
            }
        }
        Ok(())
    }

    /// Takes one frame.
    ///
    /// # Errors
    /// [`WireError`]: parse broke the protocol and the conversation is over.
    pub fn frame(&mut self, frame: &Frame<'_>, out: &mut Outbox) -> Result<(), WireError> {
        if matches!(frame.kind, Kind::ResponseCredit | Kind::RequestCredit | Kind::Lease) {
            out.forward(frame);
            return Ok(());
        }
        let index = frame.stream.slot();
        if index >= self.slots.len() {
            self.slots.resize_with(index.saturating_add(1), Slot::default);
        }
        let Some(slot) = self.slots.get_mut(index) else { return Err(WireError::Order(frame.kind)) };
        let known = slot.id == Some(frame.stream);
        match (frame.kind, known, slot.order) {
            (Kind::Request, false, Forward::Idle | Forward::Ended) => {
                *slot = Slot { id: Some(frame.stream), order: Forward::Open, ..Slot::default() };
                self.request(frame, out)
            }
            // The client went away while its request was still being judged.
            (Kind::Reset, true, Forward::Ended) if matches!(slot.course, Course::Hold(_)) => self.reset(frame, out),
            // A reset that crossed the answer's end.
            (Kind::Reset, _, Forward::Ended) | (Kind::Reset, false, _) => {
                out.forward(frame);
                Ok(())
            }
            (kind, true, order) => {
                slot.order = order.after(kind)?;
                self.counters.set(STREAM_CONNECTION, slot.connection);
                match kind {
                    Kind::RequestData => self.data(frame, out),
                    Kind::RequestEnd => self.end(frame, out),
                    Kind::Reset => self.reset(frame, out),
                    other => Err(WireError::Order(other)),
                }
            }
            (kind, false, _) => Err(WireError::Order(kind)),
        }
    }

    fn request(&mut self, frame: &Frame<'_>, out: &mut Outbox) -> Result<(), WireError> {
        let head = RequestHead::decode(frame.body)?;
        self.counters.set(STREAM_CONNECTION, head.connection);
        if let Some(slot) = self.slot(frame.stream) {
            (slot.site, slot.request, slot.connection) = (head.site, head.request, head.connection);
        }
        if self.site(head.site).mode == WafMode::Off {
            out.forward(frame);
            return Ok(());
        }
        self.counters.add(count::REQUESTS, 1);
        if let Some((status, message)) = checks::head(self.site(head.site), &head)
            && self.refused(frame.stream, &head, &Denial::new(status, Cause::Protocol, message), out)?
        {
            return Ok(());
        }
        self.body_begins(frame, &head, out)
    }

    /// Reports what was found without rules, and denies it where the site blocks.
    fn refused(
        &mut self,
        stream: StreamId,
        head: &RequestHead<'_>,
        denial: &Denial,
        out: &mut Outbox,
    ) -> Result<bool, WireError> {
        let site = site_of(&self.config, &self.fallback, head.site);
        let denied = self.reporter.found(site, head, denial, &self.counters);
        if denied {
            self.deny(stream, denial, out)?;
        }
        Ok(denied)
    }

    fn body_begins(&mut self, frame: &Frame<'_>, head: &RequestHead<'_>, out: &mut Outbox) -> Result<(), WireError> {
        let site = self.site(head.site);
        let has_body = !matches!(head.body, BodyLength::None | BodyLength::Exact(0));
        if let BodyLength::Exact(length) = head.body
            && length > site.body_bytes_max
            && site.over_limit == OverLimit::Reject
        {
            return self.over_size(frame.stream, out);
        }
        let Some(rules) = self.rules.of_site(head.site) else {
            if has_body {
                self.hold(frame, head, None, Requested::Identity, out);
            } else {
                out.forward(frame);
            }
            return Ok(());
        };
        let coding = if has_body { encoding::of(head.fields) } else { Requested::Identity };
        if coding == Requested::Unsupported {
            let denial = Denial::new(415, Cause::BodyEncoding, "content encoding that cannot be undone");
            if self.refused(frame.stream, head, &denial, out)? {
                return Ok(());
            }
        }
        let site = site_of(&self.config, &self.fallback, head.site);
        let mut case = self.court.open(rules, site, head, has_body);
        let late = clock_us().saturating_sub(self.turn_began_us) >= TURN_US_MAX;
        match if late { Next::Slice } else { self.court.advance(&mut case) } {
            Next::End => {
                let denial = self.reporter.judged(site, head, &case, &self.counters);
                self.court.close(case);
                if let Some(denial) = denial {
                    return self.deny(frame.stream, &denial, out);
                }
                out.forward(frame);
            }
            Next::Body => self.hold(frame, head, Some(Box::new(case)), coding, out),
            Next::Slice => {
                self.hold(frame, head, Some(Box::new(case)), coding, out);
                self.line_up(frame.stream);
            }
        }
        Ok(())
    }

    fn hold(
        &mut self,
        frame: &Frame<'_>,
        head: &RequestHead<'_>,
        case: Option<Box<Case>>,
        coding: Requested,
        out: &mut Outbox,
    ) {
        // One byte ahead tells the client to go on, where it waits for that.
        let ahead = u32::from(head.expect_continue);
        out.credit(frame.stream, Kind::RequestCredit, ahead);
        if let Some(slot) = self.slot(frame.stream) {
            slot.course = Course::Hold(Box::new(Held::new(frame.body, ahead, case, coding)));
        }
    }

    fn line_up(&mut self, stream: StreamId) {
        if let Some(held) = self.held(stream)
            && !held.queued
        {
            held.queued = true;
            self.queue.push_back(stream);
        }
    }

    fn data(&mut self, frame: &Frame<'_>, out: &mut Outbox) -> Result<(), WireError> {
        let length = u64::try_from(frame.body.len()).unwrap_or(u64::MAX);
        let Some(slot) = self.slot(frame.stream) else { return Ok(()) };
        slot.seen = slot.seen.saturating_add(length);
        let (seen, number) = (slot.seen, slot.site);
        match &mut slot.course {
            Course::Denied => return Ok(()),
            Course::Pass => {
                out.forward(frame);
                return Ok(());
            }
            Course::Hold(held) => {
                let grant = held.take(frame.body);
                out.credit(frame.stream, Kind::RequestCredit, grant);
            }
        }
        self.held_bytes = self.held_bytes.saturating_add(length);
        self.counters.set(count::HELD_BYTES, self.held_bytes);
        let site = self.site(number);
        let site_limit = site.body_bytes_max;
        let (over, reject) = (seen > site_limit, site.over_limit == OverLimit::Reject);
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

    fn in_part(&mut self, stream: StreamId, judged: usize) {
        let request = self.slot(stream).map_or(0, |slot| slot.request);
        self.reporter.in_part(request, judged, &self.counters);
    }

    fn end(&mut self, frame: &Frame<'_>, out: &mut Outbox) -> Result<(), WireError> {
        decode_end(frame.body)?;
        let Some(slot) = self.slot(frame.stream) else { return Ok(()) };
        match &mut slot.course {
            Course::Pass => out.forward(frame),
            Course::Denied => slot.course = Course::Pass,
            Course::Hold(held) => {
                held.ends(frame.body);
                return self.proceed(frame.stream, out);
            }
        }
        Ok(())
    }

    /// Goes on with what is held, as far as it can be.
    fn proceed(&mut self, stream: StreamId, out: &mut Outbox) -> Result<(), WireError> {
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
            match self.court.advance(case) {
                Next::Body if !held.complete() => return Ok(()),
                Next::Body => {
                    if let Some(denial) = self.give_body(stream)? {
                        return self.deny(stream, &denial, out);
                    }
                }
                Next::Slice => {
                    self.line_up(stream);
                    return Ok(());
                }
                Next::End => return self.settle(stream, out),
            }
        }
    }

    /// Gives the rules the body, decoded; a denial where that cannot be.
    fn give_body(&mut self, stream: StreamId) -> Result<Option<Denial>, WireError> {
        let Some(slot) = self.slots.get_mut(stream.slot()) else { return Ok(None) };
        let Course::Hold(held) = &mut slot.course else { return Ok(None) };
        let Some(mut case) = held.case.take() else { return Ok(None) };
        let site = site_of(&self.config, &self.fallback, slot.site);
        let limit = usize::try_from(site.body_bytes_max).unwrap_or(usize::MAX);
        let parts = (held.in_part, site.over_limit == OverLimit::PassInPart);
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

    /// The case is over: the request passes or is denied.
    fn settle(&mut self, stream: StreamId, out: &mut Outbox) -> Result<(), WireError> {
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

    /// The client is gone: what is held was never sent on, so nobody behind us needs to hear of the stream.
    fn reset(&mut self, frame: &Frame<'_>, out: &mut Outbox) -> Result<(), WireError> {
        frame.reset()?;
        let Some(slot) = self.slot(frame.stream) else { return Ok(()) };
        let request = slot.request;
        match std::mem::take(&mut slot.course) {
            Course::Hold(held) => {
                self.let_go(&held);
                self.close_case(*held);
                // parse waits for the stream to come round; dispatch must learn of it to answer.
                let verdict = Verdict { status: 499, message: b"client is gone", request, ..Verdict::default() };
                out.frame(frame.stream, Kind::Verdict, |body| verdict.encode(body))?;
            }
            Course::Denied => {}
            Course::Pass => out.forward(frame),
        }
        Ok(())
    }

    fn let_go(&mut self, held: &Held) {
        self.held_bytes = self.held_bytes.saturating_sub(held.bytes());
        self.counters.set(count::HELD_BYTES, self.held_bytes);
    }

    fn close_case(&mut self, held: Held) {
        if let Some(case) = held.case {
            self.court.close(*case);
        }
    }

    /// Sends on what was held.
    fn release(&mut self, stream: StreamId, out: &mut Outbox) -> Result<(), WireError> {
        let Some(slot) = self.slot(stream) else { return Ok(()) };
        if let Course::Hold(held) = std::mem::take(&mut slot.course) {
            self.let_go(&held);
            held.release(stream, out)?;
        }
        Ok(())
    }

    fn over_size(&mut self, stream: StreamId, out: &mut Outbox) -> Result<(), WireError> {
        self.counters.add(count::OVER_SIZE, 1);
        let denial = Denial::new(413, Cause::BodySize, "body over the site's limit");
        self.deny(stream, &denial, out)
    }

    /// Puts the verdict in the place of the request.
    fn deny(&mut self, stream: StreamId, denial: &Denial, out: &mut Outbox) -> Result<(), WireError> {
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
        let verdict = Verdict {
            status: denial.status,
            cause: denial.cause,
            rule: denial.rule,
            retry_after: denial.retry_after,
            site,
            request,
            location: &denial.location,
            message: &denial.message,
        };
        out.frame(stream, Kind::Verdict, |body| verdict.encode(body))
    }
}

/// The site of that number; what no table has is judged as strictly as can be.
fn site_of<'a>(config: &'a WafFilter, fallback: &'a WafSite, number: u32) -> &'a WafSite {
    usize::try_from(number).ok().and_then(|n| config.sites.get(n)).unwrap_or(fallback)
}
