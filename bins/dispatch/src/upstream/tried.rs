//! The servers that a request may have: those it has not been sent to in vain, and the one that it
//! belongs to.

use super::affinity::Affinity;

/// Facts of a request by which its server is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Servers that it has been sent to in vain.
    pub(crate) tried: Tried,
    /// Its claim to a server.
    pub(crate) affinity: Affinity,
}

/// Servers of one backend, by their place in it: the configuration gives it 64 at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tried(u64);

impl Tried {
    /// Adds a server.
    pub(crate) const fn add(&mut self, place: u32) {
        self.0 |= 1 << place;
    }

    /// Returns all servers but one.
    pub(super) const fn all_but(place: u32) -> Self {
        Self(!(1 << place))
    }

    /// Returns whether the request has been sent to that server.
    pub(crate) const fn contains(self, place: u32) -> bool {
        self.0 & (1 << place) != 0
    }

    /// Returns whether the request has been sent to all of those servers.
    pub(crate) const fn contains_all(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Returns whether no server has been tried.
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
