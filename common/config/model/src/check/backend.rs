//! Backends: the word for other machines, names and servers once.

use std::collections::BTreeSet;

use super::{backend_tls, fastcgi, http2, retry, source};
use crate::address::{ServerAddress, is_loopback};
use crate::model::{AddressFamily, Backend, Balance, ProxyOut};
use crate::problem::Problems;
use crate::section::At;
use crate::servers::ServerEntry;

/// Notes what is wrong with each backend and between them.
pub(crate) fn backends(backends: &[At<Backend>], problems: &mut Problems) {
    let mut names = BTreeSet::new();
    for backend in backends {
        if let Some(name) = backend.name.sound()
            && !names.insert(name.0.as_str())
        {
            problems.note_with_cure(
                &backend.name.span,
                format!("there is an earlier backend \"{}\"", name.0),
                "give it another name",
            );
        }
        servers(backend, problems);
        source::source_address(backend, problems);
        peer(backend, problems);
        backend_tls::of_backend(backend, problems);
        pool(backend, problems);
        affinity(backend, problems);
        health(backend, problems);
        retry::of_backend(backend, problems);
        fastcgi::fastcgi(backend, problems);
        http2::http2(backend, problems);
    }
}

/// Servers of one backend: as many as the set has room for of those that a request has been to.
const SERVERS_MAX: usize = 64;

fn servers(backend: &Backend, problems: &mut Problems) {
    let all: Vec<_> = backend.all_servers().map(|server| server.address).collect();
    let serves_files = backend.files.sound().is_none_or(Option::is_some);
    let is_sound = !serves_files && backend.has_sound_servers() && backend.addresses_max.sound().is_some();
    if is_sound && !(1..=SERVERS_MAX).contains(&all.len()) {
        let what = format!("a backend has between 1 and {SERVERS_MAX} servers, not {}", all.len());
        problems.note_with_cure(
            &backend.servers.span,
            what,
            "name them in servers or in [[backend.server]], or a directory in files",
        );
    }
    addresses(backend, is_sound, problems);
    for (index, server) in all.iter().enumerate() {
        let Some(url) = server.sound() else { continue };
        let clear = if url.tls { "" } else { " in the clear" };
        if let (ServerAddress::Named(name, _), Some(false)) = (&url.address, backend.remote.sound()) {
            let what = format!("{} is a name, which may lead to other machines{clear}", name.as_str());
            problems.note_with_cure(&server.span, what, "if that is meant, add remote = true");
        }
        if let (ServerAddress::Tcp(tcp), Some(false)) = (&url.address, backend.remote.sound())
            && !is_loopback(tcp)
        {
            let what = format!("{tcp} is not on this machine's loopback: requests would cross the network{clear}");
            problems.note_with_cure(&server.span, what, "if that is meant, add remote = true");
        }
        if all[..index].iter().any(|other| other.sound() == Some(url)) {
            problems.note_with_cure(&server.span, "this server is named twice here", "remove one");
        }
    }
}

/// Notes names with more addresses than there are places for, and keys that mean nothing without a
/// name.
fn addresses(backend: &Backend, is_sound: bool, problems: &mut Problems) {
    let is_name = |server: &ServerEntry<'_>| matches!(server.address.address, ServerAddress::Named(..));
    if !is_sound {
        return;
    }
    if !backend.all_servers().any(|server| is_name(&server)) {
        let for_names = [
            ("address_family", backend.address_family.value != AddressFamily::Any, &backend.address_family.span),
            ("address_networks", !backend.address_networks.is_empty(), &backend.address_networks.span),
        ];
        for (key, _, span) in for_names.into_iter().filter(|(_, is_meant, _)| *is_meant) {
            let what = format!("{key} is for servers that have names, and none of these has one");
            problems.note_with_cure(span, what, "remove the line");
        }
        return;
    }
    let all: u32 = backend.all_servers().map(|server| backend.servers_of(&server.address.address)).sum();
    if usize::try_from(all).is_ok_and(|all| all > SERVERS_MAX) && backend.all_servers().count() <= SERVERS_MAX {
        let each = backend.addresses_max.value;
        let what =
            format!("with {each} addresses for each name that is {all} servers, and a backend has {SERVERS_MAX}");
        problems.note_with_cure(&backend.addresses_max.span, what, "write a smaller addresses_max");
    }
}

fn is_unix(server: ServerEntry<'_>) -> bool {
    matches!(server.address.address, ServerAddress::Unix(_))
}

fn peer(backend: &Backend, problems: &mut Problems) {
    if backend.peer_uid.written().is_some() && backend.has_sound_servers() && !backend.all_servers().any(is_unix) {
        problems.note_with_cure(
            &backend.peer_uid.span,
            "peer_uid is for unix sockets, and no server is one",
            "remove the line",
        );
    }
}

fn pool(backend: &Backend, problems: &mut Problems) {
    if let (Some(pool), Some(all)) = (backend.pool_connections_max.written(), backend.connections_max.sound())
        && pool > all
    {
        let what = format!("pool_connections_max is more than connections_max, which is {all}");
        problems.note(&backend.pool_connections_max.span, what);
    }
    let shares = backend.proxy_protocol.written().is_some_and(|out| *out != ProxyOut::Off);
    if shares && backend.pool_connections_max.written().is_some_and(|pool| *pool > 0) {
        let what = "connections that begin with a PROXY header belong to one client and are not pooled";
        problems.note_with_cure(&backend.pool_connections_max.span, what, "remove the line");
    }
}

/// Notes a hash without what is hashed, and keys that mean nothing without another one.
fn affinity(backend: &Backend, problems: &mut Problems) {
    let Some(hash_by) = backend.hash_by.sound() else { return };
    match backend.balance.sound() {
        Some(Balance::Hash) if hash_by.is_none() => {
            let cure = "add hash_by = \"source\", or another part of the request";
            problems.note_with_cure(&backend.balance.span, "balance = \"hash\" needs hash_by", cure);
        }
        Some(Balance::RoundRobin | Balance::LeastConnections) if hash_by.is_some() => {
            let cure = "write balance = \"hash\", or remove the line";
            problems.note_with_cure(&backend.hash_by.span, "hash_by is for balance = \"hash\"", cure);
        }
        _ => {}
    }
}

/// Notes keys of a check that is not made, or that mean nothing for it.
fn health(backend: &Backend, problems: &mut Problems) {
    let health = &backend.health.value;
    let no_check = health.path.sound().is_some_and(Option::is_none);
    let only_for_checks = [
        ("port", health.port.written().map(|_| &health.port.span)),
        ("body", health.body.written().map(|_| &health.body.span)),
    ];
    for (key, span) in only_for_checks {
        if let (true, Some(span)) = (no_check, span) {
            problems.note_with_cure(span, format!("{key} is for checks, and there are none without path"), "add path");
        }
    }
    let tcp = backend.all_servers().any(|server| !is_unix(server));
    if health.port.written().is_some() && backend.has_sound_servers() && !tcp {
        problems.note_with_cure(&health.port.span, "port is for TCP servers, and no server is one", "remove the line");
    }
    if health.body.written().is_some() && health.method.sound().is_some_and(|method| method.0 == "HEAD") {
        problems.note_with_cure(&health.body.span, "a response to HEAD has no body", "write method = \"GET\"");
    }
}
