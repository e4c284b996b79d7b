//! One client connection: its phases, and the ways out of them. Bytes come in by `inbound`, frames
//! by `outbound`; nothing here does I/O.

use fosse_counters::parse as count;
use fosse_deadlines::{Timer, after};
use fosse_wire::channel::Connection;
use fosse_wire::frame::ResetReason;
use fosse_wire::request::Endpoint;
use fosse_wire::response::Cause;
use fosse_wire::{Kind, Outbox, StreamId};

use crate::access::{End, Record, Who};
use crate::context::Context;
use crate::error_response::{self, Beside};
use crate::exchange::{Exchange, Framing, Lease, SITE_NONE};
use crate::limit::Limit;
use crate::origin::Origin;
use crate::output::ClientOutput;
use crate::pace::{Pace, Wait};
use crate::pages::{self, Reader, Subject};
use crate::refused::{Refused, Whose, host_of};
use crate::settings::Settings;
use crate::shown::Shown;
use crate::sources::Charge;
use crate::traffic;

/// The phase of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A PROXY header has to come first.
    Proxy,
    /// A head is awaited, or has come in part.
    Head,
    /// The head is in the ring, its body is being read.
    Body,
    /// The whole request is in the ring.
    Response,
    /// The last response is being written; nothing is read any more.
    Closing,
    /// All is written. What still comes is thrown away, so that the response is not lost to a
    /// reset.
    Linger,
    /// fosse-dispatch has the connection, for good.
    Upgraded,
    /// The client is gone; the slot waits for the ring.
    Gone,
}

/// The way by which a frame of a response comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From fosse-dispatch, or the filter that judges responses.
    Ring,
    /// From fosse-encode.
    Encode,
}

/// The end of a connection in `Closing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// At once, with all written: the client asked for it and has sent nothing more.
    Clean,
    /// Through `Linger`.
    Linger,
}

/// The search for the end of a head, while its bytes come.
#[derive(Debug, Default)]
pub(crate) struct HeadSearch {
    /// Number of bytes that were searched.
    pub(crate) bytes: usize,
    /// The one empty line before a request (RFC 9112, section 2.2) was skipped.
    pub(crate) line_skipped: bool,
}

/// One connection. It takes about half a KiB; buffers are borrowed while there is something in
/// them.
#[derive(Debug)]
pub struct Conn {
    /// The connection as fosse-accept has it.
    pub(crate) record: Connection,
    /// The client as far as it is known before any request.
    pub(crate) origin: Origin,
    /// The client of the request that is being read, whom trusted proxies name.
    pub(crate) named: Option<Endpoint>,
    /// The charge of the client that trusted proxies name.
    pub(crate) charge: Option<Charge>,
    /// It began with a PROXY header.
    pub(crate) proxied: bool,
    /// The stream of its exchange, or of the last one.
    pub stream: StreamId,
    /// The phase.
    pub phase: Phase,
    /// Its end, once in `Closing`.
    pub(crate) ending: Ending,
    /// Bytes that were read and not yet parsed.
    pub(crate) input: Vec<u8>,
    /// The search in `input` for the end of a head.
    pub(crate) search: HeadSearch,
    /// Bytes for the client.
    pub output: ClientOutput,
    /// The rates at which they are sent, where the last request's response has any.
    pub(crate) pace: Option<Box<Pace>>,
    /// The limit of what it waits for. It is started at the end of each turn, where that has
    /// changed; in between it is only stopped.
    pub(crate) timer: Timer<Limit>,
    /// Bytes of the body since its limit was started.
    pub(crate) progress: usize,
    /// Number of requests so far.
    pub(crate) requests: u64,
    /// Facts for people.
    pub(crate) shown: Shown,
    /// The exchange under way, or the last one.
    pub exchange: Exchange,
    /// A backend connection belongs to it, because a login is bound to that: fosse-dispatch has to
    /// hear of its end.
    pub(crate) pinned: bool,
    /// The beginning of its line in the access log.
    pub(crate) log: Record,
    /// Method and target of its request, where slow ones are logged.
    pub(crate) asked: Vec<u8>,
    /// The reader of the pages that its request's site has, where it has some.
    pub(crate) reader: Option<Box<Reader>>,
}

impl Conn {
    /// Makes a connection as fosse-accept gives it; the stream of its first request follows
    /// `stream`.
    #[must_use]
    pub fn new(record: Connection, stream: StreamId, context: &Context) -> Self {
        let proxied = context.settings.listener(record.listener).is_some_and(|listener| listener.proxy_protocol);
        let phase = if proxied && record.trusted { Phase::Proxy } else { Phase::Head };
        Self {
            record,
            origin: Origin::of_peer(&record),
            named: None,
            charge: None,
            proxied: false,
            stream,
            phase,
            ending: Ending::Linger,
            input: Vec::new(),
            search: HeadSearch::default(),
            output: ClientOutput::default(),
            pace: None,
            timer: Timer::default(),
            progress: 0,
            requests: 0,
            shown: Shown::begin(context.now_ms),
            exchange: Exchange::none(),
            pinned: false,
            log: Record::default(),
            asked: Vec::new(),
            reader: None,
        }
    }

    /// Returns whether another lane can take the connection on: nothing is buffered, owed or begun.
    /// One that began with a PROXY header cannot move, since the proxy does not send that twice,
    /// and one with a login would lose it.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Head | Phase::Proxy)
            && self.input.is_empty()
            && self.output.is_empty()
            && !self.proxied
            && !self.pinned
    }

    /// Returns the limit of what it waits for; none where that is the ring, or nothing.
    pub(crate) fn limit(&self) -> Option<Limit> {
        if !self.output.is_empty() {
            return match self.paced() {
                None => Some(Limit::Write),
                Some(Wait::Until(_)) => Some(Limit::Pace),
                Some(Wait::Others) => None,
            };
        }
        match self.phase {
            Phase::Head if self.input.is_empty() && self.requests > 0 => Some(Limit::Idle),
            Phase::Proxy | Phase::Head => Some(Limit::Head),
            Phase::Body if self.waits_for_continue() => Some(Limit::Continue),
            // The client is not to blame while the ring takes no bytes.
            Phase::Body => self.wants_input().then_some(Limit::Body),
            Phase::Response => Some(Limit::HangUp),
            Phase::Linger => Some(Limit::Linger),
            Phase::Closing | Phase::Upgraded | Phase::Gone => None,
        }
    }

    /// Returns the time since which it waits for a request, of which a part may be here already, in
    /// milliseconds; `None` while it has one.
    pub(crate) fn waits_since_ms(&self, settings: &Settings) -> Option<u64> {
        let limit = self.limit().filter(|limit| matches!(limit, Limit::Head | Limit::Idle))?;
        // One that has moved in this turn has no time that runs.
        let at_ms = self.timer.at_ms().filter(|_| self.timer.kind() == Some(limit))?;
        Some(at_ms - after(0, limit.time(self.exchange.policy, settings)))
    }

    /// Returns the number of its slot, which is that of its streams.
    pub(crate) fn slot(&self) -> u32 {
        u32::try_from(self.stream.slot()).unwrap_or(u32::MAX)
    }

    /// Returns whether all its requests are one client's. That is so for all but trusted peers, and
    /// for those, too, where the listener says so. A login is bound to a connection only where
    /// fosse-dispatch will hear of its end.
    pub(crate) fn has_single_client(&self, context: &Context) -> bool {
        let listener = context.settings.listener(self.record.listener);
        context.reports_ends && (!self.record.trusted || listener.is_some_and(|l| l.connection_per_client))
    }

    /// Returns whether bytes of the client would be taken now.
    pub(crate) fn wants_input(&self) -> bool {
        match self.phase {
            Phase::Proxy | Phase::Head => self.output.is_empty(),
            Phase::Body => self.exchange.request_credit > 0 && self.input.is_empty(),
            Phase::Linger => true,
            Phase::Response | Phase::Closing | Phase::Upgraded | Phase::Gone => false,
        }
    }

    /// Returns whether the end of what the client sends ends its request. In other phases it is
    /// read, and seen so.
    pub(crate) fn aborts_on_close(&self) -> bool {
        self.phase == Phase::Response && self.exchange.abort_on_close
    }

    /// Restarts the limit of the body.
    pub(crate) const fn restart_body_limit(&mut self) {
        self.timer.stop();
        self.progress = 0;
    }

    /// Gives the memory back once everything is written, and grants credit for more of the
    /// response.
    pub fn all_written(&mut self, blocked: bool, context: &mut Context, out: &mut Outbox) {
        self.output.clear(&mut context.buffers);
        let blocked = blocked || self.pace.is_some();
        let is_encoded = self.exchange.is_encoded;
        self.grant(blocked, context.towards_response(is_encoded, out));
    }

    /// Returns whether nothing of it is left, neither a client nor a stream.
    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Gone && !self.exchange.open
    }

    /// Ends the connection at once, as its client is gone or has to go, and resets the stream. The
    /// caller closes the socket.
    pub(crate) fn abort(&mut self, reason: ResetReason, context: &mut Context, out: &mut Outbox) {
        self.leave_exchange(reason, context, out);
        let end = match reason {
            ResetReason::Timeout => End::Timeout,
            ResetReason::Client => End::Client,
            _ => End::Reset,
        };
        self.end_log(end, "", context);
        traffic::count(&mut self.exchange, false, context);
        self.discharge(context);
        self.end_pace(context);
        self.phase = Phase::Gone;
        self.drop_input(context);
        self.output.clear(&mut context.buffers);
    }

    /// Resets the stream of the exchange, for which no client waits any more. That is done after
    /// the end of the request as well: the response can stop.
    pub(crate) fn leave_exchange(&mut self, reason: ResetReason, context: &mut Context, out: &mut Outbox) {
        if self.exchange.open && !self.exchange.discard {
            out.reset(self.stream, reason);
            if let Some(encode) = context.to_encode.as_mut().filter(|_| self.exchange.is_encoded) {
                // dispatch may have sent all of the response, and will not end it again.
                encode.outbox.reset(self.stream, reason);
            }
            self.exchange.forward_done = true;
            self.exchange.discard = true;
        }
    }

    fn end_log(&mut self, end: End, why: &str, context: &mut Context) {
        crate::slow::report(&mut self.asked, &self.exchange, context);
        let Context { access, settings, .. } = context;
        access.end(&mut self.log, &self.exchange, end, settings.server_name(self.exchange.backend), why);
    }

    /// Sends a local response and ends the connection; where a response has begun already, ends it
    /// by a reset.
    pub(crate) fn refuse(&mut self, refused: Refused, context: &mut Context, out: &mut Outbox) {
        let input = core::mem::take(&mut self.input);
        let head: &[u8] = if self.phase == Phase::Head { &input } else { b"" };
        self.refuse_seeing(head, refused, context, out);
        self.input = input;
        self.drop_input(context);
    }

    /// Does the same, where `head` is what has come of the head of a request; empty where none is
    /// awaited.
    pub(crate) fn refuse_seeing(&mut self, head: &[u8], refused: Refused, context: &mut Context, out: &mut Outbox) {
        if self.exchange.open && self.exchange.response_begun {
            self.abort(ResetReason::Client, context, out);
            return;
        }
        self.report(host_of(head), refused, context);
        self.leave_exchange(ResetReason::Client, context, out);
        self.discharge_request(context);
        context.buffers.lend(&mut self.output.bytes);
        let methods = context.settings.policy(self.exchange.policy).map(|policy| policy.methods.as_slice());
        let (status, why, methods) = (refused.status, refused.why, methods.unwrap_or_default());
        let request = self.exchange.open.then_some(self.exchange.request);
        let subject = Subject { status, request, detail: why, host: host_of(head) };
        let page = pages::of_refusal(&subject, self.reader.as_deref(), (&context.settings, self.record.listener));
        let id = self.exchange.shown_request_id(&context.settings);
        let beside = Beside { methods, page: page.as_ref(), request_id: id.as_deref() };
        error_response::write(&mut self.output.bytes, (status, why), self.exchange.is_head, &beside);
        self.close_after(Ending::Linger, context);
    }

    /// Writes the event line of a refusal.
    pub(crate) fn report_refusal(&self, host: &[u8], refused: Refused, context: &mut Context) {
        let of = Whose { host, site: self.exchange.site, policy: self.exchange.policy };
        context.refusals.note(refused, &self.client(), &of, &context.settings, context.now_ms);
    }

    /// Returns the client, as far as it is known.
    pub(crate) fn client(&self) -> Endpoint {
        if self.exchange.open { self.exchange.client } else { self.named.unwrap_or(self.origin.client) }
    }

    /// Counts and logs a refusal.
    fn report(&mut self, host: &[u8], refused: Refused, context: &mut Context) {
        context.counters.add(count::REFUSED, 1);
        self.report_refusal(host, refused, context);
        traffic::count_refused(&mut self.exchange, refused.status, context);
        if self.log.is_empty() {
            let (connection, client, peer) = (self.record.id, self.client(), self.record.peer);
            let who = Who { request: 0, request_id: None, connection, client, peer, site: "" };
            return context.access.refused(&who, host, refused);
        }
        self.exchange.status = refused.status;
        self.exchange.cause = Cause::of_status(refused.status);
        self.end_log(End::Complete, refused.why, context);
    }

    /// Ends the connection when all is written; nothing more is read.
    pub(crate) fn close_after(&mut self, ending: Ending, context: &mut Context) {
        self.phase = Phase::Closing;
        self.ending = ending;
        self.drop_input(context);
    }

    fn drop_input(&mut self, context: &mut Context) {
        self.input.clear();
        context.buffers.give_back(&mut self.input);
    }

    /// Ends the exchange after its whole response: on to the next request, or to the end.
    pub(crate) fn complete(&mut self, context: &mut Context, out: &mut Outbox) {
        context.counters.add(count::RESPONSES, 1);
        self.end_log(End::Complete, "", context);
        traffic::count(&mut self.exchange, true, context);
        // Bytes that do not become a request are nobody's.
        (self.exchange.site, self.exchange.policy) = (SITE_NONE, u32::MAX);
        self.discharge_request(context);
        let cut_short = !self.exchange.forward_done;
        if cut_short {
            out.reset(self.stream, ResetReason::Limit);
            self.exchange.forward_done = true;
        }
        self.exchange.open = false;
        self.exchange.is_head = false;
        if self.phase == Phase::Upgraded {
            self.close_after(Ending::Clean, context);
        } else if self.exchange.close || cut_short {
            let clean = self.exchange.client_closes && !cut_short && !self.exchange.denied && self.input.is_empty();
            self.close_after(if clean { Ending::Clean } else { Ending::Linger }, context);
        } else {
            self.phase = Phase::Head;
            self.search = HeadSearch::default();
        }
    }

    /// Grants credit for the bytes of the response that are written, once it is worth a frame.
    /// `blocked` says that the client was slow to take them.
    pub(crate) fn grant(&mut self, blocked: bool, out: &mut Outbox) {
        let exchange = &mut self.exchange;
        let streaming = exchange.open && !exchange.discard && exchange.lease == Lease::No && exchange.response_begun;
        // Of a body that has come to its end nothing more is awaited.
        if streaming && exchange.framing != Framing::Exact(0) {
            out.credit(self.stream, Kind::ResponseCredit, exchange.response_credit.grant(blocked));
        }
    }
}
