//! `header`, `header_up`, `header_down`: changes of headers.

use crate::edge::{Keys, list, quoted};
use crate::http::{is_header, is_own};

/// Changes of headers, as the tables of fosse have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edits {
    set: Vec<(String, String)>,
    add: Vec<(String, String)>,
    default: Vec<(String, String)>,
    remove: Vec<String>,
    replace: Vec<[String; 3]>,
}

impl Edits {
    /// Takes a change as Caddy writes it: `NAME VALUE`, `+NAME VALUE`, `?NAME VALUE`, `-NAME`, or
    /// `NAME PART VALUE`; `None` where it is not carried over.
    pub(super) fn take(&mut self, words: &[&str]) -> Option<()> {
        let (first, rest) = words.split_first()?;
        let (sign, name) = match first.chars().next()? {
            sign @ ('+' | '-' | '?' | '>') => (sign, &first[1..]),
            _ => ('=', *first),
        };
        let lower = name.to_ascii_lowercase();
        let is_free = is_header(name)
            && !is_own(&lower)
            && !matches!(lower.as_str(), "host" | "forwarded" | "via" | "set-cookie");
        let has_room =
            self.set.len() + self.add.len() + self.default.len() + self.remove.len() + self.replace.len() < 16;
        (is_free && has_room).then_some(())?;
        match (sign, rest) {
            ('=' | '>', [value]) => {
                let text = template(value)?;
                self.set.retain(|(there, _)| !there.eq_ignore_ascii_case(name));
                self.set.push((name.to_owned(), text));
            }
            ('+', [value]) => {
                let is_there = self.add.iter().any(|(there, _)| there.eq_ignore_ascii_case(name));
                (!is_there).then_some(())?;
                self.add.push((name.to_owned(), template(value)?));
            }
            ('?', [value]) => {
                let is_there = self.default.iter().any(|(there, _)| there.eq_ignore_ascii_case(name));
                (!is_there).then_some(())?;
                self.default.push((name.to_owned(), template(value)?));
            }
            ('-', []) => self.remove.push(name.to_owned()),
            ('=', [part, value]) if super::matchers::is_regex(part) && !value.contains(['$', '{', '}']) => {
                template(value)?;
                self.replace.push([name.to_owned(), (*part).to_owned(), (*value).to_owned()]);
            }
            _ => return None,
        }
        Some(())
    }

    /// Returns the keys of `request_headers` or `response_headers`.
    pub(super) fn keys(&self, of_requests: bool) -> Keys {
        let names: [&'static str; 5] = if of_requests {
            [
                "request_headers.set",
                "request_headers.add",
                "request_headers.default",
                "request_headers.remove",
                "request_headers.replace",
            ]
        } else {
            [
                "response_headers.set",
                "response_headers.add",
                "response_headers.default",
                "response_headers.remove",
                "response_headers.replace",
            ]
        };
        let table = |rows: &[(String, String)]| {
            let rows: Vec<String> =
                rows.iter().map(|(name, value)| format!("{} = {}", quoted(name), quoted(value))).collect();
            (!rows.is_empty()).then(|| format!("{{ {} }}", rows.join(", ")))
        };
        let removed: Vec<String> = self.remove.iter().map(|name| quoted(name)).collect();
        let replaced = self.replace.iter().map(|[name, part, value]| {
            format!("{{ header = {}, regex = {}, value = {} }}", quoted(name), quoted(part), quoted(value))
        });
        let replaced: Vec<String> = replaced.collect();
        let some = |rows: Vec<String>| (!rows.is_empty()).then(|| list(&rows));
        let values = [table(&self.set), table(&self.add), table(&self.default), some(removed), some(replaced)];
        names.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Placeholders of Caddy, and variables of fosse.
const VARIABLES: &[(&str, &str)] = &[
    ("host", "{host}"),
    ("http.request.host", "{host}"),
    ("hostport", "{authority}"),
    ("http.request.hostport", "{authority}"),
    ("remote_host", "{client_address}"),
    ("http.request.remote.host", "{client_address}"),
    ("remote_port", "{client_port}"),
    ("http.request.remote.port", "{client_port}"),
    ("method", "{method}"),
    ("http.request.method", "{method}"),
    ("scheme", "{scheme}"),
    ("http.request.scheme", "{scheme}"),
    ("uri", "{target}"),
    ("http.request.uri", "{target}"),
    ("http.request.orig_uri", "{target}"),
    ("path", "{path}"),
    ("http.request.uri.path", "{path}"),
    ("query", "{query}"),
    ("http.request.uri.query", "{query}"),
    ("http.request.uuid", "{request_id}"),
];

/// Returns a text with fosse's variables in place of Caddy's placeholders; `None` where it has one
/// that fosse has not.
pub(super) fn template(text: &str) -> Option<String> {
    if !text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) || text.len() > 1000 {
        return None;
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let (name, after) = rest[at..].strip_prefix('{')?.split_once('}')?;
        let header = name.strip_prefix("http.request.header.").or_else(|| name.strip_prefix("header."));
        match header {
            Some(header) if is_header(header) => out.push_str(&format!("{{header.{header}}}")),
            Some(_) => return None,
            None => out.push_str(VARIABLES.iter().find(|(theirs, _)| *theirs == name)?.1),
        }
        rest = after;
    }
    Some(out + rest)
}
