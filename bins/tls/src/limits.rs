//! Every limit of fosse-tls.

/// Bytes of one read, of a client or of a front: four records of TLS. Fewer cost more system calls
/// for large bodies, more keep other connections waiting for longer than a millisecond.
pub(crate) const READ_BYTES_MAX: usize = 64 * 1024;

/// Bytes that a client may send before its first message is whole: the longest there is, with the
/// headers of the most records that it may be in, and a PROXY header.
pub(crate) const OPENING_BYTES_MAX: usize = fosse_hello::HELLO_BYTES_MAX + 1024;

/// Bytes of a handshake that wait for the rest of their message: the longest that rustls takes, a
/// chain of certificates.
pub(crate) const HANDSHAKE_BYTES_MAX: usize = 64 * 1024;

/// Bytes that the kernel holds of a front's response before the front has to wait: what one turn
/// reads. It counts the memory of its own structures twice (socket(7), SO_SNDBUF).
pub(crate) const PLAIN_BUFFER_BYTES: usize = READ_BYTES_MAX;

/// Handshakes that are begun in one turn. Each takes 0.2 ms with its signature, two with RSA of
/// 4096 bits; records of those who are through wait for no longer than that.
pub(crate) const HANDSHAKES_TURN_MAX: usize = 8;

/// Clients of one source that wait for their handshake, or are in it. A browser opens six
/// connections to a name, and a large network behind one address a few hundred at once.
pub const HANDSHAKES_SOURCE_MAX: usize = 512;

/// Milliseconds that a signature may take, in which nothing else of the lane goes on: a hundred
/// times what one takes with ECDSA, and two of RSA with 4096 bits.
pub(crate) const SIGNATURE_MS_MAX: u64 = 5;

/// Milliseconds in which no signature is asked for after one has not come in time: so a fosse-keys
/// that stands still costs a lane a twentieth of its time.
pub(crate) const BREAKER_MS: u64 = 100;

/// Milliseconds in which no signature is asked for after fosse-keys has given as many as it gives
/// in a second: 25 more by then.
pub(crate) const RATE_PAUSE_MS: u64 = 5;

/// Milliseconds after the end of the plaintext in which the word of how the client is to end must
/// have come. The front sends both in one turn.
pub(crate) const ENDED_MS_MAX: u64 = 2_000;

/// Certificates of which the parts that rustls wants are kept, by lanes that serve more.
pub(crate) const CERTIFICATES_KEPT_MAX: usize = 1_024;

/// Seconds that a ticket is good for, as clients are told: two periods of its keys at most.
pub(crate) const TICKET_SECONDS: u32 = 12 * 60 * 60;

/// Messages that are read of one peer in a turn.
pub(crate) const MESSAGES_TURN_MAX: usize = 16;

/// Bytes that may wait for a client beyond one read: alerts, tickets and updates of keys that it
/// makes this end send without reading any.
pub(crate) const OUTPUT_BYTES_MAX: usize = 4 * READ_BYTES_MAX;

/// Bytes of a record with its header, of any version (RFC 5246, section 6.2.3).
pub(crate) const RECORD_BYTES_MAX: usize = 5 + 16 * 1024 + 2048;

/// Milliseconds in which clients that are whole get what is theirs, when this process ends.
pub(crate) const LAST_WORDS_MS_MAX: u64 = 500;
