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
}

impl Gzip {
    pub(super) fn new(level: u8) -> Self {
        let config = DeflateConfig { window_bits: WINDOW_BITS, ..DeflateConfig::new(i32::from(level)) };
        Self { deflate: Deflate::new_with_config(config), level }
    }

    pub(super) fn reset(mut self) -> Self {
        self.deflate.reset();
        self
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
                return Ok(());
            }
        }
    }
}
