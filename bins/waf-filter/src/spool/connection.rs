//! One session with fosse-spool: what is sent, what is received, and what is awaited for which
//! body. It ends with the first thing that is wrong.

use std::{
    collections::{HashMap, VecDeque},
    os::fd::OwnedFd,
};

use fosse_eventloop::{EventLoop, Interest, TICK_MS};
use fosse_wire::{
    Inbox, StreamId,
    session::Heard,
    spool::{FromSpool, LostCause, ToSpool, split},
};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

use super::{
    digests::{DigestKey, Digests},
    news::{Loss, News, What},
};
use crate::{limits::SPOOL_WAIT_MS_MAX, memory::length_of};

/// A body that the spool has.
#[derive(Debug)]
struct Body {
    stream: StreamId,
    /// Bytes sent that it has not said to be written.
    unwritten: u64,
    /// Places and lengths of the pieces asked for that have not come.
    asked: VecDeque<(u64, u32)>,
    digests: Digests,
    /// The end of the wait for the next reply; `None` where none is awaited.
    until_ms: Option<u64>,
}

impl Body {
    fn new(stream: StreamId, key: DigestKey) -> Self {
        Self { stream, unwritten: 0, asked: VecDeque::new(), digests: Digests::new(key), until_ms: None }
    }

    /// Starts the wait for a reply, if none is awaited already.
    fn await_reply(&mut self, now_ms: u64) {
        self.until_ms.get_or_insert(now_ms + SPOOL_WAIT_MS_MAX);
    }

    /// Notes a reply: whatever else is awaited has its whole time again.
    fn replied(&mut self, now_ms: u64) {
        let awaits_more = self.unwritten > 0 || !self.asked.is_empty();
        self.until_ms = if awaits_more { Some(now_ms + SPOOL_WAIT_MS_MAX) } else { None };
    }

    fn lost(self, number: u64, why: Loss) -> News {
        News { stream: self.stream, body: number, what: What::Lost(why) }
    }
}

/// The socket to fosse-spool, and the state of both directions.
#[derive(Debug)]
pub(super) struct Connection {
    fd: OwnedFd,
    inbox: Inbox,
    heard: Heard,
    out: Vec<u8>,
    sent: usize,
    /// The socket did not take all.
    is_blocked: bool,
    bodies: HashMap<u64, Body>,
    key: DigestKey,
    /// A reply has not come in time, and none has come since.
    is_silent: bool,
    /// Time of the next look for bodies that have waited long enough.
    look_ms: u64,
    /// The reason why nothing more is read.
    end: Option<String>,
}

impl Connection {
    /// Begins a session; `None` where there is no key for digests or a greeting cannot be encoded,
    /// which does not happen.
    pub(super) fn new(fd: OwnedFd) -> Option<Self> {
        let mut out = Vec::new();
        ToSpool::Hello.encode(&mut out).ok()?;
        Some(Self {
            fd,
            inbox: Inbox::default(),
            heard: Heard::Nothing,
            out,
            sent: 0,
            is_blocked: false,
            bodies: HashMap::new(),
            key: DigestKey::random().ok()?,
            is_silent: false,
            look_ms: 0,
            end: None,
        })
    }

    pub(super) fn watch(&self, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        event_loop.add(&self.fd, token, Interest::IN)
    }

    /// Ends the session; returns news of all its bodies.
    pub(super) fn close(self, event_loop: &EventLoop) -> Vec<News> {
        // Closing the descriptor would do, were it not for copies that the sender may still have.
        let _ = event_loop.remove(&self.fd);
        self.bodies.into_iter().map(|(number, body)| body.lost(number, Loss::Gone)).collect()
    }

    pub(super) const fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Queues a message. What waits is bounded by what clients were granted: a body grows as the
    /// spool says that it is written.
    pub(super) fn send(&mut self, message: &ToSpool<'_>) {
        if let Err(error) = message.encode(&mut self.out) {
            self.end.get_or_insert_with(|| error.to_string());
        }
    }

    pub(super) fn add(&mut self, number: u64, stream: StreamId) {
        self.bodies.insert(number, Body::new(stream, self.key));
    }

    /// Forgets a body; false where there is no such body.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        self.bodies.remove(&number).is_some()
    }

    /// Notes bytes that were sent to be written.
    pub(super) fn expect_written(&mut self, number: u64, bytes: &[u8], now_ms: u64) {
        if let Some(body) = self.bodies.get_mut(&number) {
            body.unwritten += length_of(bytes.len());
            body.digests.append(bytes);
            body.await_reply(now_ms);
        }
    }

    pub(super) fn expect_data(&mut self, number: u64, at: u64, length: u32, now_ms: u64) {
        if let Some(body) = self.bodies.get_mut(&number) {
            body.asked.push_back((at, length));
            body.await_reply(now_ms);
        }
    }

    /// Reads once; appends what is new. After the end nothing is read.
    pub(super) fn read(&mut self, news: &mut Vec<News>, now_ms: u64) {
        if self.end.is_none() {
            self.end = self.receive(news, now_ms).err();
        }
    }

    /// Takes the reason why the session ended, if it did.
    pub(super) const fn take_end(&mut self) -> Option<String> {
        self.end.take()
    }

    /// Gives up the bodies that have waited long enough.
    pub(super) fn time_out(&mut self, now_ms: u64) -> Vec<News> {
        if now_ms < self.look_ms {
            return Vec::new();
        }
        self.look_ms = now_ms + TICK_MS;
        let is_overdue = |body: &Body| body.until_ms.is_some_and(|until| until <= now_ms);
        let overdue: Vec<u64> =
            self.bodies.iter().filter(|(_, body)| is_overdue(body)).map(|(number, _)| *number).collect();
        self.is_silent |= !overdue.is_empty();
        let mut lost = Vec::with_capacity(overdue.len());
        for number in overdue {
            self.send(&ToSpool::Free { body: number });
            lost.extend(self.bodies.remove(&number).map(|body| body.lost(number, Loss::Silent)));
        }
        lost
    }

    /// Writes what waits, once, and watches for room if some of it is left.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub(super) fn flush(&mut self, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        let was_blocked = self.is_blocked;
        self.write();
        if self.is_blocked == was_blocked {
            return Ok(());
        }
        let interest = if was_blocked { Interest::IN } else { Interest::IN | Interest::OUT };
        event_loop.modify(&self.fd, token, interest)
    }

    fn write(&mut self) {
        if self.sent < self.out.len() {
            // An error here is the end of the session, which reading finds too, after what came
            // before.
            if let Ok(length) = send(&self.fd, &self.out[self.sent..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                self.sent += length;
            }
            if self.sent == self.out.len() {
                self.out = Vec::new();
                self.sent = 0;
            } else if self.sent > self.out.len() / 2 {
                // What is sent must not stay in memory for as long as anything waits behind it.
                self.out.drain(..self.sent);
                self.sent = 0;
            }
        }
        self.is_blocked = !self.out.is_empty();
    }

    fn receive(&mut self, news: &mut Vec<News>, now_ms: u64) -> Result<(), String> {
        match recv(&self.fd, self.inbox.spare(), RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err("it closed the session".into()),
            Ok((length, _)) => self.inbox.filled(length),
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(errno) => return Err(errno.to_string()),
        }
        while let Some(message) = self.inbox.next_of(split).map_err(|error| error.to_string())? {
            let message = FromSpool::decode(message).map_err(|error| error.to_string())?;
            self.heard = self.heard.after(message == FromSpool::Hello).map_err(|error| error.to_string())?;
            self.is_silent = false;
            news.extend(hear(&mut self.bodies, message, now_ms)?);
        }
        Ok(())
    }
}

/// Takes what the spool says of a body. Returns what is new; nothing for a body that was freed,
/// since that has crossed the FREE.
fn hear(bodies: &mut HashMap<u64, Body>, message: FromSpool<'_>, now_ms: u64) -> Result<Option<News>, &'static str> {
    let (FromSpool::Written { body: number, .. }
    | FromSpool::Data { body: number, .. }
    | FromSpool::Lost { body: number, .. }) = message
    else {
        return Ok(None);
    };
    let Some(body) = bodies.get_mut(&number) else { return Ok(None) };
    let stream = body.stream;
    let what = match message {
        FromSpool::Hello => return Ok(None),
        FromSpool::Written { length, .. } => {
            let length = u64::from(length);
            body.unwritten = body.unwritten.checked_sub(length).ok_or("more is written than was sent")?;
            What::Written(length)
        }
        FromSpool::Data { bytes, .. } => {
            let (at, length) = body.asked.pop_front().ok_or("data that were not asked for")?;
            if usize::try_from(length) != Ok(bytes.len()) {
                return Err("data of another length than was asked for");
            }
            if !body.digests.agree(at, bytes) {
                return Ok(Some(News { stream, body: number, what: What::Lost(Loss::Altered) }));
            }
            What::Data(bytes.to_vec())
        }
        FromSpool::Lost { cause, .. } => {
            bodies.remove(&number);
            let why = match cause {
                LostCause::Full => Loss::Full,
                LostCause::Failed => Loss::Failed,
            };
            return Ok(Some(News { stream, body: number, what: What::Lost(why) }));
        }
    };
    body.replied(now_ms);
    Ok(Some(News { stream, body: number, what }))
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    /// A session with one body of three bytes on its way, and the spool's end.
    fn session() -> (Connection, OwnedFd) {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let mut connection = Connection::new(ours).unwrap();
        connection.add(0, StreamId::from_raw(9));
        connection.expect_written(0, b"abc", 1000);
        (connection, theirs)
    }

    fn says(connection: &mut Connection, spool: &OwnedFd, messages: &[FromSpool<'_>]) -> Vec<What> {
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut bytes).unwrap());
        rustix::io::write(spool, &bytes).unwrap();
        let mut news = Vec::new();
        connection.read(&mut news, 1000);
        news.into_iter().map(|news| news.what).collect()
    }

    #[test]
    fn a_spool_that_lies_loses_its_bodies() {
        for lie in [
            vec![FromSpool::Written { body: 0, length: 3 }],
            vec![FromSpool::Hello, FromSpool::Written { body: 0, length: 4 }],
            vec![FromSpool::Hello, FromSpool::Data { body: 0, bytes: b"abc" }],
            vec![FromSpool::Hello, FromSpool::Hello],
        ] {
            let (mut connection, spool) = session();
            assert!(says(&mut connection, &spool, &lie).is_empty(), "{lie:?}");
            assert!(connection.take_end().is_some(), "{lie:?}");
            let lost = connection.close(&EventLoop::new().unwrap());
            assert_eq!((lost.len(), lost[0].stream), (1, StreamId::from_raw(9)), "{lie:?}");
        }
        let (mut connection, spool) = session();
        connection.expect_data(0, 0, 5, 1000);
        let short = [FromSpool::Hello, FromSpool::Data { body: 0, bytes: b"abc" }];
        assert!(says(&mut connection, &spool, &short).is_empty() && connection.take_end().is_some());
    }

    #[test]
    fn a_body_that_comes_back_changed_is_found_out() {
        for (bytes, news) in [(&b"abc"[..], What::Data(b"abc".to_vec())), (b"abd", What::Lost(Loss::Altered))] {
            let (mut connection, spool) = session();
            connection.expect_data(0, 0, 3, 1000);
            let data =
                [FromSpool::Hello, FromSpool::Written { body: 0, length: 3 }, FromSpool::Data { body: 0, bytes }];
            assert_eq!(says(&mut connection, &spool, &data), [What::Written(3), news]);
        }
    }

    #[test]
    fn what_is_said_of_a_body_that_was_freed_is_not_heard() {
        let (mut connection, spool) = session();
        assert!(connection.remove(0) && !connection.remove(0));
        let late = [FromSpool::Hello, FromSpool::Written { body: 0, length: 3 }];
        assert!(says(&mut connection, &spool, &late).is_empty() && connection.take_end().is_none());
    }

    #[test]
    fn a_body_waits_for_a_reply_no_longer_than_the_limit_and_each_reply_gives_it_all_of_its_time() {
        let (mut connection, spool) = session();
        connection.expect_data(0, 0, 3, 5000);
        assert!(connection.time_out(1000 + SPOOL_WAIT_MS_MAX - 1).is_empty());
        let mut bytes = Vec::new();
        FromSpool::Hello.encode(&mut bytes).unwrap();
        FromSpool::Written { body: 0, length: 3 }.encode(&mut bytes).unwrap();
        rustix::io::write(&spool, &bytes).unwrap();
        let replied_ms = 1000 + SPOOL_WAIT_MS_MAX;
        connection.read(&mut Vec::new(), replied_ms);
        assert!(connection.time_out(replied_ms + SPOOL_WAIT_MS_MAX - 1).is_empty());
        let lost = connection.time_out(replied_ms + SPOOL_WAIT_MS_MAX + TICK_MS);
        assert_eq!((lost.len(), connection.is_silent()), (1, true));
    }
}
