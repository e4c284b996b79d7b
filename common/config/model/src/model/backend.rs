//! The applications behind the edge, and the checks of their servers.

use super::fastcgi::FastCgi;
use super::retry::Retries;
use super::tls::BackendTls;
use crate::address::ServerUrl;
use crate::choices::{AddressFamily, BackendProtocol, Balance, Coding, ProxyOut};
use crate::names::{
    Account, CacheDirectives, CheckMethod, CheckText, CookieName, Directory, FileGlob, FileName, HashBy, HealthPath,
    HostName, Name, Network, Seed, SourceAddress, StatusRange, TryFile, UpgradeToken,
};
use crate::section::Presence::{Absent, Default, Required};
use crate::section::{At, section};
use crate::value::Seconds;

section! {
    /// An application that requests are passed to.
    Backend "[[backend]]" {
        /// Name that sites and routes use.
        name: Name, Required;
        /// Its servers: unix sockets first choice, loopback TCP second. "localhost" is 127.0.0.1
        /// and, where that refuses, ::1. Another name is followed by fosse-resolve(8): each of its
        /// addresses is a server, "NAME:PORT#1" and so on, that comes and goes with it. Names are
        /// whole: search domains are not appended. TLS is spoken with servers that are written with
        /// https:// before a name or an address, whose port is 443 where none is written.
        servers: Vec<At<ServerUrl>>, Default("[]"), 0..=64;
        /// Servers that have more to say than their address, beside those of the list; together
        /// there are 1 to 64.
        server: Vec<At<Server>>, Default("[]"), 0..=64;
        /// Directory whose files are served, in place of servers: by a fosse-static that
        /// fosse-start runs for this backend alone, with a user of its own that must be able to
        /// read them. It is opened again at each reload.
        files: Option<Directory>, Absent("requests go to servers");
        /// Files that the path of a directory means, for files; the first that is there. Without
        /// one the path gets 404: nothing is ever listed.
        index: Vec<At<FileName>>, Default("[\"index.html\"]"), 0..=16;
        /// Places where a path is looked up among the files; the first file that is there is
        /// served. "$path" is the path as it is, a directory with an index among them, "$path.html"
        /// the file of that name, and "/index.html" one and the same file for every path: at the
        /// end of the list, for applications that run in the browser and make its paths.
        try_files: Vec<At<TryFile>>, Default("[\"$path\"]"), 1..=16;
        /// Codings of files that lie beside others: a client that accepts one of these gets
        /// NAME.br, NAME.zst or NAME.gz in place of NAME, where both are there. Of those that it
        /// accepts as gladly the first of this list counts.
        precompressed: Vec<At<Coding>>, Default("[]"), 0..=3;
        /// Values of Cache-Control for files. Without one a browser asks whether a file has changed
        /// as often as it likes.
        cache_control: Vec<At<CacheControl>>, Default("[]"), 0..=64;
        /// The explicit word that servers may be on other machines.
        remote: bool, Default("false");
        /// Addresses that a name may have at a time; others that it has are not used. Each counts
        /// as one of the 64 servers of a backend, whether the name has as many or not.
        addresses_max: u32, Default("8"), 1..=64;
        /// Addresses that names are asked for: "any" is IPv4 and IPv6.
        address_family: AddressFamily, Default("\"any\"");
        /// Networks in which the addresses of names must lie. Without them they may lie anywhere
        /// but on this machine, its links (169.254.0.0/16, fe80::/10) and the like, so that who
        /// first for a name cannot have requests sent to what trusts this machine.
        address_networks: Vec<At<Network>>, Default("[]"), 0..=64;
        /// Addresses of this machine, one of IPv4 and one of IPv6, that connections to its servers
        /// and checks of them come from: for applications and firewalls that let in one address.
        /// Each server needs one of its own kind; "localhost" and names that may stand for both
        /// need both. With names there have to be address_networks. A connection whose address this
        /// machine has not got is not made, and counts as a failed one.
        source_address: Vec<At<SourceAddress>>, Default("[]"), 0..=2;
        /// The user who must hold the other end of a unix socket.
        peer_uid: Option<Account>, Absent("any user");
        /// Choice of the server for a request. With "round-robin" they take turns by their weights,
        /// spread as evenly as may be; with "least-connections" the one with the fewest requests
        /// against its weight is next; with "hash" the one that consistent hashing has for the part
        /// of the request that hash_by names, by weight: one server more or less moves its share
        /// alone. Where that server is out or full, the one that follows it for that part is next.
        balance: Balance, Default("\"round-robin\"");
        /// The part of a request that chooses its server with balance = "hash": the address of the
        /// client (of IPv6 the first 64 bits), the path without the query, or the value of a header
        /// or a cookie. Requests without that one take turns.
        hash_by: Option<HashBy>, Absent("balance is not \"hash\"");
        /// Cookie by which a client finds its server again. Its value names the server and no
        /// address; the application does not see it. One that names no server of the backend is
        /// ignored and set again, and so is that of a server that is out. Requests wait for their
        /// server where it is full, and find it though its weight is 0. The cookie is HttpOnly and
        /// SameSite=Lax, and Secure where the client came by https.
        sticky_cookie: Option<CookieName>, Absent("no cookie is set");
        /// Text from which sticky cookies and the order of balance = "hash" follow, with the
        /// addresses of the servers: edges that have the same agree in both. Who knows it can try
        /// which address a cookie stands for.
        affinity_seed: Option<Seed>, Absent("the name of the backend");
        /// Connections to one server at a time, of all lanes, those of before a reload among them.
        /// While requests of several lanes wait for a server, each lane has its part of these.
        connections_max: u32, Default("256"), 1..=1000000;
        /// Requests that may wait while every server has connections_max; one more gets 503. Each
        /// lane has its part of these places.
        queue_requests_max: u32, Default("256"), 0..=1000000;
        /// Longest time that a request waits so; then it gets 503.
        queue_seconds: Seconds, Default("10"), 1..=3600;
        /// Idle connections that are kept to one server; each lane keeps its part of them.
        pool_connections_max: u32, Default("64"), 0..=10000;
        /// Longest time that an idle connection is kept; shorter than the application keeps it.
        pool_idle_seconds: Seconds, Default("4"), 1..=3600;
        /// To connect to a server; then the request goes to another one.
        connect_seconds: Seconds, Default("2"), 1..=60;
        /// From the end of the request to the first byte of the response.
        first_byte_seconds: Seconds, Default("60"), 1..=3600;
        /// Without a byte either way during a request or an upgraded connection.
        idle_seconds: Seconds, Default("60"), 1..=86400;
        /// The terms on which a request goes to another server; true for those of an empty table.
        /// With false it does so only where the first one cannot be connected to.
        retry: Retries, Default("true");
        /// The part of a backend's requests that may reach a further server, of those of the last
        /// ten seconds. What is beyond it gets the response or the error that is there:
        /// a backend that fails has so much more to do at most. Failed connects are no part of it.
        retry_budget_percent: u32, Default("20"), 0..=100;
        /// Requests that may do so in ten seconds, however few there are, of all lanes.
        retry_budget_min: u32, Default("10"), 0..=1000000;
        /// Request bodies are received whole, up to the site's body_bytes_max, before a server is
        /// chosen, and go on with Content-Length: for applications that read no chunked bodies
        /// (WSGI: Django, Flask), and for those that serve one request at a time. Without it that
        /// is so only for a chunked body that ends within 64 KiB and without a pause of a second,
        /// and where the request has no Expect or Upgrade and is no gRPC. Others go on as they
        /// come. A site or a route may say it otherwise.
        buffer_requests: bool, Default("false");
        /// Protocol of its servers. With "h2" they speak HTTP/2: without TLS by prior knowledge,
        /// with TLS by ALPN. Requests share few connections, in which each is a stream;
        /// connections_max and the pool count requests and places for them then. A request that
        /// its server has not looked at when it leaves is sent again, whatever its method.
        /// With "grpc" they do so too, and calls of gRPC are streams in both directions: rules
        /// evaluate their heads and none of their messages, which no rule could read, so servers
        /// should be ones that take nothing else for such a request.
        protocol: BackendProtocol, Default("\"http/1.1\"");
        /// PROXY header at the beginning of each connection; such connections are not shared
        /// between clients.
        proxy_protocol: ProxyOut, Default("\"off\"");
        /// Requests carry Via, by which a loop of proxies is found and ended with 508. An nginx as
        /// the application compresses no response to such a request unless it has "gzip_proxied
        /// any".
        via: bool, Default("true");
        /// A client that closes its side of the connection while it waits ends its request, and the
        /// server sees its connection closed. Without it that is so only where nobody can get the
        /// response any more: the connection was reset, or is a unix socket that is closed. Who
        /// closes a TCP connection may have sent all it has to say and read on, so the request
        /// keeps its place at the server until the response has come, or first_byte_seconds or
        /// idle_seconds are over. A proxy in front whose client gives up closes such a connection:
        /// write true where requests take long. nginx does what true does by default, HAProxy with
        /// "option abortonclose".
        abort_on_close: bool, Default("false");
        /// Heads and chunks of responses may have lines that end in LF alone, and heads folded
        /// lines and the same Content-Length again, as old servers send them. Everything else that
        /// is not valid is refused as ever.
        lenient_responses: bool, Default("false");
        /// Protocols a connection may be upgraded to.
        upgrade: Vec<At<UpgradeToken>>, Default("[\"websocket\"]"), 0..=8;
        /// Detection of dead servers.
        health: Health, Default("{}");
        /// TLS with its servers that are written with https://.
        tls: BackendTls, Default("{}");
        /// Its servers speak FastCGI.
        fastcgi: Option<FastCgi>, Absent("they speak HTTP/1.1");
    }
}

section! {
    /// A server that has more to say than its address.
    Server "[[backend.server]]" {
        /// Its address, as in servers.
        address: ServerUrl, Required;
        /// Its part of the requests beside the weights of the others; those of servers have 1. With
        /// 0 it gets none.
        weight: u32, Default("1"), 0..=256;
        /// It gets requests only where no other server is up, and those that have been to every
        /// other one in vain. A full server is up: requests wait for it.
        backup: bool, Default("false");
    }
}

section! {
    /// A value of Cache-Control; the first table that has a file's path counts.
    CacheControl "[[backend.cache_control]]" {
        /// Paths of files, with a slash at the beginning; "*" is any characters, slashes among
        /// them. Where try_files finds another file than the path of the request says it is that
        /// file's.
        paths: Vec<At<FileGlob>>, Required, 1..=64;
        /// The value, such as "public, max-age=31536000, immutable" for files that never change
        /// under one name.
        value: CacheDirectives, Required;
    }
}

section! {
    /// Detection of dead servers.
    Health "[backend.health]" {
        /// Requested from every server once in each interval, however many lanes there are, over a
        /// connection of its own beside those that connections_max counts. A server whose checks
        /// fail gets no requests, however its responses to real ones are: with every server out
        /// they get 503.
        path: Option<HealthPath>, Absent("no request is made; only real traffic counts");
        /// Method of that request.
        method: CheckMethod, Default("\"GET\"");
        /// Host named in that request.
        host: HostName, Default("\"localhost\"");
        /// Port of that request, where it is not the server's own.
        port: Option<u32>, Absent("the server's own"), 1..=65535;
        /// Statuses that are health.
        status: Vec<At<StatusRange>>, Default("[\"200-399\"]"), 1..=64;
        /// Text that the body of the response must hold, within its first 64 KiB.
        body: Option<CheckText>, Absent("any body");
        /// Between two checks; also the longest wait for one.
        interval_seconds: Seconds, Default("5"), 1..=3600;
        /// Good checks in a row after which a server serves again.
        passes_min: u32, Default("2"), 1..=100;
        /// Failed checks in a row after which a server gets no requests until checks pass, and
        /// failed requests in a row, which count apart, after which it gets none for rest_seconds.
        failures_max: u32, Default("3"), 1..=100;
        /// Time without requests after failed ones; then one request or a check goes first, and the
        /// others follow if it goes well.
        rest_seconds: Seconds, Default("10"), 1..=3600;
        /// Time in which the share of requests grows that a server gets after it was out. It begins
        /// with a twentieth.
        slow_start_seconds: Seconds, Default("10"), 0..=3600;
    }
}
