//! Every limit of fosse-spool.

/// Bytes of the file that a body takes at a time: few enough that a short body wastes little, and
/// enough that a long one lies in few places.
pub const EXTENT_BYTES: u64 = 256 * 1024;

/// Bodies of one filter at a time: as many as a lane has requests.
pub(crate) const BODIES_COUNT_MAX: usize = 65_536;

/// Replies queued for one filter, in bytes. A filter always reads; one that does not is not read
/// from beyond this, and the others do not notice.
pub(crate) const REPLIES_BYTES_MAX: usize = 512 * 1024;

/// Filters at a time: 64 lanes in 3 generations, and those that are being replaced.
pub(crate) const FILTERS_COUNT_MAX: usize = 256;

/// Milliseconds between two lines that say that the file is full, or cannot be used: both last.
pub(crate) const TROUBLE_LINE_MS_MIN: u64 = 10_000;
