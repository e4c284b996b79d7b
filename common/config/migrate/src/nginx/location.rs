//! `location`: a prefix and the backend that its requests go to.

use super::directive::Directive;
use super::scope::Scope;
use super::upstream::{Upstreams, address};
use crate::edge::{Backend, Edge, Server, Site, Target, quoted};
use crate::notes::Notes;

/// Reads a location into the site.
pub(super) fn read(
    location: &Directive,
    outer: &Scope,
    upstreams: &Upstreams,
    (site, edge): (&mut Site, &mut Edge),
    notes: &mut Notes,
) {
    let gone = "its paths go where the other paths of the site go";
    let prefix = match prefix(&location.arguments()) {
        Ok(prefix) => prefix,
        Err(why) => return location.left_out(&format!("not carried over: {why}; {gone}"), notes),
    };
    let block = location.block.as_deref().unwrap_or_default();
    match backend(block, &prefix, outer, upstreams, edge, notes) {
        Some(backend) if prefix == "/" => site.backend = Some(backend),
        Some(backend) => {
            if !prefix.ends_with('/') {
                let why =
                    format!("carried over for {prefix} and what is below {prefix}/; in nginx {prefix}x is of it too");
                location.left_out(&why, notes);
            }
            site.routes.push((prefix, backend));
        }
        None => location.left_out(&format!("not carried over: nothing here serves it; {gone}"), notes),
    }
}

/// Returns the prefix of a location, or why fosse has none for it.
fn prefix(arguments: &[&str]) -> Result<String, String> {
    let prefix = match arguments {
        [prefix] | ["^~", prefix] if prefix.starts_with('/') => *prefix,
        ["=", path] => return Err(format!("a route has a prefix, and this is {path} alone")),
        ["~" | "~*", _] => return Err("a route has a prefix, and this is a regular expression".to_owned()),
        [name] if name.starts_with('@') => return Err("it is for what nginx itself asks for".to_owned()),
        _ => return Err("it names no path".to_owned()),
    };
    let parts = prefix[1..].strip_suffix('/').unwrap_or(&prefix[1..]);
    let is_plain =
        prefix.bytes().all(|byte| byte.is_ascii_graphic()) && !prefix.contains(['?', '#', '*', '%', '"', '\\']);
    let is_sound = prefix == "/" || !parts.split('/').any(|part| matches!(part, "" | "." | ".."));
    if is_plain && is_sound { Ok(prefix.to_owned()) } else { Err("a route has a plain path".to_owned()) }
}

/// Returns the name of the backend of what is in a block, which is added to the edge; `None` where
/// nothing there serves a request. What is not carried over is noted.
pub(super) fn backend(
    block: &[Directive],
    prefix: &str,
    outer: &Scope,
    upstreams: &Upstreams,
    edge: &mut Edge,
    notes: &mut Notes,
) -> Option<String> {
    let mut scope = outer.clone();
    let (mut pass, mut stops) = (None, false);
    for directive in block {
        match (directive.name(), directive.arguments().as_slice()) {
            ("proxy_pass", [_]) => pass = Some(directive),
            ("try_files", words) if is_plain_try(words) => {}
            ("try_files", _) => {
                directive.left_out("not carried over: a file that is not there gets 404", notes);
            }
            ("alias", [directory]) if prefix == "/" && !directory.contains('$') => {
                scope.root = Some(directory.trim_end_matches('/').to_owned());
            }
            ("alias", _) => {
                stops = true;
                directive
                    .left_out("not carried over: files have the paths that they have below their directory", notes);
            }
            ("client_max_body_size", _) => {
                directive.left_out("not carried over: body_bytes_max is one for all paths of a site", notes);
            }
            (name, _) => {
                // Something else responds, and nothing of what is around it may do so in its place.
                stops |= ["return", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass"].contains(&name);
                scope.take(directive, notes);
            }
        }
    }
    match pass {
        Some(pass) => proxied(pass, prefix, &scope, upstreams, edge, notes),
        None if stops => None,
        None => scope.root.clone().map(|directory| files(directory, &scope, edge)),
    }
}

/// Returns whether `try_files` says what files get anyway.
fn is_plain_try(words: &[&str]) -> bool {
    matches!(words, ["$uri", "=404"] | ["$uri", "$uri/", "=404"])
}

fn files(directory: String, scope: &Scope, edge: &mut Edge) -> String {
    let mut keys = Vec::new();
    if let Some(index) = &scope.index {
        let names: Vec<String> = index.iter().map(|name| quoted(name)).collect();
        keys.push(("index", format!("[{}]", names.join(", "))));
    }
    let name = directory.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("files").to_owned();
    edge.backend(Backend { name, target: Target::Files(directory), keys, health: Vec::new() })
}

fn proxied(
    directive: &Directive,
    prefix: &str,
    scope: &Scope,
    upstreams: &Upstreams,
    edge: &mut Edge,
    notes: &mut Notes,
) -> Option<String> {
    let written = directive.arguments().first().copied().unwrap_or_default();
    let (authority, path) = match url(written) {
        Ok(parts) => parts,
        Err(why) => {
            directive.left_out(why, notes);
            return None;
        }
    };
    if path.is_some_and(|path| path != prefix) {
        let why = format!("not carried over: {prefix} would reach the application as another path");
        directive.left_out(&why, notes);
        return None;
    }
    let (name, servers, mut keys) = match upstreams.get(authority) {
        Some(upstream) if upstream.servers.is_empty() => {
            directive.left_out("not carried over: none of its servers is", notes);
            return None;
        }
        Some(upstream) => (upstream.name.clone(), upstream.servers.clone(), upstream.keys.clone()),
        None => match address(authority) {
            Some(address) => (named(authority), vec![Server { address, ..Server::default() }], Vec::new()),
            None => {
                directive.left_out("not carried over: fosse looks up no names; write the address", notes);
                return None;
            }
        },
    };
    keys.extend(scope.connect_seconds.clone().map(|time| ("connect_seconds", time)));
    for key in ["first_byte_seconds", "idle_seconds"] {
        keys.extend(scope.read_seconds.clone().map(|time| (key, time)));
    }
    if !scope.passes_host {
        let why = "carried over; the application is asked for the client's Host, and not for that of proxy_pass";
        directive.left_out(why, notes);
    }
    Some(edge.backend(Backend { name, target: Target::Servers(servers), keys, health: Vec::new() }))
}

/// Returns a name for the server at an address: the last part of a path, or all of it.
fn named(authority: &str) -> String {
    authority.rsplit('/').next().unwrap_or(authority).to_owned()
}

/// Cuts the address of `proxy_pass` into server and path.
fn url(written: &str) -> Result<(&str, Option<&str>), &'static str> {
    if written.contains('$') {
        return Err("not carried over: the backend of a site is the same for all requests");
    }
    let Some(rest) = written.strip_prefix("http://") else {
        return Err("not carried over: fosse speaks plain HTTP to servers");
    };
    if let Some(socket) = rest.strip_prefix("unix:") {
        return Ok(match socket.split_once(':') {
            Some((path, "")) => (&rest[..path.len() + 5], None),
            Some((path, after)) => (&rest[..path.len() + 5], Some(after)),
            None => (rest, None),
        });
    }
    Ok(match rest.find('/') {
        Some(at) => (&rest[..at], Some(&rest[at..])),
        None => (rest, None),
    })
}
