//! The event lines of refusals: a few of each source in a window, then the number of the others.
//! Who is refused without end must not hide the events of others, from however many addresses of
//! an IPv6 network they come.

use std::collections::HashMap;

use fosse_die::info;
use fosse_source::{Network, Source};
use fosse_wire::request::Endpoint;

use crate::limits::{REFUSAL_LINES_MAX, REFUSAL_SOURCES_MAX, REFUSALS_WINDOW_MS};
use crate::refused::{Refused, Whose};
use crate::settings::Settings;

/// The sources that were refused lately, and the networks that they are in. In a shell there are no
/// lines: the response says it.
#[derive(Debug, Default)]
pub struct RefusalEvents {
    is_reported: bool,
    windows: HashMap<Network, Window>,
    /// Refusals of sources that have no place in the table.
    others: u64,
}

#[derive(Debug)]
struct Window {
    until_ms: u64,
    lines: u32,
    /// Refusals of which no line has spoken.
    more: u64,
}

impl RefusalEvents {
    /// Makes those of a stage of a lane.
    pub(crate) fn reported() -> Self {
        Self { is_reported: true, ..Self::default() }
    }

    /// Writes the line of a refusal, or counts it.
    pub fn note(
        &mut self,
        program: &str,
        refused: Refused,
        client: &Endpoint,
        of: &Whose<'_>,
        settings: &Settings,
        now_ms: u64,
    ) {
        if self.is_reported && self.counts_in(Source::of(&client.addr), now_ms) {
            refused.report(program, client, of, settings);
        }
    }

    /// Returns whether a refusal of a source has a line: it has not had its lines yet, nor have the
    /// networks that it is in.
    fn counts_in(&mut self, source: Source, now_ms: u64) -> bool {
        let lines = |network| self.windows.get(&network).map_or(0, |window| u64::from(window.lines));
        if source.networks().any(|network| lines(network) >= network.limit(REFUSAL_LINES_MAX)) {
            // Its other sources take no places then.
            let known = source.networks().find(|network| self.windows.contains_key(network));
            if let Some(window) = known.and_then(|network| self.windows.get_mut(&network)) {
                window.more += 1;
            }
            return false;
        }
        let missing = source.networks().filter(|network| !self.windows.contains_key(network)).count();
        if self.windows.len() + missing > REFUSAL_SOURCES_MAX {
            self.others += 1;
            return false;
        }
        let until_ms = now_ms + REFUSALS_WINDOW_MS;
        for network in source.networks() {
            self.windows.entry(network).or_insert(Window { until_ms, lines: 0, more: 0 }).lines += 1;
        }
        true
    }

    /// Reports what is counted and not said yet: the process ends.
    pub fn end(&mut self, program: &str) {
        self.tick(program, u64::MAX);
    }

    /// Reports the numbers of windows that have ended.
    pub fn tick(&mut self, program: &str, now_ms: u64) {
        self.windows.retain(|network, window| {
            let is_over = now_ms >= window.until_ms;
            if is_over && window.more > 0 {
                let is_local = network.source() == Some(Source::LOCAL);
                let name = if is_local { "unix".to_owned() } else { network.to_string() };
                info(program, format_args!("event=refused client={name} more={}", window.more));
            }
            !is_over
        });
        let others = std::mem::take(&mut self.others);
        if others > 0 {
            info(program, format_args!("event=refused client=others more={others}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u32) -> Source {
        Source::of(&std::net::Ipv4Addr::from(0x0a00_0000 + last).to_ipv6_mapped().octets())
    }

    #[test]
    fn a_source_has_a_few_lines_in_a_window_and_the_others_have_theirs() {
        let mut events = RefusalEvents::reported();
        let lines = (0..1000).filter(|_| events.counts_in(source(1), 0)).count();
        assert_eq!(lines, usize::try_from(REFUSAL_LINES_MAX).unwrap());
        assert!(events.counts_in(source(2), 0));
        events.tick("fosse-front", REFUSALS_WINDOW_MS - 1);
        assert!(!events.counts_in(source(1), REFUSALS_WINDOW_MS - 1));
        events.tick("fosse-front", REFUSALS_WINDOW_MS);
        assert!(events.counts_in(source(1), REFUSALS_WINDOW_MS));
    }

    #[test]
    fn a_network_of_many_sources_has_lines_for_a_few_of_them_and_one_place_for_all_others() {
        let mut events = RefusalEvents::reported();
        let source = |subnet: u16| Source::of(&std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, subnet, 0, 0, 0, 1).octets());
        let lines = (0..u16::MAX).filter(|subnet| events.counts_in(source(*subnet), 0)).count();
        assert_eq!(lines, 16 * usize::try_from(REFUSAL_LINES_MAX).unwrap());
        assert!(events.windows.len() < REFUSAL_SOURCES_MAX / 8 && events.others == 0);
        let more: u64 = events.windows.values().map(|window| window.more).sum();
        assert_eq!(lines + usize::try_from(more).unwrap(), usize::from(u16::MAX), "all are counted");
        assert!(events.counts_in(Source::of(&std::net::Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1).octets()), 0));
    }

    #[test]
    fn a_flood_of_sources_takes_no_more_memory_and_is_counted_together() {
        let mut events = RefusalEvents::reported();
        let count = u32::try_from(REFUSAL_SOURCES_MAX).unwrap();
        assert_eq!((0..count + 10).filter(|number| events.counts_in(source(*number), 0)).count(), REFUSAL_SOURCES_MAX);
        assert_eq!((events.windows.len(), events.others), (REFUSAL_SOURCES_MAX, 10));
        events.tick("fosse-front", REFUSALS_WINDOW_MS);
        assert_eq!((events.windows.len(), events.others), (0, 0));
    }
}
