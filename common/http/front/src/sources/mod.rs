//! The clients that trusted proxies name, judged here as accept judges the peers of sockets: by the
//! same address lists, with the same limit, and with the penalties that accept keeps.

mod counts;

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use fosse_acceptor::Grounds;
use fosse_cidr::Verdict;
use fosse_source::Source;
use fosse_wire::channel::Tally;
use fosse_wire::request::Endpoint;

use crate::limits::FLOOD_OVERRUNS;
use crate::refused::Refused;
use crate::settings::Settings;
pub use counts::Counts;

/// The grounds on which a client is judged.
#[derive(Debug)]
pub struct Sources {
    grounds: Grounds,
    /// The numbers of clients.
    pub counts: Counts,
    /// Requests that used up the rules' time, of which accept has not heard.
    overruns: HashMap<Source, u64>,
}

impl Sources {
    /// Makes them without a list, a penalty or a client.
    pub(crate) fn new(settings: &Settings) -> Self {
        let counts = Counts::new(settings.lowest_address_limit());
        Self { grounds: Grounds::default(), counts, overruns: HashMap::new() }
    }

    /// Takes the address list of a listener.
    ///
    /// # Errors
    /// The reason for which it cannot be used.
    pub fn take_list(&mut self, listener: u16, fd: OwnedFd) -> Result<(), String> {
        self.grounds.take_list(listener, fd)
    }

    /// Returns whether all lists are here.
    pub fn are_complete(&self, settings: &Settings) -> bool {
        self.grounds.are_complete(settings.blob.address_lists)
    }

    /// Judges a client. Returns the source to count what it has for; none where it is the proxy
    /// itself, or without an address.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn judge(
        &self,
        listener: u16,
        client: &Endpoint,
        settings: &Settings,
        now_ms: u64,
    ) -> Result<Option<Source>, Refused> {
        let Some(source) = Source::of_address(&client.addr) else { return Ok(None) };
        let verdict = self.grounds.verdict(listener, client);
        if verdict == Verdict::Denied {
            return Err(Refused::DENIED);
        }
        if settings.trusts(listener, &client.addr) {
            return Ok(None);
        }
        if verdict != Verdict::Allowed && self.grounds.is_penalised(source, now_ms) {
            return Err(Refused::PENALISED);
        }
        let max = settings.listener(listener).map_or(0, |listener| listener.address_connections_max);
        if self.counts.admits(source, max) { Ok(Some(source)) } else { Err(Refused::ADDRESS_LIMIT) }
    }

    /// Takes penalties, and forgets those that are over.
    pub fn penalise(&mut self, tallies: &[Tally], now_ms: u64) {
        self.grounds.penalise(tallies, now_ms);
    }

    /// Returns whether a client is refused now, whoever has named it.
    pub(crate) fn refuses(&self, listener: u16, client: &Endpoint, now_ms: u64) -> bool {
        let is_penalised =
            Source::of_address(&client.addr).is_some_and(|source| self.grounds.is_penalised(source, now_ms));
        is_penalised && self.grounds.verdict(listener, client) != Verdict::Allowed
    }

    /// Notes that a request of this client used up the rules' time. Those who never get a penalty
    /// are not told of.
    pub fn overran(&mut self, listener: u16, client: &Endpoint, settings: &Settings) {
        self.offended(1, listener, client, settings);
    }

    /// Notes that a client has flooded a connection; accept hears of it as of several such
    /// requests.
    pub fn flooded(&mut self, listener: u16, client: &Endpoint, settings: &Settings) {
        self.offended(FLOOD_OVERRUNS, listener, client, settings);
    }

    fn offended(&mut self, times: u64, listener: u16, client: &Endpoint, settings: &Settings) {
        let vouched =
            settings.trusts(listener, &client.addr) || self.grounds.verdict(listener, client) == Verdict::Allowed;
        if let Some(source) = Source::of_address(&client.addr).filter(|_| !vouched) {
            *self.overruns.entry(source).or_insert(0) += times;
        }
    }

    /// Returns whether accept is to hear of anything.
    pub fn has_news(&self) -> bool {
        self.counts.has_news() || !self.overruns.is_empty()
    }

    /// Returns the overruns of which accept has not heard.
    pub fn take_overruns(&mut self) -> Vec<Tally> {
        let tally = |(source, number): (Source, u64)| {
            let (address, bits) = source.networks().next()?.parts();
            Some(Tally { address, bits, number })
        };
        std::mem::take(&mut self.overruns).into_iter().filter_map(tally).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_cidr::LISTENER_ALL;
    use fosse_settings::{Net, Parse, ParseListener};

    fn client(address: &str) -> Endpoint {
        Endpoint::from_socket(std::net::SocketAddr::new(address.parse().unwrap(), 9))
    }

    fn settings() -> Settings {
        let trusted = vec![Net { addr: client("10.0.0.0").addr, prefix: 104 }];
        let listener = ParseListener { trusted, address_connections_max: 2, ..ParseListener::default() };
        Settings::new(Parse { listeners: vec![listener], address_lists: 1, ..Parse::default() })
    }

    fn penalty(address: &str, until_ms: u64) -> Tally {
        let (address, bits) = Source::of(&client(address).addr).networks().next().unwrap().parts();
        Tally { address, bits, number: until_ms }
    }

    #[test]
    fn a_named_client_is_judged_by_the_list_the_penalties_and_the_limit() {
        let settings = settings();
        let mut sources = Sources::new(&settings);
        assert!(!sources.are_complete(&settings));
        let image = fosse_cidr::compile(b"192.0.2.9", b"192.0.2.0/24").unwrap();
        sources.take_list(LISTENER_ALL, fosse_sys::memfd::sealed("addresses", &image).unwrap()).unwrap();
        assert!(sources.are_complete(&settings));
        sources.penalise(&[penalty("203.0.113.1", 50), penalty("192.0.2.9", 50)], 0);
        let judge = |sources: &Sources, address: &str, now_ms| {
            sources.judge(0, &client(address), &settings, now_ms).map(|source| source.is_some())
        };
        assert_eq!(judge(&sources, "192.0.2.1", 0), Err(Refused::DENIED));
        assert_eq!(judge(&sources, "203.0.113.1", 49), Err(Refused::PENALISED));
        assert_eq!(judge(&sources, "203.0.113.1", 50), Ok(true), "over");
        assert_eq!(judge(&sources, "192.0.2.9", 0), Ok(true), "allow-listed");
        assert_eq!(judge(&sources, "10.1.1.1", 0), Ok(false), "the proxy itself");
        let source = Source::of(&client("198.51.100.1").addr);
        (0..2).for_each(|_| sources.counts.add(source));
        assert_eq!(judge(&sources, "198.51.100.1", 0), Err(Refused::ADDRESS_LIMIT));
        sources.counts.remove(source);
        assert_eq!(judge(&sources, "198.51.100.1", 0), Ok(true));
    }

    #[test]
    fn overruns_are_told_once_and_not_those_of_who_never_gets_a_penalty() {
        let settings = settings();
        let mut sources = Sources::new(&settings);
        for address in ["203.0.113.1", "203.0.113.1", "10.0.0.1"] {
            sources.overran(0, &client(address), &settings);
        }
        assert_eq!(sources.take_overruns(), [penalty("203.0.113.1", 2)]);
        assert_eq!(sources.take_overruns(), []);
    }

    #[test]
    fn what_is_no_image_is_an_error() {
        let mut sources = Sources::new(&settings());
        assert!(sources.take_list(0, fosse_sys::memfd::sealed("addresses", b"none").unwrap()).is_err());
    }
}
