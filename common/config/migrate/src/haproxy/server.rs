//! `server` and `default-server`: addresses, weights, and what fosse says of all servers at once.

use super::section::Line;
use super::units::{address, seconds};
use crate::edge::{Keys, Server, quoted};
use crate::notes::{Notes, Place};

/// Largest weight of a server, in both.
const WEIGHT_MAX: u32 = 256;

/// The servers of a backend.
#[derive(Clone, Debug, Default)]
pub(super) struct Servers {
    pub all: Vec<Server>,
    defaults: Vec<String>,
    /// Keys of the backend or of its checks that each one has.
    limits: Vec<Keys>,
    last: Option<(Place, String)>,
}

impl Servers {
    /// Takes what servers have that do not say it themselves.
    pub(super) fn defaults(&mut self, parameters: &[&str]) {
        self.defaults.extend(parameters.iter().map(|word| (*word).to_owned()));
    }

    /// Takes a server.
    pub(super) fn add(&mut self, line: &Line, written: &str, parameters: &[&str], notes: &mut Notes) {
        let Some(address) = address(written) else {
            return line.left_out("not carried over: its address is none that fosse connects to", notes);
        };
        let mut server = Server { address, ..Server::default() };
        let (mut others, mut limits) = (Vec::new(), Keys::new());
        let all: Vec<&str> = self.defaults.iter().map(String::as_str).chain(parameters.iter().copied()).collect();
        let refused = parameter(&all, &mut server, &mut limits, &mut others);
        if let Some(why) = refused {
            return line.left_out(why, notes);
        }
        if !others.is_empty() {
            let why = format!(
                "carried over without {}: connections_max and [backend.health] of [[backend]]",
                others.join(" ")
            );
            line.left_out(&why, notes);
        }
        self.last = Some((line.place, line.words.join(" ")));
        self.limits.push(limits);
        self.all.push(server);
    }

    /// Adds what all servers say to the keys of the backend and its checks.
    pub(super) fn settings(&self, keys: &mut Keys, health: &mut Keys, notes: &mut Notes) {
        let Some(first) = self.limits.first() else { return };
        let is_of_all = |key: &(&'static str, String)| self.limits.iter().all(|limits| limits.contains(key));
        if self.limits.iter().flatten().any(|key| !is_of_all(key))
            && let Some((place, words)) = &self.last
        {
            let why = "carried over without maxconn, inter, rise and fall that not all of these servers have: fosse has one of each for all";
            notes.left_out(*place, words, why);
        }
        for key in first.iter().filter(|key| is_of_all(key)) {
            let of_health =
                matches!(key.0, "interval_seconds" | "passes_min" | "failures_max" | "slow_start_seconds" | "port");
            if of_health { health.push(key.clone()) } else { keys.push(key.clone()) }
        }
    }
}

/// Reads the parameters of a server; returns why there is none.
#[expect(clippy::too_many_lines, reason = "a table, one arm for each word")]
fn parameter<'p>(
    all: &[&'p str],
    server: &mut Server,
    limits: &mut Keys,
    others: &mut Vec<&'p str>,
) -> Option<&'static str> {
    let mut rest = all.iter();
    let number =
        |word: Option<&&str>, most: u32| word?.parse::<u32>().ok().filter(|number| (1..=most).contains(number));
    let mut put = |key: &'static str, value: Option<String>| {
        limits.retain(|(there, _)| *there != key);
        let is_there = value.is_some();
        limits.extend(value.map(|value| (key, value)));
        is_there
    };
    while let Some(word) = rest.next() {
        let is_known = match *word {
            "backup" => {
                server.backup = true;
                true
            }
            // Checks are asked for by [backend.health], and passive ones are always there; names of
            // servers are followed anyway.
            "check" | "enabled" | "no-ssl" | "no-check" => true,
            "resolvers" | "init-addr" | "resolve-prefer" | "cookie" | "id" => rest.next().is_some(),
            "disabled" => return Some("not carried over, as it is disabled"),
            "ssl" => return Some("not carried over: fosse speaks plain HTTP to servers"),
            "proto" => match rest.next() {
                Some(&"h1") => true,
                _ => return Some("not carried over: fosse speaks HTTP/1.1 to servers"),
            },
            "weight" => match rest.next().and_then(|number| number.parse().ok()).filter(|weight| *weight <= WEIGHT_MAX)
            {
                Some(1) => true,
                weight => {
                    server.weight = weight;
                    weight.is_some()
                }
            },
            "maxconn" => put("connections_max", number(rest.next(), 1_000_000).map(|number| number.to_string())),
            "maxqueue" => put("queue_requests_max", number(rest.next(), 1_000_000).map(|number| number.to_string())),
            "pool-max-conn" => {
                put("pool_connections_max", number(rest.next(), 10_000).map(|number| number.to_string()))
            }
            "rise" => put("passes_min", number(rest.next(), 100).map(|number| number.to_string())),
            "fall" => put("failures_max", number(rest.next(), 100).map(|number| number.to_string())),
            "port" => put("port", number(rest.next(), 65_535).map(|number| number.to_string())),
            "inter" => put("interval_seconds", rest.next().and_then(|time| seconds(time, 3_600_000))),
            "slowstart" => put("slow_start_seconds", rest.next().and_then(|time| seconds(time, 3_600_000))),
            "send-proxy" => put("proxy_protocol", Some(quoted("v1"))),
            "send-proxy-v2" => put("proxy_protocol", Some(quoted("v2"))),
            _ => false,
        };
        if !is_known {
            others.push(word);
        }
    }
    None
}
