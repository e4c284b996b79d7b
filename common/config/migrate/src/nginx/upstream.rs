//! `upstream`: servers with their weights, and how one is chosen.

use std::cell::Cell;

use super::directive::Directive;
use crate::edge::{Backend, Keys, Server, Target, quoted};
use crate::notes::{Notes, UNKNOWN};

/// Largest weight that fosse has.
const WEIGHT_MAX: u32 = 256;

/// The upstreams of a configuration.
#[derive(Debug, Default)]
pub(super) struct Upstreams {
    all: Vec<Upstream>,
}

/// An upstream.
#[derive(Debug)]
pub(super) struct Upstream {
    pub name: String,
    pub servers: Vec<Server>,
    pub keys: Keys,
    /// max_conns, max_fails and fail_timeout of its servers, in fosse's words, where they are those
    /// of all.
    limits: Vec<Keys>,
    is_used: Cell<bool>,
    directive: Directive,
}

impl Upstreams {
    /// Takes a block.
    pub(super) fn add(&mut self, directive: &Directive, notes: &mut Notes) {
        let name = directive.arguments().first().copied().unwrap_or_default().to_owned();
        let mut upstream = Upstream {
            name,
            servers: Vec::new(),
            keys: Keys::new(),
            limits: Vec::new(),
            is_used: Cell::new(false),
            directive: Directive { block: Some(Vec::new()), ..directive.clone() },
        };
        for inside in directive.block.iter().flatten() {
            upstream.take(inside, notes);
        }
        self.all.push(upstream);
    }

    /// Returns the upstream of that name, and notes its use.
    pub(super) fn get(&self, name: &str) -> Option<&Upstream> {
        let found = self.all.iter().find(|upstream| upstream.name == name)?;
        found.is_used.set(true);
        Some(found)
    }

    /// Notes the upstreams that no location that was carried over passes requests to.
    pub(super) fn note_unused(&self, notes: &mut Notes) {
        for upstream in self.all.iter().filter(|upstream| !upstream.is_used.get()) {
            upstream.directive.left_out("not carried over: no site here passes requests to it", notes);
        }
    }
}

impl Upstream {
    /// Returns the backend that it is.
    pub(super) fn backend(&self) -> Backend {
        let are_same = self.limits.windows(2).all(|two| two[0] == two[1]);
        let limits = self.limits.first().filter(|_| are_same).cloned().unwrap_or_default();
        let (own, health): (Keys, Keys) = limits.into_iter().partition(|(key, _)| *key == "connections_max");
        let keys = self.keys.iter().cloned().chain(own).collect();
        Backend { name: self.name.clone(), target: Target::Servers(self.servers.clone()), keys, health }
    }

    fn take(&mut self, directive: &Directive, notes: &mut Notes) {
        let arguments = directive.arguments();
        match (directive.name(), arguments.as_slice()) {
            ("server", [address, parameters @ ..]) => self.server(directive, address, parameters, notes),
            ("least_conn", []) => self.keys.push(("balance", "\"least-connections\"".to_owned())),
            ("ip_hash", []) => self.hash("source"),
            ("hash", [key, ..]) => match hash_by(key) {
                Some(by) => self.hash(&by),
                None => directive.left_out(
                    "not carried over: hash_by is \"source\", \"path\", \"header NAME\" or \"cookie NAME\"",
                    notes,
                ),
            },
            ("keepalive", [count]) if count.parse::<u32>().is_ok_and(|count| count <= 10_000) => {
                self.keys.push(("pool_connections_max", (*count).to_owned()));
            }
            ("sticky", ["cookie", name, rest @ ..]) => {
                self.keys.push(("sticky_cookie", quoted(name)));
                if !rest.is_empty() {
                    directive.left_out(
                        "carried over without what follows the name: HttpOnly, SameSite=Lax, no time limit",
                        notes,
                    );
                }
            }
            ("random", ["two", "least_conn"]) => self.keys.push(("balance", "\"least-connections\"".to_owned())),
            ("keepalive_timeout", [time]) if super::units::seconds(time).is_some() => {
                self.keys.extend(super::units::seconds(time).map(|time| ("pool_idle_seconds", time)));
            }
            // Lanes share what they know of servers.
            ("zone", _) => {}
            ("keepalive_requests" | "keepalive_time", _) => {
                directive
                    .left_out("not carried over: fosse does this in its own way, and needs no setting for it", notes);
            }
            _ => directive.left_out(UNKNOWN, notes),
        }
    }

    fn hash(&mut self, by: &str) {
        self.keys.push(("balance", "\"hash\"".to_owned()));
        self.keys.push(("hash_by", quoted(by)));
    }

    fn server(&mut self, directive: &Directive, written: &str, parameters: &[&str], notes: &mut Notes) {
        let Some(address) = address(written) else {
            return directive.left_out("not carried over: its address is none that fosse connects to", notes);
        };
        if parameters.contains(&"down") {
            return directive.left_out("not carried over, as it is down", notes);
        }
        let mut server = Server { address, ..Server::default() };
        let mut others = Vec::new();
        let mut limits = Keys::new();
        for parameter in parameters {
            match parameter.split_once('=') {
                None if *parameter == "backup" => server.backup = true,
                Some(("weight", number)) => match number.parse::<u32>().ok().filter(|weight| *weight <= WEIGHT_MAX) {
                    Some(1) => {}
                    Some(weight) => server.weight = Some(weight),
                    None => others.push(*parameter),
                },
                Some(("max_conns", "0")) => {}
                Some((name, value)) if limit(name, value).is_some() => limits.extend(limit(name, value)),
                _ => others.push(*parameter),
            }
        }
        if self.limits.first().is_some_and(|first| *first != limits) {
            let why = "carried over without max_conns, max_fails and fail_timeout, as the servers have not the same";
            directive.left_out(why, notes);
        }
        self.limits.push(limits);
        if !others.is_empty() {
            let why = format!(
                "carried over without {}: connections_max, weight up to 256, and [backend.health] of [[backend]]",
                others.join(" ")
            );
            directive.left_out(&why, notes);
        }
        self.servers.push(server);
    }
}

/// Returns the key that a limit of a server is.
fn limit(name: &str, value: &str) -> Option<(&'static str, String)> {
    let within = |most: u32| value.parse::<u32>().is_ok_and(|number| (1..=most).contains(&number));
    match name {
        "max_conns" => within(1_000_000).then(|| ("connections_max", value.to_owned())),
        "max_fails" => within(100).then(|| ("failures_max", value.to_owned())),
        "fail_timeout" => super::units::seconds(value).map(|time| ("rest_seconds", time)),
        _ => None,
    }
}

/// Returns the part of a request that a `hash` names, in fosse's words.
fn hash_by(key: &str) -> Option<String> {
    match key {
        "$remote_addr" | "$binary_remote_addr" => Some("source".to_owned()),
        "$uri" | "$document_uri" => Some("path".to_owned()),
        key => {
            let part = |beginning: &str| key.strip_prefix(beginning).filter(|name| name.bytes().all(is_of_variable));
            let cookie = part("$cookie_").map(|name| format!("cookie {name}"));
            cookie.or_else(|| part("$http_").map(|name| format!("header {}", name.replace('_', "-"))))
        }
    }
}

fn is_of_variable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Returns an address of a server as fosse has it: nginx's port is 80 where there is none.
pub(super) fn address(written: &str) -> Option<String> {
    if let Some(path) = written.strip_prefix("unix:") {
        return path.starts_with('/').then(|| written.to_owned());
    }
    let with_port = |text: &str| text.parse::<std::net::SocketAddr>().map(|address| address.to_string());
    if let Ok(address) = with_port(written).or_else(|_| with_port(&format!("{written}:80"))) {
        return Some(address);
    }
    let (host, port) = written.split_once(':').unwrap_or((written, "80"));
    let is_label = |label: &str| {
        let is_of_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(is_of_label)
    };
    // What is all digits at its end would be an address.
    let is_name = host.len() <= 253
        && host.split('.').all(is_label)
        && !host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    (is_name && port.parse::<u16>().is_ok_and(|port| port > 0)).then(|| format!("{}:{port}", host.to_ascii_lowercase()))
}
