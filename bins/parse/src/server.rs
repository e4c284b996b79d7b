//! The loop: what is ready is read, worked on, and written once to each neighbour and client.

use std::os::fd::OwnedFd;

use fosse_counters as count;
use fosse_eventloop::{Happened, Interest, Turn};
use fosse_stage::{Gone, Input, Output};
use fosse_sys::memory::Ebb;
use fosse_wire::channel::Connection;
use fosse_wire::start::{ToChild, ToStart};
use fosse_wire::{Kind, WireError};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;

use crate::accept_channel::FromAccept;
use crate::context::Context;
use crate::limits::{LAST_WORDS_MS_MAX, READ_BYTES_MAX};
use crate::peers::Peers;
use crate::table::{Table, Visited};
use crate::{shutdown, timeouts};

/// Marks the event tokens of all that is no client; clients' tokens have this bit clear.
const OTHER: u64 = 1 << 63;
const RING_IN: u64 = OTHER | 1;
const RING_OUT: u64 = OTHER | 2;
const ACCEPT: u64 = OTHER | 3;
const START: u64 = OTHER | 4;

/// Why the loop ended.
#[derive(Debug)]
pub(crate) enum ExitReason {
    /// Drained: nothing is left.
    Drained,
    /// The ring is dead; clients get their last words.
    Ring(Gone),
    /// start is gone, or the kernel refuses something basic.
    Failed(&'static str, Errno),
}

/// The loop with everything it works on. Handlers of other files take the parts they need.
#[derive(Debug)]
pub(crate) struct Server {
    event_loop: Turn,
    input: Input,
    output: Output,
    clients: Table,
    peers: Peers,
    context: Context,
    /// Destination of every read from a client and from accept.
    buffer: Box<[u8]>,
    /// Memory that a flood has left.
    heap: Ebb,
}

impl Server {
    /// Watches the descriptors.
    ///
    /// # Errors
    /// What epoll_ctl(2) says.
    pub(crate) fn new(
        event_loop: Turn,
        (input, output): (Input, Output),
        peers: Peers,
        mut context: Context,
    ) -> Result<Self, Errno> {
        event_loop.add(&input, RING_IN, Interest::IN)?;
        for (fd, token) in [(peers.accept.fd(), ACCEPT), (peers.start.fd(), START)] {
            if let Some(fd) = fd {
                event_loop.add(fd, token, Interest::IN)?;
            }
        }
        context.reports_ends = peers.lease.is_there();
        context.now_ms = event_loop.now_ms();
        let buffer = vec![0; READ_BYTES_MAX].into_boxed_slice();
        Ok(Self { event_loop, input, output, clients: Table::default(), peers, context, buffer, heap: Ebb::default() })
    }

    /// Serves until there is a reason to stop.
    pub(crate) fn run(&mut self) -> ExitReason {
        loop {
            if let Err(reason) = self.turn() {
                return reason;
            }
        }
    }

    /// Sends start a message.
    pub(crate) fn tell_start(&self, message: ToStart) {
        self.peers.start.send(message);
    }

    fn turn(&mut self) -> Result<(), ExitReason> {
        self.event_loop.wait().map_err(|errno| ExitReason::Failed("epoll", errno))?;
        self.context.now_ms = self.event_loop.now_ms();
        let mut failed = Ok(());
        let mut at = 0;
        while let Some(event) = self.event_loop.happened(at) {
            at += 1;
            match event.token {
                RING_IN => self.on_frames().map_err(ExitReason::Ring)?,
                RING_OUT => {}
                // What came before is still written: a client must not lose what is whole.
                ACCEPT => failed = failed.and(self.on_connections()),
                START => failed = failed.and(self.on_start_messages()),
                _ => self.on_client(event),
            }
        }
        if self.event_loop.ticked() {
            self.tick();
        }
        self.settle();
        self.output.flush(&self.event_loop, RING_OUT).map_err(ExitReason::Ring)?;
        failed?;
        if self.is_drained() { Err(ExitReason::Drained) } else { Ok(()) }
    }

    /// Response frames, each to its connection.
    fn on_frames(&mut self) -> Result<(), Gone> {
        let Self { input, output, clients, context, .. } = self;
        let end = input.read();
        while let Some(frame) = input.next_frame()? {
            let client = u32::try_from(frame.stream.slot()).ok().and_then(|slot| clients.queued(slot));
            let Some(client) = client else {
                late(frame.kind)?;
                continue;
            };
            // If a frame breaks this process, its last sign of life names the connection.
            context.counters.set(count::STREAM_CONNECTION, client.conn.record.id);
            client.conn.on_frame(&frame, context, &mut output.outbox)?;
        }
        context.counters.set(count::STREAM_CONNECTION, 0);
        end.map(drop)
    }

    fn on_client(&mut self, event: Happened) {
        // Without one it is an event from before its socket was closed.
        if let Some((conn, socket)) = self.clients.queued_by_token(event.token) {
            socket.on_event(event, conn, &mut self.buffer, &mut self.context, &mut self.output.outbox);
        }
    }

    fn on_connections(&mut self) -> Result<(), ExitReason> {
        let failed = |errno| ExitReason::Failed("unable to take connections", errno);
        while let Some(message) = self.peers.accept.receive(&mut self.buffer, &self.event_loop).map_err(failed)? {
            match message {
                FromAccept::Connections(new) => new.into_iter().for_each(|(record, fd)| self.on_connection(record, fd)),
                FromAccept::List => self.peers.accept.list(self.clients.records()),
            }
        }
        Ok(())
    }

    fn on_connection(&mut self, record: Connection, fd: OwnedFd) {
        // Until its normal end a connection ends in a reset, whatever kills this process: a part of
        // a response never looks whole.
        let resets = record.unix || set_socket_linger(&fd, Some(core::time::Duration::ZERO)).is_ok();
        let added = if resets { self.clients.insert(record, fd, &self.context) } else { None };
        match added {
            // The request is usually there before the connection is: reading at once saves a turn.
            Some((conn, socket)) => {
                socket.read(conn, &mut self.buffer, &mut self.context, &mut self.output.outbox);
            }
            None => self.peers.accept.note_closed(record),
        }
    }

    fn on_start_messages(&mut self) -> Result<(), ExitReason> {
        let gone = |errno| ExitReason::Failed("start is gone", errno);
        while let Some(message) = self.peers.start.receive().map_err(gone)? {
            if message == ToChild::Drain {
                let context = &mut self.context;
                context.counters.set(count::DRAINING, 1);
                context.drain.begin(context.after(context.settings.blob.drain_seconds_max));
            }
        }
        Ok(())
    }

    /// Once every TICK_MS: signs of life and time limits.
    fn tick(&mut self) {
        let Self { event_loop, output, clients, peers, context, heap, .. } = self;
        context.counters.add(count::TURNS, 1);
        context.counters.set(count::LOG_DROPPED, fosse_die::dropped());
        context.counters.set_turns(event_loop.long_turns());
        context.counters.set(count::parse::CONNECTIONS, u64::try_from(clients.len()).unwrap_or(0));
        clients.visit(|client| timeouts::check(client, event_loop, peers, context, &mut output.outbox));
        if heap.look() {
            context.buffers.clear();
            fosse_sys::memory::trim();
        }
        if context.drain.is_overdue(context.now_ms) {
            clients.visit(|client| {
                client.cut_off(event_loop, peers, context, &mut output.outbox);
                Visited::Done
            });
        }
    }

    /// Everything that is written at the end of a turn.
    fn settle(&mut self) {
        let Self { event_loop, output, clients, peers, context, .. } = self;
        let out = &mut output.outbox;
        clients.flush(|client| client.flush(event_loop, peers, context, out));
        if context.drain.has_begun() {
            shutdown::return_idle(clients, event_loop, peers, context, out);
        }
        peers.accept.send(event_loop);
        peers.lease.send();
        context.access.flush();
        let dropped = context.access.take_dropped();
        context.counters.add(count::parse::ACCESS_DROPPED, dropped);
    }

    fn is_drained(&self) -> bool {
        let drain = &self.context.drain;
        let sent = self.peers.accept.has_sent_all() || drain.is_overdue(self.context.now_ms);
        // One tick more than the drain itself takes: accept may have passed a connection before it
        // heard of the drain.
        drain.has_begun() && self.clients.is_empty() && self.event_loop.ticked() && sent
    }

    /// Says the last words to all clients, for half a second at most: the ring is dead, or nothing
    /// goes on for another reason.
    pub(crate) fn shut_down(&mut self, why: impl core::fmt::Display) {
        fosse_die::say(crate::PROGRAM, fosse_die::Word::Alert, format_args!("unable to go on: {why}"));
        // A closed ring is always ready and would keep this loop awake.
        let _ = self.event_loop.remove(&self.input);
        self.context.drain.begin(u64::MAX);
        let Self { clients, context, output, .. } = self;
        clients.visit(|client| {
            shutdown::end_exchange(&mut client.conn, context, &mut output.outbox);
            Visited::Flush
        });
        let end_ms = fosse_eventloop::clock_ms().saturating_add(LAST_WORDS_MS_MAX);
        self.settle();
        while !self.clients.is_empty() && self.context.now_ms < end_ms {
            if self.event_loop.wait().is_err() {
                return;
            }
            self.context.now_ms = self.event_loop.now_ms();
            let mut at = 0;
            while let Some(event) = self.event_loop.happened(at) {
                at += 1;
                self.on_client(event);
            }
            self.settle();
        }
        // Those that accept could not take.
        let Self { event_loop, output, clients, peers, context, .. } = self;
        shutdown::close_idle(clients, event_loop, peers, context, &mut output.outbox);
    }
}

/// Accepts what may come for a slot that nobody uses: frames that crossed the end of their stream.
const fn late(kind: Kind) -> Result<(), WireError> {
    match kind {
        Kind::RequestCredit | Kind::Reset => Ok(()),
        kind => Err(WireError::Order(kind)),
    }
}
