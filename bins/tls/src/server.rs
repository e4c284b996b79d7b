//! The turns of fosse-tls.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use fosse_acceptor::{AcceptChannel, FromAccept, report_lost};
use fosse_counters::STREAM_CONNECTION;
use fosse_counters::tls as count;
use fosse_deadlines::Deadlines;
use fosse_eventloop::slab::{Key, Slab, token};
use fosse_eventloop::{Event, EventLoop, Interest, Watched};
use fosse_records::Output;
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_settings::tls::TlsSettings;
use fosse_wire::channel::Connection;
use fosse_wire::start::{ToChild, ToStart};

use crate::PROGRAM;
use crate::challenges::Challenges;
use crate::client::{Client, Context, Stage, Step};
use crate::fronts::{Fronts, Which};
use crate::handshakes::Handshakes;
use crate::keys::Keys;
use crate::limit::Limit;
use crate::limits::{HANDSHAKES_TURN_MAX, MESSAGES_TURN_MAX, READ_BYTES_MAX, RECORD_BYTES_MAX};
use crate::moving;
use crate::set::{Set, Sets, read_chains};

const ACCEPT: u64 = token(1);
const FRONT_HTTP1: u64 = Which::Http1.token();
const FRONT_HTTP2: u64 = Which::Http2.token();
const NEXT_KEYS: u64 = token(8);
pub(crate) const CLIENT: u8 = 3;
/// The kind of the token of a client's plaintext.
pub(crate) const PLAIN: u8 = 4;

/// Makes what the libraries make at their first use, and could not after the lock.
pub fn prepare() {
    let _ = aws_lc_rs::rand::fill(&mut [0; 32]);
}

/// The program's state.
pub struct Server {
    pub(crate) accept: AcceptChannel,
    pub(crate) fronts: Fronts,
    pub(crate) clients: Slab<Client>,
    /// The key and the front of each client whose handshake is done, by accept's number of its
    /// connection.
    pub(crate) by_number: HashMap<u64, (Key, Which)>,
    handshakes: Handshakes,
    pub(crate) context: Context,
    pub(crate) drain_until_ms: Option<u64>,
    ending: Option<ExitReason>,
}

impl Server {
    /// Reads settings and certificates and watches the peers.
    ///
    /// # Errors
    /// What cannot be used, and those of epoll_ctl(2).
    pub fn new(process: &Process, mut given: Given) -> Result<Self, ExitReason> {
        let settings: TlsSettings = given.settings();
        let accept = AcceptChannel::new(Some(given.required(8)));
        let keys = Keys::new(given.optional(10));
        let chains = read_chains(given.required(11)).map_err(ExitReason::Failed)?;
        let set = Set::new(&settings, chains, keys).map_err(ExitReason::Failed)?;
        accept.fd().map_or(Ok(()), |fd| process.event_loop.add(fd, ACCEPT, Interest::IN))?;
        let fronts = Fronts::watch(given.required(9), given.optional(12), &process.event_loop)?;
        set.keys.tick(process.event_loop.now_ms());
        let context = Context {
            settings,
            counters: Rc::clone(&process.counters),
            deadlines: Deadlines::default(),
            now_ms: process.event_loop.now_ms(),
            input: vec![0; READ_BYTES_MAX + RECORD_BYTES_MAX].into_boxed_slice(),
            plain: Vec::new(),
            output: Output::new(READ_BYTES_MAX + RECORD_BYTES_MAX),
        };
        Ok(Self {
            accept,
            fronts,
            clients: Slab::default(),
            by_number: HashMap::new(),
            handshakes: Handshakes::new(Sets::new(set, NEXT_KEYS), Challenges::new(given.optional(13))),
            context,
            drain_until_ms: None,
            ending: None,
        })
    }

    fn on_accept(&mut self, event_loop: &EventLoop) -> Result<(), ExitReason> {
        // What would refuse a client must be here before it.
        if !self.handshakes.sources.grounds.are_complete(self.context.settings.address_lists) {
            return Ok(());
        }
        let failed = |errno| ExitReason::Failed(format!("unable to take connections: {errno}"));
        for _ in 0..MESSAGES_TURN_MAX {
            match self.accept.receive(&mut self.context.input, event_loop).map_err(failed)? {
                Some(FromAccept::Connections(new, lost)) => {
                    new.into_iter().for_each(|(record, fd)| self.on_connection(record, fd, event_loop));
                    report_lost(PROGRAM, lost, count::EXHAUSTED, &self.context.counters);
                }
                Some(FromAccept::List) => {
                    self.accept.list(self.clients.iter().map(|(_, client)| client.record).collect());
                }
                Some(FromAccept::Penalised(all)) => self.handshakes.sources.grounds.penalise(&all, self.context.now_ms),
                Some(FromAccept::Relieve(count)) => self.relieve(count),
                // A word for fronts alone.
                Some(FromAccept::Elsewhere(_)) => {}
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn on_connection(&mut self, record: Connection, fd: OwnedFd, event_loop: &EventLoop) {
        let listener = self.context.settings.listeners.get(usize::from(record.listener));
        let awaits_header = listener.is_some_and(|listener| listener.proxy_protocol) && record.trusted;
        let key = self.clients.insert(Client::new(record, Watched::new(fd, 0), awaits_header));
        let Some(key) = key else { return self.accept.note_closed(record) };
        if let Some(client) = self.clients.get_mut(key) {
            client.socket.set_token(key.token(CLIENT));
            client.start(key.slot(), Limit::Handshake, &mut self.context);
        }
        // The first message is usually there before the connection is: reading at once saves a
        // turn.
        self.on_client(key, event_loop, true, false);
    }

    pub(crate) fn on_client(&mut self, key: Key, event_loop: &EventLoop, readable: bool, writable: bool) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let (slot, context) = (key.slot(), &mut self.context);
        let mut step = Step::Stays;
        if writable {
            step = if client.send_rest(slot, context) { Step::Stays } else { Step::Gone };
            if step == Step::Stays && matches!(client.stage, Stage::Parting) {
                step = client.shut(slot, context);
            }
        }
        if readable && step == Step::Stays {
            step = match &client.stage {
                Stage::Opening => self.handshakes.open(client, slot, context),
                Stage::Queued(_) => Step::Stays,
                Stage::Shaking(_) => self.handshakes.go_on(client, slot, context),
                Stage::Open(open) if open.to_front.is_empty() => moving::from_client(client, slot, context),
                Stage::Open(_) => Step::Stays,
                Stage::Parting => client.discard(context),
            };
        }
        self.settle(key, step, event_loop);
    }

    fn on_plain(&mut self, key: Key, event: Event, event_loop: &EventLoop) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if event.writable() {
            moving::give_rest(client);
        }
        let step =
            if event.readable() { moving::from_front(client, key.slot(), &mut self.context) } else { Step::Stays };
        self.settle(key, step, event_loop);
    }

    /// Draws the consequences of what a client has come to.
    fn settle(&mut self, key: Key, step: Step, event_loop: &EventLoop) {
        self.context.output.clear();
        let Some(client) = self.clients.get_mut(key) else { return };
        let step = match step {
            Step::Hello => {
                // Its turn is mostly this one; what it says until then is looked at afterwards.
                return self.handshakes.queue.push(client.source(), key);
            }
            Step::Challenge => {
                self.handshakes.challenges.hand_over(client, event_loop, &self.context.counters);
                Step::Gone
            }
            Step::Through => self.pass_on(key),
            step => step,
        };
        if step == Step::Gone {
            return self.close(key);
        }
        if let Some(client) = self.clients.get_mut(key) {
            client.watch(event_loop);
        }
    }

    /// Gives the front a client whose handshake is done.
    fn pass_on(&mut self, key: Key) -> Step {
        let Some(client) = self.clients.get_mut(key) else { return Step::Stays };
        let passed = self.handshakes.pass_on(client, key.token(PLAIN), &mut self.context);
        let Some(which) = passed.and_then(|handshaken| self.fronts.push(handshaken)) else { return Step::Gone };
        self.by_number.insert(client.record.id, (key, which));
        Step::Stays
    }

    pub(crate) fn close(&mut self, key: Key) {
        let Some(client) = self.clients.remove(key) else { return };
        self.handshakes.forget(&client);
        if let Some((_, which)) = self.by_number.remove(&client.record.id) {
            self.fronts.forget(which, client.record.id);
        }
        self.accept.note_closed(client.record);
    }

    fn on_front(&mut self, from: Which, event_loop: &EventLoop) {
        for _ in 0..MESSAGES_TURN_MAX {
            let Some(all) = self.fronts.receive(from) else { return };
            for ended in all {
                // A front ends its own clients alone.
                let known = self.by_number.get(&ended.id).filter(|(_, which)| *which == from);
                let Some((key, _)) = known.copied() else { continue };
                let Some(client) = self.clients.get_mut(key) else { continue };
                let step = moving::end(client, ended.how, key.slot(), &mut self.context);
                if step == Step::Gone {
                    self.context.counters.add(count::RESETS, 1);
                }
                self.settle(key, step, event_loop);
            }
        }
    }

    /// Returns who signs for handshakes that begin now.
    fn keys(&self) -> &Keys {
        &self.handshakes.sets.current.keys
    }

    /// Begins handshakes, of which each takes its time.
    fn begin_handshakes(&mut self, event_loop: &EventLoop) {
        for _ in 0..HANDSHAKES_TURN_MAX {
            // While no signature is to be had they wait; a handshake that has begun would fail.
            if self.handshakes.queue.is_empty() || self.keys().wait_ms(self.context.now_ms) > 0 {
                return;
            }
            let Some(key) = self.handshakes.queue.pop() else { return };
            let Some(client) = self.clients.get_mut(key) else { continue };
            let step = self.handshakes.begin(client, key.slot(), &mut self.context);
            self.settle(key, step, event_loop);
        }
    }

    /// Ends the waits whose time is over.
    fn end_overdue(&mut self, event_loop: &EventLoop) {
        let clients = &self.clients;
        let at_ms = |slot| clients.get(clients.key_of(slot)?)?.timer.at_ms();
        for slot in self.context.deadlines.due(self.context.now_ms, at_ms) {
            let Some(key) = self.clients.key_of(slot) else { continue };
            let Some(client) = self.clients.get_mut(key) else { continue };
            if client.timer.take_due(self.context.now_ms).is_some() {
                self.context.counters.add(count::TIMEOUTS, 1);
                self.settle(key, Step::Gone, event_loop);
            }
        }
    }

    fn flush(&mut self, event_loop: &EventLoop) {
        self.fronts.flush(event_loop);
        self.accept.send(event_loop);
        self.context.counters.set(STREAM_CONNECTION, 0);
    }
}

impl Service for Server {
    fn wait_ms_max(&self, process: &Process) -> Option<u64> {
        let now_ms = process.event_loop.now_ms();
        let queued = (!self.handshakes.queue.is_empty()).then(|| self.keys().wait_ms(now_ms));
        self.context.deadlines.wait_ms(now_ms).into_iter().chain(queued).min()
    }

    fn begin_turn(&mut self, process: &Process) {
        self.context.now_ms = process.event_loop.now_ms();
    }

    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        let event_loop = &process.event_loop;
        match event.token {
            ACCEPT => self.on_accept(event_loop)?,
            FRONT_HTTP1 => self.on_front(Which::Http1, event_loop),
            FRONT_HTTP2 => self.on_front(Which::Http2, event_loop),
            NEXT_KEYS => {
                let adopted = self.handshakes.sets.hear(event_loop);
                adopted.into_iter().for_each(|set| process.tell_start(ToStart::Adopted { set }));
            }
            token => {
                let (kind, key) = Key::of_token(token);
                if kind == PLAIN {
                    self.on_plain(key, event, event_loop);
                } else {
                    self.on_client(key, event_loop, event.readable(), event.writable());
                }
            }
        }
        Ok(())
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::Drain => self.drain(),
            Order::End => self.ending = Some(ExitReason::Failed("start is gone".to_owned())),
            Order::Give(ToChild::Addresses { listener, .. }, fd) => {
                let taken = self.handshakes.sources.grounds.take_list(listener, fd);
                taken.map_err(|why| ExitReason::Failed(format!("addresses listener={listener}: {why}")))?;
            }
            Order::Give(ToChild::Chains { set, .. }, fd) => {
                self.handshakes.sets.take_chains(set, fd).map_err(ExitReason::Failed)?;
            }
            Order::Give(ToChild::Keys { .. }, fd) => {
                let taken = self.handshakes.sets.take_keys(fd, &self.context.settings, &process.event_loop);
                taken.map_err(ExitReason::Failed)?;
                self.keys().tick(self.context.now_ms);
            }
            Order::Tell(_) | Order::Give(..) => return Err(ExitReason::broken_protocol("start")),
        }
        Ok(())
    }

    fn on_tick(&mut self, _: &Process) -> Result<(), ExitReason> {
        self.keys().tick(self.context.now_ms);
        let counters = &self.context.counters;
        let missed = self.keys().take_missed();
        if missed > 0 {
            counters.add(count::UNSIGNED, missed);
            fosse_die::warning(PROGRAM, format_args!("event=unsigned times={missed}"));
        }
        counters.set(count::CONNECTIONS, u64::try_from(self.clients.len()).unwrap_or(0));
        counters.set(count::HANDSHAKING, u64::try_from(self.clients.len() - self.by_number.len()).unwrap_or(0));
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        let event_loop = &process.event_loop;
        self.end_overdue(event_loop);
        self.begin_handshakes(event_loop);
        self.flush(event_loop);
        for which in Which::ALL {
            if !self.fronts.is_gone(which) {
                continue;
            }
            self.lose_front(which, event_loop);
            if self.drain_until_ms.is_none() {
                self.ending.get_or_insert(ExitReason::Reported);
            }
        }
        match self.ending.take() {
            Some(reason) => Err(reason),
            None if self.is_drained(event_loop) => Err(ExitReason::Drained),
            None => Ok(()),
        }
    }

    /// Clients that are whole get what is theirs, for half a second at most.
    fn finish(&mut self, process: &mut Process, reason: ExitReason) -> ExitReason {
        if reason != ExitReason::Drained {
            self.say_last_words(process);
        }
        reason
    }
}
