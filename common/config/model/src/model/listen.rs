//! The sockets that clients connect to.

use crate::address::{ListenAddress, Source};
use crate::choices::TrustedFields;
use crate::names::{Account, FilePath, Mode, SocketName};
use crate::section::Presence::{Absent, Default, Required};
use crate::section::{At, section};
use crate::value::{Bytes, Seconds};

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
        /// Connections that may wait to be accepted; the kernel makes it less than
        /// net.core.somaxconn at the most.
        backlog: Option<u32>, Absent("4096, or what a supervisor has set for its socket"), 1..=1000000;
        /// Idle time after which the kernel asks a client whether it is there (TCP keepalive):
        /// three times, a third of this time apart; then the connection is over. It counts for
        /// what is accepted from then on.
        keepalive_seconds: Option<Seconds>, Absent("the kernel never asks"), 3..=32767;
        /// The address need not be one of this machine when the socket is opened: for one that
        /// moves between machines (VRRP), or comes up later.
        freebind: bool, Default("false");
        /// Permission bits of the unix socket.
        mode: Mode, Default("\"0660\"");
        /// Users whose processes may connect to the unix socket, beyond the permission bits.
        peer_uids: Option<Vec<At<Account>>>, Absent("every user the permission bits let in"), 1..=64;
        /// Connections from trusted sources begin with a PROXY header, version 1 or 2; one without
        /// it gets 400.
        proxy_protocol: bool, Default("false");
        /// Clients speak TLS: a [[certificate]] is shown to them.
        tls: bool, Default("false");
        /// Clients speak HTTP/2 from the first byte on, without TLS (h2c by prior knowledge): for a
        /// proxy or a tunnel on this machine. The address is a unix socket or a loopback address;
        /// HTTP/1.1 is not spoken there.
        http2: bool, Default("false");
        /// Port at which clients reach this listener with tls, where it is another one: a firewall
        /// that leads 443 to 8443, say. Redirects to https name it.
        public_port: Option<u32>, Absent("the port of address"), 1..=65535;
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
        /// Bytes a second that all connections of one address (or IPv6 /64) are sent together, over
        /// all lanes; of a /56 four times as many, of a /48 16 times. A site may have a rate of its
        /// own in place of it. Upgraded connections have none. 0 is no limit.
        source_bytes_per_second: Bytes, Default("0"), 0..=17179869184;
        /// Files of networks that this listener lets in and never penalises.
        allow: Vec<At<FilePath>>, Default("[]"), 0..=64;
        /// Files of networks that this listener closes before a byte is read; the most specific
        /// entry decides. A client that a trusted proxy names is judged as well: its connection is
        /// closed after a PROXY header, its request gets 403 after X-Forwarded-For.
        deny: Vec<At<FilePath>>, Default("[]"), 0..=64;
    }
}

impl Listen {
    /// Returns whether it is meant by a name: its address as it is written, or its own.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.address.value.written() == name || self.name.value.as_ref().is_some_and(|own| own.0 == name)
    }
}
