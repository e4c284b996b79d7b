//! The purges under way, one after the other, a bounded part of one in a turn.

use std::collections::VecDeque;

use fosse_caching::Stored;
use fosse_wire::WireError;

use crate::{
    limits::{PURGE_TURN_RESPONSES_MAX, PURGES_COUNT_MAX},
    purge::{At, Purge},
    store::Store,
};

/// The purges under way, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Purges(VecDeque<Purge>);

impl Purges {
    /// Returns whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one.
    ///
    /// # Errors
    /// [`WireError::Credit`] where there are as many as there may be.
    pub(crate) fn begin(&mut self, purge: Purge) -> Result<(), WireError> {
        if self.0.len() >= PURGES_COUNT_MAX || self.0.iter().any(|other| other.is_of_lane_of(&purge)) {
            return Err(WireError::Credit);
        }
        self.0.push_back(purge);
        Ok(())
    }

    /// Returns whether a kept response is one that is to go, and counts it as gone with the first
    /// purge that is about it.
    pub(crate) fn take(&mut self, at: At, stored: &Stored<'_>) -> bool {
        let purge = self.0.iter_mut().find(|purge| purge.has(at, stored));
        purge.map(|purge| purge.responses += u64::from(!stored.is_marker())).is_some()
    }

    /// Goes on with the first one. Returns it where it is over, and how many responses have gone.
    pub(crate) fn work(&mut self, store: &mut Store) -> (Option<Purge>, u64) {
        let Some(purge) = self.0.front_mut() else { return (None, 0) };
        let before = purge.responses;
        let is_over = store.purge(purge, PURGE_TURN_RESPONSES_MAX);
        let gone = purge.responses - before;
        (if is_over { self.0.pop_front() } else { None }, gone)
    }
}
