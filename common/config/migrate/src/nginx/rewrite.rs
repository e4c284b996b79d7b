//! `rewrite`: redirects, and paths that become others before something serves them.

use crate::edge::{Action, PathKind, Route, When, escaped};
use crate::pcre::pcre;

/// The effect of a `rewrite`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rewrite {
    /// A redirect of the paths in which an expression is found, or of all.
    Redirect(Option<String>, Action),
    /// A script gets all paths; whether its query is that of the request.
    Script(String, bool),
    /// The prefix of its location is taken off.
    Strip,
    /// Paths in which an expression is found become another one.
    Path(Path),
}

/// A change of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub regex: String,
    pub to: String,
    /// The same location serves it.
    pub stays: bool,
}

impl Path {
    /// Returns whether all of its paths are those of a location.
    pub(super) fn is_below(&self, prefix: &str) -> bool {
        is_below(&self.regex, prefix)
    }
}

/// Returns whether what an expression is found in is below a prefix.
pub(super) fn is_below(regex: &str, prefix: &str) -> bool {
    let begins = regex.strip_prefix('^').is_some_and(|rest| rest.starts_with(&escaped(prefix)));
    prefix == "/" || (!prefix.is_empty() && begins && !regex.contains('|'))
}

/// Changes of paths of a server, all of whose routes are asked about each.
pub(super) const REWRITES_COUNT_MAX: usize = 300;

/// Reads the words of a directive in a location with a prefix; `None` where it is not carried over.
pub(super) fn read(words: &[&str], prefix: &str) -> Option<Rewrite> {
    let (regex, written, flag) = match words {
        [regex, to] => (*regex, *to, ""),
        [regex, to, flag] => (*regex, *to, *flag),
        _ => return None,
    };
    let is_all =
        matches!(regex, "^" | "." | ".*" | "^.*" | "^.*$" | "^(.*)$" | "^(.*)" | "(.*)" | "^/(.*)$" | "^/(.*)" | "^/");
    let is_elsewhere = written.starts_with("http://") || written.starts_with("$scheme://");
    if is_elsewhere || matches!(flag, "redirect" | "permanent") {
        let status = if flag == "permanent" { 301 } else { 302 };
        let to = match is_all {
            true => whole(written, regex).or_else(|| target(written)),
            false => target(written),
        };
        let is_place = |to: &String| is_elsewhere || (to.starts_with('/') && !to.starts_with("//"));
        let action = Action::Redirect(to.filter(is_place)?, status);
        let regex = if is_all { None } else { Some(pcre(regex, false)?) };
        return Some(Rewrite::Redirect(regex, action));
    }
    let bare = written.split('?').next().unwrap_or_default();
    if is_all && bare.ends_with(".php") && bare.starts_with('/') && !bare.contains('$') {
        return Some(Rewrite::Script(bare.to_owned(), !written.contains('?')));
    }
    let stem = prefix.trim_end_matches('/');
    let strips = ["/(.*)$", "/(.*)", "/?(.*)$", "/?(.*)", "(/.*)$", "(.*)$"];
    let is_strip =
        regex.strip_prefix('^').and_then(|rest| rest.strip_prefix(stem)).is_some_and(|end| strips.contains(&end));
    if flag == "break" && !stem.is_empty() && is_strip && matches!(written, "/$1" | "$1") {
        return Some(Rewrite::Strip);
    }
    (matches!(flag, "last" | "break") && regex.starts_with('^')).then_some(())?;
    let to = target(written).filter(|to| to.starts_with('/') && !to.starts_with("//"))?;
    Some(Rewrite::Path(Path { regex: pcre(regex, false)?, to, stays: flag == "break" }))
}

/// Returns the target of a redirect of all paths, which keeps path and query.
fn whole(to: &str, regex: &str) -> Option<String> {
    let group = if regex.contains("/(") { "/$1" } else { "$1" };
    let before = to.strip_suffix("$request_uri?").or_else(|| to.strip_suffix("$request_uri"));
    let before = before.or_else(|| to.strip_suffix(group).filter(|_| regex.contains('(')))?;
    Some(format!("{}{{target}}", target(&format!("{before}?"))?))
}

/// Returns a target with fosse's variables and groups. nginx puts the query of the request after it
/// but where it ends in a question mark.
fn target(to: &str) -> Option<String> {
    let (to, query) = match (to.strip_suffix('?'), to.contains('?')) {
        (Some(to), _) => (to, ""),
        (None, true) => (to, "&{query}"),
        (None, false) => (to, "?{query}"),
    };
    (!to.contains(['{', '}', '#', '"', '\\']) && to.len() <= 200 && to.bytes().all(|byte| byte.is_ascii_graphic()))
        .then_some(())?;
    let mut out = String::new();
    let mut rest = to;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let known = [("host", "{host}"), ("scheme", "{scheme}"), ("request_uri", "{target}")];
        if let Some((name, ours)) = known.iter().find(|(name, _)| after.starts_with(name)) {
            out.push_str(ours);
            rest = &after[name.len()..];
            continue;
        }
        let digit = after.chars().next().filter(|digit| ('1'..='9').contains(digit))?;
        out.push_str(&format!("{{{digit}}}"));
        rest = &after[1..];
    }
    let query = if out.contains("{target}") { "" } else { query };
    Some(out + rest + query)
}

/// Returns a route of an expression.
pub(super) fn regex_route(regex: String, action: Action) -> Route {
    Route { path: regex, kind: PathKind::Regex, when: When::default(), action, keys: Vec::new() }
}

/// Returns a path without the query of the request, which stays by itself.
pub(super) fn kept(to: &str) -> String {
    to.strip_suffix("?{query}").unwrap_or(to).to_owned()
}
