//! The replies that wait for a filter. No I/O.

/// Bytes of replies, in order, up to a limit that one message may pass.
#[derive(Debug)]
pub struct Replies {
    /// The queue; replies are appended here.
    pub bytes: Vec<u8>,
    sent: usize,
    bytes_max: usize,
}

impl Replies {
    /// Makes an empty queue that is full from `bytes_max` bytes on.
    #[must_use]
    pub const fn new(bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), sent: 0, bytes_max }
    }

    /// Returns whether it is full, so that the filter is not read from.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.bytes.len() - self.sent >= self.bytes_max
    }

    /// Returns the bytes that are queued.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Removes bytes that have been written.
    pub fn advance(&mut self, count: usize) {
        self.sent += count;
        if self.pending().is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(self.bytes_max);
            self.sent = 0;
        } else if self.sent >= self.bytes_max {
            // While replies follow one another the queue is never empty.
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_takes_no_memory_although_the_queue_is_never_empty() {
        let mut replies = Replies::new(1000);
        for _ in 0..1000 {
            replies.bytes.extend_from_slice(&[0; 100]);
            assert!(!replies.is_full());
            replies.advance(replies.pending().len() - 1);
        }
        assert!(replies.bytes.len() < 2000 && replies.bytes.capacity() < 4000);
    }
}
