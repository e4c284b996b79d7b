//! fosse-eventloop: the event loop of every program on the data path. One turn is: wait, drain all
//! that is ready, work, write once to each peer.
//!
//! Level-triggered epoll(7). Before it sleeps, a turn lingers: it polls a few times without waiting
//! and yields the core to its peers in between, so that their frames come in one batch.
//! Lingering is bounded and stops when nothing comes.
//!
//! ```
//! # use fosse_eventloop::{EventLoop, Events};
//! # fn main() -> Result<(), rustix::io::Errno> {
//! let mut event_loop = EventLoop::new()?.without_linger();
//! let mut events = Events::new();
//! event_loop.poll_once(&mut events, Some(0))?;
//! for event in &events {
//!     println!("{} is readable: {}", event.token, event.readable());
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod events;
pub mod slab;
mod timestamp;
mod watched;

use std::os::fd::{AsFd, OwnedFd};

use rustix::{
    event::epoll,
    io::Errno,
    time::{ClockId, clock_gettime},
};

pub use events::{Event, Events};
pub use rustix::event::epoll::EventFlags as Interest;
pub use timestamp::Timestamp;
pub use watched::Watched;

/// Polls without waiting before a sleep. Each yields the core to a peer of the lane; more than a
/// few gain nothing.
const LINGER_ROUNDS: u32 = 4;
/// A yield that takes longer, in microseconds, did not go to a peer: peers give the core back
/// within a turn. It went to a stranger that used up its slice (sched(7)), and the next yield would
/// as well.
const YIELD_US_MAX: u64 = 2_000;
/// After such a yield the loop yields only once before each sleep, for this many milliseconds: a
/// process that wakes gets the core back at once. Without that one yield batches fall apart and a
/// connection costs half as much again.
const STRANGER_MS: u64 = 250;
/// A turn that takes longer, in microseconds, is one that clients notice.
const LONG_US: u64 = 50_000;
/// Milliseconds between two ticks: a process bumps its turn counter and sweeps its time limits at
/// least this often.
pub const TICK_MS: u64 = 500;

/// An epoll(7) descriptor and the clocks of the turn.
#[derive(Debug)]
pub struct EventLoop {
    epoll: OwnedFd,
    now_us: u64,
    now_ms: u64,
    next_tick_ms: u64,
    tick: bool,
    lingering: bool,
    /// The last turn had events, so more may be close.
    busy: bool,
    stranger_until_ms: u64,
    longest_us: u64,
    long: u64,
}

impl EventLoop {
    /// Makes the epoll descriptor: before lock-down, which forbids it.
    ///
    /// # Errors
    /// Those of epoll_create1(2).
    pub fn new() -> Result<Self, Errno> {
        let now_us = clock_us();
        let now_ms = now_us / 1000;
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            now_us,
            now_ms,
            next_tick_ms: now_ms + TICK_MS,
            tick: false,
            lingering: true,
            busy: false,
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
    /// Those of epoll_ctl(2).
    pub fn add(&self, fd: impl AsFd, token: u64, interest: Interest) -> Result<(), Errno> {
        epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token), interest)
    }

    /// Changes the readiness that a descriptor is watched for.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn modify(&self, fd: impl AsFd, token: u64, interest: Interest) -> Result<(), Errno> {
        epoll::modify(&self.epoll, fd, epoll::EventData::new_u64(token), interest)
    }

    /// Changes the readiness that a descriptor is watched for from `armed` to `wanted`, and `armed`
    /// with it, where that is a change and the kernel takes it. Watched for nothing it leaves
    /// epoll, which reports EPOLLHUP whatever was asked for, again and again (epoll_ctl(2)).
    pub fn rearm(&self, fd: impl AsFd, token: u64, armed: &mut Interest, wanted: Interest) {
        let changed = match (armed.is_empty(), wanted.is_empty()) {
            _ if *armed == wanted => return,
            (true, false) => self.add(fd, token, wanted),
            (false, true) => self.remove(fd),
            _ => self.modify(fd, token, wanted),
        };
        if changed.is_ok() {
            *armed = wanted;
        }
    }

    /// Stops watching: always before a descriptor is passed on, or closed while a copy of it lives
    /// elsewhere.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn remove(&self, fd: impl AsFd) -> Result<(), Errno> {
        epoll::delete(&self.epoll, fd)
    }

    /// Waits for the next turn and fills `events`: until something is ready, the next tick, or
    /// `wait_ms_max` for work that no descriptor announces. Then [`EventLoop::now_ms`] is the time
    /// of the turn, and [`EventLoop::ticked`] is true where time limits are due.
    ///
    /// # Errors
    /// Those of epoll_wait(2), except interruptions.
    pub fn poll_once(&mut self, events: &mut Events, wait_ms_max: Option<u64>) -> Result<(), Errno> {
        let mut before_us = clock_us();
        self.end_turn(before_us);
        let mut rounds = match self.lingering && self.busy {
            false => 0,
            true if self.now_ms < self.stranger_until_ms => 1,
            true => LINGER_ROUNDS,
        };
        while rounds > 0 {
            rounds -= 1;
            rustix::thread::sched_yield();
            let found = self.epoll_wait(events, 0)?;
            if self.now_us.saturating_sub(before_us) > YIELD_US_MAX {
                self.stranger_until_ms = self.now_ms.saturating_add(STRANGER_MS);
                rounds = 0;
            }
            if found {
                return Ok(());
            }
            before_us = self.now_us;
        }
        let tick_ms = self.next_tick_ms.saturating_sub(self.now_ms);
        self.epoll_wait(events, wait_ms_max.map_or(tick_ms, |ms| ms.min(tick_ms))).map(drop)
    }

    /// Records how long the turn took that ends now.
    fn end_turn(&mut self, now_us: u64) {
        let took_us = now_us.saturating_sub(self.now_us);
        self.longest_us = self.longest_us.max(took_us);
        self.long += u64::from(took_us > LONG_US);
    }

    /// One epoll_wait(2); true where something is ready or the tick is due.
    fn epoll_wait(&mut self, events: &mut Events, wait_ms: u64) -> Result<bool, Errno> {
        self.busy = events.wait(&self.epoll, wait_ms)? > 0;
        self.now_us = clock_us();
        self.now_ms = self.now_us / 1000;
        self.tick = self.now_ms >= self.next_tick_ms;
        if self.tick {
            self.next_tick_ms = self.now_ms.saturating_add(TICK_MS);
        }
        Ok(self.busy || self.tick)
    }

    /// Returns the microseconds of the longest turn so far, and the number of turns long enough for
    /// clients to notice.
    #[must_use]
    pub const fn long_turns(&self) -> (u64, u64) {
        (self.longest_us, self.long)
    }

    /// Returns the monotonic clock at the begin of this turn, in milliseconds.
    #[must_use]
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Returns the monotonic clock at the begin of this turn, in microseconds: for durations that
    /// need no better than that.
    #[must_use]
    pub const fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Returns whether time limits are due for a look: about every [`TICK_MS`].
    #[must_use]
    pub const fn ticked(&self) -> bool {
        self.tick
    }
}

/// Returns the monotonic clock in milliseconds.
#[must_use]
pub fn clock_ms() -> u64 {
    clock_us() / 1000
}

/// Returns the monotonic clock in microseconds.
#[must_use]
pub fn clock_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let micros = u64::try_from(now.tv_nsec / 1000).unwrap_or(0);
    // It counts from boot: it lasts for half a million years.
    seconds * 1_000_000 + micros
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn says_what_is_ready_and_by_which_token() {
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let (mut event_loop, mut events) = (EventLoop::new().unwrap(), Events::new());
        event_loop.add(&a, 42, Interest::IN).unwrap();
        rustix::io::write(&b, b"x").unwrap();
        event_loop.poll_once(&mut events, None).unwrap();
        let ready: Vec<Event> = events.iter().collect();
        assert!(matches!(ready[..], [one] if one.token == 42 && one.readable() && !one.writable()));
        event_loop.remove(&a).unwrap();
        event_loop.poll_once(&mut events, None).unwrap();
        assert!(events.iter().next().is_none() && event_loop.ticked());
    }

    #[test]
    fn a_turn_with_work_of_its_own_does_not_wait_for_the_tick() {
        let (mut event_loop, mut events) = (EventLoop::new().unwrap(), Events::new());
        event_loop.next_tick_ms = u64::MAX;
        event_loop.poll_once(&mut events, Some(0)).unwrap();
        assert!(events.iter().next().is_none() && !event_loop.ticked());
    }
}
