//! Brotli (RFC 7932), by the library of its authors.

use brotlic::{BrotliEncoder, BrotliEncoderOptions, CompressionMode, Quality, WindowSize, encode::BrotliOperation};

use super::{CoderError, Operation};

/// A window of 256 KiB: a larger one gains next to nothing on pages, and costs its size twice.
const WINDOW_BITS: u8 = 18;

/// Twice the window, and the tables of the level.
pub(super) const fn memory_bytes(level: u8) -> usize {
    if level < 5 { 2 * 1024 * 1024 } else { 4 * 1024 * 1024 }
}

pub(super) struct Brotli(BrotliEncoder);

impl Brotli {
    pub(super) fn new(level: u8) -> Result<Self, CoderError> {
        let wrong = CoderError("brotli does not take its level");
        let encoder = BrotliEncoderOptions::new()
            .mode(CompressionMode::Text)
            .quality(Quality::new(level).map_err(|_| wrong)?)
            .window_size(WindowSize::new(WINDOW_BITS).map_err(|_| wrong)?)
            .build();
        encoder.map(Self).map_err(|_| wrong)
    }

    pub(super) fn run(
        &mut self,
        mut input: &[u8],
        operation: Operation,
        scratch: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CoderError> {
        let wanted = match operation {
            Operation::Continue => BrotliOperation::Process,
            Operation::Flush => BrotliOperation::Flush,
            Operation::Finish => BrotliOperation::Finish,
        };
        loop {
            let moved = self.0.compress(input, scratch, wanted).map_err(|_| CoderError("brotli failed"))?;
            input = &input[moved.bytes_read..];
            out.extend_from_slice(&scratch[..moved.bytes_written]);
            let is_done = input.is_empty() && !self.0.has_output();
            if is_done && (operation != Operation::Finish || self.0.is_finished()) {
                return Ok(());
            }
        }
    }
}
