//! `location`: a prefix and the backend that its requests go to.

use super::directive::Directive;
use super::scope::Scope;
use super::upstream::{Upstreams, address};
use crate::edge::{Action, Backend, Edge, Route, Server, Site, Target, quoted};
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
    let (prefix, is_exact) = match path(&location.arguments()) {
        Ok(found) => found,
        Err(why) => return location.left_out(&format!("not carried over: {why}; {gone}"), notes),
    };
    let block = location.block.as_deref().unwrap_or_default();
    match action(block, &prefix, outer, upstreams, edge, notes) {
        Some(action) if prefix == "/" && !is_exact => site.action = Some(action),
        Some(action) => {
            if !is_exact && !prefix.ends_with('/') {
                let why =
                    format!("carried over for {prefix} and what is below {prefix}/; in nginx {prefix}x is of it too");
                location.left_out(&why, notes);
            }
            site.routes.push(Route { path: prefix, is_exact, action });
        }
        None => location.left_out(&format!("not carried over: nothing here serves it; {gone}"), notes),
    }
}

/// Returns the path of a location and whether that is all, or why fosse has none for it.
fn path(arguments: &[&str]) -> Result<(String, bool), String> {
    let (prefix, is_exact) = match arguments {
        [prefix] | ["^~", prefix] if prefix.starts_with('/') => (*prefix, false),
        ["=", path] if path.starts_with('/') => (*path, true),
        ["~" | "~*", _] => {
            return Err(
                "in nginx the first regular expression comes before longer prefixes; see regex of [[site.route]]"
                    .to_owned(),
            );
        }
        [name] if name.starts_with('@') => return Err("it is for what nginx itself asks for".to_owned()),
        _ => return Err("it names no path".to_owned()),
    };
    let parts = prefix[1..].strip_suffix('/').unwrap_or(&prefix[1..]);
    let is_plain =
        prefix.bytes().all(|byte| byte.is_ascii_graphic()) && !prefix.contains(['?', '#', '*', '%', '"', '\\']);
    let is_sound = prefix == "/" || !parts.split('/').any(|part| matches!(part, "" | "." | ".."));
    if is_plain && is_sound { Ok((prefix.to_owned(), is_exact)) } else { Err("a route has a plain path".to_owned()) }
}

/// Returns what a block has done for its requests; `None` where nothing there serves one. A backend
/// is added to the edge, and what is not carried over is noted.
pub(super) fn action(
    block: &[Directive],
    prefix: &str,
    outer: &Scope,
    upstreams: &Upstreams,
    edge: &mut Edge,
    notes: &mut Notes,
) -> Option<Action> {
    let mut scope = outer.clone();
    let (mut pass, mut stops, mut returned) = (None, false, None);
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
            ("return", words) if returned_action(words).is_some() => {
                // The first return ends the request, whatever else there is.
                returned = returned.or_else(|| returned_action(words));
            }
            (name, _) => {
                // Something else responds, and nothing of what is around it may do so in its place.
                stops |= ["return", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass"].contains(&name);
                scope.take(directive, notes);
            }
        }
    }
    match (returned, pass) {
        (Some(action), _) => Some(action),
        (None, Some(pass)) => proxied(pass, prefix, &scope, upstreams, edge, notes).map(Action::Backend),
        (None, None) if stops => None,
        (None, None) => scope.root.clone().map(|directory| Action::Backend(files(directory, &scope, edge))),
    }
}

/// Variables of nginx that fosse has, by its own names.
const VARIABLES: &[(&str, &str)] =
    &[("$request_uri", "{target}"), ("$scheme", "{scheme}"), ("$host", "{host}"), ("$http_host", "{authority}")];

/// Returns what `return` does: a redirect, but for one to HTTPS, or a response. A redirect to HTTPS
/// belongs to what ends TLS.
fn returned_action(words: &[&str]) -> Option<Action> {
    let (status, rest) = match words {
        [to] if to.starts_with("http") => (302, Some(*to)),
        [status] => (status.parse::<u16>().ok()?, None),
        [status, rest] => (status.parse::<u16>().ok()?, Some(*rest)),
        _ => return None,
    };
    match (status, rest) {
        (301 | 302 | 303 | 307 | 308, Some(to)) => {
            let known =
                VARIABLES.iter().fold(to.replace(['{', '}'], "$"), |to, (theirs, ours)| to.replace(theirs, ours));
            let is_sound = !known.contains('$') && known.bytes().all(|byte| byte.is_ascii_graphic());
            let is_place = known.starts_with("http://") || (known.starts_with('/') && !known.starts_with("//"));
            let is_same_scheme = known.starts_with("{scheme}://");
            (is_sound && (is_place || is_same_scheme)).then_some(Action::Redirect(known, status))
        }
        (200..=599, body) if !(300..400).contains(&status) && status != 444 && status != 499 => {
            let body = body.filter(|body| !body.is_empty());
            let is_plain = body.is_none_or(|body| !body.contains(['$', '\0']) && body.len() <= RESPOND_BYTES_MAX);
            is_plain.then(|| Action::Respond(status, body.map(str::to_owned)))
        }
        _ => None,
    }
}

/// The longest respond_body.
const RESPOND_BYTES_MAX: usize = 16 << 10;

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
