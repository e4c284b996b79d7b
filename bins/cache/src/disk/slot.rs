//! The header of the index, and its slots: one for each response on the disk.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

/// Bytes of the header.
pub(crate) const HEADER_BYTES: u64 = 4096;
/// Bytes of a slot.
pub const SLOT_BYTES: usize = 72;
/// Places and numbers of an index from this one on are not its own: nobody writes an exbibyte.
const NUMBER_MAX: u64 = 1 << 60;

/// The first bytes of an index of this layout.
const MAGIC: [u8; 8] = *b"fossedk2";
/// Bytes of the header that are not 0.
const WRITTEN_BYTES: usize = 64;
/// Bytes before the seal, of header and slot alike.
const SEAL_BYTES: usize = 8;

/// The secrets of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Keys the hashes by which responses are found; those of the memory are the same.
    pub hash: (u64, u64),
    /// Keys the seals, and is known to this program alone.
    pub seal: (u64, u64),
}

/// The header: the secrets, and the lengths that they were made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) keys: Keys,
    pub(crate) slots: u64,
    pub(crate) ring_bytes: u64,
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self { keys: Keys { hash, seal }, slots, ring_bytes } = *self;
        let mut out = MAGIC.to_vec();
        for word in [hash.0, hash.1, seal.0, seal.1, slots, ring_bytes] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        let sum = sum(seal, &[&out]);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads a header; `None` where it is none of this layout.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (written, rest) = bytes.split_at_checked(WRITTEN_BYTES)?;
        let (said, seal) = written.split_at_checked(WRITTEN_BYTES - SEAL_BYTES)?;
        let (magic, words) = said.split_at_checked(MAGIC.len())?;
        let mut words = words.chunks_exact(8).map(word);
        let mut next = || words.next();
        let keys = Keys { hash: (next()?, next()?), seal: (next()?, next()?) };
        let header = Self { keys, slots: next()?, ring_bytes: next()? };
        let is_whole = magic == MAGIC && word(seal) == sum(keys.seal, &[said]) && rest.iter().all(|byte| *byte == 0);
        is_whole.then_some(header)
    }
}

/// The facts about a response on the disk that are known without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// Its number: those of later ones are greater. Its remainder by the number of slots is the
    /// slot's.
    pub number: u64,
    /// Its place, which only grows; its remainder by the bytes of the ring is where it lies.
    pub place: u64,
    /// Its bytes; 0 where it was removed.
    pub length: u32,
    /// Its subjects.
    pub about: About,
    /// The hash of its key.
    pub hash: u64,
    /// The seal of its bytes.
    pub seal: u64,
}

/// Numbers for the subjects of a response, so that a purge or a change finds it without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// A number that stands for its host.
    pub host: u32,
    /// Those that stand for host and target of the application, and for those of the client; 0
    /// where that is the same.
    pub targets: (u64, u64),
    /// The marks of its tags and of the beginnings of its targets (see [`crate::disk::sieve`]).
    pub marks: u64,
}

impl Slot {
    /// Returns whether there is a response.
    pub(crate) const fn is_used(&self) -> bool {
        self.length > 0
    }

    /// Returns the seal of its bytes: of these, at this place, under this key.
    pub(crate) fn seal_of(&self, keys: &Keys, bytes: &[u8]) -> u64 {
        let words = [self.number, self.place, self.hash].map(u64::to_le_bytes);
        sum(keys.seal, &[b"response", words.as_flattened(), bytes])
    }

    pub(crate) fn encode(&self, keys: &Keys) -> [u8; SLOT_BYTES] {
        let mut out = [0; SLOT_BYTES];
        let Self { number, place, length, about: About { host, targets, marks }, hash, seal } = *self;
        let lengths = u64::from(length) | u64::from(host) << 32;
        let words = [number, place, lengths, hash, targets.0, targets.1, marks, seal];
        for (to, word) in out.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        let (said, own) = out.split_at_mut(SLOT_BYTES - SEAL_BYTES);
        own.copy_from_slice(&sum(keys.seal, &[b"slot", said]).to_le_bytes());
        out
    }

    /// Reads a slot; `None` where it is none that was written with these keys.
    pub(crate) fn decode(bytes: &[u8], keys: &Keys) -> Option<Self> {
        let (said, own) = bytes.split_at_checked(SLOT_BYTES - SEAL_BYTES)?;
        if own.len() != SEAL_BYTES || word(own) != sum(keys.seal, &[b"slot", said]) {
            return None;
        }
        let mut words = said.chunks_exact(8).map(word);
        let mut next = || words.next();
        let (number, place, lengths, hash) = (next()?, next()?, next()?, next()?);
        let (targets, marks, seal) = ((next()?, next()?), next()?, next()?);
        let length = u32::try_from(lengths & u64::from(u32::MAX)).ok()?;
        let host = u32::try_from(lengths >> 32).ok()?;
        let slot = Self { number, place, length, about: About { host, targets, marks }, hash, seal };
        (slot.is_used() && number < NUMBER_MAX && place < NUMBER_MAX).then_some(slot)
    }
}

fn sum((a, b): (u64, u64), parts: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(a, b);
    parts.iter().for_each(|part| hasher.write(part));
    hasher.finish()
}

fn word(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: Keys = Keys { hash: (1, 2), seal: (3, 4) };

    #[test]
    fn header_and_slot_come_back_and_neither_does_with_a_bit_flipped_or_under_another_key() {
        let header = Header { keys: KEYS, slots: 5, ring_bytes: 6 };
        let mut page = header.encode();
        page.resize(4096, 0);
        assert_eq!(Header::decode(&page), Some(header));
        let about = About { host: 7, targets: (8, 9), marks: 10 };
        let slot = Slot { number: 1, place: 2, length: 3, about, hash: 4, seal: 5 };
        let bytes = slot.encode(&KEYS);
        assert_eq!(Slot::decode(&bytes, &KEYS), Some(slot));
        assert_eq!(Slot::decode(&bytes, &Keys { seal: (3, 5), ..KEYS }), None);
        for bit in 0..4096 * 8 {
            page[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&page), None, "{bit}");
            page[bit / 8] ^= 1 << (bit % 8);
        }
        for bit in 0..SLOT_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Slot::decode(&flipped, &KEYS), None, "{bit}");
        }
        for length in 0..SLOT_BYTES {
            assert_eq!(Slot::decode(&bytes[..length], &KEYS), None);
        }
    }

    #[test]
    fn a_slot_whose_numbers_are_beyond_all_bounds_is_none() {
        for slot in [
            Slot { number: NUMBER_MAX, length: 1, ..Slot::default() },
            Slot { place: u64::MAX, length: 1, ..Slot::default() },
            Slot::default(),
        ] {
            assert_eq!(Slot::decode(&slot.encode(&KEYS), &KEYS), None);
        }
    }
}
