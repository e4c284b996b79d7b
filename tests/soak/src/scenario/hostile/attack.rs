//! What is the same whatever a hostile address does.

use std::{
    net::SocketAddr,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// A hostile address, 127.0.0.`last`, until it is told to stop.
#[derive(Debug)]
pub(super) struct Attack {
    pub(super) last: u8,
    pub(super) address: SocketAddr,
    /// Connections to have where many are meant.
    pub(super) count: usize,
    begun: AtomicU64,
    over: Mutex<bool>,
    ended: Condvar,
}

impl Attack {
    pub(super) fn new(last: u8, address: SocketAddr, count: usize) -> Self {
        Self { last, address, count, begun: AtomicU64::new(0), over: Mutex::new(false), ended: Condvar::new() }
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
