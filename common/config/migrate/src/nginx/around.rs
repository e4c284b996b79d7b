//! Routes around that of a place: for requests that meet a condition, for files beside scripts, and
//! for directories that a script stands for.

use super::returned::CLOSED;
use super::rewrite;
use super::scope::Scope;
use crate::edge::{Action, Edge, Keys, PathKind, Route, Site, When, escaped, quoted};

/// Routes of a site: each condition makes one more of each.
pub(super) const ROUTES_COUNT_MAX: usize = 10_000;

/// Adds a route with those around it; the site has what is done for all paths already.
pub(super) fn around(own: Option<Route>, scope: &Scope, site: &mut Site, edge: &mut Edge) {
    let (action, keys) = match &own {
        Some(route) => (Some(route.action.clone()), route.keys.clone()),
        None => (site.action.clone(), site.keys.clone()),
    };
    let path = own.as_ref().map(|route| route.path.clone());
    // What is closed has neither.
    let is_backend = matches!(action, Some(Action::Backend(_)));
    if let Some(action) = action.clone().filter(|action| *action != CLOSED) {
        let length = path.as_ref().map_or(1, String::len);
        for route in changed(action, &keys, length, scope) {
            if matches!(route.action, Action::Backend(_)) {
                ruled(&route, scope, site);
            }
            site.routes.push(route);
        }
    }
    let more = if is_backend { beside(path.as_deref(), scope, edge) } else { Vec::new() };
    if own.is_none() && action.is_some_and(|action| action != CLOSED) {
        ruled(&everything(), scope, site);
    }
    for route in own.into_iter().chain(more) {
        if route.action != CLOSED {
            ruled(&route, scope, site);
        }
        site.routes.push(route);
    }
}

/// Returns the routes of the files beside scripts, and of directories that a script stands for.
fn beside(path: Option<&str>, scope: &Scope, edge: &mut Edge) -> Vec<Route> {
    let below = |regex: &str| match path {
        None => (regex.to_owned(), PathKind::Ending),
        Some(path) => (format!("^{}.*({regex})", escaped(path)), PathKind::Within(path.len())),
    };
    let mut more = Vec::new();
    if let Some(php) = &scope.beside {
        let files = php.files(edge);
        let (regex, kind) = below(files.path.trim_start_matches("(?i)"));
        more.push(Route { path: format!("(?i){regex}"), kind, keys: scope.file_keys.clone(), ..files });
    }
    if let Some(backend) = scope.directories.clone() {
        let (path, kind) = below("/$");
        more.push(Route {
            path,
            kind,
            when: When::default(),
            action: Action::Backend(backend),
            keys: scope.script_keys.clone(),
        });
    }
    more
}

/// Returns the routes of paths that become others, or are sent elsewhere.
fn changed(action: Action, keys: &Keys, length: usize, scope: &Scope) -> Vec<Route> {
    let kind = PathKind::Within(length);
    let route = |regex: &String, action: &Action| Route { kind, ..rewrite::regex_route(regex.clone(), action.clone()) };
    let redirects = scope.redirects.iter().map(|(regex, to)| route(regex, to));
    let is_backend = matches!(action, Action::Backend(_));
    let rewrites = scope.rewrites.iter().filter(|_| is_backend).map(|path| {
        let mut keys = keys.clone();
        keys.retain(|(key, _)| *key != "strip_prefix");
        keys.push(("rewrite", quoted(&rewrite::kept(&path.to))));
        Route { keys, ..route(&path.regex, &action) }
    });
    redirects.chain(rewrites).collect()
}

/// Adds a route for each condition of a place before that of the place.
fn ruled(place: &Route, scope: &Scope, site: &mut Site) {
    for (when, action) in &scope.rules {
        // A site of more is not carried over.
        if site.routes.len() <= ROUTES_COUNT_MAX {
            let route = Route { when: when.clone(), action: action.clone(), keys: Keys::new(), ..place.clone() };
            site.routes.push(route);
        }
    }
}

fn everything() -> Route {
    let action = Action::Respond(404, None);
    Route { path: String::new(), kind: PathKind::Any, when: When::default(), action, keys: Keys::new() }
}
