//! A group of servers as dispatch sees it.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Retry;

/// The choice of a backend's server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Balance {
    /// One after the other.
    #[default]
    RoundRobin,
    /// The one with the fewest requests under way.
    LeastConnections,
    /// The one that consistent hashing has for it.
    Hash,
}

/// The part of a request that is hashed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HashBy {
    /// The client's address.
    #[default]
    Source,
    /// The path without the query.
    Path,
    /// The value of that header.
    Header(String),
    /// The value of that cookie.
    Cookie(String),
}

/// A group of servers that serve the same requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// For logs.
    pub name: String,
    /// First server in the table.
    pub server_first: u32,
    /// Number of its servers.
    pub server_count: u32,
    /// Choice of a server for a request.
    pub balance: Balance,
    /// The part of a request that chooses its server, where the balance is by hash.
    pub hash_by: HashBy,
    /// Cookie by which a client finds its server again; empty for none.
    pub sticky_cookie: String,
    /// Text from which cookies and hashes follow; empty for the name.
    pub affinity_seed: String,
    /// Connections of one lane to one server at a time.
    pub connections_max: u32,
    /// Requests of one lane that wait while all servers are full; one more gets 503.
    pub queue_requests_max: u32,
    /// Longest time that a request waits so.
    pub queue_seconds: Duration,
    /// Idle connections that one lane keeps to one server.
    pub pool_connections_max: u32,
    /// Longest wait for a connection.
    pub connect_seconds: Duration,
    /// Longest wait for the first byte of a response.
    pub first_byte_seconds: Duration,
    /// Longest silence within a response or while a body is sent.
    pub idle_seconds: Duration,
    /// Longest time that a pooled connection is idle.
    pub pool_idle_seconds: Duration,
    /// Failures of requests in a row that take a server out.
    pub failures_max: u32,
    /// Time for which it stays out before it is tried again.
    pub rest_seconds: Duration,
    /// Time in which the share of a server grows that was out.
    pub slow_start_seconds: Duration,
    /// PROXY protocol version sent first on each connection: 0 for none, 1 or 2. Such connections
    /// are not pooled.
    pub proxy_protocol: u8,
    /// Upgrade tokens allowed, lower case.
    pub upgrade: Vec<String>,
    /// The terms on which its requests go to another server.
    pub retry: Retry,
    /// The part of the requests that may reach a further server.
    pub retry_budget_percent: u32,
    /// Requests that may do so, however few there are.
    pub retry_budget_min: u32,
    /// Requests have a Via.
    pub via: bool,
    /// Heads of responses may have bare LFs, folds, and the same Content-Length again.
    pub lenient_responses: bool,
    /// Its servers speak HTTP/2, to which fosse-dispatch-h2 turns what dispatch says.
    pub http2: bool,
    /// Its servers speak FastCGI; without it HTTP/1.1.
    pub fastcgi: Option<FastCgi>,
}

/// The scripts of servers that speak FastCGI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FastCgi {
    /// Directory of the scripts as the servers see it, without a slash at its end.
    pub root: String,
    /// Paths of scripts; the last segment may have a `*`.
    pub scripts: Vec<String>,
    /// The script for all paths that are no script's; without one they get 404.
    pub front_controller: Option<String>,
    /// The name of a script that a path with a slash at its end stands for.
    pub index: Option<String>,
    /// A path goes on after its script: PATH_INFO.
    pub path_info: bool,
    /// Further parameters.
    pub params: Vec<(String, String)>,
}

/// A server as dispatch sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerName {
    /// As in the configuration, for logs.
    pub name: String,
    /// Index of its backend.
    pub backend: u32,
    /// Its part of the requests beside the weights of the others, 0 to 256.
    pub weight: u32,
    /// It gets requests only where no other server is up.
    pub backup: bool,
    /// Its number in the page of fosse-prober's results; `None` where it is not checked.
    pub health_number: Option<u64>,
    /// The number of its address in the page of addresses; `None` where it has one of its own.
    pub address_number: Option<u64>,
    /// TLS is spoken with it.
    pub tls: bool,
}
