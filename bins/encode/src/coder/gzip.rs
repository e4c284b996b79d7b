//! gzip (RFC 1952), by zlib-rs.

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Status};

use super::{CoderError, Operation};

/// A window of 32 KiB, the most that gzip has, and 16 for the framing of RFC 1952.
const WINDOW_BITS: i32 = 15 + 16;
/// Twice the window, as many 16-bit links, heads of chains, and the symbols that are pending.
pub(super) const MEMORY_BYTES: usize = 384 * 1024;

pub(super) struct Gzip {
    deflate: Deflate,
    pub(super) level: u8,
    is_finished: bool,
}

impl Gzip {
    pub(super) fn new(level: u8) -> Self {
        let config = DeflateConfig { window_bits: WINDOW_BITS, ..DeflateConfig::new(i32::from(level)) };
        Self { deflate: Deflate::new_with_config(config), level, is_finished: false }
    }

    /// Makes it as it was when it was new; none where a body was left before its end.
    pub(super) fn reset(mut self) -> Option<Self> {
        // A reset of zlib-rs 0.6.8 forgets that a block of level 1 is open: the next body would
        // begin within it.
        if !self.is_finished {
            return None;
        }
        self.deflate.reset();
        Some(Self { is_finished: false, ..self })
    }

    pub(super) fn run(
        &mut self,
        mut input: &[u8],
        operation: Operation,
        scratch: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CoderError> {
        let flush = match operation {
            Operation::Continue => DeflateFlush::NoFlush,
            Operation::Flush => DeflateFlush::SyncFlush,
            Operation::Finish => DeflateFlush::Finish,
        };
        loop {
            let (taken, given) = (self.deflate.total_in(), self.deflate.total_out());
            let status = self.deflate.compress(input, scratch, flush).map_err(|error| CoderError(error.as_str()))?;
            let moved = |from: u64, to: u64| usize::try_from(to - from).unwrap_or(usize::MAX);
            input = &input[moved(taken, self.deflate.total_in())..];
            let given = moved(given, self.deflate.total_out());
            out.extend_from_slice(&scratch[..given]);
            // As long as it fills the buffer it has more, and as long as it does not it has none.
            let is_done = match status {
                Status::StreamEnd => true,
                _ => operation != Operation::Finish && input.is_empty() && given < scratch.len(),
            };
            if is_done {
                self.is_finished = matches!(status, Status::StreamEnd);
                return Ok(());
            }
        }
    }
}
