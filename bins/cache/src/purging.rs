//! The part that the keeper has in a purge: what is under way for what is to go.

use fosse_counters::{Counters, cache as count};
use fosse_wire::{WireError, purge};

use crate::{ask::News, fill::Waiter, keeper::Keeper, purge::Purge};

impl Keeper {
    /// Begins a purge. What is under way for something that it is about may have been asked for too
    /// early, and is not kept.
    ///
    /// # Errors
    /// [`WireError::Credit`] where there are too many.
    pub(crate) fn begin_purge(
        &mut self,
        asked: &purge::Purge<'_>,
        waiter: Waiter,
        counters: &Counters,
    ) -> Result<Vec<News>, WireError> {
        let next = self.store.next();
        self.start_purge(Purge::new(asked, waiter, next), counters)
    }

    /// Begins to forget all that is kept, for a lane that cannot say any more what has changed.
    ///
    /// # Errors
    /// [`WireError::Credit`] for one that has not waited for the end of the last time.
    pub(crate) fn forget_all(&mut self, waiter: Waiter, counters: &Counters) -> Result<Vec<News>, WireError> {
        let next = self.store.next();
        self.start_purge(Purge::for_lane(waiter, next), counters)
    }

    fn start_purge(&mut self, purge: Purge, counters: &Counters) -> Result<Vec<News>, WireError> {
        let outdated = self.fills.askers(|fill| purge.may_have_fill(fill));
        if purge.is_of_all() {
            self.store.forget_unkept();
        }
        self.purges.begin(purge)?;
        Ok(self.give_up(outdated, counters))
    }

    /// Goes on with the purges for one turn. Returns word of one that is over.
    pub(crate) fn purge(&mut self, counters: &Counters) -> Option<News> {
        let (over, gone) = self.purges.work(&mut self.store);
        counters.add(count::FORGOTTEN, gone);
        let is_partial = self.store.is_disk_unsafe();
        over.map(|purge| (purge.waiter.peer, purge.reply(is_partial)))
    }
}
