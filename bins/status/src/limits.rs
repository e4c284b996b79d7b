//! Every limit of fosse-status.

/// Clients at a time. Two scrapers and a few people are many; one more waits in the kernel.
pub const CLIENTS_MAX: usize = 16;

/// Time a client may take to ask and to take its answer. It is on the same machine.
pub(crate) const CLIENT_MS_MAX: u64 = 5_000;

/// Bytes of a request: curl's and Prometheus's are below 500.
pub const REQUEST_BYTES_MAX: usize = 4096;

/// Processes shown: as many as start has slots for.
pub(crate) const PROCESSES_MAX: usize = 4096;

/// Bytes of a client's request read in one turn.
pub const READ_BYTES: usize = 4096;
