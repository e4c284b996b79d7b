//! The limits of a connection, of which one runs at a time.

/// The wait that a limit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `connect_seconds` of the backend, for the handshake. connect has given up before.
    Connect,
    /// [`PARTING_MS_MAX`](crate::limits::PARTING_MS_MAX), for a server that takes the last bytes.
    Parting,
}
