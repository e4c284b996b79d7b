//! One client connection: its phases, and the ways out of them. Bytes come in by `inbound`, frames
//! by `outbound`; nothing here does I/O.

use fosse_deadlines::{Timer, after};
use fosse_front::caller::{Caller, KeptHandshake};
use fosse_front::context::Context;
use fosse_front::output::ClientOutput;
use fosse_front::pace::Wait;
use fosse_front::refused::{Refused, host_of};
use fosse_front::settings::Settings;
use fosse_front::stream::Stream;
use fosse_wire::channel::Connection;
use fosse_wire::frame::ResetReason;
use fosse_wire::request::Endpoint;
use fosse_wire::{Outbox, StreamId};

use crate::error_response;
use crate::limit::Limit;
use crate::message::{Expect, Message};

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
    /// The connection, and what is known of its client.
    pub(crate) caller: Caller,
    /// Its slot of the ring, and the exchange that has it.
    pub stream: Stream,
    /// The framing of that exchange's messages.
    pub(crate) message: Message,
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
    /// The limit of what it waits for. It is started at the end of each turn, where that has
    /// changed; in between it is only stopped.
    pub(crate) timer: Timer<Limit>,
    /// Bytes of the body since its limit was started.
    pub(crate) progress: usize,
}

impl Conn {
    /// Makes a connection as fosse-accept gives it; the stream of its first request follows
    /// `stream`.
    #[must_use]
    pub fn new(record: Connection, stream: StreamId, context: &Context) -> Self {
        let caller = Caller::new(record, context);
        Self {
            phase: if caller.awaits_proxy(context) { Phase::Proxy } else { Phase::Head },
            caller,
            stream: Stream::new(stream, context),
            message: Message::none(),
            ending: Ending::Linger,
            input: Vec::new(),
            search: HeadSearch::default(),
            output: ClientOutput::default(),
            timer: Timer::default(),
            progress: 0,
        }
    }

    /// Takes what fosse-tls knows of the client, before anything is read of it.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn take_handshake(
        &mut self,
        tls: KeptHandshake,
        named: Option<&Endpoint>,
        context: &mut Context,
    ) -> Result<(), Refused> {
        self.phase = Phase::Head;
        self.caller.take_handshake(tls, named, context)
    }

    /// Returns whether another lane can take the connection on: nothing is buffered, owed or begun.
    /// One that began with a PROXY header cannot move, since the proxy does not send that twice,
    /// and one with a login would lose it.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Head | Phase::Proxy)
            && self.input.is_empty()
            && self.output.is_empty()
            && !self.caller.proxied
            && !self.caller.pinned
    }

    /// Returns whether nothing is buffered, owed or begun on a connection that fosse-tls has.
    pub(crate) fn is_idle_over_tls(&self) -> bool {
        self.caller.tls.is_some() && self.phase == Phase::Head && self.input.is_empty() && self.output.is_empty()
    }

    /// Returns the limit of what it waits for; none where that is the ring, or nothing.
    pub(crate) fn limit(&self) -> Option<Limit> {
        if !self.output.is_empty() {
            return match self.stream.paced() {
                None => Some(Limit::Write),
                Some(Wait::Until(_)) => Some(Limit::Pace),
                Some(Wait::Others) => None,
            };
        }
        match self.phase {
            Phase::Head if self.input.is_empty() && self.caller.requests > 0 => Some(Limit::Idle),
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
        Some(at_ms - after(0, limit.time(self.stream.exchange.policy, settings)))
    }

    /// Returns whether bytes of the client would be taken now.
    pub(crate) fn wants_input(&self) -> bool {
        match self.phase {
            Phase::Proxy | Phase::Head => self.output.is_empty(),
            Phase::Body => self.stream.exchange.request_credit > 0 && self.input.is_empty(),
            Phase::Linger => true,
            Phase::Response | Phase::Closing | Phase::Upgraded | Phase::Gone => false,
        }
    }

    /// Returns whether the end of what the client sends ends its request. In other phases it is
    /// read, and seen so.
    pub(crate) fn aborts_on_close(&self) -> bool {
        self.phase == Phase::Response && self.stream.exchange.abort_on_close
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
        let blocked = blocked || self.stream.pace.is_some();
        self.stream.grant(blocked, context, out);
    }

    /// Returns whether nothing of it is left, neither a client nor a stream.
    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Gone && !self.stream.exchange.open
    }

    /// Returns whether the client holds its body back and has no response yet.
    pub(crate) fn waits_for_continue(&self) -> bool {
        self.phase == Phase::Body && self.message.expect == Expect::Pending && !self.stream.exchange.response_begun
    }

    /// Ends the connection at once, as its client is gone or has to go, and resets the stream. The
    /// caller closes the socket.
    pub(crate) fn abort(&mut self, reason: ResetReason, context: &mut Context, out: &mut Outbox) {
        self.stream.abort(reason, context, out);
        self.caller.discharge(context);
        self.phase = Phase::Gone;
        self.drop_input(context);
        self.output.clear(&mut context.buffers);
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
        if self.stream.exchange.open && self.stream.exchange.response_begun {
            self.abort(ResetReason::Client, context, out);
            return;
        }
        let host = host_of(head);
        self.stream.give_up(host, refused, &self.caller, context, out);
        context.buffers.lend(&mut self.output.bytes);
        let local = self.stream.local(host, refused, &self.caller, &context.settings);
        error_response::write(&mut self.output.bytes, &local, self.stream.exchange.is_head);
        self.close_after(Ending::Linger, context);
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
        let cut_short = self.stream.complete(context, out);
        if self.phase == Phase::Upgraded {
            self.close_after(Ending::Clean, context);
        } else if self.message.close || cut_short {
            let asked = self.message.client_closes && self.input.is_empty();
            let clean = asked && !cut_short && !self.stream.exchange.denied;
            self.close_after(if clean { Ending::Clean } else { Ending::Linger }, context);
        } else {
            self.phase = Phase::Head;
            self.search = HeadSearch::default();
        }
    }
}
