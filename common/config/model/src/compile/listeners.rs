//! Listeners as start, accept, parse and load see them.

use std::net::{IpAddr, SocketAddr};

use fosse_cidr::Prefix;
use fosse_plan::{Listener, Place};
use fosse_settings as blobs;

use crate::accounts::Accounts;
use crate::address::{ListenAddress, Source};
use crate::choices::TrustedFields;
use crate::model::{Edge, Listen};
use crate::names::{Account, FilePath, ListenerName};
use crate::problem::Problems;
use crate::section::At;

/// SERVER_PORT of rules where there is none.
const UNIX_PORT: u16 = 80;

/// Returns the listeners that start opens.
pub(crate) fn plan(listeners: &[At<Listen>], accounts: &Accounts, problems: &mut Problems) -> Vec<Listener> {
    let mut plan = Vec::new();
    for listen in listeners {
        let name = listen.name.as_ref().map(|name| name.0.clone().into_bytes()).unwrap_or_default();
        let place = match &listen.address.value {
            ListenAddress::Tcp(address) => {
                let (addr, port) = mapped(address);
                Place::Tcp { addr, port }
            }
            ListenAddress::Unix(path) => Place::Unix {
                path: path.clone().into_bytes(),
                owner: owner(&listen.owner, |account| accounts.uid(account, problems)),
                group: owner(&listen.group, |account| accounts.gid(account, problems)),
                mode: listen.mode.0,
            },
        };
        let keepalive_seconds = listen.keepalive_seconds.as_ref().map_or(0, |time| time.duration().as_secs());
        plan.push(Listener {
            name,
            place,
            backlog: listen.backlog.value.unwrap_or_default(),
            // The row has fewer.
            keepalive_seconds: u16::try_from(keepalive_seconds).unwrap_or(u16::MAX),
            freebind: listen.freebind.value,
        });
    }
    plan
}

/// Returns the place of the unix socket of fosse-status.
pub(crate) fn status_socket(edge: &Edge, accounts: &Accounts, problems: &mut Problems) -> Option<Place> {
    let path = edge.status_socket.0.clone()?.into_bytes();
    let user = owner(&edge.status_socket_owner, |account| accounts.uid(account, problems));
    let group = owner(&edge.status_socket_group, |account| accounts.gid(account, problems));
    Some(Place::Unix { path, owner: user, group, mode: edge.status_socket_mode.0 })
}

/// Returns the address of fosse-status.
pub(crate) fn status_address(edge: &Edge) -> Option<Place> {
    let (addr, port) = mapped(&edge.status_address.as_ref()?.0);
    Some(Place::Tcp { addr, port })
}

fn owner(account: &At<Option<Account>>, number: impl FnOnce(&At<Account>) -> u32) -> u32 {
    match &account.value {
        None => u32::MAX,
        Some(known) => number(&At { value: known.clone(), span: account.span.clone(), origin: account.origin }),
    }
}

/// Returns the settings of accept.
pub(crate) fn accept(edge: &Edge, accounts: &Accounts, problems: &mut Problems) -> blobs::Accept {
    let mut listeners = Vec::new();
    for listen in edge.listen.iter() {
        let peers = listen.peer_uids.iter().flatten();
        listeners.push(blobs::AcceptListener {
            address_connections_max: listen.address_connections_max.value,
            peer_uids: peers.map(|peer| accounts.uid(peer, problems)).collect(),
            tls: listen.tls.value,
            http2: listen.http2.value,
            trusted: networks(listen),
            trusted_unix: listen.trusted.iter().any(|source| source.value == Source::Unix),
        });
    }
    blobs::Accept { connections_max: edge.limits.connections_max.value, listeners }
}

/// Returns the settings of parse for one listener.
pub(crate) fn parse(listen: &Listen, default_site: Option<u32>) -> blobs::ParseListener {
    let port = match &listen.address.value {
        ListenAddress::Tcp(address) => address.port(),
        ListenAddress::Unix(_) => UNIX_PORT,
    };
    blobs::ParseListener {
        proxy_protocol: listen.proxy_protocol.value,
        behind_tls: listen.behind_tls.value,
        connection_per_client: listen.connection_per_client.value,
        trusted: networks(listen),
        trusted_fields: match listen.trusted_fields.value {
            TrustedFields::XForwarded => blobs::TrustedFields::XForwarded,
            TrustedFields::Forwarded => blobs::TrustedFields::Forwarded,
        },
        address_connections_max: listen.address_connections_max.value,
        source_bytes_per_second: listen.source_bytes_per_second.0,
        port,
        default_site,
    }
}

/// Returns the address lists that load compiles.
pub(crate) fn lists(edge: &Edge) -> Vec<blobs::LoadList> {
    let mut lists = Vec::new();
    // u16::MAX means all listeners; there are 64 at most.
    for (listener, listen) in (0..u16::MAX).zip(edge.listen.iter()) {
        lists.extend(both(listener, &listen.allow, &listen.deny));
    }
    lists.extend(both(u16::MAX, &edge.allow, &edge.deny));
    lists
}

/// Returns the number of images that load makes of them: one for each listener that has any.
pub(crate) fn list_count(edge: &Edge) -> u32 {
    let all = u32::from(!edge.allow.is_empty() || !edge.deny.is_empty());
    edge.listen.iter().map(|listen| u32::from(!listen.allow.is_empty() || !listen.deny.is_empty())).sum::<u32>() + all
}

fn both(listener: u16, allow: &[At<FilePath>], deny: &[At<FilePath>]) -> Vec<blobs::LoadList> {
    let list = |allow, path: &At<FilePath>| blobs::LoadList { listener, allow, path: path.0.clone() };
    allow.iter().map(|path| list(true, path)).chain(deny.iter().map(|path| list(false, path))).collect()
}

pub(super) fn networks(listen: &Listen) -> Vec<blobs::Net> {
    let network = |source: &At<Source>| match &source.value {
        Source::Network(prefix) => Some(net(prefix)),
        Source::Unix => None,
    };
    listen.trusted.iter().filter_map(network).collect()
}

/// Returns the number of the listener that a route names, or notes that there is none.
pub(super) fn number(listeners: &[At<Listen>], named: &At<ListenerName>, problems: &mut Problems) -> Option<u16> {
    let found = listeners.iter().position(|listen| listen.is_called(&named.0)).and_then(|at| u16::try_from(at).ok());
    if found.is_none() {
        let cure = "write an address as its [[listen]] has it, or its name";
        problems.note_with_cure(&named.span, format!("there is no listener \"{}\"", named.0), cure);
    }
    found
}

/// Returns a network, IPv4 mapped into IPv6.
pub(super) fn net(prefix: &Prefix) -> blobs::Net {
    match prefix.address() {
        IpAddr::V4(v4) => blobs::Net { addr: v4.to_ipv6_mapped().octets(), prefix: 96 + prefix.bits() },
        IpAddr::V6(v6) => blobs::Net { addr: v6.octets(), prefix: prefix.bits() },
    }
}

/// Returns the address, IPv4 mapped into IPv6, and the port.
pub(crate) fn mapped(address: &SocketAddr) -> ([u8; 16], u16) {
    (octets(address.ip()), address.port())
}

/// Returns the bytes of an address, IPv4 mapped into IPv6.
pub(crate) fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}
