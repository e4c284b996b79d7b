//! Texts with variables.

use serde::{Deserialize, Serialize};

use crate::ForOrigin;

/// A text with variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template(pub Vec<Part>);

/// A part of a text with variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Itself.
    Text(String),
    /// The value of a variable.
    Variable(Variable),
    /// The value of a header field of the request, its name in lower case; empty without.
    Header(String),
    /// A text for requests that pages of some origins make.
    ForOrigin(ForOrigin),
    /// A group of the regular expression of a rewrite or redirect; 0 for all it has found.
    Group(u32),
}

/// A fact of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Variable {
    /// Address of the client; empty for one behind a unix socket.
    ClientAddress,
    /// Port of the client, 0 where it is not known.
    ClientPort,
    /// Host that was asked for, without its port.
    Host,
    /// Host that was asked for, with its port where the client wrote one.
    Authority,
    /// `http` or `https`.
    Scheme,
    /// Method.
    Method,
    /// Number of the request, as in the logs.
    RequestId,
    /// Path as the client sent it.
    Path,
    /// Query as the client sent it, without its question mark; empty without.
    Query,
    /// Path and query as the client sent them.
    Target,
    /// A fact of the client's TLS handshake.
    Tls(TlsFact),
}

/// A fact of a TLS handshake; empty where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsFact {
    /// Version, `TLSv1.3`.
    Version,
    /// Cipher suite, by OpenSSL's name.
    Cipher,
    /// Server name that the client asked for.
    ServerName,
    /// Fingerprint of the client's first message.
    Ja4,
    /// `SUCCESS` where it has shown a certificate, which was verified; else `NONE`.
    ClientVerify,
    /// Subject of its certificate (RFC 4514).
    ClientSubject,
    /// Issuer of its certificate.
    ClientIssuer,
    /// Serial number of its certificate, in hexadecimal.
    ClientSerial,
    /// SHA-256 of its certificate, in hexadecimal.
    ClientFingerprint,
}
