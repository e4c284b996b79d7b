//! A Caddyfile: sites by their addresses, `reverse_proxy`, `file_server`, `handle` and `root`.
//! Names and meanings are those of caddyserver.com's documentation of version 2.6 to 2.9.

mod address;
mod block;
mod errors;
mod guarded;
mod guards;
mod headers;
mod matchers;
mod place;
mod proxy;
mod reader;
mod rewrite;
mod serving;
mod settings;
mod site;
mod words;

use std::collections::BTreeMap;

use crate::edge::Edge;
use crate::limits::{IMPORTED_COUNT_MAX, IMPORTS_DEPTH_MAX};
use crate::notes::{Notes, UNKNOWN};
use crate::{File, Mistake};
use block::{Directive, directives};

/// Directives, and what to say of them.
const LEFT_OUT: &[(&str, &str)] = &[
    ("tls", "not carried over: TLS is not in fosse yet; what ends TLS stands in front of it, and trusted names that"),
    ("encode", "not carried over: see compress of [[site]]"),
    ("log", "not carried over: access_log at the top of fosse.toml"),
    ("header", "not carried over: see [site.response_headers]"),
    ("handle_errors", "not carried over: errors of applications pass as they are, and fosse has pages of its own"),
    ("try_files", "not carried over: a file that is not there gets 404"),
    ("request_body", "not carried over: body_bytes_max of [[site]]"),
];

/// Returns what is said of a directive that is not carried over.
fn why(name: &str) -> &'static str {
    LEFT_OUT.iter().find(|(known, _)| *known == name).map_or(UNKNOWN, |(_, why)| why)
}

/// Reads a configuration.
///
/// # Errors
/// The first line that is not in Caddy's language.
pub(crate) fn read(file: File, notes: &mut Notes) -> Result<Edge, Mistake> {
    let mut edge = Edge::default();
    let mut snippets: BTreeMap<String, Vec<Directive>> = BTreeMap::new();
    let mut addresses: Vec<String> = Vec::new();
    let mut imports_left = IMPORTED_COUNT_MAX;
    for directive in directives(file, notes)? {
        let words = &directive.words;
        let is_snippet = words.len() == 1 && directive.name().starts_with('(') && directive.name().ends_with(')');
        match &directive.block {
            Some(inside) if words.is_empty() && addresses.is_empty() => {
                inside.iter().for_each(|option| option.left_out("not carried over: it is for all of Caddy", notes));
            }
            Some(inside) if is_snippet => {
                snippets.insert(directive.name().trim_matches(['(', ')']).to_owned(), inside.clone());
            }
            Some(inside) => {
                addresses.extend(words.iter().cloned());
                let addresses = std::mem::take(&mut addresses);
                let inside = imported(inside, &snippets, (0, &mut imports_left));
                site::read(&directive, &addresses, &inside, &mut edge, notes);
            }
            // Addresses may have lines of their own, with a comma at the end.
            None if words.last().is_some_and(|last| last.ends_with(',')) => addresses.extend(words.iter().cloned()),
            None => directive.left_out("not carried over: it is in no block of a site", notes),
        }
    }
    Ok(edge)
}

/// Returns the directives with those of snippets in place of their imports: of imports inside of
/// each other as many levels as there may be, and `left` directives in all.
fn imported(
    inside: &[Directive],
    snippets: &BTreeMap<String, Vec<Directive>>,
    (depth, left): (usize, &mut usize),
) -> Vec<Directive> {
    let mut all = Vec::new();
    for directive in inside {
        match (directive.name(), directive.arguments().as_slice()) {
            ("import", [name])
                if depth < IMPORTS_DEPTH_MAX
                    && snippets.get(*name).is_some_and(|snippet| (1..=*left).contains(&snippet.len())) =>
            {
                *left -= snippets[*name].len();
                all.extend(imported(&snippets[*name], snippets, (depth + 1, left)));
            }
            // An import that is left may keep somebody out, so that nobody is let in without it.
            _ => all.push(directive.clone()),
        }
    }
    all
}
