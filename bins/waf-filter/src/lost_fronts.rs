//! The loss of a front where a lane has several: its requests end, and those of the others go on.

use fosse_wire::{Frame, Kind, WireError, frame::ResetReason, slots::Slots};

use crate::{filter::Filter, outputs::Outputs};

impl Filter {
    /// Ends the requests of a front that is gone, as if their clients had gone: dispatch hears of
    /// each slot's last one, which it may still have.
    ///
    /// # Errors
    /// [`WireError`] where a buffered head does not read as it did before.
    pub(crate) fn lose_front(&mut self, slots: Slots, out: &mut Outputs<'_>) -> Result<(), WireError> {
        for stream in self.slots.last_of(slots) {
            let frame = Frame { stream, kind: Kind::Reset, body: &[ResetReason::Client as u8] };
            self.on_reset(&frame, out)?;
        }
        Ok(())
    }
}
