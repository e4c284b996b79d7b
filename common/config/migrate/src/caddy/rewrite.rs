//! `rewrite` and `uri`: the path that an application gets, as keys of routes.

use super::headers::template;
use super::matchers::{Requests, may_meet};
use super::place::Place;
use crate::edge::{Action, Keys, PathKind, Route, Site, When, quoted};

/// A change of paths.
#[derive(Clone, Debug)]
pub(super) struct Change {
    keys: Keys,
    /// The beginning of the path that the application gets, as far as it is the same for all.
    begins: String,
}

/// Reads `rewrite TO` or `uri strip_prefix /PREFIX`; `None` for what is not carried over.
pub(super) fn change(name: &str, words: &[&str], place: &Place) -> Option<Change> {
    let is_path = |path: &str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && path.bytes().all(|byte| byte.is_ascii_graphic())
            && !path.contains(['#', '"', '\\', '*'])
            && path.len() <= 200
    };
    match (name, words) {
        ("rewrite", [to]) if is_path(to) => {
            // What Caddy puts behind a path is all of it; fosse keeps the query by itself.
            let rest = to
                .strip_suffix("{uri}")
                .or_else(|| to.strip_suffix("{path}"))
                .or_else(|| to.strip_suffix("{path}?{query}").or_else(|| to.strip_suffix("{http.request.uri}")));
            if let Some(prefix) = rest.filter(|rest| !rest.contains(['{', '}', '?'])) {
                let prefix = prefix.trim_end_matches('/');
                (!prefix.is_empty()).then_some(())?;
                return Some(Change { keys: vec![("add_prefix", quoted(prefix))], begins: format!("{prefix}/") });
            }
            let to = to.strip_suffix("?{query}").unwrap_or(to);
            let begins = to[..to.find(['{', '?']).unwrap_or(to.len())].to_owned();
            Some(Change { keys: vec![("rewrite", quoted(&target(to, place)?))], begins })
        }
        ("uri", ["strip_prefix", prefix]) if is_path(prefix) && !prefix.contains(['{', '}', '?', '%']) => {
            let is_own = match &place.requests {
                Requests::Beginning(path) => path.trim_end_matches('/') == prefix.trim_end_matches('/'),
                _ => false,
            };
            is_own.then(|| Change { keys: vec![("strip_prefix", "true".to_owned())], begins: "/".to_owned() })
        }
        _ => None,
    }
}

/// Returns a target with fosse's variables and groups in place of Caddy's.
fn target(to: &str, place: &Place) -> Option<String> {
    let groups =
        place.regex.as_ref().map(|name| if name.is_empty() { "{re.".to_owned() } else { format!("{{re.{name}.") });
    let (mut out, mut rest) = (String::new(), to);
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let end = rest[at..].find('}').filter(|_| rest[at..].starts_with('{'))?;
        let (one, after) = rest[at..].split_at(end + 1);
        let group = groups.as_ref().and_then(|groups| one.strip_prefix(groups.as_str())?.strip_suffix('}'));
        match group {
            Some(number) if number.len() == 1 && number.bytes().all(|byte| (b'1'..=b'9').contains(&byte)) => {
                out.push_str(&format!("{{{number}}}"));
            }
            Some(_) => return None,
            // A path in a path would be encoded twice.
            None => {
                out.push_str(Some(template(one)?).filter(|text| *text == "{host}" || *text == "{method}")?.as_str())
            }
        }
        rest = after;
    }
    Some(out + rest)
}

/// Returns a route as that of what serves the path that comes of a change.
fn serving(site: &Site, begins: &str) -> Option<Route> {
    let of_prefix = |route: &&Route| route.kind == PathKind::Prefix && route.when.is_empty();
    let longest = site.routes.iter().filter(of_prefix).filter(|route| begins.starts_with(&route.path));
    let rest = || {
        let (path, kind, keys) = (String::new(), PathKind::Any, site.action_keys.clone());
        Some(Route { path, kind, when: When::default(), action: site.action.clone()?, keys })
    };
    longest.max_by_key(|route| route.path.len()).cloned().or_else(rest)
}

/// Has the application get another path for the requests of a place.
pub(super) fn apply(site: &mut Site, place: &Place, change: &Change) -> Option<()> {
    let is_free = |keys: &Keys| !keys.iter().any(|(key, _)| ["strip_prefix", "add_prefix", "rewrite"].contains(key));
    if let (Requests::All, true) = (&place.requests, place.when.is_empty()) {
        (site.routes.iter().all(|route| is_free(&route.keys) || !matches!(route.action, Action::Backend(_))))
            .then_some(())?;
        for route in site.routes.iter_mut().filter(|route| matches!(route.action, Action::Backend(_))) {
            route.keys.extend(change.keys.clone());
        }
        let action = site.action.take()?;
        site.routes.push(Route {
            path: String::new(),
            kind: PathKind::Any,
            when: When::default(),
            action,
            keys: change.keys.clone(),
        });
        return Some(());
    }
    let found = serving(site, &change.begins)?;
    is_free(&found.keys).then_some(())?;
    let keys = found.keys.iter().cloned().chain(change.keys.clone()).collect();
    let route = place.route(found.action, keys);
    if let Requests::Beginning(path) = &place.requests {
        for there in site.routes.iter_mut().filter(|there| there.path.starts_with(path.as_str())) {
            (is_free(&there.keys)).then(|| there.keys.extend(change.keys.clone()))?;
        }
    }
    let is_there = |there: &Route| (there.kind, &there.path, &there.when) == (route.kind, &route.path, &route.when);
    if !site.routes.iter().any(is_there) {
        site.routes.insert(0, route);
    }
    Some(())
}

/// Has what Caddy asks first come first: a route without a path, or with a shorter one, that is for
/// some requests alone is made one for each longer path that comes after it.
pub(super) fn settle(site: &mut Site) {
    let mut more: Vec<Route> = Vec::new();
    for (at, first) in site.routes.iter().enumerate().filter(|(_, route)| !route.when.is_empty()) {
        let is_around = |later: &&Route| match first.kind {
            PathKind::Any => later.kind != PathKind::Any,
            PathKind::Prefix => later.path.starts_with(&first.path) && later.path != first.path,
            _ => false,
        };
        for later in site.routes[at + 1..].iter().filter(is_around) {
            let Some(when) = later.when.and(&first.when) else { continue };
            let is_stripped = first.keys.iter().any(|(key, _)| *key == "strip_prefix");
            let (action, keys) = match is_stripped {
                // Another path would be taken off.
                true => (Action::Respond(404, None), Keys::new()),
                false => (first.action.clone(), first.keys.clone()),
            };
            more.push(Route { path: later.path.clone(), kind: later.kind, when, action, keys });
        }
    }
    for route in more {
        let is_there = |there: &Route| (there.kind, &there.path, &there.when) == (route.kind, &route.path, &route.when);
        if !site.routes.iter().any(is_there) {
            site.routes.push(route);
        }
    }
    // An expression that comes first is before the prefixes that come after it.
    for at in 0..site.routes.len() {
        let route = &site.routes[at];
        let is_stripped = route.keys.iter().any(|(key, _)| *key == "strip_prefix");
        let is_found_in = |first: &Route| may_meet(&first.path, &route.path);
        let is_later = site.routes[..at].iter().any(|first| first.kind == PathKind::Regex && is_found_in(first));
        if route.kind == PathKind::Prefix && !is_stripped && is_later {
            site.routes[at].kind = PathKind::Beginning;
        }
    }
}
