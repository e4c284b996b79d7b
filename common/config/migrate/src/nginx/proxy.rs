//! The address of `proxy_pass`, and the backend there.

use super::upstream::{Upstreams, address};
use crate::edge::{Backend, Server, Target};

/// Returns the backend at an address, or of an upstream of that name.
pub(super) fn backend_of(authority: &str, upstreams: &Upstreams) -> Result<Backend, &'static str> {
    match upstreams.get(authority) {
        Some(upstream) if upstream.servers.is_empty() => Err("not carried over: none of its servers is"),
        Some(upstream) => Ok(upstream.backend()),
        None => {
            let address = address(authority).ok_or("not carried over: its address is none that fosse connects to")?;
            let target = Target::Servers(vec![Server { address, ..Server::default() }]);
            Ok(Backend { name: named(authority), target, keys: Vec::new(), health: Vec::new() })
        }
    }
}

/// Returns a name for the server at an address: the last part of a path, or all of it.
fn named(authority: &str) -> String {
    authority.rsplit('/').next().unwrap_or(authority).to_owned()
}

/// Cuts the address of `proxy_pass` into server and path.
pub(super) fn url(written: &str) -> Result<(&str, Option<&str>), &'static str> {
    if written.contains('$') {
        return Err("not carried over: the backend of a site is the same for all requests");
    }
    let Some(rest) = written.strip_prefix("http://") else {
        return Err("not carried over: fosse speaks plain HTTP to servers");
    };
    if let Some(socket) = rest.strip_prefix("unix:") {
        return Ok(match socket.split_once(':') {
            Some((path, "")) => (&rest[..path.len() + 5], None),
            Some((path, after)) => (&rest[..path.len() + 5], Some(after)),
            None => (rest, None),
        });
    }
    Ok(match rest.find('/') {
        Some(at) => (&rest[..at], Some(&rest[at..])),
        None => (rest, None),
    })
}
