//! The places of everything in the memory.

use std::hash::Hasher as _;

use fosse_sys::page::RENEWED_WORDS;
use siphasher::sip::SipHasher13;

/// The least memory that is worth an index.
pub const ARENA_BYTES_MIN: u64 = 1 << 20;
/// The most memory: no machine that runs an edge today gives more of its own to one.
pub const ARENA_BYTES_MAX: u64 = 1 << 36;
/// Bytes of a record. Readers copy one at a time, in one piece.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// The word that begins an arena of this layout.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"fossear2");

pub(crate) const MAGIC_AT: usize = 0;
/// The first place that still holds.
pub(crate) const TAIL_AT: usize = 1;
/// The place of the next record.
pub(crate) const HEAD_AT: usize = 2;
/// Two words, by which hashes are keyed: who makes names up cannot know which row they share.
pub(crate) const KEY_AT: usize = 3;
pub(crate) const HEADER_WORDS: usize = 8;

/// Cells of a row of the index, which is one line of the processor's cache.
pub(crate) const ROW_CELLS: usize = 8;
/// Words before the bytes of a record: its length in bytes and in words, its hash, its digest.
pub(crate) const RECORD_HEADER_WORDS: usize = 3;
/// The first word of what is left at the end of the ring where the next record does not fit.
pub(crate) const PADDING: u64 = u64::MAX;

/// Bits of a cell that hold a place; those above are of the hash.
pub(crate) const PLACE_BITS: u32 = 48;
const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;

/// Words of the ring that get new memory in one piece.
const RENEWED: u64 = RENEWED_WORDS as u64;

/// The parts of a memory of a given length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) rows: usize,
    pub(crate) ring: usize,
    pub(crate) ring_words: u64,
}

impl Layout {
    /// Returns the parts of a memory of `words` words: a row for each 8 KiB, so that a cell has 1
    /// KiB of the ring. The ring shares no page with what is before it.
    pub(crate) fn of(words: usize) -> Self {
        let rows = (words / 1024).max(1);
        let ring = (HEADER_WORDS + rows * ROW_CELLS).next_multiple_of(RENEWED_WORDS);
        Self { rows, ring, ring_words: u64::try_from(words - ring.min(words)).unwrap_or(0) }
    }

    /// Returns the first cell of the row of a hash.
    pub(crate) fn row(&self, hash: u64) -> usize {
        let rows = u64::try_from(self.rows).unwrap_or(1);
        HEADER_WORDS + usize::try_from(hash % rows).unwrap_or(0) * ROW_CELLS
    }

    /// Returns the word of the memory at which a place lies.
    pub(crate) fn word(&self, place: u64) -> usize {
        self.ring + usize::try_from(place % self.ring_words.max(1)).unwrap_or(0)
    }

    /// Returns the last place up to this one at which memory begins that is renewed in one piece.
    pub(crate) fn piece_of(&self, place: u64) -> u64 {
        place - place % self.ring_words.max(1) % RENEWED
    }

    /// Returns the first such place from this one on.
    pub(crate) fn piece_after(&self, place: u64) -> u64 {
        match self.piece_of(place) {
            begin if begin == place => place,
            begin => begin + RENEWED.min(self.words_left(begin)),
        }
    }

    /// Returns the words from a place to the end of the ring.
    pub(crate) const fn words_left(&self, place: u64) -> u64 {
        self.ring_words - place % self.ring_words
    }
}

/// Returns the cell of a record at `place`. Place 0 is that of no cell.
pub(crate) const fn cell(hash: u64, place: u64) -> u64 {
    hash & !PLACE_MASK | (place + 1) & PLACE_MASK
}

/// Returns the place in a cell, where it may be that of a record with this hash.
pub(crate) const fn place_in(cell: u64, hash: u64) -> Option<u64> {
    if cell & PLACE_MASK == 0 || (cell ^ hash) & !PLACE_MASK != 0 { None } else { Some((cell & PLACE_MASK) - 1) }
}

/// Returns the words that a record of this length takes.
pub(crate) fn words_of(bytes: usize) -> u64 {
    u64::try_from(RECORD_HEADER_WORDS + bytes.div_ceil(8)).unwrap_or(u64::MAX)
}

/// Returns the first word of a record.
pub(crate) fn length_word(bytes: usize) -> u64 {
    words_of(bytes) << 32 | u64::try_from(bytes).unwrap_or(u64::from(u32::MAX))
}

/// Reads the first word of a record: its bytes and its words, where they agree.
pub(crate) fn lengths(word: u64) -> Option<(usize, u64)> {
    let bytes = usize::try_from(word & u64::from(u32::MAX)).ok()?;
    (bytes <= RECORD_BYTES_MAX && word >> 32 == words_of(bytes)).then_some((bytes, word >> 32))
}

/// Returns the hash of a name.
pub(crate) fn hash(key: (u64, u64), name: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(key.0, key.1);
    hasher.write(name);
    hasher.finish()
}
