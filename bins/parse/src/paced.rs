//! The bytes for a client whose response has a rate.

use crate::conn::Conn;
use crate::context::Context;
use crate::pace::Wait;

impl Conn {
    /// Returns what the bytes for its client wait for, where that is not the client.
    pub(crate) fn paced(&self) -> Option<Wait> {
        self.pace.as_ref()?.wait()
    }

    /// Returns how many of the bytes for its client may be written now.
    pub(crate) fn room(&mut self, context: &mut Context) -> usize {
        let (wanted, slot) = (self.output.pending().len(), self.slot());
        let now = (context.now_ms, context.now_ns());
        self.pace.as_mut().map_or(wanted, |pace| pace.room(wanted, slot, now, &mut context.source_rates))
    }

    /// Counts bytes that its client has taken.
    pub(crate) fn pay(&mut self, bytes: usize, context: &mut Context) {
        let slot = self.slot();
        if let Some(pace) = &mut self.pace {
            pace.pay(bytes, slot, context.now_ns(), &mut context.source_rates);
        }
    }

    /// Ends the pace of its response. The next connection of its source has its turn.
    pub(crate) fn end_pace(&mut self, context: &mut Context) {
        if self.pace.take().is_some() {
            context.source_rates.leave(self.slot());
        }
    }
}
