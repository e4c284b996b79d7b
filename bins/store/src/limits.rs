//! Every limit of fosse-store.

/// Memory the records are counted with, in bytes. Some 100,000 addresses with two counters each
/// fit; beyond it those go first that would end first.
pub const RECORDS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a record is counted with beside its names and values, in bytes: its places in the tables.
pub(crate) const RECORD_OVERHEAD_BYTES: usize = 384;

/// What a variable is counted with beside its name and value, in bytes.
pub(crate) const FIELD_OVERHEAD_BYTES: usize = 128;

/// Records dropped in one turn because their time is over: filters wait while it is done.
pub(crate) const SWEEP_COUNT_MAX: usize = 20_000;

/// Replies that wait for one filter, in bytes. A filter always reads; one that does not is not
/// listened to beyond this, and the others do not notice.
pub(crate) const REPLIES_BYTES_MAX: usize = 256 * 1024;

/// Filters at a time: 64 lanes in 3 generations, and those that are being replaced.
pub const FILTERS_COUNT_MAX: usize = 256;

/// Milliseconds between two lines that say that memory is used up: a flood of addresses fills it
/// for as long as it lasts.
pub(crate) const FULL_LINE_MS_MIN: u64 = 60_000;
