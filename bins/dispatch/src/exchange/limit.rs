//! The limits of requests under way.

/// The limits of a request under way, of which one runs at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// That of the check whose decision a request waits for: `decision_seconds` of forward_auth.
    Access,
    /// [`BUFFERED_PAUSE_MS_MAX`], for the next bytes of a chunked body.
    ///
    /// [`BUFFERED_PAUSE_MS_MAX`]: crate::limits::BUFFERED_PAUSE_MS_MAX
    Pause,
    /// `queue_seconds`, for a server with room.
    Queue,
    /// The last resort where connect does not reply: its limit is `connect_seconds`, and this one
    /// is longer by `queue_seconds`.
    Reply,
    /// [`CONTINUE_MS`], for the server's 100.
    ///
    /// [`CONTINUE_MS`]: crate::limits::CONTINUE_MS
    Continue,
    /// `first_byte_seconds`, for the response.
    FirstByte,
    /// `idle_seconds`, for the next bytes: of the request that the server takes, of the response,
    /// or of either side of a tunnel.
    Idle,
    /// [`CACHE_WAIT_MS_MAX`], for the cache.
    ///
    /// [`CACHE_WAIT_MS_MAX`]: crate::limits::CACHE_WAIT_MS_MAX
    Cache,
    /// `write_seconds`, for a client that dispatch writes to.
    Write,
}
