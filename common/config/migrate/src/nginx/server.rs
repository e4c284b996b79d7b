//! `server`: a site, and the listeners that it names.

use super::around::{ROUTES_COUNT_MAX, around};
use super::directive::Directive;
use super::fastcgi;
use super::hosts;
use super::internals::Internals;
use super::location;
use super::returned::CLOSED;
use super::scope::Scope;
use super::settle;
use super::upstream::Upstreams;
use crate::edge::{Edge, Keys, Listener, Site};
use crate::notes::Notes;

/// Reads a server into the edge.
pub(super) fn read(server: &Directive, outer: &Scope, upstreams: &Upstreams, edge: &mut Edge, notes: &mut Notes) {
    let block = server.block.as_deref().unwrap_or_default();
    let mut scope = outer.enter();
    let mut site = Site::default();
    let (mut listens, mut found) = (Vec::new(), Vec::new());
    // Locations inherit what follows them as well.
    let mut rest = Vec::new();
    for directive in block {
        match directive.name() {
            "listen" => listens.extend(listen(directive, &mut site, notes)),
            "server_name" => names(directive, &mut site, notes),
            "location" | "proxy_pass" | "try_files" | "return" | "rewrite" => rest.push(directive),
            "if" => match hosts::read(directive) {
                Some(host) => found.push((directive, host)),
                None => scope.take(directive, notes),
            },
            _ => scope.take(directive, notes),
        }
    }
    let (locations, own): (Vec<&Directive>, Vec<&Directive>) =
        rest.into_iter().partition(|directive| directive.name() == "location");
    let mut internals = Internals::of(upstreams, block);
    let script = internals.front_controller().unwrap_or_else(|| "/index.php".to_owned());
    internals.scripts = fastcgi::of_server(block, &scope, upstreams, &script);
    let own = own.into_iter().filter(|directive| !settle::of_server(directive, &mut site, &internals));
    let own: Vec<Directive> = own.cloned().collect();
    // The pages of errors are files that nobody has to ask for.
    let pages: Vec<&str> = scope.settings.error_paths().collect();
    let is_page =
        |location: &&Directive| matches!(location.arguments()[..], [path] | ["=", path] if pages.contains(&path));
    for location in locations.into_iter().filter(|location| !is_page(location)) {
        location::read(location, (&scope, ""), &internals, (&mut site, edge), notes);
    }
    rest_of(server, &own, (&scope, &internals), (&mut site, edge), notes);
    settle::settle(&mut site, &internals, notes);
    if internals.is_shut.get() || site.routes.len() > ROUTES_COUNT_MAX {
        site = Site { hosts: site.hosts, is_default: site.is_default, action: Some(CLOSED), ..Site::default() };
    }
    let (sites, is_served) = hosts::part(found, &mut site, edge, notes);
    if is_served {
        add(server, site, listens, &scope, edge, notes);
    }
    edge.sites.extend(sites);
}

/// Reads what a server does for paths that no location has.
fn rest_of(
    server: &Directive,
    own: &[Directive],
    (scope, internals): (&Scope, &Internals<'_>),
    (site, edge): (&mut Site, &mut Edge),
    notes: &mut Notes,
) {
    let may_serve = scope.root.is_some() && !own.iter().any(|directive| directive.name() == "return");
    let mut inner = scope.enter();
    if site.action.is_some() || !may_serve && own.is_empty() {
        return own.iter().for_each(|directive| inner.take(directive, notes));
    }
    site.action = location::action(own, ("/", &[]), &mut inner, internals, edge, notes);
    if site.action.is_some() {
        let (keys, is_closed) = inner.with_scripts(internals, edge, server, notes);
        site.keys = keys;
        if is_closed {
            (site.action, site.keys) = (Some(CLOSED), Keys::new());
        }
        around(None, &inner, site, edge);
    }
}

/// Adds a site that serves something and has a host of its own.
fn add(server: &Directive, mut site: Site, listens: Vec<Listener>, scope: &Scope, edge: &mut Edge, notes: &mut Notes) {
    if !site.serves() {
        return server.left_out("not carried over: nothing here serves it", notes);
    }
    let is_taken = |host: &String| edge.sites.iter().any(|there| there.hosts.contains(host));
    let taken: Vec<String> = site.hosts.iter().filter(|host| is_taken(host)).cloned().collect();
    site.hosts.retain(|host| !taken.contains(host));
    site.is_default &= !edge.sites.iter().any(|there| there.is_default);
    if !taken.is_empty() {
        let why = format!(
            "not carried over for {}, which an earlier site has: a site is the same on every listener",
            taken.join(" ")
        );
        server.left_out(&why, notes);
    }
    if site.hosts.is_empty() && !site.is_default {
        if taken.is_empty() && edge.sites.is_empty() {
            site.is_default = true;
        } else {
            return server.left_out("not carried over: it has no host of its own", notes);
        }
    }
    site.share_keys();
    for listener in listens {
        edge.listen(Listener { trusted: scope.trusted.clone(), ..listener });
    }
    edge.sites.push(site);
}

/// Reads `listen`. One with TLS is left out, with a note.
fn listen(directive: &Directive, site: &mut Site, notes: &mut Notes) -> Option<Listener> {
    let arguments = directive.arguments();
    let (written, flags) = arguments.split_first()?;
    site.is_default |= flags.iter().any(|flag| matches!(*flag, "default_server" | "default"));
    if flags.contains(&"ssl") || flags.contains(&"quic") {
        directive.left_out("not carried over: TLS is not in fosse yet; what ends TLS stands in front of it", notes);
        return None;
    }
    let Some(address) = listen_address(written) else {
        directive.left_out("not carried over: fosse looks up no names; write the address", notes);
        return None;
    };
    let is_known = |flag: &&&str| matches!(**flag, "default_server" | "default" | "ipv6only=on");
    let others: Vec<&str> = flags.iter().filter(|flag| !is_known(flag)).copied().collect();
    if !others.is_empty() {
        let why = format!("carried over without {}: see proxy_protocol and trusted of [[listen]]", others.join(" "));
        directive.left_out(&why, notes);
    }
    Some(Listener { address, ..Listener::default() })
}

/// Returns the address of a listener: "80", "*:80", "192.0.2.1:80", "[::]:80", "unix:/path".
fn listen_address(written: &str) -> Option<String> {
    if let Ok(port) = written.parse::<u16>() {
        return Some(format!("0.0.0.0:{port}"));
    }
    match written.strip_prefix("*:") {
        Some(port) => port.parse::<u16>().ok().map(|port| format!("0.0.0.0:{port}")),
        None => super::upstream::address(written).filter(|address| {
            !address.starts_with(|one: char| one.is_ascii_alphabetic() && !address.starts_with("unix:"))
        }),
    }
}

/// Reads `server_name`.
fn names(directive: &Directive, site: &mut Site, notes: &mut Notes) {
    for name in directive.arguments() {
        match name {
            // Names that no host has stand for "no other": the site has them if it is the default.
            "" | "_" => {}
            name if name.starts_with('~') || name.ends_with(".*") || name.contains('$') => {
                directive.left_out(&format!("{name} is not carried over: hosts has names, and *.NAME"), notes);
            }
            name => {
                let name = name.to_ascii_lowercase();
                match name.strip_prefix('.') {
                    Some(apex) => site.hosts.extend([apex.to_owned(), format!("*.{apex}")]),
                    None => site.hosts.push(name),
                }
            }
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    site.hosts.retain(|host| seen.insert(host.clone()));
}
