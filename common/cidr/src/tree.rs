//! A static search tree in a flat row of little-endian keys.
//!
//! The sorted keys come first (level 0), then level after level the first key of each group of [`FANOUT`] of the level
//! before, until a level fits one group. A search reads one group a level: a group of 32-bit keys is one cache line, so a
//! million-entry search touches some five lines, of which all but the last one or two stay in the cache.

/// Keys to a group: 64 bytes of 32-bit keys, 128 of 64-bit ones.
pub(crate) const FANOUT: usize = 16;

/// A key of fixed width.
pub(crate) trait Key: Copy + Ord {
    const BYTES: usize;
    fn read(bytes: &[u8]) -> Option<Self>;
    fn write(self, out: &mut Vec<u8>);
}

impl Key for u32 {
    const BYTES: usize = 4;
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_le_bytes)
    }
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

impl Key for u64 {
    const BYTES: usize = 8;
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_le_bytes)
    }
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
}

/// Levels of the largest tree: 16^8 keys are more than a `u32` counts.
const LEVEL_COUNT_MAX: usize = 8;

/// Where each level lies, in keys from the start of the row. Worked out from the count alone, once, at open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// (first key, keys) from the sorted keys upwards; only the first `height` count.
    levels: [(usize, usize); LEVEL_COUNT_MAX],
    height: usize,
    /// Keys of all levels.
    pub total: usize,
}

impl Shape {
    pub(crate) fn new(count: u32) -> Option<Self> {
        let mut shape = Self { levels: [(0, 0); LEVEL_COUNT_MAX], height: 0, total: 0 };
        let mut keys = usize::try_from(count).ok()?;
        for level in &mut shape.levels {
            *level = (shape.total, keys);
            shape.height = shape.height.checked_add(1)?;
            shape.total = shape.total.checked_add(keys)?;
            if keys <= FANOUT {
                return Some(shape);
            }
            keys = keys.div_ceil(FANOUT);
        }
        None
    }

    /// How many of the sorted keys are at or below `key`.
    #[inline]
    pub(crate) fn rank<K: Key>(&self, row: &[u8], key: K) -> Option<usize> {
        let mut group = 0_usize;
        let mut rank = 0_usize;
        for (first, keys) in self.levels.get(..self.height)?.iter().rev() {
            let from = group.checked_mul(FANOUT)?;
            let len = keys.checked_sub(from)?.min(FANOUT);
            let start = first.checked_add(from)?.checked_mul(K::BYTES)?;
            let below = count_at_or_below(row.get(start..)?.get(..len.checked_mul(K::BYTES)?)?, key);
            rank = from.checked_add(below)?;
            // Below the first key of all: only the top level can say so.
            group = match rank.checked_sub(1) {
                Some(group) => group,
                None => return Some(0),
            };
        }
        Some(rank)
    }

    /// Whether the row is what [`write`] would make of its sorted keys.
    pub(crate) fn sound<K: Key>(&self, row: &[u8]) -> bool {
        let key = |at: usize| {
            let start = at.checked_mul(K::BYTES)?;
            K::read(row.get(start..)?.get(..K::BYTES)?)
        };
        let sorted = |(first, keys): &(usize, usize)| {
            let mut level = (*first..first.saturating_add(*keys)).map(key);
            level.all(|key| key.is_some()) && row.len() == self.total.saturating_mul(K::BYTES)
        };
        let Some(levels) = self.levels.get(..self.height) else { return false };
        let rising = levels.first().is_some_and(|(_, keys)| (1..*keys).all(|at| key(at - 1) < key(at)));
        let copied = levels.windows(2).all(|pair| match pair {
            [(below, _), (above, keys)] => (0..*keys).all(|at| key(above + at) == key(below + at * FANOUT)),
            _ => false,
        });
        levels.iter().all(sorted) && rising && copied
    }
}

/// Without a branch a key: the compiler makes vector compares of it.
#[inline]
fn count_at_or_below<K: Key>(group: &[u8], key: K) -> usize {
    group.chunks_exact(K::BYTES).map(|bytes| usize::from(K::read(bytes).is_some_and(|own| own <= key))).sum()
}

/// Appends the row for sorted, distinct keys.
pub(crate) fn write<K: Key>(out: &mut Vec<u8>, mut keys: Vec<K>) {
    loop {
        keys.iter().for_each(|key| key.write(out));
        if keys.len() <= FANOUT {
            return;
        }
        keys = keys.into_iter().step_by(FANOUT).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_as_counting_does() {
        for count in [0_u32, 1, 2, 15, 16, 17, 255, 256, 257, 4096, 4097, 5000] {
            let keys: Vec<u32> = (0..count).map(|n| n * 3 + 1).collect();
            let mut row = Vec::new();
            write(&mut row, keys.clone());
            let shape = Shape::new(count).unwrap();
            assert_eq!(row.len(), shape.total * 4);
            assert!(shape.sound::<u32>(&row));
            for key in 0..count * 3 + 5 {
                assert_eq!(
                    shape.rank(&row, key),
                    Some(keys.iter().filter(|own| **own <= key).count()),
                    "{count} {key}"
                );
            }
        }
    }

    #[test]
    fn a_changed_or_shortened_row_is_not_sound() {
        let mut row = Vec::new();
        write(&mut row, (0..40_u64).map(|n| n * 1000).collect());
        let shape = Shape::new(40).unwrap();
        assert!(shape.sound::<u64>(&row));
        assert!((0..row.len()).all(|cut| !shape.sound::<u64>(&row[..cut])));
        row[320] ^= 1; // the second level repeats key 0
        assert!(!shape.sound::<u64>(&row));
    }
}
