//! The lists of an edge: one for each listener that has its own, and one for all of them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::{List, Verdict};

/// The lists by listener.
#[derive(Clone, Debug)]
pub struct Lists<B>(BTreeMap<u16, List<B>>);

/// The listener number of the list for all listeners.
pub const LISTENER_ALL: u16 = u16::MAX;

impl<B> Default for Lists<B> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<B: AsRef<[u8]>> Lists<B> {
    /// Puts a list in the place of the one that the listener had.
    pub fn insert(&mut self, listener: u16, list: List<B>) {
        self.0.insert(listener, list);
    }

    /// Keeps the lists of the listeners for which `keeps` holds.
    pub fn retain(&mut self, mut keeps: impl FnMut(u16) -> bool) {
        self.0.retain(|listener, _| keeps(*listener));
    }

    /// Returns the number of lists.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the verdict of the listener's own list; where that says nothing, of the one for all
    /// listeners.
    pub fn judge(&self, listener: u16, address: IpAddr) -> Verdict {
        let judge = |number: u16| self.0.get(&number).map_or(Verdict::Unlisted, |list| list.judge(address));
        match judge(listener) {
            Verdict::Unlisted => judge(LISTENER_ALL),
            said => said,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(allow: &str, deny: &str) -> List<Vec<u8>> {
        List::open(crate::compile(allow.as_bytes(), deny.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn the_listeners_own_list_speaks_first_and_the_common_one_where_it_says_nothing() {
        let mut lists = Lists::default();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(lists.judge(0, address("192.0.2.7")), Verdict::Unlisted);
        lists.insert(LISTENER_ALL, list("", "192.0.2.0/24"));
        lists.insert(0, list("192.0.2.7", ""));
        assert_eq!(lists.judge(0, address("192.0.2.7")), Verdict::Allowed);
        assert_eq!(lists.judge(0, address("192.0.2.8")), Verdict::Denied);
        assert_eq!(lists.judge(1, address("192.0.2.7")), Verdict::Denied);
        lists.retain(|listener| listener == 0);
        assert_eq!((lists.len(), lists.judge(1, address("192.0.2.7"))), (1, Verdict::Unlisted));
    }
}
