//! Every limit of fosse-dispatch that the configuration does not set.

use std::time::Duration;

use fosse_wire::STREAM_SLOTS_MAX;

/// Bytes of a response's body from which on dispatch writes it to the client itself. Below it the
/// two frames of a lease cost more than carrying the bytes to parse.
pub(crate) const LEASE_BYTES_MIN: u64 = 24 * 1024;

/// Bytes read from a backend in one call: a page-multiple larger than what a backend writes at
/// once, one buffer for all.
pub(crate) const READ_BYTES: usize = 128 * 1024;

/// Bytes read at once while a response's head is awaited: a head and a body just too short for a
/// lease fit, and more could not go on at once anyway.
pub(crate) const READ_HEAD_BYTES: usize = 32 * 1024;

/// The least that is read of a body, whatever the credit.
pub(crate) const READ_BODY_BYTES_MIN: usize = 4 * 1024;

/// Bytes read at once for a leased response: what the client does not take waits here, and slow
/// readers must stay below 64 KiB with all that belongs to them. One that does not keep up gets the
/// least, one that does twice as much each time.
pub(crate) const LEASE_READ_BYTES_MIN: usize = 16 * 1024;
/// The most that is read at once for a leased response.
pub(crate) const LEASE_READ_BYTES_MAX: usize = 64 * 1024;

/// Bytes moved for one leased response or upgraded connection before others have their turn: with a
/// thousand of them a turn still ends soon, and a wake-up for that many bytes costs nothing beside
/// copying them.
pub(crate) const LEASE_TURN_BYTES_MAX: usize = 128 * 1024;

/// Bytes moved for all leased responses and upgraded connections in one turn. Beyond it each moves
/// no more than [`LEASE_READ_BYTES_MIN`]: with 256 fast ones a turn took 11 ms, in which no other
/// request of the lane was served.
pub(crate) const LEASE_TURN_ALL_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes of a request that are kept for sending it again. Above it a request is not repeated.
pub(crate) const RETRY_BYTES_MAX: usize = 64 * 1024;

/// Copies of requests for mirrors that a lane has at a time; one more is dropped.
pub(crate) const MIRROR_COPIES_MAX: usize = 1024;

/// Bytes of these copies, which sources share: a mirror that falls behind costs no more than that.
pub(crate) const MIRROR_BYTES_MAX: u64 = 16 << 20;

/// First slot of the numbers by which upstream knows copies: requests have those below it.
pub(crate) const MIRROR_SLOT_FIRST: u32 = STREAM_SLOTS_MAX - 1024;
const _: () = assert!(STREAM_SLOTS_MAX as usize - MIRROR_COPIES_MAX == MIRROR_SLOT_FIRST as usize);

/// Bytes of the text that a FastCGI server sends for the log with one response, which are logged: a
/// message with a trace fits, and a script that complains in a loop does not fill the log.
pub(crate) const ERROR_TEXT_BYTES_MAX: usize = 2048;

/// Bytes of a chunked request body that are buffered to learn its length: forms and calls of
/// interfaces fit, and it is what one stream may cost anyway. A longer body goes on chunked.
pub(crate) const BUFFERED_BYTES_MAX: u64 = 64 * 1024;

/// Milliseconds without a byte of a body that is so buffered, after which it goes on chunked: a
/// client that pauses so long may be waiting for the server.
pub(crate) const BUFFERED_PAUSE_MS_MAX: u64 = 1000;

/// The largest window a request body grows to. A backend that empties 16 KiB at a time is given
/// more until here.
pub(crate) const WINDOW_BYTES_MAX: u32 = 256 * 1024;

/// Bytes one direction of an upgraded connection may wait in memory.
pub(crate) const TUNNEL_BYTES_MAX: usize = 64 * 1024;

/// Milliseconds a backend may take to respond to `Expect: 100-continue` before the body is asked
/// for without it (RFC 9110, section 10.1.1: the wait must not be for ever).
pub(crate) const CONTINUE_MS: u64 = 1000;

/// Client sockets kept for leases. One for each connection of a lane at the most.
pub(crate) const CLIENTS_MAX: usize = 65_536;

/// Seconds of Retry-After where a backend is full or gone for now.
pub(crate) const RETRY_AFTER_SECONDS: u32 = 1;

/// Bytes of header values in which expressions of the configuration are looked for, for one
/// message. Each byte costs as much as the expression has states: the worst that are taken need
/// 4 ms for a KiB.
pub(crate) const REPLACED_BYTES_MAX: usize = 8 * 1024;

/// Ended streams kept, with their output buffers, for the next requests: as many as one turn is
/// likely to need.
pub(crate) const SPARE_BUFFERS_MAX: usize = 64;

/// The largest buffer kept so: heads fit, bodies do not.
pub(crate) const SPARE_BUFFER_BYTES_MAX: usize = 4 * 1024;

/// Bytes that a client has to take of a leased response in each `write_seconds`. One that takes a
/// byte now and then would hold a backend connection, or its part of the memory for what is read
/// ahead, for ever; 270 bytes a second are slower than any modem.
pub(crate) const WRITE_PROGRESS_BYTES_MIN: u64 = 8 * 1024;

/// Bytes that are read ahead of slow clients in one tick, where no request waits for their servers:
/// with a thousand of them a turn took 120 ms on a busy machine, in which no other request of the
/// lane was served.
pub(crate) const AHEAD_TICK_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Size below which a piece of a response that is read ahead is joined by the next one: a piece of
/// its own costs some 40 bytes.
pub(crate) const AHEAD_PART_BYTES_MIN: usize = 16 * 1024;

/// Bytes of the body of a response that a server of forward_auth gives: what denies a request is a
/// page or a few words. Of a longer one its client gets the status and the fields.
pub(crate) const DECISION_BODY_BYTES_MAX: usize = 64 * 1024;

/// Interim responses of such a server that are passed over: nobody waits for them, and one that
/// sends no other has not decided.
pub(crate) const DECISION_INTERIMS_MAX: u8 = 8;

/// Time that a login is remembered for, in milliseconds: a page with all that it loads, and some
/// clicks. A user who is taken out of a list is out with the reload that says so.
pub(crate) const LOGIN_MS_MAX: u64 = 300_000;

/// Logins that a lane remembers, 40 bytes each.
pub(crate) const LOGINS_COUNT_MAX: usize = 4096;

/// Longest wait for fosse-password: the checks of others who have come before.
pub(crate) const LOGIN_WAIT: Duration = Duration::from_secs(10);

/// Time that a request waits for the cache before it goes on by itself: longer than most
/// applications take, shorter than a person waits.
pub(crate) const CACHE_WAIT_MS_MAX: u64 = 5000;

/// Requests that wait for the cache at a time; one more goes on by itself.
pub(crate) const CACHE_ASKS_MAX: usize = 16_384;
/// Times that a request turns to another variant of a response than the cache has found: what it
/// varies by is known after the first one, and may have become more once or twice.
pub(crate) const CACHE_TURNS_MAX: u8 = 3;

/// Bytes that are queued for the cache; while there are more it does not read, and is not asked.
pub(crate) const CACHE_QUEUE_BYTES_MAX: usize = 4 << 20;

/// Changes of targets that the cache has not taken note of, which are noted one by one. With one
/// more it forgets everything, and nothing that is kept is believed until it has.
pub(crate) const CACHE_CHANGES_MAX: usize = 256;

/// First bytes of a kept response that are copied to find out whether it is used: most heads are
/// shorter, and all of a response that is short goes with them.
pub(crate) const KEPT_FIRST_BYTES_MAX: usize = 4 * 1024;

/// Room of a pipe through which a kept body goes: scripts and images of most sites. A user may have
/// 64 MiB of it in all (pipe-user-pages-soft).
pub(crate) const PIPE_BYTES: usize = 256 * 1024;

/// Bytes of a body that goes so: it may begin anywhere in its first page. A longer one is copied.
pub(crate) const PIPED_BYTES_MAX: usize = PIPE_BYTES - 4 * 1024;

/// Pipes of a lane: each is in use for as long as parse takes to write a head and lend the socket.
/// Bodies beyond are copied.
pub(crate) const PIPES_COUNT: usize = 128;
