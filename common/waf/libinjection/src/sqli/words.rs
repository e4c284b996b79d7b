//! The published tables: what a word is, and which fingerprints are injections.
//!
//! Both files are searched as they lie in the binary. The index over the words is computed by the
//! compiler, so that a process starts with it and shares its pages with its siblings. The indices
//! and casts in its const functions fail at compile time or never.

use super::kind::Kind;

const WORDS: &[u8] = include_bytes!("../../data/words.txt");
const FINGERPRINTS: &[u8] = include_bytes!("../../data/fingerprints.txt");

/// The longest word or phrase in the table: checked when it is indexed.
const WORD_BYTES_MAX: usize = 29;
/// Slots of the index, twice as many as words so that a probe is short; a power of two, so that a
/// hash can be masked.
const SLOTS: usize = 2048;
const SLOT_MASK: u32 = SLOTS as u32 - 1;
/// Start of each word's record in `WORDS`; 0 (a comment) is an empty slot.
static INDEX: [u16; SLOTS] = index();

const RECORD_BYTES: usize = 6;
const FINGERPRINT_RECORDS: &[u8] = FINGERPRINTS.split_at(header_len(FINGERPRINTS)).1;
const _: () = assert!(FINGERPRINT_RECORDS.len().is_multiple_of(RECORD_BYTES) && !FINGERPRINT_RECORDS.is_empty());

/// Bytes of the leading lines that start with `#`.
const fn header_len(file: &[u8]) -> usize {
    let mut at = 0;
    while at < file.len() && file[at] == b'#' {
        at = line_end(file, at) + 1;
    }
    at
}

const fn line_end(file: &[u8], mut at: usize) -> usize {
    while file[at] != b'\n' {
        at += 1;
    }
    at
}

const fn index() -> [u16; SLOTS] {
    assert!(WORDS.len() <= u16::MAX as usize);
    let mut slots = [0; SLOTS];
    let mut start = header_len(WORDS);
    while start < WORDS.len() {
        let end = line_end(WORDS, start);
        let mut hash = HASH_SEED;
        let mut at = start + 2;
        assert!(end > at && end - at <= WORD_BYTES_MAX);
        while at < end {
            hash = hash_step(hash, WORDS[at]);
            at += 1;
        }
        let mut slot = hash_slot(hash);
        while slots[slot as usize] != 0 {
            slot = (slot + 1) & SLOT_MASK;
        }
        slots[slot as usize] = start as u16;
        start = end + 1;
    }
    slots
}

/// FNV-1a, because a word is a few bytes and the table is fixed.
const HASH_SEED: u32 = 0x811c_9dc5;

const fn hash_step(hash: u32, byte: u8) -> u32 {
    (hash ^ byte.to_ascii_uppercase() as u32).wrapping_mul(0x0100_0193)
}

const fn hash_slot(hash: u32) -> u32 {
    (hash ^ (hash >> 15)) & SLOT_MASK
}

/// A word of the table: its kind and its text in capitals.
pub(super) struct Word {
    pub(super) kind: Kind,
    pub(super) text: &'static [u8],
}

/// Looks up a word without regard to ASCII case.
pub(super) fn word(text: &[u8]) -> Option<Word> {
    lookup([text, b"", b""])
}

/// Looks up two words with one space between them.
pub(super) fn phrase(first: &[u8], second: &[u8]) -> Option<Word> {
    lookup([first, b" ", second])
}

/// Looks up a text given in parts, so that a phrase needs no copy.
fn lookup(parts: [&[u8]; 3]) -> Option<Word> {
    let len = parts.iter().fold(0_usize, |sum, part| sum + part.len());
    if len == 0 || len > WORD_BYTES_MAX {
        return None;
    }
    let text = || parts.iter().copied().flatten().map(u8::to_ascii_uppercase);
    let mut slot = hash_slot(text().fold(HASH_SEED, hash_step));
    loop {
        let record = record(*INDEX.get(usize::try_from(slot).ok()?)?)?;
        let (head, rest) = record.split_at_checked(2)?;
        if rest.get(len) == Some(&b'\n') && rest.iter().copied().zip(text()).all(|(word, byte)| word == byte) {
            return Some(Word { kind: Kind(*head.first()?), text: rest.get(..len)? });
        }
        slot = slot.wrapping_add(1) & SLOT_MASK;
    }
}

/// Returns the table from a record's start on; `None` for an empty slot.
fn record(start: u16) -> Option<&'static [u8]> {
    if start == 0 { None } else { WORDS.get(usize::from(start)..) }
}

/// Is this sequence of kinds (without regard to ASCII case) a published fingerprint?
pub(super) fn is_fingerprint(kinds: &[u8]) -> bool {
    let mut key = [b' '; RECORD_BYTES];
    key[RECORD_BYTES - 1] = b'\n';
    if kinds.is_empty() || kinds.len() >= RECORD_BYTES {
        return false;
    }
    for (place, kind) in key.iter_mut().zip(kinds) {
        *place = kind.to_ascii_uppercase();
    }
    FINGERPRINT_RECORDS.as_chunks::<RECORD_BYTES>().0.binary_search(&key).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_word_of_the_table_in_any_case() {
        let lines = WORDS.split(|&byte| byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#');
        let mut count = 0;
        for line in lines {
            let found = word(&line[2..].to_ascii_lowercase()).expect("a word of the table");
            assert_eq!((found.kind, found.text), (Kind(line[0]), &line[2..]));
            count += 1;
        }
        assert_eq!(count, 985);
    }

    #[test]
    fn knows_no_word_that_is_not_in_the_table() {
        for text in [&b""[..], b"SELEC", b"SELECTS", b"select\0", b"\xff", b"UNION  ALL", b"# SQL", &[b'A'; 300]] {
            assert!(word(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_phrase_is_its_words_with_one_space() {
        assert_eq!(phrase(b"union", b"ALL").expect("a phrase").text, b"UNION ALL");
        assert!(phrase(b"", b"ALL").is_none() && phrase(b"UNION", b"").is_none());
    }

    #[test]
    fn fingerprints_are_sorted_so_that_the_search_finds_each() {
        let records = FINGERPRINT_RECORDS.as_chunks::<RECORD_BYTES>().0;
        assert!(records.is_sorted() && records.len() == 8367);
        for record in records {
            assert!(is_fingerprint(record[..5].trim_ascii_end()), "{record:?}");
        }
        assert!(
            !is_fingerprint(b"") && !is_fingerprint(b"n") && !is_fingerprint(b"nnnnn") && !is_fingerprint(b"s&1c ;")
        );
    }
}
