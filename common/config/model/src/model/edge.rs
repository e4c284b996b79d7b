//! The top of the file, and what holds for every client: times and limits.

use super::acme::Acme;
use super::backend::Backend;
use super::listen::Listen;
use super::site::Site;
use super::template::Templates;
use super::tls::{Certificate, Tls};
use crate::address::TcpAddress;
use crate::choices::{AccessFormat, Scheduling};
use crate::names::{AccessField, Account, Directory, FilePath, FilePattern, LogFile, Mode, StatusSocket};
use crate::section::Presence::{Absent, Default, Required};
use crate::section::{At, section};
use crate::value::{Bytes, Seconds};

section! {
    /// The edge as a whole.
    Edge "the top of the file (before the first table)" {
        /// Files that are read after this one, in this order; those that a pattern names in the
        /// order of their names. They are below the directory of this file or those of --dir. Such
        /// a file has tables [[listen]], [[certificate]], [[site]], [[backend]] and
        /// [template.NAME], and nothing else. No file for a pattern is no mistake.
        include: Vec<At<FilePattern>>, Default("[]"), 0..=64;
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
        /// that has little to do runs as soon as it wakes up (nice -10), and a busy one, or one
        /// that evaluates rules or encodes, has nice 0 and, where it reads from clients,
        /// SCHED_BATCH; "batch" treats all as busy; "inherit" leaves those that are started from
        /// then on as fosse-start is.
        scheduling: Scheduling, Default("\"auto\"");
        /// Name servers that are asked for the names of servers, by UDP and, for long responses,
        /// TCP; the next one where one does not respond. Without any here it is those of
        /// /etc/resolv.conf, which is read, as /etc/hosts is, when the edge starts and at reloads.
        name_servers: Vec<At<TcpAddress>>, Default("[]"), 0..=8;
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
        access_log_fields: Vec<At<AccessField>>, Absent("a line has all of them"), 1..=30;
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
        /// Directory for responses that are kept on disk (cache_disk_bytes_max). It has to be
        /// there, not in memory (tmpfs), and to belong to root alone; two edges need one each.
        cache_directory: Directory, Default("\"/var/cache/fosse\"");
        /// Files of networks that every listener lets in and never penalises.
        allow: Vec<At<FilePath>>, Default("[]"), 0..=64;
        /// Files of networks that every listener closes before a byte is read; the most specific
        /// entry decides.
        deny: Vec<At<FilePath>>, Default("[]"), 0..=64;
        /// Longest time of each step of a client's connection.
        timeouts: Timeouts, Default("{}");
        /// Largest share of one client, one request and one lane.
        limits: Limits, Default("{}");
        /// Keys that many sites take. A site that names a template has each key of it that it does
        /// not write itself, lists and tables as a whole.
        template: Templates, Absent("no site can name one");
        /// Sockets to accept clients on.
        listen: Vec<At<Listen>>, Required, 1..=64;
        /// Certificates of listeners with TLS, each with its key.
        certificate: Vec<At<Certificate>>, Default("[]"), 0..=10000;
        /// Certificate authorities of which certificates are ordered.
        acme: Vec<At<Acme>>, Default("[]"), 0..=8;
        /// TLS of all listeners that have it.
        tls: Tls, Default("{}");
        /// Host names and what is done for them.
        site: Vec<At<Site>>, Required, 1..=10000;
        /// Applications that requests are passed to.
        backend: Vec<At<Backend>>, Default("[]"), 0..=10000;
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
        /// Request line and headers together; more gets 431. Sites and routes may say something
        /// else for their requests, of this and the next three keys: more or less.
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
        /// Memory for responses that are kept, of all lanes; beyond it those go that were kept
        /// longest ago. One client may fill an eighth of it in a minute.
        cache_bytes_max: Bytes, Default("\"64 MiB\""), 1048576..=68719476736;
        /// Disk for responses that are kept, in two files of cache_directory, where they outlive
        /// the edge; beyond it those go that nobody has asked for of late. With 0 they are in
        /// memory alone. There is one response for each 8 KiB at most, and each takes 300 bytes of
        /// memory. Of a disk of another size nothing is taken over.
        cache_disk_bytes_max: Bytes, Default("0"), 0..=1099511627776;
        /// Body of a response that is kept; longer ones are not.
        cached_response_bytes_max: Bytes, Default("\"1 MiB\""), 1024..=16777216;
        /// Memory of one lane for chunked request bodies that are buffered to learn their length;
        /// beyond it the largest one of the client that takes most gets 503.
        lane_buffered_bytes_max: Bytes, Default("\"64 MiB\""), 1048576..=17179869184;
        /// Memory of one lane for responses read ahead of slow clients; one client may use half.
        lane_response_bytes_max: Bytes, Default("\"64 MiB\""), 1048576..=17179869184;
        /// Memory of one lane for encoders of responses; one client may use half. Where it is used
        /// up responses go on as they are.
        lane_encode_bytes_max: Bytes, Default("\"32 MiB\""), 1048576..=17179869184;
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
