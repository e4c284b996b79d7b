//! What all connections of this process share.

use core::time::Duration;
use std::rc::Rc;

use fosse_counters::{Counters, parse as count};
use fosse_deadlines::{Deadlines, after};
use fosse_eventloop::EventLoop;
use fosse_stage::Output;
use fosse_wire::{Outbox, slots::Slots};

use crate::access::AccessLog;
use crate::buffers::SpareBuffers;
use crate::drain::Drain;
use crate::pace::SourceRates;
use crate::refusal_events::RefusalEvents;
use crate::settings::Settings;
use crate::sources::Sources;

/// The settings, counters and access log of this process, the buffers that connections borrow, and
/// the time of this turn.
#[derive(Debug)]
pub struct Context {
    /// The name of the program in its lines.
    pub program: &'static str,
    /// The slots that the streams of this front have.
    pub slots: Slots,
    /// Settings of this generation.
    pub settings: Settings,
    /// The counter page.
    pub counters: Rc<Counters>,
    /// The access log.
    pub access: AccessLog,
    /// The grounds on which clients are judged that trusted proxies name.
    pub sources: Sources,
    /// The rates of sources.
    pub source_rates: SourceRates,
    /// Buffers to borrow.
    pub buffers: SpareBuffers,
    /// Ends of the limits of connections, by slot.
    pub deadlines: Deadlines,
    /// The drain, once it has begun.
    pub drain: Drain,
    /// Milliseconds on the monotonic clock at the beginning of this turn.
    pub now_ms: u64,
    /// The same in microseconds.
    pub now_us: u64,
    /// Credit of request bodies is not counted: in a shell nothing grants any.
    pub credit_unlimited: bool,
    /// The event lines of refusals.
    pub refusals: RefusalEvents,
    /// fosse-dispatch hears of the end of connections.
    pub reports_ends: bool,
    /// Credit for responses that come by way of fosse-encode, and word of clients that are gone;
    /// none where the lane has no such program.
    pub to_encode: Option<Output>,
    request_next: u64,
}

impl Context {
    /// Makes the context of a process that has no access log, before its first turn. Request
    /// numbers begin at `request_first`, which is random, so that no two processes share any.
    #[must_use]
    pub fn new(
        program: &'static str,
        settings: Settings,
        counters: impl Into<Rc<Counters>>,
        request_first: u64,
    ) -> Self {
        let sources = Sources::new(&settings);
        Self {
            program,
            slots: Slots::ALL,
            settings,
            sources,
            source_rates: SourceRates::default(),
            counters: counters.into(),
            access: AccessLog::default(),
            buffers: SpareBuffers::default(),
            deadlines: Deadlines::default(),
            drain: Drain::default(),
            now_ms: 0,
            now_us: 0,
            credit_unlimited: false,
            refusals: RefusalEvents::default(),
            reports_ends: false,
            to_encode: None,
            request_next: request_first,
        }
    }

    /// Counts a new request and returns its number.
    pub fn next_request(&mut self) -> u64 {
        self.counters.add(count::REQUESTS, 1);
        // It begins at random, so it may well come by the end of the numbers.
        self.request_next = self.request_next.wrapping_add(1);
        self.request_next
    }

    /// Returns the number that the next request will have.
    pub(crate) const fn request_to_come(&self) -> u64 {
        self.request_next.wrapping_add(1)
    }

    /// Takes the time of a turn.
    pub const fn set_now(&mut self, event_loop: &EventLoop) {
        (self.now_ms, self.now_us) = (event_loop.now_ms(), event_loop.now_us());
    }

    /// Returns the time of this turn in nanoseconds, in which rates count.
    pub const fn now_ns(&self) -> u64 {
        self.now_us * 1000
    }

    /// Returns the frames towards whoever sends the response of an exchange.
    pub(crate) fn towards_response<'a>(&'a mut self, is_encoded: bool, ring: &'a mut Outbox) -> &'a mut Outbox {
        match &mut self.to_encode {
            Some(encode) if is_encoded => &mut encode.outbox,
            _ => ring,
        }
    }

    /// Returns the deadline of something that may take this long from now on, in milliseconds.
    pub fn after(&self, time: Duration) -> u64 {
        after(self.now_ms, time)
    }
}
