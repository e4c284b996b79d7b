//! The outbox: frames for a peer, written together.

use crate::cursor::Fixed;
use crate::frame::{COUNTED_HEADER_BYTES, DATA_BYTES_MAX, FRAME_BYTES_MAX, FRAME_HEADER_BYTES, Hello, ResetReason};
use crate::{Frame, Kind, StreamId, WireError};

#[inline]
fn header(counted: u32, stream: StreamId, kind: Kind) -> [u8; FRAME_HEADER_BYTES] {
    Fixed::new().put(counted.to_le_bytes()).put(stream.raw().to_le_bytes()).put([kind as u8]).bytes()
}

/// Frames waiting to be written to one peer in one coalesced write. It has no bound of its own:
/// outstanding credit is the bound (every stage reads on while its output is blocked).
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
    /// Times in a row that it was emptied and had held no more than it keeps.
    calm: u8,
}

/// Capacity an empty outbox keeps; above it the memory goes back once it is not needed any more, so
/// that one burst is not paid for for ever.
const OUTBOX_KEPT_BYTES: usize = 256 * 1024;

/// Times in a row that an outbox is emptied without having held more than that, before it gives
/// back what it has beyond: responses to many come in bursts with credit between them, and memory
/// that is given back and fetched for each costs more than the copies.
const OUTBOX_CALM_MAX: u8 = 64;

impl Outbox {
    /// Appends a frame whose body `fill` writes.
    ///
    /// # Errors
    /// Those of `fill`, or [`WireError::Length`] for a body that does not fit. The outbox is then
    /// as before.
    #[inline]
    pub fn frame(
        &mut self,
        stream: StreamId,
        kind: Kind,
        fill: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&header(0, stream, kind));
        let filled = fill(&mut self.bytes).and_then(|()| {
            let counted = self.bytes.len() - at - 4;
            let length = u32::try_from(counted).map_err(|_| WireError::Length(u32::MAX))?;
            if counted > FRAME_BYTES_MAX {
                return Err(WireError::Length(length));
            }
            self.bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
            Ok(())
        });
        if filled.is_err() {
            self.bytes.truncate(at);
        }
        filled
    }

    /// Appends HELLO.
    pub fn hello(&mut self, hello: Hello) {
        self.raw(StreamId::CONTROL, Kind::Hello, &hello.bytes());
    }

    /// Appends body bytes as frames of at most [`DATA_BYTES_MAX`].
    #[inline]
    pub fn data(&mut self, stream: StreamId, kind: Kind, bytes: &[u8]) {
        for part in bytes.chunks(DATA_BYTES_MAX) {
            self.raw(stream, kind, part);
        }
    }

    /// Appends a credit of either direction; a credit of nothing is not sent.
    pub fn credit(&mut self, stream: StreamId, kind: Kind, bytes: u32) {
        if bytes > 0 {
            self.raw(stream, kind, &bytes.to_le_bytes());
        }
    }

    /// Appends a reset.
    pub fn reset(&mut self, stream: StreamId, reason: ResetReason) {
        self.raw(stream, Kind::Reset, &[reason as u8]);
    }

    /// Appends a frame as it came in.
    #[inline]
    pub fn forward(&mut self, frame: &Frame<'_>) {
        self.raw(frame.stream, frame.kind, frame.body);
    }

    /// Appends a frame with a body known to fit.
    #[inline]
    pub fn raw(&mut self, stream: StreamId, kind: Kind, body: &[u8]) {
        debug_assert!(body.len() <= FRAME_BYTES_MAX - COUNTED_HEADER_BYTES);
        // One that did not fit would get a length that every receiver refuses.
        let counted = u32::try_from(body.len() + COUNTED_HEADER_BYTES).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&header(counted, stream, kind));
        self.bytes.extend_from_slice(body);
    }

    /// Returns the bytes that are still to be written.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Returns whether nothing is to be written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sent >= self.bytes.len()
    }

    /// Forgets the first `count` pending bytes, which were written.
    pub fn advance(&mut self, count: usize) {
        self.sent += count;
        if self.is_empty() {
            self.calm = if self.bytes.len() > OUTBOX_KEPT_BYTES { 0 } else { self.calm.min(OUTBOX_CALM_MAX - 1) + 1 };
            self.bytes.clear();
            self.sent = 0;
            if self.calm >= OUTBOX_CALM_MAX {
                self.bytes.shrink_to(OUTBOX_KEPT_BYTES);
            }
        } else if self.sent >= OUTBOX_KEPT_BYTES && self.sent >= self.bytes.len() - self.sent {
            // No byte is moved more than once for each that was written.
            self.bytes.drain(..self.sent);
            (self.sent, self.calm) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_burst_is_given_back_once_it_is_calm_again() {
        let mut out = Outbox::default();
        let body = vec![0; DATA_BYTES_MAX];
        let burst = |out: &mut Outbox, frames: usize| {
            (0..frames).for_each(|_| out.raw(StreamId::from_raw(1), Kind::ResponseData, &body));
            while !out.is_empty() {
                let part = out.pending().len().min(200_000);
                out.advance(part);
            }
        };
        burst(&mut out, 100);
        let grown = out.bytes.capacity();
        // The last part of the burst is the first that is calm.
        for _ in 2..OUTBOX_CALM_MAX {
            burst(&mut out, 1);
        }
        assert!(grown >= 100 * DATA_BYTES_MAX && out.bytes.capacity() == grown);
        burst(&mut out, 1);
        assert!(out.bytes.capacity() <= 2 * OUTBOX_KEPT_BYTES, "{}", out.bytes.capacity());
    }

    #[test]
    fn a_frame_that_does_not_fit_leaves_the_outbox_as_it_was() {
        let mut out = Outbox::default();
        out.raw(StreamId::from_raw(1), Kind::RequestEnd, &[]);
        let before = out.pending().to_vec();
        let result = out.frame(StreamId::from_raw(1), Kind::Request, |body| {
            body.resize(body.len() + FRAME_BYTES_MAX, 0);
            Ok(())
        });
        assert!(matches!(result, Err(WireError::Length(_))));
        assert_eq!(out.pending(), before);
    }

    #[test]
    fn a_partial_write_keeps_the_rest() {
        let mut out = Outbox::default();
        out.data(StreamId::from_raw(3), Kind::ResponseData, &vec![9; 40_000]);
        let all = out.pending().to_vec();
        out.advance(10);
        assert_eq!(out.pending(), &all[10..]);
        out.advance(all.len() - 10);
        assert!(out.is_empty());
    }
}
