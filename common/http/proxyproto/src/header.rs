//! The header of either version, and the reasons to refuse one.

use core::fmt;
use core::net::SocketAddr;

/// The contents of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Source and destination, both of one family; `None` where the connection is the proxy's own
    /// (LOCAL), of unknown kind, or over a unix socket: the socket's own addresses count then.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// The client reached the proxy over TLS (version 2, PP2_TYPE_SSL with PP2_CLIENT_SSL).
    pub secure: bool,
    /// The server name of that TLS connection (version 2, PP2_TYPE_AUTHORITY), or nothing.
    pub authority: &'a [u8],
}

/// The reason to refuse a header. Sections are those of proxy-protocol.txt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyError {
    /// The first bytes are of neither version.
    NoHeader,
    /// A line of version 1 without CR LF within its 107 bytes, or with a bare LF (section 2.1).
    BadLine,
    /// Version 1 with a family, an address or a port that is none (section 2.1).
    BadAddress,
    /// Version 2 with a version, command, family or protocol that is none (section 2.2).
    BadCommand,
    /// Version 2 with a length that does not fit its family, or is over the limit (section 2.2).
    BadLength,
    /// Version 2 with an extension (TLV) that is cut (section 2.2).
    BadExtension,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoHeader => "a trusted proxy sent no PROXY header",
            Self::BadLine => "the PROXY line does not end where it should",
            Self::BadAddress => "the PROXY line has a bad address",
            Self::BadCommand => "the PROXY header has an unknown version, command or family",
            Self::BadLength => "the PROXY header has a bad length",
            Self::BadExtension => "the PROXY header has a cut extension",
        })
    }
}

impl core::error::Error for ProxyError {}

/// Returns whether `bytes` begin with `start`; false while they are cut within it.
///
/// # Errors
/// `NoHeader` where they do not.
pub(crate) fn begins(bytes: &[u8], start: &[u8]) -> Result<bool, ProxyError> {
    let same = bytes.iter().zip(start).all(|(have, want)| have == want);
    if same { Ok(bytes.len() >= start.len()) } else { Err(ProxyError::NoHeader) }
}
