//! The filter contract: every request is forwarded, or replaced by a verdict, exactly once.

use std::collections::VecDeque;

use fosse_bodies::inflate::Requested;
use fosse_counters::{Counters, STREAM_CONNECTION, waf_filter as count};
use fosse_eventloop::clock_us;
use fosse_settings::{OverLimit, WafFilter, WafMode, WafSite};
use fosse_wire::{
    Frame, Kind, Outbox, StreamId, WireError,
    order::{Forward, Return},
    request::{BodyLength, RequestHead},
    verdict::Cause,
};

use crate::{
    answer::Back,
    case::{Case, Court, Denial, Next},
    checks, encoding,
    held::Held,
    limits::{BODY_BYTES_DEFAULT, HELD_BYTES_DEFAULT, TURN_US_MAX},
    link::Link,
    report::Reporter,
    rules::Rules,
};

/// What happens to the frames of a stream.
#[derive(Debug, Default)]
pub(crate) enum Course {
    /// They pass.
    #[default]
    Pass,
    /// They are held until the request is judged.
    Hold(Box<Held>),
    /// The verdict is out; the rest is swallowed.
    Denied,
}

#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(crate) id: Option<StreamId>,
    pub(crate) order: Forward,
    pub(crate) site: u32,
    /// Body bytes seen.
    pub(crate) seen: u64,
    pub(crate) request: u64,
    pub(crate) connection: u64,
    pub(crate) course: Course,
    /// What happens on the way back.
    pub(crate) back: Back,
    /// Where the frames of an answer that is judged stand.
    pub(crate) returned: Return,
    /// Bytes of it that parse has room for.
    pub(crate) room: u64,
}

/// Where frames go: on to dispatch, and back to parse.
#[derive(Debug)]
pub struct Out<'a> {
    /// To dispatch.
    pub on: &'a mut Outbox,
    /// To parse; nothing is written there where no site has its answers judged.
    pub back: &'a mut Outbox,
}

/// All streams, and what they may take.
#[derive(Debug)]
pub struct Judge {
    pub(crate) config: WafFilter,
    pub(crate) fallback: WafSite,
    rules: Rules,
    pub(crate) court: Court,
    pub(crate) reporter: Reporter,
    pub(crate) slots: Vec<Slot>,
    /// Streams whose case waits for another slice.
    pub(crate) queue: VecDeque<StreamId>,
    pub(crate) turn_began_us: u64,
    /// Requests that have passed and whose answer is awaited or held.
    pub(crate) kept: usize,
    /// Bytes held, those kept of such requests among them.
    pub(crate) held_bytes: u64,
    pub(crate) held_bytes_max: u64,
    pub(crate) decoded: Vec<u8>,
    /// What it counts.
    pub counters: Counters,
}

impl Judge {
    /// Without a configuration every site is in block mode.
    #[must_use]
    pub fn new(config: Option<WafFilter>, rules: Rules, reporter: Reporter, counters: Counters) -> Self {
        let config = config.unwrap_or_default();
        let held_bytes_max =
            if config.lane_held_bytes_max == 0 { HELD_BYTES_DEFAULT } else { config.lane_held_bytes_max };
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
            kept: 0,
            held_bytes: 0,
            held_bytes_max,
            decoded: Vec::new(),
            counters,
        }
    }

    pub(crate) fn site(&self, number: u32) -> &WafSite {
        site_of(&self.config, &self.fallback, number)
    }

    pub(crate) fn slot(&mut self, stream: StreamId) -> Option<&mut Slot> {
        self.slots.get_mut(stream.slot()).filter(|slot| slot.id == Some(stream))
    }

    /// The place of a stream, whoever had it last.
    fn place(&mut self, stream: StreamId) -> Option<&mut Slot> {
        if stream.slot() >= self.slots.len() {
            self.slots.resize_with(stream.slot().saturating_add(1), Slot::default);
        }
        self.slots.get_mut(stream.slot())
    }

    pub(crate) fn held(&mut self, stream: StreamId) -> Option<&mut Held> {
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
    pub fn turn_begins_unless_hurried(&mut self) {
        if self.turn_began_us != 0 {
            self.turn_begins();
        }
    }

    /// Returns the way to the store.
    pub const fn link(&mut self) -> &mut Link {
        &mut self.court.link
    }

    /// Cases wait for time.
    #[must_use]
    pub fn busy(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Takes one frame.
    ///
    /// # Errors
    /// [`WireError`]: parse broke the protocol and the conversation is over.
    pub fn frame(&mut self, frame: &Frame<'_>, out: &mut Out<'_>) -> Result<(), WireError> {
        match frame.kind {
            Kind::ResponseCredit => return self.credit(frame, out),
            Kind::RequestCredit | Kind::Lease => {
                out.on.forward(frame);
                return Ok(());
            }
            Kind::Reset => self.client_left(frame.stream, out),
            _ => {}
        }
        let Some(slot) = self.place(frame.stream) else { return Err(WireError::Order(frame.kind)) };
        let known = slot.id == Some(frame.stream);
        match (frame.kind, known, slot.order) {
            // Before the last answer has come round parse uses no slot again.
            (Kind::Request, false, Forward::Idle | Forward::Ended) if matches!(slot.back, Back::Pass) => {
                *slot = Slot { id: Some(frame.stream), order: Forward::Open, ..Slot::default() };
                self.request(frame, out)
            }
            // The client went away while its request was still being judged.
            (Kind::Reset, true, Forward::Ended) if matches!(slot.course, Course::Hold(_)) => self.reset(frame, out),
            // A reset that crossed the answer's end.
            (Kind::Reset, _, Forward::Ended) | (Kind::Reset, false, _) => {
                out.on.forward(frame);
                Ok(())
            }
            (kind, true, order) => {
                slot.order = order.after(kind)?;
                let connection = slot.connection;
                self.counters.set(STREAM_CONNECTION, connection);
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

    /// Room for an answer: for us, while we hold it or what is left of it.
    fn credit(&mut self, frame: &Frame<'_>, out: &mut Out<'_>) -> Result<(), WireError> {
        match self.slot(frame.stream).filter(|slot| !matches!(slot.back, Back::Pass)) {
            Some(slot) => {
                slot.room = slot.room.saturating_add(u64::from(frame.credit()?));
                self.flows(frame.stream, out);
            }
            None => out.on.forward(frame),
        }
        Ok(())
    }

    fn request(&mut self, frame: &Frame<'_>, out: &mut Out<'_>) -> Result<(), WireError> {
        let head = RequestHead::decode(frame.body)?;
        self.counters.set(STREAM_CONNECTION, head.connection);
        if let Some(slot) = self.slot(frame.stream) {
            (slot.site, slot.request, slot.connection) = (head.site, head.request, head.connection);
        }
        if self.site(head.site).waf == WafMode::Off {
            out.on.forward(frame);
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
        out: &mut Out<'_>,
    ) -> Result<bool, WireError> {
        let site = site_of(&self.config, &self.fallback, head.site);
        let denied = self.reporter.found(site, head, denial, &self.counters);
        if denied {
            self.deny(stream, denial, out)?;
        }
        Ok(denied)
    }

    // Long: what a head can lead to, each with its reason, in the order in which they are looked for.
    fn body_begins(&mut self, frame: &Frame<'_>, head: &RequestHead<'_>, out: &mut Out<'_>) -> Result<(), WireError> {
        let site = self.site(head.site);
        let has_body = !matches!(head.body, BodyLength::None | BodyLength::Exact(0));
        if let BodyLength::Exact(length) = head.body
            && length > site.body_bytes_max
            && site.body_over_limit == OverLimit::Reject
        {
            return self.over_size(frame.stream, out);
        }
        let Some(rules) = self.rules.of_site(head.site) else {
            if has_body {
                self.hold(frame, head, None, Requested::Identity, out);
            } else {
                out.on.forward(frame);
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
        match if late { Next::Slice } else { self.court.advance(frame.stream, &mut case) } {
            Next::End => {
                let denial = self.reporter.judged(site, head, &case, &self.counters);
                self.court.close(case);
                if let Some(denial) = denial {
                    return self.deny(frame.stream, &denial, out);
                }
                out.on.forward(frame);
            }
            Next::Answer => {
                if let Some(denial) = self.keep(frame.stream, Box::new(case), frame.body)? {
                    return self.deny(frame.stream, &denial, out);
                }
                out.on.forward(frame);
            }
            Next::Body | Next::Record => self.hold(frame, head, Some(Box::new(case)), coding, out),
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
        out: &mut Out<'_>,
    ) {
        // One byte ahead tells the client to go on, where it waits for that.
        let ahead = u32::from(head.expect_continue);
        out.on.credit(frame.stream, Kind::RequestCredit, ahead);
        if let Some(slot) = self.slot(frame.stream) {
            slot.course = Course::Hold(Box::new(Held::new(frame.body, ahead, case, coding)));
        }
    }

    /// Counts what the way to the store has lost.
    pub(crate) fn count_losses(&mut self) {
        let losses = self.court.link.losses();
        self.counters.add(count::RECORDS_MISSED, losses.missed);
        self.counters.add(count::CHANGES_LOST, losses.lost);
    }

    pub(crate) fn line_up(&mut self, stream: StreamId) {
        if let Some(held) = self.held(stream)
            && !held.queued
        {
            held.queued = true;
            self.queue.push_back(stream);
        }
    }
}

/// The site of that number; what no table has is judged as strictly as can be.
pub(crate) fn site_of<'a>(config: &'a WafFilter, fallback: &'a WafSite, number: u32) -> &'a WafSite {
    usize::try_from(number).ok().and_then(|n| config.sites.get(n)).unwrap_or(fallback)
}
