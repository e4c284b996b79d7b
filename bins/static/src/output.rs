//! The output of one connection: bytes and parts of files, in order.

use std::collections::VecDeque;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use crate::limits::{OUTPUT_BYTES_MAX, SEND_TURN_BYTES_MAX};

#[derive(Debug)]
enum Piece {
    /// Bytes, and the number of them that is sent.
    Bytes(Vec<u8>, usize),
    /// A part of a file that is not empty.
    Part(Rc<OwnedFd>, Range<u64>),
}

/// The outcome of a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Everything is written.
    All,
    /// The client takes no more now, or has had its share of this turn; true where it took
    /// something.
    Some(bool),
    /// The client is gone, or a file became shorter than its Content-Length: the connection cannot
    /// go on.
    Broken,
}

/// The pieces.
#[derive(Debug, Default)]
pub struct Output {
    pieces: VecDeque<Piece>,
}

impl Output {
    /// Appends bytes through `write`.
    pub fn bytes<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        if !matches!(self.pieces.back(), Some(Piece::Bytes(..))) {
            self.pieces.push_back(Piece::Bytes(Vec::new(), 0));
        }
        match self.pieces.back_mut() {
            Some(Piece::Bytes(bytes, _)) => write(bytes),
            _ => write(&mut Vec::new()),
        }
    }

    /// Appends a part of a file.
    pub fn part(&mut self, file: &Rc<OwnedFd>, range: Range<u64>) {
        self.pieces.push_back(Piece::Part(Rc::clone(file), range));
    }

    /// Returns whether everything is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Returns whether this has to be written before another response is added.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match (self.pieces.front(), self.pieces.len()) {
            (None, _) => false,
            (Some(Piece::Bytes(bytes, _)), 1) => bytes.len() >= OUTPUT_BYTES_MAX,
            _ => true,
        }
    }

    /// Writes what can be written.
    pub fn flush(&mut self, fd: &OwnedFd) -> Flushed {
        let mut left = SEND_TURN_BYTES_MAX;
        let mut took = false;
        while let Some(piece) = self.pieces.pop_front() {
            let result = self.one(fd, piece, left);
            match result {
                Ok(0) => return Flushed::Broken,
                Ok(count) => {
                    took = true;
                    // Bytes are sent whole, and may exceed what is left of the share.
                    left = left.saturating_sub(count);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Flushed::Some(took),
                Err(_) => return Flushed::Broken,
            }
            if left == 0 && !self.is_empty() {
                return Flushed::Some(true);
            }
        }
        Flushed::All
    }

    /// Makes one call for one piece; puts back what is left of it.
    fn one(&mut self, fd: &OwnedFd, piece: Piece, left: u64) -> Result<u64, Errno> {
        let (result, rest) = match piece {
            Piece::Bytes(bytes, sent) => self.send(fd, bytes, sent),
            Piece::Part(file, range) => send_part(fd, file, range, left),
        };
        if let Some(rest) = rest {
            self.pieces.push_front(rest);
        }
        result
    }

    fn send(&self, fd: &OwnedFd, bytes: Vec<u8>, sent: usize) -> (Result<u64, Errno>, Option<Piece>) {
        // With more to come the kernel fills its segments: a head does not travel alone before its
        // file.
        let more = if self.is_empty() { SendFlags::empty() } else { SendFlags::MORE };
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL | more;
        match send(fd, &bytes[sent..], flags) {
            Ok(count) => {
                let sent = sent + count;
                let rest = (sent < bytes.len()).then_some(Piece::Bytes(bytes, sent));
                (Ok(u64::try_from(count).unwrap_or(u64::MAX)), rest)
            }
            Err(errno) => (Err(errno), Some(Piece::Bytes(bytes, sent))),
        }
    }
}

fn send_part(fd: &OwnedFd, file: Rc<OwnedFd>, range: Range<u64>, left: u64) -> (Result<u64, Errno>, Option<Piece>) {
    let wanted = (range.end - range.start).min(left);
    let mut at = range.start;
    let result = sendfile(fd, &*file, Some(&mut at), usize::try_from(wanted).unwrap_or(usize::MAX));
    let rest = (at < range.end).then_some(Piece::Part(file, at..range.end));
    (result.map(|count| u64::try_from(count).unwrap_or(u64::MAX)), rest)
}
