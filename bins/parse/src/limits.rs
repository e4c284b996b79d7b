//! Limits of fosse-parse that no configuration raises, each with its reason.

use fosse_wire::frame::WINDOW_BYTES_INITIAL;

/// Most bytes one read takes from a client that is sending a head: a head fits, and what comes behind it is what one
/// connection can make us keep.
pub const READ_HEAD_BYTES_MAX: usize = 16 * 1024;

/// Most bytes one read takes from a client at all; the buffer is one for the whole process.
pub const READ_BYTES_MAX: usize = 64 * 1024;

/// Most bytes of a response on their way to one client, as credit: slow readers stay below 64 KiB with all that belongs to
/// them, in dispatch too.
pub const WINDOW_BYTES_MAX: u32 = 40 * 1024;

/// Credit is given back in steps of this size: less would be a frame for every small write.
pub const GRANT_BYTES_MIN: u32 = 8 * 1024;

/// Unused room in what waits for a client that does not keep up: above it the buffer is cut to its size.
pub const OUTPUT_UNUSED_BYTES: usize = 8 * 1024;

/// Blocks of memory from this size on are mapped alone: what waits for slow readers comes and goes in these sizes, and in one
/// heap a thousand of them leave holes as large as themselves. Fast ones use the buffers that are kept.
pub const MAPPED_BLOCK_BYTES_MIN: usize = 16 * 1024;

/// Buffers kept for the next connection that needs one, and the largest that is kept.
pub const SPARE_BUFFERS_MAX: usize = 64;
/// A spare buffer is not kept beyond this size: one large head is not paid for for ever.
pub const SPARE_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a request's body that give its client the whole of `body_seconds` again. Less than that in that time is a drip: one byte
/// now and then would hold a backend connection, or memory for held bodies, for hours. With the 30 s that are the default it
/// makes 270 bytes a second, half of what Apache's mod_reqtimeout asks for.
pub const BODY_PROGRESS_BYTES_MIN: usize = 8 * 1024;

/// How long 100 Continue is held back for a decision on the head; clients wait about a second before they send anyway.
pub const EXPECT_MS_MAX: u64 = 900;

/// Time for the last answers once the ring is dead; then the process ends.
pub const LAST_WORDS_MS_MAX: u64 = 500;

/// Bytes of method, host and target in an access log line: with escapes the line stays below the 4096 bytes of a pipe's atomic write.
pub const LOGGED_TARGET_BYTES_MAX: usize = 512;

/// Addresses of X-Forwarded-For that are looked at, from the right: more hops than any chain of proxies has.
pub const FORWARDED_HOPS_MAX: usize = 32;

/// Access log lines that wait for the pipe, in bytes; beyond it lines are dropped and counted.
pub const ACCESS_BYTES_MAX: usize = 64 * 1024;

const _: () = assert!(WINDOW_BYTES_MAX > WINDOW_BYTES_INITIAL && GRANT_BYTES_MIN <= WINDOW_BYTES_INITIAL / 2);
const _: () = assert!(READ_HEAD_BYTES_MAX <= READ_BYTES_MAX);
