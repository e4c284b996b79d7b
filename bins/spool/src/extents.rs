//! The places of bodies in the file: extents of one size, taken one by one and given back together.
//! It decides which body has to go where there is no room, and touches no file.

use std::collections::HashMap;

use fosse_eventloop::slab::Key;
use fosse_source::Source;

use crate::limits::EXTENT_BYTES;

/// A body of a filter, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BodyId {
    /// The filter.
    pub filter: Key,
    /// The filter's number of the body.
    pub number: u64,
}

/// A piece of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) at: u64,
    pub(crate) length: usize,
}

#[derive(Debug)]
struct Body {
    source: Source,
    extents: Vec<u32>,
    length: u64,
}

/// All bodies, and the extents that none has.
#[derive(Debug)]
pub(crate) struct Extents {
    bodies: HashMap<BodyId, Body>,
    /// Extents that a body had before; the last given back is the first taken, so that the file
    /// stays as short as it can.
    free: Vec<u32>,
    /// Extents from here on were never used.
    used_count: u32,
    count_max: u32,
}

impl Extents {
    /// Makes the extents of a file of that many bytes.
    pub(crate) fn new(file_bytes: u64) -> Self {
        let count_max = u32::try_from(file_bytes / EXTENT_BYTES).unwrap_or(u32::MAX);
        Self { bodies: HashMap::new(), free: Vec::new(), used_count: 0, count_max }
    }

    /// Begins a body, of no bytes. A number is used once.
    pub(crate) fn open(&mut self, id: BodyId, source: Source) {
        self.bodies.insert(id, Body { source, extents: Vec::new(), length: 0 });
    }

    /// Returns whether there is such a body.
    pub(crate) fn has(&self, id: BodyId) -> bool {
        self.bodies.contains_key(&id)
    }

    /// Returns the number of bodies.
    pub(crate) fn len(&self) -> usize {
        self.bodies.len()
    }

    /// Returns the bytes of the extents that bodies have.
    pub(crate) fn taken_bytes(&self) -> u64 {
        let free = u32::try_from(self.free.len()).unwrap_or(u32::MAX);
        u64::from(self.used_count - free) * EXTENT_BYTES
    }

    /// Returns the places for the next bytes of a body; `None` where extents are wanting. Until
    /// [`Extents::grown`] says that they are written the same places are returned again.
    pub(crate) fn place(&mut self, id: BodyId, length: usize) -> Option<Vec<Segment>> {
        let body = self.bodies.get_mut(&id)?;
        let end = body.length + u64::try_from(length).ok()?;
        while u64::try_from(body.extents.len()).ok()? * EXTENT_BYTES < end {
            let extent = match self.free.pop() {
                Some(extent) => extent,
                None if self.used_count < self.count_max => {
                    self.used_count += 1;
                    self.used_count - 1
                }
                None => return None,
            };
            body.extents.push(extent);
        }
        Some(segments(&body.extents, body.length, length))
    }

    /// Notes that bytes were written at the places for them.
    pub(crate) fn grown(&mut self, id: BodyId, length: usize) {
        if let Some(body) = self.bodies.get_mut(&id) {
            body.length += u64::try_from(length).unwrap_or(0);
        }
    }

    /// Returns the places of bytes of a body; `None` where it has fewer.
    pub(crate) fn find(&self, id: BodyId, at: u64, length: usize) -> Option<Vec<Segment>> {
        let body = self.bodies.get(&id)?;
        let end = at.checked_add(u64::try_from(length).ok()?)?;
        (end <= body.length).then(|| segments(&body.extents, at, length))
    }

    /// Ends a body. Returns the parts of the file that it had, joined where they touch.
    pub(crate) fn free(&mut self, id: BodyId) -> Vec<(u64, u64)> {
        let Some(body) = self.bodies.remove(&id) else { return Vec::new() };
        let mut extents = body.extents;
        self.free.extend(extents.iter().rev());
        extents.sort_unstable();
        let mut parts: Vec<(u64, u64)> = Vec::new();
        for extent in extents {
            let at = u64::from(extent) * EXTENT_BYTES;
            match parts.last_mut() {
                Some((from, length)) if *from + *length == at => *length += EXTENT_BYTES,
                _ => parts.push((at, EXTENT_BYTES)),
            }
        }
        parts
    }

    /// Returns the bodies of a filter.
    pub(crate) fn of_filter(&self, filter: Key) -> Vec<BodyId> {
        self.bodies.keys().filter(|id| id.filter == filter).copied().collect()
    }

    /// Returns the largest body of the source that has most in the file; `None` where nobody has
    /// anything.
    pub(crate) fn largest_of_heaviest(&self) -> Option<BodyId> {
        let mut sources: HashMap<Source, usize> = HashMap::new();
        for body in self.bodies.values() {
            *sources.entry(body.source).or_default() += body.extents.len();
        }
        let (heaviest, _) = sources.into_iter().max_by_key(|(source, count)| (*count, *source))?;
        let of_heaviest = self.bodies.iter().filter(|(_, body)| body.source == heaviest && !body.extents.is_empty());
        of_heaviest.max_by_key(|(id, body)| (body.extents.len(), id.number)).map(|(id, _)| *id)
    }
}

/// Returns the segments of `length` bytes from `at` on.
fn segments(extents: &[u32], at: u64, length: usize) -> Vec<Segment> {
    let (mut at, mut left, mut segments) = (at, length, Vec::with_capacity(2));
    while left > 0 {
        let (index, within) = (at / EXTENT_BYTES, at % EXTENT_BYTES);
        let extent = extents[usize::try_from(index).unwrap_or(usize::MAX)];
        let room = usize::try_from(EXTENT_BYTES - within).unwrap_or(usize::MAX);
        let part = left.min(room);
        segments.push(Segment { at: u64::from(extent) * EXTENT_BYTES + within, length: part });
        at += u64::try_from(part).unwrap_or(0);
        left -= part;
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_eventloop::slab::Slab;

    const EXTENT: usize = 256 * 1024;

    fn filter() -> Key {
        Slab::default().insert(()).unwrap()
    }

    fn id(number: u64) -> BodyId {
        BodyId { filter: filter(), number }
    }

    fn source(last: u64) -> Source {
        Source::of_parts(false, 0xc000_0200 + last)
    }

    fn grow(extents: &mut Extents, id: BodyId, length: usize) -> bool {
        let is_placed = extents.place(id, length).is_some();
        if is_placed {
            extents.grown(id, length);
        }
        is_placed
    }

    #[test]
    fn bytes_are_found_where_they_were_placed_also_over_the_end_of_an_extent() {
        let mut extents = Extents::new(4 * EXTENT_BYTES);
        extents.open(id(1), source(1));
        extents.open(id(2), source(1));
        assert!(grow(&mut extents, id(1), EXTENT - 1) && grow(&mut extents, id(2), 5));
        let placed = extents.place(id(1), 3).unwrap();
        assert_eq!(placed, [Segment { at: EXTENT_BYTES - 1, length: 1 }, Segment { at: 2 * EXTENT_BYTES, length: 2 }]);
        assert_eq!(extents.place(id(1), 3), Some(placed.clone()), "nothing was written there yet");
        extents.grown(id(1), 3);
        assert_eq!(extents.find(id(1), EXTENT_BYTES - 1, 3), Some(placed));
        for (at, length) in [(EXTENT_BYTES, 3), (u64::MAX, 1), (0, EXTENT + 3)] {
            assert_eq!(extents.find(id(1), at, length), None, "{at} {length}");
        }
        assert_eq!((extents.find(id(3), 0, 1), extents.taken_bytes()), (None, 3 * EXTENT_BYTES));
    }

    #[test]
    fn what_is_given_back_is_taken_again_before_the_file_grows() {
        let mut extents = Extents::new(3 * EXTENT_BYTES);
        for number in 1..=2 {
            extents.open(id(number), source(1));
        }
        assert!(grow(&mut extents, id(1), 2 * EXTENT) && grow(&mut extents, id(2), 1));
        assert_eq!(extents.free(id(1)), [(0, 2 * EXTENT_BYTES)], "joined");
        assert_eq!((extents.free(id(1)), extents.taken_bytes()), (vec![], EXTENT_BYTES));
        extents.open(id(3), source(1));
        assert_eq!(extents.place(id(3), 1).unwrap()[0].at, 0);
        assert!(!grow(&mut extents, id(2), 3 * EXTENT), "two are not there");
    }

    #[test]
    fn the_largest_body_of_the_source_that_has_most_has_to_go() {
        let mut extents = Extents::new(100 * EXTENT_BYTES);
        assert_eq!(extents.largest_of_heaviest(), None);
        for (number, who, length) in [(1, 1, 3), (2, 2, 2), (3, 2, 1), (4, 2, 2), (5, 3, 0)] {
            extents.open(id(number), source(who));
            assert!(length == 0 || grow(&mut extents, id(number), length * EXTENT));
        }
        assert_eq!(extents.largest_of_heaviest(), Some(id(4)), "five against three, and the later of equals");
        extents.free(id(4));
        extents.free(id(3));
        assert_eq!(extents.largest_of_heaviest(), Some(id(1)));
        assert_eq!((extents.of_filter(filter()).len(), extents.len()), (3, 3));
    }
}
