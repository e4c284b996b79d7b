//! Every limit of fosse-resolve that the configuration does not set.

use std::time::Duration;

/// Bytes of /etc/resolv.conf and of /etc/hosts that are read: a list of blocked names may be larger
/// by far, and what stands behind is not the address of a backend.
pub(crate) const FILE_BYTES_MAX: usize = 256 * 1024;

/// Name servers that are asked; resolv.conf(5) has 3 at the most.
pub(crate) const NAME_SERVERS_MAX: usize = 8;

/// Questions under way at a time, each with a socket: others wait for their turn.
pub(crate) const QUERIES_MAX: usize = 64;

/// Times that a question is asked before it has failed: each of two name servers three times.
pub(crate) const ATTEMPTS_MAX: usize = 6;

/// Time in which a name server has to respond; then the next one is asked. Resolvers that
/// have to ask others first take up to a second and a half.
pub(crate) const QUERY_TIME_MAX: Duration = Duration::from_secs(2);

/// Datagrams that are no response to the question, after which it is asked by TCP: somebody
/// guesses.
pub(crate) const BAD_DATAGRAMS_MAX: u32 = 16;

/// Bytes of a datagram that are looked at: more than is ever asked for.
pub(crate) const DATAGRAM_BYTES_MAX: usize = 4096;

/// Seconds after which a name is asked for again at the earliest, whatever its time to live.
pub(crate) const TTL_SECONDS_MIN: u32 = 1;

/// Seconds after which a name is asked for again at the latest: who moves a server of a name with
/// days to live waits no longer than that.
pub(crate) const TTL_SECONDS_MAX: u32 = 3600;

/// Seconds for which "there is nothing" is believed at the most.
pub(crate) const NOTHING_SECONDS_MAX: u32 = 60;

/// Time for which a name keeps its last addresses although name servers say that there is
/// none: a zone that is being replaced is empty for a moment.
pub(crate) const NOTHING_HOLD: Duration = Duration::from_secs(30);

/// Seconds after which a name is asked for again at the latest where no name server responded. It
/// begins with one.
pub(crate) const RETRY_SECONDS_MAX: u64 = 30;
