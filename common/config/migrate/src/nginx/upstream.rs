//! `upstream`: servers with their weights, and how one is chosen.

use std::cell::Cell;

use super::directive::Directive;
use super::scope::UNKNOWN;
use crate::edge::{Server, quoted};
use crate::notes::Notes;

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
    pub keys: Vec<(&'static str, String)>,
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
            keys: Vec::new(),
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
            ("zone" | "keepalive_requests" | "keepalive_timeout" | "keepalive_time", _) => {
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
            return directive.left_out("not carried over: fosse looks up no names; write the address", notes);
        };
        if parameters.contains(&"down") {
            return directive.left_out("not carried over, as it is down", notes);
        }
        let mut server = Server { address, ..Server::default() };
        let mut others = Vec::new();
        for parameter in parameters {
            match parameter.split_once('=') {
                None if *parameter == "backup" => server.backup = true,
                Some(("weight", number)) => match number.parse::<u32>().ok().filter(|weight| *weight <= WEIGHT_MAX) {
                    Some(1) => {}
                    Some(weight) => server.weight = Some(weight),
                    None => others.push(*parameter),
                },
                _ => others.push(*parameter),
            }
        }
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

/// Returns an address of a server as fosse has it: nginx's port is 80 where there is none, and
/// names but "localhost" are not looked up.
pub(super) fn address(written: &str) -> Option<String> {
    if let Some(path) = written.strip_prefix("unix:") {
        return path.starts_with('/').then(|| written.to_owned());
    }
    let with_port = |text: &str| text.parse::<std::net::SocketAddr>().map(|address| address.to_string());
    if let Ok(address) = with_port(written).or_else(|_| with_port(&format!("{written}:80"))) {
        return Some(address);
    }
    let (host, port) = written.split_once(':').unwrap_or((written, "80"));
    (host == "localhost" && port.parse::<u16>().is_ok_and(|port| port > 0)).then(|| format!("{host}:{port}"))
}
