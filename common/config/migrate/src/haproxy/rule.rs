//! Rules: what is done for the requests for which a condition holds.

use super::acl::{Acls, Condition};
use super::atom::Atom;
use super::edits::{Change, changed};
use super::format::template;
use super::path::Path;
use super::section::Line;
use crate::edge::{Action, Keys, quoted};
use crate::notes::Notes;
use crate::pcre::pcre;

/// The effect of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It is the response.
    Respond(Action, Keys),
    /// It is one of HAProxy's own that fosse has not; in its place comes this status.
    Closed(u16),
    /// No further rule of this section is asked about requests.
    Allow,
    /// The password of a user of a list is asked for; the key of its realm.
    Auth(String, String),
    Change(Change),
    /// A prefix of the path is taken off, and another one put before it.
    Path {
        paths: String,
        without: String,
        with: String,
    },
    /// The path becomes another one, where it is one of this expression.
    Rewrite(Option<String>, String),
    Keys(Keys),
    Use(String),
}

/// A rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub line: Line,
    pub effect: Effect,
    pub condition: Condition,
    /// It is asked about requests, and not about responses.
    pub is_of_requests: bool,
}

impl Rule {
    /// Returns the status that its requests get where it is not known for which ones it is; `None`
    /// where it is left out.
    pub(super) fn closing(&self) -> Option<u16> {
        let names_paths = self.condition.atoms().any(|atom| matches!(atom, Atom::Path(_) | Atom::Host(_)));
        match &self.effect {
            Effect::Respond(Action::Respond(400.., _), _) | Effect::Auth(..) | Effect::Closed(403) => Some(403),
            Effect::Respond(..) | Effect::Closed(_) | Effect::Path { .. } | Effect::Rewrite(..) if names_paths => {
                Some(404)
            }
            _ => None,
        }
    }

    /// Returns whether it keeps somebody out, so that its paths have to be exact.
    pub(super) fn is_strict(&self) -> bool {
        let keeps_out = matches!(&self.effect, Effect::Respond(Action::Respond(400.., _), _) | Effect::Closed(_));
        keeps_out || matches!(self.effect, Effect::Auth(..) | Effect::Allow)
    }
}

/// Reads a rule; `None` where it is none, or has nothing that is carried over, which is noted.
pub(super) fn rule(line: &Line, acls: &Acls, notes: &mut Notes) -> Option<Rule> {
    let words = line.all();
    let (kind, rest) = match words.as_slice() {
        ["redirect", ..] => ("http-request", words.as_slice()),
        [kind @ ("http-request" | "http-response" | "http-after-response"), rest @ ..] => (*kind, rest),
        _ => return None,
    };
    let at = rest.iter().position(|word| matches!(*word, "if" | "unless")).unwrap_or(rest.len());
    let (what, condition) = (&rest[..at], acls.condition(&rest[at..]));
    let is_of_requests = kind == "http-request";
    if condition.atoms().any(|atom| *atom == Atom::Count) {
        line.left_out("carried over as if what is counted were never many: see source_bytes_per_second, address_connections_max and connections_max", notes);
    }
    let effect = match is_of_requests {
        true => of_request(line, what, &condition, notes),
        false => of_response(line, what, notes),
    };
    let mut rule = Rule { line: line.clone(), effect: effect?, condition, is_of_requests };
    if let Effect::Path { paths, .. } = &rule.effect
        && !paths.is_empty()
    {
        let path = Path::Beginning(paths.clone());
        rule.condition = rule.condition.and_path(path);
    }
    if let Effect::Rewrite(Some(regex), _) = &rule.effect {
        let path = Path::Regex(regex.clone());
        rule.condition = rule.condition.and_path(path);
    }
    Some(rule)
}

fn of_response(line: &Line, what: &[&str], notes: &mut Notes) -> Option<Effect> {
    match what {
        ["deny" | "return", ..] => {
            line.left_out("not carried over; its requests get 403", notes);
            Some(Effect::Closed(403))
        }
        // What is kept is what the lines of cache-use are for.
        ["cache-store", _] => None,
        _ => changed(line, what, false, notes).map(Effect::Change),
    }
}

#[expect(clippy::too_many_lines, reason = "a table, one arm for each action")]
fn of_request(line: &Line, what: &[&str], condition: &Condition, notes: &mut Notes) -> Option<Effect> {
    let closed = |status: u16, notes: &mut Notes| {
        line.left_out(&format!("not carried over; its requests get {status}"), notes);
        Some(Effect::Closed(status))
    };
    match what {
        ["allow"] => Some(Effect::Allow),
        ["deny", words @ ..] => {
            let status = denied(words).unwrap_or(403);
            Some(Effect::Respond(Action::Respond(status, None), Keys::new()))
        }
        ["tarpit", ..] => {
            line.left_out("carried over as a denial: 403 at once", notes);
            Some(Effect::Respond(Action::Respond(403, None), Keys::new()))
        }
        ["reject" | "silent-drop", ..] => {
            line.left_out("carried over as 403", notes);
            Some(Effect::Respond(Action::Respond(403, None), Keys::new()))
        }
        ["return", words @ ..] => returned(line, words, notes).or_else(|| closed(404, notes)),
        ["redirect", words @ ..] => redirect(words).or_else(|| closed(404, notes)),
        ["auth", rest @ ..] => {
            let realm = match rest {
                ["realm", realm] if realm.is_ascii() && realm.len() <= 100 && !realm.contains(['"', '\\', '$']) => {
                    format!("realm = {}, ", quoted(realm))
                }
                _ => String::new(),
            };
            let users = condition.atoms().find_map(|atom| match atom {
                Atom::Users(list) => Some(list.clone()),
                _ => None,
            });
            users.map(|users| Effect::Auth(users, realm)).or_else(|| closed(403, notes))
        }
        ["set-path", format] | ["set-uri", format] => path(format).or_else(|| closed(404, notes)),
        ["replace-path" | "replace-pathq" | "replace-uri", regex, format] => {
            replaced(regex, format).or_else(|| closed(404, notes))
        }
        ["set-query" | "set-method" | "use-service" | "lua.*", ..] => closed(404, notes),
        ["cache-use", _] => Some(Effect::Keys(vec![("cache", "true".to_owned())])),
        // fosse compares decoded paths without "." and ".." anyway.
        ["normalize-uri", ..] => None,
        _ => changed(line, what, true, notes).map(Effect::Change),
    }
}

fn denied(words: &[&str]) -> Option<u16> {
    let at = words.iter().position(|word| matches!(*word, "deny_status" | "status"))?;
    words.get(at + 1)?.parse().ok().filter(|status| (400..=599).contains(status))
}

fn returned(line: &Line, words: &[&str], notes: &mut Notes) -> Option<Effect> {
    let (mut status, mut body, mut keys, mut others) = (200, None, Keys::new(), Vec::new());
    for pair in words.chunks(2) {
        match pair {
            ["status", number] => status = number.parse().ok().filter(|status| (200..=599).contains(status))?,
            ["content-type", kind] if is_media_type(kind) => keys.push(("respond_type", quoted(kind))),
            ["string" | "lf-string", text] if text.len() <= 16_384 && !text.contains(['%', '\0']) => {
                body = Some((*text).to_owned());
            }
            ["file", path] if path.starts_with('/') => keys.push(("respond_file", quoted(path))),
            _ => others.push(pair.join(" ")),
        }
    }
    (!(300..400).contains(&status)).then_some(())?;
    if !others.is_empty() {
        line.left_out(&format!("carried over without {}", others.join(" ")), notes);
    }
    if body.is_none() && !keys.iter().any(|(key, _)| *key == "respond_file") {
        keys.clear();
    }
    Some(Effect::Respond(Action::Respond(status, body), keys))
}

fn is_media_type(word: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-_".contains(&byte))
    };
    let bare = word.split(';').next().unwrap_or_default();
    bare == word && word.split_once('/').is_some_and(|(kind, subtype)| is_part(kind) && is_part(subtype))
}

fn redirect(words: &[&str]) -> Option<Effect> {
    let (mut to, mut status, mut is_bare) = (None, 302, false);
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match *word {
            kind @ ("location" | "prefix" | "scheme") => to = Some((kind, *rest.next()?)),
            "code" => status = rest.next()?.parse().ok().filter(|code| [301, 302, 303, 307, 308].contains(code))?,
            "drop-query" => is_bare = true,
            _ => return None,
        }
    }
    let target = if is_bare { "{path}" } else { "{target}" };
    let to = match to? {
        ("location", to) => template(to)?,
        ("prefix", "/") => target.to_owned(),
        ("prefix", to) => format!("{}{target}", template(to)?.trim_end_matches('/')),
        ("scheme", scheme @ ("http" | "https")) => format!("{scheme}://{{host}}{target}"),
        _ => return None,
    };
    let is_place =
        to.starts_with("http://") || to.starts_with("https://") || (to.starts_with('/') && !to.starts_with("//"));
    let rest = to.split_once("://").map_or("x", |(_, rest)| rest);
    let is_sound = to.bytes().all(|byte| byte.is_ascii_graphic()) && !rest.is_empty() && !rest.starts_with('/');
    (is_place && is_sound).then(|| Effect::Respond(Action::Redirect(to, status), Keys::new()))
}

fn path(format: &str) -> Option<Effect> {
    let beginning = |text: &str| is_beginning(text.trim_end_matches('/'));
    if let Some(with) = format.strip_suffix("%[path]").filter(|with| beginning(with)) {
        return Some(Effect::Path {
            paths: String::new(),
            without: String::new(),
            with: with.trim_end_matches('/').to_owned(),
        });
    }
    if let Some(call) = format.strip_prefix("%[path,regsub(").and_then(|call| call.strip_suffix(")]")) {
        let (regex, to) = call.split_once(',')?;
        let regex = regex.trim_matches(['"', '\'']);
        let bare = regex.strip_prefix('^')?.trim_end_matches("/?").trim_end_matches('/');
        let to = to.trim_matches(['"', '\'']);
        let is_strip = is_beginning(bare) && matches!(to, "" | "/");
        return is_strip.then(|| Effect::Path {
            paths: bare.to_owned(),
            without: bare.to_owned(),
            with: String::new(),
        });
    }
    let is_constant = format.starts_with('/')
        && format.bytes().all(|byte| byte.is_ascii_graphic())
        && !format.contains(['%', '{', '}', '#', '"', '\\']);
    is_constant.then(|| Effect::Rewrite(None, format.to_owned()))
}

/// Returns whether a text is the beginning of a path, without a slash at its end.
fn is_beginning(text: &str) -> bool {
    text.starts_with('/')
        && !text.ends_with('/')
        && Path::Beginning(text.to_owned()).is_plain()
        && !text.contains(['.', '(', ')', '[', ']', '{', '}', '^', '$', '|', '+'])
}

/// Ends of expressions that have all that follows a prefix as their only group.
const WHOLE_ENDS: &[&str] = &["/(.*)$", "/(.*)", "/?(.*)$", "/?(.*)", "(.*)$", "(.*)"];

fn replaced(regex: &str, format: &str) -> Option<Effect> {
    let anchored = regex.strip_prefix('^').unwrap_or(regex);
    let bare = WHOLE_ENDS.iter().find_map(|end| anchored.strip_suffix(end)).filter(|bare| is_beginning(bare));
    let slash = if anchored.contains("/(.*)") { "/" } else { "" };
    let with = format.strip_suffix("\\1").map(|with| with.trim_end_matches('/'));
    if let (Some(without), Some(with)) = (bare, with)
        && (with.is_empty() || is_beginning(with))
    {
        let paths = format!("{without}{slash}");
        return Some(Effect::Path { paths, without: without.to_owned(), with: with.to_owned() });
    }
    // What is before and after the part that is replaced would stay.
    let is_whole = regex.starts_with('^') && (regex.ends_with('$') || regex.ends_with("(.*)"));
    let pattern = pcre(regex, false).filter(|_| is_whole)?;
    let groups = regex.matches('(').count();
    let mut to = String::new();
    let mut rest = format.chars();
    while let Some(one) = rest.next() {
        match one {
            '\\' => {
                let digit = rest.next()?.to_digit(10).filter(|digit| (1..10).contains(digit))?;
                (usize::try_from(digit).ok()? <= groups).then_some(())?;
                to.push_str(&format!("{{{digit}}}"));
            }
            '{' | '}' | '%' | '#' | '"' => return None,
            plain if plain.is_ascii_graphic() => to.push(plain),
            _ => return None,
        }
    }
    to.starts_with('/').then_some(Effect::Rewrite(Some(pattern), to))
}
