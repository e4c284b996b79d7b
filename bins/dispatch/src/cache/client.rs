//! The cache as this lane has it: its memory, and the session over which it is asked.

use std::{collections::HashMap, os::fd::OwnedFd};

use fosse_arena::{Found, Reader};
use fosse_caching::{Reply, Stored};
use fosse_counters::{Counters, dispatch as count};
use fosse_die::warning;
use fosse_eventloop::EventLoop;
use fosse_source::Source;
use fosse_wire::{
    StreamId,
    cache::{FromCache, LeaveCause, Terms, ToCache, Way},
    fields::Fields,
};

use super::{
    cached::Status,
    changes::Changes,
    piped::{Piped, Pipes},
    session::Session,
};
use crate::{PROGRAM, limits};

/// The cache as this lane has it.
#[derive(Debug)]
pub(crate) struct Cache {
    pub(super) reader: Reader,
    /// Pipes for bodies that are not copied.
    pipes: Pipes,
    configuration: u64,
    /// The token of events of the session.
    token: u64,
    session: Option<Session>,
    /// Streams that wait for a reply, by the number of the ask.
    waiting: HashMap<u32, StreamId>,
    /// Streams that lead.
    leading: HashMap<u32, StreamId>,
    last_tag: u32,
    changes: Changes,
    /// The record that was found last, up to its body where that is in a pipe or nobody gets it.
    pub(crate) record: Vec<u8>,
    /// Its body, where that is in a pipe.
    pub(super) piped: Option<Piped>,
    /// Bytes of its body.
    pub(super) body_bytes: usize,
    /// The part of it that is sent, and what is said of it.
    pub(crate) reply: (Reply, Status),
    /// The key that was made last.
    pub(super) key: Vec<u8>,
}

impl Cache {
    pub(crate) fn new((reader, pipes): (Reader, Pipes), configuration: u64, token: u64) -> Self {
        Self {
            reader,
            pipes,
            configuration,
            token,
            session: None,
            waiting: HashMap::new(),
            leading: HashMap::new(),
            last_tag: 0,
            changes: Changes::default(),
            record: Vec::new(),
            piped: None,
            body_bytes: 0,
            reply: (Reply::Whole, Status::Hit),
            key: Vec::new(),
        }
    }

    /// Begins a session in place of the one before. Returns the streams that waited for that.
    pub(crate) fn begin_session(&mut self, fd: OwnedFd, event_loop: &EventLoop) -> Vec<StreamId> {
        let waited = self.end_session(event_loop);
        let mut session = Session::new(fd);
        self.changes.orders().for_each(|(tag, key)| session.tell(&ToCache::Forget { tag, key }));
        match session.begin(event_loop, self.token) {
            Ok(()) => self.session = Some(session),
            Err(errno) => warning(PROGRAM, format_args!("event=no-cache error=\"{errno}\"")),
        }
        waited
    }

    /// Ends the session, if there is one. Returns the streams that waited for it, or led.
    fn end_session(&mut self, event_loop: &EventLoop) -> Vec<StreamId> {
        if let Some(session) = self.session.take() {
            session.end(event_loop);
        }
        self.waiting.drain().chain(self.leading.drain()).map(|(_, id)| id).collect()
    }

    /// Finds the record with a hash. Copies its first bytes, or all of it where its head is longer.
    pub(super) fn find(&mut self, hash: u64, bytes_max: usize) -> Option<Found> {
        self.piped = None;
        let found = self.reader.find_first(hash, bytes_max, &mut self.record)?;
        match head_bytes(&self.record) {
            Some(head) => self.body_bytes = found.bytes.checked_sub(head)?,
            None if self.read(found.place, hash) => {}
            None => return None,
        }
        Some(found)
    }

    /// Copies the record at a place that has this hash. Returns false where it is gone.
    pub(super) fn read(&mut self, place: u64, hash: u64) -> bool {
        self.piped = None;
        let is_there = self.reader.read(place, hash, &mut self.record);
        let head = head_bytes(&self.record).filter(|_| is_there);
        self.body_bytes = head.map_or(0, |head| self.record.len() - head);
        head.is_some()
    }

    /// Returns the record that was read or found last.
    pub(super) fn stored(&self) -> Option<Stored<'_>> {
        Stored::decode(&self.record).ok()
    }

    /// Gets the body of a record that was found: into a pipe where it may go so and there is one,
    /// else into the record. Returns false where it is gone.
    pub(super) fn get_body(&mut self, hash: u64, found: Found, may_pipe: bool) -> bool {
        if found.bytes == self.record.len() {
            return true;
        }
        let (bytes, head) = (self.body_bytes, found.bytes - self.body_bytes);
        let at = found.at + u64::try_from(head).unwrap_or(u64::MAX);
        let may_pipe = may_pipe && bytes <= limits::PIPED_BYTES_MAX;
        match may_pipe.then(|| self.pipes.hold(at, bytes)).flatten() {
            Some(piped) => {
                self.record.truncate(head);
                self.piped = Some(piped);
                self.reader.holds(found.place)
            }
            None => self.read(found.place, hash),
        }
    }

    /// Returns whether the body that was found last can be sent: within the credit of its client,
    /// or with room to read it ahead.
    pub(super) fn fits(&self, credit: u64, room: usize) -> bool {
        self.body_bytes <= room || u64::try_from(self.body_bytes).is_ok_and(|bytes| bytes <= credit)
    }

    /// Asks for a response. Returns the number of the ask; `None` where there is nobody to ask.
    pub(super) fn ask(
        &mut self,
        stream: Option<StreamId>,
        (source, site, policy): (Source, u32, u32),
        (validate, way): (bool, Way),
        terms: Terms,
        (key, fields): (&[u8], Fields<'_>),
    ) -> Option<u32> {
        let session = self.session.as_mut()?;
        if self.waiting.len() >= limits::CACHE_ASKS_MAX {
            return None;
        }
        let tag = stream.map_or(0, |_| next_tag(&mut self.last_tag));
        let ((wide, source), configuration) = (source.parts(), self.configuration);
        let ask = ToCache::Ask { tag, validate, way, terms, wide, source, configuration, site, policy, key, fields };
        if !session.send(&ask) {
            return None;
        }
        if let Some(id) = stream {
            self.waiting.insert(tag, id);
        }
        Some(tag)
    }

    /// Passes a part of a response on that is to be kept. Returns false where the cache takes none.
    pub(super) fn pass_on(&mut self, part: &ToCache<'_>) -> bool {
        if let ToCache::End { tag } = part {
            self.leading.remove(tag);
        }
        self.session.as_mut().is_some_and(|session| session.send(part))
    }

    /// Passes word on that a response of a stream that leads has confirmed what is kept: its reply
    /// is waited for. Returns false where the cache takes none.
    pub(super) fn pass_confirmation_on(&mut self, id: StreamId, head: &ToCache<'_>, tag: u32) -> bool {
        let is_passed = self.pass_on(head) && self.pass_on(&ToCache::End { tag });
        if is_passed {
            self.waiting.insert(tag, id);
        }
        is_passed
    }

    /// Tells the cache that a request of this lane does not lead, or not any more.
    pub(crate) fn leave(&mut self, tag: u32, cause: LeaveCause) {
        self.leading.remove(&tag);
        if let Some(session) = &mut self.session {
            session.tell(&ToCache::Leave { tag, cause });
        }
    }

    /// Returns whether what the memory has of the target of a key may be from before a change of
    /// it. With very many changes that is said of every target.
    pub(super) fn has_changed(&self, key: &[u8]) -> bool {
        self.changes.may_be_of(key)
    }

    /// Looks for what the memory has for the key that was made last, of which it copies the first
    /// bytes, or all where the head is longer. Returns its hash and its place with it.
    pub(super) fn look_up(&mut self, bytes_max: usize) -> Option<(u64, Found, Stored<'_>)> {
        let hash = self.reader.hash(&self.key)?;
        let found = self.find(hash, bytes_max)?;
        let stored = self.stored()?;
        let is_of_key = stored.key == self.key.as_slice() && !self.has_changed(&self.key);
        is_of_key.then_some((hash, found, stored))
    }

    /// Has the cache forget what it keeps of the target of a key; everything, where it does not
    /// keep up or is not there, and very many have changed.
    pub(crate) fn forget(&mut self, key: Vec<u8>) {
        let tag = next_tag(&mut self.last_tag);
        if let (Some(key), Some(session)) = (self.changes.note(tag, key), &mut self.session) {
            session.tell(&ToCache::Forget { tag, key });
        }
    }

    /// Takes what the cache has sent, and returns the replies for streams: those to which it says
    /// nothing any more have none.
    pub(crate) fn take_replies(
        &mut self,
        event_loop: &EventLoop,
        counters: &Counters,
    ) -> Vec<(StreamId, Option<FromCache>)> {
        let Some(session) = &mut self.session else { return Vec::new() };
        let (mut replies, mut unwanted) = (Vec::new(), Vec::new());
        let end = loop {
            match session.next() {
                Ok(Some(FromCache::Forgotten { tag })) => {
                    let next = next_tag(&mut self.last_tag);
                    if self.changes.followed(tag, next) {
                        session.tell(&ToCache::Forget { tag: next, key: &[] });
                    }
                }
                Ok(Some(FromCache::Hello)) => {}
                Ok(Some(FromCache::Purged { .. })) => break Some(Some("PURGED for a lane".to_owned())),
                Ok(Some(reply @ (FromCache::Found { tag, .. } | FromCache::Pass { tag, .. }))) => {
                    replies.extend(self.waiting.remove(&tag).map(|id| (id, Some(reply))));
                }
                Ok(Some(reply @ FromCache::Lead { tag, .. })) => match self.waiting.remove(&tag) {
                    Some(id) => {
                        self.leading.insert(tag, id);
                        replies.push((id, Some(reply)));
                    }
                    None => unwanted.push(tag),
                },
                Ok(Some(reply @ FromCache::Enough { tag })) => {
                    let id = self.leading.remove(&tag).or_else(|| self.waiting.remove(&tag));
                    replies.extend(id.map(|id| (id, Some(reply))));
                }
                Ok(None) => break None,
                Err(why) => break Some(why),
            }
        };
        unwanted.into_iter().for_each(|tag| self.leave(tag, LeaveCause::Own));
        if let Some(why) = end {
            if let Some(why) = why {
                counters.add(count::CACHE_BROKEN, 1);
                warning(PROGRAM, format_args!("event=cache-broke why=\"{why}\""));
            }
            replies.extend(self.end_session(event_loop).into_iter().map(|id| (id, None)));
        }
        replies
    }

    /// Writes what is queued for the cache, once.
    pub(crate) fn flush(&mut self, event_loop: &EventLoop) {
        if let Some(session) = &mut self.session {
            session.flush(event_loop, self.token);
        }
    }
}

/// Returns the bytes before the body of a record, or of the first part of one.
fn head_bytes(record: &[u8]) -> Option<usize> {
    Stored::decode(record).ok().map(|stored| record.len() - stored.body.len())
}

fn next_tag(last: &mut u32) -> u32 {
    // 0 is that of nobody.
    *last = last.checked_add(1).unwrap_or(1);
    *last
}
