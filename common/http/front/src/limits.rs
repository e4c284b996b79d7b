//! Limits of every front that no configuration raises, each with its reason.

use fosse_wire::frame::WINDOW_BYTES_INITIAL;

/// Most bytes of a response on their way to one client, as credit: slow readers stay below 64 KiB
/// with all that belongs to them, in fosse-dispatch too.
pub(crate) const WINDOW_BYTES_MAX: u32 = 40 * 1024;

/// Credit is given back in steps of this size: less would be a frame for every small write.
pub(crate) const GRANT_BYTES_MIN: u32 = 8 * 1024;

/// Bytes that a client has to take in each `write_seconds`, or what is left: as many as
/// fosse-dispatch asks for where it writes to the client itself. One that takes a byte now and then
/// would hold a backend connection, or memory of the lane, for ever.
pub(crate) const WRITE_PROGRESS_BYTES_MIN: usize = 8 * 1024;

/// Bytes that a paced client is sent at a time, or what is left: as many as it has to take in each
/// `write_seconds`, so that whoever stands still is found out between two of them.
pub(crate) const PACE_BYTES_MIN: usize = WRITE_PROGRESS_BYTES_MIN;

/// The part of a second for which a paced response, or a source, may save what it is not sent:
/// beyond it what was not sent in time is lost, so that nobody gets a second's worth at once.
pub(crate) const PACE_BURSTS_A_SECOND: u64 = 16;

/// Unused room in the buffer of a client that does not keep up: above it the buffer is cut to its
/// size.
pub(crate) const OUTPUT_UNUSED_BYTES: usize = 8 * 1024;

/// Spare buffers for the next connections that need one.
pub(crate) const SPARE_BUFFERS_MAX: usize = 64;

/// A spare buffer is not kept above this size: what a connection of HTTP/2 has to write in a turn
/// fits, and a burst is not paid for for ever.
pub(crate) const SPARE_BUFFER_BYTES_MAX: usize = 128 * 1024;

/// Bytes of the target in an access log line, with its escapes: with the other texts the line stays
/// below the 4096 bytes of a pipe's atomic write.
pub(crate) const LOGGED_TARGET_BYTES_MAX: usize = 1024;

/// Bytes of each other text (host, Referer, User-Agent and the like) in an access log line, with
/// its escapes.
pub(crate) const LOGGED_TEXT_BYTES_MAX: usize = 300;

/// Addresses of X-Forwarded-For or Forwarded that are looked at, from the right: more hops than any
/// chain of proxies has.
pub(crate) const FORWARDED_HOPS_MAX: usize = 32;

/// The part of its limit that a source may have in a lane before accept is told of it. There are 64
/// lanes at most, so all of them together hide no more than the limit once, and what browsers have
/// costs no message.
pub(crate) const QUIET_PART: u64 = 64;

/// Requests that used up the rules' time which a flooded connection counts as: its budgets are
/// hundreds of frames that bring nothing. With accept's limit the sixth within a minute makes a
/// penalty for its source.
pub(crate) const FLOOD_OVERRUNS: u64 = 4;

/// Lines about refusals that a source may have in a window, an IPv6 /56 four times and a /48 16
/// times: a person sees at a glance what they are about, and the lines of others are not beyond the
/// log's limit of a process.
pub(crate) const REFUSAL_LINES_MAX: u32 = 10;

/// Milliseconds of such a window, at whose end the number of the others is written.
pub(crate) const REFUSALS_WINDOW_MS: u64 = 10_000;

/// Sources, and larger networks that they are in, whose refusals are counted one by one in a
/// window; those of further ones are counted together.
pub(crate) const REFUSAL_SOURCES_MAX: usize = 4096;

/// Passages of proxies of our name that a request may have behind it: no chain of edges is as long,
/// and a loop ends after them.
pub(crate) const VIA_PASSAGES_MAX: usize = 8;

/// Slots that are looked at in a turn for people who want to see connections, or to end some: a
/// tenth of a millisecond of work.
pub(crate) const QUESTION_SLOTS_TURN_MAX: u32 = 1024;

/// Milliseconds between two looks for the next question of such people, who get a part at a time.
pub(crate) const QUESTION_WAIT_MS: u64 = 5;

/// Milliseconds for which it is looked for: whoever asks may have died.
pub(crate) const QUESTION_MS_MAX: u64 = 5000;

/// Access log lines that wait for the pipe, in bytes; beyond it lines are dropped and counted.
pub(crate) const ACCESS_BYTES_MAX: usize = 64 * 1024;

const _: () = assert!(WINDOW_BYTES_MAX > WINDOW_BYTES_INITIAL && GRANT_BYTES_MIN <= WINDOW_BYTES_INITIAL / 2);

/// Bytes of a page with the values of its variables: twice that of its file would be more than all
/// of a slow client may take.
pub(crate) const PAGE_WRITTEN_BYTES_MAX: usize = 32 * 1024;
