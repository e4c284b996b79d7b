//! Changes of targets that the cache has not taken note of: what it keeps of them is not believed.

use std::collections::HashMap;

use super::key;
use crate::limits::CACHE_CHANGES_MAX;

/// Those changes, as the orders by which the cache is told of them.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Keys whose targets have changed, by the numbers of their orders.
    noted: HashMap<u32, Vec<u8>>,
    /// The order to forget everything, where more have changed than are noted one by one.
    everything: Option<u32>,
    /// Something has changed since that order.
    has_more: bool,
}

impl Changes {
    /// Notes that the target of a key has changed. Returns the key of the order with this number,
    /// an empty one for everything; `None` where another order is waited for before.
    pub(super) fn note(&mut self, tag: u32, key: Vec<u8>) -> Option<&[u8]> {
        if self.everything.is_some() {
            self.has_more = true;
            return None;
        }
        if self.noted.len() < CACHE_CHANGES_MAX {
            return Some(self.noted.entry(tag).insert_entry(key).into_mut());
        }
        self.noted.clear();
        self.everything = Some(tag);
        Some(&[])
    }

    /// Returns the orders that are to be given to another cache, or to the same once more.
    pub(super) fn orders(&mut self) -> impl Iterator<Item = (u32, &[u8])> {
        self.has_more = false;
        let noted = self.noted.iter().map(|(tag, key)| (*tag, key.as_slice()));
        noted.chain(self.everything.map(|tag| (tag, &[][..])))
    }

    /// Notes that the cache has followed an order. Returns whether it has to forget everything once
    /// more, by the order of the number `next`.
    pub(super) fn followed(&mut self, tag: u32, next: u32) -> bool {
        if self.everything != Some(tag) {
            self.noted.remove(&tag);
            return false;
        }
        let has_more = std::mem::take(&mut self.has_more);
        self.everything = has_more.then_some(next);
        has_more
    }

    /// Returns whether what the memory has of the target of a key may be from before a change.
    pub(super) fn may_be_of(&self, key: &[u8]) -> bool {
        let is_noted = || self.noted.values().any(|changed| key::have_one_target(changed, key));
        self.everything.is_some() || !self.noted.is_empty() && is_noted()
    }
}

#[cfg(test)]
mod tests {
    use fosse_settings::CachePolicy;
    use fosse_wire::request::RequestHead;

    use super::*;

    fn key(number: u32) -> Vec<u8> {
        let (mut out, target) = (Vec::new(), format!("/{number}"));
        let head = RequestHead { method: b"POST", host: b"a.example", target: target.as_bytes(), ..Default::default() };
        key::write(&mut out, &head, &CachePolicy::default()).unwrap();
        out
    }

    #[test]
    fn a_target_is_believed_again_once_the_cache_has_taken_note() {
        let mut changes = Changes::default();
        assert_eq!(changes.note(1, key(1)), Some(key(1).as_slice()));
        assert!(changes.may_be_of(&key(1)) && !changes.may_be_of(&key(2)));
        assert_eq!(changes.orders().map(|(tag, key)| (tag, key.to_vec())).collect::<Vec<_>>(), [(1, key(1))]);
        assert!(!changes.followed(7, 8) && changes.may_be_of(&key(1)));
        assert!(!changes.followed(1, 9) && !changes.may_be_of(&key(1)));
    }

    #[test]
    fn changes_without_end_take_no_more_memory_and_none_of_them_is_lost() {
        let mut changes = Changes::default();
        let most = u32::try_from(CACHE_CHANGES_MAX).unwrap();
        assert!((1..=most).all(|tag| changes.note(tag, key(tag)).is_some_and(|key| !key.is_empty())));
        assert_eq!(changes.note(most + 1, key(0)), Some(&[][..]));
        assert!((0..10_000).all(|tag| changes.note(tag, key(tag)).is_none()));
        assert_eq!(changes.orders().collect::<Vec<_>>(), [(most + 1, &[][..])]);
        // What changes after the order was given again may be kept once more before it is followed.
        assert_eq!(changes.note(5, key(5)), None);
        assert!(!changes.followed(3, 4) && changes.may_be_of(&key(77)));
        assert!(changes.followed(most + 1, 9_000) && changes.may_be_of(&key(77)));
        assert!(!changes.followed(9_000, 9_001) && !changes.may_be_of(&key(5)));
        assert_eq!(changes.note(6, key(6)), Some(key(6).as_slice()));
    }
}
