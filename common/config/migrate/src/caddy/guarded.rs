//! Guards put before what a site serves: each route of their requests gets them.

use super::guards::Guard;
use super::matchers::{Matcher, Requests, may_meet};
use crate::edge::{Action, Keys, PathKind, Route, Site, When, escaped, list, quoted};

/// A guard, its requests, and the routes that come before it.
#[derive(Clone, Debug)]
pub(super) struct Put {
    pub matcher: Matcher,
    pub guard: Guard,
    pub after: Vec<Route>,
}

/// The action where nobody is let in.
pub(super) const CLOSED: Action = Action::Respond(403, None);

/// Returns whether a guard can be said for the requests of a matcher.
pub(super) fn is_carried(matcher: &Matcher, guard: &Guard) -> bool {
    negated(matcher, guard).is_some()
}

/// Puts a guard before all that a site serves. Returns `None` where it cannot be said which
/// requests those are; then nothing has changed.
pub(super) fn apply(site: &mut Site, Put { matcher, guard, after }: &Put) -> Option<()> {
    let before = site.clone();
    // What comes before it is not of its requests.
    let is_before = |route: &Route| after.iter().any(|first| is_same(first, route));
    let (first, others) = std::mem::take(&mut site.routes).into_iter().partition(is_before);
    site.routes = others;
    let done = applied(site, matcher, guard);
    let first: Vec<Route> = first;
    // Of a path that one of these has, nothing is left for it.
    let is_taken = |route: &Route| {
        let is_around = |first: &Route| {
            first.kind == PathKind::Prefix
                && first.when.is_empty()
                && route.kind != PathKind::Regex
                && route.path.starts_with(&first.path)
        };
        after.iter().any(is_around)
    };
    site.routes.retain(|route| !is_taken(route));
    site.routes.splice(0..0, first);
    if done.is_none() || site.routes.len() > ROUTES_COUNT_MAX {
        *site = before;
        return None;
    }
    done
}

fn is_same(one: &Route, other: &Route) -> bool {
    (one.kind, &one.path, &one.when) == (other.kind, &other.path, &other.when)
}

/// Routes that guards may make of a site: each condition makes one more of each that is there.
const ROUTES_COUNT_MAX: usize = 300;

fn applied(site: &mut Site, matcher: &Matcher, guard: &Guard) -> Option<()> {
    let (guard, when) = negated(matcher, guard)?;
    let mut kept = Vec::new();
    for requests in &matcher.not_paths {
        kept.extend(unguarded(site, requests, &guard)?);
    }
    for requests in matcher.requests() {
        match when.is_empty() {
            true => unconditional(site, &requests, &guard),
            false => conditional(site, &requests, &when, &guard)?,
        }
    }
    // Those before it have their own paths: they come first.
    for route in kept {
        site.routes.retain(|there| (there.kind, &there.path, &there.when) != (route.kind, &route.path, &route.when));
        site.routes.insert(0, route);
    }
    Some(())
}

/// Returns the guard and the conditions for a matcher that says of which clients or methods
/// requests are not: those have keys of their own.
fn negated(matcher: &Matcher, guard: &Guard) -> Option<(Guard, When)> {
    let when = matcher.when.clone();
    let networks = || list(&matcher.not_networks.iter().map(|network| quoted(network)).collect::<Vec<_>>());
    match (guard, matcher.not_networks.is_empty(), matcher.not_methods.is_empty()) {
        (_, true, true) => Some((guard.clone(), when)),
        (Guard::Instead(Action::Respond(403, None)), false, true) if when.is_empty() => {
            Some((Guard::Key(("allow_networks", networks())), when))
        }
        (Guard::Key(("basic_auth", table)), false, true) => {
            let table = table.strip_suffix(" }")?;
            Some((Guard::Key(("basic_auth", format!("{table}, anonymous_networks = {} }}", networks()))), when))
        }
        (Guard::Instead(Action::Respond(405, None)), true, false) if when.is_empty() => {
            let methods: Vec<String> = matcher.not_methods.iter().map(|name| quoted(name)).collect();
            Some((Guard::Key(("methods", list(&methods))), when))
        }
        _ => None,
    }
}

/// Returns routes of what a guard is not for.
fn unguarded(site: &Site, requests: &Requests, guard: &Guard) -> Option<Vec<Route>> {
    let without = match guard {
        Guard::Key(("basic_auth" | "forward_auth", _)) => Some("false"),
        Guard::Key((key, _)) if key.ends_with("_networks") => Some("[]"),
        Guard::Key(_) => return None,
        Guard::Instead(_) => None,
    };
    let (path, kind) = match requests {
        Requests::All => return None,
        Requests::Exact(path) => (path.clone(), PathKind::Exact),
        Requests::Beginning(path) if path.ends_with('/') => (path.clone(), PathKind::Prefix),
        // More of them would be let in than Caddy lets in.
        Requests::Beginning(_) | Requests::Regex(_) => return None,
    };
    let is_below = |route: &&Route| kind == PathKind::Prefix && route.path.starts_with(&path);
    let mut routes: Vec<Route> = site.routes.iter().filter(is_below).cloned().collect();
    if !routes.iter().any(|route| (route.kind, &route.path) == (kind, &path)) {
        let route = serving(site, &path)?;
        let is_stripped = route.keys.iter().any(|(key, _)| *key == "strip_prefix");
        (!is_stripped || route.path == path).then_some(())?;
        routes.push(Route { path, kind, ..route });
    }
    if let (Some(without), Guard::Key((key, _))) = (without, guard) {
        for route in &mut routes {
            if !route.keys.iter().any(|(there, _)| there == key) {
                route.keys.push((key, without.to_owned()));
            }
        }
    }
    Some(routes)
}

/// Adds, for each route of these requests, one more with the conditions and the guard.
fn conditional(site: &mut Site, requests: &Requests, when: &When, guard: &Guard) -> Option<()> {
    let mut more = Vec::new();
    let is_of = |route: &&Route| match requests {
        Requests::All => true,
        Requests::Beginning(path) => route.path.starts_with(path.as_str()),
        Requests::Exact(path) => route.path == *path && route.kind == PathKind::Exact,
        Requests::Regex(_) => false,
    };
    for route in site.routes.iter().filter(is_of) {
        let mut copy = Route { when: route.when.and(when)?, ..route.clone() };
        guarded(&mut copy, guard);
        more.push(copy);
    }
    let own = |site: &Site, path: &str, kind: PathKind| own_route(site, path, kind, when, guard);
    match requests {
        Requests::All => more.push(own(site, "", PathKind::Any)),
        Requests::Exact(path) => {
            more.push(own(site, path, PathKind::Exact));
            more.push(Route {
                path: format!("(?i)^{}$", escaped(path)),
                kind: PathKind::Regex,
                ..more[more.len() - 1].clone()
            });
        }
        Requests::Beginning(path) => {
            more.push(own(site, path, PathKind::Prefix));
            more.push(Route {
                path: format!("(?i)^{}", escaped(path)),
                kind: PathKind::Regex,
                ..more[more.len() - 1].clone()
            });
        }
        Requests::Regex(regex) => {
            demoted(site, |route| may_meet(regex, &route.path));
            more.push(own(site, regex, PathKind::Regex));
        }
    }
    put_first(site, more);
    Some(())
}

/// Puts routes before those that are there; of several for the same requests the first one counts.
fn put_first(site: &mut Site, more: Vec<Route>) {
    let mut seen: Vec<Route> = Vec::new();
    for route in more {
        if !seen.iter().any(|there| is_same(there, &route)) {
            seen.push(route);
        }
    }
    site.routes.splice(0..0, seen);
}

/// Returns a route with the conditions and the guard, of what serves a path.
fn own_route(site: &Site, path: &str, kind: PathKind, when: &When, guard: &Guard) -> Route {
    let at = if kind == PathKind::Regex { None } else { serving(site, path) };
    let mut route = at.unwrap_or(serving_rest(site, kind));
    if route.keys.iter().any(|(key, _)| *key == "strip_prefix") {
        (route.action, route.keys) = (Action::Respond(404, None), Keys::new());
    }
    let mut route = Route { path: path.to_owned(), kind, when: when.clone(), ..route };
    guarded(&mut route, guard);
    route
}

fn unconditional(site: &mut Site, requests: &Requests, guard: &Guard) {
    let path = match requests {
        Requests::All => return all(site, guard),
        Requests::Exact(path) => return exact(site, path, guard),
        Requests::Regex(regex) => return regular(site, regex, guard),
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
        let is_there = |route: &Route| route.kind == *kind && route.when.is_empty() && is_same(&route.path);
        if site.routes.iter().any(is_there) {
            continue;
        }
        let mut route = around.clone().unwrap_or(nothing(*kind));
        // Under another prefix the application would get another path.
        if route.keys.iter().any(|(key, _)| *key == "strip_prefix") {
            route = Route { action: Action::Respond(404, None), keys: Keys::new(), ..route };
        }
        (route.path, route.kind) = (text.clone(), *kind);
        guarded(&mut route, guard);
        site.routes.push(route);
    }
}

/// Returns a route as that of what serves all the rest.
fn serving_rest(site: &Site, kind: PathKind) -> Route {
    let action = site.action.clone().unwrap_or(Action::Respond(404, None));
    Route { action, keys: site.action_keys.clone(), ..nothing(kind) }
}

/// Returns a route that serves nothing.
fn nothing(kind: PathKind) -> Route {
    Route { path: String::new(), kind, when: When::default(), action: Action::Respond(404, None), keys: Keys::new() }
}

fn exact(site: &mut Site, path: &str, guard: &Guard) {
    let is_it = |route: &Route| route.kind == PathKind::Exact && route.when.is_empty() && route.path == path;
    let route = match site.routes.iter().position(is_it) {
        Some(at) => Some(site.routes.remove(at)),
        None => serving(site, path),
    };
    let route = route.unwrap_or(nothing(PathKind::Exact));
    let mut route = Route { path: path.to_owned(), kind: PathKind::Exact, ..route };
    if route.keys.iter().any(|(key, _)| *key == "strip_prefix") {
        route.action = Action::Respond(404, None);
        route.keys.clear();
    }
    guarded(&mut route, guard);
    site.routes
        .iter_mut()
        .filter(|there| there.kind == PathKind::Exact && there.path == path)
        .for_each(|there| guarded(there, guard));
    let any_case = format!("(?i)^{}$", escaped(path));
    if !site.routes.iter().any(|there| there.path == any_case) {
        site.routes.push(Route { path: any_case, kind: PathKind::Regex, ..route.clone() });
    }
    site.routes.push(route);
}

/// Puts a guard before what a regular expression is found in: nothing with a path of its own may
/// come before it.
fn regular(site: &mut Site, regex: &str, guard: &Guard) {
    demoted(site, |route| may_meet(regex, &route.path));
    let mut route = serving_rest(site, PathKind::Regex);
    regex.clone_into(&mut route.path);
    guarded(&mut route, guard);
    site.routes.insert(0, route);
}

fn all(site: &mut Site, guard: &Guard) {
    match guard {
        Guard::Key(key) => {
            site.keys.retain(|(there, _)| *there != key.0);
            site.keys.push(key.clone());
        }
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
        let is_in = path.starts_with(&format!("{bare}/")) || path == bare;
        route.kind == PathKind::Prefix && route.when.is_empty() && is_in
    };
    let longest = site.routes.iter().filter(has).max_by_key(|route| route.path.len()).cloned();
    let own =
        || Some(Route { action: site.action.clone()?, keys: site.action_keys.clone(), ..nothing(PathKind::Prefix) });
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
            // Who asks first is asked first; the rest was said of what served it.
            route.keys.retain(|(key, _)| key.ends_with("_auth") || key.ends_with("_networks"));
        }
    }
}

/// Has the guards of paths in any case come before the prefixes that these are below.
pub(super) fn order(site: &mut Site, guards: &[Put]) {
    let paths: Vec<String> = guards
        .iter()
        .flat_map(|put| &put.matcher.paths)
        .filter_map(|requests| match requests {
            Requests::All | Requests::Regex(_) => None,
            Requests::Exact(path) | Requests::Beginning(path) => Some(path.clone()),
        })
        .collect();
    demoted(site, |route| {
        let is_own = paths.iter().any(|path| path.trim_end_matches('/') == route.path.trim_end_matches('/'));
        route.kind == PathKind::Prefix && !is_own && paths.iter().any(|path| path.starts_with(route.path.as_str()))
    });
}

/// Makes regular expressions of prefixes and paths, behind those that are there.
fn demoted(site: &mut Site, is_around: impl Fn(&Route) -> bool) {
    let has_path = |route: &Route| matches!(route.kind, PathKind::Prefix | PathKind::Exact) && is_around(route);
    let (around, others) = std::mem::take(&mut site.routes).into_iter().partition(has_path);
    site.routes = others;
    let mut around: Vec<Route> = around;
    // Of a path and a prefix the path comes first, of two prefixes the longer one.
    around.sort_by_key(|route| (route.kind == PathKind::Prefix, usize::MAX - route.path.len()));
    for mut route in around {
        if route.keys.iter().any(|(key, _)| *key == "strip_prefix") {
            (route.action, route.keys) = (Action::Respond(404, None), Keys::new());
        }
        let end = if route.kind == PathKind::Exact { "$" } else { "" };
        (route.path, route.kind) = (format!("(?i)^{}{end}", escaped(&route.path)), PathKind::Regex);
        // One for any case of letters may be there already, with the same guards.
        if !site.routes.iter().any(|there| is_same(there, &route)) {
            site.routes.push(route);
        }
    }
}
