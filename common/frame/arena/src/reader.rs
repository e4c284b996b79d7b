//! A reader's side.

use std::sync::atomic::{Ordering, fence};

use fosse_sys::page::PageReader;

use crate::layout::{
    HEAD_AT, HEADER_WORDS, KEY_AT, Layout, MAGIC, MAGIC_AT, RECORD_HEADER_WORDS, ROW_CELLS, TAIL_AT, hash, lengths,
    place_in,
};

/// A record that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its place.
    pub place: u64,
    /// Its length in bytes.
    pub bytes: usize,
    /// The byte of the memory at which it begins.
    pub at: u64,
}

/// A mapping that is read.
#[derive(Debug)]
pub struct Reader {
    page: PageReader,
    layout: Layout,
}

impl Reader {
    /// Reads a mapping.
    #[must_use]
    pub fn new(page: PageReader) -> Self {
        let layout = Layout::of(page.len());
        Self { page, layout }
    }

    /// Returns the hash by which the record of a name is found; `None` before there is a writer.
    #[must_use]
    pub fn hash(&self, name: &[u8]) -> Option<u64> {
        let key = (self.page.get(KEY_AT), self.page.get(KEY_AT + 1));
        (self.page.get(MAGIC_AT) == MAGIC && self.layout.ring_words > 0).then(|| hash(key, name))
    }

    /// Copies the newest record with this hash into `out`, in place of what was there. Returns its
    /// place; `None` where there is none, and `out` is then empty.
    pub fn find(&self, hash: u64, out: &mut Vec<u8>) -> Option<u64> {
        self.find_first(hash, usize::MAX, out).map(|found| found.place)
    }

    /// Copies the first `bytes_max` bytes of a record, otherwise as [`Reader::find`].
    pub fn find_first(&self, hash: u64, bytes_max: usize, out: &mut Vec<u8>) -> Option<Found> {
        let row = self.layout.row(hash);
        let cells = (row..row + ROW_CELLS).map(|at| self.page.get(at));
        let place = cells.filter_map(|cell| place_in(cell, hash)).max();
        fence(Ordering::Acquire);
        out.clear();
        self.read_first(place?, hash, bytes_max, out)
    }

    /// Copies the record at a place that has this hash. Returns false where it is gone; `out` is
    /// then empty.
    pub fn read(&self, place: u64, hash: u64, out: &mut Vec<u8>) -> bool {
        self.read_first(place, hash, usize::MAX, out).is_some()
    }

    fn read_first(&self, place: u64, hash: u64, bytes_max: usize, out: &mut Vec<u8>) -> Option<Found> {
        out.clear();
        let found = self.copy(place, hash, bytes_max, out).filter(|_| self.holds(place));
        if found.is_none() {
            out.clear();
        }
        found
    }

    /// Returns whether a record that was found still holds: what was copied or taken hold of
    /// before this call is then the record's, and pages that were taken hold of stay as they are.
    #[must_use]
    pub fn holds(&self, place: u64) -> bool {
        // The first place that holds was not beyond it afterwards.
        fence(Ordering::SeqCst);
        self.page.get(TAIL_AT) <= place
    }

    fn copy(&self, place: u64, hash: u64, bytes_max: usize, out: &mut Vec<u8>) -> Option<Found> {
        if place < self.page.get(TAIL_AT) || place >= self.page.get(HEAD_AT) {
            return None;
        }
        let at = self.layout.word(place);
        let (bytes, words) = lengths(self.page.get(at))?;
        if words > self.layout.words_left(place) || self.page.get(at + 1) != hash || at < HEADER_WORDS {
            return None;
        }
        let (from, copied) = (at + RECORD_HEADER_WORDS, bytes.min(bytes_max));
        self.page.copy(from, copied.div_ceil(8), out);
        out.truncate(copied);
        Some(Found { place, bytes, at: u64::try_from(from * 8).ok()? })
    }
}
