//! The numbers of connections and requests that clients have, in this lane and elsewhere.

use std::collections::HashMap;

use fosse_source::{Network, Source};
use fosse_wire::channel::Tally;

use crate::limits::QUIET_PART;

/// The numbers by network.
#[derive(Debug)]
pub struct Counts {
    networks: HashMap<Network, Count>,
    /// Networks of which accept is to hear.
    changed: Vec<Network>,
    /// The lowest limit of a source on any listener; 0 where there is none.
    lowest_max: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    here: u64,
    /// In other lanes and without a proxy, as accept says.
    elsewhere: u64,
    /// The number that accept has heard.
    said: u64,
    is_queued: bool,
}

impl Counts {
    /// Counts nothing yet.
    pub(crate) fn new(lowest_max: u32) -> Self {
        Self { networks: HashMap::new(), changed: Vec::new(), lowest_max }
    }

    /// Returns whether a source may have one more, where its limit is `max`; 0 for none.
    pub(crate) fn admits(&self, source: Source, max: u32) -> bool {
        let has_room = |network: Network| {
            let count = self.networks.get(&network);
            count.is_none_or(|count| count.here + count.elsewhere < network.limit(max))
        };
        max == 0 || source.networks().all(has_room)
    }

    /// Counts one more of a source.
    pub(crate) fn add(&mut self, source: Source) {
        source.networks().for_each(|network| self.change(network, |count| count.here += 1));
    }

    /// Discounts one that was added.
    pub(crate) fn remove(&mut self, source: Source) {
        source.networks().for_each(|network| self.change(network, |count| count.here -= 1));
    }

    /// Takes what accept says of a network.
    pub fn hear(&mut self, tally: &Tally) {
        if let Some(network) = Network::of_parts(&tally.address, tally.bits) {
            self.change(network, |count| count.elsewhere = tally.number.min(u64::from(u32::MAX)));
        }
    }

    /// Begins with another accept, which knows nothing of this lane: it hears all again.
    pub fn begin_again(&mut self) {
        for (network, count) in &mut self.networks {
            (count.elsewhere, count.said) = (0, 0);
            if !std::mem::replace(&mut count.is_queued, true) {
                self.changed.push(*network);
            }
        }
    }

    /// Returns whether accept is to hear of anything.
    pub(crate) fn has_news(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Returns the numbers that accept has not heard.
    pub fn take_news(&mut self) -> Vec<Tally> {
        let mut news = Vec::new();
        for network in std::mem::take(&mut self.changed) {
            let Some(count) = self.networks.get_mut(&network) else { continue };
            let word = word(count.here, network, self.lowest_max);
            if word != count.said {
                let (address, bits) = network.parts();
                news.push(Tally { address, bits, number: word });
            }
            (count.said, count.is_queued) = (word, false);
            if count.here == 0 && count.elsewhere == 0 {
                self.networks.remove(&network);
            }
        }
        news
    }

    fn change(&mut self, network: Network, change: impl FnOnce(&mut Count)) {
        let count = self.networks.entry(network).or_default();
        change(count);
        let is_over = count.here == 0 && count.elsewhere == 0 && count.said == 0;
        if is_over && !count.is_queued {
            self.networks.remove(&network);
        } else if word(count.here, network, self.lowest_max) != count.said && !count.is_queued {
            count.is_queued = true;
            self.changed.push(network);
        }
    }
}

/// Returns the number that accept hears: 0 for so few that all lanes together could have no more of
/// them than the limit.
fn word(here: u64, network: Network, lowest_max: u32) -> u64 {
    if lowest_max == 0 || here <= network.limit(lowest_max) / QUIET_PART { 0 } else { here }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Source {
        Source::of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, last])
    }

    fn said(counts: &mut Counts) -> Vec<u64> {
        counts.take_news().iter().map(|tally| tally.number).collect()
    }

    #[test]
    fn accept_hears_of_a_source_that_has_more_than_a_small_part_of_its_limit_and_of_its_end() {
        let mut counts = Counts::new(2 * 64);
        (0..2).for_each(|_| counts.add(source(1)));
        assert!(!counts.has_news());
        (0..3).for_each(|_| counts.add(source(1)));
        assert_eq!(said(&mut counts), [5], "once for a turn");
        (0..3).for_each(|_| counts.remove(source(1)));
        assert_eq!(said(&mut counts), [0]);
        (0..2).for_each(|_| counts.remove(source(1)));
        assert!(!counts.has_news() && counts.networks.is_empty());
    }

    #[test]
    fn a_source_has_room_for_what_it_has_nowhere() {
        let mut counts = Counts::new(3);
        counts.add(source(1));
        let (address, bits) = source(1).networks().next().unwrap().parts();
        counts.hear(&Tally { address, bits, number: 1 });
        assert!(counts.admits(source(1), 3) && !counts.admits(source(1), 2) && counts.admits(source(2), 1));
        assert!(counts.admits(source(1), 0), "no limit");
        assert_eq!(said(&mut counts), [1]);
        counts.begin_again();
        assert_eq!((said(&mut counts), counts.admits(source(1), 2)), (vec![1], true));
        counts.remove(source(1));
        assert_eq!((said(&mut counts), counts.networks.len()), (vec![0], 0));
    }

    #[test]
    fn all_of_a_56_have_four_times_as_much() {
        let mut counts = Counts::new(1);
        let source = |subnet: u8| Source::of(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, subnet, 0, 0, 0, 0, 0, 0, 0, 1]);
        for subnet in 0..4 {
            assert!(counts.admits(source(subnet), 1));
            counts.add(source(subnet));
            assert!(!counts.admits(source(subnet), 1));
        }
        assert!(!counts.admits(source(9), 1));
    }
}
