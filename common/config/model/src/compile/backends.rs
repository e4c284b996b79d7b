//! Backends and servers as dispatch and connect see them.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use fosse_dns::Name;
use fosse_plan::FilesPlan;
use fosse_settings as blobs;

use fosse_wire::files::FILES_BACKENDS_MAX;

use crate::accounts::Accounts;
use crate::address::ServerAddress;
use crate::compile::acme;
use crate::compile::checks::{Numbers, check, proxy_version};
use crate::compile::fastcgi;
use crate::compile::files;
use crate::compile::listeners::{mapped, octets};
use crate::compile::names;
use crate::compile::retry::retry;
use crate::compile::tls::Files;
use crate::model::{Backend, BackendProtocol, Balance, Edge};
use crate::names::HashBy;
use crate::problem::Problems;
use crate::section::{At, FromValue};
use crate::servers::ServerEntry;

/// The name of fosse-acme among the backends, which no other can have.
const CHALLENGES: &str = "acme.challenge";
/// Servers that may have checks: fosse-prober's page has a place for each.
const SERVERS_CHECKED_MAX: usize = 4096;

/// Time for which a connection is kept that checks alone go over.
const CHECK_IDLE: Duration = Duration::from_secs(4);

/// All servers of all backends in one table; dispatch has the names, connect the addresses, the
/// indices agree.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    /// Their names, for dispatch.
    pub names: Vec<blobs::ServerName>,
    /// Their addresses, for connect.
    pub connect: blobs::Connect,
    /// The checks, for prober.
    pub prober: blobs::Prober,
    /// The names, for resolve.
    pub resolve: blobs::Resolve,
    /// Addresses that checks alone go to, each with the index of the checked server.
    check_addresses: Vec<(usize, blobs::Server)>,
    /// The terms of TLS with servers.
    terms: Vec<blobs::tls::ServerTerms>,
    /// The numbers of checked servers.
    numbers: Numbers,
    /// The groups.
    pub backends: Vec<blobs::Backend>,
    /// Those that serve files.
    pub files: Vec<FilesPlan>,
}

impl Servers {
    /// Numbers the servers in the order of the configuration.
    pub(crate) fn of(edge: &Edge, files: &Files, accounts: &Accounts, problems: &mut Problems) -> Self {
        let mut servers = Self::default();
        for backend in edge.backend.iter() {
            servers.add(backend, files, accounts, problems);
        }
        if acme::responds_over_http(edge) {
            servers.add_challenges(edge, problems);
        }
        servers.number_checks();
        servers
    }

    /// Puts the addresses that checks alone go to after those of all servers: the indices of these
    /// agree with dispatch's.
    fn number_checks(&mut self) {
        for (checked, address) in std::mem::take(&mut self.check_addresses) {
            // The servers have numbers, and each has one check at the most.
            self.prober.servers[checked].address = u32::try_from(self.connect.servers.len()).unwrap_or(u32::MAX);
            self.connect.servers.push(address);
        }
    }

    /// Returns the names of all servers, for the access log.
    pub(crate) fn server_names(&self) -> Vec<String> {
        self.names.iter().map(|server| server.name.clone()).collect()
    }

    /// Returns what has to be known of servers that speak HTTP/2; `None` where none does.
    pub(crate) fn http2(&self) -> Option<blobs::DispatchH2> {
        let of_checks = self.prober.servers.iter();
        let mut names: BTreeMap<usize, &str> = of_checks
            .filter_map(|server| Some((usize::try_from(server.address).ok()?, server.name.as_str())))
            .collect();
        names.extend(self.names.iter().enumerate().map(|(at, server)| (at, server.name.as_str())));
        let server = |(at, server): (usize, &blobs::Server)| {
            let backend = self.names.get(at).and_then(|name| self.backends.get(usize::try_from(name.backend).ok()?));
            blobs::Http2Server {
                name: names.get(&at).copied().unwrap_or_default().to_owned(),
                tls: server.tls.is_some(),
                idle_seconds: backend.map_or(CHECK_IDLE, |backend| backend.pool_idle_seconds),
            }
        };
        let servers = self.connect.servers.iter().enumerate().map(server).collect();
        self.connect.servers.iter().any(|server| server.http2).then_some(blobs::DispatchH2 { servers })
    }

    fn add(&mut self, backend: &Backend, tls: &Files, accounts: &Accounts, problems: &mut Problems) {
        let servers = self.servers(backend, problems);
        let numbers = [self.names.len(), self.backends.len(), servers.len()].map(u32::try_from);
        let [Ok(server_first), Ok(number), Ok(server_count)] = numbers else {
            return problems.note(&backend.name.span, "more servers than their table has numbers for");
        };
        let peer_uids = peer_uids(backend, accounts, problems);
        let source_address: Vec<[u8; 16]> = backend.source_address.iter().map(|source| octets(source.0)).collect();
        let check = check(backend);
        let check_index = u32::try_from(self.prober.checks.len()).unwrap_or(u32::MAX);
        for (index, Addresses { mut server, address, second, host }) in (server_first..).zip(servers) {
            let connect_seconds = backend.connect_seconds.duration();
            let (source_address, peer_uids) = (source_address.clone(), peer_uids.clone());
            let tls = host.map(|host| self.add_terms(tls.terms(backend, &host)));
            let http2 = backend.speaks_http2();
            let entry = blobs::Server { address, second, source_address, peer_uids, connect_seconds, tls, http2 };
            server.health_number = check.as_ref().map(|check| {
                let checked = blobs::CheckedServer {
                    name: server.name.clone(),
                    check: check_index,
                    address: index,
                    ..Default::default()
                };
                self.add_checked(checked, check, &entry, backend)
            });
            self.names.push(blobs::ServerName { backend: number, tls: entry.tls.is_some(), ..server });
            self.connect.servers.push(entry);
        }
        self.prober.checks.extend(check);
        let named: usize = self.resolve.names.iter().map(|name| name.numbers.len()).sum();
        if named > names::ADDRESSES_NAMED_MAX {
            let what = format!("all names together may have more than {} addresses", names::ADDRESSES_NAMED_MAX);
            problems.note_with_cure(&backend.addresses_max.span, what, "write a smaller addresses_max");
        }
        if self.prober.servers.len() > SERVERS_CHECKED_MAX {
            problems.note(&backend.health.span, format!("more than {SERVERS_CHECKED_MAX} servers have checks"));
        }
        self.backends.push(compiled(backend, server_first, server_count));
    }

    /// Returns the number of terms of TLS: those of the server before, where they are the same.
    fn add_terms(&mut self, terms: blobs::tls::ServerTerms) -> u32 {
        if self.terms.last() != Some(&terms) {
            self.terms.push(terms);
        }
        u32::try_from(self.terms.len() - 1).unwrap_or(u32::MAX)
    }

    /// Returns the settings of TLS with servers, where some speak it.
    pub(crate) fn connect_tls(&self) -> Option<blobs::tls::ConnectTls> {
        let servers = self.connect.servers.iter().map(|server| server.tls).collect();
        (!self.terms.is_empty()).then(|| blobs::tls::ConnectTls { servers, terms: self.terms.clone() })
    }

    /// Adds fosse-acme as a backend behind all others: it is sent connections as those are that
    /// serve files, over the channel behind theirs.
    fn add_challenges(&mut self, edge: &Edge, problems: &mut Problems) {
        if self.files.len() >= FILES_BACKENDS_MAX {
            let what = format!("{FILES_BACKENDS_MAX} backends serve files, and questions of authorities need one more");
            problems.note_with_cure(&edge.acme.span, what, "remove one of them");
        }
        let backend = <Backend as FromValue>::placeholder();
        let [first, number] = [self.names.len(), self.backends.len()].map(super::number_of);
        let name = CHALLENGES.to_owned();
        self.names.push(blobs::ServerName { name: name.clone(), weight: 1, backend: number, ..Default::default() });
        self.connect.servers.push(blobs::Server {
            address: blobs::Address::Files(super::number_of(self.files.len())),
            second: None,
            source_address: Vec::new(),
            peer_uids: Vec::new(),
            connect_seconds: backend.connect_seconds.duration(),
            tls: None,
            http2: false,
        });
        self.backends.push(blobs::Backend { name, pool_connections_max: 0, ..compiled(&backend, first, 1) });
    }

    /// Returns each server of a backend with its addresses: one without any where it serves files.
    fn servers(&mut self, backend: &Backend, problems: &mut Problems) -> Vec<Addresses> {
        let Some(root) = &backend.files.value else {
            return backend.all_servers().flat_map(|server| self.addresses(backend, server)).collect();
        };
        let number = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.extend(files::plan(backend, root, problems));
        let server = blobs::ServerName { name: format!("files:{}", root.0), weight: 1, ..Default::default() };
        vec![Addresses { server, address: blobs::Address::Files(number), second: None, host: None }]
    }

    /// Returns a server with its addresses; one for each address that its name may have.
    fn addresses(
        &mut self,
        backend: &Backend,
        ServerEntry { address, weight, backup }: ServerEntry<'_>,
    ) -> Vec<Addresses> {
        let server = blobs::ServerName { name: address.value.written(), weight, backup, ..Default::default() };
        let tcp = |ip: IpAddr, port: u16| {
            let (addr, port) = mapped(&SocketAddr::new(ip, port));
            blobs::Address::Tcp(addr, port)
        };
        let host = address.tls.then(|| address.host());
        let (address, second) = match &address.address {
            ServerAddress::Named(name, port) => return self.named(backend, (name, *port), &server, host.as_deref()),
            ServerAddress::Unix(path) => (blobs::Address::Unix(path.clone()), None),
            ServerAddress::Tcp(address) => (tcp(address.ip(), address.port()), None),
            ServerAddress::Localhost(port) => {
                (tcp(Ipv4Addr::LOCALHOST.into(), *port), Some(tcp(Ipv6Addr::LOCALHOST.into(), *port)))
            }
        };
        vec![Addresses { server, address, second, host }]
    }

    /// Returns a server for each address that a name may have.
    fn named(
        &mut self,
        backend: &Backend,
        (name, port): (&Name, u16),
        server: &blobs::ServerName,
        host: Option<&str>,
    ) -> Vec<Addresses> {
        let (numbers, networks) = (names::follow(&mut self.resolve, name, backend), names::networks(backend));
        let of_number = |(at, number): (usize, u64)| {
            let name = format!("{}#{at}", server.name);
            let server = blobs::ServerName { name, address_number: Some(number), ..server.clone() };
            let address = blobs::NamedServer { number, port, networks: networks.clone() };
            let (address, host) = (blobs::Address::Named(address), host.map(str::to_owned));
            Addresses { server, address, second: None, host }
        };
        (1..).zip(numbers).map(of_number).collect()
    }

    /// Adds a server that is checked, unless one that is checked in the same way has its number.
    /// Returns that number.
    fn add_checked(
        &mut self,
        mut server: blobs::CheckedServer,
        check: &blobs::Check,
        at: &blobs::Server,
        backend: &Backend,
    ) -> u64 {
        let other = check_address(backend, at);
        let terms = at.tls.and_then(|number| self.terms.get(usize::try_from(number).ok()?));
        let (number, is_new) = self.numbers.number(other.as_ref().unwrap_or(at), terms, check);
        if is_new {
            self.check_addresses.extend(other.map(|address| (self.prober.servers.len(), address)));
            server.health_number = number;
            self.prober.servers.push(server);
        }
        number
    }
}

/// A server with its addresses.
struct Addresses {
    server: blobs::ServerName,
    address: blobs::Address,
    /// The second one of `localhost`.
    second: Option<blobs::Address>,
    /// The host that its address names, where TLS is spoken with it.
    host: Option<String>,
}

/// Returns the users who may hold the other end of a backend's unix sockets; none for all.
fn peer_uids(backend: &Backend, accounts: &Accounts, problems: &mut Problems) -> Vec<u32> {
    let at = &backend.peer_uid;
    let account =
        at.value.as_ref().map(|account| At { value: account.clone(), span: at.span.clone(), origin: at.origin });
    account.iter().map(|account| accounts.uid(account, problems)).collect()
}

/// Returns the address at which a server is checked, where it is not its own.
fn check_address(backend: &Backend, server: &blobs::Server) -> Option<blobs::Server> {
    let port = u16::try_from(backend.health.port.value?).ok()?;
    let second = server.second.as_ref().and_then(|address| at_port(address, port));
    Some(blobs::Server { address: at_port(&server.address, port)?, second, ..server.clone() })
}

/// Returns the same address at another port; `None` where it has none.
fn at_port(address: &blobs::Address, port: u16) -> Option<blobs::Address> {
    match address {
        blobs::Address::Tcp(addr, _) => Some(blobs::Address::Tcp(*addr, port)),
        blobs::Address::Named(server) => Some(blobs::Address::Named(blobs::NamedServer { port, ..server.clone() })),
        blobs::Address::Unix(_) | blobs::Address::Files(_) => None,
    }
}

fn compiled(backend: &Backend, server_first: u32, server_count: u32) -> blobs::Backend {
    let proxy_protocol = proxy_version(backend);
    let balance = match backend.balance.value {
        Balance::RoundRobin => blobs::Balance::RoundRobin,
        Balance::LeastConnections => blobs::Balance::LeastConnections,
        Balance::Hash => blobs::Balance::Hash,
    };
    let health = &backend.health.value;
    blobs::Backend {
        name: backend.name.0.clone(),
        server_first,
        server_count,
        balance,
        hash_by: backend.hash_by.as_ref().map(hash_by).unwrap_or_default(),
        sticky_cookie: backend.sticky_cookie.as_ref().map(|name| name.0.clone()).unwrap_or_default(),
        affinity_seed: backend.affinity_seed.as_ref().map(|seed| seed.0.clone()).unwrap_or_default(),
        connections_max: backend.connections_max.value,
        queue_requests_max: backend.queue_requests_max.value,
        queue_seconds: backend.queue_seconds.duration(),
        pool_connections_max: pooled(backend),
        connect_seconds: backend.connect_seconds.duration(),
        first_byte_seconds: backend.first_byte_seconds.duration(),
        idle_seconds: backend.idle_seconds.duration(),
        pool_idle_seconds: backend.pool_idle_seconds.duration(),
        failures_max: health.failures_max.value,
        rest_seconds: health.rest_seconds.duration(),
        slow_start_seconds: health.slow_start_seconds.duration(),
        proxy_protocol,
        upgrade: upgrades(backend).map(str::to_owned).collect(),
        retry: retry(&backend.retry),
        retry_budget_percent: backend.retry_budget_percent.value,
        retry_budget_min: backend.retry_budget_min.value,
        via: backend.via.value,
        lenient_responses: backend.lenient_responses.value,
        http2: backend.speaks_http2(),
        fastcgi: fastcgi::fastcgi(backend),
    }
}

fn hash_by(hash_by: &HashBy) -> blobs::HashBy {
    match hash_by {
        HashBy::Source => blobs::HashBy::Source,
        HashBy::Path => blobs::HashBy::Path,
        HashBy::Header(name) => blobs::HashBy::Header(name.clone()),
        HashBy::Cookie(name) => blobs::HashBy::Cookie(name.clone()),
    }
}

/// Returns the idle connections that are kept.
fn pooled(backend: &Backend) -> u32 {
    // A connection that began with one client's address must not serve another, and an idle
    // connection to PHP-FPM takes a worker, of which it may have five.
    let by_default = backend.pool_connections_max.written().is_none();
    if proxy_version(backend) != 0 || backend.fastcgi.is_some() && by_default {
        return 0;
    }
    backend.pool_connections_max.min(backend.connections_max.value)
}

impl Backend {
    /// Returns whether its servers speak HTTP/2.
    pub(crate) fn speaks_http2(&self) -> bool {
        matches!(self.protocol.value, BackendProtocol::H2 | BackendProtocol::Grpc)
    }

    /// Returns whether its servers are ones of gRPC.
    pub(crate) fn speaks_grpc(&self) -> bool {
        self.protocol.value == BackendProtocol::Grpc
    }
}

/// Returns the protocols that a connection may be upgraded to.
fn upgrades(backend: &Backend) -> impl Iterator<Item = &str> {
    backend
        .upgrade
        .iter()
        .filter(|_| backend.fastcgi.is_none() && !backend.speaks_http2())
        .map(|token| token.0.as_str())
}

/// Returns every token that some backend allows, once: parse passes these on to dispatch.
pub(crate) fn all_upgrades(backends: &[At<Backend>]) -> Vec<String> {
    let tokens = backends.iter().flat_map(|backend| upgrades(backend)).map(str::to_owned);
    tokens.collect::<BTreeSet<_>>().into_iter().collect()
}
