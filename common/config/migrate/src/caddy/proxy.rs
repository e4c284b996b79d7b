//! `reverse_proxy`: a backend and its servers, and what is done to headers on the way.

use super::block::Directive;
use super::headers::{Edits, template};
use crate::edge::{Backend, Keys, Server, Target, quoted};
use crate::http::is_status;
use crate::notes::{Notes, UNKNOWN};

/// A backend, and the keys of the routes to it.
#[derive(Clone, Debug)]
pub(super) struct Proxied {
    pub backend: Backend,
    pub keys: Keys,
}

impl Proxied {
    pub(super) fn of(backend: Backend) -> Self {
        Self { backend, keys: Keys::new() }
    }
}

/// Terms of a block besides its servers.
#[derive(Debug, Default)]
struct Terms {
    keys: Keys,
    health: Keys,
    up: Edits,
    down: Edits,
    host: Option<String>,
    /// Terms of retries.
    attempts: Option<u32>,
    seconds: Option<String>,
    /// The first server gets all, as long as it is up.
    is_first: bool,
    /// Something that is spoken to servers is not HTTP/1.1.
    is_foreign: bool,
}

/// Returns the backend; `None` where none of its servers is carried over.
pub(super) fn backend(directive: &Directive, upstreams: &[&str], notes: &mut Notes) -> Option<Proxied> {
    let mut servers = Vec::new();
    let mut take = |written: &str, of: &Directive, notes: &mut Notes| match server(written) {
        Some(server) => servers.push(server),
        None => {
            let why =
                format!("{written} is not carried over: fosse looks up no names, and speaks plain HTTP to servers");
            of.left_out(&why, notes);
        }
    };
    upstreams.iter().for_each(|written| take(written, directive, notes));
    let mut terms = Terms::default();
    for inside in directive.inside() {
        match (inside.name(), inside.arguments().as_slice()) {
            ("to", more) => more.iter().for_each(|written| take(written, inside, notes)),
            _ => terms.read(inside, notes),
        }
    }
    if servers.is_empty() || terms.is_foreign {
        return None;
    }
    if terms.is_first {
        servers.iter_mut().skip(1).for_each(|server| server.backup = true);
    }
    Some(terms.proxied(servers))
}

impl Terms {
    /// Takes a line, or notes why it is not carried over.
    fn read(&mut self, line: &Directive, notes: &mut Notes) {
        match (line.name(), line.arguments().as_slice()) {
            ("header_up", words) => self.up(line, words, notes),
            ("header_down", words) => {
                if self.down.take(words).is_none() {
                    line.left_out("not carried over: see [site.response_headers]", notes);
                }
            }
            ("transport", ["http"]) => line.inside().iter().for_each(|inside| self.transport(inside, notes)),
            ("transport", _) => {
                self.is_foreign = true;
                line.left_out("not carried over: see [backend.fastcgi]", notes);
            }
            (name, words) => {
                if self.take(name, words).is_none() {
                    let why = match name {
                        "flush_interval" => "not carried over: responses go on as they come",
                        "trusted_proxies" => "not carried over: see trusted of [[listen]]",
                        "lb_try_interval" => "not carried over: a request goes to the next server at once",
                        _ => UNKNOWN,
                    };
                    line.left_out(why, notes);
                }
            }
        }
    }

    fn take(&mut self, name: &str, words: &[&str]) -> Option<()> {
        let count = |word: &str, most| word.parse::<u32>().ok().filter(|count| (1..=most).contains(count));
        match (name, words) {
            ("lb_policy", ["round_robin" | "random"]) => {}
            ("lb_policy", ["first"]) => self.is_first = true,
            ("lb_policy", ["least_conn"]) => self.keys.push(("balance", quoted("least-connections"))),
            ("lb_policy", ["ip_hash" | "client_ip_hash"]) => self.keys.extend(hash("source")),
            ("lb_policy", ["uri_hash"]) => self.keys.extend(hash("path")),
            ("lb_policy", ["header", name]) if is_token(name) => self.keys.extend(hash(&format!("header {name}"))),
            ("lb_policy", ["cookie", name]) if is_token(name) => self.keys.push(("sticky_cookie", quoted(name))),
            ("lb_retries", [number]) => self.attempts = Some(count(number, 63)? + 1),
            ("lb_try_duration", [time]) => self.seconds = Some(seconds(time, 3600)?),
            ("health_uri" | "health_path", [path])
                if path.starts_with('/') && path.bytes().all(|one| one.is_ascii_graphic()) =>
            {
                self.health.push(("path", quoted(path)));
            }
            ("health_port", [port]) => self.health.push(("port", count(port, 65_535)?.to_string())),
            ("health_interval", [time]) => self.health.push(("interval_seconds", seconds(time, 3600)?)),
            ("health_status", [status]) if is_status(status) => self.health.push(("status", format!("[{status}]"))),
            ("health_status", [class])
                if class.len() == 3 && class.ends_with("xx") && class.starts_with(['2', '3', '4', '5']) =>
            {
                let first = &class[..1];
                self.health.push(("status", format!("[\"{first}00-{first}99\"]")));
            }
            ("fail_duration", [time]) => self.health.push(("rest_seconds", seconds(time, 3600)?)),
            ("max_fails", [number]) => self.health.push(("failures_max", count(number, 100)?.to_string())),
            ("buffer_requests", []) => self.keys.push(("buffer_requests", "true".to_owned())),
            _ => return None,
        }
        Some(())
    }

    fn up(&mut self, line: &Directive, words: &[&str], notes: &mut Notes) {
        let name = words.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        let known = match (name.as_str(), words) {
            ("host", [_, "{host}" | "{http.request.host}" | "{hostport}" | "{http.request.hostport}"])
            | ("x-forwarded-for" | "x-forwarded-proto" | "x-forwarded-host", [_, ..])
            | ("x-real-ip", [_, "{remote_host}" | "{http.request.remote.host}"]) => Some(()),
            // Which server that is is not known before it is chosen.
            ("host", [_, "{upstream_hostport}" | "{http.reverse_proxy.upstream.hostport}"]) => None,
            ("host", [_, value]) => template(value).map(|host| self.host = Some(host)),
            _ => self.up.take(words),
        };
        if known.is_none() {
            line.left_out("not carried over: see [site.request_headers] and backend_host", notes);
        }
    }

    fn transport(&mut self, line: &Directive, notes: &mut Notes) {
        let key = |name| match name {
            "dial_timeout" => Some(("connect_seconds", 60)),
            "response_header_timeout" => Some(("first_byte_seconds", 3600)),
            "read_timeout" => Some(("idle_seconds", 86_400)),
            "keepalive" => Some(("pool_idle_seconds", 3600)),
            _ => None,
        };
        let found = match (line.name(), line.arguments().as_slice()) {
            ("versions", ["1.1"]) => return,
            ("keepalive", ["off"]) => Some(("pool_connections_max", "0".to_owned())),
            ("keepalive_idle_conns_per_host", [count]) if count.parse::<u32>().is_ok_and(|count| count <= 10_000) => {
                Some(("pool_connections_max", (*count).to_owned()))
            }
            (name, [time]) => key(name).and_then(|(key, most)| Some((key, seconds(time, most)?))),
            _ => None,
        };
        // Neither of these is HTTP/1.1 in the clear.
        self.is_foreign |=
            line.name().starts_with("tls") || line.name() == "versions" || line.name() == "proxy_protocol";
        match found {
            Some(found) => self.keys.push(found),
            None => line.left_out(UNKNOWN, notes),
        }
    }

    fn proxied(self, servers: Vec<Server>) -> Proxied {
        let first = servers[0].address.clone();
        let name = first.rsplit('/').next().unwrap_or(&first).to_owned();
        let mut keys = self.keys;
        let attempts = self.attempts.map(|attempts| format!("attempts_max = {attempts}"));
        let seconds = self.seconds.map(|seconds| format!("seconds_max = {seconds}"));
        let retry: Vec<String> = attempts.into_iter().chain(seconds).collect();
        keys.extend((!retry.is_empty()).then(|| ("retry", format!("{{ {} }}", retry.join(", ")))));
        let mut of_routes = self.up.keys(true);
        of_routes.extend(self.down.keys(false));
        of_routes.extend(self.host.map(|host| ("backend_host", quoted(&host))));
        let backend = Backend { name, target: Target::Servers(servers), keys, health: self.health };
        Proxied { backend, keys: of_routes }
    }
}

fn hash(by: &str) -> [(&'static str, String); 2] {
    [("balance", quoted("hash")), ("hash_by", quoted(by))]
}

fn is_token(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Reads a time such as "5s", "1m30s" or "500ms" as whole seconds, from 1 to `most`.
pub(super) fn seconds(text: &str, most: u64) -> Option<String> {
    let (mut milliseconds, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let scale = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        milliseconds = milliseconds.checked_add(number.parse::<u64>().ok()?.checked_mul(scale)?)?;
        rest = after;
    }
    let seconds = milliseconds.div_ceil(1000);
    (1..=most).contains(&seconds).then(|| seconds.to_string())
}

/// Returns a server as fosse has it: Caddy's port alone is of this machine.
pub(super) fn server(written: &str) -> Option<Server> {
    address(written).map(|address| Server { address, ..Server::default() })
}

fn address(written: &str) -> Option<String> {
    if let Some(path) = written.strip_prefix("unix/") {
        return path.starts_with('/').then(|| format!("unix:{path}"));
    }
    let rest = written.strip_prefix("http://").unwrap_or(written);
    if let Ok(address) = rest.parse::<std::net::SocketAddr>() {
        return Some(address.to_string());
    }
    let (host, port) = rest.split_once(':').unwrap_or((rest, "80"));
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    match host {
        "" | "localhost" if is_port => Some(format!("localhost:{port}")),
        host => host.parse::<std::net::Ipv4Addr>().ok().filter(|_| is_port).map(|address| format!("{address}:{port}")),
    }
}
