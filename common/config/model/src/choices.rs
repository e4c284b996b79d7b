//! The words that keys of a backend take.

use crate::value::words;

words! {
    /// Choice of the server for a request.
    Balance {
        /// In turn.
        RoundRobin = "round-robin",
        /// To the server with the fewest requests under way.
        LeastConnections = "least-connections",
    } "\"round-robin\" or \"least-connections\""
}

words! {
    /// The PROXY header written to a backend.
    ProxyOut {
        /// None.
        Off = "off",
        /// Version 1, text.
        V1 = "v1",
        /// Version 2, binary.
        V2 = "v2",
    } "\"off\", \"v1\" or \"v2\""
}
