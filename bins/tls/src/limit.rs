//! The limits of a client, of which one runs at a time.

use core::time::Duration;

use fosse_settings::tls::TlsSettings;

use crate::limits::ENDED_MS_MAX;

/// The wait that a limit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `handshake_seconds`, from the accept to the end of the handshake.
    Handshake,
    /// `write_seconds`, for a client that takes what waits for it.
    Write,
    /// [`ENDED_MS_MAX`], for the front's word of how a client ends.
    Ended,
    /// `linger`, for what a client still sends after the last bytes for it.
    Linger,
}

impl Limit {
    /// Returns the time that it lasts.
    pub(crate) fn time(self, settings: &TlsSettings) -> Duration {
        match self {
            Self::Handshake => settings.handshake_seconds,
            Self::Write => settings.write_seconds,
            Self::Ended => Duration::from_millis(ENDED_MS_MAX),
            Self::Linger => settings.linger,
        }
    }
}
