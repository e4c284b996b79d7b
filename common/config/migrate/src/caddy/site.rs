//! The block of a site.

use super::address::address;
use super::block::Directive;
use super::guarded;
use super::matchers;
use super::reader::Reader;
use crate::edge::{Edge, Listener, Site};
use crate::notes::Notes;

/// Reads a block into the edge.
pub(super) fn read(head: &Directive, addresses: &[String], inside: &[Directive], edge: &mut Edge, notes: &mut Notes) {
    let mut site = Site::default();
    let (mut ports, mut has_tls) = (Vec::new(), false);
    for written in addresses {
        match address(written) {
            Some(one) => {
                has_tls |= one.port.is_none();
                ports.extend(one.port);
                if one.host.is_empty() { site.is_default = true } else { site.hosts.push(one.host) }
            }
            None => head.left_out(&format!("{written} is not carried over: a site has hosts, and a port"), notes),
        }
    }
    if has_tls {
        head.left_out("TLS is not carried over: it is not in fosse yet; what ends TLS stands in front of it", notes);
    }
    let (root, binds) = places(inside);
    let named = matchers::named(inside, &site.hosts);
    let mut reader = Reader::new(&mut site, edge, root, named);
    reader.all(inside, notes);
    // Caddy asks the first ones first: what they say stays.
    let guards = reader.take_guards();
    for put in guards.iter().rev() {
        if guarded::apply(&mut site, put).is_none() {
            // Where it is not known whom it keeps out, nobody is let in.
            site.routes.clear();
            site.action = Some(guarded::CLOSED);
            head.left_out("not carried over: the matchers of this block are too many together; it gets 403", notes);
        }
    }
    guarded::order(&mut site, &guards);
    add(head, site, edge, notes);
    for port in ports {
        let any = vec!["0.0.0.0".to_owned()];
        for host in if binds.is_empty() { &any } else { &binds } {
            let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            edge.listen(Listener { address, ..Listener::default() });
        }
    }
}

/// Returns the directory of a block's files, and the addresses that it listens on.
fn places(inside: &[Directive]) -> (Option<String>, Vec<String>) {
    let mut root = None;
    let mut binds = Vec::new();
    for directive in inside {
        match (directive.name(), directive.arguments().as_slice()) {
            ("root", [directory] | ["*", directory]) if directory.starts_with('/') && !directory.contains('{') => {
                root = Some(directory.trim_end_matches('/').to_owned());
            }
            ("bind", hosts) if hosts.iter().all(|host| host.parse::<std::net::IpAddr>().is_ok()) => {
                binds.extend(hosts.iter().map(|host| (*host).to_owned()));
            }
            _ => {}
        }
    }
    (root, binds)
}

/// Adds a site that serves something and has a host of its own.
fn add(head: &Directive, mut site: Site, edge: &mut Edge, notes: &mut Notes) {
    let is_taken = |host: &String| edge.sites.iter().any(|there| there.hosts.contains(host));
    let hosts = site.hosts.len();
    site.hosts.retain(|host| !is_taken(host));
    if hosts > site.hosts.len() {
        head.left_out("not carried over for hosts that an earlier site has", notes);
    }
    site.is_default &= !edge.sites.iter().any(|there| there.is_default);
    if !site.serves() || (site.hosts.is_empty() && !site.is_default) {
        return head.left_out("not carried over: nothing here serves it", notes);
    }
    head.left_out("carried over; bodies of requests end at 1 MiB: body_bytes_max of [[site]] takes longer ones", notes);
    edge.sites.push(site);
}
