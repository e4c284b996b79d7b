//! Certificates that are ordered of certificate authorities (RFC 8555).

use serde::{Deserialize, Serialize};

/// fosse-acme
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acme {
    /// The authorities, in the order of their number.
    pub authorities: Vec<CertificateAuthority>,
    /// The certificates, in the order of their number.
    pub certificates: Vec<AcmeCertificate>,
}

/// A certificate authority.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateAuthority {
    /// Name in messages.
    pub name: String,
    /// URL of its directory, of https.
    pub directory: String,
    /// Its addresses in the table of its connect: the first, and how many.
    pub servers: (u32, u32),
    /// The proof of a name that it is given.
    pub challenge: Challenge,
    /// URLs of who is to be told of problems: `mailto:admin@example.org`.
    pub contact: Vec<String>,
    /// The profile of its certificates.
    pub profile: Option<String>,
    /// Names the key that binds the account to another one.
    pub key_id: Option<String>,
}

/// The proof that a name is this machine's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Challenge {
    /// A path at port 80 (RFC 8555, section 8.3).
    #[default]
    Http01,
    /// A handshake at port 443 (RFC 8737).
    TlsAlpn01,
}

/// A certificate that is ordered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcmeCertificate {
    /// Names it over configurations: a hash of what it is ordered by.
    pub id: [u8; 16],
    /// Number of its authority.
    pub authority: u32,
    /// Its names.
    pub names: Vec<String>,
    /// File and line of the configuration, for messages: `fosse.toml:12`.
    pub place: String,
}
