//! What the name of a server stands for, as fosse-resolve's page says it.

use fosse_counters::AddressesReader;

use super::{Upstream, connection::Use};
use crate::context::Context;

/// The address of one server, as of the last look.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its number in the page.
    number: u64,
    /// Its place in the page, once it has been found there.
    place: Option<usize>,
    /// It has been asked for.
    pub(super) decided: bool,
    pub(super) address: Option<[u8; 16]>,
    /// Counts the addresses that it has had: a connection belongs to one of them.
    pub(super) edition: u64,
}

impl Named {
    /// A server of which nothing is known yet.
    pub(super) fn new(number: u64) -> Self {
        Self { number, ..Self::default() }
    }

    /// Looks at the page. Returns whether the address is another one. Where the page says nothing,
    /// or nothing any more, what was known last stays.
    fn look(&mut self, page: &AddressesReader) -> bool {
        let Some(place) = self.place.or_else(|| page.find(self.number)) else { return false };
        let Some(found) = page.get(place, self.number) else {
            // It is not followed any more: a newer configuration is without it.
            self.place = None;
            return false;
        };
        (self.place, self.decided) = (Some(place), found.decided);
        let before = std::mem::replace(&mut self.address, found.address);
        if before == self.address {
            return false;
        }
        self.edition += 1;
        true
    }
}

impl Upstream {
    /// Looks at the addresses of servers that have names, where there is news. Idle connections to
    /// those of before are closed, and others with their responses; requests that have waited for
    /// an address get it.
    pub(super) fn hear_addresses(&mut self, context: &Context<'_>) {
        if !self.reports.has_news_of_addresses() {
            return;
        }
        for at in self.read_addresses() {
            let is_idle = |used| matches!(used, Use::Idle | Use::Pinned);
            let of_server = self.connections.iter().filter(|(_, c)| c.server == at && is_idle(c.used));
            for key in of_server.map(|(key, _)| key).collect::<Vec<_>>() {
                self.close(key, context);
            }
            self.use_room(at, context);
        }
    }

    /// Takes over all addresses. Returns the servers that have another one. Nothing is known of
    /// those by requests.
    pub(super) fn read_addresses(&mut self) -> Vec<usize> {
        let Some(page) = &self.reports.addresses else { return Vec::new() };
        let all = 0..self.servers.len();
        let servers = &mut self.servers;
        let look = |at: &usize| servers[*at].named.as_mut().is_some_and(|named| named.look(page));
        let changed: Vec<usize> = all.filter(look).collect();
        changed.iter().for_each(|at| self.servers[*at].is_another());
        changed
    }
}

#[cfg(test)]
mod tests {
    use fosse_counters::{ADDRESSES_PAGE_BYTES, AddressesPage};
    use fosse_sys::page::{Page, PageReader};

    use super::*;

    #[test]
    fn another_address_is_another_edition_and_what_the_page_forgets_stays() {
        let fd = fosse_sys::memfd::page("test", ADDRESSES_PAGE_BYTES).unwrap();
        let page = AddressesPage::new(Page::map(&fd).unwrap()).unwrap();
        let reader = AddressesReader::new(PageReader::map(&fd).unwrap());
        let mut server = Named::new(9);
        assert!(!server.look(&reader) && !server.decided, "nobody follows it yet");
        let place = page.claim(&[9])[0].unwrap();
        page.set(place, true, Some([1; 16]));
        assert!(server.look(&reader) && server.decided && server.edition == 1);
        assert!(!server.look(&reader), "it is the same");
        page.set(place, true, None);
        assert!(server.look(&reader) && server.decided && server.address.is_none());
        page.set(place, true, Some([2; 16]));
        assert!(server.look(&reader) && server.edition == 3);
        // The place goes to another number: what was known last counts.
        assert!(page.claim(&(10..10 + 4096).collect::<Vec<_>>()).iter().all(Option::is_some));
        assert!(!server.look(&reader) && server.address == Some([2; 16]));
    }
}
