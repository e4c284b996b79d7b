//! Every limit of fosse-password.

/// Attempts of one source that wait: a browser with some tabs, a few programs behind one address.
/// Further ones get 429.
pub const SOURCE_ATTEMPTS_MAX: usize = 8;

/// Attempts of all sources that wait. Beyond it the source that has most gives one up for a source
/// that has fewer.
pub const ATTEMPTS_MAX: usize = 1024;

/// Requests that wait for one attempt: those of one client with the same name and password at
/// once.
pub(crate) const ATTEMPT_REQUESTS_MAX: usize = 256;

/// Time that an attempt may wait for its turn: who asked has given up by then.
pub(crate) const ATTEMPT_WAIT_MS_MAX: u64 = 10_000;

/// Replies queued for one dispatch, in bytes. One that does not read is not read from beyond this,
/// and the others do not notice.
pub(crate) const REPLIES_BYTES_MAX: usize = 64 * 1024;

/// Dispatches at a time: 64 lanes, and those that are being replaced.
pub(crate) const ASKERS_COUNT_MAX: usize = 256;
