//! Changes of headers.

use super::format::template;
use super::section::Line;
use crate::edge::{Keys, list, quoted};
use crate::http::{is_header, is_own};
use crate::notes::Notes;
use crate::pcre::pcre;

/// A change of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    is_of_requests: bool,
    kind: Kind,
    name: String,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Set,
    Add,
    Remove,
    Replace,
    Host,
}

/// Reads a change; `None`, which is noted, for what is none, or what fosse does by itself.
#[expect(clippy::too_many_lines, reason = "a table, one arm for each change")]
pub(super) fn changed(line: &Line, what: &[&str], is_of_requests: bool, notes: &mut Notes) -> Option<Change> {
    let change = |kind, name: &str, value: String| Some(Change { is_of_requests, kind, name: name.to_owned(), value });
    let (name, lower) = match what {
        [_, name, ..] if is_header(name) => (*name, name.to_ascii_lowercase()),
        _ => {
            line.left_out(super::why(&line.all()), notes);
            return None;
        }
    };
    let is_own = is_own(&lower) || matches!(&*lower, "forwarded" | "via");
    let is_of_proxies = lower.starts_with("x-forwarded-") || lower == "x-real-ip";
    if is_of_requests && is_of_proxies {
        let is_usual = matches!(
            what,
            [_, _]
                | [
                    "set-header",
                    _,
                    "http"
                        | "https"
                        | "%[src]"
                        | "%[dst_port]"
                        | "80"
                        | "443"
                        | "%[req.hdr(host)]"
                        | "%[req.hdr(Host)]"
                        | "%[hdr(host)]"
                ]
        );
        if !is_usual {
            line.left_out("not carried over: fosse writes this header by itself", notes);
        }
        return None;
    }
    let found = match what {
        _ if is_own => None,
        ["set-header", _, value] if lower == "host" => {
            template(value).filter(|_| is_of_requests).and_then(|value| change(Kind::Host, name, value))
        }
        _ if lower == "host" => None,
        ["set-header", _, value] => template(value).and_then(|value| change(Kind::Set, name, value)),
        ["add-header", _, value] => template(value).and_then(|value| change(Kind::Add, name, value)),
        ["del-header", _] => change(Kind::Remove, name, String::new()),
        ["replace-header", _, regex, value] => {
            replacement(regex, value).and_then(|value| change(Kind::Replace, name, value))
        }
        _ => None,
    };
    if found.is_none() {
        line.left_out(super::why(&line.all()), notes);
    }
    found
}

/// Returns the keys of an entry of `replace`, where the whole value is replaced.
fn replacement(regex: &str, value: &str) -> Option<String> {
    let pattern = pcre(regex, false)?;
    let groups = regex.matches('(').count();
    let mut to = String::new();
    let mut rest = value.chars();
    while let Some(one) = rest.next() {
        match one {
            '\\' => {
                let digit = rest.next()?.to_digit(10).filter(|digit| (1..10).contains(digit))?;
                (usize::try_from(digit).ok()? <= groups).then(|| to.push_str(&format!("{{{digit}}}")))?;
            }
            '{' | '}' => to.extend([one, one]),
            '%' => return None,
            plain if plain == ' ' || plain.is_ascii_graphic() => to.push(plain),
            _ => return None,
        }
    }
    Some(format!("regex = {}, value = {}", quoted(&pattern), quoted(&to)))
}

/// The changes of a request and its response, as keys.
pub(super) fn keys(changes: &[Change]) -> Keys {
    let mut keys = Keys::new();
    for (of_requests, names) in [
        (true, ["request_headers.set", "request_headers.add", "request_headers.remove", "request_headers.replace"]),
        (
            false,
            ["response_headers.set", "response_headers.add", "response_headers.remove", "response_headers.replace"],
        ),
    ] {
        let of = |kind: Kind| changes.iter().filter(move |one| one.is_of_requests == of_requests && one.kind == kind);
        for (kind, name) in [(Kind::Set, names[0]), (Kind::Add, names[1])] {
            // Of several for a header the last one counts.
            let mut rows: Vec<&Change> = Vec::new();
            for one in of(kind) {
                rows.retain(|there| !there.name.eq_ignore_ascii_case(&one.name));
                rows.push(one);
            }
            let is_set = |name: &str| kind == Kind::Add && of(Kind::Set).any(|set| set.name.eq_ignore_ascii_case(name));
            rows.retain(|one| !is_set(&one.name));
            let rows: Vec<String> =
                rows.iter().map(|one| format!("{} = {}", quoted(&one.name), quoted(&one.value))).collect();
            keys.extend((!rows.is_empty()).then(|| (name, format!("{{ {} }}", rows.join(", ")))));
        }
        let is_written = |name: &str| of(Kind::Set).chain(of(Kind::Add)).any(|one| one.name.eq_ignore_ascii_case(name));
        let mut removed: Vec<String> = Vec::new();
        for one in of(Kind::Remove).filter(|one| !is_written(&one.name)) {
            if !removed.iter().any(|there| there.eq_ignore_ascii_case(&quoted(&one.name))) {
                removed.push(quoted(&one.name));
            }
        }
        keys.extend((!removed.is_empty()).then(|| (names[2], list(&removed))));
        let replaced: Vec<String> =
            of(Kind::Replace).map(|one| format!("{{ header = {}, {} }}", quoted(&one.name), one.value)).collect();
        keys.extend((!replaced.is_empty()).then(|| (names[3], list(&replaced))));
    }
    keys.extend(
        changes.iter().rev().find(|one| one.kind == Kind::Host).map(|one| ("backend_host", quoted(&one.value))),
    );
    keys
}
