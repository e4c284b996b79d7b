//! The grounds on which clients are judged that trusted proxies name: the address lists of
//! listeners, and the penalties that accept keeps.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::os::fd::OwnedFd;

use fosse_cidr::{List, Lists, Verdict};
use fosse_source::{Network, Source};
use fosse_sys::blob::Mapped;
use fosse_wire::channel::Tally;
use fosse_wire::request::Endpoint;

/// Lists and penalties.
#[derive(Debug, Default)]
pub struct Grounds {
    lists: Lists<Mapped>,
    /// Sources that are refused, and the end of that in milliseconds.
    penalties: HashMap<Source, u64>,
}

impl Grounds {
    /// Takes the address list of a listener.
    ///
    /// # Errors
    /// The reason for which it cannot be used.
    pub fn take_list(&mut self, listener: u16, fd: OwnedFd) -> Result<(), String> {
        let image = fosse_sys::blob::map(fd, fosse_cidr::IMAGE_BYTES_MAX).map_err(|error| error.to_string())?;
        self.lists.insert(listener, List::open(image).map_err(|error| error.to_string())?);
        Ok(())
    }

    /// Returns whether all of that many lists are here.
    #[must_use]
    pub fn are_complete(&self, lists: u32) -> bool {
        usize::try_from(lists).is_ok_and(|count| self.lists.len() >= count)
    }

    /// Takes penalties, and forgets those that are over.
    pub fn penalise(&mut self, tallies: &[Tally], now_ms: u64) {
        self.penalties.retain(|_, until_ms| *until_ms > now_ms);
        let source = |tally: &Tally| Network::of_parts(&tally.address, tally.bits).and_then(Network::source);
        self.penalties.extend(tallies.iter().filter_map(|tally| Some((source(tally)?, tally.number))));
    }

    /// Returns whether a source is refused now.
    #[must_use]
    pub fn is_penalised(&self, source: Source, now_ms: u64) -> bool {
        self.penalties.get(&source).is_some_and(|until_ms| *until_ms > now_ms)
    }

    /// Returns what the lists of a listener say of a client.
    #[must_use]
    pub fn verdict(&self, listener: u16, client: &Endpoint) -> Verdict {
        self.lists.judge(listener, Ipv6Addr::from(client.addr).into())
    }
}
