//! `if`: conditions that a route can ask for, each with one response.

use super::directive::Directive;
use super::returned::returned_action;
use super::rewrite::{self, Rewrite};
use crate::edge::{Action, When};
use crate::notes::Notes;

/// A response for the requests that meet conditions.
pub(super) type Rule = (When, Action);

/// Rules of a place: each makes one more of each of its routes.
pub(super) const RULES_COUNT_MAX: usize = 16;

/// Said of a denial whose condition no route has.
pub(super) const CLOSED: &str = "not carried over, so its requests get 403: routes ask for methods, networks, headers and parameters of the query; see when of [[site.route]]";

/// The effect of an `if`.
pub(super) enum Effect {
    /// None is left: it is noted, or fosse does this anyway.
    None,
    Rules(Vec<Rule>),
    /// No other methods are served.
    Methods(Vec<String>),
    /// A script gets the paths of no file.
    Front(String),
    /// It kept requests out, and cannot be said.
    Lost,
}

/// Reads an `if`, and notes what of it is not carried over.
pub(super) fn read(directive: &Directive, notes: &mut Notes) -> Effect {
    let block = directive.block.as_deref().unwrap_or_default();
    let written = block.iter().find(|inside| inside.name() == "return").map(Directive::arguments);
    let words = written.as_deref();
    let Some((variable, operator, value)) = test(directive) else { return left_out(directive, words, notes) };
    if is_https(words) && matches!(variable.as_str(), "$scheme" | "$https" | "$http_x_forwarded_proto") {
        directive.left_out("not carried over: a redirect to HTTPS belongs to what ends TLS", notes);
        return Effect::None;
    }
    if matches!(variable.as_str(), "!-f" | "!-e" | "!-d") {
        // What is no script gets 404 of the server that runs scripts.
        let is_404 = words.is_some_and(|words| words == ["404"]);
        return match leads_to(block) {
            Some(script) => Effect::Front(script),
            None if is_404 => Effect::None,
            None => left_out(directive, words, notes),
        };
    }
    let found = match words.and_then(returned_action) {
        Some(Action::Respond(400..=499, _)) if variable == "$request_method" && operator.starts_with('!') => {
            let names = methods(operator.trim_start_matches('!'), &value).filter(|names| !names.is_empty());
            if names.is_some() && words.and_then(<[&str]>::first) != Some(&"405") {
                directive.left_out("carried over; other methods get 405", notes);
            }
            names.map(Effect::Methods)
        }
        // nginx finds an argument in whatever case: a denial would be evaded.
        Some(Action::Respond(400.., _)) if variable.starts_with("$arg_") => None,
        Some(action) if block.len() == 1 => when(&variable, &operator, &value)
            .map(|all| Effect::Rules(all.into_iter().map(|when| (when, action.clone())).collect())),
        _ => None,
    };
    found.unwrap_or_else(|| left_out(directive, words, notes))
}

/// Notes what is not carried over; what keeps requests out keeps all of them out then.
fn left_out(directive: &Directive, returned: Option<&[&str]>, notes: &mut Notes) -> Effect {
    let status = returned.and_then(|words| words.first()?.parse::<u16>().ok());
    if status.is_some_and(|status| (400..500).contains(&status)) {
        directive.left_out(CLOSED, notes);
        return Effect::Lost;
    }
    directive.left_out("not carried over, nor is what is in it", notes);
    Effect::None
}

/// Returns the script that gets the paths of no file.
fn leads_to(block: &[Directive]) -> Option<String> {
    let mut words = block.iter().filter(|inside| inside.name() == "rewrite");
    let is_only = block.iter().all(|inside| matches!(inside.name(), "rewrite" | "break"));
    match rewrite::read(&words.next().filter(|_| is_only)?.arguments(), "") {
        Some(Rewrite::Script(script, true)) if words.next().is_none() => Some(script),
        _ => None,
    }
}

/// Returns whether clients are sent to HTTPS.
fn is_https(returned: Option<&[&str]>) -> bool {
    returned.and_then(<[&str]>::last).is_some_and(|to| to.starts_with("https://"))
}

/// Returns the variable, the operator and the value of a condition.
pub(super) fn test(directive: &Directive) -> Option<(String, String, String)> {
    let mut words: Vec<&str> = directive.arguments();
    *words.first_mut()? = words.first()?.strip_prefix('(')?;
    *words.last_mut()? = words.last()?.strip_suffix(')')?;
    if words.first()?.is_empty() {
        words.remove(0);
    }
    // A value in quotes may be empty.
    if words.last()?.is_empty() && words.len() > 3 || words.len() == 3 && words[0].starts_with('!') {
        words.pop();
    }
    match words.as_slice() {
        [variable, operator @ ("=" | "!=" | "~" | "~*" | "!~" | "!~*"), value] => {
            Some(((*variable).to_owned(), (*operator).to_owned(), (*value).to_owned()))
        }
        [operator @ ("!-f" | "!-e"), "$request_filename" | "$document_root$fastcgi_script_name"] => {
            Some(((*operator).to_owned(), String::new(), String::new()))
        }
        _ => None,
    }
}

/// Returns the methods that an operator takes.
fn methods(operator: &str, value: &str) -> Option<Vec<String>> {
    let bare = match operator {
        "=" => value,
        "~" => {
            let inside = value.strip_prefix('^')?.strip_suffix('$')?;
            inside
                .strip_prefix("(?:")
                .or_else(|| inside.strip_prefix('('))
                .map_or(Some(inside), |one| one.strip_suffix(')'))?
        }
        _ => return None,
    };
    let names: Vec<String> = bare.split('|').map(str::to_owned).collect();
    let is_name = |name: &String| (1..=20).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_uppercase());
    (names.len() <= 16 && names.iter().all(is_name)).then_some(())?;
    // These are never served.
    Some(names.into_iter().filter(|name| !matches!(name.as_str(), "TRACE" | "CONNECT" | "TRACK")).collect())
}

/// Returns the conditions of routes of which one has to hold.
fn when(variable: &str, operator: &str, value: &str) -> Option<Vec<When>> {
    if variable == "$request_method" {
        let method = methods(operator, value)?;
        return Some(if method.is_empty() { Vec::new() } else { vec![When { method, ..When::default() }] });
    }
    if variable == "$remote_addr" && operator == "=" && value.parse::<std::net::IpAddr>().is_ok() {
        return Some(vec![When { network: vec![value.to_owned()], ..When::default() }]);
    }
    let (name, is_query) = match variable.strip_prefix("$arg_") {
        Some(name) => (name.to_owned(), true),
        None => (variable.strip_prefix("$http_")?.replace('_', "-"), false),
    };
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ((1..=64).contains(&name.len()) && name.bytes().all(is_of_name)).then_some(())?;
    let is_plain =
        value.len() <= 200 && value.bytes().all(|byte| byte.is_ascii_graphic()) && !value.contains(['*', '$']);
    let tests = match (operator, value) {
        ("=", "") => vec![format!("!{name}"), format!("{name}=")],
        ("!=", "") => vec![name],
        ("=", value) if is_plain => vec![format!("{name}={value}")],
        _ => return None,
    };
    let one = |test| match is_query {
        true => When { query: vec![test], ..When::default() },
        false => When { header: vec![test], ..When::default() },
    };
    Some(tests.into_iter().map(one).collect())
}
