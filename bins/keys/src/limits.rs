//! Every limit of fosse-keys.

/// Signatures in a second. A full handshake takes a lane 300 us of CPU, so one that asks for more
/// is not busy, it has been taken over.
pub const SIGNATURES_SECOND_MAX: u64 = 5000;

/// Signatures at once, after a silence: what a lane may have let wait for a tenth of a second.
pub const SIGNATURES_BURST_MAX: u64 = 500;

/// Questions replied to in a turn, so that start sees that turns go on.
pub(crate) const TURN_QUESTIONS_MAX: usize = 32;

/// Keys that are ready to sign at a time; one that is asked for beyond them is made ready in
/// place of all of them. It bounds the memory that has keys in it beside their image.
pub(crate) const READY_KEYS_MAX: usize = 1024;

/// Seconds for which a key encrypts session tickets. The one before decrypts for as long, so a
/// ticket is good for one to two of them, which is less than the week of RFC 8446, section 4.6.1.
pub const TICKET_PERIOD_SECONDS: u64 = 6 * 60 * 60;
