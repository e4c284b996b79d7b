//! Frames of responses, each on its way to its connection.

use fosse_stage::{Gone, Output};
use fosse_wire::{Frame, Kind, WireError};

use crate::{conn::Way, context::Context, table::Table};

/// Hands a frame of a response to its connection.
#[inline]
pub(crate) fn on_frame(
    frame: &Frame<'_>,
    way: Way,
    clients: &mut Table,
    context: &mut Context,
    output: &mut Output,
) -> Result<(), Gone> {
    let client = u32::try_from(frame.stream.slot()).ok().and_then(|slot| clients.queued(slot));
    let Some(client) = client else { return Ok(late(frame.kind)?) };
    // If a frame breaks this process, its last sign of life names the connection.
    context.counters.work_on(client.conn.record.id, client.conn.named_source());
    Ok(client.conn.on_frame(frame, way, context, &mut output.outbox)?)
}

/// Accepts what may come for a free slot: frames that crossed the end of their stream.
const fn late(kind: Kind) -> Result<(), WireError> {
    match kind {
        Kind::RequestCredit | Kind::Reset => Ok(()),
        kind => Err(WireError::Order(kind)),
    }
}
