//! The bytes for one client that its socket has not taken yet.

use crate::buffers::SpareBuffers;
use crate::limits::{OUTPUT_UNUSED_BYTES, WRITE_PROGRESS_BYTES_MIN};

/// Bytes of responses, in order. The memory is borrowed while there are any.
#[derive(Debug, Default)]
pub struct ClientOutput {
    /// All bytes since the last time that everything was written: responses are appended here.
    pub bytes: Vec<u8>,
    /// Number of them that were written.
    written: usize,
    /// Bytes that the client has taken since its limit began.
    progress: usize,
}

impl ClientOutput {
    /// Returns the bytes that are to be written.
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Returns whether everything is written.
    pub fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    /// Notes that the socket took the first of the pending bytes.
    pub fn advance(&mut self, count: usize) {
        self.written += count;
        self.progress += count;
    }

    /// Returns whether the client has taken as much as it has to within its limit: a part worth the
    /// name, or all there is.
    pub fn has_progressed(&self) -> bool {
        self.is_empty() || self.progress >= WRITE_PROGRESS_BYTES_MIN
    }

    /// Begins to count for another limit.
    pub const fn restart_progress(&mut self) {
        self.progress = 0;
    }

    /// Makes room for `count` more bytes.
    pub fn make_room(&mut self, count: usize) {
        if self.bytes.capacity() - self.bytes.len() < count {
            // Hardly more than that, as a slow reader has its whole window here all the time. But
            // by half of what is there, so that many small pieces are not copied for each of them.
            self.bytes.reserve_exact(count.max(self.bytes.len() / 2));
        }
    }

    /// Frees what a client that takes no more for now does not need: what it has taken, and unused
    /// room.
    pub fn shrink(&mut self) {
        if self.bytes.capacity() > self.pending().len() + OUTPUT_UNUSED_BYTES {
            self.bytes.drain(..self.written);
            self.written = 0;
            self.bytes.shrink_to_fit();
        }
    }

    /// Drops all bytes and gives the memory back.
    pub fn clear(&mut self, spare: &mut SpareBuffers) {
        self.bytes.clear();
        self.written = 0;
        spare.give_back(&mut self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_takes_nothing_more_has_no_more_memory_than_it_needs() {
        let mut output = ClientOutput::default();
        output.bytes.extend_from_slice(&[b'x'; 3 * OUTPUT_UNUSED_BYTES]);
        output.advance(2 * OUTPUT_UNUSED_BYTES);
        assert_eq!(output.pending().len(), OUTPUT_UNUSED_BYTES);
        output.shrink();
        assert_eq!(output.pending(), [b'x'; OUTPUT_UNUSED_BYTES]);
        assert!(output.bytes.capacity() < 2 * OUTPUT_UNUSED_BYTES);
        output.advance(OUTPUT_UNUSED_BYTES);
        assert!(output.is_empty());
    }

    #[test]
    fn a_client_has_progressed_with_a_part_worth_the_name_or_with_all() {
        let mut output = ClientOutput::default();
        output.bytes.extend_from_slice(&[b'x'; 2 * WRITE_PROGRESS_BYTES_MIN]);
        output.advance(WRITE_PROGRESS_BYTES_MIN - 1);
        assert!(!output.has_progressed());
        output.advance(1);
        assert!(output.has_progressed());
        output.restart_progress();
        output.advance(1);
        assert!(!output.has_progressed());
        output.advance(WRITE_PROGRESS_BYTES_MIN - 1);
        output.restart_progress();
        assert!(output.has_progressed(), "nothing is left");
    }

    #[test]
    fn what_is_cleared_has_neither_bytes_nor_memory() {
        let mut output = ClientOutput::default();
        output.bytes.extend_from_slice(b"never taken");
        output.clear(&mut SpareBuffers::default());
        assert!(output.is_empty() && output.bytes.capacity() == 0);
    }
}
