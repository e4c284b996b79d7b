//! The digests of what was written to the spool, block by block. The filter alone has them and
//! their key, so that a spool that has been taken over cannot give back anything but what it was
//! given.

use std::hash::Hasher as _;

use rustix::{
    io::Errno,
    rand::{GetRandomFlags, getrandom},
};
use siphasher::sip128::{Hash128, Hasher128 as _, SipHasher24};

use crate::limits::SPOOL_BLOCK_BYTES;

/// The key of a session's digests.
#[derive(Clone, Copy)]
pub(super) struct DigestKey([u8; 16]);

impl std::fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestKey")
    }
}

impl DigestKey {
    /// Makes a key that nobody else knows.
    ///
    /// # Errors
    /// As getrandom(2).
    pub(super) fn random() -> Result<Self, Errno> {
        let mut key = [0; 16];
        // Less than 256 bytes always come at once (getrandom(2)).
        getrandom(&mut key[..], GetRandomFlags::empty())?;
        Ok(Self(key))
    }
}

/// The digests of one body.
#[derive(Debug)]
pub(super) struct Digests {
    key: DigestKey,
    /// Those of its whole blocks.
    blocks: Vec<Hash128>,
    /// That of the rest, as far as it has come.
    rest: SipHasher24,
    rest_bytes: usize,
}

impl Digests {
    /// Begins a body, of no bytes.
    pub(super) fn new(key: DigestKey) -> Self {
        Self { key, blocks: Vec::new(), rest: SipHasher24::new_with_key(&key.0), rest_bytes: 0 }
    }

    /// Appends bytes.
    pub(super) fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(SPOOL_BLOCK_BYTES - self.rest_bytes));
            self.rest.write(now);
            self.rest_bytes += now.len();
            if self.rest_bytes == SPOOL_BLOCK_BYTES {
                self.blocks.push(self.rest.finish128());
                (self.rest, self.rest_bytes) = (SipHasher24::new_with_key(&self.key.0), 0);
            }
            bytes = later;
        }
    }

    /// Tells whether the bytes from `at` on are those that were appended there: whole blocks, or
    /// all that is left of the body.
    pub(super) fn agree(&self, at: u64, bytes: &[u8]) -> bool {
        let block = u64::try_from(SPOOL_BLOCK_BYTES).unwrap_or(u64::MAX);
        let Ok(first) = usize::try_from(at / block) else { return false };
        at.is_multiple_of(block)
            && bytes.chunks(SPOOL_BLOCK_BYTES).zip(first..).all(|(bytes, number)| self.agrees(number, bytes))
    }

    fn agrees(&self, number: usize, bytes: &[u8]) -> bool {
        let expected = match self.blocks.get(number) {
            Some(digest) if bytes.len() == SPOOL_BLOCK_BYTES => *digest,
            None if number == self.blocks.len() && bytes.len() == self.rest_bytes => self.rest.finish128(),
            _ => return false,
        };
        let mut hasher = SipHasher24::new_with_key(&self.key.0);
        hasher.write(bytes);
        hasher.finish128() == expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: usize = 2 * SPOOL_BLOCK_BYTES + 100;

    fn body() -> (Digests, Vec<u8>) {
        let bytes: Vec<u8> = (0..LENGTH).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
        let mut digests = Digests::new(DigestKey::random().unwrap());
        bytes.chunks(777).for_each(|piece| digests.append(piece));
        (digests, bytes)
    }

    #[test]
    fn what_was_written_agrees_in_whole_blocks_however_it_was_written() {
        let (digests, bytes) = body();
        for (from, to) in [(0, LENGTH), (0, 1), (1, 2), (1, 3), (2, 3)].map(|(a, b)| (a * SPOOL_BLOCK_BYTES, b)) {
            let to = (to * SPOOL_BLOCK_BYTES).min(LENGTH);
            assert!(digests.agree(u64::try_from(from).unwrap(), &bytes[from..to]), "{from} to {to}");
        }
    }

    #[test]
    fn a_changed_bit_another_place_and_a_part_of_a_block_do_not_agree() {
        let (digests, bytes) = body();
        for at in [0, SPOOL_BLOCK_BYTES - 1, SPOOL_BLOCK_BYTES, LENGTH - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(!digests.agree(0, &changed), "{at}");
        }
        let block = u64::try_from(SPOOL_BLOCK_BYTES).unwrap();
        let (first, second) = bytes.split_at(SPOOL_BLOCK_BYTES);
        assert!(!digests.agree(block, first) && !digests.agree(0, &second[..SPOOL_BLOCK_BYTES]), "swapped");
        assert!(!digests.agree(0, &first[1..]) && !digests.agree(1, first) && !digests.agree(u64::MAX, first));
        assert!(
            !digests.agree(3 * block, first) && !digests.agree(2 * block, &bytes[2 * SPOOL_BLOCK_BYTES..LENGTH - 1])
        );
    }

    #[test]
    fn each_key_gives_other_digests() {
        let (one, bytes) = body();
        let (other, _) = body();
        assert!(one.blocks != other.blocks && other.agree(0, &bytes));
    }
}
