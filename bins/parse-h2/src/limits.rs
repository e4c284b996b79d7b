//! Limits of fosse-parse-h2 that no configuration raises, each with its reason.

/// Most bytes that one read takes from a client: a few frames of the largest size. What is left of
/// them is less than one frame.
pub(crate) const READ_BYTES_MAX: usize = 64 * 1024;

/// Milliseconds for the last responses once the ring is dead; then the process ends.
pub(crate) const LAST_WORDS_MS_MAX: u64 = 500;

/// Milliseconds for a client to say that it has heard of the drain: after that no more streams are
/// taken, whether it has or not. Round trips take longer nowhere but by way of satellites.
pub(crate) const LEAVE_MS_MAX: u64 = 1000;

/// Bytes that give a client the whole of `write_seconds` again. Less than that in that time is a
/// drip.
pub(crate) const PROGRESS_BYTES_MIN: usize = 8 * 1024;

/// Bytes that a client may send of one request ahead of the ring's credit: with 100 ms there and
/// back as much as 80 Mbit/s bring.
pub(crate) const AHEAD_STREAM_BYTES_MAX: u32 = 1024 * 1024;

/// Bytes that all clients of the lane may send so: a source alone has half of it, and whoever comes
/// last still finds room.
pub(crate) const AHEAD_LANE_BYTES_MAX: u64 = 16 * 1024 * 1024;

const _: () = assert!(fosse_wire::channel::MESSAGE_BYTES_MAX <= READ_BYTES_MAX);
