//! One table per program: the words of its page from [`crate::FIRST`] on, and what each means.

/// One word of a program's page.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    /// Name as `fosse status` and the Prometheus text show it (after `fosse_PROGRAM_`).
    pub name: &'static str,
    /// It goes up and down.
    pub gauge: bool,
    /// One line for people.
    pub help: &'static str,
}

macro_rules! table {
    ($(#[$doc:meta])* $module:ident, $($kind:ident $name:ident = $at:literal, $help:literal;)*) => {
        $(#[$doc])*
        pub mod $module {
            use super::Counter;
            $(#[doc = $help] pub const $name: usize = crate::FIRST + $at;)*
            /// The words in their order.
            pub const TABLE: &[Counter] = &[
                $(Counter { name: stringify!($name), gauge: table!(@$kind), help: $help },)*
            ];
            const _: () = { let mut at = 0; $(assert!($at == at); at += 1;)* let _ = at; };
        }
    };
    (@counter) => { false };
    (@gauge) => { true };
}

table!(
    /// fosse-accept
    accept,
    counter CONNECTIONS = 0, "connections accepted";
    counter DENIED = 1, "connections refused by a deny list";
    counter PENALISED = 2, "connections refused because their source is penalised";
    counter LIMITED_ADDRESS = 3, "connections refused by the limit per address";
    counter LIMITED_GLOBAL = 4, "connections refused by the global limit";
    counter WRONG_PEER = 5, "unix connections refused because of their peer's UID";
    counter NO_LANE = 6, "turns in which no lane could take a connection";
    gauge LIVE = 7, "connections held by lanes";
    counter RETURNED = 8, "idle connections moved to another lane";
    counter EXHAUSTED = 9, "accepts that failed for want of descriptors or memory";
);

table!(
    /// fosse-parse
    parse,
    counter REQUESTS = 0, "requests begun";
    counter RESPONSES = 1, "responses completed";
    counter REFUSED = 2, "local responses of parse (4xx, 5xx)";
    gauge CONNECTIONS = 3, "client connections held";
    counter BYTES_IN = 4, "bytes read from clients";
    counter BYTES_OUT = 5, "bytes written to clients by parse";
    counter TIMEOUTS = 6, "connections closed by a time limit";
    counter RESETS = 7, "responses cut short by a reset";
    counter LEASES = 8, "responses written by dispatch under a lease";
    counter UPGRADES = 9, "connections handed over after 101";
    gauge UPGRADED = 10, "upgraded connections held";
    counter ACCESS_DROPPED = 11, "access log lines that could not be written";
    counter RELIEVED = 12, "idle connections ended because there was no room for others";
    counter DENIED = 13, "connections and requests of clients whom trusted proxies name, refused by a deny list";
    counter PENALISED = 14, "the same, refused because their source is penalised";
    counter LIMITED_ADDRESS = 15, "the same, refused by the limit per address";
    counter EXHAUSTED = 16, "connections reset because there was no descriptor for them";
);

table!(
    /// fosse-waf-filter
    waf_filter,
    counter REQUESTS = 0, "requests evaluated";
    counter DENIED = 1, "requests denied";
    counter DETECTED = 2, "requests that would have been denied in block mode";
    gauge BUFFERED_BYTES = 3, "bytes buffered until requests and responses are evaluated";
    counter OVER_SIZE = 4, "bodies over the site's limit";
    counter OVER_MEMORY = 5, "requests and responses denied because the lane's memory for buffered bodies was used up";
    counter OVER_BUDGET = 6, "requests whose evaluation ran out of time";
    counter PASSED_IN_PART = 7, "bodies passed on of which only the first part was evaluated";
    counter RULES_MATCHED = 8, "rules that matched";
    counter AUDIT_DROPPED = 9, "audit log lines that could not be written";
    counter RECORDS_MISSED = 10, "persistent records taken as empty: fosse-store did not respond, or their key is too long";
    counter CHANGES_LOST = 11, "changes of persistent records that did not reach fosse-store";
    counter RESPONSES = 12, "responses evaluated";
    counter RESPONSES_DENIED = 13, "responses that were denied, and others sent in their place";
    gauge RESPONSES_PENDING = 14, "requests that have passed and whose responses are pending or buffered";
    counter SPOOLED = 15, "request bodies that went to fosse-spool because memory had no room for them";
    counter SPOOL_LOST = 16, "requests denied because fosse-spool had no room for their bodies, lost them or did not respond";
);

table!(
    /// fosse-dispatch
    dispatch,
    counter REQUESTS = 0, "requests received";
    counter VERDICTS = 1, "denials sent as responses";
    counter RETRIES = 2, "requests sent again to another server";
    counter CONNECTS = 3, "backend connections opened";
    counter REUSED = 4, "requests sent over a pooled connection";
    counter BAD_GATEWAY = 5, "responses 502";
    counter UNAVAILABLE = 6, "responses 503";
    counter GATEWAY_TIMEOUT = 7, "responses 504";
    gauge BACKEND_CONNECTIONS = 8, "backend connections open";
    gauge BACKEND_IDLE = 9, "backend connections waiting in pools";
    gauge STREAMS = 10, "requests under way";
    counter BYTES_LEASED = 11, "response bytes written straight to clients";
    gauge SERVERS_DOWN = 12, "backend servers held to be down";
    counter PROTOCOL_REFUSED = 13, "requests refused because parse must not have sent them";
    gauge PINNED = 14, "backend connections with a login (NTLM, Negotiate), each for one client connection alone";
    counter PINNED_EVICTED = 15, "of those, closed before their time because the server had no room for another connection";
    gauge BUFFERED_BYTES = 16, "bytes of request bodies buffered";
    counter BUFFER_REFUSED = 17, "requests refused because their body may not be buffered";
    counter STATE_ERRORS = 18, "times the program's own state was inconsistent: an error in it, please report it";
    gauge AHEAD_BYTES = 19, "response bytes read ahead of their clients";
    counter READ_AHEAD = 20, "responses read to their end before their clients had taken them";
    counter SLOW_CLIENTS = 21, "responses ended because their clients took too little of them";
    counter EXHAUSTED = 22, "sockets of clients that there was no descriptor for";
    counter LINKS_REFUSED = 23, "requests refused because they came by no signed link, or by one whose time was over";
    counter LOGINS_FAILED = 24, "requests refused because their user or password is wrong";
    counter LOGINS_LIMITED = 25, "requests refused because too many passwords of their source waited to be checked";
    counter CACHE_HITS = 26, "requests that got a kept response";
    counter CACHE_STALE = 27, "requests that got a kept response while it was made fresh";
    counter CACHE_MISSES = 28, "requests for which a response was asked for and kept";
    counter CACHE_COLLAPSED = 29, "requests that waited for what another one had asked for";
    counter CACHE_PASSED = 30, "requests for which the cache had nothing";
    counter CACHE_BROKEN = 31, "caches that broke the protocol";
    counter RETRIES_REFUSED = 32, "requests not sent again because the retry budget of their backend was used up";
    counter MIRRORED = 33, "copies of requests sent to mirrors";
    counter MIRRORS_DROPPED = 34, "copies of requests that got no response, or were not sent";
    gauge QUEUED = 35, "requests that wait in the queues of backends";
    gauge QUEUE_PLACES = 36, "requests that may wait there";
);

table!(
    /// fosse-connect
    connect,
    counter CONNECTED = 0, "connections made";
    counter REFUSED = 1, "attempts refused";
    counter TIMEOUTS = 2, "attempts that timed out";
    counter WRONG_PEER = 3, "attempts that found another UID than the configured one";
    counter FAILED = 4, "attempts that failed otherwise";
    counter TLS_REFUSED = 5, "servers with which TLS could not be agreed on, or that could not prove who they are";
);

table!(
    /// fosse-connect-tls
    connect_tls,
    counter HANDSHAKES = 0, "handshakes with servers";
    counter RESUMED = 1, "handshakes with servers that took up a session of before";
    counter REFUSED = 2, "servers that were not to be spoken with";
    counter TIMEOUTS = 3, "connections closed because a server took too long";
    counter BYTES_IN = 4, "bytes of records of servers";
    counter BYTES_OUT = 5, "bytes of records for servers";
    gauge CONNECTIONS = 6, "connections to servers";
);

table!(
    /// fosse-log
    log,
    counter LINES = 0, "lines written";
    counter LIMITED = 1, "lines dropped by the rate limit";
    counter CUT = 2, "lines cut at their length limit";
    gauge PIPES = 3, "pipes read";
    counter FAILED = 4, "lines that could not be written";
);

table!(
    /// fosse-status
    status,
    counter REQUESTS = 0, "requests responded to";
    gauge CLIENTS = 1, "clients connected";
    counter TIMEOUTS = 2, "clients closed because they took too long";
    counter GAVE_WAY = 3, "clients closed because there was no room for all";
);

table!(
    /// fosse-store
    store,
    counter LOADS = 0, "records asked for";
    counter SAVES = 1, "records changed";
    gauge RECORDS = 2, "records kept";
    gauge BYTES = 3, "bytes of memory they are counted with";
    counter EXPIRED = 4, "records whose time was over";
    counter EVICTED = 5, "records dropped before their time because memory was used up";
    counter NOT_TAKEN = 6, "changes beyond a limit";
    gauge FILTERS = 7, "filters connected";
    counter BROKEN = 8, "filters that broke the protocol";
);

table!(
    /// fosse-dispatch-h2
    dispatch_h2,
    counter EXCHANGES = 0, "pairs made for fosse-dispatch";
    gauge CONNECTIONS = 1, "connections to servers";
    counter RESETS = 2, "streams that servers have ended before their time";
    counter BROKEN = 3, "connections that ended because of what a server sent";
);

table!(
    /// fosse-prober
    prober,
    counter CHECKS = 0, "health checks begun";
    counter FAILED = 1, "health checks that failed";
    gauge SERVERS = 2, "servers that are checked";
    gauge UNHEALTHY = 3, "of those, out by their checks";
);

table!(
    /// fosse-spool
    spool,
    counter WRITTEN_BYTES = 0, "bytes of bodies written";
    counter READ_BYTES = 1, "bytes of bodies read";
    gauge BODIES = 2, "bodies kept";
    gauge BYTES = 3, "bytes of the file that they take";
    counter GAVE_WAY = 4, "bodies dropped because the file or its disk was full";
    counter FAILED = 5, "bodies that could not be written or read";
    gauge FILTERS = 6, "filters connected";
    counter BROKEN = 7, "filters that broke the protocol";
);

table!(
    /// fosse-resolve
    resolve,
    counter QUERIES = 0, "questions sent to name servers";
    counter FAILED = 1, "names that no name server had a response for, when asked";
    counter FAULTS = 2, "messages that were no response to a question";
    counter CHANGES = 3, "addresses that came, went or changed";
    gauge NAMES = 4, "names that are followed";
    gauge UNRESOLVED = 5, "of those, without an address";
    counter REFUSED = 6, "addresses that a name may not have";
);

table!(
    /// fosse-password
    password,
    counter ASKED = 0, "passwords that dispatches have asked about";
    counter CHECKS = 1, "passwords compared with a hash";
    counter PASSED = 2, "requests whose password is right";
    counter REFUSED = 3, "requests whose password or user is wrong";
    counter BUSY = 4, "requests refused because too many attempts waited";
    gauge WAITING = 5, "attempts that wait";
    gauge USERS = 6, "users";
    counter BROKEN = 7, "dispatches that broke the protocol";
);

table!(
    /// fosse-cache
    cache,
    counter FILLS = 0, "responses asked for, to be kept";
    counter KEPT = 1, "of those, kept";
    counter VALIDATED = 2, "kept responses that the application has confirmed";
    counter COLLAPSED = 3, "requests that waited for the fill of another one";
    counter PASSED = 4, "requests that were told to pass the cache by";
    counter FAILED = 5, "fills that the application failed";
    counter FORGOTTEN = 6, "kept responses forgotten because something has changed their target, or by a purge";
    counter MADE_ROOM = 7, "kept responses dropped to make room";
    gauge ENTRIES = 8, "responses kept, in memory or on disk";
    gauge UNDER_WAY = 9, "fills under way";
    counter REFUSED = 10, "fills refused because their source has had its share, or because of their memory";
    counter BROKEN = 11, "lanes that broke the protocol";
    gauge ON_DISK = 12, "of the responses kept, those on disk";
    counter DISK_READ = 13, "responses that came from the disk";
    counter DISK_WRITTEN = 14, "responses written to the disk";
    counter DISK_LOST = 15, "responses on the disk that could not be read, or were not what was written";
);

table!(
    /// fosse-encode
    encode,
    counter ENCODED = 0, "responses encoded";
    counter BYTES_IN = 1, "bytes of their bodies before";
    counter BYTES_OUT = 2, "bytes of them after";
    counter PLAIN_MEMORY = 3, "responses passed on as they are because memory for encoders was used up";
    gauge RESPONSES = 4, "responses under way";
    gauge ENCODERS_BYTES = 5, "bytes of memory that encoders are counted with";
);

table!(
    /// fosse-tls
    tls,
    counter HANDSHAKES = 0, "handshakes that were done";
    counter RESUMED = 1, "of those, sessions that were resumed by a ticket";
    counter FAILED = 2, "handshakes that failed";
    counter UNKNOWN_NAMES = 3, "clients that asked for a name without a certificate";
    counter PLAIN = 4, "clients that did not speak TLS";
    counter REFUSED = 5, "clients that address lists, penalties or the limit of handshakes kept out";
    counter UNSIGNED = 6, "signatures that did not come in time";
    counter BYTES_IN = 7, "bytes of clients";
    counter BYTES_OUT = 8, "bytes for clients";
    counter RESETS = 9, "clients whose connection was reset because their response was not whole";
    counter TIMEOUTS = 10, "clients whose time was over";
    gauge CONNECTIONS = 11, "connections now";
    gauge HANDSHAKING = 12, "of those, ones whose handshake is not done";
    counter EXHAUSTED = 13, "connections for which there was no descriptor";
    counter RELIEVED = 14, "connections ended in their handshake because there was no room for others";
    counter CHALLENGED = 15, "connections of certificate authorities that were handed to fosse-acme";
);

table!(
    /// fosse-keys
    keys,
    counter SIGNATURES = 0, "handshakes signed";
    counter REFUSED = 1, "messages not signed because a handshake has no such form, or the key no such scheme";
    counter UNKNOWN_KEYS = 2, "messages not signed because there is no such key";
    counter LIMITED = 3, "messages not signed because there were too many in a second";
    counter FAILED = 4, "messages that could not be signed";
    gauge KEYS = 5, "private keys";
);

table!(
    /// fosse-acme
    acme,
    counter REQUESTS = 0, "requests to certificate authorities";
    counter ISSUED = 1, "certificates that were issued and taken";
    counter FAILED = 2, "orders of certificates that failed";
    counter CHALLENGES = 3, "challenges of certificate authorities over HTTP that were met";
    counter UNKNOWN_TOKENS = 4, "requests over HTTP for challenges that nobody expects";
    counter UNWRITTEN = 5, "times that what has to survive could not be written";
    gauge CERTIFICATES = 6, "certificates that are ordered";
    gauge HELD = 7, "of those, in force";
    counter HANDSHAKES = 8, "challenges of certificate authorities over TLS that were met";
    counter FAILED_HANDSHAKES = 9, "handshakes for challenges that nobody expects, or that failed";
);

/// All tables by program.
pub const TABLES: [(&str, &[Counter]); 20] = [
    ("accept", accept::TABLE),
    ("parse", parse::TABLE),
    ("waf-filter", waf_filter::TABLE),
    ("dispatch", dispatch::TABLE),
    ("connect", connect::TABLE),
    ("log", log::TABLE),
    ("status", status::TABLE),
    ("store", store::TABLE),
    ("prober", prober::TABLE),
    ("spool", spool::TABLE),
    ("resolve", resolve::TABLE),
    ("password", password::TABLE),
    ("cache", cache::TABLE),
    ("encode", encode::TABLE),
    ("tls", tls::TABLE),
    ("keys", keys::TABLE),
    ("acme", acme::TABLE),
    // Both fronts count the same.
    ("parse-h2", parse::TABLE),
    ("connect-tls", connect_tls::TABLE),
    ("dispatch-h2", dispatch_h2::TABLE),
];
