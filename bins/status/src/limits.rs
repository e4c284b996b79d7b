//! Every limit of fosse-status.

use fosse_counters::Kind;

/// Clients of a listener at a time. Two scrapers and a few people are many; for one more another
/// one gives way.
pub(crate) const CLIENTS_MAX: usize = 16;

/// Connections taken from a listener in a turn, so that whoever opens them without end leaves the
/// others their turns.
pub(crate) const ACCEPTS_TURN_MAX: usize = 16;

/// Time a client may take to send its request, and to take any more of the response, in
/// milliseconds. It is on the same machine, or near.
pub(crate) const CLIENT_MS_MAX: u64 = 5_000;

/// Time a client may take to read all of a page, in milliseconds. Prometheus gives up after 10 s
/// unless it is told otherwise, and asks again after a minute.
pub(crate) const RESPONSE_MS_MAX: u64 = 60_000;

/// Bytes of a request: curl's and Prometheus's are below 500.
pub(crate) const REQUEST_BYTES_MAX: usize = 4096;

/// Bytes of a page that are rendered at a time, for a client that has taken those before; the line
/// or process that comes last may go beyond it. A page of 10,000 sites has 35 MB, and a client that
/// does not read would keep all of it in memory.
pub(crate) const PIECE_BYTES: usize = 64 << 10;

/// Rows of counter pages whose names are read in a turn: a few milliseconds of work.
pub(crate) const ROWS_TURN_MAX: usize = 4096;

/// Time over which the rate of requests is taken, in milliseconds: as that of `fosse status
/// --watch`.
pub(crate) const RATE_MS: u64 = 10_000;

/// Bytes of orders that wait for the cache, from which on it gets no more: all that the clients of
/// a listener can have.
pub(crate) const PURGES_BYTES_MAX: usize = CLIENTS_MAX * REQUEST_BYTES_MAX;

/// Processes shown: as many as start has slots for.
pub(crate) const PROCESSES_MAX: usize = 4096;

/// Names of sites, and of backends, whose sums are kept: those of two configurations, since sums
/// outlive a reload. What has further ones is counted together.
pub(crate) const NAMES_MAX: usize = 20_002;
const _: () = assert!(NAMES_MAX == Kind::Site.names_max() - 1 && NAMES_MAX == Kind::Backend.names_max() - 1);

/// The same for rules that have denied: a filter counts 512 of them by themselves.
pub(crate) const RULE_NAMES_MAX: usize = 1024;
const _: () = assert!(RULE_NAMES_MAX == Kind::Rule.names_max() - 1);

/// Bytes of the words about a reload: one line for people.
pub(crate) const RELOAD_BYTES_MAX: usize = 4096;

/// Time a lane has to say what it knows of its connections, in milliseconds: it looks twice a
/// second whether it is asked, and every few milliseconds from then on.
pub(crate) const LANE_MS_MAX: u64 = 3_000;

/// Milliseconds between two looks at what lanes say.
pub(crate) const LANE_LOOK_MS: u64 = 5;

/// Bytes of a list of connections: some 50,000. It is in memory as long as its client reads it.
pub(crate) const LIST_BYTES_MAX: usize = 8 << 20;

/// Bytes of a client's request read in one turn.
pub(crate) const READ_BYTES: usize = 4096;

/// Bytes of what there is to say of certificates: 20,000 of them, each with the names of four
/// hosts. What is longer is not shown.
pub(crate) const CERTIFICATES_BYTES_MAX: usize = 16 << 20;

/// Clients that wait for certificates to be read again: hooks of as many renewals that end at once.
pub(crate) const CERTIFICATES_WANTED_MAX: usize = 64;
