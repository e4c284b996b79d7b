//! The turns of fosse-parse: what is ready is read, worked on, and written once to each peer and
//! client.

use std::os::fd::OwnedFd;

use fosse_acceptor::{AcceptChannel, FromAccept, report_lost};
use fosse_counters as count;
use fosse_eventloop::{Event, EventLoop, Events, Interest};
use fosse_lockdown::Sealed;
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_stage::{Gone, Input, Output};
use fosse_sys::memory::HeapTrimmer;
use fosse_sys::page::PageReader;
use fosse_wire::channel::{Connection, Tally};
use fosse_wire::handshaken::How;
use fosse_wire::start::ToChild;

use crate::inspected::Inspected;
use crate::limits::{LAST_WORDS_MS_MAX, READ_BYTES_MAX};
use crate::table::{Table, Visited};
use crate::{PROGRAM, shutdown, timeouts};
use fosse_front::context::Context;
use fosse_front::drain::Drain;
use fosse_front::encoded::Encoded;
use fosse_front::inspect::Inspector;
use fosse_front::lease_channel::LeaseChannel;
use fosse_front::peers::Peers;
use fosse_front::ring;
use fosse_front::startup::Lane;
use fosse_front::tls_channel::{Handshaken, TlsChannel};
use fosse_source::relief;

/// Marks the event tokens of all that is no client; clients' tokens have this bit clear.
const OTHER: u64 = 1 << 63;
const RING_IN: u64 = OTHER | 1;
const RING_OUT: u64 = OTHER | 2;
const ACCEPT: u64 = OTHER | 3;
const ENCODE_IN: u64 = OTHER | 4;
const ENCODE_OUT: u64 = OTHER | 5;
const TLS: u64 = OTHER | 6;

/// The lane's first stage with everything it works on. Handlers of other files take the parts they
/// need.
#[derive(Debug)]
pub struct Server {
    input: Input,
    output: Output,
    /// Responses by way of fosse-encode.
    encoded: Encoded,
    clients: Table,
    peers: Peers,
    context: Context,
    /// Destination of every read from a client and from accept.
    buffer: Box<[u8]>,
    inspector: Inspector,
    /// Memory that a flood has left.
    heap: HeapTrimmer,
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
        let accept = given.required(8);
        process.event_loop.add(&input, RING_IN, Interest::IN)?;
        let encoded = Encoded::watch(from_encode, ENCODE_IN, &process.event_loop)?;
        process.event_loop.add(&accept, ACCEPT, Interest::IN)?;
        let tls = TlsChannel::new(given.optional(16));
        tls.fd().map_or(Ok(()), |fd| process.event_loop.add(fd, TLS, Interest::IN))?;
        let lease = LeaseChannel::new(given.optional(9));
        let peers = Peers { accept: AcceptChannel::new(Some(accept)), lease, tls };
        context.reports_ends = peers.lease.is_there();
        context.to_encode = to_encode;
        let buffer = vec![0; READ_BYTES_MAX].into_boxed_slice();
        let (clients, heap) = (Table::default(), HeapTrimmer::default());
        let inspector = Inspector::new(given.optional(15).and_then(|fd| PageReader::map(fd).ok()));
        Ok(Self { input, output, encoded, clients, peers, context, buffer, inspector, heap, ending: None })
    }

    /// Response frames, each to its connection.
    fn on_frames(&mut self, event_loop: &EventLoop) -> Result<(), Gone> {
        let Self { input, output, encoded, clients, context, .. } = self;
        ring::hear((input, output), encoded, clients, context, event_loop)
    }

    fn on_client(&mut self, event: Event) {
        // Without one it is an event from before its socket was closed.
        if let Some((conn, socket)) = self.clients.queued_by_token(event.token) {
            socket.on_event(event, conn, &mut self.buffer, &mut self.context, &mut self.output.outbox);
        }
    }

    fn on_connections(&mut self, event_loop: &EventLoop) -> Result<(), ExitReason> {
        // What would refuse a client must be here before it.
        if !self.context.sources.are_complete(&self.context.settings) {
            return Ok(());
        }
        let failed = |errno| ExitReason::Failed(format!("unable to take connections: {errno}"));
        while let Some(message) = self.peers.accept.receive(&mut self.buffer, event_loop).map_err(failed)? {
            match message {
                FromAccept::Connections(new, lost) => {
                    new.into_iter().for_each(|(record, fd)| self.on_connection(record, fd));
                    report_lost(PROGRAM, lost, count::parse::EXHAUSTED, &self.context.counters);
                }
                FromAccept::List => {
                    self.peers.accept.list(self.clients.records());
                    self.context.sources.counts.begin_again();
                }
                FromAccept::Elsewhere(all) => all.iter().for_each(|one| self.context.sources.counts.hear(one)),
                FromAccept::Penalised(all) => self.on_penalties(&all, event_loop),
                FromAccept::Relieve(count) => self.relieve(count, event_loop),
            }
        }
        Ok(())
    }

    /// Ends the connections of those who are refused from now on, after the response under way.
    fn on_penalties(&mut self, penalties: &[Tally], event_loop: &EventLoop) {
        let Self { output, clients, peers, context, .. } = self;
        context.sources.penalise(penalties, context.now_ms);
        clients.visit(|client| {
            if client.conn.caller.is_refused(context) {
                client.end_soon(event_loop, peers, context, &mut output.outbox);
            }
            Visited::Done
        });
    }

    /// Ends idle connections, so that new ones find room.
    fn relieve(&mut self, count: usize, event_loop: &EventLoop) {
        let Self { output, clients, peers, context, .. } = self;
        for index in relief::choose(clients.waiting(&context.settings), count, context.now_ms) {
            if let Some(client) = clients.queued(index) {
                context.counters.add(count::parse::RELIEVED, 1);
                client.close(event_loop, peers, context, &mut output.outbox);
            }
        }
    }

    fn on_connection(&mut self, record: Connection, fd: OwnedFd) {
        // close(2) of it sends RST: it comes with SO_LINGER 0. So until its normal end a connection
        // ends in a reset, whatever kills this process: a part of a response never looks whole.
        let added = self.clients.insert(record, fd, &self.context);
        match added {
            // The request is usually there before the connection is: reading at once saves a turn.
            Some((conn, socket)) => {
                socket.read(conn, &mut self.buffer, &mut self.context, &mut self.output.outbox);
            }
            None => self.peers.accept.note_closed(record),
        }
    }

    /// Clients of fosse-tls, whose handshake is done.
    fn on_handshaken(&mut self, event_loop: &EventLoop) -> Result<(), ExitReason> {
        let failed = |errno| ExitReason::Failed(format!("unable to take clients of fosse-tls: {errno}"));
        while let Some(clients) = self.peers.tls.receive(event_loop).map_err(failed)? {
            clients.into_iter().for_each(|client| self.on_client_of_tls(client));
        }
        Ok(())
    }

    fn on_client_of_tls(&mut self, client: Handshaken) {
        let Handshaken { record, client, proxied, tls, plain } = client;
        let Some((conn, socket)) = self.clients.insert(record, plain, &self.context) else {
            return self.peers.tls.note_ended(record.id, How::Reset);
        };
        let named = proxied.then_some(&client);
        match conn.take_handshake(tls, named, &mut self.context) {
            Ok(()) => socket.read(conn, &mut self.buffer, &mut self.context, &mut self.output.outbox),
            Err(refused) => conn.refuse(refused, &mut self.context, &mut self.output.outbox),
        }
    }

    fn drain(&mut self) {
        let context = &mut self.context;
        context.counters.set(count::DRAINING, 1);
        context.drain = Drain::Until(context.after(context.settings.blob.drain_seconds_max));
        self.clients.watch_idle();
    }

    /// Ends the waits of clients whose time is over, and, once that of the drain is, all others.
    fn end_overdue(&mut self, event_loop: &EventLoop) {
        let Self { output, clients, peers, context, .. } = self;
        let out = &mut output.outbox;
        for index in context.deadlines.due(context.now_ms, |index| clients.limited_until_ms(index)) {
            clients.visit_slot(index, |client| timeouts::end_wait(client, event_loop, peers, context, out));
        }
        if context.drain.is_overdue(context.now_ms) {
            clients.visit(|client| {
                client.cut_off(event_loop, peers, context, out);
                Visited::Done
            });
        }
    }

    /// Everything that is written at the end of a turn.
    fn settle(&mut self, event_loop: &EventLoop) {
        let Self { output, clients, peers, context, .. } = self;
        let out = &mut output.outbox;
        clients.flush(context, |client, context| {
            let flushed = client.flush(event_loop, peers, context, out);
            client.run_limit(context);
            flushed
        });
        if context.drain.has_begun() {
            shutdown::return_idle(clients, event_loop, peers, context, out);
        }
        if context.sources.has_news() {
            peers.accept.note_shares(context.sources.counts.take_news());
            peers.accept.note_offences(context.sources.take_overruns());
        }
        peers.accept.send(event_loop);
        peers.tls.send(event_loop);
        peers.lease.send();
        context.access.flush();
        let dropped = context.access.take_dropped();
        context.counters.add(count::parse::ACCESS_DROPPED, dropped);
    }

    fn is_drained(&self, event_loop: &EventLoop) -> bool {
        let drain = self.context.drain;
        // One tick more than the drain itself takes: accept may have passed a connection before it
        // heard of the drain.
        // fosse-tls gives clients until it has none, and exits then.
        let is_done = self.peers.accept.has_sent_all() && self.peers.tls.fd().is_none();
        let is_empty = self.clients.is_empty() && event_loop.ticked();
        drain.has_begun() && is_empty && (is_done || drain.is_overdue(self.context.now_ms))
    }

    /// Says the last words to all clients, for half a second at most: the ring is dead, or nothing
    /// goes on for another reason.
    fn shut_down(&mut self, event_loop: &mut EventLoop) {
        // A closed ring is always ready and would keep this loop awake.
        let _ = event_loop.remove(&self.input);
        // Nor is anything taken from accept: what is not read goes on to another lane.
        if let Some(accept) = self.peers.accept.fd() {
            let _ = event_loop.remove(accept);
        }
        if let Some(tls) = self.peers.tls.fd() {
            let _ = event_loop.remove(tls);
        }
        self.encoded.lose(event_loop, &mut self.context);
        // Responses end their connections now, and idle ones go back to accept.
        self.context.drain = Drain::Ending;
        self.clients.watch_idle();
        let Self { clients, context, output, peers, .. } = self;
        clients.visit(|client| {
            if client.conn.is_idle_over_tls() {
                // Nobody else has the keys of its records.
                client.close(event_loop, peers, context, &mut output.outbox);
                return Visited::Done;
            }
            shutdown::end_exchange(&mut client.conn, context, &mut output.outbox);
            Visited::Flush
        });
        let end_ms = fosse_eventloop::clock_ms().saturating_add(LAST_WORDS_MS_MAX);
        let mut events = Events::new();
        self.settle(event_loop);
        while !self.clients.is_empty() && self.context.now_ms < end_ms {
            if event_loop.poll_once(&mut events, None).is_err() {
                return;
            }
            self.context.set_now(event_loop);
            for event in &events {
                self.on_client(event);
            }
            self.settle(event_loop);
        }
        // Those that accept could not take.
        let Self { output, clients, peers, context, .. } = self;
        shutdown::close_idle(clients, event_loop, peers, context, &mut output.outbox);
    }
}

impl Service for Server {
    fn wait_ms_max(&self, _: &Process) -> Option<u64> {
        let now_ms = self.context.now_ms;
        self.context.deadlines.wait_ms(now_ms).into_iter().chain(self.inspector.wait_ms(now_ms)).min()
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
            RING_OUT | ENCODE_OUT => {}
            ACCEPT => {
                if let Err(reason) = self.on_connections(&process.event_loop) {
                    // What came before is still written: a client must not lose what is whole.
                    self.ending.get_or_insert(reason);
                }
            }
            TLS => {
                if let Err(reason) = self.on_handshaken(&process.event_loop) {
                    self.ending.get_or_insert(reason);
                }
            }
            _ => self.on_client(event),
        }
        Ok(())
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Drain => self.drain(),
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
        let Self { clients, context, heap, .. } = self;
        context.refusals.tick(PROGRAM, context.now_ms);
        context.counters.set(count::parse::CONNECTIONS, u64::try_from(clients.len()).unwrap_or(0));
        if heap.should_trim() {
            context.buffers.clear();
            fosse_sys::memory::trim();
        }
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.end_overdue(&process.event_loop);
        let Self { inspector, output, clients, peers, context, .. } = self;
        let out = &mut output.outbox;
        inspector.turn(&mut Inspected { clients, event_loop: &process.event_loop, peers, out }, context);
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
