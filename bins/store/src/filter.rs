//! One filter as the store knows it: its messages, and the replies that wait for it. No I/O, no
//! clock.

use fosse_collections::Record;
use fosse_counters::{Counters, store as count};
use fosse_session::Replies;
use fosse_wire::{
    Inbox, WireError,
    session::Heard,
    store::{FromStore, ToStore, put_response, split},
};

use crate::{limits::REPLIES_BYTES_MAX, records::Records};

/// A filter.
#[derive(Debug)]
pub struct Filter {
    /// Bytes that have been read from it.
    pub inbox: Inbox,
    heard: Heard,
    /// Replies that wait for it.
    pub replies: Replies,
    saves: u32,
    /// The last KEPT it was sent: there are records, or there are none; `None` before the first.
    announced: Option<bool>,
}

impl Filter {
    /// Makes a filter that has sent nothing yet; the store's HELLO is queued for it.
    ///
    /// # Errors
    /// None is expected: a HELLO always fits.
    pub fn new() -> Result<Self, WireError> {
        let mut replies = Replies::new(REPLIES_BYTES_MAX);
        FromStore::Hello.encode(&mut replies.bytes)?;
        Ok(Self { inbox: Inbox::default(), heard: Heard::Nothing, replies, saves: 0, announced: None })
    }

    /// Works on the messages that were read, until the queue of replies is full.
    ///
    /// # Errors
    /// [`WireError`]: it broke the protocol.
    pub fn work(&mut self, records: &mut Records, now: u64, counters: &Counters) -> Result<(), WireError> {
        while !self.replies.is_full() {
            let Some(message) = self.inbox.next_of(split)? else { return Ok(()) };
            let message = ToStore::decode(message)?;
            self.heard = self.heard.after(message == ToStore::Hello)?;
            match message {
                ToStore::Hello => {}
                ToStore::Load { tag, place } => {
                    counters.add(count::LOADS, 1);
                    match records.load(&place, now) {
                        Some(record) => put_response(&mut self.replies.bytes, tag, record)?,
                        None => put_response(&mut self.replies.bytes, tag, &Record::default())?,
                    }
                }
                ToStore::Save { place, timeout, changes } => {
                    let saved = records.save(&place, &changes, timeout, now);
                    // KEPT repeats it, and the filter compares for equality alone: it may wrap.
                    self.saves = self.saves.wrapping_add(1);
                    counters.add(count::SAVES, 1);
                    counters.add(count::NOT_TAKEN, saved.not_taken);
                    counters.add(count::EVICTED, saved.evicted);
                }
            }
        }
        Ok(())
    }

    /// Announces whether there are records, if that is news to the filter and there is room.
    ///
    /// # Errors
    /// None is expected: so short a message always fits.
    pub fn announce(&mut self, some: bool) -> Result<(), WireError> {
        if self.announced == Some(some) || self.replies.is_full() {
            return Ok(());
        }
        self.announced = Some(some);
        FromStore::Kept { some, saves: self.saves }.encode(&mut self.replies.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_collections::{Change, Collection, RecordAddress};

    fn receive(filter: &mut Filter, records: &mut Records, messages: &[ToStore<'_>]) -> Result<(), WireError> {
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut bytes).unwrap());
        for part in bytes.chunks(1000) {
            let spare = filter.inbox.spare();
            spare[..part.len()].copy_from_slice(part);
            filter.inbox.filled(part.len());
            filter.work(records, 1, &Counters::private())?;
        }
        Ok(())
    }

    fn replies(filter: &mut Filter) -> Vec<FromStore> {
        let mut all = Vec::new();
        let bytes = filter.replies.pending().to_vec();
        let mut rest = &bytes[..];
        while let Some((message, taken)) = split(rest).unwrap() {
            all.push(FromStore::decode(message).unwrap());
            rest = &rest[taken..];
        }
        filter.replies.advance(bytes.len() - rest.len());
        all
    }

    const PLACE: RecordAddress<'static> = RecordAddress { collection: Collection::Ip, application: b"", key: b"k" };

    #[test]
    fn replies_come_in_order_with_what_was_changed_before() {
        let (mut filter, mut records) = (Filter::new().unwrap(), Records::new(1 << 20));
        let load = |tag| ToStore::Load { tag, place: PLACE };
        let save = ToStore::Save { place: PLACE, timeout: 60, changes: vec![(b"x", Change::Add(1))] };
        receive(&mut filter, &mut records, &[ToStore::Hello, load(7), save, load(3)]).unwrap();
        let said = replies(&mut filter);
        assert_eq!(said.first(), Some(&FromStore::Hello));
        let seen = said.iter().skip(1).map(|one| match one {
            FromStore::Record { tag, record } => (*tag, record.updates),
            other => panic!("{other:?}"),
        });
        assert_eq!(seen.collect::<Vec<_>>(), [(7, 0), (3, 1)]);
        assert!(filter.replies.pending().is_empty());
    }

    #[test]
    fn it_hears_once_whether_anything_is_kept_and_how_many_of_its_saves_that_counts() {
        let (mut filter, mut records) = (Filter::new().unwrap(), Records::new(1 << 20));
        filter.announce(false).unwrap();
        filter.announce(false).unwrap();
        let save = ToStore::Save { place: PLACE, timeout: 60, changes: vec![(b"x", Change::Add(1))] };
        receive(&mut filter, &mut records, &[ToStore::Hello, save.clone(), save]).unwrap();
        filter.announce(!records.is_empty()).unwrap();
        let kept = |some, saves| FromStore::Kept { some, saves };
        assert_eq!(replies(&mut filter), [FromStore::Hello, kept(false, 0), kept(true, 2)]);
    }

    #[test]
    fn one_that_does_not_greet_or_greets_twice_has_broken_the_protocol() {
        let mut records = Records::new(1 << 20);
        let load = ToStore::Load { tag: 1, place: PLACE };
        assert!(receive(&mut Filter::new().unwrap(), &mut records, &[load]).is_err());
        assert!(receive(&mut Filter::new().unwrap(), &mut records, &[ToStore::Hello, ToStore::Hello]).is_err());
    }

    #[test]
    fn one_that_does_not_read_is_not_listened_to_until_it_does() {
        let (mut filter, mut records) = (Filter::new().unwrap(), Records::new(1 << 20));
        let value = Change::Set(vec![b'v'; 1000]);
        let changes = ["a", "b", "c"].map(|name| (name.as_bytes(), value.clone())).to_vec();
        records.save(&PLACE, &changes, 60, 1);
        let mut messages = vec![ToStore::Hello];
        messages.extend((0..1000).map(|tag| ToStore::Load { tag, place: PLACE }));
        receive(&mut filter, &mut records, &messages).unwrap();
        assert!(filter.replies.is_full() && filter.replies.pending().len() < REPLIES_BYTES_MAX + 10_000);
        let mut seen = 0;
        while seen < 1000 {
            let said = replies(&mut filter);
            assert!(!said.is_empty());
            seen += said.iter().filter(|one| matches!(one, FromStore::Record { .. })).count();
            filter.work(&mut records, 1, &Counters::private()).unwrap();
        }
    }
}
