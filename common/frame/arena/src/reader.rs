//! A reader's side.

use std::sync::atomic::{Ordering, fence};

use fosse_sys::page::PageReader;

use crate::layout::{
    HEAD_AT, HEADER_WORDS, KEY_AT, Layout, MAGIC, MAGIC_AT, RECORD_HEADER_WORDS, ROW_CELLS, TAIL_AT, hash, lengths,
    place_in,
};

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
        let row = self.layout.row(hash);
        let cells = (row..row + ROW_CELLS).map(|at| self.page.get(at));
        let place = cells.filter_map(|cell| place_in(cell, hash)).max();
        fence(Ordering::Acquire);
        out.clear();
        place.filter(|place| self.read(*place, hash, out))
    }

    /// Copies the record at a place that has this hash. Returns false where it is gone; `out` is
    /// then empty.
    pub fn read(&self, place: u64, hash: u64, out: &mut Vec<u8>) -> bool {
        out.clear();
        let whole = self.copy(place, hash, out).is_some_and(|()| {
            // What was copied held if the first place that holds was not beyond it afterwards.
            fence(Ordering::Acquire);
            self.page.get(TAIL_AT) <= place
        });
        if !whole {
            out.clear();
        }
        whole
    }

    fn copy(&self, place: u64, hash: u64, out: &mut Vec<u8>) -> Option<()> {
        if place < self.page.get(TAIL_AT) || place >= self.page.get(HEAD_AT) {
            return None;
        }
        let at = self.layout.word(place);
        let (bytes, words) = lengths(self.page.get(at))?;
        if words > self.layout.words_left(place) || self.page.get(at + 1) != hash || at < HEADER_WORDS {
            return None;
        }
        out.reserve(bytes + 8);
        self.page.copy(at + RECORD_HEADER_WORDS, bytes.div_ceil(8), out);
        out.truncate(bytes);
        Some(())
    }
}
