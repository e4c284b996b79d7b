//! A static search tree in flat bytes, little-endian.
//!
//! First come the sorted records, each a key with its payload after it (so that finding one brings
//! the other), then level after level the first key of each group of [`FANOUT`] of the level
//! before, until a level fits one group. A search reads one group a level; of a million entries all
//! levels but the lowest two stay in the cache.

/// Keys to a group: one cache line of 32-bit keys, two of 64-bit ones.
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

/// The place of each level. It follows from the number of records alone, once, at open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    levels: [Level; LEVEL_COUNT_MAX],
    height: usize,
    /// Bytes of all levels.
    pub bytes: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// Offset of its first key.
    start: usize,
    keys: usize,
    /// Bytes from one key to the next.
    stride: usize,
}

impl Level {
    /// Returns the group that begins at key number `from`, to its last full stride.
    #[inline]
    fn group<'a>(&self, row: &'a [u8], from: usize) -> Option<&'a [u8]> {
        let len = self.keys.checked_sub(from)?.min(FANOUT).checked_mul(self.stride)?;
        row.get(self.start.checked_add(from.checked_mul(self.stride)?)?..)?.get(..len)
    }

    fn key<K: Key>(&self, row: &[u8], at: usize) -> Option<K> {
        K::read(row.get(self.start.checked_add(at.checked_mul(self.stride)?)?..)?.get(..K::BYTES)?)
    }
}

impl Shape {
    /// Makes the shape of a tree of `count` records with `payload` bytes each.
    pub(crate) fn new<K: Key>(count: u32, payload: usize) -> Option<Self> {
        let mut shape = Self { levels: [Level::default(); LEVEL_COUNT_MAX], height: 0, bytes: 0 };
        let mut keys = usize::try_from(count).ok()?;
        let mut stride = K::BYTES.checked_add(payload)?;
        for level in &mut shape.levels {
            *level = Level { start: shape.bytes, keys, stride };
            shape.height = shape.height.checked_add(1)?;
            shape.bytes = shape.bytes.checked_add(keys.checked_mul(stride)?)?;
            if keys <= FANOUT {
                return Some(shape);
            }
            keys = keys.div_ceil(FANOUT);
            stride = K::BYTES;
        }
        None
    }

    /// Returns the number of records that have a key at or below `key`.
    #[inline]
    pub(crate) fn rank<K: Key>(&self, row: &[u8], key: K) -> Option<usize> {
        let mut group = 0_usize;
        let mut rank = 0_usize;
        for level in self.levels.get(..self.height)?.iter().rev() {
            let from = group.checked_mul(FANOUT)?;
            rank = from.checked_add(at_or_below(level.group(row, from)?, level.stride, key))?;
            // Below the first key of all: only the top level can say so.
            group = match rank.checked_sub(1) {
                Some(group) => group,
                None => return Some(0),
            };
        }
        Some(rank)
    }

    /// Returns record number `at`: its key, then its payload.
    #[inline]
    pub(crate) fn record<'a>(&self, row: &'a [u8], at: usize) -> Option<&'a [u8]> {
        let records = self.levels.first().filter(|records| at < records.keys)?;
        row.get(at.checked_mul(records.stride)?..)?.get(..records.stride)
    }

    /// Returns whether the keys of the row are sorted, distinct and repeated in the levels as they
    /// must be.
    pub(crate) fn sound<K: Key>(&self, row: &[u8]) -> bool {
        let Some(levels) = self.levels.get(..self.height) else { return false };
        let key = |level: &Level, at: usize| level.key::<K>(row, at);
        let rising = levels.first().is_some_and(|all| (1..all.keys).all(|at| key(all, at - 1) < key(all, at)));
        let copied = levels.windows(2).all(|pair| match pair {
            [below, above] => (0..above.keys).all(|at| key(above, at) == key(below, at * FANOUT)),
            _ => false,
        });
        row.len() == self.bytes && rising && copied
    }
}

/// Counts the keys at or below `key`. Without a branch for each: for the levels that are keys alone
/// the compiler makes vector compares of it.
#[inline]
fn at_or_below<K: Key>(group: &[u8], stride: usize, key: K) -> usize {
    let is = |bytes: &[u8]| usize::from(bytes.get(..K::BYTES).and_then(K::read).is_some_and(|own| own <= key));
    if stride == K::BYTES {
        group.chunks_exact(K::BYTES).map(is).sum()
    } else {
        group.chunks_exact(stride).map(is).sum()
    }
}

/// Appends the bytes for records with sorted, distinct keys; `payload` writes what comes after a
/// key.
pub(crate) fn write<K: Key, P>(out: &mut Vec<u8>, records: &[(K, P)], mut payload: impl FnMut(&P, &mut Vec<u8>)) {
    for (key, value) in records {
        key.write(out);
        payload(value, out);
    }
    let mut keys: Vec<K> = records.iter().map(|(key, _)| *key).collect();
    while keys.len() > FANOUT {
        keys = keys.into_iter().step_by(FANOUT).collect();
        keys.iter().for_each(|key| key.write(out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_as_counting_does() {
        for count in [0_u32, 1, 2, 15, 16, 17, 255, 256, 257, 4096, 4097, 5000] {
            let records: Vec<(u32, u8)> = (0..count).map(|n| (n * 3 + 1, n.to_le_bytes()[0])).collect();
            let mut row = Vec::new();
            write(&mut row, &records, |tag, out| out.push(*tag));
            let shape = Shape::new::<u32>(count, 1).unwrap();
            assert_eq!(row.len(), shape.bytes);
            assert!(shape.sound::<u32>(&row));
            for key in 0..count * 3 + 5 {
                let rank = records.iter().filter(|(own, _)| *own <= key).count();
                assert_eq!(shape.rank(&row, key), Some(rank), "{count} {key}");
            }
            for (at, (_, tag)) in records.iter().enumerate() {
                assert_eq!(shape.record(&row, at).unwrap()[4], *tag);
            }
            assert!(shape.record(&row, records.len()).is_none());
        }
    }

    #[test]
    fn a_changed_or_shortened_row_is_not_sound() {
        let mut row = Vec::new();
        write(&mut row, &(0..40_u64).map(|n| (n * 1000, ())).collect::<Vec<_>>(), |(), _| {});
        let shape = Shape::new::<u64>(40, 0).unwrap();
        assert!(shape.sound::<u64>(&row));
        assert!((0..row.len()).all(|cut| !shape.sound::<u64>(&row[..cut])));
        row[320] ^= 1; // the second level repeats key 0
        assert!(!shape.sound::<u64>(&row));
    }
}
