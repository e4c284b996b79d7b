//! What is the same whatever a hostile address does.

use std::{
    net::SocketAddr,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Hostile addresses, 127.0.0.`first` and those after it, until they are told to stop.
#[derive(Debug)]
pub(super) struct Attack {
    first: u8,
    sources: u8,
    next: AtomicU64,
    pub(super) address: SocketAddr,
    /// Connections to have where many are meant.
    pub(super) count: usize,
    begun: AtomicU64,
    over: Mutex<bool>,
    ended: Condvar,
}

impl Attack {
    pub(super) fn new((first, sources): (u8, u8), address: SocketAddr, count: usize) -> Self {
        let (next, begun) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { first, sources, next, address, count, begun, over: Mutex::new(false), ended: Condvar::new() }
    }

    /// Returns the last part of the address that the next connection comes from.
    pub(super) fn last(&self) -> u8 {
        // Below the number of sources.
        let place = self.next.fetch_add(1, Relaxed) % u64::from(self.sources);
        self.first + u8::try_from(place).unwrap()
    }

    /// Counts what has been begun.
    pub(super) fn begin(&self, count: usize) {
        self.begun.fetch_add(count as u64, Relaxed);
    }

    /// Returns how many connections or requests were begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Relaxed)
    }

    /// Returns whether the word that it is over has come, or comes within this time.
    pub(super) fn is_over_within(&self, time: Duration) -> bool {
        let over = self.over.lock().unwrap();
        *self.ended.wait_timeout_while(over, time, |over| !*over).unwrap().0
    }

    /// Gives that word.
    pub(super) fn end(&self) {
        *self.over.lock().unwrap() = true;
        self.ended.notify_all();
    }
}
