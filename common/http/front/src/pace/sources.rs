//! The rates of sources, which hold for all their connections together, in every lane.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use fosse_counters::RatesPage;
use fosse_source::Source;

use super::{lines::Lines, rate::Rate};

/// The rates that hold for one source: its own, and those of the larger networks that it is in,
/// each with its key in the page.
#[derive(Debug)]
pub(crate) struct Shares(Vec<(u64, Rate)>);

impl Shares {
    /// Returns those of a source in the place that has the rate: a site, or a listener. `None`
    /// without a rate.
    pub(crate) fn new(source: Source, bytes_per_second: u64, place: &[u8]) -> Option<Self> {
        Rate::of(bytes_per_second)?;
        let share = |(network, times): (fosse_source::Network, u32)| {
            let rate = Rate::of(bytes_per_second * u64::from(times))?;
            // The same for all lanes of all generations, which no key of one process would be.
            // Whoever wants to share a cell with somebody else has to find an address for it among
            // 2^64.
            let mut hasher = DefaultHasher::new();
            (place, bytes_per_second, network).hash(&mut hasher);
            Some((hasher.finish().max(1), rate))
        };
        Some(Self(source.networks().map(|network| (network, network.times())).filter_map(share).collect()))
    }

    /// Returns the key of the line in which its connections wait.
    fn line(&self) -> u64 {
        self.0.first().map_or(0, |(key, _)| *key)
    }
}

/// The page of what sources were sent of late, and the lines in which their connections wait.
#[derive(Debug, Default)]
pub struct SourceRates {
    /// None before the first source that has a rate, where no page is shared.
    page: Option<RatesPage>,
    lines: Lines,
}

impl SourceRates {
    /// Takes the page that all lanes share, where there is one.
    pub(crate) fn new(page: Option<fosse_sys::page::Page>) -> Self {
        Self { page: page.map(|page| RatesPage::of(Some(page))), lines: Lines::default() }
    }

    /// Returns how many bytes a connection may send now.
    ///
    /// # Errors
    /// The nanoseconds until it may, or `None` where others are before it.
    pub(super) fn room(
        &mut self,
        shares: &Shares,
        wanted: usize,
        slot: u32,
        now_ns: u64,
    ) -> Result<usize, Option<u64>> {
        let page = self.page.get_or_insert_with(|| RatesPage::of(None));
        if !self.lines.is_turn_of(slot, shares.line()) {
            self.lines.join(slot, shares.line());
            return Err(None);
        }
        let rooms = shares.0.iter().map(|(key, rate)| rate.room(wanted, page.paid_until_ns(*key, now_ns), now_ns));
        // The longest wait, else the least room.
        let room = rooms.reduce(|one, other| match (one, other) {
            (Ok(one), Ok(other)) => Ok(one.min(other)),
            (Err(one), Err(other)) => Err(one.max(other)),
            (Err(wait), Ok(_)) | (Ok(_), Err(wait)) => Err(wait),
        });
        room.unwrap_or(Ok(wanted)).map_err(|wait_ns| {
            self.lines.join(slot, shares.line());
            Some(wait_ns)
        })
    }

    /// Counts bytes that a connection has sent, whose turn is over.
    pub(super) fn pay(&mut self, shares: &Shares, bytes: usize, slot: u32, now_ns: u64) {
        self.lines.leave(slot);
        if let Some(page) = &self.page {
            shares.0.iter().for_each(|(key, rate)| page.pay(*key, now_ns, rate.cost_ns(bytes)));
        }
    }

    /// Takes a connection that is gone out of its line.
    pub(crate) fn leave(&mut self, slot: u32) {
        self.lines.leave(slot);
    }

    /// Takes a slot whose turn has come, where there is one.
    pub fn next_woken(&mut self) -> Option<u32> {
        self.lines.next_woken()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PACE_BYTES_MIN;

    const RATE: u64 = 65_536;

    fn shares(address: &str, place: &[u8]) -> Shares {
        let source = Source::of(&address.parse::<std::net::Ipv6Addr>().unwrap().octets());
        Shares::new(source, RATE, place).unwrap()
    }

    /// Lets connections of a virtual second send as much as they may, each as often as its turn
    /// comes. Returns the bytes that each has sent.
    fn second(rates: &mut SourceRates, connections: &[(u32, &Shares)], from_ns: u64) -> Vec<usize> {
        let mut sent = vec![0; connections.len()];
        for now_ns in (from_ns..from_ns + 1_000_000_000).step_by(1_000_000) {
            let mut moved = true;
            while std::mem::take(&mut moved) {
                for (at, (slot, shares)) in connections.iter().enumerate() {
                    if let Ok(bytes) = rates.room(shares, 40_960, *slot, now_ns) {
                        rates.pay(shares, bytes, *slot, now_ns);
                        (sent[at], moved) = (sent[at] + bytes, true);
                    }
                }
            }
        }
        sent
    }

    #[test]
    fn a_hundred_connections_of_a_source_have_its_rate_in_total_and_each_the_same() {
        let (mut rates, source) = (SourceRates::default(), shares("::ffff:192.0.2.1", b"a"));
        let connections: Vec<(u32, &Shares)> = (0..100).map(|slot| (slot, &source)).collect();
        let mut sent = vec![0; 100];
        for n in 0..100 {
            for (all, one) in sent.iter_mut().zip(second(&mut rates, &connections, n * 1_000_000_000)) {
                *all += one;
            }
        }
        let all: usize = sent.iter().sum();
        let expected = 100 * usize::try_from(RATE).unwrap();
        assert!((expected..=expected + 2 * PACE_BYTES_MIN).contains(&(all + PACE_BYTES_MIN)), "{all}");
        assert!(sent.iter().all(|one| one.abs_diff(all / 100) <= PACE_BYTES_MIN), "{sent:?}");
    }

    #[test]
    fn lanes_share_the_rate_of_a_source_and_sources_and_places_do_not() {
        let fd = fosse_sys::memfd::page("test", fosse_counters::RATES_PAGE_BYTES).unwrap();
        let lane = || SourceRates::new(Some(fosse_sys::page::Page::map(&fd).unwrap()));
        let (mut one, mut other) = (lane(), lane());
        let source = shares("::ffff:192.0.2.1", b"a");
        assert_eq!(one.room(&source, 40_960, 0, 0), Ok(PACE_BYTES_MIN));
        one.pay(&source, PACE_BYTES_MIN, 0, 0);
        let wait_ns = Rate::of(RATE).unwrap().cost_ns(PACE_BYTES_MIN);
        assert_eq!(other.room(&source, 40_960, 0, 0), Err(Some(wait_ns)));
        for free in [shares("::ffff:192.0.2.2", b"a"), shares("::ffff:192.0.2.1", b"b")] {
            assert_eq!(other.room(&free, 40_960, 1, 0), Ok(PACE_BYTES_MIN));
        }
    }

    #[test]
    fn all_of_a_56_have_four_times_the_rate_and_of_a_48_sixteen_times() {
        let mut rates = SourceRates::default();
        let sources: Vec<Shares> = (0..40).map(|n| shares(&format!("2001:db8:1:{n:x}::1"), b"a")).collect();
        let connections: Vec<(u32, &Shares)> = (0..).zip(&sources).collect();
        let sent: usize = second(&mut rates, &connections, 0).iter().sum();
        let rate = usize::try_from(RATE).unwrap();
        assert!((4 * rate..6 * rate).contains(&sent), "{sent}");
    }
}
