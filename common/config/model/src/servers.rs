//! The servers of a backend, whichever way they are written: in its list, or as tables.

use crate::address::{ServerAddress, ServerUrl};
use crate::model::Backend;
use crate::section::At;

/// A server of a backend.
#[derive(Clone, Copy, Debug)]
pub struct ServerEntry<'a> {
    /// Its address.
    pub address: &'a At<ServerUrl>,
    /// Its part of the requests beside the weights of the others.
    pub weight: u32,
    /// It gets requests only where no other server is up.
    pub backup: bool,
}

impl Backend {
    /// Returns its servers: those of `servers`, then those of `[[backend.server]]`.
    pub fn all_servers(&self) -> impl Iterator<Item = ServerEntry<'_>> {
        let listed = self.servers.iter().map(|address| ServerEntry { address, weight: 1, backup: false });
        let tables = self.server.iter().map(|table| ServerEntry {
            address: &table.address,
            weight: table.weight.value,
            backup: table.backup.value,
        });
        listed.chain(tables)
    }

    /// Returns the servers that one of its entries stands for: a name has as many as it may have
    /// addresses.
    pub(crate) fn servers_of(&self, server: &ServerAddress) -> u32 {
        if matches!(server, ServerAddress::Named(..)) { self.addresses_max.value } else { 1 }
    }

    /// Returns whether it is known which servers it has, mistakes in single ones aside.
    pub(crate) fn has_sound_servers(&self) -> bool {
        self.servers.sound().is_some() && self.server.sound().is_some()
    }
}
