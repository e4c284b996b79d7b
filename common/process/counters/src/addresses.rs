//! The addresses of servers that have names, in a page of their own: fosse-resolve writes it, every
//! connect and every dispatch reads it.
//!
//! The first word counts the changes, so that a look at it says whether there is news. Each address
//! that a name may have at a time has a place of 8 words, found by a number. The page outlives who
//! writes it and every configuration, so a place stays where it is as long as anybody may know it
//! by its number, and the last address of a name is there while nobody can say another.
//!
//! The words of a place are one value: its edition is odd while they are being written, and who
//! reads between two of them reads nothing.

use std::sync::atomic::{
    Ordering::{Relaxed, Release},
    fence,
};

use fosse_sys::page::{Page, PageReader};

use crate::places::{Places, PlacesReader, page_bytes};

/// Addresses of names that there can be at a time, of all names together.
pub const ADDRESSES_NAMED_MAX: usize = 4096;
/// Size of the page in bytes. Memory is used for places that are taken.
pub const ADDRESSES_PAGE_BYTES: u64 = page_bytes(ADDRESSES_NAMED_MAX);

const _: () = assert!(ADDRESSES_PAGE_BYTES <= fosse_sys::page::PAGE_BYTES_MAX as u64);

const DECIDED: u64 = 1;
const PRESENT: u64 = 2;

/// One address of a name, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamedAddress {
    /// A name server has said what the name has, or none could be asked: without, nobody knows yet.
    pub decided: bool,
    /// IPv6, or IPv4 mapped into it; `None` where the name has no such address.
    pub address: Option<[u8; 16]>,
    /// Counts the changes of this place, by two.
    pub edition: u64,
}

/// The writer's side.
#[derive(Debug)]
pub struct AddressesPage(Places<ADDRESSES_NAMED_MAX>);

impl AddressesPage {
    /// Takes over a page, with what an earlier writer has left in it. `None` where it is shorter
    /// than such a page.
    #[must_use]
    pub fn new(page: Page) -> Option<Self> {
        Places::new(page).map(Self)
    }

    /// Returns the place of each of these numbers (never 0): the one it has, else a fresh one.
    /// Places of all others are free, but keep what they hold until they are needed. `None` for a
    /// number that no place is left for.
    #[must_use]
    pub fn claim(&self, numbers: &[u64]) -> Vec<Option<usize>> {
        self.0.claim(numbers, |place, number| self.write(place, number, false, None))
    }

    /// Returns what a place holds. One that its writer was killed in has nothing decided.
    #[must_use]
    pub fn get(&self, place: usize) -> NamedAddress {
        let words = self.0.words(place);
        named(|at| words[at].load(Relaxed)).unwrap_or_default()
    }

    /// Writes a place, where that is a change.
    pub fn set(&self, place: usize, decided: bool, address: Option<[u8; 16]>) {
        let is_whole = self.0.words(place)[1].load(Relaxed).is_multiple_of(2);
        let before = self.get(place);
        if !is_whole || (before.decided, before.address) != (decided, address) {
            self.write(place, self.0.number(place), decided, address);
        }
    }

    fn write(&self, place: usize, number: u64, decided: bool, address: Option<[u8; 16]>) {
        let words = self.0.words(place);
        let edition = words[1].load(Relaxed) & !1;
        words[1].store(edition.wrapping_add(1), Relaxed);
        // Whoever sees one of the words below sees that the edition is odd.
        fence(Release);
        let bit = |is_set: bool, bit: u64| if is_set { bit } else { 0 };
        let [high, low] = halves(address.unwrap_or_default());
        let state = bit(decided, DECIDED) | bit(address.is_some(), PRESENT);
        for (word, value) in [(0, number), (2, state), (3, high), (4, low)] {
            words[word].store(value, Relaxed);
        }
        words[1].store(edition.wrapping_add(2), Release);
        self.0.announce();
    }
}

/// A reader's side. The page may hold anything.
#[derive(Debug)]
pub struct AddressesReader(PlacesReader<ADDRESSES_NAMED_MAX>);

impl AddressesReader {
    /// Reads a page. A shorter one has nothing in the places it lacks.
    #[must_use]
    pub const fn new(page: PageReader) -> Self {
        Self(PlacesReader::new(page))
    }

    /// Returns whether an address has changed since this was last asked.
    pub fn has_news(&mut self) -> bool {
        self.0.has_news()
    }

    /// Returns the place of a number; `None` where it has none yet.
    #[must_use]
    pub fn find(&self, number: u64) -> Option<usize> {
        self.0.find(number)
    }

    /// Returns what the place of a number holds; `None` where it is another number's by now, or is
    /// being written.
    #[must_use]
    pub fn get(&self, place: usize, number: u64) -> Option<NamedAddress> {
        let word = |at| self.0.word(place, at);
        let found = named(word)?;
        (word(0) == number).then_some(found)
    }
}

/// Reads a place; `None` while it is being written.
fn named(word: impl Fn(usize) -> u64) -> Option<NamedAddress> {
    use std::sync::atomic::Ordering::Acquire;
    let edition = word(1);
    fence(Acquire);
    let (state, high, low) = (word(2), word(3), word(4));
    fence(Acquire);
    if !edition.is_multiple_of(2) || word(1) != edition {
        return None;
    }
    let address = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
    Some(NamedAddress { decided: state & DECIDED != 0, address: (state & PRESENT != 0).then_some(address), edition })
}

fn halves(address: [u8; 16]) -> [u64; 2] {
    let (halves, _) = address.as_chunks::<8>();
    [halves[0], halves[1]].map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1];

    fn page() -> (AddressesPage, AddressesReader) {
        let fd = fosse_sys::memfd::page("test", ADDRESSES_PAGE_BYTES).unwrap();
        let reader = AddressesReader::new(PageReader::map(&fd).unwrap());
        (AddressesPage::new(Page::map(&fd).unwrap()).unwrap(), reader)
    }

    #[test]
    fn an_address_is_news_when_it_changes_and_stays_whoever_comes_next() {
        let (page, mut reader) = page();
        assert_eq!(page.claim(&[5, 6]), [Some(0), Some(1)]);
        assert!(reader.has_news() && !reader.has_news());
        assert_eq!(reader.get(1, 6).map(|found| (found.decided, found.address)), Some((false, None)));
        page.set(1, true, Some(ONE));
        let found = reader.get(1, 6).unwrap();
        assert_eq!((found.decided, found.address, reader.has_news()), (true, Some(ONE), true));
        page.set(1, true, Some(ONE));
        assert_eq!((reader.get(1, 6), reader.has_news()), (Some(found), false), "it is the same");
        assert_eq!(page.claim(&[7, 6]), [Some(2), Some(1)]);
        assert_eq!((reader.find(6), reader.get(1, 6), reader.get(1, 5)), (Some(1), Some(found), None));
        page.set(1, true, None);
        let gone = reader.get(1, 6).unwrap();
        assert_eq!((gone.address, gone.edition), (None, found.edition + 2));
    }

    #[test]
    fn a_place_that_its_writer_was_killed_in_is_read_by_nobody_until_it_is_whole() {
        let (page, reader) = page();
        assert_eq!(page.claim(&[5]), [Some(0)]);
        page.set(0, true, Some(ONE));
        page.0.words(0)[1].fetch_add(1, Relaxed);
        assert_eq!((reader.get(0, 5), page.get(0)), (None, NamedAddress::default()));
        page.set(0, true, Some(ONE));
        assert_eq!(reader.get(0, 5).unwrap().address, Some(ONE));
    }

    #[test]
    fn places_of_names_that_are_gone_are_the_last_to_be_taken_and_tell_nothing_of_them() {
        let (page, reader) = page();
        let all: Vec<u64> = (1..=4096).collect();
        assert!(page.claim(&all).iter().all(Option::is_some));
        page.set(0, true, Some(ONE));
        let others: Vec<u64> = (2..=4098).collect();
        let places = page.claim(&others);
        assert_eq!((places[4095], places[4096]), (Some(0), None));
        assert_eq!((reader.get(0, 1), reader.get(0, 4097).unwrap().address), (None, None));
    }

    #[test]
    fn a_page_that_is_too_short_or_holds_anything_is_read_all_the_same() {
        let fd = fosse_sys::memfd::page("test", 4096).unwrap();
        let (short, full) = (Page::map(&fd).unwrap(), Page::map(&fd).unwrap());
        full.words().iter().for_each(|word| word.store(u64::MAX - 1, Relaxed));
        assert!(AddressesPage::new(short).is_none());
        let reader = AddressesReader::new(PageReader::map(&fd).unwrap());
        assert_eq!((reader.find(u64::MAX - 1), reader.find(1)), (Some(0), None));
        assert_eq!(reader.get(0, u64::MAX - 1).unwrap().address.unwrap()[0], 0xff);
    }
}
