//! Every limit of fosse-store.

/// Memory of all records, in bytes, as they are counted. Some 100,000 addresses with two counters
/// each fit; beyond it the records that would end first are evicted.
pub const RECORDS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes counted for a record beside its names and values: its entries in the tables.
pub(crate) const RECORD_OVERHEAD_BYTES: usize = 384;

/// Bytes counted for a variable beside its name and value.
pub(crate) const FIELD_OVERHEAD_BYTES: usize = 128;

/// Expired records dropped in one turn: filters wait meanwhile.
pub(crate) const SWEEP_COUNT_MAX: usize = 20_000;

/// Replies queued for one filter, in bytes. A filter always reads; one that does not is not read
/// from beyond this, and the others do not notice.
pub(crate) const REPLIES_BYTES_MAX: usize = 256 * 1024;

/// Filters at a time: 64 lanes in 3 generations, and those that are being replaced.
pub const FILTERS_COUNT_MAX: usize = 256;

/// Milliseconds between two lines that say that memory is used up: a flood of addresses fills it
/// for as long as it lasts.
pub(crate) const FULL_LINE_MS_MIN: u64 = 60_000;
