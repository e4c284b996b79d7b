//! Pages with a place for each of many numbers.
//!
//! The first word counts what is news, so that a look at it says whether there is any. A place has
//! 8 words, of which the first is its number, never 0. A page outlives who writes it and every
//! configuration, so a place stays where it is as long as anybody may know it by its number.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{
        AtomicU64,
        Ordering::{Relaxed, Release},
    },
};

use fosse_sys::page::{Page, PageReader};

/// Words of one place.
const PLACE_WORDS: usize = 8;
/// Words before the first place.
const HEADER_WORDS: usize = 8;

/// Returns the size of a page with this number of places, in bytes.
pub(crate) const fn page_bytes(places: usize) -> u64 {
    (words_before(places) * 8) as u64
}

const fn words_before(place: usize) -> usize {
    HEADER_WORDS + place * PLACE_WORDS
}

/// The writer's side of a page with `N` places.
#[derive(Debug)]
pub(crate) struct Places<const N: usize>(Page);

impl<const N: usize> Places<N> {
    /// Takes over a page, with what an earlier writer has left in it. `None` where it is shorter
    /// than such a page.
    pub(crate) fn new(page: Page) -> Option<Self> {
        (page.words().len() >= words_before(N)).then_some(Self(page))
    }

    /// Returns the place of each of these numbers: the one it has, else a fresh one, which `begin`
    /// gives its number. Places of all others are free, but keep what they hold until they are
    /// needed. `None` for a number that no place is left for.
    pub(crate) fn claim(&self, numbers: &[u64], begin: impl Fn(usize, u64)) -> Vec<Option<usize>> {
        // Places are taken from the first one on: memory behind the last is never touched.
        let used = (0..N).take_while(|place| self.number(*place) != 0).count();
        let known: HashMap<u64, usize> = (0..used).map(|place| (self.number(place), place)).collect();
        let mut places: Vec<_> = numbers.iter().map(|number| known.get(number).copied()).collect();
        let kept: HashSet<usize> = places.iter().flatten().copied().collect();
        // Lanes of an older configuration may still read those that nobody claims now, so they come
        // last.
        let mut free = (used..N).chain((0..used).filter(|place| !kept.contains(place)));
        for (place, number) in places.iter_mut().zip(numbers).filter(|(place, _)| place.is_none()) {
            *place = free.next();
            if let Some(place) = *place {
                begin(place, *number);
            }
        }
        places
    }

    /// Returns the number that a place has.
    pub(crate) fn number(&self, place: usize) -> u64 {
        self.words(place)[0].load(Relaxed)
    }

    /// Returns the words of a place.
    pub(crate) fn words(&self, place: usize) -> &[AtomicU64] {
        &self.0.words()[words_before(place)..][..PLACE_WORDS]
    }

    /// Says that there is news.
    pub(crate) fn announce(&self) {
        // After what it announces: who sees it has to see that, too.
        self.0.words()[0].fetch_add(1, Release);
    }
}

/// The reader's side of a page with `N` places, which may hold anything.
#[derive(Debug)]
pub(crate) struct PlacesReader<const N: usize> {
    page: PageReader,
    /// The first word at the last look.
    seen: u64,
}

impl<const N: usize> PlacesReader<N> {
    /// Reads a page. A shorter one has nothing in the places it lacks.
    pub(crate) const fn new(page: PageReader) -> Self {
        Self { page, seen: 0 }
    }

    /// Returns whether there is news since this was last asked.
    pub(crate) fn has_news(&mut self) -> bool {
        let now = self.page.get(0);
        std::mem::replace(&mut self.seen, now) != now
    }

    /// Returns the place of a number; `None` where it has none yet.
    pub(crate) fn find(&self, number: u64) -> Option<usize> {
        let numbers = (0..N).map(|place| self.word(place, 0));
        numbers.take_while(|number| *number != 0).position(|other| other == number)
    }

    /// Returns a word of a place.
    pub(crate) fn word(&self, place: usize, at: usize) -> u64 {
        self.page.get(words_before(place) + at)
    }
}
