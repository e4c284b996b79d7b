//! The decision who may come in, by the socket's peer alone, before any byte is read. Of whom a
//! trusted proxy names its lane decides, by the same lists, limits and penalties.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use fosse_cidr::{BadImage, List, Lists, Verdict};
use fosse_counters::accept as count;
use fosse_settings::{Accept, AcceptListener};
use fosse_source::{Network, Source};
use fosse_sys::blob::Mapped;
use fosse_wire::channel::Connection;
use fosse_wire::request::Endpoint;
use fosse_wire::start::Door;
use fosse_wire::start::Strike;

use crate::connections::Connections;
use crate::limits::{LIST_OVERLAP_MS, pressed_above};
use crate::penalties::Penalties;
use crate::shares::Shares;

/// The reason of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refusal {
    /// The address lists deny the address.
    Denied,
    /// Its source crashed stages lately, or used up the rules' time again and again.
    Penalised,
    /// Its source has as many connections as it may have.
    AddressLimit,
    /// There are as many connections as there may be.
    GlobalLimit,
    /// A process of this UID may not use the unix socket.
    WrongPeer,
    /// The configuration has no such listener.
    NoListener,
}

impl Refusal {
    /// Returns the reason for people, and the key of fosse.toml that it follows from.
    pub(crate) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Refusal::Denied => ("on a deny list", "deny"),
            Refusal::Penalised => ("penalised for its requests", ""),
            Refusal::AddressLimit => ("too many connections from this address", "address_connections_max"),
            Refusal::GlobalLimit => ("too many connections in all", "connections_max"),
            Refusal::WrongPeer => ("not a user who may connect", "peer_uids"),
            Refusal::NoListener => ("listener is not configured", ""),
        }
    }

    /// Returns the counter that counts it.
    pub(crate) fn counter(self) -> usize {
        match self {
            Refusal::Denied => count::DENIED,
            Refusal::Penalised => count::PENALISED,
            Refusal::AddressLimit => count::LIMITED_ADDRESS,
            Refusal::GlobalLimit => count::LIMITED_GLOBAL,
            Refusal::WrongPeer | Refusal::NoListener => count::WRONG_PEER,
        }
    }
}

/// Everything that a decision needs but the connection table.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    settings: Accept,
    lists: Lists<Mapped>,
    /// The generation of each list.
    generations: BTreeMap<u16, u32>,
    /// The newest generation of lists, and the time when its first part came.
    newest: (u32, u64),
    penalties: Penalties,
    /// The shares of lanes of clients that trusted proxies name.
    pub(crate) shares: Shares,
}

impl Admission {
    /// Makes an admission without lists and penalties.
    pub(crate) fn new(settings: Accept) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Returns the door of a lane for those who come by a listener.
    pub(crate) fn door(&self, listener: u16) -> Door {
        match self.listener(listener) {
            Some(listener) if listener.tls => Door::Tls,
            Some(listener) if listener.http2 => Door::Http2,
            _ => Door::Parse,
        }
    }

    /// Returns the settings of a listener.
    pub(crate) fn listener(&self, listener: u16) -> Option<&AcceptListener> {
        self.settings.listeners.get(usize::from(listener))
    }

    /// Returns whether an admitted address is a trusted proxy's.
    ///
    /// # Errors
    /// The reason to refuse it.
    pub(crate) fn judge(
        &self,
        listener: u16,
        peer: &Endpoint,
        table: &Connections,
        now_ms: u64,
    ) -> Result<bool, Refusal> {
        let settings = self.listener(listener).ok_or(Refusal::NoListener)?;
        let trusted = trusts(settings, peer);
        let verdict = self.verdict(listener, peer);
        if verdict == Verdict::Denied {
            return Err(Refusal::Denied);
        }
        // A trusted proxy has no limit by address: its one address is that of all its clients.
        let source = Source::of_address(&peer.addr).filter(|_| !trusted);
        if self.has_penalty(source, verdict, now_ms) {
            return Err(Refusal::Penalised);
        }
        if source.is_some_and(|source| self.has_enough(source, settings.address_connections_max, table)) {
            return Err(Refusal::AddressLimit);
        }
        self.has_room(table).map(|()| trusted)
    }

    /// Returns whether the source of an admitted connection has got a penalty.
    pub(crate) fn is_penalised(&self, connection: &Connection, now_ms: u64) -> bool {
        let Connection { listener, peer, trusted, .. } = connection;
        let source = Source::of_address(&peer.addr).filter(|_| !trusted);
        self.has_penalty(source, self.verdict(*listener, peer), now_ms)
    }

    fn has_penalty(&self, source: Option<Source>, verdict: Verdict, now_ms: u64) -> bool {
        verdict != Verdict::Allowed && source.is_some_and(|source| self.penalties.holds(source, now_ms))
    }

    /// Judges the peer of a unix socket, who is known by UID, as [`Admission::judge`] does; `None`
    /// where the kernel does not know it.
    pub(crate) fn judge_unix(&self, listener: u16, uid: Option<u32>, table: &Connections) -> Result<bool, Refusal> {
        let settings = self.listener(listener).ok_or(Refusal::NoListener)?;
        if !settings.peer_uids.is_empty() && !uid.is_some_and(|uid| settings.peer_uids.contains(&uid)) {
            return Err(Refusal::WrongPeer);
        }
        self.has_room(table).map(|()| settings.trusted_unix)
    }

    /// Returns what a lane reported of a connection with the trust this configuration gives it;
    /// `None` where it has no such listener.
    pub(crate) fn reconsider(&self, reported: Connection) -> Option<Connection> {
        let settings = self.listener(reported.listener)?;
        let trusted = if reported.unix { settings.trusted_unix } else { trusts(settings, &reported.peer) };
        Some(Connection { trusted, ..reported })
    }

    /// Notes that a process crashed while it worked on this connection. Returns what is remembered
    /// of its source from now on, which may be a penalty. Those who are trusted or allow-listed
    /// never get one, since there one address is that of many people.
    pub(crate) fn penalise(&mut self, connection: &Connection, now_ms: u64) -> Option<Strike> {
        let vouched = connection.trusted || self.verdict(connection.listener, &connection.peer) == Verdict::Allowed;
        let source = Source::of_address(&connection.peer.addr).filter(|_| !vouched)?;
        self.penalties.crashed(source, now_ms);
        self.penalties.strike(source)
    }

    /// Notes the same of a source that a trusted proxy has named. Whoever reads its next requests
    /// knows whether it is trusted or allow-listed there.
    pub(crate) fn penalise_source(&mut self, source: Source, now_ms: u64) -> Option<Strike> {
        self.penalties.crashed(source, now_ms);
        self.penalties.strike(source)
    }

    /// Notes that requests of a source used up the rules' time. Returns the penalty that begins
    /// with that.
    pub(crate) fn overran(&mut self, source: Source, times: u64, now_ms: u64) -> Option<Strike> {
        if self.penalties.overran(source, times, now_ms) { self.penalties.strike(source) } else { None }
    }

    /// Returns the penalties: each source with the time of its end in milliseconds.
    pub(crate) fn penalties(&self) -> impl Iterator<Item = (Source, u64)> {
        self.penalties.all()
    }

    /// Returns the limit of a network on the listener where it is lowest; none without any.
    pub(crate) fn lowest_limit(&self, network: Network) -> u64 {
        let limits = self.settings.listeners.iter().map(|listener| listener.address_connections_max);
        limits.filter(|max| *max > 0).min().map_or(u64::MAX, |max| network.limit(max))
    }

    /// Takes over what an earlier accept remembered of a source.
    pub(crate) fn restore(&mut self, strike: Strike, now_ms: u64) {
        self.penalties.restore(strike, now_ms);
    }

    /// Replaces a list, unless the one there is is of a newer generation.
    pub(crate) fn replace(
        &mut self,
        listener: u16,
        generation: u32,
        image: Mapped,
        now_ms: u64,
    ) -> Result<(), BadImage> {
        let list = List::open(image)?;
        if generation > self.newest.0 {
            self.newest = (generation, now_ms);
        }
        if self.generations.get(&listener).is_none_or(|there| *there <= generation) {
            self.lists.insert(listener, list);
            self.generations.insert(listener, generation);
        }
        Ok(())
    }

    /// Drops lists that no newer generation has replaced: they are no longer configured.
    pub(crate) fn sweep(&mut self, now_ms: u64) {
        let (newest, since) = self.newest;
        if now_ms.saturating_sub(since) > LIST_OVERLAP_MS {
            self.generations.retain(|_, generation| *generation >= newest);
            self.lists.retain(|listener| self.generations.contains_key(&listener));
        }
    }

    fn verdict(&self, listener: u16, peer: &Endpoint) -> Verdict {
        self.lists.judge(listener, Ipv6Addr::from(peer.addr).into())
    }

    /// Returns whether a source, or a larger network that it is in, has as many connections as it
    /// may.
    fn has_enough(&self, source: Source, max: u32, table: &Connections) -> bool {
        let has = |network: Network| u64::from(table.of(network)) + self.shares.total(network);
        max > 0 && source.networks().any(|network| has(network) >= network.limit(max))
    }

    fn has_room(&self, table: &Connections) -> Result<(), Refusal> {
        if table.len() < self.connections_max() { Ok(()) } else { Err(Refusal::GlobalLimit) }
    }

    /// Returns whether idle connections have to make room: hardly any is free.
    pub(crate) fn is_pressed(&self, table: &Connections) -> bool {
        table.len() > pressed_above(self.connections_max())
    }

    fn connections_max(&self) -> usize {
        usize::try_from(self.settings.connections_max).unwrap_or(usize::MAX)
    }
}

fn trusts(settings: &AcceptListener, peer: &Endpoint) -> bool {
    settings.trusted.iter().any(|net| net.contains(&peer.addr))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::way::Way;
    use fosse_cidr::LISTENER_ALL as ALL;
    use fosse_settings::Net;

    fn peer(address: &str) -> Endpoint {
        Endpoint::from_socket(std::net::SocketAddr::new(address.parse().unwrap(), 40_000))
    }

    fn connection(id: u64, address: &str) -> Connection {
        Connection { id, peer: peer(address), ..Connection::default() }
    }

    fn admission() -> Admission {
        let trusted = vec![Net { addr: peer("198.51.100.0").addr, prefix: 120 }];
        let open = AcceptListener { address_connections_max: 2, trusted, ..AcceptListener::default() };
        let local = AcceptListener { peer_uids: vec![1000], trusted_unix: true, ..AcceptListener::default() };
        Admission::new(Accept { connections_max: 5, listeners: vec![open, local] })
    }

    fn mapped(bytes: &[u8]) -> Mapped {
        let fd = fosse_sys::memfd::sealed("addresses", bytes).unwrap();
        fosse_sys::blob::map(fd, bytes.len()).unwrap()
    }

    fn image(allow: &str, deny: &str) -> Mapped {
        mapped(&fosse_cidr::compile(allow.as_bytes(), deny.as_bytes()).unwrap())
    }

    #[test]
    fn a_denied_address_is_refused_and_the_listeners_own_list_speaks_first() {
        let (mut admission, table) = (admission(), Connections::default());
        admission.replace(ALL, 1, image("", "192.0.2.0/24"), 0).unwrap();
        assert_eq!(admission.judge(0, &peer("192.0.2.7"), &table, 0), Err(Refusal::Denied));
        admission.replace(0, 1, image("192.0.2.7", ""), 0).unwrap();
        assert_eq!(admission.judge(0, &peer("192.0.2.7"), &table, 0), Ok(false));
        assert_eq!(admission.judge(0, &peer("192.0.2.8"), &table, 0), Err(Refusal::Denied));
    }

    #[test]
    fn a_new_generation_of_lists_replaces_the_old_one_without_a_gap() {
        let (mut admission, table) = (admission(), Connections::default());
        admission.replace(ALL, 1, image("", "192.0.2.1"), 0).unwrap();
        admission.replace(0, 1, image("", "192.0.2.2"), 0).unwrap();
        admission.replace(ALL, 2, image("", "192.0.2.3"), 5000).unwrap();
        let denied =
            |admission: &Admission, last| admission.judge(0, &peer(&format!("192.0.2.{last}")), &table, 0).is_err();
        admission.sweep(5500);
        assert!(!denied(&admission, 1) && denied(&admission, 2) && denied(&admission, 3));
        admission.sweep(6001);
        assert!(!denied(&admission, 2) && denied(&admission, 3));
        admission.replace(ALL, 1, image("", ""), 7000).unwrap();
        assert!(denied(&admission, 3), "an older generation changes nothing");
        assert_eq!(admission.replace(ALL, 9, mapped(&[1, 2, 3]), 8000), Err(BadImage));
        assert!(denied(&admission, 3), "a bad image changes nothing");
    }

    #[test]
    fn limits_count_by_source_and_in_all_and_spare_proxies_the_first() {
        let (admission, mut table) = (admission(), Connections::default());
        (1..=2).for_each(|id| assert!(table.add(connection(id, "2001:db8::1"), Way::NONE)));
        assert_eq!(admission.judge(0, &peer("2001:db8::ffff"), &table, 0), Err(Refusal::AddressLimit));
        assert_eq!(admission.judge(0, &peer("2001:db8:0:1::1"), &table, 0), Ok(false));
        (3..=4).for_each(|id| assert!(table.add(connection(id, "198.51.100.9"), Way::NONE)));
        assert_eq!(admission.judge(0, &peer("198.51.100.9"), &table, 0), Ok(true));
        assert!(table.add(connection(5, "198.51.100.9"), Way::NONE));
        assert_eq!(admission.judge(0, &peer("198.51.100.9"), &table, 0), Err(Refusal::GlobalLimit));
        assert_eq!(admission.judge_unix(1, Some(1000), &table), Err(Refusal::GlobalLimit));
    }

    #[test]
    fn a_customer_with_many_64s_has_as_many_connections_as_a_few_of_them_may_have() {
        let (mut admission, mut table) = (admission(), Connections::default());
        admission.settings.connections_max = 1000;
        let judge = |table: &Connections, address: &str| admission.judge(0, &peer(address), table, 0);
        // Two from each /64: the eighth fills the /56, which may have four times as many as one.
        for id in 0..8_u64 {
            let address = format!("2001:db8:0:{:x}::1", id / 2);
            assert_eq!(judge(&table, &address), Ok(false), "{address}");
            assert!(table.add(connection(id, &address), Way::NONE));
        }
        assert_eq!(judge(&table, "2001:db8:0:ff::1"), Err(Refusal::AddressLimit), "the same /56");
        assert_eq!(judge(&table, "2001:db8:0:100::1"), Ok(false), "another one");
        for id in 8..32_u64 {
            let address = format!("2001:db8:0:{:x}0{}::1", 1 + id / 8, id / 2 % 4);
            assert_eq!(judge(&table, &address), Ok(false), "{address}");
            assert!(table.add(connection(id, &address), Way::NONE));
        }
        assert_eq!(judge(&table, "2001:db8:0:ff00::1"), Err(Refusal::AddressLimit), "the same /48");
        assert_eq!(judge(&table, "2001:db8:1::1"), Ok(false), "another one");
        (0..32).for_each(|id| assert!(table.close(id, Way::NONE)));
        assert_eq!(judge(&table, "2001:db8:0:ff::1"), Ok(false), "ended ones do not count");
    }

    #[test]
    fn a_unix_peer_needs_a_uid_on_the_list() {
        let (admission, table) = (admission(), Connections::default());
        assert_eq!(admission.judge_unix(1, Some(1000), &table), Ok(true));
        assert_eq!(admission.judge_unix(1, Some(0), &table), Err(Refusal::WrongPeer));
        assert_eq!(admission.judge_unix(1, None, &table), Err(Refusal::WrongPeer));
        assert_eq!(admission.judge_unix(7, Some(1000), &table), Err(Refusal::NoListener));
    }

    #[test]
    fn a_source_that_kills_twice_is_refused_unless_trusted_or_allow_listed() {
        let (mut admission, table) = (admission(), Connections::default());
        admission.replace(ALL, 1, image("203.0.113.1", ""), 0).unwrap();
        let proxy = Connection { trusted: true, ..connection(3, "198.51.100.9") };
        for connection in [connection(1, "203.0.113.1"), proxy, Connection { unix: true, ..Connection::default() }] {
            assert!(!(0..4).any(|_| admission.penalise(&connection, 0).is_some()));
            assert_ne!(admission.judge(0, &connection.peer, &table, 0), Err(Refusal::Penalised));
        }
        assert!(!admission.penalise(&connection(1, "203.0.113.2"), 0).unwrap().penalised);
        assert!(admission.penalise(&connection(2, "203.0.113.2"), 0).unwrap().penalised);
        assert_eq!(admission.judge(0, &peer("203.0.113.2"), &table, 1), Err(Refusal::Penalised));
        assert_eq!(admission.judge(0, &peer("203.0.113.2"), &table, 600_000), Ok(false));
    }
}
