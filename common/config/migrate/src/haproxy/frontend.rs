//! `frontend`: listeners, and sites by the hosts, paths and further conditions of its rules.

use std::collections::BTreeMap;

use super::atom::Atom;
use super::backend::{Read, Settings};
use super::path::{self, Path};
use super::proxy::Proxy;
use super::routes::{Part, fill};
use super::rule::{Effect, Rule};
use super::section::{Line, Section};
use super::units::address;
use super::walk::{Said, Walk, World};
use super::why;
use crate::edge::{Edge, Listener, Site, quoted};
use crate::notes::Notes;

/// The address of a listener for what ends TLS in front of it.
const PLAIN_PORT: u16 = 8080;

/// A frontend.
#[derive(Debug)]
pub(super) struct Front {
    head: Line,
    proxy: Proxy,
    fallback: Option<String>,
    listeners: Vec<Listener>,
}

/// Returns whether a line of `listen` is that of a frontend.
pub(super) fn is_of(words: &[&str]) -> bool {
    super::proxy::is_of(words)
        || matches!(words.first(), Some(&("bind" | "default_backend" | "maxconn")))
        || matches!(words, ["timeout", "client" | "http-request" | "http-keep-alive", ..])
}

/// Reads a section.
pub(super) fn read(section: &Section, defaults: &Settings, edge: &mut Edge, notes: &mut Notes) -> Front {
    let lines = defaults.common.iter().chain(&section.lines);
    let has_tls = section.lines.iter().any(|line| {
        line.words.first().is_some_and(|word| word == "bind") && line.words.iter().any(|word| word == "ssl")
    });
    let proxy = Proxy::read(lines, has_tls, notes);
    let fallback =
        if section.kind() == "listen" { Some(section.name().to_owned()) } else { defaults.default_backend.clone() };
    let mut front = Front { head: section.head.clone(), proxy, fallback, listeners: Vec::new() };
    for line in &section.lines {
        let words = line.all();
        match words.as_slice() {
            words if super::proxy::is_of(words) => {}
            ["bind", address, flags @ ..] => front.listeners.extend(bind(line, address, flags, notes)),
            ["default_backend", name] => front.fallback = Some((*name).to_owned()),
            ["timeout", "client" | "http-request" | "http-keep-alive", _] => super::backend::client(line, edge, notes),
            ["mode", "http"] | ["option", "http-keep-alive"] => {}
            _ if section.kind() == "listen" && !is_of(&words) => {}
            _ => line.left_out(why(&words), notes),
        }
    }
    section
        .head
        .left_out("carried over; bodies of requests end at 1 MiB: body_bytes_max of [[site]] takes longer ones", notes);
    front
}

/// Adds the listeners of all frontends and the sites of what their rules say.
pub(super) fn add(
    mut fronts: Vec<Front>,
    backends: &BTreeMap<String, Read>,
    users: &BTreeMap<String, Vec<String>>,
    edge: &mut Edge,
    notes: &mut Notes,
) {
    listen(&mut fronts, edge);
    let mut said = Said::new();
    let mut sites: Vec<(Vec<Part>, Site)> = Vec::new();
    let mut adder = Adder { fronts: &fronts, backends, users, edge, said: &mut said };
    for host in hosts(&fronts, backends) {
        let parts = adder.of_all(&host);
        match sites.iter_mut().find(|(there, _)| *there == parts) {
            Some((_, site)) => site.hosts.push(host),
            None => sites.push((parts, Site { hosts: vec![host], ..Site::default() })),
        }
    }
    let exact: Vec<bool> = fronts.iter().map(|front| front.is_exact(backends)).collect();
    let is_exact = exact.contains(&true);
    for (at, front) in fronts.iter().enumerate() {
        if at > 0 && front.listeners.is_empty() {
            front.head.left_out("not carried over: an earlier section has its listeners", notes);
            continue;
        }
        let mut adder = Adder { fronts: &fronts, backends, users, edge, said: &mut said };
        let parts = adder.of(front, "", &adder.paths());
        let mut site = Site { is_default: at == 0, ..Site::default() };
        site.default_for =
            if at == 0 { Vec::new() } else { front.listeners.iter().map(|one| one.address.clone()).collect() };
        sites.push((parts, site));
    }
    sites.into_iter().for_each(|site| add_site(site, is_exact, &fronts[0].head, edge, notes));
    if !is_exact {
        fronts.iter().for_each(|front| front.note_prefixes(backends, notes));
    }
    for (place, rule, why) in said {
        notes.left_out(place, &rule, why);
    }
}

/// Adds a site where it serves anything.
fn add_site((parts, mut site): (Vec<Part>, Site), is_exact: bool, head: &Line, edge: &mut Edge, notes: &mut Notes) {
    for path in fill(&mut site, parts, is_exact) {
        let why = format!(
            "not carried over for requests of {path} that meet several conditions, which get 403: such a route would be asked before another rule"
        );
        head.left_out(&why, notes);
    }
    site.share_keys();
    if site.serves() {
        edge.sites.push(site);
    }
}

/// Returns the hosts that any rule names.
fn hosts(fronts: &[Front], backends: &BTreeMap<String, Read>) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for host in fronts.iter().flat_map(|front| front.rules(backends)).flat_map(|rule| rule.condition.atoms()) {
        if let Atom::Host(host) = host
            && !hosts.contains(host)
        {
            hosts.push(host.clone());
        }
    }
    hosts
}

/// Gives each frontend its listeners; one that only speaks TLS gets one for what ends that.
fn listen(fronts: &mut [Front], edge: &mut Edge) {
    let taken: Vec<String> = fronts.iter().flat_map(|front| &front.listeners).map(|one| one.address.clone()).collect();
    let mut port = PLAIN_PORT;
    let several = fronts.len() > 1;
    for front in fronts {
        if front.listeners.is_empty() && several {
            while taken.contains(&format!("127.0.0.1:{port}")) {
                port += 1;
            }
            front.listeners.push(Listener { address: format!("127.0.0.1:{port}"), ..Listener::default() });
            port += 1;
        }
        // What an earlier section listens on is that section's.
        front.listeners.retain(|one| !edge.listeners.iter().any(|there| there.address == one.address));
        front.listeners.iter().for_each(|listener| edge.listen(listener.clone()));
    }
}

struct Adder<'a> {
    fronts: &'a [Front],
    backends: &'a BTreeMap<String, Read>,
    users: &'a BTreeMap<String, Vec<String>>,
    edge: &'a mut Edge,
    said: &'a mut Said,
}

impl Adder<'_> {
    /// Returns the paths that any rule names, in the order in which routes are asked.
    fn paths(&self) -> Vec<Path> {
        let mut all = Vec::new();
        for front in self.fronts {
            let own = front.proxy.paths();
            let backends = front.backends(self.backends);
            own.chain(backends.into_iter().flat_map(|read| read.proxy.paths()))
                .for_each(|one| path::add(&mut all, one));
        }
        all
    }

    /// Returns what all frontends do for a host: one of them, or each for its listeners.
    fn of_all(&mut self, host: &str) -> Vec<Part> {
        let paths = self.paths();
        let fronts = self.fronts;
        let mut of: Vec<(&Front, Vec<Part>)> = Vec::new();
        for front in fronts.iter().filter(|front| !front.listeners.is_empty() || fronts.len() == 1) {
            let parts = self.of(front, host, &paths);
            of.push((front, parts));
        }
        let Some((_, first)) = of.first().cloned() else { return Vec::new() };
        if of.iter().all(|(_, parts)| *parts == first) {
            return first;
        }
        let mut all: Vec<Part> = first.iter().map(|(path, _)| (path.clone(), Vec::new())).collect();
        for (front, parts) in of {
            let listeners: Vec<String> = front.listeners.iter().map(|one| quoted(&one.address)).collect();
            for ((_, rows), (_, more)) in all.iter_mut().zip(parts) {
                rows.extend(more.into_iter().map(|mut row| {
                    row.when.push(("listener", listeners.clone()));
                    row
                }));
            }
        }
        all
    }

    fn of(&mut self, front: &Front, host: &str, paths: &[Path]) -> Vec<Part> {
        let mut all = Vec::new();
        for path in paths.iter().chain([&Path::Rest]) {
            let fallback = front.fallback.clone();
            let world = World { backends: self.backends, users: self.users, fallback, paths, host, path };
            let mut walk = Walk { world, edge: self.edge, said: self.said, rows: Vec::new() };
            walk.front(&front.proxy);
            let rows = std::mem::take(&mut walk.rows);
            all.push((path.clone(), rows));
        }
        all
    }
}

impl Front {
    /// Returns the backends that it may choose.
    fn backends<'b>(&self, backends: &'b BTreeMap<String, Read>) -> Vec<&'b Read> {
        let named = self.proxy.uses.iter().filter_map(|rule| match &rule.effect {
            Effect::Use(name) => Some(name),
            _ => None,
        });
        named.chain(&self.fallback).filter_map(|name| backends.get(name)).collect()
    }

    fn rules<'r>(&'r self, backends: &'r BTreeMap<String, Read>) -> impl Iterator<Item = &'r Rule> {
        self.proxy.rules().chain(self.backends(backends).into_iter().flat_map(|read| read.proxy.rules()))
    }

    /// Returns whether routes have to take the very paths that its rules name.
    fn is_exact(&self, backends: &BTreeMap<String, Read>) -> bool {
        let is_odd = |atom: &Atom| matches!(atom, Atom::Path(path) if !path.is_plain());
        let is_beginning = |atom: &Atom| matches!(atom, Atom::Path(Path::Beginning(_)));
        let mut begins = self.rules(backends).flat_map(|rule| rule.condition.atoms());
        let strips = |rule: &Rule| match &rule.effect {
            Effect::Path { without, .. } if !without.is_empty() => Some(without.clone()),
            _ => None,
        };
        let stripped: Vec<String> = self.rules(backends).filter_map(strips).collect();
        let is_below = |atom: &Atom| match atom {
            Atom::Path(Path::Beginning(path)) => stripped
                .iter()
                .any(|without| path.starts_with(without.as_str()) && path.trim_end_matches('/') != without),
            _ => false,
        };
        begins.any(|atom| is_odd(atom) || is_below(atom))
            || self.rules(backends).any(|rule| rule.is_strict() && rule.condition.atoms().any(is_beginning))
    }

    /// Notes that a prefix ends at a slash.
    fn note_prefixes(&self, backends: &BTreeMap<String, Read>, notes: &mut Notes) {
        for rule in self.rules(backends).filter(|rule| matches!(rule.effect, Effect::Use(_))) {
            for atom in rule.condition.atoms() {
                let Atom::Path(Path::Beginning(prefix)) = atom else { continue };
                if !prefix.ends_with('/') {
                    let why = format!(
                        "carried over for {prefix} and what is below {prefix}/; in HAProxy {prefix}x is of it too"
                    );
                    rule.line.left_out(&why, notes);
                }
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
            .or_else(|| address(written).filter(|one| !one.starts_with("localhost") && is_address(one)))
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

fn is_address(text: &str) -> bool {
    text.starts_with("unix:") || text.parse::<std::net::SocketAddr>().is_ok()
}
