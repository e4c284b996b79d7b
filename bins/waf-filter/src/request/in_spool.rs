//! A body in the spool: how far it has grown and come back.

use fosse_wire::spool::PIECE_BYTES_MAX;

use crate::{limits::SPOOL_READ_BYTES_MAX, memory::length_of, spool::client::SpoolClient};

/// The part of a buffered body that is not in memory.
#[derive(Debug)]
pub(crate) struct Spooled {
    /// Its number there.
    pub(super) body: u64,
    /// All of its bytes so far.
    pub(super) length: u64,
    /// Those that are on their way.
    pub(super) unwritten: u64,
    /// Those that were asked for, once it is read.
    asked: u64,
    pub(super) state: SpooledState,
}

/// The way of a spooled body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpooledState {
    /// It grows.
    Writing,
    /// It is whole, and waits until another one has been evaluated.
    Waiting,
    /// It comes back.
    Reading,
}

impl Spooled {
    /// Makes a body of which `length` bytes are on their way.
    pub(super) const fn new(body: u64, length: u64) -> Self {
        Self { body, length, unwritten: length, asked: 0, state: SpooledState::Writing }
    }

    /// Returns whether it is the body that is back in memory.
    pub(super) fn is_back(&self) -> bool {
        self.state == SpooledState::Reading
    }

    /// Asks for the next pieces, where `here` bytes have come back.
    pub(super) fn ask(&mut self, here: u64, spool: &mut SpoolClient, now_ms: u64) {
        let until = self.length.min(here + SPOOL_READ_BYTES_MAX);
        ask_until(self.body, &mut self.asked, until, spool, now_ms);
    }
}

/// Asks for bytes of a body up to `until`, piece by piece.
pub(super) fn ask_until(body: u64, asked: &mut u64, until: u64, spool: &mut SpoolClient, now_ms: u64) {
    while *asked < until {
        let length = (until - *asked).min(length_of(PIECE_BYTES_MAX));
        let Ok(length) = u32::try_from(length) else { return };
        spool.read(body, *asked, length, now_ms);
        *asked += u64::from(length);
    }
}
