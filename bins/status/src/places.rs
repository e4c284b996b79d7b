//! Who has a place among the clients of a listener, and who gives it up.

use std::cmp::Reverse;

use fosse_source::Source;

/// A client, as far as that is decided by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<K> {
    pub(crate) key: K,
    pub(crate) source: Source,
    /// It has not asked for anything yet.
    pub(crate) silent: bool,
    /// The time when it came, or last took a piece of its response, and its number among those that
    /// came: many come in one turn.
    pub(crate) since: (u64, u64),
}

/// Returns the client that gives way to a newcomer where all places are taken; `None` where that is
/// the newcomer. It is the one of the source that has most which has been silent for longest: so
/// nobody who says nothing keeps others out, nor those of its own address. One that is served gives
/// way where its source would otherwise have more than that of the newcomer, the one that has taken
/// nothing for longest first.
pub(crate) fn giving_way<K: Copy>(places: &[Place<K>], newcomer: Source) -> Option<K> {
    let count = |source| places.iter().filter(|place| place.source == source).count();
    let own = count(newcomer);
    let gives_way = |place: &&Place<K>| match place.silent {
        true => place.source == newcomer || count(place.source) > own,
        // By one more there would be no end of it: each would take the place of the other in turn.
        false => count(place.source) > own + 1,
    };
    let order = |place: &&Place<K>| (count(place.source), place.silent, Reverse(place.since));
    places.iter().filter(gives_way).max_by_key(order).map(|place| place.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Source {
        Source::of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, last])
    }

    /// Returns the place in `clients` (source, silent) that gives way; they have come one after
    /// another.
    fn gives_way(clients: &[(u8, bool)], newcomer: u8) -> Option<usize> {
        let place = |(at, (last, silent)): (usize, &(u8, bool))| Place {
            key: at,
            source: source(*last),
            silent: *silent,
            since: (7, at as u64),
        };
        giving_way(&clients.iter().enumerate().map(place).collect::<Vec<_>>(), source(newcomer))
    }

    #[test]
    fn the_oldest_silent_one_of_the_largest_source_gives_way() {
        let (silent, served) = (true, false);
        assert_eq!(gives_way(&[(1, silent), (2, served), (2, silent), (2, silent)], 1), Some(2));
        // Its own, where it has as many as any other.
        assert_eq!(gives_way(&[(2, served), (2, silent), (2, silent)], 2), Some(1));
        assert_eq!(gives_way(&[(2, silent), (3, silent)], 1), Some(0));
    }

    #[test]
    fn a_source_that_has_more_takes_no_place_of_one_that_has_less() {
        let (silent, served) = (true, false);
        assert_eq!(gives_way(&[(1, silent), (2, served), (2, served)], 2), None);
        assert_eq!(gives_way(&[(1, silent), (2, silent), (2, silent)], 2), Some(1));
    }

    #[test]
    fn one_that_is_served_gives_way_until_shares_are_equal() {
        let served = false;
        assert_eq!(gives_way(&[(2, served), (2, served), (2, served)], 1), Some(0));
        assert_eq!(gives_way(&[(2, served), (2, served), (1, served)], 1), None);
        assert_eq!(gives_way(&[(2, served), (2, served)], 2), None);
    }
}
