//! The variants of each response that varies by fields of requests, and which of them gives way to
//! another one.

use std::collections::HashMap;

use fosse_source::Source;

use crate::limits::{VARIANT_MS_MIN, VARIANTS_COUNT_MAX};

/// A variant.
#[derive(Clone, Copy, Debug)]
struct Variant {
    hash: u64,
    /// The one who asked for it first.
    source: Source,
    since_ms: u64,
}

/// The room that a new variant finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// There is room, or it is there already.
    Free,
    /// This one gives way to it.
    Of(u64),
    /// There is none now.
    None,
}

/// The variants that are kept, by the hashes of their bases.
#[derive(Debug, Default)]
pub(crate) struct Variants(HashMap<u64, Vec<Variant>>);

impl Variants {
    /// Returns what a source finds that asks for a variant, of those that are there still. Where
    /// all places are taken the oldest of whoever has most gives way, the asker before others: so
    /// one who asks for very many has those of nobody else out. None gives way that is new, so that
    /// many who ask do not fill the memory with variants of one response.
    pub(crate) fn room(
        &mut self,
        base: u64,
        (hash, source): (u64, Source),
        now_ms: u64,
        is_there: impl Fn(u64) -> bool,
    ) -> Room {
        let Some(all) = self.0.get_mut(&base) else { return Room::Free };
        all.retain(|variant| is_there(variant.hash));
        if all.len() < VARIANTS_COUNT_MAX || all.iter().any(|variant| variant.hash == hash) {
            return Room::Free;
        }
        let count = |of: Source| all.iter().filter(|variant| variant.source == of).count();
        let weight = |of: Source| if of == source { (count(of) + 1, true) } else { (count(of), false) };
        let largest = all.iter().map(|variant| weight(variant.source)).max();
        let oldest = all.iter().filter(|variant| Some(weight(variant.source)) == largest).min_by_key(|v| v.since_ms);
        match oldest {
            Some(oldest) if oldest.since_ms + VARIANT_MS_MIN <= now_ms => Room::Of(oldest.hash),
            _ => Room::None,
        }
    }

    /// Adds a variant, if it is not there.
    pub(crate) fn add(&mut self, base: u64, (hash, source): (u64, Source), since_ms: u64) {
        let all = self.0.entry(base).or_default();
        if !all.iter().any(|variant| variant.hash == hash) {
            all.push(Variant { hash, source, since_ms });
        }
    }

    /// Forgets the variants of a base that is not kept any more: nobody finds them.
    pub(crate) fn forget(&mut self, base: u64) {
        self.0.remove(&base);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(n: u8) -> Source {
        Source::of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, n])
    }

    /// Asks for a variant as one of a source, and adds it where there is room.
    fn ask(variants: &mut Variants, hash: u64, n: u8, now_ms: u64) -> Room {
        let room = variants.room(1, (hash, source(n)), now_ms, |_| true);
        if let Room::Of(oldest) = room {
            variants.0.get_mut(&1).unwrap().retain(|variant| variant.hash != oldest);
        }
        if room != Room::None {
            variants.add(1, (hash, source(n)), now_ms);
        }
        room
    }

    /// Returns a base whose places are all taken, each by another source, at that time and later.
    fn full(since_ms: u64) -> Variants {
        let mut variants = Variants::default();
        for (hash, n) in (1..).zip(0..u8::try_from(VARIANTS_COUNT_MAX).unwrap()) {
            assert_eq!(ask(&mut variants, hash, n, since_ms + hash), Room::Free);
        }
        variants
    }

    #[test]
    fn of_more_variants_than_there_may_be_the_oldest_gives_way_once_it_is_old_enough() {
        let mut variants = full(0);
        assert_eq!(ask(&mut variants, 99, 200, VARIANT_MS_MIN), Room::None);
        assert_eq!(ask(&mut variants, 99, 200, VARIANT_MS_MIN + 1), Room::Of(1));
        assert_eq!(ask(&mut variants, 99, 200, VARIANT_MS_MIN + 1), Room::Free);
        assert_eq!(ask(&mut variants, 1, 201, VARIANT_MS_MIN + 1), Room::None);
        assert_eq!(ask(&mut variants, 1, 201, VARIANT_MS_MIN + 2), Room::Of(2));
        // Another base has places of its own.
        assert_eq!(variants.room(2, (1, source(1)), 0, |_| true), Room::Free);
    }

    #[test]
    fn who_asks_for_very_many_takes_the_place_of_nobody_else() {
        let mut variants = full(0);
        let (hostile, later) = (0, VARIANT_MS_MIN * 2);
        for hash in 100..10_000 {
            ask(&mut variants, hash, hostile, later + hash * VARIANT_MS_MIN);
        }
        let others = variants.0[&1].iter().filter(|variant| variant.source != source(hostile)).count();
        assert_eq!(others, VARIANTS_COUNT_MAX - 1);
        // And where that one has all of them, the others get theirs.
        let mut variants = Variants::default();
        for hash in 0..u64::try_from(VARIANTS_COUNT_MAX).unwrap() {
            assert_eq!(ask(&mut variants, hash, hostile, 0), Room::Free);
        }
        assert_eq!(ask(&mut variants, 500, 7, later), Room::Of(0));
        assert_eq!(ask(&mut variants, 501, hostile, later), Room::Of(1));
        assert!(variants.0[&1].iter().any(|variant| variant.source == source(7)));
    }

    #[test]
    fn what_is_not_kept_any_more_takes_no_place() {
        let mut variants = full(0);
        assert_eq!(variants.room(1, (99, source(200)), 0, |hash| hash != 5), Room::Free);
        variants.forget(1);
        assert!(variants.0.is_empty());
    }
}
