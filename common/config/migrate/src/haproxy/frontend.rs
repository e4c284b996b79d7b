//! `frontend`: listeners, and sites by the hosts and prefixes of its conditions.

use std::collections::BTreeMap;

use super::backend::{Read, Settings, address};
use super::section::{Line, Section};
use super::why;
use crate::edge::{Action, Edge, Listener, Route, Site};
use crate::notes::Notes;

/// Said where a condition has no counterpart.
const NO_CONDITION: &str =
    "not carried over: only hosts (hdr(host)) and beginnings of paths (path_beg) choose a backend";

/// The hosts and the prefixes that a condition asks for; none is any.
#[derive(Clone, Debug, Default)]
struct Condition {
    hosts: Vec<String>,
    prefixes: Vec<String>,
}

/// Returns whether a line of `listen` is that of a frontend.
pub(super) fn is_of(words: &[&str]) -> bool {
    matches!(words.first(), Some(&("bind" | "acl" | "use_backend" | "default_backend")))
}

/// Reads a section.
pub(super) fn read(
    section: &Section,
    defaults: &Settings,
    backends: &BTreeMap<String, Read>,
    edge: &mut Edge,
    notes: &mut Notes,
) {
    let mut conditions: BTreeMap<String, Option<Condition>> = BTreeMap::new();
    let mut fallback =
        if section.kind() == "listen" { Some(section.name().to_owned()) } else { defaults.default_backend.clone() };
    let (mut uses, mut listeners) = (Vec::new(), Vec::new());
    for line in &section.lines {
        let words = line.all();
        match words.as_slice() {
            ["bind", address, flags @ ..] => listeners.extend(bind(line, address, flags, notes)),
            ["acl", name, test @ ..] => {
                let condition = condition_of(test);
                if condition.is_none() {
                    line.left_out(NO_CONDITION, notes);
                }
                conditions
                    .entry((*name).to_owned())
                    .and_modify(|there| join(there, condition.clone()))
                    .or_insert(condition);
            }
            ["use_backend", name, "if", test @ ..] => match asked(test, &conditions) {
                Some(condition) => uses.push((line, *name, condition)),
                None => line.left_out(NO_CONDITION, notes),
            },
            ["default_backend", name] => fallback = Some((*name).to_owned()),
            ["mode", "http"] | ["option", "forwardfor"] | ["option", "http-keep-alive"] => {}
            _ if section.kind() == "listen" => {}
            _ => line.left_out(why(&words), notes),
        }
    }
    for site in sites(uses, fallback, backends, edge, notes).into_iter().filter(Site::serves) {
        add_site(section, site, edge, notes);
    }
    listeners.into_iter().for_each(|listener| edge.listen(listener));
    section
        .head
        .left_out("carried over; bodies of requests end at 1 MiB: body_bytes_max of [[site]] takes longer ones", notes);
}

/// Returns the sites of a frontend: one for each host that a condition names, and one for all other
/// hosts.
fn sites(
    uses: Vec<(&Line, &str, Condition)>,
    fallback: Option<String>,
    backends: &BTreeMap<String, Read>,
    edge: &mut Edge,
    notes: &mut Notes,
) -> Vec<Site> {
    let add = |name: &str, edge: &mut Edge| backends.get(name).and_then(|backend| backend.add(edge));
    let fallback = fallback.and_then(|name| add(&name, edge));
    let mut sites: Vec<Site> = Vec::new();
    let mut of_all: Vec<Route> = Vec::new();
    for (line, name, condition) in uses {
        match add(name, edge) {
            Some(backend) => place(&mut sites, &mut of_all, &condition, &backend),
            None => line.left_out("not carried over: none of the servers of this backend is", notes),
        }
        for prefix in condition.prefixes.iter().filter(|prefix| !prefix.ends_with('/')) {
            let why =
                format!("carried over for {prefix} and what is below {prefix}/; in HAProxy {prefix}x is of it too");
            line.left_out(&why, notes);
        }
    }
    sites.push(Site { is_default: true, ..Site::default() });
    for site in &mut sites {
        site.action = site.action.take().or_else(|| fallback.clone().map(Action::Backend));
        let more = of_all.iter().filter(|route| !site.has_prefix(&route.path));
        site.routes.extend(more.cloned().collect::<Vec<_>>());
    }
    sites
}

/// Adds a site but for what an earlier frontend has.
fn add_site(section: &Section, mut site: Site, edge: &mut Edge, notes: &mut Notes) {
    let is_taken = |host: &String| edge.sites.iter().any(|there| there.hosts.contains(host));
    let taken: Vec<String> = site.hosts.iter().filter(|host| is_taken(host)).cloned().collect();
    let default_taken = site.is_default && edge.sites.iter().any(|there| there.is_default);
    if !taken.is_empty() || default_taken {
        let hosts = if taken.is_empty() { "all other hosts".to_owned() } else { taken.join(" ") };
        let why =
            format!("not carried over for {hosts}, which an earlier section has: a site is the same on every listener");
        section.head.left_out(&why, notes);
    }
    site.hosts.retain(|host| !taken.contains(host));
    site.is_default &= !default_taken;
    if site.is_default || !site.hosts.is_empty() {
        edge.sites.push(site);
    }
}

/// Puts a backend where its condition says.
fn place(sites: &mut Vec<Site>, of_all: &mut Vec<Route>, condition: &Condition, backend: &str) {
    let routes: Vec<Route> = condition.prefixes.iter().map(|prefix| Route::of_prefix(prefix, backend)).collect();
    if condition.hosts.is_empty() {
        // The first line that matches decides, as in HAProxy.
        let new = routes.into_iter().filter(|route| !of_all.iter().any(|there| there.path == route.path));
        of_all.extend(new.collect::<Vec<_>>());
        return;
    }
    for host in &condition.hosts {
        let at = sites.iter().position(|site| site.hosts.contains(host)).unwrap_or_else(|| {
            sites.push(Site { hosts: vec![host.clone()], ..Site::default() });
            sites.len() - 1
        });
        if condition.prefixes.is_empty() {
            sites[at].action.get_or_insert_with(|| Action::Backend(backend.to_owned()));
        }
        for route in &routes {
            if !sites[at].has_prefix(&route.path) {
                sites[at].routes.push(route.clone());
            }
        }
    }
}

/// Reads `bind`. One with TLS is left out, with a note.
fn bind(line: &Line, written: &str, flags: &[&str], notes: &mut Notes) -> Vec<Listener> {
    if flags.contains(&"ssl") {
        line.left_out("not carried over: TLS is not in fosse yet; what ends TLS stands in front of it", notes);
        return Vec::new();
    }
    if !flags.is_empty() {
        let why = format!("carried over without {}: see proxy_protocol and trusted of [[listen]]", flags.join(" "));
        line.left_out(&why, notes);
    }
    let one = |written: &str| {
        let any = written.strip_prefix('*').unwrap_or(written);
        let any = any.strip_prefix(':').filter(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        any.map(|port| format!("0.0.0.0:{port}"))
            .or_else(|| address(written).filter(|one| !one.starts_with("localhost")))
    };
    let mut found = Vec::new();
    for written in written.split(',') {
        match one(written) {
            Some(address) => found.push(Listener { address, ..Listener::default() }),
            None => line.left_out("not carried over: this is no address that fosse listens on", notes),
        }
    }
    found
}

/// Reads the test of an ACL: `hdr(host) -i a.example`, `path_beg /api`.
fn condition_of(test: &[&str]) -> Option<Condition> {
    let (fetch, rest) = test.split_first()?;
    let values: Vec<&str> = rest.iter().copied().filter(|word| *word != "-i").collect();
    if values.is_empty() || values.iter().any(|value| value.starts_with('-')) {
        return None;
    }
    let hosts = |values: &[&str], before: &str| {
        values.iter().map(|value| format!("{before}{}", value.trim_start_matches('.').to_ascii_lowercase())).collect()
    };
    match *fetch {
        "hdr(host)" | "req.hdr(host)" | "hdr(Host)" => {
            Some(Condition { hosts: hosts(&values, ""), prefixes: Vec::new() })
        }
        "hdr_end(host)" if values.iter().all(|value| value.starts_with('.')) => {
            Some(Condition { hosts: hosts(&values, "*."), prefixes: Vec::new() })
        }
        "path_beg" if values.iter().all(|value| is_prefix(value)) => {
            Some(Condition { hosts: Vec::new(), prefixes: values.iter().map(|value| (*value).to_owned()).collect() })
        }
        _ => None,
    }
}

fn is_prefix(path: &str) -> bool {
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic()) && !path.contains(['?', '#', '*', '%', '"', '\\']);
    let parts = path.strip_prefix('/').map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    is_plain && parts.is_some_and(|parts| path == "/" || !parts.split('/').any(|part| matches!(part, "" | "." | "..")))
}

/// Adds the values of an ACL that has several lines: any of them may match.
fn join(there: &mut Option<Condition>, more: Option<Condition>) {
    let is_same_kind = |one: &Condition, other: &Condition| one.hosts.is_empty() == other.hosts.is_empty();
    match (there.as_mut(), more) {
        (Some(one), Some(other)) if is_same_kind(one, &other) => {
            one.hosts.extend(other.hosts);
            one.prefixes.extend(other.prefixes);
        }
        // One of them is not understood, or they are of two kinds: the whole is not.
        _ => *there = None,
    }
}

/// Returns what a line asks for: one ACL of hosts, one of prefixes, or one of each.
fn asked(test: &[&str], conditions: &BTreeMap<String, Option<Condition>>) -> Option<Condition> {
    if let ["{", inside @ .., "}"] = test {
        return condition_of(inside);
    }
    let mut all = Condition::default();
    for name in test {
        let one = conditions.get(*name)?.clone()?;
        if (!one.hosts.is_empty() && !all.hosts.is_empty()) || (!one.prefixes.is_empty() && !all.prefixes.is_empty()) {
            return None;
        }
        all.hosts.extend(one.hosts);
        all.prefixes.extend(one.prefixes);
    }
    (!all.hosts.is_empty() || !all.prefixes.is_empty()).then_some(all)
}
