//! Limits of a connection, each with its reason.

use fosse_http1::HEAD_BYTES_MAX;

/// Longest frame that is taken: what every peer may send without a word (RFC 9113, section 6.5.2).
/// Longer ones would only keep others waiting.
pub(crate) const FRAME_BYTES_MAX: usize = 16_384;

/// Streams of a connection at a time. RFC 9113, section 6.5.2, advises against fewer than 100;
/// browsers open as many.
pub(crate) const STREAMS_COUNT_MAX: usize = 100;

/// Places of a connection: streams, and those that were reset and have not come back from where
/// their requests went. A client that cancels a page may ask for the next one at once; one that
/// does nothing else waits for what it has begun.
pub const PLACES_COUNT_MAX: usize = 2 * STREAMS_COUNT_MAX;

/// Bytes that a client may send on each stream without being granted any.
pub const WINDOW_BYTES_INITIAL: u32 = 16_384;

/// Bytes that a client may send on all streams together before it hears of more: it bounds what is
/// on its way, and nothing that is kept, since each stream's bytes have their own window.
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// Bytes that a server may send on all streams together before it hears of more: it bounds what is
/// on its way, and keeps no stream waiting for another's reader.
pub(crate) const CLIENT_WINDOW_BYTES: u32 = 16 << 20;

/// Bytes of output beyond which no more data is put into it: what a socket takes at once. What a
/// more urgent stream has waits for no more than these.
pub const OUTPUT_BYTES_FULL: usize = 64 * 1024;

/// Bytes of a header block as it is sent: coded it is shorter than the head it stands for.
pub(crate) const BLOCK_BYTES_MAX: usize = HEAD_BYTES_MAX;

/// Bytes that a header block decodes to before the connection ends: beyond what is kept of a head
/// it is only looked at, so that the table stays known, and that has an end, too.
pub(crate) const LIST_BYTES_MAX: usize = 4 * HEAD_BYTES_MAX;

/// Bytes that are progress of a stream that waits for its client: a byte now and then is none.
pub(crate) const PROGRESS_BYTES_MIN: usize = 8 * 1024;

/// Frames of one header block: 16 of the largest size hold four times the longest block.
pub(crate) const BLOCK_FRAMES_MAX: usize = 16;

/// Bytes of a trailer section: gRPC's and checksums' trailers are some hundred.
pub(crate) const TRAILER_BYTES_MAX: usize = 8192;

/// Resets at once, by the client or caused by it: two pages of 100 resources that are left as they
/// begin.
pub(crate) const RESETS_BURST_MAX: u32 = 200;
/// Resets a second from then on: nobody navigates faster.
pub(crate) const RESETS_SECOND_MAX: u32 = 20;

/// Frames at once that bring nothing: SETTINGS, PING, PRIORITY, empty DATA, WINDOW_UPDATE. Each
/// byte of data, either way, pays for some more.
pub(crate) const IDLE_FRAMES_BURST_MAX: u32 = 1000;
/// Such frames a second from then on: gRPC measures by PING twice in a round trip.
pub(crate) const IDLE_FRAMES_SECOND_MAX: u32 = 200;

/// Streams whose end is remembered: as many as can be reset in a burst, since frames for them may
/// still be on their way.
pub(crate) const ENDED_COUNT_MAX: usize = RESETS_BURST_MAX as usize + 56;

const _: () = assert!(BLOCK_FRAMES_MAX * FRAME_BYTES_MAX >= BLOCK_BYTES_MAX);
const _: () = assert!(ENDED_COUNT_MAX.is_power_of_two());
const _: () = assert!(STREAMS_COUNT_MAX < PLACES_COUNT_MAX);
