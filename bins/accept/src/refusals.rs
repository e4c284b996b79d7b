//! The lines about refused connections: the first of a source at once, then one a window with the
//! number of the others. An attack that is refused must cost less than one that is served.

use std::collections::BTreeMap;
use std::fmt::Display;

use fosse_die::info;
use fosse_source::Source;
use fosse_wire::request::Endpoint;

use crate::PROGRAM;
use crate::admission::Refusal;
use crate::limits::{REFUSALS_COUNT_MAX, REFUSALS_WINDOW_MS};

/// Those of whom a line spoke lately.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    known: BTreeMap<(Who, Refusal), Known>,
    /// Refused connections of sources that have no place in the table.
    others: u64,
}

/// The peer of a refused connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Source(Source),
    /// The peer of a unix socket, where the kernel knows it.
    User(Option<u32>),
}

#[derive(Debug)]
struct Known {
    /// As the first line named it.
    name: String,
    until_ms: u64,
    /// Connections that were refused since, and of which no line has spoken.
    count: u64,
}

impl Refusals {
    /// Notes a refused connection.
    pub(crate) fn note(&mut self, peer: &Endpoint, uid: Option<u32>, why: Refusal, now_ms: u64) {
        let who = Source::of_address(&peer.addr).map_or(Who::User(uid), Who::Source);
        if let Some(known) = self.known.get_mut(&(who, why)) {
            known.count += 1;
        } else if self.known.len() < REFUSALS_COUNT_MAX {
            let name = name(peer, uid);
            report(&name, why, "");
            self.known
                .insert((who, why), Known { name, until_ms: now_ms.saturating_add(REFUSALS_WINDOW_MS), count: 0 });
        } else {
            self.others += 1;
        }
    }

    /// Reports what is counted and not said yet: the process ends.
    pub(crate) fn end(&mut self) {
        self.tick(u64::MAX);
    }

    /// Reports the numbers of windows that have ended.
    pub(crate) fn tick(&mut self, now_ms: u64) {
        self.known.retain(|(_, why), known| {
            let Known { name, until_ms, count } = known;
            if now_ms < *until_ms {
                return true;
            }
            if *count == 0 {
                return false;
            }
            report(name, *why, format_args!(" more={count}"));
            (*count, *until_ms) = (0, now_ms.saturating_add(REFUSALS_WINDOW_MS));
            true
        });
        let others = std::mem::take(&mut self.others);
        if others > 0 {
            info(PROGRAM, format_args!("event=refused client=others more={others}"));
        }
    }
}

fn report(name: &str, why: Refusal, more: impl Display) {
    let (why, limit) = why.words();
    let limit = if limit.is_empty() { String::new() } else { format!(" limit={limit}") };
    info(PROGRAM, format_args!("event=refused client={name} why=\"{why}\"{limit}{more}"));
}

fn name(peer: &Endpoint, uid: Option<u32>) -> String {
    match (peer.ip(), uid) {
        (Some(ip), _) => ip.to_string(),
        (None, Some(uid)) => format!("unix uid={uid}"),
        (None, None) => "unix".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> Endpoint {
        let ip = std::net::Ipv4Addr::from(0x0a00_0000 + number);
        Endpoint::from_socket(std::net::SocketAddr::new(ip.into(), 7))
    }

    #[test]
    fn a_flood_of_sources_takes_no_more_memory_and_is_counted_together() {
        let mut refusals = Refusals::default();
        let count = u32::try_from(REFUSALS_COUNT_MAX).unwrap();
        for number in 0..count + 10 {
            refusals.note(&peer(number), None, Refusal::Denied, 0);
        }
        refusals.note(&peer(1), None, Refusal::Denied, 5);
        assert_eq!((refusals.known.len(), refusals.others), (REFUSALS_COUNT_MAX, 10));
        // Only the one that came again is remembered for another window.
        refusals.tick(REFUSALS_WINDOW_MS);
        assert_eq!((refusals.known.len(), refusals.others), (1, 0));
        refusals.tick(2 * REFUSALS_WINDOW_MS);
        assert_eq!(refusals.known.len(), 0);
    }
}
