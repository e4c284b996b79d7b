//! `location`: a prefix and the backend that its requests go to.

use super::around::around;
use super::closed::{internal, unsaid};
use super::directive::Directive;
use super::fastcgi::{self, Scripts, front_controller};
use super::internals::Internals;
use super::proxy::{backend_of, url};
use super::returned::{CLOSED, is_plain_try, returned_action, tried};
use super::rewrite::{self, Rewrite};
use super::scope::Scope;
use super::upstream::Upstreams;
use crate::edge::{Action, Backend, Edge, Keys, PathKind, Route, Site, Target, When, escaped, quoted};
use crate::notes::Notes;
use crate::pcre::of_paths;

/// Reads a location into the site.
pub(super) fn read(
    location: &Directive,
    (outer, within): (&Scope, &str),
    internals: &Internals<'_>,
    (site, edge): (&mut Site, &mut Edge),
    notes: &mut Notes,
) {
    let (prefix, kind) = match path(&location.arguments(), within) {
        Ok(found) => found,
        Err(why) => return unsaid(location, &why, internals, notes),
    };
    let block = location.block.as_deref().unwrap_or_default();
    let (inner, own): (Vec<&Directive>, Vec<&Directive>) =
        block.iter().partition(|directive| directive.name() == "location");
    if own.iter().any(|directive| directive.name() == "internal") {
        return internal(location, prefix, kind, internals, site, notes);
    }
    let own: Vec<Directive> = own.into_iter().cloned().collect();
    let mut scope = outer.enter();
    // Of what is no prefix nothing can be taken off.
    let taken = if kind == PathKind::Prefix { prefix.as_str() } else { "" };
    let found = action(&own, (taken, &location.arguments()), &mut scope, internals, edge, notes);
    let has_inner = !inner.is_empty();
    for location in inner {
        read(location, (&scope, taken), internals, (&mut *site, &mut *edge), notes);
    }
    let (keys, is_closed) = scope.with_scripts(internals, edge, location, notes);
    let is_all = prefix == "/" && kind == PathKind::Prefix;
    let found = found.or_else(|| kept_out(location, &scope, is_all || own.is_empty() && has_inner, notes));
    let (found, keys) = match found {
        Some(_) if is_closed => (Some(CLOSED), Keys::new()),
        found => (found, keys),
    };
    match found {
        Some(action) if is_all => {
            (site.action, site.keys) = (Some(action), keys);
            around(None, &scope, site, edge);
        }
        Some(action) => {
            let is_prefix = kind == PathKind::Prefix;
            let kind = if is_prefix { order(location, &prefix, &keys, internals, notes) } else { kind };
            expressions(location, kind, &mut scope, notes);
            let route = Route { path: prefix, kind, when: When::default(), action, keys };
            around(Some(route), &scope, site, edge);
        }
        // Those inside of it have been read.
        None if has_inner => {}
        None => location.left_out("not carried over: nothing here serves it", notes),
    }
}

/// Drops the expressions of a place where none is asked about what is below it.
fn expressions(location: &Directive, kind: PathKind, scope: &mut Scope, notes: &mut Notes) {
    if kind == PathKind::Prefix && scope.drop_expressions() {
        let why = "carried over without its rewrites, and the files beside its script: see [[site.route]]";
        location.left_out(why, notes);
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

/// Returns whether no regular expression is asked about what is below a location.
fn is_first(location: &Directive) -> bool {
    location.arguments().first() == Some(&"^~")
}

/// Returns which route a prefix is. A regular expression of nginx comes before a prefix without ^~,
/// that of a route after it.
fn order(location: &Directive, prefix: &str, keys: &Keys, internals: &Internals<'_>, notes: &mut Notes) -> PathKind {
    let is_first = is_first(location);
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

/// Returns the path of a location inside of another one and which paths that are, or why fosse has
/// none for it.
fn path(arguments: &[&str], within: &str) -> Result<(String, PathKind), String> {
    let (prefix, kind) = match arguments {
        [prefix] | ["^~", prefix] if prefix.starts_with('/') => (*prefix, PathKind::Prefix),
        ["=", path] if path.starts_with('/') => (*path, PathKind::Exact),
        [kind @ ("~" | "~*"), regex] => {
            let is_any_case = *kind == "~*";
            let below = match (within, regex.starts_with('^')) {
                ("" | "/", _) | (_, true) => (*regex).to_owned(),
                (within, false) => format!("^{}.*({regex})", escaped(within)),
            };
            let found = of_paths(&below, is_any_case).ok_or("its expression is one for PCRE alone")?;
            return Ok((found, PathKind::Regex));
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
    (prefix, arguments): (&str, &[&str]),
    scope: &mut Scope,
    internals: &Internals<'_>,
    edge: &mut Edge,
    notes: &mut Notes,
) -> Option<Action> {
    let mut found = Found::default();
    for directive in block {
        found.take(directive, prefix, scope, internals, notes);
    }
    let Found { pass, scripts, stops, returned, front, is_bare } = found;
    if let Some(pass) = scripts.filter(|_| returned.is_none()) {
        let found = Scripts::read(pass, arguments, scope, internals.upstreams, notes)?;
        pass.left_out(&fastcgi::why(), notes);
        let front = front.or_else(|| internals.front_controller());
        return Some(Action::Backend(edge.backend(found.backend(front))));
    }
    match (returned, pass) {
        (Some(action), _) => Some(action),
        (None, Some(pass)) => proxied(pass, prefix, scope, internals.upstreams, edge, notes).map(Action::Backend),
        (None, None) if stops => None,
        (None, None) => served(front, if is_bare { "" } else { prefix }, scope, (internals, edge), notes),
    }
}

/// The directives of a block that may serve its requests.
#[derive(Default)]
struct Found<'b> {
    pass: Option<&'b Directive>,
    scripts: Option<&'b Directive>,
    /// Something else responds, and nothing of what is around it may do so in its place.
    stops: bool,
    returned: Option<Action>,
    /// The script that gets all paths that are no file's.
    front: Option<String>,
    /// No file is looked for before.
    is_bare: bool,
}

impl<'b> Found<'b> {
    fn take(
        &mut self,
        directive: &'b Directive,
        prefix: &str,
        scope: &mut Scope,
        internals: &Internals<'_>,
        notes: &mut Notes,
    ) {
        match (directive.name(), directive.arguments().as_slice()) {
            ("proxy_pass", [_]) => self.pass = Some(directive),
            ("fastcgi_pass", [_]) => self.scripts = Some(directive),
            ("try_files", words) => self.tries(directive, words, scope, internals, notes),
            ("rewrite", words) if self.rewritten(directive, words, prefix, scope, internals) => {}
            ("alias", [directory]) if is_same_end(prefix, directory) && !directory.contains('$') => {
                scope.root = Some(directory.trim_end_matches('/').to_owned());
                if prefix != "/" {
                    scope.of_route.push(("strip_prefix", "true".to_owned()));
                }
            }
            ("alias", _) => {
                self.stops = true;
                directive
                    .left_out("not carried over: files have the paths that they have below their directory", notes);
            }
            ("return", words) if returned_action(words).is_some() => {
                // The first return ends the request, whatever else there is.
                self.returned = self.returned.take().or_else(|| returned_action(words));
            }
            (name, _) => {
                self.stops |= ["return", "uwsgi_pass", "scgi_pass", "grpc_pass"].contains(&name);
                scope.take(directive, notes);
            }
        }
    }

    /// Takes a change of the path; returns whether it is carried over.
    fn rewritten(
        &mut self,
        directive: &Directive,
        words: &[&str],
        prefix: &str,
        scope: &mut Scope,
        internals: &Internals<'_>,
    ) -> bool {
        match rewrite::read(words, prefix) {
            Some(Rewrite::Redirect(None, action)) => self.returned = self.returned.take().or(Some(action)),
            Some(Rewrite::Script(script, true)) if internals.scripts.is_some() => {
                self.front = Some(script);
                self.is_bare = true;
            }
            Some(Rewrite::Strip) => scope.of_route.push(("strip_prefix", "true".to_owned())),
            Some(Rewrite::Path(path)) if path.stays && path.is_below(prefix) => scope.rewrites.push(path),
            Some(Rewrite::Path(path)) if !path.stays && path.is_below(prefix) => {
                return internals.later(directive, path);
            }
            Some(Rewrite::Redirect(Some(regex), action)) if rewrite::is_below(&regex, prefix) => {
                scope.redirects.push((regex, action));
            }
            _ => return false,
        }
        true
    }

    fn tries(
        &mut self,
        directive: &Directive,
        words: &[&str],
        scope: &mut Scope,
        internals: &Internals<'_>,
        notes: &mut Notes,
    ) {
        // Of a location with a name it is looked at where it leads to a script.
        if let [.., name] = words
            && let Some(script) = internals.leads_to(name)
        {
            self.front = Some(script);
            return;
        }
        match front_controller(words).filter(|_| internals.scripts.is_some()) {
            _ if is_plain_try(words) => {}
            Some((script, is_same)) => {
                if !is_same {
                    directive.left_out("carried over with the query of the request alone", notes);
                }
                self.front = Some(script);
            }
            None if tried(words).is_some() => scope.try_files = tried(words),
            None => directive.left_out("not carried over: a file that is not there gets 404", notes),
        }
    }
}

/// Has files be served, or the script that gets all paths that are none. Beside an expression, or
/// a path alone, there are no files.
fn served(
    front: Option<String>,
    prefix: &str,
    scope: &mut Scope,
    (internals, edge): (&Internals<'_>, &mut Edge),
    notes: &mut Notes,
) -> Option<Action> {
    if let (Some(front), Some(scripts)) = (front.or_else(|| scope.front.clone()), &internals.scripts) {
        scope.leads = true;
        scope.beside = (!prefix.is_empty()).then(|| scripts.beside(scope.root.as_ref()));
        return Some(Action::Backend(edge.backend(scripts.backend(Some(front)))));
    }
    let directory = scope.root.clone()?;
    match (&internals.scripts, &scope.index_line) {
        (_, None) => {}
        (Some(scripts), Some(_)) if scope.is_script_first => {
            let backend = edge.backend(scripts.backend(internals.front_controller()));
            scope.directories = (!prefix.is_empty()).then_some(backend);
        }
        (_, Some(line)) => {
            let script = scope.index_script.as_deref().unwrap_or_default();
            line.left_out(
                &format!("carried over without {script}: of a directory a file is served, and no script"),
                notes,
            );
        }
    }
    Some(Action::Backend(files(directory, scope, edge)))
}

/// Returns whether one of two paths ends as the other does: then what follows the one follows the
/// other.
fn is_same_end(one: &str, other: &str) -> bool {
    one.starts_with('/') && other.starts_with('/') && one.ends_with('/') == other.ends_with('/')
}

fn files(directory: String, scope: &Scope, edge: &mut Edge) -> String {
    let mut keys = Vec::new();
    if let Some(index) = scope.index.as_ref().filter(|index| !index.is_empty()) {
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
