//! fosse-settings: the configuration of each program, as fosse-config compiles it and as the
//! program gets it when it is started.
//!
//! A blob is complete and right: names are indices, sizes are bytes, times are durations (or
//! milliseconds, where the name says so), defaults are filled in. A program that reads one decides
//! nothing again. A field that is a key of fosse.toml has the key's name.

#![forbid(unsafe_code)]

mod access;
pub mod acme;
mod auth;
mod backend;
mod cors;
mod files;
mod links;
mod names;
mod pages;
mod parse;
mod password;
mod prober;
mod retry;
mod site;
mod template;
pub mod tls;

use core::time::Duration;

use serde::{Deserialize, Serialize};

pub use access::{AccessField, AccessFormat};
pub use auth::{Access, ForwardAuth};
pub use backend::{Backend, Balance, FastCgi, HashBy, ServerName};
pub use cors::{Cors, ForOrigin, Origin};
pub use files::{CacheControl, Coding, Files, TryFile};
pub use links::{Keys, SignedLinks};
pub use names::{AddressFamily, FollowedName, NamedServer, Resolve, permits};
pub use pages::{ErrorPage, ErrorPages, PageBody, RespondFile};
pub use parse::{HeadLimits, ParseListener, TrustedFields};
pub use password::{BasicAuth, Password, UserFiles, UserList};
pub use prober::{Check, CheckedServer, Prober};
pub use retry::{Retry, RetryMethods, RetryOn};
pub use site::{
    Action, Admitted, CachePolicy, Compress, Condition, DispatchPolicy, DispatchSite, HeaderChange, HeaderEdit, Mirror,
    Page, ParsePolicy, ParseSite, PathMatch, Prefixes, Rewrite, Route, SendFiles, SiteRoutes, Test, ToHttps,
    Underscores, WafPolicy,
};
pub use template::{Part, Template, TlsFact, Variable};

/// A network: 16 bytes of address (IPv4 mapped into IPv6) and the bits that count, 0 to 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Net {
    /// Address; bits after the prefix are zero.
    pub addr: [u8; 16],
    /// Prefix length in bits of the 128.
    pub prefix: u8,
}

impl Net {
    /// Returns whether `addr` lies in this network.
    #[must_use]
    pub fn contains(&self, addr: &[u8; 16]) -> bool {
        // A shift by all 128 bits overflows; a prefix of 0 takes every address.
        let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
        (u128::from_be_bytes(self.addr) ^ u128::from_be_bytes(*addr)) & mask == 0
    }
}

/// fosse-accept
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// Connections at a time, of all listeners.
    pub connections_max: u32,
    /// In the order of their index.
    pub listeners: Vec<AcceptListener>,
}

/// One listener as accept sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptListener {
    /// Connections at a time from one address (one /64 for IPv6); 0 for no limit.
    pub address_connections_max: u32,
    /// UIDs that may connect to a unix listener; empty for all.
    pub peer_uids: Vec<u32>,
    /// Sources whose PROXY header and forwarding fields count, and that are never penalised.
    pub trusted: Vec<Net>,
    /// All peers of a unix listener are trusted proxies.
    pub trusted_unix: bool,
    /// Its clients speak TLS: they go to the lane's fosse-tls.
    pub tls: bool,
    /// They speak HTTP/2 without TLS: they go to the lane's fosse-parse-h2.
    pub http2: bool,
}

/// fosse-parse
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parse {
    /// In the order of their index.
    pub listeners: Vec<ParseListener>,
    /// Address lists that start gives it before the first connection.
    pub address_lists: u32,
    /// In the order of their index.
    pub sites: Vec<ParseSite>,
    /// In the order of their number.
    pub policies: Vec<ParsePolicy>,
    /// Pages of policies, in the order of their number.
    pub error_pages: Vec<ErrorPages>,
    /// The site for hosts that none names; without one they get 421.
    pub default_site: Option<u32>,
    /// Longest time from the first byte of a request to the end of its head.
    pub head_seconds: Duration,
    /// Longest silence within a request body.
    pub body_seconds: Duration,
    /// Longest silence between requests.
    pub idle_seconds: Duration,
    /// Longest time a client may take nothing of what waits for it.
    pub write_seconds: Duration,
    /// Longest time after a denial in which what the client still sends is read and thrown away.
    pub linger: Duration,
    /// Longest time for requests under way once draining begins.
    pub drain_seconds_max: Duration,
    /// Limits by which a head is read: the largest that some policy has.
    pub head: HeadLimits,
    /// Requests on one connection; 0 for no limit.
    pub connection_requests_max: u32,
    /// Upgrade tokens that some backend allows, lower case.
    pub upgrade: Vec<String>,
    /// Write a line for each request to descriptor 10.
    pub access_log: bool,
    /// The form of that line.
    pub access_log_format: AccessFormat,
    /// The fields of a JSON line.
    pub access_log_fields: Vec<AccessField>,
    /// Requests that take as long as this are logged with the time of each part.
    pub slow_request_seconds: Option<Duration>,
    /// Names of all servers, in the order of dispatch's table.
    pub servers: Vec<String>,
}

impl Parse {
    /// Returns whether any response may have a rate.
    #[must_use]
    pub fn has_rates(&self) -> bool {
        let of_policy = |policy: &ParsePolicy| policy.response_bytes_per_second | policy.source_bytes_per_second;
        self.policies.iter().any(|policy| of_policy(policy) > 0)
            || self.listeners.iter().any(|listener| listener.source_bytes_per_second > 0)
    }
}

/// Treatment of what rules find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WafMode {
    /// Rules are not evaluated.
    Off,
    /// Found, logged, passed.
    Detect,
    /// Found, logged, denied.
    #[default]
    Block,
}

/// Treatment of a body over the site's limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OverLimit {
    /// 413.
    #[default]
    Reject,
    /// The part within the limit is evaluated, all is passed on, and the log says so.
    PassInPart,
}

/// fosse-waf-filter
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WafFilter {
    /// Routes of the sites, in the order of their index.
    pub sites: Vec<SiteRoutes>,
    /// In the order of their number.
    pub policies: Vec<WafPolicy>,
    /// In the order of their number.
    pub profiles: Vec<WafProfile>,
    /// Memory of one lane for buffered bodies and for requests whose responses are pending, in
    /// bytes.
    pub lane_held_bytes_max: u64,
}

/// All that is evaluated for requests of a site, or for those of some of its routes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WafProfile {
    /// Name of the site in logs.
    pub name: String,
    /// Off, detect or block.
    pub waf: WafMode,
    /// Path and query must be UTF-8 after decoding.
    pub utf8: bool,
    /// Bytes of a request body that is taken and evaluated.
    pub body_bytes_max: u64,
    /// Treatment of a longer one.
    pub body_over_limit: OverLimit,
    /// Index of the rule set in the bundle; `None` for the protocol checks alone.
    pub rules: Option<u32>,
    /// Rule ids, tags, paths and arguments the site exempts, as SecLang made by fosse-config.
    pub exclusions: String,
    /// CPU time that rules may take for one request, in milliseconds.
    pub rules_milliseconds_max: u32,
    /// The rules see responses too: waf-filter is a stage of the response path.
    pub inspect_responses: bool,
}

/// fosse-dispatch
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// In the order of their index.
    pub sites: Vec<DispatchSite>,
    /// In the order of their number.
    pub policies: Vec<DispatchPolicy>,
    /// In the order of their index.
    pub backends: Vec<Backend>,
    /// All servers of all backends, in the order of connect's table.
    pub servers: Vec<ServerName>,
    /// Memory of one lane for request bodies that filters held, in bytes.
    pub lane_held_bytes_max: u64,
    /// Memory of one lane for request bodies that are buffered to learn their length, in bytes.
    pub lane_buffered_bytes_max: u64,
    /// Memory of one lane for responses that are read ahead of their clients, in bytes.
    pub lane_response_bytes_max: u64,
    /// Time in which a client has to take something of a response.
    pub write_seconds: Duration,
    /// Bytes of a backend's response head.
    pub response_head_bytes_max: u32,
    /// Bytes of one header line of it.
    pub response_header_bytes_max: u32,
    /// Header lines of it.
    pub response_header_count_max: u32,
    /// Name of the group that connect has, for advice in logs; empty where it has none of them.
    pub group: String,
    /// Names these sites and policies, so that fosse-cache and a lane know whether both have them.
    pub configuration: u64,
}

/// fosse-cache
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// That of the lanes whose requests it serves.
    pub configuration: u64,
    /// Bytes of a response that is kept.
    pub cached_response_bytes_max: u64,
}

/// fosse-encode
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encode {
    /// Memory of one lane for encoders, in bytes.
    pub lane_encode_bytes_max: u64,
}

/// fosse-connect
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    /// In the order of dispatch's table; after them the addresses that checks alone go to.
    pub servers: Vec<Server>,
}

/// Address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Address {
    /// Path of a unix socket.
    Unix(String),
    /// IPv6 or IPv4-mapped address, and port.
    Tcp([u8; 16], u16),
    /// Number of a backend that serves files, in the order of the plan: a channel to its process.
    Files(u32),
    /// One address of a name, which is in the page of addresses.
    Named(NamedServer),
}

/// One server as connect sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its address.
    pub address: Address,
    /// Another one of the same server, asked where the first refuses: `localhost` is two.
    pub second: Option<Address>,
    /// Addresses that connections come from, IPv6 or IPv4-mapped, one of a family at most; empty
    /// for those that the kernel chooses.
    pub source_address: Vec<[u8; 16]>,
    /// UIDs that may listen on a unix socket; empty for all.
    pub peer_uids: Vec<u32>,
    /// Longest time for a connect, the handshake of TLS included.
    pub connect_seconds: Duration,
    /// The terms of TLS with it, by their number in the settings of fosse-connect-tls; `None` for
    /// none.
    pub tls: Option<u32>,
    /// It speaks HTTP/2: many exchanges share its connections.
    pub http2: bool,
}

/// fosse-dispatch-h2
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DispatchH2 {
    /// In the order of connect's table.
    pub servers: Vec<Http2Server>,
}

/// One server as dispatch-h2 sees it, where it speaks HTTP/2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http2Server {
    /// As in the configuration, for logs.
    pub name: String,
    /// It speaks TLS, by which the scheme of its requests is https.
    pub tls: bool,
    /// Longest time that a connection without a request is kept.
    pub idle_seconds: Duration,
}

/// fosse-load
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Entry files of the rule sets, in the order of their index.
    pub rules: Vec<String>,
    /// Address lists: for which listener (`u16::MAX` for all), whether it allows, and the file.
    pub lists: Vec<LoadList>,
    /// Files that sites respond with, in the order of their number.
    pub pages: Vec<String>,
    /// Files with the keys of signed links, in the order of their number.
    pub keys: Vec<String>,
    /// Files with users, in the order of their number.
    pub users: Vec<String>,
    /// Files that the configuration includes, by name or pattern. Where there are any, these are
    /// all that is read.
    pub includes: Vec<String>,
}

/// One address list to compile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadList {
    /// Listener index, `u16::MAX` for all.
    pub listener: u16,
    /// Its entries allow; otherwise they deny.
    pub allow: bool,
    /// Path of the text file.
    pub path: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let net = |text: &str, prefix| Net { addr: text.parse::<std::net::Ipv6Addr>().unwrap().octets(), prefix };
        let addr = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
        assert!(net("::ffff:10.0.0.0", 104).contains(&addr("::ffff:10.255.1.2")));
        assert!(!net("::ffff:10.0.0.0", 104).contains(&addr("::ffff:11.0.0.0")));
        assert!(net("::", 0).contains(&addr("2001:db8::1")));
        assert!(!net("2001:db8::1", 128).contains(&addr("2001:db8::2")));
    }
}
