//! The loop: listeners and lanes and start, one turn after the other.

use std::collections::{BTreeSet, VecDeque};
use std::os::fd::OwnedFd;

use fosse_counters::{Counters, LOG_DROPPED, TURNS, accept as count};
use fosse_eventloop::{Happened, Interest, Turn};
use fosse_wire::channel::Connection;
use fosse_wire::request::Endpoint;
use fosse_wire::start::ToStart;
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::sockopt;

use crate::PROGRAM;
use crate::channels::{self, Channels, Passenger, Undelivered};
use crate::connections::{Connections, NOBODY};
use crate::door::Door;
use crate::lanes::Lanes;
use crate::limits::{ACCEPT_TURN_MAX, WAITING_COUNT_MAX};
use crate::listeners::{Listeners, Taken};
use crate::orders;
use crate::source::Source;

/// Token of the socket to start.
const START: u64 = 0;

/// Why the loop ended.
#[derive(Debug)]
pub enum End {
    /// Drained: nothing is open any more.
    Done,
    /// start is gone or out of its mind, or the kernel refuses to wait.
    Failed(String),
}

/// All that fosse-accept knows.
#[derive(Debug)]
pub struct Server {
    pub(crate) turn: Turn,
    pub(crate) start: OwnedFd,
    pub(crate) counters: Counters,
    pub(crate) door: Door,
    pub(crate) listeners: Listeners,
    pub(crate) lanes: Lanes,
    pub(crate) channels: Channels,
    pub(crate) connections: Connections,
    /// Accepted or given back, and no lane has them yet.
    pub(crate) waiting: VecDeque<Passenger>,
    /// Lanes that lived before this process and have not yet said what they hold.
    pub(crate) listing: BTreeSet<u32>,
    pub(crate) listing_until_ms: u64,
    pub(crate) next_id: u64,
    /// There was no descriptor or memory for a connection: none is taken before some have gone on, or the next tick.
    pub(crate) starved: bool,
    /// The kernel was out of room for descriptors under way: nothing is sent before the next tick.
    pub(crate) congested: bool,
    /// Leaving, at the latest at this time: the lanes stay, and another accept takes over.
    pub(crate) leaving_until_ms: Option<u64>,
    /// One descriptor kept back, to be able to refuse somebody when there is no other.
    pub(crate) reserve: Option<OwnedFd>,
}

impl Server {
    /// Watches start; everything else comes from there. Makes all descriptors of its own, so it belongs before the lock.
    pub fn new(turn: Turn, start: OwnedFd, counters: Counters) -> Result<Self, Errno> {
        turn.add(&start, START, Interest::IN)?;
        let reserve = fcntl_dupfd_cloexec(&start, 3).ok();
        Ok(Self {
            turn,
            start,
            counters,
            door: Door::default(),
            listeners: Listeners::default(),
            lanes: Lanes::default(),
            channels: Channels::default(),
            connections: Connections::default(),
            waiting: VecDeque::new(),
            listing: BTreeSet::new(),
            listing_until_ms: 0,
            // Nanoseconds since boot, nearly: less than one connection comes in each, so a later accept begins above
            // every number an earlier one has given.
            next_id: fosse_eventloop::clock_us().saturating_mul(1000).max(1),
            starved: false,
            congested: false,
            leaving_until_ms: None,
            reserve,
        })
    }

    /// The settings, which are read behind the lock.
    pub fn configure(&mut self, settings: fosse_settings::Accept) {
        self.door = Door::new(settings);
    }

    /// Says that it is ready, then turns until drained or failed.
    pub fn run(&mut self) -> End {
        orders::answer(&self.start, ToStart::Ready);
        loop {
            match self.turn() {
                Ok(()) => {}
                Err(End::Done) => {
                    orders::answer(&self.start, ToStart::Drained);
                    return End::Done;
                }
                Err(failed) => return failed,
            }
        }
    }

    fn turn(&mut self) -> Result<(), End> {
        self.turn.wait().map_err(|errno| End::Failed(format!("unable to wait: {errno}")))?;
        self.counters.add(TURNS, 1);
        if self.turn.ticked() {
            self.tick();
        }
        let mut index = 0;
        while let Some(happened) = self.turn.happened(index) {
            self.happened(happened)?;
            index = index.saturating_add(1);
        }
        self.take_in();
        self.deliver();
        self.watch();
        self.leave()
    }

    fn happened(&mut self, happened: Happened) -> Result<(), End> {
        match happened.token {
            START => return self.obey(),
            lane if lane >= channels::FIRST_TOKEN => {
                let lane = u32::try_from(lane.saturating_sub(channels::FIRST_TOKEN)).unwrap_or(NOBODY);
                if happened.writable() {
                    self.lanes.block(lane, false);
                }
                // What lanes say to one that leaves is for the next one, but for the news that they are gone.
                let gone = happened.flags.contains(Interest::HUP);
                if happened.readable() && (gone || self.leaving_until_ms.is_none()) {
                    self.hear(lane, gone);
                }
            }
            listener if happened.flags.contains(Interest::HUP) => self.break_off(listener, "shut down"),
            listener => self.listeners.happened(listener),
        }
        Ok(())
    }

    fn tick(&mut self) {
        self.starved = false;
        self.congested = false;
        self.door.sweep(self.turn.now_ms());
        self.counters.set(LOG_DROPPED, fosse_die::dropped());
        self.counters.set_turns(self.turn.long_turns());
    }

    /// Whether a connection that is taken now finds somebody to take it on.
    fn may_take(&self) -> bool {
        let idle_hands = self.leaving_until_ms.is_none() && !self.starved && self.waiting.is_empty();
        let counted = self.listing.is_empty() || self.turn.now_ms() >= self.listing_until_ms;
        idle_hands && counted && self.lanes.any()
    }

    fn take_in(&mut self) {
        for _ in 0..ACCEPT_TURN_MAX {
            if !self.may_take() {
                return;
            }
            let Some(listener) = self.listeners.next_ready() else { return };
            let (number, unix, token) = (listener.number, listener.unix, listener.token());
            match listener.take() {
                Taken::Connection(fd, peer, uid) => self.judge(fd, Arrival { listener: number, unix, peer, uid }),
                Taken::Nothing => {}
                Taken::Exhausted => return self.exhausted(token),
                Taken::Broken(errno) => self.break_off(token, errno),
            }
        }
    }

    /// Gives up a socket that does not listen any more, which would be reported for ever.
    fn break_off(&mut self, token: u64, why: impl std::fmt::Display) {
        if let Some(number) = self.listeners.drop_broken(&self.turn, token) {
            fosse_die::alert(PROGRAM, format_args!("listener={number} broken: {why}"));
        }
    }

    fn judge(&mut self, fd: OwnedFd, who: Arrival) {
        let judged = if who.unix {
            self.door.judge_unix(who.listener, who.uid, &self.connections)
        } else {
            self.door.judge(who.listener, &who.peer, &self.connections, self.turn.now_ms())
        };
        let trusted = match judged {
            Ok(trusted) => trusted,
            // Dropping the socket resets the connection: nothing was read, nothing is answered.
            Err(refusal) => return self.counters.add(refusal.counter(), 1),
        };
        let connection =
            Connection { id: self.next_id, listener: who.listener, trusted, unix: who.unix, peer: who.peer };
        self.next_id = self.next_id.saturating_add(1);
        self.counters.add(count::CONNECTIONS, 1);
        self.connections.add(connection, NOBODY);
        self.board(Passenger { connection, fd });
    }

    /// To the lane that is to have it; where none takes it, it waits.
    fn board(&mut self, passenger: Passenger) {
        let Connection { id, trusted, peer, .. } = passenger.connection;
        let lane = self.lanes.choose(Source::of(&peer).filter(|_| !trusted));
        let Some(lane) = lane else { return self.waiting.push_back(passenger) };
        match self.channels.board(lane, passenger) {
            Ok(()) => {
                self.connections.give(id, lane);
                self.lanes.opened(lane);
            }
            Err(passenger) => self.waiting.push_back(passenger),
        }
    }

    /// Sends every batch; what a lane does not take is offered to the others. Ends, as each failure costs a lane.
    fn deliver(&mut self) {
        while !self.congested {
            std::mem::take(&mut self.waiting).into_iter().for_each(|passenger| self.board(passenger));
            let mut failed = false;
            for lane in self.channels.numbers() {
                let (sent, failure) = self.channels.depart(lane);
                self.starved &= sent == 0;
                if let Some((why, passengers)) = failure {
                    failed = true;
                    self.undelivered(lane, why, passengers);
                }
            }
            if !failed {
                return;
            }
        }
    }

    fn undelivered(&mut self, lane: u32, why: Undelivered, passengers: Vec<Passenger>) {
        for passenger in passengers {
            self.connections.give(passenger.connection.id, NOBODY);
            self.lanes.closed(lane);
            self.waiting.push_back(passenger);
        }
        match why {
            Undelivered::Full => self.lanes.block(lane, true),
            Undelivered::Exhausted => {
                self.congested = true;
                self.counters.add(count::EXHAUSTED, 1);
            }
            Undelivered::Gone => self.lose(lane, "channel closed"),
        }
    }

    fn watch(&mut self) {
        let taking = self.may_take();
        if !taking && !self.listeners.is_empty() && !self.lanes.any() {
            self.counters.add(count::NO_LANE, 1);
        }
        self.counters.set(count::LIVE, u64::try_from(self.connections.len()).unwrap_or(u64::MAX));
        self.listeners.watch(&self.turn, taking);
        let reading = self.leaving_until_ms.is_none() && self.waiting.len() < WAITING_COUNT_MAX;
        for lane in self.channels.numbers() {
            self.channels.watch(&self.turn, lane, reading, self.lanes.is_blocked(lane));
        }
    }

    /// Done once everybody who was taken in is with a lane. Who finds none in time has sent nothing that was read, so the
    /// connection ends with a FIN and not with a reset.
    fn leave(&mut self) -> Result<(), End> {
        let Some(until_ms) = self.leaving_until_ms else { return Ok(()) };
        if !self.waiting.is_empty() && self.turn.now_ms() < until_ms && !self.channels.is_empty() {
            return Ok(());
        }
        for passenger in self.waiting.drain(..) {
            let _ = sockopt::set_socket_linger(&passenger.fd, None);
        }
        Err(End::Done)
    }

    /// No descriptor or no memory for a connection. If those just taken do not make room by going on to their lanes, one is
    /// refused with the descriptor kept back; the others wait in the kernel's queue.
    fn exhausted(&mut self, listener: u64) {
        self.starved = true;
        self.counters.add(count::EXHAUSTED, 1);
        if !self.channels.is_boarded() {
            self.reserve = None;
            self.listeners.refuse_one(listener);
            self.reserve = fcntl_dupfd_cloexec(&self.start, 3).ok();
        }
    }
}

/// What is known of a connection just taken.
struct Arrival {
    listener: u16,
    unix: bool,
    peer: Endpoint,
    uid: Option<u32>,
}
