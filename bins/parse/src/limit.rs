//! The limits of a connection, each of which belongs to one thing that is waited for.

use core::time::Duration;

use crate::limits::{EXPECT_MS_MAX, HANG_UP_MS};
use fosse_front::settings::Settings;

/// The limits of a connection, of which one runs at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `head_seconds`, for the rest of a head, or the first byte of a connection.
    Head,
    /// `idle_seconds`, for the next request.
    Idle,
    /// `body_seconds`, for 8 KiB of a body, or what is left of it.
    Body,
    /// [`EXPECT_MS_MAX`], for a 100 Continue of the ring.
    Continue,
    /// `write_seconds`, for a client that takes 8 KiB, or what is left.
    Write,
    /// The rates of a paced response, which say themselves until when.
    Pace,
    /// [`HANG_UP_MS`], for a response, before a client that goes away is looked for.
    HangUp,
    /// `linger`, for what a client still sends after its last response.
    Linger,
}

impl Limit {
    /// Returns the time that it lasts, under the policy of a request.
    pub(crate) fn time(self, policy: u32, settings: &Settings) -> Duration {
        let seconds = &settings.blob;
        match self {
            Self::Head => seconds.head_seconds,
            Self::Idle => seconds.idle_seconds,
            Self::Body => {
                settings.policy(policy).and_then(|policy| policy.body_seconds).unwrap_or(seconds.body_seconds)
            }
            Self::Continue => Duration::from_millis(EXPECT_MS_MAX),
            Self::Write => seconds.write_seconds,
            Self::Pace => Duration::ZERO,
            Self::HangUp => Duration::from_millis(HANG_UP_MS),
            Self::Linger => seconds.linger,
        }
    }
}
