//! The inbox: bytes read from a peer, cut into frames without copying them.

use crate::{Frame, WireError, frame::FRAME_BYTES_MAX};

/// Room for one frame of the largest size and a full read after it.
const INBOX_BYTES: usize = FRAME_BYTES_MAX + 96 * 1024;
/// The least room offered to a read: less would make reads small when the buffer is nearly used up.
const SPARE_BYTES_MIN: usize = 64 * 1024;

/// One fixed buffer per peer. What is unread moves to the front when the room after it runs out.
#[derive(Debug)]
pub struct Inbox {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { buffer: vec![0; INBOX_BYTES].into_boxed_slice(), start: 0, end: 0 }
    }
}

impl Inbox {
    /// Returns the room for the next read; it is never empty.
    #[must_use]
    pub fn spare(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.buffer.len() - self.end < SPARE_BYTES_MIN {
            // An unfinished frame is shorter than the largest, so room for a read is left.
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.buffer[self.end..]
    }

    /// Counts the bytes that a read put into [`Inbox::spare`], no more than there was room for.
    pub const fn filled(&mut self, count: usize) {
        self.end += count;
    }

    /// Takes the next complete frame.
    ///
    /// # Errors
    /// As [`Frame::split`]; the conversation is over.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, WireError> {
        self.next_of(Frame::split)
    }

    /// Takes the next complete message of a conversation that cuts its bytes by `split`, which
    /// returns the message and its length.
    ///
    /// # Errors
    /// As `split`; the conversation is over.
    #[inline]
    pub fn next_of<'b, T: 'b>(
        &'b mut self,
        split: impl FnOnce(&'b [u8]) -> Result<Option<(T, usize)>, WireError>,
    ) -> Result<Option<T>, WireError> {
        let Some((message, taken)) = split(&self.buffer[self.start..self.end])? else { return Ok(None) };
        self.start += taken;
        Ok(Some(message))
    }

    /// Overwrites the bytes of the messages that were taken, which may be secret.
    pub fn wipe(&mut self) {
        self.buffer[..self.start].fill(0);
        self.buffer[self.end..].fill(0);
        // Nobody reads them again, which must not be known here.
        std::hint::black_box(&mut self.buffer);
    }

    /// Returns whether no byte of an unfinished frame is here, so that a conversation may end.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Outbox, StreamId};

    /// Feeds `bytes` in pieces of `step` and returns the bodies' lengths.
    fn lengths(bytes: &[u8], step: usize) -> Vec<usize> {
        let mut inbox = Inbox::default();
        let mut found = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = step.min(rest.len()).min(inbox.spare().len());
            inbox.spare()[..count].copy_from_slice(&rest[..count]);
            inbox.filled(count);
            rest = &rest[count..];
            while let Some(frame) = inbox.next_frame().unwrap() {
                found.push(frame.body.len());
            }
        }
        assert!(inbox.is_empty());
        found
    }

    #[test]
    fn frames_come_out_whole_however_they_went_in() {
        let mut out = Outbox::default();
        let sizes: Vec<usize> = (0..200).map(|n| (n * 397) % 16_000).collect();
        for size in &sizes {
            out.raw(StreamId::from_raw(1), Kind::RequestData, &vec![1; *size]);
        }
        for step in [1, 7, 4096, 65_536, 1 << 20] {
            assert_eq!(lengths(out.pending(), step), sizes, "step {step}");
        }
    }

    #[test]
    fn the_largest_frame_fits_behind_another() {
        let mut out = Outbox::default();
        out.raw(StreamId::from_raw(1), Kind::RequestData, &[1; 9]);
        out.raw(StreamId::from_raw(1), Kind::Request, &vec![1; FRAME_BYTES_MAX - 5]);
        assert_eq!(lengths(out.pending(), 65_536), [9, FRAME_BYTES_MAX - 5]);
    }
}
