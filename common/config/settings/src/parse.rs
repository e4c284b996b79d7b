//! The listeners and sites of fosse-parse.

use serde::{Deserialize, Serialize};

use crate::{Net, Route};

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
    /// SERVER_PORT of rules.
    pub port: u16,
}

/// One site as parse sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParseSite {
    /// Canonical host names; `*.example.org` matches every name below example.org.
    pub hosts: Vec<String>,
    /// Name in logs.
    pub name: String,
    /// Methods that are served, in upper case.
    pub methods: Vec<String>,
    /// Others are served as well, TRACE excepted.
    pub other_methods: bool,
    /// Bytes of a request body that are taken, where waf-filter sets no limit.
    pub body_bytes_max: u64,
    /// Path and query must be UTF-8, where waf-filter does not look at them.
    pub utf8: bool,
    /// As dispatch has them, where some backend has `abort_on_close`; else empty.
    pub routes: Vec<Route>,
}
