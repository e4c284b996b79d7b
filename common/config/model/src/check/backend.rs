//! Backends: the word for other machines, names and servers once.

use std::collections::BTreeSet;

use crate::address::{ServerAddress, is_loopback};
use crate::model::{Backend, ProxyOut};
use crate::problem::Problems;
use crate::section::At;

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
        peer(backend, problems);
        pool(backend, problems);
        health(backend, problems);
    }
}

fn servers(backend: &Backend, problems: &mut Problems) {
    let Some(servers) = backend.servers.sound() else { return };
    for (index, server) in servers.iter().enumerate() {
        let Some(address) = server.sound() else { continue };
        if let (ServerAddress::Tcp(tcp), Some(false)) = (address, backend.remote.sound())
            && !is_loopback(tcp)
        {
            let what =
                format!("{tcp} is not on this machine's loopback: requests would cross the network in the clear");
            problems.note_with_cure(&server.span, what, "if that is meant, add remote = true");
        }
        let earlier = &servers[..index];
        if earlier.iter().any(|other| other.sound() == Some(address)) {
            problems.note_with_cure(&server.span, "this server is named twice here", "remove one");
        }
    }
}

fn peer(backend: &Backend, problems: &mut Problems) {
    let unix = backend.servers.iter().any(|server| matches!(server.value, ServerAddress::Unix(_)));
    if backend.peer_uid.written().is_some() && backend.servers.sound().is_some() && !unix {
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
    let tcp = backend.servers.iter().any(|server| !matches!(server.value, ServerAddress::Unix(_)));
    if health.port.written().is_some() && backend.servers.sound().is_some() && !tcp {
        problems.note_with_cure(&health.port.span, "port is for TCP servers, and no server is one", "remove the line");
    }
    if health.body.written().is_some() && health.method.sound().is_some_and(|method| method.0 == "HEAD") {
        problems.note_with_cure(&health.body.span, "a response to HEAD has no body", "write method = \"GET\"");
    }
}
