//! `reverse_proxy`: a backend and its servers.

use super::block::Directive;
use crate::edge::{Backend, Server, Target, quoted};
use crate::http::is_status;
use crate::notes::{Notes, UNKNOWN};

/// Returns the backend; `None` where none of its servers is carried over.
pub(super) fn backend(directive: &Directive, upstreams: &[&str], notes: &mut Notes) -> Option<Backend> {
    let (mut servers, mut keys, mut health) = (Vec::new(), Vec::new(), Vec::new());
    let mut take = |written: &str, of: &Directive, notes: &mut Notes| match address(written) {
        Some(address) => servers.push(Server { address, ..Server::default() }),
        None => {
            let why =
                format!("{written} is not carried over: fosse looks up no names, and speaks plain HTTP to servers");
            of.left_out(&why, notes);
        }
    };
    upstreams.iter().for_each(|written| take(written, directive, notes));
    for inside in directive.inside() {
        match (inside.name(), inside.arguments().as_slice()) {
            ("to", more) => more.iter().for_each(|written| take(written, inside, notes)),
            ("lb_policy", ["round_robin" | "random"]) => {}
            ("lb_policy", ["least_conn"]) => keys.push(("balance", quoted("least-connections"))),
            ("lb_policy", ["ip_hash" | "client_ip_hash"]) => keys.extend(hash("source")),
            ("lb_policy", ["uri_hash"]) => keys.extend(hash("path")),
            ("lb_policy", ["header", name]) if is_token(name) => keys.extend(hash(&format!("header {name}"))),
            ("lb_policy", ["cookie", name]) if is_token(name) => keys.push(("sticky_cookie", quoted(name))),
            ("health_uri", [path]) if path.starts_with('/') => health.push(("path", quoted(path))),
            ("health_status", [status]) if is_status(status) => {
                health.push(("status", format!("[{status}]")));
            }
            (
                "header_up",
                ["Host" | "host", "{host}" | "{http.request.host}" | "{hostport}" | "{http.request.hostport}"],
            )
            | ("header_up", ["X-Forwarded-For" | "X-Forwarded-Proto" | "X-Forwarded-Host", ..]) => {}
            ("flush_interval", _) => inside.left_out("not carried over: responses go on as they come", notes),
            _ => inside.left_out(UNKNOWN, notes),
        }
    }
    if servers.is_empty() {
        return None;
    }
    let first = servers[0].address.clone();
    let name = first.rsplit('/').next().unwrap_or(&first).to_owned();
    Some(Backend { name, target: Target::Servers(servers), keys, health })
}

fn hash(by: &str) -> [(&'static str, String); 2] {
    [("balance", quoted("hash")), ("hash_by", quoted(by))]
}

fn is_token(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Returns an address of a server as fosse has it: Caddy's port alone is of this machine.
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
