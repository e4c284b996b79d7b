//! haproxy.cfg: `frontend`, `backend`, `listen` and `defaults` in mode http. Names and meanings are
//! those of HAProxy's Configuration Manual, versions 2.6 to 3.0.

mod acl;
mod atom;
mod backend;
mod edits;
mod fetch;
mod format;
mod frontend;
mod maps;
mod path;
mod proxy;
mod routes;
mod rule;
mod section;
mod server;
mod units;
mod users;
mod walk;
mod words;

use std::collections::BTreeMap;

use crate::edge::{Edge, quoted};
use crate::notes::{Notes, UNKNOWN};
use crate::{File, Mistake, ReadFiles};
use backend::Settings;
use section::{Section, sections};

const WHY_GLOBAL: &str =
    "says how HAProxy runs; fosse has one lane for each core, logs on its standard error, and users of its own";

/// Beginnings of lines, and what to say of them.
const LEFT_OUT: &[(&str, &str)] = &[
    ("log", "not carried over: access_log at the top of fosse.toml"),
    ("option httplog", "not carried over: access_log at the top of fosse.toml"),
    ("option tcplog", "not carried over: access_log at the top of fosse.toml"),
    ("option dontlognull", "not carried over: a connection without a request has no line in fosse's logs either"),
    ("option http-server-close", "not carried over: fosse keeps connections to servers"),
    ("timeout client", "not carried over: idle_seconds, body_seconds and write_seconds of [timeouts]"),
    ("timeout http-request", "not carried over: head_seconds of [timeouts]"),
    ("timeout http-keep-alive", "not carried over: idle_seconds of [timeouts]"),
    ("timeout queue", "not carried over: queue_seconds of [[backend]]"),
    ("timeout check", "not carried over: interval_seconds of [backend.health] is the longest wait too"),
    ("errorfile", "not carried over: see [[site.error]]"),
    ("http-request auth", "not carried over, see basic_auth of [[site]]"),
    ("http-request set-header", "not carried over: see [site.request_headers]"),
    ("http-response", "not carried over: see [site.response_headers]"),
    ("compression", "not carried over: see compress of [[site]]"),
    ("cookie", "not carried over: sticky_cookie of [[backend]] is one that fosse sets"),
    ("stick", "not carried over: balance = \"hash\" with hash_by = \"source\", or sticky_cookie of [[backend]]"),
    ("max-age", "not carried over: cache_seconds of [[site]]"),
    ("server-template", "not carried over: a name as the address of a server stands for all of its addresses"),
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
#[expect(clippy::too_many_lines, reason = "a table, one arm for each kind of section")]
pub(crate) fn read((name, text): File, files: ReadFiles<'_>, notes: &mut Notes) -> Result<Edge, Mistake> {
    let mut all = sections(&name, &text, notes)?;
    maps::expand(&mut all, files, notes);
    let mut edge = Edge::default();
    let mut defaults = Settings::default();
    let mut backends = BTreeMap::new();
    let mut fronts: Vec<(&Section, Settings)> = Vec::new();
    let mut users = BTreeMap::new();
    let mut is_tcp = false;
    for section in &all {
        if section.is_tcp(&mut is_tcp) {
            section
                .head
                .left_out("not carried over, nor are the lines of this section: fosse speaks HTTP alone", notes);
            continue;
        }
        match section.kind() {
            "global" => global(section, &mut edge, notes),
            "defaults" => {
                defaults = Settings::default();
                for line in &section.lines {
                    match line.all().as_slice() {
                        ["timeout", "client" | "http-request" | "http-keep-alive", _] => {
                            backend::client(line, &mut edge, notes);
                        }
                        _ => defaults.take(line, notes),
                    }
                }
            }
            "frontend" => fronts.push((section, defaults.clone())),
            "backend" => {
                backends.insert(section.name().to_owned(), backend::read(section, &defaults, proxy::is_of, notes));
            }
            // Both in one: what is of a frontend is read there.
            "listen" => {
                backends.insert(section.name().to_owned(), backend::read(section, &defaults, frontend::is_of, notes));
                fronts.push((section, defaults.clone()));
            }
            "userlist" => {
                users.insert(section.name().to_owned(), users::read(section, notes));
            }
            "cache" => cache(section, &mut edge, notes),
            "resolvers" => {
                section.head.left_out("not carried over: names are asked of /etc/resolv.conf, or name_servers", notes)
            }
            _ => {
                section.head.left_out("not carried over, nor are the lines of this section", notes);
            }
        }
    }
    let fronts = fronts.into_iter().map(|(section, defaults)| frontend::read(section, &defaults, &mut edge, notes));
    let fronts: Vec<frontend::Front> = fronts.collect();
    frontend::add(fronts, &backends, &users, &mut edge, notes);
    let unused = all.iter().filter(|section| section.kind() == "backend");
    for section in unused.filter(|section| !backends.get(section.name()).is_some_and(backend::Read::is_used)) {
        section.head.left_out("not carried over: no site here passes requests to it", notes);
    }
    Ok(edge)
}

/// Reads `cache`: its sizes are those of the edge.
fn cache(section: &Section, edge: &mut Edge, notes: &mut Notes) {
    for line in &section.lines {
        match line.all().as_slice() {
            ["total-max-size", size] if size.parse::<u64>().is_ok_and(|size| (1..=4095).contains(&size)) => {
                let mib = size.parse::<u64>().unwrap_or_default();
                edge.limits.push(("cache_bytes_max", quoted(&format!("{mib} MiB"))));
            }
            ["max-object-size", size] if size.parse::<u64>().is_ok_and(|size| (1024..=16_777_216).contains(&size)) => {
                edge.limits.push(("cached_response_bytes_max", (*size).to_owned()));
            }
            ["process-vary", _] => {}
            words => line.left_out(why(words), notes),
        }
    }
    section.head.left_out(
        "carried over; what is kept follows RFC 9111: requests with cookies pass by, see the cache keys of [[site]]",
        notes,
    );
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
