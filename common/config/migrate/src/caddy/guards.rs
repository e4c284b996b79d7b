//! Directives that come before all that serves something: passwords, questions to another server,
//! redirects, and what is not carried over and kept requests away from others.

use super::block::Directive;
use crate::edge::{Action, Edge, list, quoted};
use crate::http::is_header;
use crate::notes::Notes;
use crate::users::{is_bcrypt, is_name};

/// Treatment of requests before any of them is served.
#[derive(Clone, Debug)]
pub(super) enum Guard {
    /// A key that asks who it is.
    Key((&'static str, String)),
    /// A response, whatever else there is.
    Instead(Action),
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
    let proxied = super::proxy::backend(&asked, upstreams, notes)?;
    let name = uri.map(|uri| (edge.backend(proxied.backend), uri))?;
    let copied = if copied.is_empty() { String::new() } else { format!(", copy_headers = {}", list(&copied)) };
    let table = format!("{{ backend = {}, path = {}{copied} }}", quoted(&name.0), quoted(&name.1));
    Some(Guard::Key(("forward_auth", table)))
}

/// Reads a response or a redirect.
pub(super) fn action(name: &str, arguments: &[&str], has_block: bool, regex: Option<&str>) -> Option<Action> {
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
            let to = location(to, regex)?;
            let rest = ["http://", "https://"].iter().find_map(|scheme| to.strip_prefix(scheme));
            let is_place = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
                || (to.starts_with('/') && !to.starts_with("//"));
            (is_place && to.bytes().all(|byte| byte.is_ascii_graphic())).then_some(Action::Redirect(to, code))
        }
        _ => None,
    }
}

/// Returns the place of a redirect with fosse's variables, and groups of the expression by which
/// the requests were chosen.
fn location(to: &str, regex: Option<&str>) -> Option<String> {
    let groups = regex.map(|name| if name.is_empty() { "re.".to_owned() } else { format!("re.{name}.") });
    let (mut out, mut rest) = (String::new(), to);
    while let Some(at) = rest.find(['{', '}', '$']) {
        out.push_str(&rest[..at]);
        let (name, after) = rest[at..].strip_prefix('{')?.split_once('}')?;
        let group = groups.as_ref().and_then(|groups| name.strip_prefix(groups.as_str()));
        match (name, group) {
            ("uri", _) => out.push_str("{target}"),
            ("host" | "scheme" | "path", _) => out.push_str(&rest[at..=at + name.len() + 1]),
            (_, Some(number)) if matches!(number.as_bytes(), [b'1'..=b'9']) => out.push_str(&format!("{{{number}}}")),
            _ => return None,
        }
        rest = after;
    }
    Some(out + rest)
}
