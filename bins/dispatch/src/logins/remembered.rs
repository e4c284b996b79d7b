//! The logins that were right, for a while: by their digests, so that no password is kept.

use std::collections::{HashMap, VecDeque};

use crate::exchange::access::Digest;
use crate::limits::{LOGIN_MS_MAX, LOGINS_COUNT_MAX};

/// Digests, and when each is forgotten.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    until_ms: HashMap<Digest, u64>,
    /// The same, the oldest first.
    order: VecDeque<Digest>,
}

impl Remembered {
    pub(super) fn has(&self, digest: &Digest, now_ms: u64) -> bool {
        self.until_ms.get(digest).is_some_and(|until_ms| now_ms < *until_ms)
    }

    /// Remembers a login that is right now, and forgets those whose time is over; where there are
    /// too many the oldest.
    pub(super) fn add(&mut self, digest: Digest, now_ms: u64) {
        if self.until_ms.insert(digest, now_ms + LOGIN_MS_MAX).is_some() {
            self.order.retain(|known| *known != digest);
        }
        self.order.push_back(digest);
        while let Some(oldest) = self.order.front() {
            let is_over = self.until_ms.get(oldest).is_none_or(|until_ms| *until_ms <= now_ms);
            if !is_over && self.order.len() <= LOGINS_COUNT_MAX {
                return;
            }
            self.until_ms.remove(oldest);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        let mut digest = Digest::default();
        digest[..8].copy_from_slice(&number.to_le_bytes());
        digest
    }

    #[test]
    fn a_login_is_remembered_for_its_time_and_so_many_at_once() {
        let mut logins = Remembered::default();
        logins.add(digest(0), 1000);
        assert!(logins.has(&digest(0), 999 + LOGIN_MS_MAX) && !logins.has(&digest(1), 1000));
        assert!(!logins.has(&digest(0), 1000 + LOGIN_MS_MAX));
        logins.add(digest(0), 2000);
        assert!(logins.has(&digest(0), 1000 + LOGIN_MS_MAX), "right once more");
        for number in 1..=LOGINS_COUNT_MAX {
            logins.add(digest(number), 2000);
        }
        assert!(!logins.has(&digest(0), 2000) && logins.has(&digest(1), 2000), "the oldest gives way");
        assert_eq!((logins.order.len(), logins.until_ms.len()), (LOGINS_COUNT_MAX, LOGINS_COUNT_MAX));
        logins.add(digest(0), 2000 + LOGIN_MS_MAX);
        assert_eq!((logins.order.len(), logins.until_ms.len()), (1, 1), "what is over takes no room");
    }
}
