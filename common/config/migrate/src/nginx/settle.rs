//! Changes of paths before something serves them: what serves the new path serves the old one.

use super::directive::Directive;
use super::internals::Internals;
use super::rewrite::{Path, Rewrite, kept, read, regex_route};
use crate::edge::{Action, PathKind, Route, Site, When, quoted};
use crate::notes::Notes;

/// Takes a `rewrite` of a server; returns whether it is one that comes before its locations.
pub(super) fn of_server(directive: &Directive, site: &mut Site, internals: &Internals<'_>) -> bool {
    match read(&directive.arguments(), "/") {
        Some(Rewrite::Redirect(Some(regex), action)) => {
            site.routes.push(regex_route(regex, action));
            true
        }
        Some(Rewrite::Path(path)) => internals.later(directive, path),
        _ => false,
    }
}

/// The place of changes: what the expressions of locations find comes before them.
const FIRST: PathKind = PathKind::Within(usize::MAX);

/// Returns whether a path that begins so, or is whole, may be that of an expression or of a longer
/// location: then that would have been asked about the new path.
fn is_asked_for(site: &Site, begins: &str, is_whole: bool) -> bool {
    let meets = |regex: &str| {
        let literal =
            regex.strip_prefix('^').map(|rest| rest.split(['.', '(', '[', '*', '+', '?', '|', '$', '\\']).next());
        let literal = literal.flatten().unwrap_or_default();
        // What is not anchored is asked about the old path, whose end is that of the new one.
        regex.starts_with('^') && (begins.starts_with(literal) || literal.starts_with(begins))
            || regex.starts_with("(?i)^")
    };
    // What a group takes may be of a longer location.
    let is_open = !is_whole;
    let is_longer = |route: &Route| {
        let is_plain = matches!(route.kind, PathKind::Exact | PathKind::Prefix | PathKind::Beginning);
        is_open && is_plain && route.path.len() > begins.len() && route.path.starts_with(begins)
    };
    site.routes.iter().any(is_longer)
        || site.routes.iter().any(|route| {
            let is_place = matches!(route.action, Action::Respond(..) | Action::Backend(_));
            route.kind == PathKind::Regex && is_place && !begins.ends_with(".php") && meets(&route.path)
        })
}

/// Has what serves the paths that changes lead to serve those that they are made of.
pub(super) fn settle(site: &mut Site, internals: &Internals<'_>, notes: &mut Notes) {
    let mut more = Vec::new();
    for (directive, Path { regex, to, .. }) in internals.rewrites.take() {
        let is_whole = !to.split('?').next().unwrap_or_default().contains('{');
        let begins = &to[..to.find(['{', '?']).unwrap_or(to.len())];
        match serving(site, begins).filter(|_| !is_asked_for(site, begins, is_whole)) {
            Some(found)
                if !found.keys.iter().any(|(key, _)| ["strip_prefix", "add_prefix", "rewrite"].contains(key)) =>
            {
                // Whom conditions keep out of there, they keep out here.
                let is_rule =
                    |rule: &&Route| !rule.when.is_empty() && (rule.kind, &rule.path) == (found.kind, &found.path);
                for rule in site.routes.iter().filter(is_rule) {
                    more.push(Route { path: regex.clone(), kind: FIRST, ..rule.clone() });
                }
                let mut keys = found.keys;
                if matches!(found.action, Action::Backend(_)) {
                    keys.push(("rewrite", quoted(&kept(&to))));
                }
                more.push(Route { keys, kind: FIRST, ..regex_route(regex, found.action) });
            }
            _ => directive.left_out("not carried over: see rewrite of [[site.route]]", notes),
        }
    }
    site.routes.splice(0..0, more);
}

/// Returns a route as that of what serves the paths that begin so.
fn serving(site: &Site, begins: &str) -> Option<Route> {
    let is_below = |route: &&Route| match route.kind {
        PathKind::Exact => route.path == begins,
        PathKind::Prefix | PathKind::Beginning => begins.starts_with(&route.path),
        _ => false,
    };
    let own = site.routes.iter().filter(|route| route.when.is_empty());
    // Of a script the expression for scripts is the location.
    let script = own
        .clone()
        .find(|route| route.kind == PathKind::Regex && begins.ends_with(".php") && route.path.contains("\\.php"));
    let longest = || own.filter(is_below).max_by_key(|route| route.path.len());
    let rest = || {
        let (path, kind, when) = (String::new(), PathKind::Any, When::default());
        Some(Route { path, kind, when, action: site.action.clone()?, keys: site.keys.clone() })
    };
    script.or_else(longest).cloned().or_else(rest)
}
