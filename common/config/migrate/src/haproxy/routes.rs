//! Rows of rules as routes, whose order fosse decides by the path and the number of conditions.

use super::path::Path;
use super::walk::{PathChange, Row};
use crate::edge::{Action, Keys, PathKind, Route, Site, When, escaped, list, quoted};

/// Networks that every client is in: a condition that always holds.
const EVERYWHERE: [&str; 2] = ["\"0.0.0.0/0\"", "\"::/0\""];

/// Rows of one part of the paths of a host.
pub(super) type Part = (Path, Vec<Row>);

/// Gives a site the routes of its parts, the last of which is the rest. With `exact` each part is
/// an expression, in this order. Returns the paths of the rows that let nobody in, as a row before
/// them would be asked after them.
pub(super) fn fill(site: &mut Site, mut parts: Vec<Part>, exact: bool) -> Vec<String> {
    drop_plain(&mut parts);
    let closed = order(&mut parts, exact);
    for (path, rows) in parts {
        for row in rows {
            if path == Path::Rest && row.when.is_empty() && row.change.is_none() {
                site.action = Some(row.action);
                site.keys = row.keys;
                continue;
            }
            site.routes.push(route(&path, row, exact));
        }
    }
    closed
}

/// Leaves out parts of which nothing else is said than of the rest, where no other part has any of
/// their requests.
fn drop_plain(parts: &mut Vec<Part>) {
    let Some((_, rest)) = parts.last().cloned() else { return };
    let mut at = 0;
    while at + 1 < parts.len() {
        let is_apart = |other: &Part| {
            other.0 == parts[at].0 || other.0 == Path::Rest || parts[at].0.is_in(&other.0) == Some(false)
        };
        if parts[at].1 == rest && parts.iter().all(is_apart) {
            parts.remove(at);
        } else {
            at += 1;
        }
    }
}

/// Sees to it that of two rows that have requests in common the first one decides: it needs as many
/// conditions. Where it cannot have them, the other one lets nobody in; returns the paths of those.
fn order(parts: &mut [Part], exact: bool) -> Vec<String> {
    let mut closed = Vec::new();
    let mut all: Vec<(usize, usize)> = Vec::new();
    for (part, (_, rows)) in parts.iter().enumerate() {
        all.extend((0..rows.len()).map(|row| (part, row)));
    }
    for first in (0..all.len()).rev() {
        let (part, row) = all[first];
        for &(other_part, other_row) in &all[first + 1..] {
            let is_plain = |path: &Path| matches!(path, Path::Exact(_));
            let path = &parts[part].0;
            let is_one_list = part == other_part || (exact && !is_plain(path) && !is_plain(&parts[other_part].0));
            let is_apart = part != other_part
                && parts[other_part].0 != Path::Rest
                && path.is_in(&parts[other_part].0) == Some(false)
                && parts[other_part].0.is_in(path) == Some(false);
            let count = |row: &Row| {
                row.when.iter().map(|(key, values)| if is_list(key) { 1 } else { values.len() }).sum::<usize>()
            };
            let own = &parts[part].1[row];
            let (has, needs) = (count(own), count(&parts[other_part].1[other_row]));
            if !is_one_list || is_apart || has >= needs {
                continue;
            }
            if has + 1 == needs && !own.when.iter().any(|(key, _)| *key == "network") {
                let everywhere = EVERYWHERE.iter().map(|network| (*network).to_owned()).collect();
                parts[part].1[row].when.push(("network", everywhere));
            } else {
                let other = &mut parts[other_part].1[other_row];
                other.action = Action::Respond(403, None);
                other.change = None;
                closed.push(parts[other_part].0.regex());
            }
        }
    }
    closed
}

fn is_list(key: &str) -> bool {
    matches!(key, "network" | "method" | "listener")
}

fn route(path: &Path, row: Row, exact: bool) -> Route {
    let (mut keys, mut action) = (row.keys, row.action);
    let (mut text, mut kind) = match path {
        Path::Exact(path) => (path.clone(), PathKind::Exact),
        Path::Beginning(path) if !exact => (path.clone(), PathKind::Prefix),
        Path::Rest if !exact => ("/".to_owned(), PathKind::Prefix),
        path => (path.regex(), PathKind::Regex),
    };
    if !row.when.is_empty() {
        let shown: Vec<String> = row.when.iter().map(|(key, values)| format!("{key} = {}", list(values))).collect();
        keys.push(("when", format!("{{ {} }}", shown.join(", "))));
    }
    if let Some(change) = row.change {
        match changed(path, change, exact, &mut keys) {
            Some(Some(regex)) => (text, kind) = (regex, PathKind::Regex),
            Some(None) => {}
            None => action = Action::Respond(404, None),
        }
    }
    if matches!(action, Action::Respond(..) | Action::Redirect(..)) {
        keys.retain(|(key, _)| !matches!(*key, "rewrite" | "strip_prefix" | "add_prefix"));
    }
    Route { path: text, kind, when: When::default(), action, keys }
}

/// Adds the keys of a change of the path, and returns the expression that the route needs for it,
/// if any; `None` where there is no such route.
fn changed(path: &Path, change: PathChange, exact: bool, keys: &mut Keys) -> Option<Option<String>> {
    let (without, with) = match change {
        PathChange::Rewrite(regex, to) => {
            regex.is_none_or(|regex| *path == Path::Regex(regex)).then_some(())?;
            keys.push(("rewrite", quoted(&to)));
            return Some(None);
        }
        PathChange::Prefix { without, with } => (without, with),
    };
    match path {
        _ if without.is_empty() => keys.push(("add_prefix", quoted(&with))),
        Path::Beginning(own) if !exact && own.trim_end_matches('/') == without => {
            keys.push(("strip_prefix", "true".to_owned()));
            keys.extend((!with.is_empty()).then(|| ("add_prefix", quoted(&with))));
        }
        Path::Beginning(own) => {
            let rest = own.strip_prefix(&without)?;
            // Of "/ab" without "/a" nothing would be left that begins with a slash.
            (rest.is_empty() || rest.starts_with('/')).then_some(())?;
            let slash = if rest.is_empty() { "/?" } else { "/" };
            keys.push(("rewrite", quoted(&format!("{with}/{{1}}"))));
            let rest = escaped(rest.trim_start_matches('/'));
            return Some(Some(format!("^{}{slash}({rest}.*)$", escaped(&without))));
        }
        Path::Exact(own) => {
            let rest = own.strip_prefix(&without)?.trim_start_matches('/');
            keys.push(("rewrite", quoted(&format!("{with}/{rest}"))));
        }
        _ => return None,
    }
    Some(None)
}
