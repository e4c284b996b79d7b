//! Directives that come before all that serves something: passwords, questions to another server,
//! redirects, and what is not carried over and kept requests away from others.

use super::block::Directive;
use crate::edge::{Action, Edge, Keys, PathKind, Route, Site, escaped, list, quoted};
use crate::http::is_header;
use crate::notes::Notes;
use crate::users::{is_bcrypt, is_name};

/// Requests of a site that something is said of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Requests {
    All,
    /// This path, and nothing below it.
    Exact(String),
    /// All that begin so: a prefix where it ends in a slash.
    Beginning(String),
}

/// Treatment of requests before any of them is served.
#[derive(Clone, Debug)]
pub(super) enum Guard {
    /// A key that asks who it is.
    Key((&'static str, String)),
    /// A response, whatever else there is.
    Instead(Action),
}

/// Returns the requests of a matcher: `*`, `/a`, `/a/*` or `/a*`.
pub(super) fn requests(matcher: &str) -> Option<Requests> {
    if matcher == "*" || matcher == "/*" {
        return Some(Requests::All);
    }
    let (path, is_exact) = matcher.strip_suffix('*').map_or((matcher, true), |path| (path, false));
    let is_plain = path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_graphic())
        && !path.contains(['?', '#', '*', '%', '"', '\\', '{']);
    let parts = path.get(1..)?.strip_suffix('/').unwrap_or(&path[1..]);
    let is_sound = path == "/" || !parts.split('/').any(|part| matches!(part, "" | "." | ".."));
    (is_plain && is_sound && path.len() <= 200).then(|| match is_exact {
        true => Requests::Exact(path.to_owned()),
        false => Requests::Beginning(path.to_owned()),
    })
}

/// Reads a directive that asks who it is; `None` where it is not carried over.
pub(super) fn asks(directive: &Directive, arguments: &[&str], edge: &mut Edge, notes: &mut Notes) -> Option<Guard> {
    match directive.name() {
        "basicauth" | "basic_auth" => users(directive, notes).map(|users| {
            let realm = match arguments {
                ["bcrypt", realm] if realm.is_ascii() && !realm.contains(['"', '\\', '$']) => {
                    format!("realm = {}, ", quoted(realm))
                }
                _ => String::new(),
            };
            Guard::Key(("basic_auth", format!("{{ {realm}users = {} }}", list(&users))))
        }),
        "forward_auth" => forward(directive, arguments, edge, notes),
        _ => None,
    }
}

fn users(directive: &Directive, notes: &mut Notes) -> Option<Vec<String>> {
    let mut users: Vec<(String, String)> = Vec::new();
    for user in directive.inside() {
        match (user.name(), user.arguments().as_slice()) {
            (name, [hash]) if is_name(name) && is_bcrypt(hash) && users.len() < 256 => {
                users.retain(|(there, _)| there != name);
                users.push((name.to_owned(), (*hash).to_owned()));
            }
            _ => user
                .left_out("not carried over, so this user is not let in: make a hash with fosse password NAME", notes),
        }
    }
    let written: Vec<String> = users.iter().map(|(name, hash)| quoted(&format!("{name}:{hash}"))).collect();
    (!written.is_empty()).then_some(written)
}

fn forward(directive: &Directive, upstreams: &[&str], edge: &mut Edge, notes: &mut Notes) -> Option<Guard> {
    let (mut uri, mut copied) = (None, Vec::new());
    for inside in directive.inside() {
        match (inside.name(), inside.arguments().as_slice()) {
            ("uri", [path])
                if path.starts_with('/')
                    && path.bytes().all(|byte| byte.is_ascii_graphic())
                    && !path.contains(['{', '}', '#']) =>
            {
                uri = Some((*path).to_owned());
            }
            ("copy_headers", names) if names.iter().all(|name| is_header(name)) => {
                copied.extend(names.iter().map(|name| quoted(name)));
            }
            _ => return None,
        }
    }
    let asked = Directive { block: None, ..directive.clone() };
    let backend = super::proxy::backend(&asked, upstreams, notes)?;
    let name = uri.map(|uri| (edge.backend(backend), uri))?;
    let copied = if copied.is_empty() { String::new() } else { format!(", copy_headers = {}", list(&copied)) };
    let table = format!("{{ backend = {}, path = {}{copied} }}", quoted(&name.0), quoted(&name.1));
    Some(Guard::Key(("forward_auth", table)))
}

/// Reads a response or a redirect.
pub(super) fn action(name: &str, arguments: &[&str], has_block: bool) -> Option<Action> {
    let status =
        |word: &str| word.parse::<u16>().ok().filter(|code| (200..=599).contains(code) && !(300..400).contains(code));
    let is_plain = |text: &str| !text.contains(['{', '\0']) && text.len() <= 16_384;
    match (name, arguments) {
        _ if has_block => None,
        ("abort", []) => Some(Action::Respond(403, None)),
        ("error", [code] | [_, code]) => status(code).map(|code| Action::Respond(code, None)),
        ("respond", []) => Some(Action::Respond(200, None)),
        ("respond", [one]) if status(one).is_some() => status(one).map(|code| Action::Respond(code, None)),
        ("respond", [body]) if is_plain(body) => Some(Action::Respond(200, Some((*body).to_owned()))),
        ("respond", [body, code]) if is_plain(body) => {
            status(code).map(|code| Action::Respond(code, Some((*body).to_owned())))
        }
        ("redir", [to, rest @ ..]) => {
            let code = match rest {
                [] | ["temporary"] => 302,
                ["permanent"] => 301,
                [code] => code.parse().ok().filter(|code| [301, 302, 303, 307, 308].contains(code))?,
                _ => return None,
            };
            let known = [("{uri}", "\u{1}"), ("{host}", "\u{2}"), ("{scheme}", "\u{3}"), ("{path}", "\u{4}")];
            let text = known.iter().fold((*to).to_owned(), |text, (theirs, mark)| text.replace(theirs, mark));
            (!text.contains(['{', '}', '$'])).then_some(())?;
            let ours = [("\u{1}", "{target}"), ("\u{2}", "{host}"), ("\u{3}", "{scheme}"), ("\u{4}", "{path}")];
            let to = ours.iter().fold(text, |text, (mark, ours)| text.replace(mark, ours));
            let rest = ["http://", "https://"].iter().find_map(|scheme| to.strip_prefix(scheme));
            let is_place = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
                || (to.starts_with('/') && !to.starts_with("//"));
            (is_place && to.bytes().all(|byte| byte.is_ascii_graphic())).then_some(Action::Redirect(to, code))
        }
        _ => None,
    }
}

/// Puts a guard before all that a site serves.
pub(super) fn apply(site: &mut Site, requests: &Requests, guard: &Guard) {
    let path = match requests {
        Requests::All => return all(site, guard),
        Requests::Exact(path) => return exact(site, path, guard),
        Requests::Beginning(path) => path,
    };
    let around = serving(site, path);
    for route in site.routes.iter_mut().filter(|route| route.path.starts_with(path.as_str())) {
        guarded(route, guard);
    }
    let bare = path.trim_end_matches('/');
    // Caddy's paths are the same in any case.
    let any_case = format!("(?i)^{}", escaped(path));
    let kinds = [(PathKind::Prefix, path.clone()), (PathKind::Regex, any_case)];
    for (kind, text) in &kinds {
        let is_same = |there: &str| there == text || (*kind == PathKind::Prefix && there.trim_end_matches('/') == bare);
        let is_there = |route: &Route| route.kind == *kind && is_same(&route.path);
        if site.routes.iter().any(is_there) {
            continue;
        }
        let mut route = around.clone().unwrap_or(Route {
            path: String::new(),
            kind: *kind,
            action: Action::Respond(404, None),
            keys: Keys::new(),
        });
        // Under another prefix the application would get another path.
        if route.keys.iter().any(|(key, _)| *key == "strip_prefix") {
            route = Route { action: Action::Respond(404, None), keys: Keys::new(), ..route };
        }
        (route.path, route.kind) = (text.clone(), *kind);
        guarded(&mut route, guard);
        site.routes.push(route);
    }
}

fn exact(site: &mut Site, path: &str, guard: &Guard) {
    let at = site.routes.iter().position(|route| route.kind == PathKind::Exact && route.path == path);
    let route = match at {
        Some(at) => Some(site.routes.remove(at)),
        None => serving(site, path),
    };
    let route = route.unwrap_or(Route {
        path: String::new(),
        kind: PathKind::Exact,
        action: Action::Respond(404, None),
        keys: Keys::new(),
    });
    let mut route = Route { path: path.to_owned(), kind: PathKind::Exact, ..route };
    if route.keys.iter().any(|(key, _)| *key == "strip_prefix") {
        route.action = Action::Respond(404, None);
        route.keys.clear();
    }
    guarded(&mut route, guard);
    let any_case = format!("(?i)^{}$", escaped(path));
    if !site.routes.iter().any(|there| there.path == any_case) {
        site.routes.push(Route { path: any_case, kind: PathKind::Regex, ..route.clone() });
    }
    site.routes.push(route);
}

fn all(site: &mut Site, guard: &Guard) {
    match guard {
        Guard::Key(key) => site.keys.push(key.clone()),
        Guard::Instead(action) => {
            site.routes.clear();
            site.action = Some(action.clone());
        }
    }
}

/// Returns a route as that of what serves a path now.
fn serving(site: &Site, path: &str) -> Option<Route> {
    let has = |route: &&Route| {
        let bare = route.path.trim_end_matches('/');
        route.kind == PathKind::Prefix && (path.starts_with(&format!("{bare}/")) || path == bare)
    };
    let longest = site.routes.iter().filter(has).max_by_key(|route| route.path.len()).cloned();
    let own = || {
        let action = site.action.clone()?;
        Some(Route { path: String::new(), kind: PathKind::Prefix, action, keys: Keys::new() })
    };
    longest.or_else(own)
}

fn guarded(route: &mut Route, guard: &Guard) {
    match guard {
        Guard::Key(key) => {
            route.keys.retain(|(there, _)| *there != key.0);
            route.keys.push(key.clone());
        }
        Guard::Instead(action) => {
            route.action = action.clone();
            route.keys.retain(|(key, _)| *key != "strip_prefix");
        }
    }
}

/// Has the guards of paths in any case come before the prefixes that these are below.
pub(super) fn order(site: &mut Site, guards: &[(Requests, Guard)]) {
    let paths: Vec<&String> = guards
        .iter()
        .filter_map(|(requests, _)| match requests {
            Requests::All => None,
            Requests::Exact(path) | Requests::Beginning(path) => Some(path),
        })
        .collect();
    let is_around = |route: &Route| {
        let is_own = paths.iter().any(|path| path.trim_end_matches('/') == route.path.trim_end_matches('/'));
        route.kind == PathKind::Prefix && !is_own && paths.iter().any(|path| path.starts_with(route.path.as_str()))
    };
    let (around, others) = std::mem::take(&mut site.routes).into_iter().partition(is_around);
    site.routes = others;
    for mut route in around {
        if route.keys.iter().any(|(key, _)| *key == "strip_prefix") {
            (route.action, route.keys) = (Action::Respond(404, None), Keys::new());
        }
        (route.path, route.kind) = (format!("(?i)^{}", escaped(&route.path)), PathKind::Regex);
        site.routes.push(route);
    }
}
