//! The listeners of fosse-parse, and the limits of heads.

use serde::{Deserialize, Serialize};

use crate::Net;

/// Headers in which trusted proxies name their client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrustedFields {
    /// X-Forwarded-For and the like.
    #[default]
    XForwarded,
    /// Forwarded (RFC 7239).
    Forwarded,
}

/// One listener as parse sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParseListener {
    /// Connections from trusted sources begin with a PROXY header.
    pub proxy_protocol: bool,
    /// All its clients came over TLS, which ended before it.
    pub behind_tls: bool,
    /// Trusted sources, too, have a connection for each client.
    pub connection_per_client: bool,
    /// Trusted proxies, for walking X-Forwarded-For or Forwarded from the right.
    pub trusted: Vec<Net>,
    /// Headers in which they name their client.
    pub trusted_fields: TrustedFields,
    /// Connections or requests at a time of one source that trusted proxies name; 0 for no limit.
    pub address_connections_max: u32,
    /// Bytes a second of each source, where its site has no such rate; 0 for no limit.
    pub source_bytes_per_second: u64,
    /// SERVER_PORT of rules.
    pub port: u16,
    /// The site for hosts that none names, where it is not the default of all.
    pub default_site: Option<u32>,
}

/// Limits of the head of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadLimits {
    /// Bytes of all of it, line included.
    pub head_bytes_max: u32,
    /// Bytes of the target.
    pub target_bytes_max: u32,
    /// Bytes of one header line.
    pub header_bytes_max: u32,
    /// Header fields.
    pub header_count_max: u32,
}
