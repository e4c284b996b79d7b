//! The limits of a connection, each of which belongs to one thing that is waited for. Those of its
//! streams are looked at by `sweep`.

use core::time::Duration;

use fosse_front::settings::Settings;

/// The limits of a connection, of which one runs at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `head_seconds`, for the first request, or the rest of one.
    Head,
    /// `idle_seconds`, for the next request.
    Idle,
    /// `write_seconds`, for a client that takes 8 KiB, or what is left.
    Write,
    /// `linger`, for what a client still sends after GOAWAY.
    Linger,
}

impl Limit {
    /// Returns the time that it lasts.
    pub(crate) fn time(self, settings: &Settings) -> Duration {
        let seconds = &settings.blob;
        match self {
            Self::Head => seconds.head_seconds,
            Self::Idle => seconds.idle_seconds,
            Self::Write => seconds.write_seconds,
            Self::Linger => seconds.linger,
        }
    }
}
