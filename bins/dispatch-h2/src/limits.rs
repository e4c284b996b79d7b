//! Limits of fosse-dispatch-h2 that no configuration raises, each with its reason.

/// Most bytes that one read takes from a server or from dispatch: a few frames of the largest size.
pub(crate) const READ_BYTES_MAX: usize = 64 * 1024;

/// Bytes that a server may send on a stream before its response is taken, to begin with: the window
/// of which nobody has to say anything.
pub(crate) const WINDOW_BYTES_INITIAL: u32 = 65_535;

/// Bytes to which that window grows while dispatch takes all at once: 40 MB/s over a way of 12 ms.
/// It is what a client that stops reading can leave here of one response.
pub(crate) const WINDOW_BYTES_MAX: u32 = 512 * 1024;

/// Bytes of interim responses that wait for dispatch, beyond which their stream ends: no window
/// bounds them, and dispatch reads heads whenever there are any.
pub(crate) const INTERIM_BYTES_MAX: usize = 256 * 1024;

/// Connections to one server: with a hundred streams each, more requests than a lane may have.
pub(crate) const CONNECTIONS_COUNT_MAX: usize = 64;

/// Requests of connect that wait for a connection of their servers, all of them together.
/// dispatch's own limits are lower; one more is a sign that somebody is not himself any more.
pub(crate) const ASKED_COUNT_MAX: usize = 65_536;

/// Milliseconds that a server has for a sign of life, once a request of which nothing was heard has
/// been given up.
pub(crate) const PONG_MS_MAX: u64 = 5000;

/// Milliseconds that a server has for its first frame, once it is connected to: one that waits for
/// more to come speaks something else.
pub(crate) const SETTINGS_MS_MAX: u64 = 5000;

/// Bytes of a response's head that a server is told to keep to.
pub(crate) const LIST_BYTES_MAX: usize = fosse_http1::HEAD_BYTES_MAX;
