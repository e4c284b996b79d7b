//! One filter as the spool knows it: its messages, and the replies that wait for it. No socket, no
//! clock.

use fosse_counters::Counters;
use fosse_eventloop::slab::Key;
use fosse_session::Replies;
use fosse_source::Source;
use fosse_wire::{
    Inbox, WireError,
    session::Heard,
    spool::{FromSpool, LostCause, ToSpool, split},
};

use crate::{
    extents::BodyId,
    limits::{BODIES_COUNT_MAX, REPLIES_BYTES_MAX},
    spool::Spool,
};

/// A filter.
#[derive(Debug)]
pub struct Filter {
    /// Bytes that have been read from it.
    pub inbox: Inbox,
    heard: Heard,
    /// Replies that wait for it.
    pub replies: Replies,
    numbers: Numbers,
}

/// The numbers of a filter's bodies.
#[derive(Debug, Default)]
struct Numbers {
    /// Those below were used.
    next: u64,
    /// Bodies that are neither freed nor lost.
    count: usize,
}

impl Numbers {
    /// Takes the number of a new body.
    fn open(&mut self, filter: Key, number: u64) -> Result<BodyId, WireError> {
        if number < self.next || number == u64::MAX || self.count >= BODIES_COUNT_MAX {
            return Err(WireError::Field("body"));
        }
        self.next = number + 1;
        self.count += 1;
        Ok(BodyId { filter, number })
    }

    /// Takes the number of a body that was opened. It may be lost: what is said about it then has
    /// crossed the LOST.
    const fn known(&self, filter: Key, number: u64) -> Result<BodyId, WireError> {
        if number < self.next { Ok(BodyId { filter, number }) } else { Err(WireError::Field("body")) }
    }
}

/// Reads a piece; `None` where the body is lost, which LOST says.
fn read(
    id: BodyId,
    at: u64,
    length: u32,
    spool: &mut Spool,
    counters: &Counters,
) -> Result<Option<Vec<u8>>, WireError> {
    let (mut bytes, was_there) = (Vec::new(), spool.has(id));
    let length = usize::try_from(length).map_err(|_| WireError::Field("piece"))?;
    match spool.read(id, at, length, &mut bytes, counters) {
        Some(true) => Ok(Some(bytes)),
        None if was_there => Err(WireError::Field("piece")),
        Some(false) | None => Ok(None),
    }
}

impl Filter {
    /// Makes a filter that has sent nothing yet; the spool's HELLO is queued for it.
    ///
    /// # Errors
    /// None is expected: a HELLO always fits.
    pub fn new() -> Result<Self, WireError> {
        let mut replies = Replies::new(REPLIES_BYTES_MAX);
        FromSpool::Hello.encode(&mut replies.bytes)?;
        Ok(Self { inbox: Inbox::default(), heard: Heard::Nothing, replies, numbers: Numbers::default() })
    }

    /// Works on the messages that were read, until the queue of replies is full. Bodies that are
    /// lost by it, of this filter and of others, are with the spool.
    ///
    /// # Errors
    /// [`WireError`]: it broke the protocol.
    pub fn work(&mut self, key: Key, spool: &mut Spool, counters: &Counters) -> Result<(), WireError> {
        while !self.replies.is_full() {
            let Self { inbox, heard, replies, numbers } = self;
            let Some(message) = inbox.next_of(split)? else { return Ok(()) };
            let message = ToSpool::decode(message)?;
            *heard = heard.after(message == ToSpool::Hello)?;
            match message {
                ToSpool::Hello => {}
                ToSpool::Open { body, wide, source } => {
                    spool.open(numbers.open(key, body)?, Source::of_parts(wide, source));
                }
                ToSpool::Write { body, bytes } => {
                    if spool.append(numbers.known(key, body)?, bytes, counters) {
                        let length = u32::try_from(bytes.len()).map_err(|_| WireError::Field("piece"))?;
                        FromSpool::Written { body, length }.encode(&mut replies.bytes)?;
                    }
                }
                ToSpool::Read { body, at, length } => {
                    if let Some(bytes) = read(numbers.known(key, body)?, at, length, spool, counters)? {
                        FromSpool::Data { body, bytes: &bytes }.encode(&mut replies.bytes)?;
                    }
                }
                ToSpool::Free { body } => {
                    let id = numbers.known(key, body)?;
                    numbers.count -= usize::from(spool.has(id));
                    spool.free(id);
                }
            }
        }
        Ok(())
    }

    /// Queues LOST about a body.
    ///
    /// # Errors
    /// None is expected: so short a message always fits.
    pub fn lose(&mut self, number: u64, cause: LostCause) -> Result<(), WireError> {
        self.numbers.count -= 1;
        FromSpool::Lost { body: number, cause }.encode(&mut self.replies.bytes)
    }
}

#[cfg(test)]
mod tests {
    use fosse_eventloop::slab::Slab;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;
    use crate::{file::File, limits::EXTENT_BYTES};

    fn spool(extents: u64) -> Spool {
        let fd = memfd_create("spool", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&fd, extents * EXTENT_BYTES).unwrap();
        Spool::new(File::new(fd)).unwrap()
    }

    fn keys() -> (Key, Key) {
        let mut slab = Slab::default();
        (slab.insert(()).unwrap(), slab.insert(()).unwrap())
    }

    /// Gives a filter what it is to have sent, and returns what it gets for that.
    fn says(filter: &mut Filter, key: Key, spool: &mut Spool, messages: &[ToSpool<'_>]) -> Result<Vec<u8>, WireError> {
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut bytes).unwrap());
        for part in bytes.chunks(1000) {
            filter.inbox.spare()[..part.len()].copy_from_slice(part);
            filter.inbox.filled(part.len());
            filter.work(key, spool, &Counters::private())?;
        }
        let replies = filter.replies.pending().to_vec();
        filter.replies.advance(replies.len());
        Ok(replies)
    }

    fn decoded(mut replies: &[u8]) -> Vec<FromSpool<'_>> {
        let mut all = Vec::new();
        while let Some((message, taken)) = split(replies).unwrap() {
            all.push(FromSpool::decode(message).unwrap());
            replies = &replies[taken..];
        }
        all
    }

    const fn open(body: u64) -> ToSpool<'static> {
        ToSpool::Open { body, wide: false, source: 1 }
    }

    #[test]
    fn what_is_written_is_read_again_in_any_order_and_pieces() {
        let (mut filter, mut spool, (key, _)) = (Filter::new().unwrap(), spool(8), keys());
        let long: Vec<u8> = (0..600_000u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[2]).collect();
        let mut messages = vec![ToSpool::Hello, open(0), open(7)];
        for piece in long.chunks(50_000) {
            messages.extend([ToSpool::Write { body: 7, bytes: piece }, ToSpool::Write { body: 0, bytes: &piece[..1] }]);
        }
        says(&mut filter, key, &mut spool, &messages).unwrap();
        for at in [550_000, 262_143, 0] {
            let length = u32::try_from(50_000).unwrap();
            let replies = says(&mut filter, key, &mut spool, &[ToSpool::Read { body: 7, at, length }]).unwrap();
            let from = usize::try_from(at).unwrap();
            assert_eq!(decoded(&replies), [FromSpool::Data { body: 7, bytes: &long[from..from + 50_000] }]);
        }
        says(&mut filter, key, &mut spool, &[ToSpool::Free { body: 7 }, ToSpool::Free { body: 0 }]).unwrap();
        assert_eq!((spool.len(), spool.taken_bytes()), (0, 0));
    }

    #[test]
    fn a_filter_reaches_its_own_bodies_alone() {
        let ((mut one, mut other), mut spool, (key, other_key)) =
            ((Filter::new().unwrap(), Filter::new().unwrap()), spool(8), keys());
        let secret = ToSpool::Write { body: 0, bytes: b"secret" };
        says(&mut one, key, &mut spool, &[ToSpool::Hello, open(0), secret]).unwrap();
        says(&mut other, other_key, &mut spool, &[ToSpool::Hello]).unwrap();
        let read = ToSpool::Read { body: 0, at: 0, length: 6 };
        assert!(says(&mut other, other_key, &mut spool, &[read]).is_err());
        spool.forget(other_key);
        let replies = says(&mut one, key, &mut spool, &[read]).unwrap();
        assert_eq!(decoded(&replies), [FromSpool::Data { body: 0, bytes: b"secret" }]);
    }

    #[test]
    fn what_breaks_the_protocol_ends_the_conversation() {
        let write = ToSpool::Write { body: 0, bytes: b"abc" };
        for broken in [
            vec![open(0)],
            vec![ToSpool::Hello, ToSpool::Hello],
            vec![ToSpool::Hello, write],
            vec![ToSpool::Hello, open(0), open(0)],
            vec![ToSpool::Hello, open(5), open(4)],
            vec![ToSpool::Hello, open(u64::MAX)],
            vec![ToSpool::Hello, open(0), write, ToSpool::Read { body: 0, at: 1, length: 3 }],
            vec![ToSpool::Hello, open(0), write, ToSpool::Read { body: 0, at: u64::MAX, length: 3 }],
            vec![ToSpool::Hello, ToSpool::Free { body: 0 }],
        ] {
            let (mut filter, mut spool, (key, _)) = (Filter::new().unwrap(), spool(8), keys());
            assert!(says(&mut filter, key, &mut spool, &broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn a_body_that_is_lost_is_said_once_and_what_crosses_that_is_not_replied_to() {
        let (mut filter, mut spool, (key, _)) = (Filter::new().unwrap(), spool(1), keys());
        let piece = [7; 64 * 1024];
        let write = |body| ToSpool::Write { body, bytes: &piece };
        says(&mut filter, key, &mut spool, &[ToSpool::Hello, open(0), write(0), open(1)]).unwrap();
        let crossing = [write(1), write(0), ToSpool::Read { body: 0, at: 0, length: 1 }, ToSpool::Free { body: 0 }];
        let replies = says(&mut filter, key, &mut spool, &crossing).unwrap();
        assert_eq!(decoded(&replies), [FromSpool::Written { body: 1, length: 64 * 1024 }]);
        let lost = spool.take_lost();
        assert_eq!(lost.iter().map(|lost| (lost.id.number, lost.cause)).collect::<Vec<_>>(), [(0, LostCause::Full)]);
        assert_eq!(spool.len(), 1);
    }
}
