//! Every limit of fosse-encode.

/// Bytes of one response that may be on their way here or wait here for the client: enough that an
/// encoder gets long pieces, and little enough that a thousand slow readers cost 64 MiB at most.
pub(crate) const WINDOW_BYTES_MAX: u64 = 64 * 1024;

/// Bytes for which a grant is worth a frame.
pub(crate) const GRANT_BYTES_MIN: u64 = 8 * 1024;

/// Encoded bytes for which the head of a response waits, so that a response that is over by then
/// has a length.
pub(crate) const HEAD_HELD_BYTES_MAX: usize = 16 * 1024;

/// Milliseconds without a byte of a response after which what its encoder holds goes on: a stream
/// of events is seen as it happens, and a response that comes without pauses is encoded in long
/// pieces.
pub(crate) const PAUSE_MS: u64 = 5;

/// Idle gzip encoders that are kept: making one costs as much as encoding two KiB.
pub(crate) const SPARE_CODERS_MAX: usize = 8;

/// Bytes of the buffer that encoders write into.
pub(crate) const SCRATCH_BYTES: usize = 64 * 1024;

/// The bound of a coding that makes a body longer: an eighth of its bytes, 64 for each time that
/// its encoder is made to hand out what it holds, and 256 at its beginning and end. One that is
/// beyond it is broken, and the process with it.
pub const EXPANSION: Expansion = Expansion { divisor: 8, flush_bytes: 64, frame_bytes: 256 };

/// The bound of an encoder's output.
#[derive(Clone, Copy, Debug)]
pub struct Expansion {
    pub(crate) divisor: u64,
    pub(crate) flush_bytes: u64,
    pub(crate) frame_bytes: u64,
}

impl Expansion {
    /// Returns the most bytes that `input_bytes` may become with a number of flushes.
    #[must_use]
    pub const fn bound(self, input_bytes: u64, flushes: u64) -> u64 {
        input_bytes + input_bytes / self.divisor + flushes * self.flush_bytes + self.frame_bytes
    }
}
