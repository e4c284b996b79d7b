//! The addresses of servers that have names, as the page of fosse-resolve has them.

use std::collections::HashMap;

use fosse_counters::AddressesReader;
use fosse_settings::{NamedServer, permits};
use rustix::io::Errno;

/// The page, which may hold anything: what it says counts only within the networks of the table.
#[derive(Debug, Default)]
pub(crate) struct NamedAddresses {
    page: Option<AddressesReader>,
    /// Places in the page by number, as they were last found.
    places: HashMap<u64, usize>,
}

impl NamedAddresses {
    pub(crate) fn new(page: Option<AddressesReader>) -> Self {
        Self { page, places: HashMap::new() }
    }

    /// Returns the address that a server has now.
    ///
    /// # Errors
    /// `DESTADDRREQ` where it has none, `ADDRNOTAVAIL` where it may not have the one it has.
    pub(crate) fn address(&mut self, server: &NamedServer) -> Result<[u8; 16], Errno> {
        let page = self.page.as_ref().ok_or(Errno::DESTADDRREQ)?;
        let at_place = |place: usize| page.get(place, server.number);
        let found = self.places.get(&server.number).copied().and_then(at_place);
        let found = found.or_else(|| {
            let place = page.find(server.number)?;
            self.places.insert(server.number, place);
            at_place(place)
        });
        let address = found.and_then(|found| found.address).ok_or(Errno::DESTADDRREQ)?;
        if permits(&server.networks, &address) { Ok(address) } else { Err(Errno::ADDRNOTAVAIL) }
    }
}

#[cfg(test)]
mod tests {
    use fosse_counters::{ADDRESSES_PAGE_BYTES, AddressesPage};
    use fosse_settings::Net;
    use fosse_sys::page::{Page, PageReader};

    use super::*;

    const fn v4(a: u8, d: u8) -> [u8; 16] {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, 0, 0, d]
    }

    #[test]
    fn an_address_counts_as_the_page_has_it_now_and_only_where_the_table_lets_it() {
        let fd = fosse_sys::memfd::page("test", ADDRESSES_PAGE_BYTES).unwrap();
        let page = AddressesPage::new(Page::map(&fd).unwrap()).unwrap();
        let mut named = NamedAddresses::new(Some(AddressesReader::new(PageReader::map(&fd).unwrap())));
        let server = NamedServer { number: 7, port: 80, networks: Vec::new() };
        assert_eq!(named.address(&server), Err(Errno::DESTADDRREQ), "nobody follows it yet");
        assert_eq!(page.claim(&[5, 7]), [Some(0), Some(1)]);
        assert_eq!(named.address(&server), Err(Errno::DESTADDRREQ));
        for last in [1, 2] {
            page.set(1, true, Some(v4(10, last)));
            assert_eq!(named.address(&server), Ok(v4(10, last)));
        }
        page.set(1, true, Some(v4(127, 1)));
        assert_eq!(named.address(&server), Err(Errno::ADDRNOTAVAIL), "whatever was taken over");
        let networks = vec![Net { addr: v4(127, 0), prefix: 104 }];
        assert_eq!(named.address(&NamedServer { networks, ..server.clone() }), Ok(v4(127, 1)));
        // Its place goes to another number, and it gets another place.
        let all: Vec<u64> = (100..100 + 4096).collect();
        assert!(page.claim(&all).iter().all(Option::is_some));
        assert_eq!(named.address(&server), Err(Errno::DESTADDRREQ));
        assert_eq!(NamedAddresses::default().address(&server), Err(Errno::DESTADDRREQ), "there is no page");
    }
}
