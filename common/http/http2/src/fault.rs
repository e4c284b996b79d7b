//! What makes a message malformed: each is an error of its stream (RFC 9113, section 8.1.1), and
//! the message goes nowhere.

use core::fmt;

/// One reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A field name with an upper-case letter, a colon, a space, a control byte, or none at all
    /// (RFC 9113, section 8.2.1).
    BadFieldName,
    /// A field value with NUL, CR, LF or another control byte (RFC 9113, section 8.2.1).
    BadFieldValue,
    /// A field value that begins or ends with a space or a tab (RFC 9113, section 8.2.1).
    PaddedFieldValue,
    /// Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding or Upgrade: they belong to one
    /// connection of HTTP/1.1 (RFC 9113, section 8.2.2).
    ConnectionField,
    /// TE with anything but trailers (RFC 9113, section 8.2.2).
    BadTe,
    /// A pseudo-header field that requests do not have (RFC 9113, section 8.3).
    UnknownPseudo,
    /// A pseudo-header field after a regular one (RFC 9113, section 8.3).
    LatePseudo,
    /// A pseudo-header field twice (RFC 9113, section 8.3).
    RepeatedPseudo,
    /// No :method, :scheme or :path (RFC 9113, section 8.3.1).
    MissingPseudo,
    /// :status is missing, no status, or none that a response may have (RFC 9113, section 8.3.2).
    BadStatus,
    /// The method is not a token (RFC 9110, section 9.1).
    BadMethod,
    /// A scheme other than http and https (RFC 9113, section 8.3.1).
    BadScheme,
    /// The path is empty, does not begin with a slash, or has a byte that no target has (RFC 9113,
    /// section 8.3.1).
    BadPath,
    /// :authority is empty, or has a byte that no host has (RFC 9113, section 8.3.1).
    BadAuthority,
    /// Neither :authority nor Host (RFC 9113, section 8.3.1).
    MissingAuthority,
    /// Host twice, or another one than :authority (RFC 9113, section 8.3.1).
    HostDisagrees,
    /// Content-Length twice, or not a number (RFC 9110, section 8.6).
    BadContentLength,
    /// More or less data than Content-Length says (RFC 9113, section 8.1.1).
    LengthDisagrees,
    /// CONNECT with :scheme or :path, or without :authority (RFC 9113, section 8.5).
    BadConnect,
    /// :protocol where it was not offered, or with another method than CONNECT (RFC 8441, section
    /// 4).
    BadProtocol,
    /// An extended CONNECT with Content-Length, or with trailers: it has no body (RFC 9113, section
    /// 8.5).
    SwitchWithBody,
    /// A second header block that does not end the stream (RFC 9113, section 8.1).
    UnendedTrailers,
    /// A pseudo-header field in trailers (RFC 9113, section 8.1).
    PseudoInTrailers,
    /// A field in trailers that belongs into the head: framing, routing, credentials (RFC 9110,
    /// section 6.5.1).
    ForbiddenTrailer,
}

impl Fault {
    /// Returns the fault in an operator's words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::BadFieldName => "a field name has a byte that may not be there",
            Self::BadFieldValue => "a field value has a control byte",
            Self::PaddedFieldValue => "a field value begins or ends with a space",
            Self::ConnectionField => "a field that belongs to one connection of HTTP/1.1",
            Self::BadTe => "TE has more than trailers",
            Self::UnknownPseudo => "a pseudo-header field that requests do not have",
            Self::LatePseudo => "a pseudo-header field after a regular field",
            Self::RepeatedPseudo => "a pseudo-header field occurs twice",
            Self::MissingPseudo => "there is no :method, :scheme or :path",
            Self::BadStatus => "there is no :status, or none that may be there",
            Self::BadMethod => "the method is not a token",
            Self::BadScheme => "the scheme is neither http nor https",
            Self::BadPath => "the path has a byte that may not be there",
            Self::BadAuthority => ":authority is no host",
            Self::MissingAuthority => "there is neither :authority nor Host",
            Self::HostDisagrees => ":authority and Host name different hosts",
            Self::BadContentLength => "Content-Length is no number, or occurs twice",
            Self::LengthDisagrees => "the body is not as long as Content-Length says",
            Self::BadConnect => "CONNECT has a scheme or a path, or no authority",
            Self::BadProtocol => ":protocol where it may not be",
            Self::SwitchWithBody => "CONNECT has a body",
            Self::UnendedTrailers => "trailers do not end the stream",
            Self::PseudoInTrailers => "a pseudo-header field in trailers",
            Self::ForbiddenTrailer => "a field in trailers that belongs into the head",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.words())
    }
}

impl core::error::Error for Fault {}
