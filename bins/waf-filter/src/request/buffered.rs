//! A request that is buffered until it is evaluated: its head as it came, its body as far as it has
//! come.

use fosse_bodies::inflate::Requested;
use fosse_wire::{Kind, Outbox, StreamId, WireError, released, request::RequestHead};

use super::{
    in_spool::Spooled,
    release::{Place, Release},
};
use crate::{content_encoding::DecodeLimits, evaluation::Evaluation, limits::SPOOL_BODY_BYTES_MIN, memory::length_of};

/// A buffered request.
#[derive(Debug)]
pub(crate) struct BufferedRequest {
    pub(crate) message: Message,
    /// Its evaluation by the rules; `None` where the site has none.
    pub(crate) evaluation: Option<Box<Evaluation>>,
    /// It waits for time.
    pub(crate) is_queued: bool,
    /// Coding of its body.
    pub(crate) coding: Requested,
}

impl BufferedRequest {
    /// Buffers a head. `credit_bytes` were granted for the body before any of it came.
    pub(crate) fn new(
        head: &[u8],
        credit_bytes: u32,
        evaluation: Option<Box<Evaluation>>,
        coding: Requested,
    ) -> Box<Self> {
        let head = head.to_vec();
        let (body, spooled, tail) = (Vec::new(), None, Vec::new());
        let message = Message { head, body, spooled, tail, credit_bytes, end: None, is_part: false, is_stalled: false };
        Box::new(Self { message, evaluation, is_queued: false, coding })
    }
}

/// The frames of a request.
#[derive(Debug)]
pub(crate) struct Message {
    head: Vec<u8>,
    /// The body as far as it is in memory: all of it, none of it, or what has come back of it.
    pub(super) body: Vec<u8>,
    /// The body in the spool.
    pub(super) spooled: Option<Spooled>,
    /// Bytes that came after the part of a body in the spool that is evaluated: they were on their
    /// way already.
    tail: Vec<u8>,
    /// Bytes granted so far: those taken, and one more where the client waited for 100 Continue.
    credit_bytes: u32,
    /// The end as it came, with its trailers.
    end: Option<Vec<u8>>,
    /// The body is over the site's limit and is evaluated as far as that.
    pub(crate) is_part: bool,
    /// It is among those that wait for the spool to catch up.
    pub(super) is_stalled: bool,
}

impl Message {
    /// Appends body bytes that do not go to the spool.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        if self.spooled.is_some() { self.tail.extend_from_slice(bytes) } else { self.body.extend_from_slice(bytes) }
    }

    /// Returns the body in the spool while it grows there.
    pub(super) fn growing_in_spool(&mut self) -> Option<&mut Spooled> {
        self.spooled.as_mut().filter(|_| !self.is_part)
    }

    /// Returns the credit to grant for what is in memory. None is granted once the body is
    /// evaluated in part: what comes then was on its way already, and dispatch grants for the rest.
    pub(super) fn grant_for_memory(&mut self) -> u32 {
        if self.is_part { 0 } else { self.grant(length_of(self.body.len())) }
    }

    /// Tells whether it may go to the spool, and is long enough, with `long_bytes`, to be worth it.
    pub(super) fn is_movable(&self, long_bytes: usize) -> bool {
        self.spooled.is_none() && !self.is_complete() && self.body.len() >= long_bytes
    }

    /// Notes that bytes in the spool are written; returns the credit to grant for them.
    pub(super) fn written(&mut self, length: u64) -> u32 {
        let Some(spooled) = &mut self.spooled else { return 0 };
        spooled.unwritten -= length;
        let taken = spooled.length - spooled.unwritten;
        if self.end.is_some() || self.is_part { 0 } else { self.grant(taken) }
    }

    fn grant(&mut self, taken: u64) -> u32 {
        // From 4 GiB on no more is granted: the client comes to its time limit.
        let taken = u32::try_from(taken).unwrap_or(u32::MAX);
        let grant = taken.max(self.credit_bytes) - self.credit_bytes;
        self.credit_bytes += grant;
        grant
    }

    /// Takes the end.
    pub(crate) fn end(&mut self, trailers: &[u8]) {
        self.end = Some(trailers.to_vec());
    }

    /// Tells whether everything that is to be evaluated is here.
    pub(crate) fn is_complete(&self) -> bool {
        let is_back = |spooled: &Spooled| spooled.length == length_of(self.body.len());
        (self.end.is_some() || self.is_part) && self.spooled.as_ref().is_none_or(is_back)
    }

    /// Tells whether the whole body is here, or in the spool.
    pub(super) fn is_whole(&mut self) -> bool {
        self.is_complete() || self.whole_in_spool().is_some()
    }

    /// Returns the body in the spool, once all that is to be evaluated is written.
    pub(super) fn whole_in_spool(&mut self) -> Option<&mut Spooled> {
        self.spooled.as_mut().filter(|spooled| (self.end.is_some() || self.is_part) && spooled.unwritten == 0)
    }

    /// Tells whether it is in the spool by that number.
    pub(super) fn spooled_as(&self, body: u64) -> bool {
        self.spooled.as_ref().is_some_and(|spooled| spooled.body == body)
    }

    /// Drops what has come back from the spool: the rules have a copy, and dispatch gets what is
    /// there.
    pub(super) fn drop_copy(&mut self) {
        if self.spooled.is_some() {
            self.body = Vec::new();
        }
    }

    /// Returns the body so far.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the bytes that count as buffered: those of the body, since heads have limits of
    /// their own. Of one in the spool that is what is on its way there: of those that have come
    /// back there is one at a time.
    pub(crate) fn buffered_bytes(&self) -> u64 {
        self.spooled.as_ref().map_or(length_of(self.body.len()), |spooled| spooled.unwritten) + self.tail_bytes()
    }

    /// Returns the bytes in memory that follow what is in the spool.
    pub(super) fn tail_bytes(&self) -> u64 {
        length_of(self.tail.len())
    }

    /// Returns how much of the body is decoded for a site that takes `bytes_max`.
    pub(crate) fn decode_limits(&self, bytes_max: u64, allows_part: bool) -> DecodeLimits {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        DecodeLimits { bytes_max, is_cut: self.is_part, allows_part }
    }

    /// Decodes the head.
    ///
    /// # Errors
    /// As [`RequestHead::decode`]; it was decoded once before, so none is expected.
    pub(crate) fn head(&self) -> Result<RequestHead<'_>, WireError> {
        RequestHead::decode(&self.head)
    }

    /// Returns the head as it came.
    pub(crate) fn head_bytes(&self) -> &[u8] {
        &self.head
    }

    /// Sends the head on, and a short body or the beginning of one; what is long is returned, which
    /// follows as dispatch has room for it, where credit for that comes.
    ///
    /// # Errors
    /// [`WireError`] where the head is none.
    pub(crate) fn release(
        mut self,
        stream: StreamId,
        has_credit: bool,
        out: &mut Outbox,
    ) -> Result<Option<Box<Release>>, WireError> {
        let length = self.spooled.as_ref().map_or(length_of(self.body.len()), |spooled| spooled.length);
        let length = length + self.tail_bytes();
        if self.spooled.is_none() && !(has_credit && self.body.len() >= SPOOL_BODY_BYTES_MIN) {
            if self.end.is_some() {
                released::set_length(&mut self.head, length)?;
            }
            // dispatch goes on granting where this filter ends.
            released::set_held(&mut self.head, self.credit_bytes)?;
            out.raw(stream, Kind::Request, &self.head);
            out.data(stream, Kind::RequestData, &self.body);
            self.end.iter().for_each(|trailers| out.raw(stream, Kind::RequestEnd, trailers));
            return Ok(None);
        }
        match self.end {
            Some(_) => released::set_released(&mut self.head, length)?,
            None => released::set_part_released(&mut self.head, self.credit_bytes)?,
        }
        out.raw(stream, Kind::Request, &self.head);
        let place = self.spooled.map_or(Place::Memory(self.body), Place::Spool);
        Ok(Some(Release::new(place, self.tail, self.credit_bytes, self.end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(message: &mut Message, bytes: &[u8]) -> u32 {
        message.append(bytes);
        message.grant_for_memory()
    }

    #[test]
    fn credit_is_granted_for_what_came_and_one_byte_ahead_counts() {
        let mut message = BufferedRequest::new(b"", 1, None, Requested::Identity).message;
        assert_eq!(push(&mut message, b"abc"), 2);
        assert_eq!(push(&mut message, b"de"), 2);
        message.is_part = true;
        assert_eq!(push(&mut message, b"fgh"), 0);
        assert_eq!((message.buffered_bytes(), message.body()), (8, &b"abcdefgh"[..]));
    }

    #[test]
    fn credit_that_was_not_granted_at_once_is_granted_later_and_only_once() {
        let mut message = BufferedRequest::new(b"", 1, None, Requested::Identity).message;
        assert_eq!(push(&mut message, b"abc"), 2);
        message.append(b"de");
        message.append(b"f");
        assert_eq!((message.grant_for_memory(), message.grant_for_memory()), (3, 0));
        message.append(b"g");
        assert_eq!(push(&mut message, b"h"), 2, "with the next that is granted");
    }

    #[test]
    fn long_bodies_go_to_the_spool() {
        let long = [0; SPOOL_BODY_BYTES_MIN];
        let mut message = BufferedRequest::new(b"", 0, None, Requested::Identity).message;
        message.append(&long[1..]);
        assert!(!message.is_movable(long.len()));
        message.append(&long[..1]);
        assert!(message.is_movable(long.len()));
        message.end(&[0, 0]);
        assert!(!message.is_movable(long.len()), "nothing more comes of it");
    }

    #[test]
    fn a_message_is_complete_with_its_end_or_where_a_part_is_enough() {
        let mut message = BufferedRequest::new(b"", 0, None, Requested::Identity).message;
        assert!(!message.is_complete());
        message.is_part = true;
        assert!(message.is_complete());
        message.is_part = false;
        message.end(&[0, 0]);
        assert!(message.is_complete());
    }
}
