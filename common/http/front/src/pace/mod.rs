//! Responses that are sent no faster than the configuration says: each by itself, and all of a
//! source together.
//!
//! Bytes that may not go yet wait as those of a slow reader do: in the window of the response, and
//! beyond it where they are read ahead. No limit of time runs for the client meanwhile.

mod lines;
mod rate;
mod sources;

use fosse_source::Source;
use fosse_wire::request::Endpoint;

use crate::settings::Settings;
use rate::Rate;
use sources::Shares;
pub use sources::SourceRates;

/// The thing that bytes for a paced client wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// This time, in milliseconds.
    Until(u64),
    /// The connections of its source that came before it.
    Others,
}

/// The rates of one response, and what of them is used up.
#[derive(Debug)]
pub struct Pace {
    rate: Option<Rate>,
    /// Bytes that are sent before that at full speed.
    free_bytes: u64,
    /// Time until which what was sent is paid for.
    paid_until_ns: u64,
    source: Option<Shares>,
    wait: Option<Wait>,
}

/// The time of a turn, in milliseconds and nanoseconds.
type Now = (u64, u64);

impl Pace {
    /// Returns the pace of the response to a request; `None` where it has none.
    pub fn of((site, policy, listener): (u32, u32, u16), client: &Endpoint, settings: &Settings) -> Option<Box<Self>> {
        if !settings.is_paced {
            return None;
        }
        let policy = settings.policy(policy)?;
        let rate = Rate::of(policy.response_bytes_per_second);
        let source = Source::of_address(&client.addr).and_then(|source| {
            // A site's own rate takes the place of its listener's.
            let of_site = Shares::new(source, policy.source_bytes_per_second, settings.site_name(site).as_bytes());
            let of_listener = || {
                let rate = settings.listener(listener)?.source_bytes_per_second;
                Shares::new(source, rate, &listener.to_le_bytes())
            };
            of_site.or_else(of_listener)
        });
        let free_bytes = policy.response_rate_after_bytes;
        let is_paced = rate.is_some() || source.is_some();
        is_paced.then(|| Box::new(Self { rate, free_bytes, paid_until_ns: 0, source, wait: None }))
    }

    /// Returns how many of the bytes that are to be written may go now, and notes what they wait
    /// for where that is none.
    pub fn room(&mut self, wanted: usize, slot: u32, (now_ms, now_ns): Now, sources: &mut SourceRates) -> usize {
        let room = self.own_room(wanted, now_ns).map_err(Some);
        let room = room.and_then(|own| match &self.source {
            Some(shares) => sources.room(shares, own, slot, now_ns),
            None => Ok(own),
        });
        let until = |ns: u64| Wait::Until(now_ms + ns.div_ceil(1_000_000).max(1));
        let (room, wait) = match room {
            Ok(room) => (room, None),
            Err(wait_ns) => (0, Some(wait_ns.map_or(Wait::Others, until))),
        };
        self.wait = wait;
        room
    }

    /// Returns what its bytes wait for, where that is not the client.
    pub const fn wait(&self) -> Option<Wait> {
        self.wait
    }

    /// Returns how many bytes the response's own rate lets go.
    fn own_room(&self, wanted: usize, now_ns: u64) -> Result<usize, u64> {
        match self.rate {
            None => Ok(wanted),
            Some(_) if self.free_bytes > 0 => Ok(usize::try_from(self.free_bytes).unwrap_or(usize::MAX).min(wanted)),
            Some(rate) => rate.room(wanted, self.paid_until_ns, now_ns),
        }
    }

    /// Counts bytes that the client has taken. The next connection of its source has its turn.
    pub fn pay(&mut self, bytes: usize, slot: u32, now_ns: u64, sources: &mut SourceRates) {
        if let Some(shares) = &self.source {
            sources.pay(shares, bytes, slot, now_ns);
        }
        let free = usize::try_from(self.free_bytes).unwrap_or(usize::MAX).min(bytes);
        self.free_bytes -= u64::try_from(free).unwrap_or(0);
        if let Some(rate) = self.rate {
            self.paid_until_ns = self.paid_until_ns.max(now_ns) + rate.cost_ns(bytes - free);
        }
    }
}
