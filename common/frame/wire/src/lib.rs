//! fosse-wire: every conversation between fosse programs, as bytes: frames on the ring, records
//! beside file descriptors, fixed messages with start, and the one place that knows bincode.
//!
//! Nothing here does I/O or owns a clock. Each conversation is a module; decoders consume exactly
//! what they are given and refuse the rest. fosse-frames(7) describes the same layouts for people
//! who write stages in other languages.

#![forbid(unsafe_code)]

pub mod beside;
pub mod blob;
pub mod cache;
pub mod challenged;
pub mod channel;
pub mod connect;
pub mod cursor;
pub mod direct;
mod door;
pub mod encode;
mod endpoint;
pub mod facts;
pub mod fields;
pub mod files;
pub mod frame;
pub mod handshaken;
mod hello;
pub mod inbox;
pub mod launch;
mod message;
pub mod order;
mod outbox;
pub mod password;
mod pipe;
pub mod purge;
pub mod released;
mod reload;
pub mod request;
pub mod response;
pub mod session;
pub mod signing;
pub mod slots;
pub mod spool;
pub mod start;
pub mod store;
pub mod stream;
mod strike;
pub mod verdict;

pub use frame::{Frame, Kind};
pub use inbox::Inbox;
pub use outbox::Outbox;
pub use stream::{STREAM_SLOTS_MAX, StreamId};

/// The protocol number in HELLO. It changes when any layout on the ring changes: both ends of a
/// ring are of one build generation, so there is nothing to negotiate.
pub const PROTOCOL: u16 = 6;

/// The reason why bytes from a peer are refused. Each of them ends the conversation (rule "exact
/// consumption").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The length field is below the fixed part or above [`frame::FRAME_BYTES_MAX`].
    Length(u32),
    /// A kind byte outside the table.
    Kind(u8),
    /// The body ended before its layout did.
    Short,
    /// Bytes were left after the layout ended.
    Long,
    /// A field holds a value outside its range; the word names the field.
    Field(&'static str),
    /// HELLO carried another protocol number.
    Protocol(u16),
    /// A frame that may not come in this state of its stream.
    Order(Kind),
    /// More bytes than the credit granted.
    Credit,
    /// The slot of another front.
    Foreign,
}

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Length(n) => write!(f, "frame length {n} out of range"),
            Self::Kind(k) => write!(f, "unknown frame kind {k}"),
            Self::Short => f.write_str("frame body too short"),
            Self::Long => f.write_str("frame body too long"),
            Self::Field(name) => write!(f, "bad value in field {name}"),
            Self::Protocol(p) => write!(f, "peer speaks protocol {p}, not {PROTOCOL}"),
            Self::Order(k) => write!(f, "frame {k:?} not allowed in this state"),
            Self::Credit => f.write_str("more bytes than credit"),
            Self::Foreign => f.write_str("the slot is another front's"),
        }
    }
}

impl std::error::Error for WireError {}
