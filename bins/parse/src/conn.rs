//! One client connection: its phases, and the ways out of them. Bytes come in by `inbound`, frames by `outbound`; nothing here does I/O.

use fosse_counters::parse as count;
use fosse_wire::channel::Connection;
use fosse_wire::frame::{ResetReason, WINDOW_BYTES_INITIAL};
use fosse_wire::{Kind, Outbox, StreamId};

use crate::access::{End, Who};
use crate::answer;
use crate::exchange::{Exchange, Framing, Lease};
use crate::lane::Lane;
use crate::limits::{GRANT_BYTES_MIN, OUTPUT_UNUSED_BYTES, WINDOW_BYTES_MAX};
use crate::origin::Origin;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A PROXY header must come first.
    Proxy,
    /// A head is awaited or on its way.
    Head,
    /// The head is in the ring, its body is being read.
    Body,
    /// The whole request is in the ring.
    Answer,
    /// The last answer is being written; nothing is read any more.
    Closing,
    /// All is written; what still comes is thrown away, so that the answer is not lost to a reset.
    Linger,
    /// dispatch has the connection, for good.
    Upgraded,
    /// The client is gone; the slot waits for the ring.
    Gone,
}

/// How a connection in `Closing` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// At once, with all written: the client asked for it and has sent nothing more.
    Clean,
    /// Through `Linger`.
    Linger,
}

/// One connection. About half a KiB; buffers are borrowed while there is something in them.
#[derive(Debug)]
pub struct Conn {
    /// What accept knows of it.
    pub record: Connection,
    /// Whose it is.
    pub origin: Origin,
    /// It began with a PROXY header.
    pub proxied: bool,
    /// The stream of its last or next exchange.
    pub stream: StreamId,
    /// Where it stands.
    pub phase: Phase,
    /// How it ends, once `Closing`.
    pub ending: Ending,
    /// Bytes read and not yet understood.
    pub input: Vec<u8>,
    /// How many of them were searched for the end of a head.
    pub scanned: usize,
    /// The one empty line before a request was skipped.
    pub line_skipped: bool,
    /// Bytes to be written.
    pub output: Vec<u8>,
    /// How many of them are.
    pub sent: usize,
    /// When the phase has taken too long; `u64::MAX` for never.
    pub deadline_ms: u64,
    /// Bytes of the body since `deadline_ms` was set.
    pub progress: usize,
    /// When the client has taken nothing for too long.
    pub write_deadline_ms: u64,
    /// Requests so far.
    pub requests: u32,
    /// The exchange under way, or the last one.
    pub exchange: Exchange,
    /// A backend connection belongs to it, because a login is bound to that: dispatch is to hear of its end.
    pub pinned: bool,
    /// Its line in the access log, begun.
    pub log: Vec<u8>,
}

impl Conn {
    /// A connection as accept gives it; `stream` is the id its first request gets.
    #[must_use]
    pub fn new(record: Connection, stream: StreamId, lane: &Lane) -> Self {
        let proxied = lane.settings.listener(record.listener).is_some_and(|listener| listener.proxy_protocol);
        let phase = if proxied && record.trusted { Phase::Proxy } else { Phase::Head };
        Self {
            record,
            origin: Origin::of_peer(&record),
            proxied: false,
            stream,
            phase,
            ending: Ending::Linger,
            input: Vec::new(),
            scanned: 0,
            line_skipped: false,
            output: Vec::new(),
            sent: 0,
            deadline_ms: lane.after(lane.settings.blob.head_seconds),
            progress: 0,
            write_deadline_ms: u64::MAX,
            requests: 0,
            exchange: Exchange::none(),
            pinned: false,
            log: Vec::new(),
        }
    }

    /// Nothing buffered, nothing owed, nothing begun: another lane can take the connection on. One that began with a PROXY
    /// header cannot, since nobody sends that twice, and one with a login would lose it.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Head | Phase::Proxy)
            && self.input.is_empty()
            && self.all_sent()
            && !self.proxied
            && !self.pinned
    }

    /// Whether all its requests are one client's: everybody's but a trusted peer's, unless the listener says so of those too.
    /// A login is bound to a connection only where dispatch will hear of its end.
    #[must_use]
    pub fn has_single_client(&self, lane: &Lane) -> bool {
        let listener = lane.settings.listener(self.record.listener);
        lane.reports_ends && (!self.record.trusted || listener.is_some_and(|l| l.connection_per_client))
    }

    /// Everything for the client is written.
    #[must_use]
    pub fn all_sent(&self) -> bool {
        self.sent >= self.output.len()
    }

    /// Whether bytes of the client would be taken now.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        match self.phase {
            Phase::Proxy | Phase::Head => self.all_sent(),
            Phase::Body => self.exchange.request_credit > 0 && self.input.is_empty(),
            Phase::Linger => true,
            Phase::Answer | Phase::Closing | Phase::Upgraded | Phase::Gone => false,
        }
    }

    /// The client of a body has all its time again.
    pub fn body_time_anew(&mut self, lane: &Lane) {
        self.deadline_ms = lane.after(lane.settings.blob.body_seconds);
        self.progress = 0;
    }

    /// Room for so many bytes to be written: hardly more than that, as slow readers have as much as their window all the time. By
    /// half of what is there, so that many small pieces are not copied for each of them.
    pub fn make_room(&mut self, bytes: usize) {
        if self.output.capacity().saturating_sub(self.output.len()) < bytes {
            self.output.reserve_exact(bytes.max(self.output.len() / 2));
        }
    }

    /// The client takes no more for now: what it has taken makes room, and what is not used goes back.
    pub fn blocked(&mut self) {
        let left = self.output.len().saturating_sub(self.sent);
        if self.output.capacity() > left.saturating_add(OUTPUT_UNUSED_BYTES) {
            self.output.drain(..self.sent);
            self.sent = 0;
            self.output.shrink_to_fit();
        }
    }

    /// Everything written: the memory goes back, the answer may go on.
    pub fn all_written(&mut self, blocked: bool, lane: &mut Lane, out: &mut Outbox) {
        self.output.clear();
        self.sent = 0;
        self.write_deadline_ms = u64::MAX;
        lane.give_back(&mut self.output);
        if self.phase == Phase::Head && self.input.is_empty() && self.requests > 0 {
            self.deadline_ms = lane.after(lane.settings.blob.idle_seconds);
        }
        self.grant(blocked, out);
    }

    /// The slot can be used again.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Gone && !self.exchange.open
    }

    /// The client is gone or has to go: the ring hears of it, the caller closes the socket.
    pub fn abort(&mut self, reason: ResetReason, lane: &mut Lane, out: &mut Outbox) {
        self.leave_exchange(reason, out);
        let end = match reason {
            ResetReason::Timeout => End::Timeout,
            ResetReason::Client => End::Client,
            _ => End::Reset,
        };
        lane.access.end(&mut self.log, &self.exchange, end);
        self.phase = Phase::Gone;
        self.deadline_ms = u64::MAX;
        self.write_deadline_ms = u64::MAX;
        self.input.clear();
        self.output.clear();
        self.sent = 0;
        lane.give_back(&mut self.input);
        lane.give_back(&mut self.output);
    }

    /// Tells the ring that nobody waits for this exchange any more. A reset is sent behind a request's end as well: the answer can stop.
    pub fn leave_exchange(&mut self, reason: ResetReason, out: &mut Outbox) {
        if self.exchange.open && !self.exchange.discard {
            out.reset(self.stream, reason);
            self.exchange.forward_done = true;
            self.exchange.discard = true;
        }
    }

    /// Answers for parse itself and ends the connection: where the answer to a request under way has begun, by a reset.
    pub fn refuse(&mut self, status: u16, why: &str, lane: &mut Lane, out: &mut Outbox) {
        if self.exchange.open && self.exchange.answered {
            self.abort(ResetReason::Client, lane, out);
            return;
        }
        self.leave_exchange(ResetReason::Client, out);
        lane.counters.add(count::REFUSED, 1);
        let request = 0;
        let who =
            Who { request, connection: self.record.id, client: self.origin.client, peer: self.record.peer, site: "" };
        if self.log.is_empty() {
            lane.access.refused(&who, status, why);
        } else {
            self.exchange.status = status;
            lane.access.end(&mut self.log, &self.exchange, End::Complete);
        }
        lane.lend(&mut self.output);
        answer::write(&mut self.output, status, why, self.exchange.is_head);
        self.close_after(Ending::Linger, lane);
    }

    /// Nothing more is read; the connection ends when all is written.
    pub fn close_after(&mut self, ending: Ending, lane: &mut Lane) {
        self.phase = Phase::Closing;
        self.ending = ending;
        self.deadline_ms = u64::MAX;
        self.input.clear();
        lane.give_back(&mut self.input);
    }

    /// The answer is complete: on to the next request, or to the end.
    pub fn complete(&mut self, lane: &mut Lane, out: &mut Outbox) {
        lane.counters.add(count::RESPONSES, 1);
        lane.access.end(&mut self.log, &self.exchange, End::Complete);
        let cut_short = !self.exchange.forward_done;
        if cut_short {
            out.reset(self.stream, ResetReason::Limit);
            self.exchange.forward_done = true;
        }
        self.exchange.open = false;
        self.exchange.is_head = false;
        if self.phase == Phase::Upgraded {
            self.close_after(Ending::Clean, lane);
        } else if self.exchange.close || cut_short {
            let clean = self.exchange.client_closes && !cut_short && !self.exchange.denied && self.input.is_empty();
            self.close_after(if clean { Ending::Clean } else { Ending::Linger }, lane);
        } else {
            self.phase = Phase::Head;
            self.scanned = 0;
            self.line_skipped = false;
            self.deadline_ms = lane.after(lane.settings.blob.idle_seconds);
        }
    }

    /// Credit for the answer's bytes that are written, once it is worth a frame. The window grows for a reader that takes all at
    /// once, and falls back for one that does not.
    pub fn grant(&mut self, blocked: bool, out: &mut Outbox) {
        let exchange = &mut self.exchange;
        let streaming = exchange.open && !exchange.discard && exchange.lease == Lease::No && exchange.answered;
        if !streaming || exchange.owed < GRANT_BYTES_MIN || exchange.framing == Framing::Exact(0) {
            return;
        }
        let target =
            if blocked { WINDOW_BYTES_INITIAL } else { exchange.window.saturating_mul(2).min(WINDOW_BYTES_MAX) };
        let growth = target.saturating_sub(exchange.window);
        let cut = exchange.window.saturating_sub(target).min(exchange.owed);
        let grant = exchange.owed.saturating_add(growth).saturating_sub(cut);
        exchange.window = exchange.window.saturating_add(growth).saturating_sub(cut);
        exchange.owed = 0;
        exchange.answer_credit = exchange.answer_credit.saturating_add(grant);
        out.credit(self.stream, Kind::ResponseCredit, grant);
    }
}
