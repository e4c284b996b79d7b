//! Limits of fosse-parse that no configuration raises, each with its reason.

/// Most bytes that one read takes from a client that is sending a head: a head fits, and what comes
/// after it is what one connection can make us buffer.
pub(crate) const READ_HEAD_BYTES_MAX: usize = 16 * 1024;

/// Most bytes that one read takes from a client at all; the buffer is one for the whole process.
pub(crate) const READ_BYTES_MAX: usize = 64 * 1024;

/// Blocks of memory from this size on are mapped alone: what waits for slow readers comes and goes
/// in these sizes, and in one heap a thousand of them leave holes as large as themselves. Fast ones
/// use the spare buffers.
pub const MAPPED_BLOCK_BYTES_MIN: usize = 16 * 1024;

/// Bytes of a request body that give its client the whole of `body_seconds` again. Less than that
/// in that time is a drip: one byte now and then would occupy a backend connection, or memory for
/// buffered bodies, for hours. With the default of 30 s it makes 270 bytes a second, half of what
/// Apache's mod_reqtimeout asks for.
pub(crate) const BODY_PROGRESS_BYTES_MIN: usize = 8 * 1024;

/// Milliseconds for which 100 Continue is held back for a decision on the head; clients wait about
/// a second before they send anyway.
pub const EXPECT_MS_MAX: u64 = 900;

/// Milliseconds without a response after which epoll is told to look for a client that goes away,
/// where it does not know the socket: most responses come before, and save the call.
pub(crate) const HANG_UP_MS: u64 = 500;

/// Milliseconds for the last responses once the ring is dead; then the process ends.
pub(crate) const LAST_WORDS_MS_MAX: u64 = 500;

const _: () = assert!(READ_HEAD_BYTES_MAX <= READ_BYTES_MAX);

const _: () = assert!(fosse_wire::channel::MESSAGE_BYTES_MAX <= READ_BYTES_MAX);
