//! The dynamic table (RFC 7541, section 2.3.2).

use std::collections::VecDeque;

use crate::{ENTRY_BYTES, TABLE_BYTES_MAX};

/// One entry: where its name and value are, one behind the other.
#[derive(Debug, Clone, Copy)]
struct Entry {
    at: u32,
    name: u16,
    value: u16,
    /// Hash by which an encoder finds it.
    hash: u32,
}

impl Entry {
    fn bytes(self) -> usize {
        usize::from(self.name) + usize::from(self.value)
    }
}

/// Entries in the order they came, the oldest first. Their bytes lie in one piece, so that an entry
/// costs no allocation; what is evicted is moved over when the piece is full.
#[derive(Debug)]
pub(crate) struct Table {
    bytes: Vec<u8>,
    entries: VecDeque<Entry>,
    /// Size of all entries, at most `max`.
    size: usize,
    max: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { bytes: Vec::new(), entries: VecDeque::new(), size: 0, max: TABLE_BYTES_MAX }
    }
}

impl Table {
    /// Returns the size it may have.
    pub(crate) const fn max(&self) -> usize {
        self.max
    }

    /// Changes the size it may have, which is no more than [`TABLE_BYTES_MAX`], and evicts what
    /// does not fit.
    pub(crate) fn set_max(&mut self, max: usize) {
        debug_assert!(max <= TABLE_BYTES_MAX);
        self.max = max;
        self.evict(max);
    }

    /// Returns name and value of the entry at `place`, 0 being the last that came.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<(&[u8], &[u8])> {
        let last = self.entries.len().checked_sub(1)?;
        let entry = self.entries.get(last.checked_sub(place)?)?;
        let bytes = self.bytes.get(usize::try_from(entry.at).ok()?..)?;
        Some(bytes.get(..entry.bytes())?.split_at(usize::from(entry.name)))
    }

    /// Returns the place of an entry.
    #[inline]
    pub(crate) fn find(&self, hash: u32, name: &[u8], value: &[u8]) -> Option<usize> {
        let found = |(place, entry): &(usize, &Entry)| entry.hash == hash && self.get(*place) == Some((name, value));
        self.entries.iter().rev().enumerate().find(found).map(|(place, _)| place)
    }

    /// Adds an entry; one that is larger than the table empties it (section 4.4).
    pub(crate) fn insert(&mut self, hash: u32, name: &[u8], value: &[u8]) {
        let size = name.len() + value.len() + ENTRY_BYTES;
        if size > self.max {
            self.evict(0);
            return;
        }
        self.evict(self.max - size);
        if self.bytes.len() + size > 2 * TABLE_BYTES_MAX {
            self.compact();
        }
        // Lengths within a table's size, and places within twice that.
        let (Ok(at), Ok(name_len), Ok(value_len)) =
            (u32::try_from(self.bytes.len()), u16::try_from(name.len()), u16::try_from(value.len()))
        else {
            return;
        };
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.entries.push_back(Entry { at, name: name_len, value: value_len, hash });
        self.size += size;
    }

    /// Evicts the oldest entries until all others count no more than `size`.
    fn evict(&mut self, size: usize) {
        while self.size > size {
            let Some(entry) = self.entries.pop_front() else { return };
            self.size -= entry.bytes() + ENTRY_BYTES;
        }
        if self.entries.is_empty() {
            self.bytes.clear();
        }
    }

    /// Moves the bytes of what is left to the front.
    fn compact(&mut self) {
        let Some(first) = self.entries.front().map(|entry| entry.at) else { return };
        self.bytes.drain(..usize::try_from(first).unwrap_or(0));
        for entry in &mut self.entries {
            entry.at -= first;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_fits_and_the_last_that_came_first() {
        let mut table = Table::default();
        for number in 0..10_000u32 {
            let value = vec![b'v'; usize::try_from(number % 300).unwrap()];
            let name = number.to_string();
            table.insert(number, name.as_bytes(), &value);
            assert_eq!(table.get(0), Some((name.as_bytes(), &value[..])));
            assert_eq!(table.find(number, name.as_bytes(), &value), Some(0));
            let sizes = (0..).map_while(|place| table.get(place)).map(|(name, value)| name.len() + value.len() + 32);
            let size: usize = sizes.sum();
            assert_eq!(size, table.size);
            assert!(size <= TABLE_BYTES_MAX && table.bytes.len() <= 2 * TABLE_BYTES_MAX);
        }
        table.set_max(100);
        assert!(table.size <= 100);
        table.insert(0, b"large", &[0; 100]);
        assert_eq!((table.size, table.get(0)), (0, None));
    }
}
