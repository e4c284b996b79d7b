//! The tables and keys of fosse.toml: one row each, which is also its line in fosse.toml(5).

use crate::address::{ListenAddress, ServerAddress, Source, TcpAddress};
pub use crate::choices::{
    AccessFormat, Balance, OverLimit, ProxyOut, Scheduling, TrustedFields, Underscores, Utf8, Waf,
};
use crate::names::{
    AccessField, Account, ArgumentName, CheckMethod, CheckText, Directory, FieldName, FilePath, FilePattern,
    HealthPath, HostName, HostPattern, LogFile, Method, Mode, Name, PathPrefix, RuleRange, RuleTag, SocketName,
    StatusRange, StatusSocket, UpgradeToken,
};
use crate::section::Presence::{Absent, Default, Required};
use crate::section::{At, SectionDoc, section};
use crate::value::{Bytes, Seconds};

section! {
    /// The edge as a whole.
    Edge "the top of the file (before the first table)" {
        /// Lanes: sets of edge processes, each pinned to one core.
        lanes: Option<u32>, Absent("one per core"), 1..=64;
        /// First UID of the edge's processes; each live process has its own, counted up from here.
        /// A reload does not change it, and says so: another one needs a restart.
        uid_base: u32, Default("70000"), 1000..=4294900000;
        /// Group of the processes that connect to the unix sockets of backends (fosse-connect),
        /// where the edge is started by root. Let this group into the directory of the socket, and
        /// let it read and write the socket.
        group: Option<Account>, Absent("the group \"fosse\", where there is one");
        /// Scheduling of the programs that a request passes through (sched(7)). With "auto" one
        /// that has little to do runs as soon as it wakes up (nice -10), and a busy one has nice 0
        /// and, where it reads from clients, SCHED_BATCH; "batch" treats all as busy; "inherit"
        /// leaves those that are started from then on as fosse-start is.
        scheduling: Scheduling, Default("\"auto\"");
        /// Longest time of streams and upgraded connections of an old generation after a reload.
        drain_seconds_max: Seconds, Default("300"), 1..=86400;
        /// Longest time of requests and upgraded connections once the edge is told to end, by
        /// SIGTERM or SIGINT; nobody is served meanwhile.
        stop_seconds_max: Seconds, Default("10"), 1..=86400;
        /// File in the log directory for the access log, one line per request. It holds client
        /// addresses.
        access_log: Option<LogFile>, Absent("there is no access log");
        /// Form of a line of the access log: a JSON object, or the Combined Log Format of Apache
        /// and nginx.
        access_log_format: AccessFormat, Default("\"json\"");
        /// Fields of the JSON objects; their order in a line is fixed. fosse-log(5) lists them.
        access_log_fields: Vec<At<AccessField>>, Absent("a line has all of them"), 1..=24;
        /// Requests that take as long as this get an event line with the time of each part.
        slow_request_seconds: Option<Seconds>, Absent("slow requests are not logged"), 0..=3600;
        /// File in the log directory for the audit log, one JSON object per request in which rules
        /// matched.
        audit_log: Option<LogFile>, Absent("there is no audit log");
        /// Unix socket where fosse status and Prometheus read counters.
        status_socket: StatusSocket, Default("\"/run/fosse/status.sock\"");
        /// Owner of that socket.
        status_socket_owner: Option<Account>, Absent("root, or the user who starts fosse");
        /// Group of that socket: its members may ask for counters.
        status_socket_group: Option<Account>, Absent("the group of who starts fosse");
        /// Permission bits of that socket.
        status_socket_mode: Mode, Default("\"0660\"");
        /// Address where Prometheus reads /metrics by TCP, such as "127.0.0.1:9145". Every user of
        /// this machine can read it there.
        status_address: Option<TcpAddress>, Absent("counters are read over the unix socket alone");
        /// The explicit word that other machines may reach that address.
        status_public: bool, Default("false");
        /// Directory for the file to which bodies go that are too long for memory
        /// (spool_bytes_max). The file has no name there, and is gone with the edge. A directory in
        /// memory (tmpfs) is not taken.
        spool_directory: Directory, Default("\"/var/tmp\"");
        /// Files of networks that every listener lets in and never penalises.
        allow: Vec<At<FilePath>>, Default("[]"), 0..=64;
        /// Files of networks that every listener closes before a byte is read; the most specific
        /// entry decides.
        deny: Vec<At<FilePath>>, Default("[]"), 0..=64;
        /// Longest time of each step of a client's connection.
        timeouts: Timeouts, Default("{}");
        /// Largest share of one client, one request and one lane.
        limits: Limits, Default("{}");
        /// Sockets to accept clients on.
        listen: Vec<At<Listen>>, Required, 1..=64;
        /// Host names and what is done for them.
        site: Vec<At<Site>>, Required, 1..=10000;
        /// Applications that requests are passed to.
        backend: Vec<At<Backend>>, Required, 1..=10000;
    }
}

section! {
    /// Longest time of each step of a client's connection.
    Timeouts "[timeouts]" {
        /// From the first byte of a request (or the accept) to the end of its head.
        head_seconds: Seconds, Default("10"), 1..=600;
        /// For each 8 KiB of a request body, or what is left of it; not counted while neither a
        /// filter nor a server takes it.
        body_seconds: Seconds, Default("30"), 1..=3600;
        /// Between two requests of a connection. Longer than the 60 s that load balancers in front
        /// keep one: who closes first must be they.
        idle_seconds: Seconds, Default("75"), 1..=3600;
        /// Without the client taking 8 KiB of the response, or what is left of it.
        write_seconds: Seconds, Default("30"), 1..=3600;
    }
}

section! {
    /// Largest share of one client, one request and one lane.
    Limits "[limits]" {
        /// Connections at a time, of all listeners and lanes; idle ones keep a sixteenth free.
        connections_max: u32, Default("65536"), 1..=10000000;
        /// Request line and headers together; more gets 431.
        head_bytes_max: Bytes, Default("\"32 KiB\""), 1024..=65536;
        /// The target of a request; more gets 414.
        target_bytes_max: Bytes, Default("\"8 KiB\""), 256..=8192;
        /// One header of a request, name and value; a longer one gets 431. Kerberos tokens of users
        /// with many groups need more, and head_bytes_max with it.
        header_bytes_max: Bytes, Default("\"16 KiB\""), 1024..=65536;
        /// Headers of a request; more gets 431.
        header_count_max: u32, Default("100"), 8..=250;
        /// Requests of one connection, after which it is closed in the normal way.
        connection_requests_max: u32, Default("100000"), 1..=4000000000;
        /// Connections of one lane at a time; further ones wait in the kernel.
        lane_connections_max: u32, Default("16384"), 16..=1000000;
        /// Memory of one lane for bodies buffered for inspection, of requests and responses, and
        /// for a backend (buffer_requests). From a quarter of it on long request bodies go to a
        /// file (spool_bytes_max); beyond it the largest one of the client that takes most of it
        /// gets 503.
        lane_held_bytes_max: Bytes, Default("\"64 MiB\""), 1048576..=17179869184;
        /// Bytes of the file for request bodies that are too long for memory, of all lanes; beyond
        /// it the largest one of the client that takes most of it gets 503. With 0 there is no
        /// file.
        spool_bytes_max: Bytes, Default("\"1 GiB\""), 0..=1099511627776;
        /// Memory of one lane for chunked request bodies that are buffered to learn their length;
        /// beyond it the largest one of the client that takes most gets 503.
        lane_buffered_bytes_max: Bytes, Default("\"64 MiB\""), 1048576..=17179869184;
        /// Memory of one lane for responses read ahead of slow clients; one client may use half.
        lane_response_bytes_max: Bytes, Default("\"64 MiB\""), 1048576..=17179869184;
        /// Head of a backend's response; for a longer one the client gets 502.
        response_head_bytes_max: Bytes, Default("\"64 KiB\""), 1024..=65536;
        /// One header of a backend's response; for a longer one the client gets 502.
        response_header_bytes_max: Bytes, Default("\"32 KiB\""), 1024..=65536;
        /// Headers of a backend's response; for more the client gets 502.
        response_header_count_max: u32, Default("200"), 8..=250;
        /// Log lines of one process in one second; further ones are counted, not written.
        log_second_lines_max: u32, Default("1000"), 10..=1000000;
    }
}

section! {
    /// A socket to accept clients on.
    Listen "[[listen]]" {
        /// IP:PORT or unix:PATH. "[::]" is IPv6 alone.
        address: ListenAddress, Required;
        /// Name under which a supervisor may hand this socket over, already listening
        /// (FileDescriptorName in a systemd socket unit).
        name: Option<SocketName>, Absent("the socket is always opened by fosse");
        /// The explicit word that other machines may reach this socket.
        public: bool, Default("false");
        /// Owner of the unix socket.
        owner: Option<Account>, Absent("root, or the user who starts fosse");
        /// Group of the unix socket.
        group: Option<Account>, Absent("the group of who starts fosse");
        /// Permission bits of the unix socket.
        mode: Mode, Default("\"0660\"");
        /// Users whose processes may connect to the unix socket, beyond the permission bits.
        peer_uids: Option<Vec<At<Account>>>, Absent("every user the permission bits let in"), 1..=64;
        /// Connections from trusted sources begin with a PROXY header, version 1 or 2; one without
        /// it gets 400.
        proxy_protocol: bool, Default("false");
        /// TLS ends before this socket, whatever connects to it: X-Forwarded-Proto is https. For a
        /// terminator that does not say so itself, as with PROXY version 1.
        behind_tls: bool, Default("false");
        /// Networks (or "unix") whose PROXY, X-Forwarded-For and X-Forwarded-Proto headers count.
        /// Other X-Forwarded headers of theirs (-Host, -Port, -Prefix, -User, ...) and X-Real-IP
        /// pass as they wrote them; from everybody else they are removed. So a trusted proxy has to
        /// remove those that its own clients send.
        trusted: Vec<At<Source>>, Default("[]"), 0..=1024;
        /// Headers in which trusted sources name their client: "x-forwarded", as above, or
        /// "forwarded": its for, proto and host (RFC 7239). Only those are read. With "forwarded"
        /// the X-Forwarded headers and X-Real-IP may be their clients' own, and are removed.
        trusted_fields: TrustedFields, Default("\"x-forwarded\"");
        /// Trusted sources never send requests of two clients over one connection. Only then do
        /// they get logins that are bound to a connection (NTLM, Negotiate).
        connection_per_client: bool, Default("false");
        /// Connections of one address (or IPv6 /64) at a time; of a /56 four times, a /48 16 times.
        /// Of clients that trusted proxies name it is their connections with a PROXY header, else
        /// their requests under way: one more gets 429.
        address_connections_max: u32, Default("1024"), 1..=10000000;
        /// Files of networks that this listener lets in and never penalises.
        allow: Vec<At<FilePath>>, Default("[]"), 0..=64;
        /// Files of networks that this listener closes before a byte is read; the most specific
        /// entry decides. A client that a trusted proxy names is judged as well: its connection is
        /// closed after a PROXY header, its request gets 403 after X-Forwarded-For.
        deny: Vec<At<FilePath>>, Default("[]"), 0..=64;
    }
}

section! {
    /// Host names and what is done for their requests.
    Site "[[site]]" {
        /// Names of the site; a leading "*." matches one or more labels.
        hosts: Vec<At<HostPattern>>, Default("[]"), 0..=1000;
        /// Takes the requests for hosts that no site names.
        default: bool, Default("false");
        /// The backend of all paths that no route names.
        backend: Option<Name>, Absent("paths that no route names get 404");
        /// Paths that go elsewhere.
        route: Vec<At<Route>>, Default("[]"), 0..=1000;
        /// Mode of the web application firewall.
        waf: Waf, Default("\"block\"");
        /// Rule files in SecLang, in this order, relative to the directory of the configuration.
        /// Two words mean files that fosse brings along: "builtin" its own rules, "engine" the
        /// settings that the Core Rule Set wants before it. An empty list leaves
        /// the protocol checks alone.
        rules: Vec<At<FilePattern>>, Default("[\"builtin\"]"), 0..=64;
        /// Rules that do not apply to everything.
        exclude: Vec<At<Exclude>>, Default("[]"), 0..=1000;
        /// CPU time the rules may take for one request, and once more for every 256 KiB of its
        /// body; beyond it the request is denied.
        rules_milliseconds_max: u32, Default("50"), 1..=10000;
        /// The rules see responses too: status, headers, and the body where a rule looks at it,
        /// SecResponseBodyAccess is not switched off, and its type is one of
        /// SecResponseBodyMimeType. Such a body is buffered up to SecResponseBodyLimit until it is
        /// evaluated. Applications are asked for uncompressed and whole responses then:
        /// Accept-Encoding becomes identity, and Range is left out.
        inspect_responses: bool, Default("false");
        /// Methods that are served, whatever the firewall does; others get 405. Where this is left
        /// out and the firewall is "off" or "detect", every method but TRACE is served.
        methods: Vec<At<Method>>, Default("[\"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\", \"OPTIONS\"]"), 1..=64;
        /// Treatment of request headers with an underscore in their name. "pass" is not for names
        /// that with hyphens would be removed, such as X_Forwarded_For: many applications read
        /// both as one.
        underscores: Underscores, Default("\"drop\"");
        /// Response headers that are left out, besides Server, X-Powered-By and the like.
        remove_response_headers: Vec<At<FieldName>>, Default("[]"), 0..=64;
        /// Bytes that the decoded path and query may hold, also where the firewall is off.
        utf8: Utf8, Default("\"any\"");
        /// Request body that is taken (and inspected, where the firewall is not off); more gets
        /// 413.
        body_bytes_max: Bytes, Default("\"1 MiB\""), 0..=17179869184;
        /// Treatment of a longer body. Of one that passes in part the first body_bytes_max bytes
        /// are inspected, its last value as far as it is there: that it is cut makes no form, JSON,
        /// XML or multipart body malformed.
        body_over_limit: OverLimit, Default("\"reject\"");
    }
}

section! {
    /// A part of a site's paths; the longest prefix decides.
    Route "[[site.route]]" {
        /// The path itself and everything below its next slash: "/api" covers /api and /api/x, not
        /// /apix.
        prefix: PathPrefix, Required;
        /// The backend that serves it.
        backend: Name, Required;
    }
}

section! {
    /// Rules, by number or by tag, that leave something alone: a part of the paths, an argument, or
    /// the whole site.
    Exclude "[[site.exclude]]" {
        /// Numbers of the rules: "942100", or "942100-942190".
        rules: Vec<At<RuleRange>>, Default("[]"), 0..=100;
        /// A tag of the rules, such as "attack-sqli".
        tag: Option<RuleTag>, Absent("rules are chosen by number");
        /// Only for this path and everything below it.
        path: Option<PathPrefix>, Absent("for all paths");
        /// Only this argument, by name; the rules still look at everything else.
        argument: Option<ArgumentName>, Absent("the rules do not apply at all");
    }
}

section! {
    /// An application that requests are passed to.
    Backend "[[backend]]" {
        /// Name that sites and routes use.
        name: Name, Required;
        /// Its servers: unix sockets first choice, loopback TCP second. "localhost" is 127.0.0.1
        /// and, where that refuses, ::1.
        servers: Vec<At<ServerAddress>>, Required, 1..=64;
        /// The explicit word that servers may be on other machines.
        remote: bool, Default("false");
        /// The user who must hold the other end of a unix socket.
        peer_uid: Option<Account>, Absent("any user");
        /// Choice of the server for a request.
        balance: Balance, Default("\"round-robin\"");
        /// Connections from one lane to one server at a time.
        connections_max: u32, Default("256"), 1..=1000000;
        /// Requests of one lane that may wait while every server has connections_max; one more gets
        /// 503.
        queue_requests_max: u32, Default("256"), 0..=1000000;
        /// Longest time that a request waits so; then it gets 503.
        queue_seconds: Seconds, Default("10"), 1..=3600;
        /// Idle connections that one lane keeps to one server.
        pool_connections_max: u32, Default("64"), 0..=10000;
        /// Longest time that an idle connection is kept; shorter than the application keeps it.
        pool_idle_seconds: Seconds, Default("4"), 1..=3600;
        /// To connect to a server; then the request goes to another one.
        connect_seconds: Seconds, Default("2"), 1..=60;
        /// From the end of the request to the first byte of the response.
        first_byte_seconds: Seconds, Default("60"), 1..=3600;
        /// Without a byte either way during a request or an upgraded connection.
        idle_seconds: Seconds, Default("60"), 1..=86400;
        /// A request without effect (GET, HEAD, OPTIONS, PUT, DELETE) goes to another connection
        /// once if the first one ends without a byte; those that had served before, and that the
        /// server has closed meanwhile, do not count.
        retry: bool, Default("true");
        /// Request bodies are received whole, up to the site's body_bytes_max, before a server is
        /// chosen, and go on with Content-Length: for applications that read no chunked bodies
        /// (WSGI: Django, Flask), and for those that serve one request at a time. Without it that
        /// is so only for a chunked body that ends within 64 KiB and without a pause of a second,
        /// and where the request has no Expect or Upgrade and is no gRPC. Others go on as they
        /// come.
        buffer_requests: bool, Default("false");
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

fn sections() -> &'static [SectionDoc] {
    SECTIONS
}

/// Every table, in the order of the manual page.
pub const SECTIONS: &[SectionDoc] = &[
    Edge::DOC,
    Timeouts::DOC,
    Limits::DOC,
    Listen::DOC,
    Site::DOC,
    Route::DOC,
    Exclude::DOC,
    Backend::DOC,
    Health::DOC,
];
