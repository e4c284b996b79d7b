//! The parts that handlers share: the event loop, the counters, and state of the lane as a whole.

use std::time::{Duration, SystemTime};

use fosse_counters::{Counters, dispatch as count};
use fosse_deadlines::{Deadlines, after};
use fosse_die::warning;
use fosse_eventloop::EventLoop;
use fosse_source::Budget;
use fosse_stage::{Output, fronts::ToFronts};
use fosse_wire::{Outbox, StreamId};

use crate::{PROGRAM, cache::client::Cache, limits, logins::Logins, mirrors::Mirrors};

/// Kinds of event tokens: the highest byte beside a key or nothing.
pub(crate) mod token {
    pub(crate) const INPUT: u8 = 1;
    pub(crate) const OUTPUT: u8 = 2;
    pub(crate) const CLIENTS: u8 = 3;
    pub(crate) const CONNECT: u8 = 4;
    pub(crate) const CONNECTION: u8 = 5;
    pub(crate) const CLIENT: u8 = 6;
    pub(crate) const PASSWORDS: u8 = 7;
    pub(crate) const CACHE: u8 = 8;
    pub(crate) const ENCODE: u8 = 9;
    pub(crate) const TO_ENCODE: u8 = 10;
    pub(crate) use fosse_eventloop::slab::token as of;
}

/// The parts that every handler of an event may use.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) event_loop: &'a EventLoop,
    pub(crate) counters: &'a Counters,
    pub(crate) shared: &'a mut Shared,
}

/// State that belongs to no request and no connection.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Frames for parse, and for further fronts of the lane.
    pub(crate) output: ToFronts,
    /// Frames for encode, where there is one and no filter lies between.
    pub(crate) to_encode: Option<Output>,
    /// There is an encode, where one is wanted.
    pub(crate) can_encode: bool,
    /// Ends of the limits of streams, by slot.
    pub(crate) deadlines: Deadlines,
    /// Streams with bytes for their backend, sent at the end of the turn.
    pub(crate) sends: Vec<StreamId>,
    pub(crate) date: Date,
    /// One buffer for all reads.
    pub(crate) scratch: Vec<u8>,
    /// Bytes left of [`limits::LEASE_TURN_ALL_BYTES_MAX`] in this turn.
    pub(crate) lease_bytes_left: usize,
    /// Bytes of bodies that filters held and that are not yet sent to a backend.
    pub(crate) held_bytes: u64,
    /// Bytes of bodies that were buffered here and are not yet sent to a backend.
    pub(crate) buffered_bytes: u64,
    /// Passwords of users that were right, or are being checked.
    pub(crate) logins: Logins,
    /// Memory for responses that are read ahead of their clients.
    pub(crate) ahead: Budget,
    /// Slot whose response is read ahead first at the next tick: that of the first one for which
    /// this one had no time.
    pub(crate) ahead_first_slot: usize,
    /// Responses that are kept, where a policy has some.
    pub(crate) cache: Option<Box<Cache>>,
    /// Copies of requests, where a policy has some.
    pub(crate) mirrors: Option<Box<Mirrors>>,
}

impl Shared {
    pub(crate) fn new(output: ToFronts, to_encode: Option<Output>, ahead_bytes_max: u64) -> Self {
        Self {
            output,
            to_encode,
            can_encode: true,
            deadlines: Deadlines::default(),
            sends: Vec::new(),
            date: Date::default(),
            scratch: vec![0; limits::READ_BYTES],
            lease_bytes_left: limits::LEASE_TURN_ALL_BYTES_MAX,
            held_bytes: 0,
            buffered_bytes: 0,
            logins: Logins::default(),
            ahead: Budget::new(ahead_bytes_max),
            ahead_first_slot: 0,
            cache: None,
            mirrors: None,
        }
    }

    /// Returns the frames of the way that a response takes: to encode, or to parse.
    pub(crate) fn way(&mut self, is_encoded: bool) -> &mut Outbox {
        match &mut self.to_encode {
            Some(encode) if is_encoded => &mut encode.outbox,
            _ => &mut self.output.outbox,
        }
    }
}

impl Context<'_> {
    /// Returns the time at the begin of this turn, in milliseconds.
    pub(crate) const fn now_ms(&self) -> u64 {
        self.event_loop.now_ms()
    }

    /// Returns the deadline of something that may take this long from now on, in milliseconds.
    pub(crate) const fn after(&self, time: Duration) -> u64 {
        after(self.now_ms(), time)
    }

    /// Counts and logs that our own books disagree. Whoever finds out leaves the event alone: one
    /// exchange may come to its time limit, the others of the lane go on.
    #[cold]
    pub(crate) fn state_error(&self, what: &str) {
        self.counters.add(count::STATE_ERRORS, 1);
        warning(PROGRAM, format_args!("event=state-error what=\"{what}\""));
    }
}

/// The Date field's value, made once a second.
#[derive(Debug, Default)]
pub(crate) struct Date {
    made_ms: Option<u64>,
    text: String,
}

impl Date {
    /// Returns the value (RFC 9110, section 5.6.7) for the turn at `now_ms`.
    pub(crate) fn at(&mut self, now_ms: u64) -> &str {
        if self.made_ms.is_none_or(|made| now_ms.saturating_sub(made) >= 500) {
            self.made_ms = Some(now_ms);
            self.text = httpdate::fmt_http_date(SystemTime::now());
        }
        &self.text
    }
}
