//! The results of health checks, in a page of their own: fosse-prober writes it, the dispatch of
//! every lane reads it.
//!
//! The first word counts the times that a server went out or came back, so that a look at it says
//! whether there is news. A server that is checked has a place of 8 words, found by its number. The
//! page outlives who writes it and every configuration, so a place stays where it is as long as
//! anybody may know it by its number. Words are written one by one: who reads between two of them
//! has the rest at the next look.

use std::sync::atomic::Ordering::Relaxed;

use fosse_sys::page::{Page, PageReader};

use crate::places::{Places, PlacesReader, page_bytes};

/// Servers that can be checked at a time.
pub const SERVERS_CHECKED_MAX: usize = 4096;
/// Size of the page in bytes. Memory is used for places that are taken.
pub const HEALTH_PAGE_BYTES: u64 = page_bytes(SERVERS_CHECKED_MAX);

const _: () = assert!(HEALTH_PAGE_BYTES <= fosse_sys::page::PAGE_BYTES_MAX as u64);

const DECIDED: u64 = 1;
const UNHEALTHY: u64 = 2;

/// The results of the checks of one server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// There were as many checks in a row as it takes for `unhealthy` to mean something.
    pub decided: bool,
    /// Its checks say that it is out.
    pub unhealthy: bool,
    /// Good checks in a row.
    pub passes: u32,
    /// Failed checks in a row.
    pub fails: u32,
    /// Good checks of all times.
    pub good: u64,
    /// Time at which the last check began, in milliseconds of CLOCK_MONOTONIC; 0 before the first.
    pub begun_ms: u64,
}

/// The writer's side.
#[derive(Debug)]
pub struct HealthPage(Places<SERVERS_CHECKED_MAX>);

impl HealthPage {
    /// Takes over a page, with what an earlier writer has left in it. `None` where it is shorter
    /// than such a page.
    #[must_use]
    pub fn new(page: Page) -> Option<Self> {
        Places::new(page).map(Self)
    }

    /// Returns the place of each of these servers, by number (never 0): the one it has, else a
    /// fresh one. Places of all others are free, but keep what they hold until they are needed.
    /// `None` for a server that no place is left for.
    #[must_use]
    pub fn claim(&self, servers: &[u64]) -> Vec<Option<usize>> {
        self.0.claim(servers, |place, server| {
            self.0.words(place).iter().for_each(|word| word.store(0, Relaxed));
            self.0.words(place)[0].store(server, Relaxed);
        })
    }

    /// Returns what a place holds.
    #[must_use]
    pub fn get(&self, place: usize) -> Health {
        let words = self.0.words(place);
        health(|at| words[at].load(Relaxed))
    }

    /// Writes a place.
    pub fn set(&self, place: usize, health: &Health) {
        let before = self.get(place);
        let bit = |is_set: bool, bit: u64| if is_set { bit } else { 0 };
        let Health { decided, unhealthy, passes, fails, good, begun_ms } = *health;
        let state = bit(decided, DECIDED) | bit(unhealthy, UNHEALTHY);
        let values = [state, passes.into(), fails.into(), good, begun_ms];
        self.0.words(place)[1..].iter().zip(values).for_each(|(word, value)| word.store(value, Relaxed));
        if (before.decided, before.unhealthy) != (decided, unhealthy) {
            self.0.announce();
        }
    }
}

/// A reader's side. The page may hold anything.
#[derive(Debug)]
pub struct HealthReader(PlacesReader<SERVERS_CHECKED_MAX>);

impl HealthReader {
    /// Reads a page. A shorter one has nothing in the places it lacks.
    #[must_use]
    pub const fn new(page: PageReader) -> Self {
        Self(PlacesReader::new(page))
    }

    /// Returns whether a server went out or came back since this was last asked.
    pub fn has_news(&mut self) -> bool {
        self.0.has_news()
    }

    /// Returns the place of a server, by number; `None` where it has none yet.
    #[must_use]
    pub fn find(&self, server: u64) -> Option<usize> {
        self.0.find(server)
    }

    /// Returns what the place of a server holds; `None` where it is another server's by now.
    #[must_use]
    pub fn get(&self, place: usize, server: u64) -> Option<Health> {
        let word = |at| self.0.word(place, at);
        (word(0) == server).then(|| health(word))
    }
}

fn health(word: impl Fn(usize) -> u64) -> Health {
    let narrow = |value| u32::try_from(value).unwrap_or(u32::MAX);
    Health {
        decided: word(1) & DECIDED != 0,
        unhealthy: word(1) & UNHEALTHY != 0,
        passes: narrow(word(2)),
        fails: narrow(word(3)),
        good: word(4),
        begun_ms: word(5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> (HealthPage, HealthReader) {
        let fd = fosse_sys::memfd::page("test", HEALTH_PAGE_BYTES).unwrap();
        let reader = HealthReader::new(PageReader::map(&fd).unwrap());
        (HealthPage::new(Page::map(&fd).unwrap()).unwrap(), reader)
    }

    const OUT: Health = Health { decided: true, unhealthy: true, passes: 0, fails: 3, good: 9, begun_ms: 77 };

    #[test]
    fn a_server_keeps_its_place_and_what_is_known_of_it_whatever_comes_and_goes() {
        let (page, mut reader) = page();
        assert_eq!(page.claim(&[5, 6]), [Some(0), Some(1)]);
        assert!(!reader.has_news());
        page.set(1, &OUT);
        assert!(reader.has_news() && !reader.has_news());
        page.set(1, &OUT);
        assert!(!reader.has_news(), "it was out before");
        assert_eq!((reader.find(6), reader.get(1, 6), reader.find(7)), (Some(1), Some(OUT), None));
        assert_eq!(page.claim(&[7, 6]), [Some(2), Some(1)]);
        assert_eq!((page.get(1), reader.get(1, 6), reader.get(1, 5)), (OUT, Some(OUT), None));
        // One that is not checked any more can still be read by those who know it.
        assert_eq!(reader.get(0, 5), Some(Health::default()));
    }

    #[test]
    fn places_of_servers_that_are_gone_are_the_last_to_be_taken_and_tell_nothing_of_them() {
        let (page, reader) = page();
        let all: Vec<u64> = (1..=4096).collect();
        assert!(page.claim(&all).iter().all(Option::is_some));
        page.set(0, &OUT);
        let others: Vec<u64> = (2..=4098).collect();
        let places = page.claim(&others);
        assert_eq!((places[4095], places[4096]), (Some(0), None));
        assert_eq!((reader.get(0, 1), reader.get(0, 4097)), (None, Some(Health::default())));
    }

    #[test]
    fn a_page_that_is_too_short_or_holds_anything_is_read_all_the_same() {
        let fd = fosse_sys::memfd::page("test", 4096).unwrap();
        let (short, full) = (Page::map(&fd).unwrap(), Page::map(&fd).unwrap());
        full.words().iter().for_each(|word| word.store(u64::MAX, Relaxed));
        assert!(HealthPage::new(short).is_none());
        let reader = HealthReader::new(PageReader::map(&fd).unwrap());
        assert_eq!((reader.find(u64::MAX), reader.find(1)), (Some(0), None));
        assert_eq!(reader.get(0, u64::MAX).unwrap().fails, u32::MAX);
    }
}
