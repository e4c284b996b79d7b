//! The turns of fosse-accept: connections from listeners, each to a lane.

use std::os::fd::OwnedFd;

use fosse_counters::accept as count;
use fosse_eventloop::{Event, Interest};
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_wire::channel::Connection;
use fosse_wire::request::Endpoint;
use fosse_wire::start::Door;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::net::sockopt;

use crate::PROGRAM;
use crate::admission::Refusal;
use crate::delivery::{deliver, enqueue};
use crate::lane_channels::{self, Pending};
use crate::limits::{ACCEPT_TURN_MAX, WAITING_COUNT_MAX};
use crate::listeners::Taken;
use crate::refusals::Refusals;
use crate::shortages::{Shortages, Want};
use crate::state::State;
use crate::way::Way;
use crate::{from_lanes, from_start};

/// The program's state.
#[derive(Debug)]
pub struct Server {
    state: State,
    next_id: u64,
    /// There was no descriptor or memory for a connection: none is taken before some have gone on,
    /// or the next tick.
    starved: bool,
    /// One descriptor in reserve, to be able to refuse a client when there is no other.
    reserve: Option<OwnedFd>,
    refusals: Refusals,
    shortages: Shortages,
    /// Connections taken in this turn.
    taken: usize,
}

impl Server {
    /// Reads the settings; everything else comes from start.
    ///
    /// # Errors
    /// None.
    pub fn new(process: &Process, mut given: Given) -> Result<Self, ExitReason> {
        Ok(Self {
            state: State::new(given.settings()),
            // Nanoseconds since boot, nearly: less than one connection comes in each, so a later
            // accept begins above every number an earlier one has given.
            next_id: (fosse_eventloop::clock_us() * 1000).max(1),
            starved: false,
            reserve: reserve(process),
            refusals: Refusals::default(),
            shortages: Shortages::default(),
            taken: 0,
        })
    }

    /// Returns for each door whether a connection that is taken now finds a lane that takes it on.
    /// Those who wait for one door keep nobody from another.
    fn may_take(&self, process: &Process) -> [bool; Door::ALL.len()] {
        let State { waiting, listing, lanes, admission, leaving_until_ms, .. } = &self.state;
        let idle = leaving_until_ms.is_none() && !self.starved && listing.is_over(process.event_loop.now_ms());
        let waits = |door| waiting.iter().any(|pending| admission.door(pending.connection.listener) == door);
        Door::ALL.map(|door| idle && !waits(door) && lanes.any(door))
    }

    fn take_in(&mut self, process: &Process) {
        for _ in 0..ACCEPT_TURN_MAX {
            let open = self.may_take(process);
            let State { listeners, admission, .. } = &mut self.state;
            let next = listeners.next_ready(|number| open[admission.door(number) as usize]);
            let Some(listener) = next else { return };
            let (number, unix, token) = (listener.number, listener.unix, listener.token());
            match listener.take() {
                Taken::Connection(fd, peer, uid) => {
                    self.admit(process, fd, Arrival { listener: number, unix, peer, uid });
                }
                Taken::Nothing => {}
                Taken::Exhausted => return self.refuse_one(process, token),
                Taken::Broken(errno) => self.drop_listener(process, token, errno),
            }
        }
    }

    fn admit(&mut self, process: &Process, fd: OwnedFd, arrival: Arrival) {
        let Arrival { listener, unix, peer, uid } = arrival;
        let State { admission, connections, .. } = &mut self.state;
        let judged = if unix {
            admission.judge_unix(listener, uid, connections)
        } else {
            admission.judge(listener, &peer, connections, process.event_loop.now_ms())
        };
        let trusted = match judged {
            Ok(trusted) => trusted,
            // Dropping the socket resets the connection: nothing was read, nothing is sent.
            Err(refusal) => {
                self.refusals.note(&peer, uid, refusal, process.event_loop.now_ms());
                if refusal == Refusal::GlobalLimit {
                    self.shortages.note(Want::Connections, connections.len(), process.event_loop.now_ms());
                }
                return process.counters.add(refusal.counter(), 1);
            }
        };
        let connection = Connection { id: self.next_id, listener, trusted, unix, peer };
        self.next_id += 1;
        process.counters.add(count::CONNECTIONS, 1);
        self.taken += 1;
        connections.add(connection, Way::NONE);
        enqueue(&mut self.state, Pending { connection, fd });
    }

    /// There is no descriptor or no memory for a connection. If those just taken do not make room
    /// by going on to their lanes, one is refused with the descriptor in reserve; the others wait
    /// in the kernel's queue.
    fn refuse_one(&mut self, process: &Process, listener: u64) {
        self.starved = true;
        process.counters.add(count::EXHAUSTED, 1);
        self.shortages.note(Want::Descriptors, self.state.connections.len(), process.event_loop.now_ms());
        if !self.state.channels.has_pending() {
            self.reserve = None;
            self.state.listeners.refuse_one(listener);
            self.reserve = reserve(process);
        }
    }

    /// Gives up a socket that does not listen any more, which would be reported for ever.
    fn drop_listener(&mut self, process: &Process, token: u64, why: impl std::fmt::Display) {
        if let Some(number) = self.state.listeners.drop_broken(&process.event_loop, token) {
            fosse_die::alert(PROGRAM, format_args!("listener={number} broken: {why}"));
        }
    }

    /// Asks lanes to end as many idle connections as came in this turn, where hardly any is free.
    fn relieve(&mut self) {
        let taken = std::mem::take(&mut self.taken);
        if taken == 0 {
            return;
        }
        let State { admission, connections, lanes, channels, .. } = &mut self.state;
        for lane in lanes.pressed(admission.is_pressed(connections)) {
            // Fronts know who is idle, also of those that came by another door; who has not come as
            // far as to a front is known to the program of his door alone.
            Door::ALL.into_iter().for_each(|door| channels.relieve(Way { lane, door }, taken));
        }
    }

    fn on_lane(&mut self, process: &Process, way: Way, event: Event) {
        if event.writable() {
            self.state.lanes.block(way, false);
        }
        // What lanes say to one that leaves is for the next one, but for the news that they are
        // gone.
        let gone = event.flags.contains(Interest::HUP);
        if event.readable() && (gone || self.state.leaving_until_ms.is_none()) {
            from_lanes::hear(&mut self.state, process, way, gone);
        }
    }

    fn watch(&mut self, process: &Process) {
        let open = self.may_take(process);
        let State { listeners, lanes, channels, connections, waiting, leaving_until_ms, admission, .. } =
            &mut self.state;
        if !listeners.is_empty() && !lanes.any(Door::Parse) {
            process.counters.add(count::NO_LANE, 1);
            if lanes.are_full() {
                self.shortages.note(Want::Lanes, connections.len(), process.event_loop.now_ms());
            }
        }
        process.counters.set(count::LIVE, u64::try_from(connections.len()).unwrap_or(u64::MAX));
        listeners.watch(&process.event_loop, |number| open[admission.door(number) as usize]);
        let reading = leaving_until_ms.is_none() && waiting.len() < WAITING_COUNT_MAX;
        for way in channels.ways() {
            channels.watch(&process.event_loop, way, reading, lanes.is_blocked(way));
        }
    }

    /// Ends the process once every client that was taken in is with a lane. From one that finds
    /// none in time nothing was read, so its connection ends with a FIN and not with a reset.
    fn leave(&mut self, process: &Process) -> Result<(), ExitReason> {
        let State { waiting, channels, leaving_until_ms: Some(until_ms), .. } = &mut self.state else { return Ok(()) };
        if !waiting.is_empty() && process.event_loop.now_ms() < *until_ms && !channels.is_empty() {
            return Ok(());
        }
        for pending in waiting.drain(..) {
            // Where this fails the client sees a reset, and connects again as well.
            let _ = sockopt::set_socket_linger(&pending.fd, None);
        }
        Err(ExitReason::Drained)
    }
}

impl Service for Server {
    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        match event.token.checked_sub(lane_channels::FIRST_TOKEN) {
            Some(number) => self.on_lane(process, Way::of_number(number), event),
            None if event.flags.contains(Interest::HUP) => self.drop_listener(process, event.token, "shut down"),
            None => self.state.listeners.on_event(event.token),
        }
        Ok(())
    }

    fn on_start_message(&mut self, process: &Process, order: Order) -> Result<(), ExitReason> {
        from_start::follow(&mut self.state, process, order)
    }

    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.starved = false;
        self.state.congested = false;
        self.state.admission.sweep(process.event_loop.now_ms());
        self.refusals.tick(process.event_loop.now_ms());
        self.shortages.tick(self.state.connections.len(), process.event_loop.now_ms());
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.take_in(process);
        self.state.share_news();
        self.starved &= deliver(&mut self.state, process) == 0;
        self.relieve();
        self.watch(process);
        self.leave(process)
    }

    fn finish(&mut self, _: &mut Process, reason: ExitReason) -> ExitReason {
        self.refusals.end();
        reason
    }
}

/// A connection just taken.
struct Arrival {
    listener: u16,
    unix: bool,
    peer: Endpoint,
    uid: Option<u32>,
}

/// Copies the one descriptor that is always there; the copy's only use is to be closed.
fn reserve(process: &Process) -> Option<OwnedFd> {
    process.start_fd().and_then(|start| fcntl_dupfd_cloexec(start, 3).ok())
}
