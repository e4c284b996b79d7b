//! The writer's side.

use std::collections::VecDeque;
use std::hash::Hasher as _;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use fosse_sys::page::Page;
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
    /// Those in the ring, the oldest first; of those that were removed too.
    records: VecDeque<Record>,
}

impl Writer {
    /// Takes over a mapping, with the records that an earlier writer has left in it and that are
    /// whole. One that is no arena yet, or is damaged, is made an empty one; `random` keys the
    /// hashes of a new one.
    #[must_use]
    pub fn open(page: Page, random: (u64, u64)) -> Self {
        let layout = Layout::of(page.words().len());
        let mut writer = Self { page, layout, key: random, head: 0, records: VecDeque::new() };
        if writer.word(MAGIC_AT) == MAGIC && writer.recover().is_some() {
            writer.key = (writer.word(KEY_AT), writer.word(KEY_AT + 1));
        } else {
            writer.clear();
        }
        writer
    }

    /// Returns the hash by which the record of a name is found.
    #[must_use]
    pub fn hash(&self, name: &[u8]) -> u64 {
        hash(self.key, name)
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
    /// the memory, or than any may be.
    pub fn put(&mut self, hash: u64, bytes: &[u8], mut gone: impl FnMut(Record)) -> Option<Record> {
        let words = words_of(bytes.len());
        if bytes.len() > RECORD_BYTES_MAX || words > self.layout.ring_words / 4 || self.head >> (PLACE_BITS - 1) != 0 {
            return None;
        }
        let padding = Some(self.layout.words_left(self.head)).filter(|left| *left < words).unwrap_or(0);
        self.make_room(padding + words, &mut gone);
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
        // Before the first of its bytes is written over: see the reader.
        fence(Ordering::Release);
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

/// Returns the digest by which a writer that takes over knows that a record is whole.
fn digest(key: (u64, u64), bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(!key.0, key.1);
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use fosse_sys::page::PageReader;

    use super::*;
    use crate::Reader;

    fn memory(bytes: u64) -> OwnedFd {
        fosse_sys::memfd::page("arena", bytes).unwrap()
    }

    fn writer(fd: &OwnedFd) -> Writer {
        Writer::open(Page::map(fd).unwrap(), (1, 2))
    }

    fn reader(fd: &OwnedFd) -> Reader {
        Reader::new(PageReader::map(fd).unwrap())
    }

    fn body(n: u64, length: usize) -> Vec<u8> {
        let mut state = n;
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state.to_be_bytes()[0]
            })
            .collect()
    }

    #[test]
    fn a_record_is_found_by_its_name_alone_and_a_newer_one_takes_its_place() {
        let fd = memory(1 << 20);
        let (reader, mut out) = (reader(&fd), Vec::new());
        assert_eq!(reader.hash(b"a"), None);
        let mut writer = writer(&fd);
        let hash = reader.hash(b"a").unwrap();
        assert_eq!(hash, writer.hash(b"a"));
        for length in [0, 1, 7, 8, 9, 1000] {
            let record = writer.put(hash, &body(7, length), |_| panic!("there is room")).unwrap();
            assert_eq!(reader.find(hash, &mut out), Some(record.place));
            assert_eq!((out.as_slice(), writer.bytes(record.place)), (&body(7, length)[..], body(7, length)));
            assert!(reader.find(reader.hash(b"b").unwrap(), &mut out).is_none() && out.is_empty());
        }
        let last = writer.records().last().unwrap();
        assert!(writer.holds(last));
        writer.remove(last);
        assert!(reader.find(hash, &mut out).is_none() && !writer.holds(last));
    }

    #[test]
    fn the_oldest_make_room_and_are_reported_and_what_is_found_is_always_whole() {
        let fd = memory(1 << 20);
        let (reader, mut writer, mut out) = (reader(&fd), writer(&fd), Vec::new());
        let (mut live, mut found) = (std::collections::BTreeSet::new(), 0);
        for n in 0..1000_u64 {
            let length = usize::try_from(n * 7919 % 9000).unwrap();
            let hash = writer.hash(&n.to_le_bytes());
            let mut gone = Vec::new();
            let record = writer.put(hash, &body(n, length), |record| gone.push(record.hash)).unwrap();
            live.insert(record.hash);
            gone.iter().for_each(|hash| assert!(live.remove(hash)));
            for old in (n - n.min(280)..=n).step_by(40) {
                let hash = writer.hash(&old.to_le_bytes());
                if reader.find(hash, &mut out).is_some() {
                    assert!(live.contains(&hash));
                    assert_eq!(out, body(old, usize::try_from(old * 7919 % 9000).unwrap()));
                    found += 1;
                }
            }
        }
        assert!(found > 1000, "{found}");
        assert!(writer.put(1, &vec![0; 1 << 19], |_| ()).is_none());
    }

    #[test]
    fn who_takes_over_has_what_was_there_and_a_damaged_arena_is_empty() {
        let fd = memory(1 << 20);
        let hashes: Vec<u64> = {
            let mut writer = writer(&fd);
            (0..2000_u64)
                .map(|n| {
                    let hash = writer.hash(&n.to_le_bytes());
                    writer.put(hash, &body(n, 900), |_| ());
                    hash
                })
                .collect()
        };
        let (reader, mut out) = (reader(&fd), Vec::new());
        let there = |out: &mut Vec<u8>| hashes.iter().filter(|hash| reader.find(**hash, out).is_some()).count();
        let before = there(&mut out);
        let next = Writer::open(Page::map(&fd).unwrap(), (8, 9));
        assert!(before > 500 && there(&mut out) == before && next.records().count() >= before);
        let page = Page::map(&fd).unwrap();
        let place = next.records().nth(9).unwrap().place;
        page.words()[next.layout.word(place) + RECORD_HEADER_WORDS + 5].fetch_xor(1, Ordering::Relaxed);
        let emptied = Writer::open(Page::map(&fd).unwrap(), (8, 9));
        assert_eq!((emptied.records().count(), there(&mut out)), (0, 0));
    }

    #[test]
    fn whatever_the_memory_holds_a_read_ends_and_stays_inside() {
        let fd = memory(1 << 20);
        let (reader, mut writer, mut out) = (reader(&fd), writer(&fd), Vec::new());
        let hash = writer.hash(b"a");
        let record = writer.put(hash, &body(1, 500), |_| ()).unwrap();
        let at = writer.layout.word(record.place);
        for word in [0, u64::MAX, 1 << 40, length_word(RECORD_BYTES_MAX), length_word(499) + (1 << 32)] {
            writer.store(at, word);
            assert!(!reader.read(record.place, hash, &mut out) && out.is_empty(), "{word:x}");
        }
        for place in [record.place + 1, u64::MAX, 1 << 47] {
            assert!(!reader.read(place, hash, &mut out));
        }
        writer.cells(hash).for_each(|cell| cell.store(u64::MAX, Ordering::Relaxed));
        assert_eq!(reader.find(u64::MAX, &mut out), None);
    }

    #[test]
    fn a_reader_beside_a_writer_never_gets_a_torn_record() {
        let fd = memory(1 << 20);
        let mut writer = writer(&fd);
        let hash = writer.hash(b"a");
        let copy = fd.try_clone().unwrap();
        let reading = std::thread::spawn(move || {
            let (reader, mut out, mut seen) = (reader(&copy), Vec::new(), 0);
            loop {
                if reader.find(hash, &mut out).is_some() {
                    let first = out[0];
                    assert!(out.iter().step_by(97).all(|byte| *byte == first), "torn");
                    seen += 1;
                    if first == 255 {
                        return seen;
                    }
                }
            }
        });
        for n in 0..3000_u32 {
            writer.put(hash, &vec![n.to_le_bytes()[0] % 255; 5000], |_| ());
        }
        writer.put(hash, &[255; 100], |_| ());
        assert!(reading.join().unwrap() > 0);
    }
}
