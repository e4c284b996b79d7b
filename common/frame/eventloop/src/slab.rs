//! A slab of things that an event may name. Each key is an index with a generation, so an event
//! that was queued for the last user of a slot never reaches the next.

/// The name of one thing: generation (24 bits) and index (32 bits), as they fit into an event token
/// beside its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u64);

/// Bits of a key; the token's bits above them are the caller's.
pub const KEY_BITS: u32 = 56;
const INDEX_BITS: u32 = 32;
const GENERATION_MASK: u64 = (1 << (KEY_BITS - INDEX_BITS)) - 1;

impl Key {
    const fn new(index: u32, generation: u64) -> Self {
        Self((generation & GENERATION_MASK) << INDEX_BITS | index as u64)
    }

    /// Returns the event token with the caller's `kind` in its highest byte.
    #[must_use]
    pub const fn token(self, kind: u8) -> u64 {
        (kind as u64) << KEY_BITS | self.0
    }

    /// Splits a token into kind and key.
    #[must_use]
    pub const fn of_token(token: u64) -> (u8, Self) {
        ((token >> KEY_BITS) as u8, Self(token & ((1 << KEY_BITS) - 1)))
    }

    /// Returns the number of the slot, which things have one after another.
    #[must_use]
    pub const fn slot(self) -> u32 {
        (self.0 & u32::MAX as u64) as u32
    }

    const fn index(self) -> usize {
        self.slot() as usize
    }
}

/// Returns the event token of a kind of which there is one thing only, so that it has no key.
#[must_use]
pub const fn token(kind: u8) -> u64 {
    (kind as u64) << KEY_BITS
}

#[derive(Debug)]
struct Slot<T> {
    generation: u64,
    thing: Option<T>,
}

/// Slots for things. Freed ones are used again, the last one freed first (its memory is still in
/// the cache).
#[derive(Debug)]
pub struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts a thing into a slot; `None` where there are 2^32 already.
    pub fn insert(&mut self, thing: T) -> Option<Key> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot { generation: 0, thing: None });
                index
            }
        };
        let slot = self.slots.get_mut(usize::try_from(index).ok()?)?;
        slot.thing = Some(thing);
        Some(Key::new(index, slot.generation))
    }

    fn slot(&self, key: Key) -> Option<&Slot<T>> {
        let slot = self.slots.get(key.index())?;
        (Key::new(u32::try_from(key.index()).ok()?, slot.generation) == key).then_some(slot)
    }

    /// Returns the thing of that key, if it is still there.
    #[must_use]
    #[inline]
    pub fn get(&self, key: Key) -> Option<&T> {
        self.slot(key)?.thing.as_ref()
    }

    /// Returns the thing of that key, to be changed.
    #[must_use]
    #[inline]
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slot(key)?;
        self.slots.get_mut(key.index())?.thing.as_mut()
    }

    /// Returns the key of the thing that a slot has now.
    #[must_use]
    pub fn key_of(&self, slot: u32) -> Option<Key> {
        let place = self.slots.get(usize::try_from(slot).ok()?)?;
        place.thing.as_ref().map(|_| Key::new(slot, place.generation))
    }

    /// Takes the thing out; its key names nothing from now on.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        self.slot(key)?;
        let slot = self.slots.get_mut(key.index())?;
        let thing = slot.thing.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(u32::try_from(key.index()).ok()?);
        Some(thing)
    }

    /// Returns the number of things.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Returns whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Iterates over all things with their keys, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let key = Key::new(u32::try_from(index).ok()?, slot.generation);
            slot.thing.as_ref().map(|thing| (key, thing))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_names_nothing_after_its_place_is_used_again() {
        let mut slab = Slab::default();
        let old = slab.insert('a').unwrap();
        assert_eq!(slab.remove(old), Some('a'));
        let new = slab.insert('b').unwrap();
        assert_eq!(old.slot(), new.slot());
        assert_eq!((slab.key_of(old.slot()), slab.key_of(9)), (Some(new), None));
        assert_eq!((slab.get(old), slab.get(new)), (None, Some(&'b')));
        assert_eq!(slab.remove(old), None);
        assert_eq!(slab.len(), 1);
    }

    #[test]
    fn a_key_comes_back_from_its_token() {
        let mut slab = Slab::default();
        for _ in 0..3 {
            let key = slab.insert(()).unwrap();
            slab.remove(key);
        }
        let key = slab.insert(()).unwrap();
        assert_eq!(Key::of_token(key.token(200)), (200, key));
    }
}
