//! Backend connections with a login of their own (NTLM, Negotiate): what such a server answers on one is for whoever logged in over it. So it
//! is pinned to that client's connection until either ends, and nobody else's request ever goes over it. Where a client connection carries
//! requests of many (trusted proxies), nothing is pinned: the backend connection ends with the response.

use std::collections::HashMap;

use fosse_counters::dispatch as count;
use fosse_eventloop::slab::Key;
use fosse_http1::{Field, Fields as BackendFields, NameSet, names_connection_scheme};
use fosse_wire::{StreamId, fields::Fields};

use crate::{link::Use, serve::Dispatch};

/// Where a request has its credentials.
static CREDENTIALS: NameSet<2> = NameSet::new(["authorization", "proxy-authorization"]);

/// Where a response has its challenges, and where IIS says that a login lasts ([MS-N2HT]).
static LOGINS: NameSet<3> = NameSet::new(["www-authenticate", "proxy-authenticate", "persistent-auth"]);

/// The pinned backend connections of each client connection, by accept's number: mostly one, never two to one backend at rest.
pub type Pins = HashMap<u64, Vec<Key>>;

/// Whose a pinned backend connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// accept's number of the client connection.
    pub connection: u64,
    /// The client's address when it was pinned. A proxy that is wrongly said to keep clients apart must not hand a login on.
    pub client: [u8; 16],
}

/// Whether a request logs in the connection it goes over.
pub fn logs_in(fields: Fields<'_>) -> bool {
    fields.into_iter().any(|(name, value)| CREDENTIALS.contains(name) && names_connection_scheme(value))
}

/// Whether a response asks for such a login, or says that there is one.
pub fn asks_for_login(fields: &BackendFields<'_>) -> bool {
    fields.iter().any(|field| tells_of_login(&field))
}

/// Whether one field of a response does.
pub fn tells_of_login(field: &Field<'_>) -> bool {
    LOGINS.contains(field.name) && (field.is("persistent-auth") || names_connection_scheme(field.value))
}

impl Dispatch {
    /// The backend connection that waits for this stream's client.
    pub(crate) fn pinned_link(&mut self, id: StreamId) -> Option<Key> {
        let stream = self.streams.get(id).filter(|stream| stream.single_client)?;
        let (backend, pin) = (stream.backend, stream.pin());
        let of_backend = |key: &Key| {
            let link = self.links.get(*key)?;
            let at_rest = matches!(link.used, Use::Pinned(_));
            (at_rest && self.servers.get(link.server)?.backend == backend).then_some((*key, link.pin))
        };
        let (key, found) = self.pins.get(&pin.connection)?.iter().find_map(of_backend)?;
        if found == Some(pin) {
            return Some(key);
        }
        self.close_link(key);
        None
    }

    /// A login is bound to the connection a stream uses: it is the client connection's from now on, or ends with this response.
    pub(crate) fn pin(&mut self, id: StreamId, key: Key) {
        let (Some(stream), Some(link)) = (self.streams.get(id), self.links.get_mut(key)) else { return };
        if !stream.single_client {
            link.keep = false;
        } else if link.pin.is_none() {
            let pin = stream.pin();
            link.pin = Some(pin);
            self.pins.entry(pin.connection).or_default().push(key);
            self.counters.add(count::PINNED, 1);
        }
    }

    /// A connection with a login is closed, or its client is gone.
    pub(crate) fn unpin(&mut self, key: Key, pin: Pin) {
        let Some(keys) = self.pins.get_mut(&pin.connection) else { return };
        let before = keys.len();
        keys.retain(|other| *other != key);
        let removed = before.saturating_sub(keys.len());
        if keys.is_empty() {
            self.pins.remove(&pin.connection);
        }
        self.counters.sub(count::PINNED, u64::try_from(removed).unwrap_or(0));
    }

    /// The response is over and the server keeps the connection: it waits for its client alone.
    pub(crate) fn rest_pinned(&mut self, key: Key) {
        let now_ms = self.turn.now_ms();
        let Some(link) = self.links.get_mut(key) else { return };
        let at = link.server;
        let Some(server) = self.servers.get_mut(at) else { return };
        let idle_ms = self.config.backends.get(server.backend).map_or(0, |backend| backend.idle_ms);
        link.used = Use::Pinned(now_ms.saturating_add(u64::from(idle_ms)));
        server.pinned_idle = server.pinned_idle.saturating_add(1);
        // Others may wait for room that its closing would make.
        self.ask_if_needed(at);
    }

    /// Makes room for a connection to a server that has as many as it may: of the pinned ones that wait for their client the one that has
    /// waited longest is closed. False where there is none.
    pub(crate) fn evict_pinned(&mut self, at: usize) -> bool {
        if self.servers.get(at).is_none_or(|server| server.pinned_idle == 0) {
            return false;
        }
        let waits = self.links.iter().filter_map(|(key, link)| match link.used {
            Use::Pinned(until) if link.server == at => Some((until, key)),
            _ => None,
        });
        let Some((_, key)) = waits.min_by_key(|(until, _)| *until) else { return false };
        self.counters.add(count::PINNED_EVICTED, 1);
        self.remove_link(key);
        true
    }

    /// A client connection is over, and with it what was pinned to it. A request of it that is still under way loses its
    /// connection when the RESET that follows comes, and keeps none if it was quicker.
    pub(crate) fn unpin_client(&mut self, connection: u64) {
        for key in self.pins.get(&connection).cloned().unwrap_or_default() {
            match self.links.get_mut(key) {
                Some(link) if !matches!(link.used, Use::Pinned(_)) => link.keep = false,
                _ => self.close_link(key),
            }
        }
    }
}
