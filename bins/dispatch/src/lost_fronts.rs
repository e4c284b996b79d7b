//! The loss of a front where a lane has several: its requests end as if their clients had gone, and
//! those of the others go on.

use fosse_counters::Counters;
use fosse_die::warning;
use fosse_eventloop::EventLoop;
use fosse_stage::Gone;
use fosse_wire::{Frame, Kind, StreamId, frame::ResetReason, slots::Slots};

use crate::{PROGRAM, exchange::streams::Streams, frames, lane::Lane, server::Server};

impl Server {
    /// Goes on without the front that has these slots, which is gone or not itself any more.
    ///
    /// # Errors
    /// `gone`, where it was the only one: the lane is over.
    pub(crate) fn lose_front(
        &mut self,
        slots: Slots,
        gone: Gone,
        event_loop: &EventLoop,
        counters: &Counters,
    ) -> Result<(), Gone> {
        self.inputs.lose(slots, gone, event_loop)?;
        self.shared.output.lose(slots, event_loop);
        self.note_lost(slots);
        let front = slots.front();
        let ended = self.end_streams_of_lost(counters, event_loop);
        // At the end of a lane its programs go in any order.
        if ended > 0 || !gone.is_departure() {
            warning(PROGRAM, format_args!("event=front-lost front={front} requests={ended} why=\"{gone}\""));
        }
        Ok(())
    }

    /// Goes on without sockets of clients: whether the front that lends them is gone the ring says.
    ///
    /// # Errors
    /// `gone`, where that is the only front and has broken the protocol.
    pub(crate) fn lose_client_sockets(
        &mut self,
        gone: Gone,
        event_loop: &EventLoop,
        counters: &Counters,
    ) -> Result<(), Gone> {
        if let Some(sockets) = self.client_sockets.take() {
            // It is closed with that.
            let _ = event_loop.remove(&sockets);
        }
        if gone.is_departure() {
            return Ok(());
        }
        self.lose_front(self.shared.output.slots_of_first(), gone, event_loop, counters)
    }

    /// Notes that a front is gone.
    pub(crate) fn note_lost(&mut self, slots: Slots) {
        if !self.lost_fronts.contains(&slots) {
            self.lost_fronts.push(slots);
        }
    }

    /// Ends the requests of fronts that are gone. A filter may have had frames of them. Returns how
    /// many there were.
    pub(crate) fn end_streams_of_lost(&mut self, counters: &Counters, event_loop: &EventLoop) -> usize {
        let lost = core::mem::take(&mut self.lost_fronts);
        let (_, _, streams, mut lane) = self.parts(event_loop, counters);
        let of_lost = |id: &StreamId| lost.iter().any(|slots| slots.have(*id));
        let ids: Vec<StreamId> = streams.iter().map(|stream| stream.id).filter(of_lost).collect();
        ids.iter().for_each(|id| end(*id, streams, &mut lane));
        self.lost_fronts = lost;
        ids.len()
    }
}

/// Ends a request as its front would whose client has gone.
fn end(id: StreamId, streams: &mut Streams, lane: &mut Lane<'_>) {
    let frame = Frame { stream: id, kind: Kind::Reset, body: &[ResetReason::Client as u8] };
    if let Err(error) = frames::take(&frame, streams, lane) {
        // A reset may come whenever a stream lives.
        lane.context.state_error(&format!("request of a front that is gone: {error}"));
    }
}
