//! Backend connections with a login of their own (NTLM, Negotiate).
//!
//! Such a server takes every later request of the connection for the user who logged in over it. So
//! it is pinned to that client's connection until either ends, and no request of another client
//! ever goes over it. Where a client connection carries requests of many (trusted proxies), nothing
//! is pinned: the backend connection ends with the response.

use std::collections::HashMap;

use fosse_counters::{Counters, dispatch as count};
use fosse_eventloop::slab::Key;
use fosse_http1::{Field, Fields as BackendFields, NameSet, names_connection_scheme};
use fosse_wire::fields::Fields;

use super::connection::{Connection, Pin};

/// Fields with the challenges of a response, and the one in which IIS says that a login lasts
/// ([MS-N2HT]).
static LOGINS: NameSet<3> = NameSet::new(["www-authenticate", "proxy-authenticate", "persistent-auth"]);

/// Returns whether a request logs in the connection it goes over.
pub(crate) fn logs_in(fields: Fields<'_>) -> bool {
    fields.all(b"authorization").chain(fields.all(b"proxy-authorization")).any(names_connection_scheme)
}

/// Returns whether a response asks for such a login, or says that there is one.
pub(crate) fn asks_for_login(fields: &BackendFields<'_>) -> bool {
    fields.iter().any(|field| tells_of_login(&field))
}

/// Returns whether one field of a response asks for such a login, or says that there is one.
pub(crate) fn tells_of_login(field: &Field<'_>) -> bool {
    LOGINS.contains(field.name) && (field.is("persistent-auth") || names_connection_scheme(field.value))
}

/// The pinned backend connections of each client connection, by accept's number: mostly one, never
/// two idle ones to one backend.
#[derive(Debug, Default)]
pub(crate) struct Pins(HashMap<u64, Vec<Key>>);

impl Pins {
    /// Binds a login to the connection it was made over: the connection is its client's from now
    /// on, or, where there is no one client, ends with this response.
    pub(crate) fn bind(&mut self, key: Key, connection: &mut Connection, client: Option<Pin>, counters: &Counters) {
        let Some(pin) = client else {
            connection.keep = false;
            return;
        };
        if connection.pin.is_none() {
            connection.pin = Some(pin);
            self.0.entry(pin.connection).or_default().push(key);
            counters.add(count::PINNED, 1);
        }
    }

    /// Forgets a connection that is closed.
    pub(super) fn remove(&mut self, key: Key, pin: Pin, counters: &Counters) {
        let Some(keys) = self.0.get_mut(&pin.connection) else { return };
        let before = keys.len();
        keys.retain(|other| *other != key);
        counters.sub(count::PINNED, u64::try_from(before - keys.len()).unwrap_or(0));
        if keys.is_empty() {
            self.0.remove(&pin.connection);
        }
    }

    /// Returns the connections pinned to a client connection.
    pub(super) fn of(&self, client_connection: u64) -> &[Key] {
        self.0.get(&client_connection).map_or(&[], Vec::as_slice)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
