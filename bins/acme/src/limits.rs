//! Every limit of fosse-acme that the configuration does not set.

/// Bytes of a response of a certificate authority, head and framing included: a chain has 10 KiB,
/// an order of a hundred names 30.
pub(crate) const RESPONSE_BYTES_MAX: usize = 256 << 10;

/// Bytes of a chain that start is given: what fosse-certs reads of a file is more.
pub(crate) const CHAIN_BYTES_MAX: usize = 64 << 10;

/// Bytes of a certificate signing request: a hundred names take 30 KiB.
pub(crate) const REQUEST_BYTES_MAX: usize = 64 << 10;

/// Milliseconds from a request to a certificate authority to the end of its response, the
/// connection included. Let's Encrypt takes up to 10 s at its worst hours.
pub(crate) const EXCHANGE_MS_MAX: u64 = 60_000;

/// Reads of a certificate authority in a turn, of a few KiB each: most responses take three.
pub(crate) const READS_TURN_MAX: usize = 16;

/// Milliseconds that a connection to a certificate authority is kept without a request.
pub(crate) const IDLE_MS_MAX: u64 = 15_000;

/// Orders under way at a time. Each waits for the authority most of its time; with a thousand new
/// names an authority would refuse most of what is more (Let's Encrypt: 300 in three hours).
pub(crate) const ORDERS_COUNT_MAX: usize = 8;

/// Seconds from the beginning of an order to its end: authorities look at a challenge from several
/// places, and some sign in batches.
pub(crate) const ORDER_SECONDS_MAX: u64 = 900;

/// Milliseconds before an order is asked for again, at first; it doubles up to [`POLL_MS_MAX`].
pub(crate) const POLL_MS_MIN: u64 = 500;

/// Milliseconds before an order is asked for again.
pub(crate) const POLL_MS_MAX: u64 = 8_000;

/// Seconds after a first failure before the next attempt; they double with each one up to
/// [`BACKOFF_SECONDS_MAX`]. Within an hour there are five, as many as Let's Encrypt lets fail of a
/// name.
pub(crate) const BACKOFF_SECONDS_MIN: u64 = 120;

/// Seconds between two attempts, however many have failed: what was mended is tried within a day.
pub(crate) const BACKOFF_SECONDS_MAX: u64 = 86_400;

/// Seconds between two questions when a certificate is to be renewed (RFC 9773, section 4.3.2).
pub(crate) const RENEWAL_INFO_SECONDS_MIN: u64 = 60;

/// Seconds between two such questions, whatever the authority says (likewise).
pub(crate) const RENEWAL_INFO_SECONDS_MAX: u64 = 86_400;

/// Bytes of an error that are kept and shown: a sentence of an authority.
pub(crate) const ERROR_BYTES_MAX: usize = 200;

/// Connections with questions of authorities at a time. They ask from a handful of places for each
/// name; who else asks costs others nothing but a wait.
pub(crate) const CHALLENGERS_COUNT_MAX: usize = 128;

/// Bytes of a question over HTTP, all of its head.
pub(crate) const QUESTION_BYTES_MAX: usize = 16 << 10;

/// Milliseconds for a question, from the connection to the end of its response.
pub(crate) const QUESTION_MS_MAX: u64 = 10_000;

/// Handshakes of authorities at a time. They ask from a handful of places for each name, and each
/// handshake is a few round trips; who else asks for a pending name costs others nothing but a
/// wait.
pub(crate) const HANDSHAKES_COUNT_MAX: usize = 64;

/// Bytes that an authority may send in a handshake: its two messages have 2 KiB.
pub(crate) const HANDSHAKE_BYTES_MAX: usize = 16 << 10;

/// Milliseconds for a handshake of an authority, from the connection to its end.
pub(crate) const HANDSHAKE_MS_MAX: u64 = 10_000;

/// Bytes of a token (RFC 8555, section 8.3, wants 22 at least; all known have 43).
pub(crate) const TOKEN_BYTES_MAX: usize = 128;

/// Bytes of one of the two slots of the state's file.
pub(crate) const STATE_BYTES_MAX: usize = 8 << 20;

/// Bytes of the file of an authority's roots: those that a system trusts have 220 KiB.
pub(crate) const ROOTS_BYTES_MAX: usize = 1 << 20;

/// Bytes of the file of a key that binds an account to another one (RFC 8555, section 7.3.4).
pub(crate) const BINDING_KEY_BYTES_MAX: usize = 4 << 10;
