//! fosse-counters: the page in which each process counts, and the tables that name its words.
//!
//! A page is a shared memory file with one writer: a fixed part of [`PAGE_BYTES`], and behind it
//! the rows of the program's sites or backends. Its first words are the same for every program:
//! start watches [`TURNS`] and reads [`STREAM_CONNECTION`] and [`STREAM_SOURCE`] of a process that
//! crashed; fosse-status shows the rest by the program's table. Readers trust nothing in a page.
//! What health checks find out has a page of its own, and so have the states that people give to
//! servers, the addresses of those that have names, what sources were sent, what lanes have of a
//! limit of all, and the renewals of certificates.

#![forbid(unsafe_code)]

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Relaxed, Release},
};

use fosse_sys::page::Page;

mod addresses;
mod connections;
mod health;
mod places;
mod questions;
mod rates;
mod renewals;
mod servers;
mod shares;
mod states;
mod sums;
mod tables;
mod traffic;
pub use addresses::*;
pub use connections::*;
pub use health::*;
pub use questions::*;
pub use rates::*;
pub use renewals::*;
pub use servers::{SERVERS_SHOWN_MAX, Server, servers};
pub use shares::*;
pub use states::*;
pub use sums::*;
pub use tables::*;
pub use traffic::*;

/// Size of the fixed part of a page in bytes. Memory is used for what is written: that is all of it
/// only where dispatch has as many servers as are shown.
pub const PAGE_BYTES: u64 = 65_536;
/// Words of the fixed part of a page.
pub const PAGE_WORDS: usize = 8192;

/// Incremented at least once a second by a process that lives: one whose count has not moved for 3
/// s is replaced.
pub const TURNS: usize = 0;
/// accept's number of the connection whose bytes are being worked on, 0 between.
pub const STREAM_CONNECTION: usize = 1;
/// The source that a trusted proxy has named for the request that is being worked on, as a word
/// (`fosse_source::Source::word`); 0 where the source is the connection's peer.
pub const STREAM_SOURCE: usize = 6;
/// Log lines that could not be written.
pub const LOG_DROPPED: usize = 2;
/// 1 once the process is draining.
pub const DRAINING: usize = 3;
/// Microseconds of the longest turn so far, from waking up to waiting again. On a shared core the
/// time that other processes took is in it.
pub const TURN_US_LONGEST: usize = 4;
/// Turns long enough for clients to notice.
pub const TURNS_LONG: usize = 5;
/// The first word of a program's own table.
pub const FIRST: usize = 8;

/// One process's page, or private memory where it was started without one (in a shell).
#[derive(Debug)]
pub struct Counters(Storage);

#[derive(Debug)]
enum Storage {
    Page(Page),
    Private(Box<[AtomicU64]>),
}

impl Counters {
    /// Counts into a mapped page.
    #[must_use]
    pub const fn shared(page: Page) -> Self {
        Self(Storage::Page(page))
    }

    /// Counts into memory of this process alone.
    #[must_use]
    pub fn private() -> Self {
        Self(Storage::Private((0..PAGE_WORDS).map(|_| AtomicU64::new(0)).collect()))
    }

    #[inline]
    fn word(&self, index: usize) -> Option<&AtomicU64> {
        match &self.0 {
            Storage::Page(page) => page.words().get(index),
            Storage::Private(words) => words.get(index),
        }
    }

    /// Adds to a counter. There is one writer, so no locked instruction is needed.
    #[inline]
    pub fn add(&self, index: usize, count: u64) {
        if let Some(word) = self.word(index) {
            // Counters wrap, as readers of rates expect; 2^64 events take centuries.
            word.store(word.load(Relaxed).wrapping_add(count), Relaxed);
        }
    }

    /// Takes from a gauge.
    #[inline]
    pub fn sub(&self, index: usize, count: u64) {
        if let Some(word) = self.word(index) {
            // A gauge that went below nothing would be shown as 2^64.
            word.store(word.load(Relaxed).saturating_sub(count), Relaxed);
        }
    }

    /// Sets a gauge.
    #[inline]
    pub fn set(&self, index: usize, value: u64) {
        if let Some(word) = self.word(index) {
            word.store(value, Relaxed);
        }
    }

    /// Sets a word that says that others are to be read: whoever sees it sees them.
    pub(crate) fn publish(&self, index: usize, value: u64) {
        if let Some(word) = self.word(index) {
            word.store(value, Release);
        }
    }

    /// Notes the connection whose bytes are being worked on, and the source that a trusted proxy
    /// has named for its request; 0 where none has.
    #[inline]
    pub fn work_on(&self, connection: u64, source: u64) {
        self.set(STREAM_SOURCE, source);
        self.set(STREAM_CONNECTION, connection);
    }

    /// Sets the numbers of the event loop: microseconds of the longest turn, and the count of long
    /// ones.
    pub fn set_turns(&self, (longest_us, long): (u64, u64)) {
        self.set(TURN_US_LONGEST, longest_us);
        self.set(TURNS_LONG, long);
    }

    /// Reads a word; 0 outside the page.
    #[must_use]
    pub fn get(&self, index: usize) -> u64 {
        self.word(index).map_or(0, |word| word.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_never_goes_below_nothing_and_no_index_is_out_of_reach() {
        let counters = Counters::private();
        counters.sub(FIRST, 3);
        counters.add(FIRST, 2);
        counters.add(usize::MAX, 1);
        assert_eq!((counters.get(FIRST), counters.get(usize::MAX)), (2, 0));
    }

    #[test]
    fn every_table_fits_its_page_and_names_each_word_once() {
        for (program, table) in TABLES {
            assert!(FIRST + table.len() <= PAGE_WORDS, "{program}");
            let mut names: Vec<_> = table.iter().map(|c| c.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), table.len(), "{program}");
        }
    }
}
