//! Matchers: `*`, a path, or a name and what it stands for (caddyserver.com, "Request Matchers").

use std::collections::{BTreeMap, HashSet};

use super::block::Directive;
use crate::edge::{When, escaped};
use crate::http::is_header;

/// Requests of a site by their path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Requests {
    All,
    /// This path, and nothing below it.
    Exact(String),
    /// All that begin so: a prefix where it ends in a slash.
    Beginning(String),
    /// Those in which a regular expression is found.
    Regex(String),
}

/// The requests that a matcher matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Matcher {
    /// Any of these paths; none stands for all of them.
    pub paths: Vec<Requests>,
    pub when: When,
    /// None of these paths.
    pub not_paths: Vec<Requests>,
    /// No client of these networks.
    pub not_networks: Vec<String>,
    /// None of these methods.
    pub not_methods: Vec<String>,
    /// Name of its path_regexp: its groups are `{re.NAME.1}`.
    pub regex: Option<String>,
}

impl Matcher {
    /// Returns that of all requests.
    pub(super) fn all() -> Self {
        Self::default()
    }

    /// Returns the paths, of which there is one at least.
    pub(super) fn requests(&self) -> Vec<Requests> {
        if self.paths.is_empty() {
            return vec![Requests::All];
        }
        // Each once: a path that is said twice would be four places in a block of the block.
        let mut seen = HashSet::new();
        self.paths.iter().filter(|path| seen.insert(*path)).cloned().collect()
    }

    /// Returns whether it is said of requests by what they are, and not by what they are not.
    pub(super) fn is_positive(&self) -> bool {
        self.not_paths.is_empty() && self.not_networks.is_empty() && self.not_methods.is_empty()
    }
}

/// The matchers of a site that have names, with those that are not carried over.
pub(super) type Named = BTreeMap<String, Option<Matcher>>;

/// Returns the matchers of a block. `hosts` are those of the site.
pub(super) fn named(inside: &[Directive], hosts: &[String]) -> Named {
    let definitions = inside.iter().filter(|directive| directive.name().starts_with('@'));
    definitions.map(|directive| (directive.name().to_owned(), matcher(directive, hosts))).collect()
}

/// Returns the matcher that a first word is; `None` for one that is not carried over.
pub(super) fn read(word: &str, named: &Named) -> Option<Matcher> {
    if word.starts_with('@') {
        return named.get(word).cloned().flatten();
    }
    let paths = match path(word)? {
        Requests::All => Vec::new(),
        requests => vec![requests],
    };
    Some(Matcher { paths, ..Matcher::default() })
}

/// Returns the requests of a path: `*`, `/a`, `/a/*`, `/a*` or `*.a`.
fn path(matcher: &str) -> Option<Requests> {
    if matcher == "*" || matcher == "/*" {
        return Some(Requests::All);
    }
    let is_graphic = matcher.bytes().all(|byte| byte.is_ascii_graphic()) && matcher.len() <= 200;
    let is_plain = |text: &str| is_graphic && !text.contains(['?', '#', '*', '%', '"', '\\', '{']);
    if let Some(end) = matcher.strip_prefix('*') {
        return is_plain(end).then(|| Requests::Regex(format!("(?i){}$", escaped(end))));
    }
    let (path, is_exact) = matcher.strip_suffix('*').map_or((matcher, true), |path| (path, false));
    if !path.starts_with('/') || !is_plain(path) {
        return None;
    }
    let parts = path[1..].strip_suffix('/').unwrap_or(&path[1..]);
    let is_sound = path == "/" || !parts.split('/').any(|part| matches!(part, "" | "." | ".."));
    is_sound.then(|| match is_exact {
        true => Requests::Exact(path.to_owned()),
        false => Requests::Beginning(path.to_owned()),
    })
}

/// Reads `@name ...`: one line, or a block of lines that all must match.
fn matcher(directive: &Directive, hosts: &[String]) -> Option<Matcher> {
    let mut matcher = Matcher::default();
    let words = directive.arguments();
    if !words.is_empty() {
        take(&mut matcher, &words, directive.inside(), hosts)?;
        return Some(matcher);
    }
    for line in directive.inside() {
        let words: Vec<&str> = line.words.iter().map(String::as_str).collect();
        take(&mut matcher, &words, line.inside(), hosts)?;
    }
    directive.block.is_some().then_some(matcher)
}

#[expect(clippy::too_many_lines, reason = "an arm for each kind of matcher")]
fn take(matcher: &mut Matcher, words: &[&str], inside: &[Directive], hosts: &[String]) -> Option<()> {
    match words {
        ["path", paths @ ..] if matcher.paths.is_empty() => {
            let read: Vec<Requests> = paths.iter().map(|word| path(word)).collect::<Option<_>>()?;
            // With all paths among them it is said of none.
            if !read.contains(&Requests::All) {
                matcher.paths = read;
            }
        }
        ["path_regexp", rest @ ..] if matcher.paths.is_empty() => {
            let (name, regex) = match rest {
                [regex] => ("", *regex),
                [name, regex] => (*name, *regex),
                _ => return None,
            };
            is_regex(regex).then_some(())?;
            matcher.paths = vec![Requests::Regex(regex.to_owned())];
            matcher.regex = Some(name.to_owned());
        }
        ["method", methods @ ..] if matcher.when.method.is_empty() && methods.iter().all(|name| is_method(name)) => {
            matcher.when.method = methods.iter().map(|name| (*name).to_owned()).collect();
        }
        ["header", rest @ ..] => {
            let test = header(rest)?;
            // Caddy takes any of several values of a header, fosse all of them.
            let name = name_of(&test).to_ascii_lowercase();
            let is_there = matcher.when.header.iter().any(|one| name_of(one).eq_ignore_ascii_case(&name));
            (!is_there).then(|| matcher.when.header.push(test))?;
        }
        ["query", test] if matcher.when.query.is_empty() => matcher.when.query.push(query(test)?),
        ["remote_ip", networks @ ..] if matcher.when.network.is_empty() => {
            matcher.when.network = self::networks(networks)?;
        }
        ["host", names @ ..] => {
            // A site with other hosts would need them as sites of their own.
            let has_all =
                !hosts.is_empty() && hosts.iter().all(|host| names.iter().any(|name| name.eq_ignore_ascii_case(host)));
            has_all.then_some(())?;
        }
        ["not", rest @ ..] if !rest.is_empty() => not(matcher, rest)?,
        ["not"] => match inside {
            // Of several lines one that does not match is enough.
            [one] => not(matcher, &one.words.iter().map(String::as_str).collect::<Vec<_>>())?,
            _ => return None,
        },
        _ => return None,
    }
    Some(())
}

fn not(matcher: &mut Matcher, words: &[&str]) -> Option<()> {
    match words {
        ["path", paths @ ..] => {
            let read: Vec<Requests> = paths.iter().map(|word| path(word)).collect::<Option<_>>()?;
            (!read.contains(&Requests::All)).then(|| matcher.not_paths.extend(read))?;
        }
        ["method", methods @ ..] if matcher.not_methods.is_empty() && methods.iter().all(|name| is_method(name)) => {
            matcher.not_methods = methods.iter().map(|name| (*name).to_owned()).collect();
        }
        ["remote_ip", networks @ ..] if matcher.not_networks.is_empty() => {
            matcher.not_networks = self::networks(networks)?;
        }
        ["header", rest @ ..] => {
            let test = header(rest)?;
            let test = test.strip_prefix('!').map_or_else(|| format!("!{test}"), str::to_owned);
            matcher.when.header.push(test);
        }
        _ => return None,
    }
    Some(())
}

/// Returns the name that a test is about.
fn name_of(test: &str) -> &str {
    let test = test.trim_start_matches('!');
    test.split_once('=').map_or(test, |(name, _)| name)
}

/// Returns a test of a header, as `when` has it.
fn header(words: &[&str]) -> Option<String> {
    let is_value = |value: &str| {
        value.bytes().all(|byte| (0x20..0x7f).contains(&byte))
            && !value.contains(['{', '}', '=', '!'])
            && value.len() <= 100
    };
    match words {
        [name] => name.strip_prefix('!').filter(|name| is_header(name)).map(|name| format!("!{name}")),
        [name, "*"] if is_header(name) => Some((*name).to_owned()),
        [name, value] if is_header(name) && is_value(value) && !value.is_empty() => Some(format!("{name}={value}")),
        _ => None,
    }
}

fn query(word: &str) -> Option<String> {
    let (name, value) = word.split_once('=')?;
    let is_plain = |text: &str| {
        !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match value {
        "*" if is_plain(name) => Some(name.to_owned()),
        value => (is_plain(name) && is_plain(value)).then(|| format!("{name}={value}")),
    }
}

/// The networks that Caddy calls private_ranges.
const PRIVATE: [&str; 6] = ["192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/8", "127.0.0.1/8", "fd00::/8", "::1"];

fn networks(words: &[&str]) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for word in words {
        match *word {
            "private_ranges" => all.extend(PRIVATE.map(|network| network.replace("127.0.0.1/8", "127.0.0.0/8"))),
            // Whom a proxy names is what trusted of a listener is about.
            network if crate::http::is_network(network) => all.push(network.to_owned()),
            _ => return None,
        }
    }
    (!all.is_empty() && all.len() <= 256).then_some(all)
}

/// Returns whether an expression is one that is looked for in linear time, and says the same there.
pub(super) fn is_regex(regex: &str) -> bool {
    !regex.contains("(?")
        && !regex.chars().any(char::is_control)
        && (1..=256).contains(&regex.len())
        && !regex.contains("{$")
}

fn is_method(name: &str) -> bool {
    (1..=16).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Returns whether an expression may be found in a path that begins with a prefix.
pub(super) fn may_meet(regex: &str, prefix: &str) -> bool {
    let Some(literal) = beginning(regex) else { return true };
    let (literal, prefix) = (literal.to_ascii_lowercase(), prefix.to_ascii_lowercase());
    literal.starts_with(prefix.trim_end_matches('/')) || prefix.starts_with(&literal)
}

/// Returns the text with which all paths begin in which an expression is found; `None` where that
/// is not easily seen.
fn beginning(regex: &str) -> Option<String> {
    let rest = regex.strip_prefix("(?i)").unwrap_or(regex).strip_prefix('^')?;
    let mut depth = 0_usize;
    for one in rest.bytes() {
        match one {
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            b'|' if depth == 0 => return None,
            _ => {}
        }
    }
    let mut literal = String::new();
    let mut rest = rest.chars().peekable();
    while let Some(one) = rest.next() {
        let one = match one {
            '\\' => rest.next().filter(|next| !next.is_ascii_alphanumeric()),
            one => Some(one).filter(|one| !".+*?()|[]{}^$".contains(*one)),
        };
        let Some(one) = one else { break };
        // Of what may be missing nothing is known.
        if rest.peek().is_some_and(|next| "*?{".contains(*next)) {
            break;
        }
        literal.push(one);
    }
    Some(literal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_expression_begins_with_is_seen_or_not_said() {
        for (regex, expected) in [
            ("^/old/([0-9]+)$", Some("/old/")),
            ("(?i)^/a\\.b$", Some("/a.b")),
            ("^/ab?c", Some("/a")),
            ("^/ab*", Some("/a")),
            ("^/a{2}", Some("/")),
            ("^/a+b", Some("/a")),
            ("^/a|b", None),
            ("^/(a|b)", Some("/")),
            ("^/a\\d", Some("/a")),
            ("\\.php$", None),
        ] {
            assert_eq!(beginning(regex).as_deref(), expected, "{regex}");
        }
        assert!(
            may_meet("^/old/x", "/old/")
                && may_meet("^/o", "/old")
                && may_meet("x$", "/a")
                && may_meet("(?i)^/OLD", "/old/")
        );
        assert!(!may_meet("^/old/x", "/new/") && !may_meet("^/a/b$", "/b/"));
    }
}
