//! fosse-hello: the first message of a TLS client, read before any handshake begins.
//!
//! What is decided by it (site, least version, certificate, front) has to be known before there is
//! a TLS connection, and a stranger has sent it: so it is read here, in bounds, into types that
//! cannot be wrong. No I/O: bytes in; a message, "more bytes", or a refusal out.
//!
//! Sources: RFC 8446 (sections 4.1.2, 4.2, 5.1), RFC 5246 (section 7.4.1.2), RFC 6066 (section 3),
//! RFC 7301, RFC 8701 (GREASE); JA4 by FoxIO's technical details.
//!
//! ```
//! let record = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01";
//! assert_eq!(fosse_hello::message(record), Ok(None), "more bytes");
//! assert!(fosse_hello::message(b"GET / HTTP/1.1\r\n").is_err());
//! ```
#![forbid(unsafe_code)]

mod hello;
mod ja4;
mod record;

pub use hello::{Hello, ServerName};
pub use ja4::{JA4_BYTES, ja4};
pub use record::{HELLO_BYTES_MAX, message};

/// The reason to refuse a first message, each with its alert (RFC 8446, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloError {
    /// The first bytes are no handshake record: unexpected_message.
    NotTls,
    /// The first message of the handshake is none of a client: unexpected_message.
    NotHello,
    /// It is longer than it may be, or in too many records: decode_error.
    Long,
    /// A length, or an extension, does not fit into what it is in: decode_error.
    Malformed,
    /// An extension comes twice: decode_error, as of OpenSSL.
    Twice,
    /// The server name is none that a host can have: illegal_parameter.
    BadName,
}

impl HelloError {
    /// Returns the code of the alert that says so.
    #[must_use]
    pub const fn alert(self) -> u8 {
        match self {
            Self::NotTls | Self::NotHello => 10,
            Self::Long | Self::Malformed | Self::Twice => 50,
            Self::BadName => 47,
        }
    }
}

impl core::fmt::Display for HelloError {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str(match self {
            Self::NotTls => "the client does not speak TLS",
            Self::NotHello => "the handshake does not begin with a ClientHello",
            Self::Long => "the ClientHello is too long",
            Self::Malformed => "the ClientHello is malformed",
            Self::Twice => "the ClientHello has an extension twice",
            Self::BadName => "the ClientHello has a server name that no host can have",
        })
    }
}

impl core::error::Error for HelloError {}
