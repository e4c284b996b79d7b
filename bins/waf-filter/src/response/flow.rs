//! The body of a response that has passed: it is sent as parse has room for it.

use fosse_wire::{Kind, Outbox, StreamId, WireError};

use crate::{memory::length_of, outputs::Outputs};

/// The rest of a response that is still to be sent.
#[derive(Debug)]
pub(crate) struct Flow {
    body: Vec<u8>,
    /// Bytes of it that are sent.
    sent: usize,
    /// The end as it came, with its trailers.
    pub(crate) end: Option<Vec<u8>>,
    /// Bytes dispatch may still send.
    credit_bytes: u64,
    /// It is cut where memory is used up: its site denies.
    gives_way: bool,
}

impl Flow {
    /// A body of which nothing is sent.
    pub(crate) const fn new(body: Vec<u8>, end: Option<Vec<u8>>, credit_bytes: u64, gives_way: bool) -> Self {
        Self { body, sent: 0, end, credit_bytes, gives_way }
    }

    /// Returns the bytes that are free once it has given way.
    pub(crate) fn yieldable_bytes(&self) -> u64 {
        if self.gives_way { self.buffered_bytes() } else { 0 }
    }

    /// Appends body bytes.
    ///
    /// # Errors
    /// [`WireError::Credit`] for more of them than were granted.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.credit_bytes = self.credit_bytes.checked_sub(length_of(bytes.len())).ok_or(WireError::Credit)?;
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    /// Sends what parse has room for, and grants dispatch what room is left beyond what it has.
    /// Returns true when whatever comes next can pass as it is.
    pub(crate) fn pump(
        &mut self,
        stream: StreamId,
        room_bytes: &mut u64,
        is_encoded: bool,
        out: &mut Outputs<'_>,
    ) -> bool {
        self.send(stream, room_bytes, out.way(is_encoded));
        if self.sent == self.body.len() {
            if let Some(end) = self.end.take() {
                out.way(is_encoded).raw(stream, Kind::ResponseEnd, &end);
                return true;
            }
            (self.body, self.sent) = (Vec::new(), 0);
        } else if self.sent >= self.body.len() / 2 {
            // What is sent gives its memory back, in steps that cost no more than the sending did.
            self.body.drain(..self.sent);
            self.body.shrink_to_fit();
            self.sent = 0;
        }
        if self.end.is_none() {
            self.grant(stream, *room_bytes, out);
        }
        self.body.is_empty() && self.end.is_none() && self.credit_bytes == *room_bytes
    }

    /// Returns the bytes for which it counts in the lane's memory.
    pub(crate) fn buffered_bytes(&self) -> u64 {
        length_of(self.body.len())
    }

    fn send(&mut self, stream: StreamId, room_bytes: &mut u64, to: &mut Outbox) {
        let rest = &self.body[self.sent..];
        let now = usize::try_from(*room_bytes).unwrap_or(usize::MAX).min(rest.len());
        to.data(stream, Kind::ResponseData, &rest[..now]);
        self.sent += now;
        *room_bytes -= length_of(now);
    }

    fn grant(&mut self, stream: StreamId, room_bytes: u64, out: &mut Outputs<'_>) {
        let waiting = length_of(self.body.len() - self.sent);
        let free = room_bytes.saturating_sub(waiting).saturating_sub(self.credit_bytes);
        let grant = u32::try_from(free).unwrap_or(u32::MAX);
        self.credit_bytes += u64::from(grant);
        out.to_dispatch.credit(stream, Kind::ResponseCredit, grant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_wire::Frame;

    /// Pumps; returns whether it is over, and the bytes sent and granted.
    fn pumped(flow: &mut Flow, room_bytes: &mut u64) -> (bool, usize, u32) {
        let (mut to_dispatch, mut to_parse, mut to_encode): (Outbox, Outbox, Outbox) = Default::default();
        let mut out = Outputs { to_dispatch: &mut to_dispatch, to_parse: &mut to_parse, to_encode: &mut to_encode };
        let is_over = flow.pump(StreamId::first(1).unwrap(), room_bytes, false, &mut out);
        let (mut sent, mut granted) = (0, 0);
        while let Some((frame, taken)) = Frame::split(to_parse.pending()).unwrap() {
            sent += if frame.kind == Kind::ResponseData { frame.body.len() } else { 0 };
            to_parse.advance(taken);
        }
        while let Some((frame, taken)) = Frame::split(to_dispatch.pending()).unwrap() {
            granted += frame.credit().unwrap();
            to_dispatch.advance(taken);
        }
        (is_over, sent, granted)
    }

    #[test]
    fn no_more_is_sent_than_there_is_room_for_and_nothing_is_granted_before() {
        let (mut flow, mut room) = (Flow::new(vec![b'x'; 10], None, 0, true), 4);
        assert_eq!(pumped(&mut flow, &mut room), (false, 4, 0));
        assert_eq!((room, pumped(&mut flow, &mut room)), (0, (false, 0, 0)));
        room += 5;
        assert_eq!((pumped(&mut flow, &mut room), room), ((false, 5, 0), 0));
        assert_eq!(flow.buffered_bytes(), 1);
        room += 3;
        assert_eq!((pumped(&mut flow, &mut room), room), ((true, 1, 2), 2));
        assert_eq!(flow.buffered_bytes(), 0);
    }

    #[test]
    fn more_than_was_granted_is_refused() {
        let mut flow = Flow::new(Vec::new(), None, 2, true);
        flow.push(b"ab").unwrap();
        assert_eq!(flow.push(b"c"), Err(WireError::Credit));
    }

    #[test]
    fn after_its_end_nothing_is_granted() {
        let (mut flow, mut room) = (Flow::new(vec![b'x'; 3], Some(vec![0; 10]), 0, true), 100);
        assert_eq!(pumped(&mut flow, &mut room), (true, 3, 0));
    }
}
