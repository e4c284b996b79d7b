//! Every limit of fosse-static, each with its reason.

use fosse_http1::HEAD_BYTES_MAX;

/// Connections at a time. Behind an edge some hundred are used; above it the one that has waited
/// longest is closed.
pub(crate) const CONNECTIONS_COUNT_MAX: usize = 4096;

/// Descriptors: a socket and a file for each connection, and the few of the program itself.
pub(crate) const DESCRIPTORS_COUNT_MAX: u64 = 2 * 4096 + 64;

/// Connections accepted in one turn from one listener, so that the others have their turn.
pub(crate) const ACCEPTED_TURN_COUNT_MAX: usize = 64;

/// Milliseconds a connection may be idle: more than the pools of dispatch and of other proxies keep
/// theirs (60 s), so that they close first and no request meets a closing connection.
pub(crate) const IDLE_MS_MAX: u64 = 75_000;

/// Milliseconds from the first byte of a head to its last.
pub(crate) const HEAD_MS_MAX: u64 = 10_000;

/// Milliseconds in which a client may take no byte of its response.
pub(crate) const WRITE_MS_MAX: u64 = 30_000;

/// Milliseconds after the last response in which bytes of the client are read and thrown away, so
/// that the kernel does not reset the connection and destroy that response (RFC 9112, section 9.6).
pub(crate) const LINGER_MS_MAX: u64 = 2_000;

/// Bytes thrown away in that time.
pub(crate) const LINGER_BYTES_MAX: usize = 1 << 20;

/// Bytes of one read: a browser's head is below 4 KiB, and a full pipeline comes in few reads.
pub const READ_BYTES_MAX: usize = 16 * 1024;

/// Files up to this size are sent in one call with their head; from there on sendfile(2) saves the
/// copy.
pub(crate) const INLINE_BYTES_MAX: u64 = 32 * 1024;

/// Bytes of responses buffered for one connection before they are written: the responses to a
/// pipeline go out in few writes.
pub const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// Bytes sent on one connection before the others have their turn.
pub(crate) const SEND_TURN_BYTES_MAX: u64 = 1 << 20;

/// Times one connection reads or writes before the others have their turn.
pub(crate) const ROUNDS_TURN_MAX: usize = 16;

/// Seconds of Retry-After when descriptors have run out.
pub const RETRY_AFTER_SECONDS: u64 = 1;

/// Least age of the last change, in nanoseconds, for a strong entity tag: two changes in one tick
/// of the kernel's clock (10 ms at most) would have the same one (RFC 9110, section 8.8.1).
pub(crate) const STRONG_NS_MIN: i128 = 2_000_000_000;

const _: () = assert!(READ_BYTES_MAX <= HEAD_BYTES_MAX);
const _: () = assert!(DESCRIPTORS_COUNT_MAX > 2 * CONNECTIONS_COUNT_MAX as u64);
