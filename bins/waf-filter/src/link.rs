//! The way to fosse-store: records are asked for, their answers go to the requests that wait, changes are sent. One write a
//! turn for all of it.
//!
//! Whatever becomes of the store, no request does: a record that does not come in time is taken as empty, and from then on every
//! record is, until the store answers again. What the store says is read as an attacker's.

use std::os::fd::OwnedFd;

use fosse_die::{info, warning};
use fosse_eventloop::{Interest, Turn};
use fosse_seclang::{Change, Collection, Load, Place, Record, Store};
use fosse_wire::{
    StreamId,
    store::{CHANGES_MAX, ToStore, can_be_sent},
};
use rustix::{
    io::Errno,
    net::{SendFlags, send},
};

use crate::{PROGRAM, conversation::Open};

/// An answer, or what stands for one.
#[derive(Debug)]
pub struct Provided {
    /// Who waits for it.
    pub stream: StreamId,
    /// Of which collection.
    pub collection: Collection,
    /// The record; empty where none came.
    pub record: Record,
}

/// What was lost, for the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Records taken as empty.
    pub missed: u64,
    /// Changes that were not sent.
    pub lost: u64,
}

/// The conversation with fosse-store; without one every record is empty.
#[derive(Debug, Default)]
pub struct Link {
    store: Option<Box<Open>>,
    /// Whose rules run.
    stream: Option<StreamId>,
    losses: Losses,
    hushed: bool,
}

impl Link {
    /// Nothing is said of what happens to the store: for fuzzers.
    pub const fn hush(&mut self) {
        self.hushed = true;
    }

    /// The requests whose rules run from now on are this stream's.
    pub fn about(&mut self, stream: StreamId) {
        self.stream = Some(stream);
    }

    /// Takes a new way to the store, instead of the one before; what was asked there nobody will answer.
    ///
    /// # Errors
    /// What epoll_ctl(2) says.
    pub fn connect(&mut self, fd: OwnedFd, turn: &Turn, token: u64) -> Result<Vec<Provided>, Errno> {
        let unanswered = self.close(turn);
        turn.add(&fd, token, Interest::IN)?;
        self.store = Open::new(fd).map(Box::new);
        Ok(unanswered)
    }

    /// Reads once; the answers that are complete. Where that was the end of it, [`Link::ended`] says so.
    pub fn read(&mut self) -> Vec<Provided> {
        let Some(store) = self.store.as_mut().filter(|store| store.end.is_none()) else { return Vec::new() };
        let (mut all, was_silent) = (Vec::new(), store.silent);
        store.end = store.read(&mut all).err();
        if was_silent && !store.silent && !self.hushed {
            info(PROGRAM, "event=store-answers");
        }
        all
    }

    /// At the end of a turn: closes what has ended, unless another store has taken its place in this turn. Nobody will answer
    /// what was asked there.
    pub fn ended(&mut self, turn: &Turn) -> Vec<Provided> {
        let Some(why) = self.store.as_mut().and_then(|store| store.end.take()) else { return Vec::new() };
        if !self.hushed {
            warning(PROGRAM, format_args!("event=store-gone why=\"{why}\""));
        }
        self.close(turn)
    }

    /// Milliseconds until somebody has waited long enough, if anybody waits.
    #[must_use]
    pub fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        let until_ms = self.store.as_ref()?.waiting()?.until_ms;
        Some(until_ms.saturating_sub(now_ms))
    }

    /// Gives those an empty record who have waited long enough, and all who wait with them.
    pub fn overdue(&mut self, now_ms: u64) -> Vec<Provided> {
        let Some(store) = self.store.as_mut().filter(|s| s.waiting().is_some_and(|one| one.until_ms <= now_ms)) else {
            return Vec::new();
        };
        store.silent = true;
        let unanswered = store.forget();
        self.losses.missed = self.losses.missed.saturating_add(count(unanswered.len()));
        if !self.hushed {
            warning(PROGRAM, format_args!("event=store-silent waiting={}", unanswered.len()));
        }
        unanswered
    }

    /// Writes what waits, once.
    ///
    /// # Errors
    /// What epoll_ctl(2) says.
    pub fn flush(&mut self, turn: &Turn, token: u64) -> Result<(), Errno> {
        let Some(store) = &mut self.store else { return Ok(()) };
        let pending = store.out.get(store.sent..).unwrap_or_default();
        if !pending.is_empty() {
            // Its end is heard on the way back, with what it said before.
            if let Ok(length) = send(&store.fd, pending, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                store.sent = store.sent.saturating_add(length);
            }
            if store.sent >= store.out.len() {
                store.out.clear();
                store.sent = 0;
            }
        }
        let blocked = !store.out.is_empty();
        if blocked != store.armed {
            store.armed = blocked;
            turn.modify(&store.fd, token, if blocked { Interest::IN | Interest::OUT } else { Interest::IN })?;
        }
        Ok(())
    }

    /// What was lost since the last time this was asked.
    pub fn losses(&mut self) -> Losses {
        std::mem::take(&mut self.losses)
    }

    fn close(&mut self, turn: &Turn) -> Vec<Provided> {
        let Some(mut store) = self.store.take() else { return Vec::new() };
        let _ = turn.remove(&store.fd);
        let unanswered = store.forget();
        self.losses.missed = self.losses.missed.saturating_add(count(unanswered.len()));
        unanswered
    }
}

impl Store for Link {
    fn load(&mut self, place: Place<'_>) -> Load {
        if self.store.as_ref().is_some_and(|store| store.empty) {
            return Load::Ready(Record::default());
        }
        let store = self.store.as_mut().filter(|store| !store.silent && store.has_room());
        if store.zip(self.stream).is_some_and(|(store, stream)| store.ask(place, stream)) {
            return Load::Later;
        }
        self.losses.missed = self.losses.missed.saturating_add(1);
        Load::Ready(Record::default())
    }

    fn save(&mut self, place: Place<'_>, changes: &[(Vec<u8>, Change)], timeout_seconds: u32) {
        let sendable = changes.iter().filter(|(name, change)| can_be_sent(name, change));
        let sendable: Vec<(&[u8], Change)> = sendable.map(|(name, change)| (name.as_slice(), change.clone())).collect();
        let mut sent = 0usize;
        if let Some(store) = &mut self.store {
            for part in sendable.chunks(CHANGES_MAX) {
                let save = ToStore::Save { place, timeout: timeout_seconds, changes: part.to_vec() };
                if store.change(&save) {
                    sent = sent.saturating_add(part.len());
                }
            }
        }
        self.losses.lost = self.losses.lost.saturating_add(count(changes.len().saturating_sub(sent)));
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::RECORD_WAIT_MS_MAX;
    use fosse_collections::KEY_BYTES_MAX;
    use fosse_eventloop::clock_ms;
    use fosse_wire::store::FromStore;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    const TOKEN: u64 = 9;

    struct Room {
        link: Link,
        turn: Turn,
        store: OwnedFd,
    }

    impl Room {
        fn new() -> Self {
            let (ours, store) =
                socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
            let (mut link, turn) = (Link::default(), Turn::new().unwrap());
            assert!(link.connect(ours, &turn, TOKEN).unwrap().is_empty());
            Self { link, turn, store }
        }

        fn load(&mut self, stream: u32, key: &[u8]) -> Load {
            self.link.about(StreamId::from_raw(stream));
            self.link.load(Place::new(Collection::Ip, b"", key))
        }

        fn says(&self, messages: &[FromStore]) {
            let mut bytes = Vec::new();
            messages.iter().for_each(|message| message.encode(&mut bytes).unwrap());
            rustix::io::write(&self.store, &bytes).unwrap();
        }

        fn provided(&mut self) -> Vec<(u32, u64)> {
            let mut all = self.link.read();
            all.extend(self.link.ended(&self.turn));
            all.iter().map(|one| (one.stream.raw(), one.record.updates)).collect()
        }
    }

    fn record(tag: u32, updates: u64) -> FromStore {
        FromStore::Record { tag, record: Record { updates, ..Record::default() } }
    }

    #[test]
    fn answers_go_to_those_who_asked() {
        let mut room = Room::new();
        assert_eq!((room.load(1, b"a"), room.load(2, b"b")), (Load::Later, Load::Later));
        room.link.flush(&room.turn, TOKEN).unwrap();
        room.says(&[FromStore::Hello, record(0, 10), record(1, 20)]);
        assert_eq!(room.provided(), [(1, 10), (2, 20)]);
        assert_eq!((room.link.wait_ms(0), room.link.losses()), (None, Losses::default()));
    }

    #[test]
    fn where_nothing_is_kept_nobody_waits() {
        let mut room = Room::new();
        let kept = |some, saves| FromStore::Kept { some, saves };
        room.says(&[FromStore::Hello, kept(false, 0)]);
        assert!(room.provided().is_empty());
        assert_eq!(room.load(1, b"a"), Load::Ready(Record::default()));
        assert_eq!(room.link.losses(), Losses::default(), "that is what the store would have said");
        // What has been sent meanwhile is not in what was said before it came.
        room.link.save(Place::new(Collection::Ip, b"", b"a"), &[(b"x".to_vec(), Change::Add(1))], 60);
        room.says(&[kept(false, 0)]);
        assert!(room.provided().is_empty() && room.load(1, b"a") == Load::Later);
        room.says(&[kept(false, 1)]);
        assert!(room.provided().is_empty() && room.load(2, b"a") == Load::Ready(Record::default()));
        room.says(&[record(0, 7), kept(true, 1)]);
        assert_eq!(room.provided(), [(1, 7)]);
        assert_eq!(room.load(3, b"a"), Load::Later);
    }

    #[test]
    fn a_store_that_is_silent_is_not_waited_for_until_it_answers_again() {
        let mut room = Room::new();
        assert_eq!(room.load(1, b"a"), Load::Later);
        let wait_ms = room.link.wait_ms(clock_ms()).unwrap();
        assert!(wait_ms <= RECORD_WAIT_MS_MAX && room.link.overdue(clock_ms()).is_empty());
        let late = room.link.overdue(clock_ms() + RECORD_WAIT_MS_MAX);
        assert_eq!(late.iter().map(|one| (one.stream.raw(), one.record.updates)).collect::<Vec<_>>(), [(1, 0)]);
        assert_eq!(room.load(2, b"a"), Load::Ready(Record::default()));
        assert_eq!((room.link.losses(), room.link.wait_ms(0)), (Losses { missed: 2, lost: 0 }, None));
        room.says(&[FromStore::Hello, record(0, 10)]);
        assert!(room.provided().is_empty(), "it came too late");
        assert_eq!(room.load(3, b"a"), Load::Later);
    }

    #[test]
    fn a_store_that_is_gone_or_lies_leaves_empty_records() {
        for lie in [
            vec![record(0, 1)],
            vec![FromStore::Hello, record(7, 1)],
            vec![FromStore::Hello, record(0, 1), record(1, 1)],
            vec![FromStore::Hello, FromStore::Hello],
        ] {
            let mut room = Room::new();
            assert_eq!(room.load(1, b"a"), Load::Later);
            room.says(&lie);
            assert!(room.provided().len() == 1 && room.load(2, b"a") == Load::Ready(Record::default()), "{lie:?}");
        }
        let mut room = Room::new();
        assert_eq!(room.load(1, b"a"), Load::Later);
        drop(std::mem::replace(&mut room.store, rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3).unwrap()));
        assert_eq!(room.provided(), [(1, 0)]);
        room.link.flush(&room.turn, TOKEN).unwrap();
    }

    #[test]
    fn a_store_that_is_replaced_before_it_goes_is_not_missed() {
        let mut room = Room::new();
        assert_eq!(room.load(1, b"a"), Load::Later);
        let next = Room::new();
        drop(std::mem::replace(&mut room.store, next.store));
        assert!(room.link.read().is_empty());
        let (ours, store) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let unanswered = room.link.connect(ours, &room.turn, TOKEN).unwrap();
        assert!(unanswered.len() == 1 && room.link.ended(&room.turn).is_empty());
        room.store = store;
        assert_eq!(room.load(2, b"a"), Load::Later);
        room.says(&[FromStore::Hello, record(0, 7)]);
        assert_eq!(room.provided(), [(2, 7)]);
    }

    #[test]
    fn what_cannot_be_sent_is_counted() {
        let mut room = Room::new();
        assert_eq!(room.load(1, &[b'k'; KEY_BYTES_MAX + 1]), Load::Ready(Record::default()));
        let place = Place::new(Collection::Ip, b"", b"a");
        let one = (b"x".to_vec(), Change::Add(1));
        room.link.save(place, &[one.clone(), (b"y".to_vec(), Change::Set(vec![0; 5000]))], 60);
        assert_eq!(room.link.losses(), Losses { missed: 1, lost: 1 });
        // Nobody reads: what does not fit any more is lost, and nothing waits for it.
        let large = vec![(b"x".to_vec(), Change::Set(vec![b'v'; 1000])); CHANGES_MAX];
        for _ in 0..200 {
            room.link.save(place, &large, 60);
            room.link.flush(&room.turn, TOKEN).unwrap();
        }
        assert!(room.link.losses().lost > 0);
        let mut none = Link::default();
        none.save(place, &[one], 60);
        assert_eq!(none.losses(), Losses { missed: 0, lost: 1 });
    }
}
