//! TLS: what fosse-tls serves, and the certificates that fosse-certs reads for it.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Net;

/// fosse-tls
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSettings {
    /// All listeners of the edge, in the order of their index; those that are not of TLS have none
    /// of their connections here.
    pub listeners: Vec<TlsListener>,
    /// All sites, in the order of their index, as fosse-parse has them.
    pub sites: Vec<TlsSite>,
    /// The site for names that none names.
    pub default_site: Option<u32>,
    /// Numbers of cipher suites, the best first; empty for all.
    pub ciphers: Vec<u16>,
    /// Numbers of groups of key exchange; empty for the usual ones.
    pub groups: Vec<u16>,
    /// Oldest version of TLS with clients whose name is of no site.
    pub minimum_version: TlsVersion,
    /// Treatment of names that no certificate has, and of clients that say none.
    pub unknown_names: UnknownNames,
    /// Longest time from the accept to the end of the handshake.
    pub handshake_seconds: Duration,
    /// Longest time a client may take nothing of what waits for it.
    pub write_seconds: Duration,
    /// Longest time in which what a client still sends is read and thrown away.
    pub linger: Duration,
    /// Longest time of connections once draining begins.
    pub drain_seconds_max: Duration,
    /// Address lists that start gives it before the first connection.
    pub address_lists: u32,
    /// Clients are offered HTTP/2, which has a front of its own.
    pub http2: bool,
    /// Names all of this: a ticket of a configuration with another number is none.
    pub configuration: u64,
}

/// One listener as tls sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsListener {
    /// Its connections are of TLS.
    pub tls: bool,
    /// Connections from trusted sources begin with a PROXY header.
    pub proxy_protocol: bool,
    /// Trusted proxies.
    pub trusted: Vec<Net>,
    /// Connections at a time of one source that trusted proxies name; 0 for no limit.
    pub address_connections_max: u32,
    /// The site for names that none names, where it is not the default of all.
    pub default_site: Option<u32>,
}

/// One site as tls sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSite {
    /// Canonical host names, as fosse-parse has them.
    pub hosts: Vec<String>,
    /// It is served over TLS; otherwise its names are of no site here.
    pub enabled: bool,
    /// Number of its terms: sites that ask the same of a client have the same. A request over a
    /// connection to a site of other terms is misdirected, and a ticket for other terms is none.
    pub terms: u32,
    /// Oldest version of TLS.
    pub minimum_version: TlsVersion,
    /// Certificates of clients.
    pub client_certificates: ClientCertificates,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246
    #[default]
    Tls12,
    /// RFC 8446
    Tls13,
}

/// Treatment of names that no certificate has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnknownNames {
    /// The handshake ends with unrecognized_name (RFC 6066, section 3).
    #[default]
    Refuse,
    /// The first certificate of the configuration is shown.
    Default,
}

/// Certificates of clients of a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClientCertificates {
    /// None is asked for.
    #[default]
    None,
    /// A client may show one; one that does not descend from the authority of this number in the
    /// image of chains ends the handshake.
    Optional(u32),
    /// Likewise, and a client without one is refused.
    Required(u32),
}

/// fosse-connect-tls
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectTls {
    /// All servers in the order of fosse-connect's table, each with the number of its terms;
    /// `None` for those that speak no TLS.
    pub servers: Vec<Option<u32>>,
    /// The terms.
    pub terms: Vec<ServerTerms>,
}

/// The terms of TLS with a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServerTerms {
    /// Name of its backend, for messages.
    pub backend: String,
    /// Name that it is asked for, and that its certificate has to have; an address where it has
    /// none.
    pub server_name: String,
    /// Number, in the image of chains, of the authority that is trusted; `None` where whoever is
    /// there is believed.
    pub authority: Option<u32>,
    /// Oldest version of TLS.
    pub minimum_version: TlsVersion,
    /// It is spoken HTTP/2 with; otherwise HTTP/1.1.
    pub http2: bool,
    /// Longest time for the handshake.
    pub connect_seconds: Duration,
}

/// fosse-certs
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certs {
    /// In the order of the configuration.
    pub certificates: Vec<CertificateFiles>,
    /// Files with the authorities of certificates of clients, and of servers, in the order of their
    /// number.
    pub authorities: Vec<CertsFile>,
    /// Files with lists of revoked certificates, each with the number of the authority by which
    /// clients are let in that it is held against.
    pub revoked: Vec<(u32, CertsFile)>,
    /// Certificates that are got by ACME, in the order of their number.
    pub acme: Vec<CertsAcme>,
    /// Names that clients ask for, each with the place of the configuration where it stands.
    pub hosts: Vec<(String, String)>,
}

/// A certificate that is got by ACME. Its file, with key and chain, comes after all others, and is
/// empty as long as there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertsAcme {
    /// File and line of the configuration, for messages: `fosse.toml:12`.
    pub place: String,
    /// Its names, in lower case.
    pub names: Vec<String>,
}

/// fosse-keygen
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keygen {
    /// Names of hosts that the request is for, in lower case.
    pub names: Vec<String>,
    /// The kind of the key.
    pub key: KeygenKey,
}

/// A kind of key that is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeygenKey {
    /// ECDSA on P-256
    #[default]
    EcdsaP256,
    /// ECDSA on P-384
    EcdsaP384,
    /// RSA of 2048 bits
    Rsa2048,
    /// RSA of 3072 bits
    Rsa3072,
    /// RSA of 4096 bits
    Rsa4096,
    /// Ed25519
    Ed25519,
}

/// A certificate and its key. Files are numbered as start copies them: those of certificates, chain
/// and key by turns, then those of authorities, then lists of what is revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFiles {
    /// The chain, leaf first.
    pub file: CertsFile,
    /// The key.
    pub key: CertsFile,
}

/// A file, and where the configuration names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertsFile {
    /// Its path.
    pub path: String,
    /// File and line of the configuration, for messages: `fosse.toml:12`.
    pub place: String,
}

impl Certs {
    /// Returns all files in the order of their numbers.
    pub fn files(&self) -> impl Iterator<Item = &CertsFile> {
        let pairs = self.certificates.iter().flat_map(|one| [&one.file, &one.key]);
        pairs.chain(&self.authorities).chain(self.revoked.iter().map(|(_, file)| file))
    }
}
