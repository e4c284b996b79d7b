//! Buffers that connections borrow while they have something in them.

use crate::limits::{SPARE_BUFFER_BYTES_MAX, SPARE_BUFFERS_MAX};

/// Empty buffers whose memory is kept for the next connection that needs one.
#[derive(Debug, Default)]
pub struct SpareBuffers(Vec<Vec<u8>>);

impl SpareBuffers {
    /// Gives memory to a buffer that has none yet.
    pub fn lend(&mut self, buffer: &mut Vec<u8>) {
        if buffer.capacity() == 0 {
            *buffer = self.0.pop().unwrap_or_default();
        }
    }

    /// Takes the memory of an empty buffer back.
    pub fn give_back(&mut self, buffer: &mut Vec<u8>) {
        if buffer.capacity() > 0 && buffer.is_empty() {
            let taken = core::mem::take(buffer);
            if self.0.len() < SPARE_BUFFERS_MAX && taken.capacity() <= SPARE_BUFFER_BYTES_MAX {
                self.0.push(taken);
            }
        }
    }

    /// Frees all of them: after a flood there are as many as it needed.
    pub fn clear(&mut self) {
        self.0 = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_with_something_in_it_is_not_taken_back_and_none_is_lent_twice() {
        let mut spare = SpareBuffers::default();
        let mut full = vec![1u8];
        spare.give_back(&mut full);
        assert_eq!((full.as_slice(), spare.0.len()), ([1u8].as_slice(), 0));
        full.clear();
        spare.give_back(&mut full);
        assert_eq!((full.capacity(), spare.0.len()), (0, 1));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        spare.lend(&mut first);
        spare.lend(&mut second);
        assert!(first.capacity() > 0 && second.capacity() == 0);
    }

    #[test]
    fn neither_too_many_nor_too_large_ones_are_kept() {
        let mut spare = SpareBuffers::default();
        spare.give_back(&mut Vec::with_capacity(SPARE_BUFFER_BYTES_MAX + 1));
        assert!(spare.0.is_empty());
        for _ in 0..=SPARE_BUFFERS_MAX {
            spare.give_back(&mut Vec::with_capacity(1));
        }
        assert_eq!(spare.0.len(), SPARE_BUFFERS_MAX);
        spare.clear();
        assert!(spare.0.is_empty());
    }
}
