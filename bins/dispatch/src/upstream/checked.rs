//! What the health checks of a server have found out, as fosse-prober's page says it.

use fosse_counters::HealthReader;

/// The checks of one server, as of the last look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Its checks say that it is out.
    pub(crate) unhealthy: bool,
    /// Its number in the page.
    number: u64,
    /// Its place in the page, once it has been found there.
    place: Option<usize>,
    /// Good checks that have been seen.
    good: u64,
}

impl Checked {
    /// A server of which nothing is known yet.
    pub(super) const fn new(number: u64) -> Self {
        Self { unhealthy: false, number, place: None, good: 0 }
    }

    /// Looks at the page. Returns whether a check has passed since the last look. Where the page
    /// says nothing, or nothing any more, what was known last stays.
    pub(super) fn look(&mut self, page: &HealthReader) -> bool {
        let Some(place) = self.place.or_else(|| page.find(self.number)) else { return false };
        let Some(health) = page.get(place, self.number) else {
            // It is not checked any more: a newer configuration is without it.
            self.place = None;
            return false;
        };
        // At the first look the checks that have passed may be of long ago.
        let passed = self.place.is_some() && health.good != self.good;
        (self.place, self.good) = (Some(place), health.good);
        if health.decided {
            self.unhealthy = health.unhealthy;
        }
        passed
    }
}

#[cfg(test)]
pub(super) const OUT: Checked = Checked { unhealthy: true, ..Checked::new(1) };

#[cfg(test)]
mod tests {
    use fosse_counters::{HEALTH_PAGE_BYTES, Health, HealthPage};
    use fosse_sys::page::{Page, PageReader};

    use super::*;

    #[test]
    fn the_page_decides_once_it_has_decided_and_tells_of_each_check_that_passed() {
        let fd = fosse_sys::memfd::page("test", HEALTH_PAGE_BYTES).unwrap();
        let page = HealthPage::new(Page::map(&fd).unwrap()).unwrap();
        let reader = HealthReader::new(PageReader::map(&fd).unwrap());
        let mut server = Checked { unhealthy: true, ..Checked::new(9) };
        assert!(!server.look(&reader) && server.unhealthy, "there is no place of it");
        let place = page.claim(&[9])[0].unwrap();
        page.set(place, &Health { good: 4, passes: 1, ..Health::default() });
        assert!(!server.look(&reader) && server.unhealthy, "nothing is decided");
        page.set(place, &Health { good: 5, passes: 2, decided: true, ..Health::default() });
        assert!(server.look(&reader) && !server.unhealthy);
        assert!(!server.look(&reader), "it is the same check");
        page.set(place, &Health { good: 5, fails: 3, decided: true, unhealthy: true, ..Health::default() });
        assert!(!server.look(&reader) && server.unhealthy);
        // The place goes to another server: what was known last counts.
        assert!(page.claim(&(10..10 + 4096).collect::<Vec<_>>()).iter().all(Option::is_some));
        assert!(!server.look(&reader) && server.unhealthy);
    }
}
