//! haproxy.cfg: `frontend`, `backend`, `listen` and `defaults` in mode http. Names and meanings are
//! those of HAProxy's Configuration Manual, versions 2.6 to 3.0.

mod backend;
mod frontend;
mod section;
mod words;

use std::collections::BTreeMap;

use crate::edge::Edge;
use crate::notes::Notes;
use crate::{File, Mistake};
use backend::Settings;
use section::{Section, sections};

/// Said of a line that no reader knows.
const UNKNOWN: &str = "not carried over: fosse migrate knows no key for it; see fosse.toml(5)";
const WHY_GLOBAL: &str =
    "says how HAProxy runs; fosse has one lane for each core, logs on its standard error, and users of its own";

/// Beginnings of lines, and what to say of them.
const LEFT_OUT: &[(&str, &str)] = &[
    ("log", "not carried over: access_log at the top of fosse.toml"),
    ("option httplog", "not carried over: access_log at the top of fosse.toml"),
    ("option tcplog", "not carried over: access_log at the top of fosse.toml"),
    ("option dontlognull", "not carried over: a connection without a request has no line in fosse's logs either"),
    ("option http-server-close", "not carried over: fosse keeps connections to servers"),
    ("option redispatch", "not carried over: [backend.retry]; another server is what fosse tries"),
    ("retries", "not carried over: attempts_max of [backend.retry]"),
    ("timeout client", "not carried over: idle_seconds, body_seconds and write_seconds of [timeouts]"),
    ("timeout http-request", "not carried over: head_seconds of [timeouts]"),
    ("timeout http-keep-alive", "not carried over: idle_seconds of [timeouts]"),
    ("timeout queue", "not carried over: queue_seconds of [[backend]]"),
    ("timeout check", "not carried over: interval_seconds of [backend.health] is the longest wait too"),
    ("timeout tunnel", "not carried over: idle_seconds of [[backend]]"),
    ("errorfile", "not carried over: fosse has pages of its own for errors"),
    ("http-request redirect", "not carried over: see redirect and respond of [[site]]"),
    ("redirect", "not carried over: see redirect and respond of [[site]]"),
    ("http-request return", "not carried over: see redirect and respond of [[site]]"),
    ("http-request deny", "not carried over, so everybody is let in: see deny_networks of [[site]]"),
    ("http-request auth", "not carried over, so everybody is let in: let the application ask for the password"),
    ("http-request set-header", "not carried over: see [site.request_headers]"),
    ("http-response del-header", "not carried over: remove_response_headers of [[site]] leaves headers out"),
    ("http-response", "not carried over: see [site.response_headers]"),
    ("compression", "not carried over: fosse compresses nothing yet; responses of applications pass as they are"),
    ("stats", "not carried over: fosse status, and /metrics of its socket"),
    ("stick-table", "not carried over: address_connections_max of [[listen]] limits the connections of an address"),
    ("maxconn", "not carried over: connections_max of [limits] is one for all listeners"),
];

/// Returns what is said of a line that is not carried over.
fn why(words: &[&str]) -> &'static str {
    let line = words.join(" ");
    let begins = |beginning: &str| line == beginning || line.starts_with(&format!("{beginning} "));
    let longest = LEFT_OUT.iter().filter(|(beginning, _)| begins(beginning));
    longest.max_by_key(|(beginning, _)| beginning.len()).map_or(UNKNOWN, |(_, why)| why)
}

/// Reads a configuration.
///
/// # Errors
/// The first line that is not in HAProxy's language.
pub(crate) fn read((name, text): File, notes: &mut Notes) -> Result<Edge, Mistake> {
    let all = sections(&name, &text, notes)?;
    let mut edge = Edge::default();
    let mut defaults = Settings::default();
    let mut backends = BTreeMap::new();
    let mut fronts: Vec<(&Section, Settings)> = Vec::new();
    for section in &all {
        match section.kind() {
            "global" => global(section, &mut edge, notes),
            "defaults" => {
                defaults = Settings::default();
                section.lines.iter().for_each(|line| defaults.take(line, notes));
            }
            "frontend" => fronts.push((section, defaults.clone())),
            "backend" => {
                backends.insert(section.name().to_owned(), backend::read(section, &defaults, |_| false, notes));
            }
            // Both in one: what is of a frontend is read there.
            "listen" => {
                backends.insert(section.name().to_owned(), backend::read(section, &defaults, frontend::is_of, notes));
                fronts.push((section, defaults.clone()));
            }
            _ => {
                section.head.left_out("not carried over, nor are the lines of this section", notes);
            }
        }
    }
    for (section, defaults) in fronts {
        frontend::read(section, &defaults, &backends, &mut edge, notes);
    }
    let unused = all.iter().filter(|section| section.kind() == "backend");
    for section in unused.filter(|section| !backends.get(section.name()).is_some_and(backend::Read::is_used)) {
        section.head.left_out("not carried over: no site here passes requests to it", notes);
    }
    Ok(edge)
}

fn global(section: &Section, edge: &mut Edge, notes: &mut Notes) {
    for line in &section.lines {
        match line.all().as_slice() {
            ["maxconn", number] if number.parse::<u64>().is_ok_and(|number| (1..=10_000_000).contains(&number)) => {
                edge.connections_max = number.parse().ok();
            }
            _ => line.left_out(WHY_GLOBAL, notes),
        }
    }
}
