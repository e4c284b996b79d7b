//! One client connection, as far as all protocols have it.

use std::net::SocketAddr;

use fosse_handshake::Handshake;
use fosse_proxyproto::Header;
use fosse_source::Source;
use fosse_wire::channel::Connection;
use fosse_wire::facts::KeptFacts;
use fosse_wire::request::Endpoint;

use crate::context::Context;
use crate::origin::Origin;
use crate::refused::Refused;
use crate::shown::Shown;

/// The facts of a TLS handshake, as long as its connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptHandshake {
    /// TLS version as in the handshake (0x0303, 0x0304).
    pub version: u16,
    /// TLS cipher suite.
    pub cipher: u16,
    /// Server name, in lower case; empty without.
    pub name: Box<[u8]>,
    /// Fingerprint and certificate of the client.
    pub facts: KeptFacts,
}

impl KeptHandshake {
    /// Returns what is known of it.
    #[must_use]
    pub const fn get(&self) -> Handshake<'_> {
        Handshake { version: self.version, cipher: self.cipher, name: &self.name, facts: self.facts.get() }
    }
}

/// A connection with what is known of its client before any request.
#[derive(Debug)]
pub struct Caller {
    /// The connection as fosse-accept has it.
    pub record: Connection,
    /// The client as far as it is known before any request.
    pub origin: Origin,
    /// The handshake of a client that came over TLS.
    pub tls: Option<Box<KeptHandshake>>,
    /// It began with a PROXY header.
    pub proxied: bool,
    /// A backend connection belongs to it, because a login is bound to that: fosse-dispatch has to
    /// hear of its end.
    pub pinned: bool,
    /// Number of requests so far.
    pub requests: u64,
    /// Facts for people.
    pub shown: Shown,
    /// The source that it is counted for, where a PROXY header names its client.
    pub(crate) charge: Option<Source>,
}

impl Caller {
    /// Makes a connection as fosse-accept gives it.
    #[must_use]
    pub const fn new(record: Connection, context: &Context) -> Self {
        Self {
            origin: Origin::of_peer(&record),
            record,
            tls: None,
            proxied: false,
            pinned: false,
            requests: 0,
            shown: Shown::begin(context.now_ms),
            charge: None,
        }
    }

    /// Takes what fosse-tls knows of a client, who is judged as one that a PROXY header names where
    /// one does.
    ///
    /// # Errors
    /// The refusal.
    pub fn take_handshake(
        &mut self,
        tls: KeptHandshake,
        named: Option<&Endpoint>,
        context: &mut Context,
    ) -> Result<(), Refused> {
        self.tls = Some(Box::new(tls));
        let address = named.and_then(|named| Some(SocketAddr::new(named.ip()?, named.port)));
        let header = Header { addresses: address.map(|address| (address, address)), secure: true, authority: b"" };
        if named.is_some() {
            return self.take_proxy(&header, context);
        }
        // A header comes once, and fosse-tls has read it.
        self.proxied = true;
        Ok(())
    }

    /// Returns its handshake; none without TLS.
    pub(crate) fn handshake(&self) -> Handshake<'_> {
        self.tls.as_ref().map(|tls| tls.get()).unwrap_or_default()
    }

    /// Returns whether a PROXY header has to come first.
    #[must_use]
    pub fn awaits_proxy(&self, context: &Context) -> bool {
        let listener = context.settings.listener(self.record.listener);
        self.record.trusted && !self.proxied && listener.is_some_and(|listener| listener.proxy_protocol)
    }

    /// Takes the PROXY header. The client that it names is judged, unless that is another proxy,
    /// whose fields name the client of each request.
    ///
    /// # Errors
    /// The refusal.
    pub fn take_proxy(&mut self, header: &Header<'_>, context: &mut Context) -> Result<(), Refused> {
        self.origin = Origin::of_proxy(&self.record, header, &context.settings);
        self.proxied = true;
        if self.origin.trusted { Ok(()) } else { self.charge(context) }
    }

    /// Returns whether all its requests are one client's. That is so for all but trusted peers, and
    /// for those, too, where the listener says so. A login is bound to a connection only where
    /// fosse-dispatch will hear of its end.
    pub(crate) fn has_single_client(&self, context: &Context) -> bool {
        let listener = context.settings.listener(self.record.listener);
        context.reports_ends && (!self.record.trusted || listener.is_some_and(|l| l.connection_per_client))
    }
}
