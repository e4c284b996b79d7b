//! The writer's side.

use std::collections::VecDeque;
use std::hash::Hasher as _;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use fosse_sys::page::Page;
use rustix::io::Errno;
use siphasher::sip::SipHasher13;

use crate::layout::{
    HEAD_AT, KEY_AT, Layout, MAGIC, MAGIC_AT, PADDING, PLACE_BITS, RECORD_BYTES_MAX, RECORD_HEADER_WORDS, ROW_CELLS,
    TAIL_AT, cell, hash, length_word, lengths, place_in, words_of,
};

/// A record as its writer knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub place: u64,
    /// Its hash.
    pub hash: u64,
    /// Words that it takes.
    words: u64,
}

/// A mapping that is written, by one process at a time.
#[derive(Debug)]
pub struct Writer {
    page: Page,
    layout: Layout,
    key: (u64, u64),
    head: u64,
    /// The place up to which the ring's memory is new since what it held has made room.
    renewed: u64,
    /// Those in the ring, the oldest first; of those that were removed too.
    records: VecDeque<Record>,
}

impl Writer {
    /// Takes over a mapping, with the records that an earlier writer has left in it and that are
    /// whole. One that is no arena yet, or is damaged, is made an empty one; `random` keys the
    /// hashes of a new one.
    #[must_use]
    pub fn open(page: Page, random: (u64, u64)) -> Self {
        let key = key_of(&page).unwrap_or(random);
        Self::with_key(page, key)
    }

    /// Takes over a mapping as [`Writer::open`], but for one whose hashes have another key, which
    /// is made an empty one too.
    #[must_use]
    pub fn with_key(page: Page, key: (u64, u64)) -> Self {
        let (layout, is_its) = (Layout::of(page.words().len()), key_of(&page) == Some(key));
        let mut writer = Self { page, layout, key, head: 0, renewed: 0, records: VecDeque::new() };
        if !is_its || writer.recover().is_none() {
            writer.clear();
        }
        writer
    }

    /// Returns the hash by which the record of a name is found.
    #[must_use]
    pub fn hash(&self, name: &[u8]) -> u64 {
        hash(self.key, name)
    }

    /// Returns the key of the hashes.
    #[must_use]
    pub const fn key(&self) -> (u64, u64) {
        self.key
    }

    /// Iterates over the records that are in the ring, the oldest first, also those that were
    /// removed.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        self.records.iter().copied()
    }

    /// Iterates over those from a place on.
    pub fn records_from(&self, place: u64) -> impl Iterator<Item = Record> {
        let at = self.records.partition_point(|record| record.place < place);
        self.records.range(at..).copied()
    }

    /// Returns the place from which on records will lie.
    #[must_use]
    pub const fn next_place(&self) -> u64 {
        self.head
    }

    /// Returns whether a record can be found.
    #[must_use]
    pub fn holds(&self, record: Record) -> bool {
        self.cells(record.hash).any(|cell| cell.load(Ordering::Relaxed) == self::cell(record.hash, record.place))
    }

    /// Returns the bytes of a record that is in the ring; empty where it is not.
    #[must_use]
    pub fn bytes(&self, place: u64) -> Vec<u8> {
        self.first_bytes(place, RECORD_BYTES_MAX)
    }

    /// Returns the first bytes of a record, `bytes_max` at most, as [`Writer::bytes`].
    #[must_use]
    pub fn first_bytes(&self, place: u64, bytes_max: usize) -> Vec<u8> {
        let at = self.layout.word(place);
        let Some((bytes, words)) = lengths(self.word(at)) else { return Vec::new() };
        if words > self.layout.words_left(place) {
            return Vec::new();
        }
        let bytes = bytes.min(bytes_max);
        let from = at + RECORD_HEADER_WORDS;
        let words = &self.page.words()[from..from + bytes.div_ceil(8)];
        let mut out: Vec<u8> = words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
        out.truncate(bytes);
        out
    }

    /// Writes a record, which takes the place of another one with its hash. Oldest ones make room:
    /// each is reported to `gone`. Returns the record; `None` where it is longer than a quarter of
    /// the memory, or than any may be, or where there is no new memory for it.
    pub fn put(&mut self, hash: u64, bytes: &[u8], mut gone: impl FnMut(Record)) -> Option<Record> {
        let words = words_of(bytes.len());
        if bytes.len() > RECORD_BYTES_MAX || words > self.layout.ring_words / 4 || self.head >> (PLACE_BITS - 1) != 0 {
            return None;
        }
        let padding = Some(self.layout.words_left(self.head)).filter(|left| *left < words).unwrap_or(0);
        let renewed = self.layout.piece_after(self.head + padding + words).max(self.renewed);
        if renewed - self.head > self.layout.ring_words {
            return None;
        }
        self.make_room(renewed - self.head, &mut gone);
        self.renew(renewed).ok()?;
        if padding > 0 {
            self.store(self.layout.word(self.head), PADDING);
            self.head += padding;
        }
        let record = Record { place: self.head, hash, words };
        self.write(record, bytes);
        self.head += words;
        self.records.push_back(record);
        // After its bytes: who finds it finds all of it.
        self.page.words()[HEAD_AT].store(self.head, Ordering::Release);
        self.enter(record);
        Some(record)
    }

    /// Makes a record one that is not found any more.
    pub fn remove(&mut self, record: Record) {
        let gone = cell(record.hash, record.place);
        self.cells(record.hash).filter(|cell| cell.load(Ordering::Relaxed) == gone).for_each(|cell| {
            cell.store(0, Ordering::Relaxed);
        });
    }

    /// Lets the oldest records go until `words` words are free.
    fn make_room(&mut self, words: u64, gone: &mut impl FnMut(Record)) {
        let limit = self.layout.ring_words;
        let mut tail = self.word(TAIL_AT);
        while self.head + words - tail > limit {
            if let Some(record) = self.records.pop_front() {
                gone(record);
            }
            tail = self.records.front().map_or(self.head, |oldest| oldest.place);
        }
        self.store(TAIL_AT, tail);
        // Before the first of its bytes is written over, and before its memory is taken away: see
        // the reader.
        fence(Ordering::SeqCst);
    }

    /// Gives the ring new memory up to a place. Readers may have handed pages on whose records have
    /// made room: those must not change any more.
    fn renew(&mut self, until: u64) -> Result<(), Errno> {
        while self.renewed < until {
            let words = self.layout.words_left(self.renewed).min(until - self.renewed);
            let at = self.layout.word(self.renewed);
            self.page.renew(at..at + usize::try_from(words).map_err(|_| Errno::INVAL)?)?;
            self.renewed += words;
        }
        Ok(())
    }

    fn write(&self, record: Record, bytes: &[u8]) {
        let at = self.layout.word(record.place);
        self.store(at, length_word(bytes.len()));
        self.store(at + 1, record.hash);
        self.store(at + 2, digest(self.key, bytes));
        for (word, chunk) in self.page.words()[at + RECORD_HEADER_WORDS..].iter().zip(bytes.chunks(8)) {
            let mut whole = [0; 8];
            whole[..chunk.len()].copy_from_slice(chunk);
            word.store(u64::from_ne_bytes(whole), Ordering::Relaxed);
        }
    }

    /// Puts a record into its row: in the cell of an earlier one with its hash, in a free one, or
    /// in that of the oldest.
    fn enter(&self, record: Record) {
        let tail = self.word(TAIL_AT);
        let age = |cell: &&AtomicU64| {
            let cell = cell.load(Ordering::Relaxed);
            let place = place_in(cell, cell).filter(|place| *place >= tail);
            let is_same = place_in(cell, record.hash).is_some();
            (!is_same, place.map_or(0, |place| place + 1))
        };
        if let Some(found) = self.cells(record.hash).min_by_key(age) {
            found.store(cell(record.hash, record.place), Ordering::Release);
        }
    }

    /// Takes over what is in the ring; `None` where it is not what a writer leaves.
    fn recover(&mut self) -> Option<()> {
        let (tail, head) = (self.word(TAIL_AT), self.word(HEAD_AT));
        let (key, limit) = ((self.word(KEY_AT), self.word(KEY_AT + 1)), self.layout.ring_words);
        if limit == 0 || head.checked_sub(tail)? > limit || head >> (PLACE_BITS - 1) != 0 {
            return None;
        }
        let mut place = tail;
        while place < head {
            let at = self.layout.word(place);
            if self.word(at) == PADDING {
                place += self.layout.words_left(place);
                continue;
            }
            let (_, words) = lengths(self.word(at))?;
            if words > self.layout.words_left(place) || words > head - place {
                return None;
            }
            let record = Record { place, hash: self.word(at + 1), words };
            if self.word(at + 2) != digest(key, &self.bytes(place)) {
                return None;
            }
            self.records.push_back(record);
            place += words;
        }
        self.head = place;
        // The one before has renewed what it has begun to write to. Where it has kept nothing
        // it may not have come to that.
        self.renewed = if tail == head { self.layout.piece_of(place) } else { self.layout.piece_after(place) };
        (place == head).then_some(())
    }

    /// Makes an empty arena.
    fn clear(&mut self) {
        self.store(MAGIC_AT, 0);
        fence(Ordering::Release);
        // Places go on, as far as they are known: a reader may be in the middle of one.
        let known = self.word(HEAD_AT);
        self.head = if known >> (PLACE_BITS - 1) == 0 { known } else { 0 };
        self.records.clear();
        // Nothing holds any more, also beside the first record of the new one.
        self.renewed = self.layout.piece_of(self.head);
        self.page.words()[crate::layout::HEADER_WORDS..self.layout.ring.min(self.page.words().len())]
            .iter()
            .for_each(|cell| cell.store(0, Ordering::Relaxed));
        for (at, word) in [(TAIL_AT, self.head), (HEAD_AT, self.head), (KEY_AT, self.key.0), (KEY_AT + 1, self.key.1)] {
            self.store(at, word);
        }
        self.page.words()[MAGIC_AT].store(MAGIC, Ordering::Release);
    }

    fn cells(&self, hash: u64) -> impl Iterator<Item = &AtomicU64> {
        let row = self.layout.row(hash);
        self.page.words()[row..row + ROW_CELLS].iter()
    }

    fn word(&self, at: usize) -> u64 {
        self.page.words()[at].load(Ordering::Relaxed)
    }

    fn store(&self, at: usize, word: u64) {
        self.page.words()[at].store(word, Ordering::Relaxed);
    }
}

/// Returns the key of an arena's hashes; `None` for a mapping that is none.
#[must_use]
pub fn key_of(page: &Page) -> Option<(u64, u64)> {
    let word = |at: usize| page.words().get(at).map(|word| word.load(Ordering::Relaxed));
    (word(MAGIC_AT)? == MAGIC).then_some((word(KEY_AT)?, word(KEY_AT + 1)?))
}

/// Returns the digest by which a writer that takes over knows that a record is whole.
fn digest(key: (u64, u64), bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(!key.0, key.1);
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests;
