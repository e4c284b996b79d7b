//! The turns of fosse-parse-h2: what is ready is read, worked on, and written once to each peer and
//! client.

use std::os::fd::OwnedFd;

use fosse_acceptor::{AcceptChannel, FromAccept, report_lost};
use fosse_counters as count;
use fosse_eventloop::{Event, EventLoop, Events, Interest};
use fosse_front::context::Context;
use fosse_front::drain::Drain;
use fosse_front::encoded::Encoded;
use fosse_front::inspect::Inspector;
use fosse_front::lease_channel::LeaseChannel;
use fosse_front::ring;
use fosse_front::startup::Lane;
use fosse_front::tls_channel::{Handshaken, TlsChannel};
use fosse_lockdown::Sealed;
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_stage::{Gone, Input, Output};
use fosse_sys::memory::HeapTrimmer;
use fosse_sys::page::PageReader;
use fosse_wire::channel::Connection;
use fosse_wire::frame::ResetReason;
use fosse_wire::handshaken::How;
use fosse_wire::start::ToChild;

use crate::client::Phase;
use crate::clients::Clients;
use crate::flush::Over;
use crate::inbound::Ring;
use crate::inspected::Inspected;
use crate::limits::{LAST_WORDS_MS_MAX, READ_BYTES_MAX};
use crate::{PROGRAM, flush, leaving, paced, shutdown, sweep};

/// Marks the event tokens of all that is no client; clients' tokens have this bit clear.
const OTHER: u64 = 1 << 63;
const RING_IN: u64 = OTHER | 1;
const RING_OUT: u64 = OTHER | 2;
const ACCEPT: u64 = OTHER | 3;
const ENCODE_IN: u64 = OTHER | 4;
const ENCODE_OUT: u64 = OTHER | 5;
const TLS: u64 = OTHER | 6;

/// The front with everything it works on.
#[derive(Debug)]
pub struct Server {
    input: Input,
    output: Output,
    /// Responses by way of fosse-encode.
    encoded: Encoded,
    clients: Clients,
    accept: AcceptChannel,
    tls: TlsChannel,
    /// Held for fosse-dispatch, which takes its end for that of the lane. No stream is lent, and no
    /// login is bound to a connection that many requests share.
    _lease: LeaseChannel,
    context: Context,
    /// Destination of every read from a client and from accept.
    buffer: Box<[u8]>,
    inspector: Inspector,
    /// Memory that a flood has left.
    heap: HeapTrimmer,
    /// Time at which bytes may go that rates keep back.
    paced_ms: Option<u64>,
    /// The reason to end after this turn.
    ending: Option<ExitReason>,
}

impl Server {
    /// Reads the settings and watches the descriptors.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn new(process: &Process, mut given: Given, lane: Sealed<Lane>) -> Result<Self, ExitReason> {
        let mut lane = given.open(lane);
        let mut context = lane.context(PROGRAM, process, &mut given)?;
        let Lane { input, output, encode, .. } = lane;
        let (from_encode, to_encode) = encode.unzip();
        let (accept, tls) = (given.optional(8), TlsChannel::new(given.optional(16)));
        process.event_loop.add(&input, RING_IN, Interest::IN)?;
        let encoded = Encoded::watch(from_encode, ENCODE_IN, &process.event_loop)?;
        accept.as_ref().map_or(Ok(()), |fd| process.event_loop.add(fd, ACCEPT, Interest::IN))?;
        tls.fd().map_or(Ok(()), |fd| process.event_loop.add(fd, TLS, Interest::IN))?;
        context.to_encode = to_encode;
        Ok(Self {
            input,
            output,
            encoded,
            clients: Clients::default(),
            accept: AcceptChannel::new(accept),
            tls,
            _lease: LeaseChannel::new(given.optional(9)),
            context,
            buffer: vec![0; READ_BYTES_MAX].into_boxed_slice(),
            inspector: Inspector::new(given.optional(15).and_then(|fd| PageReader::map(fd).ok())),
            heap: HeapTrimmer::default(),
            paced_ms: None,
            ending: None,
        })
    }

    /// Response frames, each to its stream.
    fn on_frames(&mut self, event_loop: &EventLoop) -> Result<(), Gone> {
        let Self { input, output, encoded, clients, context, .. } = self;
        ring::hear((input, output), encoded, clients, context, event_loop)
    }

    fn on_client(&mut self, event: Event) {
        // Without one it is an event from before its socket was closed.
        if let Some(index) = self.clients.of_token(event.token)
            && event.readable()
        {
            self.read(index);
        }
    }

    /// Reads once, and hands the bytes to the connection.
    fn read(&mut self, index: u32) {
        let Self { clients, context, output, buffer, .. } = self;
        clients.with(index, |client, slots, scratch| {
            if !client.wants_input() {
                return;
            }
            context.counters.work_on(client.caller.record.id, 0);
            let read = client.socket.read(buffer);
            let length = read.as_ref().ok().copied().flatten().map_or(0, <[u8]>::len);
            context.counters.add(count::parse::BYTES_IN, u64::try_from(length).unwrap_or(0));
            client.caller.shown.bytes_in += u64::try_from(length).unwrap_or(0);
            let out = &mut output.outbox;
            match read {
                Ok(None) => {}
                Ok(Some([])) if client.is_idle() || client.phase == Phase::Linger => {
                    client.socket.end_without_reset(&client.caller);
                    client.abort(ResetReason::Client, slots, context, out);
                }
                Ok(Some([])) | Err(_) => client.abort(ResetReason::Client, slots, context, out),
                Ok(Some(bytes)) => client.feed(index, bytes, &mut Ring { slots, scratch, context, out }),
            }
            context.counters.set(count::STREAM_CONNECTION, 0);
        });
    }

    fn on_connections(&mut self, event_loop: &EventLoop) -> Result<(), ExitReason> {
        // What would refuse a client must be here before it.
        if !self.context.sources.are_complete(&self.context.settings) {
            return Ok(());
        }
        let failed = |errno| ExitReason::Failed(format!("unable to take connections: {errno}"));
        while let Some(message) = self.accept.receive(&mut self.buffer, event_loop).map_err(failed)? {
            match message {
                FromAccept::Connections(new, lost) => {
                    new.into_iter().for_each(|(record, fd)| self.on_connection(record, fd));
                    report_lost(PROGRAM, lost, count::parse::EXHAUSTED, &self.context.counters);
                }
                FromAccept::List => {
                    self.accept.list(self.clients.records());
                    self.context.sources.counts.begin_again();
                }
                FromAccept::Elsewhere(all) => all.iter().for_each(|one| self.context.sources.counts.hear(one)),
                FromAccept::Penalised(all) => leaving::penalise(&mut self.clients, &all, &mut self.context),
                FromAccept::Relieve(count) => leaving::relieve(&mut self.clients, count, &self.context),
            }
        }
        Ok(())
    }

    fn on_connection(&mut self, record: Connection, fd: OwnedFd) {
        // close(2) of it sends RST: it comes with SO_LINGER 0. So until its normal end a connection
        // ends in a reset, whatever kills this process: a part of a response never looks whole.
        match self.clients.insert(record, fd, &self.context) {
            // The request is usually there before the connection is: reading at once saves a turn.
            Some(index) => self.read(index),
            None => self.accept.note_closed(record),
        }
    }

    /// Clients of fosse-tls, whose handshake is done.
    fn on_handshaken(&mut self, event_loop: &EventLoop) -> Result<(), ExitReason> {
        let failed = |errno| ExitReason::Failed(format!("unable to take clients of fosse-tls: {errno}"));
        while let Some(clients) = self.tls.receive(event_loop).map_err(failed)? {
            clients.into_iter().for_each(|client| self.on_client_of_tls(client));
        }
        Ok(())
    }

    fn on_client_of_tls(&mut self, client: Handshaken) {
        let Handshaken { record, client: named, proxied, tls, plain } = client;
        let Self { clients, context, output, .. } = self;
        let inserted = clients.insert(record, plain, context);
        let Some(index) = inserted else { return self.tls.note_ended(record.id, How::Reset) };
        let named = proxied.then_some(&named);
        clients.with(index, |client, slots, _| {
            if let Err(refused) = client.take_handshake(tls, named, context) {
                client.report(refused, context);
                client.abort(ResetReason::Client, slots, context, &mut output.outbox);
            }
        });
        self.read(index);
    }

    /// Everything that is written at the end of a turn.
    fn settle(&mut self, event_loop: &EventLoop) {
        let Self { output, clients, accept, tls, context, .. } = self;
        let out = &mut output.outbox;
        while let Some(index) = clients.next_queued() {
            match flush::flush(clients, index, event_loop, context, out) {
                Some(Over { record, tls: Some(how) }) => tls.note_ended(record.id, how),
                Some(Over { record, tls: None }) => accept.note_closed(record),
                None => {}
            }
        }
        tls.send(event_loop);
        if context.sources.has_news() {
            accept.note_shares(context.sources.counts.take_news());
            accept.note_offences(context.sources.take_overruns());
        }
        accept.send(event_loop);
        context.access.flush();
        let dropped = context.access.take_dropped();
        context.counters.add(count::parse::ACCESS_DROPPED, dropped);
    }

    fn is_drained(&self, event_loop: &EventLoop) -> bool {
        let drain = self.context.drain;
        // fosse-tls gives clients until it has none, and exits then.
        let is_done = self.accept.has_sent_all() && self.tls.fd().is_none();
        let is_empty = self.clients.len() == 0 && event_loop.ticked();
        drain.has_begun() && is_empty && (is_done || drain.is_overdue(self.context.now_ms))
    }

    /// Says the last words to all clients, for half a second at most: the ring is dead, or nothing
    /// goes on for another reason.
    fn shut_down(&mut self, event_loop: &mut EventLoop) {
        // A closed ring is always ready and would keep this loop awake.
        let _ = event_loop.remove(&self.input);
        // Nor is anything taken from accept: what is not read goes on to another lane.
        if let Some(accept) = self.accept.fd() {
            let _ = event_loop.remove(accept);
        }
        if let Some(tls) = self.tls.fd() {
            let _ = event_loop.remove(tls);
        }
        self.encoded.lose(event_loop, &mut self.context);
        self.context.drain = Drain::Ending;
        let Self { clients, context, output, .. } = self;
        for index in clients.indices() {
            clients.with(index, |client, slots, _| {
                shutdown::end_exchanges(client, slots, context, &mut output.outbox);
            });
        }
        let end_ms = fosse_eventloop::clock_ms() + LAST_WORDS_MS_MAX;
        let mut events = Events::new();
        self.settle(event_loop);
        while self.clients.len() > 0 && self.context.now_ms < end_ms {
            if event_loop.poll_once(&mut events, None).is_err() {
                return;
            }
            self.context.set_now(event_loop);
            for event in &events {
                self.on_client(event);
            }
            self.settle(event_loop);
        }
    }

    /// Ends the waits of clients whose time is over, and, once that of the drain is, all others.
    fn end_overdue(&mut self) {
        let Self { output, clients, context, .. } = self;
        let until = |index| clients.known(index).and_then(|client| client.timer.at_ms());
        for index in context.deadlines.due(context.now_ms, until) {
            clients.with(index, |client, slots, _| flush::end_wait(client, slots, context, &mut output.outbox));
        }
        if context.drain.is_overdue(context.now_ms) {
            for index in clients.indices() {
                clients.with(index, |client, slots, _| {
                    client.abort(ResetReason::Timeout, slots, context, &mut output.outbox);
                });
            }
        }
    }
}

impl Service for Server {
    fn wait_ms_max(&self, _: &Process) -> Option<u64> {
        let now_ms = self.context.now_ms;
        let paced = self.paced_ms.map(|at_ms| at_ms.max(now_ms) - now_ms);
        self.context.deadlines.wait_ms(now_ms).into_iter().chain(self.inspector.wait_ms(now_ms)).chain(paced).min()
    }

    fn begin_turn(&mut self, process: &Process) {
        self.context.set_now(&process.event_loop);
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        match event.token {
            RING_IN => self.on_frames(&process.event_loop).map_err(ring::ended)?,
            ENCODE_IN => {
                let Self { encoded, output, clients, context, .. } = self;
                encoded.read(&process.event_loop, clients, context, output);
            }
            ACCEPT | TLS => {
                let is_tls = event.token == TLS;
                let taken = if is_tls { Self::on_handshaken } else { Self::on_connections };
                if let Err(reason) = taken(self, &process.event_loop) {
                    // What came before is still written: a client must not lose what is whole.
                    self.ending.get_or_insert(reason);
                }
            }
            RING_OUT | ENCODE_OUT => {}
            _ => self.on_client(event),
        }
        Ok(())
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Drain => leaving::drain(&mut self.clients, &mut self.context),
            // Whatever else came in this turn is written as well.
            Order::End => self.ending = Some(ExitReason::Failed("start is gone".to_owned())),
            Order::Give(ToChild::Addresses { listener, .. }, fd) => {
                let taken = self.context.sources.take_list(listener, fd);
                taken.map_err(|why| ExitReason::Failed(format!("addresses listener={listener}: {why}")))?;
            }
            Order::Give(ToChild::Encode { writes, .. }, fd) => {
                let Self { encoded, output, clients, context, .. } = self;
                encoded.take_end(fd, writes, &process.event_loop, clients, context, output)?;
            }
            Order::Tell(_) | Order::Give(..) => return Err(ExitReason::broken_protocol("start")),
        }
        Ok(())
    }

    fn on_tick(&mut self, _: &Process) -> Result<(), ExitReason> {
        let Self { clients, context, heap, output, .. } = self;
        sweep::sweep(clients, context, &mut output.outbox);
        context.refusals.tick(PROGRAM, context.now_ms);
        context.counters.set(count::parse::CONNECTIONS, u64::try_from(clients.len()).unwrap_or(0));
        if heap.should_trim() {
            context.buffers.clear();
            fosse_sys::memory::trim();
        }
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.end_overdue();
        let Self { inspector, output, clients, context, .. } = self;
        inspector.turn(&mut Inspected { clients, out: &mut output.outbox }, context);
        self.paced_ms = paced::send(clients, context, &mut output.outbox);
        self.settle(&process.event_loop);
        let Self { output, encoded, clients, context, .. } = self;
        let event_loop = (&process.event_loop, [RING_OUT, ENCODE_OUT]);
        ring::flush(output, encoded, clients, context, event_loop).map_err(ring::ended)?;
        match self.ending.take() {
            Some(reason) => Err(reason),
            None if self.is_drained(&process.event_loop) => Err(ExitReason::Drained),
            None => Ok(()),
        }
    }

    fn finish(&mut self, process: &mut Process, reason: ExitReason) -> ExitReason {
        let reason = match reason {
            ExitReason::Failed(why) => {
                fosse_die::alert(PROGRAM, format_args!("unable to go on: {why}"));
                self.shut_down(&mut process.event_loop);
                ExitReason::Reported
            }
            reason => reason,
        };
        self.context.refusals.end(PROGRAM);
        reason
    }
}
