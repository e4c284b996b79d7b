//! `location`: a prefix and the backend that its requests go to.

use super::directive::Directive;
use super::internals::Internals;
use super::proxy::{backend_of, url};
use super::scope::Scope;
use super::upstream::Upstreams;
use crate::edge::{Action, Backend, Edge, Keys, PathKind, Route, Site, Target, When, quoted};
use crate::notes::Notes;

/// Reads a location into the site.
pub(super) fn read(
    location: &Directive,
    outer: &Scope,
    internals: &Internals<'_>,
    (site, edge): (&mut Site, &mut Edge),
    notes: &mut Notes,
) {
    let (prefix, kind) = match path(&location.arguments()) {
        Ok(found) => found,
        Err(why) => {
            return location.left_out(
                &format!("not carried over: {why}; its paths go where the other paths of the site go"),
                notes,
            );
        }
    };
    let block = location.block.as_deref().unwrap_or_default();
    let (inner, own): (Vec<&Directive>, Vec<&Directive>) =
        block.iter().partition(|directive| directive.name() == "location");
    if own.iter().any(|directive| directive.name() == "internal") {
        // Who asks for it says what becomes of it.
        return;
    }
    let own: Vec<Directive> = own.into_iter().cloned().collect();
    let mut scope = outer.enter();
    // Of what is no prefix nothing can be taken off.
    let taken = if kind == PathKind::Prefix { prefix.as_str() } else { "" };
    let found = action(&own, taken, &mut scope, internals, edge, notes);
    let has_inner = !inner.is_empty();
    for location in inner {
        read(location, &scope, internals, (&mut *site, &mut *edge), notes);
    }
    let keys = scope.keys(internals, edge, location, notes);
    let is_all = prefix == "/" && kind == PathKind::Prefix;
    let found = found.or_else(|| kept_out(location, &scope, is_all || own.is_empty() && has_inner, notes));
    match found {
        Some(action) if is_all => (site.action, site.keys) = (Some(action), keys),
        Some(action) => {
            let kind = if kind == PathKind::Prefix { order(location, &prefix, &keys, internals, notes) } else { kind };
            site.routes.push(Route { path: prefix, kind, when: When::default(), action, keys });
        }
        // Those inside of it have been read.
        None if has_inner => {}
        None => location.left_out("not carried over: nothing here serves it", notes),
    }
}

/// Returns what is done for paths that nothing serves: what nginx lets nobody have must not be had
/// from what is around it. `None` for those that have nothing of their own.
fn kept_out(location: &Directive, scope: &Scope, is_outer: bool, notes: &mut Notes) -> Option<Action> {
    let is_closed = scope.settings.is_closed();
    if is_outer {
        return None;
    }
    if !is_closed {
        location.left_out("not carried over: nothing here serves it; its paths get 404", notes);
    }
    Some(Action::Respond(if is_closed { 403 } else { 404 }, None))
}

/// Returns which route a prefix is. A regular expression of nginx comes before a prefix without ^~,
/// that of a route after it.
fn order(location: &Directive, prefix: &str, keys: &Keys, internals: &Internals<'_>, notes: &mut Notes) -> PathKind {
    let is_first = location.arguments().first() == Some(&"^~");
    if !is_first && internals.has_regexes() {
        if !keys.iter().any(|(key, _)| *key == "strip_prefix") {
            return PathKind::Beginning;
        }
        let why = "carried over; in nginx the regular expressions of other locations come before it";
        location.left_out(why, notes);
    }
    if !prefix.ends_with('/') {
        let why = format!("carried over for {prefix} and what is below {prefix}/; in nginx {prefix}x is of it too");
        location.left_out(&why, notes);
    }
    PathKind::Prefix
}

/// Returns the path of a location and which paths that are, or why fosse has none for it.
fn path(arguments: &[&str]) -> Result<(String, PathKind), String> {
    let (prefix, kind) = match arguments {
        [prefix] | ["^~", prefix] if prefix.starts_with('/') => (*prefix, PathKind::Prefix),
        ["=", path] if path.starts_with('/') => (*path, PathKind::Exact),
        [kind @ ("~" | "~*"), regex] => {
            // What PCRE has beyond that is in no expression that is looked for in linear time.
            if regex.contains("(?") || regex.chars().any(char::is_control) || regex.len() > 256 {
                return Err("its expression is one for PCRE alone".to_owned());
            }
            let flag = if *kind == "~*" { "(?i)" } else { "" };
            return Ok((format!("{flag}{regex}"), PathKind::Regex));
        }
        [name] if name.starts_with('@') => return Err("it is for what nginx itself asks for".to_owned()),
        _ => return Err("it names no path".to_owned()),
    };
    let parts = prefix[1..].strip_suffix('/').unwrap_or(&prefix[1..]);
    let is_plain =
        prefix.bytes().all(|byte| byte.is_ascii_graphic()) && !prefix.contains(['?', '#', '*', '%', '"', '\\']);
    let is_sound = prefix == "/" || !parts.split('/').any(|part| matches!(part, "" | "." | ".."));
    if is_plain && is_sound { Ok((prefix.to_owned(), kind)) } else { Err("a route has a plain path".to_owned()) }
}

/// Returns what a block has done for its requests; `None` where nothing there serves one. A backend
/// is added to the edge, and what is not carried over is noted.
pub(super) fn action(
    block: &[Directive],
    prefix: &str,
    scope: &mut Scope,
    internals: &Internals<'_>,
    edge: &mut Edge,
    notes: &mut Notes,
) -> Option<Action> {
    let (mut pass, mut stops, mut returned) = (None, false, None);
    for directive in block {
        match (directive.name(), directive.arguments().as_slice()) {
            ("proxy_pass", [_]) => pass = Some(directive),
            ("try_files", words) if is_plain_try(words) => {}
            ("try_files", words) if tried(words).is_some() => scope.try_files = tried(words),
            ("try_files", _) => {
                directive.left_out("not carried over: a file that is not there gets 404", notes);
            }
            ("alias", [directory]) if is_same_end(prefix, directory) && !directory.contains('$') => {
                scope.root = Some(directory.trim_end_matches('/').to_owned());
                if prefix != "/" {
                    scope.of_route.push(("strip_prefix", "true".to_owned()));
                }
            }
            ("alias", _) => {
                stops = true;
                directive
                    .left_out("not carried over: files have the paths that they have below their directory", notes);
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
        (None, Some(pass)) => proxied(pass, prefix, scope, internals.upstreams, edge, notes).map(Action::Backend),
        (None, None) if stops => None,
        (None, None) => scope.root.clone().map(|directory| Action::Backend(files(directory, scope, edge))),
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

/// Returns whether one of two paths ends as the other does: then what follows the one follows the
/// other.
fn is_same_end(one: &str, other: &str) -> bool {
    one.starts_with('/') && other.starts_with('/') && one.ends_with('/') == other.ends_with('/')
}

/// Returns the places of `try_files` in fosse's words, where its last one is a file for all paths.
fn tried(words: &[&str]) -> Option<Vec<String>> {
    let (last, before) = words.split_last()?;
    let is_plain = |path: &str| {
        path.starts_with('/') && !path.ends_with('/') && !path.contains(['$', '?']) && !path.ends_with(".php")
    };
    let place = |word: &&str| match *word {
        "$uri" | "$uri/" => Some("$path".to_owned()),
        "$uri.html" => Some("$path.html".to_owned()),
        path => is_plain(path).then(|| path.to_owned()),
    };
    let mut places: Vec<String> = before.iter().map(place).collect::<Option<_>>()?;
    places.dedup();
    match *last {
        "=404" => {}
        path => places.push(is_plain(path).then(|| path.to_owned())?),
    }
    Some(places)
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
    if let Some(places) = &scope.try_files {
        let places: Vec<String> = places.iter().map(|place| quoted(place)).collect();
        keys.push(("try_files", format!("[{}]", places.join(", "))));
    }
    let name = directory.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("files").to_owned();
    edge.backend(Backend { name, target: Target::Files(directory), keys, health: Vec::new() })
}

const fn is_plain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.')
}

fn proxied(
    directive: &Directive,
    prefix: &str,
    scope: &mut Scope,
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
    match path {
        Some(path) if path == prefix => {}
        Some(path) if is_same_end(prefix, path) && path.bytes().all(is_plain_byte) => {
            let (own, theirs) = (prefix.trim_end_matches('/'), path.trim_end_matches('/'));
            if !own.is_empty() {
                scope.of_route.push(("strip_prefix", "true".to_owned()));
            }
            if !theirs.is_empty() {
                scope.of_route.push(("add_prefix", quoted(theirs)));
            }
        }
        Some(_) => {
            let why = format!("not carried over: {prefix} would reach the application as another path");
            directive.left_out(&why, notes);
            return None;
        }
        None => {}
    }
    let Backend { name, target, mut keys, health } = match backend_of(authority, upstreams) {
        Ok(backend) => backend,
        Err(why) => {
            directive.left_out(why, notes);
            return None;
        }
    };
    keys.extend(scope.connect_seconds.clone().map(|time| ("connect_seconds", time)));
    if !scope.passes_host {
        let why = "carried over; the application is asked for the client's Host, and not for that of proxy_pass";
        directive.left_out(why, notes);
    }
    Some(edge.backend(Backend { name, target, keys, health }))
}
