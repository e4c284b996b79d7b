//! One dispatch as this program knows it: its questions, and the replies that wait for it. No I/O,
//! no clock.

use fosse_counters::{Counters, password as count};
use fosse_eventloop::slab::Key;
use fosse_session::Replies;
use fosse_wire::{
    Inbox, WireError,
    password::{FromPassword, Outcome, ToPassword, split},
    session::Heard,
};
use zeroize::Zeroizing;

use crate::{
    attempts::{Attempt, Attempts, Waiting},
    limits::REPLIES_BYTES_MAX,
};

/// A dispatch.
#[derive(Debug)]
pub struct Asker {
    /// Bytes that have been read from it.
    pub inbox: Inbox,
    heard: Heard,
    /// Replies that wait for it.
    pub replies: Replies,
}

impl Asker {
    /// Makes one that has asked nothing yet; the HELLO for it is queued.
    ///
    /// # Errors
    /// None is expected: a HELLO always fits.
    pub fn new() -> Result<Self, WireError> {
        let mut replies = Replies::new(REPLIES_BYTES_MAX);
        FromPassword::Hello.encode(&mut replies.bytes)?;
        Ok(Self { inbox: Inbox::default(), heard: Heard::Nothing, replies })
    }

    /// Adds what it asks to the attempts, until the queue of replies is full, and wipes what was
    /// read. Returns who has to go without a result.
    ///
    /// # Errors
    /// [`WireError`]: it broke the protocol.
    pub fn work(
        &mut self,
        own: Key,
        attempts: &mut Attempts,
        now_ms: u64,
        counters: &Counters,
    ) -> Result<Vec<Waiting>, WireError> {
        let mut busy = Vec::new();
        while !self.replies.is_full() {
            let Some(message) = self.inbox.next_of(split)? else { break };
            let message = ToPassword::decode(message)?;
            self.heard = self.heard.after(message == ToPassword::Hello)?;
            if let ToPassword::Check { tag, list, source, name, password } = message {
                counters.add(count::ASKED, 1);
                let [name, password] = [name, password].map(|bytes| Zeroizing::new(bytes.to_vec()));
                let waiting = vec![(own, tag)];
                busy.extend(attempts.add(Attempt { list, source, name, password, waiting, since_ms: now_ms }));
            }
        }
        self.inbox.wipe();
        Ok(busy)
    }

    /// Queues the result of an attempt.
    ///
    /// # Errors
    /// None is expected: so short a message always fits.
    pub fn reply(&mut self, tag: u32, outcome: Outcome) -> Result<(), WireError> {
        FromPassword::Result { tag, outcome }.encode(&mut self.replies.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_eventloop::slab::Slab;
    use fosse_source::Source;

    fn key() -> Key {
        Slab::default().insert(()).unwrap()
    }

    fn receive(
        asker: &mut Asker,
        attempts: &mut Attempts,
        messages: &[ToPassword<'_>],
    ) -> Result<Vec<Waiting>, WireError> {
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut bytes).unwrap());
        let mut busy = Vec::new();
        for part in bytes.chunks(100) {
            asker.inbox.spare()[..part.len()].copy_from_slice(part);
            asker.inbox.filled(part.len());
            busy.extend(asker.work(key(), attempts, 7, &Counters::private())?);
        }
        Ok(busy)
    }

    const CHECK: ToPassword<'static> =
        ToPassword::Check { tag: 3, list: 1, source: Source::LOCAL, name: b"ann", password: b"secret" };

    #[test]
    fn what_is_asked_waits_and_is_no_more_in_what_was_read() {
        let (mut asker, mut attempts) = (Asker::new().unwrap(), Attempts::default());
        assert_eq!(receive(&mut asker, &mut attempts, &[ToPassword::Hello, CHECK]), Ok(Vec::new()));
        let attempt = attempts.take().unwrap();
        assert_eq!(
            (attempt.list, &**attempt.name, &**attempt.password, attempt.since_ms),
            (1, &b"ann"[..], &b"secret"[..], 7)
        );
        assert_eq!(attempt.waiting, [(key(), 3)]);
        let spare = asker.inbox.spare();
        assert!(!spare.windows(6).any(|bytes| bytes == b"secret") && !spare.windows(3).any(|bytes| bytes == b"ann"));
    }

    #[test]
    fn one_that_does_not_greet_or_greets_twice_has_broken_the_protocol() {
        let mut attempts = Attempts::default();
        assert!(receive(&mut Asker::new().unwrap(), &mut attempts, &[CHECK]).is_err());
        assert!(receive(&mut Asker::new().unwrap(), &mut attempts, &[ToPassword::Hello, ToPassword::Hello]).is_err());
        assert!(attempts.is_empty());
    }

    #[test]
    fn one_that_does_not_read_is_not_listened_to_until_it_does() {
        let (mut asker, mut attempts) = (Asker::new().unwrap(), Attempts::default());
        while !asker.replies.is_full() {
            asker.reply(1, Outcome::Busy).unwrap();
        }
        receive(&mut asker, &mut attempts, &[ToPassword::Hello, CHECK]).unwrap();
        assert!(attempts.is_empty());
        asker.replies.advance(asker.replies.pending().len());
        let _ = asker.work(key(), &mut attempts, 7, &Counters::private()).unwrap();
        assert_eq!(attempts.len(), 1);
    }
}
