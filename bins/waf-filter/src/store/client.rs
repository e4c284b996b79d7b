//! The client of fosse-store, across sessions: records are asked for, what comes goes to the
//! evaluations that wait, and changes are sent. One write a turn for all of it.
//!
//! Whatever becomes of the store, no request does: a record that does not come in time is taken as
//! empty, and from then on every record is, until the store responds again. Its messages are read
//! as an attacker's.

use std::os::fd::OwnedFd;

use fosse_die::Severity;
use fosse_eventloop::EventLoop;
use fosse_seclang::{Change, Load, Record, RecordAddress, Store};
use fosse_wire::{
    StreamId,
    store::{CHANGES_MAX, ToStore, can_be_sent},
};
use rustix::io::Errno;

use super::connection::{Connection, Provided};
use crate::{log::Log, memory::length_of};

/// The losses since they were last counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Records taken as empty.
    pub(crate) missed: u64,
    /// Changes that were not sent.
    pub(crate) lost: u64,
}

/// The client of fosse-store; without a session every record is empty.
#[derive(Debug)]
pub(crate) struct StoreClient {
    connection: Option<Box<Connection>>,
    /// The stream whose rules run.
    stream: Option<StreamId>,
    losses: Losses,
    log: Log,
}

impl StoreClient {
    /// A client without a session.
    pub(crate) const fn new(log: Log) -> Self {
        Self { connection: None, stream: None, losses: Losses { missed: 0, lost: 0 }, log }
    }

    /// Tells whose rules run from now on.
    pub(crate) const fn set_stream(&mut self, stream: StreamId) {
        self.stream = Some(stream);
    }

    /// Begins a session, in place of the one before; returns empty records for those who wait
    /// there.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub(crate) fn connect(&mut self, fd: OwnedFd, event_loop: &EventLoop, token: u64) -> Result<Vec<Provided>, Errno> {
        let without_reply = self.close(event_loop);
        self.connection = Connection::new(fd).map(Box::new);
        self.connection.as_ref().map_or(Ok(()), |connection| connection.watch(event_loop, token))?;
        Ok(without_reply)
    }

    /// Reads once; returns the records that are complete. The end of the session comes to light in
    /// [`StoreClient::end_session`].
    pub(crate) fn read(&mut self) -> Vec<Provided> {
        let mut records = Vec::new();
        if let Some(connection) = &mut self.connection {
            let was_silent = connection.is_silent();
            connection.read(&mut records);
            if was_silent && !connection.is_silent() {
                (self.log)(Severity::Info, format_args!("event=store-responds"));
            }
        }
        records
    }

    /// Closes a session that has ended; returns empty records for those who wait. To be called at
    /// the end of a turn: a session that has another in its place by then is not missed.
    pub(crate) fn end_session(&mut self, event_loop: &EventLoop) -> Vec<Provided> {
        let Some(why) = self.connection.as_mut().and_then(|connection| connection.take_end()) else {
            return Vec::new();
        };
        (self.log)(Severity::Warning, format_args!("event=store-gone why=\"{why}\""));
        self.close(event_loop)
    }

    /// Returns the milliseconds until a stream has waited long enough, if any waits.
    pub(crate) fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        let deadline_ms = self.connection.as_ref()?.deadline_ms()?;
        Some(deadline_ms.saturating_sub(now_ms))
    }

    /// Returns empty records for all who wait, once one of them has waited long enough.
    pub(crate) fn time_out(&mut self, now_ms: u64) -> Vec<Provided> {
        let is_overdue = |connection: &&mut Box<Connection>| connection.deadline_ms().is_some_and(|at| at <= now_ms);
        let Some(connection) = self.connection.as_mut().filter(is_overdue) else { return Vec::new() };
        let without_reply = connection.give_up();
        self.losses.missed += length_of(without_reply.len());
        (self.log)(Severity::Warning, format_args!("event=store-silent waiting={}", without_reply.len()));
        without_reply
    }

    /// Writes what waits, once.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub(crate) fn flush(&mut self, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        self.connection.as_mut().map_or(Ok(()), |connection| connection.flush(event_loop, token))
    }

    /// Takes what was lost since it was last taken.
    pub(crate) fn take_losses(&mut self) -> Losses {
        std::mem::take(&mut self.losses)
    }

    fn close(&mut self, event_loop: &EventLoop) -> Vec<Provided> {
        let without_reply = self.connection.take().map_or_else(Vec::new, |connection| connection.close(event_loop));
        self.losses.missed += length_of(without_reply.len());
        without_reply
    }
}

impl Store for StoreClient {
    fn load(&mut self, place: RecordAddress<'_>) -> Load {
        if self.connection.as_ref().is_some_and(|connection| connection.is_empty()) {
            return Load::Ready(Record::default());
        }
        let connection = self.connection.as_mut().filter(|connection| !connection.is_silent());
        if connection.zip(self.stream).is_some_and(|(connection, stream)| connection.load(place, stream)) {
            return Load::Later;
        }
        self.losses.missed += 1;
        Load::Ready(Record::default())
    }

    fn save(&mut self, place: RecordAddress<'_>, changes: &[(Vec<u8>, Change)], timeout_seconds: u32) {
        let sendable = changes.iter().filter(|(name, change)| can_be_sent(name, change));
        let sendable: Vec<(&[u8], Change)> = sendable.map(|(name, change)| (name.as_slice(), change.clone())).collect();
        let mut sent = 0;
        if let Some(connection) = &mut self.connection {
            for part in sendable.chunks(CHANGES_MAX) {
                let save = ToStore::Save { place, timeout: timeout_seconds, changes: part.to_vec() };
                if connection.save(&save) {
                    sent += part.len();
                }
            }
        }
        self.losses.lost += length_of(changes.len() - sent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::RECORD_WAIT_MS_MAX;
    use fosse_collections::KEY_BYTES_MAX;
    use fosse_eventloop::clock_ms;
    use fosse_seclang::Collection;
    use fosse_wire::store::FromStore;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    const TOKEN: u64 = 9;

    struct Room {
        client: StoreClient,
        event_loop: EventLoop,
        store: OwnedFd,
    }

    impl Room {
        fn new() -> Self {
            let (ours, store) =
                socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
            let (mut client, event_loop) = (StoreClient::new(|_, _| {}), EventLoop::new().unwrap());
            assert!(client.connect(ours, &event_loop, TOKEN).unwrap().is_empty());
            Self { client, event_loop, store }
        }

        fn load(&mut self, stream: u32, key: &[u8]) -> Load {
            self.client.set_stream(StreamId::from_raw(stream));
            self.client.load(RecordAddress::new(Collection::Ip, b"", key))
        }

        fn says(&self, messages: &[FromStore]) {
            let mut bytes = Vec::new();
            messages.iter().for_each(|message| message.encode(&mut bytes).unwrap());
            rustix::io::write(&self.store, &bytes).unwrap();
        }

        fn provided(&mut self) -> Vec<(u32, u64)> {
            let mut all = self.client.read();
            all.extend(self.client.end_session(&self.event_loop));
            all.iter().map(|one| (one.stream.raw(), one.record.updates)).collect()
        }
    }

    fn record(tag: u32, updates: u64) -> FromStore {
        FromStore::Record { tag, record: Record { updates, ..Record::default() } }
    }

    #[test]
    fn records_go_to_those_who_asked() {
        let mut room = Room::new();
        assert_eq!((room.load(1, b"a"), room.load(2, b"b")), (Load::Later, Load::Later));
        room.client.flush(&room.event_loop, TOKEN).unwrap();
        room.says(&[FromStore::Hello, record(0, 10), record(1, 20)]);
        assert_eq!(room.provided(), [(1, 10), (2, 20)]);
        assert_eq!((room.client.wait_ms(0), room.client.take_losses()), (None, Losses::default()));
    }

    #[test]
    fn where_nothing_is_kept_nobody_waits() {
        let mut room = Room::new();
        let kept = |some, saves| FromStore::Kept { some, saves };
        room.says(&[FromStore::Hello, kept(false, 0)]);
        assert!(room.provided().is_empty());
        assert_eq!(room.load(1, b"a"), Load::Ready(Record::default()));
        assert_eq!(room.client.take_losses(), Losses::default(), "that is what the store would have said");
        // What has been sent meanwhile is not in what was said before it came.
        room.client.save(RecordAddress::new(Collection::Ip, b"", b"a"), &[(b"x".to_vec(), Change::Add(1))], 60);
        room.says(&[kept(false, 0)]);
        assert!(room.provided().is_empty() && room.load(1, b"a") == Load::Later);
        room.says(&[kept(false, 1)]);
        assert!(room.provided().is_empty() && room.load(2, b"a") == Load::Ready(Record::default()));
        room.says(&[record(0, 7), kept(true, 1)]);
        assert_eq!(room.provided(), [(1, 7)]);
        assert_eq!(room.load(3, b"a"), Load::Later);
    }

    #[test]
    fn a_store_that_is_silent_is_not_waited_for_until_it_responds_again() {
        let mut room = Room::new();
        assert_eq!(room.load(1, b"a"), Load::Later);
        let wait_ms = room.client.wait_ms(clock_ms()).unwrap();
        assert!(wait_ms <= RECORD_WAIT_MS_MAX && room.client.time_out(clock_ms()).is_empty());
        let late = room.client.time_out(clock_ms() + RECORD_WAIT_MS_MAX);
        assert_eq!(late.iter().map(|one| (one.stream.raw(), one.record.updates)).collect::<Vec<_>>(), [(1, 0)]);
        assert_eq!(room.load(2, b"a"), Load::Ready(Record::default()));
        assert_eq!((room.client.take_losses(), room.client.wait_ms(0)), (Losses { missed: 2, lost: 0 }, None));
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
        room.client.flush(&room.event_loop, TOKEN).unwrap();
    }

    #[test]
    fn a_store_that_is_replaced_before_it_goes_is_not_missed() {
        let mut room = Room::new();
        assert_eq!(room.load(1, b"a"), Load::Later);
        let next = Room::new();
        drop(std::mem::replace(&mut room.store, next.store));
        assert!(room.client.read().is_empty());
        let (ours, store) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let without_reply = room.client.connect(ours, &room.event_loop, TOKEN).unwrap();
        assert!(without_reply.len() == 1 && room.client.end_session(&room.event_loop).is_empty());
        room.store = store;
        assert_eq!(room.load(2, b"a"), Load::Later);
        room.says(&[FromStore::Hello, record(0, 7)]);
        assert_eq!(room.provided(), [(2, 7)]);
    }

    #[test]
    fn what_cannot_be_sent_is_counted() {
        let mut room = Room::new();
        assert_eq!(room.load(1, &[b'k'; KEY_BYTES_MAX + 1]), Load::Ready(Record::default()));
        let place = RecordAddress::new(Collection::Ip, b"", b"a");
        let one = (b"x".to_vec(), Change::Add(1));
        room.client.save(place, &[one.clone(), (b"y".to_vec(), Change::Set(vec![0; 5000]))], 60);
        assert_eq!(room.client.take_losses(), Losses { missed: 1, lost: 1 });
        // The store does not read: what does not fit any more is lost, and nothing waits for it.
        let large = vec![(b"x".to_vec(), Change::Set(vec![b'v'; 1000])); CHANGES_MAX];
        for _ in 0..200 {
            room.client.save(place, &large, 60);
            room.client.flush(&room.event_loop, TOKEN).unwrap();
        }
        assert!(room.client.take_losses().lost > 0);
        let mut none = StoreClient::new(|_, _| {});
        none.save(place, &[one], 60);
        assert_eq!(none.take_losses(), Losses { missed: 0, lost: 1 });
    }
}
