//! fosse-eventloop: the event loop of every program on the data path. One turn is: wait, drain all that is ready, work, write
//! once to each neighbour.
//!
//! Level-triggered epoll(7). Before it sleeps a turn lingers: a few looks without waiting, giving the core to its
//! neighbours between them, so that their frames come in one batch. Lingering is bounded and stops when nothing comes.

#![forbid(unsafe_code)]

pub mod slab;

use std::os::fd::{AsFd, OwnedFd};

use rustix::{
    event::{Timespec, epoll},
    io::Errno,
    time::{ClockId, clock_gettime},
};

pub use rustix::event::epoll::EventFlags as Interest;

/// Events taken in one turn. A batch above 64 gains nothing more; what is left comes with the next turn.
const EVENTS_MAX: usize = 256;
/// Looks without waiting before a sleep. Each gives the core to a neighbour of the lane; more than a few gain nothing.
const LINGER_ROUNDS: u32 = 4;
/// A yield that takes longer, in microseconds, did not go to a neighbour: they give the core back within a turn. It went to
/// a stranger that used up its slice (sched(7)), and the next one would as well.
const YIELD_US_MAX: u64 = 2_000;
/// For so long after that a loop yields once and then sleeps, in milliseconds: a process that wakes gets the core back at once.
/// Without that one yield batches fall apart and a connection costs half as much again.
const STRANGER_MS: u64 = 250;
/// A turn that takes longer, in microseconds, is one that clients notice.
const LONG_US: u64 = 50_000;
/// A process bumps its turn counter and sweeps its time limits at least this often, in milliseconds.
pub const TICK_MS: u64 = 500;

/// Something happened to a descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Happened {
    /// The token it was added with.
    pub token: u64,
    /// What happened.
    pub flags: Interest,
}

impl Happened {
    /// A read will not block: bytes, an end or an error wait.
    #[must_use]
    pub fn readable(&self) -> bool {
        self.flags.intersects(Interest::IN | Interest::HUP | Interest::ERR | Interest::RDHUP)
    }

    /// A write will not block.
    #[must_use]
    pub fn writable(&self) -> bool {
        self.flags.intersects(Interest::OUT | Interest::HUP | Interest::ERR)
    }
}

/// The loop's state.
pub struct Turn {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    happened: Vec<Happened>,
    now_us: u64,
    now_ms: u64,
    next_tick_ms: u64,
    tick: bool,
    lingering: bool,
    stranger_until_ms: u64,
    longest_us: u64,
    long: u64,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("now_ms", &self.now_ms).finish_non_exhaustive()
    }
}

impl Turn {
    /// Makes the epoll descriptor: before lock-down, which forbids it.
    ///
    /// # Errors
    /// What epoll_create1(2) says.
    pub fn new() -> Result<Self, Errno> {
        let now_us = clock_us();
        let now_ms = now_us / 1000;
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS_MAX),
            happened: Vec::with_capacity(EVENTS_MAX),
            now_us,
            now_ms,
            next_tick_ms: now_ms.saturating_add(TICK_MS),
            tick: false,
            lingering: true,
            stranger_until_ms: 0,
            longest_us: 0,
            long: 0,
        })
    }

    /// Switches lingering off: for programs off the data path.
    #[must_use]
    pub const fn without_linger(mut self) -> Self {
        self.lingering = false;
        self
    }

    /// Watches a descriptor.
    ///
    /// # Errors
    /// What epoll_ctl(2) says.
    pub fn add(&self, fd: impl AsFd, token: u64, interest: Interest) -> Result<(), Errno> {
        epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token), interest)
    }

    /// Changes what is watched for.
    ///
    /// # Errors
    /// What epoll_ctl(2) says.
    pub fn modify(&self, fd: impl AsFd, token: u64, interest: Interest) -> Result<(), Errno> {
        epoll::modify(&self.epoll, fd, epoll::EventData::new_u64(token), interest)
    }

    /// Stops watching: always before a descriptor is passed on or closed while a copy of it lives elsewhere.
    ///
    /// # Errors
    /// What epoll_ctl(2) says.
    pub fn remove(&self, fd: impl AsFd) -> Result<(), Errno> {
        epoll::delete(&self.epoll, fd)
    }

    /// Waits for the next turn, at most until the next tick. Afterwards [`Turn::happened`] says what is ready,
    /// [`Turn::now_ms`] when it is, [`Turn::ticked`] whether time limits are due for a look.
    ///
    /// # Errors
    /// What epoll_wait(2) says, interruptions excepted.
    pub fn wait(&mut self) -> Result<(), Errno> {
        self.wait_at_most(u64::MAX)
    }

    /// [`Turn::wait`] for at most `wait_ms`, for work that no descriptor announces.
    ///
    /// # Errors
    /// What epoll_wait(2) says, interruptions excepted.
    pub fn wait_at_most(&mut self, wait_ms: u64) -> Result<(), Errno> {
        let mut before_us = clock_us();
        self.turn_ends(before_us);
        let mut rounds = match self.lingering && !self.events.is_empty() {
            false => 0,
            true if self.now_ms < self.stranger_until_ms => 1,
            true => LINGER_ROUNDS,
        };
        while rounds > 0 {
            rounds = rounds.saturating_sub(1);
            rustix::thread::sched_yield();
            let found = self.look(0)?;
            if self.now_us.saturating_sub(before_us) > YIELD_US_MAX {
                self.stranger_until_ms = self.now_ms.saturating_add(STRANGER_MS);
                rounds = 0;
            }
            if found {
                return Ok(());
            }
            before_us = self.now_us;
        }
        let left = self.next_tick_ms.saturating_sub(self.now_ms);
        self.look(left.min(wait_ms)).map(drop)
    }

    /// How long the turn took that ends now.
    const fn turn_ends(&mut self, now_us: u64) {
        let took_us = now_us.saturating_sub(self.now_us);
        if took_us > self.longest_us {
            self.longest_us = took_us;
        }
        if took_us > LONG_US {
            self.long = self.long.saturating_add(1);
        }
    }

    /// Microseconds of the longest turn so far, and how many turns clients can have noticed.
    #[must_use]
    pub const fn long_turns(&self) -> (u64, u64) {
        (self.longest_us, self.long)
    }

    /// One epoll_wait(2); true where something is ready or the tick is due.
    fn look(&mut self, wait_ms: u64) -> Result<bool, Errno> {
        let wait = Timespec {
            tv_sec: i64::try_from(wait_ms / 1000).unwrap_or(1),
            tv_nsec: i64::try_from(wait_ms % 1000).unwrap_or(0).saturating_mul(1_000_000),
        };
        self.events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), Some(&wait)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        self.happened.clear();
        self.happened.extend(self.events.iter().map(|e| Happened { token: e.data.u64(), flags: e.flags }));
        self.now_us = clock_us();
        self.now_ms = self.now_us / 1000;
        self.tick = self.now_ms >= self.next_tick_ms;
        if self.tick {
            self.next_tick_ms = self.now_ms.saturating_add(TICK_MS);
        }
        Ok(!self.events.is_empty() || self.tick)
    }

    /// What is ready in this turn, by number: the list can be walked while the loop's owner changes itself.
    #[must_use]
    pub fn happened(&self, index: usize) -> Option<Happened> {
        self.happened.get(index).copied()
    }

    /// Milliseconds on the monotonic clock at the begin of this turn.
    #[must_use]
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Microseconds on the monotonic clock at the begin of this turn: for durations that need no more than that.
    #[must_use]
    pub const fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Time limits are due for a look: about every [`TICK_MS`].
    #[must_use]
    pub const fn ticked(&self) -> bool {
        self.tick
    }
}

/// The monotonic clock in milliseconds.
#[must_use]
pub fn clock_ms() -> u64 {
    clock_us() / 1000
}

/// The monotonic clock in microseconds.
#[must_use]
pub fn clock_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let micros = u64::try_from(now.tv_nsec / 1000).unwrap_or(0);
    seconds.saturating_mul(1_000_000).saturating_add(micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn says_what_is_ready_and_by_which_token() {
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let mut turn = Turn::new().unwrap();
        turn.add(&a, 42, Interest::IN).unwrap();
        rustix::io::write(&b, b"x").unwrap();
        turn.wait().unwrap();
        let one = turn.happened(0).unwrap();
        assert!(one.token == 42 && one.readable() && !one.writable());
        assert!(turn.happened(1).is_none());
        turn.remove(&a).unwrap();
        turn.wait().unwrap();
        assert!(turn.happened(0).is_none() && turn.ticked());
    }
}
