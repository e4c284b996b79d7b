//! Field names that are known when the program is built: single ones, checked then, and sets of
//! them, arranged then.

use crate::class::is_token_byte_const;

/// A field name that is a token for certain: that was checked when the program was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name(&'static str);

impl Name {
    /// Makes a name, in the case it is written in. For constants: text that is no token does not
    /// compile there.
    ///
    /// # Panics
    /// If the text is no token.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        let mut rest = text.as_bytes();
        assert!(!rest.is_empty(), "a name is not empty");
        while let [byte, after @ ..] = rest {
            assert!(is_token_byte_const(*byte), "a name is a token");
            rest = after;
        }
        Self(text)
    }

    /// Returns its bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'static [u8] {
        self.0.as_bytes()
    }
}

/// Marks a slot without a name.
const EMPTY: u8 = u8::MAX;

/// A set of names, asked for each field of each head: one look into a table without collisions, and
/// where that finds something one comparison.
#[derive(Debug)]
pub struct NameSet<const N: usize> {
    names: [&'static str; N],
    /// Index of the name that belongs there, or [`EMPTY`].
    slots: [u8; 256],
    factor: u32,
}

impl<const N: usize> NameSet<N> {
    /// Makes the set of these names, in lower case and of two bytes at least. For constants: the
    /// search for a table without collisions is done by the compiler.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub const fn new(names: [&'static str; N]) -> Self {
        assert!(N < EMPTY as usize);
        let mut factor = 0x9e37_79b1_u32;
        let mut tries = 0;
        while tries < 1000 {
            if let Some(slots) = arranged(&names, factor) {
                return Self { names, slots, factor };
            }
            factor = factor.wrapping_add(0x3c6e_f372);
            tries += 1;
        }
        panic!("two names of the set look the same to it");
    }

    /// Returns its names.
    #[must_use]
    pub const fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// Returns whether a name, in whatever case, is one of them.
    #[must_use]
    #[inline]
    pub fn contains(&self, name: &[u8]) -> bool {
        let Some(slot) = slot(name, self.factor) else { return false };
        // EMPTY is beyond the last name, so an empty slot has none.
        self.names
            .get(usize::from(self.slots[usize::from(slot)]))
            .is_some_and(|known| same_name(name, known.as_bytes()))
    }
}

const fn arranged<const N: usize>(names: &[&'static str; N], factor: u32) -> Option<[u8; 256]> {
    let mut slots = [EMPTY; 256];
    let mut at = 0;
    while at < N {
        let Some(slot) = slot(names[at].as_bytes(), factor) else { return None };
        if slots[slot as usize] != EMPTY {
            return None;
        }
        slots[slot as usize] = at as u8;
        at += 1;
    }
    Some(slots)
}

/// Returns the slot of a name: a hash of length and first, middle and last byte. The case bit is
/// set, so that case does not count; set in other bytes than letters it only makes a few names meet
/// that are then compared.
#[inline]
const fn slot(name: &[u8], factor: u32) -> Option<u8> {
    let [length, ..] = name.len().to_le_bytes();
    let (_, [middle, .., last]) = name.split_at(name.len() / 2) else {
        return match name {
            [first, last] => Some(mixed([*first, *first, *last, length], factor)),
            _ => None,
        };
    };
    let [first, ..] = name else { return None };
    Some(mixed([*first, *middle, *last, length], factor))
}

#[inline]
const fn mixed([first, middle, last, length]: [u8; 4], factor: u32) -> u8 {
    let key = u32::from_le_bytes([first | 0x20, middle | 0x20, last | 0x20, length]);
    let [high, ..] = key.wrapping_mul(factor).to_be_bytes();
    high
}

/// Returns whether a name is `known`, which is in lower case, but for case; eight bytes at a time.
#[must_use]
#[inline]
pub fn same_name(name: &[u8], known: &[u8]) -> bool {
    if name.len() != known.len() {
        return false;
    }
    let (Some(last), Some(known_last)) = (name.last_chunk::<8>(), known.last_chunk::<8>()) else {
        return name.iter().zip(known).all(|(sent, known)| sent.to_ascii_lowercase() == *known);
    };
    let (words, _) = name.as_chunks::<8>();
    let (known_words, _) = known.as_chunks::<8>();
    lower(*last) == u64::from_le_bytes(*known_last)
        && words.iter().zip(known_words).all(|(word, known)| lower(*word) == u64::from_le_bytes(*known))
}

/// Returns eight bytes with the letters of ASCII in lower case, in arithmetic of which no sum
/// carries into the next byte: eight single comparisons cost five times as much.
#[inline]
const fn lower(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    let low = word & (0x7f * EACH);
    let from_a = low.wrapping_add((0x80 - b'A' as u64) * EACH);
    let after_z = low.wrapping_add((0x7f - b'Z' as u64) * EACH);
    word | ((from_a & !after_z & !word & (0x80 * EACH)) >> 2)
}

/// One in each byte of a word.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Lengths that a [`NameSieve`] tells apart.
const LENGTHS: usize = 32;

/// The lengths and first letters of some names: one look tells of nearly every other name that it
/// is none of them.
#[derive(Debug, Clone, Default)]
pub struct NameSieve {
    /// For each length, the last one for all that are longer, the first letters.
    letters: [u32; LENGTHS],
}

impl NameSieve {
    /// Adds a name.
    pub fn add(&mut self, name: &[u8]) {
        self.letters[Self::place(name)] |= Self::letter(name);
    }

    /// Adds all names of the length of this one.
    pub fn add_all_as_long(&mut self, name: &[u8]) {
        self.letters[Self::place(name)] = u32::MAX;
    }

    /// Adds all names that begin as this one, whatever follows.
    pub fn add_all_beginning(&mut self, start: &[u8]) {
        self.letters[Self::place(start)..].iter_mut().for_each(|letters| *letters |= Self::letter(start));
    }

    /// Returns whether a name, in whatever case, may be one of them; true for all of them, and for
    /// a few more.
    #[must_use]
    #[inline]
    pub fn may_have(&self, name: &[u8]) -> bool {
        self.letters[Self::place(name)] & Self::letter(name) != 0
    }

    #[inline]
    const fn place(name: &[u8]) -> usize {
        if name.len() < LENGTHS { name.len() } else { LENGTHS - 1 }
    }

    /// Bytes that differ in more than case may share a bit.
    #[inline]
    fn letter(name: &[u8]) -> u32 {
        name.first().map_or(1, |first| 1 << (first & 0x1f))
    }
}

/// Returns whether a name has an underscore, eight bytes at a time.
#[must_use]
#[inline]
pub fn has_underscore(name: &[u8]) -> bool {
    let Some(last) = name.last_chunk::<8>() else { return name.contains(&b'_') };
    name.as_chunks::<8>().0.iter().chain([last]).any(|word| {
        // A byte that is zero now was one; exact for the question whether there is any.
        let word = u64::from_le_bytes(*word) ^ (EACH * b'_' as u64);
        word.wrapping_sub(EACH) & !word & (0x80 * EACH) != 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sieve_lets_none_of_its_names_through() {
        let mut sieve = NameSieve::default();
        let long = [b'l'; 70];
        for name in [&b"Host"[..], b"te", b"", &long, b"_a"] {
            sieve.add(name);
        }
        sieve.add_all_beginning(b"x-for-");
        let meant = [
            &b"host"[..],
            b"HOST",
            b"TE",
            b"",
            &long,
            b"_A",
            b"X-FOR-",
            b"x-for-a",
            b"x-for-a-very-long-name-of-some-proxy",
        ];
        for name in meant {
            assert!(sieve.may_have(name), "{}", name.escape_ascii());
        }
        for other in [&b"accept"[..], b"t", b"cookie", b"x-for", &[b'a'; 70], &[b'l'; 30]] {
            assert!(!sieve.may_have(other), "{}", other.escape_ascii());
        }
    }

    #[test]
    fn an_underscore_is_found_wherever_it_is() {
        for length in 0..30 {
            for other in [b'a', b'^', b'`', b'-', 0xff, 0] {
                let mut name = vec![other; length];
                assert!(!has_underscore(&name), "{length} of {other:#x}");
                for at in 0..length {
                    name[at] = b'_';
                    assert!(has_underscore(&name), "{at} of {length}");
                    name[at] = other;
                }
            }
        }
    }

    static SET: NameSet<6> =
        NameSet::new(["te", "host", "trailer", "x-powered-cms", "x-sourcefiles", "content-length"]);

    #[test]
    fn a_set_has_its_names_in_every_case_and_no_others() {
        for name in SET.names {
            assert!(SET.contains(name.as_bytes()) && SET.contains(name.to_uppercase().as_bytes()), "{name}");
            for at in 0..name.len() {
                let mut other = name.as_bytes().to_vec();
                other[at] ^= 0x10;
                assert!(!SET.contains(&other), "{}", other.escape_ascii());
                assert!(!SET.contains(&name.as_bytes()[at + 1..]) && !SET.contains(&name.as_bytes()[..at]));
            }
        }
    }

    #[test]
    fn only_case_is_forgiven() {
        for at in 0..11 {
            for byte in 0..=255u8 {
                let (mut name, known) = (*b"abcdefgh-yz", *b"abcdefgh-yz");
                name[at] = byte;
                let expected = byte.to_ascii_lowercase() == known[at];
                assert_eq!(same_name(&name, &known), expected, "byte {byte:#x} at {at}");
                let (name, known) = (&name[at / 2..at / 2 + 5], &known[at / 2..at / 2 + 5]);
                assert_eq!(same_name(name, known), name.eq_ignore_ascii_case(known));
            }
        }
    }
}
