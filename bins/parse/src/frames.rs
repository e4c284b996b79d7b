//! Frames of responses, each on its way to its connection.

use fosse_front::context::Context;
use fosse_front::encoded::Streams;
use fosse_front::response::{Way, late};
use fosse_stage::{Gone, Output};
use fosse_wire::Frame;

use crate::table::Table;

impl Streams for Table {
    #[inline]
    fn on_frame(
        &mut self,
        frame: &Frame<'_>,
        way: Way,
        context: &mut Context,
        output: &mut Output,
    ) -> Result<(), Gone> {
        let place = context.slots.place(frame.stream);
        let client = u32::try_from(place).ok().and_then(|place| self.queued(place));
        let Some(client) = client else { return Ok(late(frame.kind)?) };
        let conn = &mut client.conn;
        // If a frame breaks this process, its last sign of life names the connection.
        context.counters.work_on(conn.caller.record.id, conn.stream.named_source(&conn.caller));
        Ok(conn.on_frame(frame, way, context, &mut output.outbox)?)
    }
}
