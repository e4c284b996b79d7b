//! Every limit of fosse-connect-tls.

/// Bytes of one read, of a server or of dispatch: four records of TLS.
pub(crate) const READ_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a record with its header, of any version (RFC 5246, section 6.2.3).
pub(crate) const RECORD_BYTES_MAX: usize = 5 + 16 * 1024 + 2048;

/// Bytes of a server's handshake that wait for the rest of their message: the longest that rustls
/// takes, a chain of certificates.
pub(crate) const HANDSHAKE_BYTES_MAX: usize = 64 * 1024;

/// Bytes that may wait for a server beyond one read: alerts and updates of keys that it makes this
/// end send without reading any.
pub(crate) const OUTPUT_BYTES_MAX: usize = 4 * READ_BYTES_MAX;

/// Bytes of plaintext that the kernel holds for dispatch, and of what dispatch writes: what one
/// turn reads. It counts the memory of its own structures twice (socket(7), SO_SNDBUF).
pub(crate) const PLAIN_BUFFER_BYTES: usize = READ_BYTES_MAX;

/// Sessions that are remembered for each set of terms, of which a server has a few: with one that
/// is taken up again a connection costs a third.
pub(crate) const SESSIONS_COUNT_MAX: usize = 256;

/// Messages that are read of connect in a turn.
pub(crate) const MESSAGES_TURN_MAX: usize = 16;

/// Connections at a time. Those of a lane are bounded by connect and by the backends; one more is a
/// sign that connect is not itself any more.
pub(crate) const CONNECTIONS_COUNT_MAX: usize = 65_536;

/// Milliseconds that the last bytes for a server may take once dispatch has gone.
pub(crate) const PARTING_MS_MAX: u64 = 2_000;

/// Milliseconds between two lines of the log about the servers of one set of terms: each request
/// may meet the same certificate.
pub(crate) const REFUSED_LINE_MS_MIN: u64 = 10_000;
