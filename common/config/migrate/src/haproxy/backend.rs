//! `backend`: servers with their weights and checks, and how one is chosen.

use std::cell::Cell;

use super::format::is_name;
use super::proxy::Proxy;
use super::section::{Line, Section};
use super::server::Servers;
use super::units::{is_host, seconds};
use super::why;
use crate::edge::{Backend, Edge, Keys, Target, list, quoted};
use crate::http::{is_error, is_status};
use crate::notes::Notes;

/// Settings that `defaults` hands on.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    keys: Keys,
    health: Keys,
    servers: Servers,
    attempts_max: Option<u32>,
    retry_on: Option<String>,
    server_seconds: Option<String>,
    tunnel_seconds: Option<String>,
    pub default_backend: Option<String>,
    /// The part of a request by which clients keep their server.
    sticks: Option<String>,
    /// Lines that are those of a frontend or a backend, each with its own.
    pub common: Vec<Line>,
}

/// A backend that was read.
#[derive(Debug)]
pub(super) struct Read {
    backend: Backend,
    pub proxy: Proxy,
    is_used: Cell<bool>,
}

impl Read {
    /// Returns whether a frontend passes requests to it.
    pub(super) fn is_used(&self) -> bool {
        self.is_used.get()
    }

    /// Returns its rules, and notes its use.
    pub(super) fn proxy(&self) -> &Proxy {
        self.is_used.set(true);
        &self.proxy
    }

    pub(super) fn has_servers(&self) -> bool {
        self.is_used.set(true);
        matches!(&self.backend.target, Target::Servers(servers) if !servers.is_empty())
    }

    /// Returns its name in the edge, to which it is added; `None` where none of its servers is
    /// carried over.
    pub(super) fn add(&self, edge: &mut Edge) -> Option<String> {
        self.has_servers().then(|| edge.backend(self.backend.clone()))
    }
}

/// Reads a section, but for the lines that are another reader's.
pub(super) fn read(section: &Section, defaults: &Settings, is_others: fn(&[&str]) -> bool, notes: &mut Notes) -> Read {
    let mut settings = defaults.clone();
    for line in &section.lines {
        match line.all().as_slice() {
            words if is_others(words) => {}
            ["server", _, address, parameters @ ..] => settings.servers.add(line, address, parameters, notes),
            _ => settings.take(line, notes),
        }
    }
    let is_listen = section.kind() == "listen";
    let lines = defaults.common.iter().chain(&section.lines);
    let proxy = if is_listen { Proxy::default() } else { Proxy::read(lines, false, notes) };
    let (keys, health) = settings.written(notes);
    let servers = Target::Servers(settings.servers.all);
    let backend = Backend { name: section.name().to_owned(), target: servers, keys, health };
    Read { backend, proxy, is_used: Cell::new(false) }
}

/// Takes a time of clients, which is one for all of the edge: the longest.
pub(super) fn client(line: &Line, edge: &mut Edge, notes: &mut Notes) {
    let words = line.all();
    let (keys, most): (&[&'static str], _) = match words.as_slice() {
        ["timeout", "client", _] => (&["body_seconds", "write_seconds"], 3_600_000),
        ["timeout", "http-request", _] => (&["head_seconds"], 600_000),
        _ => (&["idle_seconds"], 3_600_000),
    };
    let Some(time) = words.get(2).and_then(|time| seconds(time, most)) else {
        return line.left_out(why(&words), notes);
    };
    let number = |text: &str| text.parse::<f64>().unwrap_or_default();
    for key in keys {
        match edge.timeouts.iter_mut().find(|(there, _)| there == key) {
            Some((_, there)) if number(there) >= number(&time) => {}
            Some((_, there)) => *there = time.clone(),
            None => edge.timeouts.push((key, time.clone())),
        }
    }
}

impl Settings {
    /// Takes a line that may stand in `defaults` and in `backend`, or notes why it is not carried
    /// over.
    #[expect(clippy::too_many_lines, reason = "a table, one arm for each line")]
    pub(super) fn take(&mut self, line: &Line, notes: &mut Notes) {
        let words = line.all();
        match words.as_slice() {
            ["mode", "http" | "tcp"] | ["option", "http-keep-alive"] => {}
            // Another server is what fosse tries.
            ["option", "redispatch", ..] => {}
            ["option", "abortonclose"] => self.set("abort_on_close", "true".to_owned()),
            ["option", "http-buffer-request"] => self.set("buffer_requests", "true".to_owned()),
            ["option", "accept-invalid-http-response"] => self.set("lenient_responses", "true".to_owned()),
            ["default-server", parameters @ ..] => self.servers.defaults(parameters),
            ["retries", number] if number.parse::<u32>().is_ok_and(|number| number < 64) => {
                self.attempts_max = number.parse::<u32>().ok().map(|number| number + 1);
            }
            ["retry-on", words @ ..] => self.retry_on(line, words, notes),
            ["hash-type", "consistent", ..] => {}
            ["default_backend", name] => self.default_backend = Some((*name).to_owned()),
            ["balance", "roundrobin" | "static-rr"] => self.balance("round-robin", None),
            ["balance", "leastconn"] => self.balance("least-connections", None),
            ["balance", "source"] => self.balance("hash", Some("source".to_owned())),
            ["balance", "random"] => {
                line.left_out("carried over as the one with the fewest requests", notes);
                self.balance("least-connections", None);
            }
            ["balance", "uri"] => self.balance("hash", Some("path".to_owned())),
            ["balance", by] if header(by).is_some() => {
                self.balance("hash", header(by).map(|name| format!("header {name}")))
            }
            ["stick", "on" | "match" | "store-request", by, ..] if sticks(by).is_some() => {
                self.sticks = sticks(by);
                line.left_out("carried over as balance = \"hash\": no table, so nothing expires, and where a server comes or goes few clients move", notes);
            }
            // What is counted by it is another line's.
            ["stick-table", "type", "ip" | "ipv6" | "string", rest @ ..] if !rest.contains(&"store") => {}
            ["cookie", name, "insert", rest @ ..] if is_name(name) => {
                self.set("sticky_cookie", quoted(name));
                let is_usual = |word: &&str| ["indirect", "nocache", "httponly", "secure", "dynamic"].contains(word);
                if !rest.iter().all(is_usual) {
                    line.left_out(
                        "carried over without what follows the name: HttpOnly, SameSite=Lax, no time limit",
                        notes,
                    );
                }
            }
            ["timeout", "connect", time] if seconds(time, 60_000).is_some() => {
                self.set("connect_seconds", seconds(time, 60_000).unwrap_or_default());
            }
            ["timeout", "server", time] if seconds(time, 3_600_000).is_some() => {
                self.server_seconds = seconds(time, 3_600_000);
            }
            ["timeout", "tunnel", time] if seconds(time, 86_400_000).is_some() => {
                self.tunnel_seconds = seconds(time, 86_400_000);
            }
            ["timeout", "queue", time] if seconds(time, 3_600_000).is_some() => {
                self.set("queue_seconds", seconds(time, 3_600_000).unwrap_or_default());
            }
            ["option", "httpchk"] => self.check("/", "OPTIONS"),
            ["option", "httpchk", path] => self.check(path, "OPTIONS"),
            ["option", "httpchk", method @ ("GET" | "HEAD" | "OPTIONS"), path] => self.check(path, method),
            ["option", "httpchk", method @ ("GET" | "HEAD" | "OPTIONS"), path, rest @ ..] => {
                self.check(path, method);
                let headers = rest.join(" ");
                let host = headers.split_once("Host:").map_or("", |(_, host)| host.trim()).to_ascii_lowercase();
                if is_host(&host) {
                    self.health.push(("host", quoted(&host)));
                } else if !matches!(rest, ["HTTP/1.1"]) {
                    line.left_out("carried over for method and path: see host of [backend.health]", notes);
                }
            }
            ["http-check", "send", rest @ ..] => self.send(line, rest, notes),
            ["http-check", "expect", "status", status] if is_statuses(status) => {
                self.health.push(("status", list(&status.split(',').map(status_range).collect::<Vec<_>>())));
            }
            ["http-check", "expect", "string", text] if text.is_ascii() && (1..200).contains(&text.len()) => {
                self.health.push(("body", quoted(text)));
            }
            words if super::proxy::is_of(words) => self.common.push(line.clone()),
            _ => line.left_out(why(&words), notes),
        }
    }

    fn send(&mut self, line: &Line, words: &[&str], notes: &mut Notes) {
        let (mut method, mut path, mut others) = ("OPTIONS", "/", false);
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match (*word, rest.next()) {
                ("meth", Some(name @ (&"GET" | &"HEAD"))) => method = name,
                ("uri", Some(uri)) => path = uri,
                ("ver", Some(_)) => {}
                ("hdr", Some(name)) if name.eq_ignore_ascii_case("host") => match rest.next() {
                    Some(host) if is_host(host) => self.health.push(("host", quoted(&host.to_ascii_lowercase()))),
                    _ => others = true,
                },
                ("hdr", Some(_)) => {
                    rest.next();
                    others = true;
                }
                _ => others = true,
            }
        }
        if others {
            line.left_out("carried over for method, path and host: see [backend.health]", notes);
        }
        self.check(path, method);
    }

    fn retry_on(&mut self, line: &Line, words: &[&str], notes: &mut Notes) {
        let (mut on, mut status, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for word in words {
            match *word {
                "none" => on.clear(),
                "conn-failure" => on.push("\"connect\""),
                "empty-response" => on.push("\"reset\""),
                "response-timeout" => on.push("\"timeout\""),
                "all-retryable-errors" => {
                    on.extend(["\"connect\"", "\"reset\"", "\"timeout\""]);
                    status.extend(["500", "502", "503", "504"]);
                }
                word if is_error(word) => status.push(word),
                // Nothing is sent before the handshake of TLS ends.
                "0rtt-rejected" => {}
                word => others.push(word),
            }
        }
        on.dedup();
        status.truncate(16);
        if !others.is_empty() {
            line.left_out(&format!("carried over without {}: see [backend.retry]", others.join(" ")), notes);
        }
        let status = if status.is_empty() { String::new() } else { format!(", status = [{}]", status.join(", ")) };
        if status.is_empty() && on.iter().all(|on| *on == "\"connect\"") {
            return self.retry_on = None;
        }
        self.retry_on = Some(format!("on = [{}]{status}", on.join(", ")));
    }

    /// Returns the keys of the backend and of its checks.
    fn written(&mut self, notes: &mut Notes) -> (Keys, Keys) {
        if let Some(by) = self.sticks.take() {
            self.balance("hash", Some(by));
        }
        let mut keys = std::mem::take(&mut self.keys);
        let mut health = std::mem::take(&mut self.health);
        if self.attempts_max.is_some() || self.retry_on.is_some() {
            // Three are HAProxy's, beside the first attempt.
            let attempts = self.attempts_max.unwrap_or(4);
            let terms = |on: String| format!("{{ {on}, attempts_max = {attempts} }}");
            // Where a server cannot be connected to another one gets the request anyway.
            keys.push(("retry", self.retry_on.clone().map_or_else(|| "false".to_owned(), terms)));
        }
        keys.extend(self.server_seconds.clone().map(|time| ("first_byte_seconds", time)));
        let number =
            |time: &Option<String>| time.as_ref().and_then(|time| time.parse::<f64>().ok()).unwrap_or_default();
        let is_longer = number(&self.tunnel_seconds) > number(&self.server_seconds);
        let idle = if is_longer { &self.tunnel_seconds } else { &self.server_seconds };
        keys.extend(idle.clone().map(|time| ("idle_seconds", time)));
        self.servers.settings(&mut keys, &mut health, notes);
        (keys, health)
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

/// Returns the part of a request that `stick on` names, in fosse's words.
fn sticks(by: &str) -> Option<String> {
    if by == "src" {
        return Some("source".to_owned());
    }
    let (fetch, name) = by.strip_suffix(')')?.split_once('(')?;
    let kind = match fetch {
        "hdr" | "req.hdr" => "header",
        "cook" | "req.cook" => "cookie",
        _ => return None,
    };
    is_name(name).then(|| format!("{kind} {name}"))
}

/// Returns the name of `hdr(NAME)`.
fn header(by: &str) -> Option<&str> {
    let name = by.strip_prefix("hdr(")?.strip_suffix(')')?;
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!name.is_empty() && name.bytes().all(sound)).then_some(name)
}

fn is_statuses(written: &str) -> bool {
    written.split(',').all(|one| {
        let (from, to) = one.split_once('-').unwrap_or((one, one));
        is_status(from) && is_status(to) && from <= to
    })
}

fn status_range(written: &str) -> String {
    if written.contains('-') { quoted(written) } else { written.to_owned() }
}
