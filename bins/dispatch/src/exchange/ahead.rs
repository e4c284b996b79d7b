//! Response bodies that are read before their clients take them, so that a server is done with a
//! response long before a slow client is.

use std::{collections::VecDeque, os::fd::OwnedFd};

use rustix::{
    io::Errno,
    net::{SendFlags, send},
};

use crate::{cache::piped::Piped, limits, upstream::connection::At};

/// Bytes of one response that are read and not yet written, in order.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    parts: VecDeque<Vec<u8>>,
    /// Bytes of the first part that are used up.
    used: usize,
    /// Bytes that a pipe holds, in place of parts.
    piped: Option<Piped>,
    /// Bytes of all parts that are not.
    pub(super) bytes: usize,
    /// The framing of a response that is read to its end: it has no server any more.
    pub(super) whole: Option<At>,
}

impl Ahead {
    /// Adds bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        match self.parts.back_mut() {
            // Servers write small pieces too: each alone would cost more than its bytes.
            Some(last) if last.len() < limits::AHEAD_PART_BYTES_MIN => last.extend_from_slice(bytes),
            _ => self.parts.push_back(bytes.to_vec()),
        }
    }

    /// Takes bytes over that lie together, from `from` on, where there are none yet.
    pub(super) fn begin(&mut self, bytes: Vec<u8>, from: usize) {
        (self.used, self.bytes) = (from, bytes.len() - from);
        self.parts.push_back(bytes);
    }

    /// Takes bytes over that a pipe holds, where there are none yet.
    pub(super) fn begin_piped(&mut self, piped: Piped) {
        (self.used, self.bytes) = (0, piped.len());
        self.piped = Some(piped);
    }

    /// Writes once to a client: the bytes that a pipe holds, or the first that lie together. Those
    /// that the client does not take lie in parts afterwards. Returns the number of bytes taken,
    /// and whether these are all.
    ///
    /// # Errors
    /// Those of send(2) and splice(2).
    pub(super) fn write(&mut self, client: &OwnedFd) -> Result<(usize, bool), Errno> {
        let taken = |result| match result {
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            other => other,
        };
        if let Some(mut piped) = self.piped.take() {
            let sent = taken(piped.send(client))?;
            self.bytes -= sent;
            let is_all = self.bytes == 0;
            if !is_all {
                // A slow client has its bytes in memory: pipes are few.
                self.parts.push_back(piped.take());
            }
            return Ok((sent, is_all));
        }
        let first = self.first();
        let length = first.len();
        let sent = taken(send(client, first, SendFlags::DONTWAIT | SendFlags::NOSIGNAL))?;
        self.advance(sent);
        Ok((sent, sent == length))
    }

    /// Returns the first bytes, all that lie together.
    pub(super) fn first(&self) -> &[u8] {
        self.parts.front().map_or(&[], |part| &part[self.used..])
    }

    /// Drops the first bytes, no more than [`Ahead::first`] returned.
    pub(super) fn advance(&mut self, count: usize) {
        self.used += count;
        self.bytes -= count;
        if self.parts.front().is_some_and(|part| part.len() == self.used) {
            self.parts.pop_front();
            self.used = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_taken_over_begin_where_they_are_said_to() {
        let mut ahead = Ahead::default();
        ahead.begin(b"headbody".to_vec(), 4);
        assert_eq!((ahead.first(), ahead.bytes), (&b"body"[..], 4));
        ahead.advance(3);
        assert_eq!((ahead.first(), ahead.bytes), (&b"y"[..], 1));
        ahead.advance(1);
        assert_eq!((ahead.first(), ahead.bytes), (&b""[..], 0));
    }

    #[test]
    fn bytes_come_out_as_they_went_in_however_they_are_cut() {
        let sent: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        for (put, take) in [(1, 70_000), (999, 1000), (40_000, 1), (200_000, 333)] {
            let (mut ahead, mut got) = (Ahead::default(), Vec::new());
            sent.chunks(put).for_each(|part| ahead.push(part));
            assert_eq!(ahead.bytes, sent.len());
            while ahead.bytes > 0 {
                let part = ahead.first();
                let count = part.len().min(take);
                got.extend_from_slice(&part[..count]);
                ahead.advance(count);
            }
            assert_eq!((got == sent, ahead.bytes), (true, 0));
        }
    }
}
