//! The loop: what is ready is drained, worked on, and written once to each neighbour and client.

use std::os::fd::{AsFd, OwnedFd};

use fosse_counters as count;
use fosse_eventloop::{Interest, Turn};
use fosse_stage::{Gone, Input, Output};
use fosse_sys::memory::Ebb;
use fosse_wire::channel::Connection;
use fosse_wire::{Kind, WireError};
use rustix::io::Errno;

use crate::lane::Lane;
use crate::limits::READ_BYTES_MAX;
use crate::table::Table;

/// Event tokens of everything that is no client; clients' tokens have this bit clear.
const OTHER: u64 = 1 << 63;
const RING_IN: u64 = OTHER | 1;
const RING_OUT: u64 = OTHER | 2;
const ACCEPT: u64 = OTHER | 3;
const START: u64 = OTHER | 4;

/// The descriptors beside the ring; in a shell there are none.
#[derive(Debug, Default)]
pub struct Side {
    /// fd 7: start.
    pub start: Option<OwnedFd>,
    /// fd 8: connections from accept.
    pub accept: Option<OwnedFd>,
    /// fd 9: client sockets for dispatch.
    pub direct: Option<OwnedFd>,
    /// fd 10: access log.
    pub access: Option<OwnedFd>,
}

/// Why the loop ended.
#[derive(Debug)]
pub enum Over {
    /// Drained: nothing is left.
    Drained,
    /// The ring is dead; last words are due.
    Ring(Gone),
    /// start is gone, or the kernel refuses something basic.
    Broken(&'static str, Errno),
}

/// Everything the process has.
#[derive(Debug)]
pub struct Server {
    pub(crate) turn: Turn,
    pub(crate) input: Input,
    pub(crate) output: Output,
    pub(crate) side: Side,
    pub(crate) table: Table,
    pub(crate) lane: Lane,
    /// Slots to be flushed in this turn.
    pub(crate) dirty: Vec<u32>,
    /// Slots whose socket could not be lent yet.
    pub(crate) waiting: Vec<u32>,
    /// What accept asked for and has not been told yet; `None` when it has not asked, or knows all.
    pub(crate) open: Option<Vec<Connection>>,
    /// Connections accept has not heard the end of.
    pub(crate) closed: Vec<Connection>,
    /// Connections dispatch has not heard the end of.
    pub(crate) ended: Vec<u64>,
    /// Where every read of this process goes.
    pub(crate) buffer: Box<[u8]>,
    pub(crate) drain_deadline_ms: u64,
    /// Memory that a flood has left.
    pub(crate) ebb: Ebb,
    /// Something without which nothing goes on.
    pub(crate) broken: Option<(&'static str, Errno)>,
}

impl Server {
    /// Watches the descriptors.
    ///
    /// # Errors
    /// What epoll_ctl(2) says.
    pub fn new(turn: Turn, ring: (Input, Output), side: Side, mut lane: Lane) -> Result<Self, Errno> {
        let (input, output) = ring;
        turn.add(&input, RING_IN, Interest::IN)?;
        for (fd, token) in [(&side.accept, ACCEPT), (&side.start, START)] {
            if let Some(fd) = fd {
                turn.add(fd, token, Interest::IN)?;
            }
        }
        if side.access.is_none() {
            lane.access.switch_off();
        }
        lane.reports_ends = side.direct.is_some();
        lane.now_ms = turn.now_ms();
        let buffer = vec![0; READ_BYTES_MAX].into_boxed_slice();
        let (dirty, waiting, closed, ended) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let table = Table::default();
        let drain_deadline_ms = u64::MAX;
        let broken = None;
        Ok(Self {
            turn,
            input,
            output,
            side,
            table,
            lane,
            dirty,
            waiting,
            open: None,
            closed,
            ended,
            buffer,
            drain_deadline_ms,
            ebb: Ebb::default(),
            broken,
        })
    }

    /// Serves until there is a reason to stop.
    pub fn run(&mut self) -> Over {
        loop {
            if let Err(over) = self.take_turn() {
                return over;
            }
        }
    }

    fn take_turn(&mut self) -> Result<(), Over> {
        self.turn.wait().map_err(|errno| Over::Broken("epoll", errno))?;
        self.lane.now_ms = self.turn.now_ms();
        let mut at = 0usize;
        while let Some(event) = self.turn.happened(at) {
            match event.token {
                RING_IN => self.take_frames().map_err(Over::Ring)?,
                RING_OUT => {}
                ACCEPT => self.take_connections(),
                START => self.take_orders(),
                token => self.on_client(token, event),
            }
            at = at.saturating_add(1);
        }
        if self.turn.ticked() {
            self.tick();
        }
        self.settle();
        self.output.flush(&self.turn, RING_OUT).map_err(Over::Ring)?;
        self.whether_over()
    }

    /// Frames of answers, each to its connection.
    fn take_frames(&mut self) -> Result<(), Gone> {
        let Self { input, output, table, lane, dirty, .. } = self;
        let end = input.read();
        while let Some(frame) = input.next_frame()? {
            let slot = u32::try_from(frame.stream.slot()).unwrap_or(u32::MAX);
            let Some(entry) = table.get_mut(slot) else {
                late(frame.kind)?;
                continue;
            };
            lane.counters.set(count::STREAM_CONNECTION, entry.conn.record.id);
            entry.conn.on_frame(&frame, lane, &mut output.outbox)?;
            if !entry.dirty {
                entry.dirty = true;
                dirty.push(slot);
            }
        }
        lane.counters.set(count::STREAM_CONNECTION, 0);
        end.map(drop)
    }

    /// Everything that is written at the end of a turn.
    pub(crate) fn settle(&mut self) {
        self.dirty.append(&mut self.waiting);
        while let Some(slot) = self.dirty.pop() {
            if let Some(entry) = self.table.get_mut(slot) {
                entry.dirty = false;
                self.flush(slot);
            }
        }
        if self.lane.draining {
            self.return_idle();
        }
        self.tell_accept();
        self.tell_dispatch();
        self.write_access();
    }

    pub(crate) fn mark(&mut self, slot: u32) {
        if let Some(entry) = self.table.get_mut(slot)
            && !entry.dirty
        {
            entry.dirty = true;
            self.dirty.push(slot);
        }
    }

    /// Once every TICK_MS: signs of life and time limits.
    fn tick(&mut self) {
        self.lane.counters.add(count::TURNS, 1);
        self.lane.counters.set(count::LOG_DROPPED, fosse_die::dropped());
        self.lane.counters.set_turns(self.turn.long_turns());
        self.lane.counters.set(count::parse::CONNECTIONS, u64::try_from(self.table.len()).unwrap_or(0));
        for slot in 0..self.table.slots() {
            self.check_time(slot);
        }
        if self.ebb.look() {
            self.lane.let_go();
            fosse_sys::memory::trim();
        }
        if self.lane.now_ms >= self.drain_deadline_ms {
            (0..self.table.slots()).for_each(|slot| self.cut_off(slot));
        }
    }

    fn whether_over(&self) -> Result<(), Over> {
        if let Some((what, errno)) = self.broken {
            return Err(Over::Broken(what, errno));
        }
        // One tick more than the drain itself takes: accept may have passed a connection before it heard of the drain.
        let told = self.closed.is_empty() || self.lane.now_ms >= self.drain_deadline_ms;
        if self.lane.draining && self.table.is_empty() && self.turn.ticked() && told {
            return Err(Over::Drained);
        }
        Ok(())
    }

    fn write_access(&mut self) {
        let Some(fd) = &self.side.access else { return };
        while !self.lane.access.pending().is_empty() {
            match rustix::io::write(fd.as_fd(), self.lane.access.pending()) {
                Ok(written) => self.lane.access.advance(written),
                Err(_) => break,
            }
        }
        let dropped = self.lane.access.take_dropped();
        self.lane.counters.add(count::parse::ACCESS_DROPPED, dropped);
    }
}

/// What may come for a slot that nobody uses: frames that crossed the end of their stream.
const fn late(kind: Kind) -> Result<(), WireError> {
    match kind {
        Kind::RequestCredit | Kind::Reset => Ok(()),
        kind => Err(WireError::Order(kind)),
    }
}
