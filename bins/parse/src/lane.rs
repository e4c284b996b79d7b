//! What all connections of this process share.

use fosse_counters::{Counters, parse as count};

use crate::access::Access;
use crate::limits::{SPARE_BUFFER_BYTES_MAX, SPARE_BUFFERS_MAX};
use crate::settings::Settings;

/// Settings, counters, buffers to borrow, and the time of this turn.
#[derive(Debug)]
pub struct Lane {
    /// The configuration.
    pub settings: Settings,
    /// The page.
    pub counters: Counters,
    /// The access log.
    pub access: Access,
    /// Milliseconds on the monotonic clock.
    pub now_ms: u64,
    /// No new request after the ones under way.
    pub draining: bool,
    /// Credit of request bodies is not counted: nobody could grant any.
    pub credit_unlimited: bool,
    /// dispatch hears of the end of connections.
    pub reports_ends: bool,
    request_next: u64,
    spare: Vec<Vec<u8>>,
}

impl Lane {
    /// A lane at its first turn. `request_first` is where request numbers begin; it is random, so that no two processes share any.
    #[must_use]
    pub fn new(settings: Settings, counters: Counters, request_first: u64) -> Self {
        let access = Access::new(settings.blob.access_log);
        Self {
            settings,
            counters,
            access,
            now_ms: 0,
            draining: false,
            credit_unlimited: false,
            reports_ends: false,
            request_next: request_first,
            spare: Vec::new(),
        }
    }

    /// The number of a new request.
    pub fn next_request(&mut self) -> u64 {
        self.counters.add(count::REQUESTS, 1);
        self.request_next = self.request_next.wrapping_add(1);
        self.request_next
    }

    /// Gives a buffer to something that has none yet.
    pub fn lend(&mut self, buffer: &mut Vec<u8>) {
        if buffer.capacity() == 0 {
            *buffer = self.spare.pop().unwrap_or_default();
        }
    }

    /// Takes the memory of an empty buffer back.
    pub fn give_back(&mut self, buffer: &mut Vec<u8>) {
        if buffer.capacity() > 0 && buffer.is_empty() {
            let taken = core::mem::take(buffer);
            if self.spare.len() < SPARE_BUFFERS_MAX && taken.capacity() <= SPARE_BUFFER_BYTES_MAX {
                self.spare.push(taken);
            }
        }
    }

    /// Drops the buffers that are kept: after a flood there are as many as it needed.
    pub fn let_go(&mut self) {
        self.spare = Vec::new();
    }

    /// Returns the deadline of something that may take this long from now on, in milliseconds.
    #[must_use]
    pub fn after(&self, time: core::time::Duration) -> u64 {
        self.now_ms.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}
