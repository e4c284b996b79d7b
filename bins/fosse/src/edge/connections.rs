//! `fosse connections` and `fosse disconnect`: the connections of clients of a running edge.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use fosse_args::Args;
use fosse_cidr::Prefix;
use fosse_die::{EXIT_PERMANENT, EXIT_TEMPORARY, Severity, say};

use super::{CONNECTIONS_TIME_MAX, Edge};
use crate::{PROGRAM, output::print};

/// One connection, as fosse-status writes it.
#[derive(Debug)]
struct Connection<'a> {
    id: u64,
    client: &'a str,
    listener: u64,
    port: u64,
    state: &'a str,
    age_s: u64,
    requests: u64,
    bytes_in: u64,
    bytes_out: u64,
    lane: u64,
    /// `-` without one.
    site: &'a str,
    request: &'a str,
}

impl<'a> Connection<'a> {
    /// Reads a line; `None` for one that is something else.
    fn read(line: &'a str) -> Option<Self> {
        let mut words = line.splitn(12, ' ');
        let id = words.next()?.parse().ok()?;
        let client = words.next()?;
        let mut number = || words.next()?.parse().ok();
        let (listener, port) = (number()?, number()?);
        let state = words.next()?;
        let mut number = || words.next()?.parse().ok();
        let (age_s, requests, bytes_in, bytes_out, lane) = (number()?, number()?, number()?, number()?, number()?);
        let (site, request) = (words.next()?, words.next().unwrap_or_default());
        Some(Self { id, client, listener, port, state, age_s, requests, bytes_in, bytes_out, lane, site, request })
    }

    fn address(&self) -> Option<IpAddr> {
        self.client.parse::<SocketAddr>().ok().map(|client| client.ip())
    }

    /// Returns it as an object. fosse-status writes no byte that a text of JSON would have to
    /// escape.
    fn json(&self) -> String {
        let text = |text: &str, none: &str| if text == none { "null".to_owned() } else { format!("\"{text}\"") };
        let Self { id, client, listener, port, state, age_s, requests, bytes_in, bytes_out, lane, .. } = self;
        let (site, request) = (text(self.site, "-"), text(self.request, ""));
        format!(
            "{{\"id\": {id}, \"client\": \"{client}\", \"listener\": {listener}, \"port\": {port}, \"state\": \"{state}\", \
             \"age_seconds\": {age_s}, \"requests\": {requests}, \"bytes_in\": {bytes_in}, \"bytes_out\": {bytes_out}, \
             \"lane\": {lane}, \"site\": {site}, \"request\": {request}}}"
        )
    }
}

/// Shows the connections.
pub(crate) fn show(words: &Args) -> i32 {
    let network = match words.value("--client").map(network).transpose() {
        Ok(network) => network,
        Err(why) => return fail(&why, EXIT_PERMANENT),
    };
    let text = match Edge::of(words).and_then(|edge| edge.connections()) {
        Ok(text) => text,
        Err(why) => return fail(&why, EXIT_TEMPORARY),
    };
    let mut all: Vec<Connection<'_>> = text.lines().filter_map(Connection::read).collect();
    if let Some(network) = network {
        all.retain(|one| one.address().is_some_and(|address| network.holds(address)));
    }
    if let Some(site) = words.value("--site") {
        all.retain(|one| one.site == site);
    }
    all.sort_by_key(|one| (std::cmp::Reverse(one.age_s), one.id));
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("silent", lane)) => say(PROGRAM, Severity::Warning, format_args!("lane {lane} does not respond")),
            None if line == "more" => {
                say(PROGRAM, Severity::Warning, "there are more: these are the first that lanes have")
            }
            _ => {}
        }
    }
    if words.has("--json") {
        let rows: Vec<String> = all.iter().map(Connection::json).collect();
        return print(&format!("[{}]\n", rows.join(",\n ")));
    }
    print(&table(&all))
}

fn table(all: &[Connection<'_>]) -> String {
    let width = all.iter().map(|one| one.client.len()).max().unwrap_or(0).max("CLIENT".len());
    let mut out = format!(
        "{:>12}  {:<width$}  {:<8}  {:>8}  {:>8}  {:>8}  {:>8}  {:>4}  {:<8}  REQUEST\n",
        "ID", "CLIENT", "STATE", "SECONDS", "REQUESTS", "IN", "OUT", "LANE", "LISTENER"
    );
    for one in all {
        let listener = format!("{}:{}", one.listener, one.port);
        let request = if one.request.is_empty() { String::new() } else { format!("{} {}", one.site, one.request) };
        let _ = writeln!(
            out,
            "{:>12}  {:<width$}  {:<8}  {:>8}  {:>8}  {:>8}  {:>8}  {:>4}  {listener:<8}  {request}",
            one.id,
            one.client,
            one.state,
            one.age_s,
            one.requests,
            bytes(one.bytes_in),
            bytes(one.bytes_out),
            one.lane
        );
    }
    let _ = writeln!(out, "{} connections", all.len());
    out
}

/// Returns a number of bytes in at most seven characters.
fn bytes(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..10_240_000 => format!("{} KiB", number >> 10),
        _ => format!("{} MiB", number >> 20),
    }
}

/// Ends connections.
pub(crate) fn disconnect(words: &Args) -> i32 {
    let target = match (words.positional(0), words.value("--client")) {
        (Some(id), None) if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("/connections/end/{id}")
        }
        (Some(id), None) => {
            let what = format!("\"{}\" is no number of a connection; fosse connections shows them", id.escape_debug());
            return fail(&what, EXIT_PERMANENT);
        }
        (None, Some(text)) => match network(text) {
            Ok(network) => {
                let (address, bits) = match network.address() {
                    IpAddr::V4(v4) => (v4.to_ipv6_mapped(), 96 + network.bits()),
                    IpAddr::V6(v6) => (v6, network.bits()),
                };
                format!("/connections/end-all/{address}/{bits}")
            }
            Err(why) => return fail(&why, EXIT_PERMANENT),
        },
        _ => return fail("disconnect takes the number of a connection, or --client NETWORK", EXIT_PERMANENT),
    };
    match Edge::of(words).and_then(|edge| edge.change(&target, CONNECTIONS_TIME_MAX)) {
        Ok(said) => print(&format!("{said}\n")),
        Err(why) => fail(&why, EXIT_TEMPORARY),
    }
}

/// Reads a network, or an address alone.
fn network(text: &str) -> Result<Prefix, String> {
    let alone = text.parse::<IpAddr>().map(|address| Prefix::around(address, if address.is_ipv4() { 32 } else { 128 }));
    alone
        .or_else(|_| Prefix::parse(text))
        .map_err(|flaw| format!("--client: \"{}\" is no network: {flaw}", text.escape_debug()))
}

fn fail(why: &str, code: i32) -> i32 {
    say(PROGRAM, Severity::Fatal, why);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_connection_and_other_lines_are_none() {
        let line = "17 [2001:db8::1]:443 1 8080 response 5 2 300 20000 0 a.example GET /a b";
        let one = Connection::read(line).unwrap();
        assert_eq!((one.id, one.state, one.lane, one.site, one.request), (17, "response", 0, "a.example", "GET /a b"));
        assert_eq!(one.address(), Some("2001:db8::1".parse().unwrap()));
        let idle = Connection::read("18 unix 2 80 idle 0 0 0 0 3 - ").unwrap();
        assert_eq!(
            (idle.address(), idle.request, idle.json().contains("\"site\": null, \"request\": null")),
            (None, "", true)
        );
        assert!(Connection::read("silent 3").is_none() && Connection::read("more").is_none());
        assert!(table(&[one]).contains("  a.example GET /a b\n"), "a request is a word of the line");
    }

    #[test]
    fn a_network_may_be_an_address_alone() {
        let shown = |text| network(text).map(|network| format!("{}/{}", network.address(), network.bits()));
        assert_eq!(shown("192.0.2.7"), Ok("192.0.2.7/32".into()));
        assert_eq!(shown("2001:db8::/32"), Ok("2001:db8::/32".into()));
        assert!(shown("a").is_err_and(|why| why.starts_with("--client: \"a\" is no network")));
    }
}
