//! The states that people give to servers while an edge runs, in a page of their own: fosse-status
//! writes it, the dispatch of every lane reads it.
//!
//! The first word counts the changes, so that a look at it says whether there is news. A server
//! that was given a state has a place, found by its name, which is that of its backend, a slash and
//! its address. The page outlives who writes it and every configuration; a place is free again once
//! its server is as the configuration has it.

use std::{
    collections::HashMap,
    sync::atomic::{
        AtomicU64,
        Ordering::{Relaxed, Release},
    },
};

use fosse_sys::page::{Page, PageReader};

/// Servers that can have a state at a time: far more than anybody drains by hand.
const SERVER_STATES_MAX: usize = 1024;
/// Words before the first place.
const HEADER_WORDS: usize = 8;
/// Words of one place: the state, the name.
const PLACE_WORDS: usize = 32;
/// Bytes of a name: that of a backend, a slash and the longest address fit.
const STATE_NAME_BYTES_MAX: usize = (PLACE_WORDS - 1) * 8;
/// Size of the page in bytes. Memory is used for places that are taken.
pub const STATES_PAGE_BYTES: u64 = ((HEADER_WORDS + SERVER_STATES_MAX * PLACE_WORDS) * 8) as u64;

const _: () = assert!(STATES_PAGE_BYTES <= fosse_sys::page::PAGE_BYTES_MAX as u64);

const DRAINED: u64 = 1;
const WEIGHED: u64 = 2;

/// The state that a server was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerState {
    /// It gets no requests but those of clients that belong to it.
    pub drained: bool,
    /// Its weight, in place of that of the configuration.
    pub weight: Option<u16>,
}

impl ServerState {
    fn word(self) -> u64 {
        let drained = if self.drained { DRAINED } else { 0 };
        drained | self.weight.map_or(0, |weight| WEIGHED | u64::from(weight) << 8)
    }

    fn of_word(word: u64) -> Self {
        let weight = u16::try_from(word >> 8 & 0xffff).ok().filter(|_| word & WEIGHED != 0);
        Self { drained: word & DRAINED != 0, weight }
    }
}

/// No place is left for one more server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPlace;

/// The writer's side.
#[derive(Debug)]
pub struct StatesPage(Page);

impl StatesPage {
    /// Takes over a page, with what an earlier writer has left in it. `None` where it is shorter
    /// than such a page.
    #[must_use]
    pub fn new(page: Page) -> Option<Self> {
        let words = usize::try_from(STATES_PAGE_BYTES / 8).unwrap_or(usize::MAX);
        (page.words().len() >= words).then_some(Self(page))
    }

    /// Returns the state of a server.
    #[must_use]
    pub fn get(&self, name: &str) -> ServerState {
        let place = self.find(name);
        place.map_or_else(ServerState::default, |place| ServerState::of_word(self.words(place)[0].load(Relaxed)))
    }

    /// Gives a server a state.
    ///
    /// # Errors
    /// [`NoPlace`] where all places are taken, or the name is too long for one.
    pub fn set(&self, name: &str, state: ServerState) -> Result<(), NoPlace> {
        let is_free = |place: &usize| self.words(*place)[0].load(Relaxed) == 0;
        let place = match self.find(name) {
            Some(place) => place,
            None if state == ServerState::default() => return Ok(()),
            None if name.len() > STATE_NAME_BYTES_MAX => return Err(NoPlace),
            None => (0..SERVER_STATES_MAX).find(is_free).ok_or(NoPlace)?,
        };
        let mut bytes = [0; STATE_NAME_BYTES_MAX];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        let words = self.words(place);
        for (word, piece) in words[1..].iter().zip(bytes.as_chunks().0) {
            word.store(u64::from_le_bytes(*piece), Relaxed);
        }
        // Each after what it announces: who sees it has to see that, too.
        words[0].store(state.word(), Release);
        self.0.words()[0].fetch_add(1, Release);
        Ok(())
    }

    fn find(&self, name: &str) -> Option<usize> {
        (0..SERVER_STATES_MAX).find(|place| {
            let words = self.words(*place);
            words[0].load(Relaxed) != 0 && name_of(|at| words[1 + at].load(Relaxed)) == name.as_bytes()
        })
    }

    fn words(&self, place: usize) -> &[AtomicU64] {
        &self.0.words()[HEADER_WORDS + place * PLACE_WORDS..][..PLACE_WORDS]
    }
}

/// A reader's side. The page may hold anything.
#[derive(Debug)]
pub struct StatesReader {
    page: PageReader,
    /// The first word at the last look.
    seen: u64,
}

impl StatesReader {
    /// Reads a page. A shorter one has nothing in the places it lacks.
    #[must_use]
    pub const fn new(page: PageReader) -> Self {
        Self { page, seen: 0 }
    }

    /// Returns whether a server was given a state since this was last asked.
    pub fn has_news(&mut self) -> bool {
        let now = self.page.get(0);
        std::mem::replace(&mut self.seen, now) != now
    }

    /// Returns the states of all servers that were given one, by name.
    #[must_use]
    pub fn all(&self) -> HashMap<Vec<u8>, ServerState> {
        let places = (0..SERVER_STATES_MAX).map(|place| HEADER_WORDS + place * PLACE_WORDS);
        let taken = places.filter_map(|at| match self.page.get(at) {
            0 => None,
            state => Some((name_of(|word| self.page.get(at + 1 + word)), ServerState::of_word(state))),
        });
        taken.collect()
    }
}

fn name_of(word: impl Fn(usize) -> u64) -> Vec<u8> {
    let bytes = (0..PLACE_WORDS - 1).flat_map(|at| word(at).to_le_bytes());
    bytes.take_while(|byte| *byte != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> (StatesPage, StatesReader) {
        let fd = fosse_sys::memfd::page("test", STATES_PAGE_BYTES).unwrap();
        let reader = StatesReader::new(PageReader::map(&fd).unwrap());
        (StatesPage::new(Page::map(&fd).unwrap()).unwrap(), reader)
    }

    const DRAINED: ServerState = ServerState { drained: true, weight: None };

    #[test]
    fn a_state_is_news_once_and_stays_until_it_is_that_of_the_configuration() {
        let (page, mut reader) = page();
        assert!(!reader.has_news() && reader.all().is_empty());
        page.set("app/127.0.0.1:3000", DRAINED).unwrap();
        assert!(reader.has_news() && !reader.has_news());
        let both = ServerState { drained: true, weight: Some(256) };
        page.set("app/127.0.0.1:3000", both).unwrap();
        assert_eq!((page.get("app/127.0.0.1:3000"), page.get("app/127.0.0.1:300")), (both, ServerState::default()));
        assert_eq!(reader.all(), HashMap::from([(b"app/127.0.0.1:3000".to_vec(), both)]));
        page.set("app/127.0.0.1:3000", ServerState::default()).unwrap();
        assert!(reader.has_news() && reader.all().is_empty());
    }

    #[test]
    fn a_weight_of_none_is_a_weight() {
        let (page, reader) = page();
        let none = ServerState { drained: false, weight: Some(0) };
        page.set("a/b", none).unwrap();
        assert_eq!((page.get("a/b"), reader.all().len()), (none, 1));
    }

    #[test]
    fn places_are_used_again_and_with_none_left_nothing_changes() {
        let (page, mut reader) = page();
        for n in 0..SERVER_STATES_MAX {
            page.set(&format!("app/{n}"), DRAINED).unwrap();
        }
        assert!(reader.has_news());
        assert_eq!(page.set("app/more", DRAINED), Err(NoPlace));
        assert_eq!(page.set(&"x".repeat(STATE_NAME_BYTES_MAX + 1), DRAINED), Err(NoPlace));
        assert!(!reader.has_news());
        page.set("app/7", ServerState::default()).unwrap();
        page.set(&"x".repeat(STATE_NAME_BYTES_MAX), DRAINED).unwrap();
        assert_eq!(page.get(&"x".repeat(STATE_NAME_BYTES_MAX)), DRAINED);
        assert_eq!((page.get("app/7"), page.get("app/8")), (ServerState::default(), DRAINED));
    }

    #[test]
    fn a_page_that_is_too_short_or_holds_anything_is_read_all_the_same() {
        let fd = fosse_sys::memfd::page("test", 4096).unwrap();
        let (short, full) = (Page::map(&fd).unwrap(), Page::map(&fd).unwrap());
        full.words().iter().for_each(|word| word.store(u64::MAX, Relaxed));
        assert!(StatesPage::new(short).is_none());
        let reader = StatesReader::new(PageReader::map(&fd).unwrap());
        assert!(reader.all().values().all(|state| state.drained && state.weight == Some(u16::MAX)));
    }
}
