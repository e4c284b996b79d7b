//! `backend`: servers with their weights and checks, and how one is chosen.

use std::cell::Cell;

use super::section::{Line, Section};
use super::why;
use crate::edge::{Backend, Edge, Server, Target, quoted};
use crate::notes::Notes;

/// Largest weight of a server, in both.
const WEIGHT_MAX: u32 = 256;

/// Settings that `defaults` hands on.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    keys: Vec<(&'static str, String)>,
    health: Vec<(&'static str, String)>,
    pub default_backend: Option<String>,
}

/// A backend that was read.
#[derive(Debug)]
pub(super) struct Read {
    backend: Backend,
    is_used: Cell<bool>,
}

impl Read {
    /// Returns whether a frontend passes requests to it.
    pub(super) fn is_used(&self) -> bool {
        self.is_used.get()
    }

    /// Returns its name in the edge, to which it is added; `None` where none of its servers is
    /// carried over.
    pub(super) fn add(&self, edge: &mut Edge) -> Option<String> {
        self.is_used.set(true);
        let has_servers = matches!(&self.backend.target, Target::Servers(servers) if !servers.is_empty());
        has_servers.then(|| edge.backend(self.backend.clone()))
    }
}

/// Reads a section, but for the lines that are another reader's.
pub(super) fn read(section: &Section, defaults: &Settings, is_others: fn(&[&str]) -> bool, notes: &mut Notes) -> Read {
    let mut settings = defaults.clone();
    let mut servers = Vec::new();
    for line in &section.lines {
        match line.all().as_slice() {
            words if is_others(words) => {}
            ["server", _, address, parameters @ ..] => servers.extend(server(line, address, parameters, notes)),
            _ => settings.take(line, notes),
        }
    }
    let backend = Backend {
        name: section.name().to_owned(),
        target: Target::Servers(servers),
        keys: settings.keys,
        health: settings.health,
    };
    Read { backend, is_used: Cell::new(false) }
}

impl Settings {
    /// Takes a line that may stand in `defaults` and in `backend`, or notes why it is not carried
    /// over.
    pub(super) fn take(&mut self, line: &Line, notes: &mut Notes) {
        let words = line.all();
        match words.as_slice() {
            ["mode", "http"] | ["option", "forwardfor"] | ["option", "http-keep-alive"] => {}
            ["default_backend", name] => self.default_backend = Some((*name).to_owned()),
            ["balance", "roundrobin" | "static-rr"] => self.balance("round-robin", None),
            ["balance", "leastconn"] => self.balance("least-connections", None),
            ["balance", "source"] => self.balance("hash", Some("source".to_owned())),
            ["balance", "uri"] => self.balance("hash", Some("path".to_owned())),
            ["balance", by] if header(by).is_some() => {
                self.balance("hash", header(by).map(|name| format!("header {name}")))
            }
            ["cookie", name, "insert", ..] => self.set("sticky_cookie", quoted(name)),
            ["timeout", "connect", time] if seconds(time, 60_000).is_some() => {
                self.set("connect_seconds", seconds(time, 60_000).unwrap_or_default());
            }
            ["timeout", "server", time] if seconds(time, 3_600_000).is_some() => {
                let time = seconds(time, 3_600_000).unwrap_or_default();
                self.set("first_byte_seconds", time.clone());
                self.set("idle_seconds", time);
            }
            ["option", "httpchk"] => self.check("/", "OPTIONS"),
            ["option", "httpchk", path] => self.check(path, "OPTIONS"),
            ["option", "httpchk", method @ ("GET" | "HEAD" | "OPTIONS"), path] => self.check(path, method),
            ["http-check", "send", "meth", method @ ("GET" | "HEAD"), "uri", path] => self.check(path, method),
            ["http-check", "expect", "status", status] if status.parse::<u16>().is_ok() => {
                self.health.push(("status", format!("[{status}]")));
            }
            _ => line.left_out(why(&words), notes),
        }
    }

    fn balance(&mut self, balance: &str, by: Option<String>) {
        self.keys.retain(|(key, _)| *key != "hash_by");
        self.set("balance", quoted(balance));
        self.keys.extend(by.map(|by| ("hash_by", quoted(&by))));
    }

    fn set(&mut self, key: &'static str, value: String) {
        self.keys.retain(|(there, _)| *there != key);
        self.keys.push((key, value));
    }

    fn check(&mut self, path: &str, method: &str) {
        self.health.retain(|(key, _)| !matches!(*key, "path" | "method"));
        self.health.push(("path", quoted(path)));
        // fosse asks with GET or HEAD, and HEAD is what OPTIONS was for: no body.
        self.health.push(("method", quoted(if method == "GET" { "GET" } else { "HEAD" })));
    }
}

/// Returns the name of `hdr(NAME)`.
fn header(by: &str) -> Option<&str> {
    let name = by.strip_prefix("hdr(")?.strip_suffix(')')?;
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!name.is_empty() && name.bytes().all(sound)).then_some(name)
}

fn server(line: &Line, written: &str, parameters: &[&str], notes: &mut Notes) -> Option<Server> {
    let Some(address) = address(written) else {
        line.left_out("not carried over: fosse looks up no names; write the address", notes);
        return None;
    };
    let mut server = Server { address, ..Server::default() };
    let (mut others, mut rest) = (Vec::new(), parameters.iter());
    while let Some(parameter) = rest.next() {
        match *parameter {
            "backup" => server.backup = true,
            // Checks are asked for by [backend.health], and passive ones are always there.
            "check" => {}
            "disabled" => {
                line.left_out("not carried over, as it is disabled", notes);
                return None;
            }
            "weight" => match rest.next().and_then(|number| number.parse().ok()).filter(|weight| *weight <= WEIGHT_MAX)
            {
                Some(1) => {}
                Some(weight) => server.weight = Some(weight),
                None => others.push("weight"),
            },
            // The cookie of fosse names the server by itself.
            "cookie" => drop(rest.next()),
            other => others.push(other),
        }
    }
    if !others.is_empty() {
        let why =
            format!("carried over without {}: connections_max and [backend.health] of [[backend]]", others.join(" "));
        line.left_out(&why, notes);
    }
    Some(server)
}

/// Returns an address of a server as fosse has it; names but "localhost" are not looked up.
pub(super) fn address(written: &str) -> Option<String> {
    let path = written.strip_prefix("unix@").unwrap_or(written);
    if path.starts_with('/') {
        return Some(format!("unix:{path}"));
    }
    let written = written.strip_prefix("ipv4@").or(written.strip_prefix("ipv6@")).unwrap_or(written);
    let (host, port) = written.rsplit_once(':')?;
    port.parse::<u16>().ok().filter(|port| *port > 0)?;
    if host == "localhost" {
        return Some(written.to_owned());
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<std::net::IpAddr>().ok()? {
        std::net::IpAddr::V4(address) => Some(format!("{address}:{port}")),
        std::net::IpAddr::V6(address) => Some(format!("[{address}]:{port}")),
    }
}

/// Reads a time, in milliseconds where it has no unit, as seconds from 1 on.
fn seconds(text: &str, milliseconds_max: u64) -> Option<String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let scale = match &text[digits..] {
        "" | "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let milliseconds = text[..digits].parse::<u64>().ok()?.checked_mul(scale)?;
    (1000..=milliseconds_max).contains(&milliseconds).then(|| match milliseconds % 1000 {
        0 => (milliseconds / 1000).to_string(),
        part => format!("{}.{part:03}", milliseconds / 1000),
    })
}
