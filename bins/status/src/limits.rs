//! Every limit of fosse-status.

/// Clients of a listener at a time. Two scrapers and a few people are many; one more waits in the
/// kernel.
pub(crate) const CLIENTS_MAX: usize = 16;

/// Time a client may take to send its request and to read the response. It is on the same machine.
pub(crate) const CLIENT_MS_MAX: u64 = 5_000;

/// Bytes of a request: curl's and Prometheus's are below 500.
pub(crate) const REQUEST_BYTES_MAX: usize = 4096;

/// Processes shown: as many as start has slots for.
pub(crate) const PROCESSES_MAX: usize = 4096;

/// Names of sites, and of backends, whose sums are kept: those of two configurations, since sums
/// outlive a reload. What has further ones is counted together.
pub(crate) const NAMES_MAX: usize = 20_002;
const _: () = assert!(NAMES_MAX == 2 * fosse_counters::ROWS_MAX);

/// Bytes of the words about a reload: one line for people.
pub(crate) const RELOAD_BYTES_MAX: usize = 4096;

/// Bytes of a client's request read in one turn.
pub(crate) const READ_BYTES: usize = 4096;
