//! Zstandard (RFC 8878), by the library of its authors.

use zstd_safe::{
    CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, SafeResult, get_error_name,
    zstd_sys::ZSTD_EndDirective as Directive,
};

use super::{CoderError, Operation};

/// A window of 128 KiB. Browsers take 8 MiB (RFC 9659), which an encoder would take too.
const WINDOW_LOG: u32 = 17;
/// Places in the chains of matches, in bits.
const CHAIN_LOG: u32 = 16;

/// The window twice, a block, and tables, whatever the level.
pub(super) const MEMORY_BYTES: usize = 1792 * 1024;

pub(super) struct Zstd {
    context: CCtx<'static>,
    pub(super) level: u8,
}

fn checked(result: SafeResult) -> Result<usize, CoderError> {
    result.map_err(|code| CoderError(get_error_name(code)))
}

impl Zstd {
    pub(super) fn new(level: u8) -> Result<Self, CoderError> {
        let mut context = CCtx::try_create().ok_or(CoderError("zstd has no memory"))?;
        checked(context.set_parameter(CParameter::CompressionLevel(i32::from(level))))?;
        // The tables that the level would have are for the window that it would have.
        for parameter in
            [CParameter::WindowLog(WINDOW_LOG), CParameter::HashLog(WINDOW_LOG), CParameter::ChainLog(CHAIN_LOG)]
        {
            checked(context.set_parameter(parameter))?;
        }
        Ok(Self { context, level })
    }

    pub(super) fn reset(mut self) -> Option<Self> {
        self.context.reset(ResetDirective::SessionOnly).is_ok().then_some(self)
    }

    pub(super) fn run(
        &mut self,
        input: &[u8],
        operation: Operation,
        scratch: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CoderError> {
        let directive = match operation {
            Operation::Continue => Directive::ZSTD_e_continue,
            Operation::Flush => Directive::ZSTD_e_flush,
            Operation::Finish => Directive::ZSTD_e_end,
        };
        let mut input_buffer = InBuffer::around(input);
        loop {
            let mut output = OutBuffer::around(&mut *scratch);
            let left = checked(self.context.compress_stream2(&mut output, &mut input_buffer, directive))?;
            out.extend_from_slice(output.as_slice());
            let is_taken = input_buffer.pos == input.len();
            if is_taken && (left == 0 || operation == Operation::Continue) {
                return Ok(());
            }
        }
    }

    /// Returns the bytes that it takes.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.context.sizeof()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_level_takes_more_memory_than_it_is_counted_with() {
        let text: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
        for level in 1..=9 {
            let mut zstd = Zstd::new(level).unwrap();
            let (mut scratch, mut out) = (vec![0; 65_536], Vec::new());
            for piece in text.chunks(16_384) {
                zstd.run(piece, Operation::Continue, &mut scratch, &mut out).unwrap();
            }
            assert!(zstd.bytes() <= MEMORY_BYTES, "level {level}: {}", zstd.bytes());
        }
    }
}
